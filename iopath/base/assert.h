/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* assert - conditions that only a bug can break. Never for what comes from a disk, wire or guest:
 * check that, and return ST_CORRUPT. One condition each, citing its invariant. */
#ifndef CAIRN_BASE_ASSERT_H
#define CAIRN_BASE_ASSERT_H

/* Each port has this one: print, and end this host at once. */
void port_crash(const char *file, int line, const char *text) __attribute__((noreturn));

/* On in every build: guards what would damage a disk. */
#define VERIFY(cond) ((cond) ? (void)0 : port_crash(__FILE__, __LINE__, #cond))
/* On in debug, test and sim builds. */
#ifdef CAIRN_ASSERT
#define ASSERT(cond) VERIFY(cond)
#else
#define ASSERT(cond) ((void)sizeof(!(cond)))
#endif

#endif
