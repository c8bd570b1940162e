/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* cmd_disk_check - `cairn disk check` and `repair`: findings as vmdk tells them, and the exit codes
 * of qemu-img. */
#include "tools/cmd_disk.h"

#include <stdio.h>

#include "tools/disk_rebuild.h"
#include "tools/live.h"

/* As qemu-img check: 0 fine, 2 corrupt, 3 leaked only; after a repair what is left. */
static int check_code(int repair, const struct vmdk_check_result *r)
{
	if (repair)
		return r->unrepairable ? 2 : 0;
	return r->corruptions ? 2 : r->leaks ? 3 : 0;
}

static int check_print(struct cmd *cmd, const struct vmdk_check_result *r, json_t *list)
{
	json_t *items, *doc;

	if (!cmd->json) {
		printf("%s: %u corruptions, %u leaks, %u repaired, %u not repairable%s\n",
		       cmd_disk_operand(cmd, 0), r->corruptions, r->leaks, r->repaired,
		       r->unrepairable, r->dirty ? ", was not closed cleanly" : "");
		return EXIT_DONE;
	}
	doc = out_doc(cmd->verb->schema, &items);
	json_array_append_new(items,
			      json_pack("{s:o, s:i, s:i, s:i, s:i, s:b, s:o}", "disk",
					out_json_name(cmd_disk_operand(cmd, 0)), "corruptions",
					(int)r->corruptions, "leaks", (int)r->leaks, "repaired",
					(int)r->repaired, "unrepairable", (int)r->unrepairable,
					"dirty", r->dirty, "findings", list));
	return live_print(cmd, doc) == 0 ? EXIT_DONE : EXIT_FAILED;
}

static int check(struct cmd *cmd, int repair)
{
	json_t *list = cmd->json ? json_array() : NULL;
	struct vmdk_check_result r = { 0 };
	struct host_path at;
	struct why why = { 0 };
	enum status st = host_resolve(cmd->host, cmd_disk_operand(cmd, 0),
				      repair ? HOST_WRITE : HOST_READ, &at, &why);

	if (st == ST_OK)
		st = vmdk_check(at.store, at.path, repair, disk_on_finding, list, &r, &why);
	if (st != ST_OK) {
		int code = cmd_fail(cmd, cmd_disk_operand(cmd, 0), st, &why);

		json_decref(list);
		return code == EXIT_FORMAT || code > EXIT_SIGNAL ? code : 1;
	}
	return check_print(cmd, &r, list) == EXIT_DONE ? check_code(repair, &r) : EXIT_FAILED;
}

/* The descriptor counts as the one corruption there is. */
static int rebuild(struct cmd *cmd)
{
	json_t *list = cmd->json ? json_array() : NULL;
	struct vmdk_check_result r = { .corruptions = 1, .repaired = !cmd->dry_run };
	struct why why = { 0 };
	enum status st = disk_rebuild(cmd, cmd_disk_operand(cmd, 0), disk_on_finding, list, &why);

	if (st != ST_OK) {
		json_decref(list);
		return cmd_fail(cmd, cmd_disk_operand(cmd, 0), st, &why);
	}
	return check_print(cmd, &r, list);
}

int cmd_disk_check(struct cmd *cmd)
{
	return check(cmd, 0);
}

int cmd_disk_repair(struct cmd *cmd)
{
	if (opt_has(&cmd->args, "descriptor"))
		return rebuild(cmd);
	if (opt_has(&cmd->args, "parent"))
		return cmd_usage(cmd, "--parent is for --descriptor");
	return check(cmd, !cmd->dry_run);
}
