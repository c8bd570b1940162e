/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* volume_make - `cairn volume create`, `grow` and `span`: what changes a volume's devices. What
 * lies on a device is looked for, and named, before it is asked to be given up. */
#include "tools/volume.h"

#include <stdio.h>
#include <string.h>

/* ---- create ---------------------------------------------------------------------------------- */

/* What would be lost on a device: a volume, or a partition table. "" when nothing is known. */
static void what_is_on(struct cmd *cmd, const char *name, char *buf, size_t size)
{
	struct vmfs_probe probe;
	struct io_dev *dev;
	char part[300];

	buf[0] = 0;
	if (host_open_device(cmd->host, name, 0, &dev, NULL) != ST_OK)
		return;
	if (vmfs_probe(dev, &probe, NULL) == ST_OK)
		snprintf(buf, size, "the volume '%.60s'",
			 probe.first_pe == 0 ? probe.label : "(extent)");
	io_dev_close(dev);
	snprintf(part, sizeof(part), "%.290s:1", name);
	if (!buf[0] && host_open_device(cmd->host, part, 0, &dev, NULL) == ST_OK) {
		snprintf(buf, size, "a partition table");
		io_dev_close(dev);
	}
}

/* Ask for each device that holds something. 0: no consent; *force: something was there. */
static int may_overwrite(struct cmd *cmd, uint8_t *force)
{
	for (size_t i = 0; i < cmd->args.operand_count; i++) {
		char found[100], question[500];

		what_is_on(cmd, cmd->args.operand[i], found, sizeof(found));
		if (!found[0])
			continue;
		snprintf(question, sizeof(question),
			 "%.200s holds %s: all of it would be lost. Go on?", cmd->args.operand[i],
			 found);
		if (!cmd->dry_run && !cmd_consent(cmd, question))
			return 0;
		*force = 1;
	}
	return 1;
}

static enum status open_operands(struct cmd *cmd, size_t from, unsigned flags,
				 struct io_dev *devs[HOST_DEVICES_MAX], uint32_t *count,
				 struct why *why)
{
	enum status st = ST_OK;

	*count = 0;
	if (cmd->args.operand_count - from > HOST_DEVICES_MAX)
		return why_set(why, ST_LIMIT, "a volume has at most %d devices", HOST_DEVICES_MAX);
	for (size_t i = from; st == ST_OK && i < cmd->args.operand_count; i++) {
		st = host_open_device(cmd->host, cmd->args.operand[i], flags, &devs[*count], why);
		*count += st == ST_OK;
	}
	if (st != ST_OK) {
		volume_close_devices(devs, *count);
		*count = 0;
	}
	return st;
}

static void mkfs_progress(void *arg, uint64_t done, uint64_t total)
{
	(void)progress_update(arg, done, total); /* mkfs is not stopped half-way: it is short */
}

static enum status make_volume(struct cmd *cmd, struct vmfs_mkfs_opts *opts, struct vmfs_uuid *uuid,
			       struct why *why)
{
	struct io_dev *devs[HOST_DEVICES_MAX];
	struct progress progress;
	uint32_t count;
	enum status st = open_operands(cmd, 0, IO_OPEN_WRITE | IO_OPEN_DIRECT, devs, &count, why);

	if (st != ST_OK)
		return st;
	cmd_progress(cmd, &progress);
	progress_phase(&progress, "format", cmd->args.operand[0], 0);
	opts->progress = mkfs_progress;
	opts->progress_arg = &progress;
	st = vmfs_mkfs(devs, count, opts, uuid, why);
	progress_end(&progress, st == ST_OK);
	volume_close_devices(devs, count);
	return st;
}

/* uuid NULL: a dry run, there is none. */
static int create_json(struct cmd *cmd, const char *uuid, const char *label)
{
	json_t *items, *doc = out_doc(cmd->verb->schema, &items);

	json_array_append_new(items, json_pack("{s:s?, s:o, s:b}", "uuid", uuid, "label",
					       label ? out_json_name(label) : json_null(),
					       "dry_run", cmd->dry_run));
	return out_doc_print(doc) == 0 ? EXIT_DONE : EXIT_FAILED;
}

int volume_create(struct cmd *cmd)
{
	const char *type = opt_text(&cmd->args, "type", "vmfs5");
	struct vmfs_mkfs_opts opts = { .label = opt_text(&cmd->args, "label", NULL),
				       .version = strcmp(type, "vmfs6") == 0 ? 6 : 5,
				       .ats_only = opt_has(&cmd->args, "ats-only") > 0 };
	char text[VMFS_UUID_TEXT], label[OUT_NAME_MAX];
	struct why why = { 0 };
	struct vmfs_uuid uuid;
	enum status st;

	if (!may_overwrite(cmd, &opts.force))
		return EXIT_REFUSED;
	out_name(label, sizeof(label), opts.label ? opts.label : "");
	if (cmd->dry_run && cmd->json)
		return create_json(cmd, NULL, opts.label);
	if (cmd->dry_run) {
		printf("would create VMFS-%u volume '%s' on %zu device(s)%s\n", opts.version,
		       label, cmd->args.operand_count, opts.force ? ", over what is there" : "");
		return EXIT_DONE;
	}
	st = make_volume(cmd, &opts, &uuid, &why);
	if (st != ST_OK)
		return cmd_fail(cmd, cmd->args.operand[0], st, &why);
	vmfs_uuid_format(&uuid, text);
	if (cmd->json)
		return create_json(cmd, text, opts.label);
	printf("created volume %s%s%s\n", text, opts.label ? " labelled " : "", label);
	return EXIT_DONE;
}

/* ---- grow, span ------------------------------------------------------------------------------ */

/* rest: the keys of the one verb; its reference goes. */
static int changed_json(struct cmd *cmd, const struct host_volume *v, json_t *rest)
{
	json_t *items, *doc = out_doc(cmd->verb->schema, &items);

	json_object_set_new(rest, "volume", out_json_name(host_volume_name(v)));
	json_object_set_new(rest, "uuid", json_string(host_volume_uuid(v)));
	json_object_set_new(rest, "dry_run", json_boolean(cmd->dry_run));
	json_array_append_new(items, rest);
	return out_doc_print(doc) == 0 ? EXIT_DONE : EXIT_FAILED;
}

static int grown_json(struct cmd *cmd, const struct host_volume *v, uint64_t added)
{
	return changed_json(cmd, v, json_pack("{s:o}", "added_bytes", out_json_bytes(added)));
}

int volume_grow(struct cmd *cmd)
{
	struct io_dev *devs[HOST_DEVICES_MAX];
	struct why why = { 0 };
	struct host_volume *v;
	uint64_t added = 0;
	uint32_t count;
	char size[24];
	enum status st = volume_find(cmd, &v, &why);

	if (st == ST_OK)
		st = host_volume_open_devices(
			v, IO_OPEN_DIRECT | (cmd->dry_run ? 0 : IO_OPEN_WRITE), devs, &count, &why);
	if (st != ST_OK)
		return cmd_fail(cmd, volume_operand(cmd), st, &why);
	if (cmd->dry_run) {
		uint64_t have = devs[count - 1]->size_bytes,
			 used = host_volume_probe(v)->device_bytes;

		added = have > used ? have - used : 0;
		cmd_plan(cmd, "grow %s: its last device has %s more than the volume knows",
			 host_volume_name(v), out_size(size, sizeof(size), added, 0));
		volume_close_devices(devs, count);
		return cmd->json ? grown_json(cmd, v, added) : EXIT_DONE;
	}
	st = vmfs_grow(devs, count, &added, &why);
	volume_close_devices(devs, count);
	if (st != ST_OK)
		return cmd_fail(cmd, volume_operand(cmd), st, &why);
	if (cmd->json)
		return grown_json(cmd, v, added);
	if (added)
		printf("%s grew by %s\n", host_volume_name(v),
		       out_size(size, sizeof(size), added, 0));
	else
		printf("%s has all the room of its devices already\n", host_volume_name(v));
	return EXIT_DONE;
}

static enum status span(struct cmd *cmd, struct host_volume *v, struct why *why)
{
	struct io_dev *devs[HOST_DEVICES_MAX], *added;
	uint32_t count;
	enum status st =
		host_volume_open_devices(v, IO_OPEN_WRITE | IO_OPEN_DIRECT, devs, &count, why);

	if (st != ST_OK)
		return st;
	st = host_open_device(cmd->host, cmd->args.operand[1], IO_OPEN_WRITE | IO_OPEN_DIRECT,
			      &added, why);
	if (st == ST_OK) {
		st = vmfs_span(devs, count, added, why);
		io_dev_close(added);
	}
	volume_close_devices(devs, count);
	return st;
}

static int spanned_json(struct cmd *cmd, const struct host_volume *v)
{
	return changed_json(cmd, v, json_pack("{s:o}", "device",
					      out_json_name(cmd->args.operand[1])));
}

int volume_span(struct cmd *cmd)
{
	struct why why = { 0 };
	struct host_volume *v;
	char found[100], question[500];
	enum status st = volume_find(cmd, &v, &why);

	if (st != ST_OK)
		return cmd_fail(cmd, cmd->args.operand[0], st, &why);
	what_is_on(cmd, cmd->args.operand[1], found, sizeof(found));
	snprintf(question, sizeof(question),
		 "%.200s becomes a part of %.130s: %s on it would be lost. Go on?",
		 cmd->args.operand[1], host_volume_name(v), found[0] ? found : "what is");
	if (cmd->dry_run) {
		cmd_plan(cmd, "add %s to %s%s%s", cmd->args.operand[1], host_volume_name(v),
			 found[0] ? ", over " : "", found);
		return cmd->json ? spanned_json(cmd, v) : EXIT_DONE;
	}
	if (!cmd_consent(cmd, question))
		return EXIT_REFUSED;
	st = span(cmd, v, &why);
	if (st != ST_OK)
		return cmd_fail(cmd, cmd->args.operand[1], st, &why);
	if (cmd->json)
		return spanned_json(cmd, v);
	printf("%s lies on %s too\n", host_volume_name(v), cmd->args.operand[1]);
	return EXIT_DONE;
}
