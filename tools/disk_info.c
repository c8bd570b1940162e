/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* disk_info - what a disk is made of: itself, its extents, its chain; and as much of that as can be
 * told when it cannot be opened. */
#include <stdio.h>
#include <string.h>

#include "tools/disk_chain.h"
#include "tools/live.h"

static const char *alloc_word(const struct vmdk_info *i)
{
	static const char *const words[] = { "thin", "zeroedthick", "eagerzeroedthick" };

	return (size_t)i->alloc < ARRAY_COUNT(words) ? words[i->alloc] : "?";
}

static void cid_text(char buf[9], uint32_t cid) { snprintf(buf, 9, "%08x", cid); }

static void info_text(struct disk *d, const struct vmdk_info *i)
{
	char name[OUT_NAME_MAX], size[24], used[24];
	struct vmdk_extent_info x;

	printf("disk        %s\n", out_name(name, sizeof(name), d->at.name));
	printf("format      %s\n", disk_format_word(i->kind, i->alloc));
	if (i->kind != VMDK_RAW)
		printf("create type %s\nadapter     %s\nids         %08x, parent %08x\n"
		       "uuid        %s\n",
		       out_name(name, sizeof(name), i->create_type),
		       i->adapter[0] ? i->adapter : "-", i->cid, i->parent_cid,
		       i->uuid[0] ? i->uuid : "-");
	printf("size        %s (%llu bytes)\n", out_size(size, sizeof(size), i->bytes, 0),
	       (unsigned long long)i->bytes);
	printf("allocated   %s, %s\n", out_size(used, sizeof(used), i->allocated_bytes, 0),
	       alloc_word(i));
	if (i->kind != VMDK_RAW)
		printf("geometry    %u/%u/%u\n", i->cylinders, i->heads, i->sectors);
	if (i->dirty)
		printf("state       not closed cleanly: check it before use\n");
	for (uint32_t n = 0; n < i->extent_count; n++)
		if (vmdk_extent_info(d->vmdk, n, &x) == ST_OK)
			printf("%-11s %s %llu sectors, %s, '%s'\n", n ? "" : "extents", x.access,
			       (unsigned long long)x.sectors, x.type,
			       out_name(name, sizeof(name), x.file));
}

static json_t *extents_json(struct vmdk_disk *d, uint32_t count)
{
	json_t *list = json_array();
	struct vmdk_extent_info x;

	for (uint32_t n = 0; n < count; n++)
		if (vmdk_extent_info(d, n, &x) == ST_OK)
			json_array_append_new(
			    list, json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "access", x.access,
					    "type", x.type, "size_bytes",
					    out_json_bytes(x.sectors * SECTOR_BYTES), "file",
					    out_json_name(x.file), "file_bytes",
					    out_json_bytes(x.file_bytes), "allocated_bytes",
					    out_json_bytes(x.allocated_bytes)));
	return list;
}

static json_t *text_or_null(const char *text)
{
	return text[0] ? out_json_name(text) : json_null();
}

static json_t *info_json(struct disk *d, const struct vmdk_info *i, const struct disk_chain *chain)
{
	char cid[9], parent[9];

	cid_text(cid, i->cid);
	cid_text(parent, i->parent_cid);
	return json_pack(
	    "{s:o, s:s, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:{s:I, s:I, s:I}, s:b, s:b, s:o, "
	    "s:o, s:n}",
	    "disk", out_json_name(d->at.name), "format", disk_format_word(i->kind, i->alloc),
	    "create_type", text_or_null(i->create_type), "allocation", alloc_word(i), "size_bytes",
	    out_json_bytes(i->bytes), "allocated_bytes", out_json_bytes(i->allocated_bytes), "cid",
	    i->kind == VMDK_RAW ? json_null() : json_string(cid), "parent_cid",
	    i->kind == VMDK_RAW ? json_null() : json_string(parent), "adapter",
	    text_or_null(i->adapter), "uuid", text_or_null(i->uuid), "geometry", "cylinders",
	    (json_int_t)i->cylinders, "heads", (json_int_t)i->heads, "sectors",
	    (json_int_t)i->sectors, "thin_flag", i->thin_flag, "dirty", i->dirty, "extents",
	    extents_json(d->vmdk, i->extent_count), "chain", disk_chain_json(chain),
	    "chain_fault");
}

static enum status print_info(struct cmd *cmd, struct disk *d, unsigned flags, struct why *why)
{
	struct disk_chain chain;
	struct vmdk_info info;
	enum status st = vmdk_info(d->vmdk, &info);

	if (st == ST_OK)
		st = disk_chain_look(&d->at, flags, &chain, why);
	if (st != ST_OK)
		return st;
	if (cmd->json) {
		st = disk_print_one(cmd, "disk.info/1", info_json(d, &info, &chain));
	} else {
		info_text(d, &info);
		if (chain.count > 1)
			disk_chain_print(&chain);
	}
	disk_chain_free(&chain);
	return st;
}

enum status disk_info(struct cmd *cmd, const char *name, unsigned flags, struct why *why)
{
	struct disk d = { 0 };
	enum status st = disk_open(cmd, name, flags, &d, why);

	if (st == ST_OK)
		st = print_info(cmd, &d, flags, why);
	return disk_close(&d, st, why);
}

/* ---- of what cannot be opened ---------------------------------------------------------------- */

static json_t *broken_json(const struct host_path *at, const struct disk_chain *chain,
			   const char *fault)
{
	const struct disk_link *l = chain->link;
	char cid[9], parent[9];

	cid_text(cid, l->cid);
	cid_text(parent, l->parent_cid);
	return json_pack("{s:o, s:s, s:o, s:n, s:o, s:o, s:s, s:s, s:n, s:n, s:n, s:n, s:n, s:[], "
			 "s:o, s:o}",
			 "disk", out_json_name(at->name), "format",
			 disk_format_word(l->kind, VMDK_THIN), "create_type",
			 text_or_null(l->create_type), "allocation", "size_bytes",
			 out_json_bytes(l->bytes), "allocated_bytes",
			 out_json_bytes(l->allocated_bytes), "cid", cid, "parent_cid", parent,
			 "adapter", "uuid", "geometry", "thin_flag", "dirty", "extents", "chain",
			 disk_chain_json(chain), "chain_fault", out_json_name(fault));
}

int disk_info_broken(struct cmd *cmd, const char *name, unsigned flags, enum status st,
		     const struct why *why)
{
	struct disk_chain chain = { 0 };
	struct host_path at;
	json_t *items, *doc;

	if (host_resolve(cmd->host, name, HOST_READ, &at, NULL) != ST_OK ||
	    disk_chain_look(&at, flags, &chain, NULL) != ST_OK || chain.count == 0) {
		disk_chain_free(&chain);
		return cmd_fail(cmd, name, st, why);
	}
	if (cmd->json) {
		doc = out_doc("disk.info/1", &items);
		json_array_append_new(items, broken_json(&at, &chain, why->text));
		out_doc_fail(doc, st, name, why->text);
		if (live_print(cmd, doc) != 0)
			st = ST_DEVICE;
	} else {
		char text[OUT_NAME_MAX];

		printf("disk        %s\n", out_name(text, sizeof(text), at.name));
		disk_chain_print(&chain);
	}
	disk_chain_free(&chain);
	cmd_complain(cmd, name, st, why);
	return exit_of(st);
}
