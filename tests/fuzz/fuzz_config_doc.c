/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any octets as signed configuration: what is read is written in the same octets, never accepted as
 * it came, and accepted once it was signed.
 */
#include "config.h"

#include "sec/config_doc.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool ok)
{
	if (!ok)
		abort();
}

static void
again(struct config_doc *d, struct slice text, const struct sign_key *key)
{
	struct sign_public p;
	struct buf b;

	sign_key_public(key, &p);
	buf_init(&b, 2 * CONFIG_BODY_MAX);
	must(config_doc_write(d, &b) == RC_OK && slice_eq(buf_view(&b), text));
	must(config_doc_verify(d, &p) == RC_FORBIDDEN);
	must(config_doc_sign(d, key) == RC_OK && config_doc_verify(d, &p) == RC_OK);
	must(config_doc_node(d).n + config_doc_object(d).n <= d->target.n);
	buf_fini(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t seed[SIGN_SEED_SIZE] = { 7 };
	struct arena *a = arena_new(2 * CONFIG_BODY_MAX);
	struct sign_key *key = NULL;
	struct config_doc d;

	must(a != NULL && sign_key_from_seed(seed, &key) == RC_OK);
	if (config_doc_read(slice_make(data, size), a, &d) == RC_OK)
		again(&d, slice_make(data, size), key);
	sign_key_free(key);
	arena_free(a);
	return 0;
}
