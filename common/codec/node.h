/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The neutral tree between bytes and model: what a document says, before anything is known
 * about its meaning. Nodes live in the arena of the decoder; texts may point into its input.
 */
#ifndef CODEC_NODE_H
#define CODEC_NODE_H

#include "base/arena.h"

#define NS_M2M "http://uri.etsi.org/m2m"
#define NS_XMIME "http://www.w3.org/2005/05/xmlmime"
#define NS_XSI "http://www.w3.org/2001/XMLSchema-instance"

enum node_flags {
	NODE_ATTRIBUTE = 1, /* XML attribute */
	NODE_NO_NS = 2, /* the syntax has no namespaces: name alone identifies (JSON, CBOR) */
	NODE_EITHER = 4, /* the syntax does not tell element from attribute (member without @) */
	NODE_ARRAY = 8, /* JSON, CBOR: an entry of an array */
	NODE_EMPTY_ARRAY = 16, /* the same: stands for an array without entries; has no value itself */
	NODE_NUMBER = 32, /* the same: a number; text is its canonical decimal form */
	NODE_BOOLEAN = 64, /* the same: true or false; text says which */
	NODE_STRING = 128, /* the same: a string */
	NODE_BINARY = 256 /* CBOR byte string; text is its base64 */
};

struct node {
	struct slice name; /* local name */
	struct slice ns; /* namespace URI; empty = none */
	struct slice text; /* character data of the element itself, or the value */
	struct node *first; /* children, attributes before elements, in document order */
	struct node *last;
	struct node *next;
	unsigned flags;
};

/* A node appended to parent (NULL: a root). NULL when the arena is exhausted. */
static inline struct node *
node_add(struct arena *a, struct node *parent, struct slice name, unsigned flags)
{
	struct node *n = ARENA_NEW(a, struct node);

	if (n == NULL)
		return NULL;
	n->name = name;
	n->flags = flags;
	if (parent != NULL) {
		if (parent->last != NULL)
			parent->last->next = n;
		else
			parent->first = n;
		parent->last = n;
	}
	return n;
}

#endif
