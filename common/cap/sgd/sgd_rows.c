/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sgd/sgd_rows.h"

#include <openssl/sha.h>

#include "sec/cipher.h"
#include "store/pack.h"

#define FORMAT 1u
#define CID 0x0004 /* AES-256-GCM */
#define NONCE 12u
#define TAG 16u

/* ---- keys ---- */

struct table_key
sgd_key(enum sgd_table t, const void *id, size_t n)
{
	return table_key_of((char)t, id, n);
}

struct table_key
sgd_key_number(enum sgd_table t, const void *id, size_t n, uint64_t number, unsigned size)
{
	struct table_key k = table_key_of((char)t, id, n);

	table_key_number(&k, number, size);
	return k;
}

static enum rc
name_of(const void *p, size_t n, struct sgd_dest *out)
{
	uint8_t hash[SHA256_DIGEST_LENGTH];

	if (SHA256(p, n, hash) == NULL)
		return RC_INTERNAL;
	memcpy(out->v, hash, sizeof(out->v));
	return RC_OK;
}

enum rc
sgd_dest_of(const struct sgd_dest_row *row, struct sgd_dest *out)
{
	char text[3 + 2 * SGA_ID_MAX];
	size_t n = 0;

	text[n++] = row->group ? 'g' : 'p';
	memcpy(text + n, row->server.v, row->server.n);
	n += row->server.n;
	text[n++] = '\0';
	memcpy(text + n, row->name.v, row->name.n);
	return name_of(text, n + row->name.n, out);
}

enum rc
sgd_server_key(const struct sga_id *server, struct sgd_dest *out)
{
	return name_of(server->v, server->n, out);
}

/* ---- what is wrapped: version 1 | nonce 12 | ciphertext | tag 16 ---- */

enum rc
sgd_wrap(const struct key *key, struct slice at, struct slice val, struct buf *to)
{
	size_t n = to->n;
	char *p = buf_reserve(to, 1 + NONCE + val.n + TAG);
	enum rc rc;

	if (p == NULL)
		return RC_UNAVAILABLE;
	p[0] = FORMAT;
	rc = secret_random(p + 1, NONCE);
	if (rc == RC_OK)
		rc = aead_seal_once(cipher_find(CID), key->v, (const uint8_t *)p + 1, at, val,
		                    (uint8_t *)p + 1 + NONCE);
	to->n = rc == RC_OK ? n + 1 + NONCE + val.n + TAG : n;
	return rc;
}

enum rc
sgd_unwrap(const struct key *key, struct slice at, struct slice val, struct buf *to)
{
	size_t n;
	char *p;
	enum rc rc;

	if (val.n < 1 + NONCE + TAG || val.p[0] != FORMAT)
		return RC_DENIED;
	n = val.n - 1 - NONCE - TAG;
	p = buf_reserve(to, n + 1);
	if (p == NULL)
		return RC_UNAVAILABLE;
	rc = aead_open_once(cipher_find(CID), key->v, (const uint8_t *)val.p + 1, at,
	                    slice_from(val, 1 + NONCE), (uint8_t *)p);
	if (rc == RC_OK)
		to->n += n;
	return rc == RC_BAD_REQUEST ? RC_DENIED : rc;
}

size_t
sgd_unwrapped(size_t n)
{
	return n < 1 + NONCE + TAG ? 0 : n - 1 - NONCE - TAG;
}

/* ---- rows ---- */

static struct unpack
open_row(struct slice val)
{
	struct unpack u = unpack_of(val);

	if (unpack_number(&u, 1, UINT8_MAX) != FORMAT)
		u.bad = true;
	return u;
}

static void
put_id(struct buf *to, const struct sga_id *id)
{
	buf_be(to, id->n, 1);
	buf_add(to, id->v, id->n);
}

static void
get_id(struct unpack *u, struct sga_id *out)
{
	size_t n = (size_t)unpack_number(u, 1, SGA_ID_MAX);
	char text[SGA_ID_MAX];

	unpack_into(u, text, n);
	if (u->bad || sga_id_make(slice_make(text, n), out) != RC_OK)
		u->bad = true;
}

void
sgd_totals_write(const struct sgd_totals *t, struct buf *to)
{
	buf_be(to, FORMAT, 1);
	buf_be(to, t->messages, 8);
	buf_be(to, t->items, 8);
	buf_be(to, t->inbox_items, 8);
	buf_be(to, t->inbox_octets, 8);
	buf_be(to, t->dests, 8);
}

bool
sgd_totals_read(struct slice val, struct sgd_totals *out)
{
	struct unpack u = open_row(val);

	out->messages = unpack_number(&u, 8, UINT64_MAX);
	out->items = unpack_number(&u, 8, UINT64_MAX);
	out->inbox_items = unpack_number(&u, 8, UINT64_MAX);
	out->inbox_octets = unpack_number(&u, 8, UINT64_MAX);
	out->dests = unpack_number(&u, 8, UINT64_MAX);
	return unpack_done(&u);
}

void
sgd_dest_write(const struct sgd_dest_row *d, struct buf *to)
{
	buf_be(to, FORMAT, 1);
	buf_be(to, d->group, 1);
	put_id(to, &d->server);
	put_id(to, &d->name);
	buf_be(to, d->items, 4);
	buf_be(to, d->octets, 8);
}

bool
sgd_dest_read(struct slice val, struct sgd_dest_row *out)
{
	struct unpack u = open_row(val);

	*out = (struct sgd_dest_row){ .group = unpack_flag(&u) };
	get_id(&u, &out->server);
	get_id(&u, &out->name);
	out->items = (uint32_t)unpack_number(&u, 4, UINT32_MAX);
	out->octets = unpack_number(&u, 8, UINT64_MAX);
	return unpack_done(&u);
}

void
sgd_message_write(const struct sgd_message_row *m, struct buf *to)
{
	buf_be(to, FORMAT, 1);
	buf_be(to, (uint64_t)m->state, 1);
	buf_add(to, m->dest.v, sizeof(m->dest.v));
	buf_be(to, m->group, 1);
	put_id(to, &m->name);
}

bool
sgd_message_read(struct slice val, struct sgd_message_row *out)
{
	struct unpack u = open_row(val);

	out->state = (enum sgd_message_state)unpack_enum(&u, SGD_FAILED);
	unpack_into(&u, out->dest.v, sizeof(out->dest.v));
	out->group = unpack_flag(&u);
	get_id(&u, &out->name);
	return unpack_done(&u);
}

void
sgd_item_write(const struct sgd_item *i, struct buf *to)
{
	buf_be(to, FORMAT, 1);
	put_id(to, &i->from);
	buf_be(to, i->has_group, 1);
	buf_add(to, i->group.v, sizeof(i->group.v));
	buf_be(to, (uint64_t)i->time, 8);
	buf_slice(to, i->data);
}

bool
sgd_item_read(struct slice val, struct sgd_item *out)
{
	struct unpack u = open_row(val);

	*out = (struct sgd_item){ 0 };
	get_id(&u, &out->from);
	out->has_group = unpack_flag(&u);
	unpack_into(&u, out->group.v, sizeof(out->group.v));
	out->time = unpack_time(&u);
	out->data = u.rest;
	return !u.bad;
}

/* ---- in a transaction ---- */

enum rc
sgd_totals_get(struct tables_tx *tx, struct sgd_totals *out)
{
	struct table_key k = table_key(SGD_T_TOTALS);
	struct slice val;
	enum rc rc = tables_get(tx, table_key_view(&k), &val);

	*out = (struct sgd_totals){ 0 };
	if (rc == RC_NOT_FOUND)
		return RC_OK;
	return rc == RC_OK && !sgd_totals_read(val, out) ? RC_INTERNAL : rc;
}

enum rc
sgd_dest_get(struct tables_tx *tx, const struct sgd_dest *dest, struct sgd_dest_row *out)
{
	struct table_key k = sgd_key(SGD_T_DEST, dest->v, sizeof(dest->v));
	struct slice val;
	enum rc rc = tables_get(tx, table_key_view(&k), &val);

	return rc == RC_OK && !sgd_dest_read(val, out) ? RC_INTERNAL : rc;
}
