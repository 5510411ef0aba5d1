/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any octets as a message of object security, and as its header. What is read is written again in
 * the same octets; what is not sealed with the key is never opened.
 */
#include "config.h"

#include "sec/jose.h"
#include "sec/jose_header.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
take(void *arg, uint64_t seq)
{
	(void)seq;
	return ++*(unsigned *)arg > 0;
}

static void
read_header(struct slice s)
{
	char *text = malloc(s.n + 1);
	struct jose_header h;
	struct buf again;

	if (text == NULL)
		abort();
	memcpy(text, s.p, s.n);
	buf_init(&again, JOSE_HEADER_MAX);
	if (jose_header_read(text, s.n, &h) &&
	    (jose_header_write(&h, &again) != RC_OK || !slice_eq(buf_view(&again), s)))
		abort();
	buf_fini(&again);
	free(text);
}

static void
read_message(struct slice s, struct arena *a, struct buf *body)
{
	static const struct key key = { { 7 } };
	unsigned taken = 0;
	struct jose j;

	if (jose_parse(s, a, &j) != RC_OK)
		return;
	struct jose_expect want = {
		.connection = j.h.connection,
		.kmc_index = j.h.kmc_index,
		.direction = j.h.direction,
		.method = j.h.method,
		.target = j.h.target,
		.answers = j.h.answers,
		.status = j.h.status,
		.take = take,
		.arg = &taken,
	};
	if (jose_open(&j, &key, &want, body) == RC_OK || taken != 0 || body->n != 0)
		abort();
}

/* A message starts with the e of the encoded header; everything else is taken as a header. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice s = slice_make(data, size);
	struct arena *a = arena_new(1u << 20);
	struct buf body;

	if (a == NULL)
		abort();
	buf_init(&body, 1u << 20);
	if (size > 0 && data[0] == 'e')
		read_message(s, a, &body);
	else if (size > 0)
		read_header(s);
	buf_fini(&body);
	arena_free(a);
	return 0;
}
