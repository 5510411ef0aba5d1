/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Administration of the MSBF. Calls are asynchronous like those of mas.h: the caller's struct stays
 * alive until done was called, once, on a thread of the MSBF or the MAS, never from within the
 * call. Any thread. After msbf_stop done comes from within the call, with RC_UNAVAILABLE.
 */
#ifndef MAS_MSBF_ADMIN_H
#define MAS_MSBF_ADMIN_H

#include "mas/msbf.h"
#include "mas/msbf_device.h"

/* ---- provision ---- */

#define MSBF_LINES_MAX 256u /* of one call */

/* One device, applied as a whole or not at all. */
struct msbf_line {
	struct slice ppid; /* text */
	const struct device_fingerprint *fingerprints; /* at most MSBF_FINGERPRINTS */
	unsigned n_fingerprints;
	struct slice sub_id, note; /* or empty */

	/*
	 * RC_OK also when it is known already and says the same; RC_BAD_REQUEST PPID_*, BAD_PARAM;
	 * RC_CONFLICT DEVICE_EXISTS: known, and says something else; RC_CONFLICT
	 * PPID_DUPLICATE_ADDRESS: another device has one of its addresses: MSBF_REFUSED until it is
	 * linked; RC_NO_SPACE OVERLOAD.
	 */
	enum rc rc;
	const char *reason; /* constant */
	uint8_t hash[PPID_HASH]; /* but after RC_BAD_REQUEST */
	bool is_new; /* the MSBF's */
};

struct msbf_admit {
	struct msbf_line *lines;
	size_t n; /* at most MSBF_LINES_MAX */
	unsigned unreadable; /* lines beside them that were none; for the audit */
	const char *actor; /* for the audit */
	struct slice source;
	struct mas_outcome outcome; /* RC_OK: see the lines */
	void (*done)(struct msbf_admit *a);
	void *owner;
	struct tables_job job; /* the MSBF's */
};

void msbf_admit(struct msbf *m, struct msbf_admit *a);

/* ---- changes ---- */

enum msbf_change_kind {
	MSBF_LINK, /* device takes the place of old: its node id; old is MSBF_REPLACED */
	MSBF_BIND, /* fingerprints, in place of those that there are; also at the MAS */
	MSBF_UNLOCK, /* forgets failed attempts */
	MSBF_REVOKE /* the device for good; its node is revoked with mas_change */
};

struct msbf_change {
	enum msbf_change_kind kind;
	bool by_node; /* the device is that of node; else of hash */
	uint8_t hash[PPID_HASH];
	struct node_id node;
	uint8_t old[PPID_HASH]; /* MSBF_LINK */
	const struct device_fingerprint *fingerprints; /* MSBF_BIND: at most MSBF_FINGERPRINTS */
	unsigned n_fingerprints;
	const char *actor; /* for the audit */
	struct slice source;

	/*
	 * RC_NOT_FOUND; RC_BAD_REQUEST BAD_PARAM; RC_CONFLICT LINK_STATE: the new one is not
	 * waiting or refused, or the old one is out of use; RC_CONFLICT LINK_ADDRESS: they share no
	 * address; RC_CONFLICT PPID_DUPLICATE_ADDRESS: a third device has one. Again: RC_OK.
	 */
	struct mas_outcome outcome;
	void (*done)(struct msbf_change *c);
	void *owner;
	struct tables_job job; /* the MSBF's, as the following */
	struct msbf *msbf;
	struct msbf_device device;
	struct mas_change bind;
};

void msbf_change(struct msbf *m, struct msbf_change *c);

/* ---- what there is ---- */

#define MSBF_PAGE_MAX 200u

struct msbf_query {
	/* Filters; state 0, empty = all. */
	unsigned state; /* enum msbf_state */
	struct slice sub_id;
	bool has_hash; /* that one alone */
	uint8_t hash[PPID_HASH];
	struct slice after; /* next of the page before; empty = from the start */
	unsigned limit; /* rows, 0 = MSBF_PAGE_MAX */
	const char *actor; /* the call is audited; NULL = not */
	struct slice source;

	/* On the worker, d lives for the call; the same rows may come again after begin. */
	void (*row)(struct msbf_query *q, const struct msbf_device *d);
	void (*begin)(struct msbf_query *q);
	/* RC_BAD_REQUEST: after or limit; RC_NOT_FOUND: has_hash. */
	struct mas_outcome outcome;
	char next[2 * PPID_HASH + 1]; /* "" = that was all; a page may be short before that */
	void (*done)(struct msbf_query *q);
	void *owner;
	struct tables_job job; /* the MSBF's */
};

void msbf_query(struct msbf *m, struct msbf_query *q);

/* ---- audit and master key: as mas_note, mas_audit_page, mas_audit_verify, mas_rewrap ---- */

void msbf_note(struct msbf *m, struct mas_note *n);
void msbf_audit_page(struct msbf *m, struct mas_audit_page *p);
void msbf_audit_verify(struct msbf *m, struct mas_audit_verify *v);
/* records is 0: only the audit depends on the key. */
void msbf_rewrap(struct msbf *m, struct mas_rewrap *r);

#endif
