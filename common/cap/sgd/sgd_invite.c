/* SPDX-License-Identifier: Apache-2.0 */
/* What negotiations send: invitations of peers, messages of the protocol, the end of a session. */
#include "config.h"

#include <stdio.h>

#include "cap/sgd/sgd_own.h"
#include "sec/hex.h"

/* ---- one request of the lane work ---- */

struct sgd_ask *
sgd_work_ask(struct sgd_server *s, const char *method, const char *before, const struct sga_sid *id,
             const char *after)
{
	struct sgd_ask *a = &s->work.ask;
	char hex[2 * SGA_SID_SIZE + 1] = "";

	s->subject = *id;
	if (after != NULL)
		hex_encode(id->v, sizeof(id->v), hex);
	a->owner = s;
	a->method = method;
	a->media = SGD_NO_BODY;
	a->body = SLICE_NONE;
	a->if_none_match = SLICE_NONE;
	a->tagged = true;
	a->pending = false;
	a->wait = 0;
	snprintf(a->path, sizeof(a->path), "%s%s%s", before, hex, after == NULL ? "" : after);
	return a;
}

bool
sgd_work_send(struct sgd_server *s)
{
	enum rc rc = sgd_ask_send(s, &s->work.ask);

	s->work.busy = rc == RC_OK;
	if (rc != RC_OK && rc != RC_PENDING)
		sgd_lane_rest(s, &s->work);
	return true;
}

bool
sgd_work_again(struct sgd_server *s, enum sgd_do what)
{
	if (what == SGD_DO_REFUSED)
		sgd_server_bar(s);
	if (what != SGD_DO_AT_ONCE && what != SGD_DO_JUMP)
		return false;
	s->work.tries++;
	if (what == SGD_DO_JUMP)
		sgd_counter_jump(s, s->work.tries > 2);
	sgd_server_wake(s);
	return true;
}

void
sgd_work_done(struct sgd_server *s, const struct sgd_ask *a)
{
	s->work.busy = false;
	if (a->status == 0)
		sgd_count(s->all, SGD_N_LOST, 1);
	else if (a->status >= 300)
		sgd_count(s->all, SGD_N_REFUSED, 1);
	if (a->tagged && a->status >= 200 && a->status < 300)
		s->known_at = clock_monotonic();
	if (a->status != 0)
		s->work.failures = 0;
}

static void
changed(struct sgd_op *op, enum rc rc)
{
	struct sgd_session *se = sgd_session_find(op->all, (struct sga_sid *)(void *)op->id);

	if (se != NULL)
		se->busy = false;
	if (rc != RC_OK)
		sgd_engine_reload(op->all);
	sgd_server_wake(op->a);
}

/* Stores se; it is busy until then. */
static void
store(struct sgd_session *se)
{
	struct sgd_op *op = sgd_op_new(se->server->all, changed, se->server, NULL);

	if (op != NULL && sgd_session_put(se, &op->change) == RC_OK) {
		memcpy(op->id, se->sid.v, sizeof(se->sid.v));
		se->busy = true;
		sgd_op_submit(op);
		return;
	}
	if (op != NULL)
		sgd_op_drop(op);
}

/* ---- messages of the protocol ---- */

struct path {
	const char *before, *after; /* of the sid; after NULL: it is not in it */
};

static const struct path paths[SGD_PHASES] = {
	[SGD_A1] = { "/negotiations", NULL },
	[SGD_B1] = { "/sessions", NULL },
	[SGD_A3] = { "/negotiations/", "/acceptance" },
	[SGD_REFUSE] = { "/negotiations/", "/acceptance" },
	[SGD_B3] = { "/sessions/", "/response" },
};

static void
sent(struct sgd_session *se)
{
	enum sgd_phase after = sgd_phase_after(se->phase);

	if (after == SGD_PHASES) {
		sgd_session_end(se, false, "refused");
		return;
	}
	se->failures = 0;
	se->maybe_taken = false;
	buf_clear(&se->message);
	sgd_session_set(se, after);
	store(se);
}

static void
again(struct sgd_session *se, int status)
{
	const struct sga_conf *c = se->server->all->conf;

	if (status == 0 || status == 502 || status == 504)
		se->maybe_taken = true;
	se->failures++;
	se->until = clock_monotonic() + sgd_backoff(se->failures, c->retry_first, c->retry_max);
	sgd_server_wake_at(se->server, se->until);
}

/* The gateway has refused: the peer is asked again, at once with something else or later. */
static void
refused(struct sgd_session *se, enum sgd_do what)
{
	struct sgd_to *to = se->to;
	struct sgd_server *s = se->server;
	bool own = se->phase == SGD_A1 || se->phase == SGD_B1;

	if (what == SGD_DO_CIPHER && ++to->cipher < s->all->conf->n_ciphers) {
		sgd_session_end(se, false, "the gateway wants another cipher");
		return;
	}
	if (what == SGD_DO_PACKAGE) {
		to->packages++;
		s->package_due = true;
		sgd_session_end(se, false, "with another package");
		return;
	}
	if (what == SGD_DO_CIPHER)
		to->cipher = 0;
	if (own)
		sgd_to_rest(to);
	sgd_session_end(se, false, "the gateway has refused");
}

static void
message_done(struct sgd_ask *a)
{
	struct sgd_server *s = a->owner;
	struct sgd_session *se;
	struct sgd_answer answer = { .status = a->status, .body = a->answer };
	enum sgd_do what;

	if (!atomic_load(&s->all->running))
		return;
	sgd_work_done(s, a);
	sgd_server_wake(s);
	se = sgd_session_find(s->all, &s->subject);
	/* What it told has come by the mailbox already, or the session is gone. */
	if (se == NULL || se->busy || se->dirty || se->ended || se->phase != s->subject_phase)
		return;
	answer.maybe_taken = se->maybe_taken;
	answer.tries = se->to->packages;
	what = sgd_after_step(se->phase, &answer);
	if (what == SGD_DO_GO_ON)
		sent(se);
	else if (what == SGD_DO_AGAIN)
		again(se, a->status);
	else
		refused(se, what);
}

static bool
send_message(struct sgd_session *se)
{
	const struct path *p = &paths[se->phase];
	struct sgd_ask *a = sgd_work_ask(se->server, "POST", p->before, &se->sid, p->after);

	se->server->subject_phase = se->phase;
	a->done = message_done;
	a->media = SGD_OCTETS;
	a->body = buf_view(&se->message);
	a->tagged = false;
	/* The body is the lane's own: the session may go on before the answer. */
	buf_clear(&se->server->body);
	buf_slice(&se->server->body, a->body);
	a->body = buf_view(&se->server->body);
	return sgd_work_send(se->server);
}

/* ---- ends ---- */

static void
end_done(struct sgd_ask *a)
{
	struct sgd_server *s = a->owner;
	struct sgd_answer answer = { .status = a->status, .tries = s->work.tries };
	struct sgd_session *se;
	enum sgd_do what;

	if (!atomic_load(&s->all->running))
		return;
	sgd_work_done(s, a);
	sgd_server_wake(s);
	what = sgd_after_tagged(&answer);
	if (sgd_work_again(s, what))
		return;
	s->work.tries = 0;
	se = sgd_session_find(s->all, &s->subject);
	if (se == NULL)
		return;
	if (what == SGD_DO_AGAIN || what == SGD_DO_REFUSED)
		again(se, a->status);
	else
		se->told = true;
}

static bool
send_end(struct sgd_session *se)
{
	struct sgd_ask *a = sgd_work_ask(se->server, "DELETE", "/sessions/", &se->sid, "");

	a->done = end_done;
	return sgd_work_send(se->server);
}

/* ---- invitations ---- */

static enum rc
make_a1(struct sgd_step *st)
{
	return sga_a1_make(st->server->device, &st->peer, st->cid, st->now, NULL, &st->made,
	                   &st->message);
}

static void
a1_made(struct sgd_step *st)
{
	struct sgd_server *s = st->server;
	struct sgd_session *se = NULL;

	s->work.busy = false;
	if (st->rc == RC_OK)
		se = sgd_session_add(s, st->made);
	if (se == NULL) {
		sga_session_free(st->made);
		st->made = NULL;
		sgd_lane_rest(s, &s->work);
		return;
	}
	st->made = NULL;
	buf_slice(&se->message, buf_view(&st->message));
	sgd_session_set(se, SGD_A1);
	sgd_count(s->all, SGD_N_INVITED, 1);
	store(se);
	if (!se->busy)
		sgd_session_remove(se);
	sgd_server_wake(s);
}

/* The next cipher of the configuration that the package has, from the one that is tried on. */
static uint16_t
cipher_of(struct sgd_to *to)
{
	const struct sga_conf *c = to->server->all->conf;
	uint16_t has = sga_device_package(to->server->device)->ciphers;

	for (; to->cipher < c->n_ciphers; to->cipher++)
		if ((has & sga_cipher_bit(c->ciphers[to->cipher])) != 0)
			return c->ciphers[to->cipher];
	to->cipher = 0;
	return 0;
}

/* Worn: a new session is to follow the one that there is. */
static bool
wants_session(struct sgd_to *to, int64_t now)
{
	struct sgd *d = to->server->all;
	struct sga_progress p;
	struct sgd_age age;

	if (to->row.group || to->until > now || sgd_session_pending(d, to, false) != NULL)
		return false;
	if (to->session == NULL)
		return to->waits;
	sga_session_progress(to->session->s, &p);
	age = (struct sgd_age){ .created = to->session->created,
		                .now = sgd_now(d),
		                .sealed = p.sealed,
		                .opened = p.taken,
		                .records = d->conf->device.session_records,
		                .seconds =
		                        (uint64_t)(d->conf->device.session_time / CLOCK_SECOND) };
	return sgd_is_worn(&age) && to->waits;
}

/* A queue that has been emptied since wants none. */
static bool
has_messages(struct sgd_to *to)
{
	struct sgd_dest_row row;
	enum rc rc = sgd_book_dest(to->server->all->book, &to->key, &row);

	if (rc == RC_NOT_FOUND)
		to->waits = false;
	return rc == RC_OK && row.items > 0;
}

static bool
invite(struct sgd_to *to)
{
	struct sgd_server *s = to->server;
	struct sgd_step *st = &s->work_step;
	uint16_t cid;

	if (!has_messages(to))
		return false;
	cid = cipher_of(to);
	if (cid == 0) {
		sgd_to_rest(to);
		return false;
	}
	st->run = make_a1;
	st->then = a1_made;
	st->peer = to->row.name;
	st->cid = cid;
	st->now = sgd_now(s->all);
	s->work.busy = sgd_step_submit(st);
	return s->work.busy;
}

bool
sgd_session_work(struct sgd_server *s)
{
	struct sgd *d = s->all;
	int64_t now = clock_monotonic();

	for (struct sgd_session *se = d->sessions; se != NULL; se = se->next) {
		if (se->server != s || se->busy || se->dirty || se->until > now)
			continue;
		if (se->ended && se->told)
			continue;
		if (se->ended)
			return send_end(se);
		if (sgd_phase_sends(se->phase) && se->message.n > 0)
			return send_message(se);
	}
	/* What is made of an old package would be refused. */
	if (s->package_due || s->first.busy)
		return false;
	for (struct sgd_to *to = d->tos; to != NULL; to = to->next)
		if (to->server == s && wants_session(to, now) && invite(to))
			return true;
	return false;
}
