/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* parted_write - all entries are put into a table in memory first; libfdisk refuses what overlaps
 * or lies outside; then the whole table goes to the device at once. */
#include "tools/parted_write.h"

#include <errno.h>
#include <libfdisk/libfdisk.h>
#include <stdio.h>
#include <string.h>

static enum status fdisk_failed(const char *path, const char *what, int rc, struct why *why)
{
	return why_set(why, rc == -ERANGE || rc == -ENOSPC ? ST_RANGE : ST_DEVICE, "%s: %s: %s",
		       path, what, strerror(-rc));
}

/* "AA31E02A400F..." -> "AA31E02A-400F-...". */
static void guid_with_dashes(const char *plain, char text[37])
{
	snprintf(text, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", plain, plain + 8, plain + 12, plain + 16,
		 plain + 20);
}

static struct fdisk_parttype *type_of(struct fdisk_context *cxt, enum part_scheme scheme,
				      const struct parted_entry *e)
{
	struct fdisk_label *label = fdisk_get_label(cxt, NULL);
	struct fdisk_parttype *known;
	char guid[37];

	if (scheme == PART_MBR) {
		known = fdisk_label_get_parttype_from_code(label, e->mbr_type);
		return known ? known : fdisk_new_unknown_parttype(e->mbr_type, NULL);
	}
	guid_with_dashes(e->type, guid);
	known = fdisk_label_get_parttype_from_string(label, guid);
	return known ? known : fdisk_new_unknown_parttype(0, guid);
}

/* An EFI system partition is one to boot from by its type alone. */
static int set_legacy_boot(struct fdisk_context *cxt, size_t number, const char *type)
{
	return strcmp(type, PARTED_EFI_SYSTEM) == 0 ?
		   0 :
		   fdisk_gpt_set_partition_attrs(cxt, number, PARTED_LEGACY_BOOT);
}

static int add_entry(struct fdisk_context *cxt, enum part_scheme scheme,
		     const struct parted_entry *e)
{
	struct fdisk_partition *pa = fdisk_new_partition();
	struct fdisk_parttype *type = type_of(cxt, scheme, e);
	size_t number;
	int rc = pa && type ? 0 : -ENOMEM;

	if (rc == 0)
		rc = fdisk_partition_set_partno(pa, e->number - 1);
	if (rc == 0)
		rc = fdisk_partition_set_start(pa, e->start);
	if (rc == 0)
		rc = fdisk_partition_set_size(pa, e->end - e->start + 1);
	if (rc == 0)
		rc = fdisk_partition_size_explicit(pa, 1);	/* no alignment of the end */
	if (rc == 0)
		rc = fdisk_partition_set_type(pa, type);
	if (rc == 0)
		rc = fdisk_add_partition(cxt, pa, &number);
	if (rc == 0 && e->boot)
		rc = scheme == PART_GPT ? set_legacy_boot(cxt, number, e->type) :
					  fdisk_toggle_partition_flag(cxt, number, DOS_FLAG_ACTIVE);
	if (type)
		fdisk_unref_parttype(type);
	fdisk_unref_partition(pa);
	return rc;
}

static enum status check_range(struct fdisk_context *cxt, const char *path,
			       const struct parted_entry *e, struct why *why)
{
	if (e->start >= fdisk_get_first_lba(cxt) && e->end <= fdisk_get_last_lba(cxt))
		return ST_OK;
	return why_set(why, ST_RANGE,
		       "%s: partition %u does not lie in the usable sectors %llu to %llu", path,
		       e->number, (unsigned long long)fdisk_get_first_lba(cxt),
		       (unsigned long long)fdisk_get_last_lba(cxt));
}

/* libfdisk starts at 1 MiB; a table of ESXi's tool starts right behind its own sectors. The way to
 * say so is a script header, which counts when the label is made. */
static int make_label(struct fdisk_context *cxt, enum part_scheme scheme)
{
	struct fdisk_script *script = fdisk_new_script(cxt);
	int rc = script ? 0 : -ENOMEM;

	if (rc == 0 && scheme == PART_GPT)
		rc = fdisk_script_set_header(script, "first-lba", "34");
	if (rc == 0)
		rc = fdisk_set_script(cxt, script);
	if (rc == 0)
		rc = fdisk_create_disklabel(cxt, scheme == PART_GPT ? "gpt" : "dos");
	if (rc == 0)
		fdisk_set_first_lba(cxt, scheme == PART_GPT ? 34 : 1);
	fdisk_set_script(cxt, NULL);
	fdisk_unref_script(script);
	return rc;
}

static enum status fill_and_write(struct fdisk_context *cxt, const char *path,
				  enum part_scheme scheme, const struct parted_entry *entry,
				  size_t count, struct why *why)
{
	int rc = make_label(cxt, scheme);
	enum status st = ST_OK;

	if (rc != 0)
		return fdisk_failed(path, "a new label does not fit", rc, why);
	for (size_t i = 0; i < count && st == ST_OK; i++) {
		st = check_range(cxt, path, &entry[i], why);
		if (st != ST_OK)
			break;
		rc = add_entry(cxt, scheme, &entry[i]);
		if (rc != 0)
			st = fdisk_failed(path, "a partition was refused", rc, why);
	}
	if (st != ST_OK)
		return st;
	rc = fdisk_write_disklabel(cxt);
	return rc == 0 ? ST_OK : fdisk_failed(path, "writing the table failed", rc, why);
}

enum status parted_write(const char *path, enum part_scheme scheme,
			 const struct parted_entry *entry, size_t count, struct why *why)
{
	struct fdisk_context *cxt = fdisk_new_context();
	enum status st;
	int rc;

	if (!cxt)
		return why_set(why, ST_NOMEM, "%s: no memory", path);
	fdisk_disable_dialogs(cxt, 1);
	rc = fdisk_assign_device(cxt, path, 0);
	if (rc != 0) {
		fdisk_unref_context(cxt);
		return fdisk_failed(path, "cannot be opened for writing", rc, why);
	}
	fdisk_enable_wipe(cxt, 1);
	st = fill_and_write(cxt, path, scheme, entry, count, why);
	rc = fdisk_deassign_device(cxt, 0);
	if (st == ST_OK && rc != 0)
		st = fdisk_failed(path, "closing failed", rc, why);
	fdisk_unref_context(cxt);
	return st;
}
