/* SPDX-License-Identifier: Apache-2.0 */
/* All counters of a book against the records that there are. */
#include "config.h"

#include <stdlib.h>

#include "cap/sgs/sgs_book_impl.h"
#include "sgs_bed.h"

#define DEVICES 256 /* numbers below that */
#define BLOBS 4096

struct tally {
	struct tables_tx *tx;
	uint64_t keys[128]; /* by table */
	struct sgs_count_row has[DEVICES]; /* as counted */
	uint64_t blob_in[BLOBS], octets, half_open, kept, members, in_use;
};

static uint64_t
number_at(struct slice key, size_t at)
{
	uint64_t n = table_key_read(key, at, 8);

	ck_assert_uint_lt(n, DEVICES);
	return n;
}

static void
tally_item(struct tally *t, struct slice key, struct slice val)
{
	struct sgs_count_row *c = &t->has[number_at(key, 1)];
	uint64_t blob = table_key_read(val, 17, 8), octets = val.n - 25;
	struct table_key k = sgs_key1(SGS_T_BLOB, blob);
	struct slice shared;

	ck_assert_uint_ge(val.n, 25);
	if (blob != 0) {
		ck_assert_uint_lt(blob, BLOBS);
		ck_assert_int_eq(tables_get(t->tx, table_key_view(&k), &shared), RC_OK);
		octets = shared.n;
		t->blob_in[blob]++;
	} else
		t->octets += octets;
	c->items++;
	c->octets += octets;
}

static void
tally_session(struct tally *t, struct slice val)
{
	struct sgs_session_row row;

	ck_assert(table_row_read(val, &row, sizeof(row)));
	ck_assert_uint_lt(row.i, DEVICES);
	t->has[row.i].sessions++;
	t->kept += row.kept;
	if (row.state == SGS_OPEN)
		return;
	t->has[row.i].half_open++;
	t->half_open++;
}

static void
tally_group(struct tally *t, struct slice val)
{
	struct sgs_group_row row;

	ck_assert(table_row_read(val, &row, sizeof(row)));
	ck_assert_uint_lt(row.owner, DEVICES);
	t->has[row.owner].groups++;
	t->members += row.members;
}

static bool
tally_one(void *arg, struct slice key, struct slice val)
{
	struct tally *t = arg;

	t->keys[(unsigned char)key.p[0]]++;
	if (key.p[0] == SGS_T_ITEM)
		tally_item(t, key, val);
	if (key.p[0] == SGS_T_SESSION)
		tally_session(t, val);
	if (key.p[0] == SGS_T_REPLAY)
		t->has[number_at(key, 1)].replays++;
	if (key.p[0] == SGS_T_GROUP)
		tally_group(t, val);
	if (key.p[0] == SGS_T_BLOB)
		t->octets += val.n;
	if (key.p[0] == SGS_T_IN_USE)
		t->in_use += table_key_read(val, 1, 8);
	return true;
}

static bool
check_count(void *arg, struct slice key, struct slice val)
{
	const struct tally *t = arg;
	const struct sgs_count_row *has = &t->has[number_at(key, 1)];
	struct sgs_count_row row;

	ck_assert(table_row_read(val, &row, sizeof(row)));
	ck_assert_uint_eq(row.items, has->items);
	ck_assert_uint_eq(row.octets, has->octets);
	ck_assert_uint_eq(row.half_open, has->half_open);
	ck_assert_uint_eq(row.sessions, has->sessions);
	ck_assert_uint_eq(row.groups, has->groups);
	ck_assert_uint_eq(row.replays, has->replays);
	return true;
}

static bool
check_blob(void *arg, struct slice key, struct slice val)
{
	const struct tally *t = arg;

	ck_assert_uint_eq(table_key_read(val, 1, 8), t->blob_in[table_key_read(key, 1, 8)]);
	return true;
}

static void
check_totals(const struct tally *t, const struct sgs_stats *s)
{
	const uint64_t *k = t->keys;

	ck_assert_uint_eq(s->devices, k[SGS_T_DEVICE]);
	ck_assert_uint_eq(s->devices, k[SGS_T_NAMES]);
	ck_assert_uint_eq(s->devices, k[SGS_T_COUNT]);
	ck_assert_uint_eq(s->devices - k[SGS_T_GONE], k[SGS_T_NUMBER]);
	ck_assert_uint_eq(s->devices - k[SGS_T_GONE], k[SGS_T_KD]);
	ck_assert_uint_le(k[SGS_T_CONTACT], k[SGS_T_KD]);
	ck_assert_uint_eq(s->tokens, k[SGS_T_TOKEN]);
	ck_assert_uint_eq(s->tokens, k[SGS_T_TOKEN_OF]);
	ck_assert_uint_eq(s->sessions, k[SGS_T_SESSION]);
	ck_assert_uint_eq(2 * s->sessions, k[SGS_T_PARTY]);
	ck_assert_uint_eq(t->kept, k[SGS_T_STATE]);
	ck_assert_uint_eq(s->half_open, t->half_open);
	ck_assert_uint_eq(t->in_use, t->half_open);
	ck_assert_uint_eq(s->replays, k[SGS_T_REPLAY]);
	ck_assert_uint_eq(s->items, k[SGS_T_ITEM]);
	ck_assert_uint_eq(s->octets, t->octets);
	ck_assert_uint_eq(s->blobs, k[SGS_T_BLOB]);
	ck_assert_uint_eq(s->blobs, k[SGS_T_BLOB_IN]);
	ck_assert_uint_eq(s->groups, k[SGS_T_GROUP]);
	ck_assert_uint_eq(s->groups, k[SGS_T_PURPOSE]);
	ck_assert_uint_eq(t->members, k[SGS_T_MEMBER]);
	ck_assert_uint_eq(t->members, k[SGS_T_MEMBER_OF]);
	ck_assert_uint_eq(k[SGS_T_PACKAGE], k[SGS_T_PRIVATE]);
	ck_assert_uint_eq(k[SGS_T_PACKAGE], k[SGS_T_IN_USE]);
	ck_assert_uint_eq(k[SGS_T_DUE], s->sessions + s->items + s->tokens + s->replays);
}

void
sgs_bed_check(struct sgs_bed *b)
{
	static struct tally t;
	struct sgs_view *v = sgs_bed_view(b);
	const char counts = SGS_T_COUNT, blobs = SGS_T_BLOB_IN;
	struct sgs_stats s;

	t = (struct tally){ .tx = v->tx };
	for (char table = 'A'; table <= 'z'; table++)
		ck_assert_int_eq(
			tables_scan(v->tx, slice_make(&table, 1), SLICE_NONE, 0, tally_one, &t),
			RC_OK);
	ck_assert_int_eq(tables_scan(v->tx, slice_make(&counts, 1), SLICE_NONE, 0, check_count, &t),
	                 RC_OK);
	ck_assert_int_eq(tables_scan(v->tx, slice_make(&blobs, 1), SLICE_NONE, 0, check_blob, &t),
	                 RC_OK);
	ck_assert_int_eq(sgs_stats_get(v, &s), RC_OK);
	check_totals(&t, &s);
	sgs_view_close(v);
}
