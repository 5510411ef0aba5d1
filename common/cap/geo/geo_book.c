/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/geo/geo_book.h"

#include <stdlib.h>

#include "base/clock.h"
#include "store/tables_book.h"

/* Records: the letter, the node id; a version, then what the owner says. */
#define POLICIES 'P'
#define STATES 'S'
#define RECORD_VERSION 1
#define RECORD_MAX 32768u
#define QUEUE_MAX 16384u /* twice the nodes that there may be: each has a state under way */
#define BATCH_MAX 64u

struct geo_book {
	struct geo_book_conf conf;
	struct tables_book book;
};

#define CHANGE_OF(j) ((struct geo_change *)(void *)((char *)(j)-offsetof(struct geo_change, job)))

static enum rc
put(struct tables_tx *tx, char table, const struct node_id *id, struct slice record)
{
	struct table_key k = table_key_of(table, id->v, NODE_ID_BYTES);
	struct buf b;
	enum rc rc;

	buf_init(&b, RECORD_MAX);
	buf_char(&b, RECORD_VERSION);
	buf_slice(&b, record);
	rc = b.failed ? RC_UNAVAILABLE : tables_put(tx, table_key_view(&k), buf_view(&b));
	buf_fini(&b);
	return rc;
}

static enum rc
drop(struct tables_tx *tx, char table, const struct node_id *id)
{
	struct table_key k = table_key_of(table, id->v, NODE_ID_BYTES);

	return tables_del(tx, table_key_view(&k));
}

static enum rc
change(struct tables_job *j, struct tables_tx *tx)
{
	struct geo_change *c = CHANGE_OF(j);
	enum rc rc = RC_OK;

	if (c->drop)
		rc = drop(tx, POLICIES, &c->id);
	if (rc == RC_OK && (c->drop || c->fresh))
		rc = drop(tx, STATES, &c->id);
	if (rc == RC_OK && c->policy.p != NULL)
		rc = put(tx, POLICIES, &c->id, c->policy);
	if (rc == RC_OK && c->state.p != NULL)
		rc = put(tx, STATES, &c->id, c->state);
	return rc;
}

static void
changed(struct tables_job *j, enum rc rc)
{
	struct geo_change *c = CHANGE_OF(j);

	c->rc = rc;
	c->done(c);
}

void
geo_book_change(struct geo_book *b, struct geo_change *c)
{
	c->job = (struct tables_job){ .run = change, .done = changed, .self = b };
	tables_work_submit(b->book.work, &c->job);
}

/* ---- life ---- */

struct loading {
	const struct geo_book_conf *conf;
	enum geo_record what;
	enum rc rc;
};

static bool
load_one(void *arg, struct slice key, struct slice val)
{
	struct loading *l = arg;
	struct node_id id;

	if (key.n != 1 + NODE_ID_BYTES || val.n < 1 || val.p[0] != RECORD_VERSION) {
		l->rc = RC_PRECONDITION;
		return false;
	}
	memcpy(id.v, key.p + 1, NODE_ID_BYTES);
	l->rc = l->conf->loaded(l->conf->arg, l->what, &id, slice_from(val, 1));
	if (l->rc == RC_BAD_REQUEST)
		l->rc = RC_PRECONDITION;
	return l->rc == RC_OK;
}

static enum rc
load(struct geo_book *b, struct tables *store, enum geo_record what, char table)
{
	struct loading l = { .conf = &b->conf, .what = what };
	struct tables_tx *tx;
	enum rc rc = tables_read(store, &tx);

	if (rc != RC_OK)
		return rc;
	rc = tables_scan(tx, slice_make(&table, 1), SLICE_NONE, 0, load_one, &l);
	tables_abort(tx);
	return rc == RC_OK ? l.rc : rc;
}

static enum rc
load_all(void *arg, struct tables *store)
{
	enum rc rc = load(arg, store, GEO_RECORD_POLICY, POLICIES);

	return rc == RC_OK ? load(arg, store, GEO_RECORD_STATE, STATES) : rc;
}

enum rc
geo_book_open(const struct geo_book_conf *conf, struct geo_book **out, char why[256])
{
	struct geo_book *b = calloc(1, sizeof(*b));
	const struct tables_book_conf book = { .dir = conf->dir,
		                               .engine = conf->engine,
		                               .name = "places",
		                               .full = "more nodes than geo.nodes_max",
		                               .load = load_all,
		                               .arg = b,
		                               .work = { .log = conf->log,
		                                         .store_failed = "geo-store-failed",
		                                         .queue_max = QUEUE_MAX,
		                                         .batch_max = BATCH_MAX } };
	enum rc rc;

	*out = NULL;
	why[0] = '\0';
	if (b == NULL)
		return RC_UNAVAILABLE;
	b->conf = *conf;
	rc = tables_book_open(&b->book, &book, why);
	if (rc == RC_OK)
		*out = b;
	else
		free(b);
	return rc;
}

void
geo_book_close(struct geo_book *b)
{
	if (b == NULL)
		return;
	tables_book_close(&b->book);
	free(b);
}
