/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* mkfs - a new VMFS-5 over one or more devices.
 *
 * Everything is planned in memory first: devices, geometry, the block runs of the system files.
 * On the disk the order is: the old magic goes away; zeros; LVM tables; heartbeat slots; resource
 * files; FDs and directories; then, each after a flush, the descriptor and the LVM magics, the
 * head's last. So whatever interrupts it leaves devices without a volume, never half of one. */
#include "vmfs/format_priv.h"
#include "iopath/base/fmt.h"

#define BLOCK_BYTES	MIB
#define FDC_FIRST	4u	/* block of .fdc.sf's header and first FDs: fixed by the format */
#define ROOT_BLOCK	5u
#define FIRST_FREE	6u	/* of the blocks that system files are laid out in */
#define SHORT_PE_MIN	(47 * MIB)
#define ROOT_ENTRIES	9u
#define MTIME_FIRST	0x200u	/* lock mtimes count created objects from here, as hosts do */

struct mkfs {
	struct io_dev *const		*devs;
	const struct vmfs_mkfs_opts	*opts;
	struct why			*why;
	struct lvm			lvm;
	struct vmfs_layout		layout;
	struct vmfs_uuid		fs_uuid, lv_uuid, host_uuid;
	uint64_t			now_us, pe_bytes, block_count;
	uint32_t			system_blocks;	/* 0 .. n - 1 are taken */
	uint32_t			sdd_block;
	uint64_t mtime_fd[VMFS_RES_COUNT]; /* the file's FD; its clusters follow */
	uint64_t			mtime_vh, mtime_sdd;
	uint32_t			locked;		/* devices */
	uint64_t			done_bytes, total_bytes;
};

static void progress(struct mkfs *m, uint64_t bytes)
{
	m->done_bytes = MIN(m->done_bytes + bytes, m->total_bytes);
	if (m->opts->progress)
		m->opts->progress(m->opts->progress_arg, m->done_bytes, m->total_bytes);
}

/* ---- plan ------------------------------------------------------------------------------------ */

static enum status check_opts(struct mkfs *m, uint32_t dev_count)
{
	const struct vmfs_mkfs_opts *o = m->opts;

	if (dev_count == 0 || dev_count > LVM_DEVICES_MAX)
		return why_set(m->why, ST_INVAL, "a volume has 1 to 32 devices, not %u", dev_count);
	if (o->block_bytes && o->block_bytes != BLOCK_BYTES)
		return why_set(m->why, ST_INVAL, "VMFS-5 has file blocks of 1 MiB, not %u bytes",
			       o->block_bytes);
	if (o->label && (strlen(o->label) > 128 || !fmt_utf8_valid(o->label, strlen(o->label))))
		return why_set(m->why, ST_INVAL, "the label is not UTF-8 of at most 128 bytes");
	for (uint32_t i = 0; i < dev_count; i++)
		for (uint32_t k = 0; k < i; k++)
			if (m->devs[i] == m->devs[k])
				return why_set(m->why, ST_INVAL, "%s is given twice",
					       m->devs[i]->name);
	return ST_OK;
}

static enum status refuse_existing(struct mkfs *m, struct io_dev *dev)
{
	struct vmfs_probe probe;
	struct why ignored;
	enum status st = vmfs_probe(dev, &probe, &ignored);

	if (st == ST_NOENT || m->opts->force)
		return ST_OK;
	if (st == ST_OK || st == ST_CORRUPT || st == ST_UNSUPPORTED)
		return why_set(
		    m->why, ST_EXIST, "%s: there is a VMFS volume%s%s%s; force overwrites it",
		    dev->name, st == ST_OK && probe.label[0] ? " \"" : "",
		    st == ST_OK ? probe.label : "", st == ST_OK && probe.label[0] ? "\"" : "");
	return why_set(m->why, st, "%s", ignored.text);
}

/* Lock out writers before anything is looked at. */
static enum status claim_devices(struct mkfs *m, uint32_t dev_count)
{
	for (; m->locked < dev_count; m->locked++) {
		struct io_dev *dev = m->devs[m->locked];
		enum status st;

		if (!dev->writable)
			return why_set(m->why, ST_READONLY, "%s: opened for reading only",
				       dev->name);
		st = lvm_lock_dev(dev, m->why);
		if (st != ST_OK)
			return st;
	}
	for (uint32_t i = 0; i < dev_count; i++) {
		enum status st = refuse_existing(m, m->devs[i]);

		if (st != ST_OK)
			return st;
	}
	return ST_OK;
}

static void uuid_or_new(struct vmfs_uuid *uuid, const struct vmfs_uuid *given)
{
	static const struct vmfs_uuid none;

	if (memcmp(given, &none, sizeof(none)))
		*uuid = *given;
	else
		vmfs_uuid_make(uuid);
}

/* The fields that all devices share. */
static void plan_volume_entry(struct mkfs *m, struct lvm_volume_disk *v, uint64_t all_pes)
{
	char name[VMFS_UUID_TEXT];

	vmfs_uuid_format(&m->lv_uuid, name);
	le64_set(&v->generation, all_pes + 1);
	le32_set(&v->state, 1);
	mem_copy_text((char *)v->name, sizeof(v->name), name);
	memcpy(&v->lv_id, &m->lv_uuid, sizeof(v->lv_id));
	le32_set(&v->snap_id, 1);
	le64_set(&v->creation_us, m->now_us);
	le64_set(&v->mod_time_us, m->now_us);
	le32_set(&v->num_devs, m->lvm.dev_count);
	le64_set(&v->logical_bytes, m->lvm.bytes);
}

/* A lone device under 273 MiB gets one short PE: a test-only volume, which all readers accept. */
static enum status plan_pes(struct mkfs *m, struct io_dev *dev, uint32_t *pes)
{
	uint64_t room = dev->size_bytes > LVM_DATA_AT ? dev->size_bytes - LVM_DATA_AT : 0;

	*pes = lvm_room_pes(dev->size_bytes);
	if (*pes)
		return ST_OK;
	if (m->lvm.dev_count > 1 || room < SHORT_PE_MIN)
		return why_set(m->why, ST_RANGE, "%s: %ju MiB is too small: VMFS-5 needs %s",
			       dev->name, (uint64_t)(dev->size_bytes / MIB),
			       m->lvm.dev_count > 1 ? "273 MiB on each device of several"
						    : "64 MiB");
	m->pe_bytes = round_down(room, MIB);
	*pes = 1;
	return ST_OK;
}

static enum status plan_devices(struct mkfs *m, uint32_t dev_count)
{
	uint64_t all_pes = 0;
	enum status st;

	m->lvm.dev_count = dev_count;
	for (uint32_t i = 0; i < dev_count; i++) {
		struct lvm_device *d = &m->lvm.dev[i];
		struct vmfs_uuid dev_uuid;
		uint32_t pes;

		st = plan_pes(m, m->devs[i], &pes);
		if (st != ST_OK)
			return st;
		uuid_or_new(&dev_uuid, &m->opts->dev_uuid);
		dev_uuid.b[8] =
		    (uint8_t)(dev_uuid.b[8] + i); /* a given one serves for all devices */
		lvm_new_device(d, m->devs[i], &dev_uuid, m->now_us,
			       m->opts->disk_id[0] ? m->opts->disk_id : "vmhba0:C0:T0:L0");
		le64_set(&d->volume.first_pe, all_pes);
		lvm_set_pes(d, pes);
		all_pes += pes;
	}
	if (all_pes > LVM_PES_MAX)
		return why_set(m->why, ST_RANGE,
			       "%ju TiB in all: a VMFS-5 volume has at most 64 TiB",
			       div_round_up(all_pes * LVM_PE_BYTES, TIB));
	st = lvm_plan(&m->lvm, m->pe_bytes);
	if (st != ST_OK)
		return why_set(m->why, st, "no memory for the map of the volume");
	for (uint32_t i = 0; i < dev_count; i++) {
		plan_volume_entry(m, &m->lvm.dev[i].volume, all_pes);
		le64_set(&m->lvm.dev[i].record.generation, all_pes + 2);
	}
	return ST_OK;
}

/* The next `blocks` blocks after those taken so far. skip: the first is elsewhere already. */
static enum status plan_map(struct mkfs *m, struct vmfs_sysmap *map, uint64_t file_bytes,
			    uint32_t skip)
{
	map->file_bytes = file_bytes;
	map->block_count = (uint32_t)div_round_up(file_bytes, BLOCK_BYTES);
	map->block_shift = m->layout.block_shift;
	map->block = port_alloc(map->block_count * sizeof(*map->block));
	if (!map->block)
		return why_set(m->why, ST_NOMEM, "no memory for the map of a system file");
	for (uint32_t k = skip; k < map->block_count; k++)
		map->block[k] = m->system_blocks++;
	return ST_OK;
}

static enum status plan_files(struct mkfs *m)
{
	static const enum vmfs_res order[] = { VMFS_RES_FB, VMFS_RES_FD, VMFS_RES_PB, VMFS_RES_SB,
					       VMFS_RES_PB2 };
	struct vmfs_layout *l = &m->layout;
	enum status st = ST_OK;

	m->system_blocks = FIRST_FREE;
	for (size_t i = 0; i < ARRAY_COUNT(order) && st == ST_OK; i++) {
		enum vmfs_res kind = order[i];
		uint64_t bytes = l->geom[kind].file_bytes;

		if (kind == VMFS_RES_FD)	/* at least one block, and that one is fixed */
			bytes = MAX(bytes, BLOCK_BYTES);
		st = plan_map(m, &l->map[kind], bytes, kind == VMFS_RES_FD);
	}
	if (st != ST_OK)
		return st;
	l->map[VMFS_RES_FD].block[0] = FDC_FIRST;
	m->sdd_block = m->system_blocks++;
	if (m->system_blocks > m->block_count)
		return why_set(m->why, ST_RANGE,
			       "%s: %ju blocks, of which the file system itself needs %u",
			       m->devs[0]->name, m->block_count, m->system_blocks);
	return ST_OK;
}

/* Lock mtimes ascend in the order in which hosts create things. */
static void plan_mtimes(struct mkfs *m)
{
	static const enum vmfs_res order[] = { VMFS_RES_FB, VMFS_RES_FD, VMFS_RES_PB, VMFS_RES_SB };
	uint64_t next = MTIME_FIRST + 1;

	for (size_t i = 0; i < ARRAY_COUNT(order); i++) {
		m->mtime_fd[order[i]] = next;
		next += 1 + m->layout.geom[order[i]].clusters;
	}
	m->mtime_vh = next++;
	m->mtime_fd[VMFS_RES_PB2] = next;
	m->mtime_sdd = next + 1 + m->layout.geom[VMFS_RES_PB2].clusters;
}

static enum status plan(struct mkfs *m, uint32_t dev_count)
{
	struct vmfs_layout *l = &m->layout;
	enum status st;

	uuid_or_new(&m->lv_uuid, &m->opts->lv_uuid);
	uuid_or_new(&m->fs_uuid, &m->opts->fs_uuid);
	uuid_or_new(&m->host_uuid, &m->opts->host_uuid);
	m->now_us = m->opts->now_us ? m->opts->now_us : port_wall_us();
	m->pe_bytes = LVM_PE_BYTES;
	st = plan_devices(m, dev_count);
	if (st != ST_OK)
		return st;
	m->block_count = m->lvm.bytes / BLOCK_BYTES;
	l->block_bytes = BLOCK_BYTES;
	l->block_shift = 20;
	l->sub_block_bytes = VMFS_SB_BYTES;
	l->fdc_base = FDC_FIRST * BLOCK_BYTES;
	l->dense_sb = 1;
	l->version = 5;
	l->form = &vmfs_form_5;
	l->blocks = m->block_count;
	vmfs_geom_for_volume(l->geom, m->block_count);
	st = plan_files(m);
	plan_mtimes(m);
	m->total_bytes =
	    m->system_blocks * BLOCK_BYTES + l->map[VMFS_RES_FB].block_count * BLOCK_BYTES;
	return st;
}

/* ---- write ----------------------------------------------------------------------------------- */

/* Forget what was there before: first its magic, durably, so that a crash in the middle of
 * overwriting it does not leave a volume with holes. */
static enum status erase_old(struct mkfs *m)
{
	enum status st = ST_OK;

	for (uint32_t i = 0; i < m->lvm.dev_count && st == ST_OK; i++)
		st = lvm_clear(m->devs[i], LVM_HEADER_AT, SECTOR_BYTES);
	if (st == ST_OK)
		st = lvm_flush(&m->lvm);
	for (uint32_t i = 0; i < m->lvm.dev_count && st == ST_OK; i++)
		st = lvm_clear(m->devs[i], LVM_HEADER_AT, LVM_DATA_AT - LVM_HEADER_AT);
	for (uint64_t at = 0, n; at < m->system_blocks * BLOCK_BYTES && st == ST_OK; at += n) {
		n = MIN(64 * MIB, m->system_blocks * BLOCK_BYTES - at);
		if (port_interrupted())
			st = ST_CANCELLED;
		else if (!lvm_known_zero(&m->lvm, at, n))
			st = lvm_zero(&m->lvm, at, n);
		progress(m, n);
	}
	return st;
}

/* All of a device's header but the record, whose magic makes it a volume. */
static enum status write_lvm(struct mkfs *m)
{
	enum status st = ST_OK;

	for (uint32_t i = 0; i < m->lvm.dev_count && st == ST_OK; i++) {
		struct lvm_device *d = &m->lvm.dev[i];

		st =
		    lvm_write_pes(d->dev, 0, le32_get(d->record.num_pes),
				  le64_get(d->volume.first_pe) * LVM_PE_BYTES, m->pe_bytes, m->why);
		if (st == ST_OK)
			st = lvm_write_name(m->devs[0], i, d->dev->name);
		if (st == ST_OK)
			st = lvm_write_volume(d);
	}
	return st;
}

static enum status write_heartbeats(struct mkfs *m)
{
	const size_t bytes = VMFS_HB_SLOTS * sizeof(struct vmfs_hb_disk);
	struct vmfs_hb_disk *slot = port_dma_alloc(bytes);
	enum status st;

	if (!slot)
		return ST_NOMEM;
	for (uint32_t i = 0; i < VMFS_HB_SLOTS; i++) {
		le32_set(&slot[i].state, VMFS_HB_FREE);
		le64_set(&slot[i].at, VMFS_HB_AT + i * sizeof(*slot));
	}
	st = lvm_write(&m->lvm, VMFS_HB_AT, slot, bytes);
	port_dma_free(slot, bytes);
	return st;
}

/* .fbb.sf over 256 blocks is found through one pointer block: PB 0 of cluster 0. */
static int needs_pb(const struct mkfs *m)
{
	return m->layout.map[VMFS_RES_FB].block_count > VMFS_FD_POINTERS;
}

static uint64_t taken(const struct mkfs *m, enum vmfs_res kind)
{
	switch (kind) {
	case VMFS_RES_FB:
		return m->system_blocks;
	case VMFS_RES_FD:
		return VMFS_FD_RESOURCE(VMFS_FD_SDD) + 1;
	case VMFS_RES_PB:
		return (uint64_t)needs_pb(m);
	default:
		return 0;
	}
}

static enum status write_resource_files(struct mkfs *m)
{
	struct vmfs_writer *w = port_alloc(sizeof(*w));
	enum status st;

	if (!w)
		return ST_NOMEM;
	st = vmfs_writer_init(w, &m->lvm, BLOCK_BYTES);
	if (st != ST_OK)
		goto free_writer;
	for (enum vmfs_res kind = 0; kind < VMFS_RES_COUNT; kind++) {
		const struct vmfs_sysmap *map = &m->layout.map[kind];
		struct vmfs_res_fill fill = { .layout = &m->layout,
					      .kind = kind,
					      .taken = taken(m, kind),
					      .mtime = m->mtime_fd[kind] + 1 };

		for (uint32_t k = 0; k < map->block_count && w->status == ST_OK; k++) {
			uint32_t low, high;

			if (port_interrupted())
				w->status = ST_CANCELLED;
			vmfs_res_fill_block(&fill, k, vmfs_writer_buffer(w), &low, &high);
			vmfs_writer_put(w, (uint64_t)map->block[k] << map->block_shift, low, high);
			if (kind == VMFS_RES_FB)
				progress(m, BLOCK_BYTES);
		}
	}
	st = vmfs_writer_fini(w);
free_writer:
	port_free(w);
	return st;
}

/* What all system FDs have in common. */
static void make_fd(struct mkfs *m, struct vmfs_fd_record *fd, uint32_t addr, uint64_t length,
		    uint64_t mtime)
{
	uint32_t now = (uint32_t)(m->now_us / 1000000),
		 blocks = (uint32_t)div_round_up(length, BLOCK_BYTES);

	memset(fd, 0, sizeof(*fd));
	le32_set(&fd->lock.type, VMFS_LOCK_TYPE_BASE + VMFS_LOCK_FD);
	le64_set(&fd->lock.at, vmfs_layout_addr_at(&m->layout, addr));
	le64_set(&fd->lock.token, 1);
	le64_set(&fd->lock.mtime, mtime);
	le32_set(&fd->meta.fd, addr);
	le32_set(&fd->meta.generation, 1);
	le32_set(&fd->meta.links, 1);
	le32_set(&fd->meta.type, VMFS_TYPE_SYSTEM);
	le64_set(&fd->meta.length, length);
	le64_set(&fd->meta.block_bytes, BLOCK_BYTES);
	le64_set(&fd->meta.num_blocks, blocks);
	le32_set(&fd->meta.mtime, now);
	le32_set(&fd->meta.ctime, now);
	le32_set(&fd->meta.atime, now);
	le32_set(&fd->meta.mode, 0x100);
	le32_set(&fd->meta.zla, VMFS_ZLA_FB);
	le32_set(&fd->meta.new_lo, blocks);
	le32_set(&fd->meta.affinity_fd, addr);
	le32_set(&fd->meta.tbz_shift, 20);
	fd->meta.block_shift = 20;
}

static enum status put_fd(struct mkfs *m, const struct vmfs_fd_record *fd)
{
	return lvm_write(&m->lvm, le64_get(fd->lock.at), fd, sizeof(*fd));
}

/* The pointers of a resource file; those of a long one go into the pointer block. */
static enum status put_resource_fd(struct mkfs *m, struct vmfs_fd_record *fd, enum vmfs_res kind)
{
	const struct vmfs_sysmap *map = &m->layout.map[kind];
	le32 pointer[VMFS_PB_POINTERS] = { 0 };
	enum status st;

	make_fd(m, fd, vmfs_res_traits[kind].fd, map->file_bytes, m->mtime_fd[kind]);
	for (uint32_t k = 0; k < map->block_count; k++)
		le32_set(&pointer[k], VMFS_FB_MAKE(map->block[k]));
	if (map->block_count <= VMFS_FD_POINTERS) {
		memcpy(fd->ptr, pointer, sizeof(fd->ptr));
		return put_fd(m, fd);
	}
	st = lvm_write(&m->lvm, vmfs_layout_addr_at(&m->layout, VMFS_PB_MAKE(0, 0)), pointer,
		       sizeof(pointer));
	if (st != ST_OK)
		return st;
	le32_set(&fd->meta.zla, VMFS_ZLA_PB);
	le32_set(&fd->meta.num_pbs, 1);
	le32_set(&fd->ptr[0], VMFS_PB_MAKE(0, 0));
	return put_fd(m, fd);
}

static void make_entry(struct vmfs_dirent_disk *e, uint32_t type, uint32_t fd, const char *name)
{
	le32_set(&e->type, type);
	le32_set(&e->fd, fd);
	le32_set(&e->generation, 1);
	mem_copy_text((char *)e->name, sizeof(e->name), name);
}

static enum status write_directories(struct mkfs *m)
{
	static const struct { uint32_t type, fd; const char *name;
	} root[ROOT_ENTRIES] = {
		{ VMFS_TYPE_DIR, VMFS_FD_ROOT, "." },
		{ VMFS_TYPE_DIR, VMFS_FD_ROOT, ".." },
		{ VMFS_TYPE_SYSTEM, VMFS_FD_FBB, ".fbb.sf" },
		{ VMFS_TYPE_SYSTEM, VMFS_FD_FDC, ".fdc.sf" },
		{ VMFS_TYPE_SYSTEM, VMFS_FD_PBC, ".pbc.sf" },
		{ VMFS_TYPE_SYSTEM, VMFS_FD_SBC, ".sbc.sf" },
		{ VMFS_TYPE_SYSTEM, VMFS_FD_VH, ".vh.sf" },
		{ VMFS_TYPE_SYSTEM, VMFS_FD_PB2, ".pb2.sf" },
		{ VMFS_TYPE_SYSTEM, VMFS_FD_SDD, ".sdd.sf" },
	};
	struct vmfs_dirent_disk entry[ROOT_ENTRIES] = { 0 }, sdd[2] = { 0 };
	enum status st;

	for (uint32_t i = 0; i < ROOT_ENTRIES; i++)
		make_entry(&entry[i], root[i].type, root[i].fd, root[i].name);
	make_entry(&sdd[0], VMFS_TYPE_SYSTEM, VMFS_FD_SDD, ".");
	make_entry(&sdd[1], VMFS_TYPE_DIR, VMFS_FD_ROOT, "..");
	st = lvm_write(&m->lvm, ROOT_BLOCK * BLOCK_BYTES, entry, sizeof(entry));
	if (st == ST_OK)
		st = lvm_write(&m->lvm, m->sdd_block * BLOCK_BYTES, sdd, sizeof(sdd));
	return st;
}

static enum status write_root_fd(struct mkfs *m, struct vmfs_fd_record *fd)
{
	make_fd(m, fd, VMFS_FD_ROOT, ROOT_ENTRIES * sizeof(struct vmfs_dirent_disk), MTIME_FIRST);
	le32_set(&fd->meta.type, VMFS_TYPE_DIR);
	le32_set(&fd->meta.links, 3);
	le32_set(&fd->meta.mode, 0x3ED);
	le32_set(&fd->ptr[0], VMFS_FB_MAKE(ROOT_BLOCK));
	return put_fd(m, fd);
}

static enum status write_vh_fd(struct mkfs *m, struct vmfs_fd_record *fd)
{
	make_fd(m, fd, VMFS_FD_VH, FDC_FIRST * BLOCK_BYTES, m->mtime_vh);
	for (uint32_t k = 0; k < FDC_FIRST; k++)
		le32_set(&fd->ptr[k], VMFS_FB_MAKE(k));
	return put_fd(m, fd);
}

static enum status write_sdd_fd(struct mkfs *m, struct vmfs_fd_record *fd)
{
	make_fd(m, fd, VMFS_FD_SDD, 2 * sizeof(struct vmfs_dirent_disk), m->mtime_sdd);
	le32_set(&fd->meta.links, 2);
	le32_set(&fd->meta.mode, 0x41C0);
	le32_set(&fd->ptr[0], VMFS_FB_MAKE(m->sdd_block));
	return put_fd(m, fd);
}

static enum status write_fds(struct mkfs *m)
{
	struct vmfs_fd_record fd;
	enum status st = write_root_fd(m, &fd);

	for (enum vmfs_res kind = 0; kind < VMFS_RES_COUNT && st == ST_OK; kind++)
		if (m->layout.map[kind].block_count)
			st = put_resource_fd(m, &fd, kind);
	if (st == ST_OK)
		st = write_vh_fd(m, &fd);
	if (st == ST_OK)
		st = write_sdd_fd(m, &fd);
	return st;
}

static enum status write_descriptor(struct mkfs *m)
{
	struct vmfs_fs_disk fs = { 0 };

	le32_set(&fs.magic, VMFS_FS_MAGIC);
	le32_set(&fs.major, VMFS_MAJOR_5);
	fs.minor = 0x51;
	memcpy(&fs.uuid, &m->fs_uuid, sizeof(fs.uuid));
	le32_set(&fs.config, 0x2 | VMFS_CONFIG_DENSE_SB);
	if (m->opts->label)
		memcpy(fs.label, m->opts->label, strlen(m->opts->label));
	le32_set(&fs.disk_block_bytes, SECTOR_BYTES);
	le64_set(&fs.file_block_bytes, BLOCK_BYTES);
	le32_set(&fs.creation_time, (uint32_t)(m->now_us / 1000000));
	le32_set(&fs.snap_id, 1);
	memcpy(&fs.lv_id, &m->lv_uuid, sizeof(fs.lv_id));
	le32_set(&fs.lv_snap_id, 1);
	le32_set(&fs.fdc_group_offset, VMFS_RES_GROUP_AT);
	le32_set(&fs.fdc_clusters_per_group, m->layout.geom[VMFS_RES_FD].clusters_per_group);
	le32_set(&fs.sub_block_bytes, VMFS_SB_BYTES);
	le32_set(&fs.max_journal_slots, 8);
	le64_set(&fs.pb2_at, vmfs_layout_addr_at(&m->layout, VMFS_FD_PB2));
	le32_set(&fs.pb2_fd, VMFS_FD_PB2);
	memcpy(&fs.host, &m->host_uuid, sizeof(fs.host));
	le64_set(&fs.generation, 1);
	le64_set(&fs.sdd_at, vmfs_layout_addr_at(&m->layout, VMFS_FD_SDD));
	le32_set(&fs.sdd_fd, VMFS_FD_SDD);
	return lvm_write(&m->lvm, VMFS_FS_AT, &fs, sizeof(fs));
}

/* The volume begins to exist with the last write. */
static enum status write_magics(struct mkfs *m)
{
	enum status st = ST_OK;

	for (uint32_t i = m->lvm.dev_count; i-- > 0 && st == ST_OK;) {
		if (i == 0)
			st = lvm_flush(&m->lvm);
		if (st == ST_OK)
			st = lvm_write_record(&m->lvm.dev[i]);
	}
	return st;
}

static enum status write_all(struct mkfs *m)
{
	static enum status (*const step[])(struct mkfs * m) = {
		erase_old, write_lvm,	      write_heartbeats, write_resource_files,
		write_fds, write_directories,
	};
	enum status st = ST_OK;

	for (size_t i = 0; i < ARRAY_COUNT(step) && st == ST_OK; i++)
		st = step[i](m);
	if (st == ST_OK)
		st = lvm_flush(&m->lvm);
	if (st == ST_OK)
		st = write_descriptor(m);
	if (st == ST_OK)
		st = lvm_flush(&m->lvm);
	if (st == ST_OK)
		st = write_magics(m);
	if (st == ST_OK)
		st = lvm_flush(&m->lvm);
	return st;
}

enum status vmfs_mkfs(struct io_dev *const *devs, uint32_t dev_count,
		      const struct vmfs_mkfs_opts *opts, struct vmfs_uuid *fs_uuid, struct why *why)
{
	struct mkfs *m = port_alloc(sizeof(*m));
	enum status st;

	if (!m)
		return why_set(why, ST_NOMEM, "no memory for mkfs");
	m->devs = devs;
	m->opts = opts;
	m->why = why;
	st = check_opts(m, dev_count);
	if (st == ST_OK)
		st = claim_devices(m, dev_count);
	if (st == ST_OK)
		st = plan(m, dev_count);
	if (st == ST_OK) {
		st = write_all(m);
		if (st != ST_OK)
			why_set(why, st, "%s: making the volume failed and left none: %s",
				devs[0]->name, status_text(st));
	}
	if (st == ST_OK && fs_uuid)
		*fs_uuid = m->fs_uuid;
	while (m->locked)
		lvm_unlock_dev(devs[--m->locked]);
	lvm_close(&m->lvm);
	vmfs_layout_free(&m->layout);
	port_free(m);
	return st;
}
