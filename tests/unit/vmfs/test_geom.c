/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* geom - if the arithmetic were off by one header, every resource behind the first group would be
 * looked for in the wrong place; so it is compared with lengths and sizes of volumes that hosts
 * made. */
#include "tests/unit/cu.h"
#include "vmfs/geom_priv.h"

/* Resource files of genuine volumes: A is a VMFS-3 of 1 GiB, B a VMFS-5 of 256 MiB, then 10 TiB. */
static const struct real {
	enum vmfs_res	kind;
	uint32_t	per_cluster, clusters_per_group, resource_bytes;
	uint64_t	count, group_bytes, file_bytes;
	uint32_t	groups;
} real[] = {
	{ VMFS_RES_FB, 200, 32, 0, 1024, 0x8000, 98304, 1 },
	{ VMFS_RES_PB, 16, 32, 0x1000, 2, 0x208000, 106496, 1 },
	{ VMFS_RES_SB, 16, 32, 0x10000, 1024, 0x2008000, 67239936, 2 },
	{ VMFS_RES_FB, 200, 64, 0, 256, 0x10000, 131072, 1 },
	{ VMFS_RES_FD, 32, 64, 0x800, 64, 0x410000, 262144, 1 },
	{ VMFS_RES_PB, 16, 64, 0x1000, 1, 0x410000, 135168, 1 },
	{ VMFS_RES_SB, 32, 64, 0x2000, 256, 0x1010000, 2228224, 1 },
	{ VMFS_RES_FB, 200, 64, 0, 10485504, 0x10000, 53805056, 820 },
	{ VMFS_RES_FD, 200, 64, 0x800, 130000, 0x1910000, 267026432, 11 },
	{ VMFS_RES_PB, 16, 64, 0x1000, 64512, 0x410000, 268435456, 63 },
	{ VMFS_RES_SB, 64, 64, 0x2000, 32000, 0x2010000, 262733824, 8 },
	{ VMFS_RES_PB2, 16, 64, 0x1000, 256, 0x410000, 1179648, 1 },
};

static void test_derive_matches_genuine_files(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(real); i++) {
		struct vmfs_geom g = { .form = &vmfs_form_5, .count = real[i].count,
				       .per_cluster = real[i].per_cluster,
				       .clusters_per_group = real[i].clusters_per_group,
				       .resource_bytes = real[i].resource_bytes };

		vmfs_geom_derive(&g);
		CU_ASSERT_EQUAL(g.group_bytes, real[i].group_bytes);
		CU_ASSERT_EQUAL(g.file_bytes, real[i].file_bytes);
		CU_ASSERT_EQUAL(g.groups, real[i].groups);
	}
}

static void test_encode_decode(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(real); i++) {
		struct vmfs_geom g = { .form = &vmfs_form_5, .count = real[i].count,
				       .per_cluster = real[i].per_cluster,
				       .clusters_per_group = real[i].clusters_per_group,
				       .resource_bytes = real[i].resource_bytes }, back;
		struct vmfs_res_disk disk;

		vmfs_geom_derive(&g);
		vmfs_geom_encode(&g, real[i].kind, &disk);
		CU_ASSERT_PTR_NULL(vmfs_geom_decode(&vmfs_form_5, &disk, real[i].kind,
						      &back));
		CU_ASSERT(!memcmp(&g, &back, sizeof(g)));
	}
}

/* Counts that mkfs picks, as the table of FORMAT.md has them. */
static void test_counts_for_volume(void)
{
	static const struct { uint64_t blocks, fd, sb, pb, pb2; uint32_t fd_rc, sb_rc; } t[] = {
		{ 47, 32, 47, 16, 16, 32, 32 },
		{ 256, 64, 256, 32, 16, 32, 32 },
		{ 1280, 320, 1280, 160, 40, 32, 32 },
		{ 7936, 1984, 7936, 992, 248, 32, 64 },
		{ 32512, 8128, 32000, 4064, 256, 200, 64 },
		{ 1048320, 130000, 32000, 64512, 256, 200, 64 },
		{ 67108608, 130000, 32000, 64512, 256, 200, 64 },
	};

	for (size_t i = 0; i < ARRAY_COUNT(t); i++) {
		struct vmfs_geom g[VMFS_RES_COUNT];

		vmfs_geom_for_volume(g, t[i].blocks);
		CU_ASSERT_EQUAL(g[VMFS_RES_FB].count, t[i].blocks);
		CU_ASSERT_EQUAL(g[VMFS_RES_FD].count, t[i].fd);
		CU_ASSERT_EQUAL(g[VMFS_RES_SB].count, t[i].sb);
		CU_ASSERT_EQUAL(g[VMFS_RES_PB].count, t[i].pb);
		CU_ASSERT_EQUAL(g[VMFS_RES_PB2].count, t[i].pb2);
		CU_ASSERT_EQUAL(g[VMFS_RES_FD].per_cluster, t[i].fd_rc);
		CU_ASSERT_EQUAL(g[VMFS_RES_SB].per_cluster, t[i].sb_rc);
	}
}

/* Where the genuine 256 MiB volume has things: FD 13, and sub-block (4, 0) at .sbc.sf +
 * 0x120000. */
static void test_offsets_of_the_genuine_volume(void)
{
	struct vmfs_geom g[VMFS_RES_COUNT];
	uint32_t cluster = 9, resource = 9;

	vmfs_geom_for_volume(g, 256);
	CU_ASSERT_EQUAL(vmfs_geom_resource_at(&g[VMFS_RES_FD], 0, 0), 0x20000);
	CU_ASSERT(
	    vmfs_geom_split(&g[VMFS_RES_FD], VMFS_RES_FD, 0x03400004, 0, &cluster, &resource));
	CU_ASSERT_EQUAL(cluster, 0);
	CU_ASSERT_EQUAL(resource, 13);
	CU_ASSERT(
	    vmfs_geom_split(&g[VMFS_RES_SB], VMFS_RES_SB, 0x00000102, 1, &cluster, &resource));
	CU_ASSERT_EQUAL(cluster, 4);
	CU_ASSERT_EQUAL(resource, 0);
	CU_ASSERT_EQUAL(vmfs_geom_resource_at(&g[VMFS_RES_SB], 4, 0), 0x120000);
	CU_ASSERT_EQUAL(vmfs_geom_cluster_at(&g[VMFS_RES_SB], 4), 0x11000);
	CU_ASSERT(
	    vmfs_geom_split(&g[VMFS_RES_FB], VMFS_RES_FB, 0x00000381, 0, &cluster, &resource));
	CU_ASSERT_EQUAL(cluster * 200 + resource, 14);
}

/* Address and split are each other's inverse on every resource; the one past the end is refused. */
static void test_split_is_the_inverse_of_addr(void)
{
	struct vmfs_geom g[VMFS_RES_COUNT];

	vmfs_geom_for_volume(g, 7936);
	for (enum vmfs_res kind = 0; kind <= VMFS_RES_PB2; kind++) {
		uint32_t last = g[kind].clusters - 1,
			 total = vmfs_geom_cluster_total(&g[kind], last), c, r;

		for (uint64_t i = 0; i < g[kind].count; i++) {
			uint32_t cluster = (uint32_t)(i / g[kind].per_cluster);
			uint32_t resource = (uint32_t)(i % g[kind].per_cluster);
			uint64_t addr = vmfs_geom_addr(kind, &g[kind], cluster, resource);

			CU_ASSERT(vmfs_geom_split(&g[kind], kind, addr, 1, &c, &r) &&
				  c == cluster && r == resource);
		}
		CU_ASSERT(!vmfs_geom_split(&g[kind], kind,
					   vmfs_geom_addr(kind, &g[kind], last, total), 1, &c,
					   &r) ||
			  total == g[kind].per_cluster);
		CU_ASSERT(!vmfs_geom_split(&g[kind], kind,
					   vmfs_geom_addr(kind, &g[kind], last + 1, 0), 1, &c, &r));
	}
}

/* Neighbours neither overlap nor leave gaps, over the border of a group too. */
static void test_resources_follow_each_other(void)
{
	struct vmfs_geom g = { .form = &vmfs_form_5, .per_cluster = 16, .clusters_per_group = 4,
			       .resource_bytes = 4096, .count = 200 };

	vmfs_geom_derive(&g);
	for (uint32_t i = 1; i < 200; i++) {
		uint64_t before = vmfs_geom_resource_at(&g, (i - 1) / 16, (i - 1) % 16);
		uint64_t gap =
		    i % 64 == 0 ? 4 * VMFS_CLUSTER_BYTES : 0; /* the next group's headers */

		CU_ASSERT_EQUAL(vmfs_geom_resource_at(&g, i / 16, i % 16), before + 4096 + gap);
	}
	CU_ASSERT_EQUAL(vmfs_geom_resource_at(&g, 12, 7) + 4096, g.file_bytes);
}

static void test_decode_refuses(void)
{
	static const struct { uint32_t off, value;
	} bad[] = {
		{ 0x00, 0 },	      { 0x00, 513 },	 { 0x00, 0xffffffff }, { 0x04, 0 },
		{ 0x04, 0xffffffff }, { 0x08, 0x10001 }, { 0x0c, 512 },	       { 0x10, 0 },
		{ 0x14, 0xffffffff }, { 0x18, 0 },	 { 0x1c, 1 },
	};
	struct vmfs_geom g[VMFS_RES_COUNT], back;

	vmfs_geom_for_volume(g, 256);
	for (enum vmfs_res kind = 0; kind <= VMFS_RES_PB2; kind++)
		for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
			struct vmfs_res_disk disk;

			vmfs_geom_encode(&g[kind], kind, &disk);
			le32_set((le32 *)((uint8_t *)&disk + bad[i].off), bad[i].value);
			CU_ASSERT_PTR_NOT_NULL(vmfs_geom_decode(&vmfs_form_5, &disk, kind, &back));
		}
}

static const struct cu_case cases[] = {
	{ "derive matches genuine files", test_derive_matches_genuine_files },
	{ "encode, decode", test_encode_decode },
	{ "counts for a volume", test_counts_for_volume },
	{ "offsets of the genuine volume", test_offsets_of_the_genuine_volume },
	{ "split is the inverse of addr", test_split_is_the_inverse_of_addr },
	{ "resources follow each other", test_resources_follow_each_other },
	{ "decode refuses", test_decode_refuses },
};
CU_MAIN("vmfs/geom", cases)
