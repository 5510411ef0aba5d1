/* SPDX-License-Identifier: Apache-2.0 */
/*
 * membersContent: a request to it is made to every member, in the name of its issuer (TS 102 921
 * 10.23). On the courier thread; the members' answers go into the document of the answer as they
 * come, so a large group needs the memory of a few members and of the result.
 */
#include "config.h"

#include "base/times.h"
#include "core/fanout.h"
#include "core/own_job.h"

#include <stdlib.h>

#define SCRATCH_MAX (1u << 16)
/* Microseconds that a member of another SCL may be late: its own limit has the first word. */
#define GRACE (CLOCK_SECOND / 4)
/* Microseconds that a groupRequestIdentifier is known after its request was answered. */
#define REMEMBERED (60 * CLOCK_SECOND)

struct fanouts {
	struct scl *scl;
	struct seen *seen;
	_Atomic unsigned under_way;
	unsigned calls; /* to members, of all fan-outs together; courier thread */
};

struct leg {
	struct scl_call call;
	struct fanout *f;
	struct slice member;
	int64_t deadline; /* monotonic microseconds */
	bool busy;
	bool late; /* reported as such */
};

struct fanout {
	struct own_job store; /* first; of an aggregation, before the members are called */
	struct scl_task task;
	struct fanouts *all;
	struct req *rq; /* NULL once it is answered, while late members are waited for */
	const struct fanout_plan *plan;
	uint64_t group;
	const struct val *next; /* member that is not called yet */
	size_t next_at; /* its number */
	int64_t deadline; /* of the whole */
	int release; /* that the issuer speaks */
	struct buf out;
	struct writer w;
	size_t reserve; /* octets that are kept for the statuses still to come */
	struct arena *scratch; /* of one status */
	struct buf target;
	unsigned busy, window;
	struct leg legs[];
};

/* ---- one status ---- */

static struct slice
without_slash(struct slice uri)
{
	while (uri.n > 0 && uri.p[uri.n - 1] == '/')
		uri.n--;
	return uri;
}

static struct slice
resource_uri(const struct fanout *f, struct slice member)
{
	struct slice root = member.p[0] == '/' ? f->all->scl->own.root : SLICE_LIT("");

	return ARENA_JOIN(f->scratch, root, without_slash(member), f->plan->suffix);
}

static int64_t
modified_of(const struct scl_call *call)
{
	int64_t at = 0;

	if (call->rq != NULL && !call->rq->relayed)
		return call->rq->modified;
	return times_parse_http(call->answer->last_modified, &at) ? at : 0;
}

/* What the member answered, beside its status. */
static bool
add_answer(struct fanout *f, struct val **list, const struct scl_call *call)
{
	const struct req_answer *answer = call->answer;
	int64_t modified = modified_of(call);
	struct val *body;

	if (answer->etag.n > 0 && !val_set_text(f->scratch, list, A_ETAG, answer->etag))
		return false;
	if (call->rc == RC_CREATED && answer->location.n > 0 &&
	    !val_set_text(f->scratch, list, A_RESOURCE_URI, answer->location))
		return false;
	if (modified > 0 && !val_set_num(f->scratch, list, A_LAST_MODIFIED_TIME, modified))
		return false;
	if (answer->body == NULL || answer->body_len == 0)
		return true;
	body = val_add(f->scratch, list, A_RESULT_BODY);
	return body != NULL &&
	       val_set_text(f->scratch, &body->first, A_CONTENT_TYPE_ATTR, answer->content_type) &&
	       val_set_text(f->scratch, &body->first, A_TEXT,
	                    slice_make(answer->body, answer->body_len));
}

/* False when it is over the limit: nothing was written then. */
static bool
try_status(struct fanout *f, struct slice member, enum rc rc, const struct scl_call *call)
{
	const char *code = rc == RC_CREATED ? "STATUS_CREATED" : status_of(rc)->etsi;
	struct val status = { .attr = A_MEMBER_STATUS };
	struct writer before = f->w;
	size_t n = f->out.n;

	arena_reset(f->scratch);
	if (!val_set_text(f->scratch, &status.first, A_URI_ID, member) ||
	    !val_set_text(f->scratch, &status.first, A_STATUS_TEXT, slice_of(code)) ||
	    !val_set_text(f->scratch, &status.first, A_RESOURCE_URI, resource_uri(f, member)) ||
	    (call != NULL && !add_answer(f, &status.first, call)))
		return false;
	render_list_entry(&f->w, &shape_members_content_responses, &status, f->release);
	if (!f->out.failed)
		return true;
	f->w = before;
	f->out.n = n;
	f->out.failed = false;
	return false;
}

/* What would leave no room for the others is told without what the member answered. */
static void
put_status(struct fanout *f, struct slice member, enum rc rc, const struct scl_call *call)
{
	size_t max = f->out.max;

	f->reserve -= fanout_status_length(f->all->scl, member, f->plan->suffix);
	f->out.max = max - f->reserve;
	if (call == NULL || !try_status(f, member, rc, call))
		(void)try_status(f, member, rc, NULL);
	f->out.max = max;
}

/* ---- the end ---- */

static void
fanout_free(struct fanout *f)
{
	scl_cancel(f->all->scl, &f->task);
	buf_fini(&f->out);
	buf_fini(&f->target);
	arena_free(f->scratch);
	free(f);
}

/* rq is set up with its answer; f lives until the last member has answered. */
static void
fanout_end(struct fanout *f)
{
	struct req *rq = f->rq;

	f->rq = NULL;
	seen_leave(f->all->seen, f->group, f->plan->id, REMEMBERED);
	atomic_fetch_sub(&f->all->under_way, 1);
	if (f->busy == 0)
		fanout_free(f);
	req_finish(rq);
}

static void
fanout_fail(struct fanout *f, enum rc rc, const char *text)
{
	req_fail(f->rq, rc, "%s", text);
	fanout_end(f);
}

static void
fanout_answer(struct fanout *f)
{
	struct req_answer *out = &f->rq->out;

	render_list_end(&f->w);
	if (f->out.failed) {
		fanout_fail(f, RC_UNAVAILABLE, "the answer is over the limit");
		return;
	}
	f->rq->rc = RC_OK;
	f->rq->relayed = true;
	out->http_status = status_of(RC_OK)->http;
	out->content_type = slice_of(f->rq->out_codec->media_type);
	out->body = buf_take(&f->out, &out->body_len);
	fanout_end(f);
}

/* ---- members ---- */

static void fanout_step(struct fanout *f);

static void
leg_done(struct scl_call *call)
{
	struct leg *leg = call->owner;
	struct fanout *f = leg->f;

	leg->busy = false;
	f->busy--;
	f->all->calls--;
	if (f->rq != NULL && !leg->late)
		put_status(f, leg->member, call->rc, call);
	/* What ended with a member's answer is the connection of the request to the group. */
	if (f->rq != NULL && call->answer->close)
		f->rq->out.close = true;
	scl_call_end(call);
	if (f->rq != NULL)
		fanout_step(f);
	else if (f->busy == 0)
		fanout_free(f);
}

static void
make_target(struct fanout *f, struct slice member)
{
	buf_clear(&f->target);
	buf_slice(&f->target, without_slash(member));
	buf_slice(&f->target, f->plan->suffix);
	if (f->rq->uri.query.n > 0) {
		buf_char(&f->target, '?');
		buf_slice(&f->target, f->rq->uri.query);
	}
}

static const char *
method_of(enum req_op op)
{
	static const char *const names[] = { [REQ_CREATE] = "POST",
		                             [REQ_RETRIEVE] = "GET",
		                             [REQ_UPDATE] = "PUT",
		                             [REQ_DELETE] = "DELETE",
		                             [REQ_EXECUTE] = "POST" };

	return names[op];
}

static unsigned
member_timeout_ms(const struct req *rq)
{
	return rq->conf->group_member_timeout_ms > 0 ? rq->conf->group_member_timeout_ms
	                                             : rq->conf->forward_timeout_ms;
}

/* What aggregates has elements that a member of Release 1 would refuse. */
static struct slice
member_body(const struct fanout *f)
{
	const struct fanout_plan *plan = f->plan;

	return plan->release1 != NULL && plan->release1[f->next_at] ? f->rq->in.body
	                                                            : plan->aggregation.body;
}

/* Everything of the request but contactURI: the answer goes through here. */
static void
leg_start(struct fanout *f, struct leg *leg)
{
	struct req *rq = f->rq;
	const struct req_input *in = &rq->in;

	leg->f = f;
	leg->member = f->next->text;
	leg->late = false;
	leg->busy = true;
	leg->deadline = clock_monotonic() + (int64_t)member_timeout_ms(rq) * 1000 + GRACE;
	f->busy++;
	f->all->calls++;
	make_target(f, leg->member);
	leg->call = (struct scl_call){
		.method = slice_of(method_of(in->op)),
		.target = buf_view(&f->target),
		.from = rq->who.self ? SLICE_NONE : rq->who.uri,
		.authorization = in->from.p == NULL ? in->authorization : SLICE_NONE,
		.app_id = in->app_id,
		.scl_id = in->scl_id,
		.connection_id = in->connection_id,
		.listener = rq->listener,
		.content_type = in->content_type,
		.accept = f->plan->accept,
		.body = member_body(f),
		/*
		 * A request of this SCL's own making: a member may be where the request to the group came
		 * from, and what comes round is known by the groupRequestIdentifier.
		 */
		.group_request_id = f->plan->id,
		.rcat = in->rcat,
		.trpdt = in->trpdt,
		.if_match = in->if_match,
		.if_none_match = in->if_none_match,
		.if_modified_since = in->if_modified_since,
		.if_unmodified_since = in->if_unmodified_since,
		.timeout_ms = member_timeout_ms(rq),
		.done = leg_done,
		.owner = leg,
	};
	f->next = f->next->next;
	f->next_at++;
	scl_call(f->all->scl, &leg->call);
}

static struct leg *
free_leg(struct fanout *f)
{
	for (unsigned i = 0; i < f->window; i++)
		if (!f->legs[i].busy)
			return &f->legs[i];
	return NULL;
}

/* Each fan-out has one call at least: nested ones would else wait for one another. */
static bool
may_call(const struct fanout *f)
{
	unsigned max = scl_conf(f->all->scl)->group_calls_max;

	return f->busy == 0 || max == 0 || f->all->calls < max;
}

static void
call_members(struct fanout *f)
{
	struct leg *leg;

	while (f->next != NULL && may_call(f) && (leg = free_leg(f)) != NULL)
		leg_start(f, leg);
}

/* ---- limits of time ---- */

static void
report_late(struct fanout *f, int64_t now)
{
	bool all = f->deadline <= now;

	for (unsigned i = 0; i < f->window; i++) {
		struct leg *leg = &f->legs[i];

		if (!leg->busy || leg->late || (leg->deadline > now && !all))
			continue;
		leg->late = true;
		put_status(f, leg->member, RC_TIMEOUT, NULL);
	}
	for (; all && f->next != NULL; f->next = f->next->next)
		put_status(f, f->next->text, RC_TIMEOUT, NULL);
}

static bool
is_complete(const struct fanout *f)
{
	if (f->next != NULL)
		return false;
	for (unsigned i = 0; i < f->window; i++)
		if (f->legs[i].busy && !f->legs[i].late)
			return false;
	return true;
}

/* False: it is over, f may be gone. */
static bool
go_on(struct fanout *f)
{
	if (courier_stopping(f->all->scl->courier)) {
		fanout_fail(f, RC_UNAVAILABLE, "the SCL is stopping");
		return false;
	}
	call_members(f);
	if (!is_complete(f))
		return true;
	fanout_answer(f);
	return false;
}

static void
fanout_step(struct fanout *f)
{
	(void)go_on(f);
}

static void
fanout_run(struct scl_task *task)
{
	struct fanout *f = (struct fanout *)(void *)((char *)task - offsetof(struct fanout, task));
	int64_t now = clock_monotonic(), next = f->deadline;

	if (f->rq == NULL)
		return;
	report_late(f, now);
	if (!go_on(f))
		return;
	for (unsigned i = 0; i < f->window; i++)
		if (f->legs[i].busy && !f->legs[i].late && f->legs[i].deadline < next)
			next = f->legs[i].deadline;
	scl_post(f->all->scl, &f->task, next > now ? next - now : 0);
}

/* ---- an aggregation is stored first ---- */

static enum rc
store_run(struct own_job *oj, struct rtx *tx)
{
	struct fanout *f = (struct fanout *)(void *)oj;

	return aggregation_store(oj->scl, tx, f->group, f->plan->aggregation.entry);
}

static void
store_done(struct own_job *oj, enum rc rc)
{
	struct fanout *f = (struct fanout *)(void *)oj;

	if (status_is_success(rc))
		fanout_run(&f->task);
	else
		fanout_fail(f, rc,
		            rc == RC_FORBIDDEN
		                    ? "the group aggregates for too many subscribers already"
		                    : "the aggregation could not be stored");
}

static void
store_first(struct scl_task *task)
{
	struct fanout *f = (struct fanout *)(void *)((char *)task - offsetof(struct fanout, task));

	f->task.run = fanout_run;
	f->store.run = store_run;
	f->store.done = store_done;
	if (!own_job_submit(f->all->scl, &f->store))
		fanout_fail(f, RC_UNAVAILABLE, "the aggregation could not be stored");
}

/* ---- the beginning ---- */

static struct fanout *
fanout_new(struct req *rq)
{
	const struct fanout_plan *plan = rq->taken;
	unsigned window = rq->conf->group_parallel;
	struct fanout *f;

	if (window > plan->members)
		window = (unsigned)plan->members;
	if (window == 0)
		window = 1;
	f = calloc(1, sizeof(*f) + window * sizeof(f->legs[0]));
	if (f == NULL)
		return NULL;
	f->all = rq->scl->groups->fanouts;
	f->rq = rq;
	f->plan = plan;
	f->group = rq->target.id;
	f->release = req_release(rq);
	f->next = group_members(rq->target.node);
	f->window = window;
	f->reserve = plan->reserve;
	f->deadline = clock_monotonic() + (int64_t)rq->conf->group_timeout_ms * 1000;
	f->scratch = arena_new(SCRATCH_MAX);
	buf_init(&f->out, rq->conf->answer_max);
	buf_init(&f->target, rq->conf->answer_max);
	f->task.run = plan->aggregation.entry != NULL ? store_first : fanout_run;
	rq->out_codec->writer(&f->w, &f->out);
	render_list_begin(&f->w, "membersContentResponses", &shape_members_content_responses,
	                  f->release);
	if (f->scratch != NULL && !f->out.failed)
		return f;
	buf_fini(&f->out);
	arena_free(f->scratch);
	free(f);
	return NULL;
}

static enum rc
enter(struct req *rq, struct fanouts *all)
{
	const struct fanout_plan *plan = rq->taken;
	unsigned max = rq->conf->group_fanouts_max;
	enum rc rc = RC_UNAVAILABLE;

	if (atomic_fetch_add(&all->under_way, 1) < max || max == 0)
		rc = seen_enter(all->seen, rq->target.id, plan->id);
	if (rc == RC_OK)
		return rc;
	atomic_fetch_sub(&all->under_way, 1);
	return req_fail(rq, rc,
	                rc == RC_BAD_REQUEST
	                        ? "the group has seen this groupRequestIdentifier already"
	                        : "too many requests to groups are under way");
}

void
fanout_take(struct req *rq)
{
	struct fanouts *all = rq->scl->groups->fanouts;
	struct fanout *f;

	if (enter(rq, all) != RC_OK) {
		req_finish(rq);
		return;
	}
	f = fanout_new(rq);
	if (f != NULL && courier_post(rq->scl->courier, &f->task, 0))
		return;
	if (f != NULL) {
		buf_fini(&f->out);
		arena_free(f->scratch);
		free(f);
	}
	seen_leave(all->seen, rq->target.id, ((const struct fanout_plan *)rq->taken)->id, 0);
	atomic_fetch_sub(&all->under_way, 1);
	req_fail(rq, RC_UNAVAILABLE, "the members cannot be asked now");
	req_finish(rq);
}

enum rc
fanouts_new(struct scl *scl, struct fanouts **out)
{
	struct fanouts *all = calloc(1, sizeof(*all));

	if (all == NULL)
		return RC_UNAVAILABLE;
	all->scl = scl;
	all->seen = seen_new(scl->conf.group_fanouts_max);
	if (all->seen == NULL) {
		free(all);
		return RC_UNAVAILABLE;
	}
	*out = all;
	return RC_OK;
}

void
fanouts_free(struct fanouts *all)
{
	if (all == NULL)
		return;
	seen_free(all->seen);
	free(all);
}
