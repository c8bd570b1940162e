/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* fiber - a second stack on the same thread, and the switch to it (x86-64, System V ABI).
 * Knows nothing of worlds: sched.c does. Stacks come from the port, guard page included. */
#ifndef CAIRN_PORT_FIBER_H
#define CAIRN_PORT_FIBER_H

#include <stddef.h>

struct fiber {
	void		*sp;		/* while it does not run */
	void		*stack;		/* lowest address; NULL: the thread's own stack */
	size_t		stack_bytes;
	void		*fake_stack;	/* AddressSanitizer's */
	void		*thread_state;	/* ThreadSanitizer's */
};

/* A fiber that will run fn(arg) on this stack; fn must not return. */
void fiber_init(struct fiber *f, void *stack, size_t bytes, void (*fn)(void *arg), void *arg);
/* First call in fn, with the fiber that switched here. */
void fiber_begin(struct fiber *from);
/* Leave `from` (it runs, and goes on when somebody switches back) for `to`. */
void fiber_switch(struct fiber *from, struct fiber *to);
/* The last switch of `from`: nobody will go back. */
void fiber_leave(struct fiber *from, struct fiber *to) __attribute__((noreturn));

#endif
