/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs at once, of which somebody on the way delivers the messages in any order, again, and to others: two
 * octets say what is given to whom. Who ends a run has a partner with the same key, for that run alone.
 */
#include "config.h"

#include "mpa_parties.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RUNS 3u
#define STEPS_MAX 40u

struct state {
	struct mpa_parties *p;
	struct mpa_cache *cache;
	struct mpa_device *d[RUNS];
	struct mpa_ap *ap[RUNS];
	struct buf a1[RUNS], a2[RUNS], a3[RUNS];
	uint8_t a4[RUNS][MPA_A4_SIZE];
	struct mpa_session at_d[RUNS], at_ap[RUNS];
	bool d_ended[RUNS], accepted[RUNS];
};

static void
start(struct state *s, unsigned to)
{
	const struct mpa_device_conf conf = parties_device(s->p);

	if (s->d[to] == NULL)
		must(mpa_device_start(&conf, &s->d[to], &s->a1[to]) == RC_OK);
}

static void
give_a1(struct state *s, unsigned from, unsigned to)
{
	struct mpa_ap_conf conf = parties_ap(s->p);

	conf.cache = s->cache;
	if (s->ap[to] == NULL && s->a1[from].n > 0)
		must(mpa_ap_start(&conf, buf_view(&s->a1[from]), &s->ap[to], &s->a2[to], NULL) ==
		     RC_OK);
}

static void
give_a2(struct state *s, unsigned from, unsigned to, bool known)
{
	size_t n = s->a3[to].n;
	enum rc rc;

	if (s->d[to] == NULL || s->a2[from].n == 0)
		return;
	rc = mpa_device_take_a2(s->d[to], buf_view(&s->a2[from]), PARTIES_NOW, known, &s->a3[to],
	                        NULL);
	must(rc == RC_OK || rc == RC_FORBIDDEN || rc == RC_CONFLICT);
	must((rc == RC_OK) == (s->a3[to].n > n) && (rc == RC_CONFLICT) == (n > 0));
}

static void
give_a3(struct state *s, unsigned from, unsigned to)
{
	struct mpa_ap_conf conf = parties_ap(s->p);
	enum rc rc;

	conf.cache = s->cache;
	if (s->ap[to] == NULL || s->a3[from].n == 0)
		return;
	rc = mpa_ap_take_a3(s->ap[to], &conf, buf_view(&s->a3[from]), PARTIES_NOW, s->a4[to],
	                    &s->at_ap[to], NULL);
	must((rc == RC_CONFLICT) == s->accepted[to]);
	must(rc == RC_OK || rc == RC_CONFLICT || rc == RC_FORBIDDEN || rc == RC_PRECONDITION);
	s->accepted[to] = s->accepted[to] || rc == RC_OK;
}

static void
give_a4(struct state *s, unsigned from, unsigned to)
{
	enum rc rc;

	if (s->d[to] == NULL || !s->accepted[from])
		return;
	rc = mpa_device_take_a4(s->d[to], slice_make(s->a4[from], MPA_A4_SIZE), &s->at_d[to], NULL);
	must(rc == RC_OK || rc == RC_CONFLICT || rc == RC_FORBIDDEN);
	must(rc != RC_OK || !s->d_ended[to]);
	s->d_ended[to] = s->d_ended[to] || rc == RC_OK;
}

/* Each session has one partner at most, and a device that has ended has one. */
static void
agree(const struct state *s)
{
	for (unsigned d = 0; d < RUNS; d++) {
		unsigned partners = 0;

		for (unsigned ap = 0; s->d_ended[d] && ap < RUNS; ap++) {
			bool same = s->accepted[ap] && memcmp(&s->at_d[d].th, &s->at_ap[ap].th,
			                                      sizeof(struct mpa_th)) == 0;

			must(!s->accepted[ap] ||
			     same == key_equal(&s->at_d[d].key, &s->at_ap[ap].key));
			partners += same ? 1 : 0;
		}
		must(!s->d_ended[d] || partners == 1);
	}
}

static void
step(struct state *s, uint8_t what, uint8_t who)
{
	unsigned from = who % RUNS, to = who / RUNS % RUNS;

	switch (what % 5) {
	case 0:
		start(s, to);
		break;
	case 1:
		give_a1(s, from, to);
		break;
	case 2:
		give_a2(s, from, to, what >= 0x80);
		break;
	case 3:
		give_a3(s, from, to);
		break;
	default:
		give_a4(s, from, to);
		break;
	}
	agree(s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct state s = { .p = parties() };

	must(mpa_cache_new(MPA_CACHE_MIN, &s.cache) == RC_OK);
	for (unsigned i = 0; i < RUNS; i++) {
		buf_init(&s.a1[i], MPA_A1_MAX);
		buf_init(&s.a2[i], MPA_A2_MAX);
		buf_init(&s.a3[i], MPA_A3_MAX);
	}
	for (size_t i = 0; i + 1 < size && i < 2 * STEPS_MAX; i += 2)
		step(&s, data[i], data[i + 1]);
	for (unsigned i = 0; i < RUNS; i++) {
		mpa_device_free(s.d[i]);
		mpa_ap_free(s.ap[i]);
		buf_fini(&s.a1[i]);
		buf_fini(&s.a2[i]);
		buf_fini(&s.a3[i]);
	}
	mpa_cache_free(s.cache);
	return 0;
}
