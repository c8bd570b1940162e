/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* engine - our data path in this process: a virtual disk on a datastore on a device, driven by
 * requests that their own completions start again. The counterpart of bare.c: same walk and depth.
 *
 *	engine [-e PORT-ENGINE] [-d DEVICE]... [-n DISK] [-R] LOAD-OPTIONS
 *	engine [-e PORT-ENGINE] -H [-C] -n DISK LOAD-OPTIONS
 *
 * DEVICE: what io_dev_open() takes. DISK: its descriptor inside the datastore (/bench.vmdk).
 * -R: DISK is a plain file of the datastore, past vmdk (what vmdk itself costs is the difference).
 * -H: DISK is a virtual disk in a file of this machine, read past the page cache; -C: through it.
 * Before the clock starts each block map of the span is read once and one block written, except
 * with -1. */
#include "vmdk/vmdk.h"
#include "vmfs/vmfs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/load.h"

#define DEVICES_MAX 32

struct engine;

struct slot {			/* one of the requests in flight */
	struct io_req	req;
	struct engine	*engine;
	void		*buf;
};

struct engine {
	struct load		load;
	const char		*uri[DEVICES_MAX], *path;
	int			plain, host, cached;	/* -R, -H, -C */
	struct store		*files;
	struct io_dev		*dev[DEVICES_MAX];
	uint32_t		dev_count;
	struct vmfs_volume	*vol;
	struct vmdk_disk	*disk;
	struct store_file	*file;
	struct slot		slot[LOAD_DEPTH_MAX];
	struct port_world	*world;
	struct port_timer	clock;
	uint32_t		flying;
	int			stop;
	enum status		status;		/* of the first transfer that failed */
	struct why		why;
};

/* ---- open and close -------------------------------------------------------------------------- */

static enum status open_disk(struct engine *e)
{
	struct store *store = vmfs_store(e->vol);
	int write = e->load.write;

	if (e->plain)
		return store->ops->open(store, e->path, write ? STORE_WRITE : STORE_READ, &e->file,
					&e->why);
	return vmdk_open(store, e->path, write ? VMDK_WRITE : VMDK_READ, &e->disk, &e->why);
}

static enum status open_all(struct engine *e)
{
	struct vmfs_mount_opts opts = { .write = (uint8_t)e->load.write };
	unsigned flags = IO_OPEN_DIRECT | (e->load.write ? IO_OPEN_WRITE : 0);
	enum status st;

	if (e->host) {
		st = hostfs_open("/", &e->files, &e->why);
		return st == ST_OK ? vmdk_open(e->files, e->path, e->cached ? VMDK_READ :
					       VMDK_READ | VMDK_DIRECT, &e->disk, &e->why) : st;
	}
	for (uint32_t i = 0; i < e->dev_count; i++) {
		st = io_dev_open(e->uri[i], flags, &e->dev[i], &e->why);
		if (st != ST_OK)
			return st;
	}
	st = vmfs_mount(e->dev, e->dev_count, &opts, &e->vol, &e->why);
	return st == ST_OK ? open_disk(e) : st;
}

static void close_all(struct engine *e)
{
	enum status st = ST_OK;

	if (e->disk)
		st = vmdk_close(e->disk);
	if (e->file)
		st = e->file->store->ops->file_close(e->file);
	if (e->files && e->files->ops->close(e->files) != ST_OK && st == ST_OK)
		st = ST_DEVICE;
	if (e->vol && vmfs_unmount(e->vol) != ST_OK && st == ST_OK)
		st = ST_DEVICE;
	for (uint32_t i = 0; i < e->dev_count; i++)
		if (e->dev[i])
			io_dev_close(e->dev[i]);
	if (e->status == ST_OK && st != ST_OK)
		e->status = why_set(&e->why, st, "closing: %s", status_text(st));
}

static uint64_t disk_bytes(struct engine *e)
{
	struct store_stat st;

	if (e->disk)
		return vmdk_bytes(e->disk);
	return e->file->store->ops->file_stat(e->file, &st) == ST_OK ? st.size_bytes : 0;
}

static void submit(struct engine *e, struct io_req *req)
{
	if (e->disk)
		vmdk_submit(e->disk, req);
	else
		e->file->store->ops->submit(e->file, req);
}

static enum status transfer(struct engine *e, enum port_io_op op, uint64_t at)
{
	struct io_wait wait;

	io_wait_begin(&wait, op, at, e->slot[0].buf, op == PORT_FLUSH ? 0 : 4096);
	submit(e, &wait.req);
	return io_wait_end(&wait);
}

/* Read a little of each file block, so that the maps are in memory, and write the last of it back:
 * the first write of an opening waits for the disk's new content id, which belongs to opening. */
static enum status warm(struct engine *e)
{
	uint64_t size = disk_bytes(e), bytes = e->load.span ? MIN(e->load.span, size) : size;
	uint64_t at = 0;
	enum status st = ST_OK;

	for (; at < bytes && st == ST_OK; at += MIB)
		st = transfer(e, PORT_READ, at);
	if (st == ST_OK && e->load.write && at)
		st = transfer(e, PORT_WRITE, at - MIB);
	return st == ST_OK && e->load.write ? transfer(e, PORT_FLUSH, 0) : st;
}

/* ---- the loop -------------------------------------------------------------------------------- */

static void transfer_done(struct io_req *req);

/* Start a slot on its next transfer; 0 when the work is over. */
static int slot_start(struct slot *slot)
{
	struct load *load = &slot->engine->load;
	uint64_t offset;

	if (!load_next(load, &offset))
		return 0;
	io_req_init(&slot->req, load->write ? PORT_WRITE : PORT_READ, offset, slot->buf,
		    load->bytes, transfer_done);
	submit(slot->engine, &slot->req);
	return 1;
}

static void transfer_done(struct io_req *req)
{
	struct slot *slot = container_of(req, struct slot, req);
	struct engine *e = slot->engine;

	e->load.ops++;
	if (req->status != ST_OK && e->status == ST_OK) {
		e->status = why_set(&e->why, req->status, "%s: transfer at %llu: %s", e->path,
				    (unsigned long long)req->io.offset, status_text(req->status));
		e->stop = 1;
	}
	if (!e->stop && slot_start(slot))
		return;
	if (--e->flying == 0)
		port_world_wake(e->world);
}

static void time_is_up(struct port_timer *timer)
{
	container_of(timer, struct engine, clock)->stop = 1;
}

static void run_load(struct engine *e)
{
	port_timer_init(&e->clock, time_is_up);
	if (!e->load.once)
		port_timer_start(&e->clock, port_now_ns() + (uint64_t)(e->load.seconds * 1e9));
	e->world = port_world_self();
	for (uint32_t i = 0; i < e->load.depth; i++)
		e->flying += (uint32_t)slot_start(&e->slot[i]);
	while (e->flying)
		port_world_park();
	port_timer_stop(&e->clock);
	load_report(&e->load, port_engine());
}

static enum status make_buffers(struct engine *e)
{
	for (uint32_t i = 0; i < e->load.depth; i++) {
		e->slot[i].engine = e;
		e->slot[i].buf = port_dma_alloc(e->load.bytes);
		if (!e->slot[i].buf)
			return why_set(&e->why, ST_NOMEM, "no memory for %u buffers",
				       e->load.depth);
		memset(e->slot[i].buf, LOAD_PATTERN, e->load.bytes);
	}
	return ST_OK;
}

static void free_buffers(struct engine *e)
{
	for (uint32_t i = 0; i < e->load.depth; i++)
		if (e->slot[i].buf)
			port_dma_free(e->slot[i].buf, e->load.bytes);
}

static void engine_world(void *arg)
{
	struct engine *e = arg;

	e->status = make_buffers(e);
	if (e->status == ST_OK)
		e->status = open_all(e);
	if (e->status == ST_OK && !e->load.once)
		e->status = warm(e);
	if (e->status == ST_OK) {
		if (load_start(&e->load, disk_bytes(e)) < 0)
			e->status = why_set(&e->why, ST_INVAL, "%s: too small", e->path);
		else
			run_load(e);
	}
	close_all(e);
	free_buffers(e);
}

/* ---- main ------------------------------------------------------------------------------------ */

static int usage(void)
{
	fprintf(stderr, "usage: engine [-e ENGINE] [-d DEVICE]... [-n DISK] [-RHC] LOAD-OPTIONS\n");
	return 2;
}

int main(int argc, char **argv)
{
	static struct engine e = { .load = LOAD_DEFAULTS, .path = "/bench.vmdk" };
	struct port_config config = { .log_level = LOG_WARN };
	struct why why = { 0 };
	int opt;

	while ((opt = getopt(argc, argv, "e:d:n:RHC" LOAD_OPTIONS)) != -1) {
		if (opt == 'e')
			config.engine = optarg;
		else if (opt == 'd' && e.dev_count < DEVICES_MAX)
			e.uri[e.dev_count++] = optarg;
		else if (opt == 'n')
			e.path = optarg;
		else if (opt == 'R')
			e.plain = 1;
		else if (opt == 'H')
			e.host = 1;
		else if (opt == 'C')
			e.cached = 1;
		else if (!load_option(&e.load, opt, optarg))
			return usage();
	}
	if (optind != argc || (e.dev_count == 0 && !e.host) || e.load.depth > LOAD_DEPTH_MAX)
		return usage();
	if (port_run(&config, engine_world, &e, &why) != ST_OK) {
		fprintf(stderr, "engine: %s\n", why.text);
		return 1;
	}
	if (e.status != ST_OK) {
		fprintf(stderr, "engine: %s\n", e.why.text[0] ? e.why.text : status_text(e.status));
		return 1;
	}
	return 0;
}
