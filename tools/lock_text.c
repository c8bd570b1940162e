/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* lock_text - a lock and its holders, as lines and as JSON. */
#include "tools/lock.h"

#include <stdio.h>

#include "tools/live.h"

const char *lock_mode_word(const struct vmfs_lock_info *info)
{
	static const char *const words[] = { "free", "exclusive", "readers", "writers" };

	return info->damaged || info->mode >= ARRAY_COUNT(words) ? "damaged" : words[info->mode];
}

/* Only while the slot is that of the holder, something is known of its beat. */
static int has_slot(const struct vmfs_lock_holder *h)
{
	return h->life < VMFS_LIFE_OVER;
}

static json_t *holder_json(const struct vmfs_lock_holder *h)
{
	char owner[VMFS_UUID_TEXT], generation[24], when[24];

	vmfs_uuid_format(&h->host.owner, owner);
	snprintf(generation, sizeof(generation), "%llu", (unsigned long long)h->host.generation);
	return json_pack("{s:s, s:o, s:o, s:s, s:s, s:o, s:o}", "uuid", owner, "address",
			 h->host.address[0] ? out_json_name(h->host.address) : json_null(),
			 "slot_at_bytes", out_json_bytes(h->host.slot_at), "generation", generation,
			 "state", vmfs_life_word(h->life), "started_time",
			 json_string(out_time_utc(when, sizeof(when), (int64_t)h->started_s)),
			 "still_seconds",
			 has_slot(h) ? json_real((double)h->host.still_ns / 1e9) : json_null());
}

json_t *lock_holders_json(const struct vmfs_lock_info *info)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < info->holder_count; i++)
		json_array_append_new(list, holder_json(&info->holder[i]));
	return list;
}

void lock_print_holders(const struct vmfs_lock_info *info, const char *title)
{
	char text[200], safe[OUT_NAME_MAX];

	for (uint32_t i = 0; i < info->holder_count; i++) {
		const struct vmfs_lock_holder *h = &info->holder[i];

		vmfs_holder_text(h, text, sizeof(text));
		printf("%-11s  %s\n", i ? "" : title, out_name(safe, sizeof(safe), text));
		printf("%-11s  heartbeat slot at 0x%llx, generation %llu", "",
		       (unsigned long long)h->host.slot_at, (unsigned long long)h->host.generation);
		if (has_slot(h))
			printf(", last beat %.1f s ago", (double)h->host.still_ns / 1e9);
		putchar('\n');
	}
}

static int is_unknown(const struct vmfs_lock_info *info)
{
	for (uint32_t i = 0; i < info->holder_count; i++)
		if (info->holder[i].life == VMFS_LIFE_UNKNOWN)
			return 1;
	return 0;
}

enum status lock_look(struct vmfs_volume *vol, const char *path, struct vmfs_lock_info *info,
		      struct why *why)
{
	enum status st = vmfs_lock_show(vol, path, info, why);

	if (st != ST_OK || !is_unknown(info))
		return st;
	st = vmfs_hosts_watch(vol, LIVE_WATCH_NS);
	return st == ST_OK ? vmfs_lock_show(vol, path, info, why) : st;
}
