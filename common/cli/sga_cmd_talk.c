/* SPDX-License-Identifier: Apache-2.0 */
/* m2m-sga negotiate, accept, session, send. */
#include "config.h"

#include "cli/sga_cli.h"

#include "sec/cipher.h"
#include "sec/hex.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))
#define WAIT_DEFAULT 60u
#define POLL_MAX 30u

static uint64_t
end_of(const struct sga_cli *c)
{
	return sga_now() + (c->args.wait < 0 ? WAIT_DEFAULT : (uint64_t)c->args.wait);
}

/* Waits for what comes until end; SGA_NOTHING when that is over. */
static enum sga_status_code
await(struct sga_cli *c, uint64_t end)
{
	uint64_t now = sga_now(), left = now < end ? end - now : 0;
	enum sga_status_code status;

	c->heard = false;
	status = sga_pump(c, left > POLL_MAX ? POLL_MAX : (unsigned)left);
	return status == SGA_OK && !c->heard && sga_now() >= end ? SGA_NOTHING : status;
}

/* Whether there is a session with peer that records go by. */
static enum sga_found
is_open(struct sga_cli *c, const struct sga_id *peer)
{
	struct sga_talk t = { .s = NULL };
	enum sga_found found = sga_talk_find(c, peer, &t);

	if (found == SGA_FOUND)
		sga_talk_free(&t);
	return found;
}

static bool
is_over(void *arg, struct sga_talk *t)
{
	const struct sga_sid *sid = arg;

	return !sga_sid_equal(sga_session_sid(t->s), sid) ||
	       sga_session_state(t->s) != SGA_S_CLOSED;
}

static bool
is_confirmed(struct sga_cli *c, const struct sga_sid *sid)
{
	struct sga_talk t = { .s = NULL };
	struct sga_progress p = { .confirmed = false };

	if (sga_talk_load(c, sid, &t) == SGA_FOUND)
		sga_session_progress(t.s, &p);
	sga_talk_free(&t);
	return p.confirmed;
}

enum sga_status_code
sga_cmd_negotiate(struct sga_cli *c)
{
	uint64_t end = end_of(c);
	struct sga_sid sid;
	enum sga_status_code status;
	struct sga_id peer;

	if (c->args.n_words != 2)
		return sga_usage("negotiate", "PEER is to be given");
	if (!sga_word_id(c->args.words[1], &peer) || !sga_peer_learn(c, &peer))
		return SGA_USAGE;
	status = sga_pump_start(c);
	if (status == SGA_OK && !c->args.renew && is_open(c, &peer) == SGA_FOUND)
		return SGA_OK;
	if (status == SGA_OK)
		status = sga_talk_invite(c, &peer, &sid);
	while (status == SGA_OK && !is_confirmed(c, &sid)) {
		status = await(c, end);
		if (!sga_talks(c, is_over, &sid))
			return SGA_REFUSED;
	}
	if (status == SGA_NOTHING)
		(void)sga_fail(c->args.words[1], "has not answered in time");
	return status;
}

struct count {
	unsigned open;
};

/* Open sessions in which this device was invited. */
static bool
count_open(void *arg, struct sga_talk *t)
{
	struct count *n = arg;
	struct sga_progress p;

	sga_session_progress(t->s, &p);
	n->open += !sga_session_inviter(t->s) && p.confirmed;
	return true;
}

static unsigned
accepted(struct sga_cli *c)
{
	struct count n = { 0 };

	(void)sga_talks(c, count_open, &n);
	return n.open;
}

enum sga_status_code
sga_cmd_accept(struct sga_cli *c)
{
	uint64_t end = end_of(c);
	enum sga_status_code status;
	unsigned before;
	struct sga_id id;

	c->welcome = c->args.words + 1;
	c->n_welcome = c->args.n_words - 1;
	c->any = c->args.any;
	c->refuse = c->args.refuse;
	if (c->n_welcome == 0 && !c->any)
		return sga_usage("accept", "PEER or --any is to be given");
	if (c->args.peer_key != NULL && c->n_welcome != 1)
		return sga_usage("--peer-key", "is of one PEER");
	for (int i = 0; i < c->n_welcome; i++)
		if (!sga_word_id(c->welcome[i], &id) || !sga_peer_learn(c, &id))
			return SGA_USAGE;
	before = accepted(c);
	c->answered = false;
	status = sga_pump_start(c);
	/* A refusal is one message, a session is there when both have confirmed. */
	while (status == SGA_OK && (c->refuse ? !c->answered : accepted(c) == before))
		status = await(c, end);
	return status;
}

/* ---- send ---- */

enum sga_status_code
sga_cmd_send(struct sga_cli *c)
{
	struct sga_talk t = { .s = NULL };
	enum sga_status_code status;
	enum sga_found found;
	struct sga_id peer;
	struct buf data;

	if (c->args.n_words < 2 || c->args.n_words > 3)
		return sga_usage("send", "PEER and at most one FILE are to be given");
	if (!sga_word_id(c->args.words[1], &peer))
		return SGA_USAGE;
	buf_init(&data, SGA_DATA_MAX + 8192);
	data.secret = true;
	status = sga_read_data(c->args.n_words == 3 ? c->args.words[2] : NULL, &data)
	                 ? sga_pump_start(c)
	                 : SGA_FAILED;
	/* Perhaps the peer's confirmation, or the end of the session, is waiting. */
	if (status == SGA_OK)
		status = sga_pump(c, 0);
	found = status == SGA_OK ? sga_talk_find(c, &peer, &t) : SGA_BROKEN;
	if (found == SGA_FOUND)
		status = sga_talk_send(c, &t, 0, buf_view(&data));
	else if (status == SGA_OK)
		status = found == SGA_ABSENT
		                 ? (sga_fail(c->args.words[1], "no session; negotiate first"),
		                    SGA_REFUSED)
		                 : SGA_FAILED;
	sga_talk_free(&t);
	sga_buf_wipe(&data);
	return status;
}

/* ---- session ---- */

static const char *const states[] = {
	[SGA_S_INVITING] = "inviting",   [SGA_S_INVITED] = "invited",
	[SGA_S_ACCEPTED] = "accepted",   [SGA_S_AGREED] = "agreed",
	[SGA_S_REQUESTED] = "requested", [SGA_S_ASKED] = "asked",
	[SGA_S_ANSWERED] = "answered",   [SGA_S_OPEN] = "open",
	[SGA_S_CLOSED] = "closed",
};

struct listing {
	struct sga_cli *c;
	const struct sga_id *peer; /* NULL: all */
	enum sga_status_code status;
};

static bool
list_one(void *arg, struct sga_talk *t)
{
	const struct listing *l = arg;
	const struct sga_id *peer = sga_session_peer(t->s);
	const struct cipher *cipher = cipher_find(sga_session_cid(t->s));
	char hex[SGA_HEX_MAX];
	struct sga_progress p;

	if (l->peer != NULL && !sga_id_equal(peer, l->peer))
		return true;
	sga_session_progress(t->s, &p);
	hex_encode(sga_session_sid(t->s)->v, SGA_SID_SIZE, hex);
	return printf("%s %.*s %s %s%s%s sent=%u received=%u\n", hex, (int)peer->n, peer->v,
	              states[sga_session_state(t->s)], cipher == NULL ? "?" : cipher->name,
	              p.confirmed ? " confirmed" : "", p.signed_by_peer ? " signed" : "",
	              (unsigned)p.sealed, (unsigned)p.taken) > 0;
}

static bool
close_one(void *arg, struct sga_talk *t)
{
	struct listing *l = arg;
	struct sga_http_request rq = { .method = "DELETE" };
	char hex[SGA_HEX_MAX], path[64], name[SGA_STATE_NAME];
	bool ok;

	if (!sga_id_equal(sga_session_peer(t->s), l->peer))
		return true;
	hex_encode(sga_session_sid(t->s)->v, SGA_SID_SIZE, hex);
	snprintf(path, sizeof(path), "/sessions/%s", hex);
	rq.path = path;
	ok = sga_ask_proved(l->c, &rq, false);
	/* What the server does not know any more is over as well. */
	if (ok && !sga_is_good(&rq) && rq.status != 404) {
		l->status = sga_refused("session", &rq);
		ok = false;
	}
	buf_fini(&rq.answer);
	if (!ok)
		return false;
	sga_talk_file(sga_session_sid(t->s), name);
	return sga_state_remove(&l->c->state, name);
}

enum sga_status_code
sga_cmd_session(struct sga_cli *c)
{
	struct listing l = { .c = c, .status = SGA_FAILED };
	struct sga_id peer;

	if (c->args.n_words > 2)
		return sga_usage(c->args.words[2], "is not expected here");
	if (c->args.n_words == 2 && !sga_word_id(c->args.words[1], &peer))
		return SGA_USAGE;
	l.peer = c->args.n_words == 2 ? &peer : NULL;
	if (c->args.close && l.peer == NULL)
		return sga_usage("--close", "is of one PEER");
	return sga_talks(c, c->args.close ? close_one : list_one, &l) ? SGA_OK : l.status;
}
