/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* lun - what the tests of inventories share: a datastore in a folder of the simulated machine, and
 * short forms for the files of machines. */
#ifndef CAIRN_TESTS_SNAPSHOTS_LUN_H
#define CAIRN_TESTS_SNAPSHOTS_LUN_H

#include <stdarg.h>
#include <string.h>

#include "iopath/port/sim/sim.h"
#include "snapshots/snapshots.h"
#include "tests/unit/cu.h"

#define LUN "/lun"
#define DISK_BYTES MIB

struct lun {
	struct store		*s;
	struct inventory	*inv;
	struct why		why;
};

static inline void lun_dir(struct lun *t, const char *path)
{
	if (t->s->ops->mkdir(t->s, path, 0700, NULL) != ST_OK)
		CU_FAIL_FATAL("mkdir");
}

static inline void lun_begin(struct lun *t)
{
	memset(t, 0, sizeof(*t));
	CU_ASSERT_EQUAL_FATAL(hostfs_open("/", &t->s, &t->why), ST_OK);
	lun_dir(t, LUN);
}

static inline void lun_put(struct lun *t, const char *path, const void *data, size_t n)
{
	enum status st = store_replace(t->s, path, 0600, data, n, &t->why);

	if (st != ST_OK)
		printf("%s\n", t->why.text);
	CU_ASSERT_EQUAL_FATAL(st, ST_OK);
}

static inline void lun_text(struct lun *t, const char *path, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static inline void lun_text(struct lun *t, const char *path, const char *format, ...)
{
	char text[8192];
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	lun_put(t, path, text, (size_t)n);
}

/* A flat extent of zeros. */
static inline void lun_flat(struct lun *t, const char *path)
{
	char *zeros = calloc(1, DISK_BYTES);

	lun_put(t, path, zeros, DISK_BYTES);
	free(zeros);
}

/* A base whose extent has the usual name; stem: the path without ".vmdk". */
static inline void lun_base(struct lun *t, const char *stem, uint32_t cid)
{
	const char *name = strrchr(stem, '/') + 1;
	char path[300];

	snprintf(path, sizeof(path), "%s.vmdk", stem);
	lun_text(t, path, "# Disk DescriptorFile\nversion=1\nCID=%08x\nparentCID=ffffffff\n"
		 "createType=\"vmfs\"\nRW 2048 VMFS \"%s-flat.vmdk\"\n"
		 "ddb.adapterType = \"lsilogic\"\n", cid, name);
	snprintf(path, sizeof(path), "%s-flat.vmdk", stem);
	lun_flat(t, path);
}

/* A delta on the parent of that CID; its extent is a few bytes, nobody opens it here. */
static inline void lun_delta(struct lun *t, const char *stem, uint32_t cid, uint32_t parent_cid,
			     const char *hint)
{
	const char *name = strrchr(stem, '/') + 1;
	char path[300];

	snprintf(path, sizeof(path), "%s.vmdk", stem);
	lun_text(t, path, "# Disk DescriptorFile\nversion=1\nCID=%08x\nparentCID=%08x\n"
		 "createType=\"vmfsSparse\"\nparentFileNameHint=\"%s\"\n"
		 "RW 2048 VMFSSPARSE \"%s-delta.vmdk\"\n", cid, parent_cid, hint, name);
	snprintf(path, sizeof(path), "%s-delta.vmdk", stem);
	lun_put(t, path, "COWD", 4);
}

static inline void lun_vmx(struct lun *t, const char *path, const char *name, const char *disk)
{
	lun_text(t, path, ".encoding = \"UTF-8\"\nconfig.version = \"8\"\ndisplayName = \"%s\"\n"
		 "guestOS = \"debian11-64\"\nmemSize = \"1024\"\nscsi0.present = \"TRUE\"\n"
		 "scsi0:0.present = \"TRUE\"\nscsi0:0.fileName = \"%s\"\n"
		 "scsi0:0.deviceType = \"scsi-hardDisk\"\n", name, disk);
}

static inline enum status lun_scan(struct lun *t)
{
	static const struct inv_opts opts = { .root = LUN, .label = "ds1",
					      .uuid = "61137dd5-df6bc2c8-f0e7-000c29801686" };

	inv_free(t->inv);
	return inv_scan(t->s, &opts, &t->inv, &t->why);
}

/* All findings as "kind path" lines, against the wanted ones: no more, no less. */
static inline void lun_findings(struct lun *t, const char *want)
{
	char got[8192] = "";
	size_t n = 0;

	for (uint32_t i = 0; i < t->inv->finding_count; i++)
		n += (size_t)snprintf(got + n, sizeof(got) - n, "%s %s\n",
				      inv_kind_word(t->inv->findings[i]->kind),
				      t->inv->findings[i]->path + strlen(LUN));
	if (strcmp(got, want) != 0) {
		printf("\nwanted:\n%sgot:\n", want);
		for (uint32_t i = 0; i < t->inv->finding_count; i++)
			printf("%s %s: %s\n", inv_kind_word(t->inv->findings[i]->kind),
			       t->inv->findings[i]->path, t->inv->findings[i]->text);
	}
	CU_ASSERT_STRING_EQUAL(got, want);
}

static inline struct inv_vm *lun_vm(struct lun *t, const char *name)
{
	uint32_t at = 0;
	struct inv_vm *vm = inv_find(t->inv, name, &at);

	CU_ASSERT_PTR_NOT_NULL_FATAL(vm);
	return vm;
}

struct lun_removal { struct lun *t; const char *dir; };
static inline int lun_remove_one(void *arg, const char *name, const struct store_stat *st);

static inline void lun_remove(struct lun *t, const char *dir)
{
	struct lun_removal r = { t, dir };

	(void)!t->s->ops->list(t->s, dir, lun_remove_one, &r, NULL);
	CU_ASSERT_EQUAL(t->s->ops->remove(t->s, dir, NULL), ST_OK);
}

static inline int lun_remove_one(void *arg, const char *name, const struct store_stat *st)
{
	struct lun_removal *r = arg;
	char path[600];

	snprintf(path, sizeof(path), "%s/%s", r->dir, name);
	if (st->kind == STORE_DIR)
		lun_remove(r->t, path);
	else
		CU_ASSERT_EQUAL(r->t->s->ops->remove(r->t->s, path, NULL), ST_OK);
	return 0;
}

static inline void lun_end(struct lun *t)
{
	inv_free(t->inv);
	lun_remove(t, LUN);
	CU_ASSERT_EQUAL(t->s->ops->close(t->s), ST_OK);
}

#endif
