/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* xml_in - libxml2 with everything switched off that reaches beyond the text. The parse is stopped
 * at the first sign of a document type, before any entity of it exists. */
#include "tools/xml_in.h"

#include <limits.h>
#include <string.h>

#include <libxml/parser.h>

#include "iopath/base/mem.h"

static void on_document_type(void *context, const xmlChar *name, const xmlChar *id,
			     const xmlChar *system)
{
	xmlParserCtxtPtr p = context;

	(void)name, (void)id, (void)system;
	*(int *)p->_private = 1;
	xmlStopParser(p);
}

static enum status tell(xmlParserCtxtPtr p, int has_type, struct why *why)
{
	const char *message = p->lastError.message ? p->lastError.message : "not XML";

	if (has_type)
		return why_set(why, ST_CORRUPT, "it has a document type, which is not read");
	if (p->lastError.code == XML_ERR_NO_MEMORY)
		return why_set(why, ST_NOMEM, "no memory");
	return why_set(why, ST_CORRUPT, "line %d: %.*s", p->lastError.line,
		       (int)MIN(strcspn(message, "\n"), 200), message);
}

enum status xml_in_init(struct xml_in *x, const char *text, size_t bytes, struct why *why)
{
	xmlParserCtxtPtr p = xmlNewParserCtxt();
	int has_type = 0;
	enum status st = ST_OK;

	*x = (struct xml_in){ .strings = xmlDictCreate() };
	if (!p || !x->strings || bytes > INT_MAX) {
		st = why_set(why, ST_NOMEM, "no memory");
	} else {
		p->_private = &has_type;
		p->sax->internalSubset = on_document_type;
		x->doc = xmlCtxtReadMemory(p, text, (int)bytes, NULL, NULL,
					   XML_PARSE_NONET | XML_PARSE_NOERROR |
						   XML_PARSE_NOWARNING | XML_PARSE_NOCDATA |
						   XML_PARSE_COMPACT);
		if (has_type || !x->doc || !xmlDocGetRootElement(x->doc))
			st = tell(p, has_type, why);
	}
	xmlFreeParserCtxt(p);
	if (st != ST_OK)
		xml_in_fini(x);
	return st;
}

void xml_in_drop_tree(struct xml_in *x)
{
	xmlFreeDoc(x->doc);
	x->doc = NULL;
}

void xml_in_fini(struct xml_in *x)
{
	xml_in_drop_tree(x);
	xmlDictFree(x->strings);
	x->strings = NULL;
}

/* ---- the tree -------------------------------------------------------------------------------- */

int xml_is(const xmlNode *n, const char *name)
{
	return n->type == XML_ELEMENT_NODE && strcmp((const char *)n->name, name) == 0;
}

const xmlNode *xml_next(const xmlNode *root, const xmlNode *n)
{
	do {
		if (n->type == XML_ELEMENT_NODE && n->children) {
			n = n->children;
		} else {
			while (n != root && !n->next)
				n = n->parent;
			n = n == root ? NULL : n->next;
		}
	} while (n && n->type != XML_ELEMENT_NODE);
	return n;
}

const xmlNode *xml_child(const xmlNode *n, const char *name)
{
	for (n = n ? n->children : NULL; n; n = n->next)
		if (xml_is(n, name))
			return n;
	return NULL;
}

/* ---- texts ----------------------------------------------------------------------------------- */

static int is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

const char *xml_keep(struct xml_in *x, const char *text, size_t bytes)
{
	while (bytes && is_blank(*text))
		text++, bytes--;
	while (bytes && is_blank(text[bytes - 1]))
		bytes--;
	return bytes ? (const char *)xmlDictLookup(x->strings, BAD_CAST text, (int)bytes) : NULL;
}

static const char *keep_and_free(struct xml_in *x, xmlChar *text)
{
	const char *kept = text ? xml_keep(x, (const char *)text, strlen((char *)text)) : NULL;

	xmlFree(text);
	return kept;
}

const char *xml_text(struct xml_in *x, const xmlNode *n)
{
	return n ? keep_and_free(x, xmlNodeGetContent(n)) : NULL;
}

const char *xml_attribute(struct xml_in *x, const xmlNode *n, const char *name)
{
	for (const xmlAttr *a = n->properties; a; a = a->next)
		if (strcmp((const char *)a->name, name) == 0)
			return keep_and_free(x, xmlNodeListGetString(x->doc, a->children, 1));
	return NULL;
}

const char *xml_child_text(struct xml_in *x, const xmlNode *n, const char *name)
{
	return xml_text(x, xml_child(n, name));
}
