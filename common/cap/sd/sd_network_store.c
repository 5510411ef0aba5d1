/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readings that are verified become contentInstances, then their numbers count as taken, then the
 * answer goes: one bundle after the other, so that of two with the same readings one makes them and
 * the other finds them made. All on the courier thread but what the book does.
 *
 *   net_store -> lane -> order, numbers again -> windows of calls -> traces in the book -> answer
 *
 * When the process ends between instance and number, the bundle comes again, and the instance is
 * there: 409 says that it was made.
 */
#include "config.h"

#include "cap/sd/sd_network_impl.h"

#include <stdlib.h>

#define RETRY_AFTER 2u /* seconds */

/* ---- the answer ---- */

/* The bundle as a whole, once it is verified. RC_OK: its readings are taken one by one. */
static enum rc
verdict(const struct net_post *p, const char **reason)
{
	bool aggregate = p->bundle.alg == SD_BLS || p->bundle.alg == SD_IDENTITY;

	*reason = NULL;
	switch (p->verified) {
	case RC_OK:
		return RC_OK;
	case RC_FORBIDDEN:
	case RC_BAD_REQUEST:
		*reason = "SD_AGGREGATE";
		return aggregate ? RC_BAD_REQUEST : RC_OK;
	case RC_NOT_FOUND:
		*reason = "SD_NO_KEY";
		return aggregate ? RC_FORBIDDEN : RC_OK;
	case RC_CONFLICT:
		*reason = "SD_DUPLICATE";
		return RC_BAD_REQUEST;
	case RC_NOT_IMPLEMENTED:
		return RC_NOT_IMPLEMENTED;
	default:
		return RC_UNAVAILABLE;
	}
}

static enum rc
answer(struct net_post *p)
{
	const char *reason;
	enum rc rc = verdict(p, &reason);

	if (rc == RC_OK && p->broken)
		rc = RC_UNAVAILABLE;
	if (rc == RC_UNAVAILABLE)
		return net_overload(p->net, p->rq, RETRY_AFTER);
	if (rc == RC_NOT_IMPLEMENTED)
		return endpoint_refuse(p->rq, rc, SLICE_LIT("SD_ALG"));
	if (rc == RC_OK)
		return net_answer(p, RC_ACCEPTED, NULL);
	if (p->verified == RC_FORBIDDEN || p->verified == RC_BAD_REQUEST)
		net_count(p->net, NET_COUNT_AGGREGATE);
	else if (p->verified == RC_CONFLICT)
		net_count(p->net, NET_COUNT_DUPLICATE);
	return net_answer(p, rc, reason);
}

/* Answers; the next one of the lane is the courier's. Courier or book. */
static void
finish(struct net_post *p)
{
	struct sd_network *net = p->net;

	mas_count(net->counters, NET_COUNT_ACCEPTED, p->stored);
	scl_post(net->scl, &net->lane_next, 0);
	net_post_end(p, answer(p));
}

/* ---- numbers and culprits, durable ---- */

static void
noted(struct sd_change *c)
{
	struct net_post *p = c->owner;

	if (c->rc != RC_OK) {
		p->broken = true;
		p->stored = 0;
		finish(p);
		return;
	}
	for (size_t i = 0; i < p->n_entries; i++) {
		const struct sd_entry *e = &p->entries[i];

		sd_known_set_trace(p->net->table, sd_known_find(p->net->table, &e->id), &e->trace);
		if (e->excluded_now) {
			char text[NODE_ID_TEXT], gateway[NODE_ID_TEXT];

			node_id_text(&e->id, text);
			node_id_text(&p->peer, gateway);
			net_count(p->net, NET_COUNT_CULPRITS_EXCLUDED);
			LOG_WARN(p->net->log, "smalldata-excluded", LOG_Z("device", text),
			         LOG_Z("gateway", gateway));
		}
	}
	finish(p);
}

/*
 * A wrong signature, in a bundle by a service connection. It may be the work of whoever has it, so it
 * counts for that gateway alone: nobody spoils a name for another.
 */
static void
blame(const struct net_post *p, struct sd_entry *e)
{
	if (p->proved)
		e->excluded_now = sd_trace_blame(&e->trace, &p->peer, clock_now(p->net->clock));
}

/* The trace that the readings of one device leave: places from..to-1 of order. */
static void
trace_device(struct net_post *p, size_t from, size_t to)
{
	struct sd_known *k = p->known[p->order[from]];
	struct sd_entry *e = &p->entries[p->n_entries];
	struct sd_trace before;
	bool stopped = false, wrong = false;

	if (k == NULL)
		return;
	before = sd_known_trace(p->net->table, k);
	*e = (struct sd_entry){ .id = p->readings[p->order[from]].device, .trace = before };
	for (size_t i = from; i < to; i++) {
		size_t at = p->order[i];

		wrong = wrong || p->reasons[at] == NET_SIGNATURE;
		if (p->reasons[at] != NET_TAKEN)
			continue;
		stopped = stopped || p->states[i] != ITEM_MADE;
		if (stopped)
			continue;
		e->trace.seq = p->readings[at].seq;
		p->stored++;
	}
	if (wrong)
		blame(p, e);
	if (wrong || e->trace.seq != before.seq)
		p->n_entries++;
}

static bool
same_device(const struct net_post *p, size_t i, size_t k)
{
	return sd_device_order(&p->readings[p->order[i]], &p->readings[p->order[k]]) == 0;
}

void
net_note(struct net_post *p)
{
	for (size_t i = 0, next; i < p->bundle.n; i = next) {
		for (next = i + 1; next < p->bundle.n && same_device(p, i, next); next++)
			;
		trace_device(p, i, next);
	}
	if (p->n_entries == 0) {
		finish(p);
		return;
	}
	p->change = (struct sd_change){
		.traces = p->entries, .n = p->n_entries, .done = noted, .owner = p
	};
	sd_book_put_traces(p->net->book, &p->change);
}

/* ---- order ---- */

struct ranked {
	const struct sd_reading *r;
	size_t at;
};

static int
by_number(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;
	int c = sd_reading_order(x->r, y->r);

	return c != 0 ? c : x->at < y->at ? -1 : x->at > y->at;
}

/*
 * By device and number; what another bundle has brought meanwhile is a replay, as is the second of
 * two readings with one number.
 */
static bool
put_in_order(struct net_post *p)
{
	struct ranked *sorted = calloc(p->bundle.n, sizeof(*sorted));

	if (sorted == NULL)
		return false;
	for (size_t i = 0; i < p->bundle.n; i++)
		sorted[i] = (struct ranked){ &p->readings[i], i };
	qsort(sorted, p->bundle.n, sizeof(*sorted), by_number);
	for (size_t i = 0; i < p->bundle.n; i++)
		p->order[i] = sorted[i].at;
	free(sorted);
	return true;
}

static void
look_again(struct net_post *p)
{
	uint64_t last = 0;

	for (size_t i = 0; i < p->bundle.n; i++) {
		size_t at = p->order[i];
		struct sd_known *k = p->known[at];

		if (k == NULL)
			continue;
		if (i == 0 || !same_device(p, i - 1, i))
			last = sd_known_trace(p->net->table, k).seq;
		if (p->reasons[at] != NET_TAKEN)
			continue;
		if (!sd_known_has(p->net->table, k, p->bundle.alg))
			p->reasons[at] = NET_NO_KEY;
		else if (p->readings[at].seq <= last)
			p->reasons[at] = NET_REPLAY;
		else
			last = p->readings[at].seq;
	}
}

static bool
make_room(struct net_post *p)
{
	p->order = calloc(p->bundle.n, sizeof(p->order[0]));
	p->states = calloc(p->bundle.n, sizeof(p->states[0]));
	p->entries = calloc(p->bundle.n, sizeof(p->entries[0]));
	return p->order != NULL && p->states != NULL && p->entries != NULL && net_make_room(p) &&
	       put_in_order(p);
}

/* ---- the lane ---- */

static void
take(struct net_post *p)
{
	const char *reason;

	if (verdict(p, &reason) != RC_OK) {
		finish(p);
	} else if (!make_room(p)) {
		p->broken = true;
		finish(p);
	} else {
		look_again(p);
		net_make(p);
	}
}

static void
lane_step(struct sd_network *net)
{
	struct net_post *p = net->lane;

	if (net->lane_busy || p == NULL)
		return;
	net->lane = p->next;
	if (net->lane == NULL)
		net->lane_end = &net->lane;
	net->lane_busy = true;
	take(p);
}

static void
lane_next(struct scl_task *task)
{
	struct sd_network *net = NET_OF(task, struct sd_network, lane_next);

	net->lane_busy = false;
	lane_step(net);
}

static void
lane_add(struct scl_task *task)
{
	struct net_post *p = NET_OF(task, struct net_post, task);
	struct sd_network *net = p->net;

	p->next = NULL;
	*net->lane_end = p;
	net->lane_end = &p->next;
	lane_step(net);
}

void
net_store(struct net_post *p)
{
	p->task = (struct scl_task){ .run = lane_add };
	scl_post(p->net->scl, &p->task, 0);
}

void
net_store_init(struct sd_network *net)
{
	net->lane = NULL;
	net->lane_end = &net->lane;
	net->lane_next = (struct scl_task){ .run = lane_next };
}
