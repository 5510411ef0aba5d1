/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions: what is kept of them, how they begin and end. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "cap/sgd/sgd_own.h"
#include "sec/hex.h"
#include "store/pack.h"

#define FORMAT 1u
#define ROW_MAX 16384u
#define CONFIRM_SECONDS (2u * SGD_HALF_OPEN)

/* ---- in the book: version 1, phase 1, ended 1, created 8, retired 8, lv16 ID_G, lv16 peer,
 *      lv16 message, session ---- */

enum rc
sgd_session_put(struct sgd_session *se, struct sgd_change *c)
{
	struct table_key k = sgd_key(SGD_T_SESSION, se->sid.v, sizeof(se->sid.v));
	struct buf b;
	enum rc rc;

	buf_init(&b, ROW_MAX);
	b.secret = true;
	buf_be(&b, FORMAT, 1);
	buf_be(&b, (uint64_t)se->phase, 1);
	buf_be(&b, se->ended, 1);
	buf_be(&b, se->created, 8);
	buf_be(&b, se->retired, 8);
	pack_text(&b, sga_id_slice(&se->server->id));
	pack_text(&b, sga_id_slice(&se->to->row.name));
	pack_text(&b, buf_view(&se->message));
	rc = sga_session_save(se->s, &b);
	if (rc == RC_OK && b.failed)
		rc = RC_UNAVAILABLE;
	if (rc == RC_OK)
		sgd_change_put_secret(c, &k, buf_view(&b));
	if (b.p != NULL)
		secret_wipe(b.p, b.cap);
	buf_fini(&b);
	return rc;
}

static struct sgd_to *
to_of(struct sgd_server *s, const struct sga_id *peer)
{
	const struct sgd_dest_row row = { .server = s->id, .name = *peer };

	return sgd_to_get(s->all, &row);
}

static struct sgd_session *
session_new(struct sgd_server *s, const struct sga_sid *sid, const struct sga_id *peer)
{
	struct sgd_session *se = calloc(1, sizeof(*se));

	if (se == NULL)
		return NULL;
	se->server = s;
	se->sid = *sid;
	se->to = to_of(s, peer);
	if (se->to == NULL) {
		free(se);
		return NULL;
	}
	buf_init(&se->message, SGA_MESSAGE_MAX);
	se->next = s->all->sessions;
	s->all->sessions = se;
	return se;
}

struct sgd_session *
sgd_session_add(struct sgd_server *s, struct sga_session *made)
{
	struct sgd_session *se = session_new(s, sga_session_sid(made), sga_session_peer(made));

	if (se == NULL)
		return NULL;
	se->s = made;
	se->created = sgd_now(s->all);
	return se;
}

/* Fills se, which is new or was filled before. */
static bool
read_row(struct sgd_session *se, struct unpack *u)
{
	struct sga_session *s;
	struct slice message;

	se->phase = (enum sgd_phase)unpack_enum(u, SGD_PHASES - 1);
	se->ended = unpack_flag(u);
	se->created = unpack_number(u, 8, UINT64_MAX);
	se->retired = unpack_number(u, 8, UINT64_MAX);
	unpack_text(u, SGA_ID_MAX);
	unpack_text(u, SGA_ID_MAX);
	message = unpack_text(u, UINT16_MAX);
	if (u->bad || sga_session_load(u->rest, &s) != RC_OK)
		return false;
	sga_session_free(se->s);
	se->s = s;
	buf_clear(&se->message);
	buf_slice(&se->message, message);
	se->maybe_taken = message.n > 0;
	se->told = se->asked = false;
	return true;
}

/* ID_G and peer of a row. */
static bool
read_names(struct slice row, struct slice *server, struct sga_id *peer)
{
	struct unpack u = unpack_of(row);

	if (unpack_number(&u, 1, UINT8_MAX) != FORMAT)
		return false;
	unpack_number(&u, 1, UINT8_MAX);
	unpack_number(&u, 1, UINT8_MAX);
	unpack_number(&u, 8, UINT64_MAX);
	unpack_number(&u, 8, UINT64_MAX);
	*server = unpack_text(&u, SGA_ID_MAX);
	return sga_id_make(unpack_text(&u, SGA_ID_MAX), peer) == RC_OK && !u.bad;
}

static void
retire(struct sgd_session *se, uint64_t when)
{
	se->phase = SGD_RETIRED;
	se->retired = when;
}

/* Of two that are open the younger one seals. */
static void
choose(struct sgd_session *se)
{
	struct sgd_session *other = se->to->session;

	if (other != NULL && other != se && other->created > se->created) {
		retire(se, other->created);
		return;
	}
	if (other != NULL && other != se)
		retire(other, se->created);
	se->to->session = se;
}

struct loading {
	struct sgd *d;
	enum rc rc;
};

/* Of a server that is not configured any more: it stays in the book. */
static bool
load_one(void *arg, struct slice rest, struct slice val)
{
	struct loading *l = arg;
	struct unpack u = unpack_of(slice_from(val, 1));
	struct sgd_session *se;
	struct sgd_server *s;
	struct slice server;
	struct sga_sid sid;
	struct sga_id peer;

	l->rc = RC_INTERNAL;
	if (rest.n != sizeof(sid.v) || !read_names(val, &server, &peer))
		return false;
	l->rc = RC_OK;
	s = sgd_server_of(l->d, server);
	if (s == NULL)
		return true;
	memcpy(sid.v, rest.p, sizeof(sid.v));
	se = session_new(s, &sid, &peer);
	if (se == NULL)
		return true;
	if (!read_row(se, &u)) {
		l->rc = RC_INTERNAL;
		return false;
	}
	if (se->phase == SGD_OPEN)
		choose(se);
	return true;
}

enum rc
sgd_session_load_all(struct sgd *d)
{
	struct table_key all = sgd_key(SGD_T_SESSION, NULL, 0);
	struct loading l = { .d = d, .rc = RC_OK };
	enum rc rc = sgd_book_scan(d->book, &all, SLICE_NONE, 0, true, load_one, &l);

	return rc == RC_OK ? l.rc : rc;
}

/* ---- which there are ---- */

struct sgd_session *
sgd_session_find(struct sgd *d, const struct sga_sid *sid)
{
	for (struct sgd_session *se = d->sessions; se != NULL; se = se->next)
		if (sga_sid_equal(&se->sid, sid))
			return se;
	return NULL;
}

struct sgd_session *
sgd_session_pending(struct sgd *d, const struct sgd_to *to, bool own)
{
	for (struct sgd_session *se = d->sessions; se != NULL; se = se->next)
		if (se->to == to && !se->ended && se->phase != SGD_REFUSE &&
		    se->phase <= SGD_CONF && (!own || sga_session_inviter(se->s)))
			return se;
	return NULL;
}

void
sgd_session_remove(struct sgd_session *se)
{
	struct sgd *d = se->server->all;
	struct sgd_session **at = &d->sessions;

	while (*at != se)
		at = &(*at)->next;
	*at = se->next;
	if (se->to->session == se)
		se->to->session = NULL;
	sga_session_free(se->s);
	sgd_out_free(&se->out);
	buf_fini(&se->message);
	free(se);
}

void
sgd_session_set(struct sgd_session *se, enum sgd_phase phase)
{
	struct sgd_to *to = se->to;

	se->phase = phase;
	if (phase != SGD_OPEN)
		return;
	choose(se);
	if (to->session != se)
		return;
	to->failures = 0;
	to->packages = 0;
	to->until = 0;
	to->waits = true;
	sgd_count(se->server->all, SGD_N_OPENED, 1);
}

/* ---- ends ---- */

static void
gone(struct sgd_op *op, enum rc rc)
{
	struct sgd_server *s = op->a;

	if (rc != RC_OK)
		sgd_engine_reload(s->all);
	sgd_server_wake(s);
}

/* What it had sealed waits in the queue still, and is sealed again for another session. */
static void
forget(struct sgd_session *se, struct sgd_change *c)
{
	struct table_key k = sgd_key(SGD_T_SESSION, se->sid.v, sizeof(se->sid.v));

	sgd_out_drop(&se->out, &se->sid, se->to, c);
	sgd_change_del(c, &k);
}

static void
note(struct sgd_session *se, const char *why)
{
	struct sgd *d = se->server->all;
	char sid[2 * SGA_SID_SIZE + 1];

	hex_encode(se->sid.v, sizeof(se->sid.v), sid);
	LOG_INFO(d->log, "sga-session-ended", LOG_S("peer", sga_id_slice(&se->to->row.name)),
	         LOG_Z("session", sid), LOG_Z("reason", why));
	sgd_count(d, SGD_N_ENDED, 1);
}

void
sgd_session_drop(struct sgd_session *se, struct sgd_change *c, const char *why)
{
	if (!se->ended)
		note(se, why);
	forget(se, c);
	sgd_session_remove(se);
}

void
sgd_session_mark(struct sgd_session *se, struct sgd_change *c, const char *why)
{
	note(se, why);
	sgd_out_drop(&se->out, &se->sid, se->to, c);
	if (se->to->session == se)
		se->to->session = NULL;
	if (se->phase >= SGD_CONF)
		retire(se, sgd_now(se->server->all));
	se->ended = true;
	se->told = se->asked = false;
	se->failures = 0;
	se->until = 0;
	buf_clear(&se->message);
	if (sgd_session_put(se, c) != RC_OK)
		c->ops.failed = true;
}

void
sgd_session_end(struct sgd_session *se, bool keep, const char *why)
{
	struct sgd_server *s = se->server;
	struct sgd_op *op = sgd_op_new(s->all, gone, s, NULL);

	if (op == NULL) {
		sgd_server_wake_at(s, clock_monotonic() + CLOCK_SECOND);
		return;
	}
	if (keep)
		sgd_session_mark(se, &op->change, why);
	else
		sgd_session_drop(se, &op->change, why);
	sgd_op_submit(op);
}

void
sgd_session_sweep(struct sgd_server *s, bool read)
{
	struct sgd_session *next;

	for (struct sgd_session *se = s->all->sessions; se != NULL; se = next) {
		next = se->next;
		if (se->server != s || !se->told || se->busy || se->dirty)
			continue;
		if (read && se->asked)
			sgd_session_end(se, false, "");
		else
			se->asked = true;
	}
}

/* The peer is asked again later. */
void
sgd_to_rest(struct sgd_to *to)
{
	const struct sga_conf *c = to->server->all->conf;

	to->failures++;
	to->packages = 0;
	to->until = clock_monotonic() + sgd_backoff(to->failures, c->retry_first, c->retry_max);
	sgd_server_wake_at(to->server, to->until);
}

static void
tick_one(struct sgd_session *se, uint64_t now)
{
	struct sga_progress p;
	struct sgd_age age = { .created = se->created, .now = now };
	bool half = sgd_phase_is_half_open(se->phase);

	sga_session_progress(se->s, &p);
	age.sealed = p.sealed;
	age.opened = p.taken;
	if (half && now > se->created + SGD_HALF_OPEN) {
		sgd_to_rest(se->to);
		sgd_session_end(se, false, "no answer of the peer");
	} else if (se->phase == SGD_CONF && now > se->created + CONFIRM_SECONDS) {
		sgd_session_end(se, true, "the peer has not confirmed");
	} else if (!half && sgd_is_over(&age)) {
		sgd_session_end(se, true, "its time is over");
	} else if (se->phase == SGD_RETIRED && se->out.n == 0 && now > se->retired + 60) {
		sgd_session_end(se, true, "another one has come");
	}
}

void
sgd_session_tick(struct sgd_server *s, uint64_t now)
{
	struct sgd_session *next;

	for (struct sgd_session *se = s->all->sessions; se != NULL; se = next) {
		next = se->next;
		if (se->server == s && !se->busy && !se->dirty && !se->ended && !se->to->changing)
			tick_one(se, now);
	}
}
