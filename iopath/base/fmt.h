/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* fmt - printf into a buffer, without a libc.
 * Knows %d %i %u %x %X %c %s %p %% with the flags 0 - and a width, a precision for %s, '*' for
 * both, and the lengths h hh l ll z j t. Nothing else: an unknown conversion is copied as is. */
#ifndef CAIRN_BASE_FMT_H
#define CAIRN_BASE_FMT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "iopath/base/status.h"

/* Both write at most size bytes, always end with NUL when size > 0, and return the length that the
 * whole text would have had. */
size_t fmt(char *buf, size_t size, const char *format, ...) PRINTF_LIKE(3, 4);
size_t fmt_v(char *buf, size_t size, const char *format, va_list ap);

/* Parse "512", "4k", "1.5G", "3TiB", "10s" (512-byte sectors): powers of two, case ignored; a
 * fraction is rounded up to a byte. bare_unit: bytes of a number without suffix. */
MUST_USE enum status fmt_parse_size(const char *text, uint64_t bare_unit, uint64_t *bytes);
/* Parse a whole decimal or 0x number. */
MUST_USE enum status fmt_parse_u64(const char *text, uint64_t *value);
/* "1.5 GiB" style, at most 16 bytes with the NUL. */
void fmt_size(char *buf, size_t size, uint64_t bytes);
/* 1 when the n bytes are valid UTF-8 without NUL. */
int fmt_utf8_valid(const char *text, size_t n);

#endif
