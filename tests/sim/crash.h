/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* crash - the parts of the crash sweep: crash_scenarios.c lists the steps, crash_steps.c does them
 * on the tree and on the volume, crash_judge.c says what may be there after the power came back,
 * crash.c sweeps. */
#ifndef CAIRN_TESTS_CRASH_H
#define CAIRN_TESTS_CRASH_H

#include "tests/sim/volume.h"

#define STEPS_MAX 400

enum step_op {
	CREATE,
	MKDIR,
	SYMLINK,
	REMOVE,
	RENAME,
	WRITE,
	RESIZE,
	LAZY,
	EAGER,
	UNMAP,
	ZERO,
	FLUSH,
	SYNC,
	COPY,
};

struct step {
	enum step_op	op;
	char path[80], to[80]; /* to: the new name of RENAME, the target of SYMLINK and COPY */
	uint64_t	at, bytes;
};

struct scenario {
	const char	*name;
	void		(*steps)(struct scenario *s);
	struct step	step[STEPS_MAX];
	uint32_t	count;
	struct tree	*state[STEPS_MAX + 1];	/* [k]: after k steps */
	uint64_t	writes;			/* of the device, from the first step to the last */
};

struct run {				/* how far one run came */
	uint32_t	ended;		/* steps that ended well */
	uint32_t	synced;		/* of those, up to the last SYNC */
};

#define SCENARIOS 6
extern struct scenario crash_scenarios[SCENARIOS];

/* Fill in step[], count and state[]; let go of the states. */
void crash_prepare(struct scenario *s);
void crash_forget(struct scenario *s);
/* Steps in order up to `until`, or until one fails; *run says how far it has come, also while it
 * runs: a host that stops does not return. */
void crash_run(struct volume *v, const struct scenario *s, uint32_t until, struct run *run);
/* NULL: there is no such name. */
struct tree_node *crash_find(struct tree *tree, const char *path);
/* Is what the mounted volume shows allowed after that run? 0, or -1 after printing what is not. */
int crash_judge(struct volume *v, struct scenario *s, const struct run *run);

#endif
