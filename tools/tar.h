/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* tar - the archive that an OVA is: the header of a member as it lies on disk, and a reader of
 * members. Nothing is believed: names, sizes and sums are checked, and a member that goes past the
 * end of the file says so.
 * Sources: POSIX.1-2017, pax, "ustar Interchange Format" and "pax Extended Header"; the GNU tar
 * manual, "Basic Tar Format", for sizes in binary and long names. */
#ifndef CAIRN_TOOLS_TAR_H
#define CAIRN_TOOLS_TAR_H

#include <string.h>

#include "iopath/store.h"

#define TAR_BLOCK	512u
#define TAR_OCTAL_MAX	077777777777ull	/* what 11 digits can say: 8 GiB */
#define TAR_NAME_MAX	1024u		/* of what is read, with its NUL */

/* Numbers are octal digits and a NUL or a blank. What ustar cannot say GNU tar says in binary, the
 * top bit of the field set. */
struct tar_header {
	char	name[100];
	char	mode[8], uid[8], gid[8];
	char	size[12], mtime[12];
	char	checksum[8];
	char	type;
	char	link[100];
	char	magic[6], version[2];
	char	user[32], group[32];
	char	major[8], minor[8];
	char	prefix[155], zero[12];
};
_Static_assert(sizeof(struct tar_header) == TAR_BLOCK, "a tar header is one block");

/* The sum of its bytes, those of the checksum taken as blanks. */
static inline unsigned tar_sum(const struct tar_header *h)
{
	struct tar_header copy = *h;
	const uint8_t *p = (const uint8_t *)&copy;
	unsigned sum = 0;

	memset(copy.checksum, ' ', sizeof(copy.checksum));
	for (size_t i = 0; i < sizeof(copy); i++)
		sum += p[i];
	return sum;
}

struct tar_member {
	char		name[TAR_NAME_MAX];
	uint64_t	at, bytes;	/* of its data in the archive */
	uint8_t		is_file;	/* else a folder, a link, a device */
	uint8_t		is_cut;		/* the archive ends before the data does */
};

struct tar_in {
	struct store_file	*file;		/* the caller's */
	uint64_t		size_bytes;	/* of the archive */
	uint64_t		next;		/* where the next header is */
};

/* The next member. Runs in a world.
 *   ST_NOENT    there are no more      ST_CORRUPT  no header is where one should be: why says where
 *   ST_UNSUPPORTED  a sparse member, which nobody packs into an OVA */
MUST_USE enum status tar_next(struct tar_in *t, struct tar_member *m, struct why *why);

#endif
