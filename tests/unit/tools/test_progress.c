/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* What progress prints, form by form. */
#include "tests/unit/cu.h"

#include <jansson.h>
#include <string.h>

#include "tools/progress.h"

/* Ten steps to 100 %, then the end. */
static char *run(enum progress_mode mode, const char *word)
{
	struct progress p;
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	progress_start(&p, mode, f, word);
	progress_phase(&p, "copy", "a\x1b", 1000);
	for (uint64_t done = 0; done <= 1000; done += 100) {
		CU_ASSERT_EQUAL(progress_update(&p, done, 1000), 0);
		if (word)
			port_world_sleep_ns(110000000);	/* at most ten lines a second */
	}
	progress_end(&p, 1);
	fclose(f);
	return text;
}

static void test_esx_line_is_rewritten(void)
{
	char *text = run(PROGRESS_CR, "Clone");

	CU_ASSERT_EQUAL(strncmp(text, "Clone: 0% done.\rClone: 10% done.\r", 33), 0);
	CU_ASSERT(mem_ends_with(text, "\rClone: 100% done.\r\n"));
	free(text);
	text = run(PROGRESS_LINES, "Clone");
	CU_ASSERT_EQUAL(strncmp(text, "Clone: 0% done.\nClone: 10% done.\n", 33), 0);
	CU_ASSERT(mem_ends_with(text, "\nClone: 100% done.\n"));
	free(text);
}

static void test_lines_say_all(void)
{
	char *text = run(PROGRESS_LINES, NULL);

	CU_ASSERT_EQUAL(strncmp(text, "copy a\\x1b: 0%, 0 B of 1000 B, ", 31), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "copy a\\x1b: 100%, 1000 B of 1000 B, "));
	CU_ASSERT(mem_ends_with(text, "\n"));
	free(text);
	text = run(PROGRESS_NONE, NULL);
	CU_ASSERT_STRING_EQUAL(text, "");
	free(text);
}

static void test_json_lines(void)
{
	char *text = run(PROGRESS_JSON, NULL), *rest = text, *line;
	int last = -1;

	while ((line = strsep(&rest, "\n")) != NULL && *line) {
		json_t *o = json_loads(line, 0, NULL);

		CU_ASSERT_PTR_NOT_NULL_FATAL(o);
		CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(o, "schema")),
				       "progress/1");
		last = (int)json_integer_value(json_object_get(o, "percent"));
		json_decref(o);
	}
	CU_ASSERT_EQUAL(last, 100);
	free(text);
}

/* Nothing moves: after 5 s there is a line that says so. */
static void test_silence_is_reported(void)
{
	struct progress p;
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	progress_start(&p, PROGRESS_LINES, f, NULL);
	progress_phase(&p, "copy", "a", 1000);
	(void)progress_update(&p, 10, 1000);	/* nobody has interrupted this test */
	port_world_sleep_ns(6200000000ull);
	progress_end(&p, 0);
	fclose(f);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "waiting for I/O since"));
	free(text);
}

static void test_count_never_goes_back(void)
{
	struct progress p;
	FILE *f = fopen("/dev/null", "w");

	progress_start(&p, PROGRESS_LINES, f, NULL);
	progress_phase(&p, "copy", "a", 1000);
	CU_ASSERT_EQUAL(progress_update(&p, 500, 1000), 0);
	CU_ASSERT_EQUAL(progress_update(&p, 400, 1000), 0);
	CU_ASSERT_EQUAL(p.done, 500);
	progress_end(&p, 1);
	fclose(f);
}

static const struct cu_case cases[] = {
	{ "ESXi's line", test_esx_line_is_rewritten },
	{ "lines for people", test_lines_say_all },
	{ "JSON lines", test_json_lines },
	{ "silence is reported", test_silence_is_reported },
	{ "the count never goes back", test_count_never_goes_back },
};
CU_MAIN("tools/progress", cases)
