/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* grow over 256 blocks of .fbb.sf, at 49.99 TiB: the file's pointers move into a pointer block. The
 * two sectors that change their meaning together are the one place where a power cut could lose the
 * volume, so this step is stopped after every write. The disk is made once (256 MiB of cluster
 * headers); what a run changes is put back before the next. */
#include "tests/unit/vmfs/disks.h"

#define BEFORE	(49 * TIB + 980 * GIB)		/* 256 blocks of .fbb.sf */
#define AFTER	(50 * TIB + 100 * GIB)		/* 257 */

static void enlarge(uint64_t bytes)
{
	struct port_disk *disk;

	CU_ASSERT_EQUAL_FATAL(port_disk_open(disk_name(0), PORT_OPEN_WRITE, &disk, NULL), ST_OK);
	CU_ASSERT_EQUAL_FATAL(port_disk_resize(disk, bytes), ST_OK);
	port_disk_close(disk);
}

static enum status grow(void)
{
	struct disks d;
	uint64_t added;
	enum status st;

	disks_open(&d, 1);
	st = vmfs_grow(d.dev, 1, &added, &d.why);
	disks_close(&d);
	return st;
}

/* Parts of the disk that growing the file system changes. */
struct part { uint64_t at; size_t bytes; uint8_t *data; };
static struct part *save(const struct vmfs_layout *l, size_t *count)
{
	static struct part part[4];
	const uint64_t data = LVM_DATA_AT;	/* everything is in the first region */
	uint32_t last = l->geom[VMFS_RES_FB].clusters - 1;

	part[0] = (struct part){ data + l->fdc_base, 256 * KIB, NULL };
	part[1] = (struct part){ data + vmfs_sysmap_at(&l->map[VMFS_RES_FB], 0), MIB, NULL };
	part[2] = (struct part){ data + vmfs_sysmap_at(&l->map[VMFS_RES_PB], 0), 256 * KIB, NULL };
	part[3] = (struct part){ data + vmfs_layout_cluster_at(l, VMFS_RES_FB, last), 1024, NULL };
	*count = ARRAY_COUNT(part);
	for (size_t i = 0; i < ARRAY_COUNT(part); i++) {
		part[i].data = port_alloc(part[i].bytes);
		CU_ASSERT_EQUAL(
		    sim_disk_peek(disk_name(0), part[i].at, part[i].data, part[i].bytes), ST_OK);
	}
	return part;
}

static void restore(const struct part *part, size_t count)
{
	for (size_t i = 0; i < count; i++)
		CU_ASSERT_EQUAL(
		    sim_disk_poke(disk_name(0), part[i].at, part[i].data, part[i].bytes), ST_OK);
}

/* The logical volume has grown, the file system has not: where each run starts. */
static void prepare(struct part **part, size_t *count)
{
	struct vmfs_layout layout;
	struct lvm *lvm = port_alloc(sizeof(*lvm));
	struct disks d;
	uint64_t n = 4;

	disk_format(BEFORE);
	enlarge(AFTER);
	do {	/* the first stop after which the volume is larger */
		sim_stop_after_writes(++n);
		(void)!grow();
		CU_ASSERT_FATAL(sim_has_stopped());
		sim_crash(1, 0);
		disks_open(&d, 1);
		CU_ASSERT_EQUAL_FATAL(lvm_open(lvm, d.dev, 1, &d.why), ST_OK);
		if (lvm->bytes > BEFORE)
			break;
		lvm_close(lvm);
		disks_close(&d);
	} while (1);
	CU_ASSERT_EQUAL_FATAL(vmfs_layout_read(lvm, &layout, 0, &d.why), ST_OK);
	CU_ASSERT_EQUAL(layout.map[VMFS_RES_FB].block_count, VMFS_FD_POINTERS);
	*part = save(&layout, count);
	vmfs_layout_free(&layout);
	lvm_close(lvm);
	port_free(lvm);
	disks_close(&d);
}

/* Readable, no damage, and one more grow ends with everything in place. */
static void after_stop(uint64_t n)
{
	struct findings all;
	struct disks d;

	disks_open(&d, 1);
	disks_check(&d, 0, &all);
	if (all.status != ST_OK || all.result.damage) {
		fprintf(stderr, "stopped after %lu writes\n", (unsigned long)n);
		findings_print(&all);
		CU_FAIL("damage");
	}
	if (findings_errors(&all))
		disks_check(&d, 1, &all);
	CU_ASSERT_EQUAL(all.status, ST_OK);
	disks_close(&d);
	CU_ASSERT_EQUAL(grow(), ST_OK);
	disks_open(&d, 1);
	disks_assert_clean(&d);
	disks_close(&d);
}

static void test_crossing_is_safe(void)
{
	struct part *part;
	size_t count;

	prepare(&part, &count);
	for (uint64_t n = 0;; n++) {
		int stopped;

		restore(part, count);
		sim_stop_after_writes(n);
		(void)!grow();
		stopped = sim_has_stopped();
		sim_crash(n, 0);
		after_stop(n);
		if (!stopped)
			break;
	}
	for (size_t i = 0; i < count; i++)
		port_free(part[i].data);
}

/* 64 TiB from the start: four regions, .fbb.sf through a pointer block. */
static void test_mkfs_64_tib(void)
{
	struct vmfs_mount_opts opts = { 0 };
	struct vmfs_volume *vol;
	struct vmfs_info info;
	struct disks d;

	disk_format(64 * TIB);
	disks_open(&d, 1);
	disks_assert_clean(&d);
	CU_ASSERT_EQUAL_FATAL(vmfs_mount(d.dev, 1, &opts, &vol, &d.why), ST_OK);
	CU_ASSERT_EQUAL(vmfs_info(vol, &info, &d.why), ST_OK);
	CU_ASSERT_EQUAL(info.blocks.total, 262143 * 256ull);
	CU_ASSERT_EQUAL(vmfs_unmount(vol), ST_OK);
	disks_close(&d);
}

static const struct cu_case cases[] = {
	{ "crossing 256 blocks of .fbb.sf is safe", test_crossing_is_safe },
	{ "64 TiB", test_mkfs_64_tib },
};
CU_MAIN("vmfs/grow_large", cases)
