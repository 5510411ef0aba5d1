/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A book: a store of tables that is read whole when it is opened, and changed by the jobs of a worker
 * from then on.
 */
#ifndef STORE_TABLES_BOOK_H
#define STORE_TABLES_BOOK_H

#include "store/tables.h"
#include "store/tables_work.h"

struct tables_book_conf {
	const char *dir; /* NULL: it does not outlive the process */
	const struct store_ops *engine; /* of dir */
	const char *name; /* for why, of a book without dir */
	const char *full; /* for why: what RC_NO_SPACE of load means */
	/* Takes what is there; RC_PRECONDITION: a record is damaged. */
	enum rc (*load)(void *arg, struct tables *store);
	void *arg;
	struct tables_work_conf work; /* but for its store */
};

struct tables_book {
	struct tables store;
	struct tables_work *work;
};

/* RC_OK; else why has a line, and nothing is open. Waits for the disk. */
enum rc tables_book_open(struct tables_book *b, const struct tables_book_conf *conf, char why[256]);
/* What waits is done first. One that was never opened, and all zero: fine. */
void tables_book_close(struct tables_book *b);

#endif
