/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "mas/msbf_ocsp.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/scl.h"
#include "mas/msbf.h"

#define ANSWER_MAX 16384u
#define HTTP_OK 200
/* What is known: certificates in sets by their digest, which no client can choose. */
#define SETS 512u
#define WAYS 8u
/* How long an answer counts at most, whatever it says. */
#define KNOWN_MAX (24 * 3600 * CLOCK_SECOND)

struct known {
	uint8_t name[OCSP_NAME];
	int64_t until; /* 0: free */
};

/* An exchange, and who waits for it. */
struct flight {
	struct scl_task task;
	struct exchange ex;
	struct msbf_ocsp *ocsp;
	struct ocsp_question *question;
	struct msbf_ocsp_check *waiting;
	struct flight *next;
};

struct msbf_ocsp {
	struct msbf_ocsp_conf conf;
	char responder[OCSP_URI_MAX + 1]; /* "": that of the certificate */
	struct scl *scl;
	pthread_mutex_t lock; /* guards the following */
	struct flight *flights; /* as many as somebody waits for, and those of msbf_ocsp_stop */
	bool stopping;
	struct known known[SETS][WAYS];
};

struct msbf_ocsp *
msbf_ocsp_new(const struct msbf_ocsp_conf *conf)
{
	struct msbf_ocsp *o = calloc(1, sizeof(*o));

	if (o == NULL)
		return NULL;
	o->conf = *conf;
	o->conf.responder = NULL;
	if (conf->responder != NULL)
		snprintf(o->responder, sizeof(o->responder), "%s", conf->responder);
	pthread_mutex_init(&o->lock, NULL);
	return o;
}

void
msbf_ocsp_attach(struct msbf_ocsp *o, struct scl *scl)
{
	o->scl = scl;
}

struct slice
msbf_ocsp_responder(const struct msbf_ocsp *o, const struct ocsp_question *q)
{
	return o->responder[0] != '\0' ? slice_of(o->responder) : ocsp_question_uri(q);
}

/* ---- what is known; under the lock ---- */

static struct known *
set_of(struct msbf_ocsp *o, const uint8_t name[OCSP_NAME])
{
	return o->known[((unsigned)name[0] << 8 | name[1]) % SETS];
}

static bool
is_known(struct msbf_ocsp *o, const uint8_t name[OCSP_NAME])
{
	const struct known *set = set_of(o, name);
	int64_t now = clock_now(o->conf.clock);

	for (unsigned i = 0; i < WAYS; i++)
		if (memcmp(set[i].name, name, OCSP_NAME) == 0 && now < set[i].until)
			return true;
	return false;
}

/* In place of an older answer about it, else of the one that ends first. */
static void
learn(struct msbf_ocsp *o, const uint8_t name[OCSP_NAME], int64_t until)
{
	struct known *set = set_of(o, name), *place = set;
	int64_t now = clock_now(o->conf.clock);

	for (unsigned i = 0; i < WAYS; i++) {
		if (memcmp(set[i].name, name, OCSP_NAME) == 0) {
			place = &set[i];
			break;
		}
		if (set[i].until < place->until)
			place = &set[i];
	}
	memcpy(place->name, name, OCSP_NAME);
	place->until = until - now < KNOWN_MAX ? until : now + KNOWN_MAX;
}

/* ---- an exchange ---- */

static void
flight_free(struct flight *f)
{
	ocsp_question_free(f->question);
	buf_fini(&f->ex.answer);
	buf_fini(&f->ex.answer_text);
	free(f);
}

static void
tell(struct msbf_ocsp_check *c, enum rc rc, const char *truth)
{
	c->rc = rc;
	c->truth = truth;
	c->done(c);
}

static void
tell_all(struct msbf_ocsp_check *all, enum rc rc, const char *truth)
{
	while (all != NULL) {
		struct msbf_ocsp_check *c = all;

		all = c->next;
		tell(c, rc, truth);
	}
}

static const char *
judge(const struct flight *f, int64_t *until)
{
	const struct exchange *ex = &f->ex;

	*until = 0;
	if (ex->rc != RC_OK || ex->http_status != HTTP_OK)
		return "OCSP_UNREACHABLE";
	return ocsp_judge(f->question, buf_view(&ex->answer), clock_now(f->ocsp->conf.clock),
	                  until);
}

/* What is signed is about the certificate; all else about the responder and the way there. */
static enum rc
outcome_of(const char *truth)
{
	if (truth == NULL)
		return RC_OK;
	return strcmp(truth, "OCSP_REVOKED") == 0 || strcmp(truth, "OCSP_UNKNOWN") == 0
	           ? RC_FORBIDDEN
	           : RC_BAD_GATEWAY;
}

static void
take_note(struct msbf_ocsp *o, const struct flight *f, enum rc rc, const char *truth)
{
	mas_count(o->conf.counters,
	          rc == RC_OK          ? MSBF_COUNT_OCSP_GOOD
	          : rc == RC_FORBIDDEN ? MSBF_COUNT_OCSP_REFUSED
	                               : MSBF_COUNT_OCSP_FAILED,
	          1);
	if (rc == RC_BAD_GATEWAY)
		LOG_WARN(o->conf.log, "ocsp-failed", LOG_S("responder", f->ex.url),
		         LOG_Z("reason", truth), LOG_N("status", f->ex.http_status),
		         LOG_Z("text", f->ex.failure));
}

/* Takes f out of the list; who waits for it. Nobody can join them any more. */
static struct msbf_ocsp_check *
land(struct msbf_ocsp *o, struct flight *f, const char *truth, int64_t until)
{
	struct flight **at = &o->flights;

	pthread_mutex_lock(&o->lock);
	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
	if (truth == NULL && until != 0)
		learn(o, ocsp_question_name(f->question), until);
	pthread_mutex_unlock(&o->lock);
	return f->waiting;
}

static void
answered(struct exchange *ex)
{
	struct flight *f = ex->owner;
	struct msbf_ocsp *o = f->ocsp;
	struct msbf_ocsp_check *waiting;
	int64_t until;
	const char *truth = judge(f, &until);
	enum rc rc = outcome_of(truth);

	take_note(o, f, rc, truth);
	waiting = land(o, f, truth, until);
	flight_free(f);
	tell_all(waiting, rc, truth);
}

static void
send_question(struct scl_task *t)
{
	struct flight *f = (struct flight *)(void *)((char *)t - offsetof(struct flight, task));

	scl_send(f->ocsp->scl, &f->ex);
}

static struct flight *
flight_new(struct msbf_ocsp *o, struct ocsp_question *q)
{
	struct flight *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	f->task.run = send_question;
	f->ocsp = o;
	f->question = q;
	f->ex = (struct exchange){ .method = SLICE_LIT("POST"),
		                   .url = msbf_ocsp_responder(o, q),
		                   .body = ocsp_question_request(q),
		                   .timeout_ms = o->conf.timeout_ms,
		                   .answer_max = ANSWER_MAX,
		                   .done = answered,
		                   .owner = f };
	(void)exchange_add_header(&f->ex, SLICE_LIT("Content-Type"), SLICE_LIT(OCSP_REQUEST_TYPE));
	(void)exchange_add_header(&f->ex, SLICE_LIT("Accept"), SLICE_LIT(OCSP_ANSWER_TYPE));
	return f;
}

static struct flight *
flight_about(const struct msbf_ocsp *o, const uint8_t name[OCSP_NAME])
{
	struct flight *f = o->flights;

	while (f != NULL && memcmp(ocsp_question_name(f->question), name, OCSP_NAME) != 0)
		f = f->next;
	return f;
}

/* ---- questions ---- */

enum seat { SEAT_KNOWN, SEAT_JOINED, SEAT_NEW, SEAT_NONE };

/* What becomes of c; q is the flight's in SEAT_NEW. Under the lock. */
static enum seat
take_seat(struct msbf_ocsp *o, struct ocsp_question *q, struct msbf_ocsp_check *c)
{
	const uint8_t *name = ocsp_question_name(q);
	struct flight *f = flight_about(o, name);
	enum seat seat = SEAT_JOINED;

	if (o->stopping)
		return SEAT_NONE;
	if (is_known(o, name))
		return SEAT_KNOWN;
	if (f == NULL) {
		seat = SEAT_NEW;
		f = flight_new(o, q);
		if (f == NULL)
			return SEAT_NONE;
		f->next = o->flights;
		o->flights = f;
	}
	c->next = f->waiting;
	f->waiting = c;
	/* Posted before it can land. */
	if (seat == SEAT_NEW)
		scl_post(o->scl, &f->task, 0);
	return seat;
}

void
msbf_ocsp_ask(struct msbf_ocsp *o, struct ocsp_question *q, struct msbf_ocsp_check *c)
{
	enum seat seat;

	pthread_mutex_lock(&o->lock);
	seat = take_seat(o, q, c);
	pthread_mutex_unlock(&o->lock);
	if (seat != SEAT_NEW)
		ocsp_question_free(q);
	if (seat == SEAT_KNOWN) {
		mas_count(o->conf.counters, MSBF_COUNT_OCSP_KNOWN, 1);
		tell(c, RC_OK, NULL);
	} else if (seat == SEAT_NONE) {
		tell(c, RC_UNAVAILABLE, "OCSP_NOT_ASKED");
	}
}

void
msbf_ocsp_stop(struct msbf_ocsp *o)
{
	struct msbf_ocsp_check *all = NULL;

	pthread_mutex_lock(&o->lock);
	o->stopping = true;
	for (struct flight *f = o->flights; f != NULL; f = f->next)
		while (f->waiting != NULL) {
			struct msbf_ocsp_check *c = f->waiting;

			f->waiting = c->next;
			c->next = all;
			all = c;
		}
	pthread_mutex_unlock(&o->lock);
	tell_all(all, RC_UNAVAILABLE, "OCSP_NOT_ASKED");
}

void
msbf_ocsp_free(struct msbf_ocsp *o)
{
	if (o == NULL)
		return;
	pthread_mutex_destroy(&o->lock);
	free(o);
}
