# SPDX-License-Identifier: BSD-2-Clause-Patent
# make install DESTDIR= prefix= ..., and Debian packages. sysconfdir is compiled in: give it to
# `make` and to `make install` alike.
prefix		= /usr/local
exec_prefix	= $(prefix)
bindir		= $(exec_prefix)/bin
libdir		= $(exec_prefix)/lib
includedir	= $(prefix)/include
sysconfdir	= /etc
datadir		= $(prefix)/share
nbdkitplugindir	= $(libdir)/nbdkit/plugins
mandir		= $(datadir)/man
docdir		= $(datadir)/doc/cairn
bashcompdir	= $(datadir)/bash-completion/completions
zshcompdir	= $(datadir)/zsh/site-functions
fishcompdir	= $(datadir)/fish/vendor_completions.d
INSTALL		= install

RELEASE_VERSION	:= $(shell sed -n 's/^\#define CAIRN_VERSION "\(.*\)"/\1/p' tools/version.h)

%/tools/config.o: CSTD += -DCAIRN_SYSCONFDIR='"$(sysconfdir)"'

install: install-tools install-libcairn install-libcairn-dev install-nbdkit-plugin install-doc

install-tools: all
	for d in $(bindir) $(mandir)/man5 $(mandir)/man8 $(bashcompdir) $(zshcompdir) $(fishcompdir); do \
		$(INSTALL) -d "$(DESTDIR)$$d" || exit 1; done
	$(INSTALL) build/bin/cairn "$(DESTDIR)$(bindir)"
	for l in $(LINKS); do ln -sf cairn "$(DESTDIR)$(bindir)/$$l"; done
	for p in docs/man/*.[58]; do \
		sed 's|/etc/cairn|$(sysconfdir)/cairn|' $$p >build/page && \
		$(INSTALL) -m 644 build/page "$(DESTDIR)$(mandir)/man$${p##*.}/$${p##*/}" || exit 1; done
	$(INSTALL) -m 644 tools/cairn.bash "$(DESTDIR)$(bashcompdir)/cairn"
	for l in $(LINKS); do ln -sf cairn "$(DESTDIR)$(bashcompdir)/$$l"; done
	$(INSTALL) -m 644 tools/cairn.zsh "$(DESTDIR)$(zshcompdir)/_cairn"
	$(INSTALL) -m 644 tools/cairn.fish "$(DESTDIR)$(fishcompdir)/cairn.fish"
	for l in $(LINKS); do ln -sf cairn.fish "$(DESTDIR)$(fishcompdir)/$$l.fish"; done

# The files keep their places, so that their links to each other work.
DOCS := README.md CHANGELOG.md CONTRIBUTING.md LICENSE $(wildcard */README.md tools/*/README.md */FORMAT.md) \
	$(wildcard docs/schema/*.json) tests/bench/README.md
install-doc:
	for d in $(DOCS); do $(INSTALL) -m 644 -D $$d "$(DESTDIR)$(docdir)/$$d" || exit 1; done

# In a copy of the tree, so that neither build sees the objects of the other. The packages are those of
# debian/control; two builds of one tree are equal, byte for byte.
deb:
	@tests/deps.sh build package
	@rm -rf build/deb && mkdir -p build/deb/cairn-$(RELEASE_VERSION)
	@tar -c --exclude=./build --exclude=./.git . | tar -x -C build/deb/cairn-$(RELEASE_VERSION)
	@cd build/deb/cairn-$(RELEASE_VERSION) && DEB_BUILD_OPTIONS="parallel=$(JOBS) $(DEB_BUILD_OPTIONS)" \
		dpkg-buildpackage -b -us -uc >../build.log 2>&1 || { tail -30 ../build.log; exit 1; }
	@rm -rf build/deb/cairn-$(RELEASE_VERSION)
	@ls build/deb/*.deb

.PHONY: install install-tools install-doc deb
