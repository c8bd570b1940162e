/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* vm - what the verbs of `cairn vm` share: datastores that were scanned, and the three ways to show
 * them. The scan itself is snapshots'. */
#ifndef CAIRN_TOOLS_VM_H
#define CAIRN_TOOLS_VM_H

#include "snapshots/snapshots.h"
#include "tools/cmd.h"

/* One datastore, or one folder of this machine. */
struct vm_place {
	char			*base;	/* put before paths of the store: "/vmfs/volumes/ds1", "" */
	char			*only;	/* show only what lies at or below this path; "/": all */
	struct inventory	*inv;
	struct store		*store;
	struct host_volume	*volume;	/* NULL: a folder of this machine */
};

struct vm_places {
	struct vm_place	*place;
	size_t		count;		/* to be shown */
	size_t		all;		/* behind those: datastores that may have a say in them */
	int		code;		/* EXIT_DONE, or that of the first place that failed */
};

/* ---- vm_places.c ----------------------------------------------------------------------------- */

/* Scan what the operands from `first` on name, or every claimed volume when there is none. One that
 * cannot be scanned is complained about. vm_places_free() always. */
void vm_places_scan(struct cmd *cmd, size_t first, struct vm_places *p);
void vm_places_free(struct vm_places *p);

/* ---- cmd_vm.c -------------------------------------------------------------------------------- */

/* 1 when the path in the store is to be shown. */
int vm_shown(const struct vm_place *p, const char *path);
/* The path as the operator would spell it, in buf. */
const char *vm_path(const struct vm_place *p, const char *path, char *buf, size_t size);
/* What nobody has: links that no machine reaches. */
static inline int vm_unowned(const struct inv_link *l) { return l->vms == 0 && !l->outside; }

/* Bytes of this machine's own in a link: 0 when another one needs it too. */
static inline uint64_t vm_unique_bytes(const struct inv_link *l)
{
	return l->vms == 1 ? l->allocated_bytes : 0;
}

/* "3 days", "2 hours": how long ago; "-" when it is not known. */
const char *vm_age(char *buf, size_t size, int64_t created_us);

/* ---- show_package.c -------------------------------------------------------------------------- */

int vm_show_package(struct cmd *cmd);	/* `vm show FILE.ova|FILE.ovf` */

/* ---- vm_json.c ------------------------------------------------------------------------------- */

json_t *vm_json_short(const struct vm_place *p, const struct inv_vm *vm);
json_t *vm_json_full(const struct vm_place *p, const struct inv_vm *vm);
json_t *vm_json_place(const struct vm_place *p);
json_t *vm_json_finding(const struct vm_place *p, const struct inv_finding *f);

/* ---- vm_text.c ------------------------------------------------------------------------------- */

void vm_text_show(const struct vm_place *p, const struct inv_vm *vm);
void vm_text_tree(const struct vm_place *p);
void vm_text_finding(const struct vm_place *p, const struct inv_finding *f);

/* ---- vm_report.c, vm_svg.c ------------------------------------------------------------------- */

/* One file without any reference to another. Replaces a file of that name, in one step. */
MUST_USE enum status vm_report_html(const struct vm_places *p, const char *file, struct why *why);
MUST_USE enum status vm_report_svg(const struct vm_places *p, const char *file, struct why *why);
/* Text from a disk: what XML cannot hold, and what turns the direction of writing, is replaced. */
void vm_xml_text(FILE *to, const char *text);
/* The chains of a place, an <svg> element a tree; VM_SVG_STYLE has its classes. y: where in another
 * one they begin. */
MUST_USE enum status vm_svg_draw(FILE *to, const struct vm_place *p, int y);
int vm_svg_height(const struct vm_place *p);
#define VM_SVG_WIDTH 1000
#define VM_SVG_STYLE                                                                               \
	"svg text{font:12px sans-serif;fill:#111}.bad{font-weight:bold;fill:#a00}"                \
	".line{fill:none;stroke:#666}.bar{fill:#3b6ea5}"

#endif
