/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTP server in front of a faked core, and its clients; shared by the tests of the server. */
#ifndef TESTS_UNIT_HTTP_BED_H
#define TESTS_UNIT_HTTP_BED_H

#include <check.h>

#include "bind/http.h"
#include "certs.h"
#include "http_fake.h"
#include "wire.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))
#define HOST "Host: localhost\r\n"
#define FROM "From: http://example.org/m2m\r\n"

/* What a test works on. */
struct bed {
	struct scl core;
	struct http_server *server;
	struct http_conf conf;
	const struct wire_tls *tls; /* of its clients; NULL = clear */
	char why[HTTP_WHY_MAX];
};

extern struct certs certs; /* made by bed_main before any test */
extern const struct wire_tls trusting; /* a client that trusts their issuer */

/* A configuration to be changed before bed_run; kind 0 is a clear server, 1 one with TLS. */
void bed_init(struct bed *b, int kind);
void bed_run(struct bed *b);
/* Stops; every request must be gone. */
void bed_end(struct bed *b);

/* A connection; never NULL. */
struct wire *join(const struct bed *b);
/* One request on a connection of its own; the status. */
int ask_once(const struct bed *b, const char *text);

bool ends_with(struct slice s, const char *end);
void check_field(const struct wire_reply *r, const char *name, const char *value);

/* Runs the tests of both with _i = 0 and 1, those of once once; what main returns. */
int bed_main(const char *name, const TTest *const *both, size_t n_both, const TTest *const *once,
             size_t n_once);

#endif
