/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* package - an OVA, or an OVF with its files beside it: what is described, what is there, and
 * whether the two agree. Reading only; a file is looked for in the archive or in the folder of the
 * descriptor, and nowhere else, whatever a descriptor names. */
#ifndef CAIRN_TOOLS_PACKAGE_H
#define CAIRN_TOOLS_PACKAGE_H

#include "tools/manifest.h"
#include "tools/ovf.h"

enum package_use {
	PACKAGE_DESCRIPTOR, PACKAGE_MANIFEST, PACKAGE_CERTIFICATE,
	PACKAGE_FILE,		/* the descriptor refers to it */
	PACKAGE_OTHER,		/* nothing refers to it */
};

enum package_sum {
	PACKAGE_UNLISTED,	/* the manifest has no line of it, or there is no manifest */
	PACKAGE_UNREAD,		/* not compared, or not there */
	PACKAGE_SAME, PACKAGE_DIFFERS,
};

/* One file of the package, or one chunk of it. */
struct package_part {
	char			*name;		/* in the package */
	enum package_use	use;
	uint8_t			present;
	uint8_t			is_cut;		/* the archive ends before it does */
	uint64_t		at, bytes;	/* of an OVA: where it lies in it */
	const char		*compression;	/* as described; NULL: none, or not described */
	const struct manifest_line *line;	/* NULL: none */
	enum package_sum	sum;
};

struct package_finding { char *name, *text; };	/* name: of the part, or of the package */

struct package {
	struct store		*store;		/* the caller's */
	char			*path;		/* in it */
	char			*last;		/* its name without the folder */
	uint8_t			is_ova, is_signed, has_manifest;
	struct ovf_package	*ovf;
	struct manifest		manifest;
	struct package_part	*part;		/* in the order of the archive, or as described */
	size_t			part_count;
	struct package_finding	*finding;
	size_t			finding_count;
};

/* The name of an archive or a descriptor: .ova or .ovf at its end, case ignored. */
int package_is_name(const char *name);

/* Look at the package. Only headers and texts are read. Runs in a world; package_close() in any
 * case. ST_CORRUPT: no tar archive, or its descriptor is missing or cannot be understood; what is
 * wrong beyond that is a finding. */
MUST_USE enum status package_open(struct package *p, struct store *s, const char *path,
				  struct why *why);
void package_close(struct package *p);

/* Bytes that package_verify() will read. */
uint64_t package_listed_bytes(const struct package *p);
/* Read all files that have a line in the manifest and compare; what differs is a finding. moved: as
 * of manifest_sum(). */
MUST_USE enum status package_verify(struct package *p, int (*moved)(void *arg, uint64_t bytes),
				    void *arg, struct why *why);

/* One more finding; text as printf() makes it. ST_NOMEM. */
MUST_USE enum status package_find(struct package *p, const char *name, const char *format, ...)
    PRINTF_LIKE(3, 4);

#endif
