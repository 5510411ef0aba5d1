/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One syntax (XML, JSON, CBOR): bytes to neutral tree, and a writer that turns events into bytes. A
 * codec knows elements, attributes, lists and scalars; never a resource type or an attribute.
 */
#ifndef CODEC_CODEC_H
#define CODEC_CODEC_H

#include "base/buf.h"
#include "base/rc.h"
#include "codec/node.h"

/* What a document may cost; 0 is not "unlimited": every field is set. */
struct codec_limits {
	unsigned depth; /* nested elements */
	unsigned nodes; /* elements and attributes in all */
	unsigned attributes; /* of one element */
	size_t text; /* octets of one text or value */
};

enum codec_ns { CODEC_NS_NONE, CODEC_NS_M2M, CODEC_NS_XMIME, CODEC_NS_XSI };

/* Name of an element or attribute; the strings are constants of the program. */
struct codec_name {
	const char *local;
	enum codec_ns ns;
};

enum codec_scalar { CODEC_TEXT, CODEC_NUMBER, CODEC_BOOLEAN };

/* Flags of writer.begin. */
enum codec_begin {
	CODEC_SIMPLE = 1, /* text only, no attribute or child ever: JSON, CBOR write a bare scalar */
	CODEC_ENTRY = 2, /* an entry of the list that was opened last */
	CODEC_ROOT = 4, /* the document element: XML declares m2m here */
	CODEC_USES_XMIME = 8, /* with CODEC_ROOT: also declare xmime */
	CODEC_USES_XSI = 16 /* with CODEC_ROOT: also declare xsi */
};

struct writer;

/*
 * Events to bytes. Order of events: begin, attr*, then text | base64 | (begin ... end | list ... | any)*,
 * end. Between list and list_end only begin with CODEC_ENTRY. Failures (size, characters that XML
 * cannot carry) stick in writer.out->failed.
 */
struct writer_ops {
	void (*begin)(struct writer *w, struct codec_name name, unsigned flags);
	void (*attr)(struct writer *w, struct codec_name name, struct slice value, enum codec_scalar kind);
	/* Content of the element that was begun last. */
	void (*text)(struct writer *w, struct slice value, enum codec_scalar kind);
	/* The same, bytes: padded base64, in CBOR a byte string. */
	void (*base64)(struct writer *w, struct slice bytes);
	/* A list of elements of one name: JSON and CBOR write an array, also when it stays empty. */
	void (*list)(struct writer *w, struct codec_name name);
	void (*list_end)(struct writer *w);
	/*
	 * Copies a neutral subtree as a child (xs:anyType content). A node without a name stands
	 * for its attributes, text and children: then the writer sees which names repeat.
	 */
	void (*any)(struct writer *w, const struct node *n);
	void (*end)(struct writer *w);
};

#define WRITER_DEPTH 40

struct notation; /* private to the codecs */

/* Where an object or array of the output began, and what it has so far; private to the codecs. */
struct codec_open {
	size_t at; /* offset of its first member in the output */
	size_t count; /* members or entries */
};

/*
 * Caller's memory; set up by codec.writer. A copy of it and the length of the output is all there
 * is to come back to: what was written after that can be taken back.
 */
struct writer {
	const struct writer_ops *ops;
	const struct notation *notation;
	struct buf *out; /* the caller's */
	struct {
		struct codec_name name;
		struct codec_open open;
		unsigned char flags; /* private to the codec */
	} stack[WRITER_DEPTH];
	unsigned depth;
};

struct codec {
	const char *name; /* "xml", "json", "cbor" */
	const char *media_type; /* what Content-Type says on output */
	const char *const *accepted; /* media types decoded, without parameters; NULL-terminated */
	/*
	 * Decodes one document. On failure RC_BAD_REQUEST (or RC_UNAVAILABLE when the arena is
	 * exhausted) and *why, a text in the arena or a constant, never the peer's bytes unescaped.
	 * Any thread.
	 */
	enum rc (*decode)(struct arena *a, struct slice bytes, const struct codec_limits *limits,
	                  struct node **root, const char **why);
	/* Prepares w to write into out (appending). */
	void (*writer)(struct writer *w, struct buf *out);
};

extern const struct codec codec_xml;
extern const struct codec codec_json;
extern const struct codec codec_cbor;

/* True when s can be carried as XML 1.0 character data: valid UTF-8 without forbidden characters. */
bool codec_xml_text_ok(struct slice s);

#endif
