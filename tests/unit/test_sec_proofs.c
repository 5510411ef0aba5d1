/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures and what is made with them: verdicts, manifests, reports, proofs, tags of requests. */
#include "config.h"

#include <check.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <netpacket/packet.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "sec/access_tag.h"
#include "sec/derive.h"
#include "sec/device_key.h"
#include "sec/hex.h"
#include "sec/ival.h"
#include "sec/key_file.h"
#include "sec/manifest.h"
#include "sec/proof.h"
#include "sec/reject.h"
#include "sec/sign.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))
#define PEM_MAX 1024
#define NOW INT64_C(1700000000)

static const struct node_id node = { { 0x01, 0xbc, 0xad, 0x98, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
	                               12 } };
static struct sign_key *cn, *other;
static struct sign_public cn_public, other_public;
static char dir[64], path[128];

static void
digest_of(const char *text, uint8_t out[32])
{
	ck_assert_int_eq(EVP_Digest(text, strlen(text), out, NULL, EVP_sha256(), NULL), 1);
}

static struct sign_key *
key_of(const char *name)
{
	uint8_t seed[SIGN_SEED_SIZE];
	struct sign_key *k;

	digest_of(name, seed);
	ck_assert_int_eq(sign_key_from_seed(seed, &k), RC_OK);
	return k;
}

static void
setup(void)
{
	cn = key_of("CN");
	other = key_of("S");
	sign_key_public(cn, &cn_public);
	sign_key_public(other, &other_public);
	strcpy(dir, "/tmp/test_sec.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/file", dir);
}

static void
teardown(void)
{
	static const char *const names[] = { "file", "exe", "maps", "status", "config" };
	char name[128];

	for (size_t i = 0; i < NITEMS(names); i++) {
		snprintf(name, sizeof(name), "%s/%s", dir, names[i]);
		unlink(name);
	}
	ck_assert_int_eq(rmdir(dir), 0);
	sign_key_free(cn);
	sign_key_free(other);
}

static void
write_file(const char *name, const char *text, mode_t mode)
{
	int fd;

	unlink(name);
	fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	ck_assert_int_eq(fchmod(fd, mode), 0);
	close(fd);
}

/* A new key as PEM: private and public. */
static void
make_pem(EVP_PKEY *key, char private_pem[PEM_MAX], char public_pem[PEM_MAX])
{
	BIO *a = BIO_new(BIO_s_mem()), *b = BIO_new(BIO_s_mem());

	ck_assert_ptr_nonnull(key);
	ck_assert_int_eq(PEM_write_bio_PrivateKey(a, key, NULL, NULL, 0, NULL, NULL), 1);
	ck_assert_int_eq(PEM_write_bio_PUBKEY(b, key), 1);
	private_pem[BIO_read(a, private_pem, PEM_MAX - 1)] = '\0';
	public_pem[BIO_read(b, public_pem, PEM_MAX - 1)] = '\0';
	BIO_free(a);
	BIO_free(b);
	EVP_PKEY_free(key);
}

static char ed_pem[PEM_MAX], ed_public_pem[PEM_MAX], ec_pem[PEM_MAX], ec_public_pem[PEM_MAX];

static void
make_pems(void)
{
	make_pem(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), ed_pem, ed_public_pem);
	make_pem(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"), ec_pem, ec_public_pem);
}

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
	struct sign_public p, q;
	uint8_t s[SIGN_SIZE];
	struct sign_key *k;

	make_pems();
	ck_assert_int_eq(sign_key_read(path, &k), RC_NOT_FOUND);
	ck_assert_int_eq(sign_public_read(path, &p), RC_NOT_FOUND);
	write_file(path, ed_pem, 0600);
	ck_assert_int_eq(sign_key_read(path, &k), RC_OK);
	ck_assert_int_eq(sign_make(k, SIGN_OWN, SLICE_LIT("m"), s), RC_OK);
	sign_key_public(k, &p);
	sign_key_free(k);
	ck_assert_int_eq(sign_public_from_pem(slice_of(ed_public_pem), &q), RC_OK);
	ck_assert_mem_eq(p.v, q.v, sizeof(p.v));
	ck_assert_int_eq(sign_verify(&q, SIGN_OWN, SLICE_LIT("m"), s), RC_OK);
	write_file(path, ed_public_pem, 0644);
	ck_assert_int_eq(sign_public_read(path, &q), RC_OK);
	write_file(path, ed_public_pem, 0600);
	ck_assert_int_eq(sign_key_read(path, &k), RC_BAD_REQUEST);
	write_file(path, ec_pem, 0600);
	ck_assert_int_eq(sign_key_read(path, &k), RC_BAD_REQUEST);
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
	struct sign_key *k;

	ck_assert_int_eq(PEM_write_bio_PKCS8PrivateKey(out, key, EVP_aes_256_cbc(),
	                                               (const char *)password, 6, NULL, NULL),
	                 1);
	ck_assert_int_gt(BIO_read(out, pem, PEM_MAX - 1), 0);
	ck_assert_int_eq(sign_key_from_pem(slice_of(pem), &k), RC_BAD_REQUEST);
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

/* ---- proofs of the device ---- */

START_TEST(proofs)
{
	struct device_fingerprint known[2] = { { { 0 } }, { { 0 } } };
	struct key e_conn, e_other = { { 1 } };
	struct node_id stranger = node;
	char text[PROOF_TEXT_MAX + 1];
	struct device_key *k;
	struct slice t;

	make_pems();
	memset(e_conn.v, 0xe0, KEY_BYTES);
	ck_assert_int_eq(device_key_from_pem(slice_of(_i == 0 ? ed_pem : ec_pem), &k), RC_OK);
	ck_assert_int_eq(proof_make(k, &node, &e_conn, text), RC_OK);
	t = slice_of(text);
	ck_assert_int_eq(proof_verify(t, &node, &e_conn, known, 2), RC_FORBIDDEN);
	ck_assert_int_eq(proof_verify(t, &node, &e_conn, NULL, 0), RC_FORBIDDEN);
	ck_assert_int_eq(device_fingerprint(device_key_spki(k), known[1].v), RC_OK);
	ck_assert_int_eq(proof_verify(t, &node, &e_conn, known, 1), RC_FORBIDDEN);
	ck_assert_int_eq(proof_verify(t, &node, &e_conn, known, 2), RC_OK);
	/* Relayed to another session, or for another node. */
	ck_assert_int_eq(proof_verify(t, &node, &e_other, known, 2), RC_FORBIDDEN);
	stranger.v[15] ^= 1;
	ck_assert_int_eq(proof_verify(t, &stranger, &e_conn, known, 2), RC_FORBIDDEN);
	for (size_t i = 0; i < t.n; i++) {
		char *copy = malloc(i + 1);
		char c = text[i];

		memcpy(copy, text, i);
		ck_assert_int_ne(proof_verify(slice_make(copy, i), &node, &e_conn, known, 2),
		                 RC_OK);
		free(copy);
		text[i] = c == 'A' ? 'B' : 'A';
		ck_assert_int_ne(proof_verify(t, &node, &e_conn, known, 2), RC_OK);
		text[i] = c;
	}
	ck_assert_int_eq(proof_verify(t, &node, &e_conn, known, 2), RC_OK);
	device_key_free(k);
}
END_TEST

START_TEST(not_proofs)
{
	static const char *const rows[] = { "",         ".",  "..",   "AA.",      ".AA",
		                            "AA.AA.AA", "AA", "A.AA", "AA.AAAAA", "AA=.AA" };
	struct key e_conn = { { 0 } };
	char big[PROOF_TEXT_MAX + 2];
	struct proof p;

	for (size_t i = 0; i < NITEMS(rows); i++)
		ck_assert_int_eq(proof_verify(slice_of(rows[i]), &node, &e_conn, NULL, 0),
		                 RC_BAD_REQUEST);
	memset(big, 'A', sizeof(big));
	big[122] = '.';
	ck_assert(proof_parse(slice_make(big, PROOF_TEXT_MAX), &p));
	ck_assert(!proof_parse(slice_make(big, PROOF_TEXT_MAX + 1), &p));
	big[122] = 'A';
	big[123] = '.';
	ck_assert(!proof_parse(slice_make(big, PROOF_TEXT_MAX), &p));
}
END_TEST

/* ---- verdicts ---- */

static struct reject
verdict(void)
{
	struct reject r = { .cause = REJECT_REVOKED,
		            .permanent = true,
		            .node = node,
		            .time = (uint64_t)NOW,
		            .sp_id = SLICE_LIT("sp1.example") };

	for (unsigned i = 0; i < REJECT_NONCE_SIZE; i++)
		r.nonce[i] = (uint8_t)(i * 0x11);
	return r;
}

START_TEST(the_vector_of_a_verdict)
{
	static const char start[] = "96a17f437fb70e9f";
	struct reject r = verdict(), got;
	struct reject_check check = { &cn_public, &node, r.nonce, NOW };
	uint8_t octets[REJECT_MAX], space[REJECT_MAX];
	char text[REJECT_TEXT_MAX], hex[17];
	size_t n;

	ck_assert_int_eq(reject_make(&r, cn, octets, &n), RC_OK);
	ck_assert_uint_eq(n, 128);
	hex_encode(octets + 64, 8, hex);
	ck_assert_str_eq(hex, start);
	ck_assert_int_eq(reject_verify(slice_make(octets, n), &check, &got), RC_OK);
	ck_assert(got.cause == REJECT_REVOKED && got.permanent && got.retry_after == 0 &&
	          got.time == (uint64_t)NOW && node_id_eq(&got.node, &node) &&
	          slice_is(got.sp_id, "sp1.example"));
	ck_assert_mem_eq(got.nonce, r.nonce, REJECT_NONCE_SIZE);
	b64url_encode(text, octets, n);
	ck_assert_int_eq(reject_verify_text(slice_make(text, B64URL_LEN(n)), &check, space, &got),
	                 RC_OK);
	ck_assert_int_eq(
		reject_verify_text(slice_make(text, B64URL_LEN(n) - 1), &check, space, &got),
		RC_BAD_REQUEST);
	ck_assert_int_eq(reject_verify_text(SLICE_NONE, &check, space, &got), RC_BAD_REQUEST);
}
END_TEST

START_TEST(every_change_of_a_verdict)
{
	struct reject r = verdict(), got;
	struct reject_check check = { &cn_public, &node, r.nonce, NOW };
	uint8_t octets[REJECT_MAX];
	size_t n;

	ck_assert_int_eq(reject_make(&r, cn, octets, &n), RC_OK);
	for (size_t i = 0; i < n; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			octets[i] ^= (uint8_t)(1u << bit);
			ck_assert_int_ne(reject_verify(slice_make(octets, n), &check, &got), RC_OK);
			octets[i] ^= (uint8_t)(1u << bit);
		}
	for (size_t i = 0; i < n; i++) {
		uint8_t *copy = malloc(i + 1);

		memcpy(copy, octets, i);
		ck_assert_int_eq(reject_verify(slice_make(copy, i), &check, &got), RC_BAD_REQUEST);
		free(copy);
	}
	octets[n] = 0;
	ck_assert_int_eq(reject_verify(slice_make(octets, n + 1), &check, &got), RC_BAD_REQUEST);
	ck_assert_int_eq(reject_verify(slice_make(octets, n), &check, &got), RC_OK);
}
END_TEST

START_TEST(a_verdict_for_somebody_else)
{
	struct reject r = verdict(), got;
	struct reject_check check = { &cn_public, &node, r.nonce, NOW };
	uint8_t octets[REJECT_MAX], nonce[REJECT_NONCE_SIZE] = { 0 };
	struct node_id stranger = node;
	struct slice s;
	size_t n;

	ck_assert_int_eq(reject_make(&r, cn, octets, &n), RC_OK);
	s = slice_make(octets, n);
	check.pinned = &other_public;
	ck_assert_int_eq(reject_verify(s, &check, &got), RC_FORBIDDEN);
	check.pinned = &cn_public;
	stranger.v[0] ^= 1;
	check.node = &stranger;
	ck_assert_int_eq(reject_verify(s, &check, &got), RC_FORBIDDEN);
	check.node = &node;
	/* An old one again. */
	check.nonce = nonce;
	ck_assert_int_eq(reject_verify(s, &check, &got), RC_FORBIDDEN);
	check.nonce = r.nonce;
	for (int64_t d = -REJECT_TOLERANCE - 1; d <= REJECT_TOLERANCE + 1; d++) {
		check.now = NOW + d;
		ck_assert_int_eq(reject_verify(s, &check, &got),
		                 d < -REJECT_TOLERANCE || d > REJECT_TOLERANCE ? RC_FORBIDDEN
		                                                               : RC_OK);
	}
	check.now = -1;
	ck_assert_int_eq(reject_verify(s, &check, &got), RC_FORBIDDEN);
	check.now = NOW;
	/* The same octets under the domain of another purpose. */
	ck_assert_int_eq(
		sign_make(cn, SIGN_OWN, slice_head(s, n - SIGN_SIZE), octets + n - SIGN_SIZE),
		RC_OK);
	ck_assert_int_eq(reject_verify(s, &check, &got), RC_FORBIDDEN);
}
END_TEST

/* Signed by the right key, and still no verdict. */
START_TEST(verdicts_of_another_form)
{
	static const struct {
		unsigned at;
		uint8_t value;
	} rows[] = { { 0, 'X' }, { 4, REJECT_CAUSES }, { 5, 2 },  { 5, 0x81 }, { 7, 127 },
		     { 52, 10 }, { 52, 12 },           { 53, 0 }, { 60, ' ' } };
	struct reject r = verdict(), got;
	struct reject_check check = { &cn_public, &node, r.nonce, NOW };
	uint8_t octets[REJECT_MAX];
	static char name[256];
	size_t n;

	for (size_t i = 0; i < NITEMS(rows); i++) {
		struct slice s;

		ck_assert_int_eq(reject_make(&r, cn, octets, &n), RC_OK);
		s = slice_make(octets, n);
		octets[rows[i].at] = rows[i].value;
		ck_assert_int_eq(sign_make(cn, SIGN_REJECT, slice_head(s, n - SIGN_SIZE),
		                           octets + n - SIGN_SIZE),
		                 RC_OK);
		ck_assert_int_eq(reject_verify(s, &check, &got), RC_BAD_REQUEST);
	}
	memset(name, 'a', sizeof(name));
	r.sp_id = slice_make(name, REJECT_SP_ID_MAX);
	ck_assert_int_eq(reject_make(&r, cn, octets, &n), RC_OK);
	ck_assert_int_eq(reject_verify(slice_make(octets, n), &check, &got), RC_OK);
	r.sp_id.n++;
	ck_assert_int_eq(reject_make(&r, cn, octets, &n), RC_BAD_REQUEST);
	r.sp_id.n = 0;
	ck_assert_int_eq(reject_make(&r, cn, octets, &n), RC_BAD_REQUEST);
	r = verdict();
	r.cause = REJECT_CAUSES;
	ck_assert_int_eq(reject_make(&r, cn, octets, &n), RC_BAD_REQUEST);
}
END_TEST

START_TEST(nonces)
{
	uint8_t nonce[REJECT_NONCE_SIZE];

	ck_assert(reject_nonce_parse(SLICE_LIT("00112233445566778899aabbccddeeff"), nonce));
	ck_assert(nonce[1] == 0x11 && nonce[15] == 0xff);
	ck_assert(!reject_nonce_parse(SLICE_LIT("00112233445566778899aabbccddeef"), nonce));
	ck_assert(!reject_nonce_parse(SLICE_LIT("00112233445566778899aabbccddeeff0"), nonce));
	ck_assert(!reject_nonce_parse(SLICE_LIT("0011223344556677 899aabbccddeeff"), nonce));
	ck_assert(!reject_nonce_parse(SLICE_NONE, nonce));
}
END_TEST

/* ---- tags of requests ---- */

START_TEST(tags_of_requests)
{
	const uint64_t id = UINT64_C(0x1122334455667788);
	struct access_request rq = { SLICE_LIT("POST"), SLICE_LIT("/m2m/scls"), SLICE_LIT("<x/>") };
	struct key kmc = { { 1, 2, 3 } }, key, foreign;
	char text[ACCESS_TAG_TEXT + 1];
	struct access_tag t, again;
	uint64_t last = 6;

	ck_assert_int_eq(access_tag_key(&kmc, id, 1, &key), RC_OK);
	ck_assert_int_eq(access_tag_key(&kmc, id, 2, &foreign), RC_OK);
	ck_assert_int_eq(access_tag_make(&key, id, 7, &rq, &t), RC_OK);
	ck_assert_uint_eq(access_tag_format(&t, text), 16 + 1 + 1 + 1 + 32);
	ck_assert(access_tag_parse(slice_of(text), &again));
	ck_assert(again.connection == id && again.counter == 7);
	ck_assert_int_eq(access_tag_check(&foreign, &rq, &again, &last), RC_FORBIDDEN);
	ck_assert_uint_eq(last, 6);
	/* One octet of anything. */
	rq.body = SLICE_LIT("<y/>");
	ck_assert_int_eq(access_tag_check(&key, &rq, &again, &last), RC_FORBIDDEN);
	rq.body = SLICE_LIT("<x/>");
	rq.method = SLICE_LIT("PUT");
	ck_assert_int_eq(access_tag_check(&key, &rq, &again, &last), RC_FORBIDDEN);
	rq.method = SLICE_LIT("POST");
	rq.target = SLICE_LIT("/m2m/scls?");
	ck_assert_int_eq(access_tag_check(&key, &rq, &again, &last), RC_FORBIDDEN);
	/* The border between two parts. */
	rq.method = SLICE_LIT("POST/");
	rq.target = SLICE_LIT("m2m/scls");
	ck_assert_int_eq(access_tag_check(&key, &rq, &again, &last), RC_FORBIDDEN);
	rq.method = SLICE_LIT("POST");
	rq.target = SLICE_LIT("/m2m/scls");
	again.counter = 8;
	ck_assert_int_eq(access_tag_check(&key, &rq, &again, &last), RC_FORBIDDEN);
	again.counter = 7;
	for (size_t i = 0; i < ACCESS_TAG_SIZE; i++) {
		again.tag[i] ^= 0x80;
		ck_assert_int_eq(access_tag_check(&key, &rq, &again, &last), RC_FORBIDDEN);
		again.tag[i] ^= 0x80;
	}
	ck_assert_uint_eq(last, 6);
	ck_assert_int_eq(access_tag_check(&key, &rq, &again, &last), RC_OK);
	ck_assert_uint_eq(last, 7);
	ck_assert_int_eq(access_tag_check(&key, &rq, &again, &last), RC_FORBIDDEN);
	rq.target = slice_make(dir, 65536);
	ck_assert_int_eq(access_tag_make(&key, id, 9, &rq, &t), RC_TOO_LARGE);
	ck_assert_int_eq(access_tag_check(&key, &rq, &t, &last), RC_FORBIDDEN);
}
END_TEST

/* The tag by the formula, with the derivation done by hand. */
START_TEST(the_octets_of_a_tag)
{
	static const uint8_t ctx[12] = {
		0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0, 0, 0, 1
	};
	struct access_request rq = { SLICE_LIT("GET"), SLICE_LIT("/a"), SLICE_NONE };
	uint8_t message[2 + 3 + 2 + 2 + 8 + 32] = "\0\3GET\0\2/a\0\0\0\0\0\0\1\2";
	struct key kmc = { { 9 } }, key, want, mac;
	struct access_tag t;

	ck_assert_int_eq(m2m_expand(&kmc, "hdr", slice_make(ctx, 12), want.v, KEY_BYTES), RC_OK);
	ck_assert_int_eq(access_tag_key(&kmc, UINT64_C(0x1122334455667788), 1, &key), RC_OK);
	ck_assert_mem_eq(key.v, want.v, KEY_BYTES);
	digest_of("", message + 17);
	ck_assert_int_eq(hkdf_extract(slice_make(key.v, KEY_BYTES),
	                              slice_make(message, sizeof(message)), &mac),
	                 RC_OK);
	ck_assert_int_eq(access_tag_make(&key, 1, 0x102, &rq, &t), RC_OK);
	ck_assert_mem_eq(t.tag, mac.v, ACCESS_TAG_SIZE);
}
END_TEST

START_TEST(not_tags)
{
#define TAG "00112233445566778899aabbccddeeff"
	static const char *const rows[] = {
		"",
		";;",
		"1122334455667788;1;" TAG ";",
		"1122334455667788;1;" TAG "0",
		"1122334455667788;1;" TAG " ",
		"1122334455667788;01;" TAG,
		"1122334455667788;0;" TAG,
		"1122334455667788;;" TAG,
		"1122334455667788;+1;" TAG,
		"1122334455667788; 1;" TAG,
		"1122334455667788;18446744073709551616;" TAG,
		"0000000000000000;1;" TAG,
		"112233445566778;1;" TAG,
		"112233445566778G;1;" TAG,
		"112233445566778A;1;" TAG,
		"1122334455667788;1;00112233445566778899aabbccddeef",
		"1122334455667788;1;00112233445566778899AABBCCDDEEFF",
		"1122334455667788,1," TAG,
	};
	struct access_tag t;

	ck_assert(access_tag_parse(SLICE_LIT("1122334455667788;18446744073709551615;" TAG), &t));
	ck_assert(t.counter == UINT64_MAX);
	for (size_t i = 0; i < NITEMS(rows); i++)
		ck_assert_msg(!access_tag_parse(slice_of(rows[i]), &t), "%s", rows[i]);
}
END_TEST

/* ---- manifests ---- */

static struct manifest_file files[3];
static struct arena *arena;

static struct manifest
sample(void)
{
	static const char *const paths[] = { "/etc/a b.conf", "/usr/bin/nscl", "/usr/bin/nscl.so" };

	for (size_t i = 0; i < NITEMS(files); i++) {
		files[i].path = slice_of(paths[i]);
		digest_of(paths[i], files[i].digest);
	}
	return (struct manifest){ SLICE_LIT("gscl-0102"), files, NITEMS(files) };
}

static enum rc
read_manifest(struct slice text, struct manifest *out)
{
	arena_reset(arena);
	return manifest_read(text, &cn_public, SLICE_LIT("gscl-0102"), arena, out);
}

/* That text, and a right signature. */
static enum rc
read_signed(const char *text)
{
	struct manifest m;
	uint8_t s[SIGN_SIZE];
	struct buf b;
	enum rc rc;

	buf_init(&b, MANIFEST_MAX + 1000);
	buf_puts(&b, text);
	ck_assert_int_eq(sign_make(cn, SIGN_MANIFEST, buf_view(&b), s), RC_OK);
	buf_puts(&b, "signature ");
	b64url_add(&b, slice_make(s, sizeof(s)));
	buf_char(&b, '\n');
	rc = read_manifest(buf_view(&b), &m);
	buf_fini(&b);
	return rc;
}

static void
setup_manifest(void)
{
	setup();
	arena = arena_new(8u << 20);
}

static void
teardown_manifest(void)
{
	arena_free(arena);
	teardown();
}

START_TEST(manifests)
{
	struct manifest m = sample(), got;
	struct slice text;
	struct buf b;

	buf_init(&b, 10000);
	ck_assert_int_eq(manifest_write(&m, cn, &b), RC_OK);
	text = buf_view(&b);
	ck_assert_int_eq(read_manifest(text, &got), RC_OK);
	ck_assert(slice_is(got.target, "gscl-0102"));
	ck_assert_uint_eq(got.n, 3);
	for (size_t i = 0; i < 3; i++) {
		const struct manifest_file *f = manifest_find(&got, files[i].path);

		ck_assert_ptr_eq(f, &got.files[i]);
		ck_assert_mem_eq(f->digest, files[i].digest, SIGN_DIGEST_SIZE);
	}
	ck_assert_ptr_null(manifest_find(&got, SLICE_LIT("/usr/bin/nscl.")));
	ck_assert_ptr_null(manifest_find(&got, SLICE_LIT("/")));
	ck_assert_int_eq(manifest_read(text, &cn_public, SLICE_LIT("gscl-0103"), arena, &got),
	                 RC_FORBIDDEN);
	ck_assert_int_eq(manifest_read(text, &other_public, m.target, arena, &got), RC_FORBIDDEN);
	for (size_t i = 0; i < text.n; i++) {
		char *copy = malloc(i + 1);

		memcpy(copy, b.p, i);
		ck_assert_int_ne(read_manifest(slice_make(copy, i), &got), RC_OK);
		free(copy);
		b.p[i] ^= 1;
		ck_assert_int_ne(read_manifest(text, &got), RC_OK);
		b.p[i] ^= 1;
	}
	ck_assert_int_eq(read_manifest(text, &got), RC_OK);
	m.n = 0;
	buf_clear(&b);
	ck_assert_int_eq(manifest_write(&m, cn, &b), RC_OK);
	ck_assert_int_eq(read_manifest(buf_view(&b), &got), RC_OK);
	ck_assert_uint_eq(got.n, 0);
	buf_fini(&b);
}
END_TEST

#define DIGEST "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define HEAD "M2M-MANIFEST-v1\ntarget gscl-0102\n"

START_TEST(manifests_of_another_form)
{
	static const char *const rows[] = {
		"",
		"M2M-MANIFEST-v1\n",
		"M2M-MANIFEST-v2\ntarget gscl-0102\n",
		"M2M-MANIFEST-v1\r\ntarget gscl-0102\r\n",
		"M2M-MANIFEST-v1\ntarget gscl-0102",
		"M2M-MANIFEST-v1\ntarget  gscl-0102\n",
		"M2M-MANIFEST-v1\ntarget \n",
		"M2M-MANIFEST-v1\ntarget a b\n",
		HEAD "\n",
		HEAD "sha256 " DIGEST " /a",
		HEAD "sha256 " DIGEST " a\n",
		HEAD "sha256 " DIGEST " /\n",
		HEAD "sha256 " DIGEST "  /a\n",
		HEAD "sha256 " DIGEST "/a\n",
		HEAD "sha256 " DIGEST " /a\x7f\n",
		HEAD "sha256 " DIGEST " /a\t\n",
		HEAD "sha256 " DIGEST "\n",
		HEAD "sha256  " DIGEST " /a\n",
		HEAD "sha512 " DIGEST " /a\n",
		HEAD "sha256 BA7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad /a\n",
		HEAD "sha256 ba7816bf /a\n",
		HEAD "sha256 " DIGEST " /b\nsha256 " DIGEST " /a\n",
		HEAD "sha256 " DIGEST " /a\nsha256 " DIGEST " /a\n",
		HEAD "sha256 " DIGEST " /a\n\n",
		HEAD "sha256 " DIGEST " /a\n# comment\n",
	};

	ck_assert_int_eq(read_signed(HEAD), RC_OK);
	ck_assert_int_eq(read_signed(HEAD "sha256 " DIGEST " /a\nsha256 " DIGEST " /b c\n"), RC_OK);
	ck_assert_int_eq(read_signed("M2M-MANIFEST-v1\ntarget other\n"), RC_FORBIDDEN);
	for (size_t i = 0; i < NITEMS(rows); i++)
		ck_assert_msg(read_signed(rows[i]) == RC_BAD_REQUEST, "%s", rows[i]);
}
END_TEST

START_TEST(limits_of_manifests)
{
	static struct manifest_file many[MANIFEST_FILES_MAX + 1];
	static char names[NITEMS(many)][320], big[MANIFEST_MAX + 1];
	struct manifest m = { SLICE_LIT("gscl-0102"), many, MANIFEST_FILES_MAX }, got;
	struct buf b;

	for (size_t i = 0; i < NITEMS(many); i++) {
		snprintf(names[i], sizeof(names[i]), "/%05zu", i);
		many[i].path = slice_of(names[i]);
	}
	buf_init(&b, MANIFEST_MAX + 1);
	ck_assert_int_eq(manifest_write(&m, cn, &b), RC_OK);
	ck_assert_int_eq(read_manifest(buf_view(&b), &got), RC_OK);
	ck_assert_uint_eq(got.n, MANIFEST_FILES_MAX);
	m.n++;
	ck_assert_int_eq(manifest_write(&m, cn, &b), RC_BAD_REQUEST);
	m.n = 2;
	many[1].path = many[0].path;
	ck_assert_int_eq(manifest_write(&m, cn, &b), RC_BAD_REQUEST);
	m.n = MANIFEST_FILES_MAX;
	for (size_t i = 0; i < NITEMS(many); i++) {
		memset(names[i] + 6, 'x', 300);
		many[i].path = slice_make(names[i], 306);
	}
	buf_clear(&b);
	ck_assert_int_eq(manifest_write(&m, cn, &b), RC_TOO_LARGE);
	ck_assert_uint_eq(b.n, 0);
	memset(big, 'a', sizeof(big));
	ck_assert_int_eq(read_manifest(slice_make(big, sizeof(big)), &got), RC_TOO_LARGE);
	m.n = 1;
	m.target = slice_make(big, MANIFEST_TARGET_MAX + 1);
	ck_assert_int_eq(manifest_write(&m, cn, &b), RC_BAD_REQUEST);
	buf_fini(&b);
}
END_TEST

/* ---- reports of integrity ---- */

static const struct ival_origin origin = { &node, SLICE_INIT("gscl-0102") };

static struct key
ival_key_of_vectors(void)
{
	struct key kmr, k;

	for (unsigned i = 0; i < KEY_BYTES; i++)
		kmr.v[i] = (uint8_t)i;
	ck_assert_int_eq(ival_key(&kmr, &node, &k), RC_OK);
	return k;
}

static struct ival_report
report(void)
{
	return (struct ival_report){ .results = 0x1f, .time = SLICE_LIT("2023-11-14T22:13:20Z") };
}

static const struct ival_policy policy = { .required = 0x1f, .now = NOW * CLOCK_SECOND };

START_TEST(the_vector_of_a_report)
{
	struct key k = ival_key_of_vectors();
	struct ival_report r = report();
	int64_t at = 0;

	ck_assert_int_eq(ival_sign(&k, &origin, &r), RC_OK);
	ck_assert_int_eq(r.mac, INT64_C(6592460573041421016));
	ck_assert_int_eq(ival_check(&k, &origin, &r, &policy, &at), RC_OK);
	ck_assert_int_eq(at, NOW * CLOCK_SECOND);
}
END_TEST

START_TEST(reports_that_are_refused)
{
	struct node_id stranger = { { 1 } };
	const struct ival_origin others[] = { { &stranger, origin.scl_id },
		                              { &node, SLICE_LIT("gscl-0103") } };
	struct key k = ival_key_of_vectors(), foreign = { { 1 } };
	struct ival_report r = report(), good;
	struct ival_policy p = policy;
	int64_t at = 5;

	ck_assert_int_eq(ival_sign(&k, &origin, &r), RC_OK);
	good = r;
	ck_assert_int_eq(ival_check(&foreign, &origin, &r, &p, &at), RC_FORBIDDEN);
	for (size_t i = 0; i < NITEMS(others); i++)
		ck_assert_int_eq(ival_check(&k, &others[i], &r, &p, &at), RC_FORBIDDEN);
	r.results = 0x3f;
	ck_assert_int_eq(ival_check(&k, &origin, &r, &p, &at), RC_FORBIDDEN);
	r = good;
	for (int bit = 0; bit < 63; bit++) {
		r.mac = good.mac ^ INT64_C(1) << bit;
		ck_assert_int_eq(ival_check(&k, &origin, &r, &p, &at), RC_FORBIDDEN);
	}
	r = good;
	/* The same moment, another text. */
	r.time = SLICE_LIT("2023-11-14T22:13:20.0Z");
	ck_assert_int_eq(ival_check(&k, &origin, &r, &p, &at), RC_FORBIDDEN);
	r.time = SLICE_LIT("yesterday");
	ck_assert_int_eq(ival_check(&k, &origin, &r, &p, &at), RC_BAD_REQUEST);
	r = good;
	r.mac = -1;
	ck_assert_int_eq(ival_check(&k, &origin, &r, &p, &at), RC_BAD_REQUEST);
	r = good;
	r.results = INT64_MIN;
	ck_assert_int_eq(ival_check(&k, &origin, &r, &p, &at), RC_BAD_REQUEST);
	ck_assert_int_eq(ival_sign(&k, &origin, &r), RC_BAD_REQUEST);
	ck_assert_int_eq(at, 5);
}
END_TEST

START_TEST(times_and_bits_of_reports)
{
	struct key k = ival_key_of_vectors();
	struct ival_report r = report();
	struct ival_policy p = policy;
	int64_t at = 0;

	ck_assert_int_eq(ival_sign(&k, &origin, &r), RC_OK);
	p.now = (NOW + 300) * CLOCK_SECOND;
	ck_assert_int_eq(ival_check(&k, &origin, &r, &p, &at), RC_OK);
	p.now++;
	ck_assert_int_eq(ival_check(&k, &origin, &r, &p, &at), RC_FORBIDDEN);
	p.now = (NOW - 300) * CLOCK_SECOND;
	ck_assert_int_eq(ival_check(&k, &origin, &r, &p, &at), RC_OK);
	p.now--;
	ck_assert_int_eq(ival_check(&k, &origin, &r, &p, &at), RC_FORBIDDEN);
	p = policy;
	/* Once. */
	p.last = at;
	ck_assert_int_eq(ival_check(&k, &origin, &r, &p, &at), RC_FORBIDDEN);
	p.last = at - 1;
	ck_assert_int_eq(ival_check(&k, &origin, &r, &p, &at), RC_OK);
	for (unsigned bit = 0; bit < 8; bit++) {
		p.required = UINT64_C(1) << bit;
		ck_assert_int_eq(ival_check(&k, &origin, &r, &p, &at),
		                 bit < 5 ? RC_OK : RC_FORBIDDEN);
	}
	p.required = UINT64_C(1) << 63;
	ck_assert_int_eq(ival_check(&k, &origin, &r, &p, &at), RC_FORBIDDEN);
}
END_TEST

START_TEST(reports_before_the_first_key)
{
	struct key e_boot, e_other = { { 0 } };
	char header[IVAL_SIG_TEXT_MAX + 1];
	struct ival_report r = report();
	struct ival_policy p = policy;
	struct device_key *k, *stranger;
	struct slice spki, h;
	int64_t at = 0;

	make_pems();
	memset(e_boot.v, 0xb0, KEY_BYTES);
	ck_assert_int_eq(device_key_from_pem(slice_of(_i == 0 ? ed_pem : ec_pem), &k), RC_OK);
	ck_assert_int_eq(device_key_from_pem(slice_of(_i == 0 ? ec_pem : ed_pem), &stranger),
	                 RC_OK);
	spki = device_key_spki(k);
	ck_assert_int_eq(ival_boot_sign(k, &e_boot, &origin, &r, header), RC_OK);
	h = slice_of(header);
	ck_assert_int_eq(ival_boot_check(spki, &e_boot, h, &origin, &r, &p, &at), RC_OK);
	ck_assert_int_eq(at, NOW * CLOCK_SECOND);
	ck_assert_int_eq(ival_boot_check(spki, &e_other, h, &origin, &r, &p, &at), RC_FORBIDDEN);
	ck_assert_int_eq(
		ival_boot_check(device_key_spki(stranger), &e_boot, h, &origin, &r, &p, &at),
		RC_FORBIDDEN);
	ck_assert_int_eq(ival_boot_check(spki, &e_boot, SLICE_NONE, &origin, &r, &p, &at),
	                 RC_BAD_REQUEST);
	ck_assert_int_eq(ival_boot_check(spki, &e_boot, SLICE_LIT("a b"), &origin, &r, &p, &at),
	                 RC_BAD_REQUEST);
	p.last = at;
	ck_assert_int_eq(ival_boot_check(spki, &e_boot, h, &origin, &r, &p, &at), RC_FORBIDDEN);
	p = policy;
	r.results = 0x1e;
	p.required = 0;
	ck_assert_int_eq(ival_boot_check(spki, &e_boot, h, &origin, &r, &p, &at), RC_FORBIDDEN);
	r = report();
	r.mac = 1;
	ck_assert_int_eq(ival_boot_check(spki, &e_boot, h, &origin, &r, &p, &at), RC_FORBIDDEN);
	ck_assert_int_eq(ival_boot_sign(k, &e_boot, &origin, &r, header), RC_BAD_REQUEST);
	device_key_free(k);
	device_key_free(stranger);
}
END_TEST

/* ---- measuring ---- */

static void
digest_file(const char *name, uint8_t out[SIGN_DIGEST_SIZE])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	FILE *f = fopen(name, "rb");
	char piece[4096];
	size_t n;

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(EVP_DigestInit_ex(ctx, EVP_sha256(), NULL), 1);
	while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
		ck_assert_int_eq(EVP_DigestUpdate(ctx, piece, n), 1);
	ck_assert_int_eq(EVP_DigestFinal_ex(ctx, out, NULL), 1);
	fclose(f);
	EVP_MD_CTX_free(ctx);
}

/* This program and the library of C, as they are now, from the kernel's own list. */
static size_t
own_files(struct manifest_file list[2], char names[2][256])
{
	ssize_t n = readlink("/proc/self/exe", names[0], 255);
	char line[512], *at;
	FILE *f = fopen("/proc/self/maps", "r");

	ck_assert_int_gt(n, 0);
	names[0][n] = '\0';
	names[1][0] = '\0';
	while (fgets(line, sizeof(line), f) != NULL)
		if ((at = strstr(line, "/")) != NULL && strstr(at, "/libc.so") != NULL)
			snprintf(names[1], 256, "%.*s", (int)strcspn(at, "\n"), at);
	fclose(f);
	ck_assert_int_ne(names[1][0], '\0');
	if (strcmp(names[0], names[1]) > 0) {
		char swap[256];

		memcpy(swap, names[0], 256);
		memcpy(names[0], names[1], 256);
		memcpy(names[1], swap, 256);
	}
	for (size_t i = 0; i < 2; i++) {
		list[i].path = slice_of(names[i]);
		digest_file(names[i], list[i].digest);
	}
	return 2;
}

static int64_t
measure(const struct manifest *m)
{
	struct ival_subject s = { .proc = "/proc/self", .manifest = m, .now = 1 };

	return ival_measure(&s, NULL) & (IVAL_MANIFEST | IVAL_PROGRAM | IVAL_LIBRARIES);
}

START_TEST(this_program)
{
	struct manifest_file list[2];
	char names[2][256], exe[256] = "";
	struct manifest m = { SLICE_LIT("x"), list, own_files(list, names) };
	unsigned unlisted = 0;
	struct ival_subject s = { .proc = "/proc/self", .manifest = &m };
	size_t self;

	ck_assert_int_gt(readlink("/proc/self/exe", exe, sizeof(exe) - 1), 0);
	self = strcmp(exe, names[0]) == 0 ? 0 : 1;
	ck_assert_int_eq(measure(NULL), 0);
	ck_assert_int_eq(measure(&m), IVAL_MANIFEST | IVAL_PROGRAM | IVAL_LIBRARIES);
	ck_assert((ival_measure(&s, &unlisted) & IVAL_LIBRARIES) != 0);
	/* Libraries that the tests need are not listed. */
	ck_assert_uint_gt(unlisted, 0);
	list[1 - self].digest[0] ^= 1;
	ck_assert_int_eq(measure(&m), IVAL_MANIFEST | IVAL_PROGRAM);
	list[1 - self].digest[0] ^= 1;
	list[self].digest[31] ^= 1;
	ck_assert_int_eq(measure(&m), IVAL_MANIFEST);
	list[self].digest[31] ^= 1;
	/* The program is not listed at all. */
	m.files = &list[1 - self];
	m.n = 1;
	ck_assert_int_eq(measure(&m), IVAL_MANIFEST | IVAL_LIBRARIES);
}
END_TEST

static const char *
in_dir(const char *name)
{
	static char text[128];

	snprintf(text, sizeof(text), "%s/%s", dir, name);
	return text;
}

/* Lists of the kernel that this machine does not have just now. */
START_TEST(other_lists)
{
	static const struct {
		const char *line; /* %s: the listed file */
		bool passes;
	} rows[] = {
		{ "7f00-7f01 r-xp 00000000 fe:00 1234    %s\n", true },
		{ "7f00-7f01 r-xp 00000000 fe:00 1234    %s (deleted)\n", false },
		{ "7f00-7f01 r-xp 00000000 fe:00 1234    /other (deleted)\n", true },
		{ "7f00-7f01 r-xp 00000000 fe:00 1234    /other\n", true },
		{ "7f00-7f01 rw-p 00000000 00:00 0       [heap]\n", true },
		{ "/\n \n\n%s", true },
		{ "", false },
	};
	struct manifest_file entry = { .path = SLICE_NONE };
	struct manifest m = { SLICE_LIT("x"), &entry, 1 };
	struct ival_subject s = { .proc = dir, .manifest = &m };
	char listed[128], text[512];

	strcpy(listed, in_dir("file"));
	entry.path = slice_of(listed);
	write_file(listed, "content", 0600);
	digest_file(listed, entry.digest);
	ck_assert_int_eq(ival_measure(&s, NULL) & IVAL_LIBRARIES, 0);
	for (size_t i = 0; i < NITEMS(rows); i++) {
		const char *at = strstr(rows[i].line, "%s");

		if (at == NULL)
			snprintf(text, sizeof(text), "%s", rows[i].line);
		else
			snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - rows[i].line),
			         rows[i].line, listed, at + 2);
		write_file(in_dir("maps"), text, 0600);
		ck_assert_msg(((ival_measure(&s, NULL) & IVAL_LIBRARIES) != 0) == rows[i].passes,
		              "%s", text);
	}
}
END_TEST

START_TEST(configuration)
{
	struct manifest_file entry;
	struct manifest m = { SLICE_LIT("x"), &entry, 1 };
	struct ival_subject s = { .proc = "/proc/self", .manifest = &m };
	char name[128];

	strcpy(name, in_dir("config"));
	write_file(name, "port = 1;", 0600);
	entry.path = slice_of(name);
	digest_file(name, entry.digest);
	ck_assert_int_eq(ival_measure(&s, NULL) & IVAL_CONFIG, 0);
	s.config_file = name;
	ck_assert_int_eq(ival_measure(&s, NULL) & IVAL_CONFIG, IVAL_CONFIG);
	write_file(name, "port = 2;", 0600);
	ck_assert_int_eq(ival_measure(&s, NULL) & IVAL_CONFIG, 0);
	s.config_signed = true;
	ck_assert_int_eq(ival_measure(&s, NULL) & IVAL_CONFIG, IVAL_CONFIG);
	s.config_signed = false;
	s.manifest = NULL;
	ck_assert_int_eq(ival_measure(&s, NULL) & IVAL_CONFIG, 0);
	s.manifest = &m;
	unlink(name);
	ck_assert_int_eq(mkfifo(name, 0600), 0);
	ck_assert_int_eq(ival_measure(&s, NULL) & IVAL_CONFIG, 0);
}
END_TEST

START_TEST(process_and_clock)
{
	struct ival_subject s = { .proc = dir, .now = 5, .earliest = 5, .latest = 5 };
	const int64_t both = IVAL_UNTRACED | IVAL_CLOCK;

	write_file(in_dir("status"), "Name:\tx\nTracerPid:\t0\nUid:\t0\n", 0600);
	ck_assert_int_eq(prctl(PR_SET_DUMPABLE, 1), 0);
	ck_assert_int_eq(ival_measure(&s, NULL), IVAL_CLOCK);
	ck_assert_int_eq(prctl(PR_SET_DUMPABLE, 0), 0);
	ck_assert_int_eq(ival_measure(&s, NULL), both);
	write_file(in_dir("status"), "Name:\tx\nTracerPid:\t07\n", 0600);
	ck_assert_int_eq(ival_measure(&s, NULL), IVAL_CLOCK);
	unlink(in_dir("status"));
	ck_assert_int_eq(ival_measure(&s, NULL), IVAL_CLOCK);
	s.keystore_intact = true;
	s.latest = 4;
	ck_assert_int_eq(ival_measure(&s, NULL), IVAL_KEYSTORE);
	s.earliest = 6;
	s.latest = 10;
	ck_assert_int_eq(ival_measure(&s, NULL), IVAL_KEYSTORE);
	/* Lists of its own are readable to a process that hides itself. */
	s.proc = "/proc/self";
	ck_assert_int_eq(ival_measure(&s, NULL), IVAL_KEYSTORE | IVAL_UNTRACED);
}
END_TEST

START_TEST(hardware)
{
	struct ifaddrs *all;
	struct sockaddr_ll link = { 0 };
	struct slice addresses[2] = { SLICE_INIT("\x02\xff\xff\xff\xff\xfe"), SLICE_NONE };
	struct ival_subject s = { .proc = dir, .addresses = addresses, .n_addresses = 1 };

	ck_assert_int_eq(getifaddrs(&all), 0);
	for (const struct ifaddrs *i = all; i != NULL && link.sll_halen == 0; i = i->ifa_next)
		if (i->ifa_addr != NULL && i->ifa_addr->sa_family == AF_PACKET)
			memcpy(&link, i->ifa_addr, sizeof(link));
	freeifaddrs(all);
	ck_assert_int_eq(ival_measure(&s, NULL) & IVAL_HARDWARE, 0);
	/* At least the loopback interface has an address: zeros. */
	ck_assert_int_eq(link.sll_halen, 6);
	addresses[1] = slice_make(link.sll_addr, 6);
	s.n_addresses = 2;
	ck_assert_int_eq(ival_measure(&s, NULL) & IVAL_HARDWARE, IVAL_HARDWARE);
	addresses[1].n = 5;
	ck_assert_int_eq(ival_measure(&s, NULL) & IVAL_HARDWARE, 0);
	addresses[1].n = 0;
	ck_assert_int_eq(ival_measure(&s, NULL) & IVAL_HARDWARE, 0);
}
END_TEST

static TCase *
add(Suite *s, const char *name)
{
	TCase *c = tcase_create(name);

	tcase_add_checked_fixture(c, setup_manifest, teardown_manifest);
	tcase_set_timeout(c, 60);
	suite_add_tcase(s, c);
	return c;
}

static void
add_keys(Suite *s)
{
	TCase *c = add(s, "keys");

	tcase_add_test(c, a_key_of_rfc8032);
	tcase_add_test(c, signatures);
	tcase_add_test(c, the_octets_of_a_domain);
	tcase_add_loop_test(c, weak_keys_are_refused, 0, NITEMS(weak_keys));
	tcase_add_test(c, keys_of_files);
	tcase_add_test(c, files_that_others_can_reach);
	tcase_add_test(c, an_encrypted_key_asks_nobody);
	tcase_add_loop_test(c, device_keys, 0, 2);
	tcase_add_test(c, not_keys_of_devices);
}

static void
add_proofs(Suite *s)
{
	TCase *c = add(s, "proofs");

	tcase_add_loop_test(c, proofs, 0, 2);
	tcase_add_test(c, not_proofs);
	tcase_add_test(c, the_vector_of_a_verdict);
	tcase_add_test(c, every_change_of_a_verdict);
	tcase_add_test(c, a_verdict_for_somebody_else);
	tcase_add_test(c, verdicts_of_another_form);
	tcase_add_test(c, nonces);
	tcase_add_test(c, tags_of_requests);
	tcase_add_test(c, the_octets_of_a_tag);
	tcase_add_test(c, not_tags);
}

static void
add_integrity(Suite *s)
{
	TCase *c = add(s, "integrity");

	tcase_add_test(c, manifests);
	tcase_add_test(c, manifests_of_another_form);
	tcase_add_test(c, limits_of_manifests);
	tcase_add_test(c, the_vector_of_a_report);
	tcase_add_test(c, reports_that_are_refused);
	tcase_add_test(c, times_and_bits_of_reports);
	tcase_add_loop_test(c, reports_before_the_first_key, 0, 2);
	tcase_add_test(c, this_program);
	tcase_add_test(c, other_lists);
	tcase_add_test(c, configuration);
	tcase_add_test(c, process_and_clock);
	tcase_add_test(c, hardware);
}

int
main(void)
{
	Suite *s = suite_create("sec_proofs");
	SRunner *r = srunner_create(s);
	int failed;

	add_keys(s);
	add_proofs(s);
	add_integrity(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
