/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/mpa/mpa_book.h"

#include <limits.h>
#include <stdio.h>

#include "cap/sec_access.h"
#include "sec/record.h"

#define KEY_TYPE 1 /* of the record */
#define KEY_NAME SLICE_LIT("mpa key")
#define READERS_MAX 256u

static enum rc
open_tables(struct mpa_book *b, const struct capability_conf *conf, uint64_t max_bytes,
            char why[256])
{
	struct store_conf store = { .max_bytes = max_bytes, .max_readers = READERS_MAX };
	char dir[PATH_MAX];
	enum rc rc;

	b->seal = secret_alloc(sizeof(*b->seal));
	if (b->seal == NULL)
		return RC_UNAVAILABLE;
	rc = conf->sec->book(conf->sec->arg, MPA_BOOK, b->seal, dir, sizeof(dir));
	b->kept = rc == RC_OK;
	if (rc == RC_NOT_FOUND)
		rc = key_random(b->seal);
	if (rc != RC_OK)
		return rc;
	store.path = b->kept ? dir : NULL;
	rc = tables_open(b->kept ? conf->mpa.engine : &store_memory, &store, &b->tables, why);
	b->open = rc == RC_OK;
	return rc;
}

/* ---- the key ---- */

static enum rc
unseal(const struct mpa_book *b, struct slice octets, uint8_t seed[SIGN_SEED_SIZE])
{
	struct record r;
	size_t n = 0;
	enum rc rc = record_parse(&octets, &r);

	if (rc == RC_OK && (octets.n > 0 || r.type != KEY_TYPE || !slice_eq(r.name, KEY_NAME)))
		rc = RC_PRECONDITION;
	if (rc == RC_OK)
		rc = record_open(b->seal, &r, seed, SIGN_SEED_SIZE, &n);
	return rc == RC_OK && n != SIGN_SEED_SIZE ? RC_PRECONDITION : rc;
}

static enum rc
make_seed(struct mpa_book *b, struct tables_tx *tx, struct slice at, uint8_t seed[SIGN_SEED_SIZE])
{
	const struct record r = { .type = KEY_TYPE, .not_after = RECORD_NEVER, .name = KEY_NAME };
	struct buf octets;
	enum rc rc = RC_INTERNAL;

	buf_init(&octets, RECORD_FIXED + KEY_NAME.n + SIGN_SEED_SIZE);
	if (secret_random(seed, SIGN_SEED_SIZE) == RC_OK)
		rc = record_seal(b->seal, &r, slice_make(seed, SIGN_SEED_SIZE), &octets);
	if (rc == RC_OK)
		rc = tables_put(tx, at, buf_view(&octets));
	buf_fini(&octets);
	return rc;
}

static enum rc
read_seed(struct mpa_book *b, uint8_t seed[SIGN_SEED_SIZE])
{
	struct table_key at = table_key(MPA_TABLE_KEY);
	struct tables_tx *tx;
	struct slice octets;
	enum rc rc = tables_begin(&b->tables, &tx);

	if (rc != RC_OK)
		return rc;
	rc = tables_get(tx, table_key_view(&at), &octets);
	if (rc == RC_OK)
		rc = unseal(b, octets, seed);
	else if (rc == RC_NOT_FOUND && (rc = make_seed(b, tx, table_key_view(&at), seed)) == RC_OK)
		return tables_commit(tx);
	tables_abort(tx);
	return rc;
}

static enum rc
open_key(struct mpa_book *b, const char *file, char why[256])
{
	uint8_t seed[SIGN_SEED_SIZE];
	enum rc rc;

	if (file != NULL) {
		rc = sign_key_read(file, &b->key);
		if (rc != RC_OK)
			snprintf(why, 256, "mpa.key: %.128s: %s", file, status_of(rc)->text);
	} else {
		rc = read_seed(b, seed);
		if (rc == RC_OK)
			rc = sign_key_from_seed(seed, &b->key);
		secret_wipe(seed, sizeof(seed));
	}
	if (rc == RC_OK)
		sign_key_public(b->key, &b->public);
	return rc;
}

/* ---- life ---- */

enum rc
mpa_book_open(struct mpa_book *b, const struct capability_conf *conf, uint64_t max_bytes,
              char why[CAPABILITY_WHY_MAX])
{
	char text[256] = "";
	enum rc rc = open_tables(b, conf, max_bytes, text);

	if (rc == RC_OK)
		rc = open_key(b, conf->mpa.key, text);
	if (rc == RC_OK)
		return rc;
	snprintf(why, CAPABILITY_WHY_MAX, "the book of multiparty authentication: %.180s",
	         text[0] != '\0' ? text : status_of(rc)->text);
	mpa_book_close(b);
	return rc;
}

void
mpa_book_close(struct mpa_book *b)
{
	sign_key_free(b->key);
	tables_close(&b->tables);
	secret_free(b->seal, sizeof(*b->seal));
	*b = (struct mpa_book){ .open = false };
}
