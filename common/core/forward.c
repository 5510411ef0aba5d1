/* SPDX-License-Identifier: Apache-2.0 */
/* Retargeting: requests for another SCL or for an application's aPoC (TS 102 690, retargeting). */
#include "config.h"

#include "core/hooks.h"

#include <stdlib.h>
#include <strings.h>

#define SEGMENTS_MAX 64
/* A point of contact that failed is tried again after this long. */
#define PROBE_AFTER (5 * CLOCK_SECOND)

#define TRIES_MAX 4u

struct forward {
	struct scl_task task; /* first: the task is the forward */
	struct req *rq;
	struct exchange ex;
	struct slice hop; /* base URI of the next hop */
	struct slice target; /* absolute URI of what is asked for; empty: the hop's own URL is it */
	uint64_t poc; /* m2mPoc that was chosen, or ID_NONE */
	bool probe; /* it was NOT_REACHABLE */
	unsigned tried;
	struct scl_task resume; /* after the status of a failed m2mPoc is stored */
};

/* ---- route ---- */

static bool
is_http(struct slice uri)
{
	return (uri.n > 7 && strncasecmp(uri.p, "http://", 7) == 0) ||
	       (uri.n > 8 && strncasecmp(uri.p, "https://", 8) == 0);
}

struct choice {
	struct rtx *tx;
	struct slice uri;
	uint64_t poc;
	bool probe;
	unsigned seen;
	enum rc rc;
};

/* The first that is ONLINE, else one that failed long enough ago. */
static bool
consider_poc(void *arg, const struct child *c)
{
	struct choice *ch = arg;
	const struct val *info;
	int64_t status;
	struct res *poc;

	ch->rc = repo_get(ch->tx, c->id, &poc);
	if (ch->rc != RC_OK)
		return false;
	ch->seen++;
	info = val_get(poc->vals, A_CONTACT_INFO);
	status = val_num(poc->vals, A_ONLINE_STATUS, ONLINE);
	if (info == NULL || !is_http(val_text(info->first, A_CONTACT_URI)))
		return true;
	if (status == NOT_REACHABLE && ch->poc == ID_NONE &&
	    poc->modified + PROBE_AFTER <= repo_now(ch->tx)) {
		ch->poc = c->id;
		ch->uri = val_text(info->first, A_CONTACT_URI);
		ch->probe = true;
	}
	if (status != ONLINE)
		return true;
	ch->poc = c->id;
	ch->uri = val_text(info->first, A_CONTACT_URI);
	ch->probe = false;
	return false;
}

static enum rc
choose_poc(struct rtx *tx, const struct res *scl, struct choice *ch)
{
	const struct val *pocs = val_get(scl->vals, A_POCS);

	*ch = (struct choice){ .tx = tx };
	if (!scl_scheduled(scl, repo_now(tx)))
		return RC_UNAVAILABLE;
	TRY(repo_children(tx, scl->id, T_M2M_POCS, 0, consider_poc, ch));
	TRY(ch->rc);
	if (ch->poc != ID_NONE)
		return RC_OK;
	/* Release 1 has points of contact in pocs (TS 102 690, retargeting). */
	for (const struct val *v = ch->seen > 0 || pocs == NULL ? NULL : pocs->first; v != NULL; v = v->next)
		if (is_http(v->text)) {
			ch->uri = v->text;
			return RC_OK;
		}
	return RC_UNAVAILABLE;
}

struct link_match {
	struct rtx *tx;
	struct slice link;
	struct res *scl;
};

static bool
match_link(void *arg, uint64_t id, uint64_t seq)
{
	struct link_match *m = arg;
	struct res *node;

	if (seq != 0 || repo_get(m->tx, id, &node) != RC_OK || node->type->number != T_SCL ||
	    node->expires <= repo_now(m->tx))
		return true;
	if (!slice_eq(uri_normalise(repo_arena(m->tx), val_text(node->vals, A_LINK)), m->link))
		return true;
	m->scl = node;
	return false;
}

/* The scl whose link is the longest prefix of uri on a segment boundary. */
static enum rc
find_scl(struct rtx *tx, struct slice uri, struct res **out)
{
	struct slice rest = uri_normalise(repo_arena(tx), uri);
	struct uri u;

	if (rest.p == NULL || !uri_parse(rest, &u) || u.scheme.n == 0)
		return RC_NOT_FOUND;
	for (unsigned n = 0; n < SEGMENTS_MAX; n++) {
		struct link_match m = { .tx = tx, .link = rest };

		TRY(repo_labelled(tx, rest, match_link, &m));
		if (m.scl != NULL) {
			*out = m.scl;
			return RC_OK;
		}
		if (rest.p + rest.n <= u.authority.p + u.authority.n)
			return RC_NOT_FOUND;
		while (rest.p[rest.n - 1] != '/')
			rest.n--;
		rest.n--;
	}
	return RC_NOT_FOUND;
}

enum rc
route_scl(struct scl *scl, struct rtx *tx, struct slice target, struct slice *hop, uint64_t *poc)
{
	struct choice ch;
	struct res *to;

	(void)scl;
	TRY(find_scl(tx, target, &to));
	TRY(choose_poc(tx, to, &ch));
	*hop = ch.uri;
	if (poc != NULL)
		*poc = ch.poc;
	return RC_OK;
}

static bool
take_first(void *arg, const struct child *c)
{
	*(uint64_t *)arg = c->id;
	return false;
}

/* A gateway or device sends what it does not know to its NSCL: its only registered scl. */
static enum rc
find_upward(struct req *rq, struct res **out)
{
	uint64_t id = ID_NONE;

	if (rq->scl->conf.role == SCL_NSCL)
		return RC_NOT_FOUND;
	TRY(repo_children(rq->tx, ID_SCL_BASE, T_SCLS, 1, take_first, &id));
	if (id == ID_NONE)
		return RC_UNAVAILABLE;
	TRY(repo_get(rq->tx, id, out));
	/* What came from there is not sent back (TS 102 690, retargeting). */
	if (rq->in.via.n > 0 && memmem(rq->in.via.p, rq->in.via.n, (*out)->name.p, (*out)->name.n) != NULL)
		return RC_NOT_FOUND;
	return RC_OK;
}

static bool
passed_here(const struct req *rq)
{
	struct slice via = rq->in.via, hop, word;

	while (via.n > 0 && slice_split(&via, ',', &hop)) {
		while (slice_split(&hop, ' ', &word))
			if (slice_eq(word, rq->scl->id))
				return true;
	}
	return false;
}

static enum rc
pick_hop(struct req *rq, struct forward *f)
{
	struct choice ch;
	struct res *to;
	enum rc rc = find_scl(rq->tx, f->target, &to);

	if (rc == RC_NOT_FOUND)
		rc = find_upward(rq, &to);
	if (rc == RC_NOT_FOUND)
		return req_fail(rq, rc, "the target is not on a known SCL");
	if (rc == RC_OK)
		rc = choose_poc(rq->tx, to, &ch);
	if (rc == RC_UNAVAILABLE)
		return req_fail(rq, rc, "the SCL of the target is not reachable");
	if (rc != RC_OK)
		return rc;
	f->hop = arena_copy(rq->arena, ch.uri);
	f->poc = ch.poc;
	f->probe = ch.probe;
	return RC_OK;
}

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
	struct slice apoc = val_text(rq->target.node->vals, A_APOC), rest = rq->target.rest;

	if (!is_http(apoc))
		return req_fail(rq, RC_BAD_GATEWAY, "aPoC has no scheme that can be reached");
	while (apoc.n > 0 && apoc.p[apoc.n - 1] == '/')
		apoc.n--;
	f->hop = with_query(rq, arena_printf(rq->arena, "%.*s/%.*s", (int)apoc.n, apoc.p, (int)rest.n,
	                                     rest.p));
	return RC_OK;
}

static enum rc
route_foreign(struct req *rq, struct forward *f)
{
	f->target = rq->in.target;
	/* Origin-form with a foreign Host is taken like absolute-form (TS 102 921 annex C). */
	if (rq->uri.scheme.n == 0)
		f->target = arena_printf(rq->arena, "http://%.*s%.*s", (int)rq->in.host.n, rq->in.host.p,
		                         (int)rq->in.target.n, rq->in.target.p);
	return pick_hop(rq, f);
}

enum rc
forward_route(struct req *rq)
{
	struct forward *f = ARENA_NEW(rq->arena, struct forward);

	if (f == NULL)
		return RC_UNAVAILABLE;
	if (passed_here(rq))
		return req_fail(rq, RC_BAD_REQUEST, "the request goes round in a loop");
	f->rq = rq;
	TRY(rq->target.kind == TARGET_APOC ? route_application(rq, f) : route_foreign(rq, f));
	rq->forward = f;
	return f->hop.p == NULL ? RC_UNAVAILABLE : RC_PENDING;
}

/* ---- exchange ---- */

static const struct {
	const char *name;
	size_t field;
} relayed[] = {
	{ "From", offsetof(struct req_input, from) },
	{ "Authorization", offsetof(struct req_input, authorization) },
	{ "Accept", offsetof(struct req_input, accept) },
	{ "Content-Type", offsetof(struct req_input, content_type) },
	{ "If-Match", offsetof(struct req_input, if_match) },
	{ "If-None-Match", offsetof(struct req_input, if_none_match) },
	{ "If-Modified-Since", offsetof(struct req_input, if_modified_since) },
	{ "If-Unmodified-Since", offsetof(struct req_input, if_unmodified_since) },
	{ "X-etsi-correlationID", offsetof(struct req_input, correlation_id) },
	{ "X-etsi-contactURI", offsetof(struct req_input, contact_uri) },
	{ "X-etsi-rcat", offsetof(struct req_input, rcat) },
	{ "X-etsi-trpdt", offsetof(struct req_input, trpdt) },
	{ "X-etsi-group-request-id", offsetof(struct req_input, group_request_id) },
};

static const char *const method_of[] = {
	[REQ_CREATE] = "POST", [REQ_RETRIEVE] = "GET", [REQ_UPDATE] = "PUT",
	[REQ_DELETE] = "DELETE", [REQ_EXECUTE] = "POST", [REQ_OTHER] = "OPTIONS",
};

static void
add_headers(struct forward *f)
{
	const struct req_input *in = &f->rq->in;
	struct slice via;

	for (size_t i = 0; i < sizeof(relayed) / sizeof(relayed[0]); i++) {
		const struct slice *v = (const struct slice *)(const void *)((const char *)in + relayed[i].field);

		if (v->p != NULL)
			exchange_add_header(&f->ex, slice_of(relayed[i].name), *v);
	}
	via = arena_printf(f->rq->arena, "%.*s%s1.1 %.*s", (int)in->via.n, in->via.p,
	                   in->via.n > 0 ? ", " : "", (int)f->rq->scl->id.n, f->rq->scl->id.p);
	exchange_add_header(&f->ex, SLICE_LIT("Via"), via);
}

static void
finish(struct forward *f)
{
	buf_fini(&f->ex.answer);
	buf_fini(&f->ex.answer_text);
	f->rq->done(f->rq, f->rq->done_arg);
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
	f->rq->rc = status_from_http(f->ex.http_status);
	if (f->rq->rc == RC_UNAVAILABLE)
		out->retry_after = 5;
}

/* ---- onlineStatus of the m2mPoc by what happened (TS 102 921 10.6, onlineStatus) ---- */

struct poc_status {
	struct job job; /* first */
	struct scl *scl;
	struct forward *waiting; /* goes on when this is stored; NULL = nobody */
	uint64_t poc;
	int64_t status;
};

static void forward_resume(struct scl_task *t);
static void forward_send(struct scl_task *t);

static void
resume(struct forward *f)
{
	f->resume.run = forward_resume;
	courier_post(f->rq->scl->courier, &f->resume, 0);
}

static enum rc
poc_status_run(struct job *job, struct rtx *tx)
{
	struct poc_status *p = (struct poc_status *)(void *)job;
	struct res *old, *self;
	enum rc rc = repo_get(tx, p->poc, &old);

	if (rc != RC_OK)
		return rc;
	TRY(repo_get(tx, p->poc, &self));
	if (!val_set_num(repo_arena(tx), &self->vals, A_ONLINE_STATUS, p->status))
		return RC_UNAVAILABLE;
	self->modified = repo_now(tx) > old->modified ? repo_now(tx) : old->modified + 1;
	TRY(repo_update(tx, old, self));
	return event_changed(p->scl, tx, p->poc, SLOT_SELF, false);
}

static void
poc_status_done(struct job *job, enum rc rc)
{
	struct poc_status *p = (struct poc_status *)(void *)job;

	if (p->waiting != NULL)
		resume(p->waiting);
	LOG_INFO(p->scl->log, "m2mPoc-status", LOG_N("m2mPoc", p->poc),
	         LOG_Z("onlineStatus", p->status == ONLINE ? "ONLINE" : "NOT_REACHABLE"),
	         LOG_Z("stored", status_of(rc)->text));
	arena_free(job->arena);
	free(p);
}

/* False when it cannot be stored: waiting is then not resumed. */
static bool
poc_status_set(struct scl *scl, uint64_t poc, int64_t status, struct forward *waiting)
{
	struct poc_status *p = calloc(1, sizeof(*p));

	if (p == NULL || (p->job.arena = arena_new(1u << 20)) == NULL) {
		free(p);
		return false;
	}
	p->waiting = waiting;
	p->job.run = poc_status_run;
	p->job.done = poc_status_done;
	p->scl = scl;
	p->poc = poc;
	p->status = status;
	if (committer_submit_own(scl->committer, &p->job))
		return true;
	arena_free(p->job.arena);
	free(p);
	return false;
}

static void
fail(struct forward *f)
{
	enum rc rc = f->ex.rc == RC_OK ? RC_BAD_GATEWAY : f->ex.rc;

	LOG_INFO(f->rq->scl->log, "forward-failed", LOG_N("request", f->rq->number),
	         LOG_S("hop", f->hop), LOG_Z("why", f->ex.failure));
	req_fail(f->rq, rc, rc == RC_GATEWAY_TIMEOUT ? "the next hop did not answer in time"
	                                             : "the next hop failed");
	finish(f);
}

/*
 * A request that may have reached the peer is sent again only when that does no harm
 * (RFC 9110 9.2.2).
 */
static bool
may_try_again(const struct forward *f)
{
	return f->target.n > 0 && f->tried < TRIES_MAX &&
	       (f->ex.unsent || f->rq->in.op == REQ_RETRIEVE || f->rq->in.op == REQ_UPDATE ||
	        f->rq->in.op == REQ_DELETE);
}

/* The failed m2mPoc is known as such: the next one, if there is one, is tried. */
static void
forward_resume(struct scl_task *t)
{
	struct forward *f = (struct forward *)(void *)((char *)t - offsetof(struct forward, resume));
	struct req *rq = f->rq;
	enum rc rc = RC_UNAVAILABLE;

	if (!courier_stopping(rq->scl->courier) && may_try_again(f) &&
	    repo_begin_read(rq->scl->repo, rq->arena, &rq->tx) == RC_OK) {
		rc = pick_hop(rq, f);
		repo_end_read(rq->tx);
		rq->tx = NULL;
	}
	if (rc == RC_OK)
		forward_send(&f->task);
	else
		fail(f);
}

static void
exchange_done(struct exchange *ex)
{
	struct forward *f = ex->owner;
	bool stopping = courier_stopping(f->rq->scl->courier);

	if (ex->rc != RC_OK) {
		if (f->poc == ID_NONE || stopping || ex->rc == RC_UNAVAILABLE ||
		    !poc_status_set(f->rq->scl, f->poc, NOT_REACHABLE, f))
			fail(f);
		return;
	}
	if (f->poc != ID_NONE && f->probe)
		(void)poc_status_set(f->rq->scl, f->poc, ONLINE, NULL);
	relay(f);
	finish(f);
}

static void
forward_send(struct scl_task *t)
{
	struct forward *f = (struct forward *)(void *)t;
	struct req *rq = f->rq;

	f->tried++;
	buf_fini(&f->ex.answer);
	buf_fini(&f->ex.answer_text);
	f->ex = (struct exchange){ .method = slice_of(rq->in.head ? "HEAD" : method_of[rq->in.op]),
		                   .url = f->hop, .target = f->target, .body = rq->in.body,
		                   .timeout_ms = rq->conf->forward_timeout_ms,
		                   .answer_max = rq->conf->answer_max, .done = exchange_done,
		                   .owner = f };
	add_headers(f);
	courier_send(rq->scl->courier, &f->ex);
}

void
courier_forward(struct courier *c, struct req *rq)
{
	struct forward *f = rq->forward;

	f->task.run = forward_send;
	if (courier_post(c, &f->task, 0))
		return;
	req_fail(rq, RC_UNAVAILABLE, "the SCL is stopping");
	finish(f);
}
