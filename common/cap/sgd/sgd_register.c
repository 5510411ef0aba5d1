/* SPDX-License-Identifier: Apache-2.0 */
/* The registration with a server. */
#include "config.h"

#include "cap/sgd/sgd_server.h"

#include <stdio.h>

static enum rc
make_r1(struct sgd_step *st)
{
	struct sgd_server *s = st->server;

	return sga_r1_make(s->device, s->has_token ? s->token : NULL, st->now, NULL, &st->message);
}

/* What is sent is durable first, and the key with it. */
static void
r1_made(struct sgd_step *st)
{
	struct sgd_server *s = st->server;

	s->first.busy = false;
	if (st->rc != RC_OK) {
		sgd_lane_rest(s, &s->first);
		return;
	}
	buf_clear(&s->r1);
	buf_slice(&s->r1, buf_view(&st->message));
	s->r1_maybe = false;
	sgd_server_store(s);
}

void
sgd_register_begin(struct sgd_server *s)
{
	struct sgd_step *st = &s->work_step;

	/* Whether the package is at fault is not tried with a proof: it counts as a guess. */
	if (sga_device_registered(s->device) > 0)
		s->r1_packages = 1;
	st->run = make_r1;
	st->then = r1_made;
	st->now = sgd_now(s->all);
	s->first.busy = sgd_step_submit(st);
}

static void
take_r2(struct sgd_server *s, struct slice r2)
{
	uint8_t status;
	enum rc rc = sga_r2_take(s->device, r2, &status);

	if (rc != RC_OK) {
		sgd_server_refused(s, "the answer to the registration is not the gateway's");
		return;
	}
	buf_clear(&s->r1);
	memcpy(s->used_hash, s->token_hash, sizeof(s->used_hash));
	if (status != SGA_STATUS_OK) {
		sgd_server_refused(s, status == SGA_STATUS_TAKEN
		                              ? "the identity is another device's"
		                              : "no common cipher");
		return;
	}
	s->error = NULL;
	s->barred = false;
	s->mail.tries = 0;
	s->mail.until = 0;
	LOG_INFO(s->all->log, "sga-registered", LOG_S("server", sga_id_slice(&s->id)),
	         LOG_N("times", sga_device_registered(s->device)));
	sgd_server_store(s);
}

/*
 * A registration that cannot be. Of a device that was registered before, the server may have forgotten
 * it, or the token is none: with its key in force it asks which.
 */
static void
registration_refused(struct sgd_server *s)
{
	buf_clear(&s->r1);
	sgd_server_refused(s, "the registration was refused");
	if (sga_device_registered(s->device) == 0)
		return;
	s->doubt = true;
	s->first.until = 0;
	sgd_server_wake(s);
}

/* What it was before, it is still; or it is another one now, that the token is for. */
static void
doubt_over(struct sgd_server *s, bool known)
{
	if (known) {
		memcpy(s->used_hash, s->token_hash, sizeof(s->used_hash));
	} else if (s->steps > 0 || sgd_server_renew(s) != RC_OK) {
		s->doubt = true;
		sgd_lane_rest(s, &s->first);
		return;
	}
	sgd_server_store(s);
}

static void
registration_done(struct sgd_ask *a)
{
	struct sgd_server *s = a->owner;
	struct sgd_answer answer = { .status = a->status,
		                     .maybe_taken = s->r1_maybe,
		                     .tries = s->r1_packages };

	if (!atomic_load(&s->all->running))
		return;
	s->first.busy = false;
	switch (sgd_after_registration(&answer)) {
	case SGD_DO_GO_ON:
		take_r2(s, a->answer);
		return;
	case SGD_DO_AGAIN:
		s->r1_maybe = true;
		sgd_lane_rest(s, &s->first);
		return;
	case SGD_DO_PACKAGE:
		s->r1_packages++;
		s->package_due = true;
		buf_clear(&s->r1);
		sgd_server_wake(s);
		return;
	case SGD_DO_ASK:
		s->state = SGD_S_ASK;
		s->first.tries = 0;
		sgd_server_wake(s);
		return;
	default:
		registration_refused(s);
	}
}

/* R2 again: the key of the R1 that was lost proves who asks. */
static void
asked_done(struct sgd_ask *a)
{
	struct sgd_server *s = a->owner;
	struct sgd_answer answer = { .status = a->status, .tries = s->first.tries };
	enum sgd_do what = sgd_after_tagged(&answer);

	if (!atomic_load(&s->all->running))
		return;
	s->first.busy = false;
	if (s->doubt && (a->status == 200 || a->status == 403)) {
		s->doubt = false;
		doubt_over(s, a->status == 200);
		return;
	}
	if (a->status == 200 && !s->doubt) {
		take_r2(s, a->answer);
		return;
	}
	if (what == SGD_DO_AGAIN) {
		sgd_lane_rest(s, &s->first);
		return;
	}
	if (what != SGD_DO_AT_ONCE && what != SGD_DO_JUMP) {
		registration_refused(s);
		return;
	}
	s->first.tries++;
	if (what == SGD_DO_JUMP)
		sgd_counter_jump(s, s->first.tries > 2);
	sgd_server_wake(s);
}

void
sgd_register_send(struct sgd_server *s, bool ask)
{
	struct sgd_ask *a = &s->first.ask;
	enum rc rc;

	a->owner = s;
	a->wait = 0;
	a->if_none_match = SLICE_NONE;
	a->done = ask ? asked_done : registration_done;
	a->method = ask ? "GET" : "POST";
	a->media = ask ? SGD_NO_BODY : SGD_OCTETS;
	a->body = ask ? SLICE_NONE : buf_view(&s->r1);
	a->tagged = ask;
	a->pending = ask && !s->doubt;
	if (ask)
		snprintf(a->path, sizeof(a->path), "/devices/%.*s", s->all->id.n, s->all->id.v);
	else
		snprintf(a->path, sizeof(a->path), "/devices");
	s->first.busy = true;
	rc = sgd_ask_send(s, a);
	if (rc == RC_OK)
		return;
	s->first.busy = false;
	if (rc != RC_PENDING)
		sgd_lane_rest(s, &s->first);
}
