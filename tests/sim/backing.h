/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* backing - what a volume under test lies on. backing_sim.c: a disk of the simulator.
 * backing_linux.c: a sparse file, which other people's programs can judge too. */
#ifndef CAIRN_TESTS_BACKING_H
#define CAIRN_TESTS_BACKING_H

#include <stdint.h>

/* A new empty disk; its URI goes to uri[256]. 0, or -1. */
int backing_create(uint64_t bytes, char uri[256]);
void backing_destroy(const char *uri);
/* Of fsck.vmfs, which knows neither lazily zeroed blocks nor double indirection: how many blocks it
 * must call lost, at least and at most; and at most how many "not allocated": upper pointer
 * blocks, and files of 1 to 3 bytes in the descriptor, which it takes for a pointer, with what lies
 * behind in its own memory. */
struct hidden { uint64_t least, most, bogus; };

/* Ask the other programs, of the unmounted volume.
 * 1: content, 0: nobody to ask, -1: they object, and it was printed. */
int backing_judge(const char *uri, const struct hidden *hidden);

/* ---- the simulator's only: see sim.h --------------------------------------------------------- */

/* Keep what is on the disk now; bring it back, with the machine alive. */
int backing_save(const char *uri);
int backing_restore(const char *uri);
uint64_t backing_writes(void);
void backing_stop_after(uint64_t writes);
int backing_has_stopped(void);
void backing_crash(int drop, uint64_t seed);

#endif
