/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* clock - the two clocks of port.h. The first goes on while the machine is suspended, as a lease
 * does. The kernel's own timers stand still then, so engines tell it how long, not until when. */
#include "iopath/port/linux/linux_priv.h"

#include <time.h>

uint64_t port_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t port_wall_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000;
}
