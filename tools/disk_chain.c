/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* disk_chain - the links of a chain, for `cairn disk info`. */
#include "tools/disk_chain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *disk_store_name(const struct store *s, const char *path, char *buf, size_t size)
{
	if (strcmp(s->ops->name, "host") == 0)
		snprintf(buf, size, "%s", path);
	else
		snprintf(buf, size, "/vmfs/volumes/%s%s", s->name, path);
	return buf;
}

/* ---- looking --------------------------------------------------------------------------------- */

static void note_missing(struct disk_link *l, const char *file)
{
	size_t n = strlen(l->missing);

	snprintf(l->missing + n, sizeof(l->missing) - n, "%s%s", n ? ", " : "", file);
}

static void add_file(struct disk_link *l, struct store *s, const char *path, const char *shown)
{
	struct store_stat st;

	if (s->ops->stat(s, path, &st, NULL) != ST_OK) {
		note_missing(l, shown);
		return;
	}
	l->file_bytes += st.size_bytes;
	l->allocated_bytes += st.allocated_bytes;
	l->changed_s = MAX(l->changed_s, st.mtime_s);
}

static void add_extents(struct disk_link *l, struct vmdk_disk *d, int embedded)
{
	struct store *s = vmdk_store(d);
	struct vmdk_link_extent x;
	char path[HOST_PATH_MAX];

	for (uint32_t i = 0; vmdk_link_extent(d, i, &x); i++) {
		if (i == 0 && embedded)
			add_file(l, s, vmdk_path(d), x.file ? x.file : "?");
		else if (x.file && !x.on_device &&
			 vmdk_path_at(vmdk_path(d), x.file, path, sizeof(path)) == ST_OK)
			add_file(l, s, path, x.file);
	}
}

static void on_link(void *arg, struct vmdk_disk *d, uint32_t depth)
{
	struct disk_chain *chain = arg;
	struct vmdk_link_info info;
	struct disk_link *l = &chain->link[depth];

	if (depth >= DISK_LINKS_MAX)
		return;
	vmdk_link_info(d, &info);
	l->kind = info.kind;
	l->cid = info.cid;
	l->parent_cid = info.parent_cid;
	l->bytes = info.bytes;
	l->changed_s = INT64_MIN;
	snprintf(l->create_type, sizeof(l->create_type), "%s",
		 info.create_type ? info.create_type : "");
	snprintf(l->hint, sizeof(l->hint), "%s", info.parent_hint ? info.parent_hint : "");
	disk_store_name(vmdk_store(d), vmdk_path(d), l->name, sizeof(l->name));
	add_extents(l, d, info.embedded);
	chain->count = depth + 1;
}

enum status disk_chain_look(const struct host_path *at, unsigned flags, struct disk_chain *chain,
			    struct why *why)
{
	enum status st;

	*chain = (struct disk_chain){ 0 };
	if (flags & VMDK_FORMAT_RAW)
		return ST_OK;
	chain->link = calloc(DISK_LINKS_MAX, sizeof(*chain->link));
	if (!chain->link)
		return why_set(why, ST_NOMEM, "%s: no memory for its chain", at->name);
	st = vmdk_chain_walk(at->store, at->path, flags, on_link, chain, &chain->fault);
	(void)st;	/* it is chain->fault */
	return ST_OK;
}

void disk_chain_free(struct disk_chain *chain)
{
	free(chain->link);
	chain->link = NULL;
}

/* ---- telling --------------------------------------------------------------------------------- */

void disk_chain_print(const struct disk_chain *chain)
{
	char name[OUT_NAME_MAX], used[24], when[40];

	printf("\n%-5s %-16s %10s  %-8s %-8s  %-16s  %s\n", "DEPTH", "TYPE", "ALLOCATED", "ID",
	       "PARENT", "WRITTEN", "DISK");
	for (uint32_t i = 0; i < chain->count; i++) {
		const struct disk_link *l = &chain->link[i];

		printf("%-5u %-16.16s %10s  %08x ", i, l->create_type,
		       out_size(used, sizeof(used), l->allocated_bytes, 0), l->cid);
		if (l->parent_cid == 0xffffffffu)
			printf("%-8s", "-");
		else
			printf("%08x", l->parent_cid);
		printf("  %-16s  %s\n",
		       l->changed_s == INT64_MIN ? "-" :
		       out_time(when, sizeof(when), l->changed_s, 0),
		       out_name(name, sizeof(name), l->name));
		if (l->missing[0])
			printf("      missing: %s\n", out_name(name, sizeof(name), l->missing));
	}
	if (chain->fault.status != ST_OK)
		printf("      broken: %s\n", out_name(name, sizeof(name), chain->fault.text));
}

static json_t *text_or_null(const char *text)
{
	return text[0] ? out_json_name(text) : json_null();
}

static json_t *when_or_null(int64_t seconds)
{
	char when[40];

	if (seconds == INT64_MIN)
		return json_null();
	return json_string(out_time_utc(when, sizeof(when), seconds));
}

static json_t *age_or_null(int64_t seconds)
{
	if (seconds == INT64_MIN)
		return json_null();
	return json_integer((json_int_t)(port_wall_us() / 1000000) - seconds);
}

static json_t *cid_json(uint32_t cid)
{
	char text[9];

	snprintf(text, sizeof(text), "%08x", cid);
	return json_string(text);
}

json_t *disk_chain_json(const struct disk_chain *chain)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < chain->count; i++) {
		const struct disk_link *l = &chain->link[i];

		json_array_append_new(
		    list,
		    json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
			      "depth", (json_int_t)i, "disk", out_json_name(l->name),
			      "create_type", text_or_null(l->create_type), "size_bytes",
			      out_json_bytes(l->bytes), "file_bytes",
			      out_json_bytes(l->file_bytes), "allocated_bytes",
			      out_json_bytes(l->allocated_bytes), "cid", cid_json(l->cid),
			      "parent_cid", cid_json(l->parent_cid), "parent_hint",
			      text_or_null(l->hint), "modified", when_or_null(l->changed_s),
			      "age_seconds", age_or_null(l->changed_s), "missing",
			      text_or_null(l->missing)));
	}
	return list;
}
