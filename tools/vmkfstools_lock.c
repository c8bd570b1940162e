/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* vmkfstools_lock - -B: take away the management lock that a host which died while it grew or
 * spanned a volume has left in its LVM header. Nobody can tell from the disk whether that host
 * still works on the header; so people are asked, and where heartbeats are young, asked twice. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/check.h"
#include "tools/vmkfstools.h"

struct breaking {
	struct cmd		*cmd;
	struct io_dev		*dev[HOST_DEVICES_MAX];
	uint32_t		count;
	struct vmfs_header_lock	lock;
};

static void say_lock(const struct breaking *b)
{
	char uuid[VMFS_UUID_TEXT], when[32] = "an unknown time", name[OUT_NAME_MAX];

	vmfs_uuid_format(&b->lock.owner, uuid);
	if (b->lock.when_us)
		out_time(when, sizeof(when), (int64_t)(b->lock.when_us / 1000000), 0);
	fprintf(stderr, "LVM on device %s is locked by host %s since %s.\n"
		"If that host is still changing the volume, breaking its lock can destroy the "
		"data.\n",
		out_name(name, sizeof(name), b->dev[0]->name), uuid, when);
}

/* A host beats on the volume: the name of the device, typed, or --force. */
static enum status consent_beside_hosts(struct breaking *b, uint32_t hosts, struct why *why)
{
	struct cmd *cmd = b->cmd;
	char typed[300] = "";

	if (opt_has(&cmd->args, "force") || cmd->dry_run)
		return ST_OK;
	if (isatty(STDIN_FILENO) && isatty(STDERR_FILENO)) {
		fprintf(stderr, "%u hosts beat on this volume. Type the name of the device, '%s', "
			"to go on: ", hosts, b->dev[0]->name);
		fflush(stderr);
		if (fgets(typed, sizeof(typed), stdin))
			typed[strcspn(typed, "\n")] = 0;
		if (strcmp(typed, b->dev[0]->name) == 0)
			return ST_OK;
	}
	return why_set(why, ST_BUSY, "%u hosts beat on this volume; --force breaks the lock all "
		       "the same", hosts);
}

static enum status consent(struct breaking *b, struct why *why)
{
	struct check_liveness live;
	enum status st = check_liveness(b->dev, b->count, NULL, &live, why);

	say_lock(b);
	if (st == ST_OK && live.live)
		return consent_beside_hosts(b, live.live, why);
	if (st == ST_CANCELLED)
		return st;
	if (st != ST_OK)	/* of a volume that cannot be read the heartbeats are not known */
		fprintf(stderr, "The heartbeats cannot be read: nobody can tell whether a host is "
			"alive.\n");
	return vmk_ask(b->cmd, "Break the lock?") ? ST_OK
						  : why_set(why, ST_CANCELLED, "not confirmed");
}

static enum status break_lock(struct breaking *b, struct why *why)
{
	enum status st = vmfs_header_lock_look(b->dev, b->count, &b->lock, why);

	if (st != ST_OK || !b->lock.devices)
		return st;
	st = consent(b, why);
	if (st != ST_OK || b->cmd->dry_run)
		return st;
	return vmfs_header_lock_clear(b->dev, b->count, why);
}

int vmk_breaklock(struct cmd *cmd)
{
	struct breaking b = { .cmd = cmd };
	struct host_volume *v;
	struct why why = { 0 };
	enum status st = host_volume_find(cmd->host, vmk_target(cmd), &v, &why);

	if (st == ST_OK)
		st = host_volume_open_devices(v, cmd->dry_run ? 0 : IO_OPEN_WRITE, b.dev, &b.count,
					      &why);
	if (st == ST_OK)
		st = break_lock(&b, &why);
	if (st == ST_OK && !cmd->json)
		printf(!b.lock.devices ? "Device %s is not locked: there is no lock to break.\n"
		       : cmd->dry_run  ? "would break the lock on device %s\n"
				       : "Successfully broke LVM device lock for %s\n",
		       b.dev[0]->name);
	while (b.count)
		io_dev_close(b.dev[--b.count]);
	return st == ST_OK ? vmk_done(cmd, "breaklock", NULL)
			   : vmk_fail(cmd, "break the lock of", vmk_target(cmd), st, &why);
}
