/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* ovf_read - machines out of a descriptor. Its parts refer to each other by names: an Item of the
 * hardware to a disk, the disk to a file, a disk's Item to its controller. What refers to nothing
 * is told, and what is there is still shown.
 * Read are OVF 1.x and 2.x; of 2.x also the elements of their own for disks and networks. */
#include "tools/ovf.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "iopath/base/mem.h"
#include "tools/ovf_words.h"
#include "tools/xml_in.h"

#define FAULTS_MAX	32	/* told of one package; more say nothing new */
#define MACHINES_MAX	256u	/* of one package */
#define ITEMS_MAX	1024u	/* of one machine, and disks of one package */
#define FILES_MAX	4096u

/* What the DiskSection says of a disk. */
struct disk_text { const char *id, *file_ref, *format; uint64_t capacity, used; };
/* And the References of a file. */
struct file_text { const char *id; struct ovf_file pub; };

struct item {
	const char	*id, *parent, *subtype, *resource, *connection;
	unsigned	type;
	uint64_t	address, place, quantity;	/* OVF_NOT_SAID */
	const char	*units;
};

struct reading {
	struct ovf_package	pub;
	struct xml_in		xml;
	void			**block;	/* arrays to be freed */
	size_t			block_count;
	struct file_text	*file;
	struct disk_text	*disk;
	uint8_t			*used;		/* disks that an Item names */
	size_t			disk_count;
	const char		*fault[FAULTS_MAX];
};

/* ---- helpers --------------------------------------------------------------------------------- */

/* Zeroed memory that ovf_free() frees; NULL: none. */
static void *keep(struct reading *r, size_t count, size_t size)
{
	void **more = realloc(r->block, (r->block_count + 1) * sizeof(*more));
	void *block = more ? calloc(count + 1, size) : NULL;

	if (more)
		r->block = more;
	if (block)
		r->block[r->block_count++] = block;
	return block;
}

static void fault(struct reading *r, const char *format, ...) PRINTF_LIKE(2, 3);
static void fault(struct reading *r, const char *format, ...)
{
	char text[300];
	va_list ap;

	if (r->pub.fault_count == FAULTS_MAX)
		return;
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	r->fault[r->pub.fault_count] = xml_keep(&r->xml, text, strlen(text));
	r->pub.fault_count += r->fault[r->pub.fault_count] != NULL;
}

static const char *shown(const char *text) { return text ? text : "(no name)"; }

static uint64_t number_of(const char *text)
{
	uint64_t n = 0;

	if (!text)
		return OVF_NOT_SAID;
	for (; *text >= '0' && *text <= '9'; text++) {
		if (n > (OVF_NOT_SAID - 9) / 10)
			return OVF_NOT_SAID;
		n = n * 10 + (uint64_t)(*text - '0');
	}
	return *text ? OVF_NOT_SAID : n;
}

/* "byte * 2^20" and "MegaBytes": in bytes; 0: not understood. Nothing said means bytes. */
static uint64_t unit_of(const char *text)
{
	static const struct { const char *word; unsigned shift; } words[] = {
		{ "KiloBytes", 10 }, { "MegaBytes", 20 }, { "GigaBytes", 30 }, { "TeraBytes", 40 },
		{ "KB", 10 },	     { "MB", 20 },	  { "GB", 30 },	       { "TB", 40 },
	};
	unsigned base, power;
	uint64_t unit = 1;
	char end;

	if (!text || strcasecmp(text, "byte") == 0 || strcasecmp(text, "bytes") == 0)
		return 1;
	for (size_t i = 0; i < ARRAY_COUNT(words); i++)
		if (strcasecmp(words[i].word, text) == 0)
			return 1ull << words[i].shift;
	/* a blank in the format is any number of blanks, also none */
	if (sscanf(text, "byte * %2u ^ %2u %c", &base, &power, &end) != 2)
		return 0;
	while (power-- && base > 1)
		if (__builtin_mul_overflow(unit, base, &unit))
			return 0;
	return unit;
}

/* A quantity in its units, as bytes. */
static uint64_t bytes_of(struct reading *r, const char *what, uint64_t quantity, const char *units)
{
	uint64_t unit = unit_of(units), bytes;

	if (quantity == OVF_NOT_SAID)
		return quantity;
	if (!unit || __builtin_mul_overflow(quantity, unit, &bytes)) {
		fault(r, "%s: %llu of the unit '%.60s' is not understood", what,
		      (unsigned long long)quantity, units ? units : "byte");
		return OVF_NOT_SAID;
	}
	return bytes;
}

/* How many elements of that name are below the root, or right below it. */
static size_t count_below(const xmlNode *root, const char *name)
{
	size_t count = 0;

	for (const xmlNode *n = root; (n = xml_next(root, n)) != NULL;)
		count += xml_is(n, name);
	return count;
}

static size_t count_children(const xmlNode *n, const char *name)
{
	size_t count = 0;

	for (n = n ? n->children : NULL; n; n = n->next)
		count += xml_is(n, name);
	return count;
}

static enum status limit(struct why *why, const char *what, size_t max)
{
	return why_set(why, ST_LIMIT, "it has more than %zu %s", max, what);
}

/* ---- files and disks ------------------------------------------------------------------------- */

static enum status read_files(struct reading *r, const xmlNode *root, struct why *why)
{
	const xmlNode *list = xml_child(root, "References");
	size_t count = count_children(list, "File"), n = 0;
	struct ovf_file *pub;

	if (count > FILES_MAX)
		return limit(why, "files", FILES_MAX);
	r->file = keep(r, count, sizeof(*r->file));
	pub = keep(r, count, sizeof(*pub));
	if (!r->file || !pub)
		return ST_NOMEM;
	for (const xmlNode *f = list ? list->children : NULL; f; f = f->next) {
		if (!xml_is(f, "File"))
			continue;
		pub[n] = (struct ovf_file){ .href = xml_attribute(&r->xml, f, "href"),
			.compression = xml_attribute(&r->xml, f, "compression"),
			.bytes = number_of(xml_attribute(&r->xml, f, "size")),
			.chunk_bytes = number_of(xml_attribute(&r->xml, f, "chunkSize")) };
		if (pub[n].chunk_bytes == OVF_NOT_SAID)
			pub[n].chunk_bytes = 0;
		if (pub[n].compression && strcasecmp(pub[n].compression, "identity") == 0)
			pub[n].compression = NULL;
		r->file[n] = (struct file_text){ xml_attribute(&r->xml, f, "id"), pub[n] };
		if (pub[n].href)
			n++;
		else
			fault(r, "the file '%.80s' has no name", shown(r->file[n].id));
	}
	r->pub.file = pub;
	r->pub.file_count = n;
	return ST_OK;
}

static enum status read_disks(struct reading *r, const xmlNode *root, struct why *why)
{
	const xmlNode *list = xml_child(root, "DiskSection");
	size_t count = count_children(list, "Disk");

	if (count > ITEMS_MAX)
		return limit(why, "disks", ITEMS_MAX);
	r->disk = keep(r, count, sizeof(*r->disk));
	r->used = keep(r, count, 1);
	if (!r->disk || !r->used)
		return ST_NOMEM;
	for (const xmlNode *d = list ? list->children : NULL; d; d = d->next) {
		struct disk_text *t = &r->disk[r->disk_count];
		const char *capacity;

		if (!xml_is(d, "Disk"))
			continue;
		capacity = xml_attribute(&r->xml, d, "capacity");
		*t = (struct disk_text){ .id = xml_attribute(&r->xml, d, "diskId"),
			.file_ref = xml_attribute(&r->xml, d, "fileRef"),
			.format = xml_attribute(&r->xml, d, "format"),
			.used = number_of(xml_attribute(&r->xml, d, "populatedSize")) };
		t->capacity = bytes_of(r, "a disk's capacity", number_of(capacity),
				       xml_attribute(&r->xml, d, "capacityAllocationUnits"));
		if (capacity && strncmp(capacity, "${", 2) == 0)
			fault(r, "the capacity of disk '%.80s' is chosen when it is deployed: "
			      "%.80s", shown(t->id), capacity);
		r->disk_count++;
	}
	return ST_OK;
}

/* NULL: no file has that id. */
static const struct ovf_file *file_by_id(const struct reading *r, const char *id)
{
	for (size_t i = 0; id && i < r->pub.file_count; i++)
		if (r->file[i].id == id)	/* equal texts are kept once */
			return &r->file[i].pub;
	return NULL;
}

/* ---- hardware -------------------------------------------------------------------------------- */

/* OVF 2 has elements of their own for storage and Ethernet ports, of the same form. */
static int is_item(const xmlNode *n)
{
	return xml_is(n, "Item") || xml_is(n, "StorageItem") || xml_is(n, "EthernetPortItem");
}

static void read_item(struct reading *r, const xmlNode *n, struct item *i)
{
	struct xml_in *x = &r->xml;
	uint64_t type = number_of(xml_child_text(x, n, "ResourceType"));

	*i = (struct item){ .id = xml_child_text(x, n, "InstanceID"),
		.parent = xml_child_text(x, n, "Parent"),
		.subtype = xml_child_text(x, n, "ResourceSubType"),
		.resource = xml_child_text(x, n, "HostResource"),
		.connection = xml_child_text(x, n, "Connection"),
		.type = type < 0x10000 ? (unsigned)type : 0,
		.address = number_of(xml_child_text(x, n, "Address")),
		.place = number_of(xml_child_text(x, n, "AddressOnParent")),
		.quantity = number_of(xml_child_text(x, n, "VirtualQuantity")),
		.units = xml_child_text(x, n, "AllocationUnits") };
}

static uint32_t small(uint64_t number) { return number <= UINT32_MAX ? (uint32_t)number : 0; }

static const char *lower(struct reading *r, const char *text)
{
	char buf[80];
	size_t n = 0;

	for (; text && text[n] && n < sizeof(buf); n++)
		buf[n] = (char)tolower((unsigned char)text[n]);
	return xml_keep(&r->xml, buf, n);
}

/* What an Item's "ovf:/disk/vmdisk1" names, filled into d. */
static void find_resource(struct reading *r, const struct item *i, struct ovf_disk *d)
{
	const char *resource = i->resource ? i->resource : "", *disk = strstr(resource, "/disk/");
	const char *file = strstr(resource, "/file/"), *id;
	const struct ovf_file *f;

	for (size_t k = 0; disk && k < r->disk_count; k++) {
		const struct disk_text *t = &r->disk[k];

		if (!t->id || strcmp(t->id, disk + 6) != 0)
			continue;
		r->used[k] = 1;
		d->capacity_bytes = t->capacity;
		d->used_bytes = t->used;
		d->format = t->format;
		f = file_by_id(r, t->file_ref);
		if (t->file_ref && !f)
			fault(r, "disk '%.80s' is in the file '%.80s', which is not listed", t->id,
			      t->file_ref);
		d->file = f ? f->href : NULL;
		d->file_bytes = f ? f->bytes : OVF_NOT_SAID;
		return;
	}
	id = file ? xml_keep(&r->xml, file + 6, strlen(file + 6)) : NULL;
	f = file_by_id(r, id);
	d->file = f ? f->href : NULL;
	d->file_bytes = f ? f->bytes : OVF_NOT_SAID;
	if (!f)
		fault(r, "a disk of the hardware is '%.100s', which is not described",
		      i->resource ? i->resource : "not named");
}

/* Its controller, and which one of those it is: by its address, else by its turn. */
static void find_controller(struct reading *r, const struct item *items, size_t count,
			    const struct item *i, struct ovf_disk *d)
{
	const struct item *c = items;

	while (c < items + count && !(c->id && c->id == i->parent))
		c++;
	if (c == items + count) {
		fault(r, "a disk has the controller '%.60s', which is not there", shown(i->parent));
		return;
	}
	d->controller = ovf_family_of_item(c->type, c->subtype) ?
				ovf_family_of_item(c->type, c->subtype)->word :
				lower(r, c->subtype);
	for (const struct item *k = items; k < c; k++)
		d->bus += k->type == c->type;
	if (c->address < 256)
		d->bus = (unsigned)c->address;
}

static void add_disk(struct reading *r, const struct item *items, size_t count,
		     const struct item *i, struct ovf_disk *d)
{
	*d = (struct ovf_disk){ .capacity_bytes = OVF_NOT_SAID, .file_bytes = OVF_NOT_SAID,
				.used_bytes = OVF_NOT_SAID, .unit = small(i->place) };
	find_resource(r, i, d);
	find_controller(r, items, count, i, d);
}

/* What the Items are, once all are known. */
static void take_items(struct reading *r, const struct item *items, size_t count,
		       struct ovf_machine *m, struct ovf_disk *disk, struct ovf_nic *nic)
{
	for (size_t k = 0; k < count; k++) {
		const struct item *i = &items[k];

		if (i->type == RES_CPU)
			m->cpus = small(i->quantity);
		else if (i->type == RES_MEMORY)
			m->memory_mib = small(bytes_of(r, "memory", i->quantity, i->units) / MIB);
		else if (i->type == RES_DISK)
			add_disk(r, items, count, i, &disk[m->disk_count++]);
		else if (i->type == RES_NIC)
			nic[m->nic_count++] = (struct ovf_nic){
				.device = lower(r, i->subtype), .network = i->connection };
	}
	m->disk = disk;
	m->nic = nic;
}

static enum status read_items(struct reading *r, const xmlNode *hardware, struct ovf_machine *m,
			      struct why *why)
{
	size_t count = 0, n = 0;
	struct item *items;
	struct ovf_disk *disk;
	struct ovf_nic *nic;

	for (const xmlNode *i = hardware->children; i; i = i->next)
		count += is_item(i);
	if (count > ITEMS_MAX)
		return limit(why, "pieces of hardware in one machine", ITEMS_MAX);
	items = calloc(count + 1, sizeof(*items));
	disk = keep(r, count, sizeof(*disk));
	nic = keep(r, count, sizeof(*nic));
	if (items && disk && nic) {
		for (const xmlNode *i = hardware->children; i; i = i->next)
			if (is_item(i))
				read_item(r, i, &items[n++]);
		take_items(r, items, count, m, disk, nic);
	}
	free(items);
	return items && disk && nic ? ST_OK : ST_NOMEM;
}

static void read_firmware(struct reading *r, const xmlNode *hardware, struct ovf_machine *m)
{
	for (const xmlNode *n = hardware->children; n; n = n->next) {
		const char *key = xml_is(n, "Config") ? xml_attribute(&r->xml, n, "key") : NULL;

		if (key && strcmp(key, "firmware") == 0)
			m->firmware = xml_attribute(&r->xml, n, "value");
	}
}

/* ---- machines -------------------------------------------------------------------------------- */

/* VMware's word; or VirtualBox's, or what people read. */
static const char *guest_of(struct reading *r, const xmlNode *system)
{
	const xmlNode *os = xml_child(system, "OperatingSystemSection");
	const char *word = os ? xml_attribute(&r->xml, os, "osType") : NULL, *other;
	char buf[80];

	if (word) {
		ovf_guest_of_word(word, buf, sizeof(buf));
		return xml_keep(&r->xml, buf, strlen(buf));
	}
	other = xml_child_text(&r->xml, os, "OSType");
	return other ? other : xml_child_text(&r->xml, os, "Description");
}

static enum status read_machine(struct reading *r, const xmlNode *n, struct ovf_machine *m,
				struct why *why)
{
	const xmlNode *hardware = xml_child(n, "VirtualHardwareSection");
	unsigned version;

	m->name = xml_child_text(&r->xml, n, "Name");
	if (!m->name)
		m->name = xml_attribute(&r->xml, n, "id");
	m->name = shown(m->name);
	m->guest_os = guest_of(r, n);
	if (!hardware) {
		fault(r, "the machine '%.80s' has no hardware", m->name);
		return ST_OK;
	}
	m->hardware = xml_child_text(&r->xml, xml_child(hardware, "System"), "VirtualSystemType");
	if (m->hardware && sscanf(m->hardware, "vmx-%4u", &version) == 1)
		m->hardware_version = version;
	read_firmware(r, hardware, m);
	return read_items(r, hardware, m, why);
}

static enum status read_machines(struct reading *r, const xmlNode *root, struct why *why)
{
	size_t count = count_below(root, "VirtualSystem"), n = 0;
	struct ovf_machine *m;
	enum status st = ST_OK;

	if (count == 0)
		return why_set(why, ST_CORRUPT, "it describes no machine");
	if (count > MACHINES_MAX)
		return limit(why, "machines", MACHINES_MAX);
	m = keep(r, count, sizeof(*m));
	if (!m)
		return ST_NOMEM;
	for (const xmlNode *v = root; st == ST_OK && (v = xml_next(root, v)) != NULL;)
		if (xml_is(v, "VirtualSystem"))
			st = read_machine(r, v, &m[n++], why);
	r->pub.machine = m;
	r->pub.machine_count = n;
	return st;
}

static enum status read_all(struct reading *r, struct why *why)
{
	const xmlNode *root = xmlDocGetRootElement(r->xml.doc);
	enum status st;

	if (!xml_is(root, "Envelope"))
		return why_set(why, ST_CORRUPT, "it is XML, but not of a package");
	st = read_files(r, root, why);
	if (st == ST_OK)
		st = read_disks(r, root, why);
	if (st == ST_OK)
		st = read_machines(r, root, why);
	for (size_t i = 0; st == ST_OK && i < r->disk_count; i++)
		if (!r->used[i])
			fault(r, "disk '%.80s' is of no machine", shown(r->disk[i].id));
	r->pub.fault = r->fault;
	return st;
}

enum status ovf_read(const char *text, size_t bytes, struct ovf_package **package, struct why *why)
{
	struct reading *r = calloc(1, sizeof(*r));
	enum status st;

	if (!r)
		return why_set(why, ST_NOMEM, "no memory");
	st = bytes > OVF_BYTES_MAX ? why_set(why, ST_LIMIT, "it is longer than %u MiB",
					     OVF_BYTES_MAX >> 20) :
				     xml_in_init(&r->xml, text, bytes, why);
	if (st == ST_OK)
		st = read_all(r, why);
	if (st != ST_OK) {
		ovf_free(&r->pub);
		return why && why->text[0] ? st : why_set(why, st, "%s", status_text(st));
	}
	xml_in_drop_tree(&r->xml);
	*package = &r->pub;
	return ST_OK;
}

void ovf_free(struct ovf_package *package)
{
	struct reading *r = package ? container_of(package, struct reading, pub) : NULL;

	if (!r)
		return;
	for (size_t i = 0; i < r->block_count; i++)
		free(r->block[i]);
	free(r->block);
	xml_in_fini(&r->xml);
	free(r);
}
