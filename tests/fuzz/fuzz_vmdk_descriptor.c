/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* A hostile descriptor beside extents that are there: open the disk, map it, read it.
 * An input is the text of the descriptor. */
#include "tests/fuzz/vmdk_base.h"

void fuzz_setup(void)
{
}

void fuzz_input(const uint8_t *data, size_t bytes)
{
	static uint8_t sparse[BASE_MAX], zeros[256 * 1024];
	struct mem_store m;
	size_t size = base_sparse(sparse);

	mem_store_init(&m);
	mem_store_add(&m, "/d.vmdk", data, bytes, bytes);
	mem_store_add(&m, "/d-flat.vmdk", zeros, sizeof(zeros), sizeof(zeros));
	mem_store_add(&m, "/d-f001.vmdk", zeros, sizeof(zeros), sizeof(zeros));
	mem_store_add(&m, "/d-f002.vmdk", zeros, 4096, sizeof(zeros));
	mem_store_add(&m, "/d-s001.vmdk", sparse, size, size + MIB);
	mem_store_add(&m, "/d-s002.vmdk", sparse, size, size + MIB);
	use_disk(&m.store, USE_CHECK);
	mem_store_fini(&m);
}
