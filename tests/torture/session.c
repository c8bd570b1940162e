/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* session - a mount, on a device that can be made to fail: from one write on all of them do, as
 * when a path dies. */
#include "tests/torture/torture.h"
#include "vmfs/vmfs_format.h"

static struct session *session_of(struct io_dev *dev)
{
	return container_of(dev, struct session, wrap);
}

static int is_write(const struct io_req *req)
{
	return req->io.op == PORT_WRITE || req->io.op == PORT_ZERO || req->io.op == PORT_UNMAP ||
	       req->io.op == PORT_FLUSH;
}

static void wrap_submit(struct io_dev *dev, struct io_req *req)
{
	struct session *ss = session_of(dev);

	if (is_write(req) && ss->fail_in && --ss->fail_in == 0)
		ss->failing = 1;
	if (is_write(req) && ss->failing)
		io_finish_later(req, ST_DEVICE);
	else
		ss->disk->ops->submit(ss->disk, req);
}

static void wrap_next_data(struct io_dev *dev, uint64_t offset, uint64_t *data, uint64_t *hole)
{
	struct io_dev *disk = session_of(dev)->disk;

	disk->ops->next_data(disk, offset, data, hole);
}

static enum status wrap_lock(struct io_dev *dev, uint64_t offset, uint64_t bytes, int exclusive)
{
	struct io_dev *disk = session_of(dev)->disk;

	return disk->ops->lock(disk, offset, bytes, exclusive);
}

static void wrap_unlock(struct io_dev *dev, uint64_t offset, uint64_t bytes)
{
	struct io_dev *disk = session_of(dev)->disk;

	disk->ops->unlock(disk, offset, bytes);
}

static void wrap_set_deadline(struct io_dev *dev, uint64_t ns)
{
	struct io_dev *disk = session_of(dev)->disk;

	disk->ops->set_deadline(disk, ns);
}

static void wrap(struct session *ss)
{
	ss->wrap = *ss->disk;
	ss->ops = (struct io_dev_ops){
		.submit = wrap_submit,
		.next_data = ss->disk->ops->next_data ? wrap_next_data : NULL,
		.lock = ss->disk->ops->lock ? wrap_lock : NULL,
		.unlock = ss->disk->ops->unlock ? wrap_unlock : NULL,
		.set_deadline = ss->disk->ops->set_deadline ? wrap_set_deadline : NULL,
	};
	ss->wrap.ops = &ss->ops;
}

enum status session_format(const char *uri, uint32_t version, uint32_t lease_ms, struct why *why)
{
	struct vmfs_mkfs_opts opts = { .label = "torture", .force = 1, .version = version };
	uint8_t sector[SECTOR_BYTES];
	const uint64_t at = LVM_DATA_AT + VMFS_FS_AT;
	struct vmfs_uuid uuid;
	struct io_dev *dev;
	enum status st = io_dev_open(uri, IO_OPEN_WRITE | IO_OPEN_DIRECT, &dev, why);

	if (st != ST_OK)
		return st;
	st = vmfs_mkfs(&dev, 1, &opts, &uuid, why);
	if (st == ST_OK && lease_ms)
		st = io_dev_read(dev, at, sector, sizeof(sector));
	if (st == ST_OK && lease_ms) {
		le32_set(&((struct vmfs_fs_disk *)(void *)sector)->lease_ms, lease_ms);
		st = io_dev_write(dev, at, sector, sizeof(sector));
	}
	if (st == ST_OK)
		st = io_dev_flush(dev);
	io_dev_close(dev);
	return st;
}

enum status session_mount(struct session *ss, const char *uri, int write)
{
	struct vmfs_mount_opts opts = { .write = (uint8_t)write, .join = 1 };
	struct io_dev *dev = &ss->wrap;
	enum status st;

	memset(ss, 0, sizeof(*ss));
	st = io_dev_open(uri, IO_OPEN_DIRECT | (write ? IO_OPEN_WRITE : 0), &ss->disk, &ss->why);
	if (st != ST_OK)
		return st;
	wrap(ss);
	st = vmfs_mount(&dev, 1, &opts, &ss->vol, &ss->why);
	if (st != ST_OK) {
		io_dev_close(ss->disk);
		ss->disk = NULL;
		return st;
	}
	ss->s = vmfs_store(ss->vol);
	return ST_OK;
}

enum status session_unmount(struct session *ss)
{
	enum status st = ss->vol ? vmfs_unmount(ss->vol) : ST_OK;

	ss->vol = NULL;
	ss->s = NULL;
	if (ss->disk)
		io_dev_close(ss->disk);
	ss->disk = NULL;
	return st;
}
