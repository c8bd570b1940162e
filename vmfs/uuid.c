/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* uuid - 16 bytes as VMFS writes them: u32 time, u32 chance, u16 chance, 6 bytes of MAC.
 * In every volume seen the first word is the unix time of creation. */
#include "vmfs/vmfs.h"

#include "iopath/base/fmt.h"
#include "iopath/base/le.h"

struct uuid_parts {
	le32	time_lo, time_hi;
	le16	rand;
	uint8_t	mac[6];
};
DISK_SIZE(struct uuid_parts, 16);

void vmfs_uuid_format(const struct vmfs_uuid *uuid, char text[VMFS_UUID_TEXT])
{
	struct uuid_parts p;

	memcpy(&p, uuid, sizeof(p));
	fmt(text, VMFS_UUID_TEXT, "%08x-%08x-%04x-%02x%02x%02x%02x%02x%02x", le32_get(p.time_lo),
	    le32_get(p.time_hi), le16_get(p.rand), p.mac[0], p.mac[1], p.mac[2], p.mac[3], p.mac[4],
	    p.mac[5]);
}

void vmfs_uuid_make(struct vmfs_uuid *uuid)
{
	struct uuid_parts p;

	port_random(&p, sizeof(p));
	le32_set(&p.time_lo, (uint32_t)(port_wall_us() / 1000000));
	port_host_mac(p.mac);
	memcpy(uuid, &p, sizeof(p));
}
