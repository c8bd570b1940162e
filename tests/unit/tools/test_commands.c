/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Every command's table: what must hold for help, manuals and completion to be made from it. */
#include "tests/unit/cu.h"

#include <string.h>

#include "tools/cmd.h"

#define SCREEN_LINES 50
#define SCREEN_COLUMNS 100

#define EACH_VERB(v) size_t i_ = 0; ((v) = commands_at(i_)) != NULL; i_++

static void test_texts_are_there_and_short(void)
{
	const struct verb *v;

	for (EACH_VERB(v)) {
		CU_ASSERT_FATAL(v->name && v->operands && v->brief && v->run);
		CU_ASSERT(strlen(v->brief) < 70);
		CU_ASSERT(!mem_ends_with(v->brief, "."));
		CU_ASSERT(v->operands_min <= v->operands_max);
		CU_ASSERT(!(v->flags & VERB_JSON) || v->schema);
		if (v->flags & VERB_COMPAT)
			continue;
		CU_ASSERT_EQUAL(*v->operands == 0, v->operands_max == 0);
		/* Who can write says so, and can be asked what it would do. */
		CU_ASSERT_EQUAL(v->writes != NULL, (v->flags & VERB_WRITES) != 0);
	}
}

static int same_name(const struct opt *a, const struct opt *b)
{
	return a->name && b->name && strcmp(a->name, b->name) == 0;
}

static void test_no_name_or_letter_twice(void)
{
	const struct verb *v;
	const struct opt *a, *b;

	for (EACH_VERB(v)) {
		for (size_t i = 0; (a = opt_at(v, i)) != NULL; i++) {
			CU_ASSERT(a->name || a->letter);
			CU_ASSERT(a->arg == OPT_NONE || a->arg_name);
			for (size_t k = i + 1; (b = opt_at(v, k)) != NULL; k++) {
				char la = opt_letter(v, a), lb = opt_letter(v, b);

				CU_ASSERT(!same_name(a, b));
				CU_ASSERT(!la || la != lb);
				if (same_name(a, b) || (la && la == lb))
					printf("%s %s: %s, %s\n", v->noun, v->name, a->name,
					       b->name);
			}
		}
	}
}

static void test_help_fits_a_screen_and_names_all(void)
{
	const struct verb *v;
	const struct opt *o;

	for (EACH_VERB(v)) {
		char *text = NULL, page[80], last[120], name[64];
		size_t size = 0, lines = 0, width = 0;
		FILE *f = open_memstream(&text, &size);

		if (v->usage || v->flags & VERB_HIDDEN) {
			fclose(f);
			free(text);
			continue;
		}
		opt_help(v, f);
		fclose(f);
		for (const char *p = text, *end; *p; p = end + 1, lines++) {
			end = strchr(p, '\n');
			width = MAX(width, (size_t)(end - p));
		}
		opt_verb_page(v, page, sizeof(page));
		snprintf(last, sizeof(last), "\nManual: man %s\n", page);
		CU_ASSERT(lines <= SCREEN_LINES);
		CU_ASSERT(width <= SCREEN_COLUMNS);
		if (width > SCREEN_COLUMNS)
			printf("%s: %zu columns\n", page, width);
		CU_ASSERT(mem_ends_with(text, last));
		for (size_t i = 0; (o = opt_at(v, i)) != NULL; i++) {
			snprintf(name, sizeof(name), o->name ? "--%s" : "-%s", o->name ? o->name :
				 (char[]){ o->letter, 0 });
			CU_ASSERT(!o->help || strstr(text, name));
		}
		free(text);
	}
}

static void test_commands_are_found_by_name(void)
{
	const struct verb *v;

	for (EACH_VERB(v))
		CU_ASSERT_PTR_EQUAL(commands_find(v->noun, v->name), v);
	CU_ASSERT_PTR_NULL(commands_find("file", "list"));
	CU_ASSERT_PTR_NULL(commands_find(NULL, "ls"));
}

static void test_exit_codes_tell_what_to_do(void)
{
	CU_ASSERT_EQUAL(exit_of(ST_OK), 0);
	CU_ASSERT_EQUAL(exit_of(ST_BUSY), 4);
	CU_ASSERT_EQUAL(exit_of(ST_REFUSED), 5);
	CU_ASSERT_EQUAL(exit_of(ST_UNSUPPORTED), 63);
	CU_ASSERT_EQUAL(exit_of(ST_CANCELLED), 130);
	for (int st = 1; st < ST_COUNT; st++)
		CU_ASSERT(exit_of((enum status)st) != 0);	/* no failure is silent */
}

static const struct cu_case cases[] = {
	{ "each command has its texts", test_texts_are_there_and_short },
	{ "no option name or letter twice", test_no_name_or_letter_twice },
	{ "--help fits a screen and names every option", test_help_fits_a_screen_and_names_all },
	{ "commands are found by name", test_commands_are_found_by_name },
	{ "exit codes", test_exit_codes_tell_what_to_do },
};
CU_MAIN("tools/commands", cases)
