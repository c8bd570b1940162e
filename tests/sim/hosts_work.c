/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* hosts_work - what one host does: mount, some operations with pauses between them, unmount; and
 * again when it lost its lease or its power.
 *
 * An operation enters the model before it is asked for, so that a host that dies in it leaves
 * both outcomes open; it is taken out again when the volume refused it. No two hosts are at one
 * name at the same time (but for OP_CONTEND, which wants to be refused): so the model needs no
 * order between hosts, while directories, clusters and journals are shared by all. */
#include "tests/sim/hosts.h"
#include "vmfs/vmfs_format.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define STREAM_WORK 100u
#define PATIENCE_NS (10 * LEASE_NS) /* for one operation */
#define TRIES_MAX   400u

static struct model *model_of(struct host *h)
{
	return &h->run->model;
}

static uint64_t draw(struct host *h, uint64_t n)
{
	return run_chance(h->run, (uint64_t)(STREAM_WORK + h->number) << 32 | h->drawn++, n);
}

static struct inc *inc_of(struct host *h)
{
	return &model_of(h)->inc[h->inc];
}

/* Its slot was taken from it, whether it knows or not: what it sees is the past, and what it does
 * comes to nothing. Only the watcher judges it. */
static int is_zombie(struct host *h)
{
	return h->inc && inc_of(h)->broken;
}

/* What it saw or did is not as the model says. */
static void accuse(struct host *h, const char *invariant, const char *format, ...)
    PRINTF_LIKE(3, 4);
static void accuse(struct host *h, const char *invariant, const char *format, ...)
{
	char text[400];
	va_list ap;

	if (is_zombie(h))
		return;
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	violate(h->run, invariant, "%s", text);
}

/* ---- mount and unmount ----------------------------------------------------------------------- */

static void wait_for_turn(struct host *h)
{
	while (h->run->config.alone && h->run->writer)
		port_world_sleep_ns(SECOND_NS / 50);
	h->run->writer = h->number;
}

static void end_turn(struct host *h)
{
	watch_unmounted(h->run->watch, h->number);
	if (h->run->writer == h->number)
		h->run->writer = 0;
}

int host_mount(struct host *h)
{
	/* The fresh host at the end recovers whatever there is. */
	uint8_t alone = h->run->config.alone || h->run->ending;
	struct vmfs_mount_opts opts = {.write = 1, .join = 1, .alone = alone};
	struct why why = {0};
	enum status st;
	int fenced;

	wait_for_turn(h);
	st = dev_open(&h->dev);
	if (st == ST_OK)
		st = vmfs_mount(&h->dev, 1, &opts, &h->vol, &why);
	fenced = watch_is_fenced(h->run->watch, h->number);
	trace(h->run, h->number, "mount: %s %s", status_word(st), why.text);
	if (st != ST_OK) {
		if (h->dev)
			io_dev_close(h->dev);
		h->dev = NULL;
		if ((st == ST_CORRUPT || st == ST_REFUSED || st == ST_UNSUPPORTED) && !fenced)
			violate(h->run, "FS-3", "mount: %s", why.text);
		end_turn(h);
		return -1;
	}
	h->store = vmfs_store(h->vol);
	h->inc = model_inc(model_of(h), h->number);
	h->run->totals->mounts++;
	inc_of(h)->slot_at = h->slot_at;
	inc_of(h)->slot_gen = h->slot_gen;
	inc_of(h)->broken = (uint8_t)fenced;
	return 0;
}

static void has_nothing_open(struct host *h)
{
	for (uint32_t i = 0; i < DIRS * NAMES; i++)
		if (model_of(h)->name[i].open_by == h->number)
			model_of(h)->name[i].open_by = 0;
}

/* What this mount did is in doubt from its last commit on. */
static void mount_is_over(struct host *h, int broken)
{
	struct inc *inc = inc_of(h);

	inc->live = 0;
	end_turn(h);
	if (broken)
		inc->broken = inc->off = 1;
	h->inc = 0;
	h->doubt = 0;
	memset(h->open, 0, sizeof(h->open));
	has_nothing_open(h);
}

static enum status close_all(struct host *h)
{
	enum status st = ST_OK, closed;

	for (uint32_t i = 0; i < OPEN_MAX; i++) {
		if (!h->open[i].f)
			continue;
		closed = h->store->ops->file_close(h->open[i].f);
		h->open[i].f = NULL;
		st = st == ST_OK ? closed : st;
	}
	return st;
}

/* After an orderly unmount all that it did is durable. */
void host_unmount(struct host *h)
{
	enum status closed, st;

	has_nothing_open(h);
	closed = close_all(h);
	st = vmfs_unmount(h->vol);

	st = closed == ST_OK ? st : closed;
	trace(h->run, h->number, "unmount: %s", status_word(st));
	io_dev_close(h->dev);
	h->run->totals->lost += st != ST_OK || h->doubt;
	/* What failed is done or not; all before it is durable. */
	if (st == ST_OK)
		model_settle(model_of(h), h->inc, inc_of(h)->seq - h->doubt);
	mount_is_over(h, st != ST_OK || h->doubt);
	h->dev = NULL;
	h->vol = NULL;
	h->store = NULL;
}

/* ---- the ends of an operation ---------------------------------------------------------------- */

/* Statuses that say: nothing was done, and the mount goes on. */
static int is_refusal(enum status st)
{
	return st == ST_NOENT || st == ST_EXIST || st == ST_NOTDIR || st == ST_ISDIR ||
	       st == ST_NOTEMPTY || st == ST_NOSPACE || st == ST_BUSY || st == ST_LIMIT ||
	       st == ST_RANGE;
}

/* Statuses that leave the effect open, and the mount with it. */
static int is_loss(enum status st)
{
	return st == ST_DEVICE || st == ST_LOST;
}

static int may_lose(const struct host *h)
{
	return h->run->config.fault_mask != 0 && !h->run->ending;
}

static void judge_status(struct host *h, enum op_kind op, enum status st, const char *path)
{
	trace(h->run, h->number, "%s %s: %s%s%s", op_name[op], path, status_word(st),
	      st == ST_OK ? "" : ": ", st == ST_OK ? "" : h->why.text);
	hash_in(h->run, (uint64_t)op << 32 | (uint64_t)st);
	h->run->totals->op[op] += st == ST_OK;
	h->run->totals->op_refused[op] += st != ST_OK;
	if (st == ST_OK || is_refusal(st) || (is_loss(st) && may_lose(h)))
		return;
	accuse(h, "FS-3", "host %u: %s %s: %s (%s)", h->number, op_name[op], path, status_text(st),
	       h->why.text);
}

static uint32_t begin(struct host *h)
{
	return ++inc_of(h)->seq;
}

/* One register of an operation that has ended. */
static void end_reg(struct host *h, struct reg *r, uint32_t seq, enum status st)
{
	if (is_refusal(st))
		reg_undo(r, h->inc, seq);
}

/* ---- looking --------------------------------------------------------------------------------- */

static void not_seen(struct host *h, const char *invariant, const char *what, uint64_t value,
		     const struct reg *r)
{
	char text[300];

	reg_text(r, text, sizeof(text));
	accuse(h, invariant, "host %u (mount %u): %s is %llx, and must be %s", h->number, h->inc,
	       what, (unsigned long long)value, text);
}

/* The file behind a name, as the model has it now; NULL: none. */
static struct file *file_of(struct host *h, const struct name *n)
{
	uint64_t value = reg_now(&n->reg);

	return value >= NAME_FILE ? model_file(model_of(h), value - NAME_FILE) : NULL;
}

/* A name that may be one of several files: which one is there says its content. */
static void read_cells(struct host *h, struct file *f, struct store_file *sf, const char *path,
		       uint64_t bytes)
{
	uint8_t *sector = port_dma_alloc(512);
	char text[128], what[200];

	for (uint32_t c = 0; c < CELLS && sector && !h->run->failed; c++) {
		enum status st;
		uint64_t stamp;

		if (cell_at(c) + 512 > bytes)
			continue;
		st = store_read(sf, cell_at(c), sector, 512);
		if (st != ST_OK) {
			judge_status(h, OP_READ, st, path);
			break;
		}
		stamp = sector_read(sector, f->id, c, text, sizeof(text));
		snprintf(what, sizeof(what), "%s, cell %u (offset %llu) of file %u", path, c,
			 (unsigned long long)cell_at(c), f->id);
		if (stamp == ~0ull)
			accuse(h, "ALLOC-3", "host %u: %s holds %s", h->number, what, text);
		else if (!is_zombie(h) && !reg_seen(model_of(h), &f->cell[c], h->inc, stamp, 1))
			not_seen(h, "FS-1", what, stamp, &f->cell[c]);
	}
	if (sector)
		port_dma_free(sector, 512);
}

static enum status look_at_file(struct host *h, struct name *n, struct store_file *sf)
{
	struct file *f = file_of(h, n);
	struct store_stat stat;
	enum status st = h->store->ops->file_stat(sf, &stat);
	char what[64];

	if (st != ST_OK)
		return st;
	snprintf(what, sizeof(what), "the length of %s", n->path);
	if (is_zombie(h))
		return ST_OK;
	if (!reg_seen(model_of(h), &f->size, h->inc, stat.size_bytes, 0))
		not_seen(h, "FS-1", what, stat.size_bytes, &f->size);
	/* Past its end there is nothing; what comes there later is zeros first. */
	for (uint32_t c = 0; c < CELLS; c++)
		if (cell_at(c) >= stat.size_bytes && f->size.n == 1)
			reg_init(&f->cell[c], 0);
	if (!h->run->failed)
		read_cells(h, f, sf, n->path, stat.size_bytes);
	f->owner = h->inc;
	return ST_OK;
}

static struct handle *handle_of(struct host *h, const struct name *n)
{
	uint32_t number = (uint32_t)(n - model_of(h)->name);

	for (uint32_t i = 0; i < OPEN_MAX; i++)
		if (h->open[i].f && h->open[i].name == number)
			return &h->open[i];
	return NULL;
}

static enum status read_file(struct host *h, struct name *n)
{
	struct handle *open = handle_of(h, n);
	struct store_file *sf;
	enum status st, closed;

	if (open)
		return look_at_file(h, n, open->f);
	st = h->store->ops->open(h->store, n->path, STORE_READ, &sf, &h->why);
	if (st != ST_OK)
		return st;
	st = look_at_file(h, n, sf);
	closed = h->store->ops->file_close(sf);
	return st == ST_OK ? closed : st;
}

/* Of several files that a name may lead to, the one that it is: by descriptor and generation, which
 * no two files share. ~0: none of them. */
static uint64_t which_file(struct host *h, const struct name *n, uint64_t identity)
{
	uint64_t unknown = ~0ull;

	for (uint32_t i = n->reg.n; i-- > 0;) {
		uint64_t value = n->reg.v[i].value;
		struct file *f;

		if (value < NAME_FILE)
			continue;
		f = model_file(model_of(h), value - NAME_FILE);
		if (f->identity == identity)
			return value;
		if (f->identity == 0)
			unknown = value; /* its host died before it could ask */
	}
	if (unknown != ~0ull)
		model_file(model_of(h), unknown - NAME_FILE)->identity = identity;
	return unknown;
}

static enum status identify(struct host *h, const struct name *n, uint32_t *type,
			    uint64_t *identity)
{
	struct vmfs_file_meta meta;
	struct why why = {0};
	enum status st = vmfs_file_meta(h->vol, n->path, &meta, &why);

	if (st == ST_OK) {
		*type = meta.type;
		*identity = (uint64_t)meta.fd << 32 | meta.generation;
		if (h->run->verbose > 1)
			trace(h->run, h->number,
			      "  %s is descriptor 0x%x, generation %u, length %llu", n->path,
			      meta.fd, meta.generation, (unsigned long long)meta.length);
	}
	return st;
}

/* Ask the volume what a name is, and the model whether it may be that. */
static enum status look_at_name(struct host *h, struct name *n)
{
	uint64_t value = NAME_NONE, identity = 0;
	uint32_t type = 0;
	enum status st = identify(h, n, &type, &identity);

	if (st != ST_OK && st != ST_NOENT)
		return st;
	if (st == ST_OK)
		value = type == VMFS_TYPE_DIR ? NAME_DIR : which_file(h, n, identity);
	if (!is_zombie(h) && !reg_seen(model_of(h), &n->reg, h->inc, value, 0))
		not_seen(h, "JNL-1", n->path, value, &n->reg);
	return ST_OK;
}

/* Before an operation depends on a name: what is it, and if a file, what is in it? */
static enum status resolve(struct host *h, struct name *n)
{
	struct file *f;
	enum status st = ST_OK;

	if (n->reg.n > 1 && n->reg.v[n->reg.n - 1].inc != h->inc)
		st = look_at_name(h, n);
	f = st == ST_OK && !h->run->failed ? file_of(h, n) : NULL;
	if (f && f->owner != h->inc && f->size.n + f->written > 1)
		st = read_file(h, n);
	return st;
}

/* ---- files that stay open -------------------------------------------------------------------- */

static enum status let_go(struct host *h, struct handle *open)
{
	struct name *n = &model_of(h)->name[open->name];
	struct store_file *f = open->f;

	/* Another host may have it before this one hears that it is closed. */
	if (n->open_by == h->number)
		n->open_by = 0;
	open->f = NULL;
	return h->store->ops->file_close(f);
}

static enum status let_go_of(struct host *h, const struct name *n)
{
	struct handle *open = handle_of(h, n);

	return open ? let_go(h, open) : ST_OK;
}

/* A handle for a file that was just opened; one that is in the way is closed. */
static enum status keep_open(struct host *h, struct name *n, struct store_file *sf)
{
	enum status st = ST_OK;
	uint32_t i = 0;

	while (i < OPEN_MAX && h->open[i].f)
		i++;
	if (i == OPEN_MAX) {
		i = (uint32_t)draw(h, OPEN_MAX);
		st = let_go(h, &h->open[i]);
	}
	h->open[i] = (struct handle){sf, (uint32_t)(n - model_of(h)->name)};
	n->open_by = h->number;
	return st;
}

/* Somebody else had it open for writing, and we got it: then its mount must be over. */
static void judge_opened(struct host *h, const struct name *n, uint32_t holder, uint32_t inc)
{
	if (holder && holder != h->number && n->open_by == holder && !model_of(h)->inc[inc].broken)
		accuse(h, "LOCK-1", "host %u opened %s, which host %u has open for writing",
		       h->number, n->path, holder);
}

static enum status open_for_writing(struct host *h, struct name *n, struct store_file **sf)
{
	struct handle *open = handle_of(h, n);
	uint32_t holder = n->open_by, inc = holder ? h->run->host[holder].inc : 0;
	enum status st;

	if (open) {
		*sf = open->f;
		return ST_OK;
	}
	st = h->store->ops->open(h->store, n->path, STORE_WRITE, sf, &h->why);
	if (st != ST_OK)
		return st;
	judge_opened(h, n, holder, inc);
	return keep_open(h, n, *sf);
}

/* ---- operations ------------------------------------------------------------------------------ */

struct task {
	enum op_kind op;
	struct name *a, *b;
};

static enum status do_create(struct host *h, struct task *t)
{
	uint64_t was = reg_now(&t->a->reg), identity = 0;
	struct store_file *sf;
	struct file *f;
	uint32_t seq = begin(h), type;
	enum status st;

	f = model_new_file(model_of(h));
	f->owner = h->inc;
	if (was == NAME_NONE)
		reg_add(&t->a->reg, h->inc, seq, NAME_FILE + f->id);
	st = h->store->ops->create(h->store, t->a->path, 0644, &sf, &h->why);
	end_reg(h, &t->a->reg, seq, st);
	if (st == (was == NAME_NONE ? ST_EXIST : ST_OK))
		accuse(h, "JNL-1", "host %u: creating %s: %s, and it was %llx", h->number,
		       t->a->path, status_text(st), (unsigned long long)was);
	if (st != ST_OK)
		return st;
	st = keep_open(h, t->a, sf);
	if (st == ST_OK)
		st = identify(h, t->a, &type, &identity);
	f->identity = identity;
	if (st == ST_OK && draw(h, 2))
		st = let_go_of(h, t->a);
	return st;
}

static void choose_cells(struct host *h, uint32_t *first, uint32_t *end)
{
	uint32_t run_first, run_end;

	cell_run((uint32_t)draw(h, CELLS), &run_first, &run_end);
	*first = run_first + (uint32_t)draw(h, run_end - run_first);
	*end = *first + 1 + (uint32_t)draw(h, run_end - *first);
}

/* Settle what is full: nothing more of it can be held in doubt. */
static enum status make_room(struct host *h, const struct file *f)
{
	uint32_t seq = inc_of(h)->seq;
	int full = reg_is_full(&f->size);
	enum status st;

	for (uint32_t c = 0; c < CELLS; c++)
		full |= reg_is_full(&f->cell[c]);
	if (!full)
		return ST_OK;
	st = h->store->ops->sync(h->store);
	if (st == ST_OK)
		model_settle(model_of(h), h->inc, seq);
	return st;
}

struct change {
	uint32_t first, end, seq;
	uint64_t stamp, size;
};

/* Cells first .. end get a stamp, the length is size. */
static void change_begin(struct host *h, struct file *f, struct change *c)
{
	c->seq = begin(h);
	f->owner = h->inc;
	f->written = 1;
	for (uint32_t i = c->first; i < c->end; i++)
		reg_add(&f->cell[i], h->inc, c->seq, c->stamp);
	if (c->size != reg_now(&f->size))
		reg_add(&f->size, h->inc, c->seq, c->size);
}

static void change_end(struct host *h, struct file *f, const struct change *c, enum status st)
{
	/* Of a change that there is no room for, a part may be there: the next look tells. */
	if (st == ST_NOSPACE) {
		inc_of(h)->partly = c->seq;
		return;
	}
	for (uint32_t i = c->first; i < c->end; i++)
		end_reg(h, &f->cell[i], c->seq, st);
	end_reg(h, &f->size, c->seq, st);
}

static enum status transfer(struct store_file *sf, enum port_io_op op, uint64_t at, void *buf,
			    uint64_t bytes)
{
	struct io_wait w;

	io_wait_begin(&w, op, at, buf, bytes);
	sf->store->ops->submit(sf, &w.req);
	return io_wait_end(&w);
}

static enum status write_cells(struct host *h, struct file *f, struct store_file *sf)
{
	struct change c = {0};
	uint64_t bytes;
	uint8_t *buf;
	enum status st;

	choose_cells(h, &c.first, &c.end);
	bytes = 512ull * (c.end - c.first);
	buf = port_dma_alloc(bytes);
	if (!buf)
		return ST_NOMEM;
	c.stamp = (uint64_t)h->inc << 32 | (inc_of(h)->seq + 1);
	c.size = MAX(reg_now(&f->size), cell_at(c.end - 1) + 512);
	for (uint32_t i = c.first; i < c.end; i++)
		sector_fill(buf + 512 * (i - c.first), f->id, i, c.stamp);
	change_begin(h, f, &c);
	st = transfer(sf, PORT_WRITE, cell_at(c.first), buf, bytes);
	change_end(h, f, &c, st);
	port_dma_free(buf, bytes);
	return st;
}

static enum status punch_cells(struct host *h, struct file *f, struct store_file *sf)
{
	struct change c = {.size = reg_now(&f->size)};
	enum status st;

	choose_cells(h, &c.first, &c.end);
	if (cell_at(c.end - 1) + 512 > c.size)
		return ST_OK;
	change_begin(h, f, &c);
	st = transfer(sf, PORT_UNMAP, cell_at(c.first), NULL, 512ull * (c.end - c.first));
	change_end(h, f, &c, st);
	return st;
}

static enum status truncate_file(struct host *h, struct file *f, struct store_file *sf)
{
	uint32_t cell = (uint32_t)draw(h, CELLS);
	struct change c = {.size = cell_at(cell) + 512 * draw(h, 2), .end = CELLS};
	enum status st;

	while (c.first < CELLS && cell_at(c.first) < c.size)
		c.first++;
	/* Cells lie in the order of their offsets: what is cut off is zeros when it comes back. */
	change_begin(h, f, &c);
	st = sf->store->ops->file_resize(sf, c.size);
	change_end(h, f, &c, st);
	return st;
}

static enum status allocate_file(struct host *h, struct file *f, struct store_file *sf)
{
	uint64_t at = cell_at((uint32_t)draw(h, CELLS)), bytes = 512ull << draw(h, 12);
	struct change c = {.size = MAX(reg_now(&f->size), at + bytes)};
	enum status st;

	change_begin(h, f, &c);
	st = sf->store->ops->file_allocate(sf, at, bytes,
					   draw(h, 2) ? STORE_ALLOC_LAZY : STORE_ALLOC_EAGER);
	change_end(h, f, &c, st);
	return st;
}

static enum status flush_file(struct host *h, struct file *f, struct store_file *sf)
{
	uint32_t seq = inc_of(h)->seq;
	enum status st = store_flush(sf);

	if (st != ST_OK)
		return st;
	reg_settle(&f->size, h->inc, seq);
	for (uint32_t c = 0; c < CELLS; c++)
		reg_settle(&f->cell[c], h->inc, seq);
	return ST_OK;
}

/* Whatever is done to the content of a file that is open for writing. */
static enum status do_content(struct host *h, struct task *t)
{
	struct file *f = file_of(h, t->a);
	struct store_file *sf;
	enum status st;

	if (!f)
		return ST_OK;
	st = open_for_writing(h, t->a, &sf);
	if (st != ST_OK || h->run->failed)
		return st;
	/* It was closed, so another host may have changed it since this one looked. */
	if (f->owner != h->inc && f->size.n + f->written > 1)
		st = look_at_file(h, t->a, sf);
	if (st == ST_OK)
		st = make_room(h, f);
	if (st != ST_OK || h->run->failed)
		return st;
	switch (t->op) {
	case OP_PUNCH:
		st = punch_cells(h, f, sf);
		break;
	case OP_TRUNCATE:
		st = truncate_file(h, f, sf);
		break;
	case OP_ALLOCATE:
		st = allocate_file(h, f, sf);
		break;
	case OP_FLUSH:
		st = flush_file(h, f, sf);
		break;
	default:
		st = write_cells(h, f, sf);
		break;
	}
	if (st == ST_NOSPACE)
		return look_at_file(h, t->a, sf) == ST_OK ? st : ST_DEVICE;
	if (st != ST_OK || draw(h, 2))
		return st;
	return let_go_of(h, t->a);
}

static enum status do_read(struct host *h, struct task *t)
{
	struct file *f = file_of(h, t->a);

	return f ? read_file(h, t->a) : ST_OK;
}

static enum status do_clone(struct host *h, struct task *t)
{
	enum status st = do_read(h, t);
	struct task target = {.op = OP_WRITE, .a = t->b};

	return st == ST_OK && !h->run->failed ? do_content(h, &target) : st;
}

/* The volume's answer, and what the name was before. */
static void judge_name(struct host *h, const struct task *t, enum status st, uint64_t was,
		       enum status when_none)
{
	if ((was == NAME_NONE) != (st == when_none) && (st == ST_OK || st == when_none))
		accuse(h, "JNL-1", "host %u: %s %s: %s, and it was %llx", h->number, op_name[t->op],
		       t->a->path, status_text(st), (unsigned long long)was);
}

static enum status do_unlink(struct host *h, struct task *t)
{
	uint64_t was = reg_now(&t->a->reg);
	enum status st = let_go_of(h, t->a);
	uint32_t seq;

	if (st != ST_OK || (t->op == OP_UNLINK && was == NAME_DIR))
		return st;
	seq = begin(h);
	if (was != NAME_NONE)
		reg_add(&t->a->reg, h->inc, seq, NAME_NONE);
	st = h->store->ops->remove(h->store, t->a->path, &h->why);
	end_reg(h, &t->a->reg, seq, st);
	judge_name(h, t, st, was, ST_NOENT);
	return st;
}

static enum status do_mkdir(struct host *h, struct task *t)
{
	uint64_t was = reg_now(&t->a->reg);
	uint32_t seq = begin(h);
	enum status st;

	if (was == NAME_NONE)
		reg_add(&t->a->reg, h->inc, seq, NAME_DIR);
	st = h->store->ops->mkdir(h->store, t->a->path, 0755, &h->why);
	end_reg(h, &t->a->reg, seq, st);
	if (st == (was == NAME_NONE ? ST_EXIST : ST_OK))
		accuse(h, "JNL-1", "host %u: mkdir %s: %s, and it was %llx", h->number, t->a->path,
		       status_text(st), (unsigned long long)was);
	return st;
}

static enum status do_rename(struct host *h, struct task *t)
{
	uint64_t from = reg_now(&t->a->reg), to = reg_now(&t->b->reg);
	int replace = (int)draw(h, 2);
	enum status st = let_go_of(h, t->a);
	uint32_t seq;

	if (st == ST_OK)
		st = let_go_of(h, t->b);
	/* What a directory replaces, or is replaced by, is for the tests of one host. */
	if (st != ST_OK || (to != NAME_NONE && (from == NAME_DIR || to == NAME_DIR)))
		return st;
	seq = begin(h);
	if (from != NAME_NONE && (replace || to == NAME_NONE)) {
		reg_add(&t->a->reg, h->inc, seq, NAME_NONE);
		reg_add(&t->b->reg, h->inc, seq, from);
	}
	st = h->store->ops->rename(h->store, t->a->path, t->b->path, replace, &h->why);
	end_reg(h, &t->a->reg, seq, st);
	end_reg(h, &t->b->reg, seq, st);
	judge_name(h, t, st, from, ST_NOENT);
	if (st == ST_OK && to != NAME_NONE && !replace)
		accuse(h, "JNL-1", "host %u: rename to %s, which exists", h->number, t->b->path);
	return st;
}

static enum status do_sync(struct host *h)
{
	uint32_t seq = inc_of(h)->seq;
	enum status st = h->store->ops->sync(h->store);

	if (st == ST_OK)
		model_settle(model_of(h), h->inc, seq);
	return st;
}

/* ---- a listing ------------------------------------------------------------------------------- */

struct listing {
	struct host *h;
	uint32_t dir;
	uint8_t found[NAMES];
};

static int listed(void *arg, const char *name, const struct store_stat *st)
{
	struct listing *l = arg;
	uint32_t i = (uint32_t)(name[1] - '0');

	(void)st;
	if (name[0] != 'n' || name[2] || i >= NAMES || l->found[i]++)
		accuse(l->h, "JNL-1", "host %u: directory %u lists %s, or lists it twice",
		       l->h->number, l->dir, name);
	return 0;
}

/* Names that nobody touched in the meantime are there, or are not, as the model says. */
static enum status do_list(struct host *h)
{
	struct listing l = {.h = h, .dir = (uint32_t)draw(h, DIRS)};
	struct name *n = &model_of(h)->name[l.dir * NAMES];
	uint32_t before[NAMES];
	char dir[24];
	enum status st;

	for (uint32_t i = 0; i < NAMES; i++)
		before[i] = n[i].busy ? UINT32_MAX : n[i].changes;
	mem_copy_text(dir, sizeof(dir), n[0].path);
	*strrchr(dir, '/') = 0;
	st = h->store->ops->list(h->store, dir, listed, &l, &h->why);
	for (uint32_t i = 0; i < NAMES && st == ST_OK; i++) {
		int there = reg_now(&n[i].reg) != NAME_NONE;

		if (before[i] != n[i].changes || n[i].busy ||
		    reg_in_doubt(model_of(h), &n[i].reg, h->inc) || there == l.found[i])
			continue;
		accuse(h, "JNL-1", "host %u: %s %s in a listing, and is %llx", h->number, n[i].path,
		       there ? "is not" : "is", (unsigned long long)reg_now(&n[i].reg));
	}
	return st;
}

/* ---- one operation --------------------------------------------------------------------------- */

static enum status run_task(struct host *h, struct task *t)
{
	switch (t->op) {
	case OP_CREATE:
		return do_create(h, t);
	case OP_READ:
		return do_read(h, t);
	case OP_STAT:
		return look_at_name(h, t->a);
	case OP_UNLINK:
	case OP_RMDIR:
		return do_unlink(h, t);
	case OP_RENAME:
		return do_rename(h, t);
	case OP_MKDIR:
		return do_mkdir(h, t);
	case OP_CLONE:
		return do_clone(h, t);
	case OP_CLOSE:
		return let_go_of(h, t->a);
	default:
		return do_content(h, t);
	}
}

/* Of the shared directories and its own; not what an operation of another host is at. */
static struct name *choose_name(struct host *h, int contend)
{
	uint32_t own = SHARED_DIRS + h->number % (DIRS - SHARED_DIRS);

	for (int tries = 0; tries < 8; tries++) {
		uint32_t dir = draw(h, 3) ? (uint32_t)draw(h, SHARED_DIRS) : own;
		struct name *n = &model_of(h)->name[dir * NAMES + draw(h, NAMES)];
		int foreign = n->open_by && n->open_by != h->number;

		if (n->busy || (foreign && !contend && draw(h, 8)))
			continue;
		return n;
	}
	return NULL;
}

static void take_name(struct host *h, uint32_t i, struct name *n)
{
	n->busy = 1;
	n->changes++;
	h->busy[i] = 1 + (uint32_t)(n - model_of(h)->name);
}

void host_drop_names(struct host *h)
{
	for (uint32_t i = 0; i < ARRAY_COUNT(h->busy); i++) {
		if (h->busy[i])
			model_of(h)->name[h->busy[i] - 1].busy = 0;
		h->busy[i] = 0;
	}
}

static int takes_two(enum op_kind op)
{
	return op == OP_RENAME || op == OP_CLONE;
}

static enum status named_task(struct host *h, struct task *t)
{
	enum status st;

	t->a = choose_name(h, t->op == OP_CONTEND);
	t->b = takes_two(t->op) ? choose_name(h, 0) : NULL;
	if (!t->a || t->a == t->b || (takes_two(t->op) && !t->b))
		return ST_OK;
	take_name(h, 0, t->a);
	if (t->b)
		take_name(h, 1, t->b);
	st = reg_is_full(&t->a->reg) || (t->b && reg_is_full(&t->b->reg)) ? do_sync(h) : ST_OK;
	if (st == ST_OK)
		st = resolve(h, t->a);
	if (st == ST_OK && t->b && !h->run->failed)
		st = resolve(h, t->b);
	if (st == ST_OK && !h->run->failed)
		st = run_task(h, t);
	host_drop_names(h);
	return st;
}

/* 0: the mount is lost. */
static int one_task(struct host *h, enum op_kind op)
{
	struct task t = {.op = op};
	uint64_t began = port_now_ns();
	uint32_t seq = inc_of(h)->seq;
	int zombie = is_zombie(h);
	enum status st;

	h->why.text[0] = 0;

	if (op == OP_SYNC)
		st = do_sync(h);
	else if (op == OP_LIST)
		st = do_list(h);
	else
		st = named_task(h, &t);
	judge_status(h, op, st, t.a ? t.a->path : "");
	if (zombie)
		model_forget(model_of(h), h->inc, seq);
	h->doubt = is_loss(st) && inc_of(h)->seq > 0;
	inc_of(h)->broken |= h->doubt;
	if (h->run->healed && began > h->run->healed_ns && port_now_ns() - began > PATIENCE_NS)
		accuse(h, "LOCK-5", "host %u: %s took %llu s", h->number, op_name[op],
		       (unsigned long long)((port_now_ns() - began) / SECOND_NS));
	return st == ST_OK || is_refusal(st);
}

static enum op_kind choose_op(struct host *h)
{
	for (;;) {
		enum op_kind op = (enum op_kind)draw(h, OP_KINDS);

		/* A mount costs as much time as a hundred other operations. */
		if (op == OP_REMOUNT && draw(h, 8))
			continue;
		if (h->run->config.op_mask >> op & 1)
			return op;
	}
}

/* ---- the host -------------------------------------------------------------------------------- */

static void think(struct host *h)
{
	uint64_t most = h->run->config.think_ns;

	port_world_sleep_ns(1000 + draw(h, draw(h, 4) ? most / 16 + 1 : most));
}

/* Operations until all are done, or the mount is lost. */
static void work(struct host *h)
{
	while (h->done < h->run->config.ops && !h->run->failed) {
		enum op_kind op;
		uint32_t number = h->done++;

		/* What an operation draws does not hang on those before it. */
		h->drawn = (uint64_t)number << 16;
		if (number < SKIP_MAX && h->run->skip[number])
			continue;
		op = choose_op(h);
		think(h);
		h->run->totals->ops++;
		if (op == OP_REMOUNT || !one_task(h, op))
			return;
	}
	h->finished = 1;
}

void host_main(void *arg)
{
	struct host *h = arg;

	while (!h->finished && !h->run->failed) {
		if (host_mount(h) == 0) {
			work(h);
			if (!h->run->failed)
				host_unmount(h);
			continue;
		}
		if (++h->tries > TRIES_MAX)
			violate(h->run, "LOCK-5", "host %u could not mount", h->number);
		port_world_sleep_ns(SECOND_NS / 4 + draw(h, 2 * SECOND_NS));
	}
}

/* ---- at the end ------------------------------------------------------------------------------ */

void host_compare(struct host *h)
{
	struct model *m = model_of(h);

	for (uint32_t i = 0; i < DIRS * NAMES && !h->run->failed; i++) {
		struct name *n = &m->name[i];
		enum status st = look_at_name(h, n);

		if (st == ST_OK && !h->run->failed && file_of(h, n))
			st = read_file(h, n);
		if (st != ST_OK)
			violate(h->run, "FS-1", "at the end, %s: %s", n->path, status_text(st));
	}
}
