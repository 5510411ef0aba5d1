/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files with keys: text, one or more blocks of
 *
 *   -----BEGIN M2PRE <kind>-----
 *   hexadecimal digits, 64 in each line but the last
 *   -----END M2PRE <kind>-----
 *
 *   SECRET KEY         01 01 | a1 32 | a2 32 | seed 32 | Ed25519 private key 32 | check 8
 *   PUBLIC KEY         01 01 | parts | LV16 URL or name | PK1 288 | PK2 96 | Ed25519 32 | check 8
 *   RE-ENCRYPTION KEY  01 01 | source 16 | streamId 2 | epoch 4 | pkId 8 | rk 96 | check 8
 *
 * 01 01 are version and suite. parts has a bit for each of the three that follow, in this order
 * from the lowest; those without it are absent. check, the first octets of SHA-256 of the kind and all
 * before, is against accidents only.
 *
 * RC_BAD_REQUEST for text that is not that, or keys that are none. Reading files: outcomes of
 * sec/key_file.h; secret keys and re-encryption keys are refused (RC_FORBIDDEN) when anyone else
 * may read them. RC_UNAVAILABLE without (secret) memory, RC_INTERNAL when a library fails,
 * RC_NOT_IMPLEMENTED in a build without pairing. Any thread.
 */
#ifndef PRE_KEY_FILE_H
#define PRE_KEY_FILE_H

#include "base/buf.h"
#include "pre/afgh.h"
#include "pre/mm.h"
#include "pre/unit.h"
#include "sec/sign.h"

/* ---- the secret key of a party: AFGH and Ed25519 ---- */

struct pre_identity;

/* A new one. The caller frees *out with pre_identity_free, as with the other two. */
enum rc pre_identity_new(struct pre_identity **out);
enum rc pre_identity_parse(struct slice text, struct pre_identity **out);
enum rc pre_identity_read(const char *path, struct pre_identity **out);
/* Wipes and frees; NULL is fine. */
void pre_identity_free(struct pre_identity *id);
/* Appends the text; to is a secret buffer. RC_NO_SPACE when it is full. */
enum rc pre_identity_write(const struct pre_identity *id, struct buf *to);
/* Both live as long as id. */
const struct afgh_keys *pre_identity_keys(const struct pre_identity *id);
const struct sign_key *pre_identity_sign(const struct pre_identity *id);
/*
 * Wipes the signing key, which a party that only receives does not need (libcrypto keeps it in memory
 * that is not locked). From then on pre_identity_sign is NULL; not before pre_identity_write or
 * pre_public_of.
 */
void pre_identity_end_signing(struct pre_identity *id);

/* ---- what others may know of a party ---- */

enum {
	PRE_PUBLIC_FIRST = 1, /* PK1, for those who encrypt to it */
	PRE_PUBLIC_SECOND = 2, /* PK2, for sources whose proxies may re-encrypt for it */
	PRE_PUBLIC_SIGN = 4, /* Ed25519, for those who receive from it */
	PRE_PUBLIC_ALL = 7,
};

struct pre_public {
	unsigned parts;
	char url[PRE_URL_MAX + 1]; /* of the source or sink; may be empty */
	uint8_t pk1[AFGH_GT], pk2[AFGH_G2];
	struct sign_public sign;
};

/* Those parts of id. RC_BAD_REQUEST: url is none. */
enum rc pre_public_of(const struct pre_identity *id, const struct afgh *a, unsigned parts,
                      struct slice url, struct pre_public *out);
/* Keys have been checked, as all octets from outside. */
enum rc pre_public_parse(struct slice text, struct pre_public *out);
enum rc pre_public_read(const char *path, struct pre_public *out);
enum rc pre_public_write(const struct pre_public *p, struct buf *to);

/* ---- re-encryption keys ---- */

/* For one sink, one epoch of a stream. The caller wipes it. */
struct pre_rekey {
	struct afgh_epoch_id id;
	uint8_t pk_id[PRE_PK_ID_SIZE]; /* of the sink */
	uint8_t rk[AFGH_G2];
};

/*
 * For the sink with that PK2, which must be certain to be the sink's: there is no way back in that
 * epoch.
 */
enum rc pre_rekey_make(const struct afgh_keys *keys, const struct afgh_epoch_id *id,
                       struct slice pk2, struct pre_rekey *out);
/* The key at the start of *rest, which moves behind it. RC_NOT_FOUND: *rest is empty. */
enum rc pre_rekey_next(struct slice *rest, struct pre_rekey *out);
/* Appends the text; to is a secret buffer. */
enum rc pre_rekey_write(const struct pre_rekey *k, struct buf *to);

/* ---- files ---- */

/*
 * A new file with that text, durable: mode 0600 when it is secret, else 0644 without the umask.
 * RC_CONFLICT: there is something already; RC_NOT_FOUND: no such directory; RC_FORBIDDEN;
 * RC_NO_SPACE: the disk is full; RC_UNAVAILABLE, RC_INTERNAL. Nothing is left behind when it fails;
 * what a crash leaves half written is no key file.
 */
enum rc pre_key_write(const char *path, struct slice text, bool secret);

#endif
