/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The security gateway application as its paper has it (section 4), to show what goes wrong there.
 * Nothing of it is in the product.
 *
 * What the paper leaves open is the plainest that fits: E_PK and F_G are RSA without padding, as
 * D_PR(E_PK(M)) = M says; E_x is AES-128-CTR that begins with the same counter for each message; f_k
 * is HMAC-SHA256; g generates all of F_p*, p is a safe prime; a key that is shorter than N is padded
 * with zeros. Sizes are small where no attack depends on them.
 *
 * Functions fail (false) only where the paper has a check; anything else ends the test.
 */
#ifndef UNIT_SGA_LITERAL_H
#define UNIT_SGA_LITERAL_H

#include <check.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/evp.h>

#define LIT_KEY 16u /* kd, kt */
#define LIT_ID 16u
#define LIT_N 192u /* octets of p */
#define LIT_RSA 128u
#define LIT_MAC 32u
#define LIT_R_BITS 12 /* of r, whose size the paper does not say */
#define LIT_DEVICES 4u

struct lit_name {
	uint8_t v[LIT_ID];
};

/* ---- messages: octets only, so that a struct is what is sent ---- */

struct lit_r1 {
	uint8_t kd[LIT_KEY], cid0;
	struct lit_name id;
	uint8_t cids; /* a bit for each cipher */
};

/* A1..A4. */
struct lit_a {
	uint8_t x[LIT_KEY]; /* of two keys, the xor */
	struct lit_name from, via, to;
	uint8_t cid;
};

/* B1 and B3. */
struct lit_b {
	uint8_t n[LIT_N], kis[LIT_N];
	struct lit_name i, j, g;
	uint8_t masked[LIT_N]; /* E_kd(N xor kd) */
	uint8_t f[LIT_RSA]; /* F_G(r) */
	uint8_t mac[LIT_MAC]; /* f_Kis(N) */
};

struct lit_b2 {
	struct lit_name i, j, g;
};

struct lit_b6 {
	uint8_t s[LIT_N];
	uint8_t mac[LIT_MAC]; /* f_Kis(IDi, IDj, Kis, S) */
};

/* ---- the functions of the download package ---- */

struct lit_package {
	EVP_PKEY *e; /* PK */
	EVP_PKEY *f; /* of F_G */
	const BIGNUM *p, *g;
};

/* E_PK of n octets, at most LIT_RSA - 1. */
void lit_seal(EVP_PKEY *pk, const void *plain, size_t n, uint8_t out[LIT_RSA]);
void lit_open(EVP_PKEY *pr, const uint8_t sealed[LIT_RSA], void *plain, size_t n);
/* E_x and D_x: it is its own inverse. */
void lit_e(const uint8_t key[LIT_KEY], void *text, size_t n);
/* f_k of texts: pairs of pointer and length, NULL ends them. */
void lit_f(const uint8_t key[LIT_N], uint8_t out[LIT_MAC], ...);
/* F_G(r). */
void lit_trapdoor(EVP_PKEY *f, uint64_t r, uint8_t out[LIT_RSA]);
/* base^e mod p, with e of n octets. */
void lit_power(const struct lit_package *k, const uint8_t base[LIT_N], const uint8_t *e, size_t n,
               uint8_t out[LIT_N]);
void lit_xor(uint8_t *to, const uint8_t *with, size_t n);

/* ---- a device ---- */

struct lit_device {
	struct lit_name id, peer, gateway;
	uint8_t kd[LIT_KEY], cid0, cids;
	const struct lit_package *package;
	bool inviter;
	uint8_t kt[LIT_KEY], kt_peer[LIT_KEY], cid;
	uint8_t exponent[32]; /* R */
	uint8_t n[LIT_N], kis[LIT_N];
	bool done;
	uint8_t k[LIT_N];
};

void lit_device_make(struct lit_device *d, const char *name, const struct lit_package *package);
void lit_r1_make(const struct lit_device *d, uint8_t r1[LIT_RSA]);
void lit_a1_make(struct lit_device *i, const char *peer, uint8_t cid, uint8_t a1[LIT_RSA]);
void lit_a2_take(struct lit_device *j, const struct lit_a *a2);
void lit_a3_make(struct lit_device *j, uint8_t a3[LIT_RSA]);
void lit_a4_take(struct lit_device *i, const struct lit_a *a4);
/* B1 of i, B3 of j. */
void lit_b_make(struct lit_device *d, struct lit_b *b);
bool lit_b6_take(struct lit_device *d, const struct lit_b6 *b6);
/* c = E_K(m) and back. */
void lit_message(const struct lit_device *d, void *text, size_t n);

/* ---- the gateway ---- */

struct lit_entry {
	struct lit_name id;
	uint8_t kd[LIT_KEY], cid0, cids;
};

struct lit_gateway {
	struct lit_package package;
	EVP_PKEY *e, *f;
	BIGNUM *p, *g;
	struct lit_entry devices[LIT_DEVICES];
	unsigned n;
	/* the session */
	struct lit_entry *i, *j;
	uint8_t kti[LIT_KEY], ktj[LIT_KEY], cid;
	struct lit_b b1, b3; /* as decrypted */
};

void lit_gateway_make(struct lit_gateway *g);
void lit_gateway_free(struct lit_gateway *g);
struct lit_entry *lit_find(struct lit_gateway *g, const struct lit_name *id);
bool lit_r1_take(struct lit_gateway *g, const uint8_t r1[LIT_RSA]);
bool lit_a1_take(struct lit_gateway *g, const uint8_t a1[LIT_RSA], struct lit_a *a2);
bool lit_a3_take(struct lit_gateway *g, const uint8_t a3[LIT_RSA], struct lit_a *a4);
void lit_b1_take(struct lit_gateway *g, const struct lit_b *b1, struct lit_b2 *b2);
/* B4..B6. */
bool lit_b3_take(struct lit_gateway *g, const struct lit_b *b3, struct lit_b6 *to_i,
                 struct lit_b6 *to_j);

/* ---- all of it ---- */

/* A gateway and two devices that are registered. */
struct lit_world {
	struct lit_gateway g;
	struct lit_device i, j;
	uint8_t a1[LIT_RSA], a3[LIT_RSA];
	struct lit_a a2, a4;
	struct lit_b b1, b3;
	struct lit_b2 b2;
	struct lit_b6 b6_i, b6_j;
};

void lit_world_make(struct lit_world *w);
void lit_world_free(struct lit_world *w);
/* Phases, as they should be; what was sent stays in w. */
void lit_negotiate(struct lit_world *w);
void lit_request(struct lit_world *w); /* B1 and B3 are made; B3 is not taken yet */
void lit_exchange(struct lit_world *w);

#endif
