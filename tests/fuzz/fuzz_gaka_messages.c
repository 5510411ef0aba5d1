/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any octets as each message of group AKA: at most one reader takes them, what it has read is
 * written as the same, and whoever answers it answers with a message that can be read.
 */
#include "config.h"

#include "gaka_parties.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct parties p;

static const struct gaka_hn_terms *
terms(const struct node_id *sn)
{
	static struct gaka_hn_terms t;

	t = (struct gaka_hn_terms){ sn, &p.d[0].ka, 1, PARTIES_EXPIRY, NULL };
	return &t;
}

static bool
read_t1(struct slice m)
{
	struct gaka_t1 t1;
	uint8_t again[GAKA_T1_SIZE];

	if (gaka_t1_read(m, &t1) != RC_OK)
		return false;
	gaka_t1_write(&t1, again);
	must(slice_eq(m, slice_make(again, sizeof(again))));
	return true;
}

static bool
read_t2(struct slice m)
{
	const struct gaka_hn_group group = { &p.gak, PARTIES_W };
	uint8_t again[GAKA_T2_SIZE], answer[GAKA_T3_SIZE(PARTIES_DEVICES)];
	struct gaka_hn h;
	struct gaka_t2 t2;
	struct gaka_t3 t3;
	uint64_t iv = 7;

	if (gaka_t2_read(m, &t2) != RC_OK)
		return false;
	gaka_t2_write(&t2, again);
	must(slice_eq(m, slice_make(again, sizeof(again))));
	must(gaka_hn_begin(&h, &t2, terms(&t2.sn), &group, answer, sizeof(answer)) == RC_OK);
	for (unsigned i = 0; i < PARTIES_DEVICES; i++)
		must((gaka_hn_add(&h, &p.d[i].id, &p.d[i].ka, &iv) == RC_OK) ==
		     !node_id_eq(&p.d[i].id, &t2.leader));
	must(gaka_t3_read(gaka_hn_end(&h), &t3) == RC_OK);
	must(t3.w <= t2.w && t3.w <= PARTIES_W);
	return true;
}

/* Each member of a set is found, and has as many values of C as it should. */
static void
use_set(const struct gaka_t3 *t3, struct gaka_set *set)
{
	struct gaka_attempt a;
	struct gaka_member m;
	uint8_t t7[GAKA_T7_SIZE];
	struct gaka_t7 read;

	for (unsigned i = 0; i < t3->count; i++) {
		struct gaka_t1 t1 = { .gid = p.gid };

		gaka_t3_member(t3, i, &m);
		t1.id = m.id;
		must(gaka_set_serves(set, &m.id, t3->expiry - 1) == RC_OK);
		for (unsigned c = 0; c < t3->w && c < 3; c++) {
			must(gaka_sn_member(&a, set, &t1, NULL, t3->expiry - 1, t7) == RC_OK);
			must(gaka_t7_read(slice_make(t7, sizeof(t7)), &read) == RC_OK);
			must(read.c == m.iv + c);
		}
		must((gaka_set_serves(set, &m.id, t3->expiry - 1) == RC_OK) == (t3->w > 3));
	}
}

static bool
read_t3(struct slice m)
{
	const struct gaka_t2 t2 = { .gid = p.gid, .leader = p.d[0].id, .w = UINT16_MAX };
	struct gaka_set *set;
	struct gaka_t3 t3;

	if (gaka_t3_read(m, &t3) != RC_OK)
		return false;
	must(m.n == GAKA_T3_SIZE(t3.count));
	if (t3.expiry > 0 && gaka_set_make(&t2, &t3, t3.expiry - 1, &set) == RC_OK) {
		use_set(&t3, set);
		gaka_set_free(set);
	}
	return true;
}

static bool
read_t4(struct slice m)
{
	struct gaka_t4 t4;
	uint8_t again[GAKA_T4_SIZE];

	if (gaka_t4_read(m, &t4) != RC_OK)
		return false;
	gaka_t4_write(&t4, again);
	must(slice_eq(m, slice_make(again, sizeof(again))));
	return true;
}

static bool
read_t7(struct slice m)
{
	struct gaka_t7 t7;
	uint8_t again[GAKA_T7_SIZE];

	if (gaka_t7_read(m, &t7) != RC_OK)
		return false;
	must(t7.w > 0 && t7.iv > 0 && t7.c >= t7.iv && t7.c - t7.iv < t7.w && t7.c < UINT64_MAX);
	gaka_t7_write(&t7, again);
	must(slice_eq(m, slice_make(again, sizeof(again))));
	return true;
}

static bool
read_t10(struct slice m)
{
	struct gaka_t10 t10;
	struct gaka_t11 t11;
	uint8_t again[GAKA_T10_SIZE], answer[GAKA_T11_SIZE];

	if (gaka_t10_read(m, &t10) != RC_OK)
		return false;
	gaka_t10_write(&t10, again);
	must(slice_eq(m, slice_make(again, sizeof(again))));
	must(gaka_hn_single(&t10, terms(&t10.sn), answer) == RC_OK);
	must(gaka_t11_read(slice_make(answer, sizeof(answer)), &t11) == RC_OK);
	return true;
}

static bool
read_t11(struct slice m)
{
	struct gaka_t11 t11;
	uint8_t again[GAKA_T11_SIZE];

	if (gaka_t11_read(m, &t11) != RC_OK)
		return false;
	gaka_t11_write(&t11, again);
	must(slice_eq(m, slice_make(again, sizeof(again))));
	return true;
}

static bool
read_t12(struct slice m)
{
	enum gaka_reason reason;
	uint8_t again[GAKA_SHORT_SIZE];

	if (gaka_t12_read(m, &reason) != RC_OK)
		return false;
	gaka_t12_write(reason, again);
	must(slice_eq(m, slice_make(again, sizeof(again))));
	return true;
}

static unsigned
read_tags(struct slice m)
{
	static const enum gaka_type types[] = { GAKA_T5, GAKA_T6, GAKA_T8, GAKA_T9 };
	uint8_t tag[GAKA_TAG_SIZE], again[GAKA_SHORT_SIZE];
	unsigned taken = 0;

	for (unsigned i = 0; i < 4; i++) {
		if (gaka_tag_read(types[i], m, tag) != RC_OK)
			continue;
		gaka_tag_write(types[i], tag, again);
		must(slice_eq(m, slice_make(again, sizeof(again))));
		taken++;
	}
	return taken;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool (*const readers[])(struct slice) = { read_t1, read_t2,  read_t3,  read_t4,
		                                         read_t7, read_t10, read_t11, read_t12 };
	struct slice m = slice_make(data, size);
	unsigned taken;

	parties_init(&p);
	taken = read_tags(m);
	for (unsigned i = 0; i < sizeof(readers) / sizeof(readers[0]); i++)
		taken += readers[i](m);
	must(taken <= (gaka_type_of(m) != 0));
	return 0;
}
