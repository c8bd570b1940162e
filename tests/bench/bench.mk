# SPDX-License-Identifier: BSD-2-Clause-Patent
# make bench: measure next to the peers. BENCH="-f a -r 5" passes options to bench.sh.
BENCH_DIR := build/release/tests/bench
BENCH_PROGS := $(addprefix $(BENCH_DIR)/,bare engine meta cost hosts)

$(BENCH_DIR)/bare: $(BENCH_DIR)/bare.o $(BENCH_DIR)/load.o
	$(CC) -o $@ $^ -luring
$(BENCH_DIR)/cost: $(BENCH_DIR)/cost.o $(BENCH_DIR)/load.o
	$(CC) -o $@ $^
$(BENCH_DIR)/engine $(BENCH_DIR)/meta: $(BENCH_DIR)/%: $(BENCH_DIR)/%.o $(BENCH_DIR)/load.o \
		build/release/libcore.a build/release/libport-linux.a
	$(CC) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LIBS)

$(BENCH_DIR)/hosts: $(BENCH_DIR)/hosts.o build/release/libcore.a build/release/libport-sim.a
	$(CC) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group

bench: all $(BENCH_PROGS) build/release/tests/data/mkchain
	@tests/bench/bench.sh $(BENCH)
.PHONY: bench
