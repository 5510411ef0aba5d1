/* SPDX-License-Identifier: Apache-2.0 */
/* What the store knows of announcements; only the files announce*.c include this. */
#ifndef CORE_ANNOUNCE_STATE_H
#define CORE_ANNOUNCE_STATE_H

#include "core/announce.h"

/* ---- on the announced resource ---- */

/* One SCL that a resource is announced to, or is to be. */
struct announcement {
	struct slice scl; /* SCL-ID: name of its scl resource */
	struct slice reference; /* that stands for it in sclList */
	struct slice
		uri; /* absolute URI of the announcement there; empty = none that is known of */
	int64_t stamp; /* announce_stamp of what it shows, 0 = unknown */
	uint64_t work; /* key of the work that is to be done for it, 0 = none */
	uint64_t refresh; /* of that which prolongs its life there, 0 = none */
};

struct announcements {
	struct announcement *v;
	size_t n;
};

/* In a; texts are those of vals. With room for more further ones. */
enum rc announcements_read(struct arena *a, const struct val *vals, size_t more,
                           struct announcements *out);
/* Replaces what vals had; values that old shares with vals stay as they are. */
enum rc announcements_write(struct arena *a, struct val **vals, const struct announcements *list);
struct announcement *announcements_find(const struct announcements *list, struct slice scl);

/* Type of the announcements of t, NULL when it is none that can be announced. */
const struct rtype *announced_as(const struct rtype *t);
/* What an announcement copies, as a number that is never 0. */
int64_t announce_stamp(const struct res *node);
/* True when announceTo of node wants the SCL of this reference, and not only for later. */
bool announce_wanted(const struct res *node, struct slice reference);
/* The scl that an entry of sclList names: SCL-ID, URI of its sclBase, or of the scl resource here. */
enum rc announce_peer(struct scl *scl, struct rtx *tx, struct slice entry, struct res **peer);
enum rc announce_peer_named(struct rtx *tx, struct slice name, struct res **peer);
/* The collection that holds node; NULL when it lies where nothing is announced from. */
const struct rtype *announce_collection(const struct res *node);
/*
 * Where an announcement of node would lie at peer: RC_OK, or RC_NOT_FOUND when there is no place.
 * Unless NULL, above becomes the announcement of node's parent there (scl empty: it lies below the
 * scl itself).
 */
enum rc announce_place(struct scl *scl, struct rtx *tx, const struct res *node,
                       const struct res *peer, struct announcement *above);
/* Number of names that this SCL may have in a peer's tree, most likely first. */
#define ANNOUNCE_NAMES 2u
/*
 * Absolute URI that an announcement of node should get at peer, which knows this SCL by the name
 * numbered so, and that of the collection that it is created in (unless NULL). RC_NOT_FOUND: no
 * place; RC_UNAVAILABLE: the place is not there yet, or no memory.
 */
enum rc announce_uri(struct scl *scl, struct rtx *tx, const struct res *node,
                     const struct res *peer, unsigned name, struct slice *uri,
                     struct slice *collection);
/* requestingEntity for a change of node's announcements, link being node's URI; empty = this SCL. */
struct slice announce_issuer(const struct res *node, struct slice link);

/* ---- works (kind WORK_ANNOUNCE; stored) ---- */

enum announce_form {
	ANNOUNCE_NODE = 1, /* bring the announcement of a node at an SCL up to date */
	ANNOUNCE_GONE = 2, /* remove an announcement whose original is gone */
	ANNOUNCE_AGAIN = 3, /* the announcements at an SCL are lost: work for each */
	ANNOUNCE_REFRESH = 4 /* update the announcement of a node before it expires there */
};

struct announce_work {
	enum announce_form form;
	uint64_t node; /* NODE, REFRESH; AGAIN: only children of this, ID_NONE = all */
	uint64_t cursor; /* AGAIN: nodes from this id on */
	int64_t after; /* REFRESH: not before that time */
	bool unsure; /* GONE: whether it is there, and whose it is */
	struct slice scl; /* SCL-ID */
	struct slice uri, link,
		from; /* GONE: what to remove, its original, requestingEntity or empty */
};

enum rc announce_work_put(struct scl *scl, struct rtx *tx, uint64_t key,
                          const struct announce_work *w);
/* False when damaged. Texts point into bytes. */
bool announce_work_read(struct slice bytes, struct announce_work *w);

/* ---- works by their subject (announce_index.c) ---- */

/* Of a work that announce_work_put stores. */
enum rc announce_index_add(struct rtx *tx, uint64_t key, const struct announce_work *w);
/* Removes the work; RC_OK also when there is none. In the write transaction. */
enum rc announce_work_remove(struct rtx *tx, uint64_t key);
/* Whether an ANNOUNCE_AGAIN is yet to find the announcement of self at that SCL (its SCL-ID). */
enum rc announce_is_lost(struct rtx *tx, const struct res *self, struct slice at, bool *yes);
/* Whether that of an earlier original with this link is yet to be removed there. */
enum rc announce_is_going(struct rtx *tx, struct slice link, struct slice at, bool *yes);

/* ---- between announcer.c, announce_step.c and announce_result.c ---- */

/* What a request to the other SCL is for. */
enum announce_purpose { PURPOSE_CREATE, PURPOSE_OWNER, PURPOSE_UPDATE, PURPOSE_DELETE };

enum announce_outcome {
	OUTCOME_NONE, /* nothing was to do, or is any more */
	OUTCOME_CREATED,
	OUTCOME_TAKEN, /* was there already, of the same original */
	OUTCOME_REFUSED, /* may not be there */
	OUTCOME_UPDATED,
	OUTCOME_LOST, /* is not there any more */
	OUTCOME_KEPT_AS_IS, /* may not be changed */
	OUTCOME_DELETED,
	OUTCOME_NOT_DELETED
};

enum announce_next {
	NEXT_SEND,
	NEXT_STORE, /* outcome is known */
	NEXT_WAIT, /* for the announcement of the parent, or the end of an earlier one */
	NEXT_PARK, /* for the SCL, which is not registered */
	NEXT_DROP /* the work is void */
};

/* One request, or why there is none; texts are in the arena of the transaction. */
struct announce_step {
	enum announce_next next;
	enum announce_outcome outcome;
	enum announce_purpose purpose;
	struct slice method, target, from; /* from: empty = this SCL */
	struct slice body; /* XML */
	struct slice link; /* absolute URI of the original */
	struct slice uri; /* of the announcement: known, or as it should become */
	int64_t stamp; /* of body */
	bool unwanted; /* OWNER of a node's: it is asked for to be removed */
};

/* name: number of the name by which the peer knows this SCL. Reads w as well. */
enum rc announce_step_find(struct scl *scl, struct rtx *tx, uint64_t key, unsigned name,
                           struct announce_work *w, struct announce_step *s);
/* Makes s the question whose the resource at its uri is. */
void announce_step_owner(struct announce_step *s);
/* Location of a creation by s, when it is a place that the peer may have given; or s->uri. */
struct slice announce_location(struct arena *a, const struct announce_step *s,
                               struct slice location);
/* expirationTime in the document of an announcement, 0 when it has none. */
int64_t announce_lifetime(struct arena *a, struct slice document);
/* True when the document is an announcement of link. */
bool announce_is_of(struct arena *a, struct slice document, struct slice link);

struct announce_result {
	uint64_t key;
	enum announce_outcome outcome;
	struct slice uri; /* CREATED, TAKEN */
	int64_t stamp; /* CREATED, UPDATED, KEPT_AS_IS */
	int64_t until; /* CREATED, UPDATED: expirationTime that the SCL has given it, 0 = as asked */
	bool more; /* result: the work goes on */
};

/* In the write transaction. */
enum rc announce_result_store(struct scl *scl, struct rtx *tx, const struct announce_work *w,
                              struct announce_result *r);
/* An ANNOUNCE_REFRESH that is due: makes it work for the node. */
enum rc announce_refresh(struct scl *scl, struct rtx *tx, const struct announce_work *w,
                         struct announce_result *r);
/* One portion of an ANNOUNCE_AGAIN. */
enum rc announce_again(struct scl *scl, struct rtx *tx, struct announce_work *w,
                       struct announce_result *r);

#endif
