/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Hosts that only share a disk count up one sector together: no step is lost and none is done
 * twice, also when they die in the middle of one. */
#include "tests/unit/cu.h"

#include "iopath/port/sim/sim.h"
#include "vaai/vaai.h"

#define HOSTS	8u
#define STEPS	60u
#define PLACE	(7 * 512ull)

struct sector { uint64_t count; uint8_t rest[504]; };

struct counter { uint64_t steps, lost; };	/* acknowledged; raced for and lost */

static struct io_dev *open_dev(void)
{
	struct io_dev *dev;

	VERIFY(io_dev_open("lun", IO_OPEN_WRITE, &dev, NULL) == ST_OK);
	return dev;
}

static void new_lun(void)
{
	(void)!port_path_remove("lun");
	VERIFY(sim_disk_create("lun", 1 << 20, 1) == ST_OK);
}

static uint64_t count_on_disk(void)
{
	struct sector s;

	VERIFY(sim_disk_peek("lun", PLACE, &s, sizeof(s)) == ST_OK);
	for (size_t i = 0; i < sizeof(s.rest); i++)
		CU_ASSERT_EQUAL(s.rest[i], (uint8_t)s.count);	/* one image, never a mix */
	return s.count;
}

static void set_image(struct sector *s, uint64_t count)
{
	s->count = count;
	memset(s->rest, (uint8_t)count, sizeof(s->rest));
}

/* Count up until `STEPS` of ours have worked. */
static void count_up(void *arg)
{
	struct sector *old = port_dma_alloc(512), *new = port_dma_alloc(512);
	struct sector *seen = port_dma_alloc(512);
	struct io_dev *dev = open_dev();
	struct counter *c = arg;

	VERIFY(old && new && seen && io_dev_read(dev, PLACE, old, 512) == ST_OK);
	for (uint64_t mine = 0; mine < STEPS;) {
		struct io_ats ats = { PLACE, 512, old, new, seen, 0, 0 };
		enum vaai_ats_result result;

		set_image(new, old->count + 1);
		VERIFY(vaai_ats(dev, &ats, &result) == ST_OK);
		mine += result == VAAI_ATS_WRITTEN;
		c->steps += result == VAAI_ATS_WRITTEN;
		c->lost += result == VAAI_ATS_DIFFERS;
		memcpy(old, result == VAAI_ATS_WRITTEN ? new : seen, 512);
	}
	io_dev_close(dev);
	port_dma_free(old, 512);
	port_dma_free(new, 512);
	port_dma_free(seen, 512);
}

static void add_hosts(uint32_t host[HOSTS])
{
	char name[] = "host0";

	for (uint32_t i = 0; i < HOSTS; i++) {
		name[4] = (char)('0' + i);
		host[i] = sim_host_add(name);
	}
}

static int any_on(const uint32_t host[HOSTS])
{
	for (uint32_t i = 0; i < HOSTS; i++)
		if (sim_host_is_on(host[i]))
			return 1;
	return 0;
}

static void test_no_step_is_lost(void)
{
	struct counter c[HOSTS] = { 0 };
	uint64_t lost = 0;
	uint32_t host[HOSTS];

	new_lun();
	add_hosts(host);
	for (uint32_t i = 0; i < HOSTS; i++)
		CU_ASSERT_EQUAL(sim_host_boot(host[i], count_up, &c[i]), ST_OK);
	while (any_on(host))
		port_world_sleep_ns(1000000);
	CU_ASSERT_EQUAL(count_on_disk(), HOSTS * STEPS);
	for (uint32_t i = 0; i < HOSTS; i++)
		lost += c[i].lost;
	CU_ASSERT(lost >= HOSTS - 1);	/* they did meet */
}

/* A host that dies has done at most the one step more that it was at. */
static void test_death_in_the_middle(void)
{
	uint32_t host[HOSTS];
	uint64_t deaths = 0;

	add_hosts(host);
	for (uint64_t round = 1; round <= 20; round++) {
		struct counter c[HOSTS] = { 0 };
		uint64_t acknowledged = 0, count;

		new_lun();
		for (uint32_t i = 0; i < HOSTS; i++)
			CU_ASSERT_EQUAL(sim_host_boot(host[i], count_up, &c[i]), ST_OK);
		for (uint32_t i = 0; i < HOSTS / 2; i++) {
			port_world_sleep_ns(300000 * round);
			deaths += (uint64_t)sim_host_is_on(host[i]);
			sim_host_kill(host[i]);
		}
		while (any_on(host))
			port_world_sleep_ns(1000000);
		for (uint32_t i = 0; i < HOSTS; i++)
			acknowledged += c[i].steps;
		count = count_on_disk();
		CU_ASSERT(count >= acknowledged && count <= acknowledged + HOSTS / 2);
	}
	CU_ASSERT(deaths > 20);
}

/* ---- devices that bring their own ------------------------------------------------------------ */

/* An array of one sector, with a compare and write of its own, and reservations. */
struct array {
	uint8_t			sector[512];
	const struct io_dev	*reserved_by;
	uint32_t		own, reads, writes, refused;
};

struct array_dev { struct io_dev dev; struct array *array; };

static struct array *array_of(struct io_dev *dev)
{
	return container_of(dev, struct array_dev, dev)->array;
}

static enum status array_ats(struct io_dev *dev, struct io_ats *ats)
{
	struct array *a = array_of(dev);

	a->own++;
	ats->written = !memcmp(a->sector, ats->old, ats->bytes);
	memcpy(ats->seen, a->sector, ats->bytes);
	if (ats->written)
		memcpy(a->sector, ats->new, ats->bytes);
	return ST_OK;
}

static enum status array_reserve(struct io_dev *dev)
{
	struct array *a = array_of(dev);

	if (a->reserved_by && a->reserved_by != dev) {
		a->refused++;
		return ST_BUSY;
	}
	a->reserved_by = dev;
	return ST_OK;
}

static void array_release(struct io_dev *dev) { array_of(dev)->reserved_by = NULL; }

/* Only its holder gets at it, and only through a reservation. */
static void array_submit(struct io_dev *dev, struct io_req *req)
{
	struct array *a = array_of(dev);

	CU_ASSERT(a->reserved_by == dev);
	CU_ASSERT_EQUAL(req->io.offset, 0);
	if (req->io.op == PORT_READ)
		io_req_copy_in(req, 0, a->sector, 512);
	else
		io_req_copy_out(req, 0, a->sector, 512);
	a->reads += req->io.op == PORT_READ;
	a->writes += req->io.op == PORT_WRITE;
	io_finish_later(req, ST_OK);
}

static enum status swap_first(struct io_dev *dev, const void *old, const void *new, void *seen,
			      enum vaai_ats_result *result)
{
	struct io_ats ats = { .bytes = 512, .old = old, .new = new, .seen = seen };

	return vaai_ats(dev, &ats, result);
}

static void array_open(struct array_dev *d, struct array *a, const struct io_dev_ops *ops)
{
	*d = (struct array_dev){ .dev = { .ops = ops, .size_bytes = 512, .block_bytes = 512,
					  .writable = 1 },
				 .array = a };
}

static void test_an_array_does_it_in_one_step(void)
{
	static const struct io_dev_ops ops = { .submit = array_submit, .ats = array_ats,
					       .reserve = array_reserve,
					       .release = array_release };
	uint8_t *old = port_dma_alloc(512), *new = port_dma_alloc(512), *seen = port_dma_alloc(512);
	struct array a = { 0 };
	struct array_dev d;
	enum vaai_ats_result result;

	array_open(&d, &a, &ops);
	memset(new, 3, 512);
	CU_ASSERT_EQUAL(swap_first(&d.dev, old, new, seen, &result), ST_OK);
	CU_ASSERT_EQUAL(result, VAAI_ATS_WRITTEN);
	CU_ASSERT_EQUAL(swap_first(&d.dev, old, new, seen, &result), ST_OK);
	CU_ASSERT_EQUAL(result, VAAI_ATS_DIFFERS);
	CU_ASSERT(a.own == 2 && a.reads == 0 && a.writes == 0 && seen[511] == 3);
	port_dma_free(old, 512);
	port_dma_free(new, 512);
	port_dma_free(seen, 512);
}

/* Without one: read, compare, write while the device is reserved, and never longer. */
static void test_a_reservation_stands_in(void)
{
	static const struct io_dev_ops ops = {
		.submit = array_submit, .reserve = array_reserve, .release = array_release,
	};
	uint8_t *old = port_dma_alloc(512), *new = port_dma_alloc(512), *seen = port_dma_alloc(512);
	struct array a = { 0 };
	struct array_dev d, other;
	enum vaai_ats_result result;

	array_open(&d, &a, &ops);
	array_open(&other, &a, &ops);
	memset(new, 3, 512);
	CU_ASSERT_EQUAL(swap_first(&d.dev, old, new, seen, &result), ST_OK);
	CU_ASSERT(result == VAAI_ATS_WRITTEN && a.sector[0] == 3 && !a.reserved_by);
	CU_ASSERT_EQUAL(swap_first(&d.dev, old, new, seen, &result), ST_OK);
	CU_ASSERT(result == VAAI_ATS_DIFFERS && seen[0] == 3 && a.writes == 1 && !a.reserved_by);
	a.reserved_by = &other.dev;
	CU_ASSERT_EQUAL(swap_first(&d.dev, new, old, seen, &result), ST_BUSY);
	CU_ASSERT(a.refused > 10 && a.sector[0] == 3 && a.reserved_by == &other.dev);
	port_dma_free(old, 512);
	port_dma_free(new, 512);
	port_dma_free(seen, 512);
}

/* Who holds the place for longer than a second keeps it; places beside it are free. */
static void test_a_frozen_host_is_busy(void)
{
	uint8_t *old = port_dma_alloc(512), *new = port_dma_alloc(512), *seen = port_dma_alloc(512);
	struct io_ats ats = { PLACE, 512, old, new, seen, 0, 0 };
	struct io_ats beside = { PLACE + 512, 512, old, new, seen, 0, 0 };
	struct io_dev *holder, *dev;
	enum vaai_ats_result result;
	uint64_t began;

	new_lun();
	holder = open_dev();
	dev = open_dev();
	CU_ASSERT_EQUAL(holder->ops->lock(holder, PLACE, 512, 1), ST_OK);
	began = port_now_ns();
	CU_ASSERT_EQUAL(vaai_ats(dev, &ats, &result), ST_BUSY);
	CU_ASSERT(port_now_ns() - began < 1100000000);
	CU_ASSERT_EQUAL(vaai_ats(dev, &beside, &result), ST_OK);
	io_dev_close(holder);
	CU_ASSERT_EQUAL(vaai_ats(dev, &ats, &result), ST_OK);
	CU_ASSERT_EQUAL(result, VAAI_ATS_WRITTEN);
	io_dev_close(dev);
	port_dma_free(old, 512);
	port_dma_free(new, 512);
	port_dma_free(seen, 512);
}

static const struct cu_case cases[] = {
	{ "no step is lost", test_no_step_is_lost },
	{ "death in the middle", test_death_in_the_middle },
	{ "a frozen host is busy", test_a_frozen_host_is_busy },
	{ "an array does it in one step", test_an_array_does_it_in_one_step },
	{ "a reservation stands in", test_a_reservation_stands_in },
};

CU_MAIN("vaai/ats", cases)
