/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that parties have registered, the list of all warrants, revocation. */
#include "config.h"

#include "cap/mpa/mpa_cn.h"
#include "codec/json_fields.h"
#include "sec/hex.h"

#define LIST_MAX 500u

/* ---- keys ---- */

static enum rc
find_party(struct cn_op *op, struct tables_tx *tx, struct cn_party *p)
{
	struct node_id node;
	enum rc rc = RC_NOT_FOUND;

	if (node_id_parse(op->id, &node))
		rc = cn_party_get(tx, &node, p);
	if (rc == RC_NOT_FOUND)
		rc = cn_party_named(tx, op->id, p);
	return rc == RC_NOT_FOUND ? cn_refuse_op(op, rc, "NO_KEY") : rc;
}

static enum rc
run_key(struct cn_op *op, struct tables_tx *tx)
{
	struct cn_party p;
	enum rc rc = find_party(op, tx, &p);

	if (rc != RC_OK)
		return rc;
	json_put_open(&op->answer, NULL, '{');
	json_put_hex(&op->answer, "nodeId", p.node.v, NODE_ID_BYTES);
	json_put_text(&op->answer, "sclId", p.scl_id);
	cn_put_public(&op->answer, "publicKey", &p.key);
	buf_char(&op->answer, '}');
	return RC_OK;
}

static enum rc
drop_party(struct cn_op *op, struct tables_tx *tx, const struct cn_party *found)
{
	char scl[SCL_ID_MAX + 1] = "";
	struct cn_party p = *found;
	enum rc rc;

	/* The record goes away under it. */
	(void)slice_copy(p.scl_id, scl, sizeof(scl));
	p.scl_id = slice_of(scl);
	node_id_text(&p.node, op->dropped);
	rc = cn_revoke_all(tx, MPA_DEVICE, slice_of(op->dropped), &op->revoked);
	if (rc == RC_OK)
		rc = cn_revoke_all(tx, MPA_ACCESS_POINT, p.scl_id, &op->revoked);
	if (rc == RC_OK)
		rc = cn_credentials_del(tx, &p.node, NULL);
	if (rc == RC_OK)
		rc = cn_ap_del(tx, p.scl_id);
	if (rc == RC_OK)
		rc = cn_party_del(tx, &p);
	op->changed = true;
	op->then = RC_NO_CONTENT;
	return rc;
}

enum rc
cn_drop_node(struct cn_op *op, struct tables_tx *tx, const struct node_id *node)
{
	struct cn_party p;
	enum rc rc = cn_party_get(tx, node, &p);

	return rc == RC_NOT_FOUND ? RC_OK : rc == RC_OK ? drop_party(op, tx, &p) : rc;
}

static enum rc
run_key_delete(struct cn_op *op, struct tables_tx *tx)
{
	struct cn_party p;
	enum rc rc = find_party(op, tx, &p);

	return rc == RC_OK ? drop_party(op, tx, &p) : rc;
}

/* ---- all warrants ---- */

struct listing {
	struct cn_op *op;
	unsigned n, limit;
	struct table_key last;
	bool more;
};

static bool
put_warrant(void *arg, const struct cn_warrant *w)
{
	static const char *const kinds[] = { "", "agreement", "device", "accessPoint" };
	struct listing *l = arg;
	struct buf *b = &l->op->answer;

	l->more = l->n == l->limit;
	if (l->more)
		return false;
	l->n++;
	l->last = cn_warrant_key(w->serial.v, &w->serial.issuer);
	json_put_open(b, NULL, '{');
	json_put_hex(b, "serial", w->serial.v, MPA_SERIAL_SIZE);
	cn_put_public(b, "issuer", &w->serial.issuer);
	json_put_text(b, "kind", slice_of(kinds[w->kind]));
	json_put_text(b, "holder", w->holder);
	if (w->server.n > 0)
		json_put_text(b, "server", w->server);
	json_put_number(b, "notAfter", (int64_t)w->not_after);
	json_put_flag(b, "revoked", w->revoked);
	buf_char(b, '}');
	return !b->failed;
}

/* The query after=: the key of the last one of the page before, in hex. */
static bool
page_of(const struct cn_op *op, struct table_key *after)
{
	struct slice query = op->ask->query, hex;
	uint8_t octets[MPA_SERIAL_SIZE + SIGN_PUBLIC_SIZE];
	const struct slice name = SLICE_LIT("after=");

	*after = (struct table_key){ .n = 0 };
	if (query.n == 0)
		return true;
	hex = slice_from(query, name.n);
	if (!slice_starts(query, name) || !hex_decode(hex, octets, sizeof(octets)))
		return false;
	*after = table_key_of('W', octets, sizeof(octets));
	return true;
}

static enum rc
run_list(struct cn_op *op, struct tables_tx *tx)
{
	struct listing l = { .op = op, .limit = LIST_MAX };
	struct table_key after;
	uint64_t number;
	enum rc rc;

	if (!page_of(op, &after))
		return cn_refuse_op(op, RC_BAD_REQUEST, "BAD_PARAM");
	rc = cn_number(tx, &number);
	json_put_open(&op->answer, NULL, '{');
	json_put_number(&op->answer, "number", (int64_t)number);
	json_put_open(&op->answer, "warrants", '[');
	if (rc == RC_OK)
		rc = cn_warrants(tx, table_key_view(&after), put_warrant, &l);
	buf_char(&op->answer, ']');
	if (l.more)
		json_put_hex(&op->answer, "next", l.last.p + 1, l.last.n - 1);
	buf_char(&op->answer, '}');
	return rc;
}

/* ---- revocation ---- */

/* A serial number is its issuer's matter: all that have it. */
struct revoking {
	const uint8_t *serial;
	struct mpa_serial found[4];
	unsigned n;
};

static bool
find_serial(void *arg, const struct cn_warrant *w)
{
	struct revoking *r = arg;

	if (memcmp(w->serial.v, r->serial, MPA_SERIAL_SIZE) != 0)
		return false;
	r->found[r->n++] = w->serial;
	return r->n < sizeof(r->found) / sizeof(r->found[0]);
}

static enum rc
run_revoke(struct cn_op *op, struct tables_tx *tx)
{
	uint8_t serial[MPA_SERIAL_SIZE];
	struct revoking r = { .serial = serial };
	struct table_key before;
	bool news;
	enum rc rc;

	if (op->id.n != 2 * sizeof(serial) || !hex_decode(op->id, serial, sizeof(serial)))
		return cn_refuse_op(op, RC_NOT_FOUND, "NO_WARRANT");
	before = cn_warrant_key(serial, NULL);
	rc = cn_warrants(tx, table_key_view(&before), find_serial, &r);
	if (rc == RC_OK && r.n == 0)
		return cn_refuse_op(op, RC_NOT_FOUND, "NO_WARRANT");
	for (unsigned i = 0; i < r.n && rc == RC_OK; i++) {
		rc = cn_warrant_revoke(tx, &r.found[i], &news);
		op->revoked += news ? 1u : 0u;
	}
	op->changed = op->revoked > 0;
	op->then = RC_NO_CONTENT;
	return rc;
}

const struct cn_row cn_rows_list[] = {
	{ REQ_RETRIEVE, "warrants/keys/*", "mpa-key-get", run_key },
	{ REQ_DELETE, "warrants/keys/*", "mpa-key-delete", run_key_delete },
	{ REQ_RETRIEVE, "warrants", "mpa-warrants", run_list },
	{ REQ_DELETE, "warrants/*", "mpa-revoke", run_revoke },
};
const unsigned cn_n_rows_list = sizeof(cn_rows_list) / sizeof(cn_rows_list[0]);
