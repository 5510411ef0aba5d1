/* SPDX-License-Identifier: Apache-2.0 */
#include "client/xml.h"

#include <err.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <libxml/parser.h>

#include "client/mem.h"

#define NS_M2M		"http://uri.etsi.org/m2m"
#define NS_XMIME	"http://www.w3.org/2005/05/xmlmime"

static void *
checked(void *p)
{
	if (p == NULL)
		errx(1, "out of memory");
	return p;
}

/* A copy for free(), without white space at the ends, of a string of libxml2, which it frees. */
static char *
own(xmlChar *theirs)
{
	const char *from = (const char *)theirs;
	size_t len;
	char *ours;

	if (theirs == NULL)
		return NULL;
	from += strspn(from, " \t\r\n");
	for (len = strlen(from); len > 0 && strchr(" \t\r\n", from[len - 1]) != NULL; len--)
		;
	ours = mem_strndup(from, len);
	xmlFree(theirs);
	return ours;
}

xmlDoc *
xml_new(const char *root)
{
	xmlDoc *doc = checked(xmlNewDoc(BAD_CAST "1.0"));
	xmlNode *node = checked(xmlNewDocNode(doc, NULL, BAD_CAST root, NULL));

	xmlDocSetRootElement(doc, node);
	xmlSetNs(node, checked(xmlNewNs(node, BAD_CAST NS_M2M, BAD_CAST "m2m")));
	return doc;
}

xmlNode *
xml_add(xmlNode *parent, const char *name, const char *text)
{
	xmlNs *ns = checked(xmlSearchNs(parent->doc, parent, BAD_CAST "m2m"));

	return checked(xmlNewTextChild(parent, ns, BAD_CAST name, BAD_CAST text));
}

xmlNode *
xml_add_local(xmlNode *parent, const char *name, const char *text)
{
	xmlNode *node = checked(xmlNewDocRawNode(parent->doc, NULL, BAD_CAST name, BAD_CAST text));

	return checked(xmlAddChild(parent, node));
}

/* The namespace of a prefix, declared at the root when it is used for the first time. */
static xmlNs *
namespace_of(xmlNode *node, const char *prefix, size_t len)
{
	xmlNode *root = xmlDocGetRootElement(node->doc);
	xmlNs *ns;

	if (len == 3 && strncmp(prefix, "m2m", len) == 0)
		return checked(xmlSearchNs(node->doc, root, BAD_CAST "m2m"));
	ns = xmlSearchNs(node->doc, root, BAD_CAST "xmime");
	return ns != NULL ? ns : checked(xmlNewNs(root, BAD_CAST NS_XMIME, BAD_CAST "xmime"));
}

void
xml_set(xmlNode *node, const char *name, const char *value)
{
	const char *colon = strchr(name, ':');
	xmlNs *ns;

	if (colon == NULL) {
		checked(xmlNewProp(node, BAD_CAST name, BAD_CAST value));
		return;
	}
	ns = namespace_of(node, name, (size_t)(colon - name));
	checked(xmlNewNsProp(node, ns, BAD_CAST (colon + 1), BAD_CAST value));
}

char *
xml_take(xmlDoc *doc)
{
	xmlChar *text = NULL;
	int len;

	xmlDocDumpMemoryEnc(doc, &text, &len, "UTF-8");
	xmlFreeDoc(doc);
	return own(checked(text));
}

xmlDoc *
xml_parse(const char *bytes, size_t len, const char *root)
{
	xmlDoc *doc;
	xmlNode *node;

	if (len == 0 || len > INT_MAX)
		return NULL;
	doc = xmlReadMemory(bytes, (int)len, NULL, NULL,
	    XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOCDATA);
	if (doc == NULL)
		return NULL;
	node = xmlDocGetRootElement(doc);
	if (doc->intSubset != NULL || node == NULL ||
	    (root != NULL && strcmp((const char *)node->name, root) != 0)) {
		xmlFreeDoc(doc);
		return NULL;
	}
	return doc;
}

static xmlNode *
named_from(xmlNode *node, const char *name)
{
	for (; node != NULL; node = node->next)
		if (node->type == XML_ELEMENT_NODE && strcmp((const char *)node->name, name) == 0)
			return node;
	return NULL;
}

xmlNode *
xml_child(const xmlNode *node, const char *name)
{
	return node != NULL ? named_from(node->children, name) : NULL;
}

xmlNode *
xml_next(const xmlNode *node, const char *name)
{
	return node != NULL ? named_from(node->next, name) : NULL;
}

char *
xml_text(const xmlNode *node)
{
	return node != NULL ? own(xmlNodeGetContent(node)) : NULL;
}

char *
xml_field(const xmlDoc *doc, const char *name)
{
	return doc != NULL ? xml_text(xml_child(xmlDocGetRootElement(doc), name)) : NULL;
}

char *
xml_get(const xmlNode *node, const char *name)
{
	for (const xmlAttr *a = node->properties; a != NULL; a = a->next)
		if (strcmp((const char *)a->name, name) == 0)
			return own(xmlNodeGetContent((const xmlNode *)a));
	return NULL;
}
