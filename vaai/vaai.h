/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* vaai - what an array can do by itself, and what stands in for it where it cannot.
 * Source: T10 SBC-3, COMPARE AND WRITE. */
#ifndef CAIRN_VAAI_H
#define CAIRN_VAAI_H

#include "iopath/iopath.h"

#define VAAI_ATS_MAX	4096u	/* bytes: one lock record of the largest format */

enum vaai_ats_result {
	VAAI_ATS_WRITTEN,	/* the disk held `old`, and holds `new` now */
	VAAI_ATS_DIFFERS,	/* it held what is in `seen`; nothing was written */
};

/* Atomic test and set: compare `bytes` at offset with `old`, and write `new` over them if they are
 * equal, as one step for every host that changes them in this way. `new` and `seen` are of
 * port_dma_alloc(). In a world; it may wait while another host is at the same block.
 *   ST_BUSY     somebody holds the place for longer than a host takes that lives: try again later
 *   ST_DEVICE   the write may have happened: read, and compare with `new`
 *   ST_UNSUPPORTED  the file system below knows no locks */
MUST_USE enum status vaai_ats(struct io_dev *dev, struct io_ats *ats,
			      enum vaai_ats_result *result);

#endif
