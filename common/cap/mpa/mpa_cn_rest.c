/* SPDX-License-Identifier: Apache-2.0 */
/* What nodes ask of the operator by their service connections: their keys and credentials. */
#include "config.h"

#include <stdio.h>

#include "cap/mpa/mpa_cn.h"
#include "codec/json_fields.h"

#define KEY_BODY_MAX 512u

/* In the arena of its request. */
struct asking {
	struct mpa_cn *cn;
	const struct cn_row *row;
	struct cn_op how;
};

static void
begin(struct req *rq)
{
	const struct asking *a = endpoint_state(rq);

	if (cn_op_begin(a->cn, a->row, &a->how) == RC_OK)
		return;
	req_answer(rq)->retry_after = 1;
	endpoint_finish(rq, endpoint_refuse(rq, RC_UNAVAILABLE, SLICE_LIT("OVERLOAD")));
}

static enum rc
ask_book(struct mpa_cn *cn, struct req *rq, const struct req_input *in, const struct cn_row *row)
{
	struct asking *a = ARENA_NEW(req_arena(rq), struct asking);
	struct endpoint_who who;
	struct node_id node;
	enum rc rc = cn_identify(cn, rq, in, &who, &node);

	if (rc != RC_OK)
		return rc;
	if (a == NULL)
		return endpoint_refuse(rq, RC_UNAVAILABLE, SLICE_LIT("OVERLOAD"));
	*a = (struct asking){ .cn = cn, .row = row };
	a->how = (struct cn_op){ .rq = rq, .node = node, .id = who.scl_id, .body = in->body };
	return endpoint_pend(rq, begin, a);
}

/* ---- keys ---- */

struct key_wish {
	struct slice public_key, signature;
};

static bool
octets_of(struct slice text, uint8_t *to, size_t n)
{
	struct buf b;
	bool ok;

	buf_init(&b, n);
	ok = cn_take_octets(text, n, &b) && b.n == n;
	if (ok)
		memcpy(to, b.p, n);
	buf_fini(&b);
	return ok;
}

/* Whoever registers a key has it: else it could be taken for that of somebody else. */
static enum rc
prove(struct cn_op *op, struct sign_public *key)
{
	static const struct json_field fields[] = {
		JSON_FIELD(struct key_wish, public_key, "publicKey", JSON_TEXT, true),
		JSON_FIELD(struct key_wish, signature, "signature", JSON_TEXT, true),
	};
	uint8_t signature[SIGN_SIZE];
	struct key_wish wish;
	struct buf message;
	enum rc rc;

	if (!json_read(op->body, fields, 2, &wish) ||
	    !octets_of(wish.public_key, key->v, SIGN_PUBLIC_SIZE) ||
	    !octets_of(wish.signature, signature, SIGN_SIZE))
		return cn_refused(op->cn, MPA_FORM, "key", op->id, &op->reason);
	buf_init(&message, KEY_BODY_MAX);
	buf_slice(&message, CN_KEY_DOMAIN);
	buf_add(&message, op->node.v, NODE_ID_BYTES);
	buf_slice(&message, op->id);
	rc = message.failed ? RC_UNAVAILABLE
	                    : sign_verify(key, SIGN_OWN, buf_view(&message), signature);
	buf_fini(&message);
	if (rc == RC_FORBIDDEN)
		return cn_refused(op->cn, MPA_SIGNED, "key", op->id, &op->reason);
	return rc;
}

static bool
same_key(const struct cn_party *p, const struct sign_public *key)
{
	return memcmp(p->key.v, key->v, SIGN_PUBLIC_SIZE) == 0;
}

static enum rc
run_key(struct cn_op *op, struct tables_tx *tx)
{
	struct cn_party p, named;
	struct sign_public key;
	enum rc rc = prove(op, &key), other;

	if (rc != RC_OK)
		return rc;
	rc = cn_party_get(tx, &op->node, &p);
	other = cn_party_named(tx, op->id, &named);
	op->then = RC_NO_CONTENT;
	if (rc == RC_OK && same_key(&p, &key) && slice_eq(p.scl_id, op->id))
		return RC_OK;
	if (rc == RC_OK || other == RC_OK)
		return cn_refuse_op(op, RC_CONFLICT, "KEY_IN_USE");
	if (rc != RC_NOT_FOUND || other != RC_NOT_FOUND)
		return rc != RC_NOT_FOUND ? rc : other;
	/* Whoever comes now would not be among those that are asked about. */
	rc = cn_sure_of(op, NULL);
	if (rc != RC_OK)
		return rc;
	p = (struct cn_party){ .node = op->node, .key = key, .scl_id = op->id };
	op->then = RC_CREATED;
	cn_count(op->cn, CN_KEYS_N);
	return cn_party_put(tx, &p);
}

const struct cn_row cn_row_key = { REQ_UPDATE, "", "mpa-key", run_key };

enum rc
cn_key_serve(void *arg, struct req *rq, const struct req_input *in)
{
	if (in->op != REQ_UPDATE)
		return endpoint_not_allowed(rq, "PUT");
	if (!cn_is_type(in->content_type, CN_JSON))
		return endpoint_refuse(rq, RC_MEDIA_TYPE, SLICE_NONE);
	return ask_book(arg, rq, in, &cn_row_key);
}

/* ---- credentials ---- */

struct listing {
	struct cn_op *op;
	struct tables_tx *tx;
};

static bool
put_revoked(void *arg, const struct mpa_serial *serial)
{
	struct cn_op *op = arg;
	uint8_t octets[SIGN_PUBLIC_SIZE + MPA_SERIAL_SIZE];

	memcpy(octets, serial->issuer.v, SIGN_PUBLIC_SIZE);
	memcpy(octets + SIGN_PUBLIC_SIZE, serial->v, MPA_SERIAL_SIZE);
	cn_put_octets(&op->answer, NULL, slice_make(octets, sizeof(octets)));
	return !op->answer.failed;
}

static uint64_t
end_of(struct slice octets)
{
	uint64_t end = UINT64_MAX;
	struct mpa_chain c;

	if (mpa_chain_parse(octets, &c, NULL) != RC_OK)
		return 0;
	for (size_t i = 0; i < c.n; i++)
		if (c.link[i].not_after < end)
			end = c.link[i].not_after;
	return end;
}

static bool
put_credential(void *arg, const struct cn_credential *c)
{
	struct listing *l = arg;
	struct buf *b = &l->op->answer;
	struct cn_server s;
	uint64_t a = end_of(c->from_cn), z = end_of(c->from_s);

	/* Those of a server without a contract went with it. */
	if (cn_server_get(l->tx, c->server, &s) != RC_OK)
		return true;
	json_put_open(b, NULL, '{');
	json_put_open(b, "server", '{');
	json_put_text(b, "id", s.id);
	cn_put_public(b, "publicKey", &s.key);
	buf_char(b, '}');
	cn_put_octets(b, "fromNetwork", c->from_cn);
	cn_put_octets(b, "fromServer", c->from_s);
	json_put_number(b, "notAfter", (int64_t)(a < z ? a : z));
	buf_char(b, '}');
	return !b->failed;
}

static enum rc
run_credentials(struct cn_op *op, struct tables_tx *tx)
{
	struct listing l = { op, tx };
	enum rc rc;

	json_put_open(&op->answer, NULL, '{');
	cn_put_network(op->cn, &op->answer);
	json_put_open(&op->answer, "credentials", '[');
	rc = cn_credentials(tx, &op->node, put_credential, &l);
	buf_char(&op->answer, ']');
	json_put_open(&op->answer, "revoked", '[');
	if (rc == RC_OK)
		rc = cn_revoked(tx, MPA_ACCESS_POINT, put_revoked, op);
	buf_puts(&op->answer, "]}");
	return rc;
}

const struct cn_row cn_row_credentials = { REQ_RETRIEVE, "", "mpa-credentials", run_credentials };

enum rc
cn_credentials_serve(void *arg, struct req *rq, const struct req_input *in)
{
	if (in->op != REQ_RETRIEVE || in->head)
		return endpoint_not_allowed(rq, "GET");
	return ask_book(arg, rq, in, &cn_row_credentials);
}

/* ---- where ---- */

static enum rc
add(struct mpa_cn *cn, struct endpoint *e, char path[CN_PATH_MAX], const char *tail,
    enum rc (*serve)(void *arg, struct req *rq, const struct req_input *in), size_t body_max)
{
	struct slice base = scl_base_path(cn->scl);
	int n = snprintf(path, CN_PATH_MAX, "%.*s/mpa/%s", (int)base.n, base.p, tail);

	if (n < 0 || n >= (int)CN_PATH_MAX)
		return RC_BAD_REQUEST;
	*e = (struct endpoint){ .path = path,
		                .serve = SERVE_MID,
		                .body_max = body_max,
		                .internal = true,
		                .serve_request = serve,
		                .arg = cn };
	return endpoint_add(cn->scl, e);
}

enum rc
cn_rest_open(struct mpa_cn *cn)
{
	enum rc rc = add(cn, &cn->key, cn->key_path, "key", cn_key_serve, KEY_BODY_MAX);

	if (rc == RC_OK)
		rc = add(cn, &cn->credentials, cn->credentials_path, "credentials",
		         cn_credentials_serve, 0);
	if (rc == RC_OK)
		rc = add(cn, &cn->anchor, cn->anchor_path, "anchor", cn_anchor_serve, 0);
	return rc == RC_OK ? add(cn, &cn->transcripts, cn->transcripts_path, "transcripts",
	                         cn_transcripts_serve, MPA_TRANSCRIPT_MAX)
	                   : rc;
}
