/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* parted_util - partedUtil: partition tables of devices and image files, in the words and the
 * output of ESXi's tool. Tables are read by our own reader, which checks them, and written by
 * libfdisk. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iopath/base/fmt.h"
#include "iopath/part.h"
#include "tools/cmd.h"
#include "tools/parted_write.h"

/* ---- types ----------------------------------------------------------------------------------- */

static const struct { const char *word, *title, *guid; } types[] = {
	{ "vmfs", "vmfs", "AA31E02A400F11DB9590000C2911D1B8" },
	{ "vmkDiagnostic", "vmkDiagnostic", "9D27538040AD11DBBF97000C2911D1B8" },
	{ "vsan", "vsan", "381CFCCC728811E092EE000C2911D0B2" },
	{ "virsan", "virsan", "77719A0CA4A011E3A47E000C29745A24" },
	{ "vmwareReserved", "VMware Reserved", "9198EFFC31C011DB8F78000C2911D1B8" },
	{ "linuxNative", "Basic Data", "EBD0A0A2B9E5443387C068B6B72699C7" },
	{ "linuxSwap", "Linux Swap", "0657FD6DA4AB43C484E50933C84B4F4F" },
	{ "linuxLvm", "Linux Lvm", "E6D6D379F50744C2A23C238F2A3DF928" },
	{ "linuxRaid", "Linux Raid", "A19D880F05FC4D3BA006743F0F84911E" },
	{ "systemPartition", "Efi System", PARTED_EFI_SYSTEM },
	{ "msftReserved", "Microsoft Reserved", "E3C9E3160B5C4DB8817DF92DF00215AE" },
	{ "unused", "Unused Entry", "00000000000000000000000000000000" },
};

/* As the tool prints it: capitals without dashes. */
static void guid_plain(const uint8_t guid[16], char text[PART_GUID_TEXT])
{
	char *to = text;

	part_guid_format(guid, text);
	for (const char *p = text; *p; p++)
		if (*p != '-')
			*to++ = *p;
	*to = 0;
}

static const char *type_word(const char *guid)
{
	for (size_t i = 0; i < ARRAY_COUNT(types); i++)
		if (strcmp(types[i].guid, guid) == 0)
			return types[i].word;
	return "unknown";
}

static int run_guids(struct cmd *cmd)
{
	(void)cmd;
	printf(" Partition Type       GUID\n");
	for (size_t i = 0; i < ARRAY_COUNT(types); i++)
		printf(" %-20s %s\n", types[i].title, types[i].guid);
	return EXIT_DONE;
}

/* ---- reading --------------------------------------------------------------------------------- */

static const char *device(struct cmd *cmd) { return cmd->args.operand[1]; }

static int fail(struct cmd *cmd, enum status st, const struct why *why)
{
	return cmd_fail(cmd, device(cmd), st, why) > EXIT_SIGNAL ? exit_of(st) : EXIT_FAILED;
}

/* The geometry is the one every large disk has: 255 heads, 63 sectors. */
static void print_geometry(const struct io_dev *dev, uint32_t sector_bytes)
{
	uint64_t sectors = dev->size_bytes / sector_bytes;

	printf("%llu 255 63 %llu\n", (unsigned long long)(sectors / (255 * 63)),
	       (unsigned long long)sectors);
}

/* The last column of ESXi's tool is 128 for what a machine can boot from, else 0. */
#define BOOT_ATTRIBUTE 128u

static int boots(enum part_scheme scheme, const struct part *p)
{
	char guid[PART_GUID_TEXT];

	if (scheme == PART_MBR)
		return p->active;
	guid_plain(p->type, guid);
	return (p->attributes & PARTED_LEGACY_BOOT) || strcmp(guid, PARTED_EFI_SYSTEM) == 0;
}

static void print_gpt_entry(const struct part *p, uint32_t sector_bytes)
{
	char guid[PART_GUID_TEXT];

	guid_plain(p->type, guid);
	printf("%u %llu %llu %s %s %u\n", p->number, (unsigned long long)(p->start / sector_bytes),
	       (unsigned long long)((p->start + p->bytes) / sector_bytes - 1), guid,
	       type_word(guid), boots(PART_GPT, p) ? BOOT_ATTRIBUTE : 0);
}

static void print_table(const struct io_dev *dev, const struct part_table *t)
{
	printf("%s\n", t->scheme == PART_NONE ? "unknown" : part_scheme_word(t->scheme));
	print_geometry(dev, t->sector_bytes);
	for (uint32_t i = 0; i < t->count; i++) {
		const struct part *p = &t->part[i];

		if (t->scheme == PART_GPT)
			print_gpt_entry(p, t->sector_bytes);
		else
			printf("%u %llu %llu %u %u\n", p->number,
			       (unsigned long long)(p->start / t->sector_bytes),
			       (unsigned long long)((p->start + p->bytes) / t->sector_bytes - 1),
			       p->mbr_type, boots(t->scheme, p) ? BOOT_ATTRIBUTE : 0);
	}
}

static json_t *entry_json(const struct part_table *t, const struct part *p)
{
	char guid[PART_GUID_TEXT], attributes[24];

	guid_plain(p->type, guid);
	snprintf(attributes, sizeof(attributes), "%llu", (unsigned long long)p->attributes);
	return json_pack(
	    "{s:I, s:o, s:o, s:o, s:o, s:o, s:b, s:o}", "number", (json_int_t)p->number,
	    "start_bytes", out_json_bytes(p->start), "size_bytes", out_json_bytes(p->bytes),
	    "type_guid", t->scheme == PART_GPT ? json_string(guid) : json_null(), "type",
	    t->scheme == PART_GPT ? json_string(type_word(guid)) : json_null(), "mbr_type",
	    t->scheme == PART_MBR ? json_integer(p->mbr_type) : json_null(), "boot",
	    boots(t->scheme, p), "attributes",
	    t->scheme == PART_GPT ? json_string(attributes) : json_null());
}

static int table_json(struct cmd *cmd, const struct io_dev *dev, const struct part_table *t)
{
	json_t *items, *doc = out_doc(cmd->verb->schema, &items), *list = json_array();

	for (uint32_t i = 0; i < t->count; i++)
		json_array_append_new(list, entry_json(t, &t->part[i]));
	json_array_append_new(
	    items,
	    json_pack("{s:o, s:s, s:o, s:i, s:b, s:o}", "device", out_json_name(device(cmd)),
		      "label", t->scheme == PART_NONE ? "unknown" : part_scheme_word(t->scheme),
		      "size_bytes", out_json_bytes(dev->size_bytes), "sector_bytes",
		      (int)t->sector_bytes, "from_backup", t->from_backup, "partitions", list));
	return out_doc_print(doc) == 0 ? EXIT_DONE : EXIT_FAILED;
}

static enum status read_table(struct cmd *cmd, struct io_dev **dev, struct part_table *t,
			      struct why *why)
{
	enum status st = host_open_device(cmd->host, device(cmd), 0, dev, why);

	if (st != ST_OK)
		return st;
	st = part_table_read(*dev, t, why);
	if (st != ST_OK)
		io_dev_close(*dev);
	return st;
}

static int run_get(struct cmd *cmd)
{
	struct io_dev *dev;
	struct part_table t;
	struct why why = { 0 };
	int code = EXIT_DONE;
	enum status st = read_table(cmd, &dev, &t, &why);

	if (st != ST_OK)
		return fail(cmd, st, &why);
	if (t.from_backup)
		cmd_note(cmd, "%s: the first GPT is damaged; this is the copy at the end. "
			 "`setptbl` with the lines below writes both anew", device(cmd));
	if (cmd->json)
		code = table_json(cmd, dev, &t);
	else
		print_table(dev, &t);
	part_table_free(&t);
	io_dev_close(dev);
	return code;
}

static int run_usable(struct cmd *cmd)
{
	struct io_dev *dev;
	struct part_table t;
	struct why why = { 0 };
	enum status st = read_table(cmd, &dev, &t, &why);

	if (st != ST_OK)
		return fail(cmd, st, &why);
	if (t.scheme == PART_GPT)
		printf("%llu %llu\n", (unsigned long long)t.first_usable,
		       (unsigned long long)t.last_usable);
	else if (t.scheme == PART_MBR)
		printf("1 %llu\n", (unsigned long long)MIN(dev->size_bytes / t.sector_bytes - 1,
							   0xFFFFFFFEull));
	else
		st = why_set(&why, ST_NOENT, "%s: no partition table; make one with mklabel",
			     device(cmd));
	part_table_free(&t);
	io_dev_close(dev);
	return st == ST_OK ? EXIT_DONE : fail(cmd, st, &why);
}

/* ---- writing --------------------------------------------------------------------------------- */

/* The device is locked against others of this machine while libfdisk writes through an opening of
 * its own, and its size is known from here. */
static enum status begin_write(struct cmd *cmd, struct io_dev **dev, struct why *why)
{
	enum status st = host_open_device(cmd->host, device(cmd), IO_OPEN_WRITE, dev, why);

	if (st != ST_OK)
		return st;
	st = (*dev)->ops->lock ? (*dev)->ops->lock(*dev, 0, (*dev)->size_bytes, 1) : ST_OK;
	if (st == ST_OK || st == ST_UNSUPPORTED)
		return ST_OK;
	io_dev_close(*dev);
	return why_set(why, st, "%s: in use by another process; nothing was written", device(cmd));
}

static int label_of(const char *word, enum part_scheme *scheme)
{
	if (strcmp(word, "gpt") == 0)
		*scheme = PART_GPT;
	else if (strcmp(word, "msdos") == 0)
		*scheme = PART_MBR;
	else
		return -1;
	return 0;
}

static int is_hex(const char *s, size_t n)
{
	return strlen(s) == n && strspn(s, "0123456789abcdefABCDEF") == n;
}

/* "1 2048 20971486 AA31E02A400F11DB9590000C2911D1B8 0", or with an MBR type number. */
static enum status parse_entry(const char *text, enum part_scheme scheme, struct parted_entry *e,
			       struct why *why)
{
	char type[64];
	unsigned long long start, end, attributes = 0;
	unsigned number;
	int n = 0;

	if (sscanf(text, " %u %llu %llu %63s %llu %n", &number, &start, &end, type, &attributes,
		   &n) < 4 ||
	    (n && text[n]) || number == 0 || number > 128 || end < start)
		return why_set(why, ST_INVAL, "'%.80s': write \"number start end type attributes\"",
			       text);
	if (attributes != 0 && attributes != BOOT_ATTRIBUTE)
		return why_set(why, ST_INVAL, "'%.80s': attributes are 0 or 128 (boot)", text);
	*e = (struct parted_entry){
		.number = number, .start = start, .end = end, .boot = attributes != 0
	};
	if (scheme == PART_GPT) {
		if (!is_hex(type, 32))
			return why_set(why, ST_INVAL,
				       "'%.40s': a type is 32 hex digits; showGuids lists them",
				       type);
		memcpy(e->type, type, 33);
		return ST_OK;
	}
	e->mbr_type = (unsigned)strtoul(type, NULL, 0);
	if (e->mbr_type == 0 || e->mbr_type > 255 || number > 4)
		return why_set(why, ST_INVAL,
			       "'%.80s': an msdos table has partitions 1 to 4 of types 1 to 255",
			       text);
	return ST_OK;
}

static enum status check_overlap(const struct parted_entry *e, size_t count, struct why *why)
{
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < i; k++) {
			if (e[i].number == e[k].number)
				return why_set(why, ST_INVAL, "partition %u is given twice",
					       e[i].number);
			if (e[i].start <= e[k].end && e[k].start <= e[i].end)
				return why_set(why, ST_INVAL, "partitions %u and %u overlap",
					       e[k].number, e[i].number);
		}
	return ST_OK;
}

static enum status write_table(struct cmd *cmd, enum part_scheme scheme,
			       const struct parted_entry *e, size_t count, struct why *why)
{
	struct io_dev *dev;
	enum status st = check_overlap(e, count, why);

	if (st == ST_OK)
		st = begin_write(cmd, &dev, why);
	if (st != ST_OK)
		return st;
	if (!cmd->dry_run)
		st = parted_write(dev->name, scheme, e, count, why);
	io_dev_close(dev);
	return st;
}

static void echo_entries(enum part_scheme scheme, const struct parted_entry *e, size_t count)
{
	printf("%s\n0 0 0 0\n", part_scheme_word(scheme));
	for (size_t i = 0; i < count; i++)
		if (scheme == PART_GPT)
			printf("%u %llu %llu %s %u\n", e[i].number, (unsigned long long)e[i].start,
			       (unsigned long long)e[i].end, e[i].type,
			       e[i].boot ? BOOT_ATTRIBUTE : 0);
		else
			printf("%u %llu %llu %u %u\n", e[i].number, (unsigned long long)e[i].start,
			       (unsigned long long)e[i].end, e[i].mbr_type,
			       e[i].boot ? BOOT_ATTRIBUTE : 0);
}

static int run_set(struct cmd *cmd)
{
	struct parted_entry e[PARTED_ENTRIES_MAX] = { 0 };
	size_t count = cmd->args.operand_count - 3;
	enum part_scheme scheme = PART_NONE;
	struct why why = { 0 };
	enum status st = ST_OK;

	if (label_of(cmd->args.operand[2], &scheme) != 0)
		st = why_set(&why, ST_INVAL, "'%.40s' is not a label; write gpt or msdos",
			     cmd->args.operand[2]);
	for (size_t i = 0; st == ST_OK && i < count; i++)
		st = parse_entry(cmd->args.operand[3 + i], scheme, &e[i], &why);
	if (st == ST_OK)
		st = write_table(cmd, scheme, e, count, &why);
	if (st != ST_OK)
		return fail(cmd, st, &why);
	echo_entries(scheme, e, count);
	return EXIT_DONE;
}

static int run_mklabel(struct cmd *cmd)
{
	enum part_scheme scheme = PART_NONE;
	struct why why = { 0 };
	enum status st = ST_OK;

	if (label_of(cmd->args.operand[2], &scheme) != 0)
		st = why_set(&why, ST_INVAL, "'%.40s' is not a label; write gpt or msdos",
			     cmd->args.operand[2]);
	if (st == ST_OK)
		st = write_table(cmd, scheme, NULL, 0, &why);
	return st == ST_OK ? EXIT_DONE : fail(cmd, st, &why);
}

/* ---- dispatch -------------------------------------------------------------------------------- */

static const struct {
	const char	*name, *operands;
	size_t		min, max;
	int		(*run)(struct cmd *cmd);
} commands[] = {
	{ "getptbl", "DEVICE", 2, 2, run_get },
	{ "setptbl", "DEVICE gpt|msdos [\"number start end type attributes\" ...]", 3,
	  3 + PARTED_ENTRIES_MAX, run_set },
	{ "mklabel", "DEVICE gpt|msdos", 3, 3, run_mklabel },
	{ "showGuids", "", 1, 1, run_guids },
	{ "getUsableSectors", "DEVICE", 2, 2, run_usable },
};

static void usage(FILE *to)
{
	fprintf(to, "Usage:\n");
	for (size_t i = 0; i < ARRAY_COUNT(commands); i++)
		fprintf(to, " %-17s: partedUtil %s %s\n", commands[i].name, commands[i].name,
			commands[i].operands);
	fprintf(to, "\nA device is a path or an image file, or /vmfs/devices/disks/NAME.\n"
		    "Sectors are counted from 0 and ends are inclusive.\nManual: man partedUtil\n");
}

static int run(struct cmd *cmd)
{
	const struct opt_args *a = &cmd->args;

	if (opt_has(a, "help")) {
		usage(stdout);
		return EXIT_DONE;
	}
	for (size_t i = 0; a->operand_count && i < ARRAY_COUNT(commands); i++) {
		if (strcmp(commands[i].name, a->operand[0]) != 0)
			continue;
		if (a->operand_count >= commands[i].min && a->operand_count <= commands[i].max)
			return commands[i].run(cmd);
		fprintf(stderr, "%s: %s takes: %s\n", cmd->prog, commands[i].name,
			commands[i].operands);
		return EXIT_FAILED;
	}
	fprintf(stderr, "%s: which command?\n", cmd->prog);
	usage(stderr);
	return EXIT_FAILED;
}

static const struct opt parted_opts[] = {
	{ "help", 'h', OPT_NONE, NULL, "list the commands" },
};

const struct verb verb_partedutil = {
	.name = "partedUtil", .operands = "COMMAND [DEVICE] [ARGUMENT ...]",
	.operands_max = 3 + PARTED_ENTRIES_MAX,
	.flags = VERB_COMPAT | VERB_DEVICES | VERB_WRITES | VERB_JSON,
	.brief = "show and write partition tables", VERB_OPTS(parted_opts),
	.writes = "the partition table of the device that setptbl and mklabel name",
	.schema = "partedutil.getptbl/1", .operand_kind = "device", .run = run, .usage = usage,
};
