/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "mpa_bed.h"

struct sign_key *keys[MPA_PARTIES];
struct sign_public publics[MPA_PARTIES];
struct mpa_octets w1, w2, w3, w4, w5, from_cn, from_s;
struct mpa_anchor servers[2];
enum mpa_cause cause;

static const char *const names[MPA_PARTIES] = { "CN", "S", "D", "AP", "S2", "D2", "AP2" };
static const char *const ids[MPA_PARTIES] = { "cn.sp1.example", "mtc.app.example",
	                                      DEVICE_ID,        PLACE,
	                                      "other.example",  DEVICE2_ID,
	                                      "gscl-0103" };

static void
hash_of(const char *name, uint8_t out[DIGEST_SIZE])
{
	const struct slice part = slice_of(name);

	ck_assert_int_eq(digest_sha256(&part, 1, out), RC_OK);
}

struct slice
octets_in(const struct mpa_octets *o)
{
	return slice_make(o->v, o->n);
}

/* ---- warrants ---- */

struct mpa_warrant
warrant_of(enum mpa_party delegator, enum mpa_party delegate, enum mpa_party on_behalf)
{
	struct mpa_warrant w = { .kind = MPA_AGREEMENT,
		                 .depth = 1,
		                 .not_before = FROM,
		                 .not_after = AGREED_UNTIL,
		                 .rights = MPA_MAY_CERTIFY,
		                 .delegator = publics[delegator],
		                 .delegate = publics[delegate],
		                 .on_behalf = publics[on_behalf],
		                 .delegator_id = slice_of(ids[delegator]),
		                 .delegate_id = slice_of(ids[delegate]),
		                 .on_behalf_id = slice_of(ids[on_behalf]),
		                 .scope = SLICE_LIT("*") };
	bool ap = delegate == AP || delegate == AP2;

	if (delegate == CN || delegate == S || delegate == S2)
		return w;
	w.kind = ap ? MPA_ACCESS_POINT : MPA_DEVICE;
	w.rights = ap ? MPA_IS_AP : MPA_IS_DEVICE;
	w.depth = 0;
	w.not_after = UNTIL;
	w.scope = delegate == AP2 ? SLICE_LIT("gscl-0103") : SLICE_LIT(PLACE);
	return w;
}

static const struct sign_key *
key_of(const struct sign_public *p)
{
	for (size_t i = 0; i < MPA_PARTIES; i++)
		if (memcmp(publics[i].v, p->v, sizeof(p->v)) == 0)
			return keys[i];
	ck_abort_msg("nobody has that key");
	return NULL;
}

void
warrant_make(struct mpa_warrant *w, uint8_t serial, const struct mpa_octets *parent,
             struct mpa_octets *out)
{
	memset(w->serial, serial, sizeof(w->serial));
	if (parent != NULL)
		ck_assert_int_eq(mpa_warrant_hash(octets_in(parent), w->parent), RC_OK);
	ck_assert_int_eq(mpa_warrant_make(w, key_of(&w->delegator), out->v, &out->n), RC_OK);
}

void
chain_join(const struct mpa_octets *a, const struct mpa_octets *b, struct mpa_octets *out)
{
	ck_assert_uint_le(a->n + b->n, sizeof(out->v));
	memmove(out->v, a->v, a->n);
	memcpy(out->v + a->n, b->v, b->n);
	out->n = a->n + b->n;
}

static void
make_warrants(void)
{
	struct mpa_warrant w = warrant_of(CN, S, CN);

	warrant_make(&w, 1, NULL, &w1);
	w = warrant_of(S, CN, S);
	warrant_make(&w, 2, NULL, &w2);
	w = warrant_of(S, D, CN);
	warrant_make(&w, 3, &w1, &w3);
	w = warrant_of(CN, D, S);
	warrant_make(&w, 4, &w2, &w4);
	w = warrant_of(CN, AP, CN);
	warrant_make(&w, 5, NULL, &w5);
	chain_join(&w1, &w3, &from_cn);
	chain_join(&w2, &w4, &from_s);
}

void
mpa_setup(void)
{
	for (size_t i = 0; i < MPA_PARTIES; i++) {
		uint8_t seed[DIGEST_SIZE];

		hash_of(names[i], seed);
		ck_assert_int_eq(sign_key_from_seed(seed, &keys[i]), RC_OK);
		sign_key_public(keys[i], &publics[i]);
	}
	servers[0] = (struct mpa_anchor){ publics[S], slice_of(ids[S]) };
	servers[1] = (struct mpa_anchor){ publics[S2], SLICE_NONE };
	make_warrants();
}

void
mpa_teardown(void)
{
	for (size_t i = 0; i < MPA_PARTIES; i++)
		sign_key_free(keys[i]);
}

/* ---- runs ---- */

static enum rc throw(void *arg, void *out, size_t n) {
	struct mpa_dice *d = arg;

	ck_assert_uint_eq(n, DIGEST_SIZE);
	if (d->turn++ % 2 == 0) memset(out, d->nonce, n);
	else hash_of(d->name, out);
	return RC_OK;
}

void
mpa_dice_init(struct mpa_dice *d, uint8_t nonce, const char *name)
{
	*d = (struct mpa_dice){ nonce, name, 0, { throw, d } };
}

void
mpa_run_init(struct mpa_run *r)
{
	const struct mpa_anchor cn = { publics[CN], slice_of(ids[CN]) };

	*r = (struct mpa_run){ 0 };
	mpa_dice_init(&r->dice_d, 0x44, "xD");
	mpa_dice_init(&r->dice_ap, 0x55, "xA");
	r->d_conf = (struct mpa_device_conf){ .key = keys[D],
		                              .id = SLICE_LIT(DEVICE_ID),
		                              .from_cn = octets_in(&from_cn),
		                              .from_s = octets_in(&from_s),
		                              .cn = cn,
		                              .random = &r->dice_d.random };
	r->ap_conf = (struct mpa_ap_conf){ .key = keys[AP],
		                           .chain = octets_in(&w5),
		                           .anchors = { cn, servers, 2 },
		                           .place = SLICE_LIT(PLACE),
		                           .random = &r->dice_ap.random };
	buf_init(&r->a1, MPA_A1_MAX);
	buf_init(&r->a2, MPA_A2_MAX);
	buf_init(&r->a3, MPA_A3_MAX);
}

struct slice
message_of(const struct mpa_run *r, unsigned message)
{
	const struct slice all[] = { buf_view(&r->a1), buf_view(&r->a2), buf_view(&r->a3),
		                     slice_make(r->a4, sizeof(r->a4)) };

	return all[message - 1];
}

static enum rc
give_a1(struct mpa_run *r, struct slice octets)
{
	struct mpa_ap *ap = NULL;
	struct buf a2;
	enum rc rc;

	buf_init(&a2, MPA_A2_MAX);
	rc = mpa_ap_start(&r->ap_conf, octets, &ap, &a2, &cause);
	ck_assert((rc == RC_OK) == (ap != NULL) && (rc == RC_OK) == (a2.n > 0));
	if (rc == RC_OK) {
		mpa_ap_free(r->ap);
		buf_fini(&r->a2);
		r->ap = ap;
		r->a2 = a2;
	} else {
		buf_fini(&a2);
	}
	return rc;
}

enum rc
give(struct mpa_run *r, unsigned message, struct slice octets)
{
	size_t n = r->a3.n;
	enum rc rc;

	cause = MPA_CAUSES;
	switch (message) {
	case 1:
		rc = give_a1(r, octets);
		break;
	case 2:
		rc = mpa_device_take_a2(r->d, octets, NOW, false, &r->a3, &cause);
		ck_assert(rc == RC_OK || r->a3.n == n);
		break;
	case 3:
		rc = mpa_ap_take_a3(r->ap, &r->ap_conf, octets, NOW, r->a4, &r->at_ap, &cause);
		break;
	default:
		rc = mpa_device_take_a4(r->d, octets, &r->at_d, &cause);
		break;
	}
	ck_assert_int_eq(rc, mpa_cause_rc(cause));
	return rc;
}

void
mpa_run_to(struct mpa_run *r, unsigned message, bool known)
{
	if (r->d == NULL)
		ck_assert_int_eq(mpa_device_start(&r->d_conf, &r->d, &r->a1), RC_OK);
	if (message >= 2 && r->ap == NULL)
		ck_assert_int_eq(give(r, 1, buf_view(&r->a1)), RC_OK);
	if (message >= 3 && r->a3.n == 0)
		ck_assert_int_eq(
			mpa_device_take_a2(r->d, buf_view(&r->a2), NOW, known, &r->a3, &cause),
			RC_OK);
	if (message >= 4 && r->a4[0] == 0)
		ck_assert_int_eq(give(r, 3, buf_view(&r->a3)), RC_OK);
}

void
mpa_run_end(struct mpa_run *r)
{
	ck_assert_int_eq(give(r, 4, message_of(r, 4)), RC_OK);
	ck_assert_mem_eq(&r->at_d.th, &r->at_ap.th, sizeof(r->at_d.th));
	ck_assert(key_equal(&r->at_d.key, &r->at_ap.key));
}

void
mpa_run_fini(struct mpa_run *r)
{
	mpa_device_free(r->d);
	mpa_ap_free(r->ap);
	buf_fini(&r->a1);
	buf_fini(&r->a2);
	buf_fini(&r->a3);
	mpa_session_wipe(&r->at_d);
	mpa_session_wipe(&r->at_ap);
}
