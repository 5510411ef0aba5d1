/* SPDX-License-Identifier: Apache-2.0 */
/* The endpoint of devices: messages in, answers out, who waits in between. */
#include "config.h"

#include "cap/gaka/gaka_sn_impl.h"

#include "core/peer.h"

#define MEDIA_OCTETS "application/octet-stream"
#define TICK (250 * CLOCK_SECOND / 1000) /* while somebody waits */

/* ---- answers ---- */

/* r is gone when its request pends. */
static enum rc
put_answer(struct sn_request *r)
{
	req_answer(r->rq)->retry_after = r->retry_after;
	return endpoint_answer(r->rq, r->rc, MEDIA_OCTETS, slice_make(r->answer, r->n));
}

void
sn_finish(struct sn_request *r)
{
	struct req *rq = r->rq;

	endpoint_finish(rq, put_answer(r));
}

/* ---- steps ---- */

static enum sn_next
step(struct sn_request *r, bool may_wait)
{
	struct gaka_sn *s = r->s;
	enum sn_next next;

	r->retry_after = 0;
	pthread_mutex_lock(&s->lock);
	next = sn_step(s, r, may_wait);
	pthread_mutex_unlock(&s->lock);
	return next;
}

void
sn_go(struct sn_request *r)
{
	struct gaka_sn *s = r->s;
	enum sn_next next = step(r, true);

	/* Who waits may be answered by now, and gone. */
	if (next == SN_ANSWER)
		sn_finish(r);
	else if (next == SN_WAITS)
		scl_post(s->scl, &s->tick, TICK);
	else
		sn_ask(r);
}

static void
begin(struct req *rq)
{
	sn_go(endpoint_state(rq));
}

/* ---- who waits ---- */

/* The first that has waited for too long (all: the first), out of the list; NULL: there is none. */
static struct sn_request *
unlink_late(struct gaka_sn *s, bool all)
{
	struct sn_request **at = &s->waiting, *r;
	int64_t now = sn_mono(s);

	while (*at != NULL && !all && (*at)->deadline > now)
		at = &(*at)->next;
	r = *at;
	if (r == NULL)
		return NULL;
	*at = r->next;
	if (*at == NULL)
		s->waiting_end = at;
	s->n_requests--;
	return r;
}

static struct sn_request *
take_late(struct gaka_sn *s, bool all)
{
	struct sn_request *r;

	pthread_mutex_lock(&s->lock);
	r = unlink_late(s, all);
	if (r != NULL)
		(void)sn_refuse(s, r, GAKA_BUSY, SN_COUNT_TIMEOUT);
	pthread_mutex_unlock(&s->lock);
	return r;
}

void
sn_end_waiting(struct gaka_sn *s, bool all)
{
	struct sn_request *r;

	while ((r = take_late(s, all)) != NULL)
		sn_finish(r);
}

struct sn_request *
sn_take_waiting(struct gaka_sn *s, const struct gaka_gid *gid)
{
	struct sn_request *taken = NULL, **end = &taken, **at = &s->waiting;

	while (*at != NULL) {
		struct sn_request *r = *at;

		if (!gaka_gid_eq(&r->t1.gid, gid)) {
			at = &r->next;
			continue;
		}
		*at = r->next;
		r->next = NULL;
		*end = r;
		end = &r->next;
		s->n_requests--;
	}
	s->waiting_end = at;
	return taken;
}

/* ---- requests ---- */

/* T1 without ?id=, the others with it; and nothing else. */
static bool
read_message(struct req *rq, struct sn_request *r)
{
	unsigned type = gaka_type_of(r->body);
	struct slice id;

	if (type == GAKA_T1) {
		if (endpoint_query(rq).n > 0 || gaka_t1_read(r->body, &r->t1) != RC_OK)
			return false;
		memcpy(r->octets, r->body.p, GAKA_T1_SIZE);
		return true;
	}
	r->answers = true;
	if (type == GAKA_T12 && gaka_t12_read(r->body, &r->reason) != RC_OK)
		return false;
	return (type == GAKA_T5 || type == GAKA_T8 || type == GAKA_T12) &&
	       endpoint_parameter(rq, "id", &id) == RC_OK && id.p != NULL &&
	       node_id_parse(id, &r->id) &&
	       endpoint_query(rq).n == sizeof("id=") - 1 + 2u * NODE_ID_BYTES;
}

static enum rc
serve_message(struct gaka_sn *s, struct req *rq, const struct req_input *in)
{
	struct sn_request *r = ARENA_NEW(req_arena(rq), struct sn_request);

	if (r == NULL)
		return endpoint_refuse(rq, RC_UNAVAILABLE, SLICE_LIT("OVERLOAD"));
	*r = (struct sn_request){ .s = s, .rq = rq, .body = in->body };
	if (!read_message(rq, r)) {
		sn_count(s, SN_COUNT_MALFORMED);
		return endpoint_refuse(rq, RC_BAD_REQUEST, SLICE_LIT("BAD_PARAM"));
	}
	if (!r->answers)
		sn_count(s, SN_COUNT_ATTEMPTS);
	if (step(r, false) == SN_ANSWER)
		return put_answer(r);
	return endpoint_pend(rq, begin, r);
}

enum rc
sn_serve(void *arg, struct req *rq, const struct req_input *in)
{
	struct gaka_sn *s = arg;

	if (in->op == REQ_RETRIEVE && in->peer != NULL && in->peer->loopback)
		return sn_status(s, rq);
	if (in->op != REQ_CREATE)
		return endpoint_not_allowed(rq, "POST");
	if (!endpoint_has_octets(in)) {
		sn_count(s, SN_COUNT_MALFORMED);
		return endpoint_refuse(rq, RC_MEDIA_TYPE, SLICE_NONE);
	}
	return serve_message(s, rq, in);
}
