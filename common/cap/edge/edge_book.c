/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/edge/edge_book.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "store/tables_work.h"

/* Records: G, the App-ID; a version, the grant as JSON. */
#define TABLE 'G'
#define RECORD_VERSION 1
#define QUEUE_MAX 64u
#define BATCH_MAX 1u /* each knows how many there are */

struct edge_book {
	struct edge_book_conf conf;
	struct tables store;
	unsigned n; /* grants; the thread of the book, once it runs */
	struct tables_work *work;
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
	tables_work_submit(b->work, &c->job);
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
load(struct edge_book *b)
{
	static const char table[] = { TABLE };
	struct loading l = { .conf = &b->conf };
	struct tables_tx *tx;
	enum rc rc = tables_read(&b->store, &tx);

	if (rc != RC_OK)
		return rc;
	rc = tables_scan(tx, slice_make(table, 1), SLICE_NONE, 0, load_one, &l);
	tables_abort(tx);
	b->n = l.n;
	return rc == RC_OK ? l.rc : rc;
}

static enum rc
open_all(struct edge_book *b, char why[256])
{
	const struct store_ops *ops = b->conf.dir == NULL ? &store_memory : b->conf.engine;
	const struct store_conf store = { .path = b->conf.dir };
	const struct tables_work_conf work = { .store = &b->store,
		                               .log = b->conf.log,
		                               .store_failed = "edge-store-failed",
		                               .queue_max = QUEUE_MAX,
		                               .batch_max = BATCH_MAX,
		                               .arg = b };
	enum rc rc = tables_open(ops, &store, &b->store, why);

	if (rc == RC_OK)
		rc = load(b);
	return rc == RC_OK ? tables_work_start(&work, &b->work) : rc;
}

enum rc
edge_book_open(const struct edge_book_conf *conf, struct edge_book **out, char why[256])
{
	struct edge_book *b = calloc(1, sizeof(*b));
	enum rc rc;

	*out = NULL;
	why[0] = '\0';
	if (b == NULL)
		return RC_UNAVAILABLE;
	b->conf = *conf;
	rc = open_all(b, why);
	if (rc == RC_OK) {
		*out = b;
		return RC_OK;
	}
	edge_book_close(b);
	if (why[0] == '\0')
		snprintf(why, 256, "%.160s: %s", conf->dir == NULL ? "grants" : conf->dir,
		         rc == RC_PRECONDITION ? "a grant is damaged"
		         : rc == RC_NO_SPACE   ? "more grants than edge.grants_max"
		                               : status_of(rc)->text);
	return rc;
}

void
edge_book_close(struct edge_book *b)
{
	if (b == NULL)
		return;
	tables_work_stop(b->work);
	tables_close(&b->store);
	free(b);
}
