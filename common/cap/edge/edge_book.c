/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/edge/edge_book.h"

#include <stdlib.h>

#include "base/clock.h"
#include "store/tables_book.h"

/* Records: G, the App-ID; a version, the grant as JSON. */
#define TABLE 'G'
#define RECORD_VERSION 1
#define QUEUE_MAX 64u
#define BATCH_MAX 1u /* each knows how many there are */

struct edge_book {
	struct edge_book_conf conf;
	struct tables_book book;
	unsigned n; /* grants; the thread of the book, once it runs */
};

#define CHANGE_OF(j) ((struct edge_change *)(void *)((char *)(j)-offsetof(struct edge_change, job)))

/* Stores c->now. */
static enum rc
put(const struct edge_change *c, struct tables_tx *tx, struct slice key)
{
	struct buf b;
	enum rc rc;

	buf_init(&b, EDGE_GRANT_MAX + 1);
	buf_char(&b, RECORD_VERSION);
	buf_slice(&b, buf_view(&c->now));
	rc = b.failed || c->now.failed ? RC_UNAVAILABLE : tables_put(tx, key, buf_view(&b));
	buf_fini(&b);
	return rc;
}

/* The grant that is stored; its texts live until the next change. */
static enum rc
stored(struct tables_tx *tx, struct slice key, struct edge_grant *g)
{
	struct slice val;
	const char *why;
	enum rc rc = tables_get(tx, key, &val);

	if (rc != RC_OK)
		return rc;
	return val.n > 0 && val.p[0] == RECORD_VERSION &&
	                       edge_grant_read(slice_from(val, 1), g, &why) == RC_OK
	               ? RC_OK
	               : RC_PRECONDITION;
}

static enum rc
change_put(struct edge_change *c, struct tables_tx *tx, struct slice key)
{
	const struct edge_book *b = c->job.self;

	c->created = !tables_has(tx, key);
	if (c->created && b->n >= b->conf.max)
		return RC_NO_SPACE;
	buf_slice(&c->now, c->json);
	return put(c, tx, key);
}

static enum rc
change_state(struct edge_change *c, struct tables_tx *tx, struct slice key)
{
	struct edge_grant g;
	enum rc rc = stored(tx, key, &g);

	if (rc == RC_OK && g.state == EDGE_WITHDRAWN)
		rc = RC_CONFLICT;
	if (rc != RC_OK)
		return rc;
	g.state = c->state;
	edge_grant_write(&g, &c->now);
	return put(c, tx, key);
}

static enum rc
change_withdraw(struct edge_change *c, struct tables_tx *tx, struct slice key)
{
	struct edge_grant g;
	enum rc rc = stored(tx, key, &g);

	if (rc != RC_OK)
		return rc;
	if (g.state == EDGE_WITHDRAWN)
		return tables_del(tx, key);
	g.state = EDGE_WITHDRAWN;
	edge_grant_write(&g, &c->now);
	return put(c, tx, key);
}

static enum rc
change(struct tables_job *j, struct tables_tx *tx)
{
	static enum rc (*const kinds[])(struct edge_change * c, struct tables_tx * tx,
	                                struct slice key) = {
		[EDGE_PUT] = change_put,
		[EDGE_SET_STATE] = change_state,
		[EDGE_WITHDRAW] = change_withdraw,
	};
	struct edge_change *c = CHANGE_OF(j);
	struct table_key k = table_key_of(TABLE, c->app_id.p, c->app_id.n);

	buf_clear(&c->now);
	c->created = false;
	return kinds[c->kind](c, tx, table_key_view(&k));
}

static void
changed(struct tables_job *j, enum rc rc)
{
	struct edge_change *c = CHANGE_OF(j);
	struct edge_book *b = j->self;
	struct buf now = c->now;

	if (rc == RC_OK && c->created)
		b->n++;
	if (rc == RC_OK && now.n == 0)
		b->n--;
	c->rc = rc;
	c->done(c);
	buf_fini(&now);
}

void
edge_book_change(struct edge_book *b, struct edge_change *c)
{
	buf_init(&c->now, EDGE_GRANT_MAX);
	c->job = (struct tables_job){ .run = change, .done = changed, .self = b };
	tables_work_submit(b->book.work, &c->job);
}

/* ---- life ---- */

struct loading {
	const struct edge_book_conf *conf;
	unsigned n;
	enum rc rc;
};

static bool
load_one(void *arg, struct slice key, struct slice val)
{
	struct loading *l = arg;

	if (key.n < 2 || key.n > 1 + EDGE_APP_MAX || val.n < 1 || val.p[0] != RECORD_VERSION)
		l->rc = RC_PRECONDITION;
	else if (l->n++ == l->conf->max)
		l->rc = RC_NO_SPACE;
	else
		l->rc = l->conf->loaded(l->conf->arg, slice_from(key, 1), slice_from(val, 1));
	if (l->rc == RC_BAD_REQUEST)
		l->rc = RC_PRECONDITION;
	return l->rc == RC_OK;
}

static enum rc
load(void *arg, struct tables *store)
{
	struct edge_book *b = arg;
	static const char table[] = { TABLE };
	struct loading l = { .conf = &b->conf };
	struct tables_tx *tx;
	enum rc rc = tables_read(store, &tx);

	if (rc != RC_OK)
		return rc;
	rc = tables_scan(tx, slice_make(table, 1), SLICE_NONE, 0, load_one, &l);
	tables_abort(tx);
	b->n = l.n;
	return rc == RC_OK ? l.rc : rc;
}

enum rc
edge_book_open(const struct edge_book_conf *conf, struct edge_book **out, char why[256])
{
	struct edge_book *b = calloc(1, sizeof(*b));
	const struct tables_book_conf book = { .dir = conf->dir,
		                               .engine = conf->engine,
		                               .name = "grants",
		                               .full = "more grants than edge.grants_max",
		                               .load = load,
		                               .arg = b,
		                               .work = { .log = conf->log,
		                                         .store_failed = "edge-store-failed",
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
edge_book_close(struct edge_book *b)
{
	if (b == NULL)
		return;
	tables_book_close(&b->book);
	free(b);
}
