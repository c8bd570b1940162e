/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* vmfs_base - a damaged volume: mount it, walk it, read everything, check it, and write to it.
 *
 * The undamaged one is made at the start, small, with a file of each layout. An input is a byte of
 * flags and then patches: which of the sectors in use (two bytes), where in it (two), how many
 * bytes (one), the bytes. So the changes always land on metadata, whatever the image's size. */
#include "tests/fuzz/vmfs_base.h"

#include "vmfs/vmfs.h"
#include "vmfs/vmfs_format.h"

#include <stdlib.h>

#define SECTORS_MAX	4096
#define PATCH_MAX	32	/* bytes */
#define PATCHES_MAX	32	/* of one input */
#define DEPTH_MAX	6
#define READ_MAX	(64 * KIB)
#define VISITS_MAX	2000
#define HB_SLOTS_KEPT	4	/* thousands of equal heartbeat slots would hide the others */

enum { FLAG_WRITE = 1, FLAG_CHECK = 2, FLAG_FIX = 4, FLAG_JOIN = 8, FLAG_CUT = 16 };

static struct mem_dev volume;
static uint64_t volume_bytes;
static uint32_t used_sector[SECTORS_MAX];
static size_t used_sectors;
static uint8_t io_buf[READ_MAX];

/* ---- the undamaged volume ------------------------------------------------------------- */

static void must(enum status st, const struct why *why)
{
	if (st == ST_OK)
		return;
	log_line(LOG_ERROR, "fuzz: cannot build the undamaged volume: %s", why->text);
	abort();
}

static void add_file(struct store *s, const char *path, uint64_t at, uint64_t bytes,
		     struct why *why)
{
	struct store_file *f;

	must(s->ops->create(s, path, 0644, &f, why), why);
	for (uint64_t done = 0; done < bytes; done += MIN(bytes - done, READ_MAX))
		must(store_write(f, at + done, io_buf, MIN(bytes - done, READ_MAX)), why);
	must(s->ops->file_close(f), why);
}

static void fill_volume(uint32_t version, struct why *why)
{
	struct io_dev *dev = &volume.dev;
	struct vmfs_mkfs_opts mkfs = {
		.label = "fuzz", .version = version,
		.now_us = 1600000000000000ull, .fs_uuid = { { 1 } },
		.lv_uuid = { { 2 } }, .dev_uuid = { { 3 } }, .host_uuid = { { 4 } },
	};
	struct vmfs_mount_opts opts = { .write = 1 };
	struct vmfs_volume *vol;
	struct vmfs_uuid uuid;
	struct store *s;

	must(vmfs_mkfs(&dev, 1, &mkfs, &uuid, why), why);
	must(vmfs_mount(&dev, 1, &opts, &vol, why), why);
	s = vmfs_store(vol);
	memset(io_buf, 0x5a, sizeof(io_buf));
	must(s->ops->mkdir(s, "/d", 0755, why), why);
	must(s->ops->mkdir(s, "/d/e", 0755, why), why);
	must(s->ops->symlink(s, "d/resident", "/link", why), why);
	add_file(s, "/d/resident", 0, 700, why);
	add_file(s, "/d/sub-block", 0, 8000, why);
	add_file(s, "/d/e/blocks", 0, 3 * MIB, why);
	add_file(s, "/pointers", 300 * MIB, 64 * KIB, why);	/* sparse, behind pointer blocks */
	add_file(s, "/double", 300 * GIB, 64 * KIB, why);	/* and behind two levels of them */
	must(vmfs_unmount(vol), why);
}

static int is_used(uint64_t sector)
{
	const uint8_t *p = volume.bytes + sector * SECTOR_BYTES;
	int fill = 1;

	for (size_t i = 0; i < SECTOR_BYTES; i++)
		fill &= p[i] == p[0];
	return !fill;
}

static int is_free_slot(uint64_t sector)
{
	const le32 *word = (const void *)(volume.bytes + sector * SECTOR_BYTES);

	return le32_get(*word) == VMFS_HB_FREE;
}

void vmfs_base_setup(uint32_t version, uint64_t bytes)
{
	struct why why = { 0 };
	unsigned slots = 0;

	volume_bytes = bytes;
	mem_dev_init(&volume, bytes);
	fill_volume(version, &why);
	mem_dev_keep(&volume);
	for (uint64_t i = 0; i < bytes / SECTOR_BYTES && used_sectors < SECTORS_MAX; i++)
		if (is_used(i) && !(is_free_slot(i) && ++slots > HB_SLOTS_KEPT))
			used_sector[used_sectors++] = (uint32_t)i;
}

/* ---- one input ------------------------------------------------------------------------ */

struct walk {
	struct store	*store;
	char		path[600];
	unsigned	depth, visits;
};

static void read_some(struct store *s, const char *path)
{
	struct store_file *f;
	struct store_stat st;
	struct store_run run;

	if (s->ops->open(s, path, STORE_READ, &f, NULL) != ST_OK)
		return;
	if (s->ops->file_stat(f, &st) == ST_OK && st.size_bytes > 0) {
		uint64_t bytes = MIN(st.size_bytes, READ_MAX);
		enum status head = store_read(f, 0, io_buf, bytes);
		enum status tail = store_read(f, st.size_bytes - bytes, io_buf, bytes);

		(void)head, (void)tail;
		for (uint64_t at = 0, n = 0; n < 50 && s->ops->file_map(f, at, &run) == ST_OK;
		     n++) {
			VERIFY(run.bytes > 0);
			at = run.offset + run.bytes;
		}
	}
	(void)s->ops->file_close(f);
}

static int visit(void *arg, const char *name, const struct store_stat *st)
{
	struct walk *w = arg;
	size_t length = strlen(w->path);
	char target[256];

	if (++w->visits > VISITS_MAX || length + strlen(name) + 2 > sizeof(w->path))
		return 1;
	w->path[length] = '/';
	mem_copy_text(w->path + length + 1, sizeof(w->path) - length - 1, name);
	if (st->kind == STORE_DIR && w->depth < DEPTH_MAX) {
		w->depth++;
		(void)w->store->ops->list(w->store, w->path, visit, w, NULL);
		w->depth--;
	} else if (st->kind == STORE_SYMLINK) {
		(void)w->store->ops->readlink(w->store, w->path, target, sizeof(target));
	} else {
		read_some(w->store, w->path);
	}
	w->path[length] = 0;
	return 0;
}

static void walk(struct store *s)
{
	struct walk w = { .store = s };

	(void)s->ops->list(s, "/", visit, &w, NULL);
}

static void change(struct store *s)
{
	struct store_file *f;

	if (s->ops->create(s, "/d/new", 0644, &f, NULL) == ST_OK) {
		enum status st = store_write(f, 0, io_buf, READ_MAX);

		(void)st;
		(void)s->ops->file_resize(f, 5 * MIB);
		(void)s->ops->file_close(f);
	}
	if (s->ops->open(s, "/d/e/blocks", STORE_WRITE, &f, NULL) == ST_OK) {
		enum status st = store_write(f, 2 * MIB + 5, io_buf, 4096);

		(void)st;
		(void)s->ops->file_resize(f, 1000);
		(void)s->ops->file_close(f);
	}
	(void)s->ops->rename(s, "/d/sub-block", "/d/e/moved", 0, NULL);
	(void)s->ops->remove(s, "/pointers", NULL);
	(void)s->ops->remove(s, "/double", NULL);
	(void)s->ops->mkdir(s, "/new", 0755, NULL);
	(void)s->ops->sync(s);
}

static void apply_patches(struct fuzz_bytes *in)
{
	uint8_t patch[PATCH_MAX];

	for (int n = 0; n < PATCHES_MAX && in->left >= 5; n++) {
		uint32_t sector = used_sector[fuzz_u16(in) % used_sectors];
		uint32_t at = fuzz_u16(in) % SECTOR_BYTES;
		uint32_t bytes = MIN(1u + fuzz_u8(in) % PATCH_MAX, SECTOR_BYTES - at);

		for (uint32_t i = 0; i < bytes; i++)
			patch[i] = fuzz_u8(in);
		mem_dev_patch(&volume, (uint64_t)sector * SECTOR_BYTES + at, patch, bytes);
	}
}

static void ignore_finding(void *arg, const struct vmfs_finding *finding)
{
	(void)arg;
	VERIFY(finding->text != NULL && finding->rule != NULL);
}

void vmfs_base_input(const uint8_t *data, size_t bytes)
{
	struct fuzz_bytes in = { data, bytes };
	struct io_dev *dev = &volume.dev;
	uint8_t flags = fuzz_u8(&in);
	struct vmfs_mount_opts opts = {
		.write = !!(flags & FLAG_WRITE), .join = !!(flags & FLAG_JOIN),
	};
	struct vmfs_check_opts check = { .fix = !!(flags & FLAG_FIX), .finding = ignore_finding };
	struct vmfs_check_result result;
	struct vmfs_volume *vol;
	struct why why = { 0 };
	enum status st;

	apply_patches(&in);
	if (flags & FLAG_CUT)	/* the device ends early */
		dev->size_bytes = volume_bytes / 64 * (16 + in.left % 48) + 512;
	st = vmfs_mount(&dev, 1, &opts, &vol, &why);
	VERIFY(st == ST_OK || why.text[0] != 0);	/* each refusal says why */
	if (st == ST_OK) {
		walk(vmfs_store(vol));
		if (opts.write)
			change(vmfs_store(vol));
		(void)vmfs_unmount(vol);
	}
	if (flags & FLAG_CHECK) {
		st = vmfs_check(&dev, 1, &check, &result, &why);
		VERIFY(st == ST_OK || why.text[0] != 0);
	}
	dev->size_bytes = volume_bytes;
	mem_dev_restore(&volume);
}
