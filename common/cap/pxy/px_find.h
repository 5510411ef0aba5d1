/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which proxy: those of the configuration in their order, else, of those that are discovered
 * (TS 102 921 10.36, RFC 6690), the one with most room. Who fails rests for a while. Courier thread.
 *
 * What is discovered may be anybody's: it is used only over TLS or DTLS, with a certificate of the
 * authorities that the configuration names or as a registered SCL, or when it is on this host and
 * this host has said so.
 */
#ifndef CAP_PXY_PX_FIND_H
#define CAP_PXY_PX_FIND_H

#include "cap/pxy/px_client.h"
#include "cap/pxy/px_talk.h"

#define PX_FIND_MAX 32u /* proxies that are known at a time */
#define PX_FIND_REST (600 * CLOCK_SECOND) /* of one that failed */
#define PX_FIND_LARGEST 65536u /* octets of a unit and of a batch that it has to take */

struct px_find_conf {
	const struct px_client *client;
	const char *const *proxies; /* root URLs; NULL-terminated, as the next */
	const char *const *discover; /* URLs: sclBase over HTTP, any of an authority over CoAP */
	const char *own_root; /* of this SCL: it is no proxy for itself */
	bool authorities; /* the credential of client names some */
	uint64_t reserve; /* octets that are to be available */
	struct log *log;
};

struct px_found {
	char root[PX_SPOOL_URL + 1];
	struct px_told_info info;
};

struct px_find;

/* RC_UNAVAILABLE. conf is copied, its strings are not. */
enum rc px_find_new(const struct px_find_conf *conf, struct px_find **out);
/* Not while it runs, unless the scl has stopped. NULL is fine. */
void px_find_free(struct px_find *f);
/*
 * done is called once, not from within; found NULL: none has room now. RC_CONFLICT: it runs already;
 * nothing is begun.
 */
enum rc px_find_run(struct px_find *f, void (*done)(void *arg, const struct px_found *found),
                    void *arg);
/* That one has failed later on. */
void px_find_rest(struct px_find *f, const char *root);

/* ---- pure functions ---- */

/* False ends it. */
typedef bool px_find_visit(void *arg, struct slice reference);
/* The references in a discovery resource in JSON; false: it is none. */
bool px_find_references(struct slice body, px_find_visit *visit, void *arg);
/* The targets of a document of links (RFC 6690 section 2); false: it is none. */
bool px_find_links(struct slice body, px_find_visit *visit, void *arg);

#endif
