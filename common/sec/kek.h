/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key-encryption keys: out of a file, or of a passphrase; bound to the machine, if that is wanted.
 *
 * A file with a secret is a regular file of the user of this process that nobody else may read or
 * write: mode 0600 or stricter, checked on what was opened (key_file.h).
 *
 * What reads a file may wait for the disk; scrypt takes about 0.1 s and 32 MiB. Any thread.
 */
#ifndef SEC_KEK_H
#define SEC_KEK_H

#include "sec/secret.h"

#define KEK_SALT_BYTES 16
#define KEK_WHY 256
#define KEK_PASSPHRASE_MIN 8u
#define KEK_PASSPHRASE_MAX 1024u
#define KEK_MACHINE_ID 33 /* digits and a zero */

/* Where a key-encryption key comes from: exactly one of the files. */
struct kek_source {
	const char *kek_file;        /* 32 octets, or 64 hexadecimal digits with or without a newline */
	const char *passphrase_file; /* one line of KEK_PASSPHRASE_MIN..MAX octets */
	bool bind;                   /* mixed with the two below, so that a copy opens nowhere else */
	struct slice machine_id;     /* kek_machine_id: 32 digits */
	struct slice ppid;           /* 2..255 octets */
};

/*
 * RC_NOT_FOUND when there is no file, RC_FORBIDDEN when its kind, owner or mode are not as above,
 * RC_BAD_REQUEST when it does not hold a key, RC_UNAVAILABLE, RC_INTERNAL; *out is then zero, and
 * in why is one line without a secret.
 */
enum rc kek_read_file(const char *path, struct key *out, char why[KEK_WHY]);

/*
 * Makes a new file with a random key, mode 0600. RC_UNAVAILABLE: it is there already, or cannot be
 * made; RC_INTERNAL; why has a line, and no file is left. It is durable when the directory is.
 */
enum rc kek_create_file(const char *path, char why[KEK_WHY]);

/*
 * scrypt (RFC 7914) with N = 2^15, r = 8, p = 1. The salt is random, one per key store, and no
 * secret. RC_BAD_REQUEST when the passphrase is too short or too long, RC_INTERNAL.
 */
enum rc kek_from_passphrase(struct slice passphrase, const uint8_t salt[KEK_SALT_BYTES],
                            struct key *out);

/*
 * Replaces *kek by HMAC(*kek, "bind" || machine_id || ppid). RC_BAD_REQUEST when one of the two is
 * not as in struct kek_source, RC_INTERNAL when the library fails.
 */
enum rc kek_bind(struct key *kek, struct slice machine_id, struct slice ppid);

/* Reads the id that the system was given at its installation. RC_NOT_FOUND when it has none. */
enum rc kek_machine_id(char out[KEK_MACHINE_ID]);

/*
 * All of it, with the outcomes of the functions above; RC_BAD_REQUEST, too, unless from names
 * exactly one file. The salt is used with a passphrase only. *out is zero unless RC_OK, and a line
 * is in why.
 */
enum rc kek_make(const struct kek_source *from, const uint8_t salt[KEK_SALT_BYTES],
                 struct key *out, char why[KEK_WHY]);

#endif
