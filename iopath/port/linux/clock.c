/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* clock - the two clocks of port.h. Engines that hand a deadline to the kernel name
 * CLOCK_MONOTONIC. */
#include "iopath/port/linux/linux_priv.h"

#include <time.h>

uint64_t port_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t port_wall_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000;
}
