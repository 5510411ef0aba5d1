/* SPDX-License-Identifier: Apache-2.0 */
/* A client that decides about every octet it sends, clear or by TLS; for tests of servers. */
#ifndef TESTS_UNIT_WIRE_H
#define TESTS_UNIT_WIRE_H

#include "base/buf.h"

struct wire;

struct wire_reply {
	int status; /* 0: the connection ended instead of an answer */
	struct buf head; /* status line and header fields */
	struct buf body;
};

/* What a TLS client trusts and shows; file names, NULL = nothing. */
struct wire_tls {
	const char *ca;
	const char *cert;
	const char *key;
	const char *priority; /* of GnuTLS, NULL = its own */
	/* With them no certificate at all is taken. */
	struct slice identity;
	struct slice psk; /* empty = none of this */
};

/*
 * Connects to 127.0.0.1 from the loopback address given (NULL = any). With tls (may be NULL) it
 * also shakes hands. NULL when that fails. Nothing waits longer than 30 s.
 */
struct wire *wire_open(unsigned port, const char *from, const struct wire_tls *tls);
/* The same to a UNIX socket. */
struct wire *wire_open_unix(const char *path);
void wire_close(struct wire *w);
/* Tells the server that nothing more comes. */
void wire_end(struct wire *w);

/* False when the server has closed. */
bool wire_send(struct wire *w, struct slice text);
bool wire_puts(struct wire *w, const char *text);
/* Reads one final answer; head: without body, whatever its header says. free it by wire_forget. */
struct wire_reply wire_read(struct wire *w, bool head);
void wire_forget(struct wire_reply *r);
/* True when something, or the end, could be read at once. */
bool wire_readable(struct wire *w);
/* True when the server closes without sending anything. */
bool wire_closed(struct wire *w);
/* Sends text and returns the status of the answer, whose body ends in body unless that is NULL. */
int wire_ask(struct wire *w, const char *text, char *body, size_t size);

/* Serial number (one octet) of the certificate that the server showed. */
int wire_serial(const struct wire *w);

/* Value of a header field of r, empty when absent. */
struct slice wire_field(const struct wire_reply *r, const char *name);

#endif
