/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Reads on the calling thread, by threads that are no pCPU. The simulator has none and says so. */
#include <pthread.h>

#include "tests/unit/cu.h"
#include "tests/unit/port/scratch.h"

#define FILE_BYTES	(600u * 1024 + 123)	/* does not end on a block */
#define READERS		4

static uint8_t content(uint64_t at) { return (uint8_t)(at * 7 + (at >> 8) * 13); }

static struct port_disk *make_file(const char *path)
{
	struct port_disk *disk;
	struct waiting w = { .world = port_world_self() };
	uint8_t *data = malloc(FILE_BYTES);

	for (uint64_t i = 0; i < FILE_BYTES; i++)
		data[i] = content(i);
	VERIFY(port_disk_open(path, PORT_OPEN_WRITE | PORT_OPEN_CREATE, &disk, NULL) == ST_OK);
	w.vec = (struct port_vec){ data, FILE_BYTES };
	w.io = (struct port_io){ .op = PORT_WRITE, .bytes = FILE_BYTES, .vec = &w.vec,
				 .vec_count = 1, .done = waiting_done };
	port_disk_submit(disk, &w.io);
	while (!w.ended)
		port_world_park();
	VERIFY(w.io.status == ST_OK);
	free(data);
	return disk;
}

struct reader { struct port_disk *disk; unsigned seed; int wrong; pthread_t thread; };

/* Offsets, lengths and addresses of chance. */
static void *read_much(void *arg)
{
	struct reader *r = arg;
	uint8_t *buf = malloc(FILE_BYTES + 64);

	for (int i = 0; i < 200; i++) {
		uint64_t at = (uint64_t)rand_r(&r->seed) % FILE_BYTES;
		uint64_t bytes = (uint64_t)rand_r(&r->seed) % (FILE_BYTES - at + 1);
		uint8_t *to = buf + rand_r(&r->seed) % 64;

		if (i % 4 == 0)
			bytes = MIN(bytes, (uint64_t)512);
		if (port_disk_read_here(r->disk, at, to, bytes) != ST_OK)
			r->wrong++;
		for (uint64_t k = 0; k < bytes; k++)
			r->wrong += to[k] != content(at + k);
	}
	free(buf);
	return NULL;
}

/* A thread that reads through another's descriptor, buffer or offset gets other bytes. */
static void read_in_parallel(struct port_disk *disk)
{
	struct reader r[READERS];

	for (unsigned i = 0; i < READERS; i++) {
		r[i] = (struct reader){ .disk = disk, .seed = i + 1 };
		VERIFY(pthread_create(&r[i].thread, NULL, read_much, &r[i]) == 0);
	}
	for (unsigned i = 0; i < READERS; i++) {
		pthread_join(r[i].thread, NULL);
		CU_ASSERT_EQUAL(r[i].wrong, 0);
	}
}

static void check_opening(const char *path, unsigned flags)
{
	struct port_disk *disk;
	uint8_t byte;

	VERIFY(port_disk_open(path, flags, &disk, NULL) == ST_OK);
	read_in_parallel(disk);
	CU_ASSERT_EQUAL(port_disk_read_here(disk, FILE_BYTES, &byte, 1), ST_RANGE);
	CU_ASSERT_EQUAL(port_disk_read_here(disk, FILE_BYTES - 1, &byte, 1), ST_OK);
	CU_ASSERT_EQUAL(port_disk_read_here(disk, UINT64_MAX, &byte, 1), ST_RANGE);
	CU_ASSERT_EQUAL(port_disk_read_here(disk, 0, &byte, 0), ST_OK);
	port_disk_close(disk);
}

static void test_any_range_on_any_thread(void)
{
	const char *dir = scratch_make(), *path = in(dir, "file");
	struct port_disk *disk = make_file(path);
	uint8_t byte;

	if (on_sim()) {
		CU_ASSERT_EQUAL(port_disk_read_here(disk, 0, &byte, 1), ST_UNSUPPORTED);
	} else {
		check_opening(path, 0);
		check_opening(path, PORT_OPEN_DIRECT);
	}
	port_disk_close(disk);
	scratch_remove(dir);
}

static const struct cu_case cases[] = {
	{ "any range on any thread", test_any_range_on_any_thread },
};
CU_MAIN("port/read_here", cases)
