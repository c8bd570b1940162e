/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tools/ovf_words.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "iopath/base/mem.h"

/* Those of one type: the one to write comes before other spellings of it. */
static const struct ovf_family families[] = {
	{ "lsilogic", RES_SCSI, "lsilogic", "SCSI controller" },
	{ "pvscsi", RES_SCSI, "VirtualSCSI", "SCSI controller" },
	{ "lsisas1068", RES_SCSI, "lsilogicsas", "SCSI controller" },
	{ "buslogic", RES_SCSI, "buslogic", "SCSI controller" },
	{ "ide", RES_IDE, NULL, "IDE controller" },
	{ "sata", RES_OTHER_STORAGE, "vmware.sata.ahci", "SATA controller" },
	{ "sata", RES_OTHER_STORAGE, "AHCI", "SATA controller" },	/* VirtualBox */
	{ "nvme", RES_OTHER_STORAGE, "vmware.nvme.controller", "NVMe controller" },
};

const struct ovf_family *ovf_family_of(const char *controller)
{
	for (size_t i = 0; controller && i < ARRAY_COUNT(families); i++)
		if (strcasecmp(families[i].word, controller) == 0)
			return &families[i];
	return &families[0];
}

/* IDE has models (PIIX4) that make no difference. */
const struct ovf_family *ovf_family_of_item(unsigned type, const char *subtype)
{
	for (size_t i = 0; i < ARRAY_COUNT(families); i++) {
		const struct ovf_family *f = &families[i];

		if (f->type == type &&
		    (!f->subtype || (subtype && strcasecmp(f->subtype, subtype) == 0)))
			return f;
	}
	return NULL;
}

static void replace(char *text, char from, char to)
{
	for (; *text; text++)
		*text = *text == from ? to : *text;
}

void ovf_guest_word(const char *guest_os, char *buf, size_t size)
{
	snprintf(buf, size, "%sGuest", guest_os);
	replace(buf, '-', '_');
}

void ovf_guest_of_word(const char *word, char *buf, size_t size)
{
	snprintf(buf, size, "%s", word);
	if (!mem_ends_with(word, "Guest") || strlen(word) >= size)
		return;
	buf[strlen(buf) - strlen("Guest")] = 0;
	replace(buf, '_', '-');
}
