/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* voma - the checker as ESXi's administrators know it: phases, findings, `Total Errors Found: N`.
 * Notes are no errors. The checker works in another order than ESXi's phases, so a finding waits
 * until the phases before its own are over. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "iopath/part.h"
#include "tools/check.h"
#include "tools/cmd.h"

#define PENDING_MAX 1000u	/* findings that wait for their phase; more are shown at once */

enum module { MODULE_VMFS, MODULE_LVM, MODULE_PTBL };

struct pending {
	unsigned	phase;
	char		*line;
};

struct voma {
	struct cmd		*cmd;
	enum module		module;
	FILE			*log;		/* -s: a copy of what is printed */
	struct vmfs_probe	probe;		/* of the head */
	uint8_t			known;		/* the probe is */
	unsigned		phase;		/* headed so far */
	unsigned		open;		/* findings up to this phase can be shown */
	struct pending		*pending;
	size_t			pending_count;
	uint64_t		errors, fixed;
};

static void say(struct voma *v, const char *format, ...) PRINTF_LIKE(2, 3);
static void say(struct voma *v, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	if (!v->log)
		return;
	va_start(ap, format);
	vfprintf(v->log, format, ap);
	va_end(ap);
}

/* ---- phases ---------------------------------------------------------------------------------- */

static const char *const phase_text[] = {
	"Checking VMFS header and resource files", "Checking VMFS heartbeat region",
	"Checking all file descriptors", "Checking pathname and connectivity",
	"Checking resource reference counts",
};
#define PHASES ARRAY_COUNT(phase_text)

static void say_detected(struct voma *v)
{
	char uuid[VMFS_UUID_TEXT], label[OUT_NAME_MAX];
	uint32_t major = v->probe.fs_major == 4 ? 3 : v->probe.fs_major < 24 ? 5 : 6;

	if (!v->known)
		return;
	vmfs_uuid_format(&v->probe.fs_uuid, uuid);
	say(v, "   Detected VMFS-%u.%u file system (labeled:'%s') with UUID:%s, Version %u:%u\n",
	    major, v->probe.fs_minor, out_name(label, sizeof(label), v->probe.label), uuid, major,
	    v->probe.fs_minor);
}

static void head_phases(struct voma *v, unsigned upto)
{
	while (v->module == MODULE_VMFS && v->phase < upto) {
		say(v, "Phase %u: %s\n", v->phase + 1, phase_text[v->phase]);
		if (++v->phase == 1)
			say_detected(v);
	}
	fflush(stdout);
}

/* The phase in which voma looks at what a rule is about. */
static unsigned phase_of_rule(const char *rule)
{
	switch (rule[0]) {
	case 'H':	return 2;
	case 'F':	return 3;
	case 'N':	return 4;
	case 'G':	return 5;
	default:	return 1;
	}
}

static int in_module(const struct voma *v, const struct vmfs_finding *f)
{
	return v->module == MODULE_VMFS || f->rule[0] == 'L';
}

/* Open phases up to `upto`: head each, and show what waited for it. */
static void open_phases(struct voma *v, unsigned upto)
{
	v->open = MAX(v->open, upto);
	for (unsigned phase = 1; phase <= v->open; phase++) {
		head_phases(v, phase);
		for (size_t i = 0; i < v->pending_count; i++) {
			if (v->pending[i].phase != phase || !v->pending[i].line)
				continue;
			say(v, "%s", v->pending[i].line);
			free(v->pending[i].line);
			v->pending[i].line = NULL;
		}
	}
}

static void on_phase(void *arg, const char *phase)
{
	static const struct { const char *name; unsigned open; } when[] = {
		{ "File descriptors", 3 }, { "Link counts", 4 }, { "Allocation", 5 },
	};

	for (size_t i = 0; i < ARRAY_COUNT(when); i++)
		if (strcmp(when[i].name, phase) == 0)
			open_phases(arg, when[i].open);
}

/* 1: it waits. A finding that cannot wait is shown where it was found. */
static int put_aside(struct voma *v, unsigned phase, const char *line)
{
	struct pending *grown;
	char *copy;

	if (phase <= v->open || v->pending_count == PENDING_MAX)
		return 0;
	grown = realloc(v->pending, (v->pending_count + 1) * sizeof(*grown));
	if (!grown)
		return 0;
	v->pending = grown;
	copy = strdup(line);
	if (!copy)
		return 0;
	v->pending[v->pending_count++] = (struct pending){ phase, copy };
	return 1;
}

static void on_finding(void *arg, const struct vmfs_finding *f)
{
	struct voma *v = arg;
	char text[OUT_NAME_MAX], at[40] = "", line[OUT_NAME_MAX + 100];

	if (!in_module(v, f))
		return;
	if (f->at != ~0ull)
		snprintf(at, sizeof(at), " at offset 0x%llx", (unsigned long long)f->at);
	v->errors += f->severity != VMFS_FIND_NOTE;
	v->fixed += f->severity != VMFS_FIND_NOTE && f->fixed;
	snprintf(line, sizeof(line), "   %s: rule %s, %s%s: %s%s\n",
		 f->severity == VMFS_FIND_NOTE ? "NOTE" : "ON-DISK ERROR", f->rule,
		 check_severity_word(f->severity), at, out_name(text, sizeof(text), f->text),
		 f->fixed ? " (fixed)" : "");
	if (!put_aside(v, phase_of_rule(f->rule), line))
		say(v, "%s", line);
}

/* ---- devices --------------------------------------------------------------------------------- */

struct devices {
	struct io_dev	*dev[HOST_DEVICES_MAX];
	uint32_t	count;
};

static void close_devices(struct devices *d)
{
	while (d->count)
		io_dev_close(d->dev[--d->count]);
}

static enum status open_one(struct voma *v, const char *name, unsigned flags, struct devices *d,
			    struct why *why)
{
	struct host_volume *volume;
	enum status st;

	if (d->count == HOST_DEVICES_MAX)
		return why_set(why, ST_LIMIT, "a volume has at most %d devices", HOST_DEVICES_MAX);
	if (host_is_datastore_name(name) && d->count == 0) {
		st = host_volume_find(v->cmd->host, name, &volume, why);
		return st == ST_OK ? host_volume_open_devices(volume, flags, d->dev, &d->count, why)
				   : st;
	}
	st = v->module == MODULE_PTBL ?
		     host_open_device(v->cmd->host, name, flags, &d->dev[d->count], why) :
		     host_open_vmfs_device(v->cmd->host, name, flags, &d->dev[d->count], why);
	d->count += st == ST_OK;
	return st;
}

/* -d may be repeated, and each may be a list with commas. */
static enum status open_all(struct voma *v, unsigned flags, struct devices *d, struct why *why)
{
	const char *text;
	enum status st = ST_OK;

	for (size_t i = 0; st == ST_OK && (text = opt_nth(&v->cmd->args, "device", i)) != NULL;
	     i++) {
		char *copy = strdup(text), *rest = copy, *name;

		if (!copy)
			st = why_set(why, ST_NOMEM, "%s: no memory", text);
		while (st == ST_OK && (name = strsep(&rest, ",")) != NULL)
			if (*name)
				st = open_one(v, name, flags, d, why);
		free(copy);
	}
	if (st != ST_OK)
		close_devices(d);
	return st;
}

/* ---- the run --------------------------------------------------------------------------------- */

static void spin(void)
{
	static const char wheel[] = "|/-\\";
	int at = isatty(STDOUT_FILENO) ? (int)(port_now_ns() / 250000000 % 4) : 0;

	if (isatty(STDOUT_FILENO)) {
		printf("\b%c", wheel[at]);
		fflush(stdout);
	}
}

/* 1: go on. Fixing under a live host would damage what it writes. */
static int check_activity(struct voma *v, const struct devices *d, int fix)
{
	struct check_liveness live;
	const uint8_t *mac = live.first.b + 10;
	enum status st;

	say(v, "\nChecking for filesystem activity\nPerforming filesystem liveness check..|");
	fflush(stdout);
	st = check_liveness(d->dev, d->count, spin, &live, NULL);
	say(v, "\n");
	if (st != ST_OK) {
		say(v, "   The volume cannot be opened (%s): whether a host uses it is not known\n",
		    status_text(st));
		return 1;
	}
	if (live.live) {
		say(v, "Found %u actively heartbeating hosts on device '%s'\n", live.live,
		    d->dev[0]->name);
		say(v, "   (1): MAC address %02x:%02x:%02x:%02x:%02x:%02x\n", mac[0], mac[1],
		    mac[2], mac[3], mac[4], mac[5]);
		say(v, fix ? "   Not fixed while a host uses the volume: unmount it there first\n" :
			     "   The volume is in use: the results are advisory\n");
		return !fix;
	}
	if (live.slots)
		say(v, "   %u heartbeat slots are in use and none of them beats\n", live.slots);
	return 1;
}

static void find_head(struct voma *v, const struct devices *d)
{
	for (uint32_t i = 0; i < d->count && !v->known; i++)
		v->known =
			vmfs_probe(d->dev[i], &v->probe, NULL) == ST_OK && v->probe.first_pe == 0;
}

static void say_totals(struct voma *v, int fix)
{
	say(v, "\nTotal Errors Found: %llu\n", (unsigned long long)v->errors);
	if (fix)
		say(v, "Total Errors Fixed: %llu\n", (unsigned long long)v->fixed);
}

static int fail(struct voma *v, enum status st, const struct why *why)
{
	say(v, "   Error: %s\n", why->text[0] ? why->text : status_text(st));
	cmd_complain(v->cmd, NULL, st, why);
	return port_interrupted() ? exit_of(ST_CANCELLED) : EXIT_FAILED;
}

static int check_volume(struct voma *v, int fix)
{
	struct vmfs_check_opts opts = {
		.fix = (uint8_t)fix, .finding = on_finding, .phase = on_phase, .arg = v
	};
	struct vmfs_check_result result;
	struct devices d = { .count = 0 };
	struct why why = { 0 };
	enum status st;

	say(v, "Running %s Checker version 2.1 in %s mode\n",
	    v->module == MODULE_LVM ? "LVM" : "VMFS", fix ? "fix" : "check");
	say(v, "Initializing LVM metadata, Basic Checks will be done\n");
	st = open_all(v, IO_OPEN_DIRECT | (fix ? IO_OPEN_WRITE : 0), &d, &why);
	if (st != ST_OK)
		return fail(v, st, &why);
	find_head(v, &d);
	if (!check_activity(v, &d, fix)) {
		close_devices(&d);
		return EXIT_FAILED;
	}
	open_phases(v, 1);
	st = vmfs_check(d.dev, d.count, &opts, &result, &why);
	close_devices(&d);
	open_phases(v, PHASES);
	free(v->pending);
	if (st != ST_OK)
		return fail(v, st, &why);
	say_totals(v, fix);
	return v->errors == v->fixed ? EXIT_DONE : EXIT_FAILED;
}

/* ---- the partition table --------------------------------------------------------------------- */

/* Partitions that leave the device or overlap: what this module can tell. */
static void check_partitions(struct voma *v, const struct io_dev *dev, const struct part_table *t)
{
	for (uint32_t i = 0; i < t->count; i++) {
		const struct part *p = &t->part[i];

		say(v, "   Partition %u: offset %llu, %llu bytes\n", p->number,
		    (unsigned long long)p->start, (unsigned long long)p->bytes);
		if (p->start > dev->size_bytes || p->bytes > dev->size_bytes - p->start) {
			v->errors++;
			say(v, "   ON-DISK ERROR: partition %u ends behind the device\n",
			    p->number);
		}
		for (uint32_t k = 0; k < i; k++) {
			const struct part *o = &t->part[k];

			if (p->start < o->start + o->bytes && o->start < p->start + p->bytes) {
				v->errors++;
				say(v, "   ON-DISK ERROR: partitions %u and %u overlap\n",
				    o->number, p->number);
			}
		}
	}
}

static int check_table(struct voma *v)
{
	struct devices d = { .count = 0 };
	struct part_table t;
	struct why why = { 0 };
	enum status st;

	say(v, "Running Partition table checker version 0.1 in check mode\n");
	st = open_all(v, 0, &d, &why);
	if (st != ST_OK)
		return fail(v, st, &why);
	say(v, "Phase 1: Checking device for valid primary and backup table\n");
	st = part_table_read(d.dev[0], &t, &why);
	if (st == ST_CORRUPT) {
		v->errors++;
		say(v, "   ON-DISK ERROR: %s\n", why.text);
	} else if (st == ST_OK) {
		say(v, "   Detected a table of type %s on %s\n", part_scheme_word(t.scheme),
		    d.dev[0]->name);
		v->errors += t.from_backup;
		if (t.from_backup)
			say(v,
			    "   ON-DISK ERROR: the first GPT header is bad, its backup is good\n");
		check_partitions(v, d.dev[0], &t);
		part_table_free(&t);
	}
	close_devices(&d);
	if (st != ST_OK && st != ST_CORRUPT)
		return fail(v, st, &why);
	say_totals(v, 0);
	return v->errors ? EXIT_FAILED : EXIT_DONE;
}

/* ---- command line ---------------------------------------------------------------------------- */

static const struct opt voma_opts[] = {
	{ "module", 'm', OPT_WORD, "vmfs|lvm|ptbl", "what to check: vmfs" },
	{ "func", 'f', OPT_WORD, "check|fix|query|advfix|dump", "what to do: check" },
	{ "device", 'd', OPT_TEXT, "DEVICE",
	  "device or partition; repeated or with commas for a span" },
	{ "logfile", 's', OPT_TEXT, "FILE", "write the output to FILE, too" },
	{ "version", 'v', OPT_NONE, NULL, "print the version" },
	{ "help", 'h', OPT_NONE, NULL, "print this help" },
};

static void usage(FILE *to)
{
	fputs("Usage:\nvoma [OPTIONS] -m module -d device\n"
	      " -m, --module      Name of the module to run on: vmfs (default), lvm, ptbl\n"
	      " -f, --func        Function(s) to be done by the module:\n"
	      "                   query  - list functions supported by the module\n"
	      "                   check  - check for inconsistencies (default)\n"
	      "                   fix    - check and fix what needs no guess\n"
	      " -d, --device      Device or partition to be inspected; repeat it or use commas\n"
	      "                   for a volume that spans devices\n"
	      " -s, --logfile     Path of a file that gets the output, too\n"
	      " -v, --version     Prints version number and exits\n"
	      " -h, --help        Prints this help message\n"
	      "\nExample:\nvoma -m vmfs -f check -d lun.img:1\n"
	      "\nManual: man voma\n", to);
}

static int query(struct voma *v)
{
	if (v->module == MODULE_PTBL)
		say(v, "ptbl supports: query, check\n");
	else
		say(v, "%s supports: query, check, fix\n",
		    v->module == MODULE_LVM ? "lvm" : "vmfs");
	return EXIT_DONE;
}

static int refuse(struct voma *v, const char *text)
{
	fprintf(stderr, "%s: %s\n", v->cmd->prog, text);
	return EXIT_FAILED;
}

static int run_module(struct voma *v)
{
	const struct opt_args *a = &v->cmd->args;
	const char *module = opt_text(a, "module", "vmfs"), *func = opt_text(a, "func", "check");

	v->module = strcmp(module, "lvm") == 0	  ? MODULE_LVM
		    : strcmp(module, "ptbl") == 0 ? MODULE_PTBL
						  : MODULE_VMFS;
	if (strcmp(func, "query") == 0)
		return query(v);
	if (strcmp(func, "advfix") == 0 || strcmp(func, "dump") == 0)
		return refuse(v, "this function guesses or changes what only its maker "
				 "understands; use fix");
	if (opt_has(a, "device") == 0)
		return refuse(v, "no device is named; use -d DEVICE");
	if (v->module == MODULE_PTBL && strcmp(func, "fix") == 0)
		return refuse(v, "partition tables are not fixed here; use partedUtil setptbl");
	return v->module == MODULE_PTBL ? check_table(v)
					: check_volume(v, strcmp(func, "fix") == 0);
}

static int voma_run(struct cmd *cmd)
{
	struct voma v = { .cmd = cmd };
	const char *log = opt_text(&cmd->args, "logfile", NULL);
	int code;

	if (opt_has(&cmd->args, "help") || (cmd->args.given_count == 0)) {
		usage(opt_has(&cmd->args, "help") ? stdout : stderr);
		return opt_has(&cmd->args, "help") ? EXIT_DONE : EXIT_FAILED;
	}
	if (opt_has(&cmd->args, "version")) {
		printf("voma version 2.1 (cairn %s)\n", CAIRN_VERSION);
		return EXIT_DONE;
	}
	if (log && (v.log = fopen(log, "we")) == NULL) {
		fprintf(stderr, "%s: %s: cannot be written; nothing was checked\n", cmd->prog, log);
		return EXIT_FAILED;
	}
	code = run_module(&v);
	if (v.log && (ferror(v.log) | fclose(v.log)) != 0) {
		fprintf(stderr, "%s: %s: the output is not complete there\n", cmd->prog, log);
		code = code == EXIT_DONE ? EXIT_FAILED : code;
	}
	return code;
}

const struct verb verb_voma = {
	.name = "voma", .operands = "", .flags = VERB_COMPAT,
	.brief = "check the metadata of VMFS volumes, as on ESXi", VERB_OPTS(voma_opts),
	.writes = "the device, with -f fix only", .operand_kind = "device", .run = voma_run,
	  .usage = usage,
};
