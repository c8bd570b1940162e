# SPDX-License-Identifier: BSD-2-Clause-Patent
# One non-recursive Makefile: each folder's module.mk names its SRCS and its DEPS (the folders it
# may include; `make layers` compares them with the #includes).
#
#   make            programs in build/bin/        make demo    the main job on a fresh machine
#   make check      everything CI needs           make quick   the inner loop, under two minutes
#   make check-long, chance, torture, fuzz, bench beside it
#   make install prefix= DESTDIR=, make deb       into a system, and as Debian packages
#   make layers, bare-check, format               single gates

all:
.DEFAULT_GOAL := all
.SECONDARY:
.DELETE_ON_ERROR:

CC	= gcc
AR	= gcc-ar
CSTD	= -std=gnu11 -D_GNU_SOURCE -I.
# dangling-pointer: gcc 12 takes each list node on the stack of a waiting world for a mistake.
WARN	= -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
	  -Wno-missing-field-initializers -Wno-dangling-pointer $(WERROR)
WERROR	= -Werror
LIBS	= -luring -laio -lisal -ldeflate -lnbd -lpthread
TOOL_LIBS = -lfdisk -ljansson -lxml2 -lgnutls

# ---- modules: in dependency order ------------------------------------------------------------
CORE	:= iopath/base iopath vaai vmfs vmdk snapshots
PORTS	:= iopath/port iopath/port/linux iopath/port/sim
MODULES	:= $(CORE) $(PORTS) tools tools/libcairn tools/nbdkit
include $(wildcard $(addsuffix /module.mk,$(MODULES) tests))

srcs	= $(addprefix $(1)/,$($(1)_SRCS))
CORE_SRCS := $(foreach m,$(CORE),$(call srcs,$(m)))

# ---- configurations ----------------------------------------------------------------------------
# release: what is installed. asan: tests, with assertions; tsan: those with threads of their own.
# bare: compiles and links without an OS.
# release is position-independent with hidden names: the programs and libcairn share its objects.
release_CFLAGS	= -O2 -g -fno-plt -fPIC -fvisibility=hidden
asan_CFLAGS	= -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined \
		  -fno-sanitize-recover=undefined -DCAIRN_ASSERT
bare_CFLAGS	= -O2 -ffreestanding -nostdlib -mno-red-zone -mgeneral-regs-only -fno-builtin-printf
tsan_CFLAGS	= -O1 -g -fno-omit-frame-pointer -fsanitize=thread -DCAIRN_ASSERT
release_LDFLAGS	=
asan_LDFLAGS	= -fsanitize=address,undefined
tsan_LDFLAGS	= -fsanitize=thread

# Other flags make other objects.
build/%/flags: FORCE
	@mkdir -p $(@D); echo '$($*_CFLAGS) $(EXTRA_CFLAGS)' | cmp -s - $@ || \
		echo '$($*_CFLAGS) $(EXTRA_CFLAGS)' >$@
FORCE:

define config_rules
build/$(1)/%.o: %.c build/$(1)/flags
	@mkdir -p $$(@D)
	$$(CC) $$(CSTD) $$(WARN) $$($(1)_CFLAGS) $$(EXTRA_CFLAGS) -MMD -MP -c $$< -o $$@
build/$(1)/libcore.a: $$(CORE_SRCS:%.c=build/$(1)/%.o)
build/$(1)/libport-linux.a: $$(patsubst %.c,build/$(1)/%.o,$$(call srcs,iopath/port) $$(call srcs,iopath/port/linux))
build/$(1)/libport-sim.a: $$(patsubst %.c,build/$(1)/%.o,$$(call srcs,iopath/port) $$(call srcs,iopath/port/sim))
build/$(1)/libtools.a: $$(patsubst %.c,build/$(1)/%.o,$$(filter-out tools/main.c,$$(call srcs,tools)))
build/$(1)/libcairn.a: $$(patsubst %.c,build/$(1)/%.o,$$(call srcs,tools/libcairn) $$(addprefix tools/,$$(LIBCAIRN_TOOLS)))
build/$(1)/%.a:
	@mkdir -p $$(@D); rm -f $$@
	$$(AR) rcs $$@ $$^
build/$(1)/cairn: build/$(1)/tools/main.o build/$(1)/libtools.a build/$(1)/libcore.a build/$(1)/libport-linux.a
	$$(CC) $$($(1)_LDFLAGS) -o $$@ $$(filter %.o,$$^) -Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group \
		$$(LIBS) $$(TOOL_LIBS)
endef
$(foreach c,release asan tsan,$(eval $(call config_rules,$(c))))
build/bare/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CSTD) $(WARN) $(bare_CFLAGS) -MMD -MP -c $< -o $@

# ---- programs ----------------------------------------------------------------------------------
LINKS	:= vmkfstools voma partedUtil
all: build/bin/cairn $(addprefix build/bin/,$(LINKS))
build/bin/cairn: build/release/cairn
	@mkdir -p $(@D)
	cp $< $@.new && mv $@.new $@	# a program that runs keeps its file
$(addprefix build/bin/,$(LINKS)): build/bin/cairn
	ln -sf cairn $@

# ---- tests -------------------------------------------------------------------------------------
# tests/unit/<module>/test_*.c: one CUnit program each, on the sim port; *_linux.c on the linux port;
# tests/unit/port/*.c on both, but *_sim.c on sim only; what it runs of the linux port once per engine.
UNIT_SRCS  := $(wildcard tests/unit/*/test_*.c tests/format/test_*.c)
UNIT_LINUX := $(filter-out %_sim.c,$(filter %_linux.c tests/unit/port/% tests/unit/tools/%,$(UNIT_SRCS)))
UNIT_SIM   := $(filter-out %_linux.c tests/unit/tools/%,$(UNIT_SRCS))
ENGINES    := io_uring libaio threads
UNIT_PORT  := $(filter tests/unit/port/%,$(UNIT_LINUX))
UNIT_PROGS := $(patsubst %.c,build/asan/%.linux,$(filter-out $(UNIT_PORT),$(UNIT_LINUX))) \
	      $(foreach e,$(ENGINES),$(UNIT_PORT:%.c=build/asan/%.linux.$(e))) \
	      $(UNIT_SIM:%.c=build/asan/%.sim)
# What has threads of its own also runs with ThreadSanitizer.
UNIT_PROGS += $(patsubst %.c,build/tsan/%.linux,$(filter tests/unit/libcairn/%,$(UNIT_LINUX)))

# The program of tests/unit/libcairn decides which allocation of the library fails.
LIBCAIRN_WRAP := -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup
build/asan/tests/unit/libcairn/%.linux: TEST_LDFLAGS = $(LIBCAIRN_WRAP)
build/tsan/tests/unit/libcairn/%.linux: TEST_LDFLAGS = $(LIBCAIRN_WRAP)

define unit_rule
build/$(1)/%.linux: build/$(1)/%.o build/$(1)/libcairn.a $(2) build/$(1)/libcore.a build/$(1)/libport-linux.a
	$$(CC) $$($(1)_LDFLAGS) $$(TEST_LDFLAGS) -o $$@ $$< -Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group \
		$$(LIBS) $$(TOOL_LIBS) -lcunit
endef
$(eval $(call unit_rule,asan,build/asan/libtools.a))
$(eval $(call unit_rule,tsan,))
build/asan/%.sim: build/asan/%.o build/asan/libcore.a build/asan/libport-sim.a
	$(CC) $(asan_LDFLAGS) -o $@ $< -Wl,--start-group $(filter %.a,$^) -Wl,--end-group -lcunit
build/release/%.linux: build/release/%.o build/release/libcore.a build/release/libport-linux.a
	$(CC) $(release_LDFLAGS) -o $@ $< -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LIBS)
build/release/%.sim: build/release/%.o build/release/libcore.a build/release/libport-sim.a
	$(CC) $(release_LDFLAGS) -o $@ $< -Wl,--start-group $(filter %.a,$^) -Wl,--end-group

define engine_rule
build/asan/%.linux.$(1): build/asan/%.linux
	printf '#!/bin/sh\nENGINE=$(1) exec $$<\n' >$$@ && chmod +x $$@
endef
$(foreach e,$(ENGINES),$(eval $(call engine_rule,$(e))))

unit: $(UNIT_PROGS)
	@tests/run.sh $(UNIT_PROGS)

# ---- gates ---------------------------------------------------------------------------------------
layers:
	@tests/layers.sh

# Everything above the port, linked; what is undefined must be declared by port.h (or base/mem.h).
bare-check: $(CORE_SRCS:%.c=build/bare/%.o)
	@tests/bare-check.sh $^

format:
	@git ls-files '*.c' '*.h' | xargs clang-format -i

clean:
	rm -rf build

deps:
	@tests/deps.sh

.PHONY: FORCE all unit layers bare-check format clean deps
include tools/install.mk tools/libcairn/lib.mk tools/nbdkit/plugin.mk
include $(wildcard tests/sim/sim.mk tests/bench/bench.mk tests/torture/torture.mk) tests/check.mk
-include $(shell find build -name '*.d' -type f 2>/dev/null)
