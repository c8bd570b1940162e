/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* log - lines for the operator: the object, the status, what happens next.
 *	log_line(LOG_WARN, "vmfs: ds1: heartbeat slot 984 is stale -> left alone");
 * None on a data path. */
#ifndef CAIRN_BASE_LOG_H
#define CAIRN_BASE_LOG_H

#include "iopath/base/status.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_line(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Each port has this one: where a finished line goes, and which levels are shown. */
void port_console(enum log_level level, const char *line);

#endif
