/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys and traces of devices (sd_known.h) on disk: a store of tables of its own. What is put is
 * durable before done is called. Nothing in it is secret.
 */
#ifndef CAP_SD_SD_BOOK_H
#define CAP_SD_SD_BOOK_H

#include "base/log.h"
#include "cap/sd/sd_known.h"
#include "store/store.h"
#include "store/tables_job.h"

struct sd_book;

struct sd_book_conf {
	const char *dir; /* NULL: in memory, nothing outlives the process */
	const struct store_ops *engine; /* of dir */
	struct log *log;
	/* Takes what an earlier run has left, within sd_book_open. */
	struct sd_known_table *table;
};

/*
 * Blocks on the disk. As tables_open; RC_PRECONDITION: damaged; RC_NO_SPACE: more devices than the
 * table bears. One line in why.
 */
enum rc sd_book_open(const struct sd_book_conf *conf, struct sd_book **out, char why[256]);
/* Ends what waits. NULL is fine. */
void sd_book_close(struct sd_book *b);

/* One device, as it is from now on. */
struct sd_entry {
	struct node_id id;
	struct sd_trace trace;
	bool excluded_now; /* the owner's: by this change */
};

/* In the caller's memory until done was called, once, never from within; on the book's thread. */
struct sd_change {
	struct node_id id; /* of keys */
	const struct sd_keys
		*keys; /* NULL, or keys->known false: there are none; live until done */
	/*
	 * NULL, or asked on the book's thread before keys are put, once or several times: false, they are
	 * not any more, and rc is RC_FORBIDDEN.
	 */
	bool (*may)(const struct sd_change *c);
	const struct sd_entry *traces; /* n of them, which live until done */
	size_t n;
	enum rc rc; /* RC_OK: all of it is stored; RC_NO_SPACE, RC_UNAVAILABLE: nothing is */
	void (*done)(struct sd_change *c);
	void *owner;
	struct tables_job job; /* the book's */
};

/* Any thread, never blocks; changes apply in their order. Keys, and of none nothing is put. */
void sd_book_put_keys(struct sd_book *b, struct sd_change *c);
void sd_book_put_traces(struct sd_book *b, struct sd_change *c);

#endif
