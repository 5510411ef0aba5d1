/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/mpa/mpa_rows.h"

#include "store/pack.h"

#define ROW_VERSION 1u
#define VALUE_MAX 8192u

enum { SERVER = 'S', PARTY = 'P', PARTY_NAME = 'Q', CHAINS = 'C', AP = 'A' };

static enum rc
put(struct tables_tx *tx, const struct table_key *k, struct buf *value)
{
	enum rc rc = value->failed || k->n == 0
	                     ? RC_BAD_REQUEST
	                     : tables_put(tx, table_key_view(k), buf_view(value));

	buf_fini(value);
	return rc;
}

static void
begin(struct buf *value)
{
	buf_init(value, VALUE_MAX);
	buf_char(value, (char)ROW_VERSION);
}

static enum rc
get(struct tables_tx *tx, const struct table_key *k, struct unpack *out)
{
	struct slice value;
	enum rc rc = k->n == 0 ? RC_NOT_FOUND : tables_get(tx, table_key_view(k), &value);

	if (rc != RC_OK)
		return rc;
	*out = unpack_of(value);
	return unpack_number(out, 1, UINT8_MAX) == ROW_VERSION ? RC_OK : RC_PRECONDITION;
}

/* ---- servers ---- */

static bool
server_read(struct unpack *u, struct slice id, struct cn_server *out)
{
	*out = (struct cn_server){ .id = id };
	unpack_into(u, out->key.v, SIGN_PUBLIC_SIZE);
	out->state = (enum cn_state)unpack_enum(u, CN_ACTIVE);
	out->contact = unpack_text(u, CN_CONTACT_MAX);
	out->application = unpack_text(u, CN_APPLICATION_MAX);
	out->w1 = unpack_text(u, MPA_WARRANT_MAX);
	out->w2 = unpack_text(u, MPA_WARRANT_MAX);
	return unpack_done(u);
}

enum rc
cn_server_get(struct tables_tx *tx, struct slice id, struct cn_server *out)
{
	struct table_key k = table_key_of(SERVER, id.p, id.n);
	struct unpack u;
	enum rc rc = get(tx, &k, &u);

	return rc == RC_OK && !server_read(&u, id, out) ? RC_PRECONDITION : rc;
}

enum rc
cn_server_put(struct tables_tx *tx, const struct cn_server *s)
{
	struct table_key k = table_key_of(SERVER, s->id.p, s->id.n);
	struct buf value;

	begin(&value);
	buf_add(&value, s->key.v, SIGN_PUBLIC_SIZE);
	buf_char(&value, (char)s->state);
	pack_text(&value, s->contact);
	pack_text(&value, s->application);
	pack_text(&value, s->w1);
	pack_text(&value, s->w2);
	return put(tx, &k, &value);
}

enum rc
cn_server_del(struct tables_tx *tx, struct slice id)
{
	struct table_key k = table_key_of(SERVER, id.p, id.n);

	return tables_del(tx, table_key_view(&k));
}

struct servers {
	bool (*visit)(void *arg, const struct cn_server *s);
	void *arg;
	enum rc rc;
};

static bool
server_visit(void *arg, struct slice key, struct slice val)
{
	struct servers *v = arg;
	struct unpack u = unpack_of(val);
	struct cn_server s;

	if (unpack_number(&u, 1, UINT8_MAX) != ROW_VERSION ||
	    !server_read(&u, slice_from(key, 1), &s))
		v->rc = RC_PRECONDITION;
	return v->rc == RC_OK && v->visit(v->arg, &s);
}

enum rc
cn_servers(struct tables_tx *tx, bool (*visit)(void *arg, const struct cn_server *s), void *arg)
{
	static const char prefix[] = { SERVER };
	struct servers v = { visit, arg, RC_OK };
	enum rc rc = tables_scan(tx, slice_make(prefix, 1), SLICE_NONE, 0, server_visit, &v);

	return rc == RC_OK ? v.rc : rc;
}

/* ---- parties ---- */

enum rc
cn_party_get(struct tables_tx *tx, const struct node_id *node, struct cn_party *out)
{
	struct table_key k = table_key_of(PARTY, node->v, NODE_ID_BYTES);
	struct unpack u;
	enum rc rc = get(tx, &k, &u);

	if (rc != RC_OK)
		return rc;
	*out = (struct cn_party){ .node = *node };
	unpack_into(&u, out->key.v, SIGN_PUBLIC_SIZE);
	out->scl_id = unpack_text(&u, SCL_ID_MAX);
	return unpack_done(&u) ? RC_OK : RC_PRECONDITION;
}

enum rc
cn_party_named(struct tables_tx *tx, struct slice scl_id, struct cn_party *out)
{
	struct table_key k = table_key_of(PARTY_NAME, scl_id.p, scl_id.n);
	struct node_id node;
	struct unpack u;
	enum rc rc = get(tx, &k, &u);

	if (rc != RC_OK)
		return rc;
	unpack_into(&u, node.v, NODE_ID_BYTES);
	return unpack_done(&u) ? cn_party_get(tx, &node, out) : RC_PRECONDITION;
}

struct finding {
	struct node_id *node;
	bool found;
};

static bool
party_visit(void *arg, struct slice key, struct slice val)
{
	struct finding *f = arg;

	(void)val;
	f->found = key.n == 1 + NODE_ID_BYTES;
	if (f->found)
		memcpy(f->node->v, key.p + 1, NODE_ID_BYTES);
	return false;
}

enum rc
cn_party_next(struct tables_tx *tx, const struct node_id *after, struct node_id *out)
{
	struct table_key from = { .n = 0 };
	struct finding f = { .node = out };
	static const char prefix[] = { PARTY };
	enum rc rc;

	if (after != NULL)
		from = table_key_of(PARTY, after->v, NODE_ID_BYTES);
	rc = tables_scan(tx, slice_make(prefix, 1), table_key_view(&from), 1, party_visit, &f);
	return rc == RC_OK && !f.found ? RC_NOT_FOUND : rc;
}

enum rc
cn_party_put(struct tables_tx *tx, const struct cn_party *p)
{
	struct table_key k = table_key_of(PARTY, p->node.v, NODE_ID_BYTES);
	struct buf value;
	enum rc rc;

	begin(&value);
	buf_add(&value, p->key.v, SIGN_PUBLIC_SIZE);
	pack_text(&value, p->scl_id);
	rc = put(tx, &k, &value);
	if (rc != RC_OK)
		return rc;
	k = table_key_of(PARTY_NAME, p->scl_id.p, p->scl_id.n);
	begin(&value);
	buf_add(&value, p->node.v, NODE_ID_BYTES);
	return put(tx, &k, &value);
}

enum rc
cn_party_del(struct tables_tx *tx, const struct cn_party *p)
{
	struct table_key name = table_key_of(PARTY_NAME, p->scl_id.p, p->scl_id.n);
	struct table_key k = table_key_of(PARTY, p->node.v, NODE_ID_BYTES);
	enum rc rc = tables_del(tx, table_key_view(&name));

	return rc == RC_OK ? tables_del(tx, table_key_view(&k)) : rc;
}

/* ---- access points ---- */

enum rc
cn_ap_get(struct tables_tx *tx, struct slice scl_id, struct slice *w5)
{
	struct table_key k = table_key_of(AP, scl_id.p, scl_id.n);

	return k.n == 0 ? RC_NOT_FOUND : tables_get(tx, table_key_view(&k), w5);
}

enum rc
cn_ap_put(struct tables_tx *tx, struct slice scl_id, struct slice w5)
{
	struct table_key k = table_key_of(AP, scl_id.p, scl_id.n);

	return tables_put(tx, table_key_view(&k), w5);
}

enum rc
cn_ap_del(struct tables_tx *tx, struct slice scl_id)
{
	struct table_key k = table_key_of(AP, scl_id.p, scl_id.n);

	return tables_del(tx, table_key_view(&k));
}

/* ---- credentials of devices ---- */

static struct table_key
credential_key(const struct node_id *node, struct slice server)
{
	struct table_key k = table_key_of(CHAINS, node->v, NODE_ID_BYTES);

	table_key_add(&k, server.p, server.n);
	return k;
}

enum rc
cn_credential_put(struct tables_tx *tx, const struct cn_credential *c)
{
	struct table_key k = credential_key(&c->node, c->server);
	struct buf value;

	begin(&value);
	pack_text(&value, c->from_cn);
	pack_text(&value, c->from_s);
	return put(tx, &k, &value);
}

static bool
credential_read(struct slice key, struct slice val, struct cn_credential *out)
{
	struct unpack u = unpack_of(val);

	if (key.n < 1 + NODE_ID_BYTES || unpack_number(&u, 1, UINT8_MAX) != ROW_VERSION)
		return false;
	memcpy(out->node.v, key.p + 1, NODE_ID_BYTES);
	out->server = slice_from(key, 1 + NODE_ID_BYTES);
	out->from_cn = unpack_text(&u, MPA_CHAIN_MAX);
	out->from_s = unpack_text(&u, MPA_CHAIN_MAX);
	return unpack_done(&u);
}

struct credentials {
	bool (*visit)(void *arg, const struct cn_credential *c);
	void *arg;
	enum rc rc;
};

static bool
credential_visit(void *arg, struct slice key, struct slice val)
{
	struct credentials *v = arg;
	struct cn_credential c;

	if (!credential_read(key, val, &c))
		v->rc = RC_PRECONDITION;
	return v->rc == RC_OK && v->visit(v->arg, &c);
}

enum rc
cn_credentials(struct tables_tx *tx, const struct node_id *node,
               bool (*visit)(void *arg, const struct cn_credential *c), void *arg)
{
	struct table_key k = credential_key(node, SLICE_LIT(""));
	struct credentials v = { visit, arg, RC_OK };
	enum rc rc = tables_scan(tx, table_key_view(&k), SLICE_NONE, 0, credential_visit, &v);

	return rc == RC_OK ? v.rc : rc;
}

#define SOME 32u /* records that are looked for at a time: while one is visited nothing changes */

struct deleting {
	const struct slice *server;
	struct table_key found[SOME];
	unsigned n;
	struct table_key last;
	bool more;
};

static bool
delete_visit(void *arg, struct slice key, struct slice val)
{
	struct deleting *d = arg;

	(void)val;
	d->last = table_key_of(key.p[0], key.p + 1, key.n - 1);
	if (d->server == NULL || slice_eq(slice_from(key, 1 + NODE_ID_BYTES), *d->server))
		d->found[d->n++] = d->last;
	d->more = d->n == SOME;
	return !d->more;
}

enum rc
cn_credentials_del(struct tables_tx *tx, const struct node_id *node, const struct slice *server)
{
	struct table_key k = node == NULL ? table_key(CHAINS) : credential_key(node, SLICE_LIT(""));
	struct deleting d = { .server = server };
	enum rc rc;

	do {
		d.n = 0;
		d.more = false;
		rc = tables_scan(tx, table_key_view(&k), table_key_view(&d.last), 0, delete_visit,
		                 &d);
		for (unsigned i = 0; i < d.n && rc == RC_OK; i++)
			rc = tables_del(tx, table_key_view(&d.found[i]));
	} while (rc == RC_OK && d.more);
	return rc;
}
