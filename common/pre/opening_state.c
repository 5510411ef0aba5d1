/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of an opening:
 *
 *   "M2PO1" 00 | as | individual | source 16 | opened 8 | sections 8 | complete 8 | messages 8 |
 *   findings 4 | streams 4, and for each stream
 *     newest HDR 32 | END 0 or 1 [HDR 32 | chain 32] | sections 1, and for each section
 *       HDR 32 | LV16 rest of its management message | opened 8 | high 8 | seen 8 | next 4 |
 *       taken 4 | forgeries 4 | chain 32 | flags 1 | link 1 | [END: count 4 | chain 32 | prev 32] |
 *       held mask 8, and 32 for each bit
 */
#include "config.h"

#include "pre/opening_own.h"

#include "base/be.h"

#define FLAG_BROKEN 1u
#define FLAG_REORDERED 2u
#define FLAG_ALTERED 4u
#define FLAG_ENDED 8u
#define FLAGS_ALL 15u

static const char magic[6] = "M2PO1";

/* ---- writing ---- */

static void
add_hdr(struct buf *to, const struct pre_hdr *h)
{
	uint8_t hdr[PRE_HDR_SIZE];

	pre_hdr_write(h, (enum pre_type)h->type, hdr);
	buf_add(to, hdr, sizeof(hdr));
}

static unsigned
flags_of(const struct opening_section *s)
{
	return (s->broken ? FLAG_BROKEN : 0) | (s->reordered ? FLAG_REORDERED : 0) |
	       (s->altered ? FLAG_ALTERED : 0) | (s->ended ? FLAG_ENDED : 0);
}

static void
add_section(struct buf *to, const struct opening_section *s)
{
	add_hdr(to, &s->hdr);
	buf_be(to, s->mm_n, 2);
	buf_add(to, s->mm, s->mm_n);
	buf_be(to, s->opened, 8);
	buf_be(to, s->window.high, 8);
	buf_be(to, s->window.seen, 8);
	buf_be(to, s->next, 4);
	buf_be(to, s->taken, 4);
	buf_be(to, s->forgeries, 4);
	buf_add(to, s->chain.v, sizeof(s->chain.v));
	buf_be(to, flags_of(s), 1);
	buf_be(to, s->link, 1);
	if (s->ended) {
		buf_be(to, s->end.count, 4);
		buf_add(to, s->end.chain.v, PRE_CHAIN_SIZE);
		buf_add(to, s->end.prev.v, PRE_CHAIN_SIZE);
	}
	buf_be(to, s->held_mask, 8);
	for (unsigned i = 0; i < HELD_MAX; i++)
		if ((s->held_mask >> i & 1) != 0)
			buf_add(to, s->held[i], PRE_DIGEST_SIZE);
}

static void
add_stream(struct buf *to, const struct pre_opening *o, const struct opening_stream *st)
{
	unsigned n = 0;

	add_hdr(to, &st->newest);
	buf_be(to, st->has_end, 1);
	if (st->has_end) {
		add_hdr(to, &st->end);
		buf_add(to, st->chain.v, sizeof(st->chain.v));
	}
	for (unsigned i = 0; i < o->conf.sections; i++)
		n += st->sections[i] != NULL;
	buf_be(to, n, 1);
	for (unsigned i = 0; i < o->conf.sections; i++)
		if (st->sections[i] != NULL)
			add_section(to, st->sections[i]);
}

enum rc
pre_opening_save(const struct pre_opening *o, struct buf *to)
{
	buf_add(to, magic, sizeof(magic));
	buf_be(to, o->conf.as, 1);
	buf_be(to, o->conf.individual, 1);
	buf_add(to, o->source, sizeof(o->source));
	buf_be(to, o->opened, 8);
	buf_be(to, o->past.sections, 8);
	buf_be(to, o->past.complete, 8);
	buf_be(to, o->past.messages, 8);
	buf_be(to, o->past.findings, 4);
	buf_be(to, o->n, 4);
	for (unsigned i = 0; i < o->n; i++)
		add_stream(to, o, &o->streams[i]);
	return to->failed ? RC_NO_SPACE : RC_OK;
}

/* ---- reading ---- */

/* What is left of a state; bad once something was not there, and everything then reads as 0. */
struct reader {
	struct slice rest;
	bool bad;
};

static struct slice
take(struct reader *r, size_t n)
{
	struct slice s = slice_head(r->rest, n);

	if (r->bad || s.n < n) {
		r->bad = true;
		return SLICE_NONE;
	}
	r->rest = slice_from(r->rest, n);
	return s;
}

static uint64_t
take_be(struct reader *r, unsigned n)
{
	struct slice s = take(r, n);

	return be_get(s.p, (unsigned)s.n);
}

/* A number that is at most max. */
static uint64_t
take_most(struct reader *r, unsigned n, uint64_t max)
{
	uint64_t v = take_be(r, n);

	r->bad = r->bad || v > max;
	return r->bad ? 0 : v;
}

static void
take_octets(struct reader *r, void *to, size_t n)
{
	struct slice s = take(r, n);

	if (s.n > 0)
		memcpy(to, s.p, s.n);
}

static void
take_hdr(struct reader *r, const struct pre_opening *o, struct pre_hdr *h)
{
	struct slice s = take(r, PRE_HDR_SIZE);

	if (pre_hdr_parse(s, h) != RC_OK || memcmp(h->source, o->source, sizeof(o->source)) != 0)
		r->bad = true;
}

static void
take_held(struct reader *r, struct opening_section *s)
{
	s->held_mask = take_be(r, 8);
	for (unsigned i = 0; i < HELD_MAX; i++)
		if ((s->held_mask >> i & 1) != 0)
			take_octets(r, s->held[i], PRE_DIGEST_SIZE);
}

static void
take_progress(struct reader *r, struct opening_section *s)
{
	unsigned flags;

	s->opened = take_be(r, 8);
	s->window.high = take_most(r, 8, UINT32_MAX);
	s->window.seen = take_be(r, 8);
	s->top = (uint32_t)s->window.high;
	s->next = (uint32_t)take_most(r, 4, s->top);
	s->taken = (uint32_t)take_most(r, 4, s->top);
	s->forgeries = (uint32_t)take_be(r, 4);
	take_octets(r, s->chain.v, sizeof(s->chain.v));
	flags = (unsigned)take_most(r, 1, FLAGS_ALL);
	s->broken = (flags & FLAG_BROKEN) != 0;
	s->reordered = (flags & FLAG_REORDERED) != 0;
	s->altered = (flags & FLAG_ALTERED) != 0;
	s->ended = (flags & FLAG_ENDED) != 0;
	s->link = (unsigned)take_most(r, 1, PRE_UNLINKED | PRE_JOINED);
	if (s->ended) {
		s->end.count = (uint32_t)take_be(r, 4);
		take_octets(r, s->end.chain.v, PRE_CHAIN_SIZE);
		take_octets(r, s->end.prev.v, PRE_CHAIN_SIZE);
	}
	take_held(r, s);
}

/* The keys of a section come again from its management message, which is still the source's. */
static enum rc
load_key(const struct pre_opening *o, const struct pre_hdr *h, struct slice rest,
         struct opening_section **out)
{
	struct pre_data *data;
	struct pre_mm m;
	enum rc rc = pre_mm_parse(h, rest, &m);

	*out = NULL;
	if (rc == RC_OK)
		rc = pre_mm_verify(&m, &o->conf.key);
	if (rc == RC_OK)
		rc = opening_unlock(o, &m, &data);
	if (rc != RC_OK)
		return rc;
	*out = opening_section_new(&m, rest, data);
	if (*out != NULL)
		return RC_OK;
	pre_data_free(data);
	return RC_UNAVAILABLE;
}

static enum rc
load_section(struct reader *r, const struct pre_opening *o, const struct opening_stream *st,
             struct opening_section **place)
{
	struct pre_hdr h;
	struct slice rest;
	enum rc rc;

	take_hdr(r, o, &h);
	rest = take(r, (size_t)take_be(r, 2));
	if (r->bad || h.stream != st->id || opening_find_section(o, st, &h) != NULL)
		return RC_BAD_REQUEST;
	rc = load_key(o, &h, rest, place);
	if (rc != RC_OK)
		return rc;
	take_progress(r, *place);
	return r->bad ? RC_BAD_REQUEST : RC_OK;
}

static enum rc
load_stream(struct reader *r, struct pre_opening *o)
{
	struct pre_hdr newest;
	struct opening_stream *st;
	unsigned n;
	enum rc rc;

	take_hdr(r, o, &newest);
	if (r->bad || opening_find_stream(o, newest.stream) != NULL)
		return RC_BAD_REQUEST;
	rc = opening_add_stream(o, newest.stream, &st);
	if (rc != RC_OK)
		return rc == RC_NO_SPACE ? RC_BAD_REQUEST : rc;
	st->newest = newest;
	st->has_end = take_most(r, 1, 1) != 0;
	if (st->has_end) {
		take_hdr(r, o, &st->end);
		take_octets(r, st->chain.v, sizeof(st->chain.v));
	}
	n = (unsigned)take_most(r, 1, o->conf.sections);
	for (unsigned i = 0; i < n && rc == RC_OK; i++)
		rc = load_section(r, o, st, &st->sections[i]);
	return rc;
}

static void
take_start(struct reader *r, struct pre_opening *o)
{
	struct slice kind = take(r, sizeof(magic));
	struct slice source;
	uint64_t as, individual;

	as = take_be(r, 1);
	individual = take_be(r, 1);
	source = take(r, PRE_SOURCE_SIZE);
	if (!slice_eq(kind, slice_make(magic, sizeof(magic))) || as != o->conf.as ||
	    individual != o->conf.individual ||
	    !slice_eq(source, slice_make(o->source, sizeof(o->source))))
		r->bad = true;
	o->opened = take_be(r, 8);
	o->past.sections = take_be(r, 8);
	o->past.complete = take_be(r, 8);
	o->past.messages = take_be(r, 8);
	o->past.findings = (unsigned)take_most(r, 4, 2 * PRE_UNENDED - 1);
}

enum rc
opening_load(struct pre_opening *o, struct slice state)
{
	struct reader r = { .rest = state };
	unsigned n;
	enum rc rc = RC_OK;

	take_start(&r, o);
	n = (unsigned)take_most(&r, 4, o->conf.streams);
	for (unsigned i = 0; i < n && !r.bad && rc == RC_OK; i++)
		rc = load_stream(&r, o);
	if (rc == RC_OK && (r.bad || r.rest.n > 0))
		rc = RC_BAD_REQUEST;
	return rc;
}
