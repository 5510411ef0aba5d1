/* SPDX-License-Identifier: Apache-2.0 */
/*
 * URIs as requests use them: RFC 3986 syntax, comparison after normalisation (TS 102 690, access
 * rights).
 */
#ifndef BASE_URI_H
#define BASE_URI_H

#include "base/arena.h"

/* The parts of a URI; views into the parsed text, empty when absent. */
struct uri {
	struct slice scheme;
	struct slice authority; /* host[:port], without user information */
	struct slice host;
	struct slice port;
	struct slice path; /* with its leading slash */
	struct slice query; /* without the question mark */
};

/*
 * Splits an absolute URI (scheme://authority/path) or a path-absolute reference (/path). Control
 * characters, spaces and a fragment make it malformed: false.
 */
bool uri_parse(struct slice text, struct uri *out);
/* True when text has a scheme and an authority. */
bool uri_is_absolute(struct slice text);

/* True for a URI with a host and a scheme that a binding speaks: http, https, coap or coaps. */
bool uri_is_transport(struct slice text);
/* True for those of them that are protected by TLS or DTLS. */
bool uri_is_secure(struct slice text);

/*
 * The form that URIs are compared in: scheme and host in lower case, no default port, percent
 * escapes of unreserved characters decoded, others in upper case, no trailing slash. The result
 * is in the arena, without the query; p is NULL when text is malformed or the arena is exhausted.
 */
struct slice uri_normalise(struct arena *a, struct slice text);
/*
 * The authority of that form: host and port, without a default port. Empty when there is none, text
 * is malformed or the arena is exhausted.
 */
struct slice uri_authority(struct arena *a, struct slice text);

/* Decodes %XX; false on a bad escape or a decoded zero. The result is in the arena (or is s). */
bool uri_decode(struct arena *a, struct slice s, struct slice *out);
/* Percent-encodes what may not stand in a path segment. The result is in the arena (or is s). */
struct slice uri_encode_segment(struct arena *a, struct slice s);

/*
 * The next name=value of a query (separator &), decoded; + is a plus (TS 102 921 annex C).
 * Returns 1 for a pair, 0 at the end, -1 when malformed.
 */
int uri_next_param(struct arena *a, struct slice *query, struct slice *name, struct slice *value);

/*
 * An authority as a name of one path segment, which is itself a URI: dots for what cannot stand in
 * one. The result is in the arena.
 */
struct slice uri_authority_name(struct arena *a, struct slice authority);

/* True when path equals prefix or continues it on a segment boundary. */
bool uri_path_below(struct slice path, struct slice prefix);

#endif
