/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Whole-disk operations: delete, rename, extend, inflate, zero, punch. */
#include "tests/unit/vmdk/disks.h"

static void put_disk(struct disks *t, const char *path, enum vmdk_kind kind, enum vmdk_alloc alloc)
{
	disks_put_raw(t, "/src");
	CU_ASSERT_EQUAL_FATAL(disks_convert(t, "/src", VMDK_FORMAT_RAW, path, kind, alloc), ST_OK);
	CU_ASSERT_EQUAL(t->s->ops->remove(t->s, "/src", NULL), ST_OK);
}

static struct vmdk_info info_of(struct disks *t, const char *path)
{
	struct vmdk_disk *d = disks_open(t, path, VMDK_READ);
	struct vmdk_info info;

	CU_ASSERT_EQUAL(vmdk_info(d, &info), ST_OK);
	CU_ASSERT_EQUAL(vmdk_close(d), ST_OK);
	return info;
}

static void test_rename(void)
{
	struct disks t;

	disks_begin(&t);
	for (size_t i = 0; i + 1 < ARRAY_COUNT(all_kinds); i++) {
		struct vmdk_info before, after;

		put_disk(&t, DIR "/old.vmdk", all_kinds[i].kind, all_kinds[i].alloc);
		before = info_of(&t, DIR "/old.vmdk");
		CU_ASSERT_EQUAL(vmdk_rename(t.s, DIR "/old.vmdk", DIR "/old.vmdk", &t.why),
				ST_EXIST);
		CU_ASSERT_EQUAL(vmdk_rename(t.s, DIR "/old.vmdk", DIR "/new-flat.vmdk", &t.why),
				ST_NAME);
		CU_ASSERT_EQUAL(vmdk_rename(t.s, DIR "/old.vmdk", DIR "/new.vmdk", &t.why), ST_OK);
		CU_ASSERT(disks_equal(&t, DIR "/new.vmdk", VMDK_READ, t.pattern, PATTERN_BYTES));
		after = info_of(&t, DIR "/new.vmdk");
		CU_ASSERT_EQUAL(before.cid, after.cid);
		CU_ASSERT_STRING_EQUAL(before.uuid, after.uuid);
		CU_ASSERT_EQUAL(vmdk_delete(t.s, DIR "/new.vmdk", 0, &t.why), ST_OK);
		CU_ASSERT_EQUAL(disks_files(&t), 0);
	}
	disks_end(&t);
}

/* Each transfer of a rename fails in turn: the disk is there, whole, under one of its names. */
static void test_rename_faults(void)
{
	struct disks t;
	int hit = 1;

	disks_begin(&t);
	for (uint64_t n = 1; hit && n < 200; n++) {
		enum status st;
		const char *at;

		put_disk(&t, DIR "/old.vmdk", VMDK_VMFS, VMDK_THIN);
		sim_fail_io(SIM_ANY_OP, n, ST_DEVICE);
		st = vmdk_rename(t.s, DIR "/old.vmdk", DIR "/new.vmdk", &t.why);
		hit = sim_io_failed();
		sim_fail_io(SIM_ANY_OP, 0, ST_OK);
		at = st == ST_OK ? DIR "/new.vmdk" : DIR "/old.vmdk";
		CU_ASSERT(disks_equal(&t, at, VMDK_READ, t.pattern, PATTERN_BYTES));
		CU_ASSERT_EQUAL(disks_files(&t), 2);
		disks_clear(&t);
	}
	CU_ASSERT(!hit);
	disks_end(&t);
}

static void test_delete_refused(void)
{
	static const char child[] =
	    "# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=2\nparentFileNameHint=\"a.vmdk\"\n"
	    "createType=\"vmfsSparse\"\nRW 2048 VMFSSPARSE \"a-000001-delta.vmdk\"\n";
	struct vmdk_disk *d;
	struct disks t;

	disks_begin(&t);
	put_disk(&t, DIR "/a.vmdk", VMDK_VMFS, VMDK_THIN);
	d = disks_open(&t, DIR "/a.vmdk", VMDK_WRITE);
	CU_ASSERT_EQUAL(vmdk_delete(t.s, DIR "/a.vmdk", 1, &t.why), ST_BUSY);
	CU_ASSERT_EQUAL(vmdk_close(d), ST_OK);
	disks_put(&t, DIR "/a-000001.vmdk", child, strlen(child));
	CU_ASSERT_EQUAL(vmdk_delete(t.s, DIR "/a.vmdk", 0, &t.why), ST_REFUSED);
	CU_ASSERT_EQUAL(vmdk_extend(t.s, DIR "/a.vmdk", 8 * MIB, 0, NULL, &t.why), ST_REFUSED);
	CU_ASSERT_EQUAL(vmdk_rename(t.s, DIR "/a.vmdk", DIR "/b.vmdk", &t.why), ST_REFUSED);
	CU_ASSERT_EQUAL(disks_files(&t), 3);
	CU_ASSERT_EQUAL(vmdk_delete(t.s, DIR "/a.vmdk", 1, &t.why), ST_OK);
	CU_ASSERT_EQUAL(disks_files(&t), 1);
	disks_clear(&t);
	/* a missing extent is no obstacle */
	put_disk(&t, DIR "/a.vmdk", VMDK_VMFS, VMDK_THIN);
	CU_ASSERT_EQUAL(t.s->ops->remove(t.s, DIR "/a-flat.vmdk", NULL), ST_OK);
	CU_ASSERT_EQUAL(vmdk_delete(t.s, DIR "/a.vmdk", 0, &t.why), ST_OK);
	CU_ASSERT_EQUAL(disks_files(&t), 0);
	disks_end(&t);
}

static void extend_one(struct disks *t, enum vmdk_kind kind, enum vmdk_alloc alloc, uint64_t bytes)
{
	uint8_t *want = calloc(1, bytes);
	struct vmdk_check_result r;
	struct vmdk_disk *d;

	put_disk(t, DIR "/e.vmdk", kind, alloc);
	CU_ASSERT_EQUAL(vmdk_extend(t->s, DIR "/e.vmdk", 2 * MIB, 0, NULL, &t->why), ST_INVAL);
	CU_ASSERT_EQUAL(vmdk_extend(t->s, DIR "/e.vmdk", bytes, 0, NULL, &t->why), ST_OK);
	CU_ASSERT_EQUAL(vmdk_extend(t->s, DIR "/e.vmdk", bytes, 0, NULL, &t->why), ST_OK);
	memcpy(want, t->pattern, PATTERN_BYTES);
	CU_ASSERT(disks_equal(t, DIR "/e.vmdk", VMDK_READ, want, bytes));
	d = disks_open(t, DIR "/e.vmdk", VMDK_WRITE);
	disks_noise(want + bytes - 70000 / 512 * 512, 69632, 9);
	CU_ASSERT_EQUAL(
	    vmdk_write(d, bytes - 70000 / 512 * 512, want + bytes - 70000 / 512 * 512, 69632),
	    ST_OK);
	CU_ASSERT_EQUAL(vmdk_close(d), ST_OK);
	CU_ASSERT(disks_equal(t, DIR "/e.vmdk", VMDK_READ, want, bytes));
	CU_ASSERT_EQUAL(vmdk_check(t->s, DIR "/e.vmdk", 0, NULL, NULL, &r, &t->why), ST_OK);
	CU_ASSERT_EQUAL(r.corruptions, 0);
	free(want);
	disks_clear(t);
}

static void test_extend(void)
{
	struct disks t;

	disks_begin(&t);
	extend_one(&t, VMDK_VMFS, VMDK_THIN, 8 * MIB);
	extend_one(&t, VMDK_VMFS, VMDK_LAZY, 8 * MIB + 512);
	extend_one(&t, VMDK_MONO_FLAT, VMDK_THIN, 8 * MIB);
	extend_one(&t, VMDK_MONO_SPARSE, VMDK_THIN, 8 * MIB);	/* the table goes on */
	extend_one(&t, VMDK_MONO_SPARSE, VMDK_THIN, 80 * MIB);	/* new tables */
	disks_end(&t);
}

static void test_fill(void)
{
	struct vmdk_job job = { 0 };
	struct vmdk_disk *d;
	struct disks t;
	uint8_t *zeros = calloc(1, PATTERN_BYTES);

	disks_begin(&t);
	put_disk(&t, DIR "/f.vmdk", VMDK_VMFS, VMDK_THIN);
	CU_ASSERT_EQUAL(info_of(&t, DIR "/f.vmdk").alloc, VMDK_THIN);
	CU_ASSERT_EQUAL(vmdk_fill(t.s, DIR "/f.vmdk", VMDK_EAGER_ZERO, NULL, &t.why), ST_REFUSED);
	CU_ASSERT_EQUAL(vmdk_fill(t.s, DIR "/f.vmdk", VMDK_INFLATE, NULL, &t.why), ST_OK);
	CU_ASSERT_EQUAL(info_of(&t, DIR "/f.vmdk").thin_flag, 0);
	CU_ASSERT_EQUAL(vmdk_fill(t.s, DIR "/f.vmdk", VMDK_INFLATE, NULL, &t.why), ST_REFUSED);
	CU_ASSERT(disks_equal(&t, DIR "/f.vmdk", VMDK_READ, t.pattern, PATTERN_BYTES));
	/* Zeros that were written take room in the simulator; zeroed ranges do not. */
	d = disks_open(&t, DIR "/f.vmdk", VMDK_WRITE);
	CU_ASSERT_EQUAL(vmdk_write(d, 5 * MIB, zeros, 2 * MIB - 512), ST_OK);
	CU_ASSERT_EQUAL(vmdk_close(d), ST_OK);
	CU_ASSERT_EQUAL(vmdk_fill(t.s, DIR "/f.vmdk", VMDK_PUNCH_ZERO, &job, &t.why), ST_OK);
	CU_ASSERT(job.bytes_skipped >= MIB);
	CU_ASSERT_EQUAL(info_of(&t, DIR "/f.vmdk").thin_flag, 1);
	CU_ASSERT_EQUAL(info_of(&t, DIR "/f.vmdk").alloc, VMDK_THIN);
	CU_ASSERT(disks_equal(&t, DIR "/f.vmdk", VMDK_READ, t.pattern, PATTERN_BYTES));
	CU_ASSERT_EQUAL(vmdk_fill(t.s, DIR "/f.vmdk", VMDK_WRITE_ZEROS, NULL, &t.why), ST_OK);
	CU_ASSERT(disks_equal(&t, DIR "/f.vmdk", VMDK_READ, zeros, PATTERN_BYTES));
	disks_clear(&t);
	put_disk(&t, DIR "/f.vmdk", VMDK_SPLIT_SPARSE, VMDK_THIN);
	CU_ASSERT_EQUAL(vmdk_fill(t.s, DIR "/f.vmdk", VMDK_INFLATE, NULL, &t.why), ST_UNSUPPORTED);
	CU_ASSERT_EQUAL(vmdk_fill(t.s, DIR "/f.vmdk", VMDK_WRITE_ZEROS, NULL, &t.why), ST_OK);
	CU_ASSERT(disks_equal(&t, DIR "/f.vmdk", VMDK_READ, zeros, PATTERN_BYTES));
	free(zeros);
	disks_end(&t);
}

static const struct cu_case cases[] = {
	{ "rename", test_rename },
	{ "rename: each transfer fails", test_rename_faults },
	{ "delete, extend and rename refused", test_delete_refused },
	{ "extend", test_extend },
	{ "inflate, punch, zero", test_fill },
};
CU_MAIN("vmdk/manage", cases)
