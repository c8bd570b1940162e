/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* xml_in - a small XML document that nobody vouches for, as a tree. No document type, so no entity
 * that grows and none that names a file; no network; depth as libxml2 limits it (256). Elements and
 * attributes go by their local names: writers of OVF choose prefixes and namespaces freely. */
#ifndef CAIRN_TOOLS_XML_IN_H
#define CAIRN_TOOLS_XML_IN_H

#include <stddef.h>

#include <libxml/tree.h>

#include "iopath/base/why.h"

struct xml_in {
	xmlDocPtr	doc;
	xmlDictPtr	strings;	/* texts given out; they live as long as this */
};

/* ST_CORRUPT: not XML, and where; or it has a document type. ST_NOMEM. xml_in_fini() afterwards,
 * unless it fails. */
MUST_USE enum status xml_in_init(struct xml_in *x, const char *text, size_t bytes,
				 struct why *why);
/* Frees the tree; the texts stay until xml_in_fini(). */
void xml_in_drop_tree(struct xml_in *x);
void xml_in_fini(struct xml_in *x);

int xml_is(const xmlNode *n, const char *name);
/* The element behind n in the order of the text, below root; NULL: no more. Without recursion. */
const xmlNode *xml_next(const xmlNode *root, const xmlNode *n);
/* The first child of that name; NULL: none. n may be NULL. */
const xmlNode *xml_child(const xmlNode *n, const char *name);
/* Blanks around are taken off; NULL: there is none, it is empty, or there is no memory. */
const char *xml_text(struct xml_in *x, const xmlNode *n);
const char *xml_attribute(struct xml_in *x, const xmlNode *n, const char *name);
const char *xml_child_text(struct xml_in *x, const xmlNode *n, const char *name);
/* A copy that lives as long as the others. */
const char *xml_keep(struct xml_in *x, const char *text, size_t bytes);

#endif
