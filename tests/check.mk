# SPDX-License-Identifier: BSD-2-Clause-Patent
# What is run, and in which order. tests/run.sh prints a line a test and the closing summary.
GATES	:= $(wildcard tests/gates/*.sh)
INTEROP	:= $(wildcard tests/interop/*.sh)
JOBS	:= $(shell nproc)

# ---- fuzz targets: tests/fuzz/fuzz_<T>.c, their inputs in tests/fuzz/corpus/<T>/ -----------------
FUZZ	:= $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_COMMON := $(addprefix tests/fuzz/,common.o mem_dev.o mem_store.o vmfs_base.o vmdk_base.o delta_base.o inventory.o package.o) \
	$(addprefix tools/,package.o manifest.o ovf_read.o ovf_words.o tar_read.o xml_in.o host_path.o)
FUZZ_LIBS := -lxml2 -lgnutls
REPLAYS	:= $(FUZZ:%=build/asan/tests/fuzz/replay_%)
SECS	?= 600

build/asan/tests/fuzz/replay_%: build/asan/tests/fuzz/fuzz_%.o build/asan/tests/fuzz/replay.o \
		$(FUZZ_COMMON:%=build/asan/%) build/asan/libcore.a build/asan/libport-sim.a
	$(CC) $(asan_LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(FUZZ_LIBS)

# The whole core again, by clang, with libFuzzer's counters in it.
fuzz_CFLAGS  = -O1 -g -fno-omit-frame-pointer -DCAIRN_ASSERT -fsanitize=fuzzer-no-link,address,undefined \
	       -fno-sanitize-recover=undefined
fuzz_LDFLAGS = -fsanitize=fuzzer,address,undefined
build/fuzz/%: CC = clang-14
build/fuzz/%: WARN = -Wall -Werror
$(eval $(call config_rules,fuzz))
build/fuzz/fuzz_%: build/fuzz/tests/fuzz/fuzz_%.o build/fuzz/tests/fuzz/libfuzzer.o \
		$(FUZZ_COMMON:%=build/fuzz/%) build/fuzz/libcore.a build/fuzz/libport-sim.a
	$(CC) $(fuzz_LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(FUZZ_LIBS)

# make fuzz T=vmdk_sparse SECS=600: what is found stays in build/fuzz/found/, new inputs beside it.
fuzz:
	@case " $(FUZZ) " in *" $(T) "*) ;; *) echo "make fuzz T=NAME, one of: $(FUZZ)"; exit 2 ;; esac
	@$(MAKE) --no-print-directory -j$(JOBS) build/fuzz/fuzz_$(T)
	@mkdir -p build/fuzz/found build/fuzz/inputs/$(T)
	build/fuzz/fuzz_$(T) -max_total_time=$(SECS) -timeout=20 -rss_limit_mb=1024 -malloc_limit_mb=256 \
		-print_final_stats=1 -artifact_prefix=build/fuzz/found/$(T)- build/fuzz/inputs/$(T) tests/fuzz/corpus/$(T)

# ---- builders of test data that need nothing of ours ---------------------------------------------
build/release/tests/data/%: tests/data/%.c
	@mkdir -p $(@D)
	$(CC) $(CSTD) $(WARN) -O2 -o $@ $<

# ---- the lists -----------------------------------------------------------------------------------
CHECK_PROGS = $(UNIT_PROGS) $(REPLAYS) $(SIM_PROGS) $(TORTURE_PROGS)
check-programs: all $(CHECK_PROGS)

check:
	@tests/deps.sh
	@$(MAKE) --no-print-directory -j$(JOBS) check-programs
	@tests/run.sh --jobs=$(JOBS) --title="gates" $(GATES) --title="unit and format" $(UNIT_PROGS) \
		--title="inputs of the fuzz targets" $(REPLAYS) --title="model and crashes" $(SIM_PROGS) --title="real processes" $(TORTURE) \
		--title="other people's programs" $(INTEROP)

# The inner loop: no images of gigabytes, nothing that waits.
quick: check-programs
	@tests/run.sh --jobs=$(JOBS) --title="gates" $(GATES) --title="unit and format" $(UNIT_PROGS) \
		--title="inputs of the fuzz targets" $(REPLAYS)

# Beside the long runs of tests/sim: full sizes of the interop scripts.
check-long-interop: all
	@tests/deps.sh build demo check package guest
	@CAIRN_LONG=1 TEST_TIMEOUT=7200 tests/run.sh --title="other people's programs, full size" $(INTEROP)
check-long: check-long-interop

# Seeds of chance until SECS are over; the seed that fails is the last one printed.
chance: check-programs
	@end=$$(($$(date +%s) + $(SECS))); while [ $$(date +%s) -lt $$end ]; do \
		seed=$$(od -An -N4 -tu4 /dev/urandom | tr -d ' '); echo "SEED=$$seed"; \
		for p in $(SIM_PROGS); do SEED=$$seed $$p >build/chance.log 2>&1 || \
			{ tail -20 build/chance.log; echo "$$p failed with SEED=$$seed"; exit 1; }; done; done

demo:
	@tests/deps.sh build demo
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@tests/demo.sh

.PHONY: fuzz check check-programs quick check-long check-long-interop chance demo
