/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Device URIs and partitions of image files. */
#include "iopath/iopath.h"

#include "tests/unit/cu.h"
#include "tests/unit/iopath/tmp_dir.h"

#define DISK_BYTES	(1 * MIB)
#define PART_AT		(128 * 512ull)
#define PART_BYTES	(256 * 512ull)

/* An MBR with partition 1 in the middle and partition 2 behind the end; each sector holds its
 * number. */
static void make_disk(const struct tmp_dir *d, const char *name)
{
	static uint8_t disk[DISK_BYTES];

	for (uint32_t i = 0; i < DISK_BYTES / 512; i++)
		memcpy(disk + i * 512, &i, 4);
	memset(disk, 0, 512);
	memcpy(disk + 446, "\0\0\0\0\xFB\0\0\0\x80\0\0\0\0\x01\0\0", 16);
	memcpy(disk + 462, "\0\0\0\0\xFB\0\0\0\0\x04\0\0\0\0\x01\0", 16);
	memcpy(disk + 510, "\x55\xAA", 2);
	tmp_file(d, name, disk, sizeof(disk));
}

static void partition_is_a_window_with_bounds(void)
{
	struct tmp_dir d;
	struct io_dev *dev;
	uint32_t sector[128] = { 0 };

	tmp_dir_make(&d);
	make_disk(&d, "disk");
	CU_ASSERT_EQUAL_FATAL(io_dev_open(tmp_in(&d, "disk:1"), IO_OPEN_WRITE, &dev, NULL), ST_OK);
	CU_ASSERT_EQUAL(dev->size_bytes, PART_BYTES);
	CU_ASSERT_STRING_EQUAL(dev->name, tmp_in(&d, "disk:1"));
	CU_ASSERT_EQUAL(io_dev_read(dev, 512, sector, 512), ST_OK);
	CU_ASSERT_EQUAL(sector[0], 129);
	CU_ASSERT_EQUAL(io_dev_read(dev, PART_BYTES - 512, sector, 512), ST_OK);
	CU_ASSERT_EQUAL(sector[0], 128 + 255);
	CU_ASSERT_EQUAL(io_dev_read(dev, PART_BYTES - 511, sector, 512), ST_RANGE);
	CU_ASSERT_EQUAL(io_dev_write(dev, PART_BYTES, sector, 512), ST_RANGE);
	CU_ASSERT_EQUAL(io_dev_write(dev, ~0ull - 511, sector, 512), ST_RANGE);
	CU_ASSERT_EQUAL(io_dev_zero(dev, 0, PART_BYTES), ST_OK);
	CU_ASSERT_EQUAL(io_dev_flush(dev), ST_OK);
	io_dev_close(dev);

	/* the neighbours are as they were */
	CU_ASSERT_EQUAL_FATAL(io_dev_open(tmp_in(&d, "disk"), 0, &dev, NULL), ST_OK);
	CU_ASSERT_EQUAL(io_dev_read(dev, PART_AT - 512, sector, 512), ST_OK);
	CU_ASSERT_EQUAL(sector[0], 127);
	CU_ASSERT_EQUAL(io_dev_read(dev, PART_AT, sector, 512), ST_OK);
	CU_ASSERT_EQUAL(sector[0], 0);
	CU_ASSERT_EQUAL(io_dev_read(dev, PART_AT + PART_BYTES, sector, 512), ST_OK);
	CU_ASSERT_EQUAL(sector[0], 128 + 256);
	CU_ASSERT_EQUAL(io_dev_write(dev, 0, sector, 512), ST_READONLY);
	io_dev_close(dev);
	tmp_dir_remove(&d);
}

/* A write to the whole device must not make the image longer: a device has an end. */
static void device_does_not_grow_by_writing(void)
{
	struct tmp_dir d;
	struct io_dev *dev;
	uint8_t sector[512] = { 0 };

	tmp_dir_make(&d);
	make_disk(&d, "disk");
	CU_ASSERT_EQUAL_FATAL(io_dev_open(tmp_in(&d, "disk"), IO_OPEN_WRITE, &dev, NULL), ST_OK);
	CU_ASSERT_EQUAL(io_dev_write(dev, DISK_BYTES, sector, 512), ST_RANGE);
	CU_ASSERT_EQUAL(io_dev_write(dev, DISK_BYTES - 512, sector, 512), ST_OK);
	CU_ASSERT_EQUAL(dev->ops->refresh(dev), ST_OK);
	CU_ASSERT_EQUAL(dev->size_bytes, DISK_BYTES);
	io_dev_close(dev);
	tmp_dir_remove(&d);
}

static void names_that_cannot_be_opened_are_told_apart(void)
{
	static const struct { const char *name; enum status st; } bad[] = {
		{ "disk:3", ST_NOENT }, { "disk:0", ST_INVAL },
		{ "plain:1", ST_NOENT }, { "absent", ST_NOENT }, { "absent:1", ST_NOENT },
		{ "disk:x", ST_NOENT }, { "disk:99999", ST_NOENT },
	};
	struct tmp_dir d;
	struct io_dev *dev;
	struct why why = { 0 };
	uint8_t zeros[4096] = { 0 };

	tmp_dir_make(&d);
	make_disk(&d, "disk");
	tmp_file(&d, "plain", zeros, sizeof(zeros));
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		why.text[0] = 0;
		CU_ASSERT_EQUAL(io_dev_open(tmp_in(&d, bad[i].name), 0, &dev, &why), bad[i].st);
		CU_ASSERT(strstr(why.text, strncmp(bad[i].name, "disk", 4) ? "" : "disk") != NULL);
		CU_ASSERT(why.text[0] != 0);
	}
	/* One that ends behind the disk: read up to there, never written. */
	CU_ASSERT_EQUAL(io_dev_open(tmp_in(&d, "disk:2"), IO_OPEN_WRITE, &dev, &why), ST_CORRUPT);
	CU_ASSERT_EQUAL_FATAL(io_dev_open(tmp_in(&d, "disk:2"), 0, &dev, &why), ST_OK);
	CU_ASSERT(dev->size_bytes < DISK_BYTES);
	CU_ASSERT_EQUAL(io_dev_read(dev, dev->size_bytes - 512, zeros, 512), ST_OK);
	CU_ASSERT_EQUAL(io_dev_read(dev, dev->size_bytes, zeros, 512), ST_RANGE);
	io_dev_close(dev);
	CU_ASSERT_EQUAL(io_dev_open("iscsi://h/iqn/0", 0, &dev, &why), ST_UNSUPPORTED);
	CU_ASSERT_EQUAL(io_dev_open("", 0, &dev, &why), ST_NAME);
	tmp_dir_remove(&d);
}

static void file_whose_name_looks_like_a_partition_wins(void)
{
	struct tmp_dir d;
	struct io_dev *dev;
	uint8_t zeros[4096] = { 0 };

	tmp_dir_make(&d);
	make_disk(&d, "disk");
	tmp_file(&d, "disk:1", zeros, sizeof(zeros));
	CU_ASSERT_EQUAL_FATAL(io_dev_open(tmp_in(&d, "disk:1"), 0, &dev, NULL), ST_OK);
	CU_ASSERT_EQUAL(dev->size_bytes, sizeof(zeros));
	io_dev_close(dev);
	tmp_dir_remove(&d);
}

static void holes_of_a_partition_are_its_own(void)
{
	struct tmp_dir d;
	struct io_dev *dev;
	uint64_t data, hole;

	tmp_dir_make(&d);
	make_disk(&d, "disk");
	CU_ASSERT_EQUAL_FATAL(io_dev_open(tmp_in(&d, "disk:1"), 0, &dev, NULL), ST_OK);
	dev->ops->next_data(dev, 4096, &data, &hole);
	CU_ASSERT_EQUAL(data, 4096);
	CU_ASSERT_EQUAL(hole, PART_BYTES);
	dev->ops->next_data(dev, PART_BYTES, &data, &hole);
	CU_ASSERT_EQUAL(data, PART_BYTES);
	CU_ASSERT_EQUAL(hole, PART_BYTES);
	io_dev_close(dev);
	tmp_dir_remove(&d);
}

static const struct cu_case cases[] = {
	{ "a partition is a window with bounds", partition_is_a_window_with_bounds },
	{ "a device does not grow by writing", device_does_not_grow_by_writing },
	{ "names that cannot be opened are told apart",
	  names_that_cannot_be_opened_are_told_apart },
	{ "a file whose name looks like a partition wins",
	  file_whose_name_looks_like_a_partition_wins },
	{ "holes of a partition are its own", holes_of_a_partition_are_its_own },
};
CU_MAIN("iopath/dev", cases)
