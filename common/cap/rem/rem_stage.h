/* SPDX-License-Identifier: Apache-2.0 */
/* From a file that others may change to a private copy that was verified; worker thread only. */
#ifndef CAP_REM_REM_STAGE_H
#define CAP_REM_REM_STAGE_H

#include "cap/rem/rem_package.h"
#include "cap/rem/rem_sign.h"

struct rem_stage {
	const char *key_file;
	uint64_t size_max;
	int cancel, stop; /* as of rem_packages_conf */
	const unsigned char
		*expected; /* REM_DIGEST_SIZE octets: the SHA-256 that it has to have; NULL: any */
	char *why; /* REM_WHY_MAX octets */
};

/*
 * Copies file of the directory from to the name to (which must not exist) in the directory into, and
 * verifies the copy by file.sig. On success the copy is on disk and *version is what was signed;
 * otherwise there is no copy. RC_NOT_FOUND, RC_FORBIDDEN, RC_TOO_LARGE, RC_NO_SPACE, RC_UNAVAILABLE
 * (cancelled), RC_INTERNAL.
 */
enum rc rem_stage_copy(const struct rem_stage *s, int from, const char *file, int into,
                       const char *to, uint64_t *version);
/* The same check for octets in memory. */
enum rc rem_stage_verify(const struct rem_stage *s, struct slice package, struct slice signature,
                         uint64_t *version);
/* Name of the signature of a file. */
void rem_stage_signature_name(const char *file, char to[REM_NAME_MAX + sizeof(REM_SIGN_SUFFIX)]);

/* Writes why and returns rc. */
enum rc rem_fail(char why[REM_WHY_MAX], enum rc rc, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
