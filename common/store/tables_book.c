/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "store/tables_book.h"

#include <stdio.h>

static enum rc
open_all(struct tables_book *b, const struct tables_book_conf *conf, char why[256])
{
	const struct store_ops *ops = conf->dir == NULL ? &store_memory : conf->engine;
	const struct store_conf store = { .path = conf->dir };
	struct tables_work_conf work = conf->work;
	enum rc rc = tables_open(ops, &store, &b->store, why);

	work.store = &b->store;
	if (rc == RC_OK)
		rc = conf->load(conf->arg, &b->store);
	return rc == RC_OK ? tables_work_start(&work, &b->work) : rc;
}

enum rc
tables_book_open(struct tables_book *b, const struct tables_book_conf *conf, char why[256])
{
	enum rc rc;

	*b = (struct tables_book){ .work = NULL };
	why[0] = '\0';
	rc = open_all(b, conf, why);
	if (rc == RC_OK)
		return RC_OK;
	tables_book_close(b);
	if (why[0] == '\0')
		snprintf(why, 256, "%.160s: %s", conf->dir == NULL ? conf->name : conf->dir,
		         rc == RC_PRECONDITION ? "a record is damaged"
		         : rc == RC_NO_SPACE   ? conf->full
		                               : status_of(rc)->text);
	return rc;
}

void
tables_book_close(struct tables_book *b)
{
	tables_work_stop(b->work);
	tables_close(&b->store);
	*b = (struct tables_book){ .work = NULL };
}
