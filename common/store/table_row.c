/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "store/table_row.h"

#include "base/be.h"

#define FORMAT 1
#define WORD 8u

bool
table_row_read(struct slice val, void *row, size_t size)
{
	uint64_t words[TABLE_ROW_WORDS_MAX];

	if (val.n != 1 + size || val.p[0] != FORMAT)
		return false;
	for (size_t i = 0; i < size / WORD; i++)
		words[i] = be_get(val.p + 1 + i * WORD, WORD);
	memcpy(row, words, size);
	return true;
}

enum rc
table_row_get(struct tables_tx *tx, const struct table_key *k, void *row, size_t size)
{
	struct slice val;
	enum rc rc = tables_get(tx, table_key_view(k), &val);

	if (rc != RC_OK)
		return rc;
	return table_row_read(val, row, size) ? RC_OK : RC_INTERNAL;
}

enum rc
table_row_put(struct tables_tx *tx, const struct table_key *k, const void *row, size_t size)
{
	uint64_t words[TABLE_ROW_WORDS_MAX];
	uint8_t val[1 + TABLE_ROW_WORDS_MAX * WORD] = { FORMAT };

	memcpy(words, row, size);
	for (size_t i = 0; i < size / WORD; i++)
		(void)be_put(val + 1 + i * WORD, words[i], WORD);
	return tables_put(tx, table_key_view(k), slice_make(val, 1 + size));
}

uint64_t
table_key_read(struct slice key, size_t at, unsigned size)
{
	return key.n < at + size ? 0 : be_get(key.p + at, size);
}
