/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* disks - what the tests of LVM, mkfs, grow and the checker share: simulator disks by number, and
 * the checker's findings kept for looking at. */
#ifndef CAIRN_TESTS_VMFS_DISKS_H
#define CAIRN_TESTS_VMFS_DISKS_H

#include <string.h>

#include "iopath/base/fmt.h"
#include "iopath/port/sim/sim.h"
#include "tests/unit/cu.h"
#include "vmfs/format_priv.h"

#define DISKS_MAX 32

struct disks {
	uint32_t	count;
	struct io_dev	*dev[DISKS_MAX];
	struct why	why;
};

static inline const char *disk_name(uint32_t i)
{
	static char name[DISKS_MAX][16];

	fmt(name[i], sizeof(name[i]), "d%u", i);
	return name[i];
}

/* Disk i anew, all a hole. */
static inline void disk_make(uint32_t i, uint64_t bytes)
{
	(void)!port_path_remove(disk_name(i));
	CU_ASSERT_EQUAL_FATAL(sim_disk_create(disk_name(i), bytes, 0), ST_OK);
}

static inline struct io_dev *disk_open(uint32_t i)
{
	struct why why = { 0 };
	struct io_dev *dev = NULL;

	CU_ASSERT_EQUAL_FATAL(io_dev_open(disk_name(i), IO_OPEN_WRITE, &dev, &why), ST_OK);
	return dev;
}

static inline void disks_open(struct disks *d, uint32_t count)
{
	*d = (struct disks){ .count = count };
	for (uint32_t i = 0; i < count; i++)
		d->dev[i] = disk_open(i);
}

static inline void disks_close(struct disks *d)
{
	for (uint32_t i = 0; i < d->count; i++)
		io_dev_close(d->dev[i]);
	d->count = 0;
}

static inline enum status disks_mkfs(struct disks *d, int force)
{
	struct vmfs_mkfs_opts opts = { .label = "ds1", .force = (uint8_t)force };

	return vmfs_mkfs(d->dev, d->count, &opts, NULL, &d->why);
}

/* One fresh volume over disks 0 .. count - 1, each of so many bytes. */
static inline void disks_format(uint32_t version, uint32_t count, uint64_t bytes)
{
	struct vmfs_mkfs_opts opts = { .label = "ds1", .version = version };
	struct disks d;

	for (uint32_t i = 0; i < count; i++)
		disk_make(i, bytes);
	disks_open(&d, count);
	CU_ASSERT_EQUAL_FATAL(vmfs_mkfs(d.dev, count, &opts, NULL, &d.why), ST_OK);
	disks_close(&d);
}

/* One fresh volume on disk 0. */
static inline void disk_format(uint64_t bytes) { disks_format(5, 1, bytes); }

/* ---- findings -------------------------------------------------------------------------------- */

struct findings {
	uint32_t			count;
	struct vmfs_finding		f[32];
	char				text[32][WHY_TEXT_MAX];
	struct vmfs_check_result	result;
	enum status			status;
	struct why			why;
};

static inline void findings_take(void *arg, const struct vmfs_finding *f)
{
	struct findings *all = arg;

	if (all->count == ARRAY_COUNT(all->f))
		return;
	all->f[all->count] = *f;
	mem_copy_text(all->text[all->count], WHY_TEXT_MAX, f->text);
	all->f[all->count].text = all->text[all->count];
	all->count++;
}

static inline void disks_check(struct disks *d, int fix, struct findings *all)
{
	struct vmfs_check_opts opts = { .fix = (uint8_t)fix, .finding = findings_take, .arg = all };

	*all = (struct findings){ 0 };
	all->status = vmfs_check(d->dev, d->count, &opts, &all->result, &all->why);
}

static inline uint64_t findings_errors(const struct findings *all)
{
	return all->result.leaks + all->result.wrong + all->result.damage;
}

static inline void findings_print(const struct findings *all)
{
	if (all->status != ST_OK)
		fprintf(stderr, "   check: %s: %s\n", status_word(all->status), all->why.text);
	for (uint32_t i = 0; i < all->count; i++)
		fprintf(stderr, "   %u %s @0x%lx %s%s\n", all->f[i].severity, all->f[i].rule,
			(unsigned long)all->f[i].at, all->f[i].text,
			all->f[i].fixed ? " [fixed]" : "");
}

/* The first finding of a rule with at least that severity; NULL when there is none. */
static inline const struct vmfs_finding *findings_rule(const struct findings *all, const char *rule,
						       enum vmfs_severity severity)
{
	for (uint32_t i = 0; i < all->count; i++)
		if (!strcmp(all->f[i].rule, rule) && all->f[i].severity >= severity)
			return &all->f[i];
	return NULL;
}

/* The checker finds no error on these devices. */
static inline void disks_assert_clean(struct disks *d)
{
	struct findings all;

	disks_check(d, 0, &all);
	if (all.status != ST_OK || findings_errors(&all))
		findings_print(&all);
	CU_ASSERT_EQUAL(all.status, ST_OK);
	CU_ASSERT_EQUAL(findings_errors(&all), 0);
}

#endif
