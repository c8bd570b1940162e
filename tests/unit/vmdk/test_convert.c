/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Every kind into every kind, and what is left when something fails on the way: nothing. */
#include "tests/unit/vmdk/disks.h"

static void test_every_kind_to_every_kind(void)
{
	struct disks t;

	disks_begin(&t);
	disks_put_raw(&t, DIR "/src");
	for (size_t i = 0; i < ARRAY_COUNT(all_kinds); i++) {
		unsigned flags = disks_flags(all_kinds[i].kind);

		CU_ASSERT_EQUAL_FATAL(disks_convert(&t, DIR "/src", VMDK_FORMAT_RAW, DIR "/a.vmdk",
						    all_kinds[i].kind, all_kinds[i].alloc), ST_OK);
		CU_ASSERT(disks_equal(&t, DIR "/a.vmdk", flags, t.pattern, PATTERN_BYTES));
		for (size_t j = 0; j < ARRAY_COUNT(all_kinds); j++) {
			CU_ASSERT_EQUAL(disks_convert(&t, DIR "/a.vmdk", flags, DIR "/b.vmdk",
						      all_kinds[j].kind, all_kinds[j].alloc),
					ST_OK);
			CU_ASSERT(disks_equal(&t, DIR "/b.vmdk", disks_flags(all_kinds[j].kind),
					      t.pattern, PATTERN_BYTES));
			if (all_kinds[j].kind == VMDK_RAW)
				CU_ASSERT_EQUAL(t.s->ops->remove(t.s, DIR "/b.vmdk", NULL), ST_OK)
			else
				CU_ASSERT_EQUAL(vmdk_delete(t.s, DIR "/b.vmdk", 0, &t.why), ST_OK)
		}
		disks_clear(&t);
		disks_put_raw(&t, DIR "/src");
	}
	disks_end(&t);
}

/* What the disk is, is told from its blocks. */
static void test_allocation_is_told(void)
{
	struct disks t;

	disks_begin(&t);
	for (int i = 0; i < 3; i++) {
		struct vmdk_create_opts opts = {
			.kind = VMDK_VMFS, .alloc = all_kinds[i].alloc, .bytes = 4 * MIB,
		};
		struct vmdk_info info;
		struct vmdk_disk *d;

		CU_ASSERT_EQUAL_FATAL(vmdk_create(t.s, DIR "/c.vmdk", &opts, NULL, &t.why), ST_OK);
		d = disks_open(&t, DIR "/c.vmdk", VMDK_READ);
		CU_ASSERT_EQUAL(vmdk_info(d, &info), ST_OK);
		CU_ASSERT_EQUAL(info.cid, 0xfffffffe);
		CU_ASSERT_EQUAL(info.thin_flag, all_kinds[i].alloc == VMDK_THIN);
		if (all_kinds[i].alloc == VMDK_THIN)
			CU_ASSERT_EQUAL(info.alloc, VMDK_THIN);
		CU_ASSERT_EQUAL(vmdk_close(d), ST_OK);
		CU_ASSERT_EQUAL(vmdk_create(t.s, DIR "/c.vmdk", &opts, NULL, &t.why), ST_EXIST);
		CU_ASSERT_EQUAL(vmdk_delete(t.s, DIR "/c.vmdk", 0, &t.why), ST_OK);
		CU_ASSERT_EQUAL(disks_files(&t), 0);
	}
	disks_end(&t);
}

static void test_names_and_sizes(void)
{
	static const char *const bad[] = {
	    DIR "/a",	  DIR "/a-flat.vmdk", DIR "/a-s001.vmdk", DIR "/a-000001.vmdk",
	    DIR "/.vmdk", DIR "/a-ctk.vmdk",  DIR "/a\".vmdk",	  DIR "/a-rdmp.vmdk",
	};
	struct vmdk_create_opts opts = { .kind = VMDK_VMFS, .bytes = MIB };
	struct disks t;

	disks_begin(&t);
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		CU_ASSERT_EQUAL(vmdk_create(t.s, bad[i], &opts, NULL, &t.why), ST_NAME);
	opts.bytes = MIB - 512;
	CU_ASSERT_EQUAL(vmdk_create(t.s, DIR "/a.vmdk", &opts, NULL, &t.why), ST_INVAL);
	opts.bytes = MIB + 1;
	CU_ASSERT_EQUAL(vmdk_create(t.s, DIR "/a.vmdk", &opts, NULL, &t.why), ST_INVAL);
	opts.bytes = VMDK_BYTES_MAX + 512;
	CU_ASSERT_EQUAL(vmdk_create(t.s, DIR "/a.vmdk", &opts, NULL, &t.why), ST_INVAL);
	opts.bytes = VMDK_BYTES_MAX;
	opts.alloc = VMDK_THIN;
	CU_ASSERT_EQUAL(vmdk_create(t.s, DIR "/a.vmdk", &opts, NULL, &t.why), ST_OK);
	CU_ASSERT_EQUAL(disks_files(&t), 2);
	disks_end(&t);
}

/* ---- faults ---------------------------------------------------------------------------------- */

enum fault { FAIL_IO, FAIL_ALLOC };

static void arm(enum fault what, uint64_t n)
{
	if (what == FAIL_IO)
		sim_fail_io(SIM_ANY_OP, n, ST_DEVICE);
	else
		sim_fail_alloc(n);
}

static int happened(enum fault what)
{
	return what == FAIL_IO ? sim_io_failed() : sim_alloc_failed();
}

/* The n-th transfer, or allocation, fails: an error, and only the source is left; or all is well,
 * when the fault did not matter. */
static void sweep_convert(struct disks *t, enum fault what, size_t kind)
{
	for (uint64_t n = 1; n < 2000; n++) {
		uint64_t live = disks_live(t);
		enum status st;
		int hit;

		arm(what, n);
		st = disks_convert(t, DIR "/src", VMDK_FORMAT_RAW, DIR "/f.vmdk",
				   all_kinds[kind].kind, all_kinds[kind].alloc);
		hit = happened(what);
		arm(what, 0);
		CU_ASSERT_EQUAL(disks_live(t), live);
		if (st != ST_OK) {
			CU_ASSERT(hit);
			CU_ASSERT(t->why.text[0]);
			if (disks_files(t) != 1)
				printf("\nkind %zu fault %d n %llu: %s\n", kind, what,
				       (unsigned long long)n, t->why.text);
			CU_ASSERT_EQUAL_FATAL(disks_files(t), 1);
			continue;
		}
		CU_ASSERT(disks_equal(t, DIR "/f.vmdk", disks_flags(all_kinds[kind].kind),
				      t->pattern, PATTERN_BYTES));
		disks_clear(t);
		disks_put_raw(t, DIR "/src");
		if (!hit)
			return;
	}
	CU_FAIL("the sweep did not end");
}

static void test_each_transfer_fails(void)
{
	struct disks t;

	disks_begin(&t);
	disks_put_raw(&t, DIR "/src");
	for (size_t kind = 0; kind < ARRAY_COUNT(all_kinds); kind++)
		sweep_convert(&t, FAIL_IO, kind);
	disks_end(&t);
}

static void test_each_allocation_fails(void)
{
	struct disks t;

	disks_begin(&t);
	disks_put_raw(&t, DIR "/src");
	for (size_t kind = 0; kind < ARRAY_COUNT(all_kinds); kind++)
		sweep_convert(&t, FAIL_ALLOC, kind);
	disks_end(&t);
}

static int stop_now(struct vmdk_job *job, uint64_t done, uint64_t total)
{
	(void)job;
	(void)done;
	(void)total;
	return 1;
}

static void test_cancelled(void)
{
	struct disks t;

	disks_begin(&t);
	disks_put_raw(&t, DIR "/src");
	for (size_t i = 0; i < ARRAY_COUNT(all_kinds); i++) {
		struct vmdk_convert_opts opts = {
			.create = { .kind = all_kinds[i].kind, .alloc = all_kinds[i].alloc },
		};
		struct vmdk_job job = { .progress = stop_now };
		struct vmdk_disk *src = disks_open(&t, DIR "/src", VMDK_FORMAT_RAW);

		CU_ASSERT_EQUAL(vmdk_convert(src, t.s, DIR "/x.vmdk", &opts, &job, &t.why),
				ST_CANCELLED);
		CU_ASSERT_EQUAL(vmdk_close(src), ST_OK);
		CU_ASSERT_EQUAL(disks_files(&t), 1);
	}
	disks_end(&t);
}

/* ---- resume ---------------------------------------------------------------------------------- */

static int stop_at_half(struct vmdk_job *job, uint64_t done, uint64_t total)
{
	(void)job;
	return done >= total / 2;
}

/* Stopped half way, at a rate that gives the journal its time; the second run goes on from there,
 * also when the first was killed, and a changed source starts anew. */
static void resume(struct disks *t, int change_source, uint64_t *read_again)
{
	struct vmdk_convert_opts opts = {
		.create = { .kind = VMDK_VMFS, .alloc = VMDK_THIN },
		.remains = VMDK_REMAINS_CONTINUE, .keep = 1,
	};
	struct vmdk_job job = { .progress = stop_at_half, .rate_bytes_per_s = MIB / 8, .depth = 2 };
	struct vmdk_disk *src = disks_open(t, DIR "/src", VMDK_FORMAT_RAW);

	CU_ASSERT_EQUAL(vmdk_convert(src, t->s, DIR "/r.vmdk", &opts, &job, &t->why), ST_CANCELLED);
	CU_ASSERT_EQUAL(vmdk_close(src), ST_OK);
	CU_ASSERT_EQUAL(disks_files(t), 3);	/* source, flat file, journal */
	if (change_source) {
		t->pattern[100] ^= 0xff;
		disks_put_raw(t, DIR "/src");
	}
	src = disks_open(t, DIR "/src", VMDK_FORMAT_RAW);
	opts.remains = VMDK_REMAINS_REFUSE;
	CU_ASSERT_EQUAL(vmdk_convert(src, t->s, DIR "/r.vmdk", &opts, NULL, &t->why), ST_EXIST);
	opts.remains = VMDK_REMAINS_CONTINUE;
	job = (struct vmdk_job){ 0 };
	CU_ASSERT_EQUAL(vmdk_convert(src, t->s, DIR "/r.vmdk", &opts, &job, &t->why), ST_OK);
	CU_ASSERT_EQUAL(vmdk_close(src), ST_OK);
	CU_ASSERT(disks_equal(t, DIR "/r.vmdk", VMDK_READ, t->pattern, PATTERN_BYTES));
	CU_ASSERT_EQUAL(disks_files(t), 3);	/* source, flat file, descriptor */
	*read_again = job.bytes_read + job.bytes_skipped;
	CU_ASSERT_EQUAL(vmdk_delete(t->s, DIR "/r.vmdk", 0, &t->why), ST_OK);
}

static void test_resume(void)
{
	struct disks t;
	uint64_t again;

	disks_begin(&t);
	disks_put_raw(&t, DIR "/src");
	resume(&t, 0, &again);
	CU_ASSERT(again < PATTERN_BYTES);
	resume(&t, 1, &again);
	CU_ASSERT_EQUAL(again, PATTERN_BYTES);
	disks_end(&t);
}

static void test_compare(void)
{
	struct disks t;
	struct vmdk_disk *a, *b;
	int different;
	uint64_t at;

	disks_begin(&t);
	disks_put_raw(&t, DIR "/a");
	t.pattern[3 * MIB + 17] ^= 1;
	disks_put_raw(&t, DIR "/b");
	a = disks_open(&t, DIR "/a", VMDK_FORMAT_RAW);
	b = disks_open(&t, DIR "/b", VMDK_FORMAT_RAW);
	CU_ASSERT_EQUAL(vmdk_compare(a, b, NULL, &different, &at, &t.why), ST_OK);
	CU_ASSERT_EQUAL(different, 1);
	CU_ASSERT_EQUAL(at, 3 * MIB + 17);
	CU_ASSERT_EQUAL(vmdk_compare(a, a, NULL, &different, &at, &t.why), ST_OK);
	CU_ASSERT_EQUAL(different, 0);
	CU_ASSERT_EQUAL(vmdk_close(a), ST_OK);
	CU_ASSERT_EQUAL(vmdk_close(b), ST_OK);
	disks_end(&t);
}

static const struct cu_case cases[] = {
	{ "every kind to every kind", test_every_kind_to_every_kind },
	{ "allocation is told from the blocks", test_allocation_is_told },
	{ "names and sizes", test_names_and_sizes },
	{ "each transfer fails: nothing is left", test_each_transfer_fails },
	{ "each allocation fails: nothing is left", test_each_allocation_fails },
	{ "cancelled: nothing is left", test_cancelled },
	{ "resume", test_resume },
	{ "compare", test_compare },
};
CU_MAIN("vmdk/convert", cases)
