/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* check of VMFS-6: a filled volume is clean; each case damages one field and looks for the rule and
 * the place; what can be repaired without a guess is, and then the volume is clean again. */
#include "tests/unit/vmfs/disks.h"
#include "vmfs/dir_hash_priv.h"
#include "vmfs/vmfs_priv.h"

#define DISK_BYTES	(1100 * MIB)
#define NAMES		120u	/* of one directory: several blocks, and some buckets with chains */
#define NO_FIX		0
#define CAN_FIX		1

/* Where the things are that the cases damage: volume offsets. */
static struct {
	uint64_t	fd_file, fd_sub, fd_thin, fd_dir;	/* descriptors */
	uint64_t	dir;		/* the directory's file: its header */
	uint64_t	sb, fb, fd_c, pb2, jb;	/* headers of a cluster of each kind */
} at;

static struct vmfs_mount_opts writing = { .write = 1 };

static void put_file(struct store *s, const char *path, uint64_t from, uint64_t bytes)
{
	struct store_file *f;
	uint8_t *data = port_dma_alloc(MIB);
	struct why why = { 0 };

	CU_ASSERT_EQUAL_FATAL(s->ops->create(s, path, 0644, &f, &why), ST_OK);
	memset(data, 0x5a, MIB);
	for (uint64_t o = 0; o < bytes; o += MIB)
		CU_ASSERT_EQUAL(store_write(f, from + o, data, MIN(MIB, bytes - o)), ST_OK);
	CU_ASSERT_EQUAL(s->ops->file_close(f), ST_OK);
	port_dma_free(data, MIB);
}

static uint64_t fd_at(struct vmfs_volume *vol, const char *path)
{
	struct vmfs_file_meta meta;
	struct why why = { 0 };

	CU_ASSERT_EQUAL_FATAL(vmfs_file_meta(vol, path, &meta, &why), ST_OK);
	return vmfs_layout_addr_at(&vol->layout, meta.fd);
}

static void learn(struct vmfs_volume *vol)
{
	const struct vmfs_layout *l = &vol->layout;
	struct vmfs_fd fd;
	uint64_t addr = 0;

	at.fd_file = fd_at(vol, "/d/blocks");
	at.fd_sub = fd_at(vol, "/d/small");
	at.fd_thin = fd_at(vol, "/d/thin");
	at.fd_dir = fd_at(vol, "/d");
	vmfs_enter(vol);
	CU_ASSERT_EQUAL_FATAL(vmfs_path_fd(vol, "/d", &fd, NULL), ST_OK);
	CU_ASSERT_EQUAL_FATAL(vmfs_fd_pointer(vol, &fd, 0, META_READ, &addr), ST_OK);
	at.dir = vmfs_layout_addr_at(l, addr);
	vmfs_leave(vol);
	at.sb = vmfs_layout_cluster_at(l, VMFS_RES_SB, 0);
	at.fb = vmfs_layout_cluster_at(l, VMFS_RES_FB, 1);
	at.fd_c = vmfs_layout_cluster_at(l, VMFS_RES_FD, 0);
	at.pb2 = vmfs_layout_cluster_at(l, VMFS_RES_PB2, 0);
	at.jb = vmfs_layout_cluster_at(l, VMFS_RES_JB, 0);
}

static void populate(void)
{
	struct vmfs_mkfs_opts mkfs = { .label = "ds6", .version = 6 };
	struct vmfs_volume *vol;
	struct store *s;
	struct disks d;
	char path[64];

	disk_make(0, DISK_BYTES);
	disks_open(&d, 1);
	CU_ASSERT_EQUAL_FATAL(vmfs_mkfs(d.dev, 1, &mkfs, NULL, &d.why), ST_OK);
	disks_assert_clean(&d);
	CU_ASSERT_EQUAL_FATAL(vmfs_mount(d.dev, 1, &writing, &vol, &d.why), ST_OK);
	s = vmfs_store(vol);
	CU_ASSERT_EQUAL(s->ops->mkdir(s, "/d", 0755, &d.why), ST_OK);
	CU_ASSERT_EQUAL(s->ops->mkdir(s, "/d/sub", 0755, &d.why), ST_OK);
	put_file(s, "/d/resident", 0, 3000);
	put_file(s, "/d/small", 0, 50000);
	put_file(s, "/d/blocks", 0, 3 * MIB);
	put_file(s, "/d/thin", 700 * MIB, 1);
	CU_ASSERT_EQUAL(s->ops->symlink(s, "blocks", "/d/link", &d.why), ST_OK);
	for (uint32_t i = 0; i < NAMES; i++) {
		fmt(path, sizeof(path), "/d/sub/name%u", i);
		put_file(s, path, 0, i % 3);
	}
	learn(vol);
	CU_ASSERT_EQUAL(vmfs_unmount(vol), ST_OK);
	disks_assert_clean(&d);
	disks_close(&d);
}

static void poke(uint64_t where, const void *data, size_t bytes)
{
	CU_ASSERT_EQUAL(sim_disk_poke(disk_name(0), LVM_DATA_AT + where, data, bytes), ST_OK);
}

static void peek(uint64_t where, void *data, size_t bytes)
{
	CU_ASSERT_EQUAL(sim_disk_peek(disk_name(0), LVM_DATA_AT + where, data, bytes), ST_OK);
}

static void check(int fix, struct findings *all)
{
	struct disks d;

	disks_open(&d, 1);
	disks_check(&d, fix, all);
	disks_close(&d);
}

/* Damage `bytes` bytes at a place, find the rule at `named`, put them back; with fixable, repair
 * before that and see that it is clean. */
static void damage(const char *what, uint64_t where, const void *bytes, size_t n, const char *rule,
		   uint64_t named, int fixable)
{
	const struct vmfs_finding *f;
	struct findings all;
	uint8_t old[64];

	peek(where, old, n);
	poke(where, bytes, n);
	check(0, &all);
	f = findings_rule(&all, rule, fixable ? VMFS_FIND_LEAK : VMFS_FIND_DAMAGE);
	if (!f || (named != ~0ull && f->at != named)) {
		fprintf(stderr, "%s: no %s at 0x%lx\n", what, rule, (unsigned long)named);
		findings_print(&all);
	}
	CU_ASSERT(f != NULL && (named == ~0ull || f->at == named));
	if (fixable) {
		check(1, &all);
		if (all.status != ST_OK)
			findings_print(&all);
		check(0, &all);
		if (findings_errors(&all)) {
			fprintf(stderr, "%s: not repaired\n", what);
			findings_print(&all);
		}
		CU_ASSERT_EQUAL(findings_errors(&all), 0);
	}
	poke(where, old, n);
}

static void damage32(const char *what, uint64_t where, uint32_t value, const char *rule,
		     uint64_t named, int fixable)
{
	le32 raw = le32_make(value);

	damage(what, where, &raw, sizeof(raw), rule, named, fixable);
}

static void damage64(const char *what, uint64_t where, uint64_t value, const char *rule,
		     uint64_t named, int fixable)
{
	le64 raw;

	le64_set(&raw, value);
	damage(what, where, &raw, sizeof(raw), rule, named, fixable);
}

#define META	0x1000u		/* of a descriptor, and the record of a cluster: behind the lock */

static void test_clean(void) { populate(); }

/* L1, D2, D3. */
static void test_head(void)
{
	damage32("volInfo", VMFS_FS_AT + 0xb1, 0x12345678, "D2", VMFS_FS_AT, NO_FIX);
	/* It leads to .pb2.sf, so nothing behind it can be read. */
	damage64("pb2VolAddr", VMFS_FS_AT + 0xe1, 0x72e000, "D1", VMFS_FS_AT, NO_FIX);
	damage64("sddVolAddr", VMFS_FS_AT + 0x105, 0x72c000, "D3", VMFS_FS_AT, CAN_FIX);
}

/* H1, H2. */
static void test_heartbeats(void)
{
	uint64_t slot = VMFS_HB_AT + 5 * VMFS6_MD_BYTES;

	damage64("address of a slot", slot + 4, 1, "H1", slot, CAN_FIX);
	damage32("state of a slot", slot, 7, "H1", slot, NO_FIX);
	slot = VMFS_HB_AT + 1023 * VMFS6_MD_BYTES;
	damage64("address of the last slot", slot + 4, VMFS_HB_AT, "H1", slot, CAN_FIX);
}

/* H3: a slot in use whose journal is no journal block. */
static void test_journal_place(void)
{
	uint64_t slot = VMFS_HB_AT + 9 * VMFS6_MD_BYTES;
	struct vmfs_hb_disk s;

	peek(slot, &s, sizeof(s));
	le32_set(&s.state, VMFS_HB_USED);
	memset(&s.owner, 7, sizeof(s.owner));
	poke(slot, &s, 0x2C);
	damage64("journal of a slot", slot + 0x64, 0x12340000, "H3", slot, NO_FIX);
	memset(&s.owner, 0, sizeof(s.owner));
	le32_set(&s.state, VMFS_HB_FREE);
	poke(slot, &s, 0x2C);
}

/* R2: cluster headers of every kind. */
static void test_clusters(void)
{
	const uint64_t kinds[] = { at.sb, at.fb, at.fd_c, at.pb2, at.jb };
	const uint8_t two[2] = { 1, 0 };

	for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
		damage32("lock type", kinds[i], 0x10C0000F, "R2", kinds[i], NO_FIX);
		damage32("signature", kinds[i] + META + 0x10, 0, "R2", kinds[i], NO_FIX);
		damage32("number", kinds[i] + META + 0x18, 77, "R2", kinds[i], NO_FIX);
		damage64("address of the lock", kinds[i] + 4, 0, "R2", kinds[i], CAN_FIX);
	}
	damage("freeResources", at.sb + META + 0x22, two, 2, "R2", at.sb, CAN_FIX);
	damage("freeResources", at.fb + META + 0x22, two, 2, "R2", at.fb, CAN_FIX);
	damage("totalResources", at.fd_c + META + 0x20, two, 2, "R2", at.fd_c, CAN_FIX);
	damage32("nextFreeIdx", at.sb + META + 0x7C, 4000, "R2", at.sb, CAN_FIX);
}

/* G1: a bit that is missing, and one that nobody needs. */
static void test_bitmaps(void)
{
	uint8_t code;

	peek(at.fd_c + META + 0x80, &code, 1);
	code |= 1 << 4;		/* .sbc.sf's descriptor is free */
	damage("a descriptor's bit", at.fd_c + META + 0x80, &code, 1, "G1", ~0ull, CAN_FIX);
	peek(at.sb + META + 0x80 + 20, &code, 1);
	code &= 0xF0;
	damage("sub-blocks' bits", at.sb + META + 0x80 + 20, &code, 1, "G1", ~0ull, CAN_FIX);
	peek(at.fb + META + 0x80 + 100, &code, 1);
	code &= 0xFC;		/* one block of two bits */
	damage("a block's code", at.fb + META + 0x80 + 100, &code, 1, "G1", ~0ull, CAN_FIX);
}

/* F1 to F3. */
static void test_descriptors(void)
{
	damage32("lock type", at.fd_file, 0x10C00002, "F1", at.fd_file, CAN_FIX);
	damage64("lock address", at.fd_file + 4, 0, "F1", at.fd_file, CAN_FIX);
	damage32("descAddr", at.fd_file + META, 0, "F1", at.fd_file, NO_FIX);
	damage32("type", at.fd_file + META + 0x0C, 9, "F1", at.fd_file, NO_FIX);
	damage32("signature", at.fd_file + META + 0x64, 0, "F1", at.fd_file, NO_FIX);
	damage32("zeroLevelAddrType", at.fd_file + META + 0x44, 4, "F1", at.fd_file, NO_FIX);
	damage64("blockSize", at.fd_file + META + 0x1C, 8192, "F1", at.fd_file, NO_FIX);
	damage64("length", at.fd_sub + META + 0x14, 400 * MIB, "F1", at.fd_sub, NO_FIX);
	damage64("numBlocks", at.fd_file + META + 0x24, 9, "F3", at.fd_file, CAN_FIX);
	damage32("numPointerBlocks", at.fd_thin + META + 0x5C, 9, "F3", at.fd_thin, CAN_FIX);
	damage32("numTBZBlocks", at.fd_file + META + 0x48, 3, "F3", at.fd_file, CAN_FIX);
	damage64("a pointer out of range", at.fd_file + META + VMFS6_FD_PTRS_AT,
		 VMFS6_FB_MAKE(5000000ull, 1), "F2", at.fd_file, NO_FIX);
	damage64("a pointer of another kind", at.fd_file + META + VMFS6_FD_PTRS_AT,
		 VMFS6_SUB_MAKE(0, 0, VMFS_ADDR_SB), "F2", at.fd_file, NO_FIX);
	damage64("a block of the system", at.fd_file + META + VMFS6_FD_PTRS_AT,
		 VMFS6_FB_MAKE(0, 7), "F2", ~0ull, NO_FIX);
}

/* N1 to N5, and the hash table: N6. */
static void test_directories(void)
{
	uint64_t self = at.dir + offsetof(struct vmfs6_dir_disk, self);
	uint32_t bucket;
	uint64_t hash = vmfs_name_hash("sub");

	bucket = vmfs_dir_hash_bucket(0, "sub", hash);
	damage("the name of \".\"", self + 0x18, "x", 1, "N1", at.fd_dir, NO_FIX);
	damage32("what \"..\" names", at.dir + offsetof(struct vmfs6_dir_disk, parent) + 4,
		 VMFS_FD_MAKE(0, 5), "N1", at.fd_dir, NO_FIX);
	damage32("the version", at.dir, 5, "N1", at.fd_dir, NO_FIX);
	damage32("numEntries", at.dir + 4, 3, "N6", at.fd_dir, NO_FIX);
	damage32("a bucket", at.dir + vmfs_dir_hash_bucket_at(bucket), 0, "N6", at.fd_dir, NO_FIX);
	damage32("linkCount", at.fd_dir + META + 8, 9, "N4", at.fd_dir, CAN_FIX);
}

/* The first block of entries of /d lies in its second sub-block. */
static void test_entries(void)
{
	struct vmfs_volume *vol;
	struct vmfs_mount_opts reading = { 0 };
	struct vmfs_fd fd;
	struct disks d;
	uint64_t addr = 0, block;
	const uint8_t few[2] = { 3, 0 };

	disks_open(&d, 1);
	CU_ASSERT_EQUAL_FATAL(vmfs_mount(d.dev, 1, &reading, &vol, &d.why), ST_OK);
	vmfs_enter(vol);
	CU_ASSERT_EQUAL_FATAL(vmfs_path_fd(vol, "/d", &fd, NULL), ST_OK);
	CU_ASSERT_EQUAL_FATAL(vmfs_fd_pointer(vol, &fd, 1, META_READ, &addr), ST_OK);
	block = vmfs_layout_addr_at(&vol->layout, addr) + VMFS6_DIR_BLOCK_BYTES;
	vmfs_leave(vol);
	CU_ASSERT_EQUAL(vmfs_unmount(vol), ST_OK);
	disks_close(&d);
	damage("free slots of a block", block + 6, few, 2, "N6", at.fd_dir, NO_FIX);
	damage32("generation of an entry", block + 64 + 8, 999, "N2", at.fd_dir, NO_FIX);
	damage32("address of an entry", block + 64 + 4, 0x12345678, "N2", at.fd_dir, NO_FIX);
	damage32("hash of an entry", block + 64 + 12, 1, "N6", at.fd_dir, NO_FIX);
	damage64("offset of an entry", block + 64 + 16, 1, "N6", at.fd_dir, NO_FIX);
	damage("a slash in a name", block + 64 + 24, "a/b", 3, "N3", at.fd_dir, NO_FIX);
	damage("the map", block - VMFS6_DIR_BLOCK_BYTES + 64, "\x36", 1, "N6", at.fd_dir, NO_FIX);
}

/* Whatever is written over the metadata, the checker ends and says what it says. */
static void test_noise(void)
{
	struct findings all;
	uint8_t *page = port_alloc(4096), old[4096];
	uint64_t x = 12345;

	for (uint32_t i = 0; i < 150; i++) {
		uint64_t where = VMFS_FS_AT + (x >> 24) % (460 * MIB) / 4096 * 4096;

		for (uint32_t k = 0; k < 4096; k++) {
			x = x * 6364136223846793005ull + 1442695040888963407ull;
			page[k] = (uint8_t)(x >> 33);
		}
		if (i % 3 == 0)		/* most things lie near the front */
			where = 7 * MIB + (x >> 24) % (3 * MIB) / 4096 * 4096;
		peek(where, old, sizeof(old));
		poke(where, page, sizeof(old));
		check(0, &all);
		poke(where, old, sizeof(old));
	}
	port_free(page);
	check(0, &all);
	CU_ASSERT_EQUAL(findings_errors(&all), 0);
}

static const struct cu_case cases[] = {
	{ "a fresh and a filled volume are clean", test_clean },
	{ "LVM and descriptor", test_head },
	{ "heartbeat slots", test_heartbeats },
	{ "the journal of a slot", test_journal_place },
	{ "cluster headers", test_clusters },
	{ "bitmaps against references", test_bitmaps },
	{ "file descriptors", test_descriptors },
	{ "directories", test_directories },
	{ "entries", test_entries },
	{ "noise over the metadata", test_noise },
};

CU_MAIN("vmfs/check_6", cases)
