/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* The management lock: one machine at a time changes the LVM headers. */
#include "tests/unit/vmfs/disks.h"

static void look(struct disks *d, struct vmfs_header_lock *lock)
{
	CU_ASSERT_EQUAL_FATAL(vmfs_header_lock_look(d->dev, d->count, lock, &d->why), ST_OK);
}

/* As another machine would have left it in the record of a device. */
static void put_owner(struct io_dev *dev, const uint8_t owner[16], uint64_t when_us)
{
	struct lvm_device_disk record;

	CU_ASSERT_EQUAL_FATAL(io_dev_read(dev, LVM_HEADER_AT, &record, sizeof(record)), ST_OK);
	memcpy(record.locked_by.b, owner, 16);
	le64_set(&record.locked_when_us, when_us);
	CU_ASSERT_EQUAL_FATAL(io_dev_write(dev, LVM_HEADER_AT, &record, sizeof(record)), ST_OK);
}

static void enlarge(uint64_t bytes)
{
	struct port_disk *disk;

	CU_ASSERT_EQUAL_FATAL(port_disk_open(disk_name(0), PORT_OPEN_WRITE, &disk, NULL), ST_OK);
	CU_ASSERT_EQUAL_FATAL(port_disk_resize(disk, bytes), ST_OK);
	port_disk_close(disk);
}

static enum status grow(struct disks *d, uint64_t *added)
{
	*added = 0;
	d->why = (struct why){ 0 };
	return vmfs_grow(d->dev, d->count, added, &d->why);
}

static void test_growing_leaves_no_name(void)
{
	struct vmfs_header_lock lock;
	struct disks d;
	uint64_t added;

	disk_format(1 * GIB);
	enlarge(2 * GIB);
	disks_open(&d, 1);
	CU_ASSERT_EQUAL(grow(&d, &added), ST_OK);
	CU_ASSERT(added > 0);
	look(&d, &lock);
	CU_ASSERT_EQUAL(lock.devices, 0);
	disks_assert_clean(&d);
	disks_close(&d);
}

/* Another machine's name stops us, and nothing is written, until somebody takes it away. */
static void test_another_machine_is_respected(void)
{
	static const uint8_t owner[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0xAA, 0xBB, 0, 0, 0, 1 };
	struct vmfs_header_lock lock;
	uint64_t added, writes;
	struct disks d;

	disk_format(1 * GIB);
	enlarge(2 * GIB);
	disks_open(&d, 1);
	put_owner(d.dev[0], owner, 77);
	look(&d, &lock);
	CU_ASSERT_EQUAL(lock.devices, 1);
	CU_ASSERT_EQUAL(lock.when_us, 77);
	CU_ASSERT(!memcmp(lock.owner.b, owner, 16));
	writes = sim_write_count();
	CU_ASSERT_EQUAL(grow(&d, &added), ST_BUSY);
	CU_ASSERT_PTR_NOT_NULL(strstr(d.why.text, "04030201-08070605-0a09-aabb00000001"));
	CU_ASSERT_EQUAL(sim_write_count(), writes);
	CU_ASSERT_EQUAL(vmfs_header_lock_clear(d.dev, 1, &d.why), ST_OK);
	CU_ASSERT_EQUAL(grow(&d, &added), ST_OK);
	CU_ASSERT(added > 0);
	disks_close(&d);
}

/* A process of this machine that died over it: the device locks tell, nobody is asked. */
static void test_dead_process_of_this_machine_is_taken_over(void)
{
	uint8_t owner[16] = { 1 };
	struct vmfs_header_lock lock;
	uint64_t added;
	struct disks d;

	disk_format(1 * GIB);
	enlarge(2 * GIB);
	disks_open(&d, 1);
	port_host_mac(owner + 10);
	put_owner(d.dev[0], owner, 77);
	CU_ASSERT_EQUAL(grow(&d, &added), ST_OK);
	look(&d, &lock);
	CU_ASSERT_EQUAL(lock.devices, 0);
	disks_close(&d);
}

/* The record must be what the map was read with. */
static void test_a_changed_header_is_not_taken(void)
{
	static const uint8_t owner[16] = { 1, 2, 3 };
	struct vmfs_uuid host = { { 9 } };
	struct disks d;
	struct lvm lvm;

	disk_format(1 * GIB);
	disks_open(&d, 1);
	CU_ASSERT_EQUAL_FATAL(lvm_open(&lvm, d.dev, 1, &d.why), ST_OK);
	put_owner(d.dev[0], owner, 1);
	CU_ASSERT_EQUAL(lvm_header_take(&lvm.dev[0], &host, &d.why), ST_BUSY);
	lvm_close(&lvm);
	disks_close(&d);
}

static const struct cu_case cases[] = {
	{ "growing leaves no name", test_growing_leaves_no_name },
	{ "another machine is respected", test_another_machine_is_respected },
	{ "a dead process is taken over", test_dead_process_of_this_machine_is_taken_over },
	{ "a changed header is not taken", test_a_changed_header_is_not_taken },
};

CU_MAIN("vmfs/header_lock", cases)
