/* SPDX-License-Identifier: Apache-2.0 */
/* One-time tokens: by their digest, one of each identity. */
#include "config.h"

#include "cap/sgs/sgs_book_impl.h"
#include "store/pack.h"

#define FORMAT 1
#define TTL_MAX (INT64_C(100) * 365 * 86400 * CLOCK_SECOND)

static struct table_key
token_key(const uint8_t hash[SGS_HASH_BYTES])
{
	return table_key_of(SGS_T_TOKEN, hash, SGS_HASH_BYTES);
}

struct token_row {
	int64_t expires;
	struct slice id;
};

static enum rc
token_read(struct tables_tx *tx, const struct table_key *k, struct token_row *out)
{
	struct unpack u;
	struct slice val;
	bool version;
	enum rc rc = tables_get(tx, table_key_view(k), &val);

	if (rc != RC_OK)
		return rc;
	u = unpack_of(val);
	version = unpack_number(&u, 1, FORMAT) == FORMAT;
	out->expires = unpack_time(&u);
	out->id = unpack_text(&u, SGS_ID_MAX);
	return version && unpack_done(&u) && out->id.n > 0 ? RC_OK : RC_INTERNAL;
}

static enum rc
token_write(struct sgs_turn *t, const struct table_key *k, const struct sgs_token *token)
{
	struct buf v;
	enum rc rc;

	buf_init(&v, 64 + SGS_ID_MAX);
	buf_be(&v, FORMAT, 1);
	buf_be(&v, (uint64_t)token->expires, 8);
	pack_text(&v, token->id);
	rc = v.failed ? RC_UNAVAILABLE : tables_put(t->tx, table_key_view(k), buf_view(&v));
	buf_fini(&v);
	return rc;
}

/* Removes one and what points to it. */
static enum rc
token_remove(struct sgs_turn *t, const struct table_key *k)
{
	struct table_key of;
	struct token_row row;
	enum rc rc = sgs_must(token_read(t->tx, k, &row));

	if (rc == RC_OK)
		rc = sgs_less(&t->totals.tokens, 1);
	if (rc != RC_OK)
		return rc;
	of = table_key_of(SGS_T_TOKEN_OF, row.id.p, row.id.n);
	rc = sgs_due_del(t->tx, (uint64_t)row.expires, SGS_DUE_TOKEN, k);
	if (rc == RC_OK)
		rc = sgs_del(t->tx, &of);
	return rc == RC_OK ? sgs_del(t->tx, k) : rc;
}

enum rc
sgs_token_expire(struct sgs_turn *t, const struct table_key *token)
{
	return token_remove(t, token);
}

enum rc
sgs_token_use(struct sgs_turn *t, const uint8_t hash[SGS_HASH_BYTES], struct slice id)
{
	struct table_key k = token_key(hash);
	struct token_row row;
	enum rc rc = token_read(t->tx, &k, &row);

	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_DENIED : rc;
	if (row.expires <= t->now || !slice_eq(row.id, id))
		return RC_DENIED;
	return token_remove(t, &k);
}

/* ---- a new one ---- */

/* Instead of the one that the identity has had. */
static enum rc
former_remove(struct sgs_turn *t, const struct table_key *of)
{
	struct table_key k;
	struct slice hash;
	enum rc rc = tables_get(t->tx, table_key_view(of), &hash);

	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	if (hash.n != SGS_HASH_BYTES)
		return RC_INTERNAL;
	k = token_key((const uint8_t *)hash.p);
	return token_remove(t, &k);
}

static enum rc
token_put(struct sgs_turn *t, const struct sgs_token *token, const struct table_key *of)
{
	struct table_key k = token_key(token->hash);
	enum rc rc;

	if (t->totals.tokens >= t->b->conf.limits.tokens_max)
		return RC_NO_SPACE;
	if (tables_has(t->tx, table_key_view(&k)))
		return RC_CONFLICT;
	t->totals.tokens++;
	rc = token_write(t, &k, token);
	if (rc == RC_OK)
		rc = tables_put(t->tx, table_key_view(of), slice_make(token->hash, SGS_HASH_BYTES));
	return rc == RC_OK ? sgs_due_put(t->tx, (uint64_t)token->expires, SGS_DUE_TOKEN, &k) : rc;
}

static enum rc
run_make(struct sgs_turn *t, struct sgs_op *op)
{
	struct sgs_token *token = (struct sgs_token *)(void *)op;
	struct table_key of;
	uint64_t device;
	enum rc rc;

	if (token->id.n == 0 || token->id.n > SGS_ID_MAX || token->ttl < CLOCK_SECOND ||
	    token->ttl > TTL_MAX)
		return RC_BAD_REQUEST;
	rc = sgs_number_of(t->tx, token->id, &device);
	if (rc != RC_NOT_FOUND)
		return rc == RC_OK ? RC_CONFLICT : rc;
	token->expires = t->now + token->ttl;
	of = table_key_of(SGS_T_TOKEN_OF, token->id.p, token->id.n);
	rc = former_remove(t, &of);
	return rc == RC_OK ? token_put(t, token, &of) : rc;
}

void
sgs_token_make(struct sgs_book *b, struct sgs_token *t)
{
	sgs_op_submit(b, &t->op, 0, run_make);
}

/* ---- reading ---- */

enum rc
sgs_token_get(const struct sgs_view *v, const uint8_t hash[SGS_HASH_BYTES], struct slice *id)
{
	struct table_key k = token_key(hash);
	struct token_row row = { .id = SLICE_NONE };
	enum rc rc = token_read(v->tx, &k, &row);

	*id = rc == RC_OK ? row.id : SLICE_NONE;
	if (rc == RC_OK && row.expires <= v->now)
		return RC_NOT_FOUND;
	return rc;
}
