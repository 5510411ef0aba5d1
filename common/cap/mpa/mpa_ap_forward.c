/* SPDX-License-Identifier: Apache-2.0 */
/* Transcripts on their way to the MTC servers, and what these have decided, for the devices. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "cap/mpa/mpa_ap.h"
#include "sec/hex.h"

#define ANSWER_MARGIN_MS 5000u /* that the NSCL has above the time of the server */

/* Lock is held, as for the next ones. */
static struct ap_decision *
find(struct ap *ap, const uint8_t th[DIGEST_SIZE])
{
	struct ap_decision *d = ap->first;

	while (d != NULL && memcmp(d->th.v, th, DIGEST_SIZE) != 0)
		d = d->next;
	return d;
}

static void
drop_first(struct ap *ap)
{
	struct ap_decision *d = ap->first;

	ap->first = d->next;
	if (ap->first == NULL)
		ap->last = &ap->first;
	ap->n_decisions--;
	buf_fini(&d->transcript);
	free(d);
}

static bool
is_sent(const struct ap *ap, const struct mpa_th *th)
{
	for (unsigned i = 0; i < AP_SENDINGS; i++)
		if (ap->sendings[i].busy && memcmp(ap->sendings[i].th.v, th->v, DIGEST_SIZE) == 0)
			return true;
	return false;
}

void
ap_forward(struct ap *ap, const struct mpa_th *th, struct slice transcript)
{
	struct ap_decision *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return;
	d->th = *th;
	d->wait = ap->conf->retry_first;
	d->until = clock_monotonic() + ap->conf->session_time;
	buf_init(&d->transcript, MPA_TRANSCRIPT_MAX);
	buf_slice(&d->transcript, transcript);
	if (d->transcript.failed) {
		buf_fini(&d->transcript);
		free(d);
		return;
	}
	pthread_mutex_lock(&ap->lock);
	while (ap->first != NULL && (ap->n_decisions >= ap->conf->decisions_max ||
	                             clock_monotonic() >= ap->first->until))
		drop_first(ap);
	*ap->last = d;
	ap->last = &d->next;
	ap->n_decisions++;
	if (ap->running)
		scl_post(ap->scl, &ap->forward, 0);
	pthread_mutex_unlock(&ap->lock);
}

/* ---- sending, on the courier thread ---- */

/* A transcript that is due; NULL: none. *next: when the next one is, from now on. */
static struct ap_decision *
find_due(struct ap *ap, int64_t now, int64_t *next)
{
	for (struct ap_decision *d = ap->first; d != NULL; d = d->next) {
		if (d->verdict != AP_PENDING || now >= d->until || is_sent(ap, &d->th))
			continue;
		if (d->due <= now)
			return d;
		if (d->due - now < *next)
			*next = d->due - now;
	}
	return NULL;
}

static void
decided(struct ap *ap, const struct ap_sending *s, enum ap_verdict verdict)
{
	int64_t now = clock_monotonic();
	struct ap_decision *d;

	pthread_mutex_lock(&ap->lock);
	d = find(ap, s->th.v);
	if (d != NULL) {
		d->verdict = verdict;
		if (verdict == AP_DECIDED)
			memcpy(d->octets, s->ex.answer.p, MPA_DECISION_SIZE);
		if (verdict == AP_PENDING) {
			d->due = now + d->wait;
			d->wait = d->wait < ap->conf->retry_max / 2 ? d->wait * 2
			                                            : ap->conf->retry_max;
		} else {
			buf_fini(&d->transcript);
		}
	}
	pthread_mutex_unlock(&ap->lock);
}

/* What is signed is the device's to verify; that it is about this run can be seen. */
static enum ap_verdict
verdict_of(const struct ap_sending *s)
{
	const struct exchange *ex = &s->ex;
	struct mpa_decision d;

	if (ex->rc != RC_OK)
		return AP_PENDING;
	if (ex->http_status == 200 && mpa_decision_parse(buf_view(&ex->answer), &d) == RC_OK &&
	    memcmp(d.th.v, s->th.v, DIGEST_SIZE) == 0)
		return AP_DECIDED;
	return ex->http_status == 400 || ex->http_status == 403 || ex->http_status == 404 ||
	                       ex->http_status == 412
	               ? AP_NO_DECISION
	               : AP_PENDING;
}

static void
sent(struct exchange *ex)
{
	struct ap_sending *s = ex->owner;
	enum ap_verdict verdict = verdict_of(s);
	struct ap *ap = s->ap;

	if (verdict == AP_DECIDED)
		ap_count(ap, AP_FORWARDED_N);
	else
		LOG_WARN(ap->log, "mpa-no-decision", LOG_N("status", ex->http_status),
		         LOG_Z("why", ex->rc == RC_OK ? "the NSCL has refused it" : ex->failure));
	decided(ap, s, verdict);
	buf_fini(&ex->answer);
	buf_fini(&ex->answer_text);
	buf_fini(&s->body);
	s->busy = false;
	scl_post(ap->scl, &ap->forward, 0);
}

static void
send_one(struct ap *ap, struct ap_sending *s)
{
	s->ex = (struct exchange){ .method = SLICE_LIT("POST"),
		                   .url = slice_of(s->url),
		                   .body = buf_view(&s->body),
		                   .timeout_ms = (unsigned)(ap->conf->contact_time / 1000) +
		                                 ANSWER_MARGIN_MS,
		                   .answer_max = MPA_TRANSCRIPT_MAX,
		                   .done = sent,
		                   .owner = s };
	exchange_add_issuer(&s->ex, ap->scl, ap->cap->nscl_release);
	exchange_add_header(&s->ex, SLICE_LIT("Content-Type"), SLICE_LIT(AP_OCTETS));
	exchange_add_header(&s->ex, SLICE_LIT("Accept"), SLICE_LIT(AP_OCTETS));
	scl_send(ap->scl, &s->ex);
}

static struct ap_sending *
idle(struct ap *ap)
{
	for (unsigned i = 0; i < AP_SENDINGS; i++)
		if (!ap->sendings[i].busy)
			return &ap->sendings[i];
	return NULL;
}

/* Fills s with what is due; false: nothing. */
static bool
fill(struct ap *ap, struct ap_sending *s, int64_t *next)
{
	struct ap_decision *d;

	*next = CLOCK_NEVER;
	pthread_mutex_lock(&ap->lock);
	d = ap->running ? find_due(ap, clock_monotonic(), next) : NULL;
	if (d != NULL) {
		s->th = d->th;
		buf_init(&s->body, MPA_TRANSCRIPT_MAX);
		buf_slice(&s->body, buf_view(&d->transcript));
	}
	pthread_mutex_unlock(&ap->lock);
	return d != NULL;
}

static void
run(struct scl_task *task)
{
	struct ap *ap = (struct ap *)(void *)((char *)task - offsetof(struct ap, forward));
	int64_t next = CLOCK_NEVER;
	struct ap_sending *s;

	/* Without an NSCL nothing goes; the link posts this when there is one. */
	while (ap->link.nscl[0] != '\0' && (s = idle(ap)) != NULL && fill(ap, s, &next)) {
		snprintf(s->url, sizeof(s->url), "%s/mpa/transcripts", ap->link.nscl);
		s->busy = true;
		send_one(ap, s);
	}
	if (next != CLOCK_NEVER)
		scl_post(ap->scl, task, next);
}

/* ---- the device ---- */

enum rc
ap_decision_serve(void *arg, struct req *rq, const struct req_input *in)
{
	uint8_t th[DIGEST_SIZE], octets[MPA_DECISION_SIZE];
	struct slice name = endpoint_rest(rq);
	const struct ap_decision *d = NULL;
	enum ap_verdict verdict = AP_PENDING;
	struct ap *ap = arg;

	if (in->op != REQ_RETRIEVE || in->head)
		return endpoint_not_allowed(rq, "GET");
	if (name.n != 2 * sizeof(th) || !hex_decode(name, th, sizeof(th)))
		return endpoint_refuse(rq, RC_NOT_FOUND, SLICE_LIT("MPA_NO_RUN"));
	pthread_mutex_lock(&ap->lock);
	d = find(ap, th);
	if (d != NULL) {
		verdict = d->verdict;
		memcpy(octets, d->octets, sizeof(octets));
	}
	pthread_mutex_unlock(&ap->lock);
	if (d == NULL)
		return endpoint_refuse(rq, RC_NOT_FOUND, SLICE_LIT("MPA_NO_RUN"));
	if (verdict == AP_DECIDED)
		return endpoint_answer(rq, RC_OK, AP_OCTETS, slice_make(octets, sizeof(octets)));
	if (verdict == AP_NO_DECISION)
		return endpoint_refuse(rq, RC_FORBIDDEN, SLICE_LIT("MPA_REFUSED"));
	req_answer(rq)->retry_after = 1;
	return endpoint_refuse(rq, RC_UNAVAILABLE, SLICE_LIT("MPA_PENDING"));
}

/* ---- life ---- */

void
ap_forward_open(struct ap *ap)
{
	ap->last = &ap->first;
	ap->forward.run = run;
	for (unsigned i = 0; i < AP_SENDINGS; i++)
		ap->sendings[i].ap = ap;
}

void
ap_forward_close(struct ap *ap)
{
	while (ap->first != NULL)
		drop_first(ap);
}
