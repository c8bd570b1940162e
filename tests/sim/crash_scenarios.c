/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* crash_scenarios - lists of steps, each heavy in another kind of metadata. */
#include "tests/sim/crash.h"

#include <stdarg.h>
#include <stdio.h>

static struct step *add(struct scenario *s, enum step_op op, const char *format, ...)
	PRINTF_LIKE(3, 4);
static struct step *add(struct scenario *s, enum step_op op, const char *format, ...)
{
	struct step *step = &s->step[s->count++];
	va_list ap;

	VERIFY(s->count <= STEPS_MAX);
	step->op = op;
	va_start(ap, format);
	vsnprintf(step->path, sizeof(step->path), format, ap);
	va_end(ap);
	return step;
}

static void range(struct step *step, uint64_t at, uint64_t bytes)
{
	step->at = at;
	step->bytes = bytes;
}

static void to(struct step *step, const char *text)
{
	mem_copy_text(step->to, sizeof(step->to), text);
}

/* Many names in three directories, removed and made again. */
static void names_steps(struct scenario *s)
{
	for (int d = 0; d < 3; d++)
		add(s, MKDIR, "/d%d", d);
	for (int i = 0; i < 36; i++) {
		add(s, CREATE, "/d%d/f%d", i % 3, i);
		if (i % 3 == 0)
			range(add(s, WRITE, "/d0/f%d", i), 0, 300 + 700 * (uint64_t)(i % 4));
		if (i % 12 == 11)
			add(s, SYNC, "/");
	}
	for (int i = 0; i < 36; i += 2)
		add(s, REMOVE, "/d%d/f%d", i % 3, i);
	add(s, SYNC, "/");
	for (int i = 0; i < 36; i += 4)
		add(s, CREATE, "/d%d/f%d", i % 3, i);
	for (int i = 1; i < 36; i += 2)
		add(s, REMOVE, "/d%d/f%d", i % 3, i);
	add(s, SYNC, "/");
}

/* Files and directories renamed: away, over others, and into other directories. */
static void rename_steps(struct scenario *s)
{
	add(s, MKDIR, "/a");
	add(s, MKDIR, "/b");
	for (int i = 0; i < 8; i++) {
		add(s, CREATE, "/a/f%d", i);
		range(add(s, WRITE, "/a/f%d", i), 0, 900 + 1500 * (uint64_t)i);
		add(s, CREATE, "/b/g%d", i);
		range(add(s, WRITE, "/b/g%d", i), 0, 12000);
	}
	add(s, SYNC, "/");
	for (int i = 0; i < 8; i += 2) {
		to(add(s, RENAME, "/a/f%d", i), "/b/g0");
		to(add(s, RENAME, "/b/g0"), "/a/g0");
		add(s, CREATE, "/b/g0");
		range(add(s, WRITE, "/b/g0"), 4096, 4096);
		if (i == 4)
			add(s, SYNC, "/");
	}
	add(s, MKDIR, "/a/sub");
	add(s, CREATE, "/a/sub/x");
	to(add(s, RENAME, "/a/sub"), "/b/sub");
	to(add(s, RENAME, "/b"), "/a/b");
	add(s, SYNC, "/");
	to(add(s, RENAME, "/a/b/sub/x"), "/a/f1");
	to(add(s, RENAME, "/a/b/sub"), "/sub");
	add(s, REMOVE, "/sub");
	add(s, SYNC, "/");
}

/* A file that grows through every shape of its map, and back; another beside it. */
static void grow_steps(struct scenario *s)
{
	static const struct { uint64_t at, bytes; } write[] = {
		{ 0, 100 }, { 100, 900 }, { 1000, 3000 }, { 4000, 5000 }, { 9000, 200000 },
		{ MIB - 1000, 2000 }, { 3 * MIB, 4096 }, { 255 * MIB, 65536 }, { 256 * MIB, 8192 },
		{ 1024 * MIB - 512, 1024 }, { 3000 * MIB, 4096 }, { 255 * GIB, 4096 },
		{ 256 * GIB, 4096 }, { 300 * GIB, 70000 }, { 10, 2000 },
	};

	add(s, CREATE, "/big");
	add(s, CREATE, "/side");
	for (size_t i = 0; i < ARRAY_COUNT(write); i++) {
		range(add(s, WRITE, "/big"), write[i].at, write[i].bytes);
		range(add(s, WRITE, "/side"), i * 5000, 5000);
		if (i % 3 == 1)
			add(s, SYNC, "/");
		if (i % 3 == 2)
			add(s, FLUSH, "/big");
	}
	range(add(s, RESIZE, "/big"), 0, 2000 * MIB);
	range(add(s, WRITE, "/side"), 100, 50);
	range(add(s, RESIZE, "/big"), 0, 5 * MIB);
	add(s, SYNC, "/");
	range(add(s, RESIZE, "/big"), 0, 500);
	range(add(s, WRITE, "/big"), 2000, 10);
	range(add(s, RESIZE, "/side"), 0, 0);
	add(s, SYNC, "/");
}

/* Disks, lazily and eagerly allocated, written into, punched, cut and made longer. */
static void disk_steps(struct scenario *s)
{
	add(s, CREATE, "/lazy");
	range(add(s, LAZY, "/lazy"), 0, 12 * MIB);
	add(s, CREATE, "/eager");
	range(add(s, EAGER, "/eager"), 0, 3 * MIB);
	add(s, SYNC, "/");
	for (uint64_t i = 0; i < 10; i++)
		range(add(s, WRITE, "/lazy"), i * MIB + i * 5000, i % 3 ? 4096 : 9000);
	range(add(s, WRITE, "/eager"), MIB - 4096, 8192);
	add(s, SYNC, "/");
	range(add(s, UNMAP, "/lazy"), 2 * MIB - 4096, 3 * MIB);
	range(add(s, WRITE, "/lazy"), 3 * MIB + 4096, 4096);
	range(add(s, ZERO, "/lazy"), 6 * MIB, 2 * MIB);
	range(add(s, WRITE, "/lazy"), 7 * MIB, 512);
	add(s, FLUSH, "/lazy");
	range(add(s, RESIZE, "/lazy"), 0, 4 * MIB + 100);
	range(add(s, RESIZE, "/lazy"), 0, 8 * MIB);
	range(add(s, WRITE, "/lazy"), 5 * MIB, 3000);
	add(s, SYNC, "/");
	range(add(s, LAZY, "/lazy"), 0, 300 * MIB);
	range(add(s, WRITE, "/lazy"), 299 * MIB, 4096);
	add(s, SYNC, "/");
	range(add(s, UNMAP, "/lazy"), 0, 299 * MIB);
	range(add(s, UNMAP, "/eager"), 0, 3 * MIB);
	add(s, SYNC, "/");
}

/* A tree of directories and links comes and goes; then a file of over a thousand blocks is removed,
 * which takes several transactions. */
static void tree_steps(struct scenario *s)
{
	for (int i = 0; i < 6; i++) {
		add(s, MKDIR, "/t%d", i);
		add(s, MKDIR, "/t%d/in", i);
		to(add(s, SYMLINK, "/t%d/link", i), "../somewhere/else");
		add(s, CREATE, "/t%d/in/file", i);
	}
	add(s, SYNC, "/");
	for (int i = 0; i < 6; i += 2) {
		add(s, REMOVE, "/t%d/in/file", i);
		add(s, REMOVE, "/t%d/in", i);
		add(s, REMOVE, "/t%d/link", i);
		add(s, REMOVE, "/t%d", i);
	}
	add(s, CREATE, "/huge");
	range(add(s, LAZY, "/huge"), 0, 1300 * MIB);
	range(add(s, WRITE, "/huge"), 1200 * MIB, 4096);
	add(s, SYNC, "/");
	add(s, REMOVE, "/huge");
	add(s, MKDIR, "/after");
	add(s, CREATE, "/after/one");
	range(add(s, WRITE, "/after/one"), 0, 20000);
	add(s, SYNC, "/");
	add(s, REMOVE, "/t1/link");
	add(s, SYNC, "/");
}

/* Blocks that held somebody else's data: what is written into them must be there before anything
 * points to it. */
static void reuse_steps(struct scenario *s)
{
	for (uint64_t i = 0; i < 6; i++) {
		add(s, CREATE, "/old%d", (int)i);
		range(add(s, WRITE, "/old%d", (int)i), 0, 2 * MIB);
	}
	add(s, SYNC, "/");
	for (int i = 0; i < 6; i++)
		add(s, REMOVE, "/old%d", i);
	add(s, SYNC, "/");
	add(s, MKDIR, "/dir");	/* a group of its own: what was freed may be used from here on */
	add(s, SYNC, "/");
	for (int i = 0; i < 10; i++) {
		add(s, CREATE, "/dir/new%d", i);
		range(add(s, WRITE, "/dir/new%d", i), 0, i % 3 ? MIB : MIB / 2 + 512);
		if (i % 2)
			add(s, FLUSH, "/dir/new%d", i);
	}
	/* Put in place as copying tools do, without a flush. */
	for (int i = 0; i < 10; i += 3) {
		char name[32];

		add(s, CREATE, "/dir/tmp");
		range(add(s, WRITE, "/dir/tmp"), 0, 300000 * (uint64_t)i + 700);
		snprintf(name, sizeof(name), "/dir/put%d", i);
		to(add(s, RENAME, "/dir/tmp"), name);
	}
	add(s, SYNC, "/");
}

struct scenario crash_scenarios[SCENARIOS] = {
	{ .name = "names", .steps = names_steps }, { .name = "rename", .steps = rename_steps },
	{ .name = "grow", .steps = grow_steps }, { .name = "disk", .steps = disk_steps },
	{ .name = "tree", .steps = tree_steps }, { .name = "reuse", .steps = reuse_steps },
};
