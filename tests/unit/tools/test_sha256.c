/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* SHA-256 against the examples of FIPS 180-4 and RFC 6234, in pieces of every size. */
#include "tools/sha256.h"

#include <string.h>

#include "tests/unit/cu.h"

static void sum(const char *data, size_t bytes, size_t piece, char text[SHA256_TEXT])
{
	struct sha256 s;

	sha256_init(&s);
	for (size_t at = 0; at < bytes; at += piece)
		sha256_add(&s, data + at, bytes - at < piece ? bytes - at : piece);
	sha256_end(&s, text);
}

static void published_examples(void)
{
	static const struct { const char *in, *out; } known[] = {
		{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
	};
	char text[SHA256_TEXT];

	for (size_t i = 0; i < ARRAY_COUNT(known); i++)
		for (size_t piece = 1; piece <= 64; piece++) {
			sum(known[i].in, strlen(known[i].in), piece, text);
			CU_ASSERT_STRING_EQUAL(text, known[i].out);
		}
}

static void a_million_times_a(void)
{
	static char data[1000000];
	char text[SHA256_TEXT];

	memset(data, 'a', sizeof(data));
	sum(data, sizeof(data), 997, text);
	CU_ASSERT_STRING_EQUAL(text,
			       "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* Lengths around the border at which the length no longer fits the last block. */
static void pieces_do_not_matter_at_any_length(void)
{
	char data[200], whole[SHA256_TEXT], text[SHA256_TEXT];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 7);
	for (size_t n = 0; n <= sizeof(data); n++) {
		sum(data, n, sizeof(data), whole);
		sum(data, n, 13, text);
		CU_ASSERT_STRING_EQUAL(text, whole);
	}
}

/* The processor's instructions and plain C give one sum; on a processor without them this compares
 * C with itself, and the published examples are the judge. */
static void both_ways_agree(void)
{
	static char data[100000];
	char fast[SHA256_TEXT], plain[SHA256_TEXT];
	struct sha256 s;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * i >> 3);
	sum(data, sizeof(data), sizeof(data), fast);
	sha256_init(&s);
	s.instructions = 0;
	sha256_add(&s, data, sizeof(data));
	sha256_end(&s, plain);
	CU_ASSERT_STRING_EQUAL(fast, plain);
}

static void a_saved_sum_goes_on(void)
{
	char data[640], whole[SHA256_TEXT], text[SHA256_TEXT];
	struct sha256 s;

	memset(data, 'x', sizeof(data));
	sum(data, sizeof(data), sizeof(data), whole);
	for (size_t at = 0; at < sizeof(data); at += 64) {
		sha256_init(&s);
		sha256_add(&s, data, at);
		sha256_save(&s, text);
		CU_ASSERT_EQUAL(sha256_load(&s, text, at), 0);
		sha256_add(&s, data + at, sizeof(data) - at);
		sha256_end(&s, text);
		CU_ASSERT_STRING_EQUAL(text, whole);
	}
	CU_ASSERT_EQUAL(sha256_load(&s, whole, 63), -1);
	whole[5] = 'g';
	CU_ASSERT_EQUAL(sha256_load(&s, whole, 64), -1);
}

static const struct cu_case cases[] = {
	{ "published examples", published_examples },
	{ "a million times a", a_million_times_a },
	{ "pieces do not matter at any length", pieces_do_not_matter_at_any_length },
	{ "both ways agree", both_ways_agree },
	{ "a saved sum goes on", a_saved_sum_goes_on },
};
CU_MAIN("tools/sha256", cases)
