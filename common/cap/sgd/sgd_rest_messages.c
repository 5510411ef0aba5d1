/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of applications: to peers, of the inbox. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/be.h"
#include "cap/sgd/sgd_rest_own.h"
#include "sec/b64url.h"
#include "sec/hex.h"

#define WAIT_MAX 60u
#define INBOX_DEFAULT 50u

/* ---- to a peer ---- */

/* On the book's thread. */
static void
queued(struct sgd_change *change)
{
	struct sgd_call *c = change->owner;
	struct sgd *d = c->d;
	char id[24];

	if (change->rc == RC_OK) {
		sgd_count(d, SGD_N_QUEUED, 1);
		sgd_engine_queued(d, &c->dest);
	}
	if (!sgd_call_claim(c))
		return;
	if (change->rc != RC_OK) {
		sgd_call_refuse(c, change->rc, change->rc == RC_NO_SPACE ? "queue" : NULL);
		return;
	}
	snprintf(id, sizeof(id), "%" PRIu64, change->number);
	sgd_call_location(c, "messages", id);
	json_put_open(&c->out, NULL, '{');
	json_put_number(&c->out, "id", (int64_t)change->number);
	buf_char(&c->out, '}');
	sgd_call_answer(c, RC_ACCEPTED);
}

void
sgd_call_queue(struct sgd_call *c)
{
	c->change.done = queued;
	c->change.owner = c;
	sgd_book_submit(c->d->book, &c->change);
}

static void
begin_send(struct req *rq)
{
	sgd_call_queue(endpoint_state(rq));
}

static enum rc
check_body(const struct sgd_call *c)
{
	if (c->in->body.n == 0)
		return RC_BAD_REQUEST;
	return c->in->body.n > SGD_DATA_MAX ? RC_TOO_LARGE : RC_OK;
}

enum rc
sgd_rest_send(struct sgd_call *c)
{
	struct sgd_dest_row row;
	struct sga_id peer;
	enum rc rc = check_body(c);

	if (rc != RC_OK)
		return sgd_call_refuse(c, rc, NULL);
	if (sga_id_make(c->id, &peer) != RC_OK || !sgd_peer_row(c->d, &peer, &row))
		return sgd_call_refuse(c, RC_NOT_FOUND, "peer");
	rc = sgd_dest_of(&row, &c->dest);
	if (rc != RC_OK)
		return sgd_call_refuse(c, rc, NULL);
	sgd_change_begin(&c->change);
	sgd_change_queue(&c->change, &row, SGD_KIND_DATA, c->in->body, true);
	return sgd_call_pend(c, begin_send);
}

/* ---- to a group: an errand ---- */

enum rc
sgd_rest_group_send(struct sgd_call *c)
{
	struct sga_sid gid;
	struct sgd_group *g = NULL;
	enum rc rc = check_body(c);

	if (rc != RC_OK)
		return sgd_call_refuse(c, rc, NULL);
	if (hex_decode(c->id, gid.v, sizeof(gid.v)))
		g = sgd_group_find(c->d, &gid);
	if (g == NULL)
		return sgd_call_refuse(c, RC_NOT_FOUND, "group");
	if (!c->d->signs)
		return sgd_call_refuse(c, RC_CONFLICT, "key");
	if (g->state > SGD_G_STALE)
		return sgd_call_refuse(c, RC_CONFLICT, "state");
	c->dest = g->to->key;
	sgd_change_begin(&c->change);
	sgd_change_queue(&c->change, &g->to->row, SGD_KIND_DATA, c->in->body, true);
	if (!sgd_call_relist(c)) {
		sgd_change_end(&c->change);
		return sgd_call_refuse(c, RC_UNAVAILABLE, NULL);
	}
	sgd_call_queue(c);
	return RC_PENDING;
}

/* ---- what became of one ---- */

enum rc
sgd_rest_message(struct sgd_call *c)
{
	static const char *const states[] = {
		[SGD_QUEUED] = "queued", [SGD_SENT] = "sent", [SGD_FAILED] = "failed"
	};
	struct sgd_message_row m;
	uint64_t number;
	enum rc rc = slice_number(c->id, UINT64_MAX, &number)
	                     ? sgd_book_message(c->d->book, number, &m)
	                     : RC_NOT_FOUND;

	if (rc != RC_OK)
		return sgd_call_refuse(c, rc, NULL);
	json_put_open(&c->out, NULL, '{');
	json_put_number(&c->out, "id", (int64_t)number);
	json_put_text(&c->out, "state", slice_of(states[m.state]));
	json_put_text(&c->out, m.group ? "group" : "peer", sga_id_slice(&m.name));
	buf_char(&c->out, '}');
	return sgd_call_answer(c, RC_OK);
}

/* ---- the inbox ---- */

struct showing {
	struct sgd_call *c;
	unsigned n;
	bool failed;
};

static bool
show_item(void *arg, struct slice rest, struct slice val)
{
	struct showing *s = arg;
	struct buf *b = &s->c->out;
	struct sgd_item i;

	if (!sgd_item_read(val, &i)) {
		s->failed = true;
		return false;
	}
	s->n++;
	json_put_open(b, NULL, '{');
	json_put_number(b, "id", (int64_t)be_get(rest.p, 8));
	json_put_text(b, "from", sga_id_slice(&i.from));
	if (i.has_group)
		json_put_hex(b, "group", i.group.v, sizeof(i.group.v));
	json_put_time(b, "time", i.time);
	buf_puts(b, ",\"data\":\"");
	b64url_add(b, i.data);
	buf_puts(b, "\"}");
	return b->n < SGD_INBOX_OCTETS;
}

static bool
stop_at_once(void *arg, struct slice rest, struct slice val)
{
	(void)rest;
	(void)val;
	*(bool *)arg = true;
	return false;
}

static enum rc
scan_inbox(struct sgd_call *c, size_t max, bool secret, sgd_visit *visit, void *arg)
{
	struct table_key all = sgd_key(SGD_T_INBOX, NULL, 0);
	uint8_t after[8];

	be_put(after, c->after, sizeof(after));
	return sgd_book_scan(c->d->book, &all, slice_make(after, sizeof(after)), max, secret, visit,
	                     arg);
}

bool
sgd_rest_put_inbox(struct sgd_call *c, bool *failed)
{
	struct showing s = { .c = c };

	json_put_open(&c->out, NULL, '{');
	json_put_open(&c->out, "message", '[');
	*failed = scan_inbox(c, c->max, true, show_item, &s) != RC_OK || s.failed;
	buf_puts(&c->out, "]}");
	return s.n > 0;
}

static bool
is_empty(struct sgd_call *c)
{
	bool any = false;

	scan_inbox(c, 1, false, stop_at_once, &any);
	return !any;
}

static void
answer_inbox(struct sgd_call *c)
{
	bool failed;

	sgd_rest_put_inbox(c, &failed);
	if (failed)
		sgd_call_refuse(c, RC_UNAVAILABLE, NULL);
	else
		sgd_call_answer(c, RC_OK);
}

/* It waits first and looks then: what comes in between is told. */
static void
begin_wait(struct req *rq)
{
	struct sgd_call *c = endpoint_state(rq);

	if (!sgd_rest_park(c)) {
		if (sgd_call_claim(c))
			sgd_call_refuse(c, RC_UNAVAILABLE, NULL);
		return;
	}
	if (!is_empty(c) && sgd_call_claim(c)) {
		c->until = 0;
		answer_inbox(c);
	}
}

static enum rc
number_parameter(struct sgd_call *c, const char *name, uint64_t max, uint64_t def, uint64_t *out)
{
	struct slice v;
	enum rc rc = endpoint_parameter(c->rq, name, &v);

	*out = def;
	if (rc != RC_OK || v.p == NULL)
		return rc;
	return slice_number(v, max, out) ? RC_OK : RC_BAD_REQUEST;
}

enum rc
sgd_rest_inbox(struct sgd_call *c)
{
	uint64_t wait = 0;
	enum rc rc = number_parameter(c, "wait", WAIT_MAX, 0, &wait);

	if (rc == RC_OK)
		rc = number_parameter(c, "max", SGD_ITEMS_MAX, INBOX_DEFAULT, &c->max);
	if (rc == RC_OK)
		rc = number_parameter(c, "after", INT64_MAX, 0, &c->after);
	if (rc != RC_OK || c->max == 0)
		return sgd_call_refuse(c, RC_BAD_REQUEST, NULL);
	if (wait == 0) {
		bool failed;

		sgd_rest_put_inbox(c, &failed);
		return failed ? sgd_call_refuse(c, RC_UNAVAILABLE, NULL)
		              : sgd_call_answer(c, RC_OK);
	}
	c->wait = (int64_t)wait * CLOCK_SECOND;
	return sgd_call_pend(c, begin_wait);
}

/* On the book's thread. */
static void
deleted(struct sgd_change *change)
{
	struct sgd_call *c = change->owner;

	if (change->rc == RC_OK)
		sgd_engine_room(c->d);
	if (!sgd_call_claim(c))
		return;
	if (change->rc == RC_OK)
		sgd_call_done(c, RC_NO_CONTENT);
	else
		sgd_call_refuse(c, change->rc, NULL);
}

static void
begin_del(struct req *rq)
{
	struct sgd_call *c = endpoint_state(rq);

	c->change.done = deleted;
	c->change.owner = c;
	sgd_book_submit(c->d->book, &c->change);
}

enum rc
sgd_rest_inbox_del(struct sgd_call *c)
{
	struct slice before;
	uint64_t number;
	enum rc rc = endpoint_parameter(c->rq, "before", &before);

	if (rc != RC_OK ||
	    (before.p != NULL && !slice_is(before, "true") && !slice_is(before, "false")))
		return sgd_call_refuse(c, RC_BAD_REQUEST, NULL);
	if (!slice_number(c->id, UINT64_MAX, &number))
		return sgd_call_refuse(c, RC_NOT_FOUND, NULL);
	sgd_change_begin(&c->change);
	sgd_change_inbox_del(&c->change, number, before.p != NULL && slice_is(before, "true"));
	return sgd_call_pend(c, begin_del);
}
