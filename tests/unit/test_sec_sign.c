/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that sign and their files; keys of devices. */
#include "config.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sec/device_key.h"
#include "sec/hex.h"
#include "sec/key_file.h"
#include "sign_bed.h"

/* ---- keys and signatures ---- */

START_TEST(a_key_of_rfc8032)
{
	static const char seed_hex[] =
		"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
	static const char public_hex[] =
		"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
	uint8_t seed[SIGN_SEED_SIZE], want[SIGN_PUBLIC_SIZE];
	struct sign_public p;
	struct sign_key *k;

	ck_assert(hex_decode(slice_of(seed_hex), seed, sizeof(seed)));
	ck_assert(hex_decode(slice_of(public_hex), want, sizeof(want)));
	ck_assert_int_eq(sign_key_from_seed(seed, &k), RC_OK);
	sign_key_public(k, &p);
	ck_assert_mem_eq(p.v, want, sizeof(want));
	ck_assert(sign_public_ok(&p));
	sign_key_free(k);
}
END_TEST

START_TEST(signatures)
{
	struct slice m = SLICE_LIT("message");
	uint8_t s[SIGN_SIZE];

	for (int d = 0; d < SIGN_DOMAINS; d++) {
		ck_assert_int_eq(sign_make(cn, (enum sign_domain)d, m, s), RC_OK);
		for (int e = 0; e < SIGN_DOMAINS; e++)
			ck_assert_int_eq(sign_verify(&cn_public, (enum sign_domain)e, m, s),
			                 d == e ? RC_OK : RC_FORBIDDEN);
		ck_assert_int_eq(sign_verify(&other_public, (enum sign_domain)d, m, s),
		                 RC_FORBIDDEN);
		ck_assert_int_eq(sign_verify(&cn_public, (enum sign_domain)d, slice_head(m, 6), s),
		                 RC_FORBIDDEN);
		for (size_t i = 0; i < SIGN_SIZE; i++) {
			s[i] ^= 1;
			ck_assert_int_eq(sign_verify(&cn_public, (enum sign_domain)d, m, s),
			                 RC_FORBIDDEN);
			s[i] ^= 1;
		}
	}
	ck_assert_int_eq(sign_make(cn, SIGN_OWN, SLICE_NONE, s), RC_OK);
	ck_assert_int_eq(sign_verify(&cn_public, SIGN_OWN, SLICE_NONE, s), RC_OK);
	ck_assert_int_eq(sign_make(cn, SIGN_OWN, slice_make(s, SIGN_MESSAGE_MAX + 1), s),
	                 RC_TOO_LARGE);
	ck_assert_int_eq(sign_verify(&cn_public, SIGN_OWN, slice_make(s, SIGN_MESSAGE_MAX + 1), s),
	                 RC_TOO_LARGE);
}
END_TEST

/* "own signature" is over the octets that other implementations expect. */
START_TEST(the_octets_of_a_domain)
{
	static const char octets[] = "M2M-SIGN-v1\0message";
	EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, cn_public.v, 32);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t s[SIGN_SIZE];

	ck_assert_int_eq(sign_make(cn, SIGN_OWN, SLICE_LIT("message"), s), RC_OK);
	ck_assert_int_eq(EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key), 1);
	ck_assert_int_eq(
		EVP_DigestVerify(ctx, s, sizeof(s), (const uint8_t *)octets, sizeof(octets) - 1),
		1);
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
}
END_TEST

/* Encodings of the points of small order (with both signs of x) and others that are not reduced. */
static const char *const weak_keys[] = {
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0000000000000000000000000000000000000000000000000000000000000080",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000080",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
};

START_TEST(weak_keys_are_refused)
{
	/* With S = 0 and R = A this is a signature of any message under a key of order 1. */
	uint8_t s[SIGN_SIZE] = { 1 };
	uint8_t spki[44] = "\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21";
	struct sign_public p;

	ck_assert(hex_decode(slice_of(weak_keys[_i]), p.v, sizeof(p.v)));
	ck_assert(!sign_public_ok(&p));
	ck_assert_int_eq(sign_verify(&p, SIGN_OWN, SLICE_LIT("any"), s), RC_FORBIDDEN);
	memcpy(spki + 12, p.v, sizeof(p.v));
	ck_assert_int_eq(device_key_verify(slice_make(spki, sizeof(spki)), SLICE_LIT("any"),
	                                   slice_make(s, sizeof(s))),
	                 RC_FORBIDDEN);
}
END_TEST

START_TEST(keys_of_files)
{
	uint8_t s[SIGN_SIZE], seed[SIGN_SEED_SIZE];
	struct sign_public p, q;
	struct sign_key *k;

	make_pems();
	ck_assert_int_eq(sign_key_read(path, &k), RC_NOT_FOUND);
	ck_assert_int_eq(sign_public_read(path, &p), RC_NOT_FOUND);
	write_file(path, ed_pem, 0600);
	ck_assert_int_eq(sign_key_read(path, &k), RC_OK);
	ck_assert_int_eq(sign_make(k, SIGN_OWN, SLICE_LIT("m"), s), RC_OK);
	sign_key_public(k, &p);
	sign_key_free(k);
	ck_assert_int_eq(sign_seed_read(path, seed), RC_OK);
	ck_assert_int_eq(sign_key_from_seed(seed, &k), RC_OK);
	sign_key_public(k, &q);
	sign_key_free(k);
	ck_assert_mem_eq(p.v, q.v, sizeof(p.v));
	ck_assert_int_eq(sign_public_from_pem(slice_of(ed_public_pem), &q), RC_OK);
	ck_assert_mem_eq(p.v, q.v, sizeof(p.v));
	ck_assert_int_eq(sign_verify(&q, SIGN_OWN, SLICE_LIT("m"), s), RC_OK);
	write_file(path, ed_public_pem, 0644);
	ck_assert_int_eq(sign_public_read(path, &q), RC_OK);
	write_file(path, ed_public_pem, 0600);
	ck_assert_int_eq(sign_key_read(path, &k), RC_BAD_REQUEST);
	write_file(path, ec_pem, 0600);
	ck_assert_int_eq(sign_key_read(path, &k), RC_BAD_REQUEST);
	ck_assert_int_eq(sign_seed_read(path, seed), RC_BAD_REQUEST);
	write_file(path, ed_pem, 0644);
	ck_assert_int_eq(sign_seed_read(path, seed), RC_FORBIDDEN);
	write_file(path, "", 0600);
	ck_assert_int_eq(sign_key_read(path, &k), RC_BAD_REQUEST);
	ck_assert_int_eq(sign_public_from_pem(slice_of(ec_public_pem), &q), RC_BAD_REQUEST);
	ck_assert_int_eq(sign_public_from_pem(slice_of(ed_pem), &q), RC_BAD_REQUEST);
	ck_assert_int_eq(sign_public_from_pem(SLICE_NONE, &q), RC_BAD_REQUEST);
}
END_TEST

START_TEST(files_that_others_can_reach)
{
	static const mode_t wrong[] = { 0640, 0604, 0610, 0601, 0620, 0602, 0700, 0666, 04600 };
	struct sign_key *k;
	struct key_file f;

	make_pems();
	for (size_t i = 0; i < NITEMS(wrong); i++) {
		write_file(path, ed_pem, wrong[i]);
		ck_assert_int_eq(sign_key_read(path, &k), RC_FORBIDDEN);
	}
	write_file(path, ed_pem, 0400);
	ck_assert_int_eq(sign_key_read(path, &k), RC_OK);
	sign_key_free(k);
	if (geteuid() == 0) {
		ck_assert_int_eq(chown(path, 1, 0), 0);
		ck_assert_int_eq(sign_key_read(path, &k), RC_FORBIDDEN);
	}
	ck_assert_int_eq(sign_key_read(dir, &k), RC_FORBIDDEN);
	unlink(path);
	/* A FIFO has nobody to wait for. */
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(sign_key_read(path, &k), RC_FORBIDDEN);
	write_file(path, ed_pem, 0600);
	ck_assert_int_eq(truncate(path, KEY_FILE_MAX), 0);
	ck_assert_int_eq(key_file_private(path, &f), RC_OK);
	ck_assert_uint_eq(f.n, KEY_FILE_MAX);
	key_file_free(&f);
	ck_assert_int_eq(truncate(path, KEY_FILE_MAX + 1), 0);
	ck_assert_int_eq(key_file_private(path, &f), RC_TOO_LARGE);
}
END_TEST

START_TEST(an_encrypted_key_asks_nobody)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	BIO *out = BIO_new(BIO_s_mem());
	unsigned char password[] = "secret";
	char pem[PEM_MAX] = "";
	uint8_t seed[SIGN_SEED_SIZE];
	struct sign_key *k;

	ck_assert_int_eq(PEM_write_bio_PKCS8PrivateKey(out, key, EVP_aes_256_cbc(),
	                                               (const char *)password, 6, NULL, NULL),
	                 1);
	ck_assert_int_gt(BIO_read(out, pem, PEM_MAX - 1), 0);
	ck_assert_int_eq(sign_key_from_pem(slice_of(pem), &k), RC_BAD_REQUEST);
	write_file(path, pem, 0600);
	ck_assert_int_eq(sign_seed_read(path, seed), RC_BAD_REQUEST);
	BIO_free(out);
	EVP_PKEY_free(key);
}
END_TEST

/* ---- keys of devices ---- */

START_TEST(device_keys)
{
	const char *const pems[] = { ed_pem, ec_pem };
	static const size_t sizes[] = { 44, 91 };
	uint8_t s[DEVICE_SIGNATURE_MAX], spki[DEVICE_SPKI_MAX];
	uint8_t print[DEVICE_FINGERPRINT_SIZE], want[DEVICE_FINGERPRINT_SIZE];
	struct slice m = SLICE_LIT("message");
	struct device_key *k;
	size_t n;

	make_pems();
	write_file(path, pems[_i], 0600);
	ck_assert_int_eq(device_key_read(path, &k), RC_OK);
	ck_assert_uint_eq(device_key_spki(k).n, sizes[_i]);
	ck_assert_int_eq(device_key_sign(k, m, s, &n), RC_OK);
	ck_assert_int_eq(device_key_verify(device_key_spki(k), m, slice_make(s, n)), RC_OK);
	ck_assert_int_eq(device_key_verify(device_key_spki(k), slice_head(m, 6), slice_make(s, n)),
	                 RC_FORBIDDEN);
	for (size_t i = 0; i < n; i++) {
		s[i] ^= 0x40;
		ck_assert_int_eq(device_key_verify(device_key_spki(k), m, slice_make(s, n)),
		                 RC_FORBIDDEN);
		s[i] ^= 0x40;
		ck_assert_int_eq(device_key_verify(device_key_spki(k), m, slice_make(s, i)),
		                 RC_FORBIDDEN);
	}
	memcpy(spki, device_key_spki(k).p, sizes[_i]);
	for (size_t i = 0; i < sizes[_i]; i++) {
		enum rc rc;

		spki[i] ^= 1;
		rc = device_key_verify(slice_make(spki, sizes[_i]), m, slice_make(s, n));
		ck_assert(rc == RC_FORBIDDEN || rc == RC_BAD_REQUEST);
		spki[i] ^= 1;
		ck_assert_int_eq(device_key_verify(slice_make(spki, i), m, slice_make(s, n)),
		                 RC_BAD_REQUEST);
	}
	ck_assert_int_eq(device_key_sign(k, slice_make(dir, DEVICE_MESSAGE_MAX + 1), s, &n),
	                 RC_TOO_LARGE);
	ck_assert_int_eq(device_fingerprint(device_key_spki(k), print), RC_OK);
	ck_assert_int_eq(EVP_Digest(spki, sizes[_i], want, NULL, EVP_sha256(), NULL), 1);
	ck_assert_mem_eq(print, want, sizeof(print));
	device_key_free(k);
}
END_TEST

START_TEST(not_keys_of_devices)
{
	char pem[PEM_MAX], public_pem[PEM_MAX];
	struct device_key *k;

	make_pem(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384"), pem, public_pem);
	ck_assert_int_eq(device_key_from_pem(slice_of(pem), &k), RC_BAD_REQUEST);
	make_pem(EVP_PKEY_Q_keygen(NULL, NULL, "X25519"), pem, public_pem);
	ck_assert_int_eq(device_key_from_pem(slice_of(pem), &k), RC_BAD_REQUEST);
	ck_assert_int_eq(device_key_from_pem(slice_of("nothing"), &k), RC_BAD_REQUEST);
	make_pem(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "secp256k1"), pem, public_pem);
	ck_assert_int_eq(device_key_from_pem(slice_of(pem), &k), RC_BAD_REQUEST);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sec_sign");
	TCase *c = suite_case(s, "keys", sign_setup, sign_teardown);

	tcase_add_test(c, a_key_of_rfc8032);
	tcase_add_test(c, signatures);
	tcase_add_test(c, the_octets_of_a_domain);
	tcase_add_loop_test(c, weak_keys_are_refused, 0, NITEMS(weak_keys));
	tcase_add_test(c, keys_of_files);
	tcase_add_test(c, files_that_others_can_reach);
	tcase_add_test(c, an_encrypted_key_asks_nobody);
	c = suite_case(s, "devices", sign_setup, sign_teardown);
	tcase_add_loop_test(c, device_keys, 0, 2);
	tcase_add_test(c, not_keys_of_devices);
	return run_suite(s);
}
