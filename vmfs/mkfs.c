/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* mkfs - a new VMFS-5 or VMFS-6 over one or more devices.
 *
 * Everything is planned in memory first: devices, geometry, the block runs of the system files.
 * On the disk the order is: the old magic goes away; zeros; LVM tables; heartbeat slots; resource
 * files; FDs and directories; then, each after a flush, the descriptor and the LVM magics, the
 * head's last. So whatever interrupts it leaves devices without a volume, never half of one. */
#include "vmfs/format_priv.h"
#include "iopath/base/fmt.h"

#define BLOCK_BYTES	MIB
#define MTIME_FIRST	0x200u	/* lock mtimes count created objects from here, as hosts do */

/* What a version puts where, and says of itself. */
struct mkfs_form {
	const struct vmfs_form	*form;
	const struct lvm_form	*lvm;
	uint32_t	major, minor;
	uint32_t	fdc_block;	/* .fdc.sf's header and first FDs: fixed by the format */
	uint32_t	sub_block_bytes, journal_slots;
	uint64_t	short_pe_min;	/* a device under 273 MiB may have one PE of this; 0: no */
	const char	*least;		/* what a lone device needs */
	void		(*plan)(struct vmfs_geom g[VMFS_RES_COUNT], uint64_t blocks);
	void		(*descriptor)(struct vmfs_fs_disk *fs);		/* NULL: nothing to add */
	const struct mkfs_dir {
		const char	*name;		/* of a system file */
		uint32_t	fd;
	} *names;			/* in the root, in order; ends with a NULL */
	/* Images of the two directories: bytes of both, and their content into a zeroed buffer. */
	uint32_t	root_bytes, sdd_bytes;
	void		(*root)(const struct mkfs_form *form, uint8_t *image);
	void		(*sdd)(uint8_t *image);
};

struct mkfs {
	const struct mkfs_form		*form;
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
		return why_set(m->why, ST_INVAL, "%s has file blocks of 1 MiB, not %u bytes",
			       m->form->form->name, o->block_bytes);
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
		st = lvm_lock_dev(dev, 1, m->why);
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

	*pes = lvm_room_pes(m->form->lvm, dev->size_bytes);
	if (*pes)
		return ST_OK;
	if (m->lvm.dev_count > 1 || !m->form->short_pe_min || room < m->form->short_pe_min)
		return why_set(m->why, ST_RANGE, "%s: %ju MiB is too small: %s needs %s",
			       dev->name, (uint64_t)(dev->size_bytes / MIB), m->form->form->name,
			       m->lvm.dev_count > 1 ? "273 MiB on each device of several"
						    : m->form->least);
	m->pe_bytes = round_down(room, MIB);
	*pes = 1;
	return ST_OK;
}

static enum status plan_devices(struct mkfs *m, uint32_t dev_count)
{
	uint64_t all_pes = 0, records = 0;
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
			       m->opts->disk_id[0] ? m->opts->disk_id : "vmhba0:C0:T0:L0",
			       m->form->lvm);
		le64_set(&d->volume.first_pe, all_pes);
		lvm_set_pes(d, pes);
		all_pes += pes;
	}
	if (all_pes > LVM_PES_MAX)
		return why_set(m->why, ST_RANGE,
			       "%ju TiB in all: a %s volume has at most 64 TiB",
			       div_round_up(all_pes * LVM_PE_BYTES, TIB), m->form->form->name);
	st = lvm_plan(&m->lvm, m->pe_bytes);
	if (st != ST_OK)
		return why_set(m->why, st, "no memory for the map of the volume");
	/* The generation counts the PE records that were ever added. */
	for (uint32_t i = 0; i < dev_count; i++)
		records += le32_get(m->lvm.dev[i].record.num_pes);
	for (uint32_t i = 0; i < dev_count; i++) {
		plan_volume_entry(m, &m->lvm.dev[i].volume, records);
		le64_set(&m->lvm.dev[i].record.generation, records + 2);
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
					       VMFS_RES_PB2, VMFS_RES_JB };
	struct vmfs_layout *l = &m->layout;
	enum status st = ST_OK;

	m->system_blocks = m->form->fdc_block + 2;	/* behind the root */
	for (size_t i = 0; i < ARRAY_COUNT(order) && st == ST_OK; i++) {
		enum vmfs_res kind = order[i];
		uint64_t bytes = l->geom[kind].file_bytes;

		if (kind == VMFS_RES_JB)	/* .sdd.sf comes before it, or last */
			m->sdd_block = m->system_blocks++;
		if (!l->geom[kind].form)
			continue;
		if (kind == VMFS_RES_FB)
			bytes = MAX(bytes, l->geom[l->form->parent_of_fb].file_bytes);
		if (kind == VMFS_RES_FD)	/* at least one block, and that one is fixed */
			bytes = MAX(bytes, BLOCK_BYTES);
		st = plan_map(m, &l->map[kind], bytes, kind == VMFS_RES_FD);
	}
	if (st != ST_OK)
		return st;
	l->map[VMFS_RES_FD].block[0] = m->form->fdc_block;
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
		if (order[i] == VMFS_RES_FB)
			next += m->layout.geom[VMFS_RES_LFB].clusters;
	}
	m->mtime_vh = next++;
	m->mtime_fd[VMFS_RES_PB2] = next;
	m->mtime_sdd = next + 1 + m->layout.geom[VMFS_RES_PB2].clusters;
	m->mtime_fd[VMFS_RES_JB] = m->mtime_sdd + 1;
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
	l->sub_block_bytes = m->form->sub_block_bytes;
	l->fdc_base = m->form->fdc_block * BLOCK_BYTES;
	l->dense_sb = 1;
	l->form = m->form->form;
	l->lfb_shift = l->form->parent_of_fb == VMFS_RES_FB ? 0 : VMFS6_LFB_SHIFT;
	l->blocks = m->block_count;
	m->form->plan(l->geom, m->block_count);
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

		st = lvm_write_device_pes(d, m->pe_bytes, m->why);
		if (st == ST_OK)
			st = lvm_write_name(&m->lvm.dev[0], i, d->dev->name);
		if (st == ST_OK)
			st = lvm_write_volume(d);
	}
	return st;
}

static enum status write_heartbeats(struct mkfs *m)
{
	const struct vmfs_form *f = m->form->form;
	const size_t bytes = f->hb_slots * f->md_bytes;
	uint8_t *region = port_dma_alloc(bytes);
	enum status st;

	if (!region)
		return ST_NOMEM;
	for (uint32_t i = 0; i < f->hb_slots; i++) {
		struct vmfs_hb_disk *slot = (void *)(region + i * f->md_bytes);

		le32_set(&slot->state, VMFS_HB_FREE);
		le64_set(&slot->at, VMFS_HB_AT + i * f->md_bytes);
	}
	st = lvm_write(&m->lvm, VMFS_HB_AT, region, bytes);
	port_dma_free(region, bytes);
	return st;
}

/* .fbb.sf over what an FD points to is found through one pointer block, the first of its kind. In
 * VMFS-6 that is a secondary one: the others lie in sub-blocks. */
static int needs_pb(const struct mkfs *m)
{
	return m->layout.map[VMFS_RES_FB].block_count > m->form->form->ptrs;
}

static enum vmfs_res system_pb_res(const struct mkfs *m)
{
	return m->form->form->zlas >> VMFS_ZLA_SYS & 1 ? VMFS_RES_PB2 : VMFS_RES_PB;
}

static uint64_t taken(const struct mkfs *m, enum vmfs_res kind)
{
	uint32_t fds = 1;	/* the root */

	for (const struct mkfs_dir *n = m->form->names; n->name; n++)
		fds++;
	if (kind == VMFS_RES_FB)
		return m->system_blocks;
	if (kind == VMFS_RES_FD)
		return fds;
	return kind == system_pb_res(m) ? (uint64_t)needs_pb(m) : 0;
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

/* ---- descriptors of the system --------------------------------------------------------------- */

/* A zeroed descriptor in a buffer that is large enough for one of every version. */
struct new_fd {
	uint8_t			*raw;
	struct vmfs_lock_disk	*lock;
	struct vmfs_fd_disk	*meta;
};

/* What all system FDs have in common. */
static void make_fd(struct mkfs *m, struct new_fd *fd, uint32_t addr, uint64_t length,
		    uint64_t mtime)
{
	uint32_t now = (uint32_t)(m->now_us / 1000000),
		 blocks = (uint32_t)div_round_up(length, BLOCK_BYTES);

	memset(fd->raw, 0, m->form->form->fd_bytes);
	fd->lock = (void *)fd->raw;
	fd->meta = (void *)(fd->raw + m->form->form->md_bytes);
	le32_set(&fd->lock->type, VMFS_LOCK_TYPE_BASE + VMFS_LOCK_FD);
	le64_set(&fd->lock->at, vmfs_layout_addr_at(&m->layout, addr));
	le64_set(&fd->lock->token, 1);
	le64_set(&fd->lock->mtime, mtime);
	le32_set(&fd->meta->fd, addr);
	le32_set(&fd->meta->generation, 1);
	le32_set(&fd->meta->links, 1);
	le32_set(&fd->meta->type, VMFS_TYPE_SYSTEM);
	le64_set(&fd->meta->length, length);
	le64_set(&fd->meta->block_bytes, BLOCK_BYTES);
	le64_set(&fd->meta->num_blocks, blocks);
	le32_set(&fd->meta->mtime, now);
	le32_set(&fd->meta->ctime, now);
	le32_set(&fd->meta->atime, now);
	le32_set(&fd->meta->mode, 0x100);
	le32_set(&fd->meta->zla, VMFS_ZLA_FB);
	le32_set(&fd->meta->new_lo, blocks);
	le32_set(&fd->meta->signature, m->form->form->fd_signature);
	le32_set(&fd->meta->affinity_fd, addr);
	le32_set(&fd->meta->tbz_shift, 20);
	fd->meta->block_shift = 20;
}

static void set_pointer(struct mkfs *m, struct new_fd *fd, uint32_t k, uint64_t addr)
{
	const struct vmfs_form *f = m->form->form;

	vmfs_ptr_set(f, (uint8_t *)fd->meta + f->ptrs_at + k * f->ptr_bytes, addr);
}

static void set_block(struct mkfs *m, struct new_fd *fd, uint32_t k, uint64_t block)
{
	set_pointer(m, fd, k, vmfs_layout_block_addr(&m->layout, block));
}

static enum status put_fd(struct mkfs *m, const struct new_fd *fd)
{
	return lvm_write(&m->lvm, le64_get(fd->lock->at), fd->raw, m->form->form->fd_bytes);
}

/* The pointers of a long file go into the pointer block. */
static enum status put_pb(struct mkfs *m, struct new_fd *fd, const struct vmfs_sysmap *map)
{
	const struct vmfs_form *f = m->form->form;
	enum vmfs_res kind = system_pb_res(m);
	uint64_t addr = vmfs_geom_addr(kind, &m->layout.geom[kind], 0, 0);
	uint8_t *pb = port_dma_alloc(f->pb_bytes);
	enum status st;

	if (!pb)
		return ST_NOMEM;
	VERIFY(map->block_count <= f->pb_ptrs);
	for (uint32_t k = 0; k < map->block_count; k++)
		vmfs_ptr_set(f, pb + k * f->ptr_bytes,
			     vmfs_layout_block_addr(&m->layout, map->block[k]));
	st = lvm_write(&m->lvm, vmfs_layout_addr_at(&m->layout, addr), pb, f->pb_bytes);
	port_dma_free(pb, f->pb_bytes);
	le32_set(&fd->meta->zla, kind == VMFS_RES_PB ? VMFS_ZLA_PB : VMFS_ZLA_SYS);
	le32_set(&fd->meta->num_pbs, 1);
	set_pointer(m, fd, 0, addr);
	return st;
}

static enum status put_resource_fd(struct mkfs *m, struct new_fd *fd, enum vmfs_res kind)
{
	const struct vmfs_sysmap *map = &m->layout.map[kind];
	enum status st = ST_OK;

	make_fd(m, fd, vmfs_res_traits[kind].fd, map->file_bytes, m->mtime_fd[kind]);
	if (map->block_count > m->form->form->ptrs)
		st = put_pb(m, fd, map);
	else
		for (uint32_t k = 0; k < map->block_count; k++)
			set_block(m, fd, k, map->block[k]);
	return st == ST_OK ? put_fd(m, fd) : st;
}

static enum status write_root_fd(struct mkfs *m, struct new_fd *fd)
{
	make_fd(m, fd, VMFS_FD_ROOT, m->form->root_bytes, MTIME_FIRST);
	le32_set(&fd->meta->type, VMFS_TYPE_DIR);
	le32_set(&fd->meta->links, 3);
	le32_set(&fd->meta->mode, 0x3ED);
	if (m->form->form->fd_signature)
		le32_set(&fd->meta->parent_fd, VMFS_FD_ROOT);
	set_block(m, fd, 0, m->form->fdc_block + 1);
	return put_fd(m, fd);
}

static enum status write_vh_fd(struct mkfs *m, struct new_fd *fd)
{
	make_fd(m, fd, VMFS_FD_VH, m->form->fdc_block * BLOCK_BYTES, m->mtime_vh);
	for (uint32_t k = 0; k < m->form->fdc_block; k++)
		set_block(m, fd, k, k);
	return put_fd(m, fd);
}

static enum status write_sdd_fd(struct mkfs *m, struct new_fd *fd)
{
	make_fd(m, fd, VMFS_FD_SDD, m->form->sdd_bytes, m->mtime_sdd);
	le32_set(&fd->meta->links, 2);
	le32_set(&fd->meta->mode, 0x41C0);
	set_block(m, fd, 0, m->sdd_block);
	return put_fd(m, fd);
}

static enum status write_fds(struct mkfs *m)
{
	struct new_fd fd = { .raw = port_dma_alloc(m->form->form->fd_bytes) };
	enum status st = fd.raw ? write_root_fd(m, &fd) : ST_NOMEM;

	for (enum vmfs_res kind = 0; kind < VMFS_RES_COUNT && st == ST_OK; kind++)
		if (m->layout.map[kind].block_count)
			st = put_resource_fd(m, &fd, kind);
	if (st == ST_OK)
		st = write_vh_fd(m, &fd);
	if (st == ST_OK)
		st = write_sdd_fd(m, &fd);
	if (fd.raw)
		port_dma_free(fd.raw, m->form->form->fd_bytes);
	return st;
}

static enum status write_mark(struct mkfs *m)
{
	return m->layout.map[VMFS_RES_JB].block_count
		   ? vmfs_mark_write(&m->lvm, &m->layout, &m->fs_uuid) : ST_OK;
}

static enum status write_directories(struct mkfs *m)
{
	uint32_t bytes = MAX(m->form->root_bytes, m->form->sdd_bytes);
	uint8_t *image = port_dma_alloc(bytes);
	enum status st;

	if (!image)
		return ST_NOMEM;
	m->form->root(m->form, image);
	st = lvm_write(&m->lvm, (m->form->fdc_block + 1) * BLOCK_BYTES, image, m->form->root_bytes);
	memset(image, 0, bytes);
	m->form->sdd(image);
	if (st == ST_OK)
		st = lvm_write(&m->lvm, m->sdd_block * BLOCK_BYTES, image, m->form->sdd_bytes);
	port_dma_free(image, bytes);
	return st;
}

/* ---- the two versions ------------------------------------------------------------------------ */

static const struct mkfs_dir names_5[] = {
	{ ".fbb.sf", VMFS_FD_FBB }, { ".fdc.sf", VMFS_FD_FDC }, { ".pbc.sf", VMFS_FD_PBC },
	{ ".sbc.sf", VMFS_FD_SBC }, { ".vh.sf", VMFS_FD_VH }, { ".pb2.sf", VMFS_FD_PB2 },
	{ ".sdd.sf", VMFS_FD_SDD }, { NULL, 0 },
};

static void make_entry(struct vmfs_dirent_disk *e, uint32_t type, uint32_t fd, const char *name)
{
	vmfs_dirent_set(&e->head, type, fd, 1);
	mem_copy_text((char *)e->name, sizeof(e->name), name);
}

static void root_5(const struct mkfs_form *form, uint8_t *image)
{
	struct vmfs_dirent_disk *e = (void *)image;

	make_entry(e++, VMFS_TYPE_DIR, VMFS_FD_ROOT, ".");
	make_entry(e++, VMFS_TYPE_DIR, VMFS_FD_ROOT, "..");
	for (const struct mkfs_dir *n = form->names; n->name; n++)
		make_entry(e++, VMFS_TYPE_SYSTEM, n->fd, n->name);
}

static void sdd_5(uint8_t *image)
{
	struct vmfs_dirent_disk *e = (void *)image;

	make_entry(&e[0], VMFS_TYPE_SYSTEM, VMFS_FD_SDD, ".");
	make_entry(&e[1], VMFS_TYPE_DIR, VMFS_FD_ROOT, "..");
}

static const struct mkfs_form mkfs_5 = {
	.form = &vmfs_form_5, .lvm = &lvm_form_5, .major = VMFS_MAJOR_5, .minor = 0x51,
	.fdc_block = 4, .sub_block_bytes = VMFS_SB_BYTES, .journal_slots = 8,
	.short_pe_min = 47 * MIB, .least = "64 MiB",
	.plan = vmfs_geom_for_volume,
	.names = names_5, .root_bytes = 9 * sizeof(struct vmfs_dirent_disk),
	.sdd_bytes = 2 * sizeof(struct vmfs_dirent_disk), .root = root_5, .sdd = sdd_5,
};

static const struct mkfs_dir names_6[] = {
	{ ".fbb.sf", VMFS_FD_FBB }, { ".fdc.sf", VMFS_FD_FDC }, { ".pbc.sf", VMFS_FD_PBC },
	{ ".sbc.sf", VMFS_FD_SBC }, { ".vh.sf", VMFS_FD_VH }, { ".pb2.sf", VMFS_FD_PB2 },
	{ ".sdd.sf", VMFS_FD_SDD }, { ".jbc.sf", VMFS_FD_JBC }, { NULL, 0 },
};

/* Their buckets are the ones behind those that names are hashed to, in the order of their FDs. */
static void root_6(const struct mkfs_form *form, uint8_t *image)
{
	struct vmfs6_dir_disk *d = (void *)image;
	uint32_t slot = 0;

	vmfs_dir_hash_make(image, 1, VMFS_TYPE_DIR, VMFS_FD_ROOT, 1, VMFS_FD_ROOT, 1);
	for (const struct mkfs_dir *n = form->names; n->name; n++, slot++) {
		uint32_t place = vmfs_dir_hash_put(image, slot, VMFS_TYPE_SYSTEM, n->fd, n->name);

		le32_set(&d->bucket[VMFS6_DIR_ROOT_BUCKETS + VMFS_FD_RESOURCE(n->fd)], place);
	}
}

static void sdd_6(uint8_t *image)
{
	vmfs_dir_hash_make(image, 0, VMFS_TYPE_SYSTEM, VMFS_FD_SDD, 1, VMFS_FD_ROOT, 1);
}

static void descriptor_6(struct vmfs_fs_disk *fs)
{
	le16_set(&fs->unmap_priority, 1);
	le32_set(&fs->phys_block_bytes, SECTOR_BYTES);
	le32_set(&fs->md_alignment, VMFS6_MD_BYTES);
	le16_set(&fs->sfb_to_lfb_shift, VMFS6_LFB_SHIFT);
	le16_set(&fs->ptr_block_shift, 16);
	le16_set(&fs->sfb_addr_bits, 44);
	le32_set(&fs->tbz_granularity, VMFS6_BLOCK_BYTES);
	le32_set(&fs->journal_block_bytes, VMFS6_JB_BYTES);
	le32_set(&fs->lease_ms, 16000);
	le32_set(&fs->reclaim_ms, 4000);
}

static const struct mkfs_form mkfs_6 = {
	.form = &vmfs_form_6, .lvm = &lvm_form_6, .major = VMFS_MAJOR_6, .minor = 0x52,
	.fdc_block = VMFS6_FDC_BLOCK, .sub_block_bytes = VMFS6_SB_BYTES, .journal_slots = 64,
	.least = "529 MiB",
	.plan = vmfs_geom_for_volume_6, .descriptor = descriptor_6,
	.names = names_6, .root_bytes = VMFS6_DIR_BLOCKS_AT + 2 * VMFS6_DIR_BLOCK_BYTES,
	.sdd_bytes = VMFS6_DIR_BLOCKS_AT + VMFS6_DIR_BLOCK_BYTES, .root = root_6, .sdd = sdd_6,
};

/* ---- the end --------------------------------------------------------------------------------- */

static enum status write_descriptor(struct mkfs *m)
{
	struct vmfs_fs_disk fs = { 0 };

	le32_set(&fs.magic, VMFS_FS_MAGIC);
	le32_set(&fs.major, m->form->major);
	fs.minor = (uint8_t)m->form->minor;
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
	le32_set(&fs.sub_block_bytes, m->form->sub_block_bytes);
	le32_set(&fs.max_journal_slots, m->form->journal_slots);
	le64_set(&fs.pb2_at, vmfs_layout_addr_at(&m->layout, VMFS_FD_PB2));
	le32_set(&fs.pb2_fd, VMFS_FD_PB2);
	memcpy(&fs.host, &m->host_uuid, sizeof(fs.host));
	le64_set(&fs.generation, 1);
	le64_set(&fs.sdd_at, vmfs_layout_addr_at(&m->layout, VMFS_FD_SDD));
	le32_set(&fs.sdd_fd, VMFS_FD_SDD);
	vmfs_locking_set(&fs, m->opts->ats_only);
	if (m->form->descriptor)
		m->form->descriptor(&fs);
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
		write_fds, write_directories, write_mark,
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
	m->form = opts->version == 6 ? &mkfs_6 : &mkfs_5;
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
