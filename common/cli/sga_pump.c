/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes to a device of m2m-sga. Each item is taken once: the state is durable before the item
 * is acknowledged, and one that comes again is known by its session.
 */
#include "config.h"

#include "cli/sga_cli.h"

#include "base/be.h"
#include "sec/hex.h"

#define ITEM_HEAD 12u
#define OCTETS "application/octet-stream"
/* The longest that a server keeps a session that is not established. */
#define HALF_OPEN_SECONDS 120u
/* For a clock of one side that was set. */
#define SLACK 3600u

/* ---- steps of a session ---- */

static bool
dropped(const char *what, enum rc rc)
{
	/* Again, or out of order: it was taken, or its session is over. */
	if (rc == RC_CONFLICT)
		return true;
	if (rc == RC_UNAVAILABLE || rc == RC_INTERNAL || rc == RC_NO_SPACE)
		return sga_fail(what, status_of(rc)->text);
	(void)sga_fail(what, "is not authentic, and is dropped");
	return true;
}

/* A message of ours is due: it is sent now, or with the next command. */
static bool
due(struct sga_cli *c, struct sga_talk *t)
{
	if (!sga_talk_save(c, t))
		return false;
	(void)sga_talk_flush(c, t);
	return true;
}

static bool
over(struct sga_cli *c, struct sga_talk *t)
{
	const struct sga_id *peer = sga_session_peer(t->s);

	fprintf(stderr, "m2m-sga: the session with %.*s is refused or over\n", (int)peer->n,
	        peer->v);
	buf_clear(&t->out);
	return sga_talk_save(c, t);
}

static bool
take_a2(struct sga_cli *c, struct sga_talk *t, struct slice item)
{
	enum rc rc = t->s != NULL ? RC_CONFLICT : sga_a2_take(c->device, item, sga_now(), &t->s);

	if (rc != RC_OK)
		return dropped("invitation", rc);
	if (!sga_talk_save(c, t))
		return false;
	(void)sga_talk_answer(c, t);
	return true;
}

static bool
take_a4(struct sga_cli *c, struct sga_talk *t, struct slice item)
{
	enum rc rc = sga_a4_take(t->s, c->device, item);

	if (rc != RC_OK)
		return dropped("A4", rc);
	if (sga_session_state(t->s) == SGA_S_CLOSED)
		return over(c, t);
	buf_clear(&t->out);
	rc = sga_b1_make(t->s, c->device, NULL, &t->out);
	return rc == RC_OK ? due(c, t) : dropped("B1", rc);
}

static bool
take_b2(struct sga_cli *c, struct sga_talk *t, struct slice item)
{
	enum rc rc = sga_b2_take(t->s, item);

	if (rc != RC_OK)
		return dropped("B2", rc);
	buf_clear(&t->out);
	rc = sga_b3_make(t->s, c->device, NULL, &t->out);
	return rc == RC_OK ? due(c, t) : dropped("B3", rc);
}

/* The key is there: the peer is told at once. */
static bool
take_b6(struct sga_cli *c, struct sga_talk *t, struct slice item)
{
	enum rc rc = sga_b6_take(t->s, item, sga_now());

	if (rc != RC_OK)
		return dropped("B6", rc);
	if (sga_session_state(t->s) == SGA_S_CLOSED)
		return over(c, t);
	buf_clear(&t->out);
	rc = sga_record_seal(t->s, c->device, 0, SLICE_NONE, sga_now(), &t->out);
	return rc == RC_OK ? due(c, t) : dropped("confirmation", rc);
}

/* ---- records ---- */

static void
name_of(const struct sga_header *h, char name[SGA_STATE_NAME])
{
	char hex[SGA_HEX_MAX];

	hex_encode(h->sid.v, sizeof(h->sid.v), hex);
	snprintf(name, SGA_STATE_NAME, "%s-%08x", hex, (unsigned)h->ctr);
}

/* What a record said, durable before its session is. */
static bool
keep_plain(struct sga_cli *c, struct sga_talk *t, const struct sga_plain *p, const char *name)
{
	const struct sga_id *from = sga_session_peer(t->s);
	bool message = p->data.n > 0 && (p->flags & SGA_FLAG_GROUP_KEY) == 0;

	if ((p->flags & SGA_FLAG_GROUP_KEY) != 0 && !sga_group_take_key(c, p->data, from))
		return false;
	if (message && !sga_inbox_put(c, name, from, "", p->data))
		return false;
	return sga_talk_save(c, t) && (!message || sga_inbox_keep(c, name));
}

static bool
take_record(struct sga_cli *c, struct sga_talk *t, struct slice item)
{
	struct sga_trust trust = { .peer = NULL };
	struct sign_public key;
	struct sga_header h;
	struct sga_plain plain;
	char name[SGA_STATE_NAME];
	struct buf b;
	enum rc rc = sga_peer_key(c, sga_session_peer(t->s), &key);
	bool ok;

	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return false;
	trust.peer = rc == RC_OK ? &key : NULL;
	if (sga_header_read(item, &h) != RC_OK)
		return dropped("record", RC_BAD_REQUEST);
	name_of(&h, name);
	buf_init(&b, SGA_MESSAGE_MAX);
	b.secret = true;
	rc = sga_record_open(t->s, &trust, item, &plain, &b);
	if (rc == RC_CONFLICT)
		ok = sga_inbox_keep(c, name);
	else
		ok = rc == RC_OK ? keep_plain(c, t, &plain, name) : dropped("record", rc);
	sga_buf_wipe(&b);
	return ok;
}

/* ---- items ---- */

static const struct {
	uint8_t type;
	bool (*take)(struct sga_cli *c, struct sga_talk *t, struct slice item);
} takers[] = { { SGA_A2, take_a2 },
	       { SGA_A4, take_a4 },
	       { SGA_B2, take_b2 },
	       { SGA_B6, take_b6 },
	       { SGA_RECORD, take_record } };

static bool
take_of_session(struct sga_cli *c, const struct sga_header *h, struct slice item)
{
	struct sga_talk t;
	enum sga_found found = sga_talk_load(c, &h->sid, &t);
	bool ok = found != SGA_BROKEN;

	/* Of a session that is gone: nobody waits for it. */
	if (found == SGA_FOUND || (found == SGA_ABSENT && h->type == SGA_A2))
		for (size_t i = 0; i < sizeof(takers) / sizeof(takers[0]); i++)
			if (takers[i].type == h->type)
				ok = takers[i].take(c, &t, item);
	sga_talk_free(&t);
	return ok;
}

/* False: it stays in the mailbox. */
static bool
take(struct sga_cli *c, struct slice item)
{
	struct sga_header h;

	c->heard = true;
	if (sga_header_read(item, &h) != RC_OK)
		return dropped("an item", RC_BAD_REQUEST);
	if (h.type == SGA_GROUP_RECORD)
		return sga_group_take_record(c, item);
	if (h.type == SGA_NOTICE)
		return sga_group_take_notice(c, item);
	return take_of_session(c, &h, item);
}

static const char *
own_path(const struct sga_cli *c, char path[256], const char *rest)
{
	const struct sga_id *id = sga_device_id(c->device);

	snprintf(path, 256, "/devices/%.*s%s", (int)id->n, id->v, rest);
	return path;
}

static bool
acknowledge(struct sga_cli *c, uint64_t id)
{
	struct sga_http_request rq = { .method = "DELETE" };
	char path[256], rest[64];
	bool ok;

	snprintf(rest, sizeof(rest), "/mailbox/%llu", (unsigned long long)id);
	rq.path = own_path(c, path, rest);
	ok = sga_ask_proved(c, &rq, false);
	if (ok && !sga_is_good(&rq)) {
		(void)sga_refused("acknowledgement", &rq);
		ok = false;
	}
	buf_fini(&rq.answer);
	return ok;
}

static enum sga_status_code
take_all(struct sga_cli *c, struct slice items)
{
	while (items.n >= ITEM_HEAD) {
		uint64_t id = be_get(items.p, 8);
		size_t n = (size_t)be_get(items.p + 8, 4);

		if (n > items.n - ITEM_HEAD)
			break;
		if (!take(c, slice_make(items.p + ITEM_HEAD, n)) || !acknowledge(c, id))
			return SGA_FAILED;
		items = slice_from(items, ITEM_HEAD + n);
	}
	if (items.n == 0)
		return SGA_OK;
	(void)sga_fail("mailbox", "the answer is damaged");
	return SGA_FAILED;
}

/* ---- what nothing comes for any more ---- */

static bool
forget(struct sga_cli *c, const struct sga_sid *sid)
{
	char name[SGA_STATE_NAME];

	sga_talk_file(sid, name);
	return sga_state_remove(&c->state, name);
}

/*
 * The mailbox is empty: of a session that is used up, or that the server has given up before there was
 * a key, nothing can come any more. Its keys are not kept.
 */
static bool
forget_old(void *arg, struct sga_talk *t)
{
	struct sga_cli *c = arg;
	const struct sga_sid *sid = sga_session_sid(t->s);
	char name[SGA_STATE_NAME];
	struct sga_progress p;

	if (sga_session_state(t->s) == SGA_S_OPEN) {
		sga_session_progress(t->s, &p);
		return sga_now() < p.opened + SGA_SESSION_SECONDS + SLACK || forget(c, sid);
	}
	sga_talk_file(sid, name);
	return sga_state_age(&c->state, name) < HALF_OPEN_SECONDS + SLACK || forget(c, sid);
}

enum sga_status_code
sga_pump(struct sga_cli *c, unsigned wait)
{
	struct sga_http_request rq = { .method = "GET", .accept = OCTETS, .wait = wait };
	char path[256], rest[64];
	enum sga_status_code status;

	snprintf(rest, sizeof(rest), "/mailbox?wait=%u&max=20", wait);
	rq.path = own_path(c, path, rest);
	if (!sga_ask_proved(c, &rq, false))
		status = SGA_FAILED;
	else if (!sga_is_good(&rq))
		status = sga_refused("mailbox", &rq);
	else if (rq.answer.n > 0)
		status = take_all(c, buf_view(&rq.answer));
	else
		status = sga_talks(c, forget_old, c) ? SGA_OK : SGA_FAILED;
	buf_fini(&rq.answer);
	return status;
}

/* ---- what is left of the last time ---- */

struct rest {
	struct sga_cli *c;
	enum sga_status_code status;
};

static bool
resume(void *arg, struct sga_talk *t)
{
	struct rest *r = arg;
	enum sga_status_code status = sga_talk_flush(r->c, t);

	if (status != SGA_FAILED && sga_session_state(t->s) == SGA_S_CLOSED && t->out.n == 0)
		return forget(r->c, sga_session_sid(t->s));
	if (status == SGA_OK && sga_session_state(t->s) == SGA_S_INVITED)
		status = sga_talk_answer(r->c, t);
	/* What one peer refuses is no matter of the others. */
	if (status == SGA_FAILED)
		r->status = status;
	return status != SGA_FAILED;
}

enum sga_status_code
sga_pump_start(struct sga_cli *c)
{
	struct rest r = { c, SGA_OK };

	if (!sga_talks(c, resume, &r))
		r.status = SGA_FAILED;
	return r.status;
}
