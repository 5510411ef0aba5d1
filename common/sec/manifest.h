/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reference manifest of a node: which files have which content, signed by the provider. Text:
 *
 *   M2M-MANIFEST-v1
 *   target <node id, SCL-ID or subscription id that it is for>
 *   sha256 <64 hex, lower case> <absolute path>
 *   ...
 *   signature <86 characters base64url>
 *
 * Each line ends with one LF, words are separated by one space, a path may contain spaces but no
 * control characters. The sha256 lines are in strictly ascending order of their paths (octets), so
 * a manifest has one form. The Ed25519 signature is over domain SIGN_MANIFEST || everything before
 * the line of the signature.
 */
#ifndef SEC_MANIFEST_H
#define SEC_MANIFEST_H

#include "base/arena.h"
#include "base/rc.h"
#include "sec/sign.h"

#define MANIFEST_MAX (256u << 10) /* octets */
#define MANIFEST_FILES_MAX 1024
#define MANIFEST_PATH_MAX 1023
#define MANIFEST_TARGET_MAX 64 /* unreserved characters of RFC 3986 */

struct manifest_file {
	struct slice path;
	uint8_t digest[SIGN_DIGEST_SIZE];
};

struct manifest {
	struct slice target;
	const struct manifest_file *files; /* in the order of their paths */
	size_t n;
};

/*
 * Reads text, which must outlive *out; the files are in the arena. The signature is checked first,
 * then the lines. RC_TOO_LARGE: limits; RC_BAD_REQUEST: no manifest; RC_FORBIDDEN: not signed by
 * key, or for another target; RC_UNAVAILABLE, RC_INTERNAL. Any thread.
 */
enum rc manifest_read(struct slice text, const struct sign_public *key, struct slice target,
                      struct arena *a, struct manifest *out);

/* The entry of path, or NULL. */
const struct manifest_file *manifest_find(const struct manifest *m, struct slice path);

#endif
