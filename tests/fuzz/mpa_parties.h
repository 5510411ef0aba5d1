/* SPDX-License-Identifier: Apache-2.0 */
/* The parties of multiparty authentication for fuzz targets, made once: keys, warrants, chains. */
#ifndef FUZZ_MPA_PARTIES_H
#define FUZZ_MPA_PARTIES_H

#include "mpa/ap.h"
#include "mpa/transcript.h"

#include <stdlib.h>

#define PARTIES_NOW INT64_C(1700000100)
#define PARTIES_DEVICE "01bcad980102030405060708090a0b0c"
#define PARTIES_PLACE "gscl-0102"

enum { P_CN, P_S, P_D, P_AP, P_COUNT };

struct mpa_made {
	uint8_t v[MPA_WARRANT_MAX];
	size_t n;
};

struct mpa_parties {
	struct sign_key *key[P_COUNT];
	struct sign_public pub[P_COUNT];
	struct mpa_made w[5]; /* W1 .. W5 */
	uint8_t from_cn[2 * MPA_WARRANT_MAX], from_s[2 * MPA_WARRANT_MAX];
	size_t n_cn, n_s;
	struct mpa_anchor cn, s;
};

static inline void
must(bool x)
{
	if (!x)
		abort();
}

static inline void
parties_warrant(struct mpa_parties *p, unsigned which, unsigned from, unsigned to, unsigned behalf,
                const struct mpa_made *parent)
{
	static const char *const ids[] = { "cn.sp1.example", "mtc.app.example", PARTIES_DEVICE,
		                           PARTIES_PLACE };
	bool agreement = parent == NULL && to != P_AP;
	struct mpa_warrant w = {
		.kind = agreement    ? MPA_AGREEMENT
		        : to == P_AP ? MPA_ACCESS_POINT
		                     : MPA_DEVICE,
		.depth = agreement ? 1 : 0,
		.not_before = 1700000000,
		.not_after = agreement ? 1731536000 : 1702592000,
		.rights = agreement    ? MPA_MAY_CERTIFY
		          : to == P_AP ? MPA_IS_AP
		                       : MPA_IS_DEVICE,
		.delegator = p->pub[from],
		.delegate = p->pub[to],
		.on_behalf = p->pub[behalf],
		.delegator_id = slice_of(ids[from]),
		.delegate_id = slice_of(ids[to]),
		.on_behalf_id = slice_of(ids[behalf]),
		.scope = agreement ? SLICE_LIT("*") : SLICE_LIT(PARTIES_PLACE),
	};
	struct mpa_made *out = &p->w[which];

	memset(w.serial, (int)which + 1, sizeof(w.serial));
	if (parent != NULL)
		must(mpa_warrant_hash(slice_make(parent->v, parent->n), w.parent) == RC_OK);
	must(mpa_warrant_make(&w, p->key[from], out->v, &out->n) == RC_OK);
}

static inline size_t
parties_chain(const struct mpa_made *a, const struct mpa_made *b, uint8_t *out)
{
	memcpy(out, a->v, a->n);
	memcpy(out + a->n, b->v, b->n);
	return a->n + b->n;
}

static inline struct mpa_parties *
parties(void)
{
	static struct mpa_parties p;

	if (p.key[P_CN] != NULL)
		return &p;
	for (unsigned i = 0; i < P_COUNT; i++) {
		uint8_t seed[SIGN_SEED_SIZE] = { (uint8_t)(i + 1) };

		must(sign_key_from_seed(seed, &p.key[i]) == RC_OK);
		sign_key_public(p.key[i], &p.pub[i]);
	}
	parties_warrant(&p, 0, P_CN, P_S, P_CN, NULL);
	parties_warrant(&p, 1, P_S, P_CN, P_S, NULL);
	parties_warrant(&p, 2, P_S, P_D, P_CN, &p.w[0]);
	parties_warrant(&p, 3, P_CN, P_D, P_S, &p.w[1]);
	parties_warrant(&p, 4, P_CN, P_AP, P_CN, NULL);
	p.n_cn = parties_chain(&p.w[0], &p.w[2], p.from_cn);
	p.n_s = parties_chain(&p.w[1], &p.w[3], p.from_s);
	p.cn = (struct mpa_anchor){ p.pub[P_CN], SLICE_NONE };
	p.s = (struct mpa_anchor){ p.pub[P_S], SLICE_NONE };
	return &p;
}

/* The same octets in each run: arg counts the turns. */
static inline enum rc
parties_random(void *arg, void *out, size_t n)
{
	uint8_t turn = ++*(uint8_t *)arg, octets[DIGEST_SIZE];
	const struct slice part = slice_make(&turn, 1);

	must(n <= sizeof(octets) && digest_sha256(&part, 1, octets) == RC_OK);
	memcpy(out, octets, n);
	return RC_OK;
}

static inline struct mpa_device_conf
parties_device(const struct mpa_parties *p)
{
	return (struct mpa_device_conf){ .key = p->key[P_D],
		                         .id = SLICE_LIT(PARTIES_DEVICE),
		                         .from_cn = slice_make(p->from_cn, p->n_cn),
		                         .from_s = slice_make(p->from_s, p->n_s),
		                         .cn = p->cn };
}

static inline struct mpa_ap_conf
parties_ap(const struct mpa_parties *p)
{
	return (struct mpa_ap_conf){ .key = p->key[P_AP],
		                     .chain = slice_make(p->w[4].v, p->w[4].n),
		                     .anchors = { p->cn, &p->s, 1 },
		                     .place = SLICE_LIT(PARTIES_PLACE) };
}

#endif
