/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a device keeps of group authentication: which challenges it has answered, and the keys of its
 * groups. Of a root key that there was before the state stays: if that root came back without it,
 * old challenges would be taken again.
 *
 *   S print 16   state of gaka_ue, sealed
 *   K print 16   keys of groups, sealed
 */
#include "config.h"

#include <limits.h>
#include <stdio.h>

#include "cap/gaka/gaka_ue_own.h"
#include "sec/cipher.h"
#include "sec/digest.h"
#include "store/pack.h"

#define STATE_TABLE 'S'
#define GROUPS_TABLE 'K'
#define NONCE 12u
#define TAG 16u
#define GROUPS_MAX (MAS_NODE_GROUPS_MAX * 128u)
#define VALUE_MAX (NONCE + TAG + (GAKA_STATE_MAX > GROUPS_MAX ? GAKA_STATE_MAX : GROUPS_MAX))

enum rc
ue_book_open(struct ue_book *b, const struct capability_conf *conf, char why[CAPABILITY_WHY_MAX])
{
	struct store_conf store = { .max_bytes = 16u << 20, .max_readers = 8 };
	char dir[PATH_MAX], text[256] = "";
	enum rc rc;

	b->seal = secret_alloc(sizeof(*b->seal));
	if (b->seal == NULL)
		return RC_UNAVAILABLE;
	rc = conf->sec->book(conf->sec->arg, GAKA_BOOK, b->seal, dir, sizeof(dir));
	if (rc == RC_NOT_FOUND)
		return RC_OK;
	store.path = dir;
	if (rc == RC_OK)
		rc = tables_open(conf->gaka.engine, &store, &b->tables, text);
	b->open = rc == RC_OK;
	if (rc != RC_OK)
		snprintf(why, CAPABILITY_WHY_MAX, "the book of group authentication: %.200s",
		         text[0] != '\0' ? text : status_of(rc)->text);
	return rc;
}

void
ue_book_close(struct ue_book *b)
{
	tables_close(&b->tables);
	secret_free(b->seal, sizeof(*b->seal));
	b->seal = NULL;
}

enum rc
ue_book_root(struct ue_book *b, const struct key *ka)
{
	const struct slice part = SLICE_LIT("gaka book");
	uint8_t print[DIGEST_SIZE];
	enum rc rc = digest_hmac(slice_make(ka->v, KEY_BYTES), &part, 1, print);

	if (rc == RC_OK)
		memcpy(b->print, print, sizeof(b->print));
	secret_wipe(print, sizeof(print));
	return rc;
}

/* ---- sealed records ---- */

static enum rc
open_value(const struct ue_book *b, const struct table_key *k, struct slice val, struct buf *to)
{
	size_t n = val.n;
	char *p;
	enum rc rc;

	if (n < NONCE + TAG || n > VALUE_MAX)
		return RC_PRECONDITION;
	n -= NONCE + TAG;
	p = buf_reserve(to, n + 1);
	if (p == NULL)
		return RC_UNAVAILABLE;
	rc = aead_open_once(cipher_find(CIPHER_CHACHA20_POLY1305), b->seal->v,
	                    (const uint8_t *)val.p, table_key_view(k), slice_from(val, NONCE),
	                    (uint8_t *)p);
	if (rc == RC_OK)
		to->n += n;
	return rc == RC_BAD_REQUEST ? RC_PRECONDITION : rc;
}

static enum rc
read_record(struct ue_book *b, char table, struct buf *to)
{
	struct table_key k = table_key_of(table, b->print, sizeof(b->print));
	struct tables_tx *tx;
	struct slice val;
	enum rc rc;

	if (!b->open)
		return RC_OK;
	rc = tables_read(&b->tables, &tx);
	if (rc != RC_OK)
		return rc;
	rc = tables_get(tx, table_key_view(&k), &val);
	if (rc == RC_OK)
		rc = open_value(b, &k, val, to);
	else if (rc == RC_NOT_FOUND)
		rc = RC_OK;
	tables_abort(tx);
	return rc;
}

static enum rc
store_value(struct ue_book *b, const struct table_key *k, struct slice val)
{
	struct tables_tx *tx;
	enum rc rc = tables_begin(&b->tables, &tx);

	if (rc != RC_OK)
		return rc;
	rc = tables_put(tx, table_key_view(k), val);
	if (rc == RC_OK)
		return tables_commit(tx);
	tables_abort(tx);
	return rc;
}

static enum rc
write_record(struct ue_book *b, char table, struct slice plain)
{
	struct table_key k = table_key_of(table, b->print, sizeof(b->print));
	uint8_t value[VALUE_MAX];
	enum rc rc;

	if (!b->open)
		return RC_OK;
	if (plain.n > VALUE_MAX - NONCE - TAG)
		return RC_TOO_LARGE;
	rc = secret_random(value, NONCE);
	if (rc == RC_OK)
		rc = aead_seal_once(cipher_find(CIPHER_CHACHA20_POLY1305), b->seal->v, value,
		                    table_key_view(&k), plain, value + NONCE);
	return rc == RC_OK ? store_value(b, &k, slice_make(value, NONCE + plain.n + TAG)) : rc;
}

/* ---- the state ---- */

enum rc
ue_book_state(struct ue_book *b, struct buf *to)
{
	return read_record(b, STATE_TABLE, to);
}

enum rc
ue_book_keep(struct ue_book *b, struct slice state)
{
	return write_record(b, STATE_TABLE, state);
}

/* ---- the keys of groups ---- */

static void
put_group(const struct mas_group_key *g, struct buf *to)
{
	buf_be(to, g->gid, 8);
	buf_be(to, g->epoch, 4);
	buf_be(to, g->window, 2);
	buf_slice(to, slice_make(g->gak.v, KEY_BYTES));
	buf_be(to, g->previous_epoch, 4);
	buf_slice(to, slice_make(g->previous.v, KEY_BYTES));
	buf_be(to, (uint64_t)g->previous_until, 8);
}

static void
get_group(struct unpack *u, struct mas_group_key *g)
{
	g->gid = unpack_number(u, 8, UINT64_MAX);
	g->epoch = (uint32_t)unpack_number(u, 4, UINT32_MAX);
	g->window = (unsigned)unpack_number(u, 2, UINT16_MAX);
	unpack_into(u, g->gak.v, KEY_BYTES);
	g->previous_epoch = (uint32_t)unpack_number(u, 4, UINT32_MAX);
	unpack_into(u, g->previous.v, KEY_BYTES);
	g->previous_until = unpack_time(u);
}

static bool
get_groups(struct slice record, struct mas_group_keys *k)
{
	struct unpack u = unpack_of(record);
	unsigned n = (unsigned)unpack_number(&u, 1, MAS_NODE_GROUPS_MAX);

	for (unsigned i = 0; i < n && !u.bad; i++)
		get_group(&u, &k->all[i]);
	k->n = unpack_done(&u) ? n : 0;
	return unpack_done(&u);
}

static void
wipe_groups(struct mas_group_keys *k)
{
	k->n = 0;
	secret_wipe(k->all, sizeof(k->all));
}

enum rc
ue_book_groups(struct ue_book *b, struct mas_group_keys *k)
{
	struct buf plain;
	enum rc rc;

	wipe_groups(k);
	buf_init(&plain, VALUE_MAX);
	plain.secret = true;
	rc = read_record(b, GROUPS_TABLE, &plain);
	if (rc == RC_OK && plain.n > 0 && !get_groups(buf_view(&plain), k))
		rc = RC_PRECONDITION;
	if (rc != RC_OK)
		wipe_groups(k);
	if (plain.p != NULL)
		secret_wipe(plain.p, plain.cap);
	buf_fini(&plain);
	return rc;
}

enum rc
ue_book_keep_groups(struct ue_book *b, const struct mas_group_keys *k)
{
	struct buf plain;
	enum rc rc;

	buf_init(&plain, VALUE_MAX);
	plain.secret = true;
	buf_be(&plain, k->n, 1);
	for (unsigned i = 0; i < k->n; i++)
		put_group(&k->all[i], &plain);
	rc = plain.failed ? RC_UNAVAILABLE : write_record(b, GROUPS_TABLE, buf_view(&plain));
	if (plain.p != NULL)
		secret_wipe(plain.p, plain.cap);
	buf_fini(&plain);
	return rc;
}
