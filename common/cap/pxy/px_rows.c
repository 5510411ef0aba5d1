/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/pxy/px_rows.h"

#define FORMAT 1
#define WORD 8u
#define WORDS_MAX 16u

static uint64_t
word_read(const char *p, unsigned size)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < size; i++)
		v = v << 8 | (unsigned char)p[i];
	return v;
}

bool
px_row_read(struct slice val, void *row, size_t size)
{
	uint64_t words[WORDS_MAX];

	if (val.n != 1 + size || val.p[0] != FORMAT)
		return false;
	for (size_t i = 0; i < size / WORD; i++)
		words[i] = word_read(val.p + 1 + i * WORD, WORD);
	memcpy(row, words, size);
	return true;
}

enum rc
px_row_get(struct tables_tx *tx, const struct table_key *k, void *row, size_t size)
{
	struct slice val;
	enum rc rc = tables_get(tx, table_key_view(k), &val);

	if (rc != RC_OK)
		return rc;
	return px_row_read(val, row, size) ? RC_OK : RC_INTERNAL;
}

enum rc
px_row_put(struct tables_tx *tx, const struct table_key *k, const void *row, size_t size)
{
	uint64_t words[WORDS_MAX];
	char val[1 + WORDS_MAX * WORD] = { FORMAT };

	memcpy(words, row, size);
	for (size_t i = 0; i < size; i++)
		val[1 + i] = (char)(unsigned char)(words[i / WORD] >> 8 * (WORD - 1 - i % WORD));
	return tables_put(tx, table_key_view(k), slice_make(val, 1 + size));
}

struct table_key
px_key1(enum px_table t, uint64_t a)
{
	struct table_key k = table_key((char)t);

	table_key_number(&k, a, 8);
	return k;
}

struct table_key
px_key2(enum px_table t, uint64_t a, uint64_t b, unsigned size_b)
{
	struct table_key k = px_key1(t, a);

	table_key_number(&k, b, size_b);
	return k;
}

uint64_t
px_key_number(struct slice key, size_t at, unsigned size)
{
	return key.n < at + size ? 0 : word_read(key.p + at, size);
}
