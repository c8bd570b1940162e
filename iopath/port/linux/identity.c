/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* identity - who this machine is, and chance. */
#include "iopath/port/linux/linux_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

void port_random(void *buf, size_t bytes)
{
	char *p = buf;

	while (bytes > 0) {
		ssize_t n = getrandom(p, bytes, 0);

		if (n < 0) {
			VERIFY(errno == EINTR);	/* without chance two hosts get one identity */
			continue;
		}
		p += n;
		bytes -= (size_t)n;
	}
}

void port_host_name(char *buf, size_t size)
{
	char name[256] = "";

	if (gethostname(name, sizeof(name) - 1) != 0 || name[0] == '\0')
		mem_copy_text(name, sizeof(name), "localhost");
	mem_copy_text(buf, size, name);
}

/* random(4): made anew at each boot, the same in all containers. */
uint32_t port_host_boot(void)
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	char id[64];
	ssize_t n = fd < 0 ? -1 : read(fd, id, sizeof(id));

	if (fd >= 0)
		close(fd);
	return n < 36 ? 0 : accel_plain.crc32c(0, id, 36);
}

/* machine-id(5): 32 hex digits, made at installation. Empty in a container that has none. */
static size_t read_machine_id(char *buf, size_t size)
{
	int fd = open("/etc/machine-id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size);

	if (fd >= 0)
		close(fd);
	return n < 32 ? 0 : (size_t)n;
}

/* A hash of it, not the id itself: machine-id(5) asks not to show that on the outside. The address
 * is unicast and marked as locally administered, as no vendor gave it out. */
void port_host_mac(uint8_t mac[6])
{
	char id[256];
	size_t n = read_machine_id(id, sizeof(id));
	uint32_t low, high;

	if (n == 0) {
		port_host_name(id, sizeof(id));
		n = strlen(id);
	}
	low = accel_plain.crc32c(0, id, n);
	high = accel_plain.crc32c(low, "cairn host", 10);
	memcpy(mac, &low, 4);
	memcpy(mac + 4, &high, 2);
	mac[0] = (uint8_t)((mac[0] & 0xfc) | 2);
}
