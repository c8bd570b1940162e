/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Records of a genuine VMFS-5 volume, decoded and encoded back: our structs name the right bytes,
 * our checks accept what a host wrote, and mkfs with the same identity writes the same bytes. */
#include "iopath/port/sim/sim.h"
#include "tests/unit/cu.h"
#include "vmfs/format_priv.h"

#include "tests/format/vmfs5_golden.h"

static void expand(const struct piece *p, void *record, size_t bytes)
{
	memset(record, 0, bytes);
	for (; p->bytes; p++)
		memcpy((uint8_t *)record + p->at, p->data, p->bytes);
}

static void test_lvm(void)
{
	struct lvm_device_disk r;
	struct lvm_volume_disk v;
	struct lvm_pe_disk pe;

	expand(lvm_record, &r, sizeof(r));
	CU_ASSERT_EQUAL(le32_get(r.magic), LVM_MAGIC);
	CU_ASSERT_EQUAL(le32_get(r.major), 5);
	CU_ASSERT_EQUAL(le32_get(r.minor), 0x15);
	CU_ASSERT_EQUAL(r.disk_id.len, 10);
	CU_ASSERT(!memcmp(r.disk_id.id, "vmhba0:4:0", 10));
	CU_ASSERT_EQUAL(le32_get(r.block_bytes), 512);
	CU_ASSERT_EQUAL(le64_get(r.total_bytes),
			1044481 * 512ull); /* LBA 2048 to 1046528 of its GPT */
	CU_ASSERT_EQUAL(le32_get(r.num_pes), 1);
	CU_ASSERT_EQUAL(le64_get(r.generation), 3);
	CU_ASSERT_EQUAL(le64_get(r.data_offset), LVM_DATA_AT);
	CU_ASSERT_EQUAL(le32_get(r.num_pe_maps), 1);
	expand(lvm_volume, &v, sizeof(v));
	CU_ASSERT_EQUAL(le64_get(v.logical_bytes), 256 * MIB);
	CU_ASSERT_EQUAL(le64_get(v.generation), 2);
	CU_ASSERT_STRING_EQUAL((const char *)v.name, "61137dd5-d0727810-7ac2-000c29801686");
	CU_ASSERT_EQUAL(le32_get(v.num_devs), 1);
	expand(lvm_pe, &pe, sizeof(pe));
	CU_ASSERT_EQUAL(pe.used, 1);
	CU_ASSERT_EQUAL(le64_get(pe.physical), LVM_DATA_AT);
	CU_ASSERT_EQUAL(le64_get(pe.bytes), LVM_PE_BYTES);
	CU_ASSERT_EQUAL(le32_get(pe.version), 1);
}

static void test_uuid(void)
{
	struct lvm_volume_disk v;
	struct vmfs_uuid uuid;
	char text[VMFS_UUID_TEXT];

	expand(lvm_volume, &v, sizeof(v));
	memcpy(&uuid, &v.lv_id, sizeof(uuid));
	vmfs_uuid_format(&uuid, text);
	CU_ASSERT_STRING_EQUAL(text, (const char *)v.name);
}

static void test_descriptor(void)
{
	struct vmfs_fs_disk d;

	expand(fs, &d, sizeof(d));
	CU_ASSERT_PTR_NULL(vmfs_fs_check(&d));
	CU_ASSERT_EQUAL(le32_get(d.major), 14);
	CU_ASSERT_EQUAL(d.minor, 0x51);
	CU_ASSERT_EQUAL(le32_get(d.config), 6);
	CU_ASSERT_STRING_EQUAL((const char *)d.label, "VMFS5 Test");
	CU_ASSERT_EQUAL(le64_get(d.file_block_bytes), MIB);
	CU_ASSERT_EQUAL(le32_get(d.sub_block_bytes), 0x2000);
	CU_ASSERT_EQUAL(le64_get(d.pb2_at), 0x423000);
	CU_ASSERT_EQUAL(le32_get(d.pb2_fd), VMFS_FD_PB2);
	CU_ASSERT_EQUAL(le64_get(d.sdd_at), 0x423800);
	CU_ASSERT_EQUAL(le32_get(d.sdd_fd), VMFS_FD_SDD);
	CU_ASSERT_EQUAL(le64_get(d.generation), 1);
}

static void test_heartbeats(void)
{
	struct vmfs_hb_disk s;

	expand(hb_free, &s, sizeof(s));
	CU_ASSERT_EQUAL(le32_get(s.state), VMFS_HB_FREE);
	CU_ASSERT_EQUAL(le64_get(s.at), VMFS_HB_AT);
	expand(hb_used, &s, sizeof(s));
	CU_ASSERT_EQUAL(le32_get(s.state), VMFS_HB_USED);
	CU_ASSERT_EQUAL(le64_get(s.at), 0x37b000);
	CU_ASSERT_EQUAL(le64_get(s.gen), 9);
	CU_ASSERT_EQUAL(le64_get(s.stamp_us), 522912049);
	CU_ASSERT_EQUAL(le32_get(s.journal_fb), VMFS_FB_MAKE(13));
	CU_ASSERT_EQUAL(le32_get(s.drv_major), 14);
	CU_ASSERT_EQUAL(s.lock_impl, 3);
	CU_ASSERT_STRING_EQUAL((const char *)s.ip, "10.199.5.140");
	CU_ASSERT_EQUAL(le64_get(s.journal_at), 0xd00000);
}

static void test_resource_headers(void)
{
	static const struct {
		const struct piece *p;
		enum vmfs_res kind;
		uint64_t count, file_bytes;
	} t[] = {
		{ fbb_header, VMFS_RES_FB, 256, 131072 },
		{ fdc_header, VMFS_RES_FD, 64, 262144 },
		{ sbc_header, VMFS_RES_SB, 256, 2228224 },
	};

	for (size_t i = 0; i < ARRAY_COUNT(t); i++) {
		struct vmfs_res_disk disk, back;
		struct vmfs_geom g;

		expand(t[i].p, &disk, sizeof(disk));
		CU_ASSERT_PTR_NULL(vmfs_geom_decode(&vmfs_form_5, &disk, t[i].kind, &g));
		CU_ASSERT_EQUAL(g.count, t[i].count);
		CU_ASSERT_EQUAL(g.file_bytes, t[i].file_bytes);
		vmfs_geom_encode(&g, t[i].kind, &back);
		CU_ASSERT(!memcmp(&disk, &back, sizeof(disk)));
	}
}

static void test_cluster(void)
{
	struct vmfs_cluster_header h, counted;
	struct vmfs_geom g[VMFS_RES_COUNT], *fb;

	expand(fbb_cluster0, &h, sizeof(h));
	vmfs_geom_for_volume(g, 256);
	fb = &g[VMFS_RES_FB];
	CU_ASSERT_PTR_NULL(vmfs_cluster_check(fb, VMFS_RES_FB, &h.lock, &h.meta, 0x610000, 0));
	CU_ASSERT_PTR_NOT_NULL(vmfs_cluster_check(fb, VMFS_RES_FB, &h.lock, &h.meta, 0x610400, 0));
	CU_ASSERT_PTR_NOT_NULL(vmfs_cluster_check(fb, VMFS_RES_FB, &h.lock, &h.meta, 0x610000, 1));
	CU_ASSERT_PTR_NOT_NULL(vmfs_cluster_check(fb, VMFS_RES_SB, &h.lock, &h.meta, 0x610000, 0));
	CU_ASSERT_EQUAL(le64_get(h.lock.token), 21);
	CU_ASSERT_EQUAL(le64_get(h.lock.hb_at), 0x37b000);
	CU_ASSERT_EQUAL(le32_get(h.meta.free), 185);
	CU_ASSERT_EQUAL(le32_get(h.meta.next_free), 15);
	counted = h;
	vmfs_cluster_count(fb, VMFS_RES_FB, &counted.meta);
	CU_ASSERT(!memcmp(&counted, &h, sizeof(h)));
}

static void test_file_descriptors(void)
{
	struct vmfs_fd_record fd;

	expand(fd_sbc, &fd, sizeof(fd));
	CU_ASSERT_PTR_NULL(vmfs_fd_check(&vmfs_form_5, &fd.meta, VMFS_FD_SBC));
	CU_ASSERT_PTR_NOT_NULL(vmfs_fd_check(&vmfs_form_5, &fd.meta, VMFS_FD_PBC));
	CU_ASSERT_EQUAL(le32_get(fd.lock.type), VMFS_LOCK_TYPE_BASE + VMFS_LOCK_FD);
	CU_ASSERT_EQUAL(le64_get(fd.lock.at), 0x422000);
	CU_ASSERT_EQUAL(le64_get(fd.meta.length), 0x220000);
	CU_ASSERT_EQUAL(le64_get(fd.meta.num_blocks), 3);
	CU_ASSERT_EQUAL(le32_get(fd.meta.zla), VMFS_ZLA_FB);
	CU_ASSERT_EQUAL(vmfs_fd_shift(&fd.meta), 20);
	CU_ASSERT_EQUAL(le32_get(fd.ptr[2]), VMFS_FB_MAKE(10));
	expand(fd_resident, &fd, sizeof(fd));
	CU_ASSERT_PTR_NULL(vmfs_fd_check(&vmfs_form_5, &fd.meta, VMFS_FD_MAKE(0, 12)));
	CU_ASSERT_EQUAL(le32_get(fd.meta.zla), VMFS_ZLA_RESIDENT);
	CU_ASSERT_EQUAL(le32_get(fd.meta.mode), 0644);
	CU_ASSERT_EQUAL(vmfs_fd_shift(&fd.meta), 13);
	CU_ASSERT(!memcmp(fd.data, "content\n", 8));
}

static void test_directory_entries(void)
{
	struct vmfs_dirent_disk e;

	expand(dirent_root, &e, sizeof(e));
	CU_ASSERT_EQUAL(le32_get(e.head.type), VMFS_TYPE_DIR);
	CU_ASSERT_EQUAL(le32_get(e.head.fd), VMFS_FD_ROOT);
	CU_ASSERT_STRING_EQUAL((const char *)e.name, ".");
	expand(dirent_sub, &e, sizeof(e));
	CU_ASSERT_EQUAL(le32_get(e.head.fd), VMFS_FD_MAKE(0, 8));
	CU_ASSERT_STRING_EQUAL((const char *)e.name, "directory");
}

static void test_journal_record(void)
{
	struct { struct vmfs_journal_rec_disk rec; struct vmfs_cluster_disk image; } r;

	expand(journal_record, &r, sizeof(r));
	CU_ASSERT_EQUAL(le32_get(r.rec.type), 1);
	CU_ASSERT_EQUAL(le64_get(r.rec.at), 0x410200);
	CU_ASSERT_EQUAL(le64_get(r.rec.bytes), 512);
	CU_ASSERT_EQUAL(le32_get(r.image.total), 32);
	CU_ASSERT_EQUAL(le32_get(r.image.free), 17);
}

/* Address arithmetic on addresses that hosts wrote. */
static void test_addresses(void)
{
	CU_ASSERT_EQUAL(VMFS_FD_RESOURCE(0x03400004), 13);
	CU_ASSERT_EQUAL(VMFS_FD_MAKE(0, 13), 0x03400004);
	CU_ASSERT_EQUAL(VMFS_FB_BLOCK(0x00000381), 14);
	CU_ASSERT_EQUAL(VMFS_FB_BLOCK(0x000096e1), 603);
	CU_ASSERT_EQUAL(0x000096e1 & VMFS_FB_TBZ, VMFS_FB_TBZ);
	CU_ASSERT_EQUAL(VMFS_SB_MAKE(4, 0), 0x00000102);
	CU_ASSERT_EQUAL(VMFS_SB_MAKE(4, 1), 0x10000102);
	for (uint32_t r = 0; r < 64; r++)
		CU_ASSERT_EQUAL(VMFS_SB_RESOURCE(VMFS_SB_MAKE(1000, r), 1), r);
}

/* ---- mkfs ------------------------------------------------------------------------------------ */

static void uuid_of(struct vmfs_uuid *to, const void *from) { memcpy(to, from, sizeof(*to)); }

/* The host's identity, its clock and its disk. */
static void make_like_the_host(void)
{
	struct vmfs_mkfs_opts opts = { .label = "VMFS5 Test", .now_us = 0x61137dd5ull * 1000000,
				       .disk_id = "vmhba0:4:0" };
	struct lvm_device_disk r;
	struct lvm_volume_disk v;
	struct vmfs_fs_disk d;
	struct io_dev *dev;
	struct why why = { 0 };

	expand(lvm_record, &r, sizeof(r));
	expand(lvm_volume, &v, sizeof(v));
	expand(fs, &d, sizeof(d));
	uuid_of(&opts.dev_uuid, &r.dev_id);
	uuid_of(&opts.lv_uuid, &v.lv_id);
	uuid_of(&opts.fs_uuid, &d.uuid);
	uuid_of(&opts.host_uuid, &d.host);
	CU_ASSERT_EQUAL_FATAL(sim_disk_create("like", le64_get(r.total_bytes), 0), ST_OK);
	CU_ASSERT_EQUAL_FATAL(io_dev_open("like", IO_OPEN_WRITE, &dev, &why), ST_OK);
	CU_ASSERT_EQUAL_FATAL(vmfs_mkfs(&dev, 1, &opts, NULL, &why), ST_OK);
	io_dev_close(dev);
}

/* The bytes of ours at `at` equal the host's but for [skip, skip + skip_bytes). */
static void compare(const char *what, const struct piece *golden, uint64_t at, size_t bytes,
		    size_t skip, size_t skip_bytes)
{
	uint8_t want[2048], is[2048];

	expand(golden, want, bytes);
	CU_ASSERT_EQUAL(sim_disk_peek("like", at, is, bytes), ST_OK);
	memset(want + skip, 0, skip_bytes);
	memset(is + skip, 0, skip_bytes);
	for (size_t i = 0; i < bytes; i++)
		if (want[i] != is[i]) {
			fprintf(stderr, "%s: byte 0x%zx is 0x%02x, the host wrote 0x%02x\n", what,
				i, is[i], want[i]);
			CU_FAIL("mkfs differs");
			return;
		}
}

static void test_mkfs_writes_the_same(void)
{
	make_like_the_host();
	compare("device record", lvm_record, 0x100000, 512, 0x92,
		16); /* microseconds of two clocks */
	compare("volume entry", lvm_volume, 0x100200, 0x88, 0x68, 8);
	compare("PE record", lvm_pe, 0x180600, 128, 0, 0);
	compare("descriptor", fs, 0x1300000, 512, 0, 0);
	compare("heartbeat slot", hb_free, 0x1400000, 512, 0, 0);
	compare(".fbb.sf header", fbb_header, 0x1700000, 32, 0, 0);
	compare(".fdc.sf header", fdc_header, 0x1500000, 32, 0, 0);
	compare(".sbc.sf header", sbc_header, 0x1900000, 32, 0, 0);
	compare(".fbb.sf cluster 1", fbb_cluster1, 0x1710400, 1024, 0, 0);
	compare(".fbb.sf", fd_fbb, 0x1520800, 2048, 0, 0);
	compare("an entry", dirent_root, 0x1600000, 140, 0, 0);
	/* With 32 pointer blocks instead of 1, lock counters behind .pbc.sf run ahead of the
	 * host's. */
	compare(".sbc.sf cluster 3", sbc_cluster3, 0x1910c00, 1024, 0x38, 8);
	compare(".sbc.sf", fd_sbc, 0x1522000, 2048, 0x38, 8);
	compare(".vh.sf", fd_vh, 0x1522800, 2048, 0x38, 8);
	compare(".sdd.sf", fd_sdd, 0x1523800, 2048, 0x38, 8);
}

static const struct cu_case cases[] = {
	{ "LVM", test_lvm },
	{ "UUID", test_uuid },
	{ "descriptor", test_descriptor },
	{ "heartbeats", test_heartbeats },
	{ "resource headers", test_resource_headers },
	{ "a cluster", test_cluster },
	{ "file descriptors", test_file_descriptors },
	{ "directory entries", test_directory_entries },
	{ "a journal record", test_journal_record },
	{ "addresses", test_addresses },
	{ "mkfs writes the same", test_mkfs_writes_the_same },
};
CU_MAIN("format/vmfs_records", cases)
