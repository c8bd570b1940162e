/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* host - several machines in one run, with nothing between them but the disks.
 * Host 0 has the pCPUs of port_config; in it runs the test. Every other host has one pCPU, and all
 * that its code makes (worlds, timers, memory, openings, locks) is known to be its own, so that it
 * can lose power between any two of its transfers and be booted again. */
#include "iopath/port/sim/sim_priv.h"

struct sim_host *host_here(void)
{
	return &sim.host[sim.pcpu[sim.here].host];
}

static struct sim_host *host_of(uint32_t host)
{
	VERIFY(host > 0 && host < sim.host_count);	/* host 0 is the test itself */
	return &sim.host[host];
}

uint32_t sim_host_add(const char *name)
{
	struct sim_host *h = &sim.host[sim.host_count];
	struct sim_pcpu *p = &sim.pcpu[sim.pcpu_count];

	VERIFY(sim.host_count < SIM_HOSTS_MAX && sim.pcpu_count < ARRAY_COUNT(sim.pcpu));
	*h = (struct sim_host){
		.first = sim.pcpu_count, .count = 1, .die_after = UINT64_MAX,
	};
	mem_copy_text(h->name, sizeof(h->name), name);
	p->host = sim.host_count;
	sched_init(&p->sched, 0, pick_by_seed);
	list_init(&p->mail);
	sim.pcpu_count++;
	return sim.host_count++;
}

static void main_of_host(void *arg)
{
	struct sim_host *h = arg;

	h->fn(h->arg);
	h->state = HOST_ENDED;
}

enum status sim_host_boot(uint32_t host, void (*fn)(void *arg), void *arg)
{
	struct sim_host *h = host_of(host);

	VERIFY(h->state == HOST_OFF);
	h->fn = fn;
	h->arg = arg;
	h->paused_until_ns = 0;
	h->cut = 0;
	h->die_after = UINT64_MAX;
	h->boots++;
	h->state = HOST_ON;
	if (sched_start(&sim.pcpu[h->first].sched, h->name, main_of_host, h))
		return ST_OK;
	h->state = HOST_OFF;
	return ST_NOMEM;
}

int sim_host_is_on(uint32_t host) { return host_of(host)->state != HOST_OFF; }

uint64_t sim_host_writes(uint32_t host) { return host_of(host)->writes; }

void sim_host_die_after(uint32_t host, uint64_t writes)
{
	struct sim_host *h = host_of(host);

	h->die_after = writes > UINT64_MAX - h->writes ? UINT64_MAX : h->writes + writes;
	if (writes == 0)
		sim_host_kill(host);
}

void sim_host_pause(uint32_t host, uint64_t ns)
{
	host_of(host)->paused_until_ns = sim.now_ns + ns;
}

void sim_host_cut(uint32_t host, int cut) { host_of(host)->cut = (uint8_t)cut; }

int host_is_paused(const struct sim_host *h) { return h->paused_until_ns > sim.now_ns; }

/* ---- the end --------------------------------------------------------------------------------- */

static void close_disks(uint32_t host)
{
	struct port_disk *disk, *next;

	list_for_each_safe(disk, next, &sim.disks, all) {
		if (disk->host != host)
			continue;
		disk->in_flight = 0;
		port_disk_close(disk);
	}
}

void host_off(struct sim_host *h)
{
	struct sim_pcpu *p = &sim.pcpu[h->first];

	VERIFY(p->sched.running == NULL);	/* its stack is about to go */
	io_abandon(h->first);
	close_disks(p->host);
	sched_fini(&p->sched);
	sched_init(&p->sched, 0, pick_by_seed);
	list_init(&p->mail);
	h->blocks_left = blocks_free_of(p->host);
	h->state = HOST_OFF;
}

void sim_host_kill(uint32_t host)
{
	if (host_of(host)->state != HOST_OFF)
		host_off(host_of(host));
}

uint64_t sim_host_blocks_left(uint32_t host) { return host_of(host)->blocks_left; }

/* One more write of this host has reached a disk. */
void host_count_write(struct sim_host *h)
{
	h->writes++;
	if (h->writes >= h->die_after && h->state == HOST_ON)
		h->state = HOST_DYING;
}
