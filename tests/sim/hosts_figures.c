/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* hosts_figures - what was run, how often each fault happened, and how fast. */
#include "tests/sim/hosts.h"

#include <stdio.h>

void figures_print(const struct totals *t, double seconds)
{
	uint64_t faults = 0;

	printf("%-20s %10s %14s %10s\n", "fault", "runs armed", "chances", "fired");
	for (uint32_t i = 0; i < FAULT_KINDS; i++) {
		faults += t->fault[i].fired;
		if (t->armed[i])
			printf("%-20s %10llu %14llu %10llu\n", fault_name[i],
			       (unsigned long long)t->armed[i],
			       (unsigned long long)t->fault[i].chances,
			       (unsigned long long)t->fault[i].fired);
	}
	printf("%-20s %10s %14s\n", "operation", "done", "refused");
	for (uint32_t i = 0; i < OP_KINDS; i++)
		printf("%-20s %10llu %14llu\n", op_name[i], (unsigned long long)t->op[i],
		       (unsigned long long)t->op_refused[i]);
	printf("hosts: %llu runs (%llu of them twice), %.1f hosts, %.0f operations, %.1f faults a "
	       "run; %llu mounts, %llu "
	       "lost; %.0f s of virtual time; %.1f s, %.0f runs/s; %llu failed\n",
	       (unsigned long long)t->runs, (unsigned long long)t->twice,
	       (double)t->hosts / (double)t->runs, (double)t->ops / (double)t->runs,
	       (double)faults / (double)t->runs, (unsigned long long)t->mounts,
	       (unsigned long long)t->lost, (double)t->virtual_ns / 1e9, seconds,
	       (double)t->runs / seconds, (unsigned long long)t->failed);
}

void figures_print_json(const struct totals *t, double seconds)
{
	printf(
	    "{\"runs\": %llu, \"failed\": %llu, \"hosts\": %llu, \"operations\": %llu, "
	    "\"mounts\": %llu, \"lost\": %llu, \"virtual_s\": %.0f, \"cpu_s\": %.2f, \"faults\": {",
	    (unsigned long long)t->runs, (unsigned long long)t->failed,
	    (unsigned long long)t->hosts, (unsigned long long)t->ops, (unsigned long long)t->mounts,
	    (unsigned long long)t->lost, (double)t->virtual_ns / 1e9, seconds);
	for (uint32_t i = 0; i < FAULT_KINDS; i++)
		printf("%s\"%s\": {\"armed\": %llu, \"chances\": %llu, \"fired\": %llu}",
		       i ? ", " : "", fault_name[i], (unsigned long long)t->armed[i],
		       (unsigned long long)t->fault[i].chances,
		       (unsigned long long)t->fault[i].fired);
	printf("}}\n");
}
