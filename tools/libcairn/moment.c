/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* moment - an image is read as it was at one moment, or the reader is told.
 *
 * A host may begin to write to a file while we read it, and readers here go to the device by
 * themselves. So once a second of reading the files of the image are asked whether they are still
 * what they were (store_ops.file_check). For that time no read is under way, and afterwards none
 * uses a place that was worked out before: a read either ended before a good check, or begins
 * after it.
 *
 * After a check that is not good the image stays failed: what is cached of the disk, up to its
 * grain tables, is of a moment that is over. Who opens it again gets the new one. */
#include <time.h>

#include "tools/libcairn/lib_priv.h"

#define PERIOD_NS 1000000000ull

struct check_call { struct lib_call call; struct cairn_image *image; };

static enum status file_check(struct cairn_image *image, struct why *why)
{
	struct store_file *f = image->file;
	struct why what = { 0 };
	enum status st = f->store->ops->file_check ? f->store->ops->file_check(f, &what) : ST_OK;

	return st == ST_OK ? st : why_set(why, st, "%s: %s", image->name, what.text);
}

enum status lib_moment_ask(struct cairn_image *image, struct why *why)
{
	enum status st = image->disk ? vmdk_files_check(image->disk, why) : file_check(image, why);

	if (st != ST_BUSY)
		return st;
	if (!image->c->opts.live) {
		char text[WHY_TEXT_MAX];

		mem_copy_text(text, sizeof(text), why->text);
		return why_set(why, st, "%s; 'live' reads it all the same", text);
	}
	log_line(LOG_WARN, "%s", why->text);
	return ST_OK;
}

static enum status ask_fn(struct lib_call *call)
{
	return lib_moment_ask(container_of(call, struct check_call, call)->image, &call->why);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);	/* a look at a page: no system call */
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int is_due(const struct cairn_image *image)
{
	return now_ns() - __atomic_load_n(&image->checked_ns, __ATOMIC_RELAXED) >= PERIOD_NS;
}

/* With no read under way. */
static enum status check(struct cairn_image *image, struct why *why)
{
	struct check_call c = { .call.fn = ask_fn, .image = image };
	enum status st = image->spoilt.status;

	if (st == ST_OK)
		st = lib_call(image->c, &c.call);
	if (st == ST_BUSY && image->spoilt.status == ST_OK)
		image->spoilt = c.call.why;
	lib_places_forget(&image->places);
	if (st == ST_OK)
		__atomic_store_n(&image->checked_ns, now_ns(), __ATOMIC_RELAXED);
	else
		*why = image->spoilt.status == ST_OK ? c.call.why : image->spoilt;
	return st;
}

void lib_moment_init(struct cairn_image *image)
{
	pthread_rwlockattr_t attr;

	/* A steady stream of readers must not keep the check out. */
	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&image->reading, &attr);
	pthread_rwlockattr_destroy(&attr);
	image->checked_ns = now_ns();
}

void lib_moment_fini(struct cairn_image *image)
{
	pthread_rwlock_destroy(&image->reading);
}

enum status lib_read_begin(struct cairn_image *image, struct why *why)
{
	enum status st = ST_OK;

	if (is_due(image)) {
		pthread_rwlock_wrlock(&image->reading);
		if (is_due(image))	/* another thread may have done it while we waited */
			st = check(image, why);
		pthread_rwlock_unlock(&image->reading);
	}
	if (st == ST_OK)
		pthread_rwlock_rdlock(&image->reading);
	return st;
}

void lib_read_end(struct cairn_image *image)
{
	pthread_rwlock_unlock(&image->reading);
}

enum cairn_status cairn_check(struct cairn_image *image, struct cairn_error *error)
{
	struct why why = { 0 };
	enum status st;

	pthread_rwlock_wrlock(&image->reading);
	st = check(image, &why);
	pthread_rwlock_unlock(&image->reading);
	return lib_fail(error, st, &why);
}
