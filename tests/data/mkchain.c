/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* mkchain DIR - write a snapshot chain into a directory of this machine: a flat base, COWD and
 * SESparse links above it in any mix, with data, zero and unmapped grains, scattered as a guest
 * scatters them. What the chain must show is known without reading it: each sector's content
 * follows from the seed, the link that wrote it last and its number; -e writes it down as a raw
 * image.
 *
 * It shares nothing with the readers it tests: every byte of the formats is put here by number.
 * Sources: VMware, Virtual Disk Format 5.0 (technical note), "COWD"; for SESparse what qemu-img
 * reads, whose verdict on these files is part of the tests. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECTOR		512u
#define LINKS_MAX	64u
#define PATH_ROOM	4096u
#define NOWHERE		0xffu	/* a sector that no link has written: zeros */

#define COWD_GTES	4096u
#define SE_GRAIN	8u	/* sectors */
#define SE_GTES		4096u
#define SE_GT_SECTORS	64u
#define SE_REGION	2048u	/* sectors: regions start on a MiB */

enum kind { FLAT, COWD, SESPARSE, KINDS };
static const char *const kind_words[KINDS] = { "flat", "cowd", "sesparse" };

enum what { ABSENT, DATA, ZERO, UNMAPPED };
enum layout { ORDER, RUNS, GRAINS };

struct options {
	const char	*dir, *name, *expected, *base, *base_raw, *hint;
	enum kind	kind[LINKS_MAX];
	uint32_t	links;
	uint64_t	sectors, seed;
	uint32_t	percent[4];	/* of grains, by enum what */
	uint32_t	run;		/* grains in a run, at most */
	uint32_t	cowd_grain;
	enum layout	layout;
	const char	*fault;
	uint32_t	fault_link;
};

/* A grain to be written: which, and what it holds. */
struct grain { uint64_t number; enum what what; };

struct chain {
	struct options	o;
	uint8_t		*owner;		/* of each sector: the link whose data shows */
	uint64_t	random;
	uint32_t	parent_cid;
	char		parent[PATH_ROOM];	/* hint for the next link */
};

static void die(const char *what, const char *name)
{
	fprintf(stderr, "mkchain: %s: %s\n", name, what);
	exit(1);
}

static void *room(size_t bytes)
{
	void *p = calloc(1, bytes ? bytes : 1);

	if (!p)
		die("no memory", "mkchain");
	return p;
}

/* ---- chance and content ---------------------------------------------------------------------- */

/* splitmix64: a good mixer in three lines (S. Vigna, public domain). */
static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ull;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

static uint64_t chance(struct chain *c, uint64_t below)
{
	c->random = mix(c->random);
	return c->random % below;
}

/* What link `link` writes into a sector. */
static void fill_sector(uint64_t seed, uint32_t link, uint64_t sector, uint8_t *buf)
{
	uint64_t x = mix(seed ^ (uint64_t)link << 56 ^ sector);

	for (unsigned i = 0; i < SECTOR; i += 8) {
		x = mix(x);
		memcpy(buf + i, &x, 8);
	}
}

/* ---- files ----------------------------------------------------------------------------------- */

static int create(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);

	if (fd < 0)
		die(strerror(errno), path);
	return fd;
}

static void put(int fd, uint64_t at, const void *data, size_t bytes)
{
	if (pwrite(fd, data, bytes, (off_t)at) != (ssize_t)bytes)
		die(strerror(errno), "write");
}

static void put_int(int fd, uint64_t at, uint64_t value, unsigned bytes)
{
	uint8_t b[8];

	for (unsigned i = 0; i < bytes; i++)
		b[i] = (uint8_t)(value >> 8 * i);
	put(fd, at, b, bytes);
}

static void set_length(int fd, uint64_t bytes)
{
	if (ftruncate(fd, (off_t)bytes) != 0)
		die(strerror(errno), "truncate");
}

static const char *path_of(const struct chain *c, char *buf, uint32_t link, const char *tail)
{
	if (link)
		snprintf(buf, PATH_ROOM, "%s/%s-%06u%s.vmdk", c->o.dir, c->o.name, link, tail);
	else
		snprintf(buf, PATH_ROOM, "%s/%s%s.vmdk", c->o.dir, c->o.name, tail);
	return buf;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int has_fault(const struct chain *c, const char *word, uint32_t link)
{
	return c->o.fault && strcmp(c->o.fault, word) == 0 && c->o.fault_link == link;
}

/* ---- what a link holds ----------------------------------------------------------------------- */

static uint32_t grain_sectors(const struct chain *c, enum kind kind)
{
	return kind == SESPARSE || kind == FLAT ? SE_GRAIN : c->o.cowd_grain;
}

static enum what draw(struct chain *c)
{
	uint64_t n = chance(c, 100), sum = 0;

	for (unsigned what = DATA; what <= UNMAPPED; what++) {
		sum += c->o.percent[what];
		if (n < sum)
			return (enum what)what;
	}
	return ABSENT;
}

/* Only SESparse can say "zeros"; a COWD link writes them as data. */
static void own(struct chain *c, uint32_t link, enum kind kind, const struct grain *g)
{
	uint64_t unit = grain_sectors(c, kind), first = g->number * unit;
	uint64_t end = first + unit < c->o.sectors ? first + unit : c->o.sectors;

	for (uint64_t s = first; s < end; s++)
		c->owner[s] = g->what == DATA ? (uint8_t)link : NOWHERE;
}

static void swap(struct grain *a, struct grain *b)
{
	struct grain t = *a;

	*a = *b;
	*b = t;
}

/* The order of writing, from which the places in the file follow. */
static void reorder(struct chain *c, struct grain *g, uint64_t count, const uint64_t *run_start,
		    uint64_t runs)
{
	if (c->o.layout == GRAINS) {
		for (uint64_t i = count; i > 1; i--)
			swap(&g[i - 1], &g[chance(c, i)]);
	} else if (c->o.layout == RUNS && runs) {
		struct grain *copy = room(count * sizeof(*copy));
		uint64_t *order = room(runs * sizeof(*order)), n = 0;

		for (uint64_t i = 0; i < runs; i++)
			order[i] = i;
		for (uint64_t i = runs; i > 1; i--) {
			uint64_t j = chance(c, i), t = order[i - 1];

			order[i - 1] = order[j];
			order[j] = t;
		}
		for (uint64_t i = 0; i < runs; i++) {
			uint64_t from = run_start[order[i]], to = run_start[order[i] + 1];

			memcpy(copy + n, g + from, (to - from) * sizeof(*g));
			n += to - from;
		}
		memcpy(g, copy, count * sizeof(*g));
		free(order);
		free(copy);
	}
}

/* Grains of one link in the order they are written, in memory of its own. */
static struct grain *plan(struct chain *c, uint32_t link, enum kind kind, uint64_t *count)
{
	uint64_t grains = (c->o.sectors + grain_sectors(c, kind) - 1) / grain_sectors(c, kind);
	struct grain *list = room(grains * sizeof(*list));
	uint64_t *run_start = room((grains + 1) * sizeof(*run_start)), runs = 0, n = 0;

	for (uint64_t at = 0; at < grains; ) {
		uint64_t length = 1 + chance(c, c->o.run);
		enum what what = draw(c);

		if (what != ABSENT)
			run_start[runs++] = n;
		for (; length && at < grains; length--, at++) {
			struct grain g = { at, what };

			if (what == ABSENT)
				continue;
			own(c, link, kind, &g);
			list[n++] = g;
		}
	}
	run_start[runs] = n;
	reorder(c, list, n, run_start, runs);
	free(run_start);
	*count = n;
	return list;
}

static void put_grain(struct chain *c, int fd, uint64_t at, uint32_t link, enum kind kind,
		      const struct grain *g)
{
	static uint8_t buf[2048 * SECTOR];
	uint32_t unit = grain_sectors(c, kind);

	/* What an unmapped grain held must not show. */
	memset(buf, g->what == UNMAPPED && kind == SESPARSE ? 0xee : 0, (size_t)unit * SECTOR);
	for (uint32_t i = 0; g->what == DATA && i < unit; i++)
		fill_sector(c->o.seed, link, g->number * unit + i, buf + (size_t)i * SECTOR);
	put(fd, at, buf, (size_t)unit * SECTOR);
}

/* ---- descriptors ----------------------------------------------------------------------------- */

static void put_descriptor(struct chain *c, uint32_t link, enum kind kind, const char *extent)
{
	static const char *const types[KINDS] = { "vmfs", "vmfsSparse", "seSparse" };
	static const char *const words[KINDS] = { "VMFS", "VMFSSPARSE", "SESPARSE" };
	char path[PATH_ROOM], leaf[PATH_ROOM];
	uint32_t cid = (uint32_t)mix(c->o.seed + link) & 0x7fffffff;
	uint64_t sectors = c->o.sectors + (has_fault(c, "size", link) ? 2048 : 0);
	FILE *f = fopen(path_of(c, path, link, ""), "w");

	if (!f)
		die(strerror(errno), path);
	fprintf(f, "# Disk DescriptorFile\nversion=1\nencoding=\"UTF-8\"\n"
		"CID=%08x\nparentCID=%08x\n", cid,
		has_fault(c, "cid", link) ? c->parent_cid ^ 1 : c->parent_cid);
	if (kind != FLAT)
		fprintf(f, "isNativeSnapshot=\"no\"\n");
	fprintf(f, "createType=\"%s\"\n", types[kind]);
	if (c->parent[0] && has_fault(c, "loop", link))
		fprintf(f, "parentFileNameHint=\"%s\"\n",
			base_name(path_of(c, leaf, c->o.links - (c->o.base == NULL), "")));
	else if (c->parent[0])
		fprintf(f, "parentFileNameHint=\"%s\"\n",
			has_fault(c, "gone", link) ? "gone.vmdk" : c->parent);
	fprintf(f, "\n# Extent description\nRW %llu %s \"%s\"\n\n# The Disk Data Base\n#DDB\n\n",
		(unsigned long long)sectors, words[kind], base_name(extent));
	if (kind == FLAT)
		fprintf(f, "ddb.adapterType = \"lsilogic\"\nddb.geometry.cylinders = \"%llu\"\n"
			"ddb.geometry.heads = \"255\"\nddb.geometry.sectors = \"63\"\n"
			"ddb.thinProvisioned = \"1\"\nddb.virtualHWVersion = \"13\"\n",
			(unsigned long long)(c->o.sectors / (255 * 63) + 1));
	if (kind == SESPARSE)
		fprintf(f, "ddb.grain = \"8\"\n");
	fprintf(f, "ddb.longContentID = \"%016llx%08x%08x\"\n",
		(unsigned long long)mix(c->o.seed ^ link), (uint32_t)mix(link), cid);
	if (fclose(f) != 0)
		die(strerror(errno), path);
	c->parent_cid = cid;
	snprintf(c->parent, sizeof(c->parent), "%s", base_name(path));
}

/* ---- flat ------------------------------------------------------------------------------------ */

static void put_flat(struct chain *c, uint32_t link)
{
	char path[PATH_ROOM];
	int fd = create(path_of(c, path, link, "-flat"));
	uint64_t count;
	struct grain *g = plan(c, link, FLAT, &count);

	for (uint64_t i = 0; i < count; i++)
		if (g[i].what == DATA)
			put_grain(c, fd, g[i].number * SE_GRAIN * SECTOR, link, FLAT, &g[i]);
	set_length(fd, c->o.sectors * SECTOR);
	close(fd);
	free(g);
	put_descriptor(c, link, FLAT, path);
}

/* ---- COWD ------------------------------------------------------------------------------------ */

static void put_cowd(struct chain *c, uint32_t link)
{
	char path[PATH_ROOM];
	int fd = create(path_of(c, path, link, "-delta"));
	uint64_t unit = c->o.cowd_grain, covers = COWD_GTES * unit, count;
	uint64_t tables = (c->o.sectors + covers - 1) / covers;
	uint64_t free_sector = 4 + (tables * 4 + SECTOR - 1) / SECTOR;
	uint64_t *gd = room(tables * sizeof(*gd));
	struct grain *g = plan(c, link, COWD, &count);

	set_length(fd, free_sector * SECTOR);
	for (uint64_t i = 0; i < count; i++) {
		uint64_t table = g[i].number / COWD_GTES;

		if (!gd[table]) {
			gd[table] = free_sector;
			put_int(fd, 4 * SECTOR + table * 4, free_sector, 4);
			free_sector += COWD_GTES * 4 / SECTOR;
		}
		put_grain(c, fd, free_sector * SECTOR, link, COWD, &g[i]);
		put_int(fd, gd[table] * SECTOR + g[i].number % COWD_GTES * 4, free_sector, 4);
		free_sector += unit;
	}
	if (count && has_fault(c, "gte", link))
		put_int(fd, gd[g[0].number / COWD_GTES] * SECTOR + g[0].number % COWD_GTES * 4,
			0xfffffff0u, 4);
	if (has_fault(c, "gde", link))
		put_int(fd, 4 * SECTOR, 0xfffffff0u, 4);
	/* The last table may be the last thing in the file. */
	set_length(fd, free_sector * SECTOR);
	put(fd, 0, "COWD", 4);
	put_int(fd, 4, has_fault(c, "version", link) ? 9 : 1, 4);
	put_int(fd, 8, 3, 4);
	put_int(fd, 12, c->o.sectors, 4);
	put_int(fd, 16, unit, 4);
	put_int(fd, 20, 4, 4);
	put_int(fd, 24, tables, 4);
	put_int(fd, 28, free_sector, 4);
	put_int(fd, 1648, has_fault(c, "dirty", link), 4);
	close(fd);
	free(gd);
	free(g);
	put_descriptor(c, link, COWD, path);
}

/* ---- SESparse -------------------------------------------------------------------------------- */

/* Regions, in sectors from the start of the file. */
struct se_layout {
	uint64_t grains, tables;	/* how many */
	uint64_t gd, gd_size, gt, gt_size, bitmap, bitmap_size, back, back_size, data;
};

static uint64_t up(uint64_t n, uint64_t unit) { return (n + unit - 1) / unit * unit; }

static void lay_out(struct se_layout *l, uint64_t sectors)
{
	l->grains = (sectors + SE_GRAIN - 1) / SE_GRAIN;
	l->tables = (l->grains + SE_GTES - 1) / SE_GTES;
	l->gd = 4096;
	l->gd_size = up((8 * l->tables + SECTOR - 1) / SECTOR, SE_REGION);
	l->gt = l->gd + l->gd_size;
	l->gt_size = up(SE_GT_SECTORS * l->tables, SE_REGION);
	l->bitmap = l->gt + l->gt_size;
	l->bitmap_size = up((l->grains + 8 * SECTOR - 1) / (8 * SECTOR), SE_REGION);
	l->back = l->bitmap + l->bitmap_size;
	l->back_size = up((8 * l->grains + SECTOR - 1) / SECTOR, SE_REGION);
	l->data = l->back + l->back_size;
}

static void put_se_headers(struct chain *c, int fd, uint32_t link, const struct se_layout *l,
			   uint64_t next_table)
{
	const uint64_t words[26] = {
		0xcafebabe, has_fault(c, "version", link) ? 0x0000000900000001ull :
			    0x0000000200000001ull,
		c->o.sectors, SE_GRAIN, SE_GT_SECTORS, 0, 0, 0, 0, 0,
		1, 1, 2, 2, 2048, 2048, l->gd, l->gd_size, l->gt, l->gt_size,
		l->bitmap, l->bitmap_size, l->back, l->back_size, l->data, c->o.sectors,
	};

	for (unsigned i = 0; i < 26; i++)
		put_int(fd, i * 8, words[i], 8);
	put_int(fd, SECTOR, 0xcafecafe, 8);
	put_int(fd, SECTOR + 8, next_table, 8);
	put_int(fd, SECTOR + 16, 1, 8);
	put_int(fd, SECTOR + 24, has_fault(c, "dirty", link), 8);
}

/* The entry keeps the low 12 bits of the slot above the others. */
static uint64_t se_entry(unsigned type, uint64_t slot)
{
	return (uint64_t)type << 60 | (slot & 0xfff) << 48 | slot >> 12;
}

static void put_sesparse(struct chain *c, uint32_t link)
{
	static const unsigned types[] = { [DATA] = 3, [ZERO] = 2, [UNMAPPED] = 1 };
	char path[PATH_ROOM];
	int fd = create(path_of(c, path, link, "-sesparse"));
	struct se_layout l;
	uint64_t count, next_table = 0, slot = 0, entry, at;
	uint64_t *gd;
	struct grain *g = plan(c, link, SESPARSE, &count);

	lay_out(&l, c->o.sectors);
	gd = room(l.tables * sizeof(*gd));
	set_length(fd, l.data * SECTOR);
	for (uint64_t i = 0; i < count; i++) {
		uint64_t table = g[i].number / SE_GTES;

		if (!gd[table]) {
			gd[table] = 1ull << 60 | next_table++;
			put_int(fd, l.gd * SECTOR + table * 8, gd[table], 8);
		}
		at = (l.gt + (gd[table] & 0xffffffff) * SE_GT_SECTORS) * SECTOR +
		     g[i].number % SE_GTES * 8;
		entry = se_entry(types[g[i].what], g[i].what == ZERO ? 0 : slot);
		if (i == 0 && has_fault(c, "gte", link))
			entry = se_entry(3, 1ull << 40);
		put_int(fd, at, entry, 8);
		if (g[i].what == ZERO)
			continue;
		put_grain(c, fd, (l.data + slot * SE_GRAIN) * SECTOR, link, SESPARSE, &g[i]);
		put_int(fd, l.back * SECTOR + slot * 8, 1ull << 60 | g[i].number, 8);
		slot++;
	}
	for (uint64_t s = 0; s < slot; s += 8)	/* one bit a slot in use */
		put_int(fd, l.bitmap * SECTOR + s / 8, slot - s < 8 ? (1u << (slot - s)) - 1 : 0xff,
			1);
	if (has_fault(c, "gde", link))
		put_int(fd, l.gd * SECTOR, 7ull << 60, 8);
	put_se_headers(c, fd, link, &l, next_table);
	close(fd);
	free(gd);
	free(g);
	put_descriptor(c, link, SESPARSE, path);
}

/* ---- a base that is there already ------------------------------------------------------------ */

/* Its content id and size from its descriptor; a sparse disk has that in its first sectors. */
static void read_base(struct chain *c)
{
	static char text[1 << 16];
	FILE *f = fopen(c->o.base, "r");
	const char *line;
	size_t n;

	if (!f || (n = fread(text, 1, sizeof(text) - 1, f)) == 0)
		die("cannot read", c->o.base);
	fclose(f);
	for (size_t i = 0; i < n; i++)	/* a header before it may hold NULs */
		if (!text[i])
			text[i] = '\n';
	line = strstr(text, "\nCID=");
	if (!line || sscanf(line, "\nCID=%x", &c->parent_cid) != 1)
		die("no CID", c->o.base);
	c->o.sectors = 0;
	for (line = text; (line = strstr(line, "\nRW ")) != NULL; line++)
		c->o.sectors += strtoull(line + 4, NULL, 10);
	snprintf(c->parent, sizeof(c->parent), "%s",
		 c->o.hint ? c->o.hint : base_name(c->o.base));
}

/* ---- the expected content -------------------------------------------------------------------- */

static void put_expected(struct chain *c)
{
	int fd = create(c->o.expected), below = -1;
	uint32_t first = c->o.base ? 1 : 0;

	if (c->o.base && (!c->o.base_raw || (below = open(c->o.base_raw, O_RDONLY)) < 0))
		die("the base's raw content is needed (-B)", c->o.base);
	for (uint64_t s = 0; s < c->o.sectors; s++) {
		uint8_t buf[SECTOR];

		if (c->owner[s] == NOWHERE)
			continue;
		if (c->owner[s] >= first)
			fill_sector(c->o.seed, c->owner[s], s, buf);
		else if (pread(below, buf, SECTOR, (off_t)(s * SECTOR)) != (ssize_t)SECTOR)
			die("is shorter than the base", c->o.base_raw);
		put(fd, s * SECTOR, buf, SECTOR);
	}
	set_length(fd, c->o.sectors * SECTOR);
	close(fd);
}

/* ---- options --------------------------------------------------------------------------------- */

static void usage(void)
{
	fputs("usage: mkchain [options] DIR\n"
	      "  -n NAME   of the base, without .vmdk (vm); links are NAME-000001, ...\n"
	      "  -k KINDS  from the base up, of flat, cowd, sesparse (flat,cowd,sesparse)\n"
	      "  -b FILE   the base is this descriptor instead; -k then names the links above it\n"
	      "  -B FILE   and this its content, raw (for -e)\n"
	      "  -H HINT   and this what the first link calls it (the file name of -b)\n"
	      "  -s SIZE   of the disk, with k, M or G (20M)\n"
	      "  -S SEED   (1)\n"
	      "  -d -z -u PERCENT  of grains a link writes, calls zero, unmapped (30, 5, 5)\n"
	      "  -r N      grains in a run, at most (16)\n"
	      "  -l ORDER  in the file: order; runs or grains: shuffled (runs)\n"
	      "  -g N      sectors in a COWD grain (1)\n"
	      "  -e FILE   write what the disk shows, raw\n"
	      "  -f FAULT:LINK  cid, loop, gone, size, dirty, version, gte or gde\n"
	      "The name of the leaf's descriptor is printed.\n", stderr);
	exit(2);
}

static uint64_t size_of(const char *text)
{
	char *end;
	uint64_t n = strtoull(text, &end, 10);

	switch (*end) {
	case 'G': n <<= 10; /* fall through */
	case 'M': n <<= 10; /* fall through */
	case 'k': n <<= 10;
	}
	if (n == 0 || n % SECTOR || n / SECTOR > UINT32_MAX)
		die("not a size of whole sectors below 2 TiB", text);
	return n / SECTOR;
}

static void take_kinds(struct options *o, char *text)
{
	o->links = 0;
	for (char *word = strtok(text, ","); word; word = strtok(NULL, ",")) {
		unsigned k = 0;

		while (k < KINDS && strcmp(word, kind_words[k]) != 0)
			k++;
		if (k == KINDS || o->links == LINKS_MAX)
			die("not flat, cowd or sesparse, or too many", word);
		o->kind[o->links++] = (enum kind)k;
	}
}

static void take_fault(struct options *o, char *text)
{
	char *colon = strchr(text, ':');

	if (!colon)
		usage();
	*colon = 0;
	o->fault = text;
	o->fault_link = (uint32_t)strtoul(colon + 1, NULL, 10);
}

static enum layout layout_of(const char *word)
{
	return strcmp(word, "order") == 0 ? ORDER : strcmp(word, "grains") == 0 ? GRAINS : RUNS;
}

static void take_options(struct options *o, int argc, char **argv)
{
	int letter;

	while ((letter = getopt(argc, argv, "n:k:b:B:H:s:S:d:z:u:r:l:g:e:f:")) != -1) {
		switch (letter) {
		case 'n': o->name = optarg; break;
		case 'k': take_kinds(o, optarg); break;
		case 'b': o->base = optarg; break;
		case 'B': o->base_raw = optarg; break;
		case 'H': o->hint = optarg; break;
		case 's': o->sectors = size_of(optarg); break;
		case 'S': o->seed = strtoull(optarg, NULL, 0); break;
		case 'd': o->percent[DATA] = (uint32_t)atoi(optarg); break;
		case 'z': o->percent[ZERO] = (uint32_t)atoi(optarg); break;
		case 'u': o->percent[UNMAPPED] = (uint32_t)atoi(optarg); break;
		case 'r': o->run = (uint32_t)atoi(optarg); break;
		case 'l': o->layout = layout_of(optarg); break;
		case 'g': o->cowd_grain = (uint32_t)atoi(optarg); break;
		case 'e': o->expected = optarg; break;
		case 'f': take_fault(o, optarg); break;
		default: usage();
		}
	}
	if (optind != argc - 1 || o->run == 0 || o->cowd_grain == 0 || o->cowd_grain > 2048)
		usage();
	o->dir = argv[optind];
}

int main(int argc, char **argv)
{
	static void (*const writers[KINDS])(struct chain *c, uint32_t link) = {
		put_flat, put_cowd, put_sesparse,
	};
	static struct chain c = { .parent_cid = 0xffffffff };
	char path[PATH_ROOM];
	uint32_t first;

	c.o = (struct options){ .name = "vm", .kind = { FLAT, COWD, SESPARSE }, .links = 3,
				.sectors = size_of("20M"), .seed = 1, .percent = { 0, 30, 5, 5 },
				.run = 16, .layout = RUNS, .cowd_grain = 1 };
	take_options(&c.o, argc, argv);
	first = c.o.base ? 1 : 0;	/* link 0 is the base, whoever made it */
	if (first)
		read_base(&c);
	c.random = c.o.seed;
	c.owner = room(c.o.sectors);
	memset(c.owner, first ? 0 : NOWHERE, c.o.sectors);
	for (uint32_t i = 0; i < c.o.links; i++)
		writers[c.o.kind[i]](&c, first + i);
	if (c.o.expected)
		put_expected(&c);
	puts(path_of(&c, path, first + c.o.links - 1, ""));
	free(c.owner);
	return 0;
}
