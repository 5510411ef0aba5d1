/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any octets as the lines of a reference manifest, signed as they are; what is read is written
 * again in the same octets. The input itself, which is not signed, is never accepted.
 */
#include "config.h"

#include "base/buf.h"
#include "sec/b64url.h"
#include "sec/hex.h"
#include "sec/manifest.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool ok)
{
	if (!ok)
		abort();
}

static void
put_lines(struct buf *b, const struct manifest *m)
{
	char digest[2 * SIGN_DIGEST_SIZE + 1];

	buf_puts(b, "M2M-MANIFEST-v1\ntarget ");
	buf_slice(b, m->target);
	buf_char(b, '\n');
	for (size_t i = 0; i < m->n; i++) {
		hex_encode(m->files[i].digest, SIGN_DIGEST_SIZE, digest);
		buf_puts(b, "sha256 ");
		buf_puts(b, digest);
		buf_char(b, ' ');
		buf_slice(b, m->files[i].path);
		buf_char(b, '\n');
	}
}

static void
sign_and_read(struct slice lines, const struct sign_key *key, struct arena *a)
{
	const struct slice target = SLICE_LIT("gscl-0102");
	uint8_t signature[SIGN_SIZE];
	struct sign_public p;
	struct manifest m;
	struct buf b, again;

	buf_init(&b, MANIFEST_MAX + 200);
	buf_init(&again, MANIFEST_MAX + 200);
	buf_slice(&b, lines);
	must(sign_make(key, SIGN_MANIFEST, lines, signature) == RC_OK);
	buf_puts(&b, "signature ");
	b64url_add(&b, slice_make(signature, sizeof(signature)));
	buf_char(&b, '\n');
	sign_key_public(key, &p);
	if (manifest_read(buf_view(&b), &p, target, a, &m) == RC_OK) {
		put_lines(&again, &m);
		must(slice_eq(lines, buf_view(&again)));
		for (size_t i = 0; i < m.n; i++)
			must(manifest_find(&m, m.files[i].path) == &m.files[i]);
	}
	must(manifest_read(lines, &p, target, a, &m) != RC_OK);
	buf_fini(&b);
	buf_fini(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t seed[SIGN_SEED_SIZE] = { 7 };
	struct arena *a = arena_new(1u << 20);
	struct sign_key *key = NULL;

	must(a != NULL && sign_key_from_seed(seed, &key) == RC_OK);
	if (size <= MANIFEST_MAX)
		sign_and_read(slice_make(data, size), key, a);
	sign_key_free(key);
	arena_free(a);
	return 0;
}
