/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* fiber - push the callee-saved registers, exchange the stack pointer, pop them on the other side.
 * The control words of the FPU are not exchanged: nothing in this program changes them.
 * AddressSanitizer keeps a fake stack per real one, ThreadSanitizer a state per fiber as it does
 * per thread: both must be told of each switch. */
#include "iopath/port/fiber.h"

#include <stdint.h>

#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#else
#define __tsan_create_fiber(flags) NULL
#define __tsan_get_current_fiber() NULL
#define __tsan_switch_to_fiber(state, flags) ((void)0)
#define __tsan_destroy_fiber(state) ((void)0)
#endif

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#else
#define __sanitizer_start_switch_fiber(save, bottom, size) ((void)0)
#define __sanitizer_finish_switch_fiber(fake, bottom, size) ((void)0)
#define __asan_unpoison_memory_region(base, size) ((void)0)
#endif

void fiber_swap(void **save_sp, void *load_sp);
void fiber_entry(void);

__asm__(".text\n"
	".globl fiber_swap\n"
	".type fiber_swap, @function\n"
	"fiber_swap:\n"
	"	pushq %rbp\n"
	"	pushq %rbx\n"
	"	pushq %r12\n"
	"	pushq %r13\n"
	"	pushq %r14\n"
	"	pushq %r15\n"
	"	movq %rsp, (%rdi)\n"
	"	movq %rsi, %rsp\n"
	"	popq %r15\n"
	"	popq %r14\n"
	"	popq %r13\n"
	"	popq %r12\n"
	"	popq %rbx\n"
	"	popq %rbp\n"
	"	ret\n"
	".size fiber_swap, .-fiber_swap\n"
	/* Where a new fiber's first `ret` goes: fiber_init() put fn into r13 and arg into r12. */
	".globl fiber_entry\n"
	".type fiber_entry, @function\n"
	"fiber_entry:\n"
	"	.cfi_startproc\n"
	"	.cfi_undefined rip\n"
	"	movq %r12, %rdi\n"
	"	callq *%r13\n"
	"	ud2\n"
	"	.cfi_endproc\n"
	".size fiber_entry, .-fiber_entry\n");

void fiber_init(struct fiber *f, void *stack, size_t bytes, void (*fn)(void *arg), void *arg)
{
	uintptr_t top = ((uintptr_t)stack + bytes) & ~(uintptr_t)15;
	/* Six registers, the return address, and two words that keep the stack aligned for the call
	 * in fiber_entry. */
	void **frame = (void **)top - 9;

	/* A stack that is used again still has the red zones of frames that never returned. */
	__asan_unpoison_memory_region(stack, bytes);
	for (int i = 0; i < 9; i++)
		frame[i] = NULL;
	frame[2] = (void *)(uintptr_t)fn;		/* r13 */
	frame[3] = arg;					/* r12 */
	frame[6] = (void *)(uintptr_t)fiber_entry;
	*f = (struct fiber){ .sp = frame, .stack = stack, .stack_bytes = bytes,
			     .thread_state = __tsan_create_fiber(0) };
}

void fiber_begin(struct fiber *from)
{
#ifdef __SANITIZE_ADDRESS__
	const void *bottom;
	size_t bytes;

	/* The only moment at which the bounds of the thread's own stack can be learnt. */
	__sanitizer_finish_switch_fiber(NULL, &bottom, &bytes);
	from->stack = (void *)(uintptr_t)bottom;
	from->stack_bytes = bytes;
#else
	(void)from;
#endif
}

void fiber_switch(struct fiber *from, struct fiber *to)
{
	__sanitizer_start_switch_fiber(&from->fake_stack, to->stack, to->stack_bytes);
	from->thread_state = __tsan_get_current_fiber();	/* of a thread's own stack, too */
	__tsan_switch_to_fiber(to->thread_state, 0);
	fiber_swap(&from->sp, to->sp);
	__sanitizer_finish_switch_fiber(from->fake_stack, NULL, NULL);
}

void fiber_leave(struct fiber *from, struct fiber *to)
{
	/* Without a place to save to, the sanitizer lets go of this fiber's fake stack. */
	__sanitizer_start_switch_fiber(NULL, to->stack, to->stack_bytes);
	__tsan_switch_to_fiber(to->thread_state, 0);
	__tsan_destroy_fiber(from->thread_state);
	fiber_swap(&from->sp, to->sp);
	__builtin_unreachable();
}
