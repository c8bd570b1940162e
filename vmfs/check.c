/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* check - the driver of the checker: what runs in which order, how findings get out.
 *
 * A damaged LVM or descriptor ends the check after naming it: nothing behind it can be found. From
 * then on everything is looked at, however bad. With `fix`, dead mounts of this machine are
 * recovered first by a real mount; then each repair is written in place, in an order in which a
 * crash leaves at worst something for the next run: what is missing in the bitmaps is set first,
 * counts next, and what nobody owns is freed last. */
#include "vmfs/check_priv.h"

/* ---- findings -------------------------------------------------------------------------------- */

static void find(struct check *c, int fixed, enum vmfs_severity severity, const char *rule,
		 uint64_t at, const char *format, va_list ap)
{
	uint64_t *const counter[] = {
		[VMFS_FIND_NOTE] = &c->result->notes, [VMFS_FIND_LEAK] = &c->result->leaks,
		[VMFS_FIND_WRONG] = &c->result->wrong, [VMFS_FIND_DAMAGE] = &c->result->damage,
	};
	char text[WHY_TEXT_MAX];
	struct vmfs_finding f = { .severity = severity, .rule = rule, .at = at, .text = text,
				  .fixed = (uint8_t)fixed };

	fmt_v(text, sizeof(text), format, ap);
	++*counter[severity];
	c->result->fixed += (uint64_t)fixed;
	if (c->opts->finding)
		c->opts->finding(c->opts->arg, &f);
}

void check_find(struct check *c, enum vmfs_severity severity, const char *rule, uint64_t at,
		const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	find(c, 0, severity, rule, at, format, ap);
	va_end(ap);
}

void check_report(struct check *c, int fixed, enum vmfs_severity severity, const char *rule,
		  uint64_t at, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	find(c, fixed, severity, rule, at, format, ap);
	va_end(ap);
}

void check_progress(struct check *c, uint64_t done, uint64_t total)
{
	if (c->opts->progress)
		c->opts->progress(c->opts->arg, done, total);
}

static void phase(struct check *c, const char *name)
{
	if (c->opts->phase)
		c->opts->phase(c->opts->arg, name);
}

/* ---- reading and writing --------------------------------------------------------------------- */

/* Lay a record's bytes over what was read at `at`. */
static void overlay(const struct vmfs_journal_rec_disk *rec, uint64_t at, uint8_t *buf,
		    uint64_t bytes)
{
	uint64_t from = le64_get(rec->at), to = from + le64_get(rec->bytes);
	uint64_t low = MAX(from, at), high = MIN(to, at + bytes);

	if (low < high)
		memcpy(buf + (low - at), (const uint8_t *)(rec + 1) + (low - from), high - low);
}

enum status check_read(struct check *c, uint64_t at, void *buf, uint64_t bytes)
{
	enum status st = lvm_read(&c->lvm, at, buf, bytes);

	if (st != ST_OK)
		return why_set(c->why, st, "reading %ju bytes at volume offset 0x%jx: %s", bytes,
			       at, status_text(st));
	for (uint32_t i = 0; i < c->journals; i++) {
		uint32_t pos = VMFS_JOURNAL_RECORDS_AT;

		for (uint32_t k = 0; k < c->journal[i].records; k++) {
			const struct vmfs_journal_rec_disk *rec =
			    (const void *)(c->journal[i].buf + pos);

			if (le32_get(rec->type) == VMFS_JOURNAL_WRITE)
				overlay(rec, at, buf, bytes);
			pos += (uint32_t)(sizeof(*rec) + le64_get(rec->bytes));
		}
	}
	return ST_OK;
}

enum status check_read_map(struct check *c, const struct vmfs_sysmap *map, uint64_t offset,
			   void *buf, uint64_t bytes)
{
	uint64_t block = 1ull << map->block_shift;
	uint8_t *to = buf;
	enum status st = ST_OK;

	for (uint64_t n; bytes && st == ST_OK; offset += n, to += n, bytes -= n) {
		uint64_t at = vmfs_sysmap_at(map, offset);

		n = MIN(bytes, block - offset % block);
		if (at == ~0ull)
			return why_set(c->why, ST_CORRUPT,
				       "file offset 0x%jx is past a system file's end", offset);
		st = check_read(c, at, to, n);
	}
	return st;
}

enum status check_write(struct check *c, uint64_t at, const void *buf, uint64_t bytes)
{
	enum status st;

	VERIFY(c->opts->fix);
	st = lvm_write(&c->lvm, at, buf, bytes);
	if (st != ST_OK)
		return why_set(c->why, st, "writing %ju bytes at volume offset 0x%jx: %s", bytes,
			       at, status_text(st));
	return ST_OK;
}

uint32_t check_fd_index(const struct check *c, uint32_t addr)
{
	const struct vmfs_geom *g = &c->layout.geom[VMFS_RES_FD];
	uint32_t cluster, resource;

	if (!vmfs_geom_split(g, VMFS_RES_FD, addr, 0, &cluster, &resource))
		return ~0u;
	return (uint32_t)check_index(g, cluster, resource);
}

uint32_t check_fd_addr(const struct check *c, uint32_t index)
{
	const struct vmfs_geom *g = &c->layout.geom[VMFS_RES_FD];

	return VMFS_FD_MAKE(index / g->per_cluster, index % g->per_cluster);
}

/* ---- the run --------------------------------------------------------------------------------- */

static enum status allocate(struct check *c)
{
	const struct vmfs_layout *l = &c->layout;

	if (l->geom[VMFS_RES_FD].count > CHECK_FDS_MAX)
		return why_set(c->why, ST_LIMIT, "%ju file descriptors: the checker handles %u",
			       l->geom[VMFS_RES_FD].count, CHECK_FDS_MAX);
	c->fd_count = (uint32_t)l->geom[VMFS_RES_FD].count;
	c->fd = port_alloc(c->fd_count * sizeof(*c->fd));
	if (!c->fd)
		goto no_memory;
	for (int kind = 0; kind < VMFS_RES_COUNT; kind++) {
		size_t bytes = (size_t)(l->geom[kind].count / 8 + 1);

		c->used[kind] = port_alloc(bytes);
		c->ref[kind] = port_alloc(bytes);
		if (!c->used[kind] || !c->ref[kind])
			goto no_memory;
	}
	return ST_OK;
no_memory:
	return why_set(c->why, ST_NOMEM, "no memory for the checker's bitmaps");
}

/* What is wrong so that nothing behind it can be found is a finding; all else ends the check. */
static enum status as_finding(struct check *c, enum status st, const char *rule, uint64_t at)
{
	if (st != ST_CORRUPT)
		return st;
	check_find(c, VMFS_FIND_DAMAGE, rule, at, "%s", c->why->text);
	*c->why = (struct why){ 0 };
	return ST_CORRUPT;
}

static enum status open_volume(struct check *c)
{
	enum status st;

	phase(c, "LVM");
	st = lvm_open(&c->lvm, c->devs, c->dev_count, c->why);
	if (st != ST_OK)
		return as_finding(c, st, "L2", ~0ull);
	if (c->opts->fix)
		st = lvm_lock_devices(&c->lvm, 1, c->why);
	if (st == ST_OK)
		st = check_lvm(c);
	if (st != ST_OK)
		return st;
	phase(c, "File system descriptor");
	st = vmfs_layout_read(&c->lvm, &c->layout, 0, c->why);
	if (st != ST_OK)
		return as_finding(c, st, "D1", VMFS_FS_AT);
	return check_descriptor(c);
}

static enum status check_volume(struct check *c)
{
	static const struct { const char *phase; enum status (*run)(struct check *c); } step[] = {
		{ "Heartbeats", check_heartbeats },
		{ "Resource files", check_resources },
		{ "File descriptors", check_fd_scan },
		{ "Directories", check_dirs },
		{ "Block maps", check_fd_pointers },
		{ "Link counts", check_links },
		{ "Allocation", check_global },
	};
	enum status st = allocate(c);

	for (size_t i = 0; i < ARRAY_COUNT(step) && st == ST_OK; i++) {
		phase(c, step[i].phase);
		if (port_interrupted())
			return why_set(c->why, ST_CANCELLED, "the check was interrupted");
		st = step[i].run(c);
	}
	if (st == ST_OK && c->opts->fix)
		st = lvm_flush(&c->lvm);
	return st;
}

static void release(struct check *c)
{
	for (int kind = 0; kind < VMFS_RES_COUNT; kind++) {
		port_free(c->used[kind]);
		port_free(c->ref[kind]);
	}
	port_free(c->fd);
	check_journals_free(c);
	if (c->slot)
		port_dma_free(c->slot, VMFS_HB_SLOTS * sizeof(*c->slot));	/* of any version */
	if (c->chunk)
		port_dma_free(c->chunk, CHECK_CHUNK_BYTES);
	vmfs_layout_free(&c->layout);
	lvm_close(&c->lvm);
	port_free(c);
}

enum status vmfs_check(struct io_dev *const *devs, uint32_t dev_count,
		       const struct vmfs_check_opts *opts, struct vmfs_check_result *result,
		       struct why *why)
{
	struct why local = { 0 };
	struct check *c = port_alloc(sizeof(*c));
	enum status st;

	memset(result, 0, sizeof(*result));
	if (!c)
		return why_set(why, ST_NOMEM, "no memory for the checker");
	*c = (struct check){ .devs = devs, .dev_count = dev_count, .opts = opts, .result = result,
			     .why = why ? why : &local };
	c->chunk = port_dma_alloc(CHECK_CHUNK_BYTES);
	c->slot = port_dma_alloc(VMFS_HB_SLOTS * sizeof(*c->slot));
	if (c->chunk && c->slot)
		st = opts->fix ? check_fix_recover(c) : ST_OK;
	else
		st = why_set(c->why, ST_NOMEM, "no memory for the checker");
	if (st == ST_OK)
		st = open_volume(c);
	if (st == ST_OK)
		st = check_volume(c);
	release(c);
	/* Damage that ended the check early has been reported as a finding. */
	return st == ST_CORRUPT && result->damage ? ST_OK : st;
}
