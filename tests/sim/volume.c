/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/sim/volume.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES_MAX	20000u
#define NEAR_BYTES	4096u		/* looked at on both sides of a piece */
#define READ_BYTES	(256u * 1024)
#define ZLA_RESIDENT	0x10d1u		/* the data lies in the descriptor */
#define ZLA_DOUBLE	0x10d0u		/* the block map is a table of tables of pointer blocks */

static int quietly;

void complain_quietly(int quiet) { quietly = quiet; }

int complain(const char *format, ...)
{
	va_list ap;

	if (quietly)
		return -1;
	va_start(ap, format);
	fputs("  ", stderr);
	vfprintf(stderr, format, ap);
	fputc('\n', stderr);
	va_end(ap);
	return -1;
}

/* ---- life ------------------------------------------------------------------------------------ */

static int device_open(struct volume *v, unsigned flags)
{
	struct why why = { 0 };

	if (io_dev_open(v->uri, flags, &v->dev, &why) == ST_OK)
		return 0;
	v->dev = NULL;
	return complain("%s: %s", v->uri, why.text);
}

static void device_close(struct volume *v)
{
	if (v->dev)
		io_dev_close(v->dev);
	v->dev = NULL;
}

uint32_t volume_version(void)
{
	const char *text = getenv("VMFS");

	return text && strcmp(text, "6") == 0 ? 6 : 5;
}

int volume_make(struct volume *v, const char *uri)
{
	struct vmfs_mkfs_opts opts = { .label = "model", .version = volume_version() };
	struct vmfs_uuid uuid;
	struct why why = { 0 };
	enum status st;

	memset(v, 0, sizeof(*v));
	mem_copy_text(v->uri, sizeof(v->uri), uri);
	if (device_open(v, IO_OPEN_WRITE) < 0)
		return -1;
	st = vmfs_mkfs(&v->dev, 1, &opts, &uuid, &why);
	device_close(v);
	return st == ST_OK ? 0 : complain("mkfs: %s", why.text);
}

static int mount_as(struct volume *v, const struct vmfs_mount_opts *opts)
{
	struct why why = { 0 };

	if (device_open(v, opts->write ? IO_OPEN_WRITE : 0) < 0)
		return -1;
	if (vmfs_mount(&v->dev, 1, opts, &v->vol, &why) != ST_OK) {
		device_close(v);
		return complain("mount: %s", why.text);
	}
	v->store = vmfs_store(v->vol);
	return 0;
}

int volume_mount(struct volume *v, int write, int join)
{
	struct vmfs_mount_opts opts = { .write = (uint8_t)write, .join = (uint8_t)join };

	return mount_as(v, &opts);
}

int volume_take_over(struct volume *v)
{
	struct vmfs_mount_opts opts = { .write = 1, .alone = 1 };

	return mount_as(v, &opts);
}

int volume_unmount(struct volume *v)
{
	enum status st = vmfs_unmount(v->vol);

	v->vol = NULL;
	v->store = NULL;
	device_close(v);
	return st == ST_OK ? 0 : complain("unmount: %s", status_text(st));
}

void volume_abandon(struct volume *v)
{
	if (v->vol)
		(void)vmfs_unmount(v->vol);
	v->vol = NULL;
	v->store = NULL;
	device_close(v);
}

static void check_finding(void *arg, const struct vmfs_finding *finding)
{
	(void)arg;
	if (finding->severity != VMFS_FIND_NOTE)
		complain("check: %s at 0x%llx: %s", finding->rule, (unsigned long long)finding->at,
			 finding->text);
}

int volume_check(struct volume *v, struct vmfs_check_result *result)
{
	struct vmfs_check_opts opts = { .finding = check_finding };
	struct why why = { 0 };
	enum status st;

	memset(result, 0, sizeof(*result));
	if (device_open(v, 0) < 0)
		return -1;
	st = vmfs_check(&v->dev, 1, &opts, result, &why);
	device_close(v);
	if (st == ST_UNSUPPORTED && volume_version() == 6)
		return 0;	/* no checker of this version yet */
	if (st != ST_OK)
		return complain("check: %s", why.text);
	if (result->leaks || result->wrong || result->damage)
		return complain("check: %llu leaks, %llu wrong, %llu damaged",
				(unsigned long long)result->leaks,
				(unsigned long long)result->wrong,
				(unsigned long long)result->damage);
	return 0;
}

/* ---- compare: names -------------------------------------------------------------------------- */

struct listing {
	struct tree_node	*dir;
	const char		*path;
	uint32_t		found;
	int			bad;
};

static int entry_seen(void *arg, const char *name, const struct store_stat *st)
{
	struct listing *list = arg;
	struct tree_node *node;

	if (!list->dir->parent && mem_ends_with(name, ".sf"))
		return 0;
	node = tree_child(list->dir, name);
	list->found++;
	if (!node)
		list->bad = complain("%s: has '%s', which should not be", list->path, name);
	else if (node->kind != st->kind)
		list->bad = complain("%s: '%s' is of kind %d, not %d", list->path, name, st->kind,
				     node->kind);
	else if (node->kind == STORE_FILE && node->size_bytes != st->size_bytes)
		list->bad = complain("%s: '%s' has %llu bytes, not %llu", list->path, name,
				     (unsigned long long)st->size_bytes,
				     (unsigned long long)node->size_bytes);
	return list->found > ENTRIES_MAX;
}

static int compare_target(struct volume *v, const struct tree_node *node, const char *path)
{
	char target[TREE_PATH_MAX];

	if (v->store->ops->readlink(v->store, path, target, sizeof(target)) != ST_OK)
		return complain("%s: the link cannot be read", path);
	return strcmp(target, node->target) == 0
		   ? 0
		   : complain("%s: points to %s, not %s", path, target, node->target);
}

int volume_compare_dir(struct volume *v, struct tree *tree, struct tree_node *dir)
{
	char path[TREE_PATH_MAX], child_path[TREE_PATH_MAX];
	struct listing list = { .dir = dir, .path = path };
	struct tree_node *child;
	struct why why = { 0 };

	(void)tree;
	tree_path(dir, path);
	if (v->store->ops->list(v->store, path, entry_seen, &list, &why) != ST_OK)
		return complain("%s: %s", path, why.text);
	if (list.found != tree_child_count(dir))
		list.bad =
		    complain("%s: %u entries, not %u", path, list.found, tree_child_count(dir));
	list_for_each(child, &dir->children, link) {
		tree_path(child, child_path);
		if (child->kind == STORE_SYMLINK && compare_target(v, child, child_path) < 0)
			list.bad = -1;
	}
	return list.bad ? -1 : 0;
}

/* ---- compare: bytes -------------------------------------------------------------------------- */

static int report_bytes(const char *path, uint64_t at, const uint8_t *got, const uint8_t *want,
			size_t bytes)
{
	size_t i = 0, different = 0;

	while (i < bytes && got[i] == want[i])
		i++;
	for (size_t k = i; k < bytes; k++)
		different += got[k] != want[k];
	return complain(
	    "%s: byte %llu is 0x%02x, not 0x%02x (%zu of the %zu bytes from %llu differ)", path,
	    (unsigned long long)(at + i), got[i], want[i], different, bytes,
	    (unsigned long long)at);
}

static int compare_range(struct store_file *f, const struct tree_node *file, const char *path,
			 uint64_t from, uint64_t to)
{
	static uint8_t got[READ_BYTES], want[READ_BYTES];

	to = MIN(to, file->size_bytes);
	while (from < to) {
		size_t n = (size_t)MIN(to - from, (uint64_t)READ_BYTES);
		enum status st = store_read(f, from, got, n);

		if (st != ST_OK)
			return complain("%s: reading %zu bytes at %llu: %s", path, n,
					(unsigned long long)from, status_text(st));
		tree_fill(file, from, want, n);
		if (memcmp(got, want, n) != 0)
			return report_bytes(path, from, got, want, n);
		from += n;
	}
	return 0;
}

static int compare_bytes(struct store_file *f, const struct tree_node *file, const char *path,
			 uint64_t seed)
{
	int bad = 0;

	for (uint32_t i = 0; i < file->piece_count && !bad; i++) {
		const struct tree_piece *p = &file->piece[i];

		bad = compare_range(f, file, path, p->at > NEAR_BYTES ? p->at - NEAR_BYTES : 0,
				    p->at + p->bytes + NEAR_BYTES);
	}
	for (int k = 0; k < 3 && !bad && file->size_bytes; k++) {
		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		bad = compare_range(f, file, path, (seed >> 16) % file->size_bytes,
				    (seed >> 16) % file->size_bytes + 1 + (seed >> 8) % 9000);
	}
	if (!bad && file->size_bytes)
		bad =
		    compare_range(f, file, path,
				  file->size_bytes > NEAR_BYTES ? file->size_bytes - NEAR_BYTES : 0,
				  file->size_bytes);
	return bad;
}

/* What the map calls a hole or lazily zeroed holds nothing; runs follow each other to the end. */
static int compare_map(struct store_file *f, const struct tree_node *file, const char *path)
{
	struct store_run run;
	uint32_t i = 0;

	for (uint64_t at = 0; at < file->size_bytes; at = run.offset + run.bytes) {
		if (f->store->ops->file_map(f, at, &run) != ST_OK)
			return complain("%s: no map at %llu", path, (unsigned long long)at);
		if (run.offset != at || run.bytes == 0)
			return complain("%s: the map jumps at %llu", path, (unsigned long long)at);
		while (i < file->piece_count && file->piece[i].at + file->piece[i].bytes <= at)
			i++;
		if (run.kind != STORE_RUN_DATA && i < file->piece_count &&
		    file->piece[i].at < at + run.bytes)
			return complain("%s: data at %llu lies in a %s", path,
					(unsigned long long)file->piece[i].at,
					run.kind == STORE_RUN_HOLE ? "hole"
								   : "lazily zeroed block");
	}
	return f->store->ops->file_map(f, file->size_bytes, &run) == ST_RANGE ? 0
		: complain("%s: the map goes past its end", path);
}

/* Nothing can be read past the end. */
static int compare_end(struct store_file *f, const struct tree_node *file, const char *path)
{
	uint8_t byte;

	return store_read(f, file->size_bytes, &byte, 1) == ST_RANGE ? 0
		: complain("%s: a read past its end is not refused", path);
}

int volume_compare_file(struct volume *v, const struct tree_node *file, uint64_t seed)
{
	char path[TREE_PATH_MAX];
	struct store_file *f;
	struct why why = { 0 };
	int bad;

	tree_path(file, path);
	if (v->store->ops->open(v->store, path, STORE_READ, &f, &why) != ST_OK)
		return complain("%s: %s", path, why.text);
	bad = compare_bytes(f, file, path, seed);
	if (!bad)
		bad = compare_map(f, file, path);
	if (!bad)
		bad = compare_end(f, file, path);
	if (v->store->ops->file_close(f) != ST_OK)
		bad = complain("%s: does not close", path);
	return bad;
}

int volume_compare(struct volume *v, struct tree *tree)
{
	struct tree_node *node;
	int bad = 0;

	for (node = &tree->root; node; node = tree_next(tree, node)) {
		if (node->kind == STORE_DIR && volume_compare_dir(v, tree, node) < 0)
			bad = -1;
		if (node->kind == STORE_FILE && volume_compare_file(v, node, node->id) < 0)
			bad = -1;
	}
	return bad;
}

/* All blocks of such a file, and its pointer blocks but for the upper ones, one each TiB. */
static void hidden_below_double(const struct vmfs_file_meta *meta, struct hidden *hidden)
{
	uint64_t blocks = meta->num_blocks - meta->tbz_blocks;
	uint64_t uppers = MIN(meta->num_pbs, meta->length / TIB + 1);

	hidden->bogus += uppers;
	hidden->least += blocks + meta->num_pbs - uppers;
	hidden->most += blocks + meta->num_pbs - MIN(meta->num_pbs, 1u);
}

int volume_hidden_blocks(struct volume *v, struct tree *tree, struct hidden *hidden)
{
	struct vmfs_file_meta meta;
	struct why why = { 0 };
	struct tree_node *node;
	char path[TREE_PATH_MAX];

	memset(hidden, 0, sizeof(*hidden));
	for (node = &tree->root; node; node = tree_next(tree, node)) {
		if (node->kind != STORE_FILE)
			continue;
		tree_path(node, path);
		if (vmfs_file_meta(v->vol, path, &meta, &why) != ST_OK)
			return complain("%s: %s", path, why.text);
		hidden->least += meta.tbz_blocks;
		hidden->most += meta.tbz_blocks;
		hidden->bogus += meta.zla == ZLA_RESIDENT && meta.length > 0 && meta.length < 4;
		if (meta.zla == ZLA_DOUBLE)
			hidden_below_double(&meta, hidden);
	}
	return 0;
}
