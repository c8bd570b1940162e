/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* ovf_words - how a descriptor calls what a .vmx calls otherwise: controllers and guests. One table
 * for writing and for reading, so that what is written is read back the same.
 * Source: DMTF DSP0004 and the CIM schema (CIM_ResourceAllocationSettingData.ResourceType); the
 * words of VMware's and VirtualBox's own packages. */
#ifndef CAIRN_TOOLS_OVF_WORDS_H
#define CAIRN_TOOLS_OVF_WORDS_H

#include <stddef.h>

enum ovf_resource { RES_CPU = 3, RES_MEMORY = 4, RES_IDE = 5, RES_SCSI = 6, RES_NIC = 10,
		    RES_CD = 15, RES_DVD = 16, RES_DISK = 17, RES_OTHER_STORAGE = 20 };

struct ovf_family {
	const char	*word;		/* in a .vmx or a disk's descriptor */
	unsigned	type;
	const char	*subtype;	/* NULL: none */
	const char	*shown;
};

/* Of a .vmx's word; LSI Logic for what is not known. Never NULL. */
const struct ovf_family *ovf_family_of(const char *controller);
/* Of an Item. NULL: it is no controller, or one of a model that no .vmx knows. */
const struct ovf_family *ovf_family_of_item(unsigned type, const char *subtype);

/* "debian10-64" -> "debian10_64Guest", and back; what does not look so stays as it is. */
void ovf_guest_word(const char *guest_os, char *buf, size_t size);
void ovf_guest_of_word(const char *word, char *buf, size_t size);

#endif
