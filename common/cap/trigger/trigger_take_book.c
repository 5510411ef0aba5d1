/* SPDX-License-Identifier: Apache-2.0 */
/* The counter of the last token, sealed: what was taken once is not taken again after a start. */
#include "config.h"

#include <limits.h>
#include <stdio.h>

#include "base/be.h"
#include "cap/sec_access.h"
#include "cap/trigger/trigger_take.h"
#include "sec/digest.h"

#define BOOK_NAME "trigger"
#define COUNTER_TABLE 'c' /* node id -> counter, tag over both */
#define TAG 16u
#define VALUE (8u + TAG)

enum rc
trigger_book_open(struct trigger_take *t, char why[CAPABILITY_WHY_MAX])
{
	struct store_conf store = { .max_bytes = 1u << 20, .max_readers = 8 };
	struct trigger_book *b = &t->book;
	char dir[PATH_MAX], text[256] = "";
	enum rc rc;

	b->seal = secret_alloc(sizeof(*b->seal));
	if (b->seal == NULL)
		return RC_UNAVAILABLE;
	rc = t->sec->book(t->sec->arg, BOOK_NAME, b->seal, dir, sizeof(dir));
	if (rc == RC_NOT_FOUND)
		return RC_OK;
	store.path = dir;
	if (rc == RC_OK)
		rc = tables_open(&store_lmdb, &store, &b->tables, text);
	b->open = rc == RC_OK;
	if (rc != RC_OK)
		snprintf(why, CAPABILITY_WHY_MAX, "the book of triggers: %.200s",
		         text[0] != '\0' ? text : status_of(rc)->text);
	return rc;
}

void
trigger_book_close(struct trigger_book *b)
{
	tables_close(&b->tables);
	secret_free(b->seal, sizeof(*b->seal));
	b->seal = NULL;
}

static enum rc
tag_of(const struct trigger_book *b, const struct node_id *node, const uint8_t counter[8],
       uint8_t tag[DIGEST_SIZE])
{
	const struct slice parts[] = { SLICE_LIT("trigger counter"),
		                       slice_make(node->v, NODE_ID_BYTES), slice_make(counter, 8) };

	return digest_hmac(slice_make(b->seal->v, KEY_BYTES), parts, 3, tag);
}

static enum rc
read_value(const struct trigger_book *b, const struct node_id *node, struct slice val,
           uint64_t *counter)
{
	uint8_t tag[DIGEST_SIZE], octets[8];
	enum rc rc;

	if (val.n != VALUE)
		return RC_PRECONDITION;
	memcpy(octets, val.p, sizeof(octets));
	rc = tag_of(b, node, octets, tag);
	if (rc == RC_OK && !secret_equal(slice_make(tag, TAG), slice_from(val, sizeof(octets))))
		rc = RC_PRECONDITION;
	if (rc == RC_OK)
		*counter = be_get(octets, sizeof(octets));
	return rc;
}

enum rc
trigger_book_read(struct trigger_book *b, const struct node_id *node, uint64_t *counter)
{
	struct table_key k = table_key_of(COUNTER_TABLE, node->v, NODE_ID_BYTES);
	struct tables_tx *tx;
	struct slice val;
	enum rc rc;

	*counter = 0;
	if (!b->open)
		return RC_OK;
	rc = tables_read(&b->tables, &tx);
	if (rc != RC_OK)
		return rc;
	rc = tables_get(tx, table_key_view(&k), &val);
	if (rc == RC_OK)
		rc = read_value(b, node, val, counter);
	else if (rc == RC_NOT_FOUND)
		rc = RC_OK;
	tables_abort(tx);
	return rc;
}

enum rc
trigger_book_write(struct trigger_book *b, const struct node_id *node, uint64_t counter)
{
	struct table_key k = table_key_of(COUNTER_TABLE, node->v, NODE_ID_BYTES);
	uint8_t value[8 + DIGEST_SIZE];
	struct tables_tx *tx;
	enum rc rc;

	if (!b->open)
		return RC_OK;
	be_put(value, counter, 8);
	rc = tag_of(b, node, value, value + 8);
	if (rc == RC_OK)
		rc = tables_begin(&b->tables, &tx);
	if (rc != RC_OK)
		return rc;
	rc = tables_put(tx, table_key_view(&k), slice_make(value, VALUE));
	if (rc == RC_OK)
		return tables_commit(tx);
	tables_abort(tx);
	return rc;
}
