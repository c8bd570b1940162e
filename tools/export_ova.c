/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* export_ova - the texts of an archive around its disks. The descriptor is made twice: with the
 * largest numbers there are, to know its room, and with the true ones at the end. */
#include "tools/export.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/ova.h"

#define MF_LINE	(sizeof("SHA256()= \n") - 1 + SHA256_TEXT - 1)

struct archive {
	struct cmd		*cmd;
	struct ovf_machine	*m;
	struct ovf_disk		*disks;
	struct vmdk_disk	*const *disk;
	char			name[81];	/* of the members, without a suffix */
	char			(*file)[120];
	char			(*sum)[SHA256_TEXT];
	uint64_t		ovf_bytes, mf_bytes;
};

/* "/x/web.ova" -> "web"; a longer name is cut. */
static void name_members(struct archive *a, const char *path)
{
	size_t n = strlen(path_last(path));

	if (mem_ends_with(path, ".ova"))
		n -= 4;
	snprintf(a->name, sizeof(a->name), "%.*s", (int)MIN(n, sizeof(a->name) - 1),
		 path_last(path));
	for (size_t i = 0; i < a->m->disk_count; i++) {
		snprintf(a->file[i], sizeof(a->file[i]), "%s-disk%zu.vmdk", a->name, i + 1);
		a->disks[i].file = a->file[i];
		a->disks[i].capacity_bytes = vmdk_bytes(a->disk[i]);
	}
}

static enum status measure(struct archive *a)
{
	char *text;

	for (size_t i = 0; i < a->m->disk_count; i++)
		a->disks[i].file_bytes = a->disks[i].used_bytes = UINT64_MAX;
	text = ovf_text(a->m);
	if (!text)
		return ST_NOMEM;
	a->ovf_bytes = strlen(text);
	free(text);
	a->mf_bytes = MF_LINE + strlen(a->name) + strlen(".ovf");
	for (size_t i = 0; i < a->m->disk_count; i++)
		a->mf_bytes += MF_LINE + strlen(a->file[i]);
	return ST_OK;
}

/* In the order of the archive; NULL: no memory. */
static char *manifest(const struct archive *a, const char *ovf)
{
	char sum[SHA256_TEXT], *text = NULL;
	struct sha256 s;
	size_t bytes;
	FILE *f = open_memstream(&text, &bytes);

	if (!f)
		return NULL;
	sha256_init(&s);
	sha256_add(&s, ovf, strlen(ovf));
	sha256_end(&s, sum);
	fprintf(f, "SHA256(%s.ovf)= %s\n", a->name, sum);
	for (size_t i = 0; i < a->m->disk_count; i++)
		fprintf(f, "SHA256(%s)= %s\n", a->file[i], a->sum[i]);
	return fclose(f) == 0 ? text : NULL;
}

static enum status add_disks(struct archive *a, struct ova *o, struct disk_job *j, struct why *why)
{
	int level = (int)opt_number(&a->cmd->args, "level", 0);
	enum status st = ST_OK;

	for (size_t i = 0; i < a->m->disk_count && st == ST_OK; i++) {
		uint64_t read = j->job.bytes_read;

		progress_phase(&j->progress, "export", a->file[i], a->disks[i].capacity_bytes);
		st = ova_add_disk(o, a->disk[i], a->file[i], level, &j->job,
				  &a->disks[i].file_bytes, a->sum[i], why);
		a->disks[i].used_bytes = j->job.bytes_read - read;
	}
	return st;
}

static enum status write_archive(struct archive *a, const struct host_path *to, struct disk_job *j,
				 struct why *why)
{
	char *text = NULL, *ovf = NULL, *mf = NULL;
	struct ova o;
	enum status st =
	    ova_begin(&o, to->store, to->path, a->name, a->ovf_bytes, a->mf_bytes, why);

	if (st != ST_OK)
		return st;
	st = add_disks(a, &o, j, why);
	if (st == ST_OK)
		text = ovf_text(a->m);
	if (text)
		ovf = ova_pad(text, a->ovf_bytes);
	if (ovf)
		mf = manifest(a, ovf);
	if (st == ST_OK && !mf)
		st = why_set(why, ST_NOMEM, "%s: no memory", to->name);
	st = ova_end(&o, ovf, mf, st, why);
	free(text);
	free(ovf);
	free(mf);
	return st;
}

static enum status say_plan(const struct archive *a, const struct host_path *to)
{
	uint64_t bytes = 0;
	char size[24];

	for (size_t i = 0; i < a->m->disk_count; i++)
		bytes += a->disks[i].capacity_bytes;
	if (!a->cmd->json)
		printf("would export %zu disks of %s to '%s', ova\n", a->m->disk_count,
		       out_size(size, sizeof(size), bytes, 0), to->name);
	return ST_OK;
}

enum status export_ova(struct cmd *cmd, struct ovf_machine *m, struct ovf_disk *disks,
		       struct vmdk_disk *const *disk, const struct host_path *to,
		       struct disk_job *j, struct why *why)
{
	struct archive a = { .cmd = cmd, .m = m, .disks = disks, .disk = disk };
	enum status st = ST_NOMEM;

	a.file = calloc(m->disk_count + 1, sizeof(*a.file));
	a.sum = calloc(m->disk_count + 1, sizeof(*a.sum));
	m->disk = disks;
	if (a.file && a.sum) {
		name_members(&a, to->path);
		st = cmd->dry_run ? say_plan(&a, to) : measure(&a);
	}
	if (st == ST_OK && !cmd->dry_run) {
		disk_job_start(cmd, j, NULL, "export", to->name);
		st = write_archive(&a, to, j, why);
		disk_job_end(j, st);
	}
	free(a.file);
	free(a.sum);
	return st == ST_NOMEM && !why->text[0] ? why_set(why, st, "%s: no memory", to->name) : st;
}

/* ---- disks without a machine ----------------------------------------------------------------- */

struct sources {
	struct disk		*disk;
	struct vmdk_disk	**open;
	struct ovf_disk		*described;
	size_t			count;
};

static enum status open_sources(struct cmd *cmd, struct sources *s, struct why *why)
{
	size_t n = cmd->args.operand_count - 1;
	enum status st = ST_OK;

	s->disk = calloc(n, sizeof(*s->disk));
	s->open = calloc(n, sizeof(struct vmdk_disk *));
	s->described = calloc(n, sizeof(*s->described));
	if (!s->disk || !s->open || !s->described)
		return why_set(why, ST_NOMEM, "no memory");
	for (; s->count < n && st == ST_OK; s->count++) {
		const char *name = cmd->args.operand[s->count];

		s->described[s->count] = (struct ovf_disk){ .controller = "lsilogic",
							    .unit = (unsigned)s->count };
		st = disk_open(cmd, name, disk_format_flags(cmd, "format", name),
			       &s->disk[s->count], why);
		s->open[s->count] = s->disk[s->count].vmdk;
	}
	return st;
}

/* A unit number 7 is the controller itself. */
#define DISKS_MAX 7u

enum status export_disks_ova(struct cmd *cmd, struct disk_job *j, struct why *why)
{
	const char *target = cmd->args.operand[cmd->args.operand_count - 1];
	struct ovf_machine m = { .disk_count = cmd->args.operand_count - 1 };
	struct sources s = { 0 };
	struct host_path to;
	char name[81];
	enum status st = host_resolve(cmd->host, target, cmd_write_access(cmd), &to,
				      why);

	if (st == ST_OK && m.disk_count > DISKS_MAX)
		st = why_set(why, ST_LIMIT, "%s: at most %u disks make a machine of defaults",
			     target, DISKS_MAX);
	if (st == ST_OK)
		st = open_sources(cmd, &s, why);
	if (st == ST_OK) {
		snprintf(name, sizeof(name), "%.*s",
			 (int)strlen(path_last(to.path)) - 4 * mem_ends_with(to.path, ".ova"),
			 path_last(to.path));
		m.name = name;
		st = export_ova(cmd, &m, s.described, s.open, &to, j, why);
	}
	for (size_t i = 0; i < s.count; i++)
		st = disk_close(&s.disk[i], st, why);
	free(s.disk);
	free(s.open);
	free(s.described);
	return st;
}

const char *export_word(struct cmd *cmd, const char *target)
{
	static const struct { const char *suffix, *word; } known[] = {
		{ ".ova", "ova" }, { ".qcow2", "qcow2" }, { ".vmdk", "streamoptimized" },
		{ ".raw", "raw" }, { ".img", "raw" }, { ".vdi", "vdi" }, { ".vhdx", "vhdx" },
		{ ".vhd", "vpc" },
	};
	const char *word = opt_text(&cmd->args, "output", NULL);

	for (size_t i = 0; i < ARRAY_COUNT(known) && !word; i++)
		if (mem_ends_with(target, known[i].suffix))
			word = known[i].word;
	return word;
}
