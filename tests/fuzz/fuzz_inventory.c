/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Hostile descriptors that name each other: loops, twins, extents of one another. An input is the
 * texts of up to five .vmdk files with a line "%%" between them; the machine has the first. */
#include "tests/fuzz/inventory.h"

#define FILES 5

static const char vmx[] = "displayName = \"m\"\nscsi0:0.fileName = \"a.vmdk\"\n";

void fuzz_setup(void)
{
}

/* Where the text at data ends. */
static size_t text_length(const uint8_t *data, size_t bytes)
{
	size_t n = 0;

	while (n < bytes && !(bytes - n >= 3 && memcmp(data + n, "%%\n", 3) == 0))
		n++;
	return n;
}

void fuzz_input(const uint8_t *data, size_t bytes)
{
	static const char *const names[FILES] = {
		"/a.vmdk", "/b.vmdk", "/c-flat.vmdk", "/c.vmdk", "/d-000001.vmdk",
	};
	struct mem_store m;

	mem_store_init(&m);
	mem_store_add(&m, "/m.vmx", (const uint8_t *)vmx, sizeof(vmx) - 1, 0);
	for (int i = 0; i < FILES && bytes; i++) {
		size_t n = text_length(data, bytes), behind = MIN(n + 3, bytes);

		mem_store_add(&m, names[i], data, n, 0);
		data += behind;
		bytes -= behind;
	}
	use_inventory(&m.store);
	mem_store_fini(&m);
}
