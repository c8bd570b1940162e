/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Lines: what is put comes back, across the borders of the buffers; half a line does not count;
 * names of any bytes survive as words. */
#include "tests/unit/cu.h"

#include <string.h>
#include <unistd.h>

#include "tools/lines.h"

static char dir[] = "/tmp/cairn-lines.XXXXXX";

static struct store_file *make(struct store *s)
{
	struct store_file *f = NULL;

	CU_ASSERT_EQUAL_FATAL(s->ops->create(s, "/f", 0600, &f, NULL), ST_OK);
	return f;
}

static void discard(struct store *s, struct store_file *f)
{
	CU_ASSERT_EQUAL(s->ops->file_close(f), ST_OK);
	CU_ASSERT_EQUAL(s->ops->remove(s, "/f", NULL), ST_OK);
}

static void many_lines(struct store *s)
{
	static struct line_out out;
	static struct line_in in;
	struct store_file *f = make(s);
	unsigned n = 0;
	char *line;

	line_out_init(&out, f, 0);
	for (unsigned i = 0; i < 10000; i++)
		line_put(&out, "%u %*s\n", i, (int)(i % 97), "x");
	line_put(&out, "half a line");
	CU_ASSERT_EQUAL(line_out_write(&out), ST_OK);
	CU_ASSERT_EQUAL(line_in_init(&in, f), ST_OK);
	for (; (line = line_next(&in)) != NULL; n++)
		CU_ASSERT_EQUAL(strtoul(line, NULL, 10), n);
	CU_ASSERT_EQUAL(n, 10000);
	CU_ASSERT_EQUAL(in.status, ST_OK);
	CU_ASSERT_EQUAL(in.line_end, out.at - strlen("half a line"));
	discard(s, f);
}

/* What a power cut can leave behind a file's last durable byte. */
static void zeros_and_endless_lines(struct store *s)
{
	static struct line_in in;
	static char junk[3 * LINE_MAX_BYTES];
	struct store_file *f = make(s);

	CU_ASSERT_EQUAL(store_write(f, 0, "good\nbad\0line\n", 14), ST_OK);
	CU_ASSERT_EQUAL(line_in_init(&in, f), ST_OK);
	CU_ASSERT_STRING_EQUAL(line_next(&in), "good");
	CU_ASSERT_PTR_NULL(line_next(&in));
	CU_ASSERT_EQUAL(in.status, ST_CORRUPT);
	CU_ASSERT_EQUAL(in.line_end, 5);
	memset(junk, 'x', sizeof(junk));
	CU_ASSERT_EQUAL(store_write(f, 5, junk, sizeof(junk)), ST_OK);
	CU_ASSERT_EQUAL(line_in_init(&in, f), ST_OK);
	CU_ASSERT_STRING_EQUAL(line_next(&in), "good");
	CU_ASSERT_PTR_NULL(line_next(&in));
	CU_ASSERT_EQUAL(in.status, ST_CORRUPT);
	discard(s, f);
}

static void files(void)
{
	struct store *s = NULL;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	CU_ASSERT_EQUAL_FATAL(hostfs_open(dir, &s, NULL), ST_OK);
	many_lines(s);
	zeros_and_endless_lines(s);
	CU_ASSERT_EQUAL(s->ops->close(s), ST_OK);
	CU_ASSERT_EQUAL(rmdir(dir), 0);
}

static void words(void)
{
	static const char *const bad[] = { "%", "%4", "%00", "%zz" };
	char name[256], word[1024], back[256];

	for (int i = 1; i < 256; i++)
		name[i - 1] = (char)i;
	name[255] = 0;
	CU_ASSERT_PTR_NOT_NULL_FATAL(line_word(word, sizeof(word), name));
	CU_ASSERT_PTR_NULL(strpbrk(word, " \n\t\r"));
	CU_ASSERT_PTR_NOT_NULL_FATAL(line_unword(back, sizeof(back), word));
	CU_ASSERT_STRING_EQUAL(back, name);
	CU_ASSERT_PTR_NULL(line_word(word, 255, name));
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		CU_ASSERT_PTR_NULL(line_unword(back, sizeof(back), bad[i]));
}

static const struct cu_case cases[] = { { "files", files }, { "words", words } };
CU_MAIN("tools/lines", cases)
