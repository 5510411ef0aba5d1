/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies and alarms on disk: a store of tables of its own. What is put is durable before done is
 * called.
 */
#ifndef CAP_GEO_BOOK_H
#define CAP_GEO_BOOK_H

#include "base/log.h"
#include "sec/node_id.h"
#include "store/store.h"
#include "store/tables_job.h"

struct geo_book;

/* What a record is. */
enum geo_record { GEO_RECORD_POLICY, GEO_RECORD_STATE };

struct geo_book_conf {
	const char *dir; /* NULL: in memory, nothing outlives the process */
	const struct store_ops *engine; /* of dir */
	struct log *log;
	/*
	 * Each record of an earlier run, all policies before all states, within geo_book_open; not RC_OK
	 * ends that with it.
	 */
	enum rc (*loaded)(void *arg, enum geo_record what, const struct node_id *id,
	                  struct slice record);
	void *arg;
};

/* Blocks on the disk. As tables_open, or RC_PRECONDITION: damaged. One line in why. */
enum rc geo_book_open(const struct geo_book_conf *conf, struct geo_book **out, char why[256]);
/* Ends what waits. NULL is fine. */
void geo_book_close(struct geo_book *b);

/* One change; in the caller's memory until done was called, once, never from within. */
struct geo_change {
	struct node_id id;
	struct slice policy; /* from now on, and no state yet if it is fresh; lives until done */
	struct slice state; /* from now on; the same */
	bool fresh, drop; /* drop: nothing of the node is left */
	enum rc rc; /* RC_OK: it is stored; RC_NO_SPACE, RC_UNAVAILABLE: it is not */
	/* On the thread of the book, changes in their order. */
	void (*done)(struct geo_change *c);
	void *owner;
	struct tables_job job; /* the book's */
};

/* Any thread, never blocks. */
void geo_book_change(struct geo_book *b, struct geo_change *c);

#endif
