/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* memory - plain memory from libc, and the stacks of worlds: mapped, so that only the pages a world
 * touches are there, with a page below that faults when a stack overflows. */
#include "iopath/port/linux/linux_priv.h"

#include <stdlib.h>
#include <sys/mman.h>

#define GUARD_BYTES 4096

void *port_alloc(size_t bytes)
{
	return calloc(1, bytes ? bytes : 1);
}

void port_free(void *p)
{
	free(p);
}

void *sched_stack_map(void)
{
	char *base = mmap(NULL, GUARD_BYTES + WORLD_STACK_BYTES, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);

	if (base == MAP_FAILED)
		return NULL;
	if (mprotect(base, GUARD_BYTES, PROT_NONE) != 0) {
		munmap(base, GUARD_BYTES + WORLD_STACK_BYTES);
		return NULL;
	}
	return base + GUARD_BYTES;
}

void sched_stack_unmap(void *stack)
{
	munmap((char *)stack - GUARD_BYTES, GUARD_BYTES + WORLD_STACK_BYTES);
}
