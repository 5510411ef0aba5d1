/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLIENT_XML_H
#define CLIENT_XML_H

#include <stddef.h>

#include <libxml/tree.h>

/*
 * ETSI M2M documents over libxml2. Global elements of the schema are in the namespace
 * http://uri.etsi.org/m2m, locally declared ones (reference, representation, attributeAccessor,
 * ...) are in none.
 */

/* A document with an m2m root element; released by xml_take or xmlFreeDoc. */
xmlDoc *xml_new(const char *root);

/* Adds an element of the m2m namespace below parent; text may be NULL and is escaped. */
xmlNode *xml_add(xmlNode *parent, const char *name, const char *text);

/* The same for an element without namespace. */
xmlNode *xml_add_local(xmlNode *parent, const char *name, const char *text);

/* Sets an attribute: "m2m:id" and "xmime:contentType" in their namespaces, others in none. */
void xml_set(xmlNode *node, const char *name, const char *value);

/* Frees doc and returns it as text, to be released with free(). */
char *xml_take(xmlDoc *doc);

/*
 * Parses untrusted bytes: no network, no external entities, the size limits of libxml2. NULL when
 * they are not well-formed, bring a DTD (ETSI M2M has none, and entities could blow up), or when
 * root is given and the root element has another name.
 */
xmlDoc *xml_parse(const char *bytes, size_t len, const char *root);

/*
 * First child element, or next sibling element, with that local name; NULL when node is NULL or
 * has none. The namespace is not compared: peers are known to mix it up.
 */
xmlNode *xml_child(const xmlNode *node, const char *name);
xmlNode *xml_next(const xmlNode *node, const char *name);

/* Text of an element without the blanks around it, to be freed; NULL when node is NULL. */
char *xml_text(const xmlNode *node);

/* xml_text of a child of the root element; NULL also when doc is NULL. */
char *xml_field(const xmlDoc *doc, const char *name);

/* Value of an attribute of whatever namespace, to be freed; NULL when absent. */
char *xml_get(const xmlNode *node, const char *name);

#endif
