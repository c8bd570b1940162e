/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>

struct fuzz_call {
	void		(*fn)(const uint8_t *data, size_t bytes);
	const uint8_t	*data;
	size_t		bytes;
};

static void call_world(void *arg)
{
	struct fuzz_call *call = arg;

	call->fn(call->data, call->bytes);
}

void fuzz_in_world(void (*fn)(const uint8_t *data, size_t bytes), const uint8_t *data, size_t bytes)
{
	struct fuzz_call call = { fn, data, bytes };
	struct port_config config = { .seed = 1, .log_level = LOG_ERROR };
	struct why why = { 0 };

	if (port_run(&config, call_world, &call, &why) != ST_OK) {
		fprintf(stderr, "%s\n", why.text);
		abort();
	}
}

uint8_t fuzz_u8(struct fuzz_bytes *b)
{
	if (b->left == 0)
		return 0;
	b->left--;
	return *b->at++;
}

uint16_t fuzz_u16(struct fuzz_bytes *b)
{
	uint16_t low = fuzz_u8(b);

	return (uint16_t)(low | fuzz_u8(b) << 8);
}
