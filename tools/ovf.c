/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* ovf - one element after the other. Inside an Item the standard wants the elements in the order of
 * the alphabet, and importers insist on it. */
#include "tools/ovf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <libxml/xmlwriter.h>

#include "iopath/base/fmt.h"
#include "iopath/base/mem.h"
#include "tools/ovf_words.h"

#define NS		"http://schemas.dmtf.org/ovf/envelope/1"
#define CIM		"http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_"
#define STREAM_FORMAT                                                                              \
	"http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"
#define DEFAULT_VERSION	13	/* as the descriptors of our disks say */
#define DISK_ITEM	100	/* InstanceIDs: controllers come below, network adapters above */
#define NIC_ITEM	200
#define FIRST_CONTROLLER 3

struct out { xmlTextWriterPtr w; int failed; };

/* ---- pieces ---------------------------------------------------------------------------------- */

static void check(struct out *o, int result) { o->failed |= result < 0; }

static void open_tag(struct out *o, const char *name)
{
	check(o, xmlTextWriterStartElement(o->w, BAD_CAST name));
}

static void close_tag(struct out *o) { check(o, xmlTextWriterEndElement(o->w)); }

/* Text of a disk may hold what XML cannot: control bytes and bad UTF-8 become question marks. */
static char *clean(const char *text)
{
	char *copy = strdup(text);

	if (copy && !fmt_utf8_valid(copy, strlen(copy)))
		for (char *p = copy; *p; p++)
			*p = (uint8_t)*p >= 0x80 ? '?' : *p;
	for (char *p = copy; p && *p; p++)
		*p = (uint8_t)*p < ' ' && *p != '\t' ? '?' : *p;
	return copy;
}

static void attribute(struct out *o, const char *name, const char *text)
{
	char *safe = clean(text);

	check(o, safe ? xmlTextWriterWriteAttribute(o->w, BAD_CAST name, BAD_CAST safe) : -1);
	free(safe);
}

static void attribute_number(struct out *o, const char *name, uint64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
	attribute(o, name, text);
}

static void element(struct out *o, const char *name, const char *text)
{
	char *safe = clean(text);

	check(o, safe ? xmlTextWriterWriteElement(o->w, BAD_CAST name, BAD_CAST safe) : -1);
	free(safe);
}

static void element_number(struct out *o, const char *name, uint64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
	element(o, name, text);
}

/* ---- the disks ------------------------------------------------------------------------------- */

static void file_id(char *buf, size_t size, const char *word, size_t i)
{
	snprintf(buf, size, "%s%zu", word, i + 1);
}

static void references(struct out *o, const struct ovf_machine *m)
{
	char id[32];

	open_tag(o, "References");
	for (size_t i = 0; i < m->disk_count; i++) {
		file_id(id, sizeof(id), "file", i);
		open_tag(o, "File");
		attribute(o, "ovf:href", m->disk[i].file);
		attribute(o, "ovf:id", id);
		attribute_number(o, "ovf:size", m->disk[i].file_bytes);
		close_tag(o);
	}
	close_tag(o);
}

static void disk_section(struct out *o, const struct ovf_machine *m)
{
	char id[32];

	open_tag(o, "DiskSection");
	element(o, "Info", "Virtual disks of this machine");
	for (size_t i = 0; i < m->disk_count; i++) {
		open_tag(o, "Disk");
		attribute_number(o, "ovf:capacity", m->disk[i].capacity_bytes);
		attribute(o, "ovf:capacityAllocationUnits", "byte");
		file_id(id, sizeof(id), "vmdisk", i);
		attribute(o, "ovf:diskId", id);
		file_id(id, sizeof(id), "file", i);
		attribute(o, "ovf:fileRef", id);
		attribute(o, "ovf:format", STREAM_FORMAT);
		attribute_number(o, "ovf:populatedSize", m->disk[i].used_bytes);
		close_tag(o);
	}
	close_tag(o);
}

static const char *network_of(const struct ovf_nic *nic)
{
	return nic->network && nic->network[0] ? nic->network : "VM Network";
}

static void network_section(struct out *o, const struct ovf_machine *m)
{
	if (m->nic_count == 0)
		return;
	open_tag(o, "NetworkSection");
	element(o, "Info", "Networks that this machine uses");
	for (size_t i = 0; i < m->nic_count; i++) {
		int seen = 0;

		for (size_t k = 0; k < i; k++)
			seen |= strcmp(network_of(&m->nic[i]), network_of(&m->nic[k])) == 0;
		if (seen)
			continue;
		open_tag(o, "Network");
		attribute(o, "ovf:name", network_of(&m->nic[i]));
		close_tag(o);
	}
	close_tag(o);
}

/* ---- hardware -------------------------------------------------------------------------------- */

/* The first disk on the same controller stands for it: its index. */
static size_t controller_of(const struct ovf_machine *m, size_t disk)
{
	for (size_t i = 0; i < disk; i++)
		if (ovf_family_of(m->disk[i].controller)->type ==
			    ovf_family_of(m->disk[disk].controller)->type &&
		    m->disk[i].bus == m->disk[disk].bus)
			return i;
	return disk;
}

static void controller_item(struct out *o, const struct ovf_disk *d, size_t instance)
{
	const struct ovf_family *f = ovf_family_of(d->controller);
	char name[60];

	snprintf(name, sizeof(name), "%s %u", f->shown, d->bus);
	open_tag(o, "Item");
	element_number(o, "rasd:Address", d->bus);
	element(o, "rasd:Description", f->shown);
	element(o, "rasd:ElementName", name);
	element_number(o, "rasd:InstanceID", instance);
	if (f->subtype)
		element(o, "rasd:ResourceSubType", f->subtype);
	element_number(o, "rasd:ResourceType", f->type);
	close_tag(o);
}

static void disk_item(struct out *o, const struct ovf_machine *m, size_t i)
{
	char resource[48], name[48];

	snprintf(resource, sizeof(resource), "ovf:/disk/vmdisk%zu", i + 1);
	snprintf(name, sizeof(name), "Hard disk %zu", i + 1);
	open_tag(o, "Item");
	element_number(o, "rasd:AddressOnParent", m->disk[i].unit);
	element(o, "rasd:ElementName", name);
	element(o, "rasd:HostResource", resource);
	element_number(o, "rasd:InstanceID", DISK_ITEM + i);
	element_number(o, "rasd:Parent", FIRST_CONTROLLER + controller_of(m, i));
	element_number(o, "rasd:ResourceType", RES_DISK);
	close_tag(o);
}

static void nic_item(struct out *o, const struct ovf_nic *nic, size_t i)
{
	char name[48];

	snprintf(name, sizeof(name), "Network adapter %zu", i + 1);
	open_tag(o, "Item");
	element_number(o, "rasd:AddressOnParent", i);
	element(o, "rasd:AutomaticAllocation", "true");
	element(o, "rasd:Connection", network_of(nic));
	element(o, "rasd:ElementName", name);
	element_number(o, "rasd:InstanceID", NIC_ITEM + i);
	if (nic->device && strcasecmp(nic->device, "vmxnet3") == 0)
		element(o, "rasd:ResourceSubType", "VmxNet3");
	else
		element(o, "rasd:ResourceSubType",
			nic->device && strcasecmp(nic->device, "e1000e") == 0 ? "E1000e" : "E1000");
	element_number(o, "rasd:ResourceType", RES_NIC);
	close_tag(o);
}

static void amount_item(struct out *o, const char *units, const char *name, size_t instance,
			unsigned type, uint64_t quantity)
{
	open_tag(o, "Item");
	element(o, "rasd:AllocationUnits", units);
	element(o, "rasd:ElementName", name);
	element_number(o, "rasd:InstanceID", instance);
	element_number(o, "rasd:ResourceType", type);
	element_number(o, "rasd:VirtualQuantity", quantity);
	close_tag(o);
}

static void system_element(struct out *o, const struct ovf_machine *m)
{
	char version[16];

	snprintf(version, sizeof(version), "vmx-%02u",
		 m->hardware_version ? m->hardware_version : DEFAULT_VERSION);
	open_tag(o, "System");
	element(o, "vssd:ElementName", "Virtual Hardware Family");
	element_number(o, "vssd:InstanceID", 0);
	element(o, "vssd:VirtualSystemIdentifier", m->name);
	element(o, "vssd:VirtualSystemType", version);
	close_tag(o);
}

static void hardware(struct out *o, const struct ovf_machine *m)
{
	uint32_t cpus = m->cpus ? m->cpus : 1, memory = m->memory_mib ? m->memory_mib : 1024;

	open_tag(o, "VirtualHardwareSection");
	element(o, "Info", "Virtual hardware of this machine");
	system_element(o, m);
	amount_item(o, "hertz * 10^6", "Processors", 1, RES_CPU, cpus);
	amount_item(o, "byte * 2^20", "Memory", 2, RES_MEMORY, memory);
	for (size_t i = 0; i < m->disk_count; i++)
		if (controller_of(m, i) == i)
			controller_item(o, &m->disk[i], FIRST_CONTROLLER + i);
	for (size_t i = 0; i < m->disk_count; i++)
		disk_item(o, m, i);
	for (size_t i = 0; i < m->nic_count; i++)
		nic_item(o, &m->nic[i], i);
	if (m->firmware) {
		open_tag(o, "vmw:Config");
		attribute(o, "ovf:required", "false");
		attribute(o, "vmw:key", "firmware");
		attribute(o, "vmw:value", m->firmware);
		close_tag(o);
	}
	close_tag(o);
}

/* The numbers are CIM_OperatingSystem's; the word is what VMware reads. */
static void operating_system(struct out *o, const struct ovf_machine *m)
{
	const char *os = m->guest_os ? m->guest_os : "other";
	int wide = mem_ends_with(os, "-64"), windows = strncasecmp(os, "win", 3) == 0;
	char word[80];

	ovf_guest_word(os, word, sizeof(word));
	open_tag(o, "OperatingSystemSection");
	attribute_number(o, "ovf:id", !m->guest_os ? 1u : windows ? 67u : wide ? 101u : 36u);
	attribute(o, "vmw:osType", word);
	element(o, "Info", "The guest's operating system");
	close_tag(o);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void envelope(struct out *o, const struct ovf_machine *m)
{
	open_tag(o, "Envelope");
	attribute(o, "xmlns", NS);
	attribute(o, "xmlns:ovf", NS);
	attribute(o, "xmlns:rasd", CIM "ResourceAllocationSettingData");
	attribute(o, "xmlns:vssd", CIM "VirtualSystemSettingData");
	attribute(o, "xmlns:vmw", "http://www.vmware.com/schema/ovf");
	references(o, m);
	disk_section(o, m);
	network_section(o, m);
	open_tag(o, "VirtualSystem");
	attribute(o, "ovf:id", m->name);
	element(o, "Info", "A virtual machine");
	element(o, "Name", m->name);
	operating_system(o, m);
	hardware(o, m);
	close_tag(o);
	close_tag(o);
}

char *ovf_text(const struct ovf_machine *m)
{
	xmlBufferPtr buffer = xmlBufferCreate();
	struct out o = { .w = buffer ? xmlNewTextWriterMemory(buffer, 0) : NULL };
	char *text = NULL;

	if (o.w) {
		check(&o, xmlTextWriterSetIndent(o.w, 1));
		check(&o, xmlTextWriterStartDocument(o.w, NULL, "UTF-8", NULL));
		envelope(&o, m);
		check(&o, xmlTextWriterEndDocument(o.w));
		xmlFreeTextWriter(o.w);	/* the buffer is complete now */
		if (!o.failed)
			text = strdup((const char *)xmlBufferContent(buffer));
	}
	if (buffer)
		xmlBufferFree(buffer);
	return text;
}
