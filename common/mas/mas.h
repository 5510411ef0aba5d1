/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The M2M Authentication Server as the NSCL and the MSBF see it (TS 102 690 clause 8): one table of
 * functions, carried out in this process (mas_local.h) or by another one (mas_remote.h). It keeps
 * Kmr, which never leaves it; what it hands out are keys below Kmr.
 *
 * Calls are asynchronous: the caller's struct stays alive until its done was called, once, on a
 * thread of the MAS, never from within the call. Times are microseconds since 1970 unless they say
 * otherwise.
 */
#ifndef MAS_MAS_H
#define MAS_MAS_H

#include "base/buf.h"
#include "base/rc.h"
#include "base/slice.h"
#include "sec/ival.h"
#include "sec/keywrap.h"
#include "sec/node_id.h"
#include "sec/psk_id.h"
#include "sec/secret.h"
#include "sd/ibas.h"
#include "sec/trigger.h"
#include "store/tables_job.h"

#include <stdbool.h>
#include <stdint.h>

#define MAS_SCL_ID_MAX 64
#define MAS_SOURCES_MAX 256
#define MAS_REASON_MAX 32
#define MAS_NSCL_MAX 64
#define MAS_SERVING_MAX 32 /* serving networks of a group */
#define MAS_NODE_GROUPS_MAX 16 /* groups that a node is in */

/* securitymIdFlags. */
enum mas_flag {
	MAS_ACCESS_NETWORK = 0x8000, /* requests without TLS are taken from allowed sources */
	MAS_CHANNEL = 0x4000, /* session B is required */
	MAS_OBJECT = 0x2000, /* bodies are to be protected as objects */
	MAS_TLS13 = 0x1000,
	MAS_IVAL = 0x0800, /* an integrity report at every connection */
	MAS_LOW_PRIORITY = 0x0400,
	MAS_OBJECT_JWE = 0x0001 /* the object profile, of the mask 00ff */
};

/* How a service connection was made (chapter of variants). */
enum mas_variant { MAS_C1_TLS_PSK };

/* What an ended call says, beside its own results. */
struct mas_outcome {
	enum rc rc; /* RC_UNAVAILABLE: the MAS cannot be reached or is full */
	char reason[MAS_REASON_MAX]; /* token for additionalInfo, "" = none */
	unsigned reject; /* cause of a signed reject (sec/reject.h), 0 = none */
	bool permanent; /* of the reject */
	unsigned retry_after; /* seconds; 0 = none */
};

/* One service connection, as the NSCL gets it. */
struct mas_connection {
	uint64_t id; /* ConnectionId */
	uint32_t kmc_index;
	struct key kmc; /* wiped by whoever holds the struct */
	struct node_id node;
	uint32_t kmr_index;
	char scl_id[MAS_SCL_ID_MAX + 1];
	unsigned flags; /* enum mas_flag */
	int64_t created, expires;
	uint64_t ival_required; /* mask of ivalResults, 0 = reported only */
	char allowed_sources[MAS_SOURCES_MAX + 1]; /* networks in CIDR form, comma between; "" = none */
};

/* connect: steps 4 of the service connection. */
struct mas_connect {
	struct node_id node;
	uint32_t kmr_index;
	struct slice scl_id; /* that the node asks for */
	struct key exporter; /* E_conn; wiped by the caller after done */
	enum mas_variant variant;
	unsigned tls_version; /* 0x0303, 0x0304 */
	const struct ival_report *ival; /* NULL = the request had none */
	struct slice device_proof; /* X-M2M-Device-Proof, or empty */
	struct slice source; /* address of the node, for the record and the limits */
	struct slice nscl; /* who asks: a node has one connection per NSCL; empty = the only one */

	struct mas_outcome outcome;
	/*
	 * RC_OK; wiped by the caller. Else one whose id is not 0 was made, and is not to be served: the
	 * caller ends it.
	 */
	struct mas_connection connection;
	uint8_t wrapped[KEYWRAP_BYTES]; /* RC_OK: its Kmc under KEK_conn (securityEncryptedM2MKey) */
	void (*done)(struct mas_connect *c);
	void *owner;
	struct tables_job job; /* the MAS's, as the following */
	unsigned refused; /* counter */
	bool alarm;
};

/*
 * end: one connection is over. Idempotent. RC_NOT_FOUND: nscl was given, and has no such connection.
 */
struct mas_end {
	uint64_t connection_id;
	struct slice nscl; /* of another process, who asks: its connections alone; empty = any */
	const char *why; /* token for the audit */
	struct mas_outcome outcome;
	void (*done)(struct mas_end *c);
	void *owner;
	struct tables_job job; /* the MAS's */
};

/* report: an integrity report at the registration of the scl or later, checked with K_ival. */
struct mas_report {
	uint64_t connection_id;
	struct slice nscl; /* as in mas_end */
	struct ival_report ival;
	struct mas_outcome outcome; /* RC_FORBIDDEN: the connection was ended as well */
	void (*done)(struct mas_report *c);
	void *owner;
	struct tables_job job; /* the MAS's */
};

/* provision: by the MSBF, or administration with credentials of its own (B0). */
struct mas_provision {
	struct slice ppid; /* octets, or empty */
	bool has_node; /* node is given: a node that is known already, or one of another maker */
	struct node_id node; /* in: when has_node; out: what it is */
	uint32_t kmr_index; /* in: 0 = the next; else it must be above every one before. out */
	char scl_id[MAS_SCL_ID_MAX + 1]; /* in: "" = the node id's text. out */
	bool has_kmr; /* else one is made */
	struct key kmr; /* in or out; wiped by the caller */
	struct slice sub_id;
	const char *origin; /* "B0", "B6" ... */
	int64_t lifetime; /* us from now; 0 = the default */
	int64_t expires; /* out: securityLifetime */
	const char *actor; /* for the audit; NULL = "msbf" */
	struct slice source; /* the same: address of who asked */

	/*
	 * RC_CONFLICT SCLID_TAKEN; RC_CONFLICT NODE_TAKEN: ppid and node are not of one device;
	 * RC_CONFLICT KMR_INDEX: kmr_index is not above all; RC_FORBIDDEN AUTH_FAILED: node revoked.
	 */
	struct mas_outcome outcome;
	void (*done)(struct mas_provision *c);
	void *owner;
	struct tables_job job; /* the MAS's, as the following */
	uint32_t asked_index;
	bool is_new, is_low;
};

/* live: all connections that are to be served, after a start. */
struct mas_live {
	struct slice nscl; /* as in mas_connect */
	uint64_t after; /* those with larger ids; as limit, for the MAS of this process alone */
	unsigned limit; /* 0 = all */
	bool more; /* out: than limit */
	/* On a thread of the MAS, by their ids; some may come again. c lives for the call. */
	void (*each)(struct mas_live *l, const struct mas_connection *c);
	struct mas_outcome outcome;
	void (*done)(struct mas_live *l);
	void *owner;
	struct tables_job job; /* the MAS's */
};

/* ---- group authentication (Lai et al., group based authentication of MTC devices) ---- */

/* Who asks for vectors. */
enum mas_asker {
	MAS_ASKER_NSCL, /* an NSCL, for itself: name is its SCL-ID */
	MAS_ASKER_GATEWAY, /* a gateway, for itself: name is its SCL-ID */
	MAS_ASKER_NODE /* an NSCL, for the node of one of its service connections */
};

/*
 * gaka: one message of a serving network to the home network, T2 or T10 (gaka/message.h). The
 * serving network that the message names has to be the asker: a node by its id, an NSCL by
 * mas_serving_id of its SCL-ID.
 */
struct mas_gaka {
	enum mas_asker asker;
	struct slice name; /* of NSCL and GATEWAY; a MAS of another process goes by the certificate */
	struct node_id node; /* of NODE */
	struct slice nscl; /* as in mas_end: node has to have a connection with it */
	struct slice message; /* lives until done */
	struct slice source; /* as in mas_connect */

	/*
	 * RC_OK: there is an answer, which may be a T12. RC_BAD_REQUEST: message is neither;
	 * RC_FORBIDDEN: the asker has no such node; RC_UNAVAILABLE.
	 */
	struct mas_outcome outcome;
	struct buf answer; /* T3, T11 (secrets) or T12; the caller wipes it and calls buf_fini */
	void (*done)(struct mas_gaka *g);
	void *owner;
	struct tables_job job; /* the MAS's, as the following */
	unsigned counted;
	int64_t now;
};

/* The key of a group, as a member has it. */
struct mas_group_key {
	uint64_t gid;
	uint32_t epoch;
	struct key gak;
	unsigned window;
	uint32_t previous_epoch; /* 0: none */
	struct key previous;
	int64_t previous_until;
};

/* group_keys: the keys of the groups that a node is in. */
struct mas_group_keys {
	struct node_id node;
	struct slice nscl; /* as in mas_gaka */

	struct mas_outcome outcome; /* RC_FORBIDDEN: as in mas_gaka, or the node is revoked */
	unsigned n;
	struct mas_group_key all[MAS_NODE_GROUPS_MAX]; /* the caller wipes them */
	void (*done)(struct mas_group_keys *k);
	void *owner;
	struct tables_job job; /* the MAS's */
};

#define MAS_TRIGGER_TOKENS 2u
#define MAS_TRIGGER_LIFETIME_MAX (30 * 86400u) /* seconds */

/*
 * trigger: tokens that wake a node and lead it to the NSCL that asks (sec/trigger.h), of one counter
 * that never comes again. More than one where it is not known which Kmr the node has: all are sent.
 */
struct mas_trigger {
	struct slice scl_id; /* of the node; empty: by node */
	struct node_id node; /* in, or out */
	enum trigger_reason reason;
	uint64_t not_after; /* seconds since 1970; at most MAS_TRIGGER_LIFETIME_MAX from now */
	enum trigger_scheme scheme;
	uint16_t port;
	struct slice host;
	struct slice nscl; /* as in mas_connect */
	const char *actor; /* for the audit; NULL = the NSCL */
	struct slice source; /* the same */

	/*
	 * RC_NOT_FOUND UNKNOWN_NODE; RC_FORBIDDEN NODE_REVOKED; RC_CONFLICT NO_KEY: it has no Kmr that
	 * counts; RC_BAD_REQUEST BAD_PARAM.
	 */
	struct mas_outcome outcome;
	uint64_t counter;
	unsigned n_tokens;
	struct {
		size_t n;
		uint8_t v[TRIGGER_MAX];
	} tokens[MAS_TRIGGER_TOKENS];
	void (*done)(struct mas_trigger *c);
	void *owner;
	struct tables_job job; /* the MAS's */
};

/*
 * identity: the key of a node in the identity-based scheme of small data (sd/ibas.h), for the month
 * that it is at the MAS, and the generator's Q. The generator is made when it is first asked for.
 */
struct mas_identity {
	bool generator; /* Q alone; node and nscl are not looked at */
	struct node_id node;
	struct slice nscl; /* as in mas_gaka */

	/*
	 * RC_FORBIDDEN: as in mas_group_keys; RC_NOT_IMPLEMENTED SD_ALG: the MAS was built without
	 * pairing.
	 */
	struct mas_outcome outcome;
	uint8_t q[IBAS_PUBLIC_SIZE];
	char id[IBAS_ID_SIZE + 1];
	uint8_t key[IBAS_KEY_SIZE]; /* the caller wipes it */
	void (*done)(struct mas_identity *i);
	void *owner;
	struct tables_job job; /* the MAS's */
};

/*
 * inquire: whether what a node was given elsewhere may stand. For whoever may have missed that it was
 * revoked (mas_watcher.lost).
 */
struct mas_inquire {
	struct node_id node;

	struct mas_outcome outcome;
	bool stands; /* RC_OK: the MAS knows the node, and has not revoked it */
	void (*done)(struct mas_inquire *q);
	void *owner;
	struct tables_job job; /* the MAS's */
};

/* Names a serving network without saying who it is: H("m2m1 snid" || SCL-ID)[0..15]. */
enum rc mas_serving_id(struct slice scl_id, struct node_id *out);

/* Vectors that were given out for the group before are void. */
struct mas_group_event {
	uint64_t gid; /* 0: of any group, for what happened was lost */
	uint32_t epoch; /* 0: the group is gone */
	bool removed; /* node is no member any more */
	struct node_id node;
	/* mas_serving_id of those that may have vectors of it. */
	unsigned n_serving;
	struct node_id serving[MAS_SERVING_MAX];
};

/* Why a connection is not to be served any more. */
enum mas_why {
	MAS_REVOKED, /* the node, its Kmr, or this connection */
	MAS_ENDED, /* by the node, by an integrity report, or a newer connection took its place */
	MAS_EXPIRED /* lifetime or limits */
};

/* What ends; on a thread of the MAS, which waits for it: never blocks. */
struct mas_watcher {
	/* A node (id 0) or one of its connections is not to be served any more. */
	void (*revoked)(struct mas_watcher *w, const struct node_id *node, uint64_t connection_id,
	                enum mas_why why);
	/*
	 * Something may have ended that was not told: the MAS of another process is asked for the first
	 * time, or was out of reach for longer than it remembers. NULL: not wanted.
	 */
	void (*lost)(struct mas_watcher *w);
	/* The keys of psk have changed (mas_psk_feed). NULL: not wanted. */
	void (*keys)(struct mas_watcher *w);
	/* A group has changed. NULL: not wanted. */
	void (*group)(struct mas_watcher *w, const struct mas_group_event *e);
	struct mas_watcher *next; /* the MAS's */
};

/* What the MAS says of the subscription behind a Kmr. */
struct mas_standing {
	struct key indicator; /* K_ind (sec/indicator.h); wiped by whoever holds the struct */
	bool low; /* the subscription is one of low priority */
	bool active; /* a service connection was made by the Kmr, ever */
};

struct mas_ops {
	/*
	 * The key of a session A: PSK_mr for an identity of kind mr, from memory alone; false when it is
	 * unknown, revoked, retired for good or of an expired Kmr. During a handshake, on serving
	 * threads, by many at a time.
	 */
	bool (*psk)(void *mas, const struct psk_id *id, struct key *psk);
	/*
	 * The standing of a Kmr whose psk would be found, from memory alone as that; false and nothing in *out
	 * when there is none. Any thread, by many at a time.
	 */
	bool (*indicator)(void *mas, const struct node_id *node, uint32_t kmr_index,
	                  struct mas_standing *out);
	/*
	 * True when the subscription of the node is one of low priority, by any Kmr whose psk would be
	 * found; from memory alone as that. Any thread, by many at a time.
	 */
	bool (*low)(void *mas, const struct node_id *node);
	void (*connect)(void *mas, struct mas_connect *c);
	void (*end)(void *mas, struct mas_end *c);
	void (*report)(void *mas, struct mas_report *c);
	void (*provision)(void *mas, struct mas_provision *c);
	void (*live)(void *mas, struct mas_live *l);
	void (*gaka)(void *mas, struct mas_gaka *g);
	void (*group_keys)(void *mas, struct mas_group_keys *k);
	/* From then on, until unwatch; that waits for a call that is under way. */
	void (*watch)(void *mas, struct mas_watcher *w);
	void (*unwatch)(void *mas, struct mas_watcher *w);
	/*
	 * Requests and octets that a connection has served since the last call; kept for its limits. The
	 * first ones end the older connection. Never blocks; unknown connections are ignored.
	 */
	void (*used)(void *mas, uint64_t connection_id, uint64_t requests, uint64_t octets);
	void (*trigger)(void *mas, struct mas_trigger *c);
	void (*identity)(void *mas, struct mas_identity *i);
	void (*inquire)(void *mas, struct mas_inquire *q);
};

/* One MAS: the functions and whose they are. */
struct mas {
	const struct mas_ops *ops;
	void *self;
};

#endif
