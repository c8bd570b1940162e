/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* inventory - scan a store, and use all that the scan gives as its readers do. */
#ifndef CAIRN_TESTS_FUZZ_INVENTORY_H
#define CAIRN_TESTS_FUZZ_INVENTORY_H

#include "tests/fuzz/fuzz.h"

/* Every text is read to its end and every chain followed to its base. */
void use_inventory(struct store *s);

#endif
