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

/* Length of the leading run of s that is valid UTF-8 beyond ASCII and, with xml, allowed in XML. */
size_t codec_utf8_run(struct slice s, bool xml);
/* True when s is UTF-8 without a NUL character, which no syntax but CBOR could carry. */
bool codec_utf8_ok(struct slice s);
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

/* Integers up to here are exact in a double, also in that of a JSON reader. */
#define CODEC_EXACT_MAX INT64_C(9007199254740992)

/*
 * Documents of objects, arrays and scalars (JSON, CBOR) read into neutral trees. One member names
 * the root; members are attributes or elements, which only the model can tell. "@x" is an attribute
 * for sure, "$t" the text beside attributes, "$type" is xsi:type, "{uri}x" an element of a
 * foreign namespace. The syntax walks over the document and says what it finds.
 */
struct members {
	struct arena *a;
	const struct codec_limits *limits;
	struct slice foreign[CODEC_NAMESPACES]; /* as many as an XML document may have */
	unsigned nforeign;
	enum rc rc; /* the first failure, and why; RC_OK: none yet */
	const char *why;
};

/* What is known of one object. */
struct members_seen {
	unsigned attributes;
	unsigned scalars; /* members that are attributes when there is text */
	bool text; /* has "$t" */
	bool elements; /* has a member that cannot be an attribute */
};

enum members_form { MEMBERS_SCALAR, MEMBERS_OBJECT, MEMBERS_ARRAY };

/* One member: what it names and the node that takes its value. */
struct member {
	struct slice name, ns;
	unsigned flags;
	struct node *to; /* the parent; of a scalar or object where its value goes */
};

/* Keeps the first failure; false. why: a constant, or in the arena. */
bool members_fail(struct members *m, enum rc rc, const char *why);
/* The member of this key whose value goes into a new root. NULL after a failure. */
struct node *members_root(struct members *m, struct slice key);
/*
 * The member key of the object that parent is made of; *out says where its value goes: a scalar
 * or object into out->to, each entry of an array into a node of members_entry.
 */
bool members_take(struct members *m, struct members_seen *seen, struct node *parent,
                  struct slice key, enum members_form form, struct member *out);
/* A node for the next entry of the array (flag NODE_ARRAY), or for it being empty; NULL: failed. */
struct node *members_entry(struct members *m, const struct member *array, unsigned flag);
/* After the last member of the object that n is made of. */
bool members_end(struct members *m, const struct members_seen *seen, struct node *n);
/* The scalar value of n. text is copied. */
bool members_text(struct members *m, struct node *n, struct slice text, unsigned flag);
bool members_boolean(struct node *n, bool v);
bool members_integer(struct members *m, struct node *n, int64_t v);
/* "1.0" and "1e3" are integers; what is none keeps the form in which it is given. */
bool members_real(struct members *m, struct node *n, double v, struct slice form);

/*
 * How such a document is written: the bytes of each of its parts. Pure but for the buffer, which
 * fails when something cannot be told.
 */
struct notation {
	/* Around the member that names the root. */
	void (*document)(struct buf *out);
	void (*document_end)(struct buf *out);
	/* Around the members of an object or the entries of an array; open->at lies behind open. */
	void (*open)(struct buf *out, bool array);
	void (*close)(struct buf *out, const struct codec_open *open, bool array);
	/* Before a value: entry count of an array, or member count (prefix and {ns} may be empty). */
	void (*entry)(struct buf *out, size_t count);
	void (*key)(struct buf *out, size_t count, const char *prefix, struct slice ns,
	            struct slice name);
	void (*string)(struct buf *out, struct slice s);
	/* Octets, or octets that are given as base64. */
	void (*bytes)(struct buf *out, struct slice s);
	void (*encoded)(struct buf *out, struct slice base64);
	void (*boolean)(struct buf *out, bool v);
	/* An xs:long of the model. */
	void (*integer)(struct buf *out, int64_t v);
	/* A number that came as such in a document, by its JSON form; v: as xs:long, or NULL. */
	void (*number)(struct buf *out, struct slice s, const int64_t *v);
};

/* Prepares w to write in that notation. */
void members_writer(struct writer *w, const struct notation *notation, struct buf *out);

/* The writer members of the codecs. */
void codec_xml_writer(struct writer *w, struct buf *out);
void codec_json_writer(struct writer *w, struct buf *out);
void codec_cbor_writer(struct writer *w, struct buf *out);

#endif
