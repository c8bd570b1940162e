/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* A volume that wants atomic test and set, on devices that have it and such that have not. */
#include "tests/unit/vmfs/vol.h"
#include "vmfs/vmfs_priv.h"

#define VOLUME_BYTES	(320 * MIB)
#define FS_AT		(LVM_DATA_AT + VMFS_FS_AT)

/* A device that can be reserved, and nothing else. */
struct plain { struct io_dev dev; struct io_dev *below; uint32_t reserved, reservations; };

static struct plain *plain_of(struct io_dev *dev) { return container_of(dev, struct plain, dev); }

static void plain_submit(struct io_dev *dev, struct io_req *req)
{
	plain_of(dev)->below->ops->submit(plain_of(dev)->below, req);
}

static enum status plain_reserve(struct io_dev *dev)
{
	plain_of(dev)->reserved++;
	plain_of(dev)->reservations++;
	return ST_OK;
}

static void plain_release(struct io_dev *dev) { plain_of(dev)->reserved--; }

static const struct io_dev_ops plain_ops = {
	.submit = plain_submit, .reserve = plain_reserve, .release = plain_release,
};

static void plain_init(struct plain *p, struct io_dev *below)
{
	*p = (struct plain){ .dev = *below, .below = below };
	p->dev.ops = &plain_ops;
}

static void format(int ats_only)
{
	struct vmfs_mkfs_opts opts = { .label = "ds1", .ats_only = (uint8_t)ats_only };
	struct vmfs_uuid uuid;
	struct io_dev *dev;
	struct why why = { 0 };

	(void)!port_path_remove(DISK);
	CU_ASSERT_EQUAL_FATAL(sim_disk_create(DISK, VOLUME_BYTES, 0), ST_OK);
	CU_ASSERT_EQUAL_FATAL(io_dev_open(DISK, IO_OPEN_WRITE, &dev, &why), ST_OK);
	CU_ASSERT_EQUAL_FATAL(vmfs_mkfs(&dev, 1, &opts, &uuid, &why), ST_OK);
	io_dev_close(dev);
}

static enum status mount_plain(int write, uint32_t *reservations, struct why *why)
{
	struct vmfs_mount_opts opts = { .write = (uint8_t)write };
	struct vmfs_volume *vol;
	struct plain plain;
	struct io_dev *below, *dev = &plain.dev;
	uint64_t writes;
	enum status st;

	CU_ASSERT_EQUAL_FATAL(io_dev_open(DISK, IO_OPEN_WRITE, &below, why), ST_OK);
	plain_init(&plain, below);
	writes = sim_write_count();
	st = vmfs_mount(&dev, 1, &opts, &vol, why);
	CU_ASSERT(st == ST_OK || sim_write_count() == writes);
	if (st == ST_OK)
		st = vmfs_unmount(vol);
	CU_ASSERT_EQUAL(plain.reserved, 0);
	*reservations = plain.reservations;
	io_dev_close(below);
	return st;
}

static void test_ats_only_refuses_a_device_without(void)
{
	struct why why = { 0 };
	struct vmfs_probe probe;
	uint32_t reservations;
	struct vol v;

	format(1);
	CU_ASSERT_EQUAL(mount_plain(1, &reservations, &why), ST_REFUSED);
	CU_ASSERT_PTR_NOT_NULL(strstr(why.text, "ATS only"));
	CU_ASSERT_EQUAL(reservations, 0);
	CU_ASSERT_EQUAL(mount_plain(0, &reservations, &why), ST_OK);
	vol_mount(&v, 1);
	CU_ASSERT_EQUAL(vmfs_probe(v.dev, &probe, &v.why), ST_OK);
	CU_ASSERT_EQUAL(probe.ats_only, 1);
	CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
	CU_ASSERT_EQUAL(vol_finding_count(), 0);
}

static void test_other_volumes_are_reserved(void)
{
	struct why why = { 0 };
	uint32_t reservations;

	format(0);
	CU_ASSERT_EQUAL(mount_plain(1, &reservations, &why), ST_OK);
	CU_ASSERT(reservations > 0);
	CU_ASSERT_EQUAL(vol_finding_count(), 0);
}

/* A later version of ours may know more ways. */
static void test_an_unknown_way_is_refused(void)
{
	struct vmfs_fs_disk fs;
	struct vol v = { 0 };

	format(1);
	CU_ASSERT_EQUAL_FATAL(sim_disk_peek(DISK, FS_AT, &fs, sizeof(fs)), ST_OK);
	le32_set(&fs.locking, 7);
	CU_ASSERT_EQUAL_FATAL(sim_disk_poke(DISK, FS_AT, &fs, sizeof(fs)), ST_OK);
	CU_ASSERT_EQUAL(vol_try_mount(&v, 1), ST_REFUSED);
	vol_mount(&v, 0);
	CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
}

static const struct cu_case cases[] = {
	{ "ATS only refuses a device without", test_ats_only_refuses_a_device_without },
	{ "other volumes are reserved", test_other_volumes_are_reserved },
	{ "an unknown way is refused", test_an_unknown_way_is_refused },
};

CU_MAIN("vmfs/locking", cases)
