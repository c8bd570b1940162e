/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* fields IMAGE - where the fields of a small VMFS-5 volume lie: a line "name offset bytes" for
 * each, offsets of the image file. The scripts that damage volumes take their targets from here.
 *
 * It finds its way with the format header alone, for one device of at most one cluster group, which
 * is what a volume of a few hundred MiB has. Directories are walked two levels deep, so that
 * entries come out as "dirent:/d/name.fd". */
#include "vmfs/vmfs_format.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct field {
	const char	*name;
	size_t		at, bytes;
};

#define FIELD(type, name) { #name, offsetof(struct type, name), sizeof(((struct type *)0)->name) }
#define DEV(name) FIELD(lvm_device_disk, name)
#define VOL(name) FIELD(lvm_volume_disk, name)
#define PE(name) FIELD(lvm_pe_disk, name)
#define FS(name) FIELD(vmfs_fs_disk, name)
#define HB(name) FIELD(vmfs_hb_disk, name)
#define LOCK(name) FIELD(vmfs_lock_disk, name)
#define RES(name) FIELD(vmfs_res_disk, name)
#define CL(name) FIELD(vmfs_cluster_disk, name)
#define FD(name) FIELD(vmfs_fd_disk, name)
#define ENT(name) FIELD(vmfs_dirent_head, name)	/* its name is behind the head */
#define END { NULL, 0, 0 }

static const struct field dev_fields[] = {
	DEV(magic), DEV(major), DEV(minor), DEV(disk_id), DEV(block_bytes), DEV(total_bytes),
	DEV(num_volumes), DEV(num_pes), DEV(last_pe), DEV(generation), DEV(data_offset),
	DEV(dev_id), DEV(init_time_us), DEV(mod_time_us), DEV(locked_by), DEV(locked_when_us),
	DEV(num_pe_maps), DEV(ext_offset), DEV(md_alignment), DEV(num_pes6), DEV(flags), END,
};
static const struct field vol_fields[] = {
	VOL(logical_bytes), VOL(generation), VOL(state), VOL(name), VOL(lv_id), VOL(snap_id),
	VOL(creation_us), VOL(volume_id), VOL(num_pes), VOL(first_pe), VOL(last_pe),
	VOL(mod_time_us), VOL(num_devs), VOL(consumed_pes), END,
};
static const struct field pe_fields[] = {
	PE(used), PE(pe_id), PE(volume_id), PE(physical), PE(logical), PE(bytes), PE(version), END,
};
static const struct field fs_fields[] = {
	FS(magic), FS(major), FS(minor), FS(uuid), FS(config), FS(label), FS(disk_block_bytes),
	FS(file_block_bytes), FS(creation_time), FS(snap_id), FS(lv_id), FS(lv_snap_id),
	FS(lv_zero), FS(fdc_group_offset), FS(fdc_clusters_per_group), FS(sub_block_bytes),
	FS(max_journal_slots), FS(pb2_at), FS(pb2_fd), FS(host), FS(generation), FS(sdd_at),
	FS(sdd_fd), FS(tail), END,
};
static const struct field hb_fields[] = {
	HB(state), HB(at), HB(gen), HB(stamp_us), HB(owner), HB(journal_fb), HB(drv_major),
	HB(drv_minor), HB(lock_impl), HB(ip), HB(journal_at), HB(replay_host), HB(replay_hb_at),
	HB(replay_hb_gen), END,
};
static const struct field lock_fields[] = {
	LOCK(type), LOCK(at), LOCK(hb_at), LOCK(hb_gen), LOCK(token), LOCK(mode), LOCK(owner),
	LOCK(mtime), LOCK(num_holders), LOCK(holders), LOCK(gbl_holders), LOCK(gbl_gen),
	LOCK(gbl_brk), END,
};
static const struct field res_fields[] = {
	RES(resources_per_cluster), RES(clusters_per_group), RES(group_offset), RES(resource_bytes),
	RES(group_bytes), RES(num_resources_lo), RES(num_groups), RES(num_resources_hi), END,
};
static const struct field cluster_fields[] = {
	CL(cluster), CL(total), CL(free), CL(next_free), CL(bitmap), CL(fd_generation),
	CL(type_data), CL(priority), END,
};
static const struct field fd_fields[] = {
	FD(fd), FD(generation), FD(links), FD(type), FD(flags), FD(length), FD(block_bytes),
	FD(num_blocks), FD(mtime), FD(ctime), FD(atime), FD(uid), FD(gid), FD(mode), FD(zla),
	FD(tbz_lo), FD(cow_lo), FD(new_lo), FD(tbz_hi), FD(cow_hi), FD(num_pbs), FD(new_hi),
	FD(signature), FD(affinity_fd), FD(tbz_shift), FD(parent_fd), FD(block_shift), END,
};
static const struct field dirent_fields[] = { ENT(type), ENT(fd), ENT(generation),
					   FIELD(vmfs_dirent_disk, name), END };

#define BLOCK		(1024u * 1024)
#define FD_AREA		(VMFS_FDC_MIN_AT + VMFS_RES_GROUP_AT)	/* headers of the FD clusters */

static FILE *image;
static uint32_t sb_per_cluster, sb_clusters;

static void read_at(uint64_t at, void *buf, size_t bytes)
{
	if (fseeko(image, (off_t)at, SEEK_SET) != 0 || fread(buf, 1, bytes, image) != bytes) {
		fprintf(stderr, "fields: cannot read %zu bytes at 0x%llx\n", bytes,
			(unsigned long long)at);
		exit(1);
	}
}

/* A volume offset in the image: PE 0 starts where the data does, and the others follow it. */
static uint64_t physical(uint64_t at)
{
	return LVM_DATA_AT + at;
}

static uint32_t read_word(uint64_t at)
{
	le32 word;

	read_at(at, &word, sizeof(word));
	return le32_get(word);
}

static void show(const char *object, const char *name, uint64_t at, size_t bytes)
{
	printf("%s.%s %llu %zu\n", object, name, (unsigned long long)at, bytes);
}

static void show_all(const char *object, const struct field *fields, uint64_t at)
{
	for (; fields->name; fields++)
		show(object, fields->name, at + fields->at, fields->bytes);
}

/* FD number n of cluster group 0 (clusters of 32, 64 a group), as mkfs makes small volumes. */
static uint64_t fd_at(uint32_t fd)
{
	uint32_t number = VMFS_FD_CLUSTER(fd) * 32 + VMFS_FD_RESOURCE(fd);

	return physical(FD_AREA + 64 * VMFS_CLUSTER_BYTES + number * (uint64_t)VMFS_FD_BYTES);
}

static uint32_t pointer(uint32_t fd, uint32_t index)
{
	return read_word(fd_at(fd) + VMFS_FD_DATA_AT + 4 * index);
}

static void show_fd(const char *name, uint32_t fd)
{
	char object[200];

	snprintf(object, sizeof(object), "lock:%s", name);
	show_all(object, lock_fields, fd_at(fd));
	snprintf(object, sizeof(object), "fd:%s", name);
	show_all(object, fd_fields, fd_at(fd) + VMFS_FD_META_AT);
	for (uint32_t i = 0; i < 2; i++)
		show(object, i ? "pointer1" : "pointer0", fd_at(fd) + VMFS_FD_DATA_AT + 4 * i, 4);
}

static void show_resource_file(const char *name, uint32_t fd)
{
	uint64_t head = physical((uint64_t)VMFS_FB_BLOCK(pointer(fd, 0)) * BLOCK);
	char object[64];

	snprintf(object, sizeof(object), "header:%s", name);
	show_all(object, res_fields, head);
	snprintf(object, sizeof(object), "cluster-lock:%s", name);
	show_all(object, lock_fields, head + VMFS_RES_GROUP_AT);
	snprintf(object, sizeof(object), "cluster:%s", name);
	show_all(object, cluster_fields, head + VMFS_RES_GROUP_AT + 512);
	if (fd == VMFS_FD_SBC) {
		sb_per_cluster = read_word(head);
		sb_clusters = read_word(head + 4);
	}
}

/* Where a directory's or file's first data lies. 0: nowhere, or in a way not followed here. */
static uint64_t first_data(uint32_t fd)
{
	uint32_t zla = read_word(fd_at(fd) + VMFS_FD_META_AT + offsetof(struct vmfs_fd_disk, zla));
	uint32_t p = pointer(fd, 0), block;
	uint64_t at;

	if (zla == VMFS_ZLA_FB)
		return physical((uint64_t)VMFS_FB_BLOCK(p) * BLOCK);
	if (zla != VMFS_ZLA_SB)
		return 0;
	at = VMFS_RES_GROUP_AT + (uint64_t)sb_clusters * VMFS_CLUSTER_BYTES;
	at += ((uint64_t)VMFS_SUB_CLUSTER(p) * sb_per_cluster + VMFS_SB_RESOURCE(p, 1)) * 8192;
	block = VMFS_FB_BLOCK(pointer(VMFS_FD_SBC, (uint32_t)(at / BLOCK)));
	return physical((uint64_t)block * BLOCK + at % BLOCK);
}

static void show_dir(const char *path, uint32_t fd, int depth)
{
	uint64_t meta = fd_at(fd) + VMFS_FD_META_AT;
	uint32_t bytes = read_word(meta + offsetof(struct vmfs_fd_disk, length));
	uint64_t at = first_data(fd);
	struct vmfs_dirent_disk e;
	char object[600], name[129] = "";

	for (uint32_t i = 0; at != 0 && i < bytes / sizeof(e); i++) {
		read_at(at + i * sizeof(e), &e, sizeof(e));
		memcpy(name, e.name, 128);
		snprintf(object, sizeof(object), "dirent:%s%s", path, name);
		show_all(object, dirent_fields, at + i * sizeof(e));
		if (i < 2 || le32_get(e.head.type) == VMFS_TYPE_SYSTEM)
			continue;
		snprintf(object, sizeof(object), "%s%s", path, name);
		show_fd(object, le32_get(e.head.fd));
		if (le32_get(e.head.type) == VMFS_TYPE_DIR && depth > 0) {
			snprintf(object, sizeof(object), "%s%s/", path, name);
			show_dir(object, le32_get(e.head.fd), depth - 1);
		}
	}
}

int main(int argc, char **argv)
{
	image = argc == 2 ? fopen(argv[1], "rb") : NULL;
	if (!image) {
		fprintf(stderr, "usage: fields IMAGE\n");
		return 2;
	}
	show_all("device", dev_fields, LVM_HEADER_AT);
	show_all("volume", vol_fields, LVM_HEADER_AT + LVM_VOLUME_AT);
	show("volume", "pe-map", LVM_HEADER_AT + LVM_PE_MAP_AT(0), 1);
	show_all("pe", pe_fields, LVM_HEADER_AT + LVM_PE_TABLE_AT(0));
	show_all("descriptor", fs_fields, physical(VMFS_FS_AT));
	show_all("heartbeat", hb_fields, physical(VMFS_HB_AT));
	show_resource_file("fbb", VMFS_FD_FBB);
	show_resource_file("fdc", VMFS_FD_FDC);
	show_resource_file("pbc", VMFS_FD_PBC);
	show_resource_file("sbc", VMFS_FD_SBC);
	show_resource_file("pb2", VMFS_FD_PB2);
	show_fd("root", VMFS_FD_ROOT);
	show_fd(".fbb.sf", VMFS_FD_FBB);
	show_fd(".fdc.sf", VMFS_FD_FDC);
	show_fd(".pbc.sf", VMFS_FD_PBC);
	show_fd(".sbc.sf", VMFS_FD_SBC);
	show_fd(".pb2.sf", VMFS_FD_PB2);
	show_dir("/", VMFS_FD_ROOT, 1);
	return 0;
}
