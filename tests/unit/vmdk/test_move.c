/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Pieces that the store copies by itself: which ones, that holes stay holes, and that a store that
 * cannot, or fails, leaves a disk as good. */
#include "tests/unit/vmdk/disks.h"

#define SOURCE DIR "/src.vmdk"
#define TARGET DIR "/out.raw"

struct seen { uint64_t copies, copied_bytes, failed; };

static void look(void *arg, const struct sim_event *event)
{
	struct seen *seen = arg;

	if (event->op != PORT_COPY || !event->done)
		return;
	seen->copies++;
	if (event->status == ST_OK)
		seen->copied_bytes += event->bytes;
	else
		seen->failed++;
}

/* To a raw file, or another kind; the copies that the disk saw. */
static struct seen convert(struct disks *t, const char *from, unsigned flags, enum vmdk_kind kind)
{
	struct seen seen = { 0 };

	sim_watch(look, &seen);
	CU_ASSERT_EQUAL(disks_convert(t, from, flags, TARGET, kind, VMDK_THIN), ST_OK);
	sim_watch(NULL, NULL);
	CU_ASSERT(disks_equal(t, TARGET, disks_flags(kind), t->pattern, PATTERN_BYTES));
	return seen;
}

static uint64_t allocated(struct disks *t, const char *path)
{
	struct store_stat st = { 0 };

	CU_ASSERT_EQUAL(t->s->ops->stat(t->s, path, &st, NULL), ST_OK);
	return st.allocated_bytes;
}

static void begin(struct disks *t, enum vmdk_kind kind)
{
	disks_begin(t);
	disks_put_raw(t, DIR "/src.raw");
	CU_ASSERT_EQUAL_FATAL(disks_convert(t, DIR "/src.raw", VMDK_FORMAT_RAW, SOURCE, kind,
					    VMDK_THIN), ST_OK);
	CU_ASSERT_EQUAL(t->s->ops->remove(t->s, DIR "/src.raw", NULL), ST_OK);
}

/* Block 3 is full in all kinds, and begins with data: that one at least is moved, and no block that
 * is all zeros is. */
static void test_full_blocks_are_moved(void)
{
	static const enum vmdk_kind kinds[] = { VMDK_MONO_FLAT, VMDK_MONO_SPARSE,
						VMDK_SPLIT_SPARSE };

	for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
		struct disks t;
		struct seen seen;

		begin(&t, kinds[i]);
		seen = convert(&t, SOURCE, VMDK_READ, VMDK_RAW);
		CU_ASSERT(seen.copied_bytes >= MIB);
		CU_ASSERT_EQUAL(seen.failed, 0);
		CU_ASSERT(allocated(&t, TARGET) < 6 * MIB);	/* of seven, two are zeros */
		disks_end(&t);
	}
}

/* A block that begins with a page of zeros may be a hole to be: it is looked through. */
static void test_zeros_that_are_data_become_holes(void)
{
	struct disks t;
	struct seen seen;
	uint8_t *data = calloc(1, 4 * MIB);

	disks_begin(&t);
	data[0] = data[2 * MIB + 5000] = 1;	/* blocks 0 and 2; in 2 behind the first page */
	disks_put(&t, DIR "/src.raw", data, 4 * MIB);
	sim_watch(look, &seen);
	seen = (struct seen){ 0 };
	CU_ASSERT_EQUAL(disks_convert(&t, DIR "/src.raw", VMDK_FORMAT_RAW, TARGET, VMDK_RAW,
				      VMDK_THIN), ST_OK);
	sim_watch(NULL, NULL);
	CU_ASSERT(disks_equal(&t, TARGET, VMDK_FORMAT_RAW, data, 4 * MIB));
	CU_ASSERT_EQUAL(seen.copied_bytes, MIB);
	CU_ASSERT_EQUAL(allocated(&t, TARGET), 2 * MIB);
	free(data);
	disks_end(&t);
}

/* Compressed grains, and files that are not the bytes of the disk. */
static void test_not_what_has_to_be_changed(void)
{
	struct disks t;

	begin(&t, VMDK_STREAM);
	CU_ASSERT_EQUAL(convert(&t, SOURCE, VMDK_READ, VMDK_RAW).copies, 0);
	disks_end(&t);
	begin(&t, VMDK_MONO_SPARSE);
	CU_ASSERT_EQUAL(disks_convert(&t, SOURCE, VMDK_READ, DIR "/o.vmdk", VMDK_STREAM, VMDK_THIN),
			ST_OK);
	CU_ASSERT(disks_equal(&t, DIR "/o.vmdk", VMDK_READ, t.pattern, PATTERN_BYTES));
	disks_end(&t);
}

/* Any failure of a copy costs nothing but a read; a store that cannot is asked only once for each
 * piece that was under way. */
static void fails(enum status how)
{
	struct disks t;

	for (uint64_t n = 1; n <= 4; n++) {
		begin(&t, VMDK_MONO_FLAT);
		sim_fail_io(PORT_COPY, n, how);
		convert(&t, SOURCE, VMDK_READ, VMDK_RAW);
		if (n == 1)
			CU_ASSERT(sim_io_failed());
		sim_fail_io(PORT_COPY, 0, ST_OK);
		disks_end(&t);
	}
}

static void test_copies_that_fail(void)
{
	fails(ST_DEVICE);
	fails(ST_NOSPACE);
	fails(ST_UNSUPPORTED);
}

static const struct cu_case cases[] = {
	{ "full blocks are moved", test_full_blocks_are_moved },
	{ "zeros that are data become holes", test_zeros_that_are_data_become_holes },
	{ "not what has to be changed", test_not_what_has_to_be_changed },
	{ "copies that fail", test_copies_that_fail },
};
CU_MAIN("vmdk/move", cases)
