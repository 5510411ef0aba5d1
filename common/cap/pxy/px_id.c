/* SPDX-License-Identifier: Apache-2.0 */
/* Identifiers of stores and forwards. */
#include "config.h"

#include "cap/pxy/px_impl.h"
#include "sec/hex.h"

#define ID_TRIALS 8

enum rc
px_new_id(struct tables_tx *tx, enum px_table t, uint64_t *out)
{
	for (int i = 0; i < ID_TRIALS; i++) {
		enum rc rc = secret_random(out, sizeof(*out));
		struct table_key k = px_key1(t, *out);

		if (rc != RC_OK)
			return rc;
		if (*out != 0 && !tables_has(tx, table_key_view(&k)))
			return tables_failure(tx);
	}
	return RC_INTERNAL;
}

void
px_id_text(uint64_t id, char out[PX_ID_TEXT])
{
	struct table_key k = { .n = 0 };

	table_key_number(&k, id, 8);
	hex_encode(k.p, k.n, out);
}

bool
px_id_parse(struct slice text, uint64_t *out)
{
	char octets[8], again[PX_ID_TEXT];

	if (!hex_decode(text, octets, sizeof(octets)))
		return false;
	*out = table_key_read(slice_make(octets, sizeof(octets)), 0, 8);
	px_id_text(*out, again);
	return *out != 0 && slice_is(text, again);
}
