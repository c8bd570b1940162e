/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* commands - what there is, listed by hand: every build sees the same order. */
#include <string.h>

#include "tools/cmd.h"

const struct noun *const commands_nouns[] = {
	&noun_volume,
	&noun_file,
	&noun_disk,
	&noun_vm,
	&noun_lock,
	&noun_cairn,
	NULL,
};

const struct verb *const commands_programs[] = {
	&verb_vmkfstools,
	&verb_voma,
	&verb_partedutil,
	NULL,
};

const struct verb *commands_at(size_t index)
{
	for (size_t n = 0; commands_nouns[n]; n++) {
		if (index < commands_nouns[n]->verb_count)
			return &commands_nouns[n]->verbs[index];
		index -= commands_nouns[n]->verb_count;
	}
	for (size_t p = 0; commands_programs[p]; p++)
		if (index-- == 0)
			return commands_programs[p];
	return NULL;
}

const struct verb *commands_find(const char *noun, const char *name)
{
	const struct verb *v;

	for (size_t i = 0; (v = commands_at(i)) != NULL; i++) {
		int same_noun = noun ? v->noun && strcmp(v->noun, noun) == 0 : !v->noun;

		if (same_noun && strcmp(v->name, name) == 0)
			return v;
	}
	return NULL;
}
