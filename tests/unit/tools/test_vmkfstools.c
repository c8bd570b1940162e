/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* The command line of vmkfstools: what scripts write is understood as they mean it. */
#include <string.h>

#include "tools/cmd.h"

#include "tests/unit/cu.h"

#define ARGS(...)                                                                                  \
	(char *[]){ __VA_ARGS__ }, (int)(sizeof((char *[]){ __VA_ARGS__ }) / sizeof(char *))

static int parse(struct opt_args *args, char **argv, int argc)
{
	return opt_parse(&verb_vmkfstools, argc, argv, args);
}

static void command_lines_from_scripts(void)
{
	struct opt_args a;

	CU_ASSERT_EQUAL(parse(&a, ARGS("-i", "src", "dst", "-d", "thin")), 0);
	CU_ASSERT_STRING_EQUAL(opt_text(&a, "clonevirtualdisk", ""), "src");
	CU_ASSERT_STRING_EQUAL(opt_text(&a, "diskformat", ""), "thin");
	CU_ASSERT_STRING_EQUAL(a.operand[0], "dst");
	opt_free(&a);

	CU_ASSERT_EQUAL(parse(&a, ARGS("-Ph", "-v", "1", "/vmfs/volumes/x")), 0);
	CU_ASSERT_EQUAL(opt_has(&a, "queryfs"), 1);
	CU_ASSERT_EQUAL(opt_has(&a, "humanreadable"), 1);
	CU_ASSERT_EQUAL(opt_number(&a, "verbose", 0), 1);
	opt_free(&a);

	CU_ASSERT_EQUAL(parse(&a, ARGS("-v1", "--deletevirtualdisk", "d")), 0);
	CU_ASSERT_EQUAL(opt_number(&a, "verbose", 0), 1);
	CU_ASSERT_EQUAL(opt_has(&a, "deletevirtualdisk"), 1);
	opt_free(&a);

	CU_ASSERT_EQUAL(parse(&a, ARGS("-t0", "d")), 0);
	CU_ASSERT_STRING_EQUAL(opt_text(&a, "-t", ""), "0");
	opt_free(&a);

	CU_ASSERT_EQUAL(parse(&a, ARGS("--createvirtualdisk=66G", "--diskformat", "thin", "d")), 0);
	CU_ASSERT_STRING_EQUAL(opt_text(&a, "createvirtualdisk", ""), "66G");
	opt_free(&a);
}

static void letters_that_native_commands_use_otherwise(void)
{
	struct opt_args a;

	/* -j inflates, -y reclaims, -q queries a mapping, -h is for sizes, -H is the help */
	CU_ASSERT_EQUAL(parse(&a, ARGS("-j", "d")), 0);
	CU_ASSERT_EQUAL(opt_has(&a, "inflatedisk"), 1);
	CU_ASSERT_EQUAL(opt_has(&a, "json"), 0);
	opt_free(&a);
	CU_ASSERT_EQUAL(parse(&a, ARGS("-y", "vol")), 0);
	CU_ASSERT_STRING_EQUAL(opt_text(&a, "reclaimBlocks", ""), "vol");
	CU_ASSERT_EQUAL(opt_has(&a, "yes"), 0);
	opt_free(&a);
	CU_ASSERT_EQUAL(parse(&a, ARGS("-q", "d")), 0);
	CU_ASSERT_EQUAL(opt_has(&a, "queryrdm"), 1);
	opt_free(&a);
	CU_ASSERT_EQUAL(parse(&a, ARGS("-H")), 0);
	CU_ASSERT_EQUAL(opt_has(&a, "help"), 1);
	opt_free(&a);
}

static void unambiguous_prefixes_and_only_those(void)
{
	struct opt_args a;

	CU_ASSERT_EQUAL(parse(&a, ARGS("--punch", "d")), 0);
	CU_ASSERT_EQUAL(opt_has(&a, "punchzero"), 1);
	opt_free(&a);
	CU_ASSERT_EQUAL(parse(&a, ARGS("--createv", "1g", "d")), 0);
	CU_ASSERT_EQUAL(opt_has(&a, "createvirtualdisk"), 1);
	opt_free(&a);
	CU_ASSERT_NOT_EQUAL(parse(&a, ARGS("--create", "1g", "d")), 0);	/* fs, virtual disk, rdm */
	opt_free(&a);
	CU_ASSERT_NOT_EQUAL(parse(&a, ARGS("--createrdmx", "d")), 0);
	opt_free(&a);
}

static void mistakes_are_mistakes(void)
{
	struct opt_args a;

	CU_ASSERT_NOT_EQUAL(parse(&a, ARGS("-c")), 0);
	opt_free(&a);
	CU_ASSERT_NOT_EQUAL(parse(&a, ARGS("-x", "guess", "d")), 0);
	opt_free(&a);
	CU_ASSERT_NOT_EQUAL(parse(&a, ARGS("-v", "many", "-U", "d")), 0);
	opt_free(&a);
	CU_ASSERT_NOT_EQUAL(parse(&a, ARGS("-U", "d", "e")), 0);
	opt_free(&a);
	CU_ASSERT_NOT_EQUAL(parse(&a, ARGS("-s", "d")), 0);	/* ESX 3's adapter rescan */
	opt_free(&a);
}

/* The usage has every option, three headings in their order, and the line that ghettoVCB greps
 * for. */
static void usage_is_what_scripts_grep(void)
{
	static const char *const parts[] = {
		"OPTIONS FOR FILE SYSTEMS:",
		"-C --createfs ",
		"-P --queryfs\n",
		"OPTIONS FOR VIRTUAL DISKS:",
		"-c --createvirtualdisk #[bBsSkKmMgGtT]\n",
		"-i --clonevirtualdisk srcDisk\n",
		"--adaptertype ",
		"deprecated",
		"OPTIONS FOR DEVICES:",
		"-L --lock ",
	};
	char *text = NULL;
	size_t bytes;
	FILE *f = open_memstream(&text, &bytes);
	const char *at;

	verb_vmkfstools.usage(f);
	fclose(f);
	at = text;
	for (size_t i = 0; at && i < ARRAY_COUNT(parts); i++) {
		at = strstr(at, parts[i]);
		CU_ASSERT_PTR_NOT_NULL(at);
	}
	for (size_t i = 0; i < verb_vmkfstools.opt_count; i++) {
		char name[64];

		if (!verb_vmkfstools.opts[i].name)
			continue;
		snprintf(name, sizeof(name), "--%s", verb_vmkfstools.opts[i].name);
		CU_ASSERT_PTR_NOT_NULL(strstr(text, name));
	}
	free(text);
}

static const struct cu_case cases[] = {
	{ "command lines from scripts", command_lines_from_scripts },
	{ "letters that native commands use otherwise",
	  letters_that_native_commands_use_otherwise },
	{ "unambiguous prefixes and only those", unambiguous_prefixes_and_only_those },
	{ "mistakes are mistakes", mistakes_are_mistakes },
	{ "usage is what scripts grep", usage_is_what_scripts_grep },
};
CU_MAIN("tools/vmkfstools", cases)
