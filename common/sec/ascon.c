/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sec/ascon.h"

#include "sec/secret.h"

#define RATE 16u
#define ROUNDS_MAX 12u
#define ROUNDS_OUTER 12u /* at the beginning and at the end */
#define ROUNDS_INNER 8u /* between blocks */
#define INITIAL 0x00001000808c0001u /* SP 800-232, 4.1 */
#define SEPARATOR ((uint64_t)1 << 63)

/* The five words of the state, those of a round's work, and the key, which goes in three times. */
struct ascon {
	uint64_t s[5];
	uint64_t t[5];
	uint64_t k[2];
};

static uint64_t
word_read(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	for (size_t i = n; i-- > 0;)
		v = v << 8 | p[i];
	return v;
}

static void
word_write(uint64_t v, uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++, v >>= 8)
		p[i] = (uint8_t)v;
}

static uint64_t
rotate(uint64_t v, unsigned n)
{
	return v >> n | v << (64 - n);
}

/* SP 800-232, 3.3: the five bits of a column at once for all columns. */
static void
substitute(struct ascon *a)
{
	uint64_t *s = a->s, *t = a->t;

	s[0] ^= s[4];
	s[4] ^= s[3];
	s[2] ^= s[1];
	for (unsigned i = 0; i < 5; i++)
		t[i] = s[i] ^ (~s[(i + 1) % 5] & s[(i + 2) % 5]);
	t[1] ^= t[0];
	t[0] ^= t[4];
	t[3] ^= t[2];
	t[2] = ~t[2];
	memcpy(s, t, sizeof(a->s));
}

/* SP 800-232, 3.4. */
static void
diffuse(uint64_t s[5])
{
	s[0] ^= rotate(s[0], 19) ^ rotate(s[0], 28);
	s[1] ^= rotate(s[1], 61) ^ rotate(s[1], 39);
	s[2] ^= rotate(s[2], 1) ^ rotate(s[2], 6);
	s[3] ^= rotate(s[3], 10) ^ rotate(s[3], 17);
	s[4] ^= rotate(s[4], 7) ^ rotate(s[4], 41);
}

/* The last rounds of ROUNDS_MAX, SP 800-232, 3.2: the constant is the complement of the number. */
static void
permute(struct ascon *a, unsigned rounds)
{
	for (unsigned i = ROUNDS_MAX - rounds; i < ROUNDS_MAX; i++) {
		a->s[2] ^= (15 - i) << 4 | i;
		substitute(a);
		diffuse(a->s);
	}
}

/* ---- the phases, SP 800-232, 4.1 ---- */

static void
start(struct ascon *a, const uint8_t *key, const uint8_t *nonce)
{
	a->k[0] = word_read(key, 8);
	a->k[1] = word_read(key + 8, 8);
	a->s[0] = INITIAL;
	a->s[1] = a->k[0];
	a->s[2] = a->k[1];
	a->s[3] = word_read(nonce, 8);
	a->s[4] = word_read(nonce + 8, 8);
	permute(a, ROUNDS_OUTER);
	a->s[3] ^= a->k[0];
	a->s[4] ^= a->k[1];
}

/* n octets, fewer than a block, and the bit that ends them. */
static void
add_last(struct ascon *a, const uint8_t *p, size_t n)
{
	uint8_t block[RATE] = { 0 };

	if (n > 0)
		memcpy(block, p, n);
	block[n] = 1;
	a->s[0] ^= word_read(block, 8);
	a->s[1] ^= word_read(block + 8, 8);
	secret_wipe(block, sizeof(block));
}

static void
add_aad(struct ascon *a, struct slice aad)
{
	const uint8_t *p = (const uint8_t *)aad.p;
	size_t n = aad.n;

	if (n > 0) {
		for (; n >= RATE; n -= RATE, p += RATE) {
			a->s[0] ^= word_read(p, 8);
			a->s[1] ^= word_read(p + 8, 8);
			permute(a, ROUNDS_INNER);
		}
		add_last(a, p, n);
		permute(a, ROUNDS_INNER);
	}
	a->s[4] ^= SEPARATOR;
}

static void
finish(struct ascon *a, uint8_t tag[ASCON_TAG])
{
	a->s[2] ^= a->k[0];
	a->s[3] ^= a->k[1];
	permute(a, ROUNDS_OUTER);
	word_write(a->s[3] ^ a->k[0], tag, 8);
	word_write(a->s[4] ^ a->k[1], tag + 8, 8);
	secret_wipe(a, sizeof(*a));
}

/* n (up to 8) octets of the word: what is there goes out under it. */
static void
encrypt_word(uint64_t *s, const uint8_t *in, uint8_t *out, size_t n)
{
	*s ^= word_read(in, n);
	word_write(*s, out, n);
}

/* The same back; the word becomes what encrypt_word left. */
static void
decrypt_word(uint64_t *s, const uint8_t *in, uint8_t *out, size_t n)
{
	uint64_t c = word_read(in, n), plain = *s ^ c;

	word_write(plain, out, n);
	if (n < 8)
		plain &= ((uint64_t)1 << 8 * n) - 1;
	*s ^= plain;
}

typedef void crypt_fn(uint64_t *s, const uint8_t *in, uint8_t *out, size_t n);

/* All blocks; behind the last one the bit that ends the text. */
static void
crypt(struct ascon *a, crypt_fn *word, const uint8_t *in, size_t n, uint8_t *out)
{
	size_t first, rest;

	for (; n >= RATE; n -= RATE, in += RATE, out += RATE) {
		word(&a->s[0], in, out, 8);
		word(&a->s[1], in + 8, out + 8, 8);
		permute(a, ROUNDS_INNER);
	}
	first = n < 8 ? n : 8;
	rest = n - first;
	if (first > 0)
		word(&a->s[0], in, out, first);
	if (rest > 0)
		word(&a->s[1], in + first, out + first, rest);
	a->s[n / 8] ^= (uint64_t)1 << 8 * (n % 8);
}

void
ascon_seal(const uint8_t key[ASCON_KEY], const uint8_t nonce[ASCON_NONCE], struct slice aad,
           struct slice plain, uint8_t *out)
{
	struct ascon a;

	start(&a, key, nonce);
	add_aad(&a, aad);
	crypt(&a, encrypt_word, (const uint8_t *)plain.p, plain.n, out);
	finish(&a, out + plain.n);
}

bool
ascon_open(const uint8_t key[ASCON_KEY], const uint8_t nonce[ASCON_NONCE], struct slice aad,
           struct slice sealed, uint8_t *out)
{
	uint8_t tag[ASCON_TAG];
	struct ascon a;
	size_t n;
	bool good;

	if (sealed.n < ASCON_TAG)
		return false;
	n = sealed.n - ASCON_TAG;
	start(&a, key, nonce);
	add_aad(&a, aad);
	crypt(&a, decrypt_word, (const uint8_t *)sealed.p, n, out);
	finish(&a, tag);
	good = secret_equal(slice_make(tag, ASCON_TAG), slice_from(sealed, n));
	secret_wipe(tag, sizeof(tag));
	if (!good)
		secret_wipe(out, n);
	return good;
}
