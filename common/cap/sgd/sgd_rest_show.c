/* SPDX-License-Identifier: Apache-2.0 */
/* What there is: servers, peers, sessions. Errands, but for the counters. */
#include "config.h"

#include "cap/sgd/sgd_rest_own.h"
#include "sec/hex.h"

/* ---- servers ---- */

static void
put_server(struct buf *b, const struct sgd_server *s)
{
	static const char *const states[] = { [SGD_S_PACKAGE] = "package",
		                              [SGD_S_REGISTER] = "registering",
		                              [SGD_S_ASK] = "registering",
		                              [SGD_S_READY] = "ready",
		                              [SGD_S_REFUSED] = "refused" };
	const struct sga_package *p = s->device == NULL ? NULL : sga_device_package(s->device);

	json_put_open(b, NULL, '{');
	json_put_text(b, "id", sga_id_slice(&s->id));
	json_put_text(b, "root", slice_of(s->conf->root));
	json_put_text(b, "state", slice_of(states[s->state]));
	if (p != NULL) {
		json_put_number(b, "registered", (int64_t)sga_device_registered(s->device));
		json_put_number(b, "serial", p->serial);
		json_put_number(b, "suite", p->suite->id);
	}
	if (s->error != NULL)
		json_put_text(b, "error", slice_of(s->error));
	buf_char(b, '}');
}

enum rc
sgd_rest_status(struct sgd_call *c)
{
	json_put_open(&c->out, NULL, '{');
	json_put_text(&c->out, "id", sga_id_slice(&c->d->id));
	json_put_hex(&c->out, "signKey", c->d->sign.v, sizeof(c->d->sign.v));
	json_put_open(&c->out, "server", '[');
	for (size_t i = 0; i < c->d->n_servers; i++)
		put_server(&c->out, &c->d->servers[i]);
	buf_puts(&c->out, "]}");
	return sgd_call_answer(c, RC_OK);
}

enum rc
sgd_rest_counters(struct sgd_call *c)
{
	struct sgd_totals t = { 0 };

	sgd_book_totals(c->d->book, &t);
	json_put_open(&c->out, NULL, '{');
	for (int i = 0; i < SGD_COUNTERS; i++)
		json_put_number(&c->out, sgd_counter_name((enum sgd_counter)i),
		                (int64_t)atomic_load(&c->d->counts[i]));
	json_put_number(&c->out, "inbox_items", (int64_t)t.inbox_items);
	json_put_number(&c->out, "inbox_octets", (int64_t)t.inbox_octets);
	buf_char(&c->out, '}');
	return sgd_call_answer(c, RC_OK);
}

/* ---- peers ---- */

static void
put_peer(struct sgd_call *c, struct sgd_to *to)
{
	struct sgd_dest_row row;
	bool any = sgd_book_dest(c->d->book, &to->key, &row) == RC_OK;
	const char *state = to->session != NULL                            ? "open"
	                    : sgd_session_pending(c->d, to, false) != NULL ? "negotiating"
	                                                                   : "none";

	json_put_open(&c->out, NULL, '{');
	json_put_text(&c->out, "id", sga_id_slice(&to->row.name));
	json_put_text(&c->out, "server", sga_id_slice(&to->row.server));
	json_put_text(&c->out, "state", slice_of(state));
	json_put_number(&c->out, "queued", any ? (int64_t)row.items : 0);
	json_put_number(&c->out, "octets", any ? (int64_t)row.octets : 0);
	buf_char(&c->out, '}');
}

enum rc
sgd_rest_peers(struct sgd_call *c)
{
	json_put_open(&c->out, NULL, '{');
	json_put_open(&c->out, "peer", '[');
	for (struct sgd_to *to = c->d->tos; to != NULL; to = to->next)
		if (!to->row.group)
			put_peer(c, to);
	buf_puts(&c->out, "]}");
	return sgd_call_answer(c, RC_OK);
}

/* ---- sessions ---- */

static void
put_session(struct buf *b, const struct sgd_session *se)
{
	struct sga_progress p;

	sga_session_progress(se->s, &p);
	json_put_open(b, NULL, '{');
	json_put_hex(b, "id", se->sid.v, sizeof(se->sid.v));
	json_put_text(b, "peer", sga_id_slice(&se->to->row.name));
	json_put_text(b, "server", sga_id_slice(&se->server->id));
	json_put_text(b, "role", slice_of(sga_session_inviter(se->s) ? "initiator" : "responder"));
	json_put_text(b, "state", slice_of(se->ended ? "ended" : sgd_phase_name(se->phase)));
	json_put_number(b, "cipher", sga_session_cid(se->s));
	json_put_time(b, "created", (int64_t)se->created * CLOCK_SECOND);
	json_put_number(b, "sent", p.sealed);
	json_put_number(b, "received", p.taken);
	json_put_flag(b, "signed", p.signed_by_peer);
	buf_char(b, '}');
}

enum rc
sgd_rest_sessions(struct sgd_call *c)
{
	json_put_open(&c->out, NULL, '{');
	json_put_open(&c->out, "session", '[');
	for (struct sgd_session *se = c->d->sessions; se != NULL; se = se->next)
		if (!se->told)
			put_session(&c->out, se);
	buf_puts(&c->out, "]}");
	return sgd_call_answer(c, RC_OK);
}

enum rc
sgd_rest_session_end(struct sgd_call *c)
{
	struct sgd_session *se = NULL;
	struct sga_sid sid;

	if (hex_decode(c->id, sid.v, sizeof(sid.v)))
		se = sgd_session_find(c->d, &sid);
	if (se == NULL || se->told)
		return sgd_call_refuse(c, RC_NOT_FOUND, NULL);
	if (se->busy || se->dirty || se->to->changing)
		return sgd_call_refuse(c, RC_UNAVAILABLE, NULL);
	if (!se->ended)
		sgd_session_end(se, true, "as an application wants");
	return sgd_call_done(c, RC_NO_CONTENT);
}
