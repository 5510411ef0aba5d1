/* SPDX-License-Identifier: Apache-2.0 */
/*
 * T2 and T10 on their way: to the MAS, or over the service connection with an NSCL, which passes
 * them on. An answer has keys in it: it is wiped whatever becomes of it.
 */
#include "config.h"

#include "cap/gaka/gaka_sn_impl.h"

#include "codec/json_fields.h"

#define MEDIA_OCTETS "application/octet-stream"
#define TIMEOUT_MS 10000u

/* r may be gone when it has been answered. */
static void
answered(struct sn_request *r, enum rc rc, struct buf *answer)
{
	struct buf mine = *answer;

	sn_home_answered(r, rc, buf_view(&mine));
	json_wipe(&mine);
}

/* ---- the MAS ---- */

static void
mas_done(struct mas_gaka *g)
{
	answered(g->owner, g->outcome.rc, &g->answer);
}

static void
ask_mas(struct gaka_sn *s, struct sn_request *r)
{
	r->call = (struct mas_gaka){ .asker = s->cap->role == SCL_NSCL ? MAS_ASKER_NSCL
		                                                       : MAS_ASKER_GATEWAY,
		                     .name = slice_of(s->cap->scl_id),
		                     .message = slice_make(r->message, r->message_n),
		                     .done = mas_done,
		                     .owner = r };
	s->sec->mas->ops->gaka(s->sec->mas->self, &r->call);
}

/* ---- an NSCL ---- */

static void
exchange_done(struct exchange *ex)
{
	struct buf text = ex->answer_text;

	buf_fini(&text);
	answered(ex->owner, ex->rc == RC_OK && ex->http_status == 200 ? RC_OK : RC_UNAVAILABLE,
	         &ex->answer);
}

static void
send(struct gaka_sn *s, struct sn_request *r)
{
	if (!nscl_url(s->cap, "/gaka", r->url)) {
		sn_home_answered(r, RC_UNAVAILABLE, SLICE_NONE);
		return;
	}
	r->ex = (struct exchange){ .method = SLICE_LIT("POST"),
		                   .url = slice_of(r->url),
		                   .body = slice_make(r->message, r->message_n),
		                   .timeout_ms = TIMEOUT_MS,
		                   .answer_max = GAKA_T3_MAX,
		                   .secret_answer = true,
		                   .done = exchange_done,
		                   .owner = r };
	exchange_add_issuer(&r->ex, s->scl, s->cap->nscl_release);
	exchange_add_header(&r->ex, SLICE_LIT("Content-Type"), SLICE_LIT(MEDIA_OCTETS));
	exchange_add_header(&r->ex, SLICE_LIT("Accept"), SLICE_LIT(MEDIA_OCTETS));
	scl_send(s->scl, &r->ex);
}

static struct sn_request *
take_outbox(struct gaka_sn *s)
{
	struct sn_request *r;

	pthread_mutex_lock(&s->lock);
	r = s->outbox;
	s->outbox = NULL;
	s->outbox_end = &s->outbox;
	pthread_mutex_unlock(&s->lock);
	return r;
}

static void
send_run(struct scl_task *task)
{
	struct gaka_sn *s =
		(struct gaka_sn *)(void *)((char *)task - offsetof(struct gaka_sn, send));
	struct sn_request *r = take_outbox(s), *next;

	for (; r != NULL; r = next) {
		next = r->out;
		send(s, r);
	}
}

/* False: nothing is sent any more. */
static bool
put_out(struct gaka_sn *s, struct sn_request *r)
{
	bool running;

	r->out = NULL;
	pthread_mutex_lock(&s->lock);
	running = s->running;
	if (running) {
		*s->outbox_end = r;
		s->outbox_end = &r->out;
	}
	pthread_mutex_unlock(&s->lock);
	return running;
}

void
sn_ask(struct sn_request *r)
{
	struct gaka_sn *s = r->s;

	if (s->sec->mas != NULL)
		ask_mas(s, r);
	else if (put_out(s, r))
		scl_post(s->scl, &s->send, 0);
	else
		sn_home_answered(r, RC_UNAVAILABLE, SLICE_NONE);
}

void
sn_ask_open(struct gaka_sn *s)
{
	s->send.run = send_run;
	s->outbox_end = &s->outbox;
}

void
sn_ask_stop(struct gaka_sn *s)
{
	struct sn_request *r = take_outbox(s), *next;

	for (; r != NULL; r = next) {
		next = r->out;
		sn_home_answered(r, RC_UNAVAILABLE, SLICE_NONE);
	}
}
