/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* fault - the faults a test has ordered, and whether they have happened. */
#include "iopath/port/sim/sim_priv.h"

void faults_clear(void)
{
	sim.faults = (struct faults){ .stop_after = UINT64_MAX };
}

enum status faults_of_change(void)
{
	return sim.faults.stopped ? ST_DEVICE : ST_OK;
}

enum status faults_of_io(const struct port_io *io)
{
	struct faults *f = &sim.faults;

	if (f->stopped)
		return ST_DEVICE;
	if (f->io_countdown == 0 || (f->io_op != SIM_ANY_OP && f->io_op != io->op))
		return ST_OK;
	if (--f->io_countdown > 0)
		return ST_OK;
	f->io_failed = 1;
	return f->io_status;
}

void faults_count_write(void)
{
	sim.write_count++;
	if (sim.write_count >= sim.faults.stop_after)
		sim.faults.stopped = 1;
}

uint64_t sim_write_count(void)
{
	return sim.write_count;
}

void sim_stop_after_writes(uint64_t n)
{
	sim.faults.stop_after = n > UINT64_MAX - sim.write_count ? UINT64_MAX : sim.write_count + n;
	sim.faults.stopped = n == 0;
}

int sim_has_stopped(void)
{
	return sim.faults.stopped;
}

void sim_fail_io(int op, uint64_t n, enum status st)
{
	sim.faults.io_op = op;
	sim.faults.io_countdown = n;
	sim.faults.io_status = st;
	sim.faults.io_failed = 0;
}

void sim_fail_alloc(uint64_t n)
{
	sim.faults.alloc_countdown = n;
	sim.faults.alloc_failed = 0;
}

int sim_io_failed(void)
{
	return sim.faults.io_failed;
}

int sim_alloc_failed(void)
{
	return sim.faults.alloc_failed;
}

/* Wakes the main world as the linux port does. */
void sim_interrupt(int signal_number)
{
	struct port_world *w;

	sim.interrupted = signal_number;
	list_for_each(w, &sim.pcpu[0].sched.worlds, all) {
		if (signal_number)
			port_world_wake(w);
		break;	/* the main world is the first of pCPU 0 */
	}
}

int port_interrupted(void)
{
	return sim.interrupted;
}

void sim_quiet(int quiet) { sim.quiet = (uint8_t)quiet; }

/* Nobody can send the simulator a signal to ask. */
uint32_t port_progress_asked(void)
{
	return 0;
}
