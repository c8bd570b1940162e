/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Any disk into a new one of any kind. A journal lies beside it from before its first file until
 * after its last name: it says whose these files are, and for flat and raw destinations how far
 * they are, so that a copy that was killed can go on. A clean failure, or the user's stop, leaves
 * nothing, unless the caller asked to keep it for the next try. */
#include "vmdk/journal_priv.h"

struct conversion {
	struct target	t;
	struct journal	journal;
	struct vmdk_job	*job;
	uint64_t	start;		/* resumed from here */
};

static int can_resume(enum vmdk_kind kind)
{
	return kind == VMDK_RAW || kind == VMDK_VMFS || kind == VMDK_MONO_FLAT ||
	       kind == VMDK_SPLIT_FLAT;
}

static enum status safe_point(void *arg, uint64_t done)
{
	struct conversion *c = arg;
	enum status st = target_flush(&c->t);

	return st == ST_OK ? journal_write(&c->journal, done) : st;
}

/* The copy is another disk: new content id and uuid, the source's adapter and geometry. */
static enum status inherit(struct conversion *c, struct vmdk_disk *src,
			   const struct vmdk_convert_opts *opts)
{
	static const char *const keys[] = {
		"ddb.geometry.cylinders", "ddb.geometry.heads", "ddb.geometry.sectors",
	};
	struct desc *d = &c->t.desc;
	enum status st;

	if (!opts->create.reproducible)
		d->cid = ident_new_cid(DESC_CID_NEW);
	st = ident_set_long_id(d, opts->create.reproducible);
	if (opts->set_adapter || c->t.opts.bytes != src->bytes)
		return st;
	for (size_t i = 0; i < ARRAY_COUNT(keys) && st == ST_OK; i++)
		if (desc_get(&src->desc, keys[i]))
			st = desc_set(d, keys[i], desc_get(&src->desc, keys[i]));
	return st;
}

static enum status plan(struct conversion *c, struct vmdk_disk *src,
			const struct vmdk_convert_opts *opts, struct why *why)
{
	struct target *t = &c->t;
	const char *adapter = desc_get(&src->desc, "ddb.adapterType");
	enum status st;

	if (!t->opts.bytes)
		t->opts.bytes = src->bytes;
	if (t->opts.bytes < src->bytes)
		return why_set(why, ST_INVAL, "%s: is smaller than its source, %s", t->path,
			       src->path);
	if (!opts->set_adapter && adapter)
		t->opts.adapter = ident_adapter(adapter);
	st = target_plan(t, why);
	if (st == ST_OK)
		st = inherit(c, src, opts);
	return st;
}

/* All files of the target are there, as long as they should be. */
static int files_are_there(struct target *t)
{
	for (uint32_t i = 0; i < t->count; i++) {
		struct store_stat st;

		if (t->store->ops->stat(t->store, t->extents[i].path, &st, NULL) != ST_OK ||
		    st.size_bytes != t->extents[i].bytes)
			return 0;
	}
	return 1;
}

/* Remove what an earlier copy, of which the journal tells, has left. */
static enum status remove_remains(struct conversion *c, struct why *why)
{
	for (uint32_t i = 0; i < c->t.count; i++) {
		struct store *s = c->t.store;
		struct store_file *f;
		enum status st = s->ops->open(s, c->t.extents[i].path, STORE_WRITE, &f, why);

		if (st == ST_NOENT)
			continue;
		if (st != ST_OK)
			return st;
		(void)s->ops->file_close(f);
		st = vmdk_file_remove(s, c->t.extents[i].path, why);
		if (st != ST_OK)
			return st;
	}
	journal_remove(&c->journal);
	return ST_OK;
}

/* The journal says that the copy was ours, so a descriptor that was being written is, too. (The
 * hidden name of a disk of one file is that of its data.) */
static void remove_hidden_descriptor(struct conversion *c)
{
	struct target *t = &c->t;
	char temp[VMDK_PATH_MAX];

	if (path_hidden(t->path, "new", temp, sizeof(temp)) == ST_OK &&
	    strcmp(temp, t->extents[0].path) != 0)
		(void)t->store->ops->remove(t->store, temp, NULL);	/* or it is not there */
}

static enum status look_for_journal(struct conversion *c, enum vmdk_remains remains,
				    struct why *why)
{
	struct target *t = &c->t;
	uint64_t copied;
	enum journal_found found = journal_read(&c->journal, &copied);

	if (found == JOURNAL_NONE)
		return ST_OK;
	if (remains == VMDK_REMAINS_REFUSE)
		return why_set(why, ST_EXIST,
			       "%s: an interrupted copy lies there: resume it, or remove "
			       "%s and the extents",
			       t->path, path_base(c->journal.path));
	remove_hidden_descriptor(c);
	if (remains == VMDK_REMAINS_CONTINUE && found == JOURNAL_SAME && copied &&
	    copied <= t->opts.bytes && files_are_there(t)) {
		c->start = copied;
		t->reopen = 1;
		return ST_OK;
	}
	if (remains == VMDK_REMAINS_CONTINUE && found == JOURNAL_OTHER)
		log_line(LOG_WARN,
			 "vmdk: %s: an interrupted copy of something else, or of what the source "
			 "was -> the copy starts anew",
			 t->path);
	return remove_remains(c, why);
}

/* From now on the files are ours: killed before the first safe point, the copy can at least be
 * started again. */
static enum status first_entry(struct conversion *c, struct why *why)
{
	enum status st;

	if (c->t.reopen)
		return ST_OK;
	st = c->t.opts.kind == VMDK_RAW ? ST_OK :
					  file_absent(c->t.store, c->t.extents[0].path, why);
	if (st != ST_OK || !c->t.store->writable)
		return st;
	st = journal_write(&c->journal, 0);
	if (st != ST_OK)
		why_set(why, st, "%s: cannot keep a journal: %s", c->t.path, status_text(st));
	return st;
}

static enum status verify(struct conversion *c, struct vmdk_disk *src, struct why *why)
{
	unsigned flags = c->t.opts.kind == VMDK_RAW ? VMDK_READ | VMDK_FORMAT_RAW : VMDK_READ;
	struct vmdk_disk *copy;
	uint64_t at = 0;
	int different = 0;
	enum status st = vmdk_open(c->t.store, c->t.path, flags, &copy, why);

	if (st != ST_OK)
		return st;
	st = vmdk_compare(src, copy, c->job, &different, &at, why);
	(void)vmdk_close(copy);
	if (st == ST_OK && different)
		st = why_set(why, ST_CORRUPT,
			     "%s: differs from %s at byte %llu when read back: removed", c->t.path,
			     src->path, (unsigned long long)at);
	return st;
}

static void remove_made(struct conversion *c)
{
	struct target *t = &c->t;

	file_discard(t->store, t->path);
	for (uint32_t i = 0; i < t->count; i++)
		if (t->extents[i].made)
			file_discard(t->store, t->extents[i].path);
}

static enum status copy_and_commit(struct conversion *c, struct vmdk_disk *src,
				   const struct vmdk_convert_opts *opts, struct why *why)
{
	struct copy_opts copy = {
		.src = src, .target = &c->t, .job = c->job, .start = c->start, .arg = c,
		.safe_point = can_resume(c->t.opts.kind) && opts->remains != VMDK_REMAINS_NONE ?
				      safe_point :
				      NULL,
	};
	enum status st = copy_run(&copy, why);

	if (st == ST_OK)
		st = target_commit(&c->t, why);
	if (st != ST_OK)
		return st;
	if (opts->verify)
		st = verify(c, src, why);
	journal_remove(&c->journal);
	if (st != ST_OK)
		remove_made(c);
	return st;
}

/* The disk is there. With a journal of this very copy beside it, it is this copy, killed before it
 * could take the journal away: the journal was begun when there was no disk. */
static enum status there_already(struct conversion *c, struct vmdk_disk *src,
				 const struct vmdk_convert_opts *opts, struct why *why)
{
	uint64_t copied;

	if (opts->remains != VMDK_REMAINS_CONTINUE ||
	    journal_read(&c->journal, &copied) != JOURNAL_SAME)
		return ST_EXIST;
	if (why)
		*why = (struct why){ 0 };
	if (c->job)
		c->job->resumed_bytes = src->bytes;
	journal_remove(&c->journal);
	return opts->verify ? verify(c, src, why) : ST_OK;
}

static enum status fill(struct conversion *c, struct vmdk_disk *src,
			const struct vmdk_convert_opts *opts, struct why *why)
{
	enum status st = ST_OK;

	if (opts->remains != VMDK_REMAINS_NONE) {
		st = look_for_journal(c, opts->remains, why);
		if (st == ST_OK)
			st = first_entry(c, why);
	}
	if (st != ST_OK)
		return st;
	if (c->job)
		c->job->resumed_bytes = c->start;
	st = target_begin(&c->t, why);
	if (st == ST_OK)
		st = copy_and_commit(c, src, opts, why);
	if (st == ST_OK)
		return ST_OK;
	c->t.keep = opts->keep && c->journal.written && can_resume(c->t.opts.kind);
	target_abort(&c->t);
	if (!c->t.keep)
		journal_remove(&c->journal);
	return st;
}

static enum status convert(struct conversion *c, struct vmdk_disk *src,
			   const struct vmdk_convert_opts *opts, struct why *why)
{
	enum status st = plan(c, src, opts, why);

	if (st == ST_OK && opts->remains != VMDK_REMAINS_NONE)
		st = journal_init(&c->journal, &c->t, src, why);
	if (st != ST_OK)
		return st;
	st = file_absent(c->t.store, c->t.path, why);
	if (st == ST_EXIST)
		return there_already(c, src, opts, why);
	return st == ST_OK ? fill(c, src, opts, why) : st;
}

enum status vmdk_convert(struct vmdk_disk *src, struct store *dst, const char *path,
			 const struct vmdk_convert_opts *opts, struct vmdk_job *job,
			 struct why *why)
{
	struct conversion *c = port_alloc(sizeof(*c));
	enum status st;

	if (!c)
		return why_set(why, ST_NOMEM, "%s: no memory for the copy", path);
	c->job = job;
	c->t = (struct target){
		.store = dst, .path = path, .opts = opts->create, .level = opts->level,
		.no_sparse = opts->no_sparse,
	};
	desc_init(&c->t.desc);
	st = convert(c, src, opts, why);
	target_fini(&c->t);
	port_free(c);
	return st;
}
