/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* peer, heartbeat - several hosts on one disk: who lives, who is dead, who may recover whom, and
 * that a host which slept through its lease changes nothing any more. */
#include "tests/unit/vmfs/vol.h"
#include "vmfs/slot_priv.h"

#define VOLUME_BYTES	(320 * MIB)
#define PARTITION_AT	LVM_DATA_AT	/* of volume offset 0 on this disk */
#define SECOND		1000000000ull
#define MS		1000000ull
#define LEASE_NS	VMFS_LEASE_NS
#define BEAT_NS		VMFS_BEAT_NS
#define WATCH_NS	(LEASE_NS + LEASE_NS / 1000 + BEAT_NS)
#define HOSTS		4u

/* ---- hosts that do what they are told -------------------------------------------------------- */

struct member;
typedef void job_fn(struct member *m);

struct member {
	uint32_t		host;
	struct vol		v;
	enum status		st;		/* of the last job */
	job_fn			*job;		/* what to do; NULL: nothing */
	uint8_t			quit;
	struct vmfs_holder	who;
	struct vmfs_peer_view	view;
	struct store_file	*f;
	uint64_t		took_ns;
};

static struct member member[HOSTS];

static void member_main(void *arg)
{
	struct member *m = arg;

	while (!m->quit) {
		job_fn *job = m->job;

		if (job) {
			job(m);
			m->job = NULL;
		}
		port_world_sleep_ns(10 * MS);
	}
}

static void start(struct member *m, job_fn *job) { m->job = job; }

static void wait_done(struct member *m)
{
	while (m->job && sim_host_is_on(m->host))
		port_world_sleep_ns(10 * MS);
}

static enum status run(struct member *m, job_fn *job)
{
	start(m, job);
	wait_done(m);
	return m->st;
}

static void boot(struct member *m)
{
	uint32_t host = m->host;

	*m = (struct member){ .host = host };
	CU_ASSERT_EQUAL_FATAL(sim_host_boot(host, member_main, m), ST_OK);
}

/* A fresh volume, and hosts that are on. */
static void world(uint32_t hosts)
{
	static const char *const names[HOSTS] = { "ann", "bob", "cid", "dot" };

	vol_format(VOLUME_BYTES);
	for (uint32_t i = 0; i < hosts; i++) {
		if (!member[i].host)
			member[i].host = sim_host_add(names[i]);
		boot(&member[i]);
	}
}

static void end(void)
{
	for (uint32_t i = 0; i < HOSTS; i++)
		if (member[i].host)
			sim_host_kill(member[i].host);
}

/* ---- jobs ------------------------------------------------------------------------------------ */

static void do_mount(struct member *m)
{
	m->v = (struct vol){ 0 };
	m->took_ns = port_now_ns();
	m->st = vol_try_mount(&m->v, 1);
	m->took_ns = port_now_ns() - m->took_ns;
}

static void do_unmount(struct member *m)
{
	if (m->f)
		(void)!m->v.s->ops->file_close(m->f);
	m->f = NULL;
	m->st = vol_unmount(&m->v);
}

static void do_create(struct member *m)
{
	m->st = m->v.s->ops->create(m->v.s, "/data", 0644, &m->f, &m->v.why);
	if (m->st == ST_OK)
		m->st = store_write(m->f, 0, "first", 5);
	if (m->st == ST_OK)
		m->st = store_write(m->f, 3 * MIB, "later", 5);
	if (m->st == ST_OK)
		m->st = m->v.s->ops->sync(m->v.s);
}

static void do_write(struct member *m) { m->st = store_write(m->f, 3 * MIB, "again", 5); }

static void do_read(struct member *m)
{
	char buf[5];

	m->st = store_read(m->f, 3 * MIB, buf, sizeof(buf));
}

/* Ask once, as a lock manager does that met a lock of m->who. */
static void do_settle(struct member *m)
{
	vmfs_enter(m->v.volume);
	m->st = vmfs_journal_commit(m->v.volume);
	if (m->st == ST_OK)
		m->st = vmfs_peer_settle(m->v.volume, &m->who, &m->view, &m->v.why);
	vmfs_leave(m->v.volume);
}

/* Until it is known, or for `most_ns`. */
static enum status settle(struct member *m, uint64_t most_ns)
{
	uint64_t began = port_now_ns();

	do
		run(m, do_settle);
	while (m->st == ST_BUSY && sim_host_is_on(m->host) && port_now_ns() - began < most_ns);
	m->took_ns = port_now_ns() - began;
	return m->st;
}

static struct vmfs_holder holder_of(const struct member *m)
{
	const struct vmfs_beat *b = &m->v.volume->beat;

	return (struct vmfs_holder){ b->at, b->gen, b->host };
}

static void peek_slot(uint64_t at, struct vmfs_hb_disk *s)
{
	CU_ASSERT_EQUAL_FATAL(sim_disk_peek(DISK, PARTITION_AT + at, s, sizeof(*s)), ST_OK);
}

/* ---- who lives ------------------------------------------------------------------------------- */

static void test_two_hosts_beat_side_by_side(void)
{
	world(2);
	CU_ASSERT_EQUAL(run(&member[0], do_mount), ST_OK);
	CU_ASSERT_EQUAL(run(&member[1], do_mount), ST_OK);
	CU_ASSERT(member[1].took_ns < SECOND);	/* nobody watches a host of our kind */
	CU_ASSERT(member[0].v.volume->beat.at != member[1].v.volume->beat.at);
	member[1].who = holder_of(&member[0]);
	CU_ASSERT_EQUAL(run(&member[1], do_settle), ST_BUSY);
	CU_ASSERT_EQUAL(member[1].view.decided, 0);
	port_world_sleep_ns(BEAT_NS + SECOND);
	CU_ASSERT_EQUAL(run(&member[1], do_settle), ST_BUSY);
	CU_ASSERT_EQUAL(member[1].view.decided, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(member[1].view.who, "host ann ("));
	CU_ASSERT_EQUAL(run(&member[0], do_unmount), ST_OK);
	CU_ASSERT_EQUAL(run(&member[1], do_settle), ST_OK);	/* it went in order */
	CU_ASSERT_EQUAL(run(&member[1], do_unmount), ST_OK);
	end();
	CU_ASSERT_EQUAL(vol_finding_count(), 0);
}

/* A host of another machine dies: not before a lease and a beat of silence, and then at once. */
static void test_a_dead_host_is_recovered_after_the_watch(void)
{
	struct vmfs_hb_disk s;

	world(2);
	CU_ASSERT_EQUAL(run(&member[0], do_mount), ST_OK);
	CU_ASSERT_EQUAL(run(&member[0], do_create), ST_OK);
	CU_ASSERT_EQUAL(run(&member[1], do_mount), ST_OK);
	member[1].who = holder_of(&member[0]);
	sim_host_kill(member[0].host);
	CU_ASSERT_EQUAL(settle(&member[1], 2 * WATCH_NS), ST_OK);
	CU_ASSERT(member[1].took_ns >= WATCH_NS);
	CU_ASSERT(member[1].took_ns < WATCH_NS + SECOND);
	peek_slot(member[1].who.hb_at, &s);
	CU_ASSERT_EQUAL(le32_get(s.state), VMFS_HB_FREE);
	CU_ASSERT_EQUAL(le64_get(s.gen), member[1].who.hb_gen + 1);
	CU_ASSERT_EQUAL(member[1].v.volume->peers.recovered, 1);
	CU_ASSERT_EQUAL(run(&member[1], do_unmount), ST_OK);
	end();
	CU_ASSERT_EQUAL(vol_finding_count(), 0);
}

/* Without anybody's lock in the way: the patrol finds it. */
static void test_the_patrol_recovers_too(void)
{
	world(2);
	CU_ASSERT_EQUAL(run(&member[0], do_mount), ST_OK);
	CU_ASSERT_EQUAL(run(&member[1], do_mount), ST_OK);
	sim_host_kill(member[0].host);
	port_world_sleep_ns(WATCH_NS + 12 * BEAT_NS);
	CU_ASSERT_EQUAL(member[1].v.volume->peers.recovered, 1);
	CU_ASSERT_EQUAL(run(&member[1], do_unmount), ST_OK);
	end();
	CU_ASSERT_EQUAL(vol_finding_count(), 0);
}

/* Two processes of one machine: the lock tells at once that one is gone, and only that. */
static void test_neighbours_do_not_wait(void)
{
	struct vmfs_peer_view view;
	struct vmfs_holder who;
	struct vol a, b;

	vol_format(VOLUME_BYTES);
	vol_mount(&a, 1);
	vol_mount(&b, 1);
	who = (struct vmfs_holder){ a.volume->beat.at, a.volume->beat.gen, a.volume->beat.host };
	vmfs_enter(b.volume);
	CU_ASSERT_EQUAL(vmfs_peer_settle(b.volume, &who, &view, &b.why), ST_BUSY);
	CU_ASSERT_EQUAL(view.decided, 1);	/* a young stamp of our own clock */
	vmfs_beat_stop(a.volume);		/* as if it was stopped */
	port_world_sleep_ns(2 * BEAT_NS + SECOND);
	CU_ASSERT_EQUAL(vmfs_peer_settle(b.volume, &who, &view, &b.why), ST_BUSY);
	CU_ASSERT_EQUAL(view.decided, 0);
	vmfs_slot_let_go(a.volume, a.volume->beat.at);	/* as if it was killed */
	CU_ASSERT_EQUAL(vmfs_peer_settle(b.volume, &who, &view, &b.why), ST_OK);
	vmfs_leave(b.volume);
	CU_ASSERT(vol_unmount(&a) != ST_OK);	/* its slot is gone */
	CU_ASSERT_EQUAL(vol_unmount(&b), ST_OK);
	CU_ASSERT_EQUAL(vol_finding_count(), 0);
}

static void test_a_lock_that_lies(void)
{
	static const uint64_t at[] = { 0, VMFS_HB_AT - 512, VMFS_HB_AT + 100,
				       VMFS_HB_AT + 2048 * 512, UINT64_MAX };
	struct vmfs_peer_view view;
	struct vol v;

	vol_format(VOLUME_BYTES);
	vol_mount(&v, 1);
	vmfs_enter(v.volume);
	for (size_t i = 0; i < ARRAY_COUNT(at); i++) {
		struct vmfs_holder who = { .hb_at = at[i] };

		CU_ASSERT_EQUAL(vmfs_peer_settle(v.volume, &who, &view, &v.why), ST_CORRUPT);
		CU_ASSERT(v.why.text[0] != 0);
	}
	vmfs_leave(v.volume);
	CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
}

/* ---- who is late ----------------------------------------------------------------------------- */

/* Stopped for less than its lease, nobody notices but itself. */
static void test_a_short_pause_is_an_event(void)
{
	world(1);
	CU_ASSERT_EQUAL(run(&member[0], do_mount), ST_OK);
	CU_ASSERT_EQUAL(run(&member[0], do_create), ST_OK);
	sim_host_pause(member[0].host, 8 * SECOND);
	port_world_sleep_ns(9 * SECOND);
	CU_ASSERT_EQUAL(member[0].v.volume->beat.late, 1);
	CU_ASSERT_EQUAL(run(&member[0], do_write), ST_OK);
	CU_ASSERT_EQUAL(run(&member[0], do_unmount), ST_OK);
	end();
	CU_ASSERT_EQUAL(vol_finding_count(), 0);
}

/* For much longer, and nobody was there to mind: the slot is as it was, so it goes on. */
static void test_a_long_pause_alone_heals(void)
{
	world(1);
	CU_ASSERT_EQUAL(run(&member[0], do_mount), ST_OK);
	CU_ASSERT_EQUAL(run(&member[0], do_create), ST_OK);
	sim_host_pause(member[0].host, 100 * SECOND);
	start(&member[0], do_write);	/* the first thing that it does then */
	port_world_sleep_ns(102 * SECOND);
	wait_done(&member[0]);
	CU_ASSERT_EQUAL(member[0].st, ST_OK);
	CU_ASSERT_EQUAL(run(&member[0], do_read), ST_OK);
	CU_ASSERT_EQUAL(run(&member[0], do_unmount), ST_OK);
	end();
	CU_ASSERT_EQUAL(vol_finding_count(), 0);
}

/* The same while another host waits for it: that one recovers it, and nothing of the zombie
 * arrives: neither what it had queued nor what it does when it wakes. */
static void test_a_zombie_writes_nothing(void)
{
	for (uint64_t wake = 0; wake < 6; wake++) {
		job_fn *const first[] = { do_write, do_create, do_unmount, do_read };
		char buf[5];
		uint64_t writes;

		world(2);
		CU_ASSERT_EQUAL(run(&member[0], do_mount), ST_OK);
		CU_ASSERT_EQUAL(run(&member[0], do_create), ST_OK);
		CU_ASSERT_EQUAL(run(&member[1], do_mount), ST_OK);
		member[1].who = holder_of(&member[0]);
		start(&member[0], first[wake % ARRAY_COUNT(first)]);
		sim_host_pause(member[0].host, WATCH_NS + 10 * SECOND);
		CU_ASSERT_EQUAL(settle(&member[1], WATCH_NS + 5 * SECOND), ST_OK);
		writes = sim_host_writes(member[0].host);
		wait_done(&member[0]);
		CU_ASSERT_EQUAL(member[0].st, ST_LOST);
		if (first[wake % ARRAY_COUNT(first)] != do_unmount) {
			CU_ASSERT_EQUAL(run(&member[0], do_read), ST_LOST);
			CU_ASSERT_EQUAL(run(&member[0], do_write), ST_LOST);
			CU_ASSERT_EQUAL(run(&member[0], do_unmount), ST_LOST);
		}
		CU_ASSERT_EQUAL(sim_host_writes(member[0].host), writes);
		(void)buf;
		CU_ASSERT_EQUAL(run(&member[0], do_mount), ST_OK);	/* it may come back */
		CU_ASSERT_EQUAL(run(&member[0], do_unmount), ST_OK);
		CU_ASSERT_EQUAL(run(&member[1], do_unmount), ST_OK);
		end();
		CU_ASSERT_EQUAL(vol_finding_count(), 0);
	}
}

/* Its paths are gone for longer than a lease: it stops by itself, before anybody could act. */
static void test_a_host_without_paths_stops(void)
{
	uint64_t writes;

	world(1);
	CU_ASSERT_EQUAL(run(&member[0], do_mount), ST_OK);
	CU_ASSERT_EQUAL(run(&member[0], do_create), ST_OK);
	sim_host_cut(member[0].host, 1);
	port_world_sleep_ns(LEASE_NS + BEAT_NS);
	CU_ASSERT_EQUAL(member[0].v.volume->failed, ST_LOST);
	sim_host_cut(member[0].host, 0);
	writes = sim_host_writes(member[0].host);
	CU_ASSERT_EQUAL(run(&member[0], do_write), ST_LOST);
	CU_ASSERT_EQUAL(run(&member[0], do_unmount), ST_LOST);
	CU_ASSERT_EQUAL(sim_host_writes(member[0].host), writes);
	end();
}

/* ---- heirs ----------------------------------------------------------------------------------- */

/* The heir dies after each of its writes; a third host deals with both, the heir first. */
static void test_the_heir_dies_too(void)
{
	uint64_t n = 1;

	for (int died = 1; died; n++) {
		struct vmfs_hb_disk s;

		world(3);
		for (int i = 0; i < 3; i++)
			CU_ASSERT_EQUAL_FATAL(run(&member[i], do_mount), ST_OK);
		CU_ASSERT_EQUAL(run(&member[0], do_create), ST_OK);
		member[1].who = member[2].who = holder_of(&member[0]);
		sim_host_kill(member[0].host);
		port_world_sleep_ns(BEAT_NS);
		/* Watched by both, so that n counts the writes of the recovery, and some beats. */
		run(&member[1], do_settle);
		port_world_sleep_ns(WATCH_NS - SECOND);
		sim_host_die_after(member[1].host, n);
		settle(&member[1], 3 * SECOND);
		died = !sim_host_is_on(member[1].host);
		CU_ASSERT_EQUAL(settle(&member[2], 3 * WATCH_NS), ST_OK);
		peek_slot(member[2].who.hb_at, &s);
		CU_ASSERT_EQUAL(le32_get(s.state), VMFS_HB_FREE);
		if (!died)
			CU_ASSERT_EQUAL(run(&member[1], do_unmount), ST_OK);
		port_world_sleep_ns(died ? WATCH_NS + 12 * BEAT_NS : 0);
		CU_ASSERT_EQUAL(run(&member[2], do_unmount), ST_OK);
		end();
		CU_ASSERT_EQUAL(vol_finding_count(), 0);
		CU_ASSERT_FATAL(n < 200);
	}
	CU_ASSERT(n > 8);
}

/* Two who want to recover the same one at the same moment: one does. */
static void test_two_heirs(void)
{
	world(3);
	for (int i = 0; i < 3; i++)
		CU_ASSERT_EQUAL_FATAL(run(&member[i], do_mount), ST_OK);
	CU_ASSERT_EQUAL(run(&member[0], do_create), ST_OK);
	member[1].who = member[2].who = holder_of(&member[0]);
	sim_host_kill(member[0].host);
	for (uint64_t began = port_now_ns(); port_now_ns() - began < WATCH_NS + SECOND;) {
		start(&member[1], do_settle);
		start(&member[2], do_settle);
		wait_done(&member[1]);
		wait_done(&member[2]);
	}
	CU_ASSERT_EQUAL(member[1].st, ST_OK);
	CU_ASSERT_EQUAL(member[2].st, ST_OK);
	CU_ASSERT_EQUAL(member[1].v.volume->peers.recovered + member[2].v.volume->peers.recovered,
			1);
	CU_ASSERT_EQUAL(run(&member[1], do_unmount), ST_OK);
	CU_ASSERT_EQUAL(run(&member[2], do_unmount), ST_OK);
	end();
	CU_ASSERT_EQUAL(vol_finding_count(), 0);
}

/* ---- slots ----------------------------------------------------------------------------------- */

/* Back within the lease, it is another mount: never the slot, or the generation, of the one that
 * nobody has buried yet. */
static void test_a_quick_restart(void)
{
	struct vmfs_holder before, now;

	world(1);
	CU_ASSERT_EQUAL(run(&member[0], do_mount), ST_OK);
	CU_ASSERT_EQUAL(run(&member[0], do_create), ST_OK);
	before = holder_of(&member[0]);
	sim_host_kill(member[0].host);
	boot(&member[0]);
	CU_ASSERT_EQUAL(run(&member[0], do_mount), ST_OK);
	CU_ASSERT(member[0].took_ns < SECOND);
	now = holder_of(&member[0]);
	CU_ASSERT(now.hb_at != before.hb_at || now.hb_gen > before.hb_gen);
	CU_ASSERT(memcmp(&now.host, &before.host, sizeof(now.host)) != 0);
	member[0].who = before;
	CU_ASSERT_EQUAL(settle(&member[0], 2 * WATCH_NS), ST_OK);
	CU_ASSERT(member[0].took_ns >= WATCH_NS);
	CU_ASSERT_EQUAL(run(&member[0], do_unmount), ST_OK);
	end();
	CU_ASSERT_EQUAL(vol_finding_count(), 0);
}

static void use_slot(uint64_t at)
{
	struct vmfs_hb_disk s;

	peek_slot(at, &s);
	le32_set(&s.state, VMFS_HB_USED);
	memset(&s.owner, 0x5A, sizeof(s.owner));
	memcpy(s.ip, "cairn@elsewhere", 16);
	CU_ASSERT_EQUAL_FATAL(sim_disk_poke(DISK, PARTITION_AT + at, &s, sizeof(s)), ST_OK);
}

static void test_all_slots_taken(void)
{
	struct vol v = { 0 };

	vol_format(VOLUME_BYTES);
	for (uint64_t i = 0; i < VMFS_HB_SLOTS; i++)
		use_slot(VMFS_HB_AT + i * 512);
	CU_ASSERT_EQUAL(vol_try_mount(&v, 1), ST_LIMIT);
	CU_ASSERT_PTR_NOT_NULL(strstr(v.why.text, "slots"));
	vol_mount(&v, 0);
	CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
}

/* A volume may ask for another lease; all go by it. */
static void poke_lease(uint32_t ms)
{
	le32 disk;

	le32_set(&disk, ms);
	CU_ASSERT_EQUAL_FATAL(sim_disk_poke(DISK, PARTITION_AT + VMFS_FS_AT + 0x14c, &disk, 4),
			      ST_OK);
}

static void test_the_volume_tells_the_lease(void)
{
	struct vol v = { 0 };

	world(2);
	poke_lease(1600);
	CU_ASSERT_EQUAL(run(&member[0], do_mount), ST_OK);
	CU_ASSERT_EQUAL(run(&member[1], do_mount), ST_OK);
	member[1].who = holder_of(&member[0]);
	sim_host_kill(member[0].host);
	CU_ASSERT_EQUAL(settle(&member[1], WATCH_NS), ST_OK);
	CU_ASSERT(member[1].took_ns >= 1900 * MS && member[1].took_ns < 2200 * MS);
	CU_ASSERT_EQUAL(run(&member[1], do_unmount), ST_OK);
	end();
	poke_lease(1);
	CU_ASSERT_EQUAL(vol_try_mount(&v, 1), ST_UNSUPPORTED);
	vol_mount(&v, 0);
	CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
}

static const struct cu_case cases[] = {
	{ "two hosts beat side by side", test_two_hosts_beat_side_by_side },
	{ "a dead host is recovered after the watch",
	  test_a_dead_host_is_recovered_after_the_watch },
	{ "the patrol recovers too", test_the_patrol_recovers_too },
	{ "neighbours do not wait", test_neighbours_do_not_wait },
	{ "a lock that lies", test_a_lock_that_lies },
	{ "a short pause is an event", test_a_short_pause_is_an_event },
	{ "a long pause alone heals", test_a_long_pause_alone_heals },
	{ "a zombie writes nothing", test_a_zombie_writes_nothing },
	{ "a host without paths stops", test_a_host_without_paths_stops },
	{ "the heir dies too", test_the_heir_dies_too },
	{ "two heirs", test_two_heirs },
	{ "a quick restart", test_a_quick_restart },
	{ "all slots taken", test_all_slots_taken },
	{ "the volume tells the lease", test_the_volume_tells_the_lease },
};
CU_MAIN("vmfs/peer", cases)
