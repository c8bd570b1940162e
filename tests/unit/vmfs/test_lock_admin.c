/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Who holds a lock, as the disk says it and as time tells it. */
#include "tests/unit/vmfs/vol.h"
#include "vmfs/vmfs_priv.h"

#define VOLUME_BYTES	(320 * MIB)
#define SECOND		1000000000ull

static void show(struct vol *v, const char *path, struct vmfs_lock_info *info)
{
	CU_ASSERT_EQUAL_FATAL(vmfs_lock_show(v->volume, path, info, &v->why), ST_OK);
}

/* What a lock sector says, put on the disk by hand. */
static void put_lock(struct vol *v, uint64_t at, const struct vmfs_lock_disk *lock)
{
	CU_ASSERT_EQUAL_FATAL(io_dev_write(v->dev, LVM_DATA_AT + at, lock, sizeof(*lock)), ST_OK);
}

static void get_lock(struct vol *v, uint64_t at, struct vmfs_lock_disk *lock)
{
	CU_ASSERT_EQUAL_FATAL(io_dev_read(v->dev, LVM_DATA_AT + at, lock, sizeof(*lock)), ST_OK);
}

static void write_file(struct vol *v, const char *path)
{
	struct store_file *f = vol_create(v, path);

	CU_ASSERT_EQUAL(store_write(f, 0, "content", 7), ST_OK);
	vol_close(v, f);
	CU_ASSERT_EQUAL(v->s->ops->sync(v->s), ST_OK);
}

static void test_free_lock_has_no_holder(void)
{
	struct vmfs_lock_info info;
	struct vol v;

	vol_format(VOLUME_BYTES);
	vol_mount(&v, 1);
	write_file(&v, "/f");
	vol_unmount(&v);
	vol_mount(&v, 0);
	show(&v, "/f", &info);
	CU_ASSERT_EQUAL(info.mode, VMFS_LOCK_FREE);
	CU_ASSERT_EQUAL(info.holder_count, 0);
	CU_ASSERT(!info.damaged && info.fd && info.at);
	CU_ASSERT_EQUAL(vmfs_lock_show(v.volume, "/nope", &info, &v.why), ST_NOENT);
	vol_unmount(&v);
}

/* Unknown, alive after a beat, gone after a lease, over once its slot is another's. */
static void test_life_of_a_holder(void)
{
	struct vmfs_lock_info info;
	struct store_file *f;
	struct vol w, r;
	char text[200];

	vol_format(VOLUME_BYTES);
	vol_mount(&w, 1);
	write_file(&w, "/f");
	f = vol_open(&w, "/f", STORE_WRITE);
	vol_mount(&r, 0);
	show(&r, "/f", &info);
	CU_ASSERT_EQUAL(info.mode, VMFS_LOCK_EXCLUSIVE);
	CU_ASSERT_EQUAL_FATAL(info.holder_count, 1);
	CU_ASSERT_EQUAL(info.holder[0].life, VMFS_LIFE_UNKNOWN);
	CU_ASSERT(!memcmp(&info.holder[0].host.owner, &w.volume->beat.host, 16));
	CU_ASSERT_EQUAL(info.holder[0].host.slot_at, w.volume->beat.at);
	CU_ASSERT_EQUAL(vmfs_hosts_watch(r.volume, 4 * SECOND), ST_OK);
	show(&r, "/f", &info);
	CU_ASSERT_EQUAL(info.holder[0].life, VMFS_LIFE_ALIVE);
	vmfs_holder_text(&info.holder[0], text, sizeof(text));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "cairn@"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "alive"));
	show(&w, "/f", &info);
	CU_ASSERT_EQUAL(info.holder[0].life, VMFS_LIFE_OURS);
	vol_close(&w, f);
	CU_ASSERT_EQUAL(w.s->ops->sync(w.s), ST_OK);
	show(&r, "/f", &info);
	CU_ASSERT_EQUAL(info.mode, VMFS_LOCK_FREE);
	vol_unmount(&r);
	vol_unmount(&w);
}

/* A lock of a mount that is over, one that names no slot, and one with several readers. */
static void test_locks_of_others(void)
{
	struct vmfs_lock_disk lock;
	struct vmfs_lock_info info;
	struct vol v;

	vol_format(VOLUME_BYTES);
	vol_mount(&v, 1);
	write_file(&v, "/f");
	show(&v, "/f", &info);
	vol_unmount(&v);
	CU_ASSERT_EQUAL_FATAL(io_dev_open(DISK, IO_OPEN_WRITE, &v.dev, &v.why), ST_OK);
	get_lock(&v, info.at, &lock);
	le32_set(&lock.mode, VMFS_LOCK_EXCLUSIVE);
	le64_set(&lock.hb_at, VMFS_HB_AT + 512);
	le64_set(&lock.hb_gen, 99);
	memset(&lock.owner, 7, sizeof(lock.owner));
	put_lock(&v, info.at, &lock);
	io_dev_close(v.dev);
	vol_mount(&v, 0);
	show(&v, "/f", &info);
	CU_ASSERT_EQUAL_FATAL(info.holder_count, 1);
	CU_ASSERT_EQUAL(info.holder[0].life, VMFS_LIFE_OVER);
	CU_ASSERT_EQUAL(info.holder[0].host.generation, 99);
	vol_unmount(&v);

	CU_ASSERT_EQUAL_FATAL(io_dev_open(DISK, IO_OPEN_WRITE, &v.dev, &v.why), ST_OK);
	le32_set(&lock.mode, VMFS_LOCK_READ_ONLY);
	le32_set(&lock.num_holders, 2);
	le64_set(&lock.holders[1].hb_at, 5);
	memset(&lock.holders[0].host, 1, 16);
	le64_set(&lock.holders[0].hb_at, VMFS_HB_AT);
	put_lock(&v, info.at, &lock);
	io_dev_close(v.dev);
	vol_mount(&v, 0);
	show(&v, "/f", &info);
	CU_ASSERT_EQUAL_FATAL(info.holder_count, 2);
	CU_ASSERT_EQUAL(info.holder[0].life, VMFS_LIFE_OVER);
	CU_ASSERT_EQUAL(info.holder[1].life, VMFS_LIFE_DAMAGED);
	vol_unmount(&v);

	/* More holders than there is room for: no reading past the record. */
	CU_ASSERT_EQUAL_FATAL(io_dev_open(DISK, IO_OPEN_WRITE, &v.dev, &v.why), ST_OK);
	le32_set(&lock.num_holders, 0xffffffff);
	le64_set(&lock.at, 1);
	put_lock(&v, info.at, &lock);
	io_dev_close(v.dev);
	vol_mount(&v, 0);
	show(&v, "/f", &info);
	CU_ASSERT_EQUAL(info.holder_count, VMFS_HOLDERS_MAX);
	CU_ASSERT(info.damaged);
	vol_unmount(&v);
}

/* ---- all of them ----------------------------------------------------------------------------- */

struct seen { uint32_t files, clusters; uint32_t fd[8]; };

static int note(void *arg, const struct vmfs_lock_info *info)
{
	struct seen *s = arg;

	if (info->fd && s->files < ARRAY_COUNT(s->fd))
		s->fd[s->files] = info->fd;
	s->files += info->fd != 0;
	s->clusters += info->fd == 0;
	return 0;
}

static int note_one(void *arg, const struct vmfs_lock_info *info)
{
	note(arg, info);
	return 1;
}

static void test_each_lock_that_is_held(void)
{
	struct store_file *f[3];
	struct vmfs_lock_info info;
	struct seen s = { 0 }, one;
	struct vol w, r;
	char path[16];

	vol_format(VOLUME_BYTES);
	vol_mount(&w, 1);
	for (int i = 0; i < 3; i++) {
		fmt(path, sizeof(path), "/f%d", i);
		write_file(&w, path);
		f[i] = vol_open(&w, path, STORE_WRITE);
	}
	vol_mount(&r, 0);
	CU_ASSERT_EQUAL(vmfs_lock_each(r.volume, note, &s, &r.why), ST_OK);
	CU_ASSERT_EQUAL(s.files, 3);
	one = (struct seen){ 0 };
	CU_ASSERT_EQUAL(vmfs_lock_each(r.volume, note_one, &one, &r.why), ST_OK);
	CU_ASSERT_EQUAL(one.files + one.clusters, 1);
	for (int i = 0; i < 3; i++) {
		fmt(path, sizeof(path), "/f%d", i);
		show(&r, path, &info);
		CU_ASSERT_EQUAL(info.fd, s.fd[i]);
		vol_close(&w, f[i]);
	}
	vol_unmount(&r);
	CU_ASSERT_EQUAL(vol_unmount(&w), ST_OK);
	vol_mount(&r, 0);
	s = (struct seen){ 0 };
	CU_ASSERT_EQUAL(vmfs_lock_each(r.volume, note, &s, &r.why), ST_OK);
	CU_ASSERT_EQUAL(s.files + s.clusters, 0);
	vol_unmount(&r);
}

/* A held cluster lock is found, in whichever resource file, and named. */
static int take_cluster(void *arg, const struct vmfs_lock_info *info)
{
	*(struct vmfs_lock_info *)arg = *info;
	return 0;
}

static void test_cluster_locks_are_found(void)
{
	struct vmfs_lock_info info;
	struct vmfs_lock_disk lock;
	struct vol v;

	vol_format(VOLUME_BYTES);
	for (int kind = 0; kind <= VMFS_RES_PB2; kind++) {
		uint64_t at;

		vol_mount(&v, 0);
		at = vmfs_layout_cluster_at(&v.volume->layout, (enum vmfs_res)kind, 0);
		vol_unmount(&v);
		CU_ASSERT_EQUAL_FATAL(io_dev_open(DISK, IO_OPEN_WRITE, &v.dev, &v.why), ST_OK);
		get_lock(&v, at, &lock);
		le32_set(&lock.mode, VMFS_LOCK_EXCLUSIVE);
		put_lock(&v, at, &lock);
		io_dev_close(v.dev);
		info = (struct vmfs_lock_info){ 0 };
		vol_mount(&v, 0);
		CU_ASSERT_EQUAL(vmfs_lock_each(v.volume, take_cluster, &info, &v.why), ST_OK);
		vol_unmount(&v);
		CU_ASSERT_EQUAL(info.at, at);
		CU_ASSERT_STRING_EQUAL(info.file, vmfs_res_traits[kind].file);
		CU_ASSERT_EQUAL(info.cluster, 0);
		CU_ASSERT(!info.damaged);
		le32_set(&lock.mode, VMFS_LOCK_FREE);
		CU_ASSERT_EQUAL_FATAL(io_dev_open(DISK, IO_OPEN_WRITE, &v.dev, &v.why), ST_OK);
		put_lock(&v, at, &lock);
		io_dev_close(v.dev);
	}
}

/* ---- break ----------------------------------------------------------------------------------- */

static void test_break_frees_what_nobody_holds(void)
{
	struct vmfs_lock_disk lock;
	struct vmfs_lock_info info;
	struct store_file *f;
	struct vol v;

	vol_format(VOLUME_BYTES);
	vol_mount(&v, 1);
	write_file(&v, "/f");
	show(&v, "/f", &info);
	CU_ASSERT_EQUAL(vmfs_lock_break(v.volume, "/f", &v.why), ST_OK);
	CU_ASSERT_EQUAL(vmfs_lock_break(v.volume, "/nope", &v.why), ST_NOENT);
	f = vol_open(&v, "/f", STORE_WRITE);
	CU_ASSERT_EQUAL(vmfs_lock_break(v.volume, "/f", &v.why), ST_BUSY);
	vol_close(&v, f);
	CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);

	CU_ASSERT_EQUAL_FATAL(io_dev_open(DISK, IO_OPEN_WRITE, &v.dev, &v.why), ST_OK);
	get_lock(&v, info.at, &lock);
	le32_set(&lock.mode, VMFS_LOCK_EXCLUSIVE);
	le64_set(&lock.hb_at, VMFS_HB_AT + 512);
	le64_set(&lock.hb_gen, 99);
	memset(&lock.owner, 7, sizeof(lock.owner));
	put_lock(&v, info.at, &lock);
	io_dev_close(v.dev);
	vol_mount(&v, 1);
	CU_ASSERT_EQUAL(vmfs_lock_break(v.volume, "/f", &v.why), ST_OK);
	show(&v, "/f", &info);
	CU_ASSERT_EQUAL(info.mode, VMFS_LOCK_FREE);
	CU_ASSERT(info.token > le64_get(lock.token));
	CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
	CU_ASSERT_EQUAL(vol_finding_count(), 0);
}

static const struct cu_case cases[] = {
	{ "a free lock has no holder", test_free_lock_has_no_holder },
	{ "life of a holder", test_life_of_a_holder },
	{ "locks of others", test_locks_of_others },
	{ "each lock that is held", test_each_lock_that_is_held },
	{ "cluster locks are found", test_cluster_locks_are_found },
	{ "break frees what nobody holds", test_break_frees_what_nobody_holds },
};

CU_MAIN("vmfs/lock_admin", cases)
