/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* The option engine on a table of its own: what is accepted, what is refused with which words. */
#include "tests/unit/cu.h"

#include <string.h>

#include "tools/opt.h"

static const struct opt opts[] = {
	{ "long", 'l', OPT_NONE, NULL, "a flag" },
	{ "human", 'h', OPT_NONE, NULL, "hides -h of help" },
	{ "size", 's', OPT_SIZE, "SIZE", "a size" },
	{ "count", 0, OPT_NUMBER, "N", "a number" },
	{ "shape", 'w', OPT_WORD, "round|flat", "a word" },
	{ "add", 'a', OPT_TEXT, "TEXT", "repeatable" },
};
static const struct verb native = { .noun = "t",
				    .name = "v",
				    .operands = "A [B]",
				    .operands_min = 1,
				    .operands_max = 2,
				    .flags = VERB_JSON,
				    .brief = "test",
				    VERB_OPTS(opts) };
static const struct verb compat = { .name = "t", .operands = "", .operands_max = VERB_ANY,
				    .flags = VERB_COMPAT, .brief = "test", VERB_OPTS(opts) };

#define PARSE(verb, args, ...)                                                                     \
	({                                                                                         \
		char *argv_[] = { __VA_ARGS__ };                                                   \
		opt_parse(verb, (int)ARRAY_COUNT(argv_), argv_, args);                             \
	})

static void test_forms_of_one_option_are_the_same(void)
{
	static char *forms[][4] = {
		{ "--size", "4k", "a", NULL },	  { "--size=4k", "a", NULL, NULL },
		{ "-s", "4k", "a", NULL },	  { "-s4k", "a", NULL, NULL },
		{ "a", "--size=4k", NULL, NULL }, { "a", "-ls4k", NULL, NULL },
	};

	for (size_t i = 0; i < ARRAY_COUNT(forms); i++) {
		struct opt_args args;
		int n = 0;

		while (n < 4 && forms[i][n])
			n++;
		CU_ASSERT_EQUAL(opt_parse(&native, n, forms[i], &args), 0);
		CU_ASSERT_EQUAL(opt_number(&args, "size", 0), 4096);
		CU_ASSERT_EQUAL(args.operand_count, 1);
		opt_free(&args);
	}
}

static void test_own_letter_hides_the_shared_one(void)
{
	struct opt_args args;

	CU_ASSERT_EQUAL(PARSE(&native, &args, "-h", "a"), 0);
	CU_ASSERT_EQUAL(opt_has(&args, "human"), 1);
	CU_ASSERT_EQUAL(opt_has(&args, "help"), 0);
	opt_free(&args);
	CU_ASSERT_EQUAL(PARSE(&native, &args, "--help"), 0);	/* even without its operand */
	CU_ASSERT_EQUAL(opt_has(&args, "help"), 1);
	opt_free(&args);
}

static void test_repeated_and_optional_arguments(void)
{
	struct opt_args args;

	CU_ASSERT_EQUAL(PARSE(&native, &args, "-a", "x", "o", "-ay", "--json=1", "-j"), 0);
	CU_ASSERT_STRING_EQUAL(opt_nth(&args, "add", 0), "x");
	CU_ASSERT_STRING_EQUAL(opt_nth(&args, "add", 1), "y");
	CU_ASSERT_PTR_NULL(opt_nth(&args, "add", 2));
	CU_ASSERT_STRING_EQUAL(opt_text(&args, "add", "-"), "y");
	CU_ASSERT_EQUAL(opt_has(&args, "json"), 2);
	CU_ASSERT_STRING_EQUAL(args.operand[0], "o");
	opt_free(&args);
}

static void test_two_dashes_end_the_options(void)
{
	struct opt_args args;

	CU_ASSERT_EQUAL(PARSE(&native, &args, "--", "-l", "--size"), 0);
	CU_ASSERT_EQUAL(args.operand_count, 2);
	CU_ASSERT_EQUAL(opt_has(&args, "long"), 0);
	opt_free(&args);
	CU_ASSERT_EQUAL(PARSE(&native, &args, "-"), 0);		/* a lone dash is an operand */
	CU_ASSERT_EQUAL(args.operand_count, 1);
	opt_free(&args);
}

static void refused(const struct verb *verb, const char *part, int argc, char **argv)
{
	struct opt_args args;

	CU_ASSERT_EQUAL(opt_parse(verb, argc, argv, &args), -1);
	if (!strstr(args.error, part))
		printf("'%s' does not say '%s'\n", args.error, part);
	CU_ASSERT_PTR_NOT_NULL(strstr(args.error, part));
	opt_free(&args);
}
#define REFUSED(verb, part, ...)                                                                   \
	({                                                                                         \
		char *argv_[] = { __VA_ARGS__ };                                                   \
		refused(verb, part, (int)ARRAY_COUNT(argv_), argv_);                               \
	})

static void test_errors_name_what_was_not_understood(void)
{
	REFUSED(&native, "did you mean --size", "--sise=1", "a");
	REFUSED(&native, "unknown option -x", "-lx", "a");
	REFUSED(&native, "unknown option --siz", "--siz=1",
		"a"); /* no prefixes in native commands */
	REFUSED(&native, "takes no argument", "--long=1", "a");
	REFUSED(&native, "needs an argument", "a", "--size");
	REFUSED(&native, "'4q' is not a size", "--size=4q", "a");
	REFUSED(&native, "'x1' is not a number", "--count", "x1", "a");
	REFUSED(&native, "none of round|flat", "--shape=roun", "a");
	REFUSED(&native, "something is missing: A [B]", "-l");
	REFUSED(&native, "'c' is one word too many", "a", "b", "c");
}

static void test_prefixes_in_compatible_names(void)
{
	struct opt_args args;

	CU_ASSERT_EQUAL(PARSE(&compat, &args, "--co=0x10", "--lo"), 0);
	CU_ASSERT_EQUAL(opt_number(&args, "count", 0), 16);
	CU_ASSERT_EQUAL(opt_has(&args, "long"), 1);
	opt_free(&args);
	REFUSED(&compat, "could be more than one", "--s", "1");	/* size, shape */
}

static void test_words_and_distance(void)
{
	CU_ASSERT(opt_word_in("cr|lines|json", "lines"));
	CU_ASSERT(opt_word_in("cr|lines|json", "json"));
	CU_ASSERT(!opt_word_in("cr|lines|json", "line"));
	CU_ASSERT(!opt_word_in("cr|lines|json", "ines"));
	CU_ASSERT(!opt_word_in("cr|lines|json", ""));
	CU_ASSERT_EQUAL(opt_distance("clone", "clone"), 0);
	CU_ASSERT_EQUAL(opt_distance("clnoe", "clone"), 1);	/* a swap */
	CU_ASSERT_EQUAL(opt_distance("", "ab"), 2);
	CU_ASSERT_EQUAL(opt_distance("kitten", "sitting"), 3);
}

static const struct cu_case cases[] = {
	{ "all forms of an option mean the same", test_forms_of_one_option_are_the_same },
	{ "a command's letter hides the shared one", test_own_letter_hides_the_shared_one },
	{ "repeated and optional arguments", test_repeated_and_optional_arguments },
	{ "-- ends options", test_two_dashes_end_the_options },
	{ "errors name what was not understood", test_errors_name_what_was_not_understood },
	{ "compatible names accept prefixes", test_prefixes_in_compatible_names },
	{ "words and distances", test_words_and_distance },
};
CU_MAIN("tools/opt", cases)
