/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any octets as the state of a source's stream, and of an opening: what is taken is saved as the
 * same, and works.
 */
#include "config.h"

#include "pre/section_state.h"
#include "pre_parties.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool ok)
{
	if (!ok)
		abort();
}

static void
check_stream(struct slice state)
{
	uint8_t again[PRE_STREAM_STATE_SIZE];
	struct stream_place p, next;
	struct pre_hdr base = { .stream = 1 };

	if (!stream_place_read(state, &base, &p) || state.n == 0)
		return;
	stream_place_write(&p, again);
	must(slice_eq(slice_make(again, sizeof(again)), state));
	next = p;
	if (stream_place_next(&next, 2))
		must(!p.used || pre_hdr_order(&next.hdr, &p.hdr) > 0);
	else
		must(p.hdr.epoch > 0 || p.skip > 0);
}

static void
check_opening(const struct parties *p, struct slice state)
{
	struct pre_opening_conf conf = parties_conf(p);
	struct pre_opening *o;
	struct pre_report r;
	struct buf again;

	if (state.n == 0 || pre_opening_new(&conf, state, &o) != RC_OK)
		return;
	buf_init(&again, 1u << 20);
	pre_opening_report(o, &r);
	must(pre_opening_save(o, &again) == RC_OK);
	must(slice_eq(buf_view(&again), state));
	pre_opening_free(o);
	buf_fini(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct parties *p = parties();

	check_stream(slice_make(data, size));
	if (p != NULL)
		check_opening(p, slice_make(data, size));
	return 0;
}
