/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* chain_read - requests become few transfers, whatever the order of grains; each request has its
 * own end, whatever happens to its neighbours. */
#include "tests/unit/vmdk/links.h"
#include "vmdk/chain_priv.h"

#define GRAINS	512u
#define SECTORS	(GRAINS * 8)

/* ---- counting transfers ---------------------------------------------------------------------- */

struct seen { uint64_t reads, bytes; };

static void count_read(void *arg, const struct sim_event *e)
{
	struct seen *s = arg;

	if (e->op != PORT_READ || !e->done)
		return;
	s->reads++;
	s->bytes += e->bytes;
}

/* Read [at, at + bytes) in one buffer, its map known already, and count what that takes. */
static struct seen read_counted(struct links *l, struct vmdk_disk *d, uint64_t at, uint64_t bytes)
{
	uint8_t *buf = calloc(1, bytes);
	struct seen seen = { 0 };

	CU_ASSERT_EQUAL(vmdk_read(d, at, buf, bytes), ST_OK);
	sim_watch(count_read, &seen);
	CU_ASSERT_EQUAL(vmdk_read(d, at, buf, bytes), ST_OK);
	sim_watch(NULL, NULL);
	CU_ASSERT(!memcmp(buf, l->model + at, bytes));
	free(buf);
	return seen;
}

/* A base that is all data, and a link above it with these grains. */
static struct vmdk_disk *two_links(struct links *l, enum link_kind kind, uint32_t every,
				   uint32_t run)
{
	links_begin(l, SECTORS);
	memset(l->what, G_DATA, GRAINS);
	links_add(l, LINK_FLAT);
	memset(l->what, G_NONE, GRAINS);
	for (uint32_t g = 0; g < GRAINS; g += every)
		memset(l->what + g, G_DATA, MIN(run, GRAINS - g));
	links_add(l, kind);
	return disks_open(&l->t, l->path, VMDK_READ);
}

/* All grains, in a random order of writing. 256 of them are planned at a time, which lie in every
 * second place of the file; each with the gap behind it, 32 make a transfer of 64 buffers. */
static void test_random_order(void)
{
	struct links l;
	struct vmdk_disk *d = two_links(&l, LINK_SESPARSE, 1, 1);
	struct seen seen = read_counted(&l, d, 0, SECTORS * SECTOR_BYTES);

	CU_ASSERT(seen.reads <= GRAINS / 32 + 4);
	CU_ASSERT(seen.bytes <= 2 * SECTORS * SECTOR_BYTES);
	CU_ASSERT_EQUAL(vmdk_close(d), ST_OK);
	links_end(&l);
}

/* Every second grain is the link's: the base is read in pieces that span the gaps. */
static void test_small_gaps(void)
{
	struct links l;
	struct vmdk_disk *d = two_links(&l, LINK_SESPARSE, 2, 1);
	struct seen seen = read_counted(&l, d, 0, SECTORS * SECTOR_BYTES);

	CU_ASSERT(seen.reads <= 2 * (GRAINS / 64) + 8);
	CU_ASSERT(seen.bytes <= 2 * SECTORS * SECTOR_BYTES);
	CU_ASSERT_EQUAL(vmdk_close(d), ST_OK);
	links_end(&l);
}

/* Gaps of 32 KiB cost more than transfers: nothing is read but what was asked for. */
static void test_large_gaps(void)
{
	struct links l;
	struct vmdk_disk *d = two_links(&l, LINK_SESPARSE, 16, 8);
	struct seen seen = read_counted(&l, d, 0, SECTORS * SECTOR_BYTES);

	CU_ASSERT_EQUAL(seen.bytes, SECTORS * SECTOR_BYTES);
	CU_ASSERT(seen.reads <= GRAINS / 16 + 8);
	CU_ASSERT_EQUAL(vmdk_close(d), ST_OK);
	links_end(&l);
}

/* What the base has not and the link has not is not read at all. */
static void test_zeros(void)
{
	struct links l;
	struct vmdk_disk *d;
	struct seen seen;

	links_begin(&l, SECTORS);
	links_add(&l, LINK_COWD);	/* a base with nothing in it */
	memset(l.what, G_ZERO, GRAINS);
	l.what[7] = G_DATA;
	links_add(&l, LINK_SESPARSE);
	d = disks_open(&l.t, l.path, VMDK_READ);
	seen = read_counted(&l, d, 0, SECTORS * SECTOR_BYTES);
	CU_ASSERT_EQUAL(seen.reads, 1);
	CU_ASSERT_EQUAL(seen.bytes, GRAIN_4K);
	CU_ASSERT_EQUAL(vmdk_close(d), ST_OK);
	links_end(&l);
}

/* ---- many pieces ----------------------------------------------------------------------------- */

/* Buffers that do not join: each sector of a COWD goes alone, more of them than transfers there
 * are. */
static void test_more_than_there_are_transfers(void)
{
	const uint64_t bytes = SECTORS * SECTOR_BYTES;
	struct links l;
	struct vmdk_disk *d = two_links(&l, LINK_COWD, 2, 1);
	uint8_t *a = calloc(1, bytes), *b = calloc(1, bytes);
	struct port_vec vec[3] = { { a, 1000 }, { b, 5 * GRAIN_4K }, { 0 } };
	struct io_wait w;

	vec[2] = (struct port_vec){ a + 1000, bytes - 1000 - 5 * GRAIN_4K };
	io_wait_begin(&w, PORT_READ, 0, NULL, bytes);
	w.req.io.vec = vec;
	w.req.io.vec_count = 3;
	vmdk_submit(d, &w.req);
	CU_ASSERT(!w.ended);
	CU_ASSERT_EQUAL(io_wait_end(&w), ST_OK);
	CU_ASSERT_EQUAL(w.req.depth, 0);
	CU_ASSERT(!memcmp(a, l.model, 1000));
	CU_ASSERT(!memcmp(b, l.model + 1000, 5 * GRAIN_4K));
	CU_ASSERT(!memcmp(a + 1000, l.model + 1000 + 5 * GRAIN_4K, bytes - 1000 - 5 * GRAIN_4K));
	free(a);
	free(b);
	CU_ASSERT_EQUAL(vmdk_close(d), ST_OK);
	links_end(&l);
}

/* ---- each its own end ------------------------------------------------------------------------ */

#define FLIGHT 32u

struct flight { struct io_wait wait[FLIGHT]; uint8_t buf[FLIGHT][2 * GRAIN_4K]; };

/* FLIGHT requests side by side; counts those that ended well, and checks their bytes. */
static uint32_t fly(struct links *l, struct vmdk_disk *d, struct flight *f, enum status failure)
{
	uint32_t good = 0;

	for (uint32_t i = 0; i < FLIGHT; i++) {
		uint64_t at = (uint64_t)i * 16 * GRAIN_4K;

		io_wait_begin(&f->wait[i], PORT_READ, at, f->buf[i], sizeof(f->buf[i]));
		vmdk_submit(d, &f->wait[i].req);
		CU_ASSERT(!f->wait[i].ended);
	}
	for (uint32_t i = 0; i < FLIGHT; i++) {
		uint64_t at = (uint64_t)i * 16 * GRAIN_4K;
		enum status st = io_wait_end(&f->wait[i]);

		CU_ASSERT(st == ST_OK || st == failure);
		CU_ASSERT(st != ST_OK || !memcmp(f->buf[i], l->model + at, sizeof(f->buf[i])));
		good += st == ST_OK;
	}
	return good;
}

/* The n-th transfer fails: one request ends with that. The next time all is well. */
static void test_one_transfer_fails(void)
{
	struct flight *f = calloc(1, sizeof(*f));
	struct links l;
	struct vmdk_disk *d = two_links(&l, LINK_SESPARSE, 2, 1);

	CU_ASSERT_EQUAL(fly(&l, d, f, ST_OK), FLIGHT);	/* the map is known from here on */
	for (uint64_t n = 1; n <= 2 * FLIGHT; n += 3) {
		sim_fail_io(PORT_READ, n, ST_DEVICE);
		CU_ASSERT_EQUAL(fly(&l, d, f, ST_DEVICE), FLIGHT - 1);
		sim_fail_io(PORT_READ, 0, ST_OK);
		CU_ASSERT_EQUAL(fly(&l, d, f, ST_OK), FLIGHT);
	}
	CU_ASSERT_EQUAL(vmdk_close(d), ST_OK);
	links_end(&l);
	free(f);
}

/* One entry is damaged: who reads that grain is told, in the same flight as others that are not. */
static void test_one_grain_is_bad(void)
{
	struct flight *f = calloc(1, sizeof(*f));
	uint8_t all[2 * GRAIN_4K], bad[8];
	struct links l;
	struct vmdk_disk *d = two_links(&l, LINK_SESPARSE, 2, 1);

	CU_ASSERT_EQUAL(vmdk_close(d), ST_OK);
	links_put64(bad, 4ull << 60);
	/* The entry of grain 80, the first of request 5. */
	CU_ASSERT_EQUAL(sim_disk_poke(DIR "/l1.vmdk-x", 9 * SECTOR_BYTES + 80 * 8, bad, 8), ST_OK);
	d = disks_open(&l.t, l.path, VMDK_READ);
	CU_ASSERT_EQUAL(fly(&l, d, f, ST_CORRUPT), FLIGHT - 1);
	CU_ASSERT_EQUAL(f->wait[5].req.status, ST_CORRUPT);
	/* A request that only touches the neighbours of that grain is well. */
	CU_ASSERT_EQUAL(vmdk_read(d, 81 * GRAIN_4K, all, sizeof(all)), ST_OK);
	CU_ASSERT(!memcmp(all, l.model + 81 * GRAIN_4K, sizeof(all)));
	CU_ASSERT_EQUAL(vmdk_read(d, 79 * GRAIN_4K, all, GRAIN_4K + 512), ST_CORRUPT);
	CU_ASSERT_EQUAL(vmdk_close(d), ST_OK);
	links_end(&l);
	free(f);
}

/* The tables cannot be read, or there is no memory for a window: all that wait for it are told. */
static void test_no_window(void)
{
	struct flight *f = calloc(1, sizeof(*f));
	struct links l;

	for (int memory = 0; memory < 2; memory++) {
		struct vmdk_disk *d = two_links(&l, LINK_SESPARSE, 2, 1);

		if (memory)
			sim_fail_alloc(1);
		else
			sim_fail_io(PORT_READ, 1, ST_DEVICE);
		CU_ASSERT(fly(&l, d, f, memory ? ST_NOMEM : ST_DEVICE) < FLIGHT);
		sim_fail_alloc(0);
		sim_fail_io(PORT_READ, 0, ST_OK);
		CU_ASSERT_EQUAL(fly(&l, d, f, ST_OK), FLIGHT);
		CU_ASSERT_EQUAL(vmdk_close(d), ST_OK);
		links_end(&l);
	}
	free(f);
}

static void test_init_without_memory(void)
{
	uint64_t live = sim_alloc_live();

	for (uint64_t n = 1; n <= 5; n++) {
		struct chain c = { 0 };
		enum status st;

		list_init(&c.free_subs);
		sim_fail_alloc(n);
		st = chain_read_init(&c);
		sim_fail_alloc(0);
		CU_ASSERT_EQUAL(st, n <= 4 ? ST_NOMEM : ST_OK);
		chain_read_fini(&c);
		CU_ASSERT_EQUAL(sim_alloc_live(), live);
	}
}

static const struct cu_case cases[] = {
	{ "a random order is read as it lies", test_random_order },
	{ "small gaps are read over", test_small_gaps },
	{ "large gaps are not", test_large_gaps },
	{ "zeros are not read", test_zeros },
	{ "more pieces than transfers", test_more_than_there_are_transfers },
	{ "one transfer fails", test_one_transfer_fails },
	{ "one grain is bad", test_one_grain_is_bad },
	{ "no window", test_no_window },
	{ "no memory at the start", test_init_without_memory },
};
CU_MAIN("vmdk/chain_read", cases)
