/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* lvm - one address space over many devices, and no trust in what their headers say. */
#include "tests/unit/vmfs/disks.h"

static void format(uint32_t count, uint64_t bytes) { disks_format(5, count, bytes); }

/* Devices in any order give the same volume. */
static void test_order_does_not_matter(void)
{
	struct disks d;
	struct lvm lvm;

	format(3, 600 * MIB);
	disks_open(&d, 3);
	for (uint32_t k = 0; k < 6; k++) {
		static const uint8_t order[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
						     { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
		struct io_dev *dev[3] = { d.dev[order[k][0]], d.dev[order[k][1]],
					  d.dev[order[k][2]] };

		CU_ASSERT_EQUAL_FATAL(lvm_open(&lvm, dev, 3, &d.why), ST_OK);
		CU_ASSERT_EQUAL(lvm.bytes, 6 * LVM_PE_BYTES);
		CU_ASSERT_EQUAL(lvm.run_count, 3);
		CU_ASSERT_PTR_EQUAL(lvm.dev[2].dev, d.dev[2]);
		lvm_close(&lvm);
	}
	disks_close(&d);
}

static void test_missing_device_is_named(void)
{
	struct disks d;
	struct lvm lvm;

	format(3, 600 * MIB);
	disks_open(&d, 3);
	CU_ASSERT_EQUAL(lvm_open(&lvm, d.dev, 2, &d.why), ST_NOENT);
	CU_ASSERT_PTR_NOT_NULL(strstr(d.why.text, "device 3 of 3"));
	CU_ASSERT_PTR_NOT_NULL(strstr(d.why.text, "d2"));
	CU_ASSERT_EQUAL(lvm_open(&lvm, d.dev + 1, 2, &d.why), ST_NOENT);
	disks_close(&d);
	format(1, 600 * MIB);
	disks_open(&d, 2);	/* of two volumes */
	CU_ASSERT_NOT_EQUAL(lvm_open(&lvm, d.dev, 2, &d.why), ST_OK);
	disks_close(&d);
}

/* Bytes over the seam of two devices, through a request with its own skip and two buffers. */
static void test_request_over_a_seam(void)
{
	struct disks d;
	struct lvm lvm;
	uint8_t out[8192], in[8192], part[4096];
	uint64_t at = 2 * LVM_PE_BYTES - 3000;
	struct io_wait w;
	struct port_vec vec[2] = { { in, 1000 }, { in + 1000, 7192 } };

	format(2, 600 * MIB);
	disks_open(&d, 2);
	CU_ASSERT_EQUAL_FATAL(lvm_open(&lvm, d.dev, 2, &d.why), ST_OK);
	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(i * 7 + i / 256);
	CU_ASSERT_EQUAL(lvm_write(&lvm, at, out, sizeof(out)), ST_OK);
	CU_ASSERT_EQUAL(lvm_read(&lvm, at, in, sizeof(in)), ST_OK);
	CU_ASSERT(!memcmp(in, out, sizeof(in)));
	/* What lies where: the first 3000 bytes at the end of device 0, the rest at the start of
	 * 1. */
	CU_ASSERT_EQUAL(sim_disk_peek(disk_name(0), LVM_DATA_AT + at, part, 3000), ST_OK);
	CU_ASSERT(!memcmp(part, out, 3000));
	CU_ASSERT_EQUAL(sim_disk_peek(disk_name(1), LVM_DATA_AT, part, sizeof(part)), ST_OK);
	CU_ASSERT(!memcmp(part, out + 3000, sizeof(part)));
	memset(in, 0, sizeof(in));
	io_wait_begin(&w, PORT_READ, at + 500, NULL, 7000);
	w.req.io.vec = vec;
	w.req.io.vec_count = 2;
	w.req.io.skip = 500;
	lvm_submit(&lvm, &w.req);
	CU_ASSERT_EQUAL(io_wait_end(&w), ST_OK);
	CU_ASSERT_EQUAL(w.req.depth, 0);
	CU_ASSERT(!memcmp(in + 500, out + 500, 7000) && in[499] == 0 && in[7500] == 0);
	CU_ASSERT_EQUAL(lvm_zero(&lvm, at + 2000, 2000), ST_OK);
	CU_ASSERT_EQUAL(lvm_read(&lvm, at, in, sizeof(in)), ST_OK);
	memset(out + 2000, 0, 2000);
	CU_ASSERT(!memcmp(in, out, sizeof(in)));
	lvm_close(&lvm);
	disks_close(&d);
}

static void test_outside_is_refused(void)
{
	struct disks d;
	struct lvm lvm;
	uint8_t buf[1024];

	format(2, 600 * MIB);
	disks_open(&d, 2);
	CU_ASSERT_EQUAL_FATAL(lvm_open(&lvm, d.dev, 2, &d.why), ST_OK);
	CU_ASSERT_EQUAL(lvm_read(&lvm, lvm.bytes - 512, buf, 1024), ST_RANGE);
	CU_ASSERT_EQUAL(lvm_read(&lvm, UINT64_MAX - 100, buf, 512), ST_RANGE);
	CU_ASSERT_EQUAL(lvm_write(&lvm, lvm.bytes, buf, 512), ST_RANGE);
	CU_ASSERT_EQUAL(lvm_zero(&lvm, lvm.bytes - 512, 1024), ST_RANGE);
	CU_ASSERT(lvm_known_zero(&lvm, 400 * MIB, 200 * MIB));
	CU_ASSERT(!lvm_known_zero(&lvm, VMFS_FS_AT, 512));
	lvm_close(&lvm);
	disks_close(&d);
}

/* A flush reaches every device: after a power cut that drops all that was not flushed, both halves
 * of the write are there. */
static void test_flush_reaches_all_devices(void)
{
	struct disks d;
	struct lvm lvm;
	uint8_t out[4096], in[4096];

	format(2, 600 * MIB);
	for (uint64_t seed = 1; seed <= 20; seed++) {
		disks_open(&d, 2);
		CU_ASSERT_EQUAL_FATAL(lvm_open(&lvm, d.dev, 2, &d.why), ST_OK);
		memset(out, (int)seed, sizeof(out));
		CU_ASSERT_EQUAL(lvm_write(&lvm, 2 * LVM_PE_BYTES - 2048, out, sizeof(out)), ST_OK);
		CU_ASSERT_EQUAL(lvm_flush(&lvm), ST_OK);
		lvm_close(&lvm);
		sim_crash(seed, 1);
		disks_close(&d);
		disks_open(&d, 2);
		CU_ASSERT_EQUAL_FATAL(lvm_open(&lvm, d.dev, 2, &d.why), ST_OK);
		CU_ASSERT_EQUAL(lvm_read(&lvm, 2 * LVM_PE_BYTES - 2048, in, sizeof(in)), ST_OK);
		CU_ASSERT(!memcmp(in, out, sizeof(in)));
		lvm_close(&lvm);
		disks_close(&d);
	}
}

/* Over 16 TiB a device chains regions; the PE behind the border lies 16 MiB further. */
static void test_chained_regions(void)
{
	static const struct { uint64_t bytes; uint32_t pes, regions;
	} t[] = {
		{ 16 * TIB + 17 * MIB, 65536, 1 },
		{ 16 * TIB + 17 * MIB + 256 * MIB, 65536, 1 }, /* no room for the region as well */
		{ 16 * TIB + 33 * MIB + 256 * MIB, 65537, 2 },
		{ 20 * TIB, 81919, 2 },
		{ 64 * TIB, 262143, 4 },
	};

	for (size_t i = 0; i < ARRAY_COUNT(t); i++) {
		struct disks d;
		struct lvm_device dev;
		uint64_t found = 0;

		disk_make(0, t[i].bytes);
		CU_ASSERT_EQUAL(lvm_room_pes(&lvm_form_5, t[i].bytes), t[i].pes);
		disks_open(&d, 1);
		/* Only the headers: the file system of 64 TiB has a test of its own. */
		memset(&dev, 0, sizeof(dev));
		lvm_new_device(&dev, d.dev[0], &(struct vmfs_uuid){ { 1 } }, 1, "x", &lvm_form_5);
		le32_set(&dev.volume.num_devs, 1);
		le32_set(&dev.volume.state, 1);
		le64_set(&dev.volume.logical_bytes, t[i].pes * LVM_PE_BYTES);
		lvm_set_pes(&dev, t[i].pes);
		CU_ASSERT_EQUAL(lvm_write_pes(d.dev[0], 0, t[i].pes, 0, LVM_PE_BYTES, &d.why),
				ST_OK);
		CU_ASSERT_EQUAL(lvm_write_volume(&dev), ST_OK);
		CU_ASSERT_EQUAL(lvm_write_record(&dev), ST_OK);
		for (int once = 0; once < 1; once++) {
			struct lvm *lvm = port_alloc(sizeof(*lvm));

			CU_ASSERT_EQUAL_FATAL(lvm_open(lvm, d.dev, 1, &d.why), ST_OK);
			CU_ASSERT_EQUAL(lvm->run_count, t[i].regions);
			CU_ASSERT_EQUAL(lvm->dev[0].region_count, t[i].regions);
			found = lvm->bytes;
			if (t[i].regions > 1)
				CU_ASSERT_EQUAL(lvm_find(lvm, 16 * TIB)->physical,
						LVM_DATA_AT + 16 * TIB + 16 * MIB);
			lvm_close(lvm);
			port_free(lvm);
		}
		CU_ASSERT_EQUAL(found, t[i].pes * LVM_PE_BYTES);
		disks_close(&d);
	}
}

/* Fields that decide where things are, each with values that are wrong. All must be refused with a
 * text, and never by a crash. */
static void test_bad_fields(void)
{
	static const struct { uint64_t at; uint32_t bytes; uint64_t value;
	} bad[] = {
		{ 0x100000, 4, 0 },	     { 0x100004, 4, 6 },
		{ 0x100004, 4, 99 },	     { 0x100066, 4, 2 },
		{ 0x10006a, 4, 0 },	     { 0x10006a, 4, 0xffffffff },
		{ 0x10006a, 4, 100000 },     { 0x1000be, 4, 9 },
		{ 0x10005a, 4, 4096 },	     { 0x100200, 8, 0 },
		{ 0x100200, 8, ~0ull },	     { 0x100200, 8, 3 * LVM_PE_BYTES },
		{ 0x100210, 4, 2 },	     { 0x100270, 4, 1 },
		{ 0x100274, 4, 7 },	     { 0x100278, 8, 1 },
		{ 0x100280, 8, ~0ull },	     { 0x100290, 4, 0 },
		{ 0x100290, 4, 33 },	     { 0x100290, 4, 2 },
		{ 0x180600, 1, 0 },	     { 0x180601, 4, 5 },
		{ 0x180605, 4, 1 },	     { 0x180609, 8, 0 },
		{ 0x180609, 8, ~0ull },	     { 0x180609, 8, 0x100000 },
		{ 0x180609, 8, 0x11100000 }, { 0x180611, 8, LVM_PE_BYTES },
		{ 0x180611, 8, 1 },	     { 0x180619, 8, 0 },
		{ 0x180619, 8, ~0ull },
	};

	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		struct disks d;
		struct lvm lvm;
		le64 value = le64_make(bad[i].value);
		enum status st;

		format(1, 600 * MIB);
		CU_ASSERT_EQUAL(sim_disk_poke(disk_name(0), bad[i].at, &value, bad[i].bytes),
				ST_OK);
		disks_open(&d, 1);
		st = lvm_open(&lvm, d.dev, 1, &d.why);
		if (st == ST_OK)
			fprintf(stderr, "field at 0x%lx = 0x%lx was accepted\n",
				(unsigned long)bad[i].at, (unsigned long)bad[i].value);
		CU_ASSERT(st == ST_CORRUPT || st == ST_NOENT || st == ST_UNSUPPORTED);
		CU_ASSERT(d.why.text[0] != 0);
		disks_close(&d);
	}
}

/* A chain of metadata regions that points to itself ends at the limit. */
static void test_region_loop(void)
{
	struct lvm_region_disk loop = { 0 };
	uint64_t at = 64 * MIB;
	le64 ext = le64_make(at);
	le32 pes = le32_make(262144);
	struct disks d;
	struct lvm lvm;

	format(1, 600 * MIB);
	le32_set(&loop.magic, LVM_MAGIC);
	le32_set(&loop.num_pe_maps, 1);
	le64_set(&loop.next, at);
	CU_ASSERT_EQUAL(sim_disk_poke(disk_name(0), at, &loop, sizeof(loop)), ST_OK);
	CU_ASSERT_EQUAL(sim_disk_poke(disk_name(0), 0x1000c2, &ext, sizeof(ext)), ST_OK);
	CU_ASSERT_EQUAL(sim_disk_poke(disk_name(0), 0x10006a, &pes, sizeof(pes)), ST_OK);
	disks_open(&d, 1);
	CU_ASSERT_EQUAL(lvm_open(&lvm, d.dev, 1, &d.why), ST_CORRUPT);
	disks_close(&d);
}

static void test_no_memory(void)
{
	struct disks d;
	struct lvm lvm;

	format(2, 600 * MIB);
	disks_open(&d, 2);
	for (uint64_t n = 1;; n++) {
		uint64_t live = sim_alloc_live();
		enum status st;
		int failed;

		sim_fail_alloc(n);
		st = lvm_open(&lvm, d.dev, 2, &d.why);
		failed = sim_alloc_failed();
		sim_fail_alloc(0);
		CU_ASSERT_EQUAL(st, failed ? ST_NOMEM : ST_OK);
		if (st == ST_OK)
			lvm_close(&lvm);
		CU_ASSERT_EQUAL(sim_alloc_live(), live);
		if (!failed)
			break;
	}
	disks_close(&d);
}

static const struct cu_case cases[] = {
	{ "order does not matter", test_order_does_not_matter },
	{ "a missing device is named", test_missing_device_is_named },
	{ "a request over a seam", test_request_over_a_seam },
	{ "outside is refused", test_outside_is_refused },
	{ "a flush reaches all devices", test_flush_reaches_all_devices },
	{ "chained regions", test_chained_regions },
	{ "bad fields", test_bad_fields },
	{ "a loop of regions", test_region_loop },
	{ "no memory", test_no_memory },
};
CU_MAIN("vmfs/lvm", cases)
