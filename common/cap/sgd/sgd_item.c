/* SPDX-License-Identifier: Apache-2.0 */
/* An item of the mailbox: the step of a negotiation that it is, or the record. */
#include "config.h"

#include "cap/sgd/sgd_mail.h"

/* ---- items of negotiations ---- */

static enum sgd_taken
drop(struct sgd_server *s, enum sgd_counter why)
{
	sgd_count(s->all, why, 1);
	return SGD_TAKEN;
}

/* What a failed step means for its item. */
static enum sgd_taken
failed(struct sgd_server *s, enum rc rc)
{
	if (rc == RC_UNAVAILABLE || rc == RC_INTERNAL)
		return SGD_TAKEN_NOT;
	return drop(s, rc == RC_CONFLICT ? SGD_N_REPEATED : SGD_N_DENIED);
}

/* What an item has changed cannot be stored: all is as it is stored, and the item comes again. */
static enum sgd_taken
undo(struct sgd_server *s)
{
	sgd_engine_reload(s->all);
	return SGD_TAKEN_NOT;
}

static enum sgd_taken
keep(struct sgd_session *se)
{
	struct sgd_change *c = sgd_mail_change(se->server);

	se->dirty = true;
	return c != NULL ? SGD_TAKEN : undo(se->server);
}

/* With what else this answer has changed: what was opened by it is not lost. */
static enum sgd_taken
over(struct sgd_session *se, const char *why)
{
	struct sgd_change *c = sgd_mail_change(se->server);

	if (c == NULL)
		return undo(se->server);
	sgd_session_drop(se, c, why);
	return SGD_TAKEN;
}

static enum sgd_taken
begin_step(struct sgd_server *s, struct sgd_session *se, enum rc (*run)(struct sgd_step *),
           void (*then)(struct sgd_step *))
{
	struct sgd_step *st = &s->mail_step;

	st->run = run;
	st->then = then;
	st->session = se;
	st->now = sgd_now(s->all);
	if (!sgd_step_submit(st))
		return SGD_TAKEN_NOT;
	if (se != NULL)
		se->busy = true;
	return SGD_TAKEN_STEP;
}

static void
set_message(struct sgd_session *se, const struct sgd_step *st, enum sgd_phase phase)
{
	buf_clear(&se->message);
	buf_slice(&se->message, buf_view(&st->message));
	se->maybe_taken = false;
	se->failures = 0;
	se->until = 0;
	sgd_session_set(se, phase);
}

static enum rc
make_a3(struct sgd_step *st)
{
	return sga_a3_make(st->invited, st->server->device, st->accept, st->now, NULL,
	                   &st->message);
}

static void
a3_made(struct sgd_step *st)
{
	struct sgd_server *s = st->server;
	struct sgd_session *se = NULL;
	enum sgd_taken t = SGD_TAKEN_NOT;

	if (st->rc == RC_OK)
		se = sgd_session_add(s, st->invited);
	if (se != NULL) {
		set_message(se, st, st->accept ? SGD_A3 : SGD_REFUSE);
		sgd_count(s->all, SGD_N_ACCEPTED, st->accept);
		t = keep(se);
	} else {
		sga_session_free(st->invited);
		if (st->rc != RC_OK)
			t = failed(s, st->rc);
	}
	st->invited = NULL;
	sgd_mail_step_over(s, t);
}

/* Whether the peer may, and which of two invitations counts. */
static bool
accepts(struct sgd_server *s, const struct sga_id *peer)
{
	struct sgd *d = s->all;
	struct sgd_dest_row row = { .server = s->id, .name = *peer }, listed;
	bool known = sgd_peer_row(d, peer, &listed) &&
	             (d->conf->device.accept_any || sga_id_equal(&listed.server, &s->id));
	struct sgd_to *to = known ? sgd_to_get(d, &row) : NULL;
	struct sgd_session *own = to == NULL ? NULL : sgd_session_pending(d, to, true);

	switch (sgd_invited(&d->id, peer, to != NULL, own != NULL)) {
	case SGD_ACCEPT_FOR_OWN:
		if (own == NULL || own->busy || own->dirty)
			return false;
		return over(own, "the peer has invited as well") == SGD_TAKEN;
	case SGD_ACCEPT:
		return true;
	default:
		return false;
	}
}

static enum sgd_taken
take_a2(struct sgd_server *s, struct slice item)
{
	struct sgd_step *st = &s->mail_step;
	enum rc rc = sga_a2_take(s->device, item, sgd_now(s->all), &st->invited);
	enum sgd_taken t;

	if (rc != RC_OK)
		return failed(s, rc);
	st->accept = accepts(s, sga_session_peer(st->invited));
	t = begin_step(s, NULL, make_a3, a3_made);
	if (t != SGD_TAKEN_STEP) {
		sga_session_free(st->invited);
		st->invited = NULL;
	}
	return t;
}

static enum rc
make_b1(struct sgd_step *st)
{
	return sga_b1_make(st->session->s, st->server->device, NULL, &st->message);
}

static enum rc
make_b3(struct sgd_step *st)
{
	return sga_b3_make(st->session->s, st->server->device, NULL, &st->message);
}

static void
b_made(struct sgd_step *st)
{
	struct sgd_session *se = st->session;
	enum sgd_taken t;

	se->busy = false;
	if (st->rc == RC_OK) {
		set_message(se, st, st->run == make_b1 ? SGD_B1 : SGD_B3);
		t = keep(se);
	} else {
		/* The step before it is not stored: both are made again. */
		t = undo(st->server);
	}
	sgd_mail_step_over(st->server, t);
}

/* The session is a step ahead of what is stored. */
static enum sgd_taken
begin_b(struct sgd_session *se, enum rc (*run)(struct sgd_step *))
{
	enum sgd_taken t = begin_step(se->server, se, run, b_made);

	return t == SGD_TAKEN_NOT ? undo(se->server) : t;
}

static enum sgd_taken
take_a4(struct sgd_session *se, struct slice item)
{
	struct sgd_server *s = se->server;
	enum rc rc = sga_a4_take(se->s, s->device, item);

	if (rc != RC_OK)
		return failed(s, rc);
	if (sga_session_state(se->s) == SGA_S_CLOSED) {
		sgd_to_rest(se->to);
		return over(se, "the peer has refused");
	}
	return begin_b(se, make_b1);
}

static enum sgd_taken
take_b2(struct sgd_session *se, struct slice item)
{
	enum rc rc = sga_b2_take(se->s, item);

	if (rc != RC_OK)
		return failed(se->server, rc);
	return begin_b(se, make_b3);
}

static enum rc
open_b6(struct sgd_step *st)
{
	return sga_b6_take(st->session->s, st->item, st->now);
}

/* The empty first record confirms the key. */
static enum sgd_taken
confirm(struct sgd_session *se)
{
	struct sgd_server *s = se->server;
	struct sgd_change *c = sgd_mail_change(s);
	struct buf record;
	enum rc rc;

	if (c == NULL)
		return undo(s);
	buf_init(&record, SGA_MESSAGE_MAX);
	rc = sga_record_seal(se->s, s->device, 0, SLICE_NONE, sgd_now(s->all), &record);
	if (rc == RC_OK)
		rc = sgd_out_add(&se->out, &se->sid, 0, buf_view(&record), c);
	buf_fini(&record);
	if (rc != RC_OK)
		return undo(s);
	buf_clear(&se->message);
	sgd_session_set(se, SGD_CONF);
	return keep(se);
}

static void
b6_opened(struct sgd_step *st)
{
	struct sgd_session *se = st->session;
	struct sgd_server *s = st->server;
	enum sgd_taken t = SGD_TAKEN;

	se->busy = false;
	if (st->rc != RC_OK)
		t = failed(s, st->rc);
	else if (sga_session_state(se->s) != SGA_S_CLOSED)
		t = confirm(se);
	else
		t = over(se, "the gateway or the peer has ended it");
	sgd_mail_step_over(s, t);
}

static enum sgd_taken
take_b6(struct sgd_session *se, struct slice item)
{
	se->server->mail_step.item = item;
	return begin_step(se->server, se, open_b6, b6_opened);
}

/* ---- records ---- */

static enum sgd_taken
take_data(struct sgd_session *se, const struct sga_plain *p)
{
	struct sgd_server *s = se->server;
	struct sgd_change *c = sgd_mail_change(s);
	const struct sgd_item item = { .from = se->to->row.name,
		                       .time = clock_now(s->all->clock),
		                       .data = p->data };
	enum rc rc;

	if (c == NULL)
		return SGD_TAKEN_NOT;
	if (p->confirmed && se->phase == SGD_CONF)
		sgd_session_set(se, SGD_OPEN);
	if ((p->flags & SGA_FLAG_GROUP_KEY) != 0) {
		rc = sgd_group_key(s, &se->to->row.name, p->data, c);
		return rc == RC_OK ? SGD_TAKEN : failed(s, rc);
	}
	if (p->data.n == 0)
		return SGD_TAKEN;
	sgd_change_inbox(c, &item);
	s->came++;
	return SGD_TAKEN;
}

static enum sgd_taken
take_record(struct sgd_session *se, struct slice item)
{
	struct sgd_server *s = se->server;
	const struct sga_trust trust = { .peer = se->to->has_sign ? &se->to->sign : NULL,
		                         .required = se->to->require };
	struct sga_plain p;
	struct buf plain;
	enum sgd_taken t;
	enum rc rc;

	if (!sgd_book_has_room(s->all->book))
		return SGD_TAKEN_NOT;
	buf_init(&plain, SGA_MESSAGE_MAX);
	plain.secret = true;
	rc = sga_record_open(se->s, &trust, item, &p, &plain);
	if (rc == RC_OK)
		se->dirty = true;
	t = rc == RC_OK ? take_data(se, &p) : failed(s, rc);
	if (rc == RC_OK && t == SGD_TAKEN_NOT)
		t = undo(s);
	if (sga_session_state(se->s) == SGA_S_CLOSED && !se->ended)
		sgd_session_end(se, true, "too many records were forged");
	if (plain.p != NULL)
		secret_wipe(plain.p, plain.cap);
	buf_fini(&plain);
	return t;
}

/* ---- one item ---- */

static enum sgd_taken
take_session_item(struct sgd_server *s, const struct sga_header *h, struct slice item)
{
	struct sgd_session *se = sgd_session_find(s->all, &h->sid);
	enum sgd_phase phase = se == NULL ? (enum sgd_phase)0 : se->phase;

	/* Of one that has ended, what the gateway had taken before is taken here as well. */
	if (se != NULL && (se->server != s || (se->ended && se->phase != SGD_RETIRED)))
		return drop(s, SGD_N_REPEATED);
	if (se != NULL && se->busy)
		return SGD_TAKEN_NOT;
	if (sgd_item(phase, h) != SGD_TAKE)
		return drop(s, SGD_N_REPEATED);
	/* Before anything changes there is where to store it. */
	if (sgd_mail_change(s) == NULL)
		return SGD_TAKEN_NOT;
	if (h->type == SGA_A2)
		return take_a2(s, item);
	if (se == NULL)
		return drop(s, SGD_N_REPEATED);
	switch (h->type) {
	case SGA_A4:
		return take_a4(se, item);
	case SGA_B2:
		return take_b2(se, item);
	case SGA_B6:
		return take_b6(se, item);
	default:
		return take_record(se, item);
	}
}

enum sgd_taken
sgd_item_take(struct sgd_server *s, struct slice item)
{
	struct sga_header h;
	struct sgd_change *c;
	enum rc rc;

	if (sga_header_read(item, &h) != RC_OK)
		return drop(s, SGD_N_DENIED);
	if (h.type != SGA_GROUP_RECORD && h.type != SGA_NOTICE)
		return take_session_item(s, &h, item);
	c = sgd_mail_change(s);
	if (c == NULL || !sgd_book_has_room(s->all->book))
		return SGD_TAKEN_NOT;
	rc = h.type == SGA_NOTICE ? sgd_group_notice(s, item, c) : sgd_group_item(s, item, c);
	return rc == RC_OK ? SGD_TAKEN : failed(s, rc);
}
