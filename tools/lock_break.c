/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* lock_break - `cairn lock break`: free a lock whose holder is gone, without waiting for somebody
 * who needs it. A holder that lives keeps it, whatever is asked: its host would go on writing. */
#include <stdio.h>
#include <stdlib.h>

#include "tools/live.h"
#include "tools/lock.h"

/* What is at stake, and who it is; also all that a dry run does. */
static enum status look(struct cmd *cmd, struct host_path *at, struct vmfs_lock_info *info,
			struct why *why)
{
	struct vmfs_volume *vol;
	enum status st = host_resolve(cmd->host, cmd->args.operand[0],
				      cmd->dry_run ? HOST_READ : HOST_WRITE, at, why);

	if (st == ST_OK && !at->volume)
		st = why_set(why, ST_UNSUPPORTED, "%s: not on a VMFS volume", at->name);
	if (st == ST_OK)
		st = host_volume_mount(at->volume, cmd->dry_run ? HOST_READ : HOST_WRITE, &vol,
				       why);
	if (st == ST_OK)
		st = cmd->dry_run ? lock_look(vol, at->path, info, why)
				  : vmfs_lock_show(vol, at->path, info, why);
	if (st == ST_OK && !cmd->dry_run)
		st = vmfs_lock_break(vol, at->path, why);
	return st;
}

static json_t *break_json(const struct cmd *cmd, const struct host_path *at,
			  const struct vmfs_lock_info *info)
{
	return json_pack("{s:o, s:s, s:b, s:o}", "path", out_json_name(at->name), "mode_before",
			 lock_mode_word(info), "dry_run", cmd->dry_run, "holders_before",
			 lock_holders_json(info));
}

static int done(struct cmd *cmd, const struct host_path *at, const struct vmfs_lock_info *info)
{
	json_t *items, *doc;

	if (cmd->json) {
		doc = out_doc(cmd->verb->schema, &items);
		json_array_append_new(items, break_json(cmd, at, info));
		return out_doc_print(doc) == 0 ? EXIT_DONE : EXIT_FAILED;
	}
	if (!info->holder_count)
		cmd_note(cmd, "%s: is not locked", at->name);
	else
		lock_print_holders(info, cmd->dry_run ? "held by" : "was held by");
	return EXIT_DONE;
}

int lock_break(struct cmd *cmd)
{
	struct host_path *at = calloc(1, sizeof(*at));
	struct vmfs_lock_info info = { 0 };
	struct why why = { 0 };
	enum status st = at ? look(cmd, at, &info, &why) : ST_NOMEM;
	int code = st == ST_OK ? done(cmd, at, &info)
			       : cmd_fail(cmd, cmd->args.operand[0], st, &why);

	free(at);
	return code;
}
