/* SPDX-License-Identifier: Apache-2.0 */
/* Records of sessions, and reading of sessions. */
#include "config.h"

#include "cap/sgs/sgs_book_impl.h"

/* ---- records ---- */

/* *again: it was taken before. */
static enum rc
message_check(const struct sgs_session_row *row, const struct sgs_message *m, bool *again)
{
	bool by_i = m->by == row->i;
	uint64_t next = by_i ? row->next_i : row->next_j;
	uint64_t other = by_i ? row->next_j : row->next_i;

	*again = false;
	if (!by_i && m->by != row->j)
		return RC_FORBIDDEN;
	if (row->state != SGS_OPEN)
		return RC_PRECONDITION;
	if (m->confirm != (m->ctr == 0))
		return RC_BAD_REQUEST;
	*again = m->ctr < next;
	if (*again)
		return RC_OK;
	if (m->ctr > next)
		return RC_CONFLICT;
	if (m->ctr >= SGS_RECORDS_MAX || (m->ctr > 0 && other == 0))
		return RC_PRECONDITION;
	return RC_OK;
}

static enum rc
message_put(struct sgs_turn *t, struct sgs_message *m, struct sgs_session_row *row)
{
	const struct sgs_load l = { .octets = m->octets, .ttl = t->b->conf.limits.item_ttl };
	bool by_i = m->by == row->i;
	uint64_t to = by_i ? row->j : row->i;
	enum rc rc = sgs_item_put(t, to, &l);

	if (rc != RC_OK)
		return rc;
	(*(by_i ? &row->next_i : &row->next_j))++;
	sgs_op_tells(&m->op, SGS_TOLD_ITEM, to);
	return sgs_session_put(t->tx, m->sid, row);
}

static enum rc
run_message(struct sgs_turn *t, struct sgs_op *op)
{
	struct sgs_message *m = (struct sgs_message *)(void *)op;
	struct sgs_session_row row;
	enum rc rc;

	m->again = false;
	if (m->octets.n == 0)
		return RC_BAD_REQUEST;
	if (m->octets.n > t->b->conf.limits.message_max)
		return RC_TOO_LARGE;
	rc = sgs_session_row(t->tx, m->sid, t->now, &row);
	if (rc == RC_OK)
		rc = message_check(&row, m, &m->again);
	if (rc != RC_OK)
		return rc;
	if (!m->again)
		return message_put(t, m, &row);
	t->totals.repeated++;
	return RC_OK;
}

void
sgs_message_put(struct sgs_book *b, struct sgs_message *m)
{
	sgs_op_submit(b, &m->op, m->octets.n, run_message);
}

/* ---- reading ---- */

enum rc
sgs_session_get(const struct sgs_view *v, const uint8_t sid[SGS_SID_BYTES], struct sgs_session *out)
{
	struct sgs_session_row row = { 0 };
	enum rc rc = sgs_session_row(v->tx, sid, v->now, &row);

	*out = (struct sgs_session){ .sid = sid,
		                     .i = row.i,
		                     .j = row.j,
		                     .state = (enum sgs_state)row.state,
		                     .suite = (uint8_t)row.suite,
		                     .serial = (uint32_t)row.serial,
		                     .created = (int64_t)row.created,
		                     .expires = (int64_t)row.expires,
		                     .opened = (int64_t)row.opened,
		                     .next_i = (uint32_t)row.next_i,
		                     .next_j = (uint32_t)row.next_j };
	return rc;
}

enum rc
sgs_session_state(const struct sgs_view *v, const uint8_t sid[SGS_SID_BYTES], void *out, size_t max,
                  size_t *n)
{
	struct table_key k = sgs_key_id(SGS_T_STATE, sid);
	struct sgs_session_row row;
	enum rc rc = sgs_session_row(v->tx, sid, v->now, &row);

	*n = 0;
	if (rc != RC_OK || row.kept == 0) {
		secret_wipe(out, max);
		return rc;
	}
	return sgs_must(sgs_secret_get(v->book, v->tx, &k, SGS_SECRET_STATE, out, max, n));
}

bool
sgs_replayed(const struct sgs_view *v, uint64_t device, const uint8_t sid[SGS_SID_BYTES])
{
	struct table_key k = sgs_key_of(SGS_T_REPLAY, device, sid);

	return tables_has(v->tx, table_key_view(&k));
}

struct listing {
	const struct sgs_view *v;
	size_t at; /* where the sid is in a key */
	size_t left; /* SIZE_MAX: any number */
	sgs_session_visit *visit;
	void *arg;
	enum rc rc;
};

static bool
list_one(void *arg, struct slice key, struct slice val)
{
	struct listing *l = arg;
	struct sgs_session s;

	(void)val;
	l->rc = key.n == l->at + SGS_SID_BYTES
	                ? sgs_session_get(l->v, (const uint8_t *)key.p + l->at, &s)
	                : RC_INTERNAL;
	if (l->rc == RC_OK)
		return l->visit(l->arg, &s) && --l->left > 0;
	if (l->rc == RC_NOT_FOUND)
		l->rc = RC_OK;
	return l->rc == RC_OK;
}

enum rc
sgs_session_list(const struct sgs_view *v, uint64_t of, const uint8_t *after, size_t max,
                 sgs_session_visit *visit, void *arg)
{
	struct table_key prefix = of == 0 ? table_key(SGS_T_SESSION) : sgs_key1(SGS_T_PARTY, of);
	struct table_key from = prefix;
	struct listing l = { .v = v,
		             .at = prefix.n,
		             .left = max == 0 ? SIZE_MAX : max,
		             .visit = visit,
		             .arg = arg,
		             .rc = RC_OK };
	enum rc rc;

	if (after != NULL)
		table_key_add(&from, after, SGS_SID_BYTES);
	rc = tables_scan(v->tx, table_key_view(&prefix),
	                 after == NULL ? SLICE_NONE : table_key_view(&from), 0, list_one, &l);
	return rc == RC_OK ? l.rc : rc;
}
