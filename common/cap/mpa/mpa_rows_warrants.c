/* SPDX-License-Identifier: Apache-2.0 */
/* Warrants in the book, and which of them were revoked. */
#include "config.h"

#include "cap/mpa/mpa_rows.h"
#include "store/pack.h"

#define ROW_VERSION 1u
#define VALUE_MAX 1024u
#define SOME 32u

enum { WARRANT = 'W', REVOKED = 'R', NUMBER = 'N' };

#define KEY_SIZE (1u + MPA_SERIAL_SIZE + SIGN_PUBLIC_SIZE)

struct table_key
cn_warrant_key(const uint8_t serial[MPA_SERIAL_SIZE], const struct sign_public *issuer)
{
	struct table_key k = table_key_of(WARRANT, serial, MPA_SERIAL_SIZE);

	if (issuer != NULL)
		table_key_add(&k, issuer->v, SIGN_PUBLIC_SIZE);
	return k;
}

static struct table_key
revoked_key(const struct mpa_serial *s)
{
	struct table_key k = table_key_of(REVOKED, s->issuer.v, SIGN_PUBLIC_SIZE);

	table_key_add(&k, s->v, MPA_SERIAL_SIZE);
	return k;
}

/* ---- one ---- */

static enum rc
put(struct tables_tx *tx, const struct cn_warrant *w)
{
	struct table_key k = cn_warrant_key(w->serial.v, &w->serial.issuer);
	struct buf value;
	enum rc rc;

	buf_init(&value, VALUE_MAX);
	buf_char(&value, (char)ROW_VERSION);
	buf_char(&value, (char)w->kind);
	buf_char(&value, (char)w->revoked);
	buf_be(&value, w->not_after, 8);
	pack_text(&value, w->holder);
	pack_text(&value, w->server);
	rc = value.failed ? RC_BAD_REQUEST : tables_put(tx, table_key_view(&k), buf_view(&value));
	buf_fini(&value);
	return rc;
}

static bool
parse(struct slice key, struct slice val, struct cn_warrant *out)
{
	struct unpack u = unpack_of(val);

	if (key.n != KEY_SIZE || unpack_number(&u, 1, UINT8_MAX) != ROW_VERSION)
		return false;
	memcpy(out->serial.v, key.p + 1, MPA_SERIAL_SIZE);
	memcpy(out->serial.issuer.v, key.p + 1 + MPA_SERIAL_SIZE, SIGN_PUBLIC_SIZE);
	out->kind = (enum mpa_kind)unpack_enum(&u, MPA_ACCESS_POINT);
	out->revoked = unpack_flag(&u);
	out->not_after = unpack_number(&u, 8, UINT64_MAX);
	out->holder = unpack_text(&u, MPA_ID_MAX);
	out->server = unpack_text(&u, MPA_ID_MAX);
	return unpack_done(&u);
}

static struct cn_warrant
row_of(const struct mpa_warrant *w, struct slice server)
{
	struct cn_warrant row = { .serial.issuer = w->delegator,
		                  .kind = w->kind,
		                  .not_after = w->not_after,
		                  .holder = w->delegate_id,
		                  .server = server };

	memcpy(row.serial.v, w->serial, MPA_SERIAL_SIZE);
	return row;
}

enum rc
cn_warrant_put(struct tables_tx *tx, const struct mpa_warrant *w, struct slice server)
{
	struct cn_warrant row = row_of(w, server);

	return put(tx, &row);
}

enum rc
cn_warrant_known(struct tables_tx *tx, const struct mpa_warrant *w, struct slice server,
                 bool *known)
{
	struct cn_warrant want = row_of(w, server), row;
	struct table_key k = cn_warrant_key(w->serial, &w->delegator);
	struct slice value;
	enum rc rc = tables_get(tx, table_key_view(&k), &value);

	*known = rc == RC_OK;
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	if (!parse(table_key_view(&k), value, &row))
		return RC_PRECONDITION;
	return row.kind == want.kind && row.not_after == want.not_after &&
	                       slice_eq(row.holder, want.holder) &&
	                       slice_eq(row.server, want.server)
	               ? RC_OK
	               : RC_CONFLICT;
}

/* ---- revocations ---- */

enum rc
cn_number(struct tables_tx *tx, uint64_t *out)
{
	struct table_key k = table_key(NUMBER);
	struct slice value;
	struct unpack u;
	enum rc rc = tables_get(tx, table_key_view(&k), &value);

	*out = 0;
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	u = unpack_of(value);
	*out = unpack_number(&u, 8, UINT64_MAX);
	return unpack_done(&u) ? RC_OK : RC_PRECONDITION;
}

static enum rc
count(struct tables_tx *tx)
{
	struct table_key k = table_key(NUMBER);
	struct buf value;
	uint64_t n;
	enum rc rc = cn_number(tx, &n);

	buf_init(&value, 8);
	buf_be(&value, n + 1, 8);
	if (rc == RC_OK)
		rc = value.failed ? RC_UNAVAILABLE
		                  : tables_put(tx, table_key_view(&k), buf_view(&value));
	buf_fini(&value);
	return rc;
}

bool
cn_is_revoked(struct tables_tx *tx, const struct mpa_serial *serial)
{
	struct table_key k = revoked_key(serial);

	return tables_has(tx, table_key_view(&k));
}

enum rc
cn_warrant_revoke(struct tables_tx *tx, const struct mpa_serial *serial, bool *news)
{
	struct table_key k = cn_warrant_key(serial->v, &serial->issuer), r = revoked_key(serial);
	struct cn_warrant w;
	struct slice value;
	char kind;
	enum rc rc = tables_get(tx, table_key_view(&k), &value);
	char copy[VALUE_MAX];

	*news = false;
	if (rc != RC_OK)
		return rc;
	if (value.n > sizeof(copy))
		return RC_PRECONDITION;
	/* What is read must outlive the first change. */
	memcpy(copy, value.p, value.n);
	if (!parse(table_key_view(&k), slice_make(copy, value.n), &w))
		return RC_PRECONDITION;
	if (w.revoked)
		return RC_OK;
	*news = w.revoked = true;
	kind = (char)w.kind;
	rc = put(tx, &w);
	if (rc == RC_OK)
		rc = tables_put(tx, table_key_view(&r), slice_make(&kind, 1));
	return rc == RC_OK ? count(tx) : rc;
}

struct revoked {
	unsigned kind;
	bool (*visit)(void *arg, const struct mpa_serial *serial);
	void *arg;
};

static bool
revoked_visit(void *arg, struct slice key, struct slice val)
{
	const struct revoked *v = arg;
	struct mpa_serial s;

	if (key.n != KEY_SIZE || val.n != 1 || (v->kind != 0 && (unsigned)val.p[0] != v->kind))
		return true;
	memcpy(s.issuer.v, key.p + 1, SIGN_PUBLIC_SIZE);
	memcpy(s.v, key.p + 1 + SIGN_PUBLIC_SIZE, MPA_SERIAL_SIZE);
	return v->visit(v->arg, &s);
}

enum rc
cn_revoked(struct tables_tx *tx, unsigned kind,
           bool (*visit)(void *arg, const struct mpa_serial *serial), void *arg)
{
	static const char prefix[] = { REVOKED };
	struct revoked v = { kind, visit, arg };

	return tables_scan(tx, slice_make(prefix, 1), SLICE_NONE, 0, revoked_visit, &v);
}

/* ---- all ---- */

struct warrants {
	bool (*visit)(void *arg, const struct cn_warrant *w);
	void *arg;
	enum rc rc;
};

static bool
warrant_visit(void *arg, struct slice key, struct slice val)
{
	struct warrants *v = arg;
	struct cn_warrant w;

	if (!parse(key, val, &w))
		v->rc = RC_PRECONDITION;
	return v->rc == RC_OK && v->visit(v->arg, &w);
}

enum rc
cn_warrants(struct tables_tx *tx, struct slice after,
            bool (*visit)(void *arg, const struct cn_warrant *w), void *arg)
{
	static const char prefix[] = { WARRANT };
	struct warrants v = { visit, arg, RC_OK };
	enum rc rc = tables_scan(tx, slice_make(prefix, 1), after, 0, warrant_visit, &v);

	return rc == RC_OK ? v.rc : rc;
}

/* Of those that something is to be done with so many at a time: what is visited does not change. */
struct choosing {
	enum mpa_kind kind; /* to revoke: those of that kind and name */
	struct slice name;
	uint64_t before; /* those that have ended before then, unless 0 */
	struct mpa_serial found[SOME];
	unsigned n, limit;
	struct table_key last;
	bool more;
};

static bool
is_chosen(const struct choosing *c, const struct cn_warrant *w)
{
	if (c->before != 0)
		return w->not_after < c->before;
	return !w->revoked && w->kind == c->kind &&
	       slice_eq(w->kind == MPA_AGREEMENT ? w->server : w->holder, c->name);
}

static bool
choose(void *arg, const struct cn_warrant *w)
{
	struct choosing *c = arg;

	c->last = cn_warrant_key(w->serial.v, &w->serial.issuer);
	if (is_chosen(c, w))
		c->found[c->n++] = w->serial;
	c->more = c->n == c->limit;
	return !c->more;
}

static enum rc
choose_some(struct tables_tx *tx, struct choosing *c)
{
	c->n = 0;
	c->more = false;
	return cn_warrants(tx, table_key_view(&c->last), choose, c);
}

enum rc
cn_revoke_all(struct tables_tx *tx, enum mpa_kind kind, struct slice name, unsigned *n)
{
	struct choosing c = { .kind = kind, .name = name, .limit = SOME };
	bool news;
	enum rc rc;

	do {
		rc = choose_some(tx, &c);
		for (unsigned i = 0; i < c.n && rc == RC_OK; i++, (*n)++)
			rc = cn_warrant_revoke(tx, &c.found[i], &news);
	} while (rc == RC_OK && c.more);
	return rc;
}

enum rc
cn_forget(struct tables_tx *tx, uint64_t before, unsigned limit, unsigned *n)
{
	struct choosing c = { .before = before, .limit = limit < SOME ? limit : SOME };
	enum rc rc = choose_some(tx, &c);

	for (unsigned i = 0; i < c.n && rc == RC_OK; i++) {
		struct table_key k = cn_warrant_key(c.found[i].v, &c.found[i].issuer);
		struct table_key r = revoked_key(&c.found[i]);

		rc = tables_del(tx, table_key_view(&k));
		if (rc == RC_OK)
			rc = tables_del(tx, table_key_view(&r));
	}
	*n = c.n;
	return rc;
}
