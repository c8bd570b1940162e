/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* A hostile configuration beside disks that are there: the dictionary, and the machine it makes.
 * An input is the text of the .vmx. */
#include "tests/fuzz/inventory.h"

static const char base[] = "version=1\nCID=1\nparentCID=ffffffff\ncreateType=\"vmfs\"\n"
			   "RW 512 VMFS \"d-flat.vmdk\"\n";

void fuzz_setup(void)
{
}

void fuzz_input(const uint8_t *data, size_t bytes)
{
	static uint8_t zeros[256 * 1024];
	struct mem_store m;

	mem_store_init(&m);
	mem_store_add(&m, "/m.vmx", data, bytes, bytes);
	mem_store_add(&m, "/d.vmdk", (const uint8_t *)base, sizeof(base) - 1, 0);
	mem_store_add(&m, "/d-flat.vmdk", zeros, sizeof(zeros), 0);
	use_inventory(&m.store);
	mem_store_fini(&m);
}
