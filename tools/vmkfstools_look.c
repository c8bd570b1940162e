/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* vmkfstools_look - the main options that look at a disk: mapping, geometry, check, chain, block
 * map, and the reports that are ours. Only `-x repair` writes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/vmkfstools.h"

#define DESCRIPTOR_MAX (64 * KIB)

static unsigned read_flags(struct cmd *cmd)
{
	return disk_format_flags(cmd, "format", vmk_target(cmd));
}

/* ---- -q -------------------------------------------------------------------------------------- */

/* What a descriptor says of a mapping: 0 none, 1 virtual, 2 pass-through; the mapping file's
 * name. */
static int mapping_of(const char *text, char file[256])
{
	const char *type = strstr(text, "createType=\"vmfs"), *extent = strstr(text, " VMFSRDM \"");
	size_t n;

	if (!type || !extent)
		return 0;
	extent += strlen(" VMFSRDM \"");
	n = strcspn(extent, "\"\n");
	if (n == 0 || n >= 256 || extent[n] != '"' || memchr(extent, '/', n))
		return 0;
	memcpy(file, extent, n);
	file[n] = 0;
	type += strlen("createType=\"vmfs");
	if (strncmp(type, "RDMP\"", 5) == 0 || strncmp(type, "PassthroughRawDeviceMap\"", 24) == 0)
		return 2;
	return strncmp(type, "RDM\"", 4) == 0 || strncmp(type, "RawDeviceMap\"", 13) == 0;
}

static enum status rdm_device(struct host_path *at, const char *file, char id[64], uint64_t *bytes,
			      struct why *why)
{
	char path[HOST_PATH_MAX], dir[HOST_PATH_MAX];
	struct vmfs_volume *vol;
	enum status st;

	if (!at->volume)
		return why_set(why, ST_UNSUPPORTED, "%s: only a VMFS volume can hold the mapping",
			       at->name);
	path_parent(at->path, dir, sizeof(dir));
	if (path_join(dir, file, path, sizeof(path)) != 0)
		return why_set(why, ST_NAME, "%s: the name of its mapping file is too long",
			       at->name);
	st = host_volume_mount(at->volume, HOST_READ, &vol, why);
	return st == ST_OK ? vmfs_rdm_identity(vol, path, id, bytes, why) : st;
}

/* "vml." and hex: 02 00, the LUN (not kept in the mapping: 00), 00 00, then the identifier. */
static void vml_of(const char *id, char *buf, size_t size)
{
	size_t at = (size_t)snprintf(buf, size, "vml.0200000000");

	for (; *id && at + 3 <= size; id++)
		at += (size_t)snprintf(buf + at, size - at, "%02x", (uint8_t)*id);
}

static int print_mapping(struct cmd *cmd, int kind, const char *id, uint64_t bytes)
{
	json_t *items, *doc;
	char vml[160];

	vml_of(id, vml, sizeof(vml));
	if (!cmd->json) {
		printf("Disk %s is a %s Raw Device Mapping\nMaps to: %s\n", vmk_target(cmd),
		       kind == 2 ? "Passthrough" : "Non-passthrough", vml);
		return EXIT_DONE;
	}
	doc = out_doc("vmkfstools.queryrdm/1", &items);
	json_array_append_new(items,
			      json_pack("{s:o, s:b, s:s, s:o, s:o}", "disk",
					out_json_name(vmk_target(cmd)), "passthrough", kind == 2,
					"device", vml, "identifier", out_json_name(id),
					"device_bytes", out_json_bytes(bytes)));
	return out_doc_print(doc) == 0 ? EXIT_DONE : EXIT_FAILED;
}

int vmk_queryrdm(struct cmd *cmd)
{
	char *text = NULL, id[64] = "", file[256];
	struct host_path at;
	struct why why = { 0 };
	uint64_t n = 0, bytes = 0;
	int kind;
	enum status st = host_resolve(cmd->host, vmk_target(cmd), HOST_READ, &at, &why);

	if (st == ST_OK)
		st = store_read_all(at.store, at.path, DESCRIPTOR_MAX, &text, &n, &why);
	if (st != ST_OK && st != ST_LIMIT)	/* a large file is a disk of another kind */
		return vmk_fail(cmd, "open", vmk_target(cmd), st, &why);
	kind = text ? mapping_of(text, file) : 0;
	port_free(text);
	if (kind == 0) {
		fprintf(stderr, "Disk %s is not a raw device mapping\n", vmk_target(cmd));
		return EXIT_FAILED;
	}
	st = rdm_device(&at, file, id, &bytes, &why);
	return st == ST_OK ? print_mapping(cmd, kind, id, bytes) :
			     vmk_fail(cmd, "query mapping of", vmk_target(cmd), st, &why);
}

/* ---- -g, -e ---------------------------------------------------------------------------------- */

static enum status info_of(struct cmd *cmd, struct vmdk_info *info, struct why *why)
{
	struct disk d = { 0 };
	enum status st = disk_open(cmd, vmk_target(cmd), read_flags(cmd), &d, why);

	if (st == ST_OK)
		st = vmdk_info(d.vmdk, info);
	return disk_close(&d, st, why);
}

int vmk_geometry(struct cmd *cmd)
{
	struct vmdk_info info;
	struct why why = { 0 };
	json_t *items, *doc;
	enum status st = info_of(cmd, &info, &why);

	if (st != ST_OK)
		return vmk_fail(cmd, "open", vmk_target(cmd), st, &why);
	if (!cmd->json) {
		printf("Geometry information C/H/S is %u/%u/%u\n", info.cylinders, info.heads,
		       info.sectors);
		return EXIT_DONE;
	}
	doc = out_doc("vmkfstools.geometry/1", &items);
	json_array_append_new(
	    items, json_pack("{s:I, s:I, s:I}", "cylinders", (json_int_t)info.cylinders, "heads",
			     (json_int_t)info.heads, "sectors", (json_int_t)info.sectors));
	return out_doc_print(doc) == 0 ? EXIT_DONE : EXIT_FAILED;
}

/* A chain is consistent when it opens: each parent was found, with the content id and the size that
 * its child expects. */
int vmk_chain(struct cmd *cmd)
{
	struct vmdk_info info;
	struct why why = { 0 };
	json_t *items, *doc;
	enum status st = info_of(cmd, &info, &why);

	if (st != ST_OK)
		return vmk_fail(cmd, "open", vmk_target(cmd), st, &why);
	if (cmd->json) {
		doc = out_doc("vmkfstools.chain/1", &items);
		json_array_append_new(items, json_pack("{s:o, s:b, s:i}", "disk",
						       out_json_name(vmk_target(cmd)), "consistent",
						       1, "links", (int)info.links));
		return out_doc_print(doc) == 0 ? EXIT_DONE : EXIT_FAILED;
	}
	printf("Disk chain is consistent.\n");
	return EXIT_DONE;
}

int vmk_unique(struct cmd *cmd)
{
	struct why why = { 0 };

	why_set(&why, ST_UNSUPPORTED,
		"'%.200s' is no child of it: delta disks come with a later release",
		vmk_arg(cmd, "uniqueblocks"));
	return vmk_fail(cmd, "count unique blocks of", vmk_target(cmd), ST_UNSUPPORTED, &why);
}

/* ---- -x -------------------------------------------------------------------------------------- */

static void say_result(int repair, const struct vmdk_check_result *r)
{
	if (r->corruptions + r->leaks == 0)
		printf("Disk is error free\n");
	else if (repair && r->unrepairable == 0)
		printf("Disk was successfully repaired.\n");
	else if (repair)
		printf("Disk could not be repaired: %u findings are left.\n", r->unrepairable);
	else
		printf("%u corruptions, %u leaks. Repair is %s.\n", r->corruptions, r->leaks,
		       r->unrepairable ? "not possible" : "possible");
}

static int fix_json(int repair, json_t *list, const struct vmdk_check_result *r, int code)
{
	json_t *items, *doc = out_doc("vmkfstools.fix/1", &items);

	json_array_append_new(items,
			      json_pack("{s:b, s:i, s:i, s:i, s:i, s:b, s:o}", "repair", repair,
					"corruptions", (int)r->corruptions, "leaks", (int)r->leaks,
					"unrepairable", (int)r->unrepairable, "repaired",
					(int)r->repaired, "dirty", r->dirty, "findings", list));
	return out_doc_print(doc) == 0 ? code : EXIT_FAILED;
}

int vmk_fix(struct cmd *cmd)
{
	int repair = strcmp(vmk_arg(cmd, "fix"), "repair") == 0 && !cmd->dry_run;
	json_t *list = cmd->json ? json_array() : NULL;
	struct vmdk_check_result r = { 0 };
	struct host_path at;
	struct why why = { 0 };
	int clean;
	enum status st =
	    host_resolve(cmd->host, vmk_target(cmd), repair ? HOST_WRITE : HOST_READ, &at, &why);

	if (st == ST_OK)
		st = vmdk_check(at.store, at.path, repair, disk_on_finding, list, &r, &why);
	if (st != ST_OK) {
		json_decref(list);
		return vmk_fail(cmd, repair ? "repair disk" : "check disk", vmk_target(cmd), st,
				&why);
	}
	clean = r.corruptions + r.leaks == 0 || (repair && r.unrepairable == 0);
	if (cmd->json)
		return fix_json(repair, list, &r, clean ? EXIT_DONE : EXIT_FAILED);
	say_result(repair, &r);
	return clean ? EXIT_DONE : EXIT_FAILED;
}

/* ---- -t0 ------------------------------------------------------------------------------------- */

static void print_run(const char *where, const struct vmdk_run *r)
{
	printf("[%12llu:%12llu] --> ", (unsigned long long)r->offset, (unsigned long long)r->bytes);
	if (!r->present)
		printf("[NOMP -- :(%12llu:%12llu)]\n", 0ull, (unsigned long long)r->bytes);
	else
		printf("[VMFS %s-- %s:(%12llu --> %12llu)]\n", r->zero ? "Z " : "", where,
		       (unsigned long long)(r->where == ~0ull ? 0 : r->where),
		       (unsigned long long)(r->where == ~0ull ? 0 : r->where + r->bytes - 1));
}

int vmk_blockmap(struct cmd *cmd)
{
	struct disk d = { 0 };
	struct vmdk_run r;
	struct vmdk_extent_info x;
	struct why why = { 0 };
	enum status st;

	if (strcmp(vmk_arg(cmd, "-t"), "0") != 0) {
		why_set(&why, ST_INVAL, "-t takes 0");
		return vmk_fail(cmd, "map", vmk_target(cmd), ST_INVAL, &why);
	}
	if (cmd->json)
		return vmk_map(cmd);
	st = disk_open(cmd, vmk_target(cmd), read_flags(cmd), &d, &why);
	if (st == ST_OK)
		printf("Mapping for file %s (%llu bytes in size):\n", vmk_target(cmd),
		       (unsigned long long)vmdk_bytes(d.vmdk));
	for (uint64_t at = 0; st == ST_OK && at < vmdk_bytes(d.vmdk); at += r.bytes) {
		st = vmdk_map(d.vmdk, at, &r);
		if (st == ST_OK)
			st = vmdk_extent_info(d.vmdk, r.extent, &x);
		if (st == ST_OK)
			print_run(x.file, &r);
	}
	st = disk_close(&d, st, &why);
	return st == ST_OK ? EXIT_DONE : vmk_fail(cmd, "map", vmk_target(cmd), st, &why);
}

/* ---- ours ------------------------------------------------------------------------------------ */

int vmk_info(struct cmd *cmd)
{
	struct why why = { 0 };
	enum status st = disk_info(cmd, vmk_target(cmd), read_flags(cmd), &why);

	return st == ST_OK ? EXIT_DONE : vmk_fail(cmd, "open", vmk_target(cmd), st, &why);
}

int vmk_map(struct cmd *cmd)
{
	struct why why = { 0 };
	struct disk_map_opts opts = { 0 };
	enum status st = disk_map(cmd, vmk_target(cmd), read_flags(cmd), &opts, &why);

	return st == ST_OK ? EXIT_DONE : vmk_fail(cmd, "map", vmk_target(cmd), st, &why);
}

int vmk_compare(struct cmd *cmd)
{
	struct why why = { 0 };
	int different = 0;
	const char *other = vmk_arg(cmd, "compare");
	enum status st = disk_compare(cmd, other, vmk_target(cmd),
				      disk_format_flags(cmd, "format", other), VMDK_READ,
				      &different, &why);

	if (st != ST_OK)
		return vmk_fail(cmd, "compare", vmk_target(cmd), st, &why);
	return different ? EXIT_FAILED : EXIT_DONE;
}

int vmk_measure(struct cmd *cmd)
{
	const struct disk_format *f;
	struct why why = { 0 };
	enum status st =
	    disk_format_of(opt_text(&cmd->args, "diskformat", "zeroedthick"), &f, &why);

	if (st == ST_OK)
		st = disk_measure(cmd, vmk_target(cmd), read_flags(cmd), f, &why);
	return st == ST_OK ? EXIT_DONE : vmk_fail(cmd, "measure", vmk_target(cmd), st, &why);
}
