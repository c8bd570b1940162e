# SPDX-License-Identifier: BSD-2-Clause-Patent
# libcairn.so: what the programs are made of, in one shared object that shows the names of
# libcairn.map only. The examples are built against it as its users build, and are tests.
LIBCAIRN_SO	:= libcairn.so.0
LIBCAIRN_FILE	:= $(LIBCAIRN_SO).0.0
EXAMPLES	:= $(patsubst tools/libcairn/examples/%.c,build/examples/%,$(wildcard tools/libcairn/examples/*.c))

libcairn: build/lib/libcairn.so build/lib/pkgconfig/cairn.pc
all: libcairn

build/lib/$(LIBCAIRN_FILE): tools/libcairn/libcairn.map build/release/libcairn.a \
		build/release/libcore.a build/release/libport-linux.a
	@mkdir -p $(@D)
	$(CC) $(release_LDFLAGS) -shared -o $@ -Wl,-soname,$(LIBCAIRN_SO) -Wl,--version-script,$< \
		-Wl,-z,defs -Wl,-z,relro -Wl,--whole-archive build/release/libcairn.a \
		-Wl,--no-whole-archive -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LIBS)
build/lib/$(LIBCAIRN_SO): build/lib/$(LIBCAIRN_FILE)
	ln -sf $(LIBCAIRN_FILE) $@
build/lib/libcairn.so: build/lib/$(LIBCAIRN_SO)
	ln -sf $(LIBCAIRN_SO) $@

# pkg-config for those who build against this tree: PKG_CONFIG_PATH=build/lib/pkgconfig.
pc_file = sed -e 's|@libdir@|$(1)|; s|@includedir@|$(2)|; s|@version@|$(RELEASE_VERSION)|' \
	tools/libcairn/cairn.pc.in
build/lib/pkgconfig/cairn.pc: tools/libcairn/cairn.pc.in tools/version.h
	@mkdir -p $(@D)
	$(call pc_file,$(CURDIR)/build/lib,$(CURDIR)/tools/libcairn) >$@

build/examples/%: tools/libcairn/examples/%.c build/lib/libcairn.so tools/libcairn/cairn.h
	@mkdir -p $(@D)
	$(CC) -std=c11 -D_GNU_SOURCE $(WARN) -O2 -g -Itools/libcairn -o $@ $< -Lbuild/lib -lcairn \
		-Wl,-rpath,'$$ORIGIN/../lib'
examples: $(EXAMPLES)
all: examples

# The library as packages have it: install-libcairn the shared object, install-libcairn-dev the rest.
install-libcairn: build/lib/libcairn.so
	install -d "$(DESTDIR)$(libdir)"
	install -m 644 build/lib/$(LIBCAIRN_FILE) "$(DESTDIR)$(libdir)/"
	ln -sf $(LIBCAIRN_FILE) "$(DESTDIR)$(libdir)/$(LIBCAIRN_SO)"
install-libcairn-dev:
	install -d "$(DESTDIR)$(libdir)/pkgconfig" "$(DESTDIR)$(includedir)" "$(DESTDIR)$(mandir)/man3"
	ln -sf $(LIBCAIRN_SO) "$(DESTDIR)$(libdir)/libcairn.so"
	install -m 644 tools/libcairn/cairn.h "$(DESTDIR)$(includedir)/"
	$(call pc_file,$(libdir),$(includedir)) >"$(DESTDIR)$(libdir)/pkgconfig/cairn.pc"
	install -m 644 docs/man/libcairn.3 "$(DESTDIR)$(mandir)/man3/"
# Where Python looks is another place in each distribution, and seldom below the prefix: not in `install`.
pythondir = $(libdir)/python3/dist-packages
install-python:
	install -d "$(DESTDIR)$(pythondir)"
	install -m 644 tools/libcairn/python/cairn.py "$(DESTDIR)$(pythondir)/"
.PHONY: libcairn examples install-libcairn install-libcairn-dev install-python
