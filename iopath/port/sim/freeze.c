/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* freeze - the content of a disk, kept outside of any run. Disks made from it share its pages until
 * they write to them, so a run that starts from a formatted volume does not format one. */
#include "iopath/port/sim/sim_priv.h"

#include <stdlib.h>

struct sim_frozen {
	uint64_t size_bytes;
	uint32_t inode;		/* the same disk when it is put back: its locks' place */
	size_t pages;
	uint64_t *number; /* of each page */
	uint8_t *content; /* one after the other */
};

static size_t count_pages(const struct inode *inode)
{
	uint64_t end = div_round_up(inode->size_bytes, PAGE_BYTES), page = 0;
	size_t n = 0;

	while ((page = image_find(&inode->image, page, end, WANT_DATA)) < end) {
		page++;
		n++;
	}
	return n;
}

static void copy_pages(const struct inode *inode, struct sim_frozen *f)
{
	uint64_t end = div_round_up(inode->size_bytes, PAGE_BYTES), page = 0;

	for (size_t i = 0; i < f->pages; i++, page++) {
		page = image_find(&inode->image, page, end, WANT_DATA);
		f->number[i] = page;
		image_read(&inode->image, page * PAGE_BYTES, f->content + i * PAGE_BYTES,
			   PAGE_BYTES);
	}
}

struct sim_frozen *sim_disk_freeze(const char *path)
{
	const struct inode *inode = node_file(path);
	struct sim_frozen *f = inode ? calloc(1, sizeof(*f)) : NULL;

	if (f == NULL)
		return NULL;
	f->size_bytes = inode->size_bytes;
	f->inode = inode->number;
	f->pages = count_pages(inode);
	f->number = calloc(f->pages + 1, sizeof(*f->number));
	f->content = calloc(f->pages + 1, PAGE_BYTES);
	if (f->number && f->content) {
		copy_pages(inode, f);
		return f;
	}
	sim_frozen_free(f);
	return NULL;
}

enum status sim_disk_thaw(const char *path, const struct sim_frozen *f)
{
	enum status st = sim_disk_create(path, f->size_bytes, 1);
	struct image *image;

	if (st != ST_OK)
		return st;
	node_file(path)->number = f->inode;
	image = &node_file(path)->image;
	image->shared = f->content;
	image->shared_end = f->content + f->pages * PAGE_BYTES;
	for (size_t i = 0; i < f->pages; i++) {
		uint8_t **slot = image_slot(image, f->number[i], 1);

		if (slot == NULL)
			return ST_NOMEM;
		*slot = f->content + i * PAGE_BYTES;
		image->pages++;
	}
	return ST_OK;
}

enum status sim_disk_copy(const char *path, const char *new_path)
{
	struct inode *from = node_file(path);
	enum status st = from ? sim_disk_create(new_path, from->size_bytes, 1) : ST_NOENT;

	return st == ST_OK ? image_copy(&from->image, &node_file(new_path)->image,
					div_round_up(from->size_bytes, PAGE_BYTES))
			   : st;
}

uint64_t sim_disk_states(const char *path)
{
	struct inode *inode = node_file(path);

	return inode ? image_log_states(&inode->image, inode->block_bytes) : 0;
}

void sim_disk_cut_to(const char *path, uint64_t state)
{
	struct inode *inode = node_file(path);

	VERIFY(inode && state < image_log_states(&inode->image, inode->block_bytes));
	image_log_cut_to(&inode->image, inode->block_bytes, state);
}

void sim_disk_cut(const char *path, uint64_t seed)
{
	struct inode *inode = node_file(path);

	VERIFY(inode != NULL);
	sim.drawn[STREAM_CRASH] = chance_hash(seed, 0);
	image_log_cut(&inode->image, inode->block_bytes);
}

uint64_t sim_disk_hash(const char *path)
{
	const struct inode *inode = node_file(path);

	return inode ? image_hash(&inode->image, div_round_up(inode->size_bytes, PAGE_BYTES)) : 0;
}

void sim_frozen_free(struct sim_frozen *f)
{
	if (f == NULL)
		return;
	free(f->number);
	free(f->content);
	free(f);
}
