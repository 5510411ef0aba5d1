/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLIENT_RESOURCE_H
#define CLIENT_RESOURCE_H

#include <stdint.h>

#include "client/http.h"

/*
 * What a client wants to exist at an SCL: an application or one of its containers. UPDATE
 * replaces every attribute (TS 102 921), so a refresh is sent from the same description.
 * The strings belong to the caller.
 */
struct resource {
	const char *type;		/* "application" or "container", the root element */
	const char *collection;		/* absolute URI it is created at */
	const char *id;			/* its name below collection, see resource_uri */
	const char *access_right;	/* path of an accessRight; NULL: rights of the owner only */
	const char *const *search;	/* searchStrings, NULL at the end */
	long long max_instances;	/* limits of a container; 0: not sent */
	long long max_bytes;
};

/* Absolute URI of the resource, to be freed. */
char *resource_uri(const struct resource *r);

/*
 * Creates r to live for lifetime_ms; when it exists already its attributes are set and its
 * life is prolonged. On OUT_DONE *expires is the granted expirationTime (see when_refresh), which
 * may be earlier or later than wanted.
 */
enum outcome resource_keep(struct http *h, const struct resource *r, int64_t lifetime_ms,
    int64_t *expires);

/* expirationTime in a representation, or otherwise when it holds none. */
int64_t resource_expires(const struct http_reply *reply, int64_t otherwise);

#endif
