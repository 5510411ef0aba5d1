/* SPDX-License-Identifier: Apache-2.0 */
/* A device with its gateway: the run that proves both, and what the server decides about it. */
#include "config.h"

#include "cap/mpa/mpa_device_own.h"

#include <stdio.h>

#include "cap/sec_access.h"
#include "sec/hex.h"

#define MEDIA_OCTETS "application/octet-stream"
#define REVOKED SLICE_LIT("SEC_REVOKED")

/* Where it is reached without a key. */
static const char *
attach_base(const struct mpad *d)
{
	return d->conf->attach == NULL ? d->conf->gateway : d->conf->attach;
}

/* ---- the run ---- */

/* What is told of an answer that is none; RC_PRECONDITION: the chains are to be sent whole. */
static enum rc
run_refused(struct mpad *d, int status)
{
	if (status == 412 && d->known) {
		d->known = false;
		return RC_PRECONDITION;
	}
	if (status == 401 || status == 403) {
		mpad_count(d, MPAD_N_REFUSED, 1);
		LOG_WARN(d->log, "mpa-refused", LOG_N("status", status));
		return RC_DENIED;
	}
	mpad_count(d, MPAD_N_UNANSWERED, 1);
	LOG_WARN(d->log, "mpa-unanswered", LOG_N("status", status), LOG_Z("why", mpad_failure(d)));
	return RC_UNAVAILABLE;
}

/* One message to the gateway; the body is there. */
static int
post(struct mpad *d)
{
	d->request.type = MEDIA_OCTETS;
	d->request.bare = true;
	mpad_count(d, MPAD_N_OCTETS, d->request.body.n);
	return mpad_send(d);
}

static enum rc
look_at_message(struct mpad *d, enum rc rc, enum mpa_cause why)
{
	if (rc == RC_OK || rc == RC_UNAVAILABLE || rc == RC_INTERNAL || rc == RC_NO_SPACE)
		return rc;
	mpad_refused(d, "mpa-gateway-refused", why);
	return RC_DENIED;
}

/* A1 to A2, of which A3 is made. */
static enum rc
first_half(struct mpad *d, const struct mpa_device_conf *conf, struct mpa_device **run,
           struct buf *a3)
{
	struct buf *a1 = mpad_begin(d, "POST", attach_base(d), "/mpa");
	enum mpa_cause why = MPA_FINE;
	enum rc rc = mpa_device_start(conf, run, a1);
	int status;

	if (rc != RC_OK)
		return rc;
	status = post(d);
	if (status != 200)
		return run_refused(d, status);
	rc = mpa_device_take_a2(*run, mpad_answer(d), mpad_now(d), d->known, a3, &why);
	return look_at_message(d, rc, why);
}

/* A3 to A4. */
static enum rc
second_half(struct mpad *d, struct mpa_device *run, const struct buf *a3)
{
	uint8_t name[MPA_RUN_SIZE];
	char tail[sizeof("/mpa?run=") + 2 * sizeof(name)] = "/mpa?run=";
	enum mpa_cause why = MPA_FINE;
	enum rc rc;
	int status;

	if (!mpa_device_run(run, name))
		return RC_INTERNAL;
	hex_encode(name, sizeof(name), tail + strlen(tail));
	buf_slice(mpad_begin(d, "POST", attach_base(d), tail), buf_view(a3));
	status = post(d);
	if (status != 200)
		return run_refused(d, status);
	rc = mpa_device_take_a4(run, mpad_answer(d), d->next, &why);
	return look_at_message(d, rc, why);
}

/* Both sides have the session now. */
static enum rc
begin_session(struct mpad *d, size_t octets)
{
	struct mpa_session *s = d->next;
	uint64_t now = (uint64_t)mpad_now(d);
	uint64_t end = now + (uint64_t)(d->conf->session_time / CLOCK_SECOND);
	int64_t lasts;

	if (d->conf->require_decision)
		mpad_session_end(d);
	d->next = d->session;
	d->session = s;
	mpa_session_wipe(d->next);
	if (end > s->not_after)
		end = s->not_after;
	lasts = end > now ? (int64_t)(end - now) * CLOCK_SECOND : 0;
	d->renew_at = clock_monotonic() + lasts - lasts / 8;
	d->known = true;
	pthread_mutex_lock(&d->lock);
	d->view.session = true;
	d->view.verdict = MPAD_PENDING;
	d->view.th = s->th;
	d->view.since = now;
	d->view.until = end;
	d->view.decided_at = 0;
	d->view.octets = octets;
	snprintf(d->view.gateway, sizeof(d->view.gateway), "%s", s->peer);
	pthread_mutex_unlock(&d->lock);
	mpad_count(d, MPAD_N_ACCEPTED, 1);
	LOG_INFO(d->log, "mpa-proved", LOG_Z("gateway", s->peer), LOG_N("octets", (int64_t)octets),
	         LOG_N("until", (int64_t)end));
	return d->conf->require_decision ? RC_OK : mpad_use(d, s);
}

static enum rc
run_once(struct mpad *d)
{
	const struct mpa_revocations revocations = mpad_revocations(d);
	struct mpa_device *run = NULL;
	struct mpa_device_conf conf = { .key = d->book.key,
		                        .from_cn = buf_view(&d->credentials.from_cn),
		                        .from_s = buf_view(&d->credentials.from_s),
		                        .cn.key = d->network,
		                        .revocations = &revocations };
	char id[NODE_ID_TEXT];
	struct buf a3;
	enum rc rc;

	node_id_text(&d->node, id);
	conf.id = slice_of(id);
	buf_init(&a3, MPA_A3_MAX);
	mpad_count(d, MPAD_N_RUNS, 1);
	if (d->known)
		mpad_count(d, MPAD_N_RUNS_SHORT, 1);
	rc = first_half(d, &conf, &run, &a3);
	if (rc == RC_OK)
		rc = second_half(d, run, &a3);
	if (rc == RC_OK)
		rc = begin_session(d, a3.n);
	mpa_device_free(run);
	buf_fini(&a3);
	return rc;
}

/* With hashes that the gateway does not know once more, with the chains. */
enum rc
mpad_prove(struct mpad *d)
{
	enum rc rc = run_once(d);

	return rc == RC_PRECONDITION && !mpad_stopping(d) ? run_once(d) : rc;
}

void
mpad_session_end(struct mpad *d)
{
	if (d->in_use)
		(void)mpad_use(d, NULL);
	mpa_session_wipe(d->session);
	pthread_mutex_lock(&d->lock);
	d->view.session = false;
	pthread_mutex_unlock(&d->lock);
}

/* ---- the decision ---- */

static void
decided(struct mpad *d, enum mpad_verdict verdict, uint64_t at)
{
	static const enum mpad_counter counters[] = { [MPAD_FOR] = MPAD_N_DECIDED_FOR,
		                                      [MPAD_AGAINST] = MPAD_N_DECIDED_AGAINST,
		                                      [MPAD_NONE] = MPAD_N_UNDECIDED };

	if (d->view.verdict == verdict)
		return;
	pthread_mutex_lock(&d->lock);
	d->view.verdict = verdict;
	d->view.decided_at = at;
	pthread_mutex_unlock(&d->lock);
	mpad_count(d, counters[verdict], 1);
	LOG_INFO(d->log, "mpa-decided", LOG_Z("verdict", mpad_verdict_name(verdict)));
}

static enum rc
take_decision(struct mpad *d, struct slice octets)
{
	struct mpa_decision decision;
	enum mpa_cause why = MPA_FINE;
	enum rc rc = mpa_decision_check(octets, &d->server, &d->session->th, &decision, &why);

	if (rc != RC_OK) {
		(void)look_at_message(d, rc, why);
		return RC_UNAVAILABLE;
	}
	decided(d, decision.verdict == MPA_ACCEPTED ? MPAD_FOR : MPAD_AGAINST, decision.time);
	return RC_OK;
}

/* A verdict that is there stays, whatever the gateway still knows of it. */
static enum rc
no_decision(struct mpad *d)
{
	if (d->view.verdict == MPAD_PENDING)
		decided(d, MPAD_NONE, 0);
	return RC_OK;
}

static bool
says_revoked(struct slice body)
{
	const struct slice mark = REVOKED;

	for (size_t i = 0; i + mark.n <= body.n; i++)
		if (memcmp(body.p + i, mark.p, mark.n) == 0)
			return true;
	return false;
}

enum rc
mpad_look(struct mpad *d)
{
	char tail[sizeof("/mpa/decisions/") + 2 * DIGEST_SIZE] = "/mpa/decisions/";
	int status;

	hex_encode(d->session->th.v, DIGEST_SIZE, tail + strlen(tail));
	mpad_begin(d, "GET", d->in_use ? d->conf->gateway : attach_base(d), tail);
	d->request.bare = true;
	status = mpad_send(d);
	switch (status) {
	case 200:
		return take_decision(d, mpad_answer(d));
	case 404:
		/* Who is not served under the session would not learn that it is over. */
		return d->in_use ? no_decision(d) : RC_DENIED;
	case 403:
		return says_revoked(mpad_answer(d)) ? RC_DENIED : no_decision(d);
	case 401:
		return RC_DENIED;
	case MPAD_NO_ANSWER:
		return mpad_tls_failed(d) ? RC_DENIED : RC_UNAVAILABLE;
	default:
		return RC_UNAVAILABLE;
	}
}
