/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* A hostile descriptor beside files that are there. An input is the text of the .ovf. */
#include "tests/fuzz/package.h"

static const char manifest[] = "SHA1(p.ovf)= 0123456789abcdef0123456789abcdef01234567\n"
			       "SHA1(d.vmdk.000000000)= "
			       "0123456789abcdef0123456789abcdef01234567\n";

void fuzz_setup(void)
{
}

void fuzz_input(const uint8_t *data, size_t bytes)
{
	static const uint8_t disk[512];
	struct mem_store m;

	mem_store_init(&m);
	mem_store_add(&m, "/p.ovf", data, bytes, bytes);
	mem_store_add(&m, "/p.mf", (const uint8_t *)manifest, sizeof(manifest) - 1, 0);
	mem_store_add(&m, "/d.vmdk", disk, sizeof(disk), 0);
	mem_store_add(&m, "/d.vmdk.000000000", disk, sizeof(disk), 0);
	use_package(&m.store, "/p.ovf");
	mem_store_fini(&m);
}
