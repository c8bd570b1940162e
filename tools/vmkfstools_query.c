/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* vmkfstools_query - what file system a path is on (-P), the raw values of a file (-D), and which
 * hosts beat on a volume (--activehosts). Scripts scrape all three: words and their order are
 * fixed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>

#include "tools/lock.h"
#include "tools/vmkfstools.h"

/* What ESXi says of VMFS-5 with blocks of 1 MiB: 64 TiB less what the largest map leaves out. */
#define FILE_BYTES_MAX 69201586814976ull

/* ---- -P: a path on a volume ------------------------------------------------------------------ */

/* "99.8 GB": units of 1024 under the names that ESXi prints. */
static char *human(char *buf, size_t size, uint64_t bytes)
{
	static const char *const units[] = { "bytes", "KB", "MB", "GB", "TB" };
	double v = (double)bytes;
	size_t u = 0;

	while (v >= 1024 && u + 1 < ARRAY_COUNT(units)) {
		v /= 1024;
		u++;
	}
	if (v == (double)(uint64_t)v)
		snprintf(buf, size, "%.0f %s", v, units[u]);
	else
		snprintf(buf, size, "%.1f %s", v, units[u]);
	return buf;
}

static void print_capacity(struct cmd *cmd, uint64_t total, uint64_t avail, uint64_t block,
			   uint64_t max)
{
	char a[24], b[24], c[24], d[24];

	if (opt_has(&cmd->args, "humanreadable"))
		printf(
		    "Capacity %s, %s available, file block size %s, max supported file size %s\n",
		    human(a, sizeof(a), total), human(b, sizeof(b), avail),
		    human(c, sizeof(c), block), human(d, sizeof(d), max));
	else
		printf("Capacity %llu (%llu file blocks * %llu), %llu (%llu blocks) avail, "
		       "max supported file size %llu\n", (unsigned long long)total,
		       (unsigned long long)(total / block), (unsigned long long)block,
		       (unsigned long long)avail, (unsigned long long)(avail / block),
		       (unsigned long long)max);
}

static void print_pair(const char *what, const struct vmfs_count *c)
{
	printf("%s (max/free): %llu/%llu\n", what, (unsigned long long)c->total,
	       (unsigned long long)c->free);
}

static void print_used(const char *what, const struct vmfs_count *c)
{
	printf("%s (overcommit/used/overcommit %%): 0/%llu/0\n", what,
	       (unsigned long long)(c->total - c->free));
}

static void print_details(const struct vmfs_info *i)
{
	time_t t = (time_t)i->creation_s;
	char when[64] = "";
	struct tm tm;

	if (gmtime_r(&t, &tm))
		strftime(when, sizeof(when), "%a %b %e %H:%M:%S %Y", &tm);
	printf("Volume Creation Time: %s\n", when);
	print_pair("Files", &i->fds);
	print_pair("Ptr Blocks", &i->pbs);
	print_pair("Sub Blocks", &i->sub_blocks);
	print_pair("Secondary Ptr Blocks", &i->pb2s);
	print_used("File Blocks", &i->blocks);
	print_used("Ptr Blocks ", &i->pbs);
	print_used("Sub Blocks ", &i->sub_blocks);
}

static uint32_t major_of(const struct vmfs_info *i)
{
	return i->head.fs_major == 4 ? 3 : i->head.fs_major == 14 ? 5 : i->head.fs_major == 24 ? 6 :
								       i->head.fs_major;
}

static void print_volume(struct cmd *cmd, const struct vmfs_info *i)
{
	char uuid[VMFS_UUID_TEXT], text[OUT_NAME_MAX];

	printf("VMFS-%u.%02u (Raw Major Version: %u) file system spanning %u partitions.\n",
	       major_of(i), i->head.fs_minor, i->head.fs_major, i->dev_count);
	printf("File system label (if any): %s\n", out_name(text, sizeof(text), i->head.label));
	printf("Mode: public%s\n", i->head.ats_only ? " ATS-only" : "");
	print_capacity(cmd, i->blocks.total * i->block_bytes, i->blocks.free * i->block_bytes,
		       i->block_bytes, FILE_BYTES_MAX);
	if (vmk_verbose(cmd) > 0)
		print_details(i);
	vmfs_uuid_format(&i->head.fs_uuid, uuid);
	printf("UUID: %s\nPartitions spanned (on \"lvm\"):\n", uuid);
	for (uint32_t d = 0; d < i->dev_count; d++)
		printf("\t%s\n", out_name(text, sizeof(text), i->dev_name[d]));
	printf("Is Native Snapshot Capable: %s\n", major_of(i) >= 5 ? "YES" : "NO");
}

static json_t *volume_json(const struct vmfs_info *i)
{
	char uuid[VMFS_UUID_TEXT], version[32];
	json_t *devices = json_array();

	for (uint32_t d = 0; d < i->dev_count; d++)
		json_array_append_new(devices, out_json_name(i->dev_name[d]));
	vmfs_uuid_format(&i->head.fs_uuid, uuid);
	snprintf(version, sizeof(version), "VMFS-%u.%02u", major_of(i), i->head.fs_minor);
	return json_pack("{s:s, s:o, s:s, s:o, s:o, s:i, s:o}", "type", version, "label",
			 out_json_name(i->head.label), "uuid", uuid, "size_bytes",
			 out_json_bytes(i->blocks.total * i->block_bytes), "free_bytes",
			 out_json_bytes(i->blocks.free * i->block_bytes), "block_bytes",
			 (int)i->block_bytes, "devices", devices);
}

/* ---- -P: a path of this machine -------------------------------------------------------------- */

static enum status query_posix(struct cmd *cmd, const char *path, json_t **item, struct why *why)
{
	struct statvfs v;
	uint64_t block;

	if (statvfs(path, &v) != 0)
		return why_set(why, ST_NOENT, "%s: no such file or directory", path);
	block = v.f_frsize ? v.f_frsize : 4096;
	if (item) {
		*item = json_pack("{s:s, s:n, s:n, s:o, s:o, s:i, s:[]}", "type", "POSIX-1.00",
				  "label", "uuid", "size_bytes", out_json_bytes(block * v.f_blocks),
				  "free_bytes", out_json_bytes(block * v.f_bavail), "block_bytes",
				  (int)block, "devices");
		return ST_OK;
	}
	printf("POSIX-1.00 (Raw Major Version: 0) file system spanning 1 partitions.\n"
	       "File system label (if any): \nMode: private\n");
	print_capacity(cmd, block * v.f_blocks, block * v.f_bavail, block, INT64_MAX);
	printf(
	    "UUID: 00000000-00000000-0000-000000000000\nPartitions spanned (on \"disks\"):\n\t%s\n"
	    "Is Native Snapshot Capable: NO\n",
	    path);
	return ST_OK;
}

static enum status query_vmfs(struct cmd *cmd, struct host_volume *v, json_t **item,
			      struct why *why)
{
	struct vmfs_info *info = calloc(1, sizeof(*info));
	struct vmfs_volume *vol;
	enum status st = info ? host_volume_mount(v, HOST_READ, &vol, why) : ST_NOMEM;

	if (st == ST_OK)
		st = vmfs_info(vol, info, why);
	if (st == ST_OK && item)
		*item = volume_json(info);
	else if (st == ST_OK)
		print_volume(cmd, info);
	free(info);
	return st;
}

static int print_item(const char *schema, json_t *item)
{
	json_t *items, *doc = out_doc(schema, &items);

	json_array_append_new(items, item);
	return out_doc_print(doc) == 0 ? EXIT_DONE : EXIT_FAILED;
}

int vmk_queryfs(struct cmd *cmd)
{
	struct host_path at;
	struct store_stat ss;
	json_t *item = NULL;
	struct why why = { 0 };
	enum status st = host_resolve(cmd->host, vmk_target(cmd), HOST_READ, &at, &why);

	if (st == ST_OK && at.volume)
		st = at.store->ops->stat(at.store, at.path, &ss, &why);
	if (st == ST_OK && at.volume)
		st = query_vmfs(cmd, at.volume, cmd->json ? &item : NULL, &why);
	else if (st == ST_OK)
		st = query_posix(cmd, at.path, cmd->json ? &item : NULL, &why);
	if (st != ST_OK)
		return vmk_fail(cmd, "query file system of", vmk_target(cmd), st, &why);
	return item ? print_item("vmkfstools.queryfs/1", item) : EXIT_DONE;
}

/* ---- -D -------------------------------------------------------------------------------------- */

static const char *type_word(uint32_t type)
{
	static const char *const words[] = { "?", "volume", "dir", "reg", "link", "sys", "rdm" };

	return type < ARRAY_COUNT(words) ? words[type] : "?";
}

static void print_meta(const struct vmfs_file_meta *m, const struct vmfs_lock_info *lock)
{
	char owner[VMFS_UUID_TEXT];

	vmfs_uuid_format(&m->lock_owner, owner);
	printf("Lock [type %x offset %llu v %llu, hb offset %llu\n"
	       "gen %llu, mode %u, owner %s mtime %llu\n"
	       "num %u gblnum 0 gblgen 0 gblbrk 0]\n",
	       m->lock_type, (unsigned long long)m->lock_at, (unsigned long long)m->lock_token,
	       (unsigned long long)m->lock_hb_at, (unsigned long long)m->lock_hb_gen, m->lock_mode,
	       owner, (unsigned long long)m->lock_mtime, m->lock_holders);
	/* Type, cluster and resource number of the descriptor's address. */
	printf("Addr <%u, %u, %u>, gen %u, links %u, type %s, flags %u, uid %u, gid %u, mode %o\n",
	       m->fd & 7, m->fd >> 6 & 0xFFFF, m->fd >> 22, m->generation, m->links,
	       type_word(m->type), m->flags, m->uid, m->gid, m->mode);
	printf("len %llu, nb %llu tbz %llu, cow %llu, newSinceEpoch %llu, zla %u, bs %llu\n",
	       (unsigned long long)m->length, (unsigned long long)m->num_blocks,
	       (unsigned long long)m->tbz_blocks, (unsigned long long)m->cow_blocks,
	       (unsigned long long)m->new_since_epoch, m->zla, (unsigned long long)m->block_bytes);
	lock_print_holders(lock, "Held by");
}

/* Numbers that can pass 2^53 are strings. */
static json_t *meta_json(const struct vmfs_file_meta *m, const struct vmfs_lock_info *info)
{
	char owner[VMFS_UUID_TEXT], gen[24], token[24], mtime[24];

	vmfs_uuid_format(&m->lock_owner, owner);
	snprintf(gen, sizeof(gen), "%llu", (unsigned long long)m->lock_hb_gen);
	snprintf(token, sizeof(token), "%llu", (unsigned long long)m->lock_token);
	snprintf(mtime, sizeof(mtime), "%llu", (unsigned long long)m->lock_mtime);
	return json_pack(
	    "{s:{s:I, s:I, s:s, s:o, s:o, s:s, s:s, s:i, s:o}, s:I, s:I, s:I, s:s, s:I, s:I, s:I, "
	    "s:I, s:o, s:I, s:I, s:I, s:I, s:I, s:I}",
	    "lock", "type", (json_int_t)m->lock_type, "mode", (json_int_t)m->lock_mode, "owner",
	    owner, "at_bytes", out_json_bytes(m->lock_at), "heartbeat_at_bytes",
	    out_json_bytes(m->lock_hb_at), "heartbeat_generation", gen, "token", token, "holders",
	    (int)m->lock_holders, "held_by", lock_holders_json(info), "address",
	    (json_int_t)m->fd, "generation",
	    (json_int_t)m->generation, "links", (json_int_t)m->links, "type", type_word(m->type),
	    "flags", (json_int_t)m->flags, "uid", (json_int_t)m->uid, "gid", (json_int_t)m->gid,
	    "mode", (json_int_t)m->mode, "length_bytes", out_json_bytes(m->length), "blocks",
	    (json_int_t)m->num_blocks, "to_be_zeroed_blocks", (json_int_t)m->tbz_blocks,
	    "cow_blocks", (json_int_t)m->cow_blocks, "new_since_epoch_blocks",
	    (json_int_t)m->new_since_epoch, "zla", (json_int_t)m->zla, "block_bytes",
	    (json_int_t)m->block_bytes);
}

static enum status file_meta(struct cmd *cmd, struct vmfs_file_meta *m,
			     struct vmfs_lock_info *lock, struct why *why)
{
	struct host_path at;
	struct vmfs_volume *vol;
	enum status st = host_resolve(cmd->host, vmk_target(cmd), HOST_READ, &at, why);

	if (st == ST_OK && !at.volume)
		st = why_set(why, ST_UNSUPPORTED, "%s: not on a VMFS volume", at.name);
	if (st == ST_OK)
		st = host_volume_mount(at.volume, HOST_READ, &vol, why);
	if (st == ST_OK)
		st = lock_look(vol, at.path, lock, why);
	return st == ST_OK ? vmfs_file_meta(vol, at.path, m, why) : st;
}

int vmk_dump(struct cmd *cmd)
{
	struct vmfs_lock_info lock;
	struct vmfs_file_meta m;
	struct why why = { 0 };
	enum status st = file_meta(cmd, &m, &lock, &why);

	if (st != ST_OK)
		return vmk_fail(cmd, "dump metadata of", vmk_target(cmd), st, &why);
	if (cmd->json)
		return print_item("vmkfstools.dumpmetadata/1", meta_json(&m, &lock));
	print_meta(&m, &lock);
	return EXIT_DONE;
}

/* ---- --activehosts --------------------------------------------------------------------------- */

#define WATCH_NS 4000000000ull	/* a live host beats every 3 s */
#define SLOTS_MAX 2048u

struct slots { struct vmfs_host_slot *slot; size_t count; };

static int take_slot(void *arg, const struct vmfs_host_slot *slot)
{
	struct slots *s = arg;

	if (s->count == SLOTS_MAX)
		return 1;
	s->slot[s->count++] = *slot;
	return 0;
}

/* Alive: its stamp or generation moved while we looked. */
static int moved(const struct slots *before, const struct vmfs_host_slot *now)
{
	for (size_t i = 0; i < before->count; i++) {
		const struct vmfs_host_slot *b = &before->slot[i];

		if (b->slot_at == now->slot_at)
			return b->stamp_us != now->stamp_us || b->generation != now->generation;
	}
	return 1;
}

static enum status watch(struct vmfs_volume *vol, struct slots *before, struct slots *after)
{
	enum status st = vmfs_hosts(vol, take_slot, before);

	if (st != ST_OK || before->count == 0)
		return st;
	port_world_sleep_ns(WATCH_NS);
	return vmfs_hosts(vol, take_slot, after);
}

static void keep_moved(const struct slots *before, struct slots *after)
{
	size_t kept = 0;

	for (size_t i = 0; i < after->count; i++)
		if (moved(before, &after->slot[i]))
			after->slot[kept++] = after->slot[i];
	after->count = kept;
}

static int print_hosts(struct cmd *cmd, const struct slots *s)
{
	json_t *items, *doc = cmd->json ? out_doc("vmkfstools.activehosts/1", &items) : NULL;

	if (!doc)
		printf("Found %zu actively heartbeating hosts on volume '%s'\n", s->count,
		       vmk_target(cmd));
	for (size_t i = 0; i < s->count; i++) {
		const uint8_t *m = s->slot[i].owner.b + 10;
		char mac[18];

		snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3],
			 m[4], m[5]);
		if (doc)
			json_array_append_new(items, json_pack("{s:s, s:o}", "mac", mac, "address",
							       out_json_name(s->slot[i].address)));
		else
			printf("(%zu): MAC address %s\n", i + 1, mac);
	}
	return !doc || out_doc_print(doc) == 0 ? EXIT_DONE : EXIT_FAILED;
}

int vmk_activehosts(struct cmd *cmd)
{
	struct slots before = { calloc(SLOTS_MAX, sizeof(*before.slot)), 0 };
	struct slots after = { calloc(SLOTS_MAX, sizeof(*after.slot)), 0 };
	struct host_volume *v;
	struct vmfs_volume *vol;
	struct why why = { 0 };
	enum status st = before.slot && after.slot ? ST_OK : ST_NOMEM;
	int code;

	if (st == ST_OK)
		st = host_volume_find(cmd->host, vmk_target(cmd), &v, &why);
	if (st == ST_OK)
		st = host_volume_mount(v, HOST_READ, &vol, &why);
	if (st == ST_OK)
		st = watch(vol, &before, &after);
	keep_moved(&before, &after);
	code = st == ST_OK ? print_hosts(cmd, &after) :
			     vmk_fail(cmd, "list the hosts of", vmk_target(cmd), st, &why);
	free(before.slot);
	free(after.slot);
	return code;
}
