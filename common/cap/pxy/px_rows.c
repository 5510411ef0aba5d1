/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/pxy/px_rows.h"

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
