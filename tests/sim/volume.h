/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* volume - a datastore under test: made, mounted, judged, and compared with a tree.
 * backing.h says what it lies on: a disk of the simulator, or a sparse file. Every function returns
 * 0, or -1 after printing what is wrong. */
#ifndef CAIRN_TESTS_VOLUME_H
#define CAIRN_TESTS_VOLUME_H

#include "tests/sim/backing.h"
#include "tests/sim/tree.h"
#include "vmfs/vmfs.h"

struct volume {
	char			uri[256];
	struct io_dev		*dev;
	struct vmfs_volume	*vol;
	struct store		*store;		/* NULL: not mounted */
};

/* Something is different or went wrong: one line. Returns -1. */
int complain(const char *format, ...) PRINTF_LIKE(1, 2);
void complain_quietly(int quiet);	/* 1: what comes is expected: print nothing */

/* VMFS=6 of the environment: VMFS-6, else VMFS-5. */
uint32_t volume_version(void);
int volume_make(struct volume *v, const char *uri);
int volume_mount(struct volume *v, int write, int join);
/* To write, after all that dead hosts left was recovered. */
int volume_take_over(struct volume *v);
int volume_unmount(struct volume *v);
/* After a crash: let go of everything, whatever the disk says to it. */
void volume_abandon(struct volume *v);
/* vmfs_check() of the unmounted volume: notes are allowed, nothing else. */
int volume_check(struct volume *v, struct vmfs_check_result *result);

/* The whole tree: names, kinds, sizes, targets, the bytes of all pieces and around them. */
int volume_compare(struct volume *v, struct tree *tree);
int volume_compare_dir(struct volume *v, struct tree *tree, struct tree_node *dir);
/* One file: `seed` picks where holes are looked at. */
int volume_compare_file(struct volume *v, const struct tree_node *file, uint64_t seed);

/* Of a mounted volume, for backing_judge(). */
int volume_hidden_blocks(struct volume *v, struct tree *tree, struct hidden *hidden);

#endif
