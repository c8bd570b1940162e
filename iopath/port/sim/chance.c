/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* chance - every choice of a run follows from its seed. Each stream counts its own draws, so that
 * one more choice of one kind does not change those of another. The hash is the finalizer of
 * splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014). */
#include "iopath/port/sim/sim_priv.h"

static uint64_t mix(uint64_t x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9ull;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

uint64_t chance_hash(uint64_t a, uint64_t b)
{
	return mix(mix(a + 0x9e3779b97f4a7c15ull) ^ b);
}

uint64_t chance(enum stream stream)
{
	return chance_hash(chance_hash(sim.seed, (uint64_t)stream), ++sim.drawn[stream]);
}

uint64_t chance_below(enum stream stream, uint64_t n)
{
	return n <= 1 ? 0 : chance(stream) % n;
}

void port_random(void *buf, size_t bytes)
{
	uint8_t *p = buf;

	while (bytes > 0) {
		uint64_t word = chance(STREAM_RANDOM);
		size_t n = MIN(bytes, sizeof(word));

		memcpy(p, &word, n);
		p += n;
		bytes -= n;
	}
}

/* The same in every run: 02 marks a locally administered address. */
void port_host_mac(uint8_t mac[6])
{
	uint8_t ours[6] = { 0x02, 's', 'i', 'm', 0, (uint8_t)(sim.pcpu[sim.here].host + 1) };

	memcpy(mac, ours, sizeof(ours));
}

void port_host_name(char *buf, size_t size)
{
	mem_copy_text(buf, size, host_here()->name);
}

uint32_t port_host_boot(void)
{
	const struct sim_host *h = host_here();

	return (uint32_t)chance_hash((uint64_t)(h - sim.host), h->boots) | 1;
}

const struct accel *port_accel(void)
{
	return &accel_plain;
}
