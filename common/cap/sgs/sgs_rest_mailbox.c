/* SPDX-License-Identifier: Apache-2.0 */
/* What waits for a device: read, also when it comes, and acknowledged. */
#include "config.h"

#include <stdlib.h>

#include "cap/sgs/sgs_rest_own.h"

#define WAIT_MAX 60u /* seconds */
#define ITEMS_DEFAULT 50u
#define ITEMS_MAX 100u
#define OCTETS_MAX (256u << 10) /* of the messages of one answer, but for the first */

struct item_doc {
	uint64_t id;
	struct slice message;
};

static const struct sgs_field item_fields[] = {
	SGS_FIELD(struct item_doc, id, "id", SGS_NUMBER, true),
	SGS_FIELD(struct item_doc, message, "message", SGS_BYTES, true),
};
static const struct sgs_doc item_doc = { "item", item_fields, 2 };

struct mailbox_doc {
	struct sgs_rows item;
};

static const struct sgs_field mailbox_fields[] = {
	SGS_FIELD(struct mailbox_doc, item, "item", SGS_ROWS, true),
};
static const struct sgs_doc mailbox_doc = { "mailbox", mailbox_fields, 1 };

struct items {
	struct item_doc v[ITEMS_MAX];
	size_t n;
};

/* ---- GET ---- */

static bool
take_item(void *arg, const struct sgs_item *i)
{
	struct items *to = arg;

	to->v[to->n++] = (struct item_doc){ .id = i->number, .message = i->octets };
	return to->n < ITEMS_MAX;
}

static enum rc
answer_octets(struct sgs_call *c, const struct items *items)
{
	struct buf b;
	enum rc rc;

	buf_init(&b, SGS_ANSWER_OCTETS);
	for (size_t i = 0; i < items->n; i++) {
		buf_be(&b, items->v[i].id, 8);
		buf_be(&b, items->v[i].message.n, 4);
		buf_slice(&b, items->v[i].message);
	}
	rc = b.failed ? sgs_call_failed(c, RC_UNAVAILABLE)
	              : sgs_call_octets(c, RC_OK, buf_view(&b));
	buf_fini(&b);
	return rc;
}

static enum rc
answer_items(struct sgs_call *c, const struct items *items)
{
	const struct mailbox_doc doc = { .item = { &item_doc, items->v, items->n,
		                                   sizeof(items->v[0]) } };

	sgs_guard_count(c->s->guard, SGS_N_FETCHED, items->n);
	if (c->syntax == SGS_OCTETS)
		return answer_octets(c, items);
	return sgs_call_answer(c, RC_OK, &mailbox_doc, &doc);
}

/* RC_PENDING: there is nothing, and the call is as it was; else it has ended. */
static enum rc
look(struct sgs_call *c, const struct sgs_view *v, bool also_empty)
{
	struct items *items = calloc(1, sizeof(*items));
	enum rc rc = RC_UNAVAILABLE;

	if (items != NULL)
		rc = sgs_item_list(v, c->device, 0, c->max, OCTETS_MAX, take_item, items);
	if (rc != RC_OK)
		rc = sgs_call_failed(c, rc);
	else if (items->n == 0 && !also_empty)
		rc = RC_PENDING;
	else
		rc = answer_items(c, items);
	free(items);
	return rc;
}

/*
 * On the courier thread, or where the waits are stopped: the time is over, or there is something.
 */
static void
told(struct sgs_waiter *w)
{
	struct sgs_call *c =
		(struct sgs_call *)(void *)((char *)w - offsetof(struct sgs_call, waiter));
	struct sgs_view *v;
	enum rc rc = sgs_view_open(c->s->book, &v);

	if (rc != RC_OK) {
		sgs_call_failed(c, rc);
		return;
	}
	(void)look(c, v, true);
	sgs_view_close(v);
}

/* Something has come between the look of the serving thread and the parking. Inside the gate. */
static void
look_behind(struct sgs *s, uint64_t device)
{
	struct sgs_device d;
	struct sgs_view *v;

	if (sgs_view_open(s->book, &v) != RC_OK)
		return;
	if (sgs_device_get(v, device, &d) != RC_OK || d.items > 0)
		sgs_wait_touch(s->wait, device);
	sgs_view_close(v);
}

static void
park(struct req *rq)
{
	struct sgs_call *c = sgs_call_of(rq);
	struct sgs *s = c->s;
	uint64_t device = c->device;
	bool parked = false;

	c->waiter.told = told;
	c->waiter.device = device;
	if (sgs_enter(s)) {
		parked = sgs_wait_park(s->wait, &c->waiter, c->hold);
		/* The call may be told, and gone, from here on. */
		if (parked)
			look_behind(s, device);
		sgs_leave(s);
	}
	if (!parked)
		told(&c->waiter);
}

/*
 * What comes after the observation has begun is told: so it is looked at anew from then on. An
 * answer that had to wait before (for its counter) is observed by nobody.
 */
static enum rc
look_watched(struct sgs_call *c, bool also_empty)
{
	struct sgs_view *v;
	enum rc rc;

	if (c->pending)
		return look(c, c->view, also_empty);
	endpoint_watch(c->rq, sgs_wait_key(c->device));
	rc = sgs_view_open(c->s->book, &v);
	if (rc != RC_OK)
		return sgs_call_failed(c, rc);
	rc = look(c, v, also_empty);
	sgs_view_close(v);
	return rc;
}

enum rc
sgs_rest_mailbox(struct sgs_call *c)
{
	uint64_t wait, max;
	enum rc rc;

	if (!sgs_call_number(c, "wait", WAIT_MAX, 0, &wait) ||
	    !sgs_call_number(c, "max", ITEMS_MAX, ITEMS_DEFAULT, &max) || max == 0)
		return sgs_call_class(c, SGS_BY_SYNTAX, SLICE_NONE);
	if (!slice_eq(c->stars[0], sga_id_slice(&c->tag.id)))
		return sgs_call_failed(c, RC_NOT_FOUND);
	c->max = (size_t)max;
	c->hold = (int64_t)wait * CLOCK_SECOND;
	rc = look_watched(c, wait == 0);
	return rc == RC_PENDING ? sgs_call_pend(c, park) : rc;
}

/* ---- DELETE ---- */

static void
acknowledge(struct req *rq)
{
	struct sgs_call *c = sgs_call_of(rq);

	sgs_item_ack(c->s->book, &c->u.ack);
}

enum rc
sgs_rest_item_delete(struct sgs_call *c)
{
	struct slice before;
	uint64_t item;
	enum rc rc = endpoint_parameter(c->rq, "before", &before);

	if (rc != RC_OK || !slice_number(c->stars[1], INT64_MAX, &item) ||
	    (before.p != NULL && !slice_is(before, "true") && !slice_is(before, "false")))
		return sgs_call_class(c, SGS_BY_SYNTAX, SLICE_NONE);
	if (!slice_eq(c->stars[0], sga_id_slice(&c->tag.id)))
		return sgs_call_failed(c, RC_NOT_FOUND);
	c->u.ack = (struct sgs_ack){ .op = { .done = sgs_call_ended, .owner = c },
		                     .device = c->device,
		                     .item = item,
		                     .through = before.p != NULL && slice_is(before, "true") };
	return sgs_call_pend(c, acknowledge);
}
