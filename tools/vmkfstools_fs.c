/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* vmkfstools_fs - the main options that make and change file systems. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "iopath/base/fmt.h"
#include "iopath/part.h"
#include "tools/vmkfstools.h"

#define RECLAIM_UNIT_MAX 16384u	/* file blocks in one request: 16 GiB */

/* A line for people: not beside a JSON document. */
static void say(struct cmd *cmd, const char *format, ...) PRINTF_LIKE(2, 3);
static void say(struct cmd *cmd, const char *format, ...)
{
	va_list ap;

	if (cmd->json)
		return;
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
}

/* ---- -C -------------------------------------------------------------------------------------- */

static enum status check_type(struct cmd *cmd, struct why *why)
{
	const char *type = vmk_arg(cmd, "createfs");

	if (strcmp(type, "vmfs5") == 0 || strcmp(type, "vmfs6") == 0)
		return ST_OK;
	if (strcmp(type, "vmfs3") == 0 || strcmp(type, "vfat") == 0)
		return why_set(why, ST_UNSUPPORTED,
			       "%s is not made by this version; use -C vmfs5 or -C vmfs6", type);
	return why_set(why, ST_INVAL,
		       "'%.60s' is not a file system type; say -C vmfs5 or -C vmfs6", type);
}

static uint32_t version_of(struct cmd *cmd)
{
	return strcmp(vmk_arg(cmd, "createfs"), "vmfs6") == 0 ? 6 : 5;
}

/* ESXi trims nothing: a label with a blank at either end is refused. */
static enum status check_label(const char *label, struct why *why)
{
	size_t n = label ? strlen(label) : 0;

	if (n == 0)
		return ST_OK;
	if (n > 128 || label[0] == ' ' || label[n - 1] == ' ' || strchr(label, '/') ||
	    !fmt_utf8_valid(label, n))
		return why_set(why, ST_INVAL,
			       "the label '%.40s' cannot be used; write 1 to 128 bytes of UTF-8 "
			       "without '/' and without blanks at its ends",
			       label);
	return ST_OK;
}

static enum status check_sizes(struct cmd *cmd, struct why *why)
{
	const char *block = vmk_arg(cmd, "blocksize");
	uint64_t bytes;

	if (vmk_arg(cmd, "unmapGranularity") || vmk_arg(cmd, "unmapPriority"))
		return why_set(why, ST_UNSUPPORTED,
			       "unmap options are not supported: a VMFS-6 gets 1 MiB and low");
	if (!block)
		return ST_OK;
	if (fmt_parse_size(block, 1, &bytes) != ST_OK || bytes != MIB)
		return why_set(why, ST_INVAL, "block size '%.40s': VMFS has 1m", block);
	return ST_OK;
}

/* What would be lost: a volume, or the partitions of a whole device. 0: nothing that is known. */
static int what_is_there(struct io_dev *dev, char *text, size_t size)
{
	struct vmfs_probe probe;
	struct part_table t;
	char label[200];
	int found = 0;

	if (vmfs_probe(dev, &probe, NULL) == ST_OK) {
		snprintf(text, size, "the VMFS volume '%s'",
			 out_name(label, sizeof(label), probe.label));
		return 1;
	}
	if (part_table_read(dev, &t, NULL) != ST_OK)
		return 0;
	found = t.count > 0;
	snprintf(text, size, "a table of %u partitions", t.count);
	part_table_free(&t);
	return found;
}

/* What is there is overwritten only with consent: on a terminal by an answer, else --force. ESXi
 * itself formats without asking; losing a datastore to a typing error is too much for that. */
static enum status check_consent(struct cmd *cmd, struct io_dev *dev, uint8_t *force,
				 struct why *why)
{
	char question[600], found[250];

	*force = opt_has(&cmd->args, "force") > 0 || cmd->yes;
	if (*force || !what_is_there(dev, found, sizeof(found)))
		return ST_OK;
	snprintf(question, sizeof(question), "'%.150s' holds %s: all of it will be lost. Go on?",
		 vmk_target(cmd), found);
	if (isatty(STDIN_FILENO) && vmk_ask(cmd, question)) {
		*force = 1;
		return ST_OK;
	}
	return why_set(why, ST_EXIST, "'%.150s' holds %s; --force overwrites it", vmk_target(cmd),
		       found);
}

static enum status format(struct cmd *cmd, struct io_dev *dev, struct vmfs_uuid *uuid,
			  struct why *why)
{
	struct vmfs_mkfs_opts o = { .label = vmk_arg(cmd, "setfsname"),
				    .version = version_of(cmd), .block_bytes = (uint32_t)MIB };
	char size[24];
	enum status st = check_consent(cmd, dev, &o.force, why);

	if (st != ST_OK)
		return st;
	if (vmk_verbose(cmd) > 0)
		say(cmd, "Creating file system on \"%s\", %s, label \"%s\".\n", dev->name,
		    out_size(size, sizeof(size), dev->size_bytes, 0), o.label ? o.label : "");
	if (cmd->dry_run) {
		say(cmd, "would create VMFS-%u on '%s'\n", o.version, dev->name);
		return ST_OK;
	}
	return vmfs_mkfs(&dev, 1, &o, uuid, why);
}

static int created(struct cmd *cmd, const struct vmfs_uuid *uuid)
{
	char text[VMFS_UUID_TEXT];
	json_t *items, *doc;

	vmfs_uuid_format(uuid, text);
	if (!cmd->json) {
		if (!cmd->dry_run)
			printf("Successfully created new volume: %s\n", text);
		return EXIT_DONE;
	}
	doc = out_doc("vmkfstools.createfs/1", &items);
	json_array_append_new(
	    items, json_pack("{s:o, s:b, s:o}", "device", out_json_name(vmk_target(cmd)), "dry_run",
			     cmd->dry_run, "uuid", cmd->dry_run ? json_null() : json_string(text)));
	return out_doc_print(doc) == 0 ? EXIT_DONE : EXIT_FAILED;
}

int vmk_createfs(struct cmd *cmd)
{
	struct vmfs_uuid uuid = { 0 };
	struct io_dev *dev;
	struct why why = { 0 };
	enum status st = check_type(cmd, &why);

	if (st == ST_OK)
		st = check_label(vmk_arg(cmd, "setfsname"), &why);
	if (st == ST_OK)
		st = check_sizes(cmd, &why);
	if (st == ST_OK)
		st =
		    host_open_device(cmd->host, vmk_target(cmd),
				     cmd->dry_run ? 0 : IO_OPEN_WRITE | IO_OPEN_DIRECT, &dev, &why);
	if (st != ST_OK)
		return vmk_fail(cmd, "create file system on", vmk_target(cmd), st, &why);
	st = format(cmd, dev, &uuid, &why);
	io_dev_close(dev);
	return st == ST_OK ? created(cmd, &uuid) :
			     vmk_fail(cmd, "create file system on", vmk_target(cmd), st, &why);
}

/* ---- -Z, -G ---------------------------------------------------------------------------------- */

struct parts { struct io_dev *dev[HOST_DEVICES_MAX]; uint32_t count; };

static void close_parts(struct parts *p)
{
	while (p->count)
		io_dev_close(p->dev[--p->count]);
}

/* All devices of the volume that lives on this partition. */
static enum status open_volume(struct cmd *cmd, const char *name, struct parts *p, struct why *why)
{
	struct host_volume *v;
	enum status st = host_volume_find(cmd->host, name, &v, why);

	if (st != ST_OK)
		return st;
	return host_volume_open_devices(v, cmd->dry_run ? 0 : IO_OPEN_WRITE, p->dev, &p->count,
					why);
}

static int span_consent(struct cmd *cmd)
{
	char question[OUT_NAME_MAX + 100], name[OUT_NAME_MAX];

	snprintf(question, sizeof(question),
		 "All data on '%s' will be lost when it joins the volume. Go on?",
		 out_name(name, sizeof(name), vmk_arg(cmd, "spanfs")));
	return vmk_ask(cmd, question);
}

static enum status span(struct cmd *cmd, struct why *why)
{
	struct parts p = { .count = 0 };
	struct io_dev *added;
	enum status st = host_open_device(cmd->host, vmk_arg(cmd, "spanfs"),
					  cmd->dry_run ? 0 : IO_OPEN_WRITE, &added, why);

	if (st != ST_OK)
		return st;
	st = open_volume(cmd, vmk_target(cmd), &p, why);
	if (st == ST_OK && p.count == HOST_DEVICES_MAX)
		st = why_set(why, ST_LIMIT, "a volume has at most %d partitions", HOST_DEVICES_MAX);
	if (st == ST_OK && cmd->dry_run)
		say(cmd, "would add '%s' to the volume on '%s'\n", added->name, vmk_target(cmd));
	else if (st == ST_OK)
		st = vmfs_span(p.dev, p.count, added, why);
	close_parts(&p);
	io_dev_close(added);
	return st;
}

int vmk_spanfs(struct cmd *cmd)
{
	struct why why = { 0 };
	enum status st;

	if (!span_consent(cmd))
		return EXIT_FAILED;
	st = span(cmd, &why);
	if (st != ST_OK)
		return vmk_fail(cmd, "span file system on", vmk_target(cmd), st, &why);
	if (!cmd->dry_run)
		say(cmd, "Successfully added \"%s\" to the file system on \"%s\".\n",
		    vmk_arg(cmd, "spanfs"), vmk_target(cmd));
	return vmk_done(cmd, "spanfs", NULL);
}

int vmk_growfs(struct cmd *cmd)
{
	struct parts p = { .count = 0 };
	struct why why = { 0 };
	uint64_t added = 0;
	char size[24];
	enum status st = ST_OK;

	if (strcmp(vmk_arg(cmd, "growfs"), vmk_target(cmd)) != 0)
		st = why_set(&why, ST_INVAL, "-G takes the same partition twice");
	if (st == ST_OK)
		st = open_volume(cmd, vmk_target(cmd), &p, &why);
	if (st == ST_OK && cmd->dry_run)
		say(cmd, "would grow the volume on '%s' into its partition\n", vmk_target(cmd));
	else if (st == ST_OK)
		st = vmfs_grow(p.dev, p.count, &added, &why);
	close_parts(&p);
	if (st != ST_OK)
		return vmk_fail(cmd, "grow file system on", vmk_target(cmd), st, &why);
	if (!cmd->dry_run && added)
		say(cmd, "Successfully grew the file system on \"%s\" by %s.\n", vmk_target(cmd),
		    out_size(size, sizeof(size), added, 0));
	else if (!cmd->dry_run)
		say(cmd, "The file system on \"%s\" fills its partition already.\n",
		    vmk_target(cmd));
	return vmk_done(cmd, "growfs", NULL);
}

/* ---- -T, -y ---------------------------------------------------------------------------------- */

int vmk_upgradefs(struct cmd *cmd)
{
	struct why why = { 0 };

	why_set(&why, ST_UNSUPPORTED,
		"only VMFS-3 can be upgraded to VMFS-5, and this version reads VMFS-3 "
		"and does not change it; copy its disks to a new volume with -i");
	return vmk_fail(cmd, "upgrade file system", vmk_target(cmd), ST_UNSUPPORTED, &why);
}

static int on_reclaim(void *arg, uint64_t done_bytes, uint64_t total_bytes)
{
	return progress_update(arg, done_bytes, total_bytes);
}

static enum status reclaim_plan(struct cmd *cmd, struct vmfs_volume *vol, struct why *why)
{
	struct vmfs_info *info = calloc(1, sizeof(*info));
	char size[24];
	enum status st = info ? vmfs_info(vol, info, why) : ST_NOMEM;

	if (st == ST_OK)
		say(cmd, "would give back up to %s\n",
		    out_size(size, sizeof(size), info->blocks.free * info->block_bytes, 0));
	free(info);
	return st;
}

static enum status reclaim(struct cmd *cmd, struct vmfs_volume *vol, struct why *why)
{
	const char *name = vmk_arg(cmd, "reclaimBlocks");
	uint64_t unit = opt_number(&cmd->args, "reclaimBlocksUnit", 0), bytes = 0;
	struct progress p;
	char size[24];
	enum status st;

	if (unit > RECLAIM_UNIT_MAX)
		return why_set(why, ST_INVAL, "--reclaimBlocksUnit takes 1 to %u",
			       RECLAIM_UNIT_MAX);
	disk_progress(cmd, &p, "Reclaim", "reclaim", name);
	st = vmfs_reclaim(vol, (uint32_t)unit, on_reclaim, &p, &bytes);
	progress_end(&p, st == ST_OK);
	if (st == ST_UNSUPPORTED)
		return why_set(why, st, "%s: a device below it cannot take blocks back", name);
	if (st != ST_OK)
		return why_set(why, st, "%s: %s, after %llu bytes", name, status_text(st),
			       (unsigned long long)bytes);
	say(cmd, "%s given back. On ESXi 5.5 and later: esxcli storage vmfs unmap\n",
	    out_size(size, sizeof(size), bytes, 0));
	return ST_OK;
}

/* ESX 5.0 took a percentage and worked in the current directory; that form is not kept. */
int vmk_reclaim(struct cmd *cmd)
{
	const char *name = vmk_arg(cmd, "reclaimBlocks");
	struct host_volume *v;
	struct vmfs_volume *vol;
	struct why why = { 0 };
	enum status st = host_volume_find(cmd->host, name, &v, &why);

	if (st == ST_OK)
		st = host_volume_mount(v, cmd_write_access(cmd), &vol, &why);
	if (st == ST_OK)
		st = cmd->dry_run ? reclaim_plan(cmd, vol, &why) : reclaim(cmd, vol, &why);
	return st == ST_OK ? vmk_done(cmd, "reclaim", NULL) :
			     vmk_fail(cmd, "reclaim blocks of", name, st, &why);
}
