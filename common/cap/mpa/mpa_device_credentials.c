/* SPDX-License-Identifier: Apache-2.0 */
/* A device at its NSCL, over the service connection: its key, and what was issued for it. */
#include "config.h"

#include "cap/mpa/mpa_device_own.h"

#include <stdlib.h>

#include "codec/json_fields.h"
#include "sec/b64url.h"
#include "store/pack.h"

#define MEDIA_JSON "application/json"
#define KEY_DOMAIN "mpa key"
#define CREATED 201
#define NO_CONTENT 204

/* ---- one chain ---- */

static enum rc
check_one(struct mpad *d, struct slice octets, const struct mpa_anchor *root,
          const struct node_id *node, uint64_t *not_after, enum mpa_cause *why)
{
	const struct mpa_revocations revocations = mpad_revocations(d);
	struct mpa_terms terms = { .roots = root,
		                   .n_roots = 1,
		                   .kind = MPA_DEVICE,
		                   .rights = MPA_IS_DEVICE,
		                   .now = mpad_now(d),
		                   .revocations = &revocations };
	char name[NODE_ID_TEXT];
	struct mpa_chain chain;
	enum rc rc = mpa_chain_parse(octets, &chain, why);

	if (rc != RC_OK)
		return rc;
	/* Where it is valid shows at the gateway. */
	terms.place = chain.link[chain.n - 1].scope;
	rc = mpa_chain_check(octets, &terms, &chain, why);
	if (rc != RC_OK)
		return rc;
	node_id_text(node, name);
	if (!slice_is(chain.last->delegate_id, name) ||
	    memcmp(chain.last->delegate.v, d->book.public.v, SIGN_PUBLIC_SIZE) != 0) {
		*why = MPA_NAME;
		return RC_FORBIDDEN;
	}
	if (chain.not_after < *not_after)
		*not_after = chain.not_after;
	return RC_OK;
}

enum rc
mpad_check(struct mpad *d, const struct mpad_offer *offer, uint64_t *not_after, enum mpa_cause *why)
{
	const struct mpa_anchor cn = { .key = d->network }, s = { .key = d->server };
	enum mpa_cause cause = MPA_FINE;
	enum rc rc;

	*not_after = UINT64_MAX;
	rc = check_one(d, offer->from_cn, &cn, offer->node, not_after, &cause);
	if (rc == RC_OK)
		rc = check_one(d, offer->from_s, &s, offer->node, not_after, &cause);
	if (why != NULL)
		*why = cause;
	return rc;
}

/* ---- the key ---- */

/* Its own signature over what says whose it is. */
static enum rc
sign_key(const struct mpad *d, uint8_t out[SIGN_SIZE])
{
	struct buf message;
	enum rc rc;

	buf_init(&message, sizeof(KEY_DOMAIN) + NODE_ID_BYTES + SCL_ID_MAX);
	buf_puts(&message, KEY_DOMAIN);
	buf_add(&message, d->node.v, NODE_ID_BYTES);
	buf_puts(&message, d->cap->scl_id);
	rc = message.failed ? RC_UNAVAILABLE
	                    : sign_make(d->book.key, SIGN_OWN, buf_view(&message), out);
	buf_fini(&message);
	return rc;
}

static enum rc
put_key(struct mpad *d, struct buf *body)
{
	char public[B64URL_LEN(SIGN_PUBLIC_SIZE)], text[B64URL_LEN(SIGN_SIZE)];
	uint8_t signature[SIGN_SIZE];
	enum rc rc = sign_key(d, signature);

	if (rc != RC_OK)
		return rc;
	b64url_encode(public, d->book.public.v, SIGN_PUBLIC_SIZE);
	b64url_encode(text, signature, sizeof(signature));
	json_put_open(body, NULL, '{');
	json_put_text(body, "publicKey", slice_make(public, sizeof(public)));
	json_put_text(body, "signature", slice_make(text, sizeof(text)));
	buf_char(body, '}');
	return RC_OK;
}

static enum rc
register_key(struct mpad *d)
{
	struct buf *body = mpad_begin(d, "PUT", d->nscl, "/mpa/key");
	enum rc rc = put_key(d, body);
	int status;

	if (rc != RC_OK)
		return rc;
	d->request.type = MEDIA_JSON;
	d->request.issuer = true;
	status = mpad_send(d);
	if (status == CREATED || status == NO_CONTENT) {
		d->registered = true;
		mpad_count(d, MPAD_N_KEYS, 1);
		return RC_OK;
	}
	if (status == MPAD_NO_ANSWER)
		return RC_UNAVAILABLE;
	mpad_count(d, MPAD_N_KEYS_REFUSED, 1);
	LOG_WARN(d->log, "mpa-key-refused", LOG_N("status", status));
	return RC_DENIED;
}

/* ---- what was issued ---- */

struct row {
	struct slice server, from_cn, from_s;
};

struct party {
	struct slice key;
};

static bool
octets_of(struct slice text, uint8_t *to, size_t max, size_t *n)
{
	*n = b64url_octets(text.n);
	return *n <= max && b64url_decode(text, to);
}

static bool
is_pinned(struct slice text, const struct sign_public *pinned)
{
	uint8_t v[SIGN_PUBLIC_SIZE];
	size_t n;

	return octets_of(text, v, sizeof(v), &n) && n == sizeof(v) &&
	       memcmp(v, pinned->v, sizeof(v)) == 0;
}

static bool
read_row(struct slice item, struct row *row)
{
	static const struct json_field fields[] = {
		JSON_FIELD(struct row, server, "server", JSON_OBJECT, true),
		JSON_FIELD(struct row, from_cn, "fromNetwork", JSON_TEXT, true),
		JSON_FIELD(struct row, from_s, "fromServer", JSON_TEXT, true),
	};
	static const struct json_field of_server[] = {
		JSON_FIELD(struct party, key, "publicKey", JSON_TEXT, true),
	};
	struct party server;

	if (!json_pick(item, fields, sizeof(fields) / sizeof(fields[0]), row) ||
	    !json_pick(row->server, of_server, 1, &server))
		return false;
	row->server = server.key;
	return true;
}

/* Those of the pinned server. */
static bool
find_row(const struct mpad *d, struct slice list, struct row *out)
{
	struct slice item;
	struct row row;

	while (json_item(&list, &item) == 1) {
		if (!read_row(item, &row) || !is_pinned(row.server, &d->server))
			continue;
		*out = row;
		return true;
	}
	return false;
}

/* All of them or none: one that is left out would be trusted. */
static bool
read_revoked(struct mpad *d, struct slice list)
{
	uint8_t octets[SIGN_PUBLIC_SIZE + MPA_SERIAL_SIZE];
	struct slice item, text;
	size_t count = 0, n;
	int more;

	while ((more = json_item(&list, &item)) == 1) {
		struct mpa_serial *s = &d->incoming[count];

		if (count == MPAD_REVOKED_MAX || !json_item_text(item, &text) ||
		    !octets_of(text, octets, sizeof(octets), &n) || n != sizeof(octets))
			return false;
		memcpy(s->issuer.v, octets, SIGN_PUBLIC_SIZE);
		memcpy(s->v, octets + SIGN_PUBLIC_SIZE, MPA_SERIAL_SIZE);
		count++;
	}
	if (more != 0)
		return false;
	memcpy(d->credentials.revoked, d->incoming, count * sizeof(d->incoming[0]));
	d->credentials.n_revoked = count;
	return true;
}

static bool
same(const struct buf *have, struct slice offered)
{
	return slice_eq(buf_view(have), offered);
}

/* RC_OK also when it is what there is already. */
static enum rc
take_offer(struct mpad *d, const struct mpad_offer *offer)
{
	struct mpad_credentials *c = &d->credentials;
	enum mpa_cause why;
	uint64_t not_after;
	enum rc rc = mpad_check(d, offer, &not_after, &why);

	if (rc != RC_OK) {
		mpad_count(d, MPAD_N_CREDENTIALS_REFUSED, 1);
		mpad_refused(d, "mpa-credentials-refused", why);
		return RC_DENIED;
	}
	if (node_id_eq(&c->node, offer->node) && same(&c->from_cn, offer->from_cn) &&
	    same(&c->from_s, offer->from_s))
		return RC_OK;
	mpad_credentials_clear(c);
	buf_slice(&c->from_cn, offer->from_cn);
	buf_slice(&c->from_s, offer->from_s);
	if (c->from_cn.failed || c->from_s.failed) {
		mpad_credentials_clear(c);
		return RC_UNAVAILABLE;
	}
	c->node = *offer->node;
	c->not_after = not_after;
	d->known = false;
	mpad_count(d, MPAD_N_CREDENTIALS, 1);
	LOG_INFO(d->log, "mpa-credentials", LOG_N("not_after", (int64_t)not_after));
	return mpad_store(d);
}

static enum rc
take_row(struct mpad *d, const struct row *row)
{
	uint8_t *octets = malloc(2 * (size_t)MPA_CHAIN_MAX);
	struct mpad_offer offer = { .node = &d->node };
	size_t n_cn, n_s;
	enum rc rc = RC_DENIED;

	if (octets == NULL)
		return RC_UNAVAILABLE;
	if (octets_of(row->from_cn, octets, MPA_CHAIN_MAX, &n_cn) &&
	    octets_of(row->from_s, octets + MPA_CHAIN_MAX, MPA_CHAIN_MAX, &n_s)) {
		offer.from_cn = slice_make(octets, n_cn);
		offer.from_s = slice_make(octets + MPA_CHAIN_MAX, n_s);
		rc = take_offer(d, &offer);
	}
	free(octets);
	return rc;
}

struct doc {
	struct slice credentials, revoked;
};

static enum rc
take_doc(struct mpad *d, struct slice text)
{
	static const struct json_field fields[] = {
		JSON_FIELD(struct doc, credentials, "credentials", JSON_LIST, true),
		JSON_FIELD(struct doc, revoked, "revoked", JSON_LIST, true),
	};
	struct doc doc = { .credentials = SLICE_NONE };
	struct row row;

	if (!json_pick(text, fields, sizeof(fields) / sizeof(fields[0]), &doc) ||
	    !read_revoked(d, doc.revoked)) {
		mpad_count(d, MPAD_N_CREDENTIALS_REFUSED, 1);
		mpad_refused(d, "mpa-credentials-refused", MPA_FORM);
		return RC_DENIED;
	}
	if (find_row(d, doc.credentials, &row))
		return take_row(d, &row);
	/* They were taken back, or are still to be issued. */
	if (d->credentials.from_cn.n > 0) {
		LOG_WARN(d->log, "mpa-credentials-gone", LOG_Z("nscl", d->nscl));
		mpad_credentials_clear(&d->credentials);
		(void)mpad_store(d);
	}
	return RC_NOT_FOUND;
}

static void
keep_tag(struct mpad *d)
{
	if (!string_set(d->etag, MPAD_TAG_MAX, mpad_answer_tag(d)))
		d->etag[0] = '\0';
}

enum rc
mpad_fetch(struct mpad *d)
{
	enum rc rc = d->registered ? RC_OK : register_key(d);
	int status;

	if (rc != RC_OK)
		return rc;
	mpad_begin(d, "GET", d->nscl, "/mpa/credentials");
	d->request.issuer = true;
	d->request.if_none_match = d->etag[0] == '\0' ? NULL : d->etag;
	status = mpad_send(d);
	if (status == 304)
		return RC_OK;
	d->etag[0] = '\0';
	if (status == 200) {
		rc = take_doc(d, mpad_answer(d));
		if (rc == RC_OK)
			keep_tag(d);
		return rc;
	}
	/* An NSCL that has forgotten the key is told again. */
	d->registered = false;
	return status == MPAD_NO_ANSWER ? RC_UNAVAILABLE : RC_DENIED;
}
