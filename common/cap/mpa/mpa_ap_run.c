/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs of devices: A1 is answered with A2, A3 with A4. Anybody may send them, also in clear. What is
 * refused leaves the run as it was, so that nobody else ends it; it ends by its time, or A4.
 */
#include "config.h"

#include "base/clock.h"
#include "cap/mpa/mpa_ap.h"
#include "codec/json_fields.h"
#include "core/peer.h"
#include "sec/hex.h"

#include <stdlib.h>

#define RETRY_S 1u
#define STATUS_MAX 16384u

/* In the arena of its request. */
struct taking {
	struct pool_job job; /* first */
	struct ap *ap;
	struct req *rq;
	struct slice body;
	uint8_t name[MPA_RUN_SIZE]; /* of A3 */
	char source[AP_SOURCE_MAX + 1];
};

static void
finish(const struct taking *t, enum rc rc, const char *reason)
{
	if (rc == RC_UNAVAILABLE) {
		ap_count(t->ap, AP_BUSY_N);
		req_answer(t->rq)->retry_after = RETRY_S;
	}
	endpoint_finish(t->rq, endpoint_refuse(t->rq, rc, slice_of(reason)));
}

static struct mpa_ap_conf
conf_of(const struct ap *ap, struct ap_anchors *a, const struct mpa_revocations *revocations)
{
	return (struct mpa_ap_conf){ .key = ap->book.key,
		                     .chain = buf_view(&a->w5),
		                     .anchors = a->v,
		                     .place = ap->id,
		                     .revocations = revocations,
		                     .cache = ap->cache };
}

/* ---- the table ---- */

/* Runs that are over leave their place. Lock is held, as for the next one. */
static void
clear_late(struct ap *ap, int64_t now)
{
	for (unsigned i = 0; i < ap->conf->attempts_max; i++) {
		struct ap_run *r = &ap->runs[i];

		if (r->run != NULL && !r->busy && now >= r->deadline) {
			mpa_ap_free(r->run);
			r->run = NULL;
		}
	}
}

/* A place for one more of that address, NULL: there is none, or it has its share. */
static struct ap_run *
free_place(struct ap *ap, const char *source, int64_t now)
{
	unsigned share = ap->conf->attempts_max / AP_SOURCE_SHARE + 1, n = 0;
	struct ap_run *place = NULL;

	clear_late(ap, now);
	for (unsigned i = 0; i < ap->conf->attempts_max; i++) {
		struct ap_run *r = &ap->runs[i];

		if (r->run == NULL && !r->busy)
			place = r;
		else if (strcmp(r->source, source) == 0)
			n++;
	}
	return n < share ? place : NULL;
}

static bool
has_place(struct ap *ap, const char *source)
{
	bool has;

	pthread_mutex_lock(&ap->lock);
	has = free_place(ap, source, clock_monotonic()) != NULL;
	pthread_mutex_unlock(&ap->lock);
	return has;
}

static bool
put_run(struct ap *ap, const char *source, struct mpa_ap *run)
{
	int64_t now = clock_monotonic();
	struct ap_run *r;

	pthread_mutex_lock(&ap->lock);
	r = free_place(ap, source, now);
	if (r != NULL) {
		*r = (struct ap_run){ .run = run, .deadline = now + ap->conf->attempt_time };
		mpa_ap_run(run, r->name);
		(void)slice_copy(slice_of(source), r->source, sizeof(r->source));
	}
	pthread_mutex_unlock(&ap->lock);
	return r != NULL;
}

/* The run of that name, for its A3 alone until give_run. RC_NOT_FOUND, RC_UNAVAILABLE: in use. */
static enum rc
take_run(struct ap *ap, const uint8_t name[MPA_RUN_SIZE], struct ap_run **out)
{
	int64_t now = clock_monotonic();
	enum rc rc = RC_NOT_FOUND;

	pthread_mutex_lock(&ap->lock);
	for (unsigned i = 0; i < ap->conf->attempts_max && rc == RC_NOT_FOUND; i++) {
		struct ap_run *r = &ap->runs[i];

		if (r->run == NULL || now >= r->deadline ||
		    memcmp(r->name, name, MPA_RUN_SIZE) != 0)
			continue;
		rc = r->busy ? RC_UNAVAILABLE : RC_OK;
		r->busy = true;
		*out = r;
	}
	pthread_mutex_unlock(&ap->lock);
	return rc;
}

static void
give_run(struct ap *ap, struct ap_run *r, bool over)
{
	struct mpa_ap *run = NULL;

	pthread_mutex_lock(&ap->lock);
	r->busy = false;
	if (over) {
		run = r->run;
		r->run = NULL;
	}
	pthread_mutex_unlock(&ap->lock);
	mpa_ap_free(run);
}

void
ap_runs_close(struct ap *ap)
{
	for (unsigned i = 0; ap->runs != NULL && i < ap->conf->attempts_max; i++)
		mpa_ap_free(ap->runs[i].run);
	free(ap->runs);
}

/* ---- A1 ---- */

static void
answer_a1(const struct taking *t, struct ap_anchors *a)
{
	const struct mpa_revocations revocations = ap_revocations(a);
	const struct mpa_ap_conf conf = conf_of(t->ap, a, &revocations);
	enum mpa_cause why = MPA_FINE;
	const char *reason = "";
	struct mpa_ap *run = NULL;
	struct buf a2;
	enum rc rc;

	buf_init(&a2, MPA_A2_MAX);
	if (mpa_ap_start(&conf, t->body, &run, &a2, &why) != RC_OK) {
		rc = ap_refused(t->ap, why, "a1", SLICE_LIT(""), &reason);
		finish(t, rc, reason);
	} else if (!put_run(t->ap, t->source, run)) {
		mpa_ap_free(run);
		finish(t, RC_UNAVAILABLE, "OVERLOAD");
	} else {
		ap_count(t->ap, AP_RUNS_N);
		rc = endpoint_answer(t->rq, RC_OK, AP_OCTETS, buf_view(&a2));
		endpoint_finish(t->rq, rc);
	}
	buf_fini(&a2);
}

static void
take_a1(struct pool_job *job)
{
	const struct taking *t = (struct taking *)(void *)job;
	struct ap_anchors *a = ap_anchors_now(t->ap);

	if (a == NULL || a->w5.n == 0)
		finish(t, RC_UNAVAILABLE, "NOT_READY");
	else if (!has_place(t->ap, t->source))
		finish(t, RC_UNAVAILABLE, "OVERLOAD");
	else
		answer_a1(t, a);
	ap_anchors_unref(a);
}

/* ---- A3 ---- */

static void
forward(struct ap *ap, struct mpa_ap *run, const struct mpa_session *s)
{
	struct buf transcript;

	if (!ap->conf->forward)
		return;
	buf_init(&transcript, MPA_TRANSCRIPT_MAX);
	if (mpa_ap_transcript(run, &transcript) == RC_OK)
		ap_forward(ap, &s->th, buf_view(&transcript));
	buf_fini(&transcript);
}

/* The outcome, and *reason of a refusal. */
static enum rc
accept(struct ap *ap, struct mpa_ap *run, const struct mpa_session *s, const char **reason)
{
	enum rc rc = ap_session_add(ap, s);

	if (rc == RC_BAD_REQUEST)
		return ap_refused(ap, MPA_NAME, "a3", slice_of(s->peer), reason);
	if (rc == RC_FORBIDDEN)
		return ap_refused(ap, MPA_REVOKED, "a3", slice_of(s->peer), reason);
	if (rc != RC_OK) {
		*reason = "OVERLOAD";
		return RC_UNAVAILABLE;
	}
	ap_count(ap, AP_SESSIONS_N);
	LOG_INFO(ap->log, "mpa-accepted", LOG_Z("device", s->peer));
	forward(ap, run, s);
	return RC_OK;
}

/* The run is given back before it is answered: what comes next finds it. */
static void
answer_a3(const struct taking *t, struct ap_anchors *a, struct ap_run *r)
{
	const struct mpa_revocations revocations = ap_revocations(a);
	const struct mpa_ap_conf conf = conf_of(t->ap, a, &revocations);
	enum mpa_cause why = MPA_FINE;
	uint8_t a4[MPA_A4_SIZE];
	struct mpa_session s;
	const char *reason = "";
	bool over;
	enum rc rc;

	rc = mpa_ap_take_a3(r->run, &conf, t->body, ap_now(), a4, &s, &why);
	over = rc == RC_OK;
	rc = over ? accept(t->ap, r->run, &s, &reason)
	          : ap_refused(t->ap, why, "a3", SLICE_LIT(""), &reason);
	mpa_session_wipe(&s);
	give_run(t->ap, r, over);
	if (rc == RC_OK)
		endpoint_finish(t->rq, endpoint_answer(t->rq, RC_OK, AP_OCTETS,
		                                       slice_make(a4, MPA_A4_SIZE)));
	else
		finish(t, rc, reason);
}

static void
take_a3(struct pool_job *job)
{
	const struct taking *t = (struct taking *)(void *)job;
	struct ap_anchors *a = ap_anchors_now(t->ap);
	struct ap_run *r = NULL;
	enum rc rc;

	if (a == NULL || a->w5.n == 0) {
		finish(t, RC_UNAVAILABLE, "NOT_READY");
	} else if (!ap_session_has_room(t->ap)) {
		finish(t, RC_UNAVAILABLE, "OVERLOAD");
	} else if ((rc = take_run(t->ap, t->name, &r)) != RC_OK) {
		if (rc == RC_NOT_FOUND)
			ap_count(t->ap, AP_CAUSES_N + MPA_STATE);
		finish(t, rc, rc == RC_NOT_FOUND ? "MPA_NO_RUN" : "OVERLOAD");
	} else {
		answer_a3(t, a, r);
	}
	ap_anchors_unref(a);
}

/* ---- what there was, for whoever is on this machine ---- */

static void
put_count(void *arg, const char *name, uint64_t value)
{
	struct buf *b = arg;

	/* Names have quotation marks of their labels. */
	buf_puts(b, b->p[b->n - 1] == '{' ? "\"" : ",\"");
	for (; *name != '\0'; name++) {
		if (*name == '"')
			buf_char(b, '\\');
		buf_char(b, *name);
	}
	buf_puts(b, "\":");
	buf_long(b, (int64_t)value);
}

static enum rc
describe(struct ap *ap, struct req *rq)
{
	struct ap_anchors *a = ap_anchors_now(ap);
	struct buf b;
	enum rc rc;

	buf_init(&b, STATUS_MAX);
	json_put_open(&b, NULL, '{');
	json_put_flag(&b, "ready", a != NULL && a->w5.n > 0);
	json_put_number(&b, "number", a != NULL ? (int64_t)a->number : 0);
	pthread_mutex_lock(&ap->lock);
	json_put_number(&b, "sessions", (int64_t)ap->n_sessions);
	pthread_mutex_unlock(&ap->lock);
	json_put_open(&b, "counters", '{');
	mas_counters_visit(ap->counters, put_count, &b);
	buf_puts(&b, "}}");
	ap_anchors_unref(a);
	rc = b.failed ? endpoint_refuse(rq, RC_UNAVAILABLE, SLICE_NONE)
	              : endpoint_answer(rq, RC_OK, AP_JSON, buf_view(&b));
	buf_fini(&b);
	return rc;
}

/* ---- the endpoint ---- */

static void
begin(struct req *rq)
{
	struct taking *t = endpoint_state(rq);
	struct ap *ap = t->ap;
	bool running;

	pthread_mutex_lock(&ap->lock);
	running = ap->running;
	if (running)
		pool_submit(ap->pool, POOL_FOREIGN, &t->job);
	pthread_mutex_unlock(&ap->lock);
	if (!running)
		finish(t, RC_UNAVAILABLE, "NOT_READY");
}

enum rc
ap_serve(void *arg, struct req *rq, const struct req_input *in)
{
	struct taking *t = ARENA_NEW(req_arena(rq), struct taking);
	struct ap *ap = arg;
	struct slice name;

	if (in->op == REQ_RETRIEVE && in->peer != NULL && in->peer->loopback)
		return describe(ap, rq);
	if (in->op != REQ_CREATE)
		return endpoint_not_allowed(rq, "POST");
	if (t == NULL)
		return endpoint_refuse(rq, RC_UNAVAILABLE, SLICE_LIT("OVERLOAD"));
	if (!endpoint_has_octets(in))
		return endpoint_refuse(rq, RC_MEDIA_TYPE, SLICE_NONE);
	*t = (struct taking){ .ap = ap, .rq = rq, .body = in->body };
	if (in->peer != NULL)
		(void)slice_copy(in->peer->address, t->source, sizeof(t->source));
	if (endpoint_query(rq).n == 0) {
		t->job.run = take_a1;
		return endpoint_pend(rq, begin, t);
	}
	if (endpoint_parameter(rq, "run", &name) != RC_OK || name.n != 2 * sizeof(t->name) ||
	    !hex_decode(name, t->name, sizeof(t->name)))
		return endpoint_refuse(rq, RC_BAD_REQUEST, SLICE_LIT("BAD_PARAM"));
	t->job.run = take_a3;
	return endpoint_pend(rq, begin, t);
}
