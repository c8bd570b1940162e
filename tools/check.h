/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* check - what voma and `cairn volume check` share: is another host at work on the volume? */
#ifndef CAIRN_TOOLS_CHECK_H
#define CAIRN_TOOLS_CHECK_H

#include "vmfs/vmfs.h"

struct check_liveness {
	uint32_t	slots;		/* heartbeat slots in use, by anybody but us */
	uint32_t	live;		/* of these, how many beat while we watched */
	struct vmfs_uuid first;		/* the first live owner */
};

/* Look at the heartbeat slots; when any is in use, look again after a little more than a beat.
 * tick() is called while waiting; NULL: nothing. The volume is mounted for reading while that
 * takes. Not ST_OK: it cannot be mounted even for reading, so nobody can tell. */
MUST_USE enum status check_liveness(struct io_dev *const *devs, uint32_t count, void (*tick)(void),
				    struct check_liveness *live, struct why *why);
const char *check_severity_word(enum vmfs_severity severity);

#endif
