/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* odds - faults that happen by chance. Each kind has a rate, and each place where it could
 * happen is numbered: whether it does follows from (seed, kind, number) alone. So a kind that is
 * taken away leaves the choices of the others as they were, and so does a single firing; that is
 * what makes a failing run shrink. */
#include "iopath/port/sim/sim_priv.h"

#define MILLION 1000000u

static struct odds *odds_of(uint32_t fault)
{
	VERIFY(fault < SIM_FAULTS_MAX);
	return &sim.odds[fault];
}

void sim_fault_set(uint32_t fault, uint32_t per_million)
{
	odds_of(fault)->per_million = per_million;
}

void sim_fault_window(uint32_t fault, uint64_t from, uint64_t end)
{
	odds_of(fault)->from = from;
	odds_of(fault)->end = end;
}

void sim_fault_longest(uint32_t fault, uint64_t ns)
{
	odds_of(fault)->longest_ns = ns;
}

void sim_faults_heal(void)
{
	for (uint32_t i = 0; i < SIM_FAULTS_MAX; i++)
		sim.odds[i].per_million = 0;
}

static uint64_t draw(const struct odds *o, uint64_t number, uint64_t what)
{
	uint64_t site = (uint64_t)(o - sim.odds);

	return chance_hash(chance_hash(sim.seed, (site + 1) << 32 | what), number);
}

int sim_fault_now(uint32_t fault)
{
	struct odds *o = odds_of(fault);
	uint64_t number;

	if (o->per_million == 0)
		return 0;
	number = o->count.chances++;
	if (draw(o, number, 0) % MILLION >= o->per_million)
		return 0;
	o->last = number;
	o->choices = 0;
	number = o->drawn++;
	if (number < o->from || number >= o->end)
		return 0;
	o->count.fired++;
	return 1;
}

uint64_t sim_fault_choice(uint32_t fault, uint64_t n)
{
	struct odds *o = odds_of(fault);

	return n <= 1 ? 0 : draw(o, o->last, ++o->choices) % n;
}

uint64_t sim_fault_length_ns(uint32_t fault)
{
	const struct odds *o = odds_of(fault);

	/* As often below a hundredth as above a tenth: short ones meet more code. */
	return o->longest_ns >> sim_fault_choice(fault, 10) >> sim_fault_choice(fault, 2);
}

struct sim_fault_count sim_fault_counted(uint32_t fault)
{
	return odds_of(fault)->count;
}

void odds_init(void)
{
	for (uint32_t i = 0; i < SIM_FAULTS_MAX; i++)
		sim.odds[i] = (struct odds){.end = UINT64_MAX, .longest_ns = 1000000000};
}
