/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* hosts_settings - what the caller has fixed of a run, from the environment or from a case: a file
 * of the same settings, a line each, as a failing run leaves it. */
#include "tests/sim/hosts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {
    "SEED", "HOSTS", "OPS",    "VMFS",	"KINDS", "FAULTS", "FROM",
    "END",  "SKIP",  "BEYOND", "COVER", "ALONE", "PLANT",
};

uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoull(text, NULL, 0) : otherwise;
}

/* "kind:number,kind:number" */
static void read_windows(const char *name, uint64_t of[FAULT_KINDS], uint64_t otherwise)
{
	const char *text = getenv(name);
	char *end;

	for (uint32_t i = 0; i < FAULT_KINDS; i++)
		of[i] = otherwise;
	while (text && *text) {
		uint64_t kind = strtoull(text, &end, 0);

		if (*end != ':' || kind >= FAULT_KINDS)
			break;
		of[kind] = strtoull(end + 1, &end, 0);
		text = *end == ',' ? end + 1 : NULL;
	}
}

/* "3-7,9-10": operations of every host that are left out. */
static void read_skips(const char *text, uint8_t skip[SKIP_MAX])
{
	char *end;

	memset(skip, 0, SKIP_MAX);
	while (text && *text) {
		uint64_t first = strtoull(text, &end, 0), last = first;

		if (*end == '-')
			last = strtoull(end + 1, &end, 0);
		for (uint64_t i = first; i <= last && i < SKIP_MAX; i++)
			skip[i] = 1;
		text = *end == ',' ? end + 1 : NULL;
	}
}

void settings_read(struct wanted *w)
{
	w->seed = setting("SEED", 1);
	w->hosts = (uint32_t)setting("HOSTS", UINT32_MAX);
	w->ops = (uint32_t)setting("OPS", UINT32_MAX);
	w->version = (uint32_t)setting("VMFS", UINT32_MAX);
	w->op_mask = setting("KINDS", UINT64_MAX);
	w->fault_mask = setting("FAULTS", UINT64_MAX);
	w->beyond = (uint8_t)setting("BEYOND", 0);
	w->cover = (uint8_t)setting("COVER", 1);
	w->alone = (uint8_t)setting("ALONE", 0);
	read_windows("FROM", w->from, 0);
	read_windows("END", w->end, UINT64_MAX);
	read_skips(getenv("SKIP"), w->skip);
	if (w->hosts != UINT32_MAX && (w->hosts == 0 || w->hosts >= HOSTS_MAX)) {
		fprintf(stderr, "hosts: HOSTS is 1 to %u\n", HOSTS_MAX - 1);
		exit(2);
	}
}

/* ---- cases ----------------------------------------------------------------------------------- */

int settings_load(const char *path)
{
	FILE *f = fopen(path, "r");
	char line[1024], *value;

	if (!f)
		return -1;
	for (size_t i = 0; i < ARRAY_COUNT(names); i++)
		unsetenv(names[i]);
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		value = strchr(line, '=');
		if (line[0] == '#' || !value)
			continue;
		*value = 0;
		setenv(line, value + 1, 1);
	}
	return fclose(f);
}

static void save_windows(FILE *f, const char *name, const uint64_t of[FAULT_KINDS],
			 uint64_t otherwise)
{
	const char *sep = "=";

	for (uint32_t i = 0; i < FAULT_KINDS; i++) {
		if (of[i] == otherwise)
			continue;
		fprintf(f, "%s%s%u:%llu", sep[0] == '=' ? name : "", sep, i,
			(unsigned long long)of[i]);
		sep = ",";
	}
	if (sep[0] == ',')
		fputc('\n', f);
}

static void save_skips(FILE *f, const uint8_t skip[SKIP_MAX])
{
	const char *sep = "SKIP=";

	for (uint32_t i = 0; i < SKIP_MAX; i++) {
		uint32_t last = i;

		if (!skip[i])
			continue;
		while (last + 1 < SKIP_MAX && skip[last + 1])
			last++;
		fprintf(f, "%s%u-%u", sep, i, last);
		sep = ",";
		i = last;
	}
	if (sep[0] == ',')
		fputc('\n', f);
}

int settings_save(const char *path, const struct wanted *w, const struct run *run)
{
	const struct config *c = &run->config;
	FILE *f = fopen(path, "w");

	if (!f)
		return -1;
	fprintf(f, "# %s: %s\nSEED=%llu\nHOSTS=%u\nOPS=%u\nVMFS=%u\nKINDS=0x%llx\nFAULTS=0x%llx\n",
		run->invariant, run->text, (unsigned long long)c->seed, c->hosts, c->ops,
		c->version, (unsigned long long)c->op_mask, (unsigned long long)c->fault_mask);
	fprintf(f, "BEYOND=%u\nCOVER=%u\nALONE=%u\n", c->beyond, c->cover, c->alone);
	save_windows(f, "FROM", c->from, 0);
	save_windows(f, "END", c->end, UINT64_MAX);
	save_skips(f, w->skip);
	return fclose(f);
}
