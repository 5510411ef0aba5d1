/* SPDX-License-Identifier: Apache-2.0 */
/* CoAP messages as octets, and clients that are sockets. Every function asserts what it needs. */
#ifndef TESTS_UNIT_COAP_WIRE_H
#define TESTS_UNIT_COAP_WIRE_H

#include <check.h>

#include "base/slice.h"

#define WAIT_MS 20000 /* for what must come */
#define SILENCE_MS 150 /* for what must not */

enum msg_type { CON, NON, ACK, RST };
enum { GET = 1, POST = 2, PUT = 3, DELETE = 4 };
enum {
	OPT_IF_MATCH = 1,
	OPT_HOST = 3,
	OPT_ETAG = 4,
	OPT_OBSERVE = 6,
	OPT_PORT = 7,
	OPT_PATH = 11,
	OPT_FORMAT = 12,
	OPT_MAX_AGE = 14,
	OPT_QUERY = 15,
	OPT_BLOCK2 = 23,
	OPT_BLOCK1 = 27,
	OPT_SIZE2 = 28,
	OPT_PROXY_URI = 35,
	OPT_SIZE1 = 60,
	OPT_ECHO = 252,
	OPT_NO_RESPONSE = 258
};

/* A message that is written; options in the order of their numbers. */
struct msg {
	unsigned char octets[2048];
	size_t n;
	unsigned last; /* option */
};

/* code is class * 32 + detail; token has 4 octets. */
void msg_begin(struct msg *m, enum msg_type type, unsigned code, unsigned mid, const char *token);
void msg_option(struct msg *m, unsigned number, const void *value, size_t n);
void msg_uint(struct msg *m, unsigned number, unsigned long v);
/* Segments of a path. */
void msg_path(struct msg *m, const char *path);
void msg_payload(struct msg *m, const void *p, size_t n);
#define BLOCK(num, more, szx) ((unsigned long)(num) << 4 | ((more) ? 8u : 0u) | (szx))

/* A message that was read. */
struct got {
	unsigned char octets[2048];
	size_t n;
	enum msg_type type;
	unsigned code; /* class * 100 + detail */
	unsigned mid;
	char token[9];
	struct slice payload;
};

/* The option, p NULL when absent; as a number, -1 when absent. */
struct slice got_option(const struct got *g, unsigned number);
long got_uint(const struct got *g, unsigned number);

/* A socket of its own: another peer for the server. */
struct client {
	int fd;
	unsigned mid; /* the last one */
	char echo[64]; /* what the server has asked for last */
	size_t echo_n;
	size_t sent, received; /* octets */
};

/* To a server on this host. */
void client_join(struct client *c, unsigned port);
void client_close(struct client *c);
void client_send(struct client *c, const struct msg *m);
/* Anything; false when nothing came in ms. */
bool client_read(struct client *c, struct got *g, int ms);
/* That must come. */
void client_get(struct client *c, struct got *g);
void client_expect_silence(struct client *c);
/* A message without options of type for mid. */
void client_empty(struct client *c, enum msg_type type, unsigned mid);
/* A new CON request without a body, and its answer, which must be piggy-backed. */
void client_ask(struct client *c, unsigned code, const char *path, struct got *g);

#endif
