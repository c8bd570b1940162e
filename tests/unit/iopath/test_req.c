/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Requests over several buffers, ending later, and the lock between worlds. */
#include "tests/unit/iopath/mem_dev.h"

#include "tests/unit/cu.h"

/* ---- buffers: every start and length over three unequal buffers and a skip ------------------- */

#define TOTAL 13

static void copies_hit_exactly_the_bytes_meant(void)
{
	for (uint64_t skip = 0; skip <= 3; skip++)
		for (uint64_t at = 0; at + skip <= TOTAL; at++)
			for (uint64_t n = 0; at + skip + n <= TOTAL; n++) {
				uint8_t flat[TOTAL], src[TOTAL], back[TOTAL] = { 0 };
				struct port_vec vec[4] = { { flat, 5 },
							   { flat + 5, 0 },
							   { flat + 5, 1 },
							   { flat + 6, 7 } };
				struct io_req req;
				int wrong = 0;

				io_req_init(&req, PORT_READ, 0, flat, TOTAL, NULL);
				req.io.vec = vec;
				req.io.vec_count = 4;
				req.io.skip = skip;
				memset(flat, 0xEE, sizeof(flat));
				for (size_t i = 0; i < TOTAL; i++)
					src[i] = (uint8_t)(i + 1);
				io_req_copy_in(&req, at, src, n);
				for (uint64_t i = 0; i < TOTAL; i++) {
					int meant = i >= skip + at && i < skip + at + n;

					wrong += flat[i] != (meant ? src[i - skip - at] : 0xEE);
				}
				io_req_copy_out(&req, at, back, n);
				wrong += memcmp(back, src, n) != 0;
				io_req_set_zero(&req, at, n);
				for (uint64_t i = 0; i < TOTAL; i++)
					wrong += flat[i] !=
						 (i >= skip + at && i < skip + at + n ? 0 : 0xEE);
				CU_ASSERT_EQUAL(wrong, 0);
			}
}

/* ---- frames ---------------------------------------------------------------------------------- */

static void popped_request_is_as_it_was_pushed(void)
{
	struct io_req req;
	char buf[8];

	io_req_init(&req, PORT_READ, 100, buf, 8, NULL);
	io_push(&req, NULL, buf);
	CU_ASSERT_PTR_EQUAL(io_top(&req)->ctx, buf);
	req.io.offset = 7;
	req.io.bytes = 3;
	req.io.skip = 5;
	io_pop(&req);
	CU_ASSERT_EQUAL(req.io.offset, 100);
	CU_ASSERT_EQUAL(req.io.bytes, 8);
	CU_ASSERT_EQUAL(req.io.skip, 0);
	CU_ASSERT_EQUAL(req.depth, 0);
}

/* ---- ending later (I1) ----------------------------------------------------------------------- */

struct later {
	struct io_req	req;
	struct port_world *world;
	int		calls, in_world;
};

static void later_done(struct io_req *req)
{
	struct later *l = container_of(req, struct later, req);

	l->calls++;
	l->in_world = port_world_self() != NULL;
	port_world_wake(l->world);
}

static void done_runs_once_and_not_inside_the_call(void)
{
	struct later l = { .world = port_world_self() };

	io_req_init(&l.req, PORT_FLUSH, 0, NULL, 0, later_done);
	io_finish_later(&l.req, ST_LIMIT);
	CU_ASSERT_EQUAL(l.calls, 0);
	while (!l.calls)
		port_world_park();
	port_world_yield();
	CU_ASSERT_EQUAL(l.calls, 1);
	CU_ASSERT_EQUAL(l.in_world, 0);
	CU_ASSERT_EQUAL(l.req.status, ST_LIMIT);
}

/* A wake that was meant for something else must not end the wait. */
static void waiting_survives_a_stray_wake(void)
{
	struct mem_dev m;
	uint8_t buf[512] = { 1 };

	mem_dev_init(&m, 4096);
	port_world_wake(port_world_self());
	CU_ASSERT_EQUAL(io_dev_write(&m.dev, 1024, buf, sizeof(buf)), ST_OK);
	port_world_wake(port_world_self());
	memset(buf, 0, sizeof(buf));
	CU_ASSERT_EQUAL(io_dev_read(&m.dev, 1024, buf, sizeof(buf)), ST_OK);
	CU_ASSERT_EQUAL(buf[0], 1);
	CU_ASSERT_EQUAL(io_dev_read(&m.dev, 4000, buf, sizeof(buf)), ST_RANGE);
	mem_dev_fini(&m);
}

/* This device has no PORT_ZERO: zeros are written, and only there. */
static void zero_is_written_where_the_device_cannot(void)
{
	struct mem_dev m;
	uint64_t wrong = 0, size = 600 * KIB;

	mem_dev_init(&m, size);
	memset(m.bytes, 0x55, size);
	CU_ASSERT_EQUAL(io_dev_zero(&m.dev, 512, size - 1024), ST_OK);
	for (uint64_t i = 0; i < size; i++)
		wrong += m.bytes[i] != (i >= 512 && i < size - 512 ? 0 : 0x55);
	CU_ASSERT_EQUAL(wrong, 0);
	mem_dev_fini(&m);
}

/* ---- the mutex: first come, first served ----------------------------------------------------- */

#define WORLDS 5

struct race {
	struct io_mutex	m;
	struct port_world *waits;
	int		order[WORLDS], entered, inside, overlaps, ended;
};

struct racer { struct race *race; int number; };

static void racer_world(void *arg)
{
	struct racer *r = arg;
	struct race *race = r->race;

	io_mutex_lock(&race->m);
	race->overlaps += race->inside++;
	race->order[race->entered++] = r->number;
	port_world_sleep_ns(100000);
	race->inside--;
	io_mutex_unlock(&race->m);
	race->ended++;
	port_world_wake(race->waits);
}

static void mutex_is_exclusive_and_fair(void)
{
	struct race race = { .waits = port_world_self() };
	struct racer racers[WORLDS];

	io_mutex_init(&race.m);
	io_mutex_lock(&race.m);
	for (int i = 0; i < WORLDS; i++) {
		racers[i] = (struct racer){ &race, i };
		CU_ASSERT_PTR_NOT_NULL(port_world_start("racer", racer_world, &racers[i]));
		port_world_sleep_ns(50000); /* it stands in the queue before the next one comes */
	}
	CU_ASSERT_EQUAL(race.entered, 0);
	io_mutex_unlock(&race.m);
	while (race.ended < WORLDS)
		port_world_park();
	CU_ASSERT_EQUAL(race.overlaps, 0);
	for (int i = 0; i < WORLDS; i++)
		CU_ASSERT_EQUAL(race.order[i], i);
}

static const struct cu_case cases[] = {
	{ "copies hit exactly the bytes meant", copies_hit_exactly_the_bytes_meant },
	{ "a popped request is as it was pushed", popped_request_is_as_it_was_pushed },
	{ "done runs once and not inside the call", done_runs_once_and_not_inside_the_call },
	{ "waiting survives a stray wake", waiting_survives_a_stray_wake },
	{ "zero is written where the device cannot", zero_is_written_where_the_device_cannot },
	{ "the mutex is exclusive and fair", mutex_is_exclusive_and_fair },
};
CU_MAIN("iopath/req", cases)
