/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* A hostile snapshot list of a machine with a chain. An input is the text of the .vmsd. */
#include "tests/fuzz/inventory.h"

static const char vmx[] = "displayName = \"m\"\nscsi0:0.fileName = \"d-000001.vmdk\"\n";
static const char base[] = "version=1\nCID=1\nparentCID=ffffffff\ncreateType=\"vmfs\"\n"
			   "RW 512 VMFS \"d-flat.vmdk\"\n";
static const char delta[] = "version=1\nCID=2\nparentCID=1\ncreateType=\"vmfsSparse\"\n"
			    "parentFileNameHint=\"d.vmdk\"\n"
			    "RW 512 VMFSSPARSE \"d-000001-delta.vmdk\"\n";

void fuzz_setup(void)
{
}

void fuzz_input(const uint8_t *data, size_t bytes)
{
	static uint8_t zeros[256 * 1024];
	struct mem_store m;

	mem_store_init(&m);
	mem_store_add(&m, "/m.vmsd", data, bytes, bytes);
	mem_store_add(&m, "/m.vmx", (const uint8_t *)vmx, sizeof(vmx) - 1, 0);
	mem_store_add(&m, "/d.vmdk", (const uint8_t *)base, sizeof(base) - 1, 0);
	mem_store_add(&m, "/d-flat.vmdk", zeros, sizeof(zeros), 0);
	mem_store_add(&m, "/d-000001.vmdk", (const uint8_t *)delta, sizeof(delta) - 1, 0);
	mem_store_add(&m, "/d-000001-delta.vmdk", zeros, 2048, 0);
	mem_store_add(&m, "/m-Snapshot1.vmsn", zeros, 64, 0);
	use_inventory(&m.store);
	mem_store_fini(&m);
}
