/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Documents of the SGA server: flat objects in JSON, XML and CBOR, read and written by one table of
 * fields each (sgs_rest.h says how they look). Reading is strict: an unknown member, one that is
 * there twice, another type or an absent required one make the whole unusable. Pure functions, no
 * state; any thread, one at a time per arena.
 */
#ifndef CAP_SGS_SGS_DOC_H
#define CAP_SGS_SGS_DOC_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/rc.h"

#include <stdint.h>

#define SGS_NS "urn:openscl:sga:1"
#define SGS_NUMBER_BYTES 16u /* of SGS_HEX */

enum sgs_syntax { SGS_OCTETS, SGS_JSON, SGS_XML, SGS_CBOR, SGS_NO_SYNTAX };

/* What a member is, and the type of the C member. Written only: the last three. */
enum sgs_kind {
	SGS_TEXT, /* struct slice: 1..SGS_TEXT_MAX octets of printable ASCII; p NULL: absent */
	SGS_NUMBER, /* uint64_t, up to SGS_NUMBER_MAX */
	SGS_FLAG, /* bool */
	SGS_BYTES, /* struct slice: octets; p NULL: absent */
	SGS_HEX, /* uint8_t[SGS_NUMBER_BYTES] as 32 digits */
	SGS_TEXTS, /* struct sgs_texts: each as SGS_TEXT */
	SGS_ROWS, /* struct sgs_rows: documents of one table */
	SGS_TIME, /* uint64_t: seconds since 1970; 0 is left out */
	SGS_COUNTS /* struct sgs_counts: each a number of its own name; the field has no name */
};

#define SGS_TEXT_MAX 2048u
#define SGS_NUMBER_MAX ((UINT64_C(1) << 53) - 1) /* what all readers of JSON have exactly */
#define SGS_TEXTS_MAX 4096u /* entries of a list that is read */

struct sgs_texts {
	const struct slice *v;
	size_t n;
};

struct sgs_doc;

struct sgs_rows {
	const struct sgs_doc *doc; /* of one row; its root is not used */
	const void *v;
	size_t n, size; /* rows, octets of one */
};

struct sgs_count {
	const char *name;
	uint64_t value;
};

struct sgs_counts {
	const struct sgs_count *v;
	size_t n;
};

struct sgs_field {
	const char *name;
	enum sgs_kind kind;
	bool required; /* to be read; what is absent else stays as it is */
	size_t at; /* offset in the struct */
};

#define SGS_FIELD(type, member, name, kind, required)                                              \
	{                                                                                          \
		name, kind, required, offsetof(type, member)                                       \
	}
#define SGS_FIELDS_MAX 16u

struct sgs_doc {
	const char *root; /* of XML */
	const struct sgs_field *fields;
	size_t n;
};

/* The syntax of a Content-Type, by its name without parameters; SGS_NO_SYNTAX: none of these. */
enum sgs_syntax sgs_syntax_of(struct slice content_type);
/*
 * The syntax to answer in (RFC 9110 section 12.5.1): of those that accept names and that octets
 * allows (SGS_OCTETS only if it is true) the one with the highest weight, the first of equals;
 * preferred when accept is absent, or its best range is a wildcard. SGS_NO_SYNTAX: it takes none.
 */
enum sgs_syntax sgs_syntax_accepted(struct slice accept, bool octets, enum sgs_syntax preferred);
/* What Content-Type says, a constant; NULL for SGS_NO_SYNTAX. */
const char *sgs_media_type(enum sgs_syntax syntax);

/*
 * Reads one document of JSON, XML or CBOR into *out, whose slices lie in a. RC_BAD_REQUEST: it is
 * not one as described; RC_UNAVAILABLE: a is exhausted. *out may be filled in part then.
 */
enum rc sgs_doc_read(struct arena *a, enum sgs_syntax syntax, struct slice body,
                     const struct sgs_doc *doc, void *out);
/*
 * Appends *in as a document of JSON, XML or CBOR; b->failed: no room, or a text that has no form.
 */
void sgs_doc_write(struct buf *b, enum sgs_syntax syntax, const struct sgs_doc *doc,
                   const void *in);

/* The document that has nothing but one message. */
struct sgs_envelope {
	struct slice message;
};
extern const struct sgs_field sgs_envelope_fields[1];
/*
 * The message of a body: the body itself, or of a document with that root, in a. RC_BAD_REQUEST,
 * RC_UNAVAILABLE, RC_MEDIA_TYPE for SGS_NO_SYNTAX.
 */
enum rc sgs_message_read(struct arena *a, enum sgs_syntax syntax, struct slice body,
                         const char *root, struct slice *message);
/* The same, written; b->failed as above. */
void sgs_message_write(struct buf *b, enum sgs_syntax syntax, const char *root,
                       struct slice message);

#endif
