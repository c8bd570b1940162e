/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* log - format a line, hand it to the port's console. */
#include "iopath/base/log.h"

#include <stdarg.h>

#include "iopath/base/fmt.h"

#define LOG_LINE_MAX 512	/* longer lines are cut */

void log_line(enum log_level level, const char *format, ...)
{
	char line[LOG_LINE_MAX];
	va_list ap;

	va_start(ap, format);
	fmt_v(line, sizeof(line), format, ap);
	va_end(ap);
	port_console(level, line);
}
