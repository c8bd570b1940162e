/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* check - a slot in use may be a live host or the trace of a crash. Only time tells: a live one
 * beats every 3 s, so its generation or stamp moves. */
#include "tools/check.h"

#include <stdlib.h>
#include <string.h>

#define WATCH_NS	3500000000ull	/* a beat (VMFS_BEAT_NS, 3 s) and some delay */
#define WATCH_STEPS	14u
#define SLOTS_MAX	2048u

struct beat { uint64_t slot_at, generation, stamp_us; struct vmfs_uuid owner; };

struct beats {
	struct beat	*beat;
	uint32_t	count;
};

static int note(void *arg, const struct vmfs_host_slot *slot)
{
	struct beats *b = arg;

	if (slot->ours || b->count == SLOTS_MAX)
		return 0;
	b->beat[b->count++] =
		(struct beat){ slot->slot_at, slot->generation, slot->stamp_us, slot->owner };
	return 0;
}

static void compare(const struct beats *before, const struct beats *after,
		    struct check_liveness *live)
{
	for (uint32_t i = 0; i < after->count; i++) {
		const struct beat *a = &after->beat[i];
		int quiet = 0;

		for (uint32_t k = 0; k < before->count; k++) {
			const struct beat *b = &before->beat[k];

			quiet |= a->slot_at == b->slot_at && a->generation == b->generation &&
				 a->stamp_us == b->stamp_us;
		}
		if (!quiet && live->live++ == 0)
			live->first = a->owner;
	}
}

static enum status watch(struct vmfs_volume *vol, struct beats *before, struct beats *after,
			 void (*tick)(void), struct check_liveness *live)
{
	enum status st = vmfs_hosts(vol, note, before);

	live->slots = before->count;
	if (st != ST_OK || before->count == 0)
		return st;
	for (unsigned i = 0; i < WATCH_STEPS; i++) {
		if (port_interrupted())
			return ST_CANCELLED;
		if (tick)
			tick();
		port_world_sleep_ns(WATCH_NS / WATCH_STEPS);
	}
	st = vmfs_hosts(vol, note, after);
	if (st == ST_OK)
		compare(before, after, live);
	return st;
}

enum status check_liveness(struct io_dev *const *devs, uint32_t count, void (*tick)(void),
			   struct check_liveness *live, struct why *why)
{
	struct vmfs_mount_opts opts = { 0 };
	struct beats before = { calloc(SLOTS_MAX, sizeof(struct beat)), 0 };
	struct beats after = { calloc(SLOTS_MAX, sizeof(struct beat)), 0 };
	struct vmfs_volume *vol;
	enum status st = ST_NOMEM, closed;

	*live = (struct check_liveness){ 0 };
	if (before.beat && after.beat)
		st = vmfs_mount(devs, count, &opts, &vol, why);
	if (st == ST_OK) {
		st = watch(vol, &before, &after, tick, live);
		closed = vmfs_unmount(vol);
		st = st == ST_OK ? closed : st;
	}
	free(before.beat);
	free(after.beat);
	return st;
}

const char *check_severity_word(enum vmfs_severity severity)
{
	static const char *const words[] = { "note", "leak", "wrong", "damage" };

	return (size_t)severity < ARRAY_COUNT(words) ? words[severity] : "damage";
}
