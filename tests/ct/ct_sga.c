/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs what libsga is made of with secrets that memcheck takes for undefined: it then reports every
 * branch and every address that depends on one.
 *
 * ct_sga scheme   ciphers that are made here, key derivation, powers, F and E_PK
 * ct_sga control  a comparison and a table as they must not be: memcheck has to report them
 * ct_sga able     tells by its status whether the others make sense here
 */
#include "config.h"

#include "sec/ascon.h"
#include "sec/cipher.h"
#include "sec/hkdf.h"
#include "sga/octets.h"
#include "sga/suite.h"

#include <stdio.h>
#include <stdlib.h>

#if defined(__has_include)
#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#endif
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED
#endif
#endif

#if defined(VALGRIND_MAKE_MEM_UNDEFINED) && !defined(SANITIZED)

/* n octets at p are secret from here on; what was computed from them is, too. */
#define SECRET(p, n) (void)VALGRIND_MAKE_MEM_UNDEFINED(p, n)
/* They are sent to others now. */
#define PUBLIC(p, n) (void)VALGRIND_MAKE_MEM_DEFINED(p, n)

#define TEXT_SIZE 40u

static void
need(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "ct_sga: %s\n", what);
	exit(EXIT_FAILURE);
}

/* ---- ciphers ---- */

/*
 * Text and key are secret, but for the first open octets of the key: libcrypto computes Camellia and
 * SM4 with tables, and that is said in cipher.h.
 */
static void
cipher(uint16_t cid, size_t open)
{
	const struct cipher *c = cipher_find(cid);
	uint8_t key[CIPHER_KEY_MAX] = { 1 }, nonce[CIPHER_IV_MAX] = { 2 };
	uint8_t text[TEXT_SIZE] = { 3 }, sealed[TEXT_SIZE + CIPHER_TAG_MAX], out[TEXT_SIZE];
	size_t n = TEXT_SIZE + c->tag;

	SECRET(key + open, sizeof(key) - open);
	SECRET(text, sizeof(text));
	need(aead_seal_once(c, key, nonce, SLICE_LIT("aad"), slice_make(text, TEXT_SIZE), sealed) ==
	             RC_OK,
	     c->name);
	PUBLIC(sealed, n);
	need(aead_open_once(c, key, nonce, SLICE_LIT("aad"), slice_make(sealed, n), out) == RC_OK,
	     c->name);
	sealed[n - 1] ^= 1;
	need(aead_open_once(c, key, nonce, SLICE_LIT("aad"), slice_make(sealed, n), out) != RC_OK,
	     c->name);
}

static void
derivation(void)
{
	uint8_t ikm[64] = { 1 }, mask[64] = { 2 }, out[100];

	SECRET(ikm, sizeof(ikm));
	SECRET(mask, sizeof(mask));
	sga_xor(ikm, mask, ikm, sizeof(ikm));
	need(hkdf_sha256(SLICE_LIT("salt"), slice_make(ikm, sizeof(ikm)), SLICE_LIT("info"), out,
	                 sizeof(out)) == RC_OK,
	     "HKDF");
}

/* ---- groups and suites ---- */

static void
power(uint16_t id)
{
	const struct sga_group *g = sga_group_find(id);
	uint8_t n[SGA_ELEMENT_MAX], k[SGA_ELEMENT_MAX];
	struct sga_exponent e;

	need(sga_group_exponent(g, NULL, &e) == RC_OK, "exponent");
	SECRET(e.v, e.n);
	need(sga_group_base_power(g, &e, n) == RC_OK, "base power");
	PUBLIC(n, g->element);
	need(sga_group_power(g, slice_make(n, g->element), &e, k) == RC_OK, "power");
}

/* What is drawn is secret: the ephemeral key of DHKEM. */
static enum rc
secret_octets(void *arg, void *out, size_t n)
{
	(void)arg;
	memset(out, 5, n);
	SECRET(out, n);
	return RC_OK;
}

static void
suite_x(void)
{
	static const uint8_t header[SGA_HEADER_SIZE];
	static const struct sga_hash dp;
	const struct sga_seal_context c = { .dp = &dp, .label = "A1", .header = header };
	const struct sga_suite *s = sga_suite_find(SGA_SUITE_X);
	const struct sga_random r = { .secret = secret_octets };
	uint8_t scalar[32] = { 9 }, text[TEXT_SIZE] = { 3 }, sealed[TEXT_SIZE + 48], out[TEXT_SIZE];
	uint8_t f[32];
	struct sga_exponent one, two;
	struct sga_private *k;

	need(sga_private_read(s, slice_make(scalar, sizeof(scalar)), &k) == RC_OK, "key");
	SECRET(text, sizeof(text));
	need(sga_seal(sga_private_public(k), &c, slice_make(text, sizeof(text)), &r, sealed) ==
	             RC_OK,
	     "seal");
	PUBLIC(sealed, sizeof(sealed));
	need(sga_open(k, &c, slice_make(sealed, sizeof(sealed)), out) == RC_OK, "open");
	need(sga_trapdoor_make(sga_private_public(k), &r, f, &one) == RC_OK, "F");
	PUBLIC(f, sizeof(f));
	need(sga_trapdoor_open(k, slice_make(f, sizeof(f)), &two) == RC_OK, "inverse of F");
	sga_private_free(k);
}

static int
scheme(void)
{
	cipher(0x0008, 16);
	cipher(0x0009, 16);
	cipher(0x000a, 0);
	derivation();
	power(SGA_GROUP_X25519);
	power(SGA_GROUP_FFDHE2048);
	suite_x();
	return EXIT_SUCCESS;
}

/* A tag that is compared octet by octet, and a table that a secret is an index of. */
static int
control(void)
{
	static const uint8_t table[256] = { 1, 2, 3 };
	uint8_t secret[16] = { 1 }, guess[16] = { 1 };
	unsigned found = 0;

	SECRET(secret, sizeof(secret));
	for (size_t i = 0; i < sizeof(secret) && secret[i] == guess[i]; i++)
		found += table[secret[i]];
	PUBLIC(&found, sizeof(found));
	return found == 4711 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
	struct slice what = slice_of(argc == 2 ? argv[1] : "");

	if (slice_is(what, "able"))
		return EXIT_SUCCESS;
	if (slice_is(what, "scheme"))
		return scheme();
	if (slice_is(what, "control"))
		return control();
	fprintf(stderr, "usage: ct_sga able|scheme|control\n");
	return 2;
}

#else

int
main(void)
{
	return 77;
}

#endif
