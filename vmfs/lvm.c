/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* lvm - the devices of a volume, put in order and made one address space.
 *
 * The head (firstPE 0) is binding. Grow and span write its volume entry last, in one sector: before
 * that the volume has its old size, after it the new one. So a device may be ahead of the head, and
 * then what it has more is left out; being behind the head, or another volume's, is an error. */
#include "vmfs/lvm_priv.h"

#include "iopath/base/fmt.h"

static int same_volume(const struct lvm_device *a, const struct lvm_device *b)
{
	return !memcmp(&a->volume.lv_id, &b->volume.lv_id, sizeof(a->volume.lv_id)) &&
	       le32_get(a->volume.snap_id) == le32_get(b->volume.snap_id);
}

static void sort_devices(struct lvm *lvm)
{
	for (uint32_t i = 1; i < lvm->dev_count; i++)
		for (uint32_t k = i; k > 0; k--) {
			struct lvm_device *a = &lvm->dev[k - 1], *b = &lvm->dev[k];
			struct lvm_device swap = *a;

			if (le64_get(a->volume.first_pe) <= le64_get(b->volume.first_pe))
				break;
			*a = *b;
			*b = swap;
		}
}

/* The name that the head's table gives to device `index`; "?" when it has none. */
static void recorded_name(struct lvm *lvm, uint32_t index, char *name, size_t size)
{
	struct lvm_device *head = &lvm->dev[0];
	char text[LVM_NAME_BYTES + 1] = { 0 };

	mem_copy_text(name, size, "?");
	if (le32_get(head->record.major) < 5)
		return;
	if (io_dev_read(head->dev,
			LVM_HEADER_AT + head->form->names_at + index * LVM_NAME_BYTES, text,
			LVM_NAME_BYTES) != ST_OK)
		return;
	if (text[0] && fmt_utf8_valid(text, strlen(text)))
		mem_copy_text(name, size, text);
}

static enum status missing(struct lvm *lvm, uint32_t index, struct why *why)
{
	char name[64];

	if (le64_get(lvm->dev[0].volume.first_pe) != 0)
		return why_set(why, ST_NOENT, "%s: the first device of its volume is missing",
			       lvm->dev[0].dev->name);
	recorded_name(lvm, index, name, sizeof(name));
	return why_set(why, ST_NOENT,
		       "%s: device %u of %u of the volume is missing (called %s by the "
		       "host that made it)",
		       lvm->dev[0].dev->name, index + 1, le32_get(lvm->dev[0].volume.num_devs),
		       name);
}

/* A gap that a stand-in fills. Where each is for one device, its number is known. */
static void tell_absent(struct lvm *lvm, uint32_t index)
{
	const struct lvm_volume_disk *v = &lvm->dev[index].volume;
	uint64_t end = MIN((le64_get(v->last_pe) + 1) * LVM_PE_BYTES, lvm->bytes);
	struct why why = { 0 };

	if (lvm->dev_count == le32_get(v->num_devs))
		(void)!missing(lvm, index, &why);
	else
		why_set(&why, ST_NOENT, "%s: several devices of the volume are missing",
			lvm->dev[0].dev->name);
	log_line(LOG_WARN, "vmfs: %s -> 0x%llx to 0x%llx of the volume cannot be read", why.text,
		 (unsigned long long)(le64_get(v->first_pe) * LVM_PE_BYTES),
		 (unsigned long long)end);
}

/* Rule L3: each device starts where the one before ends, and all of them are here. */
static enum status check_order(struct lvm *lvm, struct why *why)
{
	const struct lvm_volume_disk *head = &lvm->dev[0].volume;
	uint32_t want = le32_get(head->num_devs), absent = 0;
	uint64_t next = 0;

	for (uint32_t i = 0; i < lvm->dev_count; i++) {
		const struct lvm_device *d = &lvm->dev[i];
		uint64_t first = le64_get(d->volume.first_pe);

		if (!same_volume(d, &lvm->dev[0]))
			return why_set(why, ST_INVAL, "%s and %s belong to different volumes",
				       lvm->dev[0].dev->name, d->dev->name);
		if (first > next)
			return missing(lvm, i, why);
		if (i >= want)
			return why_set(why, ST_CORRUPT,
				       "%s: not a device of the volume yet: adding it was "
				       "interrupted; leave it out, or add it again",
				       d->dev->name);
		if (first < next)
			return why_set(why, ST_CORRUPT, "%s and %s both claim PE %ju of the volume",
				       lvm->dev[i - 1].dev->name, d->dev->name, first);
		if (le64_get(d->volume.generation) < le64_get(head->generation))
			return why_set(why, ST_CORRUPT,
				       "%s: generation %ju of its volume entry is behind the "
				       "%ju of %s",
				       d->dev->name, le64_get(d->volume.generation),
				       le64_get(head->generation), lvm->dev[0].dev->name);
		next = le64_get(d->volume.last_pe) + 1;
		absent += (uint32_t)lvm_is_absent(lvm, i);
	}
	/* One stand-in may be for several devices in a row. */
	return lvm->dev_count < want && !absent ? missing(lvm, lvm->dev_count, why) : ST_OK;
}

struct map_arg {
	struct lvm	*lvm;
	struct why	*why;
	uint32_t	dev, room;	/* runs that fit */
	uint8_t		cut;		/* a device that is too short was told about */
};

/* Room for one run more; grows by doubling. */
static enum status run_room(struct map_arg *m)
{
	struct lvm_run *bigger;

	if (m->lvm->run_count < m->room)
		return ST_OK;
	bigger = port_alloc(2 * m->room * sizeof(*bigger));
	if (!bigger)
		return why_set(m->why, ST_NOMEM, "no memory for the map of the volume");
	memcpy(bigger, m->lvm->run, m->lvm->run_count * sizeof(*bigger));
	port_free(m->lvm->run);
	m->lvm->run = bigger;
	m->room *= 2;
	return ST_OK;
}

static int continues(const struct lvm_run *a, const struct lvm_run *b)
{
	return a->dev == b->dev && a->at + a->bytes == b->at &&
	       a->physical + a->bytes == b->physical;
}

static enum status map_pe(void *arg, uint32_t number, const struct lvm_pe_disk *pe, int in_map)
{
	struct map_arg *m = arg;
	struct lvm *lvm = m->lvm;
	struct lvm_device *d = &lvm->dev[m->dev];
	struct lvm_run run = { le64_get(pe->logical), le64_get(pe->bytes), le64_get(pe->physical),
			       m->dev };
	const char *bad = lvm_pe_check(d, pe, number);
	enum status st;

	(void)in_map;	/* the records decide; the checker compares the bitmap */
	if (!bad && run.physical + run.bytes > d->dev->size_bytes && !m->cut) {
		m->cut = 1;
		log_line(LOG_WARN, "vmfs: %s: ends at %llu bytes, before volume offset 0x%llx -> "
			 "what lies behind is missing", d->dev->name,
			 (unsigned long long)d->dev->size_bytes,
			 (unsigned long long)(run.at + MAX(d->dev->size_bytes, run.physical) -
					      run.physical));
	}
	if (bad)
		return why_set(m->why, ST_CORRUPT, "%s: PE record %u %s", d->dev->name, number,
			       bad);
	if (run.at >= lvm->bytes)
		return ST_OK;	/* of a grow that was interrupted */
	if (run.at / LVM_PE_BYTES < le64_get(d->volume.first_pe) ||
	    run.at / LVM_PE_BYTES > le64_get(d->volume.last_pe))
		return why_set(m->why, ST_CORRUPT,
			       "%s: PE record %u has logical offset 0x%jx, not in PEs "
			       "%ju..%ju of this device",
			       d->dev->name, number, run.at, le64_get(d->volume.first_pe),
			       le64_get(d->volume.last_pe));
	if (lvm->run_count && continues(&lvm->run[lvm->run_count - 1], &run)) {
		lvm->run[lvm->run_count - 1].bytes += run.bytes;
		return ST_OK;
	}
	st = run_room(m);
	if (st == ST_OK)
		lvm->run[lvm->run_count++] = run;
	return st;
}

/* What a stand-in is for is one run, wherever its PEs were. */
static enum status map_absent(struct map_arg *m)
{
	struct lvm *lvm = m->lvm;
	const struct lvm_volume_disk *v = &lvm->dev[m->dev].volume;
	uint64_t at = le64_get(v->first_pe) * LVM_PE_BYTES;
	enum status st = ST_OK;

	if (at >= lvm->bytes)
		return ST_OK;
	tell_absent(lvm, m->dev);
	st = run_room(m);
	if (st == ST_OK)
		lvm->run[lvm->run_count++] = (struct lvm_run){
			.at = at, .bytes = le32_get(v->num_pes) * LVM_PE_BYTES, .dev = m->dev };
	return st;
}

/* Heap sort: no recursion, no extra memory, no bad case for a hostile table. */
typedef int (*run_before)(const struct lvm_run *a, const struct lvm_run *b);

static int by_logical(const struct lvm_run *a, const struct lvm_run *b)
{
	return a->at < b->at;
}

static int by_physical(const struct lvm_run *a, const struct lvm_run *b)
{
	return a->dev != b->dev ? a->dev < b->dev : a->physical < b->physical;
}

static void sift(struct lvm_run *run, uint32_t root, uint32_t count, run_before before)
{
	for (uint32_t child; (child = 2 * root + 1) < count; root = child) {
		struct lvm_run swap = run[root];

		if (child + 1 < count && before(&run[child], &run[child + 1]))
			child++;
		if (!before(&run[root], &run[child]))
			return;
		run[root] = run[child];
		run[child] = swap;
	}
}

static void sort_runs(struct lvm_run *run, uint32_t count, run_before before)
{
	for (uint32_t i = count / 2; i-- > 0;)
		sift(run, i, count, before);
	for (uint32_t n = count; n > 1; n--) {
		struct lvm_run swap = run[0];

		run[0] = run[n - 1];
		run[n - 1] = swap;
		sift(run, 0, n - 1, before);
	}
}

/* No byte of a device may be two bytes of the volume. */
static enum status check_physical(struct lvm *lvm, struct why *why)
{
	sort_runs(lvm->run, lvm->run_count, by_physical);
	for (uint32_t i = 1; i < lvm->run_count; i++) {
		const struct lvm_run *a = &lvm->run[i - 1], *b = &lvm->run[i];

		if (a->dev == b->dev && a->physical + a->bytes > b->physical)
			return why_set(why, ST_CORRUPT,
				       "%s: two PE records share device offset 0x%jx",
				       lvm->dev[a->dev].dev->name, b->physical);
	}
	return ST_OK;
}

/* Rule L2: the runs tile [0, bytes). Joins runs that met only by sorting. */
static enum status check_logical(struct lvm *lvm, struct why *why)
{
	uint64_t next = 0;
	uint32_t kept = 0;

	sort_runs(lvm->run, lvm->run_count, by_logical);
	for (uint32_t i = 0; i < lvm->run_count; i++) {
		struct lvm_run run = lvm->run[i];

		if (run.at != next)
			return why_set(why, ST_CORRUPT, "%s: PE records %s at volume offset 0x%jx",
				       lvm->dev[run.dev].dev->name,
				       run.at > next ? "leave a hole" : "overlap",
				       MIN(run.at, next));
		next += run.bytes;
		if (kept && continues(&lvm->run[kept - 1], &run))
			lvm->run[kept - 1].bytes += run.bytes;
		else
			lvm->run[kept++] = run;
	}
	lvm->run_count = kept;
	if (next < lvm->bytes)
		return why_set(why, ST_CORRUPT,
			       "%s: PE records end at volume offset 0x%jx, the volume at "
			       "0x%jx",
			       lvm->dev[lvm->dev_count - 1].dev->name, next, lvm->bytes);
	if (next > lvm->bytes)
		lvm->run[kept - 1].bytes -= next - lvm->bytes;
	return ST_OK;
}

static enum status build_map(struct lvm *lvm, struct why *why)
{
	struct map_arg m = { .lvm = lvm, .why = why, .room = 64 };
	enum status st = ST_OK;

	lvm->bytes = le64_get(lvm->dev[0].volume.logical_bytes);
	lvm->run = port_alloc(m.room * sizeof(*lvm->run));
	if (!lvm->run)
		return why_set(why, ST_NOMEM, "no memory for the map of the volume");
	for (; m.dev < lvm->dev_count && st == ST_OK; m.dev++)
		st = lvm_is_absent(lvm, m.dev) ? map_absent(&m)
					       : lvm_pe_walk(&lvm->dev[m.dev], map_pe, &m, why);
	if (st == ST_OK)
		st = check_physical(lvm, why);
	if (st == ST_OK)
		st = check_logical(lvm, why);
	if (st == ST_OK && lvm->bytes < VMFS_FDC_MIN_AT + MIB)
		st = why_set(why, ST_CORRUPT,
			     "%s: a logical volume of %ju bytes is too small for a VMFS",
			     lvm->dev[0].dev->name, lvm->bytes);
	return st;
}

static enum status open_lvm(struct lvm *lvm, struct io_dev *const *devs, uint32_t dev_count,
			    int partial, struct why *why)
{
	enum status st = ST_OK;

	memset(lvm, 0, sizeof(*lvm));
	if (dev_count == 0 || dev_count > LVM_DEVICES_MAX)
		return why_set(why, ST_INVAL, "a volume has 1 to 32 devices, not %u", dev_count);
	for (uint32_t i = 0; i < dev_count && st == ST_OK; i++)
		st = lvm_device_read(&lvm->dev[i], devs[i], why);
	if (st != ST_OK)
		return st;
	lvm->dev_count = dev_count;
	sort_devices(lvm);
	if (partial)
		lvm_stand_in(lvm);
	st = check_order(lvm, why);
	if (st == ST_OK)
		st = build_map(lvm, why);
	if (st != ST_OK)
		lvm_close(lvm);
	return st;
}

enum status lvm_open(struct lvm *lvm, struct io_dev *const *devs, uint32_t dev_count,
		     struct why *why)
{
	return open_lvm(lvm, devs, dev_count, 0, why);
}

enum status lvm_open_partial(struct lvm *lvm, struct io_dev *const *devs, uint32_t dev_count,
			     struct why *why)
{
	return open_lvm(lvm, devs, dev_count, 1, why);
}

void lvm_close(struct lvm *lvm)
{
	if (lvm->locked)
		for (uint32_t i = 0; i < lvm->dev_count; i++)
			lvm_unlock_dev(lvm->dev[i].dev);
	port_free(lvm->run);
	memset(lvm, 0, sizeof(*lvm));
}

enum status lvm_lock_devices(struct lvm *lvm, int exclusive, struct why *why)
{
	ASSERT(!lvm->locked);
	for (uint32_t i = 0; i < lvm->dev_count; i++) {
		enum status st = lvm_lock_dev(lvm->dev[i].dev, exclusive, why);

		if (st != ST_OK) {
			while (i-- > 0)
				lvm_unlock_dev(lvm->dev[i].dev);
			return st;
		}
	}
	lvm->locked = 1;
	return ST_OK;
}
