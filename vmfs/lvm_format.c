/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* lvm_format - new LVM headers.
 * Where hosts put the chained metadata regions of a device over 16 TiB is not public. We put each
 * at the end of the 16 TiB of data before it, its own data 16 MiB later (FORMAT.md, our
 * choices). */
#include "vmfs/format_priv.h"
#include "iopath/base/fmt.h"

#define REGION_STRIDE (LVM_REGION_PES * LVM_PE_BYTES + LVM_REGION_BYTES)
#define PE_CHUNK 2048u		/* PE records written at a time */
#define CLEAR_CHUNK (64 * MIB)

uint64_t lvm_pe_place(uint32_t number)
{
	return LVM_DATA_AT + number * LVM_PE_BYTES + number / LVM_REGION_PES * LVM_REGION_BYTES;
}

uint64_t lvm_record_place(const struct lvm_form *form, uint32_t number)
{
	if (form->record_pes == 1)
		return lvm_pe_place(number);
	return LVM_DATA_AT + (uint64_t)number * form->record_pes * LVM_PE_BYTES;
}

uint64_t lvm_region_place(uint32_t index)
{
	return LVM_DATA_AT + index * REGION_STRIDE - LVM_REGION_BYTES;
}

uint32_t lvm_room_pes(const struct lvm_form *form, uint64_t device_bytes)
{
	uint64_t data, regions, rest;

	if (device_bytes < LVM_DATA_AT)
		return 0;
	data = device_bytes - LVM_DATA_AT;
	if (form->record_pes > 1)
		return (uint32_t)MIN(data / LVM_PE_BYTES, LVM_PES_MAX);
	regions = data / REGION_STRIDE;
	rest = data % REGION_STRIDE;
	return (uint32_t)MIN(LVM_PES_MAX,
			     regions * LVM_REGION_PES + MIN(rest / LVM_PE_BYTES, LVM_REGION_PES));
}

/* The partition offset that the map offsets of a region are relative to. */
static uint64_t region_base(uint32_t index)
{
	return index ? lvm_region_place(index) : LVM_HEADER_AT;
}

static void make_pe(struct lvm_pe_disk *pe, uint32_t number, uint64_t physical, uint64_t logical,
		    uint64_t bytes)
{
	pe->used = 1;
	le32_set(&pe->pe_id, number);
	le64_set(&pe->physical, physical);
	le64_set(&pe->logical, logical);
	le64_set(&pe->bytes, bytes);
	le32_set(&pe->version, 1);
}

/* Set the bits of entries [first, first + count) of one bitmap. */
static enum status set_bits(struct io_dev *dev, uint64_t at, uint32_t first, uint32_t count)
{
	uint8_t *map = port_dma_alloc(LVM_PES_PER_MAP / 8);
	enum status st;

	if (!map)
		return ST_NOMEM;
	st = io_dev_read(dev, at, map, LVM_PES_PER_MAP / 8);
	for (uint32_t i = first; i < first + count; i++)
		map[i / 8] |= (uint8_t)(1u << (i % 8));
	if (st == ST_OK)
		st = io_dev_write(dev, at, map, LVM_PES_PER_MAP / 8);
	port_dma_free(map, LVM_PES_PER_MAP / 8);
	return st;
}

/* A part of one table, with its bits. `first` counts over the whole device. */
static enum status write_table(struct io_dev *dev, uint32_t first, uint32_t count, uint64_t logical,
			       uint64_t pe_bytes)
{
	uint64_t base = region_base(first / LVM_REGION_PES);
	uint32_t map = first % LVM_REGION_PES / LVM_PES_PER_MAP, index = first % LVM_PES_PER_MAP;
	struct lvm_pe_disk *pe = port_dma_alloc(PE_CHUNK * sizeof(*pe));
	enum status st = ST_OK;

	if (!pe)
		return ST_NOMEM;
	for (uint32_t done = 0, n; done < count && st == ST_OK; done += n) {
		n = MIN(PE_CHUNK, count - done);
		memset(pe, 0, n * sizeof(*pe));
		for (uint32_t i = 0; i < n; i++)
			make_pe(&pe[i], first + done + i, lvm_pe_place(first + done + i),
				logical + (done + i) * LVM_PE_BYTES, pe_bytes);
		st = io_dev_write(dev, base + LVM_PE_TABLE_AT(map) + (index + done) * sizeof(*pe),
				  pe, n * sizeof(*pe));
	}
	port_dma_free(pe, PE_CHUNK * sizeof(*pe));
	return st == ST_OK ? set_bits(dev, base + LVM_PE_MAP_AT(map), index, count) : st;
}

/* The header of chained region `index`, for a device that will have `pes` in all. */
static enum status write_region(struct io_dev *dev, uint32_t index, uint32_t pes)
{
	struct lvm_region_disk r = { 0 };
	uint32_t here = MIN(pes - index * LVM_REGION_PES, LVM_REGION_PES);

	le32_set(&r.magic, LVM_MAGIC);
	le32_set(&r.num_pe_maps, (uint32_t)div_round_up(here, LVM_PES_PER_MAP));
	le64_set(&r.data_offset, lvm_region_place(index) + LVM_REGION_BYTES);
	if (pes > (index + 1) * LVM_REGION_PES)
		le64_set(&r.next, lvm_region_place(index + 1));
	return io_dev_write(dev, lvm_region_place(index), &r, sizeof(r));
}

enum status lvm_write_pes(struct io_dev *dev, uint32_t first, uint32_t count, uint64_t logical,
			  uint64_t pe_bytes, struct why *why)
{
	uint32_t end = first + count;
	enum status st = ST_OK;

	/* From the region before, whose link may have to be set. */
	for (uint32_t i = MAX(1, (first ? first - 1 : 0) / LVM_REGION_PES);
	     i * LVM_REGION_PES < end && st == ST_OK; i++) {
		/* A region that has no PEs yet may hold an old disk's bytes. */
		if (first <= i * LVM_REGION_PES)
			st = lvm_clear(dev, lvm_region_place(i), LVM_REGION_BYTES);
		if (st == ST_OK)
			st = write_region(dev, i, end);
	}
	for (uint32_t at = first, n; at < end && st == ST_OK; at += n) {
		n = MIN(end - at, LVM_PES_PER_MAP - at % LVM_PES_PER_MAP);
		st = write_table(dev, at, n, logical + (at - first) * LVM_PE_BYTES, pe_bytes);
	}
	if (st != ST_OK)
		return why_set(why, st, "%s: writing PE records: %s", dev->name, status_text(st));
	return ST_OK;
}

/* LVM6: the records of all `pes` units of a device, one for each run of at most 16 TiB. */
static enum status write_runs(const struct lvm_device *d, uint32_t pes)
{
	uint32_t records = (uint32_t)div_round_up(pes, d->form->record_pes);
	uint64_t first = le64_get(d->volume.first_pe);
	struct lvm_pe_disk *pe = port_dma_alloc(SECTOR_BYTES);
	uint8_t *map = port_dma_alloc(SECTOR_BYTES);
	enum status st = pe && map ? ST_OK : ST_NOMEM;

	for (uint32_t i = 0; i < records && st == ST_OK; i++) {
		uint64_t at = (uint64_t)i * d->form->record_pes;

		make_pe(&pe[i], i, lvm_record_place(d->form, i), (first + at) * LVM_PE_BYTES,
			MIN(pes - at, (uint64_t)d->form->record_pes) * LVM_PE_BYTES);
		map[0] |= (uint8_t)(1u << i);
	}
	if (st == ST_OK)
		st = io_dev_write(d->dev, LVM_HEADER_AT + d->form->table_at, pe, SECTOR_BYTES);
	if (st == ST_OK)
		st = io_dev_write(d->dev, LVM_HEADER_AT + d->form->map_at, map, SECTOR_BYTES);
	if (pe)
		port_dma_free(pe, SECTOR_BYTES);
	if (map)
		port_dma_free(map, SECTOR_BYTES);
	return st;
}

enum status lvm_write_device_pes(const struct lvm_device *d, uint64_t pe_bytes, struct why *why)
{
	uint32_t pes = le32_get(d->volume.num_pes);

	if (d->form->record_pes > 1)
		return lvm_extend_pes(d, 0, pes, why);
	return lvm_write_pes(d->dev, 0, pes, le64_get(d->volume.first_pe) * LVM_PE_BYTES,
			     pe_bytes, why);
}

/* The last run of an LVM6 gets longer in place, by one sector that is written whole. */
enum status lvm_extend_pes(const struct lvm_device *d, uint32_t old, uint32_t pes,
			   struct why *why)
{
	uint64_t logical = (le64_get(d->volume.first_pe) + old) * LVM_PE_BYTES;
	enum status st;

	if (d->form->record_pes == 1)
		return lvm_write_pes(d->dev, old, pes - old, logical, LVM_PE_BYTES, why);
	st = write_runs(d, pes);
	return st == ST_OK ? ST_OK : why_set(why, st, "%s: writing PE records: %s", d->dev->name,
					     status_text(st));
}

/* LVM6 counts its records, and 256 MiB units beside them; it has one region. */
static void set_runs(struct lvm_device *d, uint32_t pes)
{
	uint32_t records = (uint32_t)div_round_up(pes, d->form->record_pes);

	le32_set(&d->record.num_pes, records);
	le32_set(&d->record.last_pe, records - 1);
	le32_set(&d->record.num_pes6, pes);
	le32_set(&d->volume.consumed_pes, records);
	d->region_count = 1;
	d->region[0] = (struct lvm_region){ .at = LVM_HEADER_AT, .pes = records };
}

void lvm_set_pes(struct lvm_device *d, uint32_t pes)
{
	struct lvm_device_disk *r = &d->record;
	uint64_t first = le64_get(d->volume.first_pe);

	le32_set(&d->volume.num_pes, pes);
	le64_set(&d->volume.last_pe, first + pes - 1);
	if (d->form->record_pes > 1) {
		set_runs(d, pes);
		return;
	}

	le32_set(&r->num_pes, pes);
	le32_set(&r->last_pe, pes - 1);
	le32_set(&r->num_pe_maps,
		 (uint32_t)div_round_up(MIN(pes, LVM_REGION_PES), LVM_PES_PER_MAP));
	le64_set(&r->ext_offset, pes > LVM_REGION_PES ? lvm_region_place(1) : 0);
	d->region_count = (uint32_t)div_round_up(pes, LVM_REGION_PES);
	for (uint32_t i = 0; i < d->region_count; i++)
		d->region[i] =
		    (struct lvm_region){ .at = region_base(i),
					 .first = i * LVM_REGION_PES,
					 .pes = MIN(pes - i * LVM_REGION_PES, LVM_REGION_PES) };
}

void lvm_new_device(struct lvm_device *d, struct io_dev *dev, const struct vmfs_uuid *dev_id,
		    uint64_t now_us, const char *disk_id, const struct lvm_form *form)
{
	struct lvm_device_disk *r = &d->record;
	size_t len;

	memset(d, 0, sizeof(*d));
	d->dev = dev;
	d->form = form;
	le32_set(&r->magic, LVM_MAGIC);
	le32_set(&r->major, form->major);
	le32_set(&r->md_alignment, form->md_alignment);
	le32_set(&r->minor, 0x15);
	len = MIN(strlen(disk_id), sizeof(r->disk_id.id));
	r->disk_id.len = (uint8_t)len;
	memcpy(r->disk_id.id, disk_id, len);
	le32_set(&r->block_bytes, SECTOR_BYTES);
	le64_set(&r->total_bytes, dev->size_bytes);
	le32_set(&r->num_volumes, 1);
	le64_set(&r->data_offset, LVM_DATA_AT);
	memcpy(&r->dev_id, dev_id, sizeof(r->dev_id));
	le64_set(&r->init_time_us, now_us);
	le64_set(&r->mod_time_us, now_us);
}

enum status lvm_write_name(const struct lvm_device *head, uint32_t index, const char *name)
{
	char slot[LVM_NAME_BYTES] = { 0 };
	const char *base = strrchr(name, '/');

	mem_copy_text(slot, sizeof(slot), base ? base + 1 : name);
	/* Other readers insist on UTF-8; a name that is none, or was cut within a character, is
	 * left out. */
	if (!fmt_utf8_valid(slot, strlen(slot)))
		memset(slot, 0, sizeof(slot));
	return io_dev_write(head->dev,
			    LVM_HEADER_AT + head->form->names_at + index * LVM_NAME_BYTES, slot,
			    sizeof(slot));
}

enum status lvm_write_volume(const struct lvm_device *d)
{
	return io_dev_write(d->dev, LVM_HEADER_AT + d->form->volume_at, &d->volume,
			    sizeof(d->volume));
}

enum status lvm_write_record(const struct lvm_device *d)
{
	return io_dev_write(d->dev, LVM_HEADER_AT, &d->record, sizeof(d->record));
}

static int is_hole(struct io_dev *dev, uint64_t at, uint64_t bytes)
{
	uint64_t data = 0, hole = 0;

	if (!dev->ops->next_data)
		return 0;
	dev->ops->next_data(dev, at, &data, &hole);
	return data >= at + bytes;
}

enum status lvm_clear(struct io_dev *dev, uint64_t at, uint64_t bytes)
{
	enum status st = ST_OK;

	for (uint64_t n; bytes && st == ST_OK; at += n, bytes -= n) {
		n = MIN(bytes, CLEAR_CHUNK);
		if (port_interrupted())
			return ST_CANCELLED;
		if (!is_hole(dev, at, n))
			st = io_dev_zero(dev, at, n);
	}
	return st;
}

enum status lvm_plan(struct lvm *lvm, uint64_t pe_bytes)
{
	uint32_t room = lvm->dev_count * LVM_REGIONS_MAX;

	lvm->run = port_alloc(room * sizeof(*lvm->run));
	if (!lvm->run)
		return ST_NOMEM;
	lvm->bytes = 0;
	for (uint32_t i = 0; i < lvm->dev_count; i++)
		for (uint32_t k = 0; k < lvm->dev[i].region_count; k++) {
			const struct lvm_device *d = &lvm->dev[i];
			uint64_t bytes = d->form->record_pes > 1
					     ? le32_get(d->volume.num_pes) * LVM_PE_BYTES
					     : d->region[k].pes * pe_bytes;

			lvm->run[lvm->run_count++] = (struct lvm_run){
				.at = lvm->bytes, .bytes = bytes, .dev = i,
				.physical = lvm_pe_place(k * LVM_REGION_PES),
			};
			lvm->bytes += bytes;
		}
	return ST_OK;
}
