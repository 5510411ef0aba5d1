/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any octets as each of the bodies that the proxy takes: what is taken is within its limits, texts
 * lie in the body, keys where they are wiped; what is refused says why.
 */
#include "config.h"

#include "cap/pxy/px_json.h"

#include <stdlib.h>

#define TTL_MAX (INT64_C(2592000) * CLOCK_SECOND)

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
check_point(const struct px_json_point *p)
{
	must(!p->by_section || p->number == 0);
}

static void
check_keys(const struct px_key *v, size_t n, const struct px_json_keys *of)
{
	must(n == 0 || (v >= of->v && v + n <= of->v + of->n && n <= PX_JSON_KEYS_MAX));
}

static void
check_sink(const struct px_json_sink *s, struct slice body, const struct px_json_keys *keys)
{
	must(s->url.n > 0 && within(s->url, body) && s->batch <= PX_BATCH_MAX);
	check_keys(s->keys, s->n_keys, keys);
	must(s->udp_key == NULL ||
	     (s->udp_key >= keys->udp[0] && s->udp_key < keys->udp[keys->n_udp]));
	check_point(&s->from);
	check_point(&s->to);
}

static void
check_store(struct slice body)
{
	struct px_json_store s;
	const char *why = NULL;
	uint64_t upto;
	int64_t ttl;

	if (px_json_store(body, TTL_MAX, &s, &why) == RC_OK) {
		must(s.reserve >= PX_RESERVE_MIN && s.ttl > 0 && s.ttl <= TTL_MAX);
		must(s.n_allow <= PX_NAMED_MAX && within(s.source, body));
		for (size_t i = 0; i < s.n_allow; i++)
			must(within(s.allow[i], body) && s.allow[i].n <= PX_NAME_MAX);
	} else {
		must(why != NULL);
	}
	if (px_json_ttl(body, TTL_MAX, &ttl, &why) == RC_OK)
		must(ttl > 0 && ttl <= TTL_MAX);
	(void)px_json_upto(body, &upto, &why);
}

static void
check_forward(struct slice body)
{
	struct arena *a = arena_new(4u << 20);
	struct px_json_keys keys = { 0 };
	struct px_json_forward f;
	const char *why = NULL;

	must(a != NULL);
	if (px_json_forward(body, a, &f, &keys, &why) == RC_OK) {
		must(f.n_sinks >= 1 && f.n_sinks <= PX_JSON_SINKS_MAX);
		for (size_t i = 0; i < f.n_sinks; i++)
			check_sink(&f.sinks[i], body, &keys);
		check_point(&f.from);
		check_point(&f.to);
	} else {
		must(why != NULL);
	}
	px_json_wipe(&keys);
	arena_free(a);
}

static void
check_lists(const struct px_json_control *c, struct slice body, const struct px_json_keys *keys)
{
	for (size_t i = 0; i < c->n_add; i++)
		check_sink(&c->add[i], body, keys);
	for (size_t i = 0; i < c->n_grant; i++) {
		must(within(c->grant[i].url, body));
		check_keys(c->grant[i].keys, c->grant[i].n_keys, keys);
	}
	for (size_t i = 0; i < c->n_remove; i++)
		must(within(c->remove[i].url, body));
	for (size_t i = 0; i < c->n_rate; i++)
		must(within(c->rate[i].url, body) && c->rate[i].batch <= PX_BATCH_MAX);
	for (size_t i = 0; i < c->n_skip; i++)
		must(within(c->skip[i].url, body));
}

static void
check_control(struct slice body)
{
	struct arena *a = arena_new(4u << 20);
	struct px_json_keys keys = { 0 };
	struct px_json_control c;
	const char *why = NULL;

	must(a != NULL);
	if (px_json_control(body, a, &c, &keys, &why) == RC_OK) {
		must(c.revision >= 1);
		must(c.action == PX_JSON_CHANGE || c.action == PX_JSON_PAUSE ||
		     c.action == PX_JSON_RESUME);
		check_lists(&c, body, &keys);
	} else {
		must(why != NULL);
	}
	px_json_wipe(&keys);
	arena_free(a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice body = slice_make(data, size);

	check_store(body);
	check_forward(body);
	check_control(body);
	return 0;
}
