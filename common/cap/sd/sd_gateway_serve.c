/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bundle of a device: what costs little.
 *
 *   serve (form, numbers, budget, a place) -> keys, courier -> verify, pool -> store, the book -> answer
 */
#include "config.h"

#include "cap/sd/sd_gateway_impl.h"

#include <stdlib.h>

#include "core/peer.h"

#define ASKING_NS UINT64_C(1000000) /* that a question to the network counts for */

static struct gw_take *
take_new(struct gw *gw, struct req *rq, const struct sd_bundle *b)
{
	struct gw_take *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->gw = gw;
	t->rq = rq;
	t->bundle = *b;
	t->readings = malloc(b->n * sizeof(t->readings[0]));
	t->verdicts = calloc(b->n, sizeof(t->verdicts[0]));
	t->kept = calloc(b->n, sizeof(struct gw_reading *));
	if (t->readings == NULL || t->verdicts == NULL || t->kept == NULL) {
		gw_take_free(t);
		return NULL;
	}
	sd_bundle_readings(b, t->readings);
	return t;
}

/* ---- form ---- */

/*
 * What a device sends: its own readings, in their order, each with a signature. An empty one would
 * make no contentInstance.
 */
static bool
is_of_device(const struct gw_take *t)
{
	static const struct node_id nobody;
	const struct sd_bundle *b = &t->bundle;

	if (b->alg == SD_BLS || (b->alg == SD_IDENTITY && b->n != 1) || b->seq != 0 ||
	    !node_id_eq(&b->gateway, &nobody) || t->readings[0].seq == 0)
		return false;
	for (size_t i = 0; i < b->n; i++)
		if (t->readings[i].payload.n == 0)
			return false;
	for (size_t i = 1; i < b->n; i++)
		if (!node_id_eq(&t->readings[i].device, &t->readings[0].device) ||
		    t->readings[i].seq <= t->readings[i - 1].seq)
			return false;
	return true;
}

/* ---- admission ---- */

/* On this host, or with a key of its own: it is known whom to complain to. */
static bool
is_near(const struct gw *gw, const struct req_input *in)
{
	struct node_id node;

	return (in->peer != NULL && in->peer->loopback) ||
	       gw->sec->peer_node(gw->sec->arg, in, &node);
}

/* Others have proved nothing yet: an address has so much work done for it, and not more. */
static enum rc
spend(struct gw_take *t, const struct req_input *in, bool asks)
{
	struct gw *gw = t->gw;
	unsigned retry_after;
	enum rc rc;

	if (is_near(gw, in))
		return RC_OK;
	t->source = in->peer == NULL ? SLICE_NONE : in->peer->address;
	t->cost = asks ? ASKING_NS : 0;
	if (gw->conf.verify)
		t->cost += sd_costs_of(&gw->costs, t->bundle.alg, t->bundle.n, 1);
	rc = sd_budget_take(gw->budget, t->source, t->cost, t->bundle.n, clock_monotonic(),
	                    &retry_after);
	if (rc == RC_OK)
		return RC_OK;
	t->cost = 0;
	if (rc == RC_TOO_LARGE) {
		gw_count(gw, GW_COUNT_BUDGET, 1);
		return endpoint_refuse(t->rq, rc, SLICE_LIT("SD_BUDGET"));
	}
	return gw_overload(gw, t->rq, retry_after == 0 ? 1 : retry_after);
}

/* Nothing was done for it. */
static void
give_back(const struct gw_take *t)
{
	if (t->cost != 0)
		sd_budget_give(t->gw->budget, t->source, t->cost);
}

/*
 * RC_OK or RC_UNAVAILABLE; nothing has a place yet. *over: nothing of it is new; *asks: the network is
 * to be asked about a device that it does not know.
 */
static enum rc
look(struct gw_take *t, bool *over, bool *asks)
{
	struct gw *gw = t->gw;
	const struct gw_device *d;
	bool room;

	pthread_mutex_lock(&gw->lock);
	room = gw->running && gw->n_takes < GW_TAKES_MAX && gw->pending < gw->conf.pending_max;
	d = gw_device_find(gw, &t->readings[0].device);
	*over = d != NULL && !gw_is_new(gw, d, t->readings[t->bundle.n - 1].seq);
	*asks = d == NULL || !d->known;
	pthread_mutex_unlock(&gw->lock);
	return room ? RC_OK : RC_UNAVAILABLE;
}

/* RC_OK: it counts as under way, and its device is there. RC_UNAVAILABLE. */
static enum rc
enter(struct gw_take *t)
{
	struct gw *gw = t->gw;
	enum rc rc = RC_UNAVAILABLE;

	pthread_mutex_lock(&gw->lock);
	if (gw->running && gw->n_takes < GW_TAKES_MAX)
		rc = gw_device_enter(gw, &t->readings[0].device, &t->device);
	gw->n_takes += rc == RC_OK;
	pthread_mutex_unlock(&gw->lock);
	return rc;
}

static void
begin(struct req *rq)
{
	gw_keys_want(endpoint_state(rq));
}

/* True: it has paid and has its place, and may begin. Else *rc is the answer. */
static bool
may_begin(struct gw_take *t, const struct req_input *in, enum rc *rc)
{
	bool over, asks;

	if (!is_of_device(t)) {
		*rc = gw_take_refuse(t, RC_BAD_REQUEST);
		return false;
	}
	if ((gw_algs(t->gw) & SD_ALG_BIT(t->bundle.alg)) == 0) {
		*rc = gw_take_refuse(t, RC_NOT_IMPLEMENTED);
		return false;
	}
	*rc = look(t, &over, &asks);
	if (*rc != RC_OK || over) {
		*rc = *rc != RC_OK ? gw_take_refuse(t, *rc) : gw_take_answer(t);
		return false;
	}
	*rc = spend(t, in, asks);
	if (*rc != RC_OK)
		return false;
	*rc = enter(t);
	if (*rc == RC_OK)
		return true;
	give_back(t);
	*rc = gw_take_refuse(t, *rc);
	return false;
}

static enum rc
serve_post(struct gw *gw, struct req *rq, const struct req_input *in)
{
	struct sd_bundle bundle;
	struct gw_take *t;
	enum rc rc;

	if (!endpoint_has_octets(in))
		return endpoint_refuse(rq, RC_MEDIA_TYPE, SLICE_NONE);
	if (sd_bundle_parse(in->body, &bundle) != RC_OK) {
		gw_count(gw, GW_COUNT_FORMAT, 1);
		return endpoint_refuse(rq, RC_BAD_REQUEST, SLICE_LIT("SD_FORMAT"));
	}
	t = take_new(gw, rq, &bundle);
	if (t == NULL)
		return gw_overload(gw, rq, 1);
	if (may_begin(t, in, &rc))
		return endpoint_pend(rq, begin, t);
	gw_take_free(t);
	return rc;
}

enum rc
gw_data_serve(void *arg, struct req *rq, const struct req_input *in)
{
	struct gw *gw = arg;
	struct endpoint_who who;
	enum rc rc = endpoint_identify(rq, &who);

	if (rc != RC_OK)
		return rc;
	if (in->op == REQ_RETRIEVE)
		return gw_terms_answer(gw, rq);
	if (in->op != REQ_CREATE)
		return endpoint_not_allowed(rq, "GET, POST");
	return serve_post(gw, rq, in);
}
