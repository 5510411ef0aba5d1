/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any octets as the body of a request with messages: what is taken lies in the body, is of one
 * source and none of it for a sink; it says the same when it is written as a batch and read again.
 */
#include "config.h"

#include "cap/pxy/px_units.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const size_t limits[] = { 64, 256, 1024, 65536, PRE_UNIT_MAX };

static void
must(bool ok)
{
	if (!ok)
		abort();
}

static bool
within(struct slice part, struct slice whole)
{
	return part.p >= whole.p && part.p + part.n <= whole.p + whole.n;
}

static void
check_unit(const struct px_units *u, size_t i, struct slice body, size_t limit)
{
	const struct px_unit *of = &u->v[i];
	const struct pre_unit *is = &u->parsed[i];

	must(within(of->octets, body) && of->octets.n >= PX_UNIT_MIN && of->octets.n <= limit);
	must(slice_eq(of->octets, is->whole) && is->hdr.type != PRE_MM1);
	must(memcmp(is->hdr.source, u->source.name, PX_SOURCE_BYTES) == 0 &&
	     slice_eq(is->source, u->source.url));
	must((of->mark.kind == PX_MANAGEMENT) == (is->hdr.type == PRE_MM2) &&
	     (of->mark.kind == PX_END) == (is->hdr.type == PRE_END));
	must(of->mark.section.stream == is->hdr.stream && of->mark.section.epoch == is->hdr.epoch &&
	     of->mark.section.key_index == is->hdr.key_index);
}

static void
check(const struct px_units *u, struct slice body, size_t limit, struct buf *batch)
{
	size_t management = 0;

	must(u->n > 0 && u->n <= PX_UNITS_MAX);
	for (size_t i = 0; i < u->n; i++) {
		size_t at = pre_batch_begin(batch);

		check_unit(u, i, body, limit);
		management += u->v[i].mark.kind == PX_MANAGEMENT;
		buf_slice(batch, u->v[i].octets);
		must(pre_batch_end(batch, at) == RC_OK);
	}
	must(u->n_management == management);
}

/* A batch of the same units is the same. */
static void
check_again(const struct px_units *u, struct slice batch, size_t limit)
{
	struct arena *a = arena_new(4u << 20);
	struct px_units again;

	must(a != NULL && px_units_read(batch, limit, a, &again) == RC_OK);
	must(again.n == u->n);
	for (size_t i = 0; i < u->n; i++)
		must(memcmp(again.v[i].digest, u->v[i].digest, PX_UNIT_DIGEST_BYTES) == 0);
	arena_free(a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t sign[PX_SIGN_BYTES] = { 1 };
	struct arena *a = arena_new(4u << 20);
	size_t limit, at = 0;
	struct px_units u;
	struct slice body;
	struct buf batch;

	must(a != NULL);
	if (size > 0) {
		limit = limits[data[0] % (sizeof(limits) / sizeof(limits[0]))];
		body = slice_make(data + 1, size - 1);
		buf_init(&batch, 2 * size + 65536);
		if (px_units_read(body, limit, a, &u) == RC_OK) {
			check(&u, body, limit, &batch);
			check_again(&u, buf_view(&batch), limit);
			must(u.n_management == 0 ||
			     px_units_verify(&u, sign, PX_UNITS_MAX, &at) != RC_OK);
		}
		buf_fini(&batch);
	}
	arena_free(a);
	return 0;
}
