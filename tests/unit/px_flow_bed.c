/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "px_flow_bed.h"

#include "cap/pxy/px_units.h"

#define NITEMS_MAX 20

uint64_t
px_flow_store(struct px_bed *b, bool known)
{
	struct px_source source = { .url = SLICE_LIT(FLOW_SOURCE), .sign = flow_source.public.v };
	struct px_store_new n = { .owner = SLICE_LIT("owner"),
		                  .reserve = 500000,
		                  .ttl = PX_HOUR,
		                  .mode = PX_STREAM,
		                  .class = PX_ADAPTIVE,
		                  .transport = PX_REST,
		                  .source = known ? &source : NULL };

	ck_assert_int_eq(pre_source_name(source.url, source.name), RC_OK);
	ck_assert_int_eq(px_bed_make_store(b, &n), RC_OK);
	return n.id;
}

void
px_flow_put(struct px_bed *b, uint64_t store, const struct buf *batch)
{
	struct arena *a = arena_new(1u << 20);
	struct px_append append = { .store = store };
	struct px_units u;

	ck_assert_ptr_nonnull(a);
	ck_assert_int_eq(px_units_read(buf_view(batch), 65536, a, &u), RC_OK);
	append.source = &u.source;
	append.units = u.v;
	append.n = u.n;
	ck_assert_int_eq(px_bed_append(b, &append), RC_OK);
	ck_assert_uint_eq(append.stored, u.n);
	arena_free(a);
}

struct pre_stream *
px_flow_stream(void)
{
	struct pre_stream_conf conf = flow_stream_conf();

	return flow_stream(&conf);
}

void
px_flow_add(struct px_bed *b, uint64_t store, struct pre_stream *s, unsigned sections,
            unsigned messages)
{
	struct buf batch;

	buf_init(&batch, 1u << 20);
	flow_send(s, sections, messages, &batch);
	px_flow_put(b, store, &batch);
	buf_fini(&batch);
}

struct px_key
px_flow_key(uint32_t epoch)
{
	struct pre_rekey k = flow_rekey(&flow_sink, FLOW_STREAM, epoch);
	struct px_key key = { .of = { FLOW_STREAM, epoch } };

	memcpy(key.pk_id, k.pk_id, sizeof(key.pk_id));
	memcpy(key.rk, k.rk, sizeof(key.rk));
	return key;
}

void
px_flow_sink(struct px_flow_sink *s, const char *url, unsigned epochs)
{
	*s = (struct px_flow_sink){ .terms = { .url = slice_of(url == NULL ? FLOW_SINK : url),
		                               .batch = 100 } };
	for (uint32_t epoch = 0; epoch < PX_FLOW_KEYS; epoch++)
		if ((epochs >> epoch & 1u) != 0)
			s->keys[s->terms.n_keys++] = px_flow_key(epoch);
}

uint64_t
px_flow_forward(struct px_bed *b, uint64_t store, const struct px_flow_sink *sinks, size_t n)
{
	struct px_sink_terms terms[NITEMS_MAX];
	struct px_forward_new f = { .store = store, .sinks = terms, .n_sinks = n };

	ck_assert_uint_le(n, NITEMS_MAX);
	for (size_t i = 0; i < n; i++) {
		terms[i] = sinks[i].terms;
		terms[i].keys = sinks[i].keys;
	}
	ck_assert_int_eq(px_bed_make_forward(b, &f), RC_OK);
	return f.id;
}

void
px_flow_grant(struct px_bed *b, uint64_t forward, uint32_t sink, uint32_t epoch)
{
	struct px_grant g = { .sink = sink, .key = px_flow_key(epoch) };
	struct px_control c = { .forward = forward, .grant = &g, .n_grant = 1 };

	ck_assert_int_eq(px_bed_control(b, &c), RC_OK);
}

void
px_flow_state(struct px_bed *b, uint64_t forward, enum px_state state)
{
	struct px_control c = { .forward = forward, .state = state };

	ck_assert_int_eq(px_bed_control(b, &c), RC_OK);
}
