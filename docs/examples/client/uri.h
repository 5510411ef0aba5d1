/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLIENT_URI_H
#define CLIENT_URI_H

#include <stdbool.h>

/*
 * The little an application does with URIs. References of an SCL are absolute URIs or paths that
 * begin with "/" (TS 102 921 gives only "anyURI"), so both are resolved. Everything returned is
 * released with free().
 */

/*
 * The absolute http or https URI that ref means inside a document read from base, without a
 * slash at its end; NULL when there is no such URI. What is returned holds neither blanks nor
 * control characters and may be put into a request line.
 */
char *uri_resolve(const char *base, const char *ref);

/* "host:port" of a URI that came from uri_resolve, the port always given. */
char *uri_authority(const char *uri);

/* The part of a URI from uri_resolve that follows the authority; points into uri. */
const char *uri_path(const char *uri);

/* True when uri is base or lies below it, on a segment boundary. */
bool uri_below(const char *uri, const char *base);

/* Percent-encodes everything but unreserved characters: for one path segment or query value. */
char *uri_escape(const char *text);

#endif
