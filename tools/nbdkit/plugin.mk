# SPDX-License-Identifier: BSD-2-Clause-Patent
# The nbdkit plugin: a shared object that needs libcairn.so, nothing else of this tree. In build/lib it
# finds the library beside itself; installed, the loader does. The nbdkit_* names come from the process.
NBDKIT_PLUGIN	:= nbdkit-cairn-plugin.so

plugin_link = $(CC) -std=gnu11 $(WARN) -O2 -g -fPIC $(EXTRA_CFLAGS) $(release_LDFLAGS) -shared \
	-Itools/libcairn -o $(1) tools/nbdkit/plugin.c -Lbuild/lib -lcairn $(2)

build/lib/$(NBDKIT_PLUGIN): tools/nbdkit/plugin.c tools/libcairn/cairn.h build/lib/libcairn.so
	$(call plugin_link,$@,-Wl$(comma)-rpath$(comma)'$$ORIGIN')
all: build/lib/$(NBDKIT_PLUGIN)

install-nbdkit-plugin: build/lib/libcairn.so
	install -d "$(DESTDIR)$(nbdkitplugindir)" "$(DESTDIR)$(mandir)/man1"
	$(call plugin_link,"$(DESTDIR)$(nbdkitplugindir)/$(NBDKIT_PLUGIN)")
	install -m 644 docs/man/nbdkit-cairn-plugin.1 "$(DESTDIR)$(mandir)/man1/"
.PHONY: install-nbdkit-plugin
comma	:= ,
