/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Administration of the MAS. Calls are asynchronous like those of mas.h: the caller's struct stays
 * alive until done was called, once, on the worker, never from within the call. Any thread.
 * What is issued by hand (B0) is mas_provision with an actor.
 */
#ifndef MAS_MAS_ADMIN_H
#define MAS_MAS_ADMIN_H

#include "mas/mas_audit.h"
#include "mas/mas_local.h"
#include "mas/mas_table.h"
#include "store/tables_work.h"

/* ---- outcomes: of the MAS and of the MSBF, for whoever sets them ---- */

#define MAS_RETRY_AFTER 5 /* seconds, when a queue or the store is full */

void mas_outcome(struct mas_outcome *o, enum rc rc, const char *reason);
/* The outcome of a job that the worker could not carry out. */
void mas_outcome_failed(struct mas_outcome *o, enum rc rc);

/* ---- what there is ---- */

enum mas_list { MAS_LIST_NODES, MAS_LIST_KMRS, MAS_LIST_CONNECTIONS, MAS_SHOW_NODE };

#define MAS_PAGE_MAX 200u /* rows of one page */
#define MAS_CURSOR_MAX (2 * (NODE_ID_BYTES + 4))

struct mas_query {
	enum mas_list list;
	/* Filters; not given: all. state: of the rows of the list, 0 = all. */
	unsigned state;
	struct slice sub_id, scl_id; /* of nodes */
	bool has_node; /* node: of Kmr and connections; demanded by MAS_SHOW_NODE */
	struct node_id node;
	struct slice after; /* next of the page before; empty = from the start */
	unsigned limit; /* rows, 0 = MAS_PAGE_MAX; SHOW_NODE: all of the node */
	const char *actor; /* the call is audited; NULL = not */
	struct slice source;

	/*
	 * A row; the others are NULL. On the worker, lives for the call; without keys (wrapped.n 0).
	 * Kept by done only: the same rows may come again after begin.
	 */
	void (*row)(struct mas_query *q, const struct mas_node *n, const struct mas_kmr *k,
	            const struct mas_conn *c);
	/* Before the first row, each time. */
	void (*begin)(struct mas_query *q);
	/* RC_BAD_REQUEST: after or limit; RC_NOT_FOUND: MAS_SHOW_NODE. */
	struct mas_outcome outcome;
	char next[MAS_CURSOR_MAX +
	          1]; /* "" = that was all; a page may be short, or empty, before that */
	void (*done)(struct mas_query *q);
	void *owner;
	struct tables_job job; /* the MAS's */
};

void mas_query(struct mas_local *m, struct mas_query *q);

/* ---- changes ---- */

enum mas_change_kind {
	MAS_REVOKE_NODE, /* for good: all its Kmr and connections */
	MAS_REVOKE_KMR, /* index; 0 = all that there are. The node may be bootstrapped again */
	MAS_REVOKE_CONNECTION, /* connection, when it is the node's */
	MAS_ROTATE, /* SEC_REBOOTSTRAP from now on, retired at the deadline */
	MAS_UNLOCK, /* forgets refused connects */
	MAS_BIND, /* fingerprints, in place of those that there are */
	MAS_SET /* the settings */
};

#define MAS_KEEP_FLAGS 0x10000u

struct mas_change {
	enum mas_change_kind kind;
	struct node_id node;
	uint32_t index;
	uint64_t connection;
	int64_t deadline; /* MAS_ROTATE: microseconds since 1970; past = at once */
	const struct device_fingerprint *fingerprints; /* MAS_BIND: at most MAS_FINGERPRINTS */
	unsigned n_fingerprints;
	/* MAS_SET; what is not given stays. */
	unsigned flags; /* MAS_KEEP_FLAGS = stays */
	const char *allowed_sources; /* NULL = stays */
	const uint64_t *ival_required;
	const enum mas_priority *priority;
	const char *sub_id;

	const char *actor; /* for the audit */
	struct slice source;
	const char *reason; /* of a revocation, a token; may be NULL */

	char scl_id[MAS_SCL_ID_MAX + 1]; /* out, but for MAS_REVOKE_CONNECTION: of the node */
	/* RC_NOT_FOUND; RC_BAD_REQUEST BAD_PARAM. Revoking again is RC_OK. */
	struct mas_outcome outcome;
	void (*done)(struct mas_change *c);
	void *owner;
	struct tables_job job; /* the MAS's */
};

/*
 * Effect before done: keys are gone, watchers were told. Settings count from the next connection
 * on.
 */
void mas_change(struct mas_local *m, struct mas_change *c);

/* ---- what is known about an identity (POST status) ---- */

struct mas_verdict {
	struct psk_id id; /* of kind PSK_MR */
	unsigned cause; /* out: enum reject_cause */
	bool permanent; /* out: the node may erase the Kmr */
	struct mas_outcome outcome;
	void (*done)(struct mas_verdict *v);
	void *owner;
	struct tables_job job; /* the MAS's */
};

void mas_verdict(struct mas_local *m, struct mas_verdict *v);

/* ---- audit ---- */

/* Something that was done and changed nothing here: a call of the administration, an alarm. */
struct mas_note {
	struct audit_entry entry; /* texts live until done */
	struct mas_outcome outcome;
	void (*done)(struct mas_note *n);
	void *owner;
	struct tables_job job; /* the MAS's */
};

void mas_note(struct mas_local *m, struct mas_note *n);

struct mas_audit_page {
	uint64_t after; /* number */
	unsigned limit; /* rows, at most MAS_PAGE_MAX; 0 = that */
	void (*begin)(struct mas_audit_page *p); /* as in mas_query */
	void (*row)(struct mas_audit_page *p, const struct audit_row *row);
	struct mas_outcome outcome;
	void (*done)(struct mas_audit_page *p);
	void *owner;
	struct tables_job job; /* the MAS's */
};

void mas_audit_page(struct mas_local *m, struct mas_audit_page *p);

struct mas_audit_verify {
	struct audit_check check; /* out: check.bad 0 and !check.bad_head = sound */
	struct mas_outcome outcome;
	void (*done)(struct mas_audit_verify *v);
	void *owner;
	struct tables_job job; /* the MAS's, as the following */
	struct audit_check step;
};

/* The whole chain, in steps between other work. */
void mas_audit_verify(struct mas_local *m, struct mas_audit_verify *v);

/* ---- the generator of the identity-based scheme of small data ---- */

struct mas_generator {
	bool replace; /* by a new one, also when there is none; else it is only told */
	const char *actor; /* for the audit of a change */
	struct slice source;
	uint32_t epoch; /* out: how many there have been */
	uint8_t q[IBAS_PUBLIC_SIZE]; /* out */
	/*
	 * RC_NOT_FOUND: there is none yet; RC_NOT_IMPLEMENTED SD_ALG: built without pairing; RC_CONFLICT:
	 * there is no next epoch.
	 */
	struct mas_outcome outcome;
	void (*done)(struct mas_generator *g);
	void *owner;
	struct tables_job job; /* the MAS's */
};

/*
 * With a new generator no key of the one before is good for anything: what was signed with it and
 * is not at an NSCL yet is refused there, as soon as that has asked for the new Q.
 */
void mas_generator(struct mas_local *m, struct mas_generator *g);

/* ---- a new master key ---- */

struct mas_rewrap {
	const char *actor;
	struct slice source;
	uint64_t records; /* out: that were wrapped again */
	/*
	 * RC_CONFLICT: one is under way; RC_BAD_REQUEST NO_NEXT_KEY: kek_next_file was not there at
	 * mas_open, or is the present key.
	 */
	struct mas_outcome outcome;
	void (*done)(struct mas_rewrap *r);
	void *owner;
	struct tables_job job; /* the MAS's */
};

/*
 * Wraps all keys under that of kek_next_file, between other work. After done the old file is of no
 * use; kek_file must hold the new key at the next start, or kek_next_file still. Interrupted, it
 * goes on at the next start, when both files are there.
 */
void mas_rewrap(struct mas_local *m, struct mas_rewrap *r);

#endif
