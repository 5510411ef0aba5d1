/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names and values that CoAP writes in another way than HTTP, by the rows of coap.def; private to
 * the mapping (coap_map.h). Pure functions; any thread.
 */
#ifndef BIND_COAP_NAMES_H
#define BIND_COAP_NAMES_H

#include "bind/coap_map.h"

#define CMAP_ETAG_TEXT_MAX 56 /* octets of an entity tag as text, with its quotes */

/* ---- media types ---- */

/* The media type of a Content-Format; p NULL: it is not known. A constant. */
struct slice cmap_media_type(unsigned format);
/* The Accept of HTTP that means the same; p NULL: it is not known. A constant. */
struct slice cmap_accept(unsigned format);
/*
 * The Content-Format of a media type. False: there is none; a charset other than UTF-8 and other
 * parameters cannot be expressed.
 */
bool cmap_format(struct slice type, unsigned *format);
/*
 * The one Content-Format that an Accept of HTTP likes best. *given is false when anything will do.
 * False: what it asks for cannot be expressed.
 */
bool cmap_format_accepted(struct slice accept, unsigned *format, bool *given);

/* ---- entity tags ---- */

/*
 * The octets of an entity tag, 1..CMAP_ETAG_MAX. An eTag of this SCL and what cmap_etag_text writes
 * come back as they were; of any other they are a hash, which no tag ever matches.
 */
unsigned cmap_etag_octets(struct slice text, unsigned char out[CMAP_ETAG_MAX]);
/*
 * The text of n octets (1..CMAP_ETAG_MAX), in quotes; its length. Different octets have different
 * texts.
 */
size_t cmap_etag_text(const unsigned char *octets, size_t n, char out[CMAP_ETAG_TEXT_MAX]);

/* ---- primitive attributes ---- */

struct cmap_attribute {
	struct slice query; /* name in a query */
	size_t offset; /* of a slice in struct req_input */
	const char *header; /* HTTP's */
};

/* By the name in a query, or by that of HTTP, in any case. NULL: it is none. */
const struct cmap_attribute *cmap_attribute_named(struct slice name);
const struct cmap_attribute *cmap_attribute_of(struct slice header);

/* ---- text ---- */

/* The unsigned integer of an option of up to 4 octets (RFC 7252 section 3.2). */
uint32_t cmap_uint(struct slice value);
/*
 * Appends s to the text at to, percent-encoding what may not stand in a path segment, in a query
 * slashes and question marks may; the next free place. There is room for three times s.n.
 */
char *cmap_put_segment(char *to, struct slice s);
char *cmap_put_query(char *to, struct slice s);
/* Decodes %XX of s into to, which has room for size octets. False: a bad escape, or no room. */
bool cmap_decode(struct slice s, char *to, size_t size, size_t *n);

#endif
