/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* cu - main() of a CUnit program: the suite runs as a world of the port the program is linked with.
 * 	static const struct cu_case cases[] = { { "name", fn }, ... };
 * 	CU_MAIN("module/file", cases)
 * SEED=n in the environment chooses the sim port's seed (1), ENGINE=name the linux port's engine:
 * where the kernel refuses that one, the program ends as skipped. Define CU_PCPUS before the
 * include for more pCPUs than one. */
#ifndef CAIRN_TESTS_CU_H
#define CAIRN_TESTS_CU_H

#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>

#include "iopath/port/port.h"

#ifndef CU_PCPUS
#define CU_PCPUS 1
#endif

struct cu_case { const char *name; void (*fn)(void); };

struct cu_run { const char *suite; const struct cu_case *cases; size_t count; int failed; };

static void cu_world(void *arg)
{
	struct cu_run *run = arg;
	CU_pSuite suite;

	if (CU_initialize_registry() != CUE_SUCCESS)
		exit(2);
	suite = CU_add_suite(run->suite, NULL, NULL);
	for (size_t i = 0; i < run->count; i++)
		CU_add_test(suite, run->cases[i].name, run->cases[i].fn);
	CU_basic_set_mode(CU_BRM_NORMAL);
	CU_basic_run_tests();
	run->failed = CU_get_number_of_tests_failed() != 0;
	printf("\n#RESULT %u %u 0\n",
	       CU_get_number_of_tests_run() - CU_get_number_of_tests_failed(),
	       CU_get_number_of_tests_failed());
	CU_cleanup_registry();
}

static inline int cu_run_all(const char *suite, const struct cu_case *cases, size_t count)
{
	struct cu_run run = { suite, cases, count, 1 };
	const char *seed = getenv("SEED");
	struct port_config config = {
		.pcpus = CU_PCPUS,
		.seed = seed ? strtoull(seed, NULL, 0) : 1,
		.engine = getenv("ENGINE"),
		.log_level = LOG_ERROR,
	};
	struct why why = { 0 };
	enum status st = port_run(&config, cu_world, &run, &why);

	if (st != ST_OK)
		fprintf(stderr, "%s\n", why.text);
	if (st == ST_UNSUPPORTED && config.engine)
		return 77;
	return st != ST_OK || run.failed;
}

#define CU_MAIN(name, cases)                                                                       \
	int main(void)                                                                             \
	{                                                                                          \
		return cu_run_all((name), (cases), ARRAY_COUNT(cases));                            \
	}

#endif
