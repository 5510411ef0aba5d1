/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A wrapped record: a secret for a file or a store, encrypted with AES-256-GCM.
 *
 *   "M2MKS1" 00 | u8 type | u32 index | u64 notAfter | LV16 name | nonce 12 | LV16 cipher | tag 16
 *
 * All before the nonce is authenticated. The nonce is random: at most 2^32 records may ever be
 * sealed with one key-encryption key (NIST SP 800-38D 8.3), so seal again only what changes. That a
 * record was removed, or replaced by an older one of the same key, is not seen here: what holds the
 * records has to. Any thread.
 */
#ifndef SEC_RECORD_H
#define SEC_RECORD_H

#include "base/buf.h"
#include "sec/secret.h"

#define RECORD_NAME_MAX 16384u
#define RECORD_SECRET_MAX 4096u
#define RECORD_FIXED 52u /* octets of a record besides name and secret */
#define RECORD_MAX (RECORD_FIXED + RECORD_NAME_MAX + RECORD_SECRET_MAX)
#define RECORD_NEVER UINT64_MAX

/* What can be read without the key. The slices lie in what was parsed. */
struct record {
	uint8_t type;
	uint32_t index;
	uint64_t not_after; /* seconds since 1970, RECORD_NEVER */
	struct slice name;  /* any octets; readable by all, changed by none */
	struct slice nonce, cipher, tag;
	struct slice whole; /* all octets of the record */
};

/*
 * Appends a record with the type, index, not_after and name of r and that secret. RC_BAD_REQUEST
 * when name or secret are over their limits, RC_NO_SPACE when to is full or memory is out,
 * RC_INTERNAL when the library fails; to is then as it was, or marked as failed.
 */
enum rc record_seal(const struct key *kek, const struct record *r, struct slice secret,
                    struct buf *to);

/*
 * Takes the record at the start of *rest apart and moves *rest behind it. RC_BAD_REQUEST, and
 * *rest unchanged, when there is none: magic, lengths, limits.
 */
enum rc record_parse(struct slice *rest, struct record *r);

/*
 * Decrypts into out, which has room for max octets; *n is the length of the secret. RC_TOO_LARGE
 * when max is too small, RC_DENIED when the record was not sealed with kek or has been changed,
 * RC_INTERNAL when the library fails. out is erased by both, untouched by RC_TOO_LARGE; what RC_OK
 * leaves in it, the caller wipes.
 */
enum rc record_open(const struct key *kek, const struct record *r, void *out, size_t max,
                    size_t *n);

#endif
