/* SPDX-License-Identifier: Apache-2.0 */
/* Contracts with MTC servers: their keys and contacts, the agreements W1 and W2. */
#include "config.h"

#include "base/uri.h"
#include "cap/mpa/mpa_cn.h"
#include "codec/json_fields.h"

static bool
public_of(struct slice text, struct sign_public *out)
{
	struct buf b;
	bool ok;

	buf_init(&b, SIGN_PUBLIC_SIZE);
	ok = cn_take_octets(text, SIGN_PUBLIC_SIZE, &b) && b.n == SIGN_PUBLIC_SIZE;
	if (ok)
		memcpy(out->v, b.p, SIGN_PUBLIC_SIZE);
	buf_fini(&b);
	return ok && sign_public_ok(out);
}

/* ---- the contract ---- */

struct contract {
	struct slice public_key, contact, application;
	int64_t not_after;
};

static bool
contract_read(const struct cn_op *op, struct contract *out, struct sign_public *key)
{
	static const struct json_field fields[] = {
		JSON_FIELD(struct contract, public_key, "publicKey", JSON_TEXT, true),
		JSON_FIELD(struct contract, contact, "contact", JSON_TEXT, false),
		JSON_FIELD(struct contract, application, "application", JSON_TEXT, false),
		JSON_FIELD(struct contract, not_after, "notAfter", JSON_NUMBER, false),
	};
	struct uri u;

	*out = (struct contract){ .not_after = 0 };
	if (!json_read(op->body, fields, sizeof(fields) / sizeof(fields[0]), out) ||
	    !public_of(out->public_key, key) || out->contact.n > CN_CONTACT_MAX ||
	    out->application.n > CN_APPLICATION_MAX || out->not_after < 0)
		return false;
	return out->contact.n == 0 ||
	       (uri_parse(out->contact, &u) &&
	        (slice_is(u.scheme, "https") || slice_is(u.scheme, "http")) && u.host.n > 0);
}

static enum rc
issue_w1(struct cn_op *op, struct tables_tx *tx, const struct sign_public *key, int64_t not_after,
         struct buf *w1)
{
	const struct mpa_cn *cn = op->cn;
	int64_t until =
		not_after != 0 ? not_after : op->now + cn->conf->warrant_time / CLOCK_SECOND;
	const struct mpa_grant g = { .kind = MPA_AGREEMENT,
		                     .depth = 1,
		                     .rights = MPA_MAY_CERTIFY,
		                     .not_before = (uint64_t)op->now,
		                     .not_after = (uint64_t)until,
		                     .delegate = *key,
		                     .delegate_id = op->id,
		                     .issuer_id = cn->id,
		                     .scope = SLICE_LIT("*") };
	enum rc rc;

	if (!cn_has_room(cn, 1))
		return cn_refuse_op(op, RC_NO_SPACE, "FULL");
	if (until <= op->now || mpa_warrant_issue(&g, cn->book.key, NULL, w1, NULL) != RC_OK)
		return cn_refuse_op(op, RC_BAD_REQUEST, "BAD_PARAM");
	rc = cn_note(op, tx, buf_view(w1), op->id);
	op->changed = true;
	return rc;
}

static void
put_w1(struct cn_op *op, struct slice w1)
{
	struct mpa_warrant w;

	json_put_open(&op->answer, NULL, '{');
	if (mpa_warrant_parse(w1, &w) == RC_OK)
		json_put_hex(&op->answer, "serial", w.serial, MPA_SERIAL_SIZE);
	cn_put_octets(&op->answer, "warrant", w1);
	cn_put_network(op->cn, &op->answer);
	buf_char(&op->answer, '}');
}

static bool
count_server(void *arg, const struct cn_server *s)
{
	unsigned *n = arg;

	(void)s;
	(*n)++;
	return true;
}

/* Whether W1 is still of use: of the key that there is now, not over, and not revoked. */
static bool
w1_stands(const struct cn_op *op, struct tables_tx *tx, struct slice w1)
{
	struct mpa_serial serial;
	struct mpa_warrant w;

	if (mpa_warrant_parse(w1, &w) != RC_OK || w.not_after <= (uint64_t)op->now ||
	    memcmp(w.delegator.v, op->cn->book.public.v, SIGN_PUBLIC_SIZE) != 0)
		return false;
	serial.issuer = w.delegator;
	memcpy(serial.v, w.serial, MPA_SERIAL_SIZE);
	return !cn_is_revoked(tx, &serial);
}

/* s: as it is now, or new with its id alone. w1, w2 and what stays are copied before the change. */
static enum rc
put_server(struct cn_op *op, struct tables_tx *tx, const struct contract *c,
           const struct sign_public *key, const struct cn_server *old, struct buf *w1)
{
	struct cn_server s = { .id = op->id,
		               .key = *key,
		               .state = old->state == 0 ? CN_OFFERED : old->state,
		               .contact = c->contact,
		               .application = c->application };
	struct buf w2;
	enum rc rc = RC_OK;

	buf_init(&w2, MPA_WARRANT_MAX);
	buf_slice(&w2, old->w2);
	if (c->not_after == 0 && w1_stands(op, tx, old->w1))
		buf_slice(w1, old->w1);
	else
		rc = issue_w1(op, tx, key, c->not_after, w1);
	s.w1 = buf_view(w1);
	s.w2 = buf_view(&w2);
	if (rc == RC_OK)
		rc = w1->failed || w2.failed ? RC_UNAVAILABLE : cn_server_put(tx, &s);
	buf_fini(&w2);
	return rc;
}

static enum rc
run_put(struct cn_op *op, struct tables_tx *tx)
{
	struct cn_server old = { .state = 0 };
	struct contract c;
	struct sign_public key;
	unsigned n = 0;
	struct buf w1;
	enum rc rc;

	if (!contract_read(op, &c, &key))
		return cn_refuse_op(op, RC_BAD_REQUEST, "BAD_PARAM");
	rc = cn_server_get(tx, op->id, &old);
	if (rc == RC_OK && memcmp(old.key.v, key.v, SIGN_PUBLIC_SIZE) != 0)
		return cn_refuse_op(op, RC_CONFLICT, "EXISTS");
	op->then = rc == RC_OK ? RC_OK : RC_CREATED;
	if (rc == RC_NOT_FOUND)
		rc = cn_servers(tx, count_server, &n);
	if (rc == RC_OK && n >= op->cn->conf->servers_max)
		return cn_refuse_op(op, RC_NO_SPACE, "FULL");
	if (rc != RC_OK)
		return rc;
	buf_init(&w1, MPA_WARRANT_MAX);
	rc = put_server(op, tx, &c, &key, &old, &w1);
	if (rc == RC_OK)
		put_w1(op, buf_view(&w1));
	buf_fini(&w1);
	return rc;
}

/* ---- W2 ---- */

static bool
warrant_read(const struct cn_op *op, struct buf *out)
{
	static const struct json_field fields[] = { { "warrant", JSON_TEXT, true, 0 } };
	struct slice text;

	return json_read(op->body, fields, 1, &text) && cn_take_octets(text, MPA_WARRANT_MAX, out);
}

/* Of that server alone, and for this operator, who has to be able to use it. */
static enum rc
check_w2(struct cn_op *op, struct tables_tx *tx, const struct cn_server *s, struct slice octets)
{
	const struct mpa_revocations revocations = cn_revocations(tx);
	const struct mpa_anchor root = { s->key, s->id };
	struct mpa_terms terms = { .roots = &root,
		                   .n_roots = 1,
		                   .kind = MPA_AGREEMENT,
		                   .rights = MPA_MAY_CERTIFY,
		                   .now = op->now,
		                   .revocations = &revocations };
	enum mpa_cause why;
	struct mpa_chain c;

	if (mpa_chain_parse(octets, &c, &why) == RC_OK)
		terms.place = c.last->scope;
	if (mpa_chain_check(octets, &terms, &c, &why) != RC_OK)
		return cn_refused(op->cn, why, "agreement", s->id, &op->reason);
	if (c.n != 1 || c.last->depth == 0 || !slice_eq(c.last->delegate_id, op->cn->id) ||
	    memcmp(c.last->delegate.v, op->cn->book.public.v, SIGN_PUBLIC_SIZE) != 0)
		return cn_refused(op->cn, MPA_NAME, "agreement", s->id, &op->reason);
	return RC_OK;
}

static enum rc
agree(struct cn_op *op, struct tables_tx *tx, struct slice w2)
{
	struct cn_server s;
	struct buf kept;
	size_t at[3];
	enum rc rc = cn_server_get(tx, op->id, &s);

	if (rc == RC_OK)
		rc = check_w2(op, tx, &s, w2);
	if (rc == RC_OK && !cn_has_room(op->cn, 1))
		return cn_refuse_op(op, RC_NO_SPACE, "FULL");
	if (rc != RC_OK)
		return rc;
	/* What is in the record must outlive the change before it is written again. */
	buf_init(&kept, CN_CONTACT_MAX + CN_APPLICATION_MAX + MPA_WARRANT_MAX);
	at[0] = s.contact.n;
	at[1] = s.application.n;
	at[2] = s.w1.n;
	buf_slice(&kept, s.contact);
	buf_slice(&kept, s.application);
	buf_slice(&kept, s.w1);
	s.contact = slice_make(kept.p, at[0]);
	s.application = slice_make(kept.p + at[0], at[1]);
	s.w1 = slice_make(kept.p + at[0] + at[1], at[2]);
	s.w2 = w2;
	s.state = CN_ACTIVE;
	op->changed = true;
	op->then = RC_NO_CONTENT;
	rc = kept.failed ? RC_UNAVAILABLE : cn_note(op, tx, w2, op->id);
	if (rc == RC_OK)
		rc = cn_server_put(tx, &s);
	buf_fini(&kept);
	return rc;
}

static enum rc
run_agreement(struct cn_op *op, struct tables_tx *tx)
{
	struct buf w2;
	enum rc rc;

	buf_init(&w2, MPA_WARRANT_MAX);
	rc = warrant_read(op, &w2) ? agree(op, tx, buf_view(&w2))
	                           : cn_refuse_op(op, RC_BAD_REQUEST, "BAD_PARAM");
	buf_fini(&w2);
	return rc;
}

/* ---- looking, ending ---- */

static bool
put_row(void *arg, const struct cn_server *s)
{
	struct cn_op *op = arg;
	struct mpa_warrant w;
	struct buf *b = &op->answer;

	json_put_open(b, NULL, '{');
	json_put_text(b, "id", s->id);
	cn_put_public(b, "publicKey", &s->key);
	json_put_text(b, "contact", s->contact);
	json_put_text(b, "application", s->application);
	json_put_text(b, "state",
	              s->state == CN_ACTIVE ? SLICE_LIT("active") : SLICE_LIT("offered"));
	if (mpa_warrant_parse(s->w1, &w) == RC_OK)
		json_put_number(b, "notAfter", (int64_t)w.not_after);
	buf_char(b, '}');
	return !b->failed;
}

static enum rc
run_list(struct cn_op *op, struct tables_tx *tx)
{
	enum rc rc;

	json_put_open(&op->answer, NULL, '{');
	json_put_open(&op->answer, "servers", '[');
	rc = cn_servers(tx, put_row, op);
	buf_puts(&op->answer, "]}");
	return rc;
}

static enum rc
run_get(struct cn_op *op, struct tables_tx *tx)
{
	struct cn_server s;
	enum rc rc = cn_server_get(tx, op->id, &s);

	if (rc == RC_OK)
		put_row(op, &s);
	return rc == RC_NOT_FOUND ? cn_refuse_op(op, rc, "NO_SERVER") : rc;
}

static enum rc
run_end(struct cn_op *op, struct tables_tx *tx)
{
	struct cn_server s;
	enum rc rc = cn_server_get(tx, op->id, &s);

	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? cn_refuse_op(op, rc, "NO_SERVER") : rc;
	rc = cn_revoke_all(tx, MPA_AGREEMENT, op->id, &op->revoked);
	if (rc == RC_OK)
		rc = cn_credentials_del(tx, NULL, &op->id);
	if (rc == RC_OK)
		rc = cn_server_del(tx, op->id);
	op->changed = true;
	op->then = RC_NO_CONTENT;
	return rc;
}

const struct cn_row cn_rows_servers[] = {
	{ REQ_UPDATE, "warrants/servers/*", "mpa-server-put", run_put },
	{ REQ_CREATE, "warrants/servers/*/agreement", "mpa-agreement", run_agreement },
	{ REQ_RETRIEVE, "warrants/servers", "mpa-servers", run_list },
	{ REQ_RETRIEVE, "warrants/servers/*", "mpa-server-get", run_get },
	{ REQ_DELETE, "warrants/servers/*", "mpa-server-end", run_end },
};
const unsigned cn_n_rows_servers = sizeof(cn_rows_servers) / sizeof(cn_rows_servers[0]);
