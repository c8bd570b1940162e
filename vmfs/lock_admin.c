/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* lock_admin - locks as an administrator sees them: who holds which, and what became of him.
 *
 * Everything is read from the disk at the moment of asking, past the cache: a lock is another
 * host's word, and a cached one is old. So a list is no single moment of the volume, but each lock
 * in it was held when it was read. */
#include "vmfs/vmfs_priv.h"

#define SCAN_BYTES	(256u * 1024)

/* ---- who holds it ---------------------------------------------------------------------------- */

struct hosts { struct vmfs_host_slot *slot; uint32_t count, max; };

static int note_host(void *arg, const struct vmfs_host_slot *slot)
{
	struct hosts *h = arg;

	if (h->count == h->max)
		return 1;
	h->slot[h->count++] = *slot;
	return 0;
}

static enum status hosts_read(struct vmfs_volume *vol, struct hosts *h)
{
	*h = (struct hosts){ .max = vmfs_form(vol)->hb_slots };
	h->slot = port_alloc(h->max * sizeof(*h->slot));
	return h->slot ? vmfs_hosts(vol, note_host, h) : ST_NOMEM;
}

static int names_slot(const struct vmfs_volume *vol, uint64_t at)
{
	uint32_t md = vmfs_form(vol)->md_bytes;

	return at >= VMFS_HB_AT && (at - VMFS_HB_AT) % md == 0 &&
	       (at - VMFS_HB_AT) / md < vmfs_form(vol)->hb_slots;
}

static enum vmfs_life life_of(const struct vmfs_host_slot *s)
{
	if (s->ours)
		return VMFS_LIFE_OURS;
	return s->silent ? VMFS_LIFE_SILENT : s->moved ? VMFS_LIFE_ALIVE : VMFS_LIFE_UNKNOWN;
}

/* A UUID starts with the time it was made. */
static uint64_t started_s(const void *uuid)
{
	le32 made;

	memcpy(&made, uuid, sizeof(made));
	return le32_get(made);
}

static void add_holder(const struct vmfs_volume *vol, const struct hosts *hosts,
		       const struct vmfs_holder_disk *disk, struct vmfs_lock_info *info)
{
	struct vmfs_lock_holder *h = &info->holder[info->holder_count++];

	*h = (struct vmfs_lock_holder){ .life = VMFS_LIFE_OVER };
	h->host.slot_at = le64_get(disk->hb_at);
	h->host.generation = le64_get(disk->hb_gen);
	memcpy(h->host.owner.b, disk->host.b, sizeof(h->host.owner.b));
	h->started_s = started_s(&disk->host);
	if (!names_slot(vol, h->host.slot_at)) {
		h->life = VMFS_LIFE_DAMAGED;
		return;
	}
	for (uint32_t i = 0; i < hosts->count; i++) {
		const struct vmfs_host_slot *s = &hosts->slot[i];

		if (s->slot_at != h->host.slot_at || s->generation != h->host.generation ||
		    memcmp(&s->owner, &h->host.owner, sizeof(s->owner)))
			continue;
		h->host = *s;
		h->life = life_of(s);
	}
}

static void decode(const struct vmfs_volume *vol, const struct hosts *hosts,
		   const struct vmfs_lock_disk *l, struct vmfs_lock_info *info)
{
	uint32_t count = le32_get(l->num_holders);

	info->token = le64_get(l->token);
	info->mtime = le64_get(l->mtime);
	info->mode = le32_get(l->mode);
	info->damaged |= le32_get(l->type) != info->type || le64_get(l->at) != info->at ||
			 info->mode > VMFS_LOCK_MULTI_WRITER;
	info->type = le32_get(l->type);
	info->holder_count = 0;
	if (info->mode == VMFS_LOCK_EXCLUSIVE) {
		struct vmfs_holder_disk one = { l->hb_at, l->hb_gen, l->owner };

		add_holder(vol, hosts, &one, info);
	} else if (info->mode != VMFS_LOCK_FREE) {
		for (uint32_t i = 0; i < MIN(count, (uint32_t)VMFS_HOLDERS_MAX); i++)
			add_holder(vol, hosts, &l->holders[i], info);
	}
}

/* ---- one lock -------------------------------------------------------------------------------- */

struct find { const char *path; uint32_t fd; struct why *why; };

static enum status find_op(struct vmfs_volume *vol, void *arg)
{
	struct find *f = arg;
	struct vmfs_fd fd;
	enum status st = vmfs_path_fd(vol, f->path, &fd, f->why);

	if (st == ST_OK)
		f->fd = fd.addr;
	return st;
}

static enum status read_lock(struct vmfs_volume *vol, struct vmfs_lock_info *info)
{
	struct vmfs_lock_disk *l = port_dma_alloc(sizeof(*l));
	struct hosts hosts = { 0 };
	enum status st = l ? lvm_read(&vol->lvm, info->at, l, sizeof(*l)) : ST_NOMEM;

	/* The slots after the lock: a host that came in between is found, not called gone. */
	if (st == ST_OK)
		st = hosts_read(vol, &hosts);
	if (st == ST_OK)
		decode(vol, &hosts, l, info);
	port_free(hosts.slot);
	if (l)
		port_dma_free(l, sizeof(*l));
	return st;
}

enum status vmfs_lock_show(struct vmfs_volume *vol, const char *path, struct vmfs_lock_info *info,
			   struct why *why)
{
	struct find f = { .path = path, .why = why };
	enum status st;

	*info = (struct vmfs_lock_info){ .type = VMFS_LOCK_TYPE_BASE + VMFS_LOCK_FD };
	vmfs_enter(vol);
	st = vmfs_look(vol, find_op, &f);
	vmfs_leave(vol);
	if (st == ST_BUSY)
		return why_set(why, st, "%s:%s: changes while it is looked up; try again",
			       vol->store.name, path);
	if (st != ST_OK)
		return st;
	info->fd = f.fd;
	info->at = vmfs_layout_addr_at(&vol->layout, f.fd);
	st = read_lock(vol, info);
	return st == ST_OK ? ST_OK : why_set(why, st, "%s:%s: reading its lock: %s",
					     vol->store.name, path, status_text(st));
}

/* ---- all of them ----------------------------------------------------------------------------- */

struct scan {
	struct vmfs_volume	*vol;
	struct hosts		hosts;
	uint8_t			*buf;		/* SCAN_BYTES */
	int			(*fn)(void *arg, const struct vmfs_lock_info *info);
	void			*arg;
	uint8_t			ended;		/* fn has had enough */
};

/* Locks that lie at equal distances, in one read of at most SCAN_BYTES. */
struct run { uint64_t at; uint32_t stride, count; };

static enum status read_run(struct scan *s, const struct run *r)
{
	VERIFY((uint64_t)r->stride * r->count <= SCAN_BYTES);
	if (port_interrupted())
		return ST_CANCELLED;
	return lvm_read(&s->vol->lvm, r->at, s->buf, r->stride * r->count);
}

static void consider(struct scan *s, const void *lock, struct vmfs_lock_info *info)
{
	const struct vmfs_lock_disk *l = lock;

	if (le32_get(l->mode) == VMFS_LOCK_FREE || s->ended)
		return;
	decode(s->vol, &s->hosts, l, info);
	s->ended = s->fn(s->arg, info) != 0;
}

/* Neighbouring cluster headers from `first` on. */
static struct run header_run(const struct vmfs_volume *vol, enum vmfs_res kind, uint32_t first)
{
	struct run r = { .at = vmfs_layout_cluster_at(&vol->layout, kind, first),
			 .stride = vmfs_header_bytes(vmfs_form(vol)), .count = 1 };
	uint32_t clusters = vol->layout.geom[kind].clusters;

	while (r.count < SCAN_BYTES / r.stride && first + r.count < clusters &&
	       vmfs_layout_cluster_at(&vol->layout, kind, first + r.count) ==
		   r.at + (uint64_t)r.count * r.stride)
		r.count++;
	return r;
}

static enum status scan_clusters(struct scan *s, enum vmfs_res kind)
{
	enum status st = ST_OK;

	for (uint32_t c = 0; c < s->vol->layout.geom[kind].clusters && !s->ended && st == ST_OK;) {
		struct run r = header_run(s->vol, kind, c);

		st = read_run(s, &r);
		for (uint32_t i = 0; i < r.count && st == ST_OK; i++) {
			struct vmfs_lock_info info = {
			    .at = r.at + (uint64_t)i * r.stride,
			    .type = VMFS_LOCK_TYPE_BASE + vmfs_res_traits[kind].lock,
			    .cluster = c + i };

			mem_copy_text(info.file, sizeof(info.file), vmfs_res_traits[kind].file);
			consider(s, s->buf + i * r.stride, &info);
		}
		c += r.count;
	}
	return st;
}

/* The descriptors in use of a cluster that lie behind each other, from *next on. */
static struct run fd_run(const struct vmfs_volume *vol, uint32_t cluster, const uint8_t *record,
			 uint32_t *next)
{
	const struct vmfs_geom *g = &vol->layout.geom[VMFS_RES_FD];
	uint32_t total = vmfs_geom_cluster_total(g, cluster), i = *next;
	struct run r = { .stride = vmfs_form(vol)->fd_bytes };

	while (i < total && vmfs_cluster_is_free(g, VMFS_RES_FD, record, i))
		i++;
	*next = i;
	for (; i < total && r.count < SCAN_BYTES / r.stride; i++) {
		uint64_t addr = vmfs_geom_addr(VMFS_RES_FD, g, cluster, i);
		uint64_t at = vmfs_layout_addr_at(&vol->layout, addr);

		if (vmfs_cluster_is_free(g, VMFS_RES_FD, record, i) ||
		    (r.count && at != r.at + (uint64_t)r.count * r.stride))
			break;
		if (!r.count++)
			r.at = at;
	}
	return r;
}

static enum status scan_fds(struct scan *s, uint32_t cluster, const uint8_t *record)
{
	const struct vmfs_geom *g = &s->vol->layout.geom[VMFS_RES_FD];
	enum status st = ST_OK;

	for (uint32_t next = 0; st == ST_OK && !s->ended;) {
		struct run r = fd_run(s->vol, cluster, record, &next);

		if (!r.count)
			return ST_OK;
		st = read_run(s, &r);
		for (uint32_t i = 0; i < r.count && st == ST_OK; i++) {
			struct vmfs_lock_info info = {
			    .at = r.at + (uint64_t)i * r.stride,
			    .type = VMFS_LOCK_TYPE_BASE + VMFS_LOCK_FD,
			    .fd = (uint32_t)vmfs_geom_addr(VMFS_RES_FD, g, cluster, next + i) };

			consider(s, s->buf + i * r.stride, &info);
		}
		next += r.count;
	}
	return st;
}

static enum status scan_descriptors(struct scan *s)
{
	uint32_t md = vmfs_form(s->vol)->md_bytes;
	uint8_t *header = port_dma_alloc(2 * md);
	enum status st = header ? ST_OK : ST_NOMEM;

	for (uint32_t c = 0; c < s->vol->layout.geom[VMFS_RES_FD].clusters && st == ST_OK; c++) {
		st = lvm_read(&s->vol->lvm, vmfs_layout_cluster_at(&s->vol->layout, VMFS_RES_FD, c),
			      header, 2 * md);
		if (st == ST_OK)
			st = scan_fds(s, c, header + md);
	}
	if (header)
		port_dma_free(header, 2 * md);
	return st;
}

enum status vmfs_lock_each(struct vmfs_volume *vol,
			   int (*fn)(void *arg, const struct vmfs_lock_info *info), void *arg,
			   struct why *why)
{
	struct scan s = { .vol = vol, .fn = fn, .arg = arg, .buf = port_dma_alloc(SCAN_BYTES) };
	enum status st = s.buf ? hosts_read(vol, &s.hosts) : ST_NOMEM;

	if (st == ST_OK)
		st = scan_descriptors(&s);
	for (int k = 0; k < VMFS_RES_COUNT && st == ST_OK; k++)
		st = scan_clusters(&s, (enum vmfs_res)k);
	port_free(s.hosts.slot);
	if (s.buf)
		port_dma_free(s.buf, SCAN_BYTES);
	return st == ST_OK ? ST_OK : why_set(why, st, "%s: reading its locks: %s", vol->store.name,
					     status_text(st));
}

/* ---- break ----------------------------------------------------------------------------------- */

/* Whoever takes a lock settles first what became of its holder. So taking it for a group that
 * changes nothing, and giving it back with that, is all there is to breaking one. */
static enum status take_op(struct vmfs_volume *vol, void *arg)
{
	struct find *f = arg;
	struct vmfs_fd fd;
	enum status st = vmfs_path_fd(vol, f->path, &fd, f->why);

	return st == ST_OK ? vmfs_fd_hold(vol, &fd) : st;
}

static int is_open_here(struct vmfs_volume *vol, const char *path)
{
	struct find f = { .path = path };

	return vmfs_look(vol, find_op, &f) == ST_OK && vmfs_node_find(vol, f.fd) != NULL;
}

enum status vmfs_lock_break(struct vmfs_volume *vol, const char *path, struct why *why)
{
	struct find f = { .path = path, .why = why };
	enum status st;

	vmfs_enter(vol);
	st = is_open_here(vol, path) ? ST_BUSY : vmfs_meta_run(vol, 1, take_op, &f);
	if (st == ST_OK)
		st = vmfs_journal_commit(vol);
	vmfs_leave(vol);
	if (st == ST_BUSY && vol->locks.again == AGAIN_HELD)
		return vmfs_lock_say(vol, path, why);
	if (st != ST_OK && !why->text[0])
		why_set(why, st, "%s:%s: %s", vol->store.name, path, status_text(st));
	return st;
}

/* ---- in words -------------------------------------------------------------------------------- */

const char *vmfs_life_word(enum vmfs_life life)
{
	static const char *const words[] = { "ours", "alive",	"unknown",
					     "gone", "over",	"damaged" };

	return (size_t)life < ARRAY_COUNT(words) ? words[life] : "unknown";
}

/* Clocks of machines differ: what lies in the future tells nothing. */
static void since_text(uint64_t start_s, char *text, size_t size)
{
	uint64_t now_s = port_wall_us() / 1000000;

	text[0] = 0;
	if (start_s && start_s <= now_s)
		fmt(text, size, ", which started %llu s ago",
		    (unsigned long long)(now_s - start_s));
}

void vmfs_holder_text(const struct vmfs_lock_holder *h, char *text, size_t size)
{
	static const char *const more[] = {
	    "this process", "alive", "no beat seen yet", "gone, not recovered yet",
	    "whose mount is over", "whose heartbeat slot is not one" };
	char uuid[VMFS_UUID_TEXT], since[48];

	vmfs_uuid_format(&h->host.owner, uuid);
	since_text(h->started_s, since, sizeof(since));
	fmt(text, size, "host %s%s%.46s%s, %s%s", uuid, h->host.address[0] ? " (" : "",
	    h->host.address, h->host.address[0] ? ")" : "", more[h->life], since);
}

enum status vmfs_lock_say(const struct vmfs_volume *vol, const char *path, struct why *why)
{
	char since[48];

	since_text(started_s(&vol->locks.busy.owner), since, sizeof(since));
	return why_set(why, ST_BUSY, "%s:%s: locked by %s%s: close it there, or wait",
		       vol->store.name, path, vol->locks.who, since);
}
