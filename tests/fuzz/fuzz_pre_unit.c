/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any octets as a batch of units, and as the payload of a CoAP message: what is taken is written as
 * the same octets, and its message is taken apart within its bounds.
 */
#include "config.h"

#include "pre/chain.h"
#include "pre/unit.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool ok)
{
	if (!ok)
		abort();
}

static bool
within(struct slice part, struct slice whole)
{
	return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

static void
check_mm(const struct pre_unit *u)
{
	struct pre_mm m;
	uint8_t digest[32];

	must(pre_mm_parse(&u->hdr, u->rest, &m) == RC_OK);
	must(within(m.c1, u->rest) && within(m.commit, u->rest) && within(m.w, u->rest) &&
	     within(m.signature, u->rest) && within(m.pk_id, u->rest) && within(m.d, u->rest));
	must(m.kept.n + m.pk_id.n + m.d.n == u->rest.n);
	must(pre_mm_digest(&m, digest) == RC_OK);
}

static void
check_message(const struct pre_unit *u)
{
	struct pre_end e;
	uint32_t seq;

	if (u->hdr.type == PRE_MM1 || u->hdr.type == PRE_MM2)
		check_mm(u);
	else if (u->hdr.type == PRE_END)
		must(pre_end_read(&u->hdr, u->rest, NULL, &e) == RC_OK);
	else
		must(pre_data_seq(u->rest, &seq) == RC_OK);
}

static void
check_unit(const struct pre_unit *u)
{
	struct pre_unit again;
	struct buf b;

	must(pre_url_ok(u->source) && pre_sink_ok(u->sink));
	check_message(u);
	buf_init(&b, PRE_UNIT_MAX);
	must(pre_unit_write(u, &b) == RC_OK);
	must(u->whole.n == 0 || slice_eq(buf_view(&b), u->whole));
	buf_clear(&b);
	must(pre_unit_payload(u, &b) == RC_OK);
	must(pre_unit_from_coap(u->msg_id, u->source, u->sink, buf_view(&b), NULL, &again) ==
	     RC_OK);
	must(slice_eq(again.rest, u->rest) && pre_hdr_same(&again.hdr, &u->hdr));
	buf_fini(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct pre_limits small = { .unit = 4096, .url = 64 };
	struct slice all = slice_make(data, size), rest = all;
	struct pre_unit u;
	size_t n;

	while (pre_batch_next(&rest, NULL, &u) == RC_OK) {
		must(within(u.whole, all));
		check_unit(&u);
		(void)pre_unit_parse(u.whole, &small, &u);
	}
	must(pre_batch_size(rest, &small, &n) != RC_OK || n <= small.unit + PRE_LENGTH_SIZE);
	if (pre_unit_from_coap(1, SLICE_LIT("coap://gateway.example/alpha_1"), SLICE_NONE, all,
	                       NULL, &u) == RC_OK)
		check_unit(&u);
	return 0;
}
