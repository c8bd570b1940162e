/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* check - every rule finds what breaks it, repairs are complete, and nothing on the disk can hurt.
 * A volume with one of everything is made once; each case damages one field and looks for the
 * rule. */
#include "tests/unit/vmfs/disks.h"

#define FD_AT(n)	(0x420000ull + (n) * 2048ull)	/* of cluster 0 on this volume */
#define FD_META(n)	(FD_AT(n) + 0x200)
#define FBB_CLUSTER	0x610000ull
#define FDC_CLUSTER	0x410000ull

static const uint64_t disk_bytes = 300 * MIB;
/* What the cases damage, as it was made: the LVM header's start, the volume's system files. */
static struct { uint64_t at, bytes; uint8_t *data; } golden[] = {
	{ LVM_HEADER_AT, MIB, NULL }, { LVM_DATA_AT + VMFS_FS_AT, 12 * MIB, NULL },
};

static void put_file(struct store *s, const char *path, uint64_t bytes)
{
	struct store_file *f;
	uint8_t *data = port_dma_alloc(MIB);
	struct why why = { 0 };

	CU_ASSERT_EQUAL_FATAL(s->ops->create(s, path, 0644, &f, &why), ST_OK);
	memset(data, 0x5a, MIB);
	for (uint64_t at = 0; at < bytes; at += MIB)
		CU_ASSERT_EQUAL(store_write(f, at, data, MIN(MIB, bytes - at)), ST_OK);
	CU_ASSERT_EQUAL(s->ops->file_close(f), ST_OK);
	port_dma_free(data, MIB);
}

/* FDs in order: 8 /d, 9 /d/sub, 10 resident, 11 sub-block, 12 file blocks, 13 symlink, 14 pointer
 * block. */
static void populate(void)
{
	struct vmfs_mount_opts opts = { .write = 1 };
	struct vmfs_volume *vol;
	struct store_file *f;
	struct store *s;
	struct disks d;
	uint8_t byte = 1;

	disk_format(disk_bytes);
	disks_open(&d, 1);
	CU_ASSERT_EQUAL_FATAL(vmfs_mount(d.dev, 1, &opts, &vol, &d.why), ST_OK);
	s = vmfs_store(vol);
	CU_ASSERT_EQUAL(s->ops->mkdir(s, "/d", 0755, &d.why), ST_OK);
	CU_ASSERT_EQUAL(s->ops->mkdir(s, "/d/sub", 0755, &d.why), ST_OK);
	put_file(s, "/d/resident", 100);
	put_file(s, "/d/small", 5000);
	put_file(s, "/d/blocks", 3 * MIB);
	CU_ASSERT_EQUAL(s->ops->symlink(s, "blocks", "/d/link", &d.why), ST_OK);
	put_file(s, "/d/thin", 1);
	CU_ASSERT_EQUAL(s->ops->open(s, "/d/thin", STORE_WRITE, &f, &d.why), ST_OK);
	CU_ASSERT_EQUAL(store_write(f, 300 * MIB, &byte, 1), ST_OK);
	CU_ASSERT_EQUAL(s->ops->file_allocate(f, 302 * MIB, 2 * MIB, STORE_ALLOC_LAZY), ST_OK);
	CU_ASSERT_EQUAL(s->ops->file_close(f), ST_OK);
	CU_ASSERT_EQUAL(vmfs_unmount(vol), ST_OK);
	disks_close(&d);
	for (size_t i = 0; i < ARRAY_COUNT(golden); i++) {
		golden[i].data = port_alloc(golden[i].bytes);
		CU_ASSERT_EQUAL(
		    sim_disk_peek(disk_name(0), golden[i].at, golden[i].data, golden[i].bytes),
		    ST_OK);
	}
}

static void restore(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(golden); i++)
		CU_ASSERT_EQUAL(
		    sim_disk_poke(disk_name(0), golden[i].at, golden[i].data, golden[i].bytes),
		    ST_OK);
}

/* Volume offset to disk. */
static void poke(uint64_t at, const void *data, size_t bytes)
{
	CU_ASSERT_EQUAL(sim_disk_poke(disk_name(0), LVM_DATA_AT + at, data, bytes), ST_OK);
}

static void poke32(uint64_t at, uint32_t value)
{
	le32 raw = le32_make(value);

	poke(at, &raw, sizeof(raw));
}

static uint32_t peek32(uint64_t at)
{
	le32 raw;

	CU_ASSERT_EQUAL(sim_disk_peek(disk_name(0), LVM_DATA_AT + at, &raw, sizeof(raw)), ST_OK);
	return le32_get(raw);
}

static void check(int fix, struct findings *all)
{
	struct disks d;

	disks_open(&d, 1);
	disks_check(&d, fix, all);
	disks_close(&d);
}

static void test_clean(void)
{
	struct findings all;

	populate();
	check(0, &all);
	if (findings_errors(&all))
		findings_print(&all);
	CU_ASSERT_EQUAL(findings_errors(&all), 0);
	CU_ASSERT_EQUAL(all.result.files, 5);
	CU_ASSERT_EQUAL(all.result.dirs, 3);
	for (uint32_t fd = 8; fd < 15; fd++)	/* what the cases below rely on */
		CU_ASSERT_EQUAL(peek32(FD_META(fd)), VMFS_FD_MAKE(0, fd));
}

/* One field of the volume, the rule that must name it, and whether it can be repaired. */
struct mutation {
	uint64_t		at;	/* volume offset */
	uint32_t		value, bytes;
	const char		*rule;
	enum vmfs_severity	severity;
};

static const struct mutation mutations[] = {
	/* descriptor */
	{ 0x200000, 0, 4, "D1", VMFS_FIND_DAMAGE },
	{ 0x200004, 7, 4, "D1", VMFS_FIND_DAMAGE },
	{ 0x2000a1, 3 * MIB, 4, "D1", VMFS_FIND_DAMAGE },
	{ 0x2000b1, 0x1234, 4, "D2", VMFS_FIND_DAMAGE },
	{ 0x2000c1, 9, 4, "D2", VMFS_FIND_DAMAGE },
	{ 0x2000d5, 32, 4, "D1", VMFS_FIND_DAMAGE },
	{ 0x200105, 0x1000, 4, "D3", VMFS_FIND_WRONG },
	{ 0x20010d, 0xffffffff, 4, "D3", VMFS_FIND_DAMAGE },
	/* heartbeats */
	{ 0x300000, 0x77, 4, "H1", VMFS_FIND_DAMAGE },
	{ 0x300204, 0, 4, "H1", VMFS_FIND_WRONG },
	/* resource files */
	{ 0x600000, 0, 4, "D1", VMFS_FIND_DAMAGE },
	{ 0x800014, 9999, 4, "D1", VMFS_FIND_DAMAGE },
	{ FBB_CLUSTER + 0x04, 0x999, 4, "R2", VMFS_FIND_WRONG },
	{ FBB_CLUSTER + 0x00, 0, 4, "R2", VMFS_FIND_DAMAGE },
	{ FBB_CLUSTER + 0x200, 5, 4, "R2", VMFS_FIND_DAMAGE },
	{ FBB_CLUSTER + 0x204, 201, 4, "R2", VMFS_FIND_DAMAGE },
	{ FBB_CLUSTER + 0x204, 150, 4, "R2", VMFS_FIND_WRONG },
	{ FBB_CLUSTER + 0x208, 3, 4, "R2", VMFS_FIND_WRONG },
	{ FBB_CLUSTER + 0x20c, 5000, 4, "R2", VMFS_FIND_WRONG },
	{ FBB_CLUSTER + 0x20c, 100, 4, "R2", VMFS_FIND_NOTE },
	{ FBB_CLUSTER + 0x24c, 0x80000000, 4, "R2", VMFS_FIND_WRONG },
	{ FDC_CLUSTER + 0x24, 9, 4, "R3", VMFS_FIND_DAMAGE },
	{ FDC_CLUSTER + 0x24, 1, 4, "R3", VMFS_FIND_NOTE },
	/* file descriptors */
	{ FD_AT(12) + 0x00, 0, 4, "F1", VMFS_FIND_WRONG },
	{ FD_AT(12) + 0x04, 0x1000, 4, "F1", VMFS_FIND_WRONG },
	{ FD_META(12) + 0x00, 0, 4, "F1", VMFS_FIND_DAMAGE },
	{ FD_META(12) + 0x0c, 99, 4, "F1", VMFS_FIND_DAMAGE },
	{ FD_META(12) + 0x44, 77, 4, "F1", VMFS_FIND_DAMAGE },
	{ FD_META(12) + 0x1c, 0x2000, 4, "F1", VMFS_FIND_DAMAGE },
	{ FD_META(12) + 0x18, 0x7fffffff, 4, "F1", VMFS_FIND_DAMAGE },
	{ FD_META(10) + 0x14, 5000, 4, "F1", VMFS_FIND_DAMAGE },
	{ FD_META(12) + 0x89, 0, 1, "F1", VMFS_FIND_WRONG },
	{ FD_META(12) + 0x89, 13, 1, "F1", VMFS_FIND_DAMAGE },
	{ FD_AT(12) + 0x400, 0xffffffc1, 4, "F2", VMFS_FIND_DAMAGE },
	{ FD_AT(12) + 0x400, 0x102, 4, "F2", VMFS_FIND_DAMAGE },
	{ FD_AT(12) + 0x400, VMFS_FB_MAKE(5), 4, "F2", VMFS_FIND_DAMAGE },
	{ FD_AT(14) + 0x400, VMFS_PB_MAKE(1000, 0), 4, "F2", VMFS_FIND_DAMAGE },
	{ FD_META(12) + 0x24, 9, 4, "F3", VMFS_FIND_WRONG },
	{ FD_META(14) + 0x48, 9, 4, "F3", VMFS_FIND_WRONG },
	{ FD_META(14) + 0x5c, 9, 4, "F3", VMFS_FIND_WRONG },
	{ FD_META(12) + 0x14, MIB, 4, "F4", VMFS_FIND_NOTE },
	/* directories: the root's data is block 5 */
	{ 0x500000 + 0x04, 0x00400004, 4, "N1", VMFS_FIND_DAMAGE },
	{ 0x500000 + 0x0c, 'x', 1, "N1", VMFS_FIND_DAMAGE },
	{ 0x500000 + 140 + 0x04, 0x02000004, 4, "N1", VMFS_FIND_DAMAGE },
	{ FD_META(0) + 0x14, 141, 4, "N1", VMFS_FIND_DAMAGE },
	{ 0x500000 + 9 * 140 + 0x00, 3, 4, "N2", VMFS_FIND_DAMAGE },
	{ 0x500000 + 9 * 140 + 0x04, 0x07c00004, 4, "N2", VMFS_FIND_DAMAGE },
	{ 0x500000 + 9 * 140 + 0x04, 0xfffffff4, 4, "N2", VMFS_FIND_DAMAGE },
	{ 0x500000 + 9 * 140 + 0x08, 99, 4, "N2", VMFS_FIND_DAMAGE },
	{ 0x500000 + 9 * 140 + 0x0c, 0, 4, "N3", VMFS_FIND_DAMAGE },
	{ 0x500000 + 9 * 140 + 0x0c, '/', 1, "N3", VMFS_FIND_DAMAGE },
	{ 0x500000 + 9 * 140 + 0x0c, 0xff, 1, "N3", VMFS_FIND_DAMAGE },
	{ FD_META(12) + 0x08, 7, 4, "N4", VMFS_FIND_WRONG },
	{ FD_META(8) + 0x08, 1, 4, "N4", VMFS_FIND_WRONG },
	/* allocation */
	{ FBB_CLUSTER + 0x210, 0, 2, "G1", VMFS_FIND_LEAK },
	{ FBB_CLUSTER + 0x21c, 0, 4, "G1", VMFS_FIND_LEAK },
	{ FBB_CLUSTER + 0x210, 0xffffffff, 4, "G1", VMFS_FIND_WRONG },
	{ FDC_CLUSTER + 0x210, 0xffffffff, 4, "G1", VMFS_FIND_WRONG },
};

static void apply(const struct mutation *m)
{
	le32 raw = le32_make(m->value);

	poke(m->at, &raw, m->bytes);
}

static void complain(const struct mutation *m, const struct findings *all, const char *what)
{
	fprintf(stderr, "0x%lx = 0x%x, rule %s: %s\n", (unsigned long)m->at, m->value, m->rule,
		what);
	findings_print(all);
	CU_FAIL("see above");
}

static void test_every_rule_finds(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(mutations); i++) {
		const struct mutation *m = &mutations[i];
		struct findings all;

		restore();
		apply(m);
		check(0, &all);
		if (all.status != ST_OK || !findings_rule(&all, m->rule, m->severity))
			complain(m, &all, "not found");
		for (uint32_t k = 0; k < all.count; k++)
			CU_ASSERT(!all.f[k].fixed);
	}
	restore();
}

/* What is WRONG or a LEAK and nothing worse is repaired in one run: the next one finds nothing.
 * What is DAMAGE is never touched. */
static void test_repairs_are_complete(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(mutations); i++) {
		const struct mutation *m = &mutations[i];
		struct findings before, fix, after;

		restore();
		apply(m);
		check(0, &before);
		check(1, &fix);
		check(0, &after);
		if (after.result.damage != before.result.damage)
			complain(m, &after, "damage changed");
		if (before.result.damage == 0 && findings_errors(&after))
			complain(m, &after, "not repaired");
		if (before.result.damage == 0 && findings_errors(&before) && !fix.result.fixed)
			complain(m, &fix, "repaired, but does not say so");
	}
	restore();
}

/* A file that nobody names: without links it is a leak and goes, with links it is kept and
 * reported. */
static void test_orphans(void)
{
	struct findings all;
	uint8_t entry[140] = { 0 };
	uint64_t d_data =
	    0x500000 + 9 * 140; /* the root's entry "d": taking it away orphans the tree */

	restore();
	poke(d_data, entry, sizeof(entry));
	check(1, &all);
	CU_ASSERT_PTR_NOT_NULL(findings_rule(&all, "N5", VMFS_FIND_DAMAGE));
	CU_ASSERT_EQUAL(all.result.leaks, 0);

	/* FD 15 is free: make it a used one without links that holds block 100. */
	restore();
	{
		struct vmfs_fd_record fd = { 0 };

		CU_ASSERT_EQUAL(
		    sim_disk_peek(disk_name(0), LVM_DATA_AT + FD_AT(12), &fd, sizeof(fd)), ST_OK);
		le64_set(&fd.lock.at, FD_AT(15));
		le32_set(&fd.meta.fd, VMFS_FD_MAKE(0, 15));
		le32_set(&fd.meta.links, 0);
		memset(fd.ptr, 0, sizeof(fd.ptr));
		le32_set(&fd.ptr[0], VMFS_FB_MAKE(150));
		poke(FD_AT(15), &fd, sizeof(fd));
		poke32(FDC_CLUSTER + 0x210, peek32(FDC_CLUSTER + 0x210) & ~(1u << 15));
		poke32(FBB_CLUSTER + 0x220, peek32(FBB_CLUSTER + 0x220) & ~(1u << 22));
	}
	check(0, &all);
	CU_ASSERT_PTR_NOT_NULL(findings_rule(&all, "N5", VMFS_FIND_LEAK));
	CU_ASSERT_PTR_NOT_NULL(findings_rule(&all, "G1", VMFS_FIND_LEAK));
	check(1, &all);
	check(0, &all);
	if (findings_errors(&all))
		findings_print(&all);
	CU_ASSERT_EQUAL(findings_errors(&all), 0);
	CU_ASSERT_EQUAL(peek32(FD_META(15) + 0x0c), 0);
	restore();
}

/* /d/sub is made to contain /d: a loop that a tree walk would follow for ever. */
static void test_directory_loop(void)
{
	struct vmfs_fd_record sub;
	struct vmfs_dirent_disk e = { 0 };
	struct findings all;
	uint64_t data = 0;

	restore();
	CU_ASSERT_EQUAL(sim_disk_peek(disk_name(0), LVM_DATA_AT + FD_AT(9), &sub, sizeof(sub)),
			ST_OK);
	{	/* where its entries are */
		struct vmfs_geom g[VMFS_RES_COUNT];
		uint32_t addr = le32_get(sub.ptr[0]);

		vmfs_geom_for_volume(g, 256);
		CU_ASSERT_EQUAL(VMFS_ADDR_TYPE(addr), VMFS_ADDR_SB);
		data = 0x800000 + vmfs_geom_resource_at(&g[VMFS_RES_SB], VMFS_SUB_CLUSTER(addr),
							VMFS_SB_RESOURCE(addr, 1));
	}
	le32_set(&e.head.type, VMFS_TYPE_DIR);
	le32_set(&e.head.fd, VMFS_FD_MAKE(0, 8));
	le32_set(&e.head.generation, peek32(FD_META(8) + 4));
	e.name[0] = 'x';
	poke(data + 280, &e, sizeof(e));
	poke32(FD_META(9) + 0x14, 420);
	check(0, &all);
	CU_ASSERT_EQUAL(all.status, ST_OK);
	CU_ASSERT(all.result.damage > 0);
	/* And cut off from the root: the loop is named as unreachable. */
	poke32(0x500000 + 9 * 140 + 4, 0);
	check(0, &all);
	CU_ASSERT_PTR_NOT_NULL(findings_rule(&all, "N5", VMFS_FIND_DAMAGE));
	restore();
}

/* A pointer block that contains itself, and double-indirect pointers all to one block. */
static void test_pointer_block_loops(void)
{
	struct vmfs_fd_record fd;
	struct findings all;
	uint32_t pb;

	restore();
	CU_ASSERT_EQUAL(sim_disk_peek(disk_name(0), LVM_DATA_AT + FD_AT(14), &fd, sizeof(fd)),
			ST_OK);
	CU_ASSERT_EQUAL(le32_get(fd.meta.zla), VMFS_ZLA_PB);
	pb = le32_get(fd.ptr[0]);
	le32_set(&fd.meta.zla, VMFS_ZLA_PB2);
	for (uint32_t k = 0; k < VMFS_FD_POINTERS; k++)
		le32_set(&fd.ptr[k], pb);
	poke(FD_AT(14), &fd, sizeof(fd));
	{
		le32 self[VMFS_PB_POINTERS];

		for (uint32_t k = 0; k < VMFS_PB_POINTERS; k++)
			le32_set(&self[k], pb);
		poke(0x720000 + (VMFS_SUB_CLUSTER(pb) * 16 + VMFS_PB_RESOURCE(pb)) * 4096ull, self,
		     sizeof(self));
	}
	check(0, &all);
	CU_ASSERT_EQUAL(all.status, ST_OK);
	CU_ASSERT_PTR_NOT_NULL(findings_rule(&all, "F2", VMFS_FIND_DAMAGE));
	restore();
}

/* A name twice in one directory. */
static void test_duplicate_name(void)
{
	struct vmfs_dirent_disk e;
	struct findings all;

	restore();
	CU_ASSERT_EQUAL(
	    sim_disk_peek(disk_name(0), LVM_DATA_AT + 0x500000 + 9 * 140, &e, sizeof(e)), ST_OK);
	poke(0x500000 + 10 * 140, &e, sizeof(e));
	poke32(FD_META(0) + 0x14, 11 * 140);
	check(0, &all);
	CU_ASSERT_PTR_NOT_NULL(findings_rule(&all, "N3", VMFS_FIND_DAMAGE));
	restore();
}

/* Repairs refuse while somebody has the volume, and write nothing. */
static void test_fix_refuses_a_mounted_volume(void)
{
	struct vmfs_mount_opts opts = { .write = 1 };
	struct vmfs_volume *vol;
	struct findings all;
	struct disks d;

	restore();
	disks_open(&d, 1);
	CU_ASSERT_EQUAL_FATAL(vmfs_mount(d.dev, 1, &opts, &vol, &d.why), ST_OK);
	check(1, &all);
	CU_ASSERT_EQUAL(all.status, ST_BUSY);
	check(0, &all);
	CU_ASSERT_EQUAL(findings_errors(&all), 0);
	CU_ASSERT(all.result.notes >= 2);	/* the slot and its journal */
	CU_ASSERT_EQUAL(vmfs_unmount(vol), ST_OK);
	disks_close(&d);
	restore();
}

/* A crash after a commit: the check sees the volume as replay will leave it, fix replays. */
static void test_crashed_mount(void)
{
	for (uint64_t n = 1; n < 60; n++) {
		struct vmfs_mount_opts opts = { .write = 1 };
		struct vmfs_volume *vol;
		struct findings all;
		struct disks d;
		struct store *s;
		int stopped;

		restore();
		disks_open(&d, 1);
		CU_ASSERT_EQUAL_FATAL(vmfs_mount(d.dev, 1, &opts, &vol, &d.why), ST_OK);
		s = vmfs_store(vol);
		sim_stop_after_writes(n);
		(void)!s->ops->remove(s, "/d/blocks", &d.why);
		(void)!s->ops->mkdir(s, "/new", 0755, &d.why);
		(void)!s->ops->sync(s);
		stopped = sim_has_stopped();
		(void)!vmfs_unmount(vol);
		sim_crash(n, 0);
		disks_close(&d);
		check(0, &all);
		if (all.status != ST_OK || all.result.damage || all.result.leaks ||
		    all.result.wrong > 1)
			findings_print(&all);
		CU_ASSERT_EQUAL(all.result.damage + all.result.leaks, 0);
		CU_ASSERT(all.result.wrong == 0 ||
			  (all.result.wrong == 1 && findings_rule(&all, "H3", VMFS_FIND_WRONG)));
		check(1, &all);
		CU_ASSERT_EQUAL(all.status, ST_OK);
		check(0, &all);
		CU_ASSERT_EQUAL(findings_errors(&all), 0);
		for (uint32_t k = 0; k < all.count; k++)	/* locks of the dead fall lazily */
			CU_ASSERT_STRING_EQUAL(all.f[k].rule, "R3");
		if (!stopped)
			break;
	}
	restore();
}

static uint64_t next_random(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

/* Random bytes over random metadata: the check and the repair end, whatever they say, and what the
 * repair leaves can be checked again. */
static void test_garbage(void)
{
	static const struct { uint64_t at, bytes;
	} area[] = {
		{ 0, MIB },
		{ 0x1100000 + 0x200000, 512 },
		{ 0x1100000 + 0x400000, 256 * KIB },
		{ 0x1100000 + 0x500000, 4096 },
		{ 0x1100000 + 0x600000, 128 * KIB },
		{ 0x1100000 + 0x700000, 256 * KIB },
		{ 0x1100000 + 0x800000, 512 * KIB },
	};

	for (uint64_t seed = 1; seed <= 300; seed++) {
		uint64_t x = seed * 0x9e3779b97f4a7c15ull;
		struct findings all;

		restore();
		for (uint32_t k = next_random(&x) % 12 + 1; k-- > 0;) {
			size_t a = next_random(&x) % ARRAY_COUNT(area);
			uint64_t at = area[a].at + next_random(&x) % area[a].bytes,
				 junk = next_random(&x);
			size_t bytes = next_random(&x) % 8 + 1;

			CU_ASSERT_EQUAL(
			    sim_disk_poke(disk_name(0), a ? at : LVM_HEADER_AT + at, &junk, bytes),
			    ST_OK);
		}
		check(0, &all);
		CU_ASSERT(all.status == ST_OK || all.why.text[0]);
		check(1, &all);
		CU_ASSERT(all.status == ST_OK || all.why.text[0]);
		check(0, &all);
		CU_ASSERT(all.status == ST_OK || all.why.text[0]);
	}
	restore();
}

static void test_no_memory(void)
{
	for (uint64_t n = 1;; n++) {
		struct findings all;
		struct disks d;
		uint64_t live;
		int failed;

		disks_open(&d, 1);
		live = sim_alloc_live();
		sim_fail_alloc(n);
		disks_check(&d, 0, &all);
		failed = sim_alloc_failed();
		sim_fail_alloc(0);
		CU_ASSERT_EQUAL(sim_alloc_live(), live);
		CU_ASSERT_EQUAL(all.status, failed ? ST_NOMEM : ST_OK);
		disks_close(&d);
		if (!failed)
			break;
	}
	for (size_t i = 0; i < ARRAY_COUNT(golden); i++)
		port_free(golden[i].data);
}

static const struct cu_case cases[] = {
	{ "a clean volume", test_clean },
	{ "every rule finds", test_every_rule_finds },
	{ "repairs are complete", test_repairs_are_complete },
	{ "orphans", test_orphans },
	{ "a loop of directories", test_directory_loop },
	{ "loops of pointer blocks", test_pointer_block_loops },
	{ "a name twice", test_duplicate_name },
	{ "fix refuses a mounted volume", test_fix_refuses_a_mounted_volume },
	{ "a crashed mount", test_crashed_mount },
	{ "garbage", test_garbage },
	{ "no memory", test_no_memory },
};
CU_MAIN("vmfs/check", cases)
