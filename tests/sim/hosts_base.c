/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* hosts_base - a formatted volume, made once, and a map of it: what each sector is. The map is of a
 * volume that lies on its disk in one piece and whose resource files do not grow. */
#include "tests/sim/hosts.h"
#include "vmfs/geom_priv.h"

#include <stdio.h>
#include <stdlib.h>

#define VOLUME5_BYTES (96 * MIB)
#define VOLUME6_BYTES (600 * MIB)

struct making {
	struct base *base;
	uint32_t version;
	int failed;
};

static int report(const char *what, const struct why *why, enum status st)
{
	if (st != ST_OK)
		fprintf(stderr, "hosts: %s: %s %s\n", what, status_text(st), why->text);
	return st != ST_OK;
}

/* ---- the map --------------------------------------------------------------------------------- */

static void mark(struct base *b, uint64_t at, uint64_t bytes, enum place_kind kind, uint32_t number)
{
	for (uint64_t s = at / 512; s < (at + bytes) / 512 && s < b->sectors; s++)
		b->place[s] = (struct place){(uint8_t)kind, number};
}

static void mark_slots(struct base *b)
{
	const struct vmfs_form *form = b->layout->form;

	for (uint32_t i = 0; i < form->hb_slots; i++)
		mark(b, VMFS_HB_AT + (uint64_t)i * form->md_bytes, 512, PLACE_SLOT, i);
}

static void mark_fd(struct base *b, uint64_t at, uint64_t addr, uint32_t cluster)
{
	const struct vmfs_form *form = b->layout->form;
	uint32_t i = b->fds++;

	b->fd[i] = (struct fd_place){at, (uint32_t)addr, cluster};
	mark(b, at, 512, PLACE_FD_LOCK, i);
	mark(b, at + form->md_bytes, form->fd_bytes - form->md_bytes, PLACE_FD, i);
}

static void mark_resource(struct base *b, enum vmfs_res kind, uint32_t cluster, uint32_t resource)
{
	const struct vmfs_geom *g = &b->layout->geom[kind];
	uint64_t addr = vmfs_geom_addr(kind, g, cluster, resource);
	uint64_t at = vmfs_layout_addr_at(b->layout, addr);

	if (at == ~0ull)
		return;
	if (kind == VMFS_RES_FD) {
		mark_fd(b, at, addr, b->first_cluster[kind] + cluster);
		return;
	}
	if (kind != VMFS_RES_SB && kind != VMFS_RES_PB && kind != VMFS_RES_PB2)
		return;
	b->small[b->smalls] = (struct small_place){at, addr, b->first_cluster[kind] + cluster};
	mark(b, at, g->resource_bytes, PLACE_SMALL, b->smalls++);
}

static void mark_cluster(struct base *b, enum vmfs_res kind, uint32_t cluster)
{
	const struct vmfs_geom *g = &b->layout->geom[kind];
	uint64_t at = vmfs_layout_cluster_at(b->layout, kind, cluster);
	uint32_t md = b->layout->form->md_bytes, i = b->clusters++;

	b->cluster[i] = (struct cluster_place){at, (uint8_t)kind};
	mark(b, at, 512, PLACE_CLUSTER_LOCK, i);
	mark(b, at + md, 512, PLACE_BITMAP, i);
	for (uint32_t r = 0; r < vmfs_geom_cluster_total(g, cluster); r++)
		mark_resource(b, kind, cluster, r);
}

static uint64_t count(const struct base *b, int resources)
{
	uint64_t n = 0;

	for (int k = 0; k < VMFS_RES_COUNT; k++)
		n += resources ? b->layout->geom[k].count : b->layout->geom[k].clusters;
	return n;
}

/* Blocks of the system are marked over by what lies in them. */
static int draw_map(struct base *b)
{
	uint64_t resources = count(b, 1);

	b->place = calloc(b->sectors, sizeof(*b->place));
	b->cluster = calloc(count(b, 0) + 1, sizeof(*b->cluster));
	b->small = calloc(resources + 1, sizeof(*b->small));
	b->fd = calloc(resources + 1, sizeof(*b->fd));
	if (!b->place || !b->cluster || !b->small || !b->fd)
		return -1;
	b->blocks = b->layout->blocks;
	for (uint64_t i = 0; i < b->blocks; i++)
		mark(b, i << b->layout->block_shift, b->layout->block_bytes, PLACE_BLOCK,
		     (uint32_t)i);
	for (int k = 0; k < VMFS_RES_COUNT; k++) {
		for (uint32_t i = 0; i < b->layout->map[k].block_count; i++)
			mark(b, (uint64_t)b->layout->map[k].block[i] << b->layout->block_shift,
			     b->layout->block_bytes, PLACE_OTHER, 0);
	}
	mark(b, 0, b->layout->fdc_base, PLACE_OTHER, 0);
	mark_slots(b);
	for (int k = 0; k < VMFS_RES_COUNT; k++) {
		b->first_cluster[k] = b->clusters;
		for (uint32_t c = 0; c < b->layout->geom[k].clusters; c++)
			mark_cluster(b, (enum vmfs_res)k, c);
	}
	return 0;
}

/* ---- the volume ------------------------------------------------------------------------------ */

static enum status make_dirs(struct io_dev *dev, struct why *why)
{
	static const char *const dir[DIRS] = {"/s0", "/s1", "/p0", "/p1",
					      "/p2", "/p3", "/p4", "/p5"};
	struct vmfs_mount_opts opts = {.write = 1};
	struct vmfs_volume *vol;
	struct store *store;
	enum status st = vmfs_mount(&dev, 1, &opts, &vol, why), unmounted;

	if (st != ST_OK)
		return st;
	store = vmfs_store(vol);
	for (uint32_t i = 0; i < DIRS && st == ST_OK; i++)
		st = store->ops->mkdir(store, dir[i], 0755, why);
	unmounted = vmfs_unmount(vol);
	return st == ST_OK ? unmounted : st;
}

static enum status read_layout(struct base *b, struct io_dev *dev, struct why *why)
{
	struct lvm lvm = {0};
	enum status st = lvm_open(&lvm, &dev, 1, why);

	if (st != ST_OK)
		return st;
	st = vmfs_layout_read(&lvm, b->layout, 0, why);
	b->volume_at = lvm.run[0].physical;
	b->sectors = lvm.bytes / 512;
	if (lvm.run_count != 1 && st == ST_OK)
		for (uint32_t i = 1; i < lvm.run_count; i++)
			if (lvm.run[i].physical - lvm.run[i].at != b->volume_at)
				st = ST_UNSUPPORTED;
	lvm_close(&lvm);
	return st;
}

static void make_world(void *arg)
{
	struct making *m = arg;
	struct vmfs_mkfs_opts opts = {.label = "hosts", .version = m->version};
	struct vmfs_uuid uuid;
	struct why why = {0};
	struct io_dev *dev = NULL;
	enum status st =
	    sim_disk_create(DISK_PATH, m->version == 6 ? VOLUME6_BYTES : VOLUME5_BYTES, 1);

	if (st == ST_OK)
		st = io_dev_open(DISK_PATH, IO_OPEN_WRITE, &dev, &why);
	if (st == ST_OK)
		st = vmfs_mkfs(&dev, 1, &opts, &uuid, &why);
	if (st == ST_OK)
		st = make_dirs(dev, &why);
	if (st == ST_OK)
		st = read_layout(m->base, dev, &why);
	if (dev)
		io_dev_close(dev);
	if (st == ST_OK && !(m->base->frozen = sim_disk_freeze(DISK_PATH)))
		st = ST_NOMEM;
	m->failed = report("making a volume", &why, st);
	if (!m->failed && draw_map(m->base) < 0)
		m->failed = 1;
}

/* The layout was read with memory of the simulator; its allocator is malloc's. */
void base_free(struct base *b)
{
	if (!b)
		return;
	sim_frozen_free(b->frozen);
	if (b->layout)
		vmfs_layout_free(b->layout);
	free(b->layout);
	free(b->place);
	free(b->cluster);
	free(b->small);
	free(b->fd);
	free(b);
}

struct base *base_make(uint32_t version)
{
	struct port_config config = {.seed = version, .log_level = LOG_ERROR};
	struct making m = {.base = calloc(1, sizeof(*m.base)), .version = version};
	struct why why = {0};

	if (m.base)
		m.base->layout = calloc(1, sizeof(*m.base->layout));
	if (m.base && m.base->layout && port_run(&config, make_world, &m, &why) == ST_OK &&
	    !m.failed)
		return m.base;
	base_free(m.base);
	return NULL;
}
