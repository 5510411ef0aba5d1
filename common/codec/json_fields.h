/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON (RFC 8259) of interfaces between machines of one kind: objects of known members, read
 * strictly and in place. Texts are printable ASCII without quotation marks and backslashes, so they have one
 * spelling and no key is copied for its escapes; an unknown member, one that is there twice,
 * another type or anything after the object make the whole unusable. Pure functions; any thread.
 */
#ifndef CODEC_JSON_FIELDS_H
#define CODEC_JSON_FIELDS_H

#include "base/buf.h"
#include "sec/secret.h"

#define JSON_DEPTH 8u

enum json_kind {
	JSON_TEXT, /* struct slice: what is between the quotation marks */
	JSON_NUMBER, /* int64_t: a whole number */
	JSON_DECIMAL, /* struct slice: a number, with a fraction or not, without an exponent */
	JSON_FLAG, /* bool */
	JSON_LIST, /* struct slice: what is between the brackets, for json_item */
	JSON_OBJECT, /* struct slice: with its braces, for json_read */
	JSON_KEY, /* struct key: 43 characters of base64url*/
	JSON_ANY /* read over, whatever it is */
};

/* A member and where it goes in the struct that is filled. What is absent there stays. */
struct json_field {
	const char *name;
	enum json_kind kind;
	bool required;
	size_t at; /* offset */
};

#define JSON_FIELDS_MAX 24u
#define JSON_FIELD(type, member, name, kind, required)                                             \
	{                                                                                          \
		name, kind, required, offsetof(type, member)                                       \
	}

/* True when text is exactly one object of these n fields (at most JSON_FIELDS_MAX). */
bool json_read(struct slice text, const struct json_field *fields, size_t n, void *out);
/* The same of an answer, which may tell more than is asked for: other members are read over. */
bool json_pick(struct slice text, const struct json_field *fields, size_t n, void *out);
/*
 * The next element of a list: 1, 0 at its end, -1 when it is broken. *item is with quotation marks
 * or braces.
 */
int json_item(struct slice *list, struct slice *item);
/* What is between the quotation marks of an item; false when it is no text. */
bool json_item_text(struct slice item, struct slice *text);

/* ---- writing: members and elements put their commas themselves ---- */

/* name NULL: an element of a list. Foreign octets become '?'. */
void json_put_text(struct buf *b, const char *name, struct slice s);
void json_put_number(struct buf *b, const char *name, int64_t v);
void json_put_flag(struct buf *b, const char *name, bool v);
void json_put_hex(struct buf *b, const char *name, const void *p, size_t n);
/* Base64url. */
void json_put_key(struct buf *b, const char *name, const struct key *k);
/* Microseconds since 1970 as xs:dateTime; 0: nothing is put. */
void json_put_time(struct buf *b, const char *name, int64_t us);
/* name: value, for visitors of counters; arg is the buffer. */
void json_put_counter(void *arg, const char *name, uint64_t value);
/* '{' or '['; the end is the caller's. */
void json_put_open(struct buf *b, const char *name, char c);

/* Wipes what is in b, then frees it. */
void json_wipe(struct buf *b);

#endif
