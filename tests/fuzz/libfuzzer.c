/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* libFuzzer's entry points. */
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void setup(const uint8_t *data, size_t bytes)
{
	(void)data, (void)bytes;
	fuzz_setup();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	fuzz_in_world(setup, NULL, 0);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	fuzz_in_world(fuzz_input, data, bytes);
	return 0;
}
