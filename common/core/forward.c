/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests for another SCL or for an application's aPoC (TS 102 690, retargeting). On the serving
 * thread a way is found; on the courier thread the request is sent, at once or when the policies
 * let it go (saf.h), and the answer relayed.
 */
#include "config.h"

#include "core/channel.h"
#include "core/hooks.h"
#include "core/identity.h"
#include "core/route.h"
#include "core/saf.h"
#include "core/saf_record.h"

#include <stdlib.h>

#define TRIES_MAX 4u
/* What is left of TRPDT bounds an exchange, but not below this. */
#define TIMEOUT_MIN_MS 1000u

struct forward {
	struct scl_task task; /* first: the task is the forward */
	struct saf_entry entry;
	struct req *rq;
	struct exchange ex;
	struct hop hop;
	struct slice target; /* absolute URI of what is asked for; empty: the hop's own URL is it */
	struct slice named_by; /* the application whose aPoC it goes to; else empty */
	unsigned tried;
	unsigned network;
	int64_t limit; /* microseconds for one attempt, 0 = the time-out of the configuration */
	bool own; /* in the name of this SCL's node, to a neighbour */
	bool waits; /* its issuer waits, and it may wait for a connection */
	/* Of forward_once: whom an attempt's end is told. NULL: the issuer is answered. */
	void (*ended)(struct req *rq, void *arg, struct forward_end end);
	void *arg;
};

static void attempt_run(struct scl_task *t);

/* ---- on the serving thread ---- */

static struct slice
with_query(struct req *rq, struct slice url)
{
	if (rq->uri.query.n == 0)
		return url;
	return arena_printf(rq->arena, "%.*s?%.*s", (int)url.n, url.p, (int)rq->uri.query.n,
	                    rq->uri.query.p);
}

static enum rc
route_application(struct req *rq, struct forward *f)
{
	struct slice apoc = val_text(rq->target.node->vals, A_APOC), rest = rq->target.rest, token;

	/* Who polls is told what was asked for (TS 102 690, long polling). */
	if (channel_contact(rq->scl, apoc, &token)) {
		f->hop.uri = arena_copy(rq->arena, apoc);
		f->target = rq->uri.scheme.n > 0 ? rq->in.target
		                                 : absolute_uri(rq->scl, rq->arena, rq->in.target);
		return f->hop.uri.p == NULL || f->target.p == NULL ? RC_UNAVAILABLE : RC_OK;
	}
	if (!uri_is_transport(apoc))
		return req_fail(rq, RC_BAD_GATEWAY, "aPoC has no scheme that can be reached");
	while (apoc.n > 0 && apoc.p[apoc.n - 1] == '/')
		apoc.n--;
	f->named_by = identity_of_application(rq->scl, rq->arena, rq->target.node->name);
	if (f->named_by.p == NULL)
		return RC_UNAVAILABLE;
	f->hop.uri = with_query(
		rq, arena_printf(rq->arena, "%.*s/%.*s", (int)apoc.n, apoc.p, (int)rest.n, rest.p));
	return f->hop.uri.p == NULL ? RC_UNAVAILABLE : RC_OK;
}

/* From a connection of this host: it is told 503 rather than kept when too many wait. */
static bool
may_wait(struct scl *scl)
{
	if (atomic_fetch_add(&scl->forwards_waiting, 1) < scl_conf(scl)->saf.waiting_max)
		return true;
	atomic_fetch_sub(&scl->forwards_waiting, 1);
	return false;
}

static enum rc
wait_for_connection(struct req *rq, struct forward *f, const struct saf_terms *terms)
{
	int64_t timeout = INT64_C(1000) *
	                  (rq->timeout_ms > 0 ? rq->timeout_ms : rq->conf->forward_timeout_ms);

	if (!may_wait(rq->scl))
		return req_fail(rq, RC_UNAVAILABLE, "too many requests wait for a connection");
	f->waits = true;
	f->entry = (struct saf_entry){ .link = saf_link_of(rq->scl, f->target),
		                       .rcat = terms->rcat,
		                       .application = terms->application,
		                       .received = terms->received,
		                       .deadline = terms->deadline - terms->received < timeout
		                                           ? terms->deadline
		                                           : terms->received + timeout,
		                       .octets = rq->in.body.n };
	return RC_OK;
}

/* What an authority without a scheme is reached by: TLS is not said in a request. */
static struct slice
foreign_scheme(const struct req *rq)
{
	const struct req_listener *at = rq->listener;

	return at != NULL && slice_starts(at->base_uri, SLICE_LIT("coap")) ? SLICE_LIT("coap://")
	                                                                   : SLICE_LIT("http://");
}

/* The neighbour knows this node alone, so it asks for its own applications, and for nobody else. */
static enum rc
route_neighbour(struct req *rq, struct forward *f, enum neighbour_way way)
{
	if (way == NEIGHBOUR_AWAY)
		return req_fail(rq, RC_UNAVAILABLE, "this node has no session with its gateway");
	f->hop = (struct hop){ .uri = f->target, .poc = ID_NONE, .release = 2 };
	f->target = SLICE_NONE;
	f->own = true;
	return RC_OK;
}

static enum rc
route_foreign(struct req *rq, struct forward *f)
{
	enum neighbour_way way = NEIGHBOUR_NONE;
	struct saf_terms terms;
	enum rc rc;

	f->target = rq->in.target;
	/* Origin-form with a foreign Host is taken like absolute-form (TS 102 921 annex C). */
	if (rq->uri.scheme.n == 0)
		f->target = ARENA_JOIN(rq->arena, foreign_scheme(rq), rq->in.host, rq->in.target);
	if (rq->who.local_path.n > 0)
		way = neighbour_of(rq->scl, rq->arena, f->target);
	if (way != NEIGHBOUR_NONE)
		return route_neighbour(rq, f, way);
	TRY(saf_terms_of(rq, &terms));
	rc = route_to(rq, f->target, &f->hop);
	/* No way at the moment is what waiting is for. */
	if (rc != RC_OK && (rc != RC_UNAVAILABLE || (!terms.patient && !saf_parcel_asked(rq))))
		return rc;
	rq->message = SLICE_NONE;
	if (saf_parcel_asked(rq))
		return saf_parcel_take(rq, f->target, &terms);
	return terms.patient ? wait_for_connection(rq, f, &terms) : RC_OK;
}

/* From any thread. */
static void
forward_take(struct req *rq)
{
	struct forward *f = rq->taken;

	f->task.run = attempt_run;
	if (courier_post(rq->scl->courier, &f->task, 0))
		return;
	if (f->waits)
		atomic_fetch_sub(&rq->scl->forwards_waiting, 1);
	req_fail(rq, RC_UNAVAILABLE, "the SCL is stopping");
	req_finish(rq);
}

enum rc
forward_route(struct req *rq)
{
	struct forward *f = ARENA_NEW(rq->arena, struct forward);

	if (f == NULL)
		return RC_UNAVAILABLE;
	if (route_passed_here(rq))
		return req_fail(rq, RC_BAD_REQUEST, "the request goes round in a loop");
	f->rq = rq;
	TRY(rq->target.kind == TARGET_APOC ? route_application(rq, f) : route_foreign(rq, f));
	if (rq->take != NULL)
		return RC_PENDING;
	rq->taken = f;
	rq->take = forward_take;
	return RC_PENDING;
}

/* ---- the exchange ---- */

static const char *const method_of[] = {
	[REQ_CREATE] = "POST",   [REQ_RETRIEVE] = "GET", [REQ_UPDATE] = "PUT",
	[REQ_DELETE] = "DELETE", [REQ_EXECUTE] = "POST", [REQ_OTHER] = "OPTIONS",
};

/*
 * requestingEntity. What is this SCL's by whichever of its names is named as the link says that it
 * registers with: the next SCL knows no other.
 */
static struct slice
issuer(const struct forward *f)
{
	const struct req *rq = f->rq;
	struct slice uri = rq->in.from, path;

	if (f->own)
		return SLICE_NONE;
	if (uri.p == NULL && (rq->in.authorization.p == NULL ||
	                      originator_basic(rq->arena, rq->in.authorization, &uri) != RC_OK))
		return SLICE_NONE;
	path = own_path(rq->scl, rq->arena, uri);
	return path.n == 0 ? uri : absolute_uri(rq->scl, rq->arena, path);
}

/* An SCL of Release 1 reads requestingEntity in Authorization alone (TS 102 921 annex C). */
static struct slice
credentials(struct forward *f, struct slice uri)
{
	struct slice value = SLICE_NONE;
	struct buf b;

	buf_init(&b, f->rq->conf->answer_max);
	originator_credentials(&b, uri);
	if (!b.failed)
		value = arena_copy(f->rq->arena, buf_view(&b));
	buf_fini(&b);
	return value;
}

static void
add_headers(struct forward *f)
{
	struct req_input *in = &f->rq->in;
	struct slice who = issuer(f), via;
	bool basic = who.p != NULL && (f->hop.release == 1 || in->from.p == NULL);

	if (basic)
		exchange_add_header(&f->ex, SLICE_LIT("Authorization"), credentials(f, who));
	else if (who.p != NULL)
		exchange_add_header(&f->ex, SLICE_LIT("From"), who);
	for (size_t i = 0; i < SAF_RELAYED; i++) {
		const struct slice *field = saf_field(in, i);

		if (field->p != NULL && field != &in->from &&
		    !((basic || f->own) && field == &in->authorization))
			exchange_add_header(&f->ex, slice_of(saf_relayed[i].name), *field);
	}
	if (in->sga.p != NULL)
		exchange_add_header(&f->ex, SLICE_LIT("X-M2M-SGA"), in->sga);
	via = arena_printf(f->rq->arena, "%.*s%s1.1 %.*s", (int)in->via.n, in->via.p,
	                   in->via.n > 0 ? ", " : "", (int)f->rq->scl->id.n, f->rq->scl->id.p);
	exchange_add_header(&f->ex, SLICE_LIT("Via"), via);
}

static struct slice
answer_header(struct forward *f, const char *name)
{
	struct slice v = exchange_answer_header(&f->ex, name);

	return v.p == NULL ? SLICE_NONE : arena_copy(f->rq->arena, v);
}

static void
relay(struct forward *f)
{
	struct req_answer *out = &f->rq->out;

	out->http_status = f->ex.http_status;
	out->content_type = answer_header(f, "content-type");
	out->location = answer_header(f, "location");
	out->etag = answer_header(f, "etag");
	out->last_modified = answer_header(f, "last-modified");
	out->allow = answer_header(f, "allow");
	out->body = buf_take(&f->ex.answer, &out->body_len);
	f->rq->relayed = true;
	f->rq->rc = status_from_http(f->ex.http_status);
	if (f->rq->rc == RC_UNAVAILABLE)
		out->retry_after = 5;
}

static unsigned
timeout_ms(const struct forward *f)
{
	const struct req *rq = f->rq;
	unsigned ms = rq->timeout_ms > 0 ? rq->timeout_ms : rq->conf->forward_timeout_ms;

	if (f->limit == 0 || f->limit >= (int64_t)ms * 1000)
		return ms;
	return f->limit / 1000 < TIMEOUT_MIN_MS ? TIMEOUT_MIN_MS : (unsigned)(f->limit / 1000);
}

/* ---- the end of an attempt ---- */

/* RFC 9110 9.2.2: what may have reached the peer is sent again only when that does no harm. */
static bool
is_repeatable(const struct forward *f)
{
	enum req_op op = f->rq->in.op;

	return f->ex.unsent || op == REQ_RETRIEVE || op == REQ_UPDATE || op == REQ_DELETE;
}

static void
answer(struct forward *f)
{
	if (f->waits)
		atomic_fetch_sub(&f->rq->scl->forwards_waiting, 1);
	req_finish(f->rq);
}

/* Back into the line, or told that it came to nothing. f is gone afterwards. */
static void
end_waiting(struct forward *f, enum saf_end how)
{
	struct scl *scl = f->rq->scl;
	bool again = how == SAF_FAILED && is_repeatable(f) && !courier_stopping(scl->courier);
	bool late = clock_now(scl->clock) >= f->entry.deadline;

	saf_ended(scl->saf, &f->entry, f->network, how);
	if (again && !late) {
		saf_wait(scl->saf, &f->entry);
		return;
	}
	if (again)
		req_fail(f->rq, RC_GATEWAY_TIMEOUT,
		         "the SCL of the target was not reached in time");
	answer(f);
}

/* What the way out of an attempt that found none is called. */
static enum saf_end
no_way(const struct forward *f)
{
	return f->rq->rc == RC_NOT_FOUND ? SAF_NONE : SAF_FAILED;
}

static void
attempt_end(struct forward *f, enum saf_end how)
{
	buf_fini(&f->ex.answer);
	buf_fini(&f->ex.answer_text);
	if (f->ended != NULL)
		f->ended(f->rq, f->arg, (struct forward_end){ how, f->ex.unsent });
	else if (f->waits)
		end_waiting(f, how);
	else
		answer(f);
}

static void
fail(struct forward *f)
{
	enum rc rc = f->ex.rc == RC_OK ? RC_BAD_GATEWAY : f->ex.rc;

	LOG_INFO(f->rq->scl->log, "forward-failed", LOG_N("request", f->rq->number),
	         LOG_S("hop", f->hop.uri), LOG_Z("why", f->ex.failure));
	/* The neighbour has ended the session, which this node has still to find out. */
	if (f->own && f->ex.tls_failed)
		req_fail(f->rq, RC_UNAVAILABLE,
		         "the gateway does not take the session of this node");
	else
		req_fail(f->rq, rc,
		         rc == RC_GATEWAY_TIMEOUT ? "the next hop did not answer in time"
		                                  : "the next hop failed");
	attempt_end(f, SAF_FAILED);
}

/* ---- an attempt: the points of contact of the next SCL, one after the other ---- */

static void send_to_hop(struct forward *f);

/* The way at this moment; the failure is in rq. */
static enum rc
find_way(struct forward *f)
{
	struct req *rq = f->rq;
	enum rc rc = repo_begin_read(rq->scl->repo, rq->arena, &rq->tx);

	if (rc != RC_OK)
		return req_fail(rq, rc, "the store cannot be read");
	rc = route_to(rq, f->target, &f->hop);
	repo_end_read(rq->tx);
	rq->tx = NULL;
	return rc;
}

/* The failed m2mPoc is known as such: the next one, if there is one, is tried. */
static void
try_next(void *arg)
{
	struct forward *f = arg;

	f->hop.insist = false;
	if (!courier_stopping(f->rq->scl->courier) && f->target.n > 0 && f->tried < TRIES_MAX &&
	    is_repeatable(f) && find_way(f) == RC_OK)
		send_to_hop(f);
	else
		fail(f);
}

static void
exchange_done(struct exchange *ex)
{
	struct forward *f = ex->owner;
	struct scl *scl = f->rq->scl;

	if (ex->rc != RC_OK) {
		if (f->hop.poc == ID_NONE || courier_stopping(scl->courier) ||
		    ex->rc == RC_UNAVAILABLE ||
		    !route_poc_status(scl, f->hop.poc, NOT_REACHABLE, try_next, f))
			fail(f);
		return;
	}
	if (f->hop.poc != ID_NONE && f->hop.probe)
		(void)route_poc_status(scl, f->hop.poc, ONLINE, NULL, NULL);
	relay(f);
	attempt_end(f, ex->http_status == 503 ? SAF_BUSY : SAF_REACHED);
}

static void
send_to_hop(struct forward *f)
{
	struct req *rq = f->rq;

	f->tried++;
	buf_fini(&f->ex.answer);
	buf_fini(&f->ex.answer_text);
	f->ex = (struct exchange){ .method = slice_of(rq->in.head ? "HEAD" : method_of[rq->in.op]),
		                   .url = f->hop.uri,
		                   .target = f->target,
		                   .named_by = f->named_by,
		                   .body = rq->in.body,
		                   .timeout_ms = timeout_ms(f),
		                   .answer_max = rq->conf->answer_max,
		                   .done = exchange_done,
		                   .owner = f };
	add_headers(f);
	courier_send(rq->scl->courier, &f->ex);
}

/* ---- those that wait for a connection ---- */

static void
entry_start(struct saf_entry *e, unsigned network)
{
	struct forward *f = (struct forward *)(void *)((char *)e - offsetof(struct forward, entry));

	f->network = network;
	f->tried = 0;
	f->limit = e->deadline - clock_now(f->rq->scl->clock);
	f->hop.insist = true;
	f->ex = (struct exchange){ .rc = RC_UNAVAILABLE, .unsent = true };
	if (find_way(f) == RC_OK)
		send_to_hop(f);
	else
		attempt_end(f, no_way(f));
}

static void
entry_expire(struct saf_entry *e, bool stopping)
{
	struct forward *f = (struct forward *)(void *)((char *)e - offsetof(struct forward, entry));

	if (stopping)
		req_fail(f->rq, RC_UNAVAILABLE, "the SCL is stopping");
	else
		req_fail(f->rq, RC_GATEWAY_TIMEOUT, "no connection in time");
	answer(f);
}

static void
attempt_run(struct scl_task *t)
{
	struct forward *f = (struct forward *)(void *)t;

	if (!f->waits) {
		send_to_hop(f);
		return;
	}
	f->entry.start = entry_start;
	f->entry.expire = entry_expire;
	saf_wait(f->rq->scl->saf, &f->entry);
}

/* ---- for those that were accepted ---- */

static void
once_run(struct scl_task *t)
{
	struct forward *f = (struct forward *)(void *)t;

	if (!courier_stopping(f->rq->scl->courier) && find_way(f) == RC_OK)
		send_to_hop(f);
	else
		attempt_end(f, no_way(f));
}

bool
forward_once(struct req *rq, struct slice target, int64_t limit,
             void (*ended)(struct req *rq, void *arg, struct forward_end end), void *arg)
{
	struct forward *f = ARENA_NEW(rq->arena, struct forward);

	if (f == NULL)
		return false;
	*f = (struct forward){ .rq = rq,
		               .target = target,
		               .limit = limit,
		               .ended = ended,
		               .arg = arg,
		               .hop = { .insist = true },
		               .task = { .run = once_run },
		               .ex = { .rc = RC_UNAVAILABLE, .unsent = true } };
	return courier_post(rq->scl->courier, &f->task, 0);
}

/* ---- for those that go as a document ---- */

enum rc
forward_document(struct req *rq, struct slice target, struct slice contact, const char *id,
                 struct buf *out)
{
	struct forward *f = ARENA_NEW(rq->arena, struct forward);

	if (f == NULL)
		return RC_UNAVAILABLE;
	*f = (struct forward){ .rq = rq, .target = target, .hop = { .release = 2 } };
	f->ex = (struct exchange){ .method = slice_of(method_of[rq->in.op]),
		                   .url = target,
		                   .body = rq->in.body };
	add_headers(f);
	return request_notify_encode(rq->scl, rq->arena, &f->ex, contact, id, out);
}
