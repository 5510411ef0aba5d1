/* SPDX-License-Identifier: Apache-2.0 */
/* One node, its connection and keys of theirs, computed by another program. */
#ifndef UNIT_KEY_BED_H
#define UNIT_KEY_BED_H

#include "sec/hex.h"
#include "sec/node_id.h"
#include "sec/secret.h"
#include "suite.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))
#define NODE "01bcad980102030405060708090a0b0c"
#define CONNECTION UINT64_C(0x1122334455667788)

static inline struct node_id
the_node(void)
{
	struct node_id id;

	ck_assert(node_id_parse(SLICE_LIT(NODE), &id));
	return id;
}

/* 00 01 .. 1f */
static inline struct key
the_kmr(void)
{
	struct key k;

	for (uint8_t i = 0; i < KEY_BYTES; i++)
		k.v[i] = i;
	return k;
}

static inline void
expect_key(enum rc rc, const struct key *k, const char *hex)
{
	char text[2 * KEY_BYTES + 1];

	ck_assert_uint_eq(rc, RC_OK);
	hex_encode(k->v, KEY_BYTES, text);
	ck_assert_str_eq(text, hex);
}

#endif
