/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of this folder share; nobody else includes it. Pure functions unless said
 * otherwise; any thread.
 */
#ifndef CODEC_PARTS_H
#define CODEC_PARTS_H

#include "codec/codec.h"

#include <stdint.h>

/* Foreign namespaces (not of node.h) in one document, and declarations of one element. */
#define CODEC_NAMESPACES 32u
/* The namespace of xml:lang and its like, which needs no declaration. */
#define NS_XML "http://www.w3.org/XML/1998/namespace"
/* Octets of one document: libxml2 takes no longer text and its lengths are int. */
#define CODEC_DOCUMENT_MAX 9999999u

/* A set of bytes; bit c % 64 of word c / 64. */
struct byteset {
	uint64_t bits[4];
};

#define BYTE_BIT(c) (UINT64_C(1) << ((c) & 63))

static inline bool
byteset_has(const struct byteset *set, char c)
{
	unsigned char u = (unsigned char)c;

	return (set->bits[u >> 6] >> (u & 63) & 1) != 0;
}

/* Length of the leading run of s without a byte of set. */
static inline size_t
byteset_skip(const struct byteset *set, struct slice s)
{
	size_t i = 0;

	while (i < s.n && !byteset_has(set, s.p[i]))
		i++;
	return i;
}

/* Length of the UTF-8 sequence that s starts with and its code point; 0 when it is none. */
unsigned codec_utf8_next(struct slice s, uint32_t *cp);
/* Length of the leading run of s that is valid UTF-8 beyond ASCII and, with xml, allowed in XML. */
size_t codec_utf8_run(struct slice s, bool xml);
/* True when s is an XML name without a colon (NCName of Namespaces in XML 1.0). */
bool codec_name_ok(struct slice s);
/*
 * True when uri names a foreign namespace that an XML document can declare: none of node.h and
 * none of XML itself.
 */
bool codec_foreign_ok(const char *uri);
/* The namespace that s is a URI of; CODEC_NS_NONE also for foreign ones. */
enum codec_ns codec_ns_of(struct slice s);

/* Why and where codec_xml_source refused. */
struct xml_fault {
	const char *why; /* constant */
	int line;
};

/*
 * Copies the document in into the arena, in UTF-8, zero-terminated, and makes sure that the
 * parser gets nothing that could surprise it: no document type declaration, forbidden
 * character, tag with far more attributes than the limit. RC_BAD_REQUEST or RC_UNAVAILABLE
 * with *fault.
 */
enum rc codec_xml_source(struct arena *a, struct slice in, const struct codec_limits *limits,
                         struct slice *copy, struct xml_fault *fault);

/* Result of codec_json_scan. */
struct json_facts {
	size_t members; /* of all objects together, duplicates included */
	const char *why; /* constant; set on failure */
	size_t at; /* offset of the failure */
};

/*
 * True when s is a JSON text (RFC 8259, UTF-8) that this codec takes: an object within the
 * limits, without null, arrays in arrays, NUL characters, unpaired surrogates, integers beyond
 * 64 bits. Does not see duplicate members (compare facts->members with the parsed tree).
 */
bool codec_json_scan(struct slice s, const struct codec_limits *limits, struct json_facts *facts);
/* True when s is one JSON number. */
bool codec_json_number_ok(struct slice s);

/* The writer members of codec_xml and codec_json. */
void codec_xml_writer(struct writer *w, struct buf *out);
void codec_json_writer(struct writer *w, struct buf *out);

#endif
