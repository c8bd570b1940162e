# SPDX-License-Identifier: BSD-2-Clause-Patent
# Real processes on one volume, killed and stopped at random: see torture.h and torture.sh.
TORTURE_DIR := build/asan/tests/torture
TORTURE_OBJS := content.o model.o oplog.o session.o recover.o worker.o shared.o judge.o
TORTURE_PROGS := $(TORTURE_DIR)/torture $(TORTURE_DIR)/zombie

build/%/tests/torture/torture: build/%/tests/torture/torture.o $(addprefix build/%/tests/torture/,$(TORTURE_OBJS)) \
		build/%/libcore.a build/%/libport-linux.a
	$(CC) $($*_LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LIBS)
build/%/tests/torture/zombie: build/%/tests/torture/zombie.o $(addprefix build/%/tests/torture/,content.o session.o) \
		build/%/libcore.a build/%/libport-linux.a
	$(CC) $($*_LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LIBS)

# make torture SECS=1800 PROCS=8 SEED=7: as long as that on an image, half of it on a loop device.
TORTURE := tests/torture/torture.sh
torture: all $(TORTURE_PROGS:build/asan/%=build/release/%)
	@SECS=$(or $(SECONDS),$(SECS)) $(if $(PROCS),PROCS=$(PROCS)) $(if $(SEED),SEED=$(SEED)) \
		TORTURE_BIN=build/release/tests/torture CAIRN_LONG=1 $(TORTURE)
.PHONY: torture
