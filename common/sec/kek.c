/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sec/kek.h"

#include "sec/hex.h"
#include "sec/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SCRYPT_N (UINT64_C(1) << 15)
#define SCRYPT_R 8
#define SCRYPT_P 1
/* 128 * r * N octets, and what the library needs besides. */
#define SCRYPT_MEMORY (UINT64_C(64) << 20)

#define MACHINE_ID_FILE "/etc/machine-id"
#define MACHINE_ID_DIGITS (KEK_MACHINE_ID - 1u)
#define PPID_OCTETS_MIN 2u
#define PPID_OCTETS_MAX 255u

/* ---- files ---- */

static enum rc
say(enum rc rc, char why[KEK_WHY], const char *path, const char *text)
{
	snprintf(why, KEK_WHY, "%s: %s", path, text);
	return rc;
}

static enum rc
read_secret(const char *path, struct key_file *f, char why[KEK_WHY])
{
	enum rc rc = key_file_private(path, f);

	switch (rc) {
	case RC_OK:
		return rc;
	case RC_NOT_FOUND:
		return say(rc, why, path, "no such file");
	case RC_FORBIDDEN:
		return say(rc, why, path, "not a regular file of this user alone (mode 0600)");
	case RC_TOO_LARGE:
		return say(RC_BAD_REQUEST, why, path, "too long");
	default:
		return say(rc, why, path, "cannot be read");
	}
}

/* The line without its end. */
static struct slice
one_line(struct slice s)
{
	return s.n > 0 && s.p[s.n - 1] == '\n' ? slice_head(s, s.n - 1) : s;
}

static bool
read_key(struct slice s, struct key *out)
{
	if (s.n != KEY_BYTES)
		return hex_decode(one_line(s), out->v, KEY_BYTES);
	memcpy(out->v, s.p, KEY_BYTES);
	return true;
}

enum rc
kek_read_file(const char *path, struct key *out, char why[KEK_WHY])
{
	struct key_file f;
	enum rc rc = read_secret(path, &f, why);

	if (rc == RC_OK) {
		if (!read_key(slice_make(f.p, f.n), out))
			rc = say(RC_BAD_REQUEST, why, path,
			         "neither 32 octets nor 64 hexadecimal digits");
		key_file_free(&f);
	}
	if (rc != RC_OK)
		key_wipe(out);
	return rc;
}

static bool
write_synced(int fd, const void *p, size_t n)
{
	return write(fd, p, n) == (ssize_t)n && fsync(fd) == 0;
}

enum rc
kek_create_file(const char *path, char why[KEK_WHY])
{
	struct key k;
	enum rc rc = key_random(&k);
	bool ok;
	int fd;

	if (rc != RC_OK)
		return say(rc, why, path, "no random numbers");
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	ok = fd >= 0 && write_synced(fd, k.v, sizeof(k.v));
	key_wipe(&k);
	if (!ok)
		say(RC_UNAVAILABLE, why, path, strerror(errno));
	if (fd >= 0)
		close(fd);
	if (fd >= 0 && !ok)
		(void)unlink(path);
	return ok ? RC_OK : RC_UNAVAILABLE;
}

/* ---- passphrases ---- */

enum rc
kek_from_passphrase(struct slice passphrase, const uint8_t salt[KEK_SALT_BYTES], struct key *out)
{
	enum rc rc = RC_BAD_REQUEST;

	if (passphrase.n >= KEK_PASSPHRASE_MIN && passphrase.n <= KEK_PASSPHRASE_MAX)
		rc = EVP_PBE_scrypt(passphrase.p, passphrase.n, salt, KEK_SALT_BYTES, SCRYPT_N,
		                    SCRYPT_R, SCRYPT_P, SCRYPT_MEMORY, out->v, KEY_BYTES) == 1
		             ? RC_OK
		             : RC_INTERNAL;
	if (rc != RC_OK)
		key_wipe(out);
	return rc;
}

static enum rc
from_passphrase_file(const char *path, const uint8_t salt[KEK_SALT_BYTES], struct key *out,
                     char why[KEK_WHY])
{
	struct key_file f;
	enum rc rc = read_secret(path, &f, why);
	struct slice line;

	if (rc != RC_OK)
		return rc;
	line = one_line(slice_make(f.p, f.n));
	if (line.n > 0 && memchr(line.p, '\n', line.n) != NULL)
		rc = say(RC_BAD_REQUEST, why, path, "more than one line");
	else if ((rc = kek_from_passphrase(line, salt, out)) == RC_BAD_REQUEST)
		say(rc, why, path, "a passphrase has 8 to 1024 octets");
	else if (rc != RC_OK)
		say(rc, why, path, "the key could not be derived");
	key_file_free(&f);
	return rc;
}

/* ---- binding to the machine ---- */

static bool
is_machine_id(struct slice s)
{
	uint8_t octets[MACHINE_ID_DIGITS / 2];

	return hex_decode(s, octets, sizeof(octets));
}

enum rc
kek_bind(struct key *kek, struct slice machine_id, struct slice ppid)
{
	unsigned char text[4 + MACHINE_ID_DIGITS + PPID_OCTETS_MAX] = { 'b', 'i', 'n', 'd' };
	struct key bound;
	size_t n = 0;
	bool ok;

	if (!is_machine_id(machine_id) || ppid.n < PPID_OCTETS_MIN || ppid.n > PPID_OCTETS_MAX)
		return RC_BAD_REQUEST;
	memcpy(text + 4, machine_id.p, machine_id.n);
	memcpy(text + 4 + machine_id.n, ppid.p, ppid.n);
	ok = EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, kek->v, KEY_BYTES, text,
	               4 + machine_id.n + ppid.n, bound.v, KEY_BYTES, &n) != NULL &&
	     n == KEY_BYTES;
	if (ok)
		*kek = bound;
	key_wipe(&bound);
	return ok ? RC_OK : RC_INTERNAL;
}

enum rc
kek_machine_id(char out[KEK_MACHINE_ID])
{
	FILE *f = fopen(MACHINE_ID_FILE, "re");
	size_t n;

	if (f == NULL)
		return RC_NOT_FOUND;
	n = fread(out, 1, MACHINE_ID_DIGITS, f);
	fclose(f);
	out[n] = '\0';
	return is_machine_id(slice_make(out, n)) ? RC_OK : RC_NOT_FOUND;
}

/* ---- together ---- */

static enum rc
base_key(const struct kek_source *from, const uint8_t salt[KEK_SALT_BYTES], struct key *out,
         char why[KEK_WHY])
{
	if ((from->kek_file == NULL) == (from->passphrase_file == NULL))
		return say(RC_BAD_REQUEST, why, "key-encryption key",
		           "needs one file, of key or passphrase");
	if (from->kek_file != NULL)
		return kek_read_file(from->kek_file, out, why);
	return from_passphrase_file(from->passphrase_file, salt, out, why);
}

enum rc
kek_make(const struct kek_source *from, const uint8_t salt[KEK_SALT_BYTES], struct key *out,
         char why[KEK_WHY])
{
	enum rc rc = base_key(from, salt, out, why);

	if (rc == RC_OK && from->bind) {
		rc = kek_bind(out, from->machine_id, from->ppid);
		if (rc != RC_OK)
			say(rc, why, "key-encryption key",
			    "binding it needs a machine id and a PPID");
	}
	if (rc != RC_OK)
		key_wipe(out);
	return rc;
}
