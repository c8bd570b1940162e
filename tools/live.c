/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* live - people are told; scripts that read JSON or tab-separated output, and those that know the
 * compatible names, get nothing on standard error but errors.
 *
 * Whether a host is alive only time tells. So the first line of a volume with slots in use comes
 * when each of them has moved, at most a beat later; an image file that nobody has changed for
 * longer than a lease needs no waiting. */
#include "tools/live.h"

#include <stdio.h>
#include <string.h>

/* ---- the first line -------------------------------------------------------------------------- */

static void add(char *text, size_t size, const char *more)
{
	size_t used = strlen(text);

	snprintf(text + used, size - used, "%s", more);
}

const char *live_word(const struct vmfs_host_slot *h)
{
	return h->silent ? "gone" : h->moved || h->ours ? "alive" : "unknown";
}

struct line { char text[1200]; uint32_t hosts; };

static int add_host(void *arg, const struct vmfs_host_slot *h)
{
	struct line *l = arg;
	char uuid[VMFS_UUID_TEXT], address[100], one[240], life[80];

	if (h->ours)
		return 0;
	vmfs_uuid_format(&h->owner, uuid);
	if (h->moved && !h->silent)
		snprintf(life, sizeof(life), "is alive, last beat %.1f s ago",
			 (double)h->still_ns / 1e9);
	else if (h->silent)
		snprintf(life, sizeof(life), "is gone, no beat for %llu s",
			 (unsigned long long)(h->still_ns / 1000000000));
	else
		snprintf(life, sizeof(life), "has a slot, no beat seen");
	snprintf(one, sizeof(one), "%s host %s (%s) %s", l->hosts++ ? "," : ";", uuid,
		 out_name(address, sizeof(address), h->address[0] ? h->address : "no address"),
		 life);
	add(l->text, sizeof(l->text), one);
	return 0;
}

static void say_first(void *arg, struct host_volume *v, struct vmfs_volume *vol)
{
	struct cmd *cmd = arg;
	struct line l = { .hosts = 0 };
	char name[OUT_NAME_MAX];
	enum status st = vmfs_hosts_watch(vol, LIVE_WATCH_NS);

	if (st == ST_OK)
		st = vmfs_hosts(vol, add_host, &l);
	if (st != ST_OK)
		add(l.text, sizeof(l.text), "; its heartbeats cannot be read");
	else if (!l.hosts)
		add(l.text, sizeof(l.text), "; no host has it open");
	cmd_note(cmd, "%s: open for reading, nothing is written to it%s",
		 out_name(name, sizeof(name), host_volume_name(v)), l.text);
}

static int for_people(const struct cmd *cmd)
{
	const struct verb *v = cmd->verb;

	return !cmd->json && !cmd->quiet && !(v->flags & (VERB_COMPAT | VERB_HIDDEN)) &&
	       !(v->flags & VERB_TABLE && opt_has(&cmd->args, "-H"));
}

void live_begin(struct cmd *cmd)
{
	if (for_people(cmd))
		host_on_reading(cmd->host, say_first, cmd);
}

/* ---- the last word --------------------------------------------------------------------------- */

/* ST_OK also with consent. Told once. */
static enum status verdict(struct cmd *cmd, struct why *why)
{
	enum status st;

	if (cmd->doubted || cmd->verb->flags & VERB_HIDDEN)
		return ST_OK;
	st = host_read_verdict(cmd->host, why);
	if (st == ST_OK)
		return ST_OK;
	cmd->doubted = 1;
	if (cmd->more_tries && st == ST_BUSY)
		return st;
	if (st != ST_BUSY || !cmd->live) {
		cmd_complain(cmd, NULL, st, why);
		return st;
	}
	cmd_note(cmd, "%s", why->text);
	return ST_OK;
}

int live_end(struct cmd *cmd, int code)
{
	struct why why = { 0 };
	int had = cmd->doubted;

	if (verdict(cmd, &why) == ST_OK && !(had && !cmd->live))
		return code;
	if (code != EXIT_DONE)
		return code;
	return cmd->verb->flags & VERB_COMPAT ? EXIT_FAILED : EXIT_PARTLY;
}

int live_print(struct cmd *cmd, json_t *doc)
{
	struct why why = { 0 };
	enum status st = verdict(cmd, &why);

	if (st != ST_OK)
		out_doc_fail(doc, st, NULL, why.text);
	return out_doc_print(doc);
}

enum status live_file_check(struct cmd *cmd, struct store_file *f, const char *name,
			    struct why *why)
{
	const struct store_ops *ops = f->store->ops;
	struct why what = { 0 };
	enum status st = ops->file_check ? ops->file_check(f, &what) : ST_OK;

	if (st == ST_OK)
		return ST_OK;
	if (st != ST_BUSY)
		return why_set(why, st, "%s: %s", name, what.text);
	if (!cmd->live)
		return why_set(why, st, "%s: %s; --live reads it all the same", name, what.text);
	cmd_note(cmd, "%s: %s", name, what.text);
	return ST_OK;
}
