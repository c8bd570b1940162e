/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* unpack_vmfsimg IN OUT - unpack a "VMFSIMG" archive of a volume image into a sparse file.
 *
 * The only public image of a genuine VMFS-3 volume travels in this container. The layout was worked
 * out from its bytes: eight bytes of magic and version, then one record after another, each of them
 * a type byte and its data:
 *	00 n words	one sector of 512 bytes: n little words of four bytes, the rest of it zeros
 *	01 n		n + 1 sectors of zeros
 *	7f a		the end: Adler-32 of everything unpacked, little-endian
 * n is seven bits a byte, lowest first; the high bit says that another byte follows.
 * The checksum proves the reading right: a wrong guess of one record would not end with it. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECTOR		512u
#define MAGIC		"VMFSIMG\2"
#define ADLER_MOD	65521u

struct adler { uint32_t a, b; };

static void die(const char *what, const char *name)
{
	fprintf(stderr, "unpack_vmfsimg: %s: %s\n", name, what);
	exit(1);
}

static void adler_add(struct adler *sum, const uint8_t *data, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		sum->a += data[i];
		if (sum->a >= ADLER_MOD)
			sum->a -= ADLER_MOD;
		sum->b += sum->a;
		if (sum->b >= ADLER_MOD)
			sum->b -= ADLER_MOD;
	}
}

/* Zeros leave a alone and add it to b once a byte. */
static void adler_add_zeros(struct adler *sum, uint64_t bytes)
{
	sum->b = (uint32_t)((sum->b + (bytes % ADLER_MOD) * sum->a) % ADLER_MOD);
}

static uint64_t read_number(FILE *in, const char *name)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 56; shift += 7) {
		int byte = getc(in);

		if (byte == EOF)
			die("ends inside a number", name);
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return value;
	}
	die("a number is too long", name);
	return 0;
}

static void unpack_sector(FILE *in, const char *name, FILE *out, struct adler *sum)
{
	uint8_t sector[SECTOR] = { 0 };
	uint64_t bytes = read_number(in, name) * 4;

	if (bytes > SECTOR)
		die("a sector has more than 128 words", name);
	if (fread(sector, 1, bytes, in) != bytes)
		die("ends inside a sector", name);
	adler_add(sum, sector, SECTOR);
	if (fwrite(sector, 1, SECTOR, out) != SECTOR)
		die("cannot write the image", name);
}

static void check_end(FILE *in, const char *name, const struct adler *sum)
{
	uint8_t want[4];
	uint32_t have = sum->b << 16 | sum->a;

	if (fread(want, 1, 4, in) != 4)
		die("ends inside the checksum", name);
	if ((want[0] | (uint32_t)want[1] << 8 | (uint32_t)want[2] << 16 |
	     (uint32_t)want[3] << 24) != have)
		die("the checksum does not match what was unpacked", name);
}

static uint64_t unpack(FILE *in, const char *name, FILE *out)
{
	struct adler sum = { 1, 0 };
	uint64_t at = 0, zeros;

	for (;;) {
		int type = getc(in);

		switch (type) {
		case 0x00:
			unpack_sector(in, name, out, &sum);
			at += SECTOR;
			break;
		case 0x01:
			zeros = (read_number(in, name) + 1) * SECTOR;
			adler_add_zeros(&sum, zeros);
			at += zeros;
			if (at > INT64_MAX || fseeko(out, (off_t)at, SEEK_SET) != 0)
				die("the image would be too large", name);
			break;
		case 0x7f:
			check_end(in, name, &sum);
			return at;
		default:
			die(type == EOF ? "has no end record" : "has a record of an unknown type",
			    name);
		}
	}
}

int main(int argc, char **argv)
{
	char magic[8];
	FILE *in, *out;
	uint64_t bytes;

	if (argc != 3) {
		fprintf(stderr, "usage: unpack_vmfsimg IN OUT\n");
		return 2;
	}
	in = fopen(argv[1], "rb");
	if (!in)
		die("cannot be opened", argv[1]);
	if (fread(magic, 1, 8, in) != 8 || memcmp(magic, MAGIC, 8) != 0)
		die("is not a VMFSIMG archive of version 2", argv[1]);
	out = fopen(argv[2], "wb");
	if (!out)
		die("cannot be created", argv[2]);
	bytes = unpack(in, argv[1], out);
	if (fflush(out) != 0 || ftruncate(fileno(out), (off_t)bytes) != 0 || fclose(out) != 0)
		die("cannot be written", argv[2]);
	fclose(in);
	return 0;
}
