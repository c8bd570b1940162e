/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Writing a descriptor: the order, spacing and quoting of ESXi. QEMU takes a file for raw when a
 * key stands before `version`, and fails on blanks around the '=' of a header pair; libvmdk wants
 * the first line exactly. */
#include "vmdk/descriptor_priv.h"

#include "iopath/base/fmt.h"

struct out { char *buf; size_t size, at; };

static void put(struct out *o, const char *format, ...) PRINTF_LIKE(2, 3);

static void put(struct out *o, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	o->at += fmt_v(o->at < o->size ? o->buf + o->at : NULL,
		       o->at < o->size ? o->size - o->at : 0, format, ap);
	va_end(ap);
}

/* Header keys with a place of their own; what is not here follows in the order read. */
static const char *const placed[] = {
	"version", "encoding", "CID", "parentCID", "isNativeSnapshot", "createType",
	"parentFileNameHint", "changeTrackPath",
};

static int is_ddb(const struct desc_pair *p) { return strncmp(p->name, "ddb.", 4) == 0; }

static int is_placed(const struct desc_pair *p)
{
	for (size_t i = 0; i < ARRAY_COUNT(placed); i++)
		if (mem_compare_nocase(p->name, placed[i]) == 0)
			return 1;
	return 0;
}

static void put_known(struct out *o, const struct desc *d, const char *name)
{
	const char *value = desc_get(d, name);

	if (value)
		put(o, "%s=\"%s\"\n", name, value);
}

static void put_header(struct out *o, const struct desc *d)
{
	put(o, "# Disk DescriptorFile\nversion=%u\n", d->version);
	put_known(o, d, "encoding");
	put(o, "CID=%08x\nparentCID=%08x\n", d->cid, d->parent_cid);
	put_known(o, d, "isNativeSnapshot");
	put_known(o, d, "createType");
	put_known(o, d, "parentFileNameHint");
	for (uint32_t i = 0; i < d->pair_count; i++) {
		const struct desc_pair *p = &d->pairs[i];

		if (!is_ddb(p) && !is_placed(p))
			put(o, p->quoted ? "%s=\"%s\"\n" : "%s=%s\n", p->name, p->value);
	}
}

static void put_extent(struct out *o, const struct desc_extent *x)
{
	put(o, "%s %llu %s", desc_access_word(x->access), (unsigned long long)x->sectors,
	    desc_type_word(x->type));
	if (x->file)
		put(o, " \"%s\"", x->file);
	if (x->type == DESC_FLAT || x->offset_sectors || x->rest)
		put(o, " %llu", (unsigned long long)x->offset_sectors);
	if (x->rest)
		put(o, " %s", x->rest);
	put(o, "\n");
}

/* Sorted by name without a copy: each turn writes the least of what is greater than the last. */
static void put_ddb(struct out *o, const struct desc *d)
{
	const struct desc_pair *last = NULL;

	for (;;) {
		const struct desc_pair *next = NULL;

		for (uint32_t i = 0; i < d->pair_count; i++) {
			const struct desc_pair *p = &d->pairs[i];

			if (!is_ddb(p) || (last && strcmp(p->name, last->name) <= 0))
				continue;
			if (!next || strcmp(p->name, next->name) < 0)
				next = p;
		}
		if (!next)
			return;
		put(o, "%s = \"%s\"\n", next->name, next->value);
		last = next;
	}
}

size_t desc_write(const struct desc *d, char *buf, size_t size)
{
	struct out o = { .buf = buf, .size = size };

	put_header(&o, d);
	put(&o, "\n# Extent description\n");
	for (uint32_t i = 0; i < d->extent_count; i++)
		put_extent(&o, &d->extents[i]);
	if (desc_get(d, "changeTrackPath"))
		put(&o, "\n# Change Tracking File\nchangeTrackPath=\"%s\"\n",
		    desc_get(d, "changeTrackPath"));
	put(&o, "\n# The Disk Data Base\n#DDB\n\n");
	put_ddb(&o, d);
	return o.at;
}
