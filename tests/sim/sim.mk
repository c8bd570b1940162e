# SPDX-License-Identifier: BSD-2-Clause-Patent
# The model test and the crash sweep: the same source on the simulator and on sparse files.
# SEED=n OPS=n of the environment are their own; see the top of model.c and crash.c.
SIM_DIR := build/asan/tests/sim
SIM_COMMON := tests/sim/tree.o tests/sim/volume.o
SIM_PROGS := $(SIM_DIR)/model.sim $(SIM_DIR)/model6.sim $(SIM_DIR)/model.linux $(SIM_DIR)/crash.sim $(SIM_DIR)/mutate.sim \
	     $(SIM_DIR)/stops.sim $(SIM_DIR)/hosts.sim $(SIM_DIR)/found.sim $(SIM_DIR)/plants.sim

HOSTS_PARTS := settings figures shrink config model file dev work base watch run

define sim_rules
build/$(1)/tests/sim/model.sim build/$(1)/tests/sim/model.linux: $(addprefix build/$(1)/tests/sim/,\
		model_chance.o model_names.o model_data.o)
build/$(1)/tests/sim/crash.sim: $(addprefix build/$(1)/tests/sim/,crash_scenarios.o crash_steps.o \
		crash_judge.o)
build/$(1)/tests/sim/stops.sim: $(addprefix build/$(1)/tests/sim/,crash_steps.o crash_judge.o)
build/$(1)/tests/sim/model.sim build/$(1)/tests/sim/crash.sim build/$(1)/tests/sim/stops.sim: %.sim: %.o build/$(1)/tests/sim/backing_sim.o \
		$$(SIM_COMMON:%=build/$(1)/%) build/$(1)/libcore.a build/$(1)/libport-sim.a
	$$(CC) $$($(1)_LDFLAGS) -o $$@ $$(filter %.o,$$^) -Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group
build/$(1)/tests/sim/hosts.sim: %.sim: %.o $(addprefix build/$(1)/tests/sim/hosts_,$(HOSTS_PARTS:%=%.o)) \
		build/$(1)/libcore.a build/$(1)/libport-sim.a
	$$(CC) $$($(1)_LDFLAGS) -o $$@ $$(filter %.o,$$^) -Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group
build/$(1)/tests/sim/mutate.sim: %.sim: %.o build/$(1)/libcore.a build/$(1)/libport-sim.a
	$$(CC) $$($(1)_LDFLAGS) -o $$@ $$(filter %.o,$$^) -Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group
build/$(1)/tests/sim/model.linux: %.linux: %.o build/$(1)/tests/sim/backing_linux.o \
		$$(SIM_COMMON:%=build/$(1)/%) build/$(1)/libcore.a build/$(1)/libport-linux.a
	$$(CC) $$($(1)_LDFLAGS) -o $$@ $$(filter %.o,$$^) -Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group \
		$$(LIBS)
endef
$(foreach c,release asan,$(eval $(call sim_rules,$(c))))

# The whole of it: 200,000 operations over 20 seeds on both, 2,000 damaged images, and every crash
# point with five choices of what is lost.
check-long: $(SIM_PROGS) build/release/tests/sim/stops.sim build/release/tests/sim/hosts.sim
	SEEDS=20 OPS=200000 $(SIM_DIR)/model.sim
	SEEDS=20 OPS=200000 $(SIM_DIR)/model.linux
	CAIRN_LONG=1 $(SIM_DIR)/mutate.sim
	for seed in 1 2 3 4 5; do SEED=$$seed $(SIM_DIR)/crash.sim || exit 1; done
	CAIRN_LONG=1 build/release/tests/sim/stops.sim
	RUNS=100000 build/release/tests/sim/hosts.sim
	SEEDS=4000 build/planted/plants.sim
.PHONY: check-long

# Mistakes built in on purpose (iopath/base/plant.def): the part of the core that can have them, again.
PLANTED_SRCS := $(foreach m,iopath/base iopath vaai vmfs iopath/port iopath/port/sim,$(call srcs,$(m)))
planted_CFLAGS = -O2 -g -DCAIRN_PLANTED
planted_LDFLAGS =
$(eval $(call config_rules,planted))
build/planted/libplanted.a: $(PLANTED_SRCS:%.c=build/planted/%.o)
build/planted/plants.sim: build/planted/tests/sim/plants.o \
		$(HOSTS_PARTS:%=build/planted/tests/sim/hosts_%.o) build/planted/libplanted.a
	$(CC) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group

# Runs that failed once, and a sample of the planted mistakes; check-long tries them all.
$(SIM_DIR)/found.sim: $(SIM_DIR)/hosts.sim
	printf '#!/bin/sh\nexec $< tests/sim/found/*.sim\n' >$@ && chmod +x $@
$(SIM_DIR)/plants.sim: build/planted/plants.sim
	printf '#!/bin/sh\nexec $< no_self_fence break_early lock_by_write token_ignored \\\nrecord_forgotten\n' >$@
	chmod +x $@

# Many hosts, one seed: make sim SEED=7, or RUNS=1000 from that seed on; HOSTS=, OPS=, V=-v (the trace)
# or -vv (every transfer). The settings of the environment are told at the top of hosts.c.
sim: build/release/tests/sim/hosts.sim
	@SEED=$(or $(SEED),1) $< $(V)
# A run that failed has left build/sim/fail-SEED.sim: make it small.
shrink: build/release/tests/sim/hosts.sim
	@$< --shrink $(F)
export RUNS HOSTS OPS
.PHONY: sim shrink

# The model again, on a VMFS-6.
$(SIM_DIR)/model6.sim: $(SIM_DIR)/model.sim
	printf '#!/bin/sh\nVMFS=6 exec $<\n' >$@ && chmod +x $@
