/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What only whoever has keys can do to a device of group AKA. The first octet says which:
 *
 *   0  any octets as what a device has kept: taken, it is written as the same
 *   1  any fields of T7 with the right tag: answered when C is in its window and above the last
 *   2  any sequence numbers (eight octets each) in right AUTNs: each is answered once
 *   3  any octets as T4 or T7, T6 and T9: never taken
 */
#include "config.h"

#include "base/be.h"
#include "gaka_parties.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct parties p;

static void
begin(struct parties_device *d)
{
	uint8_t t1[GAKA_T1_SIZE];

	must(gaka_ue_begin(&d->ue, &d->t, &p.gid, NULL, p.gid.v, t1) == RC_OK);
}

static void
kept(struct slice octets)
{
	struct parties_device *d = &p.d[0];
	const struct gaka_keeper keeper = d->ue.keeper;
	static const struct gaka_ue none;

	if (gaka_ue_init(&d->ue, &d->id, &d->ka, octets, &keeper) != RC_OK) {
		must(memcmp(&d->ue, &none, sizeof(none)) == 0);
		return;
	}
	must(gaka_ue_keep(&d->ue, &d->ue.kept) == RC_OK);
	must(octets.p == NULL || slice_eq(octets, d->kept));
}

/* The tag that a T7 must have: with the keys of the home network. */
static void
tag(const struct parties_device *d, struct gaka_t7 *t7, uint8_t out[GAKA_T7_SIZE])
{
	const struct gaka_part part = { &p.gid, &t7->rand, &t7->sn, t7->iv, t7->w };
	const struct gaka_run run = { slice_make(d->t.t1, GAKA_T1_SIZE),
		                      slice_make(out, GAKA_T7_SIZE), SLICE_NONE };
	struct key gtk, xk, kauth;

	gaka_t7_write(t7, out);
	must(gaka_gtk(&p.gak, &part, &gtk) == RC_OK);
	must(gaka_xk(&d->ka, &part, &xk) == RC_OK);
	must(gaka_kauth(&gtk, &xk, &kauth) == RC_OK);
	must(gaka_tag_sn(&kauth, &run, t7->tag) == RC_OK);
	gaka_t7_write(t7, out);
}

/* Eighteen octets each: IV, W, C. */
static void
members(struct slice octets)
{
	const struct gaka_gaks gaks = { &p.gak, NULL };
	struct parties_device *d = &p.d[0];
	uint8_t t7[GAKA_T7_SIZE], t8[GAKA_SHORT_SIZE];
	uint64_t last = 0;

	for (; octets.n >= 18; octets = slice_from(octets, 18)) {
		struct gaka_t7 fields = { .sn = p.sn[0],
			                  .iv = be_get(octets.p, 8),
			                  .w = (uint16_t)be_get(octets.p + 8, 2),
			                  .c = be_get(octets.p + 10, 8) };
		bool in = fields.iv > 0 && fields.w > 0 && fields.iv <= UINT64_MAX - fields.w &&
		          fields.c >= fields.iv && fields.c - fields.iv < fields.w;
		enum rc rc;

		begin(d);
		tag(d, &fields, t7);
		rc = gaka_ue_challenge(&d->ue, &d->t, slice_make(t7, sizeof(t7)), &gaks, t8);
		must(rc == (!in ? RC_BAD_REQUEST : fields.c > last ? RC_OK : RC_PRECONDITION));
		if (rc == RC_OK)
			last = fields.c;
		if (last % 2 == 0)
			parties_restart(d);
	}
}

#define SQNS_MAX 64u

static void
sequence(struct slice octets)
{
	struct parties_device *d = &p.d[0];
	uint64_t taken[SQNS_MAX];
	unsigned n = 0;

	for (; octets.n >= 8 && n < SQNS_MAX; octets = slice_from(octets, 8)) {
		struct gaka_t4 t4 = { .sn = p.sn[1] };
		const struct gaka_aka a = { &d->ka, &t4.rand, &t4.sn, be_get(octets.p, 8) };
		uint8_t message[GAKA_T4_SIZE], t5[GAKA_SHORT_SIZE];
		uint64_t high = d->ue.kept.sqn.high;
		bool fresh = a.sqn > high || (a.sqn > 0 && high - a.sqn <= GAKA_SQN_WINDOW);

		for (unsigned i = 0; i < n; i++)
			fresh = fresh && taken[i] != a.sqn;
		begin(d);
		must(gaka_autn(&a, t4.autn) == RC_OK);
		gaka_t4_write(&t4, message);
		must(gaka_ue_challenge(&d->ue, &d->t, slice_make(message, sizeof(message)), NULL,
		                       t5) == (fresh ? RC_OK : RC_CONFLICT));
		if (fresh)
			taken[n++] = a.sqn;
	}
}

static void
forged(struct slice octets)
{
	const struct gaka_gaks gaks = { &p.gak, &p.d[1].ka };
	struct parties_device *d = &p.d[0];
	struct gaka_done done;
	uint8_t out[GAKA_SHORT_SIZE];

	begin(d);
	must(gaka_ue_challenge(&d->ue, &d->t, octets, &gaks, out) != RC_OK);
	must(d->t.at == GAKA_AT_T1 && d->kept.p == NULL);
	memset(d->t.expected, 0x11, sizeof(d->t.expected));
	for (unsigned at = 0; at <= GAKA_AT_MEMBER; at++) {
		static const uint8_t none[GAKA_TAG_SIZE] = { 0 };

		d->t.at = (enum gaka_at)at;
		if (octets.n == GAKA_SHORT_SIZE && octets.p[8] == 0x11)
			memcpy(d->t.expected, none, sizeof(none));
		must(gaka_ue_confirm(&d->t, octets, &done) != RC_OK);
		must(d->t.at == at);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const use[])(struct slice) = { kept, members, sequence, forged };

	if (size == 0)
		return 0;
	parties_init(&p);
	use[data[0] % 4](slice_make(data + 1, size - 1));
	return 0;
}
