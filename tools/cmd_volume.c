/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* cmd_volume - `cairn volume`: the table of its verbs, and those that only look: what datastores
 * there are, and what is in one. */
#include "tools/volume.h"
#include "tools/live.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


/* ---- shared ---------------------------------------------------------------------------------- */

static void version_text(const struct vmfs_probe *p, char *buf, size_t size)
{
	static const struct { uint32_t raw, shown; } majors[] = { { 4, 3 }, { 14, 5 }, { 24, 6 } };
	uint32_t major = p->fs_major;

	for (size_t i = 0; i < ARRAY_COUNT(majors); i++)
		if (majors[i].raw == p->fs_major)
			major = majors[i].shown;
	if (p->first_pe != 0)
		snprintf(buf, size, "?");
	else
		snprintf(buf, size, "VMFS-%u.%u", major, p->fs_minor);
}

static json_t *json_devices(const struct host_volume *v)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < host_volume_devices(v); i++)
		json_array_append_new(list, out_json_name(host_volume_device(v, i)));
	return list;
}

enum status volume_find(struct cmd *cmd, struct host_volume **v, struct why *why)
{
	enum status st;

	if (cmd->args.operand_count)
		return host_volume_find(cmd->host, cmd->args.operand[0], v, why);
	st = host_scan(cmd->host, why);
	if (st != ST_OK)
		return st;
	if (host_volume_count(cmd->host) == 1) {
		*v = host_volume_at(cmd->host, 0);
		return ST_OK;
	}
	return why_set(why, ST_INVAL, "there are %zu volumes; name one",
		       host_volume_count(cmd->host));
}

const char *volume_operand(const struct cmd *cmd)
{
	return cmd->args.operand_count ? cmd->args.operand[0] : NULL;
}

void volume_close_devices(struct io_dev **devs, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		io_dev_close(devs[i]);
}

/* ---- list ------------------------------------------------------------------------------------ */

static const struct out_column list_columns[] = {
	{ "label", 0 }, { "version", 0 }, { "size", 1 },    { "free", 1 },
	{ "state", 0 }, { "uuid", 0 },	  { "devices", 0 },
};

struct listed {
	const char		*state;		/* "ok", "incomplete", or the word of a status */
	struct store_space	space;
	int			known;		/* space is */
};

static void look(struct cmd *cmd, struct host_volume *v, struct listed *l)
{
	struct vmfs_volume *vol;
	struct why why = { 0 };
	enum status st;

	*l = (struct listed){ .state = "incomplete" };
	if (host_volume_devices(v) < host_volume_probe(v)->num_devs)
		return;
	st = host_volume_mount(v, HOST_READ, &vol, &why);
	if (st == ST_OK)
		st = vmfs_store(vol)->ops->space(vmfs_store(vol), &l->space);
	l->known = st == ST_OK;
	l->state = status_word(st);
	if (st != ST_OK)
		cmd_complain(cmd, host_volume_name(v), st, &why);
}

static void device_text(const struct host_volume *v, char *buf, size_t size)
{
	size_t used = 0;
	char safe[300];

	buf[0] = 0;
	for (uint32_t i = 0; i < host_volume_devices(v) && used < size - 1; i++)
		used += (size_t)snprintf(buf + used, size - used, "%s%s", i ? " " : "",
					 out_name(safe, sizeof(safe), host_volume_device(v, i)));
	if (host_volume_devices(v) < host_volume_probe(v)->num_devs && used < size - 1)
		snprintf(buf + used, size - used, " (%u of %u)", host_volume_devices(v),
			 host_volume_probe(v)->num_devs);
}

static int list_row(struct cmd *cmd, struct out_table *t, struct host_volume *v,
		    const struct listed *l)
{
	const struct vmfs_probe *p = host_volume_probe(v);
	char label[OUT_NAME_MAX], version[24], size[24], free_text[24], devices[1200];
	const char *const cells[] = { label,	 version,  size,
				      free_text, l->state, host_volume_uuid(v),
				      devices };

	out_name(label, sizeof(label), p->first_pe == 0 && p->label[0] ? p->label : "-");
	version_text(p, version, sizeof(version));
	out_size(size, sizeof(size), l->known ? l->space.total_bytes : p->logical_bytes,
		 cmd->exact);
	if (l->known)
		out_size(free_text, sizeof(free_text), l->space.free_bytes, cmd->exact);
	else
		snprintf(free_text, sizeof(free_text), "-");
	device_text(v, devices, sizeof(devices));
	return out_table_row(t, cells);
}

static json_t *list_json(const struct host_volume *v, const struct listed *l)
{
	const struct vmfs_probe *p = host_volume_probe(v);
	char version[24];

	version_text(p, version, sizeof(version));
	return json_pack("{s:o, s:s, s:o, s:o, s:o, s:s, s:o, s:i}", "label",
			 p->first_pe == 0 && p->label[0] ? out_json_name(p->label) : json_null(),
			 "uuid", host_volume_uuid(v), "version",
			 p->first_pe == 0 ? json_string(version) : json_null(), "size_bytes",
			 out_json_bytes(l->known ? l->space.total_bytes : p->logical_bytes),
			 "free_bytes", l->known ? out_json_bytes(l->space.free_bytes) : json_null(),
			 "state", l->state, "devices", json_devices(v), "device_count",
			 (int)p->num_devs);
}

static int print_list(struct cmd *cmd, struct out_table *t)
{
	const struct opt_args *a = &cmd->args;
	char bad[64];

	if (out_table_print(t, stdout, opt_has(a, "-H") ? OUT_TABS : OUT_COLUMNS,
			    opt_text(a, "-o", NULL), bad) == 0)
		return EXIT_DONE;
	return cmd_usage(cmd, "-o: there is no column '%s'", bad);
}

static int volume_list(struct cmd *cmd)
{
	struct why why = { 0 };
	json_t *items, *doc = cmd->json ? out_doc(cmd->verb->schema, &items) : NULL;
	enum status st = host_scan(cmd->host, &why);
	struct out_table *t = out_table_create(list_columns, ARRAY_COUNT(list_columns));
	struct host_volume *v;
	int code = EXIT_DONE;

	if (st != ST_OK || !t) {
		out_table_destroy(t);
		json_decref(doc);
		return cmd_fail(cmd, NULL, st == ST_OK ? ST_NOMEM : st, &why);
	}
	for (size_t i = 0; (v = host_volume_at(cmd->host, i)) != NULL && code == EXIT_DONE; i++) {
		struct listed l;

		look(cmd, v, &l);
		if (doc)
			json_array_append_new(items, list_json(v, &l));
		else if (list_row(cmd, t, v, &l) != 0)
			code = cmd_fail(cmd, NULL, ST_NOMEM, NULL);
	}
	if (doc)
		code = live_print(cmd, doc) == 0 ? code : EXIT_FAILED;
	else if (code == EXIT_DONE)
		code = print_list(cmd, t);
	out_table_destroy(t);
	return code;
}

/* ---- show ------------------------------------------------------------------------------------ */

struct hosts {
	json_t	*list;		/* NULL: print */
	size_t	count;
};

static int show_host(void *arg, const struct vmfs_host_slot *s)
{
	struct hosts *h = arg;
	char owner[VMFS_UUID_TEXT], address[64], generation[24];
	const uint8_t *m = s->owner.b + 10;

	vmfs_uuid_format(&s->owner, owner);
	out_name(address, sizeof(address), s->address);
	snprintf(generation, sizeof(generation), "%llu", (unsigned long long)s->generation);
	h->count++;
	if (h->list)
		return json_array_append_new(
			h->list,
			json_pack("{s:s, s:o, s:s, s:o, s:o, s:b, s:s, s:f}", "uuid", owner,
				  "address",
				  s->address[0] ? out_json_name(s->address) : json_null(),
				  "generation", generation, "slot_at_bytes",
				  out_json_bytes(s->slot_at), "journal_at_bytes",
				  s->journal_at ? out_json_bytes(s->journal_at) : json_null(),
				  "ours", s->ours, "state", live_word(s), "still_seconds",
				  (double)s->still_ns / 1e9));
	printf("%s  %s  MAC %02x:%02x:%02x:%02x:%02x:%02x  %s  %s%s\n",
	       h->count == 1 ? "heartbeats " : "           ", owner, m[0], m[1], m[2], m[3], m[4],
	       m[5], address, live_word(s), s->ours ? " (this process)" : "");
	return 0;
}

static void print_count(const char *what, const struct vmfs_count *c)
{
	printf("%-11s  %llu of %llu free\n", what, (unsigned long long)c->free,
	       (unsigned long long)c->total);
}

static void show_text(struct vmfs_volume *vol, const struct vmfs_info *i, const char *uuid)
{
	char label[OUT_NAME_MAX], version[24], size[24], free_text[24], block[24], when[32],
		dev[300];
	struct hosts hosts = { 0 };

	version_text(&i->head, version, sizeof(version));
	printf("label        %s\nuuid         %s\nversion      %s\n",
	       out_name(label, sizeof(label), i->head.label), uuid, version);
	printf("size         %s, %s free, file blocks of %s\n",
	       out_size(size, sizeof(size), i->blocks.total * i->block_bytes, 0),
	       out_size(free_text, sizeof(free_text), i->blocks.free * i->block_bytes, 0),
	       out_size(block, sizeof(block), i->block_bytes, 0));
	printf("locking      %s\n", i->head.ats_only ? "ATS only" : "ATS, or reservations");
	printf("created      %s\n", out_time(when, sizeof(when), (int64_t)i->creation_s, 0));
	print_count("blocks", &i->blocks);
	print_count("files", &i->fds);
	print_count("sub-blocks", &i->sub_blocks);
	print_count("pointers", &i->pbs);
	print_count("pointers 2", &i->pb2s);
	for (uint32_t d = 0; d < i->dev_count; d++)
		printf("%-11s  %s\n", d ? "" : "devices",
		       out_name(dev, sizeof(dev), i->dev_name[d]));
	if (vmfs_hosts(vol, show_host, &hosts) != ST_OK)
		printf("heartbeats   cannot be read\n");
	else if (hosts.count == 0)
		printf("heartbeats   none: no host has the volume open\n");
}

static json_t *json_count(const struct vmfs_count *c)
{
	return json_pack("{s:I, s:I}", "total", (json_int_t)c->total, "free", (json_int_t)c->free);
}

static json_t *show_json(struct vmfs_volume *vol, const struct vmfs_info *i,
			 const struct host_volume *v)
{
	struct hosts hosts = { .list = json_array() };
	char version[24], when[24];
	int known = vmfs_hosts(vol, show_host, &hosts) == ST_OK;

	if (!known) {
		json_decref(hosts.list);
		hosts.list = json_null();
	}
	version_text(&i->head, version, sizeof(version));
	return json_pack(
		"{s:o, s:s, s:s, s:o, s:o, s:i, s:i, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b}",
		"label", i->head.label[0] ? out_json_name(i->head.label) : json_null(), "uuid",
		host_volume_uuid(v), "version", version, "size_bytes",
		out_json_bytes(i->blocks.total * i->block_bytes), "free_bytes",
		out_json_bytes(i->blocks.free * i->block_bytes), "block_bytes", (int)i->block_bytes,
		"sub_block_bytes", (int)i->sub_block_bytes, "created_time",
		out_time_utc(when, sizeof(when), (int64_t)i->creation_s), "blocks",
		json_count(&i->blocks), "files", json_count(&i->fds), "sub_blocks",
		json_count(&i->sub_blocks), "pointer_blocks", json_count(&i->pbs),
		"pointer_blocks_2", json_count(&i->pb2s), "devices", json_devices(v), "heartbeats",
		hosts.list, "ats_only", i->head.ats_only);
}

static int volume_show(struct cmd *cmd)
{
	struct vmfs_info *info = calloc(1, sizeof(*info));
	struct why why = { 0 };
	struct host_volume *v;
	struct vmfs_volume *vol;
	enum status st = info ? volume_find(cmd, &v, &why) : ST_NOMEM;
	int code;

	if (st == ST_OK)
		st = host_volume_mount(v, HOST_READ, &vol, &why);
	if (st == ST_OK && (cmd->json || cmd->quiet))	/* else the first line has watched */
		st = vmfs_hosts_watch(vol, LIVE_WATCH_NS);
	if (st == ST_OK)
		st = vmfs_info(vol, info, &why);
	if (st != ST_OK) {
		code = cmd_fail(cmd, volume_operand(cmd), st, &why);
	} else if (cmd->json) {
		json_t *items, *doc = out_doc(cmd->verb->schema, &items);

		json_array_append_new(items, show_json(vol, info, v));
		code = live_print(cmd, doc) == 0 ? EXIT_DONE : EXIT_FAILED;
	} else {
		show_text(vol, info, host_volume_uuid(v));
		code = EXIT_DONE;
	}
	free(info);
	return code;
}

/* ---- the table ------------------------------------------------------------------------------- */

static const struct opt create_opts[] = {
	{ "label", 'l', OPT_TEXT, "NAME", "the volume's name, up to 128 bytes" },
	{ "type", 't', OPT_WORD, "vmfs5|vmfs6", "which file system; vmfs5 when it is not said" },
	{ "ats-only", 0, OPT_NONE, NULL, "refuse hosts whose devices cannot compare and write" },
};

static const struct verb volume_verbs[] = {
	{ .noun = "volume", .name = "list", .operands = "",
	  .flags = VERB_DEVICES | VERB_AGAIN | VERB_JSON | VERB_TABLE,
	  .brief = "list the volumes on the known devices", .schema = "volume.list/1",
	  .run = volume_list },
	{ .noun = "volume", .name = "show", .operands = "[VOLUME]", .operands_max = 1,
	  .flags = VERB_DEVICES | VERB_AGAIN | VERB_JSON,
	  .brief = "show what a volume is, holds and who uses it",
	  .schema = "volume.show/1", .operand_kind = "volume", .run = volume_show },
	{ .noun = "volume", .name = "create", .operands = "DEVICE ...", .operands_min = 1,
	  .operands_max = HOST_DEVICES_MAX,
	  .flags = VERB_DEVICES | VERB_JSON | VERB_WRITES | VERB_ASKS | VERB_PROGRESS,
	  .brief = "make a VMFS volume on one or more devices", VERB_OPTS(create_opts),
	  .writes = "the devices named", .schema = "volume.create/1", .operand_kind = "device",
	  .run = volume_create },
	{ .noun = "volume", .name = "grow", .operands = "[VOLUME]", .operands_max = 1,
	  .flags = VERB_DEVICES | VERB_WRITES | VERB_JSON,
	  .brief = "take the new room of a volume's last device",
	  .writes = "the volume's devices", .schema = "volume.grow/1",
	  .operand_kind = "volume", .run = volume_grow },
	{ .noun = "volume", .name = "span", .operands = "VOLUME DEVICE", .operands_min = 2,
	  .operands_max = 2,
	  .flags = VERB_DEVICES | VERB_WRITES | VERB_ASKS | VERB_JSON,
	  .brief = "add a device to a volume", .schema = "volume.span/1",
	  .writes = "the volume's devices and the new one", .operand_kind = "volume",
	  .run = volume_span },
	{ .noun = "volume", .name = "check", .operands = "[VOLUME]", .operands_max = 1,
	  .flags = VERB_DEVICES | VERB_JSON | VERB_PROGRESS,
	  .brief = "check all structures of a volume",
	  .schema = "volume.check/1", .operand_kind = "volume", .run = volume_check },
	{ .noun = "volume", .name = "repair", .operands = "[VOLUME]", .operands_max = 1,
	  .flags = VERB_DEVICES | VERB_JSON | VERB_PROGRESS | VERB_WRITES,
	  .brief = "check a volume and repair what needs no guess",
	  .writes = "the volume's devices",
	  .schema = "volume.check/1", .operand_kind = "volume", .run = volume_repair },
};

const struct noun noun_volume = { "volume", "VMFS volumes (datastores)", volume_verbs,
				  ARRAY_COUNT(volume_verbs) };
