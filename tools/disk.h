/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* disk - what vmkfstools and `cairn disk` share: the words for formats, opening by name, long work
 * with progress, and the reports. */
#ifndef CAIRN_TOOLS_DISK_H
#define CAIRN_TOOLS_DISK_H

#include "tools/cmd.h"
#include "vmdk/vmdk.h"

/* ---- formats --------------------------------------------------------------------------------- */

struct disk_format {
	const char	*word;		/* of -d and -O; case ignored */
	enum vmdk_kind	kind;
	enum vmdk_alloc	alloc;
	const char	*shown;		/* behind "Destination disk format:" */
};

/* NULL: there is no such word. */
const struct disk_format *disk_format_find(const char *word);
/* "zeroedthick|thin|...", as usage lists them. */
#define DISK_FORMAT_WORDS                                                                          \
	"zeroedthick|eagerzeroedthick|thin|2gbsparse|2gbflat|monosparse|monoflat|"                 \
	"streamoptimized|raw"
/* The word for what a disk is now. */
const char *disk_format_word(enum vmdk_kind kind, enum vmdk_alloc alloc);
/* ST_UNSUPPORTED with the reason for words that are known and belong to a later release, ST_INVAL
 * for others. */
MUST_USE enum status disk_format_of(const char *word, const struct disk_format **format,
				    struct why *why);
/* lsisas and pvscsi are stored as lsilogic. 0; -1: unknown word. */
int disk_adapter_find(const char *word, enum vmdk_adapter *adapter);
/* "1.5G" to bytes, up to a whole sector, within what a disk may have. */
MUST_USE enum status disk_size_of(const char *text, uint64_t bare_unit, uint64_t *bytes,
				  struct why *why);

/* VMDK_READ or VMDK_FORMAT_RAW: what the option `key` says, else what the name says: an image whose
 * name does not end in .vmdk is raw. Its content is never asked: a guest could write a descriptor
 * into its own first sector and so name files of ours. */
unsigned disk_format_flags(struct cmd *cmd, const char *key, const char *name);

/* ---- open ------------------------------------------------------------------------------------ */

struct disk {
	struct host_path	at;
	struct vmdk_disk	*vmdk;
};

/* flags: enum vmdk_open. The name is resolved for writing when VMDK_WRITE is in them. */
MUST_USE enum status disk_open(struct cmd *cmd, const char *name, unsigned flags, struct disk *disk,
			       struct why *why);
/* st, or the status of closing when st is ST_OK. */
enum status disk_close(struct disk *disk, enum status st, struct why *why);

/* ---- long work ------------------------------------------------------------------------------- */

struct disk_job {
	struct vmdk_job	job;
	struct progress	progress;
};

/* word: ESXi's, on standard output ("Clone"); NULL: ours, on standard error, for phase and object.
 * Ends with progress_end(). */
void disk_progress(struct cmd *cmd, struct progress *p, const char *word, const char *phase,
		   const char *object);
/* The same around a job of vmdk, with --rate and --depth. */
void disk_job_start(struct cmd *cmd, struct disk_job *j, const char *word, const char *phase,
		    const char *object);
void disk_job_end(struct disk_job *j, enum status st);

/* ---- reports: text, or JSON when the command asks for it ------------------------------------- */

/* What a check finds: into the array `list`, a json_t, or printed when that is NULL. */
void disk_on_finding(void *list, const char *text);

/* A document of one item; takes the reference. */
MUST_USE enum status disk_print_one(struct cmd *cmd, const char *schema, json_t *item);
typedef enum status disk_run_fn(void *arg, const struct vmdk_run *r);
/* fn for each run of the map, in order; ends with what fn gives, or when the user stops it. */
MUST_USE enum status disk_each_run(struct vmdk_disk *d, disk_run_fn *fn, void *arg);

/* disk.info/1 */
MUST_USE enum status disk_info(struct cmd *cmd, const char *name, unsigned flags, struct why *why);
/* disk_info() failed with st: tell that, and what of its chain can be told. Returns the exit code.
 * */
int disk_info_broken(struct cmd *cmd, const char *name, unsigned flags, enum status st,
		     const struct why *why);
struct disk_map_opts {		/* of the text */
	uint8_t		tabs, exact;
	const char	*fields;	/* NULL: all */
	char		bad[64];	/* out, with ST_INVAL: the field that there is not */
};
/* disk.map/1: the keys of `qemu-img map` */
MUST_USE enum status disk_map(struct cmd *cmd, const char *name, unsigned flags,
			      struct disk_map_opts *opts, struct why *why);
/* disk.measure/1: what the disk would take in another format; NULL: in each */
MUST_USE enum status disk_measure(struct cmd *cmd, const char *name, unsigned flags,
				  const struct disk_format *format, struct why *why);
/* disk.compare/1. code is that of `qemu-img compare`: 0 equal, 1 different; when it fails 2, a disk
 * cannot be opened, or 4, cannot be read. */
MUST_USE enum status disk_compare(struct cmd *cmd, const char *a, const char *b, unsigned a_flags,
				  unsigned b_flags, int *code, struct why *why);

#endif
