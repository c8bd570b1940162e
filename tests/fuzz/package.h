/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* package - open a package of a store, and use all that it gives as its readers do. */
#ifndef CAIRN_TESTS_FUZZ_PACKAGE_H
#define CAIRN_TESTS_FUZZ_PACKAGE_H

#include "tests/fuzz/fuzz.h"

/* Every text is read to its end, and every file that a manifest lists is summed. */
void use_package(struct store *s, const char *path);

#endif
