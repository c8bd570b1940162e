/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* export_vm - `cairn vm export VM TARGET.ova`: a machine as its .vmx describes it, with what its
 * disks show now: snapshots stay behind. A disk that is missing or broken ends it before anything
 * is written. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iopath/base/dict.h"
#include "tools/export.h"
#include "tools/file.h"
#include "tools/vm.h"

#define VMX_MAX	MIB
#define NICS_MAX 10u	/* as many as a machine can have */

struct exporting {
	struct cmd		*cmd;
	struct host_path	*at;		/* of the .vmx, or its folder */
	struct inventory	*inv;
	const struct inv_vm	*vm;
	struct ovf_machine	m;
	struct ovf_disk		*disks;
	struct vmdk_disk	**open;
	size_t			open_count;
	struct ovf_nic		nic[NICS_MAX];
	char			nic_text[NICS_MAX][2][128];	/* device, network */
	uint8_t			nic_present[NICS_MAX];
};

/* ---- which machine --------------------------------------------------------------------------- */

/* Of the .vmx, or of its folder: then the only one there. */
static const struct inv_vm *machine_at(const struct inventory *inv, const char *path)
{
	const struct inv_vm *found = NULL;

	for (uint32_t i = 0; i < inv->vm_count; i++) {
		const struct inv_vm *vm = inv->vms[i];

		if (strcmp(vm->path, path) == 0)
			return vm;
		if (strcmp(vm->dir, path) == 0) {
			if (found)
				return NULL;
			found = vm;
		}
	}
	return found;
}

static enum status find(struct exporting *x, const char *name, struct why *why)
{
	struct inv_opts opts = { 0 };
	char root[HOST_PATH_MAX];
	struct store_stat st;
	enum status s = file_get(x->cmd, name, HOST_READ, 1, &x->at, &st, why);

	if (s != ST_OK)
		return s;
	/* All of a datastore, for a chain may lead into another folder. */
	mem_copy_text(root, sizeof(root), "/");
	if (x->at->volume) {
		opts.label = host_volume_name(x->at->volume);
		opts.uuid = host_volume_uuid(x->at->volume);
	} else if (st.kind == STORE_DIR) {
		mem_copy_text(root, sizeof(root), x->at->path);
	} else {
		path_parent(x->at->path, root, sizeof(root));
	}
	opts.root = root;
	s = inv_scan(x->at->store, &opts, &x->inv, why);
	if (s != ST_OK)
		return s;
	x->vm = machine_at(x->inv, x->at->path);
	if (!x->vm || !x->vm->has_vmx)
		return why_set(why, ST_NOENT, "%s: no machine is there, or more than one; cairn vm "
			       "list shows them", name);
	return ST_OK;
}

/* ---- its hardware ---------------------------------------------------------------------------- */

/* "ethernet1.virtualDev" */
static void take_nic(struct exporting *x, struct dict *d)
{
	const char *rest = dict_behind(d, "ethernet");
	size_t left = rest ? d->name_bytes - (size_t)(rest - d->name) : 0;
	unsigned n = left > 2 && rest[0] >= '0' && rest[0] <= '9' ? (unsigned)(rest[0] - '0')
								  : NICS_MAX;
	char key[40];

	if (n >= NICS_MAX || rest[1] != '.')
		return;
	snprintf(key, sizeof(key), "ethernet%u.present", n);
	if (dict_is(d, key))
		x->nic_present[n] = (uint8_t)dict_bool(d, 0);
	snprintf(key, sizeof(key), "ethernet%u.virtualDev", n);
	if (dict_is(d, key))
		(void)dict_text(d, x->nic_text[n][0], sizeof(x->nic_text[n][0]));
	snprintf(key, sizeof(key), "ethernet%u.networkName", n);
	if (dict_is(d, key))
		(void)dict_text(d, x->nic_text[n][1], sizeof(x->nic_text[n][1]));
}

static enum status find_nics(struct exporting *x, struct why *why)
{
	struct dict d;
	char *text;
	uint64_t bytes;
	enum status st = store_read_all(x->at->store, x->vm->path, VMX_MAX, &text, &bytes, why);

	if (st != ST_OK)
		return st;
	dict_init(&d, text, bytes);
	while (dict_next_pair(&d))
		take_nic(x, &d);
	port_free(text);
	for (unsigned n = 0; n < NICS_MAX; n++)
		if (x->nic_present[n])
			x->nic[x->m.nic_count++] =
			    (struct ovf_nic){ .device = x->nic_text[n][0],
					      .network = x->nic_text[n][1] };
	x->m.nic = x->nic;
	return ST_OK;
}

/* "scsi0:3": the family, the bus and the unit. */
static void place_disk(struct ovf_disk *d, const struct inv_disk *from)
{
	static const char *const families[] = { "ide", "sata", "nvme" };
	const char *node = from->node ? from->node : "scsi0:0";

	d->controller = from->controller ? from->controller : "lsilogic";
	for (size_t i = 0; i < ARRAY_COUNT(families); i++)
		if (strncmp(node, families[i], strlen(families[i])) == 0)
			d->controller = families[i];
	(void)sscanf(node, "%*[a-z]%u:%u", &d->bus, &d->unit);	/* else 0:0 */
}

/* Importers take the first disk for the one to start from, and that is the first on a SCSI
 * controller where there is one. */
static const struct inv_disk *nth_disk(const struct inv_vm *vm, uint32_t n)
{
	for (int scsi = 1; scsi >= 0; scsi--)
		for (uint32_t i = 0; i < vm->disk_count; i++) {
			const char *node = vm->disks[i].node;
			int is_scsi = !node || strncmp(node, "scsi", 4) == 0;

			if (is_scsi == scsi && n-- == 0)
				return &vm->disks[i];
		}
	return NULL;
}

static enum status open_disks(struct exporting *x, struct why *why)
{
	const struct inv_vm *vm = x->vm;
	enum status st = ST_OK;

	x->disks = calloc(vm->disk_count + 1, sizeof(*x->disks));
	x->open = calloc(vm->disk_count + 1, sizeof(struct vmdk_disk *));
	if (!x->disks || !x->open)
		return why_set(why, ST_NOMEM, "%s: no memory", vm->path);
	for (uint32_t i = 0; i < vm->disk_count && st == ST_OK; i++) {
		const struct inv_disk *d = nth_disk(vm, i);

		if (d->state != INV_DISK_OK)
			return why_set(why, ST_NOENT,
				       "%s: its disk %s is %s; cairn vm show tells more", vm->path,
				       d->file, d->state == INV_DISK_MISSING ? "missing" :
									       "elsewhere");
		place_disk(&x->disks[i], d);
		st = vmdk_open(x->at->store, d->link->path, VMDK_READ, &x->open[i], why);
		x->open_count += st == ST_OK;
	}
	x->m.disk_count = vm->disk_count;
	return st;
}

static enum status describe(struct exporting *x, struct why *why)
{
	const struct inv_vm *vm = x->vm;
	enum status st = open_disks(x, why);

	x->m.name = vm->name;
	x->m.guest_os = vm->guest_os;
	x->m.firmware = vm->firmware;
	x->m.cpus = vm->cpus;
	x->m.memory_mib = vm->memory_mib;
	x->m.hardware_version = vm->hardware_version;
	return st == ST_OK ? find_nics(x, why) : st;
}

/* ---- the command ----------------------------------------------------------------------------- */

static int report(struct cmd *cmd, const struct exporting *x, const struct disk_job *j)
{
	json_t *items, *doc;
	char r[24], w[24];

	if (!cmd->json) {
		if (!cmd->dry_run)
			cmd_note(cmd, "%zu disks, %s read, %s written", x->m.disk_count,
				 out_size(r, sizeof(r), j->job.bytes_read, 0),
				 out_size(w, sizeof(w), j->job.bytes_written, 0));
		return EXIT_DONE;
	}
	doc = out_doc(cmd->verb->schema, &items);
	json_array_append_new(
	    items, json_pack("{s:o, s:o, s:I, s:b, s:o, s:o}", "vm", out_json_name(x->vm->name),
			     "target", out_json_name(cmd->args.operand[1]), "disks",
			     (json_int_t)x->m.disk_count, "dry_run", cmd->dry_run, "read_bytes",
			     out_json_bytes(j->job.bytes_read), "written_bytes",
			     out_json_bytes(j->job.bytes_written)));
	return out_doc_print(doc) == 0 ? EXIT_DONE : EXIT_FAILED;
}

static void exporting_free(struct exporting *x)
{
	for (size_t i = 0; i < x->open_count; i++)
		(void)vmdk_close(x->open[i]);	/* opened for reading */
	free(x->open);
	free(x->disks);
	inv_free(x->inv);
	file_put(x->at);
	free(x);
}

int export_vm(struct cmd *cmd)
{
	struct exporting *x = calloc(1, sizeof(*x));
	const char *target = cmd->args.operand[1];
	struct disk_job j = { 0 };
	struct host_path to;
	struct why why = { 0 };
	enum status st;
	int code;

	if (!x)
		return cmd_fail(cmd, cmd->args.operand[0], ST_NOMEM, &why);
	x->cmd = cmd;
	st = host_resolve(cmd->host, target, cmd_write_access(cmd), &to, &why);
	if (st == ST_OK && !mem_ends_with(target, ".ova"))
		st = why_set(&why, ST_NAME, "%s: the name of an archive ends in .ova", target);
	if (st == ST_OK)
		st = find(x, cmd->args.operand[0], &why);
	if (st == ST_OK)
		st = describe(x, &why);
	if (st == ST_OK)
		st = export_ova(cmd, &x->m, x->disks, x->open, &to, &j, &why);
	code = st == ST_OK ? report(cmd, x, &j) : cmd_fail(cmd, cmd->args.operand[0], st, &why);
	exporting_free(x);
	return code;
}
