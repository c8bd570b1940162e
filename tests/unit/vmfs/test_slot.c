/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* slot - heartbeat slots on the disk: nobody's change is overwritten, what is written is durable,
 * and a slot's word is not taken for anything. */
#include "tests/unit/vmfs/vol.h"
#include "vmfs/slot_priv.h"

#define PARTITION_AT	LVM_DATA_AT	/* of volume offset 0 on this disk */
#define SLOT		5u		/* not the one that the mount took */

static const struct { uint32_t version; uint64_t bytes; } volumes[] = {
	{ 5, 320 * MIB }, { 6, 800 * MIB },
};

static void peek(const struct vol *v, uint32_t slot, struct vmfs_hb_disk *s)
{
	CU_ASSERT_EQUAL_FATAL(sim_disk_peek(DISK, PARTITION_AT + vmfs_slot_at(v->volume, slot), s,
					    sizeof(*s)), ST_OK);
}

static void poke(const struct vol *v, uint32_t slot, const struct vmfs_hb_disk *s)
{
	CU_ASSERT_EQUAL_FATAL(sim_disk_poke(DISK, PARTITION_AT + vmfs_slot_at(v->volume, slot), s,
					    sizeof(*s)), ST_OK);
}

/* mkfs and we agree on where each of them is, in both versions. */
static void test_places(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(volumes); i++) {
		uint8_t *region = NULL;
		struct vol v;

		vol_format_as(volumes[i].version, volumes[i].bytes);
		vol_mount(&v, 0);
		CU_ASSERT_EQUAL_FATAL(vmfs_slot_read_all(v.volume, &region, &v.why), ST_OK);
		for (uint32_t k = 0; k < vmfs_form(v.volume)->hb_slots; k++) {
			const struct vmfs_hb_disk *s = vmfs_slot_of(v.volume, region, k);

			CU_ASSERT_EQUAL(le64_get(s->at), vmfs_slot_at(v.volume, k));
			CU_ASSERT(!vmfs_slot_in_use(s));
		}
		port_dma_free(region, vmfs_slot_region_bytes(v.volume));
		CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
	}
}

/* No memory: there is nothing to free. A read that fails: the buffer is the caller's. */
static void test_reading_fails(void)
{
	uint8_t *region = (void *)1;
	struct vol v;

	vol_format(volumes[0].bytes);
	vol_mount(&v, 0);
	sim_fail_alloc(1);
	CU_ASSERT_EQUAL(vmfs_slot_read_all(v.volume, &region, &v.why), ST_NOMEM);
	CU_ASSERT_PTR_NULL(region);
	sim_fail_alloc(0);
	sim_fail_io(PORT_READ, 1, ST_DEVICE);
	CU_ASSERT_EQUAL(vmfs_slot_read_all(v.volume, &region, &v.why), ST_DEVICE);
	CU_ASSERT_PTR_NOT_NULL(strstr(v.why.text, "heartbeats"));
	port_dma_free(region, vmfs_slot_region_bytes(v.volume));
	CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
}

/* All 46 bytes of an address may be text: nothing is read behind them. */
static void test_describe(void)
{
	struct { struct vmfs_hb_disk s; char behind[8]; } slot = { .behind = "BEHIND!" };
	uint8_t address[46];
	char text[128], small[12];
	struct vol v;

	memset(slot.s.ip, 'x', sizeof(slot.s.ip));
	vmfs_slot_describe(&slot.s, text, sizeof(text));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "host xxx"));
	CU_ASSERT_EQUAL(text[strlen(text) - 1], ')');
	CU_ASSERT_EQUAL(strchr(text, '(') - text, 5 + (long)sizeof(slot.s.ip) + 1);
	vmfs_slot_describe(&slot.s, small, sizeof(small));
	CU_ASSERT_EQUAL(strlen(small), sizeof(small) - 1);
	vol_format(volumes[0].bytes);
	vol_mount(&v, 0);
	memset(address, 0xAA, sizeof(address));
	vmfs_slot_address(v.volume, address);
	CU_ASSERT(!memcmp(address, "cairn@", 6));
	CU_ASSERT_EQUAL(address[45], 0);
	/* The operator is told the name, not what follows it. */
	memcpy(slot.s.ip, address, sizeof(address));
	vmfs_slot_describe(&slot.s, text, sizeof(text));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "host sim ("));
	CU_ASSERT_EQUAL(vmfs_slot_kin(v.volume, &slot.s), SLOT_NEIGHBOUR);
	CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
}

/* A machine that was started anew, another name for the disk, another system. */
static void test_kin(void)
{
	static const struct { size_t at; const char *text; enum slot_kin kin; } c[] = {
		{ 10, "00000000", SLOT_OURS }, { 18, "00000000", SLOT_ESTRANGED },
		{ 9, "", SLOT_OURS }, { 0, "10.0.0.7", SLOT_FOREIGN }, { 0, "", SLOT_FOREIGN },
	};
	struct vol v;

	vol_format(volumes[0].bytes);
	vol_mount(&v, 0);
	for (size_t i = 0; i < ARRAY_COUNT(c); i++) {
		struct vmfs_hb_disk s = { 0 };

		vmfs_slot_address(v.volume, s.ip);	/* "cairn@sim#" and 16 digits */
		memcpy(s.ip + c[i].at, c[i].text, strlen(c[i].text) + (strlen(c[i].text) < 8));
		CU_ASSERT_EQUAL(vmfs_slot_kin(v.volume, &s), c[i].kin);
	}
	CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
}

/* Whoever has a slot holds a lock that others of this machine see, and that goes with it. */
static void test_hold(void)
{
	struct vol v, w;

	vol_format(volumes[0].bytes);
	vol_mount(&v, 1);
	vol_mount(&w, 0);
	CU_ASSERT(!vmfs_slot_orphaned(w.volume, v.volume->beat.at));
	CU_ASSERT(vmfs_slot_orphaned(v.volume, vmfs_slot_at(v.volume, SLOT)));
	CU_ASSERT_EQUAL(vol_unmount(&w), ST_OK);
	CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
}

/* A slot that has changed since it was read stays as it is. */
static void test_swap(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(volumes); i++) {
		struct vmfs_hb_disk mine, other, is;
		struct vmfs_slot_change *c;
		struct vol v;

		vol_format_as(volumes[i].version, volumes[i].bytes);
		vol_mount(&v, 1);
		peek(&v, SLOT, &mine);
		other = mine;
		le64_set(&other.stamp_us, 4711);
		poke(&v, SLOT, &other);
		c = &v.volume->peers.slot;
		*c->image = *c->next = mine;
		le32_set(&c->next->state, VMFS_HB_USED);
		CU_ASSERT_EQUAL(vmfs_slot_swap(v.volume, c), ST_BUSY);
		CU_ASSERT(!memcmp(c->image, &mine, sizeof(mine)));
		peek(&v, SLOT, &is);
		CU_ASSERT(!memcmp(&is, &other, sizeof(is)));
		*c->image = other;
		CU_ASSERT_EQUAL(vmfs_slot_swap(v.volume, c), ST_OK);
		CU_ASSERT_EQUAL(le32_get(c->image->state), VMFS_HB_USED);
		sim_crash(1, 1);	/* what was not flushed is gone */
		peek(&v, SLOT, &is);
		CU_ASSERT(!memcmp(&is, c->image, sizeof(is)));
		(void)!vol_unmount(&v);
	}
}

/* Given back, a slot keeps its place and its driver's numbers, and nothing of its owner but the
 * address. */
static void test_clear(void)
{
	struct vmfs_hb_disk s, is;
	struct vol v;

	vol_format(volumes[0].bytes);
	vol_mount(&v, 1);
	peek(&v, SLOT, &s);
	le32_set(&s.state, VMFS_HB_USED);
	le64_set(&s.gen, 41);
	le64_set(&s.journal_at, 100 * MIB);
	le32_set(&s.journal_fb, VMFS_FB_MAKE(100));
	le64_set(&s.replay_hb_at, VMFS_HB_AT);
	le64_set(&s.replay_hb_gen, 3);
	memset(&s.owner, 0x5A, sizeof(s.owner));
	memset(&s.replay_host, 0x5B, sizeof(s.replay_host));
	memcpy(s.ip, "10.0.0.7", 8);
	poke(&v, SLOT, &s);
	*v.volume->peers.slot.image = s;
	CU_ASSERT_EQUAL(vmfs_slot_clear(v.volume, &v.volume->peers.slot, 42), ST_OK);
	peek(&v, SLOT, &is);
	CU_ASSERT(!memcmp(&is, v.volume->peers.slot.image, sizeof(is)));
	CU_ASSERT_EQUAL(le32_get(is.state), VMFS_HB_FREE);
	CU_ASSERT_EQUAL(le64_get(is.gen), 42);
	CU_ASSERT_EQUAL(le64_get(is.at), vmfs_slot_at(v.volume, SLOT));
	CU_ASSERT_EQUAL(le64_get(is.journal_at) | le32_get(is.journal_fb), 0);
	CU_ASSERT_EQUAL(le64_get(is.replay_hb_at) | le64_get(is.replay_hb_gen), 0);
	CU_ASSERT(port_accel()->is_zero(&is.owner, sizeof(is.owner)));
	CU_ASSERT(port_accel()->is_zero(&is.replay_host, sizeof(is.replay_host)));
	CU_ASSERT(!memcmp(is.ip, "10.0.0.7", 8));
	CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
	CU_ASSERT_EQUAL(vol_finding_count(), 0);
}

/* A journal is given back when both names for it agree. One that is free already was given back
 * before a crash: nothing changes. */
static void test_free_journal(void)
{
	static const struct { uint32_t addr; uint64_t at; } bad[] = {
		{ 0, 100 * MIB },			/* no address */
		{ VMFS_FB_MAKE(100), 101 * MIB },	/* two blocks */
		{ VMFS_FB_MAKE(100), 100 * MIB + 512 }, { VMFS_FB_MAKE(100), 0 },
		{ VMFS_FB_MAKE(60000), 60000 * MIB },	/* behind the end */
		{ VMFS_SB_MAKE(0, 0), 100 * MIB },	/* of another kind */
	};
	struct vmfs_slot_change *c;
	struct vmfs_info before, after;
	struct vmfs_hb_disk is;
	struct vol v;

	vol_format(volumes[0].bytes);
	vol_mount(&v, 1);
	vol_info(&v, &before);
	c = &v.volume->peers.slot;
	peek(&v, SLOT, c->image);
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		le32_set(&c->image->journal_fb, bad[i].addr);
		le64_set(&c->image->journal_at, bad[i].at);
		CU_ASSERT_EQUAL(vmfs_slot_free_journal(v.volume, c), ST_CORRUPT);
	}
	le32_set(&c->image->journal_fb, VMFS_FB_MAKE(150));
	le64_set(&c->image->journal_at, 150 * MIB);
	poke(&v, SLOT, c->image);
	CU_ASSERT_EQUAL(vmfs_slot_free_journal(v.volume, c), ST_OK);
	/* And the slot names it no more, or it would be freed again under its next owner. */
	peek(&v, SLOT, &is);
	CU_ASSERT_EQUAL(le64_get(is.journal_at) | le32_get(is.journal_fb), 0);
	vol_info(&v, &after);
	CU_ASSERT_EQUAL(after.blocks.free, before.blocks.free);
	CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
	CU_ASSERT_EQUAL(vol_finding_count(), 0);
}

static const struct cu_case cases[] = {
	{ "places", test_places },
	{ "reading fails", test_reading_fails },
	{ "describe", test_describe },
	{ "kin", test_kin },
	{ "hold", test_hold },
	{ "swap", test_swap },
	{ "clear", test_clear },
	{ "free a journal", test_free_journal },
};
CU_MAIN("vmfs/slot", cases)
