/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sgs/sgs_rows.h"

struct table_key
sgs_key1(enum sgs_table t, uint64_t a)
{
	struct table_key k = table_key((char)t);

	table_key_number(&k, a, 8);
	return k;
}

struct table_key
sgs_key2(enum sgs_table t, uint64_t a, uint64_t b)
{
	struct table_key k = sgs_key1(t, a);

	table_key_number(&k, b, 8);
	return k;
}

struct table_key
sgs_key_id(enum sgs_table t, const uint8_t id[SGS_KEY_ID])
{
	return table_key_of((char)t, id, SGS_KEY_ID);
}

struct table_key
sgs_key_of(enum sgs_table t, uint64_t dev, const uint8_t id[SGS_KEY_ID])
{
	struct table_key k = sgs_key1(t, dev);

	table_key_add(&k, id, SGS_KEY_ID);
	return k;
}

struct table_key
sgs_key_member(const uint8_t gid[SGS_KEY_ID], uint64_t dev)
{
	struct table_key k = sgs_key_id(SGS_T_MEMBER, gid);

	table_key_number(&k, dev, 8);
	return k;
}

struct table_key
sgs_key_set(enum sgs_table t, uint8_t suite, uint32_t serial)
{
	struct table_key k = table_key((char)t);

	table_key_number(&k, suite, 1);
	table_key_number(&k, serial, 4);
	return k;
}

struct table_key
sgs_key_due(uint64_t when, enum sgs_due what, const struct table_key *thing)
{
	struct table_key k = sgs_key1(SGS_T_DUE, when);

	table_key_number(&k, what, 1);
	table_key_add(&k, thing->p + 1, thing->n - 1);
	return k;
}
