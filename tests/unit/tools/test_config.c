/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Configuration text, and the order of devices from its three origins. */
#include "tests/unit/cu.h"

#include <string.h>

#include "tools/config.h"

static void test_lines(void)
{
	struct config c = { 0 };
	struct why why = { 0 };

	CU_ASSERT_EQUAL(config_parse(&c, "t",
				     "# comment\n\n  device0 = \"/dev/a b\"\r\ndevice1=/dev/c # d\n"
				     "join = \"TRUE\"\nengine = \"libaio\"\nengine = \"threads\"\n",
				     &why),
			ST_OK);
	CU_ASSERT_EQUAL_FATAL(c.device_count, 2);
	CU_ASSERT_STRING_EQUAL(c.device[0].uri, "/dev/a b");
	CU_ASSERT_STRING_EQUAL(c.device[1].uri, "/dev/c");
	CU_ASSERT_EQUAL(c.join, 1);
	CU_ASSERT_STRING_EQUAL(c.engine, "threads");
	config_free(&c);
}

static void test_a_bad_line_is_named(void)
{
	static const char *const bad[] = { "ok = \"1\"\nnonsense\n", "\n = \"x\"\n",
					   "a = 1\ndevice0 = \"open\n" };

	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		struct config c = { 0 };
		struct why why = { 0 };

		CU_ASSERT_EQUAL(config_parse(&c, "file", bad[i], &why), ST_INVAL);
		CU_ASSERT_PTR_NOT_NULL(strstr(why.text, "file:2: "));
		config_free(&c);
	}
}

static void test_command_line_comes_first(void)
{
	struct config c = { 0 };
	struct why why = { 0 };

	setenv("CAIRN_DEVICES", " env1  both env1", 1);
	setenv("CAIRN_ROOT", "/nonexistent", 1);
	CU_ASSERT_EQUAL(config_load(&c, &why), ST_OK);
	CU_ASSERT_EQUAL(c.device_count, 2);		/* a name counts once */
	CU_ASSERT_EQUAL(config_add_option(&c, "opt1"), ST_OK);
	CU_ASSERT_EQUAL(config_add_option(&c, "both"), ST_OK);
	CU_ASSERT_EQUAL(config_add_option(&c, "opt1"), ST_OK);
	CU_ASSERT_EQUAL_FATAL(c.device_count, 3);
	CU_ASSERT_STRING_EQUAL(c.device[0].uri, "opt1");
	CU_ASSERT_STRING_EQUAL(c.device[1].uri, "both");
	CU_ASSERT_EQUAL(c.device[1].origin, CONFIG_OPTION);
	CU_ASSERT_STRING_EQUAL(c.device[2].uri, "env1");
	CU_ASSERT_EQUAL(c.device[2].origin, CONFIG_ENVIRONMENT);
	config_free(&c);
	unsetenv("CAIRN_DEVICES");
}

static const struct cu_case cases[] = {
	{ "lines of a configuration", test_lines },
	{ "a bad line is named", test_a_bad_line_is_named },
	{ "devices of the command line come first", test_command_line_comes_first },
};
CU_MAIN("tools/config", cases)
