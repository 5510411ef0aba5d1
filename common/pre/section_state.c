/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "pre/section_state.h"

#include "base/be.h"

/*
 * magic 6 | used 0 or 1 | 00 | source 16 | streamId 2 | keyIndex 2 | epoch 4 | in_epoch 4 |
 * skip 4 | prev 32
 */
#define SOURCE_AT 8u
#define NUMBERS_AT (SOURCE_AT + PRE_SOURCE_SIZE)
#define PREV_AT (NUMBERS_AT + 16u)

static const char magic[6] = "M2PS1";

_Static_assert(PREV_AT + PRE_CHAIN_SIZE == PRE_STREAM_STATE_SIZE, "the parts make the whole");

bool
stream_place_next(struct stream_place *p, uint32_t epoch_sections)
{
	bool full = p->used && (p->in_epoch >= epoch_sections || p->hdr.key_index == UINT16_MAX);
	uint32_t by = p->skip == 0 && full ? 1 : p->skip;

	if (by > UINT32_MAX - p->hdr.epoch)
		return false;
	if (by > 0)
		p->in_epoch = 0;
	p->hdr.epoch += by;
	if (p->used)
		p->hdr.key_index = (uint16_t)(p->hdr.key_index + 1u);
	p->used = true;
	p->skip = 0;
	p->in_epoch++;
	return true;
}

void
stream_place_write(const struct stream_place *p, uint8_t out[PRE_STREAM_STATE_SIZE])
{
	uint8_t *to = out + sizeof(magic);

	memcpy(out, magic, sizeof(magic));
	*to++ = p->used;
	*to++ = 0;
	memcpy(to, p->hdr.source, PRE_SOURCE_SIZE);
	to = be_put(out + NUMBERS_AT, p->hdr.stream, 2);
	to = be_put(to, p->hdr.key_index, 2);
	to = be_put(to, p->hdr.epoch, 4);
	to = be_put(to, p->in_epoch, 4);
	to = be_put(to, p->skip, 4);
	memcpy(to, p->prev.v, PRE_CHAIN_SIZE);
}

/* A stream that was not used has nothing but its name, and the epochs that it leaves out. */
static bool
numbers_ok(const struct stream_place *p)
{
	static const struct pre_chain none;

	if (p->used)
		return p->in_epoch > 0;
	return p->in_epoch == 0 && p->hdr.epoch == 0 && p->hdr.key_index == 0 &&
	       memcmp(&p->prev, &none, sizeof(none)) == 0;
}

bool
stream_place_read(struct slice state, const struct pre_hdr *base, struct stream_place *out)
{
	const uint8_t *p = (const uint8_t *)state.p;
	uint8_t used;

	*out = (struct stream_place){ .hdr = *base };
	if (state.n == 0)
		return true;
	if (state.n != PRE_STREAM_STATE_SIZE || memcmp(p, magic, sizeof(magic)) != 0)
		return false;
	used = p[sizeof(magic)];
	if (used > 1 || p[sizeof(magic) + 1] != 0 ||
	    memcmp(p + SOURCE_AT, base->source, PRE_SOURCE_SIZE) != 0)
		return false;
	p += NUMBERS_AT;
	if (be_get(p, 2) != base->stream)
		return false;
	out->used = used == 1;
	out->hdr.key_index = (uint16_t)be_get(p + 2, 2);
	out->hdr.epoch = (uint32_t)be_get(p + 4, 4);
	out->in_epoch = (uint32_t)be_get(p + 8, 4);
	out->skip = (uint32_t)be_get(p + 12, 4);
	memcpy(out->prev.v, p + 16, PRE_CHAIN_SIZE);
	return numbers_ok(out);
}
