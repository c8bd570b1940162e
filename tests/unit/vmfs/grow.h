/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* grow - what the tests of larger volumes share: disks that grow, and what must hold after. */
#ifndef CAIRN_TESTS_VMFS_GROW_H
#define CAIRN_TESTS_VMFS_GROW_H

#include "tests/unit/vmfs/disks.h"

static inline enum status grow(uint32_t count, uint64_t *added)
{
	struct disks d;
	enum status st;

	disks_open(&d, count);
	st = vmfs_grow(d.dev, count, added, &d.why);
	if (st != ST_OK && !sim_has_stopped() && d.why.text[0] == 0)
		CU_FAIL("no reason given");
	disks_close(&d);
	return st;
}

static inline enum status span(uint32_t count)
{
	struct disks d;
	enum status st;

	disks_open(&d, count + 1);
	st = vmfs_span(d.dev, count, d.dev[count], &d.why);
	disks_close(&d);
	return st;
}

static inline void enlarge(uint32_t i, uint64_t bytes)
{
	struct port_disk *disk;

	CU_ASSERT_EQUAL_FATAL(port_disk_open(disk_name(i), PORT_OPEN_WRITE, &disk, NULL), ST_OK);
	CU_ASSERT_EQUAL_FATAL(port_disk_resize(disk, bytes), ST_OK);
	port_disk_close(disk);
}

/* Clean, and with that many file blocks, all counted. */
static inline void assert_blocks(uint32_t count, uint64_t blocks)
{
	struct vmfs_mount_opts opts = { 0 };
	struct vmfs_volume *vol;
	struct vmfs_info info;
	struct disks d;

	disks_open(&d, count);
	disks_assert_clean(&d);
	CU_ASSERT_EQUAL_FATAL(vmfs_mount(d.dev, count, &opts, &vol, &d.why), ST_OK);
	CU_ASSERT_EQUAL(vmfs_info(vol, &info, &d.why), ST_OK);
	CU_ASSERT_EQUAL(info.blocks.total, blocks);
	CU_ASSERT_EQUAL(vmfs_unmount(vol), ST_OK);
	disks_close(&d);
}

#endif
