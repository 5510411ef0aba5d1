/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The grants on disk: a store of tables of its own. What is put is durable before done is called.
 * How many there may be is decided here, by what is stored.
 */
#ifndef CAP_EDGE_BOOK_H
#define CAP_EDGE_BOOK_H

#include "base/log.h"
#include "cap/edge/edge_grant.h"
#include "store/store.h"
#include "store/tables_job.h"

struct edge_book;

struct edge_book_conf {
	const char *dir; /* NULL: in memory, nothing outlives the process */
	const struct store_ops *engine; /* of dir */
	unsigned max; /* grants */
	struct log *log;
	/* Each grant of an earlier run, within edge_book_open; not RC_OK ends that with it. */
	enum rc (*loaded)(void *arg, struct slice app_id, struct slice json);
	void *arg;
};

/*
 * Blocks on the disk. As tables_open, or RC_PRECONDITION: damaged; RC_NO_SPACE: there are more than max.
 * One line in why.
 */
enum rc edge_book_open(const struct edge_book_conf *conf, struct edge_book **out, char why[256]);
/* Ends what waits. NULL is fine. */
void edge_book_close(struct edge_book *b);

enum edge_change_kind {
	EDGE_PUT, /* json is the grant from now on */
	EDGE_SET_STATE, /* of one that is there and was not withdrawn */
	EDGE_WITHDRAW /* one that was withdrawn is taken away */
};

/*
 * One change, of the grant as it is stored when its turn comes; in the caller's memory until done was
 * called, once, never from within.
 */
struct edge_change {
	enum edge_change_kind kind;
	struct slice app_id; /* 1..EDGE_APP_MAX octets; lives until done, as the next */
	struct slice json; /* of EDGE_PUT */
	enum edge_state state; /* of EDGE_SET_STATE */
	/*
	 * RC_OK: it is stored. RC_NOT_FOUND; RC_CONFLICT: it was withdrawn; RC_NO_SPACE: there are max, or
	 * no room; RC_PRECONDITION: what is stored is damaged; RC_UNAVAILABLE.
	 */
	enum rc rc;
	struct buf now; /* RC_OK: the grant from now on, empty: there is none. Freed after done. */
	bool created; /* RC_OK: there was none before */
	/* On the thread of the book, changes in their order. */
	void (*done)(struct edge_change *c);
	void *owner;
	struct tables_job job; /* the book's */
};

/* Any thread, never blocks. */
void edge_book_change(struct edge_book *b, struct edge_change *c);

#endif
