/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A token that wakes a node: a network that is none cannot wake a battery device, nor can an address
 * that was changed on the way lead it to another server (Lai et al., "Security Issues on Machine to
 * Machine Communications", 2012: false triggers). Its key comes from the last security context (Kmr),
 * so it counts also for a node without any connection.
 *
 *   "MTG1" | u8 flags | u8 reason | u16 total | nodeId 16 | u64 counter | u64 notAfter | u16 port |
 *   u8 scheme | LV8 host | tag 16
 *
 * tag: the first 16 octets of HMAC-SHA-256 (RFC 2104) by K_trg over everything before. flags: 80, the
 * only one that there is: the key is one of the last security context.
 */
#ifndef SEC_TRIGGER_H
#define SEC_TRIGGER_H

#include "sec/node_id.h"
#include "sec/secret.h"

#define TRIGGER_TAG 16u
#define TRIGGER_FIXED 60u /* octets without the host */
#define TRIGGER_HOST_MAX 253 /* a domain name, or an address in text */
#define TRIGGER_MAX (TRIGGER_FIXED + TRIGGER_HOST_MAX)

/* What the node is to do. */
enum trigger_reason {
	TRIGGER_CONNECT = 1,
	TRIGGER_RENEW, /* Kmc */
	TRIGGER_REFRESH, /* its registration */
	TRIGGER_MANAGE, /* look at what management wants */
	TRIGGER_BOOTSTRAP, /* a new Kmr */
	TRIGGER_LOCATE, /* tell where it is */
	TRIGGER_REASONS = TRIGGER_LOCATE
};

/* How the server is spoken to. */
enum trigger_scheme { TRIGGER_HTTPS_PSK = 1, TRIGGER_HTTPS_CERTIFICATE, TRIGGER_COAPS };

struct trigger {
	enum trigger_reason reason;
	struct node_id node;
	uint64_t counter; /* above all before it of this node; not 0 */
	uint64_t not_after; /* seconds since 1970: when it ceases to count */
	uint16_t port; /* not 0 */
	enum trigger_scheme scheme;
	struct slice host; /* 1..TRIGGER_HOST_MAX octets of letters, digits, '.', '-', ':' */
};

/*
 * Writes the token; *n octets. k: K_trg of the node (trigger_key of derive.h). RC_BAD_REQUEST: a
 * member is out of its range; RC_INTERNAL. Any thread.
 */
enum rc trigger_make(const struct trigger *t, const struct key *k, uint8_t out[TRIGGER_MAX],
                     size_t *n);

/* K_trg made ready for many checks. One thread at a time. */
struct trigger_verifier;

/* Copies k. NULL: no memory. */
struct trigger_verifier *trigger_verifier_new(const struct key *k);
/* Wipes; NULL is fine. */
void trigger_verifier_free(struct trigger_verifier *v);

/* Why a token does not count, in the order in which that is found out. */
enum trigger_fault {
	TRIGGER_GOOD,
	TRIGGER_MALFORMED,
	TRIGGER_OF_ANOTHER, /* node */
	TRIGGER_FORGED,
	TRIGGER_REPLAYED,
	TRIGGER_LATE,
	TRIGGER_ASTRAY, /* leads to a server that is none of this node's */
	TRIGGER_FAULTS
};

/* What a node knows. */
struct trigger_check {
	const struct node_id *node; /* itself */
	struct trigger_verifier *verifier;
	uint64_t last; /* the highest counter that counted */
	int64_t now; /* seconds since 1970 */
	/* True when the node may be led to the host and port of that token. */
	bool (*leads_home)(void *arg, const struct trigger *t);
	void *arg;
};

/*
 * Looks at a token; *out is what it says unless it is malformed, its host a view of octets. What
 * comes before the one HMAC takes no memory and well below 10 us.
 */
enum trigger_fault trigger_look(struct slice octets, const struct trigger_check *check,
                                struct trigger *out);

/* Name of a fault for counters and the log; "" for TRIGGER_GOOD. */
const char *trigger_fault_name(enum trigger_fault f);
/* Name of a reason: "connect" ...; "" for none. */
const char *trigger_reason_name(enum trigger_reason r);

#endif
