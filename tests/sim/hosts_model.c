/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* hosts_model - what must be there, told in registers: one for each name, length and sector.
 *
 * A host acknowledges an operation before its group is committed. So as long as nobody else has
 * seen what it did, and it has not synced, a register has several possible values: the durable one,
 * and one for each later operation of that host. When the host is gone, what is there tells how far
 * its last commit reached, and since a host's operations become durable in their order, that says
 * something about all its other registers: one that shows operation 7 means that operation 6 is
 * there too, one that does not show operation 9 means that 10 is not there either.
 *
 * Sectors of files are written in place, without the journal: of those any version may be there. */
#include "tests/sim/hosts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- one register ---------------------------------------------------------------------------- */

void reg_init(struct reg *r, uint64_t value)
{
	r->n = 1;
	r->v[0] = (struct version){.value = value};
}

int reg_is_full(const struct reg *r)
{
	return r->n >= VERSIONS_MAX - 1;
}

uint64_t reg_now(const struct reg *r)
{
	return r->v[r->n - 1].value;
}

/* What came before is another inc's, and this one has seen it. */
void reg_add(struct reg *r, uint32_t inc, uint32_t seq, uint64_t value)
{
	VERIFY(r->n < VERSIONS_MAX);
	r->v[r->n++] = (struct version){inc, seq, value};
}

void reg_undo(struct reg *r, uint32_t inc, uint32_t seq)
{
	while (r->n > 1 && r->v[r->n - 1].inc == inc && r->v[r->n - 1].seq == seq)
		r->n--;
}

/* Version i is durable: nothing before it can come back. */
static void drop_before(struct reg *r, uint32_t i)
{
	memmove(r->v, r->v + i, (r->n - i) * sizeof(r->v[0]));
	r->n = (uint8_t)(r->n - i);
}

void reg_settle(struct reg *r, uint32_t inc, uint32_t seq)
{
	for (uint32_t i = r->n; i-- > 1;) {
		if (r->v[i].inc == inc && r->v[i].seq <= seq) {
			drop_before(r, i);
			return;
		}
	}
}

static const struct inc *inc_of(const struct model *m, const struct reg *r)
{
	return &m->inc[r->v[r->n - 1].inc];
}

int reg_in_doubt(const struct model *m, const struct reg *r, uint32_t by)
{
	return r->n > 1 && r->v[r->n - 1].inc != by && inc_of(m, r)->broken;
}

/* Can version i be what the last commit of its inc left? */
static int can_be(const struct model *m, const struct reg *r, uint32_t i)
{
	const struct inc *inc = inc_of(m, r);

	if (i > 0 && r->v[i].seq >= inc->high)
		return 0;
	return i + 1 == r->n || r->v[i + 1].seq > inc->low;
}

/* One version of several is there: what does that say of its inc? */
static void learn(struct model *m, const struct reg *r, uint32_t i)
{
	struct inc *inc = &m->inc[r->v[r->n - 1].inc];

	if (i > 0)
		inc->low = MAX(inc->low, r->v[i].seq);
	if (i + 1 < r->n)
		inc->high = MIN(inc->high, r->v[i + 1].seq);
}

static int names_seen(struct model *m, struct reg *r, uint64_t value)
{
	uint32_t found = r->n, matches = 0;

	for (uint32_t i = 0; i < r->n; i++) {
		if (r->v[i].value != value || !can_be(m, r, i))
			continue;
		found = i;
		matches++;
	}
	if (matches == 0)
		return 0;
	if (matches == 1)
		learn(m, r, found);
	reg_init(r, value);
	return 1;
}

/* Which version it is stays open for as long as a power cut may bring an older one back. */
static int data_seen(struct reg *r, uint32_t by, uint64_t value)
{
	for (uint32_t i = r->n; i-- > 0;) {
		if (r->v[i].value != value)
			continue;
		memmove(r->v + i, r->v + i + 1, (r->n - i - 1u) * sizeof(r->v[0]));
		r->v[r->n - 1].value = value;
		for (uint32_t k = 0; k < r->n; k++)
			r->v[k].inc = by, r->v[k].seq = 0;
		return 1;
	}
	return 0;
}

int reg_seen(struct model *m, struct reg *r, uint32_t by, uint64_t value, int data)
{
	const struct version *last = &r->v[r->n - 1];

	if (r->n == 1)
		return last->value == value;
	if (reg_in_doubt(m, r, by))
		return data ? data_seen(r, by, value) : names_seen(m, r, value);
	if (last->inc == by && last->seq == m->inc[by].partly && last->value != value) {
		r->n--;
		last--;
	}
	if (last->value != value)
		return 0;
	if (!data && last->inc != by) { /* it would not be seen if it were not committed */
		m->inc[last->inc].low = MAX(m->inc[last->inc].low, last->seq);
		reg_init(r, value);
	}
	return 1;
}

void reg_text(const struct reg *r, char *text, size_t size)
{
	size_t at = 0;

	for (uint32_t i = 0; i < r->n && at < size; i++)
		at += (size_t)snprintf(text + at, size - at, "%s%llx (mount %u, op %u)",
				       i ? " or " : "", (unsigned long long)r->v[i].value,
				       r->v[i].inc, r->v[i].seq);
}

/* ---- all of them ----------------------------------------------------------------------------- */

void model_init(struct model *m)
{
	static const char *const dir[DIRS] = {"s0", "s1", "p0", "p1", "p2", "p3", "p4", "p5"};

	memset(m, 0, sizeof(*m));
	m->incs = 1;
	for (uint32_t i = 0; i < DIRS * NAMES; i++) {
		snprintf(m->name[i].path, sizeof(m->name[i].path), "/%s/n%u", dir[i / NAMES],
			 i % NAMES);
		reg_init(&m->name[i].reg, NAME_NONE);
	}
}

void model_fini(struct model *m)
{
	for (uint32_t i = 0; i < m->files; i++)
		free(m->file[i]);
	free(m->file);
}

struct file *model_file(struct model *m, uint64_t id)
{
	VERIFY(id < m->files);
	return m->file[id];
}

struct file *model_new_file(struct model *m)
{
	struct file *f = calloc(1, sizeof(*f));

	if (m->files == m->files_max) {
		m->files_max = m->files_max ? 2 * m->files_max : 64;
		m->file = realloc(m->file, m->files_max * sizeof(m->file[0]));
	}
	VERIFY(f && m->file);
	f->id = m->files;
	reg_init(&f->size, 0);
	for (uint32_t c = 0; c < CELLS; c++)
		reg_init(&f->cell[c], 0);
	m->file[m->files++] = f;
	return f;
}

uint32_t model_inc(struct model *m, uint32_t host)
{
	VERIFY(m->incs < INCS_MAX);
	m->inc[m->incs] = (struct inc){.host = host, .high = UINT32_MAX, .live = 1};
	return m->incs++;
}

void model_settle(struct model *m, uint32_t inc, uint32_t seq)
{
	m->inc[inc].low = MAX(m->inc[inc].low, seq);
	for (uint32_t i = 0; i < DIRS * NAMES; i++)
		reg_settle(&m->name[i].reg, inc, seq);
	for (uint32_t i = 0; i < m->files; i++) {
		struct file *f = m->file[i];

		reg_settle(&f->size, inc, seq);
		for (uint32_t c = 0; c < CELLS; c++)
			reg_settle(&f->cell[c], inc, seq);
	}
}

static void reg_forget(struct reg *r, uint32_t inc, uint32_t seq)
{
	while (r->n > 1 && r->v[r->n - 1].inc == inc && r->v[r->n - 1].seq > seq)
		r->n--;
}

void model_forget(struct model *m, uint32_t inc, uint32_t seq)
{
	for (uint32_t i = 0; i < DIRS * NAMES; i++)
		reg_forget(&m->name[i].reg, inc, seq);
	for (uint32_t i = 0; i < m->files; i++) {
		reg_forget(&m->file[i]->size, inc, seq);
		for (uint32_t c = 0; c < CELLS; c++)
			reg_forget(&m->file[i]->cell[c], inc, seq);
	}
}

void model_host_off(struct model *m, uint32_t host)
{
	for (uint32_t i = 1; i < m->incs; i++)
		if (m->inc[i].host == host && !m->inc[i].off) {
			m->inc[i].broken = m->inc[i].off = 1;
			m->inc[i].live = 0;
		}
	for (uint32_t i = 0; i < DIRS * NAMES; i++)
		if (m->name[i].open_by == host)
			m->name[i].open_by = 0;
}
