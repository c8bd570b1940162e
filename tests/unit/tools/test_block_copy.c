/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* The block copy on files of this machine: content, holes and sums; stopped after every few blocks
 * and gone on with from its journal, it ends with the same bytes and sums and reads nothing twice
 * but what was in flight. */
#include "tests/unit/cu.h"

#include <string.h>
#include <unistd.h>

#include "tools/block_copy.h"

static char dir[] = "/tmp/cairn-blocks.XXXXXX";

/* Blocks 0, 2 and 3, a block of written zeros, holes, and an odd end over two blocks. */
#define FILE_BYTES (9 * MIB + 777)
static const struct { uint64_t at, bytes; int fill; } data[] = {
	{ 0, 5000, 1 }, { 2 * MIB + 100, 2 * MIB - 100, 2 }, { 5 * MIB, MIB, 0 },
	{ FILE_BYTES - 1000, 1000, 3 },
};
#define DATA_BLOCKS 6u	/* of them one of zeros */

struct place { struct store *s; struct store_file *src, *dst, *journal; };

static struct store_file *make(struct store *s, const char *path)
{
	struct store_file *f = NULL;

	CU_ASSERT_EQUAL_FATAL(s->ops->create(s, path, 0600, &f, NULL), ST_OK);
	return f;
}

static void setup(struct place *p)
{
	static unsigned char buf[2 * MIB];

	CU_ASSERT_EQUAL_FATAL(hostfs_open(dir, &p->s, NULL), ST_OK);
	p->src = make(p->s, "/src");
	CU_ASSERT_EQUAL(p->s->ops->file_resize(p->src, FILE_BYTES), ST_OK);
	for (size_t i = 0; i < ARRAY_COUNT(data); i++) {
		for (uint64_t k = 0; k < data[i].bytes; k++)
			buf[k] = data[i].fill ? (unsigned char)(data[i].fill + k * k / 3) : 0;
		CU_ASSERT_EQUAL(store_write(p->src, data[i].at, buf, data[i].bytes), ST_OK);
	}
}

static void setup_target(struct place *p)
{
	p->dst = make(p->s, "/dst");
	p->journal = make(p->s, "/journal");
	CU_ASSERT_EQUAL(p->s->ops->file_resize(p->dst, FILE_BYTES), ST_OK);
}

static void discard(struct place *p, struct store_file *f, const char *path)
{
	CU_ASSERT_EQUAL(p->s->ops->file_close(f), ST_OK);
	CU_ASSERT_EQUAL(p->s->ops->remove(p->s, path, NULL), ST_OK);
}

static void sum_of(struct store_file *f, char text[SHA256_TEXT])
{
	static unsigned char buf[FILE_BYTES];
	struct sha256 s;

	CU_ASSERT_EQUAL(store_read(f, 0, buf, FILE_BYTES), ST_OK);
	sha256_init(&s);
	sha256_add(&s, buf, FILE_BYTES);
	sha256_end(&s, text);
}

struct stopping { struct block_copy bc; unsigned left; };

static int stop_soon(struct block_copy *bc, uint64_t bytes)
{
	struct stopping *st = container_of(bc, struct stopping, bc);

	return bytes && --st->left == 0;
}

/* One run from where the journal says; returns its status and adds what it read. */
static enum status run(struct place *p, unsigned blocks, char all[SHA256_TEXT], uint64_t *read)
{
	static struct line_in in;
	static struct line_out out;
	struct content src, dst;
	struct stopping st = { .left = blocks };
	struct block_line b;
	enum status ended;
	char *line;

	sha256_init(&st.bc.sum);
	CU_ASSERT_EQUAL(line_in_init(&in, p->journal), ST_OK);
	while ((line = line_next(&in)) != NULL)
		if (block_line_parse(line, &b) && (b.block + 1) * MIB <= FILE_BYTES) {
			st.bc.next = (b.block + 1) * MIB;
			CU_ASSERT_EQUAL(sha256_load(&st.bc.sum, b.state, st.bc.next), 0);
		}
	line_out_init(&out, p->journal, in.line_end);
	content_of_file(&src, p->src, FILE_BYTES);
	content_of_file(&dst, p->dst, FILE_BYTES);
	st.bc.src = &src;
	st.bc.dst = &dst;
	st.bc.journal = &out;
	st.bc.moved = stop_soon;
	ended = block_copy_run(&st.bc, all);
	*read += st.bc.bytes_read;
	return ended;
}

static void in_one_go(struct place *p)
{
	char want[SHA256_TEXT], all[SHA256_TEXT], got[SHA256_TEXT];
	struct store_stat ss;
	uint64_t read = 0;

	setup_target(p);
	sum_of(p->src, want);
	CU_ASSERT_EQUAL(run(p, 0, all, &read), ST_OK);
	CU_ASSERT_STRING_EQUAL(all, want);
	sum_of(p->dst, got);
	CU_ASSERT_STRING_EQUAL(got, want);
	CU_ASSERT_EQUAL(read, (DATA_BLOCKS - 1) * MIB + 777);
	CU_ASSERT_EQUAL(p->s->ops->file_stat(p->dst, &ss), ST_OK);
	CU_ASSERT(ss.allocated_bytes < 5 * MIB);	/* the zeros were not written */
	discard(p, p->dst, "/dst");
	discard(p, p->journal, "/journal");
}

/* The copy is stopped after every n blocks until it is done. (Not after every one: a short
 * last block is copied again each time.) */
static void in_steps(struct place *p, unsigned n)
{
	char want[SHA256_TEXT], all[SHA256_TEXT], got[SHA256_TEXT];
	uint64_t read = 0;
	unsigned runs = 0;

	setup_target(p);
	while (run(p, n, all, &read) == ST_CANCELLED && runs < 20)
		runs++;
	CU_ASSERT(runs > 0 && runs <= DATA_BLOCKS + 1);
	sum_of(p->src, want);
	sum_of(p->dst, got);
	CU_ASSERT_STRING_EQUAL(got, want);
	CU_ASSERT_STRING_EQUAL(all, want);
	CU_ASSERT(read <= (DATA_BLOCKS + runs * BLOCK_COPY_DEPTH) * MIB);
	discard(p, p->dst, "/dst");
	discard(p, p->journal, "/journal");
}

static void copies(void)
{
	struct place p;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	setup(&p);
	in_one_go(&p);
	for (unsigned n = 2; n < DATA_BLOCKS; n++)
		in_steps(&p, n);
	discard(&p, p.src, "/src");
	CU_ASSERT_EQUAL(p.s->ops->close(p.s), ST_OK);
	CU_ASSERT_EQUAL(rmdir(dir), 0);
}

static void journal_lines(void)
{
	char good[] = "0 17 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	char no_state[] = "0 17", no_sum[] = "1 2 3", word[] = "durable", empty[] = "";
	struct block_line b;

	CU_ASSERT_EQUAL_FATAL(block_line_parse(good, &b), 1);
	CU_ASSERT_EQUAL(b.block, 17);
	CU_ASSERT_STRING_EQUAL(b.sum, "0");
	CU_ASSERT_EQUAL(block_line_parse(no_state, &b), 0);
	CU_ASSERT_EQUAL(block_line_parse(no_sum, &b), 0);
	CU_ASSERT_EQUAL(block_line_parse(word, &b), 0);
	CU_ASSERT_EQUAL(block_line_parse(empty, &b), 0);
}

static const struct cu_case cases[] = { { "copies", copies }, { "journal lines", journal_lines } };
CU_MAIN("tools/block_copy", cases)
