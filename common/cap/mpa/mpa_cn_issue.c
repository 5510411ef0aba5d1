/* SPDX-License-Identifier: Apache-2.0 */
/* Warrants of devices and access points. */
#include "config.h"

#include "cap/mpa/mpa_cn.h"
#include "codec/json_fields.h"

static void
put_issued(struct cn_op *op, struct slice octets)
{
	struct mpa_warrant w;

	json_put_open(&op->answer, NULL, '{');
	if (mpa_warrant_parse(octets, &w) == RC_OK) {
		json_put_hex(&op->answer, "serial", w.serial, MPA_SERIAL_SIZE);
		json_put_number(&op->answer, "notAfter", (int64_t)w.not_after);
	}
	cn_put_octets(&op->answer, "warrant", octets);
	buf_char(&op->answer, '}');
	op->changed = true;
	op->then = RC_CREATED;
}

/* ---- devices ---- */

struct device_wish {
	struct slice server, warrant, scope;
	int64_t rights, not_after;
};

/* All that W3 and W4 are made of; copies where the store's may move. */
struct device_case {
	struct device_wish wish;
	struct buf from_cn, from_s; /* chains */
	struct cn_server server;
	struct cn_party party;
	char name[NODE_ID_TEXT];
	struct mpa_warrant w3; /* in from_cn */
};

static bool
wish_read(const struct cn_op *op, struct device_wish *out)
{
	static const struct json_field fields[] = {
		JSON_FIELD(struct device_wish, server, "server", JSON_TEXT, true),
		JSON_FIELD(struct device_wish, warrant, "warrant", JSON_TEXT, true),
		JSON_FIELD(struct device_wish, scope, "scope", JSON_TEXT, false),
		JSON_FIELD(struct device_wish, rights, "rights", JSON_NUMBER, false),
		JSON_FIELD(struct device_wish, not_after, "notAfter", JSON_NUMBER, false),
	};

	*out = (struct device_wish){ .rights = 0 };
	return json_read(op->body, fields, sizeof(fields) / sizeof(fields[0]), out) &&
	       out->rights >= 0 && out->rights <= (int64_t)MPA_RIGHTS_ALL && out->not_after >= 0;
}

static enum rc
find_parties(struct cn_op *op, struct tables_tx *tx, struct device_case *d)
{
	struct node_id node;
	enum rc rc = RC_NOT_FOUND;

	if (node_id_parse(op->id, &node))
		rc = cn_party_get(tx, &node, &d->party);
	if (rc == RC_NOT_FOUND)
		return cn_refuse_op(op, rc, "NO_KEY");
	if (rc == RC_OK)
		rc = cn_server_get(tx, d->wish.server, &d->server);
	if (rc == RC_NOT_FOUND || (rc == RC_OK && d->server.state != CN_ACTIVE))
		return cn_refuse_op(op, RC_NOT_FOUND, "NO_SERVER");
	node_id_text(&node, d->name);
	return rc == RC_OK ? cn_sure_of(op, &node) : rc;
}

/* W3: the server's, under W1, for this device and its key, wherever it is to be valid. */
static enum rc
check_w3(struct cn_op *op, struct tables_tx *tx, struct device_case *d)
{
	const struct mpa_revocations revocations = cn_revocations(tx);
	const struct mpa_anchor root = { op->cn->book.public, op->cn->id };
	struct mpa_terms terms = { .roots = &root,
		                   .n_roots = 1,
		                   .kind = MPA_DEVICE,
		                   .rights = MPA_IS_DEVICE,
		                   .now = op->now,
		                   .revocations = &revocations };
	struct slice octets = buf_view(&d->from_cn);
	struct mpa_chain c;
	enum mpa_cause why;

	if (mpa_chain_parse(octets, &c, &why) == RC_OK)
		terms.place = c.last->scope;
	if (mpa_chain_check(octets, &terms, &c, &why) != RC_OK)
		return cn_refused(op->cn, why, "credential", op->id, &op->reason);
	if (c.n != 2 || !slice_is(c.last->delegate_id, d->name) ||
	    memcmp(c.last->delegate.v, d->party.key.v, SIGN_PUBLIC_SIZE) != 0)
		return cn_refused(op->cn, MPA_NAME, "credential", op->id, &op->reason);
	d->w3 = *c.last;
	return RC_OK;
}

static uint64_t
sooner(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static enum rc
issue_w4(struct cn_op *op, const struct device_case *d, struct buf *w4)
{
	const struct device_wish *wish = &d->wish;
	struct mpa_warrant w2;
	struct mpa_grant g = { .kind = MPA_DEVICE,
		               .rights = wish->rights != 0 ? (uint32_t)wish->rights | MPA_IS_DEVICE
		                                           : d->w3.rights,
		               .delegate = d->party.key,
		               .delegate_id = slice_of(d->name),
		               .scope = wish->scope.p != NULL ? wish->scope : d->w3.scope,
		               .parent = d->server.w2 };
	enum mpa_cause why;

	if (mpa_warrant_parse(d->server.w2, &w2) != RC_OK)
		return RC_PRECONDITION;
	g.not_before = w2.not_before > (uint64_t)op->now ? w2.not_before : (uint64_t)op->now;
	g.not_after = wish->not_after != 0 ? (uint64_t)wish->not_after
	                                   : sooner(w2.not_after, d->w3.not_after);
	if (g.not_after <= g.not_before)
		return cn_refuse_op(op, RC_BAD_REQUEST, "BAD_PARAM");
	if (mpa_warrant_issue(&g, op->cn->book.key, NULL, w4, &why) == RC_OK)
		return RC_OK;
	return cn_refuse_op(op, RC_FORBIDDEN, mpa_cause_text(why));
}

static enum rc
keep_credential(struct cn_op *op, struct tables_tx *tx, const struct device_case *d,
                struct slice w3, struct slice w4)
{
	const struct cn_credential c = { .node = d->party.node,
		                         .server = d->wish.server,
		                         .from_cn = buf_view(&d->from_cn),
		                         .from_s = buf_view(&d->from_s) };
	enum rc rc = d->from_s.failed ? RC_UNAVAILABLE : cn_note(op, tx, w3, d->wish.server);

	if (rc == RC_OK)
		rc = cn_note(op, tx, w4, d->wish.server);
	return rc == RC_OK ? cn_credential_put(tx, &c) : rc;
}

static enum rc
certify(struct cn_op *op, struct tables_tx *tx, struct device_case *d)
{
	struct buf w4;
	size_t w1_size;
	enum rc rc = find_parties(op, tx, d);

	if (rc != RC_OK)
		return rc;
	if (!cn_has_room(op->cn, 2))
		return cn_refuse_op(op, RC_NO_SPACE, "FULL");
	w1_size = d->server.w1.n;
	buf_slice(&d->from_cn, d->server.w1);
	if (!cn_take_octets(d->wish.warrant, MPA_WARRANT_MAX, &d->from_cn))
		return cn_refuse_op(op, RC_BAD_REQUEST, "BAD_PARAM");
	rc = check_w3(op, tx, d);
	if (rc != RC_OK)
		return rc;
	buf_init(&w4, MPA_WARRANT_MAX);
	rc = issue_w4(op, d, &w4);
	buf_slice(&d->from_s, d->server.w2);
	buf_slice(&d->from_s, buf_view(&w4));
	if (rc == RC_OK)
		rc = keep_credential(op, tx, d, slice_from(buf_view(&d->from_cn), w1_size),
		                     buf_view(&w4));
	if (rc == RC_OK)
		put_issued(op, buf_view(&w4));
	buf_fini(&w4);
	return rc;
}

static enum rc
run_device(struct cn_op *op, struct tables_tx *tx)
{
	struct device_case d = { .name = "" };
	enum rc rc;

	if (!wish_read(op, &d.wish))
		return cn_refuse_op(op, RC_BAD_REQUEST, "BAD_PARAM");
	buf_init(&d.from_cn, MPA_CHAIN_MAX);
	buf_init(&d.from_s, MPA_CHAIN_MAX);
	rc = certify(op, tx, &d);
	buf_fini(&d.from_cn);
	buf_fini(&d.from_s);
	return rc;
}

/* ---- access points ---- */

static enum rc
issue_w5(struct cn_op *op, struct tables_tx *tx, const struct cn_party *p, int64_t not_after)
{
	const struct mpa_cn *cn = op->cn;
	int64_t until =
		not_after != 0 ? not_after : op->now + cn->conf->warrant_time / CLOCK_SECOND;
	const struct mpa_grant g = { .kind = MPA_ACCESS_POINT,
		                     .rights = MPA_IS_AP,
		                     .not_before = (uint64_t)op->now,
		                     .not_after = (uint64_t)until,
		                     .delegate = p->key,
		                     .delegate_id = op->id,
		                     .issuer_id = cn->id,
		                     .scope = op->id };
	struct buf w5;
	enum rc rc;

	if (!cn_has_room(cn, 1))
		return cn_refuse_op(op, RC_NO_SPACE, "FULL");
	buf_init(&w5, MPA_WARRANT_MAX);
	rc = until > op->now ? mpa_warrant_issue(&g, cn->book.key, NULL, &w5, NULL)
	                     : RC_BAD_REQUEST;
	if (rc == RC_OK)
		rc = cn_note(op, tx, buf_view(&w5), SLICE_LIT(""));
	if (rc == RC_OK)
		rc = cn_ap_put(tx, op->id, buf_view(&w5));
	if (rc == RC_OK)
		put_issued(op, buf_view(&w5));
	buf_fini(&w5);
	return rc;
}

static enum rc
run_access_point(struct cn_op *op, struct tables_tx *tx)
{
	static const struct json_field fields[] = { { "notAfter", JSON_NUMBER, false, 0 } };
	int64_t not_after = 0;
	struct cn_party p;
	enum rc rc;

	if ((op->body.n > 0 && !json_read(op->body, fields, 1, &not_after)) || not_after < 0 ||
	    !scl_id_ok(op->id))
		return cn_refuse_op(op, RC_BAD_REQUEST, "BAD_PARAM");
	rc = cn_party_named(tx, op->id, &p);
	if (rc == RC_NOT_FOUND)
		return cn_refuse_op(op, rc, "NO_KEY");
	if (rc == RC_OK)
		rc = cn_sure_of(op, &p.node);
	return rc == RC_OK ? issue_w5(op, tx, &p, not_after) : rc;
}

const struct cn_row cn_rows_issue[] = {
	{ REQ_CREATE, "warrants/devices/*", "mpa-device", run_device },
	{ REQ_CREATE, "warrants/accessPoints/*", "mpa-access-point", run_access_point },
};
const unsigned cn_n_rows_issue = sizeof(cn_rows_issue) / sizeof(cn_rows_issue[0]);
