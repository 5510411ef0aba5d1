/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sign_bed.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

const struct node_id node = { { 0x01, 0xbc, 0xad, 0x98, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
	                        12 } };
struct sign_key *cn, *other;
struct sign_public cn_public, other_public;
char dir[64], path[128];

char ed_pem[PEM_MAX], ed_public_pem[PEM_MAX], ec_pem[PEM_MAX], ec_public_pem[PEM_MAX];

void
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

void
sign_setup(void)
{
	cn = key_of("CN");
	other = key_of("S");
	sign_key_public(cn, &cn_public);
	sign_key_public(other, &other_public);
	strcpy(dir, "/tmp/test_sec.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/file", dir);
}

void
sign_teardown(void)
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

const char *
in_dir(const char *name)
{
	static char text[128];

	snprintf(text, sizeof(text), "%s/%s", dir, name);
	return text;
}

void
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

void
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

void
make_pems(void)
{
	make_pem(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), ed_pem, ed_public_pem);
	make_pem(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"), ec_pem, ec_public_pem);
}
