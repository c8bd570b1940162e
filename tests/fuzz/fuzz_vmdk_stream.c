/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* A damaged stream-optimized disk: open it, map it, read it, check it.
 * An input is a byte of flags, then patches of a small undamaged disk; with USE_RAW, the whole
 * file. */
#include "tests/fuzz/vmdk_base.h"

static uint8_t base[BASE_MAX];
static size_t base_bytes;

/* Once: deflating it takes longer than everything else that is done with an input. */
void fuzz_setup(void)
{
	base_bytes = base_stream(base);
}

void fuzz_input(const uint8_t *data, size_t bytes)
{
	static uint8_t file[BASE_MAX];
	struct fuzz_bytes in = { data, bytes };
	unsigned flags = fuzz_u8(&in);
	struct mem_store m;
	size_t size;

	mem_store_init(&m);
	if (flags & USE_RAW) {
		mem_store_add(&m, "/d.vmdk", in.at, in.left, in.left + MIB);
	} else {
		size = base_bytes;
		memcpy(file, base, size);
		if (flags & USE_CUT)
			size -= size * (1 + fuzz_u8(&in)) / 512;
		base_patch(file, size, &in);
		mem_store_add(&m, "/d.vmdk", file, size, size + MIB);
	}
	use_disk(&m.store, flags);
	mem_store_fini(&m);
}
