/* SPDX-License-Identifier: Apache-2.0 */
/* What managers see: lists, counters, lock-outs; tokens. */
#include "config.h"

#include <stdlib.h>

#include "cap/pxy/px_who.h"
#include "cap/sgs/sgs_rest_own.h"

#define TTL_DEFAULT 3600u /* seconds */
#define COUNTS_MAX 64u

/* ---- POST tokens ---- */

struct token_doc {
	struct slice token, verify_key, id, root;
	uint64_t ttl, expires;
};

static void
token_made(struct sgs_op *op)
{
	static const struct sgs_field fields[] = {
		SGS_FIELD(struct token_doc, token, "token", SGS_BYTES, true),
		SGS_FIELD(struct token_doc, verify_key, "verifyKey", SGS_BYTES, true),
		SGS_FIELD(struct token_doc, id, "id", SGS_TEXT, true),
		SGS_FIELD(struct token_doc, root, "root", SGS_TEXT, true),
		SGS_FIELD(struct token_doc, expires, "expires", SGS_TIME, true),
	};
	static const struct sgs_doc doc = { "token", fields, 5 };
	struct sgs_call *c = op->owner;
	const struct sign_public *key = sgs_ring_signer(c->s->ring);
	const struct token_doc out = {
		.token = slice_make(c->secret, sizeof(c->secret)),
		.verify_key = slice_make(key->v, sizeof(key->v)),
		.id = c->u.token.id,
		.root = slice_of(c->s->root_uri),
		.expires = (uint64_t)(c->u.token.expires / CLOCK_SECOND),
	};

	if (op->rc == RC_OK) {
		LOG_INFO(c->s->log, "sga-token-made", LOG_S("id", c->u.token.id));
		sgs_call_answer(c, RC_CREATED, &doc, &out);
	} else if (op->rc == RC_CONFLICT) {
		sgs_call_refuse(c, op->rc, "taken");
	} else {
		sgs_call_failed(c, op->rc);
	}
}

static void
make_token(struct req *rq)
{
	struct sgs_call *c = sgs_call_of(rq);

	sgs_token_make(c->s->book, &c->u.token);
}

static enum rc
draw_token(struct sgs_call *c)
{
	struct sga_hash hash;
	enum rc rc = sga_random_secret(NULL, c->secret, sizeof(c->secret));

	if (rc == RC_OK)
		rc = sga_hash(slice_make(c->secret, sizeof(c->secret)), &hash);
	if (rc == RC_OK)
		memcpy(c->u.token.hash, hash.v, SGS_HASH_BYTES);
	return rc;
}

enum rc
sgs_rest_token(struct sgs_call *c)
{
	static const struct sgs_field fields[] = {
		SGS_FIELD(struct token_doc, id, "id", SGS_TEXT, true),
		SGS_FIELD(struct token_doc, ttl, "ttl", SGS_NUMBER, false),
	};
	static const struct sgs_doc doc = { "token", fields, 2 };
	uint64_t max = (uint64_t)(c->s->conf->server.token_ttl_max / CLOCK_SECOND);
	struct token_doc in = { .ttl = max < TTL_DEFAULT ? max : TTL_DEFAULT };
	struct sga_id id;
	enum rc rc;

	/* It is told once: not made for who could not be told. */
	if (c->syntax == SGS_OCTETS)
		return sgs_call_refuse(c, RC_NOT_ACCEPTABLE, NULL);
	rc = sgs_call_read(c, &doc, &in);
	if (rc != RC_OK)
		return rc;
	if (!px_who_safe(c->rq, c->in))
		return sgs_call_refuse(c, RC_FORBIDDEN, "tls");
	if (sga_id_make(in.id, &id) != RC_OK)
		return sgs_call_refuse(c, RC_BAD_REQUEST, "id");
	if (in.ttl == 0 || in.ttl > max)
		return sgs_call_refuse(c, RC_BAD_REQUEST, "ttl");
	c->u.token = (struct sgs_token){ .op = { .done = token_made, .owner = c },
		                         .id = in.id,
		                         .ttl = (int64_t)in.ttl * CLOCK_SECOND };
	rc = draw_token(c);
	return rc == RC_OK ? sgs_call_pend(c, make_token) : sgs_call_failed(c, rc);
}

/* ---- GET stats ---- */

struct counts {
	struct sgs_count v[COUNTS_MAX];
	size_t n;
};

static void
put_count(void *arg, const char *name, uint64_t value)
{
	struct counts *to = arg;

	if (to->n < COUNTS_MAX)
		to->v[to->n++] = (struct sgs_count){ name, value };
}

static void
put_stats(struct counts *to, const struct sgs_stats *s)
{
	put_count(to, "devices", s->devices);
	put_count(to, "tokens", s->tokens);
	put_count(to, "halfOpen", s->half_open);
	put_count(to, "sessions", s->sessions);
	put_count(to, "replays", s->replays);
	put_count(to, "items", s->items);
	put_count(to, "octets", s->octets);
	put_count(to, "groups", s->groups);
	put_count(to, "revokedEver", s->revoked);
	put_count(to, "sessionsEnded", s->ended);
	put_count(to, "sessionsExpired", s->sessions_expired);
	put_count(to, "repeated", s->repeated);
	put_count(to, "groupMissed", s->group_missed);
	put_count(to, "itemsAcknowledged", s->items_acknowledged);
	put_count(to, "itemsExpired", s->items_expired);
}

enum rc
sgs_rest_stats(struct sgs_call *c)
{
	struct stats_doc {
		struct sgs_counts counts;
	} out;
	static const struct sgs_field fields[] = {
		SGS_FIELD(struct stats_doc, counts, NULL, SGS_COUNTS, true),
	};
	static const struct sgs_doc doc = { "stats", fields, 1 };
	struct counts counts = { .n = 0 };
	struct sgs_stats stats;
	enum rc rc = sgs_stats_get(c->view, &stats);

	if (rc != RC_OK)
		return sgs_call_failed(c, rc);
	put_stats(&counts, &stats);
	put_count(&counts, "waiting", sgs_wait_waiting(c->s->wait));
	sgs_guard_counts(c->s->guard, put_count, &counts);
	out.counts = (struct sgs_counts){ counts.v, counts.n };
	return sgs_call_answer(c, RC_OK, &doc, &out);
}

/* ---- lock-outs ---- */

struct lockouts_doc {
	struct sgs_rows rows;
};

struct lockout_row {
	struct slice name;
	uint64_t since, until;
};

static const struct sgs_field lockout_fields[] = {
	SGS_FIELD(struct lockout_row, name, "name", SGS_TEXT, true),
	SGS_FIELD(struct lockout_row, since, "since", SGS_TIME, true),
	SGS_FIELD(struct lockout_row, until, "until", SGS_TIME, true),
};
static const struct sgs_doc lockout_doc = { "lockout", lockout_fields, 3 };

struct lockouts {
	struct sgs_lockout from[SGS_LOCKOUTS_MAX];
	struct lockout_row rows[SGS_LOCKOUTS_MAX];
};

enum rc
sgs_rest_lockouts(struct sgs_call *c)
{
	static const struct sgs_field fields[] = {
		SGS_FIELD(struct lockouts_doc, rows, "lockout", SGS_ROWS, true),
	};
	static const struct sgs_doc doc = { "lockouts", fields, 1 };
	struct lockouts *l = malloc(sizeof(*l));
	struct lockouts_doc out;
	size_t n;
	enum rc rc;

	if (l == NULL)
		return sgs_call_failed(c, RC_UNAVAILABLE);
	n = sgs_guard_list(c->s->guard, l->from);
	for (size_t i = 0; i < n; i++)
		l->rows[i] = (struct lockout_row){
			.name = slice_of(l->from[i].name),
			.since = (uint64_t)(l->from[i].since / CLOCK_SECOND),
			.until = sgs_now(c->s) + l->from[i].left,
		};
	out.rows = (struct sgs_rows){ &lockout_doc, l->rows, n, sizeof(l->rows[0]) };
	rc = sgs_call_answer(c, RC_OK, &doc, &out);
	free(l);
	return rc;
}

enum rc
sgs_rest_lockout_delete(struct sgs_call *c)
{
	sgs_guard_lift(c->s->guard, c->stars[0]);
	return sgs_call_done(c, RC_NO_CONTENT);
}
