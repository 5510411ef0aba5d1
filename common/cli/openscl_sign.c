/* SPDX-License-Identifier: Apache-2.0 */
/* Signs a package for device management: openscl-sign KEY VERSION PACKAGE makes PACKAGE.sig. With
 * config and verify-config: configuration for a node (sign_config.h). */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cap/rem/rem_file.h"
#include "cap/rem/rem_sign.h"
#include "cli/sign_config.h"

static bool
hash_file(const char *path, unsigned char digest[REM_DIGEST_SIZE])
{
	struct rem_digest *d = rem_digest_new();
	FILE *f = fopen(path, "rb");
	char piece[65536];
	bool ok = f != NULL && d != NULL;
	size_t n;

	while (ok && (n = fread(piece, 1, sizeof(piece), f)) > 0)
		rem_digest_add(d, slice_make(piece, n));
	ok = ok && !ferror(f);
	if (f != NULL)
		fclose(f);
	if (d != NULL)
		rem_digest_end(d, digest);
	return ok;
}

/* The key is erased from memory as soon as it is not needed. */
static enum rc
sign(const char *key_file, uint64_t version, const unsigned char digest[REM_DIGEST_SIZE],
     unsigned char file[REM_SIGNATURE_FILE])
{
	struct buf key;
	enum rc rc = RC_UNAVAILABLE;

	buf_init(&key, REM_KEY_MAX);
	/* All the memory at once: growing would leave copies behind. */
	if (buf_reserve(&key, REM_KEY_MAX) != NULL)
		rc = rem_file_read(AT_FDCWD, key_file, &key);
	if (rc == RC_OK)
		rc = rem_sign_make(buf_view(&key), version, digest, file);
	if (key.p != NULL)
		explicit_bzero(key.p, key.cap);
	buf_fini(&key);
	return rc;
}

/* Puts the signature beside the package. */
static bool
write_beside(const char *package, const unsigned char file[REM_SIGNATURE_FILE])
{
	const char *base = strrchr(package, '/');
	char *folder = strndup(package, base == NULL ? 0 : (size_t)(base + 1 - package));
	char name[NAME_MAX + 1];
	int dir = -1;
	bool ok;

	base = base == NULL ? package : base + 1;
	if (folder != NULL)
		dir = open(folder[0] == '\0' ? "." : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ok = dir >= 0 &&
	     snprintf(name, sizeof(name), "%s" REM_SIGN_SUFFIX, base) < (int)sizeof(name) &&
	     rem_file_replace(dir, name, slice_make(file, REM_SIGNATURE_FILE)) == RC_OK;
	if (dir >= 0)
		close(dir);
	free(folder);
	return ok;
}

int
sign_fail(const char *what, const char *why)
{
	fprintf(stderr, "openscl-sign: %s: %s\n", what, why);
	return 1;
}

bool
sign_version(const char *text, uint64_t *version)
{
	char *end;

	errno = 0;
	*version = strtoull(text, &end, 10);
	return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && *version != 0;
}

static int
usage(void)
{
	fputs("usage: openscl-sign KEY VERSION PACKAGE\n"
	      "       openscl-sign config KEY VERSION TARGET TYPE FILE\n"
	      "       openscl-sign verify-config PUBLIC-KEY FILE\n"
	      "KEY: PEM file with an Ed25519 private key; VERSION: a number, higher than "
	      "the last one.\n"
	      "The first writes PACKAGE" REM_SIGN_SUFFIX ", config the signed document to standard "
	      "output.\n",
	      stderr);
	return 2;
}

int
main(int argc, char **argv)
{
	unsigned char digest[REM_DIGEST_SIZE], file[REM_SIGNATURE_FILE];
	uint64_t version;

	if (argc == 7 && strcmp(argv[1], "config") == 0)
		return sign_version(argv[3], &version) ? sign_config(argv, version) : usage();
	if (argc == 4 && strcmp(argv[1], "verify-config") == 0)
		return sign_config_verify(argv[2], argv[3]);
	if (argc != 4 || !sign_version(argv[2], &version))
		return usage();
	if (!hash_file(argv[3], digest))
		return sign_fail(argv[3], strerror(errno));
	if (sign(argv[1], version, digest, file) != RC_OK)
		return sign_fail(argv[1], "cannot be read, or holds no Ed25519 private key");
	if (!write_beside(argv[3], file))
		return sign_fail(argv[3], "the signature cannot be written");
	return 0;
}
