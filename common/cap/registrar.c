/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A state machine on the courier thread. Each row of the table is one request; its outcome names
 * the next row. The registration is refreshed at half of the granted lifetime; after a failure
 * the next candidate is tried, with back-off and jitter once all have failed.
 */
#include "config.h"

#include "cap/registrar_impl.h"

#include "base/ident.h"
#include "base/uri.h"

#include <stdio.h>
#include <stdlib.h>

#define ASKED_MAX 86400u /* seconds of Retry-After; beyond, it is not looked at */
#define TIMEOUT_MS 10000u
#define ANSWER_MAX 65536u
#define STOP_WAIT_S 3

static void step_start(struct registrar *r, enum step step);

static void
registrar_free(struct registrar *r)
{
	if (r == NULL)
		return;
	arena_free(r->arena);
	buf_fini(&r->body);
	registrar_wish_free(&r->wish);
	pthread_mutex_destroy(&r->lock);
	pthread_cond_destroy(&r->changed);
	free(r);
}

/* Nothing is in progress or posted any more; r is gone afterwards. */
static void
left(struct registrar *r)
{
	bool abandoned;

	poller_free(r->poller);
	r->poller = NULL;
	pthread_mutex_lock(&r->lock);
	abandoned = r->abandoned;
	r->stopped = true;
	pthread_cond_signal(&r->changed);
	pthread_mutex_unlock(&r->lock);
	if (abandoned)
		registrar_free(r);
}

/* Up to a quarter more, different in every process. */
static int64_t
with_jitter(int64_t delay)
{
	char random[IDENT_LEN + 1];
	unsigned v = 0;

	ident_random(random);
	for (size_t i = 0; i < 4; i++)
		v = v * 36 + (unsigned char)random[i] % 36;
	return delay + delay / 4 * (int64_t)(v % 1000) / 1000;
}

/* text: why it failed; NULL: it did not. */
static void
end_order(struct registrar *r, const char *text)
{
	const struct mgmt_item item = { "error", slice_of(text) };
	struct mgmt_order *order = r->order;

	r->order = NULL;
	if (order != NULL)
		mgmt_order_end(order, text == NULL, &item, text != NULL);
}

static void
retry_later(struct registrar *r)
{
	int64_t delay = r->conf.retry_us;
	size_t n = r->wish.n; /* a round is begun only where there are candidates */

	end_order(r, "the registration failed");
	r->candidate = (r->candidate + 1) % n;
	r->failures++;
	/* A round through all candidates is one failure. */
	for (size_t i = n; i < r->failures && delay < r->conf.retry_max_us; i += n)
		delay *= 2;
	/* Where there is another one, that is asked meanwhile. */
	if (n == 1 && delay < r->asked)
		delay = r->asked;
	r->asked = 0;
	if (delay > r->conf.retry_max_us)
		delay = r->conf.retry_max_us;
	/* What has failed may have been on the connection that was lost. */
	scl_post(r->scl, &r->task, r->back || r->woken ? 0 : with_jitter(delay));
	r->back = r->woken = false;
}

static void
settle(struct registrar *r)
{
	int64_t left_us = r->granted - wall_now(), delay;

	if (!r->registered)
		LOG_INFO(r->conf.log, "registered", LOG_Z("nscl", nscl_uri(r)),
		         LOG_N("lifetime_s", left_us / CLOCK_SECOND));
	if (r->fresh)
		scl_registered_anew(r->scl, slice_of(nscl_uri(r)));
	r->fresh = false;
	r->registered = true;
	r->failures = 0;
	end_order(r, NULL);
	if (r->poller != NULL)
		poller_poll(r->poller, slice_of(r->polled), slice_of(r->mirror));
	delay = left_us > 2 * CLOCK_SECOND ? left_us / 2 : CLOCK_SECOND;
	scl_post(r->scl, &r->task, r->woken ? 0 : delay);
	r->woken = false;
}

/*
 * The SCL-ID of the NSCL is not in its representation: its authority names the mirror, with dots
 * for what a URI of one segment cannot have (sclId is an xs:anyURI).
 */
static void
name_mirror(struct registrar *r)
{
	struct slice name;
	struct uri u;

	if (!uri_parse(slice_of(nscl_uri(r)), &u))
		return;
	name = uri_authority_name(r->arena, u.authority);
	snprintf(r->mirror, sizeof(r->mirror), "%.*s", (int)name.n, name.n > 0 ? name.p : "");
}

/* Only while it is enrolled. */
static enum step
leave_home(struct registrar *r)
{
	r->enrolled = r->registered = false;
	memcpy(r->nscl, r->home, sizeof(r->nscl));
	name_mirror(r);
	return STEP_LEAVE;
}

static enum step
leave_step(struct registrar *r)
{
	return r->enrolled && !r->stays ? leave_home(r) : STEP_LEFT;
}

/* Out of one NSCL: to the next, or nowhere until it is asked for. */
static void
moved(struct registrar *r)
{
	r->moving = false;
	if (r->withdrawn)
		end_order(r, NULL);
	else
		scl_post(r->scl, &r->task, 0);
}

static void
step_end(struct registrar *r, enum step next)
{
	r->busy = false;
	if ((r->leaving || r->withdrawn) && next != STEP_DROP_MIRROR && next != STEP_LEFT) {
		r->moving = !r->leaving;
		next = leave_step(r);
	}
	switch (next) {
	case STEP_DONE:
		settle(r);
		return;
	case STEP_LEFT:
		if (r->leaving)
			left(r);
		else
			moved(r);
		return;
	case STEP_FAIL:
		retry_later(r);
		return;
	default:
		step_start(r, next);
	}
}

static void
step_outcome(struct registrar *r, enum rc rc, const struct buf *answer, const char *failure)
{
	const struct step_row *row = &registrar_steps[r->step];

	if (status_is_success(rc)) {
		if (row->learn != NULL)
			row->learn(r, answer);
		r->fresh = r->fresh || r->step == STEP_REGISTER;
		step_end(r, registrar_learns_channel(row) && r->contact[0] == '\0' ? row->failed
		                                                                   : row->ok);
		return;
	}
	if (rc != RC_NOT_FOUND || row->not_found == STEP_FAIL)
		LOG_WARN(r->conf.log, "registration-step-failed", LOG_Z("step", row->name),
		         LOG_Z("nscl", nscl_uri(r)), LOG_Z("status", status_of(rc)->text),
		         LOG_Z("why", failure));
	step_end(r, rc == RC_NOT_FOUND  ? row->not_found
	            : rc == RC_CONFLICT ? row->conflict
	                                : row->failed);
}

/* Retry-After in seconds; a date is not looked at. */
static int64_t
asked_by(const struct exchange *ex)
{
	struct slice after = exchange_answer_header(ex, "retry-after");
	uint64_t seconds;

	return slice_number(after, ASKED_MAX, &seconds) ? (int64_t)seconds * CLOCK_SECOND : 0;
}

static void
exchange_done(struct exchange *ex)
{
	struct registrar *r = ex->owner;
	struct buf answer = ex->answer;
	enum rc rc = ex->rc != RC_OK ? ex->rc : status_from_http(ex->http_status);
	char failure[sizeof(ex->failure)];

	memcpy(failure, ex->failure, sizeof(failure));
	r->asked = ex->rc == RC_OK && ex->http_status == 503 ? asked_by(ex) : 0;
	buf_fini(&ex->answer_text);
	buf_init(&ex->answer, 0);
	step_outcome(r, rc, &answer, failure);
	buf_fini(&answer);
}

static void
local_done(struct scl_call *call)
{
	struct registrar *r = call->owner;
	enum rc rc = call->rc;
	struct buf answer;

	buf_init(&answer, ANSWER_MAX);
	buf_add(&answer, call->answer->body, call->answer->body_len);
	scl_call_end(call);
	step_outcome(r, rc, &answer, "");
	buf_fini(&answer);
}

static struct slice
step_path(struct registrar *r, const struct step_row *row)
{
	const char *place = strstr(row->path, "%s");

	if (place == NULL)
		return arena_copy(r->arena, slice_of(row->path));
	return arena_printf(r->arena, "%.*s%s%s", (int)(place - row->path), row->path,
	                    row->id == ID_OWN ? r->conf.scl_id : r->mirror, place + 2);
}

static void
send_remote(struct registrar *r, const struct step_row *row, struct slice path)
{
	struct slice url = arena_printf(r->arena, "%s%.*s", nscl_uri(r), (int)path.n, path.p);

	r->ex = (struct exchange){ .method = slice_of(row->method),
		                   .url = url,
		                   .body = buf_view(&r->body),
		                   .timeout_ms = TIMEOUT_MS,
		                   .answer_max = ANSWER_MAX,
		                   .done = exchange_done,
		                   .owner = r };
	exchange_add_issuer(&r->ex, r->scl, r->conf.nscl_release);
	exchange_add_header(&r->ex, SLICE_LIT("Accept"), SLICE_LIT("application/xml"));
	if (r->body.n > 0)
		exchange_add_header(&r->ex, SLICE_LIT("Content-Type"),
		                    SLICE_LIT("application/xml"));
	scl_send(r->scl, &r->ex);
}

static void
send_local(struct registrar *r, const struct step_row *row, struct slice path)
{
	struct slice base = scl_base_path(r->scl);

	r->call = (struct scl_call){ .method = slice_of(row->method),
		                     .content_type = SLICE_LIT("application/xml"),
		                     .body = buf_view(&r->body),
		                     .done = local_done,
		                     .owner = r };
	r->call.target =
		arena_printf(r->arena, "%.*s%.*s", (int)base.n, base.p, (int)path.n, path.p);
	scl_call(r->scl, &r->call);
}

static void
step_start(struct registrar *r, enum step step)
{
	const struct step_row *row = &registrar_steps[step];
	struct slice path;

	if (step == STEP_APOC_HANDLING && r->apoc_handling[0] == '\0')
		row = &registrar_steps[step = STEP_POC_UPDATE];
	/* The m2mPoc of who polls is its channel. */
	if (step == STEP_POC_UPDATE && r->poller != NULL && r->contact[0] == '\0')
		row = &registrar_steps[step = r->conf.nscl_release == 1 ? STEP_CHANNEL_READ_R1
		                                                        : STEP_CHANNEL_READ];
	r->step = step;
	r->busy = true;
	r->back = false;
	arena_reset(r->arena);
	buf_clear(&r->body);
	if (row->body != NULL)
		row->body(r, &r->body);
	path = step_path(r, row);
	if (row->local)
		send_local(r, row, path);
	else
		send_remote(r, row, path);
}

static void
run(struct scl_task *task)
{
	struct registrar *r =
		(struct registrar *)(void *)((char *)task - offsetof(struct registrar, task));

	r->asleep = false;
	registrar_wish_read(&r->wish, r->scl, &r->conf);
	r->contact[0] = r->polled[0] = '\0';
	if (r->enrolled && !registrar_wish_has(&r->wish, r->home, &r->candidate)) {
		r->moving = true;
		r->candidate = 0;
		step_start(r, leave_home(r));
		return;
	}
	/* Nobody to register with: until EtsiSclMo names one. */
	if (r->wish.n == 0)
		return;
	r->candidate %= r->wish.n;
	snprintf(r->nscl, sizeof(r->nscl), "%s", r->wish.nscl[r->candidate]);
	name_mirror(r);
	r->awaiting = r->conf.gate != NULL &&
	              r->conf.gate->enter(r->conf.gate->arg, r->nscl) == RC_PENDING;
	if (!r->awaiting)
		step_start(r, STEP_READ_BASE);
}

/* ---- the service connection ---- */

/* One that is back is a reason to try, whatever was waited for. */
static void
gate_changed(void *owner, const char *nscl, bool up)
{
	struct registrar *r = owner;
	bool awaited = r->awaiting && strcmp(nscl, r->nscl) == 0;
	size_t at;

	r->back = r->busy && (up || r->back);
	if (r->busy || r->leaving || r->withdrawn || r->asleep)
		return;
	if (awaited && !up) {
		r->awaiting = false;
		retry_later(r);
	} else if (up && (r->awaiting || !r->registered || r->failures > 0)) {
		r->awaiting = false;
		if (registrar_wish_has(&r->wish, nscl, &at))
			r->candidate = at;
		scl_post(r->scl, &r->task, 0);
	}
}

/* The report is an attribute of the scl resource: a refresh carries it. */
static void
gate_report(void *owner)
{
	struct registrar *r = owner;

	if (r->registered && !r->busy && !r->leaving && !r->withdrawn)
		scl_post(r->scl, &r->task, 0);
}

/* Somebody who has proved it wants this SCL: what is under way goes on, and then there again. */
static void
gate_wake(void *owner, const char *nscl)
{
	struct registrar *r = owner;
	size_t at;

	if (r->leaving || r->withdrawn)
		return;
	r->asleep = false;
	r->failures = 0;
	r->woken = r->busy;
	if (r->busy)
		return;
	/* Names that the provider has given since count as well. */
	registrar_wish_read(&r->wish, r->scl, &r->conf);
	if (nscl != NULL && registrar_wish_has(&r->wish, nscl, &at))
		r->candidate = at;
	r->awaiting = false;
	scl_post(r->scl, &r->task, 0);
}

/* ---- the actions of EtsiSclMo (TS 102 690 annex E) ---- */

static bool
claims(const struct mgmt_adaptor *self, const struct mgmt_place *place)
{
	(void)self;
	return place->own && place->type == T_SCL_MO_ACTION;
}

/* What is under way ends first; then the order decides. */
static void
action_start(const struct mgmt_adaptor *self, struct mgmt_order *order)
{
	struct registrar *r = self->owner;

	end_order(r, "another one has come");
	r->order = order;
	r->withdrawn = order->attr == A_DE_REGISTRATION;
	if (r->busy)
		return;
	scl_cancel(r->scl, &r->task);
	if (r->withdrawn) {
		step_end(r, STEP_FAIL);
		return;
	}
	r->failures = 0;
	r->candidate = 0;
	run(&r->task);
	if (r->wish.n == 0)
		end_order(r, "there is no NSCL to register with");
}

/* An NSCL that is named when there was none is no reason to wait. */
static void
objects_changed(const struct mgmt_adaptor *self)
{
	struct registrar *r = self->owner;

	if (r->wish.n == 0 && !r->busy && !r->withdrawn && !r->leaving && !r->asleep)
		scl_post(r->scl, &r->task, 0);
}

/*
 * A node that is to connect only when it is called: as long as the registration of an earlier run
 * stands, by which it is called. The own tree has it until it ends there.
 */
static bool
sleeps(struct registrar *r)
{
	struct slice link;
	unsigned which;

	arena_reset(r->arena);
	r->asleep = r->conf.on_trigger &&
	            mgmt_registered_with(r->scl, r->arena, &link, &which) == RC_OK;
	if (!r->asleep)
		return false;
	LOG_INFO(r->conf.log, "waiting-for-trigger", LOG_S("nscl", link));
	scl_post(r->scl, &r->task, r->conf.lifetime_us / 4);
	return true;
}

static void
adapt_run(struct scl_task *task)
{
	struct registrar *r =
		(struct registrar *)(void *)((char *)task - offsetof(struct registrar, adapt));

	if (r->conf.gate != NULL)
		r->conf.gate->listen(r->conf.gate->arg, &r->at_gate);
	if (mgmt_adaptor_add(r->scl, &r->adaptor) != RC_OK)
		LOG_ERROR(r->conf.log, "management-adaptor", LOG_Z("reason", "there are too many"));
	if (!sleeps(r))
		run(&r->task);
}

/* The channel went, maybe with the registration. */
static void
channel_lost(void *owner)
{
	struct registrar *r = owner;

	r->registered = false;
	if (!r->busy && !r->leaving && !r->withdrawn)
		scl_post(r->scl, &r->task, with_jitter(r->conf.retry_us / 4));
}

/* A step in progress goes on to leaving when it ends. */
static void
leave_run(struct scl_task *task)
{
	struct registrar *r =
		(struct registrar *)(void *)((char *)task - offsetof(struct registrar, leave));

	r->leaving = true;
	r->stays = r->begins_again || r->conf.on_trigger;
	if (r->conf.gate != NULL)
		r->conf.gate->listen(r->conf.gate->arg, NULL);
	scl_cancel(r->scl, &r->task);
	scl_cancel(r->scl, &r->adapt);
	end_order(r, "interrupted by a restart");
	mgmt_adaptor_remove(r->scl, &r->adaptor);
	if (r->busy)
		return;
	step_end(r, STEP_FAIL);
}

static bool
make_poller(struct registrar *r)
{
	const struct poller_conf conf = { .scl = r->scl,
		                          .log = r->conf.log,
		                          .release = r->conf.nscl_release,
		                          .retry_us = r->conf.retry_us,
		                          .lost = channel_lost,
		                          .owner = r };

	r->poller = poller_new(&conf);
	return r->poller != NULL;
}

static enum rc
registrar_start(struct scl *scl, const struct capability_conf *conf, void **state,
                char why[CAPABILITY_WHY_MAX])
{
	struct registrar *r;

	*state = NULL;
	r = calloc(1, sizeof(*r));
	if (r == NULL || (r->arena = arena_new(1u << 20)) == NULL) {
		free(r);
		snprintf(why, CAPABILITY_WHY_MAX, "out of memory");
		return RC_UNAVAILABLE;
	}
	r->scl = scl;
	r->conf = *conf;
	buf_init(&r->body, ANSWER_MAX);
	if (conf->channel && !make_poller(r)) {
		buf_fini(&r->body);
		arena_free(r->arena);
		free(r);
		snprintf(why, CAPABILITY_WHY_MAX, "out of memory");
		return RC_UNAVAILABLE;
	}
	pthread_mutex_init(&r->lock, NULL);
	(void)clock_cond_init(&r->changed);
	r->task.run = run;
	r->leave.run = leave_run;
	r->adapt.run = adapt_run;
	r->at_gate = (struct gate_listener){ .changed = gate_changed, .report = gate_report,
		                             .wake = gate_wake, .owner = r };
	r->adaptor = (struct mgmt_adaptor){ .name = "registration",
		                            .claims = claims,
		                            .start = action_start,
		                            .changed = objects_changed,
		                            .owner = r };
	scl_post(scl, &r->adapt, 0);
	*state = r;
	return RC_OK;
}

/* De-registers, as far as the NSCL answers in time; what is late ends when the scl stops. */
static void
registrar_stop(void *state)
{
	struct registrar *r = state;
	struct timespec until;
	bool stopped;

	if (r == NULL)
		return;
	r->begins_again =
		r->conf.begins_again != NULL && r->conf.begins_again(r->conf.begins_again_arg);
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += STOP_WAIT_S;
	scl_post(r->scl, &r->leave, 0);
	pthread_mutex_lock(&r->lock);
	while (!r->stopped && pthread_cond_timedwait(&r->changed, &r->lock, &until) == 0)
		;
	stopped = r->stopped;
	r->abandoned = !stopped;
	if (!stopped)
		LOG_WARN(r->conf.log, "de-registration-unfinished", LOG_Z("scl", r->conf.scl_id));
	pthread_mutex_unlock(&r->lock);
	if (stopped)
		registrar_free(r);
}

const struct capability cap_registrar = {
	.name = "registrar",
	.start = registrar_start,
	.stop = registrar_stop,
};
