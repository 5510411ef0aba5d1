/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any octets as what libsga reads before it knows who made them. The first octet says as what: a
 * download package (signed here, so that what is behind the signature is reached), keys of both
 * suites, a header with an error, an element of a group, something sealed for a key.
 */
#include "config.h"

#include "sga/keys.h"
#include "sga/octets.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sign_key *
signer(struct sign_public *public)
{
	static const uint8_t seed[SIGN_SEED_SIZE] = { 7 };
	struct sign_key *k;

	if (sign_key_from_seed(seed, &k) != RC_OK)
		abort();
	sign_key_public(k, public);
	return k;
}

/* All but the signature, which is made. */
static void
read_package(struct slice s)
{
	uint8_t octets[SGA_PACKAGE_MAX + SIGN_SIZE + 1], signature[SIGN_SIZE];
	struct sga_writer w = sga_writer_of(octets, sizeof(octets));
	struct sign_public public;
	struct sign_key *k = signer(&public);
	const struct sga_package_rule rule = { .key = &public };
	struct sga_package *p;
	enum rc rc;

	sga_write_slice(&w, s);
	if (sign_make(k, SIGN_SGA_PACKAGE, s, signature) != RC_OK)
		abort();
	sga_write(&w, signature, sizeof(signature));
	rc = sga_package_read(sga_written(&w), &rule, &p);
	if (rc == RC_OK && !slice_eq(sga_package_octets(p), sga_written(&w)))
		abort();
	if (rc != RC_OK && rc != RC_BAD_REQUEST && rc != RC_NOT_IMPLEMENTED && rc != RC_DENIED)
		abort();
	sga_package_free(p);
	sign_key_free(k);
}

static void
read_keys(struct slice s)
{
	const struct sga_suite *suite =
		sga_suite_find(s.n > 0 && s.p[0] % 2 == 0 ? SGA_SUITE_X : SGA_SUITE_C);
	struct slice octets = slice_from(s, 1);
	struct sga_public *public;
	struct sga_private *private;

	if (sga_public_read(suite, octets, &public) == RC_OK) {
		if (!slice_eq(sga_public_octets(public), octets))
			abort();
		sga_public_free(public);
	}
	if (sga_private_read(suite, octets, &private) == RC_OK)
		sga_private_free(private);
}

static void
read_header(struct slice s)
{
	uint8_t again[SGA_HEADER_SIZE], error[SGA_ERROR_SIZE];
	struct sga_header h;
	struct sga_error e;

	if (sga_header_read(s, &h) == RC_OK) {
		sga_header_write(&h, again);
		if (memcmp(again, s.p, sizeof(again)) != 0)
			abort();
	}
	sga_error_make(s, SGA_CLASS_REFUSED, NULL, error);
	if (sga_error_read(slice_make(error, sizeof(error)), &e) != RC_OK)
		abort();
	(void)sga_error_read(s, &e);
}

static void
read_element(struct slice s)
{
	const struct sga_group *x = sga_group_find(SGA_GROUP_X25519);
	const struct sga_group *ff = sga_group_find(SGA_GROUP_FFDHE2048);
	struct sga_exponent e = { .n = 32, .v = { 8 } };
	uint8_t out[SGA_ELEMENT_MAX];

	if (sga_group_check(x, s) != (sga_group_power(x, s, &e, out) == RC_OK))
		abort();
	(void)sga_group_check(ff, s);
}

/* Nobody has the key that this was sealed for. */
static void
open_sealed(struct slice s)
{
	static const uint8_t scalar[32] = { 9 }, header[SGA_HEADER_SIZE];
	static const struct sga_hash dp;
	const struct sga_seal_context c = { .dp = &dp, .label = "A1", .header = header };
	const struct sga_suite *suite = sga_suite_find(SGA_SUITE_X);
	struct sga_private *k;
	uint8_t *out = malloc(s.n + 1);

	if (out == NULL || sga_private_read(suite, slice_make(scalar, sizeof(scalar)), &k) != RC_OK)
		abort();
	if (sga_open(k, &c, s, out) == RC_OK)
		abort();
	sga_private_free(k);
	free(out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const readers[])(struct slice) = { read_package, read_keys, read_header,
		                                         read_element, open_sealed };
	struct slice s = slice_make(data, size);

	if (size > 0)
		readers[data[0] % 5](slice_from(s, 1));
	return 0;
}
