/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* vol - what the tests of a mounted volume share: a disk of the simulator with a fresh volume, and
 * short forms of the calls that must succeed. */
#ifndef CAIRN_TESTS_VMFS_VOL_H
#define CAIRN_TESTS_VMFS_VOL_H

#include "iopath/port/sim/sim.h"
#include "tests/unit/cu.h"
#include "vmfs/vmfs.h"

#define DISK "disk"

struct vol {
	struct io_dev		*dev;
	struct vmfs_volume	*volume;
	struct store		*s;
	struct why		why;
};

static inline void vol_format_as(uint32_t version, uint64_t bytes)
{
	struct vmfs_mkfs_opts opts = { .label = "ds1", .version = version };
	struct vmfs_uuid uuid;
	struct io_dev *dev;
	struct why why = { 0 };

	(void)!port_path_remove(DISK);	/* of the run before */
	CU_ASSERT_EQUAL_FATAL(sim_disk_create(DISK, bytes, 0), ST_OK);
	CU_ASSERT_EQUAL_FATAL(io_dev_open(DISK, IO_OPEN_WRITE, &dev, &why), ST_OK);
	CU_ASSERT_EQUAL_FATAL(vmfs_mkfs(&dev, 1, &opts, &uuid, &why), ST_OK);
	io_dev_close(dev);
}

static inline void vol_format(uint64_t bytes) { vol_format_as(5, bytes); }

static inline enum status vol_try_mount(struct vol *v, int write)
{
	struct vmfs_mount_opts opts = { .write = (uint8_t)write };
	enum status st = io_dev_open(DISK, write ? IO_OPEN_WRITE : 0, &v->dev, &v->why);

	if (st != ST_OK)
		return st;
	st = vmfs_mount(&v->dev, 1, &opts, &v->volume, &v->why);
	if (st != ST_OK) {
		io_dev_close(v->dev);
		return st;
	}
	v->s = vmfs_store(v->volume);
	return ST_OK;
}

static inline void vol_mount(struct vol *v, int write)
{
	enum status st = vol_try_mount(v, write);

	if (st != ST_OK)
		fprintf(stderr, "mount: %s: %s\n", status_word(st), v->why.text);
	CU_ASSERT_EQUAL_FATAL(st, ST_OK);
}

static inline enum status vol_unmount(struct vol *v)
{
	enum status st = vmfs_unmount(v->volume);

	io_dev_close(v->dev);
	return st;
}

static inline void vol_remount(struct vol *v)
{
	CU_ASSERT_EQUAL(vol_unmount(v), ST_OK);
	vol_mount(v, 1);
}

static inline struct store_file *vol_create(struct vol *v, const char *path)
{
	struct store_file *f = NULL;
	enum status st = v->s->ops->create(v->s, path, 0644, &f, &v->why);

	if (st != ST_OK)
		fprintf(stderr, "create %s: %s\n", path, v->why.text);
	CU_ASSERT_EQUAL_FATAL(st, ST_OK);
	return f;
}

static inline struct store_file *vol_open(struct vol *v, const char *path, unsigned flags)
{
	struct store_file *f = NULL;
	enum status st = v->s->ops->open(v->s, path, flags, &f, &v->why);

	if (st != ST_OK)
		fprintf(stderr, "open %s: %s\n", path, v->why.text);
	CU_ASSERT_EQUAL_FATAL(st, ST_OK);
	return f;
}

static inline void vol_close(struct vol *v, struct store_file *f)
{
	CU_ASSERT_EQUAL(v->s->ops->file_close(f), ST_OK);
}

static inline enum status vol_remove(struct vol *v, const char *path)
{
	return v->s->ops->remove(v->s, path, &v->why);
}

/* Requests other than reads and writes, waited for. */
static inline enum status vol_io(struct store_file *f, enum port_io_op op, uint64_t offset,
				 uint64_t bytes)
{
	struct io_wait w;

	io_wait_begin(&w, op, offset, NULL, bytes);
	f->store->ops->submit(f, &w.req);
	return io_wait_end(&w);
}

static inline void vol_info(struct vol *v, struct vmfs_info *info)
{
	CU_ASSERT_EQUAL_FATAL(vmfs_info(v->volume, info, &v->why), ST_OK);
}

/* A small generator of its own: the port's chances must not depend on the test's. */
struct rnd { uint64_t x; };
static inline uint32_t rnd(struct rnd *r, uint32_t below)
{
	r->x = r->x * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(r->x >> 33) % below;
}

static inline void vol_print_finding(void *arg, const struct vmfs_finding *finding)
{
	(void)arg;
	if (finding->severity != VMFS_FIND_NOTE)
		fprintf(stderr, "%s at 0x%llx: %s\n", finding->rule,
			(unsigned long long)finding->at, finding->text);
}

/* The checker's verdict on the unmounted disk. */
static inline int vol_finding_count(void)
{
	struct vmfs_check_opts opts = { .finding = vol_print_finding };
	struct vmfs_check_result result = { 0 };
	struct io_dev *dev;
	struct why why = { 0 };
	enum status st;

	CU_ASSERT_EQUAL_FATAL(io_dev_open(DISK, 0, &dev, &why), ST_OK);
	st = vmfs_check(&dev, 1, &opts, &result, &why);
	io_dev_close(dev);
	CU_ASSERT_EQUAL(st, ST_OK);
	return (int)(result.leaks + result.wrong + result.damage);
}

#endif
