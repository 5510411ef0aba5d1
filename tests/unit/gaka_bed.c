/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "gaka_bed.h"

#include "sec/digest.h"

static enum rc
keep(void *arg, struct slice state)
{
	struct bed_device *d = arg;

	ck_assert_uint_le(state.n, GAKA_STATE_MAX);
	d->keeps++;
	if (d->keep_rc != RC_OK)
		return d->keep_rc;
	memcpy(d->state, state.p, state.n);
	d->state_n = state.n;
	return RC_OK;
}

static void
device_init(struct bed_device *d, unsigned i)
{
	const uint8_t digit = (uint8_t)('0' + i);
	const struct slice parts[] = { SLICE_LIT("kmr"), slice_make(&digit, 1) };
	const struct node_id id = { { 0x01, 0xbc, 0xad, 0x98, [15] = (uint8_t)i } };
	struct key kmr;

	*d = (struct bed_device){ .id = id, .sqn = 4, .iv = 100, .member = true };
	ck_assert_int_eq(digest_sha256(parts, 2, kmr.v), RC_OK);
	ck_assert_int_eq(
		m2m_expand(&kmr, "aka root", slice_make(id.v, NODE_ID_BYTES), d->ka.v, KEY_BYTES),
		RC_OK);
}

void
bed_restart(struct bed *b, unsigned i)
{
	struct bed_device *d = &b->d[i - 1];
	const struct gaka_keeper keeper = { d, keep };
	struct slice state = d->state_n == 0 ? SLICE_NONE : slice_make(d->state, d->state_n);

	ck_assert_int_eq(gaka_ue_init(&d->ue, &d->id, &d->ka, state, &keeper), RC_OK);
	gaka_try_wipe(&d->t);
}

void
bed_init(struct bed *b)
{
	*b = (struct bed){ .gid = { { 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8 } },
		           .w = GAKA_WINDOW };
	memset(b->gak.v, 0xaa, KEY_BYTES);
	memset(b->old_gak.v, 0xbb, KEY_BYTES);
	b->gaks = (struct gaka_gaks){ &b->gak, NULL };
	memset(b->sn[0].v, 0x5e, NODE_ID_BYTES);
	memset(b->sn[1].v, 0x5f, NODE_ID_BYTES);
	for (unsigned i = 1; i <= BED_DEVICES; i++) {
		device_init(&b->d[i - 1], i);
		bed_restart(b, i);
	}
}

void
bed_fini(struct bed *b)
{
	for (unsigned s = 0; s < BED_SETS; s++)
		gaka_set_free(b->set[s]);
}

/* ---- asking the home network ---- */

void
bed_t1(struct bed *b, unsigned i)
{
	struct bed_device *d = &b->d[i - 1];
	uint8_t n[GAKA_NONCE_SIZE];

	memset(n, 0x22, sizeof(n));
	ck_assert_int_eq(gaka_ue_begin(&d->ue, &d->t, &b->gid, NULL, b->random ? NULL : n, d->t1),
	                 RC_OK);
}

static struct gaka_hn_terms
terms_of(struct bed *b, unsigned i, unsigned s, bool resync, struct gaka_rand *rand)
{
	ck_assert(hex_decode(SLICE_LIT(RAND_HEX), rand->v, GAKA_RAND_SIZE));
	ck_assert_int_eq(gaka_sqn_next(&b->d[i - 1].sqn, resync), RC_OK);
	return (struct gaka_hn_terms){ &b->sn[s], &b->d[i - 1].ka, b->d[i - 1].sqn, BED_EXPIRY,
		                       b->random ? NULL : rand };
}

/* What the home network does with a T2. */
static void
answer_t2(struct bed *b, struct slice octets, const struct gaka_hn_terms *terms)
{
	const struct gaka_hn_group group = { &b->gak, b->w };
	struct gaka_hn h;
	struct gaka_t2 t2;
	struct slice t3;

	ck_assert_int_eq(gaka_t2_read(octets, &t2), RC_OK);
	ck_assert_int_eq(gaka_hn_begin(&h, &t2, terms, &group, b->t3, sizeof(b->t3)), RC_OK);
	for (unsigned i = 0; i < BED_DEVICES; i++)
		if (b->d[i].member && !node_id_eq(&b->d[i].id, &t2.leader))
			ck_assert_int_eq(gaka_hn_add(&h, &b->d[i].id, &b->d[i].ka, &b->d[i].iv),
			                 RC_OK);
	t3 = gaka_hn_end(&h);
	ck_assert_ptr_eq(t3.p, b->t3);
	b->t3_n = t3.n;
}

void
bed_t2_t3(struct bed *b, unsigned i, unsigned s, bool resync)
{
	struct gaka_rand rand;
	const struct gaka_hn_terms terms = terms_of(b, i, s, resync, &rand);
	struct gaka_t1 t1;
	struct gaka_t2 t2;
	uint8_t octets[GAKA_T2_SIZE];

	ck_assert_int_eq(gaka_t1_read(BED_SLICE(b->d[i - 1].t1), &t1), RC_OK);
	t2 = (struct gaka_t2){ .gid = t1.gid, .leader = t1.id, .sn = b->sn[s], .w = b->w };
	memcpy(t2.n, t1.n, GAKA_NONCE_SIZE);
	t2.resync = resync;
	gaka_t2_write(&t2, octets);
	answer_t2(b, BED_SLICE(octets), &terms);
}

void
bed_t4(struct bed *b, unsigned i, unsigned s)
{
	struct bed_device *d = &b->d[i - 1];
	const struct gaka_t2 t2 = { .gid = b->gid, .leader = d->id, .sn = b->sn[s], .w = b->w };
	struct gaka_t3 t3;
	struct gaka_t1 t1;

	gaka_set_free(b->set[s]);
	ck_assert_int_eq(gaka_t1_read(BED_SLICE(d->t1), &t1), RC_OK);
	ck_assert_int_eq(gaka_t3_read(slice_make(b->t3, b->t3_n), &t3), RC_OK);
	ck_assert_int_eq(gaka_set_make(&t2, &t3, BED_NOW, &b->set[s]), RC_OK);
	ck_assert_int_eq(gaka_sn_full(&d->a, &t1, &b->sn[s], &t3.leader, t3.expiry, BED_NOW, d->t4),
	                 RC_OK);
}

void
bed_t10_t4(struct bed *b, unsigned i, unsigned s, bool resync)
{
	struct gaka_rand rand;
	const struct gaka_hn_terms terms = terms_of(b, i, s, resync, &rand);
	struct bed_device *d = &b->d[i - 1];
	struct gaka_t1 t1;
	struct gaka_t10 t10 = { .id = d->id, .sn = b->sn[s], .resync = resync };
	struct gaka_t11 t11;
	uint8_t asked[GAKA_T10_SIZE], octets[GAKA_T11_SIZE];

	gaka_t10_write(&t10, asked);
	ck_assert_int_eq(gaka_t10_read(BED_SLICE(asked), &t10), RC_OK);
	ck_assert_int_eq(gaka_hn_single(&t10, &terms, octets), RC_OK);
	ck_assert_int_eq(gaka_t11_read(BED_SLICE(octets), &t11), RC_OK);
	ck_assert_int_eq(gaka_t1_read(BED_SLICE(d->t1), &t1), RC_OK);
	ck_assert_int_eq(
		gaka_sn_full(&d->a, &t1, &b->sn[s], &t11.vector, t11.expiry, BED_NOW, d->t4),
		RC_OK);
}

void
bed_t7(struct bed *b, unsigned i, unsigned s)
{
	struct bed_device *d = &b->d[i - 1];
	uint8_t ns[GAKA_NONCE_SIZE];
	struct gaka_t1 t1;

	memset(ns, 0x33, sizeof(ns));
	ck_assert_int_eq(gaka_t1_read(BED_SLICE(d->t1), &t1), RC_OK);
	ck_assert_int_eq(
		gaka_sn_member(&d->a, b->set[s], &t1, b->random ? NULL : ns, BED_NOW, d->t7),
		RC_OK);
}

/* ---- the rest of a run ---- */

static void
agreed(const struct bed_device *d, const struct gaka_gid *gid)
{
	const struct gaka_done *u = &d->at_ue, *s = &d->at_sn;

	ck_assert(key_equal(&u->ks, &s->ks) && !key_is_zero(&u->ks));
	ck_assert(gaka_gid_eq(&u->gid, gid) && gaka_gid_eq(&s->gid, gid));
	ck_assert(node_id_eq(&u->id, &d->id) && node_id_eq(&s->id, &d->id));
	ck_assert(node_id_eq(&u->sn, &s->sn));
	ck_assert_uint_eq(u->c, s->c);
	ck_assert(u->leader == s->leader);
	ck_assert_uint_eq(u->expiry, 0);
	ck_assert_uint_eq(s->expiry, BED_EXPIRY);
}

void
bed_full(struct bed *b, unsigned i)
{
	struct bed_device *d = &b->d[i - 1];

	ck_assert_int_eq(gaka_ue_challenge(&d->ue, &d->t, BED_SLICE(d->t4), &b->gaks, d->t5),
	                 RC_OK);
	ck_assert_int_eq(gaka_sn_answer(&d->a, BED_SLICE(d->t5), BED_NOW, d->t6, &d->at_sn), RC_OK);
	ck_assert_int_eq(gaka_ue_confirm(&d->t, BED_SLICE(d->t6), &d->at_ue), RC_OK);
	agreed(d, &b->gid);
	ck_assert(d->at_ue.leader);
}

void
bed_member(struct bed *b, unsigned i)
{
	struct bed_device *d = &b->d[i - 1];

	ck_assert_int_eq(gaka_ue_challenge(&d->ue, &d->t, BED_SLICE(d->t7), &b->gaks, d->t8),
	                 RC_OK);
	ck_assert_int_eq(gaka_sn_answer(&d->a, BED_SLICE(d->t8), BED_NOW, d->t9, &d->at_sn), RC_OK);
	ck_assert_int_eq(gaka_ue_confirm(&d->t, BED_SLICE(d->t9), &d->at_ue), RC_OK);
	agreed(d, &b->gid);
	ck_assert(!d->at_ue.leader);
}
