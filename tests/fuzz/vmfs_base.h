/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* vmfs_base - what the targets of damaged volumes share; one per version of the format. */
#ifndef CAIRN_TESTS_FUZZ_VMFS_BASE_H
#define CAIRN_TESTS_FUZZ_VMFS_BASE_H

#include "tests/fuzz/fuzz.h"

/* For fuzz_setup() and fuzz_input(). version: of struct vmfs_mkfs_opts. */
void vmfs_base_setup(uint32_t version, uint64_t bytes);
void vmfs_base_input(const uint8_t *data, size_t bytes);

#endif
