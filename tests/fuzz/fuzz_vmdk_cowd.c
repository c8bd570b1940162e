/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* A damaged COWD delta at the end of a chain: open it, map it, read it, check it. */
#include "tests/fuzz/delta_base.h"

void fuzz_setup(void)
{
}

void fuzz_input(const uint8_t *data, size_t bytes)
{
	delta_input(1, data, bytes);
}
