/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* A damaged VMFS-5 volume. */
#include "tests/fuzz/vmfs_base.h"

void fuzz_setup(void) { vmfs_base_setup(5, 64 * MIB); }

void fuzz_input(const uint8_t *data, size_t bytes) { vmfs_base_input(data, bytes); }
