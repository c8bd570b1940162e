/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* What we write of a machine is read back the same; what others write is understood; what nobody
 * should write is refused, or told. */
#include "tools/ovf.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/cu.h"

#define HEAD "<?xml version=\"1.0\"?><Envelope xmlns=\"http://schemas.dmtf.org/ovf/envelope/1\" " \
	"xmlns:ovf=\"http://schemas.dmtf.org/ovf/envelope/1\" xmlns:rasd=\"r\" xmlns:vmw=\"v\" " \
	"xmlns:vbox=\"b\" xmlns:vssd=\"s\">"
#define DISK(disk, parent) "<Item><rasd:HostResource>" disk "</rasd:HostResource>" \
	"<rasd:Parent>" #parent "</rasd:Parent><rasd:ResourceType>17</rasd:ResourceType></Item>"
#define ITEM(type, body) "<Item>" body "<rasd:ResourceType>" #type "</rasd:ResourceType></Item>"

static struct ovf_package *read_text(const char *text)
{
	struct ovf_package *p = NULL;
	struct why why = { 0 };

	CU_ASSERT_EQUAL(ovf_read(text, strlen(text), &p, &why), ST_OK);
	if (!p)
		printf("%s\n", why.text);
	return p;
}

static int same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static void same_disk(const struct ovf_disk *a, const struct ovf_disk *b)
{
	CU_ASSERT(same_text(a->file, b->file));
	CU_ASSERT(same_text(a->controller, b->controller));
	CU_ASSERT_EQUAL(a->capacity_bytes, b->capacity_bytes);
	CU_ASSERT_EQUAL(a->file_bytes, b->file_bytes);
	CU_ASSERT_EQUAL(a->used_bytes, b->used_bytes);
	CU_ASSERT_EQUAL(a->bus, b->bus);
	CU_ASSERT_EQUAL(a->unit, b->unit);
}

static void what_is_written_is_read_back(void)
{
	static const struct ovf_disk disks[] = {
		{ .file = "a & b-disk1.vmdk", .capacity_bytes = 64 * MIB, .file_bytes = 123,
		  .used_bytes = 100, .controller = "pvscsi", .bus = 1, .unit = 3 },
		{ .file = "d2.vmdk", .capacity_bytes = 62 * TIB, .file_bytes = 1ull << 45,
		  .used_bytes = 0, .controller = "lsisas1068", .bus = 0, .unit = 15 },
		{ .file = "d3.vmdk", .capacity_bytes = 512, .file_bytes = 1, .used_bytes = 1,
		  .controller = "sata", .bus = 0, .unit = 29 },
		{ .file = "d4.vmdk", .capacity_bytes = 512, .file_bytes = 1, .used_bytes = 1,
		  .controller = "nvme", .bus = 3, .unit = 1 },
		{ .file = "d5.vmdk", .capacity_bytes = 512, .file_bytes = 1, .used_bytes = 1,
		  .controller = "ide", .bus = 1, .unit = 1 },
		{ .file = "d6.vmdk", .capacity_bytes = 512, .file_bytes = 1, .used_bytes = 1,
		  .controller = "buslogic", .bus = 2, .unit = 0 },
	};
	static const struct ovf_nic nics[] = { { "vmxnet3", "Prod <&> \"net\"" }, { "e1000", "b" },
					       { "e1000e", "Prod <&> \"net\"" } };
	const struct ovf_machine m = {
		.name = "ä <VM> & friends", .guest_os = "windows9-64", .firmware = "efi",
		.cpus = 128, .memory_mib = 6 * 1024 * 1024, .hardware_version = 19,
		.disk = disks, .disk_count = ARRAY_COUNT(disks), .nic = nics,
		.nic_count = ARRAY_COUNT(nics),
	};
	char *text = ovf_text(&m);
	struct ovf_package *p = read_text(text);

	CU_ASSERT_EQUAL_FATAL(p->machine_count, 1);
	CU_ASSERT(same_text(p->machine->name, m.name));
	CU_ASSERT(same_text(p->machine->guest_os, m.guest_os));
	CU_ASSERT(same_text(p->machine->firmware, m.firmware));
	CU_ASSERT(same_text(p->machine->hardware, "vmx-19"));
	CU_ASSERT_EQUAL(p->machine->cpus, m.cpus);
	CU_ASSERT_EQUAL(p->machine->memory_mib, m.memory_mib);
	CU_ASSERT_EQUAL(p->machine->hardware_version, m.hardware_version);
	CU_ASSERT_EQUAL_FATAL(p->machine->disk_count, m.disk_count);
	for (size_t i = 0; i < m.disk_count; i++)
		same_disk(&p->machine->disk[i], &disks[i]);
	CU_ASSERT_EQUAL_FATAL(p->machine->nic_count, m.nic_count);
	for (size_t i = 0; i < m.nic_count; i++) {
		CU_ASSERT(same_text(p->machine->nic[i].device, nics[i].device));
		CU_ASSERT(same_text(p->machine->nic[i].network, nics[i].network));
	}
	CU_ASSERT_EQUAL(p->file_count, m.disk_count);
	CU_ASSERT_EQUAL(p->fault_count, 0);
	ovf_free(p);
	free(text);
}

/* VirtualBox: words of its own, units of its own, two IDE channels without addresses. */
static void other_spellings_are_understood(void)
{
	struct ovf_package *p = read_text(HEAD
		"<References><File ovf:href=\"x.vmdk\" ovf:id=\"f\"/>"
		"<File ovf:href=\"cd.iso\" ovf:id=\"cd\" ovf:chunkSize=\"4096\" ovf:size=\"9000\" "
		"ovf:compression=\"gzip\"/></References>"
		"<DiskSection><Disk ovf:capacity=\"20\" ovf:capacityAllocationUnits=\"byte*2^30\" "
		"ovf:diskId=\"d\" ovf:fileRef=\"f\" vbox:uuid=\"u\"/>"
		"<Disk ovf:capacity=\"3\" ovf:capacityAllocationUnits=\"GigaBytes\" "
		"ovf:diskId=\"e\"/>"
		"</DiskSection>"
		"<VirtualSystem ovf:id=\"web\"><OperatingSystemSection ovf:id=\"96\">"
		"<Description>Debian_64</Description><vbox:OSType>Debian_64</vbox:OSType>"
		"</OperatingSystemSection><VirtualHardwareSection><System>"
		"<vssd:VirtualSystemType>virtualbox-2.2</vssd:VirtualSystemType></System>"
		ITEM(3, "<rasd:VirtualQuantity>2</rasd:VirtualQuantity>")
		ITEM(4, "<rasd:AllocationUnits>MegaBytes</rasd:AllocationUnits>"
			"<rasd:VirtualQuantity> 512 </rasd:VirtualQuantity>")
		ITEM(5, "<rasd:InstanceID>3</rasd:InstanceID>"
			"<rasd:ResourceSubType>PIIX4</rasd:ResourceSubType>")
		ITEM(5, "<rasd:InstanceID>4</rasd:InstanceID>"
			"<rasd:ResourceSubType>PIIX4</rasd:ResourceSubType>")
		ITEM(20, "<rasd:InstanceID>5</rasd:InstanceID>"
			"<rasd:ResourceSubType>AHCI</rasd:ResourceSubType>")
		ITEM(20, "<rasd:InstanceID>6</rasd:InstanceID>"
			"<rasd:ResourceSubType>VirtioSCSI</rasd:ResourceSubType>")
		"<StorageItem><x:AddressOnParent xmlns:x=\"y\">1</x:AddressOnParent>"
		"<HostResource>/disk/d</HostResource><Parent>4</Parent>"
		"<ResourceType>17</ResourceType></StorageItem>"
		DISK("ovf:/disk/e", 5)
		DISK("ovf:/file/f", 6)
		ITEM(15, "<rasd:HostResource>ovf:/file/cd</rasd:HostResource>")
		"<EthernetPortItem><Connection>NAT</Connection>"
		"<ResourceSubType>E1000</ResourceSubType>"
		"<ResourceType>10</ResourceType></EthernetPortItem>"
		"</VirtualHardwareSection></VirtualSystem></Envelope>");
	const struct ovf_machine *m = p->machine;

	CU_ASSERT(same_text(m->name, "web"));
	CU_ASSERT(same_text(m->guest_os, "Debian_64"));
	CU_ASSERT(same_text(m->hardware, "virtualbox-2.2"));
	CU_ASSERT_EQUAL(m->hardware_version, 0);
	CU_ASSERT_EQUAL(m->cpus, 2);
	CU_ASSERT_EQUAL(m->memory_mib, 512);
	CU_ASSERT_EQUAL_FATAL(m->disk_count, 3);
	CU_ASSERT(same_text(m->disk[0].file, "x.vmdk"));
	CU_ASSERT_EQUAL(m->disk[0].capacity_bytes, 20 * GIB);
	CU_ASSERT(same_text(m->disk[0].controller, "ide"));
	CU_ASSERT_EQUAL(m->disk[0].bus, 1);
	CU_ASSERT_EQUAL(m->disk[0].unit, 1);
	CU_ASSERT_EQUAL(m->disk[0].file_bytes, OVF_NOT_SAID);
	CU_ASSERT(same_text(m->disk[1].file, NULL));
	CU_ASSERT_EQUAL(m->disk[1].capacity_bytes, 3 * GIB);
	CU_ASSERT(same_text(m->disk[1].controller, "sata"));
	CU_ASSERT(same_text(m->disk[2].controller, "virtioscsi"));
	CU_ASSERT(same_text(m->disk[2].file, "x.vmdk"));
	CU_ASSERT_EQUAL(m->nic_count, 1);
	CU_ASSERT(same_text(m->nic[0].device, "e1000"));
	CU_ASSERT_EQUAL(p->file[1].chunk_bytes, 4096);
	CU_ASSERT(same_text(p->file[1].compression, "gzip"));
	CU_ASSERT_EQUAL(p->fault_count, 0);
	ovf_free(p);
}

static void a_collection_is_several_machines(void)
{
	struct ovf_package *p = read_text(HEAD "<VirtualSystemCollection ovf:id=\"app\">"
		"<VirtualSystem ovf:id=\"a\"/><VirtualSystemCollection ovf:id=\"b\"><VirtualSystem "
		"ovf:id=\"c\"><Name>sea</Name><VirtualHardwareSection/></VirtualSystem>"
		"</VirtualSystemCollection></VirtualSystemCollection></Envelope>");

	CU_ASSERT_EQUAL_FATAL(p->machine_count, 2);
	CU_ASSERT(same_text(p->machine[0].name, "a"));
	CU_ASSERT(same_text(p->machine[1].name, "sea"));
	CU_ASSERT_EQUAL(p->fault_count, 1);	/* a has no hardware */
	ovf_free(p);
}

static void what_refers_to_nothing_is_told(void)
{
	struct ovf_package *p = read_text(HEAD
		"<DiskSection>"
		"<Disk ovf:diskId=\"d\" ovf:fileRef=\"gone\" ovf:capacity=\"${size}\"/>"
		"<Disk ovf:diskId=\"nobody's\" ovf:capacity=\"1\" "
		"ovf:capacityAllocationUnits=\"byte * 2^99\"/></DiskSection>"
		"<VirtualSystem ovf:id=\"v\"><VirtualHardwareSection>"
		DISK("ovf:/disk/d", 9)
		ITEM(17, "<rasd:HostResource>ovf:/disk/other</rasd:HostResource>")
		"</VirtualHardwareSection></VirtualSystem></Envelope>");

	CU_ASSERT_EQUAL(p->machine->disk_count, 2);
	CU_ASSERT_EQUAL(p->machine->disk[0].capacity_bytes, OVF_NOT_SAID);
	/* size chosen later, unit, file, controller, disk, controller, disk of no machine */
	CU_ASSERT_EQUAL(p->fault_count, 7);
	ovf_free(p);
}

static void what_reaches_beyond_the_text_is_refused(void)
{
	static const struct { const char *text; enum status st; const char *word; } bad[] = {
		{ "", ST_CORRUPT, "" },
		{ "no xml", ST_CORRUPT, "line 1" },
		{ "<a>", ST_CORRUPT, "line 1" },
		{ "<a/>", ST_CORRUPT, "not of a package" },
		{ HEAD "</Envelope>", ST_CORRUPT, "no machine" },
		{ "<!DOCTYPE Envelope SYSTEM \"file:///etc/passwd\"><Envelope/>", ST_CORRUPT,
		  "document type" },
		{ "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>"
		  "<Envelope>&x;</Envelope>",
		  ST_CORRUPT, "document type" },
		{ "<!DOCTYPE a [<!ENTITY x \"xxxxxxxx\"><!ENTITY y \"&x;&x;&x;&x;\">]>"
		  "<Envelope>&y;</Envelope>", ST_CORRUPT, "document type" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		struct ovf_package *p = NULL;
		struct why why = { 0 };

		CU_ASSERT_EQUAL(ovf_read(bad[i].text, strlen(bad[i].text), &p, &why), bad[i].st);
		CU_ASSERT(strstr(why.text, bad[i].word) != NULL);
		CU_ASSERT(p == NULL);
	}
}

/* Deeper than any package, and more than a machine can have. */
static void too_much_is_refused(void)
{
	size_t n = 100000;
	char *text = malloc(n * 7 + sizeof(HEAD) + 200), *end = text;
	struct ovf_package *p = NULL;

	for (size_t i = 0; i < n; i++)
		end = stpcpy(end, "<a>");
	CU_ASSERT_EQUAL(ovf_read(text, (size_t)(end - text), &p, NULL), ST_CORRUPT);
	end = stpcpy(text, HEAD "<VirtualSystem><VirtualHardwareSection>");
	for (size_t i = 0; i < 2000; i++)
		end = stpcpy(end, "<Item/>");
	strcpy(end, "</VirtualHardwareSection></VirtualSystem></Envelope>");
	CU_ASSERT_EQUAL(ovf_read(text, strlen(text), &p, NULL), ST_LIMIT);
	free(text);
	text = calloc(1, OVF_BYTES_MAX + 2);
	memset(text, ' ', OVF_BYTES_MAX + 1);
	CU_ASSERT_EQUAL(ovf_read(text, OVF_BYTES_MAX + 1, &p, NULL), ST_LIMIT);
	free(text);
}

static const struct cu_case cases[] = {
	{ "what is written is read back", what_is_written_is_read_back },
	{ "other spellings are understood", other_spellings_are_understood },
	{ "a collection is several machines", a_collection_is_several_machines },
	{ "what refers to nothing is told", what_refers_to_nothing_is_told },
	{ "what reaches beyond the text is refused", what_reaches_beyond_the_text_is_refused },
	{ "too much is refused", too_much_is_refused },
};
CU_MAIN("tools/ovf", cases)
