/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* lvm_absent - of a volume of which devices are missing, all the rest is read, and nothing else. */
#include "tests/unit/vmfs/disks.h"
#include "vmfs/vmfs_priv.h"

#define DEVICES	4u

/* Open these of the four devices. */
static enum status open_some(struct lvm *lvm, struct disks *d, const char *which)
{
	struct io_dev *dev[4];
	uint32_t n = 0;

	for (; which[n]; n++)
		dev[n] = d->dev[which[n] - '0'];
	return lvm_open_partial(lvm, dev, n, &d->why);
}

/* Which byte ranges of the volume answer, a letter for each PE: '.' those that do not. */
static void probe_pes(struct lvm *lvm, char *text)
{
	uint8_t buf[512];

	for (uint64_t pe = 0; pe < lvm->bytes / LVM_PE_BYTES; pe++) {
		enum status st = lvm_read(lvm, pe * LVM_PE_BYTES, buf, sizeof(buf));

		CU_ASSERT(st == ST_OK || st == ST_DEVICE);
		*text++ = st == ST_OK ? 'x' : '.';
	}
	*text = 0;
}

static void test_missing_devices(uint32_t version)
{
	static const struct { const char *which, *pes; } t[] = {
		{ "0123", "xxxxxxxx" }, { "3210", "xxxxxxxx" }, { "013", "xxxx..xx" },
		{ "310", "xxxx..xx" },	{ "012", "xxxxxx.." },	{ "03", "xx....xx" },
		{ "20", "xx..xx.." },	{ "0", "xx......" },
	};
	struct disks d;

	disks_format(version, 4, 600 * MIB);
	disks_open(&d, 4);
	for (size_t i = 0; i < ARRAY_COUNT(t); i++) {
		struct lvm lvm;
		char pes[9];

		CU_ASSERT_EQUAL_FATAL(open_some(&lvm, &d, t[i].which), ST_OK);
		CU_ASSERT_EQUAL_FATAL(lvm.bytes, 8 * LVM_PE_BYTES);
		probe_pes(&lvm, pes);
		CU_ASSERT_STRING_EQUAL(pes, t[i].pes);
		lvm_close(&lvm);
	}
	disks_close(&d);
}

static void test_missing_devices_5(void) { test_missing_devices(5); }
static void test_missing_devices_6(void) { test_missing_devices(6); }

/* A request over the seam to a gap fails as a whole; one that ends at it does not. */
static void test_seam_to_a_gap(void)
{
	uint8_t buf[8192];
	struct disks d;
	struct lvm lvm;

	disks_format(6, 4, 600 * MIB);
	disks_open(&d, 4);
	CU_ASSERT_EQUAL_FATAL(open_some(&lvm, &d, "013"), ST_OK);
	CU_ASSERT_EQUAL(lvm_read(&lvm, 4 * LVM_PE_BYTES - 8192, buf, 8192), ST_OK);
	CU_ASSERT_EQUAL(lvm_read(&lvm, 4 * LVM_PE_BYTES - 4096, buf, 8192), ST_DEVICE);
	CU_ASSERT_EQUAL(lvm_read(&lvm, 6 * LVM_PE_BYTES - 4096, buf, 8192), ST_DEVICE);
	CU_ASSERT(!lvm_known_zero(&lvm, 4 * LVM_PE_BYTES, 512));
	lvm_close(&lvm);
	disks_close(&d);
}

/* Without the head nobody knows the volume; with a stranger in it, it is none. */
static void test_partial_refusals(void)
{
	struct disks d;
	struct lvm lvm;

	disks_format(6, 4, 600 * MIB);
	disks_open(&d, 4);
	CU_ASSERT_EQUAL(open_some(&lvm, &d, "123"), ST_NOENT);
	CU_ASSERT_PTR_NOT_NULL(strstr(d.why.text, "first device"));
	CU_ASSERT_EQUAL(open_some(&lvm, &d, "00"), ST_CORRUPT);
	disks_close(&d);
	disks_format(6, 1, 600 * MIB);	/* d0 is another volume now */
	disks_open(&d, 4);
	CU_ASSERT_EQUAL(open_some(&lvm, &d, "01"), ST_INVAL);
	CU_ASSERT_EQUAL(open_some(&lvm, &d, "0"), ST_OK);
	lvm_close(&lvm);
	disks_close(&d);
}

/* A head with impossible numbers: no stand-in runs over the end of the table. */
static void test_hostile_head(void)
{
	static const struct { uint64_t at; uint32_t bytes; uint64_t value; } bad[] = {
		{ 0x290, 4, 32 }, { 0x290, 4, 33 }, { 0x280, 8, 0 },
		{ 0x200, 8, LVM_PE_BYTES }, { 0x200, 8, 64 * TIB },
	};

	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		le64 value = le64_make(bad[i].value);
		struct disks d;
		struct lvm lvm;
		enum status st;

		disks_format(5, 3, 600 * MIB);
		CU_ASSERT_EQUAL(sim_disk_poke(disk_name(0), LVM_HEADER_AT + bad[i].at, &value,
					      bad[i].bytes), ST_OK);
		disks_open(&d, 3);
		st = lvm_open_partial(&lvm, (struct io_dev *[]){ d.dev[2], d.dev[0] }, 2, &d.why);
		if (st == ST_OK)
			lvm_close(&lvm);
		else
			CU_ASSERT(d.why.text[0] != 0);
		disks_close(&d);
	}
}

/* ---- a mounted volume ------------------------------------------------------------------------ */

#define BLOCKS	1300u		/* of 2048, so that the file lies on three devices or more */

static void fill_block(uint8_t *buf, uint32_t block)
{
	for (uint32_t i = 0; i < 4096; i++)
		buf[i] = (uint8_t)(i * 13 + block * 7 + 1);
}

/* A volume over four devices with a small file, and one with 4 KiB of data in each block. */
static void make_volume(uint32_t version)
{
	struct vmfs_mount_opts opts = { .write = 1 };
	struct vmfs_volume *vol;
	struct store_file *f;
	struct store *s;
	struct disks d;
	uint8_t buf[4096];

	disks_format(version, DEVICES, 600 * MIB);
	disks_open(&d, DEVICES);
	CU_ASSERT_EQUAL_FATAL(vmfs_mount(d.dev, DEVICES, &opts, &vol, &d.why), ST_OK);
	s = vmfs_store(vol);
	CU_ASSERT_EQUAL_FATAL(s->ops->create(s, "/small", 0644, &f, &d.why), ST_OK);
	CU_ASSERT_EQUAL(store_write(f, 0, "content", 7), ST_OK);
	CU_ASSERT_EQUAL(s->ops->file_close(f), ST_OK);
	CU_ASSERT_EQUAL_FATAL(s->ops->create(s, "/large", 0644, &f, &d.why), ST_OK);
	for (uint32_t b = 0; b < BLOCKS; b++) {
		fill_block(buf, b);
		CU_ASSERT_EQUAL_FATAL(store_write(f, b * MIB, buf, sizeof(buf)), ST_OK);
	}
	CU_ASSERT_EQUAL(s->ops->file_close(f), ST_OK);
	CU_ASSERT_EQUAL(vmfs_unmount(vol), ST_OK);
	disks_assert_clean(&d);
	disks_close(&d);
}

/* How many blocks of /large can be read; each is right, or ST_DEVICE and without an address. */
static uint32_t read_large(struct store *s)
{
	uint8_t want[4096], buf[4096];
	struct store_file *f;
	struct why why = { 0 };
	uint32_t good = 0;

	CU_ASSERT_EQUAL_FATAL(s->ops->open(s, "/large", 0, &f, &why), ST_OK);
	for (uint32_t b = 0; b < BLOCKS; b++) {
		enum status st = store_read(f, b * MIB, buf, sizeof(buf));
		struct store_run run;

		CU_ASSERT_EQUAL(s->ops->file_map(f, b * MIB, &run), ST_OK);
		CU_ASSERT_EQUAL(run.dev != NULL, st == ST_OK);
		if (st != ST_OK) {
			CU_ASSERT_EQUAL(st, ST_DEVICE);
			continue;
		}
		fill_block(want, b);
		CU_ASSERT(!memcmp(buf, want, sizeof(buf)));
		good++;
	}
	CU_ASSERT_EQUAL(s->ops->file_close(f), ST_OK);
	return good;
}

static uint32_t mount_and_read(struct io_dev *const *dev, uint32_t count)
{
	struct vmfs_mount_opts opts = { 0 };
	struct vmfs_volume *vol;
	struct store_file *f;
	struct store *s;
	struct why why = { 0 };
	char text[8] = { 0 };
	uint32_t good;

	CU_ASSERT_EQUAL_FATAL(vmfs_mount(dev, count, &opts, &vol, &why), ST_OK);
	s = vmfs_store(vol);
	CU_ASSERT_EQUAL_FATAL(s->ops->open(s, "/small", 0, &f, &why), ST_OK);
	CU_ASSERT_EQUAL(store_read(f, 0, text, 7), ST_OK);
	CU_ASSERT_STRING_EQUAL(text, "content");
	CU_ASSERT_EQUAL(s->ops->file_close(f), ST_OK);
	good = read_large(s);
	CU_ASSERT_EQUAL(vmfs_unmount(vol), ST_OK);
	return good;
}

/* What each device costs when it is missing adds up to what is not on the head. */
static void test_mounted(uint32_t version)
{
	struct vmfs_mount_opts write = { .write = 1 };
	struct vmfs_volume *vol;
	uint32_t lost = 0, costly = 0;
	struct disks d;

	make_volume(version);
	disks_open(&d, DEVICES);
	for (uint32_t k = 1; k <= DEVICES; k++) {	/* the last time none is missing */
		struct io_dev *dev[DEVICES];
		uint32_t n = 0, good;

		for (uint32_t i = DEVICES; i-- > 0;)
			if (i != k)
				dev[n++] = d.dev[i];
		good = mount_and_read(dev, n);
		CU_ASSERT(good == BLOCKS || k < DEVICES);
		lost += BLOCKS - good;
		costly += good < BLOCKS;
	}
	CU_ASSERT(costly >= 2);
	CU_ASSERT_EQUAL(mount_and_read(d.dev, 1), BLOCKS - lost);
	CU_ASSERT_EQUAL(vmfs_mount(d.dev, 3, &write, &vol, &d.why), ST_NOENT);
	CU_ASSERT_PTR_NOT_NULL(strstr(d.why.text, "device 4 of 4"));
	disks_close(&d);
}

static void test_mounted_5(void) { test_mounted(5); }
static void test_mounted_6(void) { test_mounted(6); }

static const struct cu_case cases[] = {
	{ "missing devices, VMFS-5", test_missing_devices_5 },
	{ "missing devices, VMFS-6", test_missing_devices_6 },
	{ "the seam to a gap", test_seam_to_a_gap },
	{ "refusals", test_partial_refusals },
	{ "a hostile head", test_hostile_head },
	{ "a mounted VMFS-5", test_mounted_5 },
	{ "a mounted VMFS-6", test_mounted_6 },
};
CU_MAIN("vmfs/lvm_absent", cases)
