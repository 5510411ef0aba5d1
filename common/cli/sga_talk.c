/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions of m2m-sga on disk, and what they send. A file has the version, whether out was sent, the
 * length of out, out, and what libsga saves. It is written before out is sent, and again when out has
 * arrived: after a crash the same octets go once more.
 */
#include "config.h"

#include "cli/sga_cli.h"

#include "base/be.h"
#include "sec/cipher.h"
#include "sec/hex.h"

#define FORM 1u
#define HEAD 6u
#define TALK_MAX (HEAD + SGA_MESSAGE_MAX + SGA_SESSION_SAVED_MAX)
#define OCTETS "application/octet-stream"

void
sga_talk_file(const struct sga_sid *sid, char name[SGA_STATE_NAME])
{
	char hex[SGA_HEX_MAX];

	hex_encode(sid->v, sizeof(sid->v), hex);
	snprintf(name, SGA_STATE_NAME, "sessions/%s", hex);
}

void
sga_talk_free(struct sga_talk *t)
{
	sga_session_free(t->s);
	t->s = NULL;
	sga_buf_wipe(&t->out);
}

/* ---- the file ---- */

static bool
take_octets(struct slice file, struct sga_talk *t)
{
	size_t n;

	if (file.n < HEAD || be_get(file.p, 1) != FORM)
		return false;
	n = (size_t)be_get(file.p + 2, 4);
	if (n > file.n - HEAD)
		return false;
	t->sent = file.p[1] != 0;
	buf_add(&t->out, file.p + HEAD, n);
	return !t->out.failed && sga_session_load(slice_from(file, HEAD + n), &t->s) == RC_OK;
}

static enum sga_found
load(struct sga_cli *c, const char *name, struct sga_talk *t)
{
	struct buf b;
	bool ok;

	*t = (struct sga_talk){ .s = NULL };
	buf_init(&t->out, SGA_MESSAGE_MAX);
	t->out.secret = true;
	if (!sga_state_has(&c->state, name))
		return SGA_ABSENT;
	buf_init(&b, TALK_MAX);
	ok = sga_state_read(&c->state, name, &b) &&
	     (take_octets(buf_view(&b), t) || sga_fail(name, "is damaged"));
	sga_buf_wipe(&b);
	if (!ok)
		sga_talk_free(t);
	return ok ? SGA_FOUND : SGA_BROKEN;
}

enum sga_found
sga_talk_load(struct sga_cli *c, const struct sga_sid *sid, struct sga_talk *t)
{
	char name[SGA_STATE_NAME];

	sga_talk_file(sid, name);
	return load(c, name, t);
}

bool
sga_talk_save(struct sga_cli *c, const struct sga_talk *t)
{
	char name[SGA_STATE_NAME];
	struct buf b;
	bool ok;

	sga_talk_file(sga_session_sid(t->s), name);
	buf_init(&b, TALK_MAX);
	b.secret = true;
	buf_be(&b, FORM, 1);
	buf_be(&b, t->sent, 1);
	buf_be(&b, t->out.n, 4);
	buf_slice(&b, buf_view(&t->out));
	ok = (sga_session_save(t->s, &b) == RC_OK && !b.failed) || sga_fail(name, "no memory");
	ok = ok && sga_state_write(&c->state, name, buf_view(&b));
	sga_buf_wipe(&b);
	return ok;
}

struct visit {
	struct sga_cli *c;
	bool (*each)(void *arg, struct sga_talk *t);
	void *arg;
};

static bool
visit(void *arg, const char *name)
{
	const struct visit *v = arg;
	struct sga_talk t;
	bool go;

	if (load(v->c, name, &t) != SGA_FOUND)
		return false;
	go = v->each(v->arg, &t);
	sga_talk_free(&t);
	return go;
}

bool
sga_talks(struct sga_cli *c, bool (*each)(void *arg, struct sga_talk *t), void *arg)
{
	struct visit v = { c, each, arg };

	return sga_state_each(&c->state, "sessions", visit, &v);
}

struct search {
	const struct sga_id *peer;
	uint64_t newest;
	struct sga_sid sid;
	bool found;
};

static bool
compare(void *arg, struct sga_talk *t)
{
	struct search *s = arg;
	struct sga_progress p;

	sga_session_progress(t->s, &p);
	if (sga_session_state(t->s) == SGA_S_OPEN && p.confirmed && p.sealed < SGA_RECORDS_MAX &&
	    sga_now() < p.opened + SGA_SESSION_SECONDS &&
	    sga_id_equal(sga_session_peer(t->s), s->peer) && (!s->found || p.opened >= s->newest)) {
		s->found = true;
		s->newest = p.opened;
		s->sid = *sga_session_sid(t->s);
	}
	return true;
}

enum sga_found
sga_talk_find(struct sga_cli *c, const struct sga_id *peer, struct sga_talk *t)
{
	struct search s = { .peer = peer };

	if (!sga_talks(c, compare, &s))
		return SGA_BROKEN;
	return s.found ? sga_talk_load(c, &s.sid, t) : SGA_ABSENT;
}

/* ---- sending ---- */

/* Where a message goes; sid stands for %s. */
static const struct {
	uint8_t type;
	const char *path;
	bool proved;
} ways[] = {
	{ SGA_A1, "/negotiations", false },
	{ SGA_A3, "/negotiations/%s/acceptance", false },
	{ SGA_B1, "/sessions", false },
	{ SGA_B3, "/sessions/%s/response", false },
	{ SGA_RECORD, "/sessions/%s/messages", true },
};

static bool
post(struct sga_cli *c, const struct sga_talk *t, struct sga_http_request *rq, uint8_t *type)
{
	char hex[SGA_HEX_MAX], path[128] = "";
	struct sga_header h;
	bool proved = false;

	if (sga_header_read(buf_view(&t->out), &h) != RC_OK)
		return sga_fail("a session", "is damaged");
	hex_encode(h.sid.v, sizeof(h.sid.v), hex);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (ways[i].type == h.type) {
			const char *mark = strstr(ways[i].path, "%s");
			size_t n =
				mark == NULL ? strlen(ways[i].path) : (size_t)(mark - ways[i].path);

			snprintf(path, sizeof(path), "%.*s%s%s", (int)n, ways[i].path,
			         mark == NULL ? "" : hex, mark == NULL ? "" : mark + 2);
			proved = ways[i].proved;
		}
	*type = h.type;
	rq->method = "POST";
	rq->path = path;
	rq->type = OCTETS;
	rq->body = buf_view(&t->out);
	return proved ? sga_ask_proved(c, rq, false) : sga_ask(c, rq);
}

static bool
settle(struct sga_cli *c, struct sga_talk *t, bool over)
{
	if (over)
		sga_session_close(t->s);
	sga_buf_wipe(&t->out);
	buf_init(&t->out, SGA_MESSAGE_MAX);
	t->out.secret = true;
	t->sent = false;
	return sga_talk_save(c, t);
}

/* A1 once more, with what the server has answered in the place of the time. */
static enum sga_status_code
answer_challenge(struct sga_cli *c, struct sga_talk *t, const struct sga_http_request *rq)
{
	struct buf a1;
	enum rc rc;

	buf_init(&a1, SGA_MESSAGE_MAX);
	rc = sga_a1_again(t->s, c->device, buf_view(&rq->answer), NULL, &a1);
	if (rc != RC_OK) {
		buf_fini(&a1);
		return settle(c, t, true) ? sga_refused("invitation", rq) : SGA_FAILED;
	}
	sga_buf_wipe(&t->out);
	t->out = a1;
	t->sent = false;
	return sga_talk_save(c, t) ? sga_talk_flush(c, t) : SGA_FAILED;
}

static bool
is_refusal(long status)
{
	return status == 403 || status == 409;
}

enum sga_status_code
sga_talk_flush(struct sga_cli *c, struct sga_talk *t)
{
	struct sga_http_request rq = { .method = NULL };
	bool repeat = t->sent;
	enum sga_status_code status = SGA_OK;
	uint8_t type = 0;

	if (t->out.n == 0)
		return SGA_OK;
	t->sent = true;
	if ((!repeat && !sga_talk_save(c, t)) || !post(c, t, &rq, &type)) {
		buf_fini(&rq.answer);
		return SGA_FAILED;
	}
	if (rq.status == 401 && type == SGA_A1)
		status = answer_challenge(c, t, &rq);
	/* What comes twice is refused, so that the first one may have been taken: the mailbox tells. */
	else if (sga_is_good(&rq) || (repeat && type != SGA_RECORD && is_refusal(rq.status)))
		status = settle(c, t, false) ? SGA_OK : SGA_FAILED;
	else if (rq.status >= 500)
		status = sga_refused("message", &rq);
	else
		status = settle(c, t, true) ? sga_refused("session", &rq) : SGA_FAILED;
	buf_fini(&rq.answer);
	return status;
}

enum sga_status_code
sga_talk_send(struct sga_cli *c, struct sga_talk *t, uint8_t flags, struct slice data)
{
	enum sga_status_code status = sga_talk_flush(c, t);
	enum rc rc;

	if (status != SGA_OK)
		return status;
	rc = sga_record_seal(t->s, c->device, flags, data, sga_now(), &t->out);
	if (rc != RC_OK) {
		(void)sga_fail("message", rc == RC_PRECONDITION
		                                  ? "the session is used up; negotiate again"
		                          : rc == RC_TOO_LARGE ? "is too long"
		                                               : "there is no session for it");
		return SGA_FAILED;
	}
	if (!sga_talk_save(c, t))
		return SGA_FAILED;
	status = sga_talk_flush(c, t);
	if (t->out.n > 0)
		fputs("m2m-sga: the message is kept, and goes with the next command\n", stderr);
	return status;
}

/* ---- phase A ---- */

/* --cipher, else one of those that everybody may be expected to have. */
static uint16_t
cipher_of(const struct sga_cli *c)
{
	const struct cipher *p;

	if (c->args.cipher != NULL) {
		p = cipher_named(slice_of(c->args.cipher));
		return p == NULL ? 0 : p->cid;
	}
	for (size_t i = 0; (p = cipher_at(i)) != NULL; i++)
		if ((sga_cipher_bit(p->cid) & sga_device_cids(c->device) & SGA_CIPHERS_MANDATORY) !=
		    0)
			return p->cid;
	return 0;
}

enum sga_status_code
sga_talk_invite(struct sga_cli *c, const struct sga_id *peer, struct sga_sid *sid)
{
	struct sga_talk t = { .s = NULL };
	enum sga_status_code status = SGA_FAILED;
	enum rc rc;

	buf_init(&t.out, SGA_MESSAGE_MAX);
	t.out.secret = true;
	rc = sga_a1_make(c->device, peer, cipher_of(c), sga_now(), NULL, &t.s, &t.out);
	if (rc != RC_OK)
		(void)sga_fail("invitation",
		               rc == RC_CONFLICT ? "not registered, no such cipher, or no such peer"
		                                 : status_of(rc)->text);
	else if (sga_talk_save(c, &t))
		status = sga_talk_flush(c, &t);
	if (rc == RC_OK)
		*sid = *sga_session_sid(t.s);
	sga_talk_free(&t);
	return status;
}

static bool
is_welcome(const struct sga_cli *c, const struct sga_id *peer)
{
	bool is = c->any;

	for (int i = 0; i < c->n_welcome; i++)
		is = is || slice_is(sga_id_slice(peer), c->welcome[i]);
	return is;
}

enum sga_status_code
sga_talk_answer(struct sga_cli *c, struct sga_talk *t)
{
	enum rc rc;

	if (!is_welcome(c, sga_session_peer(t->s)))
		return SGA_OK;
	rc = sga_a3_make(t->s, c->device, !c->refuse, sga_now(), NULL, &t->out);
	if (rc != RC_OK) {
		(void)sga_fail("acceptance", status_of(rc)->text);
		return SGA_FAILED;
	}
	c->answered = true;
	return sga_talk_save(c, t) ? sga_talk_flush(c, t) : SGA_FAILED;
}
