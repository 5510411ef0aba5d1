/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signs small data with secrets that memcheck takes for undefined: it then reports every branch and
 * every address that depends on one.
 *
 * ct_sd scheme   keys, proof of possession and signatures of BLS; keys and signatures of identities
 * ct_sd control  a power as it must not be computed: memcheck has to report it
 * ct_sd able     tells by its status whether the others make sense here
 */
#include "config.h"

#include "sd/bls.h"
#include "sd/ibas.h"

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

#if defined(HAVE_PAIRING) && defined(VALGRIND_MAKE_MEM_UNDEFINED) && !defined(SANITIZED)

/* p is secret from here on; what was computed from it is, too. */
#define SECRET(p) (void)VALGRIND_MAKE_MEM_UNDEFINED(&(p), sizeof(p))
/* p is sent to others now. */
#define PUBLIC(p) (void)VALGRIND_MAKE_MEM_DEFINED(&(p), sizeof(p))

#define NOW UINT64_C(1700000000000)

static const struct sd_reading reading = {
	.device = { { 1, 2, 3 } }, .seq = 1, .millis = NOW, .payload = SLICE_INIT("21.5")
};

static void
need(enum rc rc, const char *what)
{
	if (rc == RC_OK)
		return;
	fprintf(stderr, "ct_sd: %s: %d\n", what, (int)rc);
	exit(EXIT_FAILURE);
}

static void
bls(void)
{
	uint8_t octets[SD_BLS_SECRET_SIZE], pk[SD_BLS_PUBLIC_SIZE], pop[SD_BLS_PROOF_SIZE];
	uint8_t signature[SD_BLS_SIZE];
	struct sd_bls_secret s;

	need(sd_bls_generate(&s), "new key");
	need(sd_bls_secret_write(&s, octets), "its octets");
	sd_bls_wipe(&s);
	SECRET(octets);
	need(sd_bls_secret_read(slice_make(octets, sizeof(octets)), &s), "key");
	need(sd_bls_prove(&s, pk, pop), "proof");
	need(sd_bls_sign(&s, &reading, signature), "signature");
	sd_bls_wipe(&s);
	PUBLIC(pk);
	PUBLIC(pop);
	PUBLIC(signature);
	need(sd_bls_public_prove(slice_make(pk, sizeof(pk)), slice_make(pop, sizeof(pop)),
	                         &(struct sd_bls_public){ 0 }),
	     "the proof is right");
}

static enum rc
keep(void *arg, const uint8_t w[SD_ROUND_SIZE])
{
	(void)arg;
	(void)w;
	return RC_OK;
}

/* The generator's secret, and with it the keys of a device. */
static void
identities(void)
{
	struct ibas_signer_conf conf = { .device = reading.device, .millis = NOW, .keep = keep };
	uint8_t octets[IBAS_SECRET_SIZE], key[IBAS_KEY_SIZE], w[SD_ROUND_SIZE], out[IBAS_SIZE];
	struct ibas_signer *signer;
	struct ibas_secret s;
	struct ibas_identity id;
	struct ibas_public q;
	enum rc rc;

	need(ibas_generate(&s), "new secret");
	need(ibas_public_of(&s, &q), "Q");
	need(ibas_secret_write(&s, octets), "its octets");
	ibas_secret_wipe(&s);
	SECRET(octets);
	need(ibas_secret_read(slice_make(octets, sizeof(octets)), &s), "secret");
	need(ibas_identity_make(&conf.device, NOW, &id), "identity");
	need(ibas_key_make(&s, &id, key), "key");
	ibas_secret_wipe(&s);
	conf.key = slice_make(key, sizeof(key));
	conf.q = &q;
	rc = ibas_signer_new(&conf, &signer);
	PUBLIC(rc);
	need(rc, "signer");
	need(sd_round_make(NOW, w), "round");
	need(ibas_sign(signer, w, NOW, &reading, out), "signature");
	PUBLIC(out);
	ibas_signer_free(signer);
}

/* Multiplies where a bit of the secret is 1, by the element that four bits of it name. */
static int
control(void)
{
	struct sd_bls_secret s;
	struct pairing_g1 p[16];
	struct pairing_g1_product x;

	need(sd_bls_generate(&s), "new key");
	for (size_t i = 0; i < 16; i++)
		need(pairing_g1_hash(slice_make(&i, sizeof(i)), SLICE_LIT("control"), &p[i]), "p");
	SECRET(s);
	pairing_g1_product_begin(&x);
	for (size_t bit = 0; bit < 8 * sizeof(s.x.v); bit++)
		if (s.x.v[bit / 8] >> bit % 8 & 1)
			pairing_g1_product_times(&x, &p[s.x.v[bit / 8] & 15]);
	return EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
	struct slice what = slice_of(argc == 2 ? argv[1] : "");

	if (slice_is(what, "able"))
		return EXIT_SUCCESS;
	if (slice_is(what, "control"))
		return control();
	if (!slice_is(what, "scheme")) {
		fprintf(stderr, "usage: ct_sd able|scheme|control\n");
		return 2;
	}
	bls();
	identities();
	return EXIT_SUCCESS;
}

#else

int
main(void)
{
	return 77;
}

#endif
