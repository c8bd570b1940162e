/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* volume - mount, unmount, and what a volume tells of itself.
 *
 * Mounting to write takes part in a lock of the devices that who formats, grows or repairs them has
 * alone. Then a heartbeat slot makes this process a host beside others. */
#include "vmfs/vmfs_priv.h"

void vmfs_enter(struct vmfs_volume *vol)
{
	io_mutex_lock(&vol->mutex);
	vmfs_meta_relax(vol);
}

void vmfs_leave(struct vmfs_volume *vol) { io_mutex_unlock(&vol->mutex); }

enum status vmfs_fail(struct vmfs_volume *vol, enum status st, const char *what)
{
	if (vol->failed != ST_OK)
		return vol->failed;
	vol->failed = st == ST_LOST ? ST_LOST : ST_DEVICE;
	if (st == ST_LOST)
		vmfs_beat_close_gate(vol);
	log_line(LOG_ERROR,
		 "vmfs: %s: %s: %s -> nothing is written any more; mount again to recover",
		 vol->store.name, what, status_text(st));
	return vol->failed;
}

/* ---- mount ----------------------------------------------------------------------------------- */

static void set_name(struct vmfs_volume *vol)
{
	char text[129] = { 0 };
	struct vmfs_uuid uuid;

	memcpy(text, vol->layout.fs.label, 128);
	if (!text[0] || !fmt_utf8_valid(text, strlen(text))) {
		memcpy(uuid.b, vol->layout.fs.uuid.b, sizeof(uuid.b));
		vmfs_uuid_format(&uuid, text);
	}
	mem_copy_text(vol->store.name, sizeof(vol->store.name), text);
}

/* Metadata is cached in 4 KiB pages: what is one thing must lie in one page. Hosts make 32 or 64
 * clusters a group, so this holds for what they write. */
static enum status check_alignment(struct vmfs_volume *vol, struct why *why)
{
	for (int k = 0; k < VMFS_RES_COUNT; k++) {
		const struct vmfs_geom *g = &vol->layout.geom[k];

		uint64_t headers = (uint64_t)g->clusters_per_group *
				   vmfs_header_bytes(vmfs_form(vol));

		if (g->clusters && (headers % META_PAGE_BYTES || g->group_bytes % META_PAGE_BYTES))
			return why_set(why, ST_UNSUPPORTED,
				       "%s: %u clusters per group of %s: only multiples of 4 are "
				       "supported",
				       vol->store.name, g->clusters_per_group,
				       vmfs_res_traits[k].file);
	}
	return ST_OK;
}

static enum status check_writable(struct vmfs_volume *vol, struct why *why)
{
	uint32_t major = le32_get(vol->layout.fs.major);

	if (major == VMFS_MAJOR_3)
		return why_set(why, ST_REFUSED, "%s: VMFS-3 can only be read: mount for reading",
			       vol->store.name);
	if (vol->layout.geom[VMFS_RES_PB2].clusters == 0)
		return why_set(why, ST_REFUSED,
			       "%s: no secondary pointer blocks (upgraded from VMFS-3): mount for "
			       "reading",
			       vol->store.name);
	return ST_OK;
}

static enum status open_devices(struct vmfs_volume *vol, struct io_dev *const *devs, uint32_t count,
				int write, struct why *why)
{
	enum status st = write ? lvm_open(&vol->lvm, devs, count, why)
			       : lvm_open_partial(&vol->lvm, devs, count, why);

	if (st != ST_OK)
		return st;
	for (uint32_t i = 0; i < count && write; i++) {
		if (!devs[i]->writable) {
			st =
			    why_set(why, ST_READONLY, "%s: opened for reading only", devs[i]->name);
			goto close_lvm;
		}
	}
	if (write)
		st = lvm_lock_devices(&vol->lvm, vol->alone, why);
	if (st == ST_OK)
		st = vmfs_layout_read(&vol->lvm, &vol->layout, !write, why);
	if (st == ST_OK)
		return ST_OK;
close_lvm:
	lvm_close(&vol->lvm);
	return st;
}

/* ---- blocks of the system -------------------------------------------------------------------- */

#define SYSTEM_BLOCKS_MAX	4096u

static void mark(uint8_t *set, uint64_t block)
{
	if (block < SYSTEM_BLOCKS_MAX)
		set[block / 8] |= (uint8_t)(1u << (block % 8));
}

static void mark_file(struct vmfs_volume *vol, uint32_t addr, uint8_t *set)
{
	struct vmfs_fd fd;

	if (vmfs_fd_get(vol, addr, &fd) != ST_OK || vmfs_fd_zla(&fd) != VMFS_ZLA_FB)
		return;
	for (uint32_t i = 0; i < vmfs_form(vol)->ptrs; i++) {
		uint64_t block = 0;

		if (vmfs_fd_pointer(vol, &fd, i, META_READ, &block) == ST_OK && block)
			mark(set, vmfs_layout_block(&vol->layout, block));
	}
}

/* A volume begins with the blocks of its system files, one after the other. A damaged pointer of
 * some file into them is then told from a good one by one comparison (alloc.c, file_io.c). */
static void find_system_blocks(struct vmfs_volume *vol)
{
	uint8_t set[SYSTEM_BLOCKS_MAX / 8] = { 0 };
	uint64_t n = 0;

	for (uint64_t b = 0; b < vol->layout.fdc_base >> vol->layout.block_shift; b++)
		mark(set, b);
	for (int k = 0; k < VMFS_RES_COUNT; k++)
		for (uint32_t i = 0; i < vol->layout.map[k].block_count; i++)
			mark(set, vol->layout.map[k].block[i]);
	mark_file(vol, VMFS_FD_ROOT, set);
	mark_file(vol, VMFS_FD_SDD, set);
	while (n < SYSTEM_BLOCKS_MAX && set[n / 8] >> (n % 8) & 1)
		n++;
	vol->system_blocks = n;
}

static enum status init_parts(struct vmfs_volume *vol, uint64_t cache_bytes)
{
	enum status st = vmfs_meta_init(vol, cache_bytes);

	if (st == ST_OK)
		st = vmfs_locks_init(vol);
	if (st == ST_OK)
		st = vmfs_beat_init(vol);
	if (st == ST_OK)
		st = vmfs_peers_init(vol);
	vol->live.peer = st == ST_OK ? port_alloc(LIVE_PEERS_MAX * sizeof(*vol->live.peer)) : NULL;
	if (st == ST_OK && !vol->live.peer)
		st = ST_NOMEM;
	if (st == ST_OK)
		st = vmfs_journal_init(vol);
	if (st == ST_OK)
		st = vmfs_alloc_init(vol);
	return st == ST_OK ? vmfs_worker_start(vol) : st;
}

static void fini_parts(struct vmfs_volume *vol)
{
	vmfs_worker_stop(vol);
	vmfs_beat_stop(vol);
	vmfs_live_fini(vol);
	vmfs_dir_fini(vol);
	vmfs_alloc_fini(vol);
	vmfs_journal_fini(vol);
	vmfs_peers_fini(vol);
	vmfs_beat_fini(vol);
	vmfs_locks_fini(vol);
	vmfs_meta_fini(vol);
}

/* A slot before anybody is recovered, for it is in its name that the others see that done; a
 * journal after that, for the dead have some that are to be had again. */
static enum status become_host(struct vmfs_volume *vol, struct why *why)
{
	enum status st = vmfs_recover_look(vol, why);

	if (st == ST_OK)
		st = vmfs_beat_start(vol, why);
	if (st != ST_OK)
		return st;
	st = vmfs_recover_dead(vol, why);
	if (st == ST_OK)
		st = vmfs_beat_take_journal(vol, why);
	if (st != ST_OK)
		vmfs_beat_give_up(vol);
	return st;
}

static enum status begin_writing(struct vmfs_volume *vol, int join_foreign, struct why *why)
{
	enum status st = check_writable(vol, why);

	if (st == ST_OK)
		st = vmfs_locking_check(vol, why);
	if (st == ST_OK)
		st = vmfs_foreign_check(vol, join_foreign, why);
	if (st != ST_OK)
		return st;
	vol->writable = 1;
	vmfs_enter(vol);
	find_system_blocks(vol);
	st = become_host(vol, why);
	vmfs_leave(vol);
	return st;
}

static enum status begin_reading(struct vmfs_volume *vol, uint64_t quiet_ns, struct why *why)
{
	enum status st;

	vmfs_enter(vol);
	st = vmfs_live_start(vol, quiet_ns, why);
	vmfs_leave(vol);
	return st;
}

static void init_volume(struct vmfs_volume *vol)
{
	io_mutex_init(&vol->mutex);
	list_init(&vol->nodes);
	list_init(&vol->worker.slow);
	list_init(&vol->worker.flushers);
	port_timer_init(&vol->worker.timer, NULL);
	port_timer_init(&vol->beat.timer, NULL);
}

enum status vmfs_mount(struct io_dev *const *devs, uint32_t dev_count,
		       const struct vmfs_mount_opts *opts, struct vmfs_volume **out,
		       struct why *why)
{
	struct vmfs_volume *vol = port_alloc(sizeof(*vol));
	enum status st;

	if (!vol)
		return why_set(why, ST_NOMEM, "no memory to mount a volume");
	init_volume(vol);
	vol->alone = opts->alone;
	st = open_devices(vol, devs, dev_count, opts->write, why);
	if (st != ST_OK)
		goto free_volume;
	set_name(vol);
	vol->sb_bytes = vol->layout.sub_block_bytes;
	vol->store.ops = opts->write ? &vmfs_store_ops : &vmfs_store_read_ops;
	vol->store.writable = opts->write;
	vol->store.ordered = 1;	/* the first flush of a commit */
	st = check_alignment(vol, why);
	if (st == ST_OK)
		st = vmfs_beat_lease(vol, why);
	if (st != ST_OK)
		goto close_devices;
	st = init_parts(vol, opts->cache_bytes);
	if (st != ST_OK)
		why_set(why, st, "%s: no memory to mount it", vol->store.name);
	else
		st = opts->write ? begin_writing(vol, opts->join_foreign, why)
				 : begin_reading(vol, opts->quiet_ns, why);
	if (st != ST_OK)
		goto fini_volume;
	*out = vol;
	return ST_OK;
fini_volume:
	fini_parts(vol);
close_devices:
	vmfs_layout_free(&vol->layout);
	lvm_close(&vol->lvm);
free_volume:
	port_free(vol);
	return st;
}

struct store *vmfs_store(struct vmfs_volume *vol) { return &vol->store; }

/* ---- unmount --------------------------------------------------------------------------------- */

static enum status end_writing(struct vmfs_volume *vol)
{
	enum status st, left;

	vmfs_enter(vol);
	vmfs_file_stamp(vol);
	/* What could not be freed stays in the journal's table: then slot and journal stay too, and
	 * the next recovery goes on. */
	left = vmfs_file_finish_orphans(vol);
	st = vmfs_journal_commit(vol);
	st = st == ST_OK ? left : st;
	if (st == ST_OK)
		st = vmfs_beat_end(vol);
	vmfs_leave(vol);
	return st;
}

enum status vmfs_unmount(struct vmfs_volume *vol)
{
	enum status st = ST_OK;

	VERIFY(list_empty(&vol->nodes));	/* the caller closes its files first */
	if (vol->writable)
		st = end_writing(vol);
	fini_parts(vol);
	vmfs_layout_free(&vol->layout);
	lvm_close(&vol->lvm);
	port_free(vol);
	return st;
}

/* ---- what it tells --------------------------------------------------------------------------- */

static enum status count_all(struct vmfs_volume *vol, void *arg)
{
	struct vmfs_info *info = arg;
	struct vmfs_count *to[VMFS_RES_COUNT] = {
	    [VMFS_RES_FB] = &info->blocks,     [VMFS_RES_FD] = &info->fds,
	    [VMFS_RES_SB] = &info->sub_blocks, [VMFS_RES_PB] = &info->pbs,
	    [VMFS_RES_PB2] = &info->pb2s,
	};
	enum status st = ST_OK;

	for (int k = 0; k < VMFS_RES_COUNT && st == ST_OK; k++)
		if (to[k])
			st = vmfs_alloc_count(vol, (enum vmfs_res)k, to[k]);
	return st;
}

enum status vmfs_info(struct vmfs_volume *vol, struct vmfs_info *info, struct why *why)
{
	enum status st;

	memset(info, 0, sizeof(*info));
	st = vmfs_probe(vol->lvm.dev[0].dev, &info->head, why);
	if (st != ST_OK)
		return st;
	info->creation_s = le32_get(vol->layout.fs.creation_time);
	info->block_bytes = vol->layout.block_bytes;
	info->sub_block_bytes = vol->layout.sub_block_bytes;
	info->config = le32_get(vol->layout.fs.config);
	info->dev_count = vol->lvm.dev_count;
	for (uint32_t i = 0; i < vol->lvm.dev_count; i++)
		mem_copy_text(info->dev_name[i], sizeof(info->dev_name[i]),
			      vol->lvm.dev[i].dev->name);
	vmfs_enter(vol);
	st = vmfs_look(vol, count_all, info);
	vmfs_leave(vol);
	return st == ST_OK ? ST_OK
			   : why_set(why, st, "%s: counting its resources: %s", vol->store.name,
				     status_text(st));
}

static void decode_life(const struct vmfs_volume *vol, struct vmfs_host_slot *out)
{
	for (uint32_t i = 0; i < vol->live.peers; i++) {
		const struct vmfs_peer *p = &vol->live.peer[i];

		if (le64_get(p->slot.at) != out->slot_at)
			continue;
		out->moved = p->moved;
		out->silent = (uint8_t)vmfs_live_silent(vol, p);
		out->still_ns = (uint64_t)((int64_t)port_now_ns() - p->since_ns);
	}
}

static void decode_slot(const struct vmfs_volume *vol, const struct vmfs_hb_disk *s,
			struct vmfs_host_slot *out)
{
	memset(out, 0, sizeof(*out));
	out->slot_at = le64_get(s->at);
	out->generation = le64_get(s->gen);
	out->stamp_us = le64_get(s->stamp_us);
	memcpy(out->owner.b, s->owner.b, sizeof(out->owner.b));
	memcpy(out->address, s->ip, sizeof(s->ip));
	out->journal_at = le64_get(s->journal_at);
	out->ours = (uint8_t)vmfs_beat_is_ours(vol, s);
	decode_life(vol, out);
}

enum status vmfs_slots(struct vmfs_volume *vol, int free,
		       int (*fn)(void *arg, const struct vmfs_host_slot *), void *arg)
{
	uint32_t md = vmfs_form(vol)->md_bytes, slots = vmfs_form(vol)->hb_slots;
	uint8_t *region = port_dma_alloc(slots * md);
	enum status st;

	if (!region)
		return ST_NOMEM;
	st = lvm_read(&vol->lvm, VMFS_HB_AT, region, slots * md);
	for (uint32_t i = 0; i < slots && st == ST_OK; i++) {
		const struct vmfs_hb_disk *slot = (const void *)(region + i * md);
		struct vmfs_host_slot one;

		if (le32_get(slot->state) == 0 ||
		    (le32_get(slot->state) == VMFS_HB_FREE) != (free != 0))
			continue;
		decode_slot(vol, slot, &one);
		if (fn(arg, &one))
			break;
	}
	port_dma_free(region, slots * md);
	return st;
}

enum status vmfs_hosts(struct vmfs_volume *vol, int (*fn)(void *arg, const struct vmfs_host_slot *),
		       void *arg)
{
	return vmfs_slots(vol, 0, fn, arg);
}

static uint64_t join(le32 lo, le32 hi) { return ((uint64_t)le32_get(hi) << 32) | le32_get(lo); }

static void decode_meta(const struct vmfs_fd *fd, const struct vmfs_lock_disk *l,
			struct vmfs_file_meta *m)
{
	const struct vmfs_fd_disk *d = vmfs_fd_meta(fd);

	*m = (struct vmfs_file_meta){
	    .lock_type = le32_get(l->type),
	    .lock_mode = le32_get(l->mode),
	    .lock_holders = le32_get(l->num_holders),
	    .lock_at = le64_get(l->at),
	    .lock_hb_at = le64_get(l->hb_at),
	    .lock_hb_gen = le64_get(l->hb_gen),
	    .lock_token = le64_get(l->token),
	    .lock_mtime = le64_get(l->mtime),
	    .fd = le32_get(d->fd),
	    .generation = le32_get(d->generation),
	    .links = le32_get(d->links),
	    .type = le32_get(d->type),
	    .flags = le32_get(d->flags),
	    .uid = le32_get(d->uid),
	    .gid = le32_get(d->gid),
	    .mode = le32_get(d->mode),
	    .zla = le32_get(d->zla),
	    .num_pbs = le32_get(d->num_pbs),
	    .length = le64_get(d->length),
	    .block_bytes = le64_get(d->block_bytes),
	    .num_blocks = le64_get(d->num_blocks),
	    .tbz_blocks = join(d->tbz_lo, d->tbz_hi),
	    .cow_blocks = join(d->cow_lo, d->cow_hi),
	    .new_since_epoch = join(d->new_lo, d->new_hi),
	    .mtime = le32_get(d->mtime),
	    .ctime = le32_get(d->ctime),
	    .atime = le32_get(d->atime),
	};
	memcpy(m->lock_owner.b, l->owner.b, sizeof(m->lock_owner.b));
}

struct meta_ask { const char *path; struct vmfs_file_meta *meta; struct why *why; };

static enum status file_meta_op(struct vmfs_volume *vol, void *arg)
{
	const struct meta_ask *a = arg;
	struct vmfs_lock_disk lock;
	struct vmfs_fd fd;
	enum status st = vmfs_path_fd(vol, a->path, &fd, a->why);

	if (st == ST_OK)
		st = vmfs_fd_lock(vol, &fd, &lock);
	if (st == ST_OK)
		decode_meta(&fd, &lock, a->meta);
	return st;
}

enum status vmfs_file_meta(struct vmfs_volume *vol, const char *path, struct vmfs_file_meta *meta,
			   struct why *why)
{
	struct meta_ask a = { path, meta, why };
	enum status st;

	vmfs_enter(vol);
	st = vmfs_look(vol, file_meta_op, &a);
	vmfs_leave(vol);
	return st;
}

struct rdm_ask { const char *path; char *id; uint64_t *bytes; struct why *why; };

static enum status rdm_op(struct vmfs_volume *vol, void *arg)
{
	const struct rdm_ask *a = arg;
	const struct lvm_scsi_id *scsi;
	struct vmfs_fd fd;
	enum status st = vmfs_path_fd(vol, a->path, &fd, a->why);

	if (st == ST_OK && vmfs_fd_type(&fd) != VMFS_TYPE_RDM)
		st = why_set(a->why, ST_INVAL, "%s:%s: not a raw device mapping", vol->store.name,
			     a->path);
	if (st != ST_OK)
		return st;
	scsi = (const void *)vmfs_fd_inline(&fd);
	memset(a->id, 0, 64);
	memcpy(a->id, scsi->id, MIN(scsi->len, sizeof(scsi->id)));
	*a->bytes = vmfs_fd_length(&fd);
	return ST_OK;
}

enum status vmfs_rdm_identity(struct vmfs_volume *vol, const char *path, char id[64],
			      uint64_t *bytes, struct why *why)
{
	struct rdm_ask a = { path, id, bytes, why };
	enum status st;

	vmfs_enter(vol);
	st = vmfs_look(vol, rdm_op, &a);
	vmfs_leave(vol);
	return st;
}
