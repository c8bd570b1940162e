/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* meta - files a second: create, rename and unlink COUNT files in one directory, each phase ending
 * with a sync, in its time, so that work put off is not work left out.
 *
 *	meta -d DEVICE COUNT		on the datastore on DEVICE (crash-safe: its journal)
 *	meta -k DIRECTORY COUNT		on a file system of the kernel, with system calls
 *
 * One JSON object a phase. CPU is that of this process: what a kernel file system leaves to its own
 * threads (a journal, writeback) is in all_us_op, the machine's whole busy time. */
#include "vmfs/vmfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/load.h"

struct meta {
	const char	*target;
	long		count;
	int		dir_fd;			/* -k */
	struct store	*store;			/* -d */
	struct why	why;
	int		failed;
};

/* One way to do the five things. Each: 0, or -1 with the reason in why. */
struct meta_ops {
	int	(*create)(struct meta *m, const char *name);
	int	(*rename)(struct meta *m, const char *old_name, const char *new_name);
	int	(*unlink)(struct meta *m, const char *name);
	int	(*sync)(struct meta *m);
};

/* ---- a kernel's file system ------------------------------------------------------------------ */

static int sys_result(struct meta *m, const char *name, int rc)
{
	if (rc >= 0)
		return 0;
	why_set(&m->why, ST_DEVICE, "%s: %s", name, strerror(errno));
	return -1;
}

static int sys_create(struct meta *m, const char *name)
{
	int fd = openat(m->dir_fd, name + 1, O_CREAT | O_EXCL | O_RDWR, 0600);

	if (fd >= 0)
		close(fd);
	return sys_result(m, name, fd);
}

static int sys_rename(struct meta *m, const char *old_name, const char *new_name)
{
	return sys_result(m, old_name, renameat(m->dir_fd, old_name + 1, m->dir_fd, new_name + 1));
}

static int sys_unlink(struct meta *m, const char *name)
{
	return sys_result(m, name, unlinkat(m->dir_fd, name + 1, 0));
}

static int sys_sync(struct meta *m) { return sys_result(m, "sync", syncfs(m->dir_fd)); }

static const struct meta_ops sys_ops = { sys_create, sys_rename, sys_unlink, sys_sync };

/* ---- a datastore ----------------------------------------------------------------------------- */

static int store_result(struct meta *m, const char *name, enum status st)
{
	if (st == ST_OK)
		return 0;
	if (!m->why.text[0])
		why_set(&m->why, st, "%s: %s", name, status_text(st));
	return -1;
}

static int ds_create(struct meta *m, const char *name)
{
	struct store_file *file;
	enum status st = m->store->ops->create(m->store, name, 0600, &file, &m->why);

	if (st == ST_OK)
		st = m->store->ops->file_close(file);
	return store_result(m, name, st);
}

static int ds_rename(struct meta *m, const char *old_name, const char *new_name)
{
	return store_result(m, old_name,
			    m->store->ops->rename(m->store, old_name, new_name, 0, &m->why));
}

static int ds_unlink(struct meta *m, const char *name)
{
	return store_result(m, name, m->store->ops->remove(m->store, name, &m->why));
}

static int ds_sync(struct meta *m)
{
	return store_result(m, "sync", m->store->ops->sync(m->store));
}

static const struct meta_ops ds_ops = { ds_create, ds_rename, ds_unlink, ds_sync };

/* ---- the phases ------------------------------------------------------------------------------ */

/* Seconds that all processors of the machine were busy since it started. */
static double machine_busy_s(void)
{
	unsigned long long user = 0, nice = 0, sys = 0, idle, wait, irq = 0, soft = 0;
	FILE *f = fopen("/proc/stat", "r");

	if (f) {
		if (fscanf(f, "cpu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &sys, &idle,
			   &wait, &irq, &soft) != 7)
			user = 0;
		fclose(f);
	}
	return (double)(user + nice + sys + irq + soft) / (double)sysconf(_SC_CLK_TCK);
}

enum phase { CREATE, RENAME, UNLINK, PHASES };

static int step(struct meta *m, const struct meta_ops *ops, enum phase phase, long i)
{
	char a[32], b[32];

	snprintf(a, sizeof(a), "/file%ld", i);
	snprintf(b, sizeof(b), "/name%ld", i);
	switch (phase) {
	case CREATE: return ops->create(m, a);
	case RENAME: return ops->rename(m, a, b);
	default: return ops->unlink(m, b);
	}
}

static void run_phases(struct meta *m, const struct meta_ops *ops)
{
	static const char *const word[PHASES] = { "create", "rename", "unlink" };

	for (int phase = 0; phase < PHASES && !m->failed; phase++) {
		double wall_s = load_wall_s(), cpu_s = load_cpu_s(), busy_s = machine_busy_s();

		for (long i = 0; i < m->count && !m->failed; i++)
			m->failed = step(m, ops, (enum phase)phase, i) < 0;
		m->failed = m->failed || ops->sync(m) < 0;
		wall_s = load_wall_s() - wall_s;
		cpu_s = load_cpu_s() - cpu_s;
		busy_s = machine_busy_s() - busy_s;
		printf("{\"phase\":\"%s\",\"ops\":%ld,\"wall_s\":%.4f,\"iops\":%.0f,"
		       "\"cpu_us_op\":%.3f,\"all_us_op\":%.3f}\n", word[phase], m->count, wall_s,
		       (double)m->count / wall_s, cpu_s * 1e6 / (double)m->count,
		       busy_s * 1e6 / (double)m->count);
	}
}

static void datastore_world(void *arg)
{
	struct meta *m = arg;
	struct vmfs_mount_opts opts = { .write = 1 };
	struct vmfs_volume *vol;
	struct io_dev *dev;

	m->failed = 1;
	if (io_dev_open(m->target, IO_OPEN_WRITE | IO_OPEN_DIRECT, &dev, &m->why) != ST_OK)
		return;
	if (vmfs_mount(&dev, 1, &opts, &vol, &m->why) == ST_OK) {
		m->failed = 0;
		m->store = vmfs_store(vol);
		run_phases(m, &ds_ops);
		if (vmfs_unmount(vol) != ST_OK)
			m->failed = 1;
	}
	io_dev_close(dev);
}

int main(int argc, char **argv)
{
	struct port_config config = { .log_level = LOG_WARN };
	struct meta m = { 0 };
	int opt, kernel = 0;

	while ((opt = getopt(argc, argv, "d:k:")) != -1) {
		if (opt != 'd' && opt != 'k')
			return 2;
		kernel = opt == 'k';
		m.target = optarg;
	}
	m.count = optind + 1 == argc ? atol(argv[optind]) : 0;
	if (!m.target || m.count < 1) {
		fprintf(stderr, "usage: meta -d DEVICE | -k DIRECTORY COUNT\n");
		return 2;
	}
	if (kernel) {
		m.dir_fd = open(m.target, O_RDONLY | O_DIRECTORY);
		m.failed = sys_result(&m, m.target, m.dir_fd) < 0;
		if (!m.failed)
			run_phases(&m, &sys_ops);
	} else if (port_run(&config, datastore_world, &m, &m.why) != ST_OK) {
		m.failed = 1;
	}
	if (m.failed)
		fprintf(stderr, "meta: %s\n", m.why.text[0] ? m.why.text : "failed");
	return m.failed;
}
