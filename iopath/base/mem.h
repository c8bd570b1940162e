/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* mem - the few string functions a compiler may call by itself, and helpers on top.
 * The linux port has them from libc, the bare port from base/mem.c. */
#ifndef CAIRN_BASE_MEM_H
#define CAIRN_BASE_MEM_H

#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);

#define ARRAY_COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define KIB 1024ull
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define TIB (1024 * GIB)
#define SECTOR_BYTES 512u

#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

static inline uint64_t div_round_up(uint64_t n, uint64_t d) { return n / d + (n % d != 0); }
static inline uint64_t round_up(uint64_t n, uint64_t unit) { return div_round_up(n, unit) * unit; }
static inline uint64_t round_down(uint64_t n, uint64_t unit) { return n - n % unit; }

/* Copy a string, cut to size - 1 bytes, always NUL-terminated. Returns the length of src. */
size_t mem_copy_text(char *dst, size_t size, const char *src);
/* 1 when text ends with tail. */
int mem_ends_with(const char *text, const char *tail);
/* Compare two ASCII strings, case ignored: 0 when equal, else <0 or >0. */
int mem_compare_nocase(const char *a, const char *b);

#endif
