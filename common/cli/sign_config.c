/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cli/sign_config.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "cap/rem/rem_file.h"
#include "sec/config_doc.h"

/* Of base64url, and what is around it. */
#define TEXT_MAX (2 * CONFIG_BODY_MAX)

static bool
put(const struct buf *b)
{
	return fwrite(b->p, 1, b->n, stdout) == b->n && putchar('\n') != EOF && fflush(stdout) == 0;
}

static int
write_signed(struct config_doc *d, const char *key_file)
{
	struct sign_key *key = NULL;
	enum rc rc = sign_key_read(key_file, &key);
	struct buf text;
	bool ok;

	if (rc != RC_OK)
		return sign_fail(key_file, "cannot be read, or holds no Ed25519 private key");
	rc = config_doc_sign(d, key);
	sign_key_free(key);
	if (rc != RC_OK)
		return sign_fail("config",
		                 rc == RC_BAD_REQUEST
		                         ? "the target, the type or the file has no usable form"
		                         : "it cannot be signed");
	buf_init(&text, TEXT_MAX);
	ok = config_doc_write(d, &text) == RC_OK && put(&text);
	buf_fini(&text);
	return ok ? 0 : sign_fail("standard output", "cannot be written");
}

int
sign_config(char **argv, uint64_t version)
{
	struct config_doc d = { .target = slice_of(argv[4]),
		                .version = version,
		                .type = slice_of(argv[5]) };
	struct buf body;
	int status;

	buf_init(&body, CONFIG_BODY_MAX);
	if (rem_file_read(AT_FDCWD, argv[6], &body) == RC_OK) {
		d.body = buf_view(&body);
		status = write_signed(&d, argv[2]);
	} else {
		status = sign_fail(argv[6], "cannot be read, or is too long");
	}
	buf_fini(&body);
	return status;
}

static int
verify(struct slice text, struct arena *a, const struct sign_public *key, const char *file)
{
	struct config_doc d;
	enum rc rc;

	/* The end of line that config has written. */
	if (text.n > 0 && text.p[text.n - 1] == '\n')
		text.n--;
	rc = config_doc_read(text, a, &d);
	if (rc != RC_OK)
		return sign_fail(file, "no signed configuration");
	if (config_doc_verify(&d, key) != RC_OK)
		return sign_fail(file, "not signed by that key");
	printf("target %.*s\nversion %" PRIu64 "\ntype %.*s\n", (int)d.target.n, d.target.p,
	       d.version, (int)d.type.n, d.type.p);
	return 0;
}

int
sign_config_verify(const char *key_file, const char *file)
{
	struct arena *a = arena_new(2 * CONFIG_BODY_MAX);
	struct sign_public key;
	struct buf text;
	int status;

	buf_init(&text, TEXT_MAX);
	if (a == NULL || sign_public_read(key_file, &key) != RC_OK)
		status = sign_fail(key_file, "cannot be read, or holds no Ed25519 public key");
	else if (rem_file_read(AT_FDCWD, file, &text) != RC_OK)
		status = sign_fail(file, "cannot be read, or is too long");
	else
		status = verify(buf_view(&text), a, &key, file);
	buf_fini(&text);
	arena_free(a);
	return status;
}
