/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs AFGH with secrets that memcheck takes for undefined: it then reports every branch and every
 * address that depends on one.
 *
 * ct_afgh scheme   all operations
 * ct_afgh control  a power in GT as it must not be computed: memcheck has to report it
 * ct_afgh able     tells by its status whether the others make sense here
 */
#include "config.h"

#include "pre/afgh_fixed.h"
#include "pre/afgh_own.h"

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

static void
need(enum rc rc, const char *what)
{
	if (rc == RC_OK)
		return;
	fprintf(stderr, "ct_afgh: %s: %d\n", what, (int)rc);
	exit(EXIT_FAILURE);
}

struct parties {
	struct afgh *afgh;
	struct afgh_keys *owner, *sink;
	uint8_t c1[AFGH_G1];
	struct afgh_gt k;
};

/* A key that is written, and read as a secret. */
static struct afgh_keys *
secret_keys(void)
{
	struct afgh_keys *fresh, *k;
	uint8_t octets[AFGH_SECRET];

	need(afgh_keys_new(&fresh), "new key");
	afgh_keys_write(fresh, octets);
	afgh_keys_free(fresh);
	SECRET(octets);
	need(afgh_keys_read(slice_make(octets, sizeof(octets)), &k), "key");
	return k;
}

static void
encrypt(struct parties *p, const struct afgh_epoch *e)
{
	uint8_t r[AFGH_SCALAR], pk1[AFGH_GT];
	struct pairing_scalar scalar;
	struct afgh_gt k;

	need(pairing_scalar_random(&scalar), "r");
	pairing_scalar_write(&scalar, r);
	SECRET(r);
	need(afgh_epoch_public(p->afgh, e, pk1), "PK1");
	PUBLIC(pk1);
	need(afgh_encrypt_to(slice_make(pk1, sizeof(pk1)), p->c1, &k), "encryption to another");
	need(afgh_encrypt_fixed(p->afgh, e, slice_make(r, sizeof(r)), p->c1, &p->k), "encryption");
	PUBLIC(p->c1);
}

/* By way of the proxy, to whom neither rk nor D is a thing to time. */
static void
delegate(struct parties *p, const struct afgh_epoch *e)
{
	uint8_t pk2[AFGH_G2], raw[AFGH_G2], d[AFGH_GT];
	struct afgh_rk *rk;
	struct afgh_gt k;

	afgh_keys_public(p->sink, pk2);
	PUBLIC(pk2);
	need(afgh_rekey(e, slice_make(pk2, sizeof(pk2)), raw), "rekey");
	PUBLIC(raw);
	need(afgh_rk_load(slice_make(raw, sizeof(raw)), &rk), "rk");
	need(afgh_reencrypt(rk, slice_make(p->c1, sizeof(p->c1)), d), "re-encryption");
	afgh_rk_free(rk);
	need(afgh_decrypt_first(p->sink, slice_make(d, sizeof(d)), &k), "decryption by the sink");
}

static int
scheme(void)
{
	const struct afgh_epoch_id id = { .stream = 1, .epoch = 2 };
	struct parties p;
	struct afgh_epoch *e;
	struct afgh_gt k;

	need(afgh_new(&p.afgh), "AFGH");
	p.owner = secret_keys();
	p.sink = secret_keys();
	need(afgh_epoch_new(p.owner, &id, &e), "epoch");
	encrypt(&p, e);
	delegate(&p, e);
	need(afgh_decrypt_second(p.afgh, e, slice_make(p.c1, sizeof(p.c1)), &k),
	     "decryption by the owner");
	afgh_epoch_free(e);
	afgh_keys_free(p.owner);
	afgh_keys_free(p.sink);
	afgh_free(p.afgh);
	return EXIT_SUCCESS;
}

/* Multiplies where a bit of the secret is 1, by the element that four bits of it name. */
static int
control(void)
{
	struct afgh *a;
	struct pairing_scalar s;
	struct pairing_gt x;

	need(afgh_new(&a), "AFGH");
	need(pairing_scalar_random(&s), "scalar");
	SECRET(s);
	x = a->z.v[1];
	for (size_t bit = 0; bit < 8 * sizeof(s.v); bit++) {
		pairing_gt_multiply(&x, &x, &x);
		if (s.v[bit / 8] >> bit % 8 & 1)
			pairing_gt_multiply(&x, &a->z.v[1 + (s.v[bit / 8] & 14)], &x);
	}
	afgh_free(a);
	return EXIT_SUCCESS;
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
	fprintf(stderr, "usage: ct_afgh able|scheme|control\n");
	return 2;
}

#else

int
main(void)
{
	return 77;
}

#endif
