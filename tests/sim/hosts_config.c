/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* hosts_config - what a run is like, drawn from its seed. Leaving kinds of operations and faults
 * out is the point: a run of few kinds goes deeper into each (Groce et al., Swarm Testing,
 * 2012). */
#include "tests/sim/hosts.h"

#include <stdio.h>

const char *const fault_name[FAULT_KINDS] = {
    [SIM_FAULT_SLOW] = "disk.slow",
    [SIM_FAULT_STUCK] = "disk.stuck",
    [SIM_FAULT_ERROR] = "disk.error",
    [SIM_FAULT_NO_ANSWER] = "disk.no-answer",
    [SIM_FAULT_LOST] = "disk.lost",
    [SIM_FAULT_MISDIRECTED] = "disk.misdirected",
    [FAULT_ATS_SAYS_NO] = "ats.done-says-no",
    [FAULT_ATS_REFUSES] = "ats.equal-refused",
    [FAULT_ATS_NO_ANSWER] = "ats.no-answer",
    [FAULT_ATS_LATE] = "ats.late",
    [FAULT_ATS_SLOW] = "ats.slow",
    [FAULT_POWER] = "host.power",
    [FAULT_QUICK] = "host.quick",
    [FAULT_PAUSE] = "host.pause",
    [FAULT_ZOMBIE] = "host.zombie",
    [FAULT_APD] = "san.apd",
    [FAULT_ALL_OFF] = "host.all-off",
};

const char *const op_name[OP_KINDS] = {
    "create", "write", "read", "truncate", "punch", "allocate", "unlink",  "rename", "mkdir",
    "rmdir",  "list",  "stat", "sync",	   "flush", "close",	"remount", "clone",  "contend",
};

/* ---- the draw -------------------------------------------------------------------------------- */

struct draw {
	uint64_t seed, n;
};

/* The finalizer of splitmix64, as in the simulator. */
static uint64_t next(struct draw *d)
{
	uint64_t x = d->seed * 0x9e3779b97f4a7c15ull + ++d->n * 0xd1342543de82ef95ull;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

static uint64_t below(struct draw *d, uint64_t n)
{
	return next(d) % n;
}

/* Evenly many of each length: 1 ... 2 ^ bits. */
static uint64_t log_uniform(struct draw *d, uint32_t low_bits, uint32_t high_bits)
{
	uint64_t top = 1ull << (low_bits + below(d, high_bits - low_bits + 1));

	return top + below(d, top);
}

static uint64_t half_of(struct draw *d, uint32_t kinds)
{
	return next(d) & ((1ull << kinds) - 1);
}

static uint64_t draw_faults(struct draw *d, int beyond)
{
	uint64_t astray = 1ull << SIM_FAULT_LOST | 1ull << SIM_FAULT_MISDIRECTED, mask;
	uint64_t how = below(d, 10);

	mask = half_of(d, FAULT_KINDS);
	if (how == 0)
		mask = 0;
	if (how == 1)
		mask = 1ull << below(d, FAULT_KINDS);
	return beyond ? mask : mask & ~astray;
}

/* Chances are counted per transfer, so what ends a host must be rarer than what delays it. */
static uint32_t draw_rate(struct draw *d, uint32_t fault)
{
	uint64_t rate = log_uniform(d, 5, 16);

	if (fault >= FAULT_POWER)
		rate = log_uniform(d, 8, 14);
	if (fault == FAULT_ALL_OFF)
		rate /= 4;
	return (uint32_t)rate + 1;
}

void config_draw(struct config *c, uint64_t seed, const struct wanted *w)
{
	struct draw d = {seed, 0};
	uint64_t hosts = below(&d, 20), ops = log_uniform(&d, 3, 6);

	*c = (struct config){
	    .seed = seed, .cover = w->cover, .beyond = w->beyond, .alone = w->alone};
	c->hosts = hosts < 16	 ? 2 + (uint32_t)hosts % 3
		   : hosts == 16 ? 1
				 : 5 + (uint32_t)below(&d, 4);
	c->ops = (uint32_t)ops;
	c->version = below(&d, 8) == 0 ? 6 : 5;
	c->op_mask = half_of(&d, OP_KINDS) | 1ull << OP_CREATE | 1ull << OP_WRITE;
	c->fault_mask = draw_faults(&d, w->beyond);
	c->think_ns = 1000ull << below(&d, 20);
	c->cut_at_end = below(&d, 2) == 0;
	c->leave_dead = below(&d, 2) == 0;
	for (uint32_t i = 0; i < FAULT_KINDS; i++) {
		c->rate[i] = draw_rate(&d, i);
		c->from[i] = w->from[i];
		c->end[i] = w->end[i];
	}
	if (w->hosts != UINT32_MAX)
		c->hosts = w->hosts;
	if (w->ops != UINT32_MAX)
		c->ops = w->ops;
	if (w->version != UINT32_MAX)
		c->version = w->version;
	c->op_mask &= w->op_mask;
	c->fault_mask &= w->fault_mask;
}

void config_print(const struct config *c)
{
	printf("seed %llu: VMFS-%u, %u hosts, %u operations each%s%s\n  operations:",
	       (unsigned long long)c->seed, c->version, c->hosts, c->ops,
	       c->cut_at_end ? ", power cut at the end" : "",
	       c->leave_dead ? ", the dead stay dead" : "");
	for (uint32_t i = 0; i < OP_KINDS; i++)
		if (c->op_mask >> i & 1)
			printf(" %s", op_name[i]);
	printf("\n  faults per million:");
	for (uint32_t i = 0; i < FAULT_KINDS; i++)
		if (c->fault_mask >> i & 1)
			printf(" %s %u", fault_name[i], c->rate[i]);
	printf("\n");
}
