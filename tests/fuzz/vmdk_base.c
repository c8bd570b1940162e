/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Source of the layouts: VMware, Virtual Disk Format 5.0 (technical note). */
#include "tests/fuzz/vmdk_base.h"

#include "iopath/base/le.h"
#include "vmdk/vmdk.h"

#define GRAIN_SECTORS	16u	/* sparse; small, so that the file is */
#define STREAM_GRAIN	128u
#define GTES		512u
#define TABLE_SECTORS	4u
#define READ_BYTES	(64u * 1024)
#define GRAIN_ROOM	(READ_BYTES + 2048)	/* deflate may make it longer */
#define RUNS_MAX	200

static uint8_t io_buf[READ_BYTES];

static void put32(uint8_t *at, uint32_t v)
{
	le32_set((le32 *)(void *)at, v);
}

static void put64(uint8_t *at, uint64_t v)
{
	le64_set((le64 *)(void *)at, v);
}

static void put_header(uint8_t *h, uint32_t version, uint32_t flags, uint32_t grain, uint64_t rgd,
		       uint64_t gd, uint64_t overhead)
{
	memcpy(h, "KDMV", 4);
	put32(h + 4, version);
	put32(h + 8, flags);
	put64(h + 12, BASE_SECTORS);
	put64(h + 20, grain);
	put64(h + 28, 1);
	put64(h + 36, 20);
	put32(h + 44, GTES);
	put64(h + 48, rgd);
	put64(h + 56, gd);
	put64(h + 64, overhead);
	memcpy(h + 73, "\n \r\n", 4);
	h[77] = flags >> 16 & 1;
}

static void put_descriptor(uint8_t *at, const char *type)
{
	const char *head =
		"# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=ffffffff\ncreateType=\"";
	const char *tail = "\"\n\n# Extent description\nRW 2048 SPARSE \"d.vmdk\"\n\n"
			   "# The Disk Data Base\n#DDB\n\n"
			   "ddb.adapterType = \"lsilogic\"\nddb.geometry.cylinders = \"1\"\n"
			   "ddb.geometry.heads = \"64\"\nddb.geometry.sectors = \"32\"\n"
			   "ddb.virtualHWVersion = \"8\"\n";
	size_t n = strlen(head), t = strlen(type);

	memcpy(at, head, n);
	memcpy(at + n, type, t);
	memcpy(at + n + t, tail, strlen(tail));
}

/* header, descriptor, redundant directory and table, directory and table, two grains. */
size_t base_sparse(uint8_t *buf)
{
	const uint32_t rgd = 21, rgt = rgd + 1, gd = rgt + TABLE_SECTORS, gt = gd + 1, first = 32;

	memset(buf, 0, BASE_MAX);
	put_header(buf, 1, 3, GRAIN_SECTORS, rgd, gd, first);
	put_descriptor(buf + SECTOR_BYTES, "monolithicSparse");
	put32(buf + rgd * SECTOR_BYTES, rgt);
	put32(buf + gd * SECTOR_BYTES, gt);
	for (uint32_t i = 0; i < 2; i++) {
		uint32_t entry = i * 70 * 4;	/* grains 0 and 70 of 128 */
		uint32_t grain = first + i * GRAIN_SECTORS;

		put32(buf + rgt * SECTOR_BYTES + entry, grain);
		put32(buf + gt * SECTOR_BYTES + entry, grain);
		memset(buf + grain * SECTOR_BYTES, 0xa0 + (int)i, GRAIN_SECTORS * SECTOR_BYTES);
	}
	return (first + 2 * GRAIN_SECTORS) * SECTOR_BYTES;
}

/* A marker of metadata: how many sectors follow, and of what. Returns where they start. */
static uint32_t put_marker(uint8_t *buf, uint32_t sector, uint32_t sectors, uint32_t type)
{
	put64(buf + sector * SECTOR_BYTES, sectors);
	put32(buf + sector * SECTOR_BYTES + 12, type);
	return sector + 1;
}

size_t base_stream(uint8_t *buf)
{
	static uint8_t grain[STREAM_GRAIN * SECTOR_BYTES];
	uint32_t at = STREAM_GRAIN, gt, gd, where[2] = { 0 };

	memset(buf, 0, BASE_MAX);
	put_header(buf, 3, 0x30001, STREAM_GRAIN, 0, ~0ull, STREAM_GRAIN);
	put_descriptor(buf + SECTOR_BYTES, "streamOptimized");
	for (uint32_t i = 0; i < 2; i++) {	/* grains 0 and 9 of 16 */
		uint8_t *marker = buf + at * SECTOR_BYTES;
		size_t bytes;

		for (size_t b = 0; b < sizeof(grain); b++)
			grain[b] = (uint8_t)(b * (b >> 8) >> i);
		bytes = accel_plain.deflate(6, grain, sizeof(grain), marker + 12, GRAIN_ROOM);
		VERIFY(bytes > 0);
		put64(marker, i * 9ull * STREAM_GRAIN);
		put32(marker + 8, (uint32_t)bytes);
		where[i] = at;
		at += (uint32_t)div_round_up(12 + bytes, SECTOR_BYTES);
	}
	gt = put_marker(buf, at, TABLE_SECTORS, 1);
	put32(buf + gt * SECTOR_BYTES, where[0]);
	put32(buf + gt * SECTOR_BYTES + 9 * 4, where[1]);
	gd = put_marker(buf, gt + TABLE_SECTORS, 1, 2);
	put32(buf + gd * SECTOR_BYTES, gt);
	at = put_marker(buf, gd + 1, 1, 3);
	put_header(buf + at * SECTOR_BYTES, 3, 0x30001, STREAM_GRAIN, 0, gd, STREAM_GRAIN);
	return (put_marker(buf, at + 1, 0, 0)) * (size_t)SECTOR_BYTES;
}

void base_patch(uint8_t *buf, size_t size, struct fuzz_bytes *in)
{
	while (in->left >= 5) {
		size_t low = fuzz_u16(in), at = (low | (size_t)fuzz_u8(in) << 16) % size;
		size_t bytes = MIN((size_t)1 + fuzz_u8(in) % 16, size - at);

		for (size_t i = 0; i < bytes; i++)
			buf[at + i] = fuzz_u8(in);
	}
}

/* ---- what is done with a disk ----------------------------------------------------------- */

static void look_at(struct vmdk_disk *disk)
{
	struct vmdk_extent_info extent;
	struct vmdk_info info;
	struct vmdk_run run;
	uint64_t at = 0;

	if (vmdk_info(disk, &info) == ST_OK)
		for (uint32_t i = 0; i < info.extent_count && i < 50; i++)
			if (vmdk_extent_info(disk, i, &extent) != ST_OK)
				break;
	for (int n = 0; n < RUNS_MAX && vmdk_map(disk, at, &run) == ST_OK; n++) {
		VERIFY(run.bytes > 0);
		VERIFY(run.offset + run.bytes > at);	/* else a walk of the map would not end */
		at = run.offset + run.bytes;
	}
}

static void read_all(struct vmdk_disk *disk)
{
	uint64_t size = vmdk_bytes(disk), end = MIN(size, 4 * MIB);
	enum status st = ST_OK;

	for (uint64_t at = 0; at < end && st == ST_OK; at += READ_BYTES)
		st = vmdk_read(disk, at, io_buf, MIN(READ_BYTES, size - at));
	if (size > READ_BYTES)
		st = vmdk_read(disk, round_down(size - READ_BYTES, SECTOR_BYTES), io_buf,
			       SECTOR_BYTES);
	(void)st;
}

static void write_some(struct vmdk_disk *disk)
{
	uint64_t size = vmdk_bytes(disk);
	enum status st = ST_OK;

	memset(io_buf, 0x77, sizeof(io_buf));
	for (uint64_t at = 0; at + SECTOR_BYTES <= MIN(size, 2 * MIB) && st == ST_OK;
	     at += 300 * SECTOR_BYTES)
		st = vmdk_write(disk, at, io_buf, SECTOR_BYTES);
	if (size >= READ_BYTES)
		st = vmdk_write(disk, 0, io_buf, READ_BYTES);
	(void)st;
}

static void ignore_finding(void *arg, const char *text)
{
	(void)arg;
	VERIFY(text[0] != 0);
}

void use_disk(struct store *s, unsigned flags)
{
	struct vmdk_check_result result;
	struct vmdk_disk *disk;
	struct why why = { 0 };
	unsigned how = flags & USE_WRITE ? VMDK_WRITE : VMDK_READ;
	enum status st = vmdk_open(s, "/d.vmdk", how, &disk, &why);

	VERIFY(st == ST_OK || why.text[0] != 0);	/* each refusal says why */
	if (st == ST_OK) {
		VERIFY(vmdk_descriptor_text(disk) != NULL);
		look_at(disk);
		read_all(disk);
		if (flags & USE_WRITE)
			write_some(disk);
		(void)vmdk_close(disk);
	}
	if (flags & USE_CHECK) {
		st = vmdk_check(s, "/d.vmdk", !!(flags & USE_REPAIR), ignore_finding, NULL, &result,
				&why);
		VERIFY(st == ST_OK || why.text[0] != 0);
	}
}
