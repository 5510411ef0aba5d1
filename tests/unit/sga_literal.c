/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <stdarg.h>

#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include "sga_literal.h"

/* ---- functions ---- */

/* Raw RSA of a whole block, with the public or the private key. */
static void
rsa(EVP_PKEY *key, bool private, const uint8_t *in, uint8_t *out)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(key, NULL);
	size_t n = LIT_RSA;
	int ok;

	ck_assert_ptr_nonnull(c);
	ok = private ? EVP_PKEY_decrypt_init(c) : EVP_PKEY_encrypt_init(c);
	ck_assert_int_eq(ok, 1);
	ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_padding(c, RSA_NO_PADDING), 1);
	ok = private ? EVP_PKEY_decrypt(c, out, &n, in, LIT_RSA)
	             : EVP_PKEY_encrypt(c, out, &n, in, LIT_RSA);
	ck_assert_int_eq(ok, 1);
	ck_assert_uint_eq(n, LIT_RSA);
	EVP_PKEY_CTX_free(c);
}

void
lit_seal(EVP_PKEY *pk, const void *plain, size_t n, uint8_t out[LIT_RSA])
{
	uint8_t block[LIT_RSA] = { 0 };

	ck_assert_uint_lt(n, LIT_RSA);
	memcpy(block + LIT_RSA - n, plain, n);
	rsa(pk, false, block, out);
}

void
lit_open(EVP_PKEY *pr, const uint8_t sealed[LIT_RSA], void *plain, size_t n)
{
	uint8_t block[LIT_RSA];

	rsa(pr, true, sealed, block);
	memcpy(plain, block + LIT_RSA - n, n);
}

void
lit_e(const uint8_t key[LIT_KEY], void *text, size_t n)
{
	static const uint8_t counter[16];
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int done;

	ck_assert_ptr_nonnull(c);
	ck_assert_int_eq(EVP_EncryptInit_ex2(c, EVP_aes_128_ctr(), key, counter, NULL), 1);
	ck_assert_int_eq(EVP_EncryptUpdate(c, text, &done, text, (int)n), 1);
	EVP_CIPHER_CTX_free(c);
}

void
lit_f(const uint8_t key[LIT_N], uint8_t out[LIT_MAC], ...)
{
	uint8_t all[1024];
	unsigned done = 0;
	const void *p;
	size_t n = 0;
	va_list ap;

	va_start(ap, out);
	while ((p = va_arg(ap, const void *)) != NULL) {
		size_t more = va_arg(ap, size_t);

		ck_assert_uint_le(more, sizeof(all) - n);
		memcpy(all + n, p, more);
		n += more;
	}
	va_end(ap);
	ck_assert_ptr_nonnull(HMAC(EVP_sha256(), key, LIT_N, all, n, out, &done));
	ck_assert_uint_eq(done, LIT_MAC);
}

void
lit_trapdoor(EVP_PKEY *f, uint64_t r, uint8_t out[LIT_RSA])
{
	uint8_t octets[8];

	for (unsigned i = 0; i < sizeof(octets); i++)
		octets[i] = (uint8_t)(r >> (56 - 8 * i));
	lit_seal(f, octets, sizeof(octets), out);
}

void
lit_power(const struct lit_package *k, const uint8_t base[LIT_N], const uint8_t *e, size_t n,
          uint8_t out[LIT_N])
{
	BN_CTX *c = BN_CTX_new();
	BIGNUM *b = BN_bin2bn(base, LIT_N, NULL), *x = BN_bin2bn(e, (int)n, NULL), *r = BN_new();

	ck_assert(c != NULL && b != NULL && x != NULL && r != NULL);
	ck_assert_int_eq(BN_mod_exp(r, b, x, k->p, c), 1);
	ck_assert_int_eq(BN_bn2binpad(r, out, LIT_N), LIT_N);
	BN_free(b);
	BN_free(x);
	BN_free(r);
	BN_CTX_free(c);
}

void
lit_xor(uint8_t *to, const uint8_t *with, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] ^= with[i];
}

static struct lit_name
name_of(const char *text)
{
	struct lit_name n = { { 0 } };

	ck_assert_uint_le(strlen(text), LIT_ID);
	memcpy(n.v, text, strlen(text));
	return n;
}

/* ---- a device ---- */

void
lit_device_make(struct lit_device *d, const char *name, const struct lit_package *package)
{
	memset(d, 0, sizeof(*d));
	d->id = name_of(name);
	d->gateway = name_of("gateway");
	d->package = package;
	d->cid0 = 3;
	d->cids = 0x07;
	ck_assert_int_eq(RAND_bytes(d->kd, LIT_KEY), 1);
}

void
lit_r1_make(const struct lit_device *d, uint8_t r1[LIT_RSA])
{
	struct lit_r1 m = { .cid0 = d->cid0, .id = d->id, .cids = d->cids };

	memcpy(m.kd, d->kd, LIT_KEY);
	lit_seal(d->package->e, &m, sizeof(m), r1);
}

void
lit_a1_make(struct lit_device *i, const char *peer, uint8_t cid, uint8_t a1[LIT_RSA])
{
	struct lit_a m = { .from = i->id, .via = i->gateway, .to = name_of(peer), .cid = cid };

	i->inviter = true;
	i->peer = m.to;
	i->cid = cid;
	ck_assert_int_eq(RAND_bytes(i->kt, LIT_KEY), 1);
	memcpy(m.x, i->kt, LIT_KEY);
	lit_xor(m.x, i->kd, LIT_KEY);
	lit_seal(i->package->e, &m, sizeof(m), a1);
}

void
lit_a2_take(struct lit_device *j, const struct lit_a *a2)
{
	struct lit_a m = *a2;

	lit_e(j->kd, &m, sizeof(m));
	j->inviter = false;
	j->peer = m.from;
	j->cid = m.cid;
	memcpy(j->kt_peer, m.x, LIT_KEY);
	lit_xor(j->kt_peer, j->kd, LIT_KEY);
}

void
lit_a3_make(struct lit_device *j, uint8_t a3[LIT_RSA])
{
	struct lit_a m = { .from = j->gateway, .via = j->id, .to = j->peer, .cid = j->cid };

	ck_assert_int_eq(RAND_bytes(j->kt, LIT_KEY), 1);
	memcpy(m.x, j->kt, LIT_KEY);
	lit_xor(m.x, j->kt_peer, LIT_KEY);
	lit_seal(j->package->e, &m, sizeof(m), a3);
}

void
lit_a4_take(struct lit_device *i, const struct lit_a *a4)
{
	struct lit_a m = *a4;

	lit_e(i->kt, &m, sizeof(m));
	memcpy(i->kt_peer, m.x, LIT_KEY);
	lit_xor(i->kt_peer, i->kt, LIT_KEY);
}

void
lit_b_make(struct lit_device *d, struct lit_b *b)
{
	uint8_t generator[LIT_N], r[2];

	memset(b, 0, sizeof(*b));
	ck_assert_int_eq(BN_bn2binpad(d->package->g, generator, LIT_N), LIT_N);
	ck_assert_int_eq(RAND_bytes(d->exponent, sizeof(d->exponent)), 1);
	ck_assert_int_eq(RAND_bytes(r, sizeof(r)), 1);
	r[0] &= (1u << (LIT_R_BITS - 8)) - 1;
	r[0] |= 1; /* not 0 */
	lit_power(d->package, generator, d->exponent, sizeof(d->exponent), d->n);
	lit_power(d->package, d->n, r, sizeof(r), d->kis);
	memcpy(b->n, d->n, LIT_N);
	memcpy(b->kis, d->kis, LIT_N);
	b->i = d->inviter ? d->id : d->peer;
	b->j = d->inviter ? d->peer : d->id;
	b->g = d->gateway;
	memcpy(b->masked, d->n, LIT_N);
	lit_xor(b->masked, d->kd, LIT_KEY);
	lit_e(d->kd, b->masked, LIT_N);
	lit_trapdoor(d->package->f, (uint64_t)r[0] << 8 | r[1], b->f);
	lit_f(d->kis, b->mac, d->n, (size_t)LIT_N, NULL);
	lit_e(d->kt, b, sizeof(*b));
}

bool
lit_b6_take(struct lit_device *d, const struct lit_b6 *b6)
{
	const struct lit_name *i = d->inviter ? &d->id : &d->peer;
	const struct lit_name *j = d->inviter ? &d->peer : &d->id;
	uint8_t mac[LIT_MAC];

	lit_f(d->kis, mac, i->v, (size_t)LIT_ID, j->v, (size_t)LIT_ID, d->kis, (size_t)LIT_N, b6->s,
	      (size_t)LIT_N, NULL);
	if (memcmp(mac, b6->mac, LIT_MAC) != 0)
		return false;
	lit_power(d->package, b6->s, d->exponent, sizeof(d->exponent), d->k);
	d->done = true;
	return true;
}

void
lit_message(const struct lit_device *d, void *text, size_t n)
{
	lit_e(d->k + LIT_N - LIT_KEY, text, n);
}
