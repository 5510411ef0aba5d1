/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What m2m-warrant keeps: a directory of its own, mode 0700, files 0600, each replaced as a whole and
 * durable when a function has returned true.
 *
 *   id           the name of the server           key.pem      its private key (Ed25519)
 *   cn.pem       the operator's public key        w1, w2       what they have agreed on
 *   revoked      serial numbers, one line each: 32 hexadecimal digits
 *
 * Functions say on standard error what is wrong.
 */
#ifndef CLI_WARRANT_STATE_H
#define CLI_WARRANT_STATE_H

#include "base/buf.h"
#include "cli/warrant_args.h"
#include "mpa/transcript.h"

#include <limits.h>

#define WARRANT_NAME_MAX 32u /* of a file */
#define WARRANT_FILE_MAX 65536u /* octets of what is read but the revocations */
#define WARRANT_REVOKED_MAX 65536u

/* The server, as far as it has come. */
struct warrant_server_id {
	char dir[PATH_MAX - WARRANT_NAME_MAX];
	struct sign_key *key;
	struct sign_public public;
	char id[MPA_ID_MAX + 1];
	bool agreed; /* the rest is there */
	struct sign_public cn;
	char cn_id[MPA_ID_MAX + 1];
	struct buf w1, w2;
};

/* Serial numbers of the own warrants, in their order. */
struct warrant_revoked {
	size_t n;
	uint8_t (*serials)[MPA_SERIAL_SIZE];
};

/* Makes the directory, and the key; false when there is a server already. */
bool warrant_state_make(const char *dir, const char *id, struct warrant_server_id *out);
bool warrant_state_open(const char *dir, struct warrant_server_id *out);
/* What was not opened is fine. */
void warrant_state_close(struct warrant_server_id *s);
bool warrant_state_write(const struct warrant_server_id *s, const char *name, struct slice octets);

/* A file of the state that is not there: none revoked. The caller frees *out. */
bool warrant_revoked_read(const struct warrant_server_id *s, struct warrant_revoked *out);
bool warrant_revoked_add(const struct warrant_server_id *s, const uint8_t serial[MPA_SERIAL_SIZE]);
void warrant_revoked_free(struct warrant_revoked *r);
bool warrant_revoked_has(const struct warrant_revoked *r, const uint8_t serial[MPA_SERIAL_SIZE]);

/* Any file of at most WARRANT_FILE_MAX octets, appended; the caller frees out, also on failure. */
bool warrant_file_read(const char *path, struct buf *out);
/* To path, or to standard output. */
bool warrant_file_put(const char *path, struct slice octets);
bool warrant_public_read(const char *path, struct sign_public *out);
/* A new key, as key.pem. */
bool warrant_key_make(const struct warrant_server_id *s);
/* The key as PEM, appended. */
bool warrant_public_pem(const struct sign_public *key, struct buf *out);

#endif
