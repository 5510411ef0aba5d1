/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of hosts to addresses, without a wait on the courier's thread: what is not numeric is asked
 * for on threads of its own. Private to the CoAP binding.
 */
#ifndef BIND_COAP_RESOLVE_H
#define BIND_COAP_RESOLVE_H

#include "base/slice.h"

#include <stdint.h>
#include <sys/socket.h>

#define RESOLVE_ADDRESSES_MAX 4u
#define RESOLVE_QUEUE_MAX 256u /* names that are asked for at a time */
#define RESOLVE_NAME_MAX 255u

struct resolve_address {
	struct sockaddr_storage a;
	socklen_t n;
};

struct resolve_answer {
	unsigned n; /* 0: there is no such name, or nobody knows */
	struct resolve_address addresses[RESOLVE_ADDRESSES_MAX];
};

struct resolver;
struct resolve_ask;

/* wake is an eventfd that is written to when an answer is there. NULL without memory. */
struct resolver *resolver_new(int wake);
/*
 * Every ask was taken or cancelled. Does not wait for what a thread is at: they end by themselves.
 * wake may be closed then. NULL is fine.
 */
void resolver_free(struct resolver *r);

/* A numeric address, without brackets. False: it is none. */
bool resolve_numeric(const char *host, unsigned port, struct resolve_answer *out);
/* NULL: too many are asked for, or no memory. */
struct resolve_ask *resolve_begin(struct resolver *r, const char *host, unsigned port);
/* False: not yet. True: *out is filled, and the ask is gone. */
bool resolve_take(struct resolver *r, struct resolve_ask *ask, struct resolve_answer *out);
/* Nobody wants the answer any more. */
void resolve_cancel(struct resolver *r, struct resolve_ask *ask);

#endif
