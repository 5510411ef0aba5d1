/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/rem/rem_stage.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "cap/rem/rem_file.h"

#define PIECE 65536

enum rc
rem_fail(char why[REM_WHY_MAX], enum rc rc, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, REM_WHY_MAX, fmt, ap);
	va_end(ap);
	return rc;
}

void
rem_stage_signature_name(const char *file, char to[REM_NAME_MAX + sizeof(REM_SIGN_SUFFIX)])
{
	snprintf(to, REM_NAME_MAX + sizeof(REM_SIGN_SUFFIX), "%s" REM_SIGN_SUFFIX, file);
}

static bool
cancelled(const struct rem_stage *s)
{
	struct pollfd p[] = { { .fd = s->cancel, .events = POLLIN },
		              { .fd = s->stop, .events = POLLIN } };

	return poll(p, 2, 0) > 0;
}

static enum rc
read_key(const struct rem_stage *s, struct buf *key)
{
	enum rc rc;

	if (s->key_file == NULL)
		return rem_fail(s->why, RC_FORBIDDEN, "no key of packages is configured");
	rc = rem_file_read(AT_FDCWD, s->key_file, key);
	return rc == RC_OK ? RC_OK
	                   : rem_fail(s->why, RC_INTERNAL, "the key of packages cannot be read");
}

static enum rc
check_signature(const struct rem_stage *s, struct slice signature,
                const unsigned char digest[REM_DIGEST_SIZE], uint64_t *version)
{
	struct rem_signature sig;
	struct buf key;
	enum rc rc;

	if (s->expected != NULL && memcmp(s->expected, digest, REM_DIGEST_SIZE) != 0)
		return rem_fail(s->why, RC_FORBIDDEN, "it is not the package that was described");
	if (!rem_sign_parse(signature, &sig))
		return rem_fail(s->why, RC_FORBIDDEN, "the signature has the wrong form");
	buf_init(&key, REM_KEY_MAX);
	rc = read_key(s, &key);
	if (rc == RC_OK) {
		rc = rem_sign_verify(buf_view(&key), &sig, digest);
		if (rc == RC_FORBIDDEN)
			rem_fail(s->why, rc, "the signature does not fit the package");
		else if (rc != RC_OK)
			rem_fail(s->why, rc, "the key of packages is no Ed25519 public key");
	}
	buf_fini(&key);
	*version = sig.version;
	return rc;
}

enum rc
rem_stage_verify(const struct rem_stage *s, struct slice package, struct slice signature,
                 uint64_t *version)
{
	unsigned char digest[REM_DIGEST_SIZE];
	struct rem_digest *d = rem_digest_new();

	if (d == NULL)
		return rem_fail(s->why, RC_UNAVAILABLE, "out of memory");
	rem_digest_add(d, package);
	rem_digest_end(d, digest);
	return check_signature(s, signature, digest, version);
}

/* Copies what there is now: a file that grows while it is read must not pass the limit. */
static enum rc
copy_pieces(const struct rem_stage *s, int in, int out, struct rem_digest *d)
{
	char piece[PIECE];
	uint64_t total = 0;

	for (;;) {
		ssize_t n = read(in, piece, sizeof(piece));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return rem_fail(s->why, RC_INTERNAL, "the package cannot be read");
		if (n == 0)
			return RC_OK;
		total += (uint64_t)n;
		if (total > s->size_max)
			return rem_fail(s->why, RC_TOO_LARGE, "the package is larger than allowed");
		if (cancelled(s))
			return rem_fail(s->why, RC_UNAVAILABLE, "cancelled");
		rem_digest_add(d, slice_make(piece, (size_t)n));
		if (!rem_file_write(out, slice_make(piece, (size_t)n)))
			return rem_fail(s->why, errno == ENOSPC ? RC_NO_SPACE : RC_INTERNAL,
			                "the package cannot be copied");
	}
}

static enum rc
copy_hashed(const struct rem_stage *s, int in, int out, unsigned char digest[REM_DIGEST_SIZE])
{
	struct rem_digest *d = rem_digest_new();
	enum rc rc;

	if (d == NULL)
		return rem_fail(s->why, RC_UNAVAILABLE, "out of memory");
	rc = copy_pieces(s, in, out, d);
	rem_digest_end(d, digest);
	if (rc == RC_OK && fsync(out) != 0)
		rc = rem_fail(s->why, RC_INTERNAL, "the package cannot be copied");
	return rc;
}

static enum rc
read_signature(const struct rem_stage *s, int from, const char *file, struct buf *b)
{
	char name[REM_NAME_MAX + sizeof(REM_SIGN_SUFFIX)];

	rem_stage_signature_name(file, name);
	return rem_file_read(from, name, b) == RC_OK
	               ? RC_OK
	               : rem_fail(s->why, RC_FORBIDDEN, "the package has no signature");
}

static enum rc
copy_opened(const struct rem_stage *s, int in, int out, int from, const char *file,
            uint64_t *version)
{
	unsigned char digest[REM_DIGEST_SIZE];
	struct buf signature;
	enum rc rc;

	buf_init(&signature, REM_SIGNATURE_FILE + 1);
	rc = read_signature(s, from, file, &signature);
	if (rc == RC_OK)
		rc = copy_hashed(s, in, out, digest);
	if (rc == RC_OK)
		rc = check_signature(s, buf_view(&signature), digest, version);
	buf_fini(&signature);
	return rc;
}

enum rc
rem_stage_copy(const struct rem_stage *s, int from, const char *file, int into, const char *to,
               uint64_t *version)
{
	uint64_t size;
	int in = rem_file_open(from, file, &size), out;
	enum rc rc;

	if (in < 0)
		return rem_fail(s->why, RC_NOT_FOUND, "there is no such package");
	if (size > s->size_max) {
		close(in);
		return rem_fail(s->why, RC_TOO_LARGE, "the package is larger than allowed");
	}
	out = openat(into, to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (out < 0) {
		close(in);
		return rem_fail(s->why, RC_INTERNAL, "the package cannot be copied");
	}
	rc = copy_opened(s, in, out, from, file, version);
	close(in);
	close(out);
	if (rc != RC_OK)
		unlinkat(into, to, 0);
	return rc;
}
