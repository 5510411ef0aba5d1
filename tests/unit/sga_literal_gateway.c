/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <openssl/rand.h>
#include <openssl/rsa.h>

#include "sga_literal.h"

/* ---- the gateway ---- */

/* The least number that is no square: its powers are all of F_p*. */
static BIGNUM *
generator_of(const BIGNUM *p)
{
	BN_CTX *c = BN_CTX_new();
	BIGNUM *g = BN_new();
	BN_ULONG word = 2;

	ck_assert(c != NULL && g != NULL);
	do
		ck_assert_int_eq(BN_set_word(g, word++), 1);
	while (BN_kronecker(g, p, c) == 1);
	BN_CTX_free(c);
	return g;
}

void
lit_gateway_make(struct lit_gateway *g)
{
	memset(g, 0, sizeof(*g));
	g->e = EVP_RSA_gen(LIT_RSA * 8);
	g->f = EVP_RSA_gen(LIT_RSA * 8);
	g->p = BN_get_rfc3526_prime_1536(NULL);
	ck_assert(g->e != NULL && g->f != NULL && g->p != NULL);
	g->g = generator_of(g->p);
	g->package = (struct lit_package){ .e = g->e, .f = g->f, .p = g->p, .g = g->g };
}

void
lit_gateway_free(struct lit_gateway *g)
{
	EVP_PKEY_free(g->e);
	EVP_PKEY_free(g->f);
	BN_free(g->p);
	BN_free(g->g);
}

struct lit_entry *
lit_find(struct lit_gateway *g, const struct lit_name *id)
{
	for (unsigned i = 0; i < g->n; i++)
		if (memcmp(&g->devices[i].id, id, sizeof(*id)) == 0)
			return &g->devices[i];
	return NULL;
}

bool
lit_r1_take(struct lit_gateway *g, const uint8_t r1[LIT_RSA])
{
	struct lit_entry *d;
	struct lit_r1 m;

	lit_open(g->e, r1, &m, sizeof(m));
	d = lit_find(g, &m.id);
	if (d == NULL) {
		ck_assert_uint_lt(g->n, LIT_DEVICES);
		d = &g->devices[g->n++];
	}
	*d = (struct lit_entry){ .id = m.id, .cid0 = m.cid0, .cids = m.cids };
	memcpy(d->kd, m.kd, LIT_KEY);
	return m.cids != 0;
}

bool
lit_a1_take(struct lit_gateway *g, const uint8_t a1[LIT_RSA], struct lit_a *a2)
{
	lit_open(g->e, a1, a2, sizeof(*a2));
	g->i = lit_find(g, &a2->from);
	g->j = lit_find(g, &a2->to);
	g->cid = a2->cid;
	if (g->i == NULL || g->j == NULL || (g->i->cids & g->j->cids & 1u << (g->cid - 1)) == 0)
		return false;
	memcpy(g->kti, a2->x, LIT_KEY);
	lit_xor(g->kti, g->i->kd, LIT_KEY);
	memcpy(a2->x, g->kti, LIT_KEY);
	lit_xor(a2->x, g->j->kd, LIT_KEY);
	lit_e(g->j->kd, a2, sizeof(*a2));
	return true;
}

bool
lit_a3_take(struct lit_gateway *g, const uint8_t a3[LIT_RSA], struct lit_a *a4)
{
	lit_open(g->e, a3, a4, sizeof(*a4));
	if (a4->cid != g->cid || lit_find(g, &a4->via) != g->j || lit_find(g, &a4->to) != g->i)
		return false;
	memcpy(g->ktj, a4->x, LIT_KEY);
	lit_xor(g->ktj, g->kti, LIT_KEY);
	lit_e(g->kti, a4, sizeof(*a4));
	return true;
}

void
lit_b1_take(struct lit_gateway *g, const struct lit_b *b1, struct lit_b2 *b2)
{
	g->b1 = *b1;
	lit_e(g->kti, &g->b1, sizeof(g->b1));
	*b2 = (struct lit_b2){ .i = g->b1.i, .j = g->b1.j, .g = g->b1.g };
	lit_e(g->ktj, b2, sizeof(*b2));
}

/* B4 of one device: N by kd, K_is by the trapdoor, f_Kis(N). */
static bool
verified(struct lit_gateway *g, const struct lit_entry *d, const struct lit_b *b, uint8_t *k)
{
	uint8_t n[LIT_N], r[8], mac[LIT_MAC];

	memcpy(n, b->masked, LIT_N);
	lit_e(d->kd, n, LIT_N);
	lit_xor(n, d->kd, LIT_KEY);
	lit_open(g->f, b->f, r, sizeof(r));
	lit_power(&g->package, n, r, sizeof(r), k);
	lit_f(k, mac, n, (size_t)LIT_N, NULL);
	return memcmp(n, b->n, LIT_N) == 0 && memcmp(mac, b->mac, LIT_MAC) == 0;
}

static void
b6_make(struct lit_gateway *g, const uint8_t *k, const uint8_t *n, const uint8_t *rs,
        struct lit_b6 *b6)
{
	lit_power(&g->package, n, rs, 32, b6->s);
	lit_f(k, b6->mac, g->i->id.v, (size_t)LIT_ID, g->j->id.v, (size_t)LIT_ID, k, (size_t)LIT_N,
	      b6->s, (size_t)LIT_N, NULL);
}

bool
lit_b3_take(struct lit_gateway *g, const struct lit_b *b3, struct lit_b6 *to_i, struct lit_b6 *to_j)
{
	uint8_t ki[LIT_N], kj[LIT_N], rs[32];

	g->b3 = *b3;
	lit_e(g->ktj, &g->b3, sizeof(g->b3));
	if (!verified(g, g->i, &g->b1, ki) || !verified(g, g->j, &g->b3, kj))
		return false;
	ck_assert_int_eq(RAND_bytes(rs, sizeof(rs)), 1);
	b6_make(g, ki, g->b3.n, rs, to_i);
	b6_make(g, kj, g->b1.n, rs, to_j);
	return true;
}

/* ---- all of it ---- */

void
lit_world_make(struct lit_world *w)
{
	uint8_t r1[LIT_RSA];

	memset(w, 0, sizeof(*w));
	lit_gateway_make(&w->g);
	lit_device_make(&w->i, "device-i", &w->g.package);
	lit_device_make(&w->j, "device-j", &w->g.package);
	lit_r1_make(&w->i, r1);
	ck_assert(lit_r1_take(&w->g, r1));
	lit_r1_make(&w->j, r1);
	ck_assert(lit_r1_take(&w->g, r1));
}

void
lit_world_free(struct lit_world *w)
{
	lit_gateway_free(&w->g);
}

void
lit_negotiate(struct lit_world *w)
{
	lit_a1_make(&w->i, "device-j", 3, w->a1);
	ck_assert(lit_a1_take(&w->g, w->a1, &w->a2));
	lit_a2_take(&w->j, &w->a2);
	lit_a3_make(&w->j, w->a3);
	ck_assert(lit_a3_take(&w->g, w->a3, &w->a4));
	lit_a4_take(&w->i, &w->a4);
}

void
lit_request(struct lit_world *w)
{
	lit_b_make(&w->i, &w->b1);
	lit_b1_take(&w->g, &w->b1, &w->b2);
	lit_b_make(&w->j, &w->b3);
}

void
lit_exchange(struct lit_world *w)
{
	lit_request(w);
	ck_assert(lit_b3_take(&w->g, &w->b3, &w->b6_i, &w->b6_j));
	ck_assert(lit_b6_take(&w->i, &w->b6_i) && lit_b6_take(&w->j, &w->b6_j));
}
