/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Block devices: a loop device with blocks of 4096 bytes. What is not aligned is read, changed and
 * written back; neighbours must survive that, and a write in flight must not be undone by it.
 * Skipped where loop devices cannot be had (no root, a container). */
#include "tests/unit/cu.h"

#include "tests/unit/port/scratch.h"

enum { DEVICE_BYTES = 8 << 20 };

static char backing[300], device[64];

/* The first line of a command's output. */
static int first_line(const char *command, char *line, size_t size)
{
	FILE *f = popen(command, "r");
	int ok = f != NULL && fgets(line, (int)size, f) != NULL;

	line[ok ? strcspn(line, "\n") : 0] = '\0';
	return f != NULL && pclose(f) == 0 && ok;
}

static int device_up(void)
{
	const char *base = getenv("TMPDIR");
	char command[500];
	int fd;

	snprintf(backing, sizeof(backing), "%s/cairn-loop.XXXXXX", base ? base : "/tmp");
	fd = mkstemp(backing);
	VERIFY(fd >= 0 && ftruncate(fd, DEVICE_BYTES) == 0);
	close(fd);
	snprintf(command, sizeof(command), "losetup -f --show -b 4096 '%s' 2>/dev/null", backing);
	return first_line(command, device, sizeof(device));
}

static void device_down(void)
{
	char command[200];

	snprintf(command, sizeof(command), "losetup -d %s", device);
	if (device[0])
		VERIFY(system(command) == 0);
	unlink(backing);
}

static struct port_disk *open_device(unsigned flags)
{
	struct port_disk *disk;
	struct why why = { 0 };

	if (port_disk_open(device, flags, &disk, &why) != ST_OK) {
		fprintf(stderr, "%s\n", why.text);
		exit(1);
	}
	return disk;
}

static void test_info_of_a_device(void)
{
	struct port_disk *disk = open_device(PORT_OPEN_WRITE);
	struct port_disk_info info;
	uint64_t data, hole;

	port_disk_info(disk, &info);
	CU_ASSERT_EQUAL(info.size_bytes, DEVICE_BYTES);
	CU_ASSERT_EQUAL(info.block_bytes, 4096);
	CU_ASSERT(info.is_device && info.direct && info.writable);
	CU_ASSERT_EQUAL(port_disk_resize(disk, 4096), ST_UNSUPPORTED);
	CU_ASSERT_EQUAL(port_disk_reserve(disk, 0, 4096), ST_UNSUPPORTED);
	port_disk_next_data(disk, 5000, &data, &hole);
	CU_ASSERT(data == 5000 && hole == DEVICE_BYTES);	/* cannot tell: all is data */
	port_disk_close(disk);
}

static void test_ends_of_a_device(void)
{
	struct port_disk *disk = open_device(PORT_OPEN_WRITE);
	char *buf = port_dma_alloc(8192);

	CU_ASSERT_EQUAL(do_io(disk, PORT_READ, DEVICE_BYTES - 4096, buf, 4096), ST_OK);
	CU_ASSERT_EQUAL(do_io(disk, PORT_READ, DEVICE_BYTES - 4096, buf, 8192), ST_RANGE);
	CU_ASSERT_EQUAL(do_io(disk, PORT_READ, DEVICE_BYTES, buf, 4096), ST_RANGE);
	CU_ASSERT_EQUAL(do_io(disk, PORT_WRITE, DEVICE_BYTES, buf, 4096), ST_RANGE);
	CU_ASSERT_EQUAL(do_io(disk, PORT_WRITE, DEVICE_BYTES - 10, buf, 20), ST_RANGE);
	CU_ASSERT_EQUAL(do_io(disk, PORT_FLUSH, 0, NULL, 0), ST_OK);
	port_dma_free(buf, 8192);
	port_disk_close(disk);
}

/* Random unaligned writes, zeros and unmaps, several in flight in neighbouring ranges, against a
 * plain array. The buffers are unaligned too. */
static void model_run(unsigned flags, uint32_t seed)
{
	enum { BATCH = 12, STRIPE = 20000 };
	struct port_disk *disk = open_device(flags | PORT_OPEN_WRITE);
	unsigned char *model = port_alloc(BATCH * STRIPE), *buf = port_dma_alloc(BATCH * STRIPE);
	struct waiting w[BATCH];
	uint32_t rng = seed;

	CU_ASSERT_EQUAL(do_io(disk, PORT_ZERO, 0, NULL, BATCH * STRIPE), ST_OK);
	for (int round = 0; round < 60; round++) {
		for (size_t i = 0; i < BATCH; i++) {
			uint64_t at = i * STRIPE, bytes = STRIPE;
			int op;

			rng = rng * 1664525 + 1013904223;
			at += rng % 4 ? 0 : (rng >> 8) % 5000;
			bytes -= at - i * STRIPE + (rng >> 12) % 9000;
			op = rng >> 29 == 0 ? PORT_ZERO : PORT_WRITE;
			if (op == PORT_WRITE)
				pattern(buf + at, bytes, rng);
			else
				memset(buf + at, 0, bytes);
			memcpy(model + at, buf + at, bytes);
			io_start(&w[i], disk, op, at, op == PORT_WRITE ? buf + at : NULL, bytes);
		}
		for (size_t i = 0; i < BATCH; i++)
			CU_ASSERT_EQUAL(io_finish(&w[i]), ST_OK);
		CU_ASSERT_EQUAL(do_io(disk, PORT_READ, 0, buf, BATCH * STRIPE), ST_OK);
		CU_ASSERT_EQUAL_FATAL(memcmp(buf, model, BATCH * STRIPE), 0);
		CU_ASSERT_EQUAL(do_io(disk, PORT_READ, 777, buf + 1, 9999), ST_OK);
		CU_ASSERT_EQUAL_FATAL(memcmp(buf + 1, model + 777, 9999), 0);
	}
	port_free(model);
	port_dma_free(buf, BATCH * STRIPE);
	port_disk_close(disk);
}

static void test_unaligned_transfers_against_a_model(void)
{
	model_run(0, 1);
	model_run(0, 2);
	model_run(PORT_OPEN_CACHED, 3);
}

/* Where the device can unmap, the edges of an unaligned range keep their neighbours and read
 * zero. */
static void test_unaligned_unmap(void)
{
	struct port_disk *disk = open_device(PORT_OPEN_WRITE);
	unsigned char *buf = port_dma_alloc(65536);
	struct port_disk_info info;
	enum status st;

	port_disk_info(disk, &info);
	memset(buf, 0x66, 65536);
	CU_ASSERT_EQUAL(do_io(disk, PORT_WRITE, 0, buf, 65536), ST_OK);
	st = do_io(disk, PORT_UNMAP, 1000, NULL, 50000);
	CU_ASSERT(st == ST_OK || st == ST_UNSUPPORTED);
	CU_ASSERT_EQUAL(do_io(disk, PORT_READ, 0, buf, 65536), ST_OK);
	for (int i = 0; st == ST_OK && i < 65536; i++) {
		int outside = i < 1000 || i >= 51000;

		if (outside || info.unmap_zeroes)
			CU_ASSERT_EQUAL_FATAL(buf[i], outside ? 0x66 : 0);
	}
	port_dma_free(buf, 65536);
	port_disk_close(disk);
}

static const struct cu_case cases[] = {
	{ "info of a device", test_info_of_a_device },
	{ "ends of a device", test_ends_of_a_device },
	{ "unaligned transfers against a model", test_unaligned_transfers_against_a_model },
	{ "unaligned unmap", test_unaligned_unmap },
};

int main(void)
{
	int result;

	if (!device_up()) {
		device_down();
		printf("no loop device\n");
		return 77;
	}
	result = cu_run_all("port/device", cases, ARRAY_COUNT(cases));
	device_down();
	return result;
}
