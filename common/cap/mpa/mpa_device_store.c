/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The credentials of a device in its book, sealed: so that it can prove itself to its gateway also
 * when the NSCL is out of reach after a start. What is revoked is asked for again.
 *
 *   C   record: node id as the secret; LV16 W1 || W3, LV16 W2 || W4 as the name
 */
#include "config.h"

#include "cap/mpa/mpa_device_own.h"

#include "sec/record.h"
#include "store/pack.h"

#define TABLE_CREDENTIALS 'C'
#define CREDENTIALS_TYPE 2 /* of the record */

void
mpad_credentials_clear(struct mpad_credentials *c)
{
	buf_fini(&c->from_cn);
	buf_fini(&c->from_s);
	buf_init(&c->from_cn, MPA_CHAIN_MAX);
	buf_init(&c->from_s, MPA_CHAIN_MAX);
	c->not_after = 0;
}

static enum rc
take_record(struct mpad *d, const struct node_id *node, struct slice octets)
{
	struct mpad_offer offer = { .node = node };
	uint8_t kept[NODE_ID_BYTES];
	struct record r;
	struct unpack u;
	uint64_t not_after;
	size_t n = 0;
	enum rc rc = record_parse(&octets, &r);

	if (rc == RC_OK && (octets.n > 0 || r.type != CREDENTIALS_TYPE))
		rc = RC_PRECONDITION;
	if (rc == RC_OK)
		rc = record_open(d->book.seal, &r, kept, sizeof(kept), &n);
	if (rc != RC_OK)
		return rc;
	u = unpack_of(r.name);
	offer.from_cn = unpack_text(&u, MPA_CHAIN_MAX);
	offer.from_s = unpack_text(&u, MPA_CHAIN_MAX);
	if (!unpack_done(&u) || n != sizeof(kept))
		return RC_PRECONDITION;
	if (memcmp(kept, node->v, sizeof(kept)) != 0)
		return RC_NOT_FOUND;
	rc = mpad_check(d, &offer, &not_after, NULL);
	if (rc != RC_OK)
		return rc;
	mpad_credentials_clear(&d->credentials);
	buf_slice(&d->credentials.from_cn, offer.from_cn);
	buf_slice(&d->credentials.from_s, offer.from_s);
	if (d->credentials.from_cn.failed || d->credentials.from_s.failed) {
		mpad_credentials_clear(&d->credentials);
		return RC_UNAVAILABLE;
	}
	d->credentials.node = *node;
	d->credentials.not_after = not_after;
	return RC_OK;
}

enum rc
mpad_load(struct mpad *d, const struct node_id *node)
{
	struct table_key at = table_key(TABLE_CREDENTIALS);
	struct tables_tx *tx;
	struct slice octets;
	enum rc rc = tables_read(&d->book.tables, &tx);

	if (rc != RC_OK)
		return rc;
	rc = tables_get(tx, table_key_view(&at), &octets);
	if (rc == RC_OK)
		rc = take_record(d, node, octets);
	tables_abort(tx);
	return rc;
}

static enum rc
put_record(struct mpad *d, const struct buf *name)
{
	const struct mpad_credentials *c = &d->credentials;
	const struct record r = { .type = CREDENTIALS_TYPE,
		                  .not_after = c->not_after,
		                  .name = buf_view(name) };
	struct table_key at = table_key(TABLE_CREDENTIALS);
	struct tables_tx *tx;
	struct buf octets;
	enum rc rc;

	buf_init(&octets, RECORD_MAX);
	rc = record_seal(d->book.seal, &r, slice_make(c->node.v, NODE_ID_BYTES), &octets);
	if (rc == RC_OK)
		rc = tables_begin(&d->book.tables, &tx);
	if (rc == RC_OK) {
		rc = tables_put(tx, table_key_view(&at), buf_view(&octets));
		if (rc == RC_OK)
			rc = tables_commit(tx);
		else
			tables_abort(tx);
	}
	buf_fini(&octets);
	return rc;
}

enum rc
mpad_store(struct mpad *d)
{
	struct buf name;
	enum rc rc;

	buf_init(&name, RECORD_NAME_MAX);
	pack_text(&name, buf_view(&d->credentials.from_cn));
	pack_text(&name, buf_view(&d->credentials.from_s));
	rc = name.failed ? RC_UNAVAILABLE : put_record(d, &name);
	buf_fini(&name);
	return rc;
}
