/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "core/saf_policy.h"

#include "base/crontab.h"
#include "base/times.h"

/* The part of the tolerated time that is kept for the last attempt, and its bound. */
#define LAST_PART 4
#define LAST_MAX (5 * CLOCK_SECOND)
#define DAY (86400 * CLOCK_SECOND)
#define SECONDS_MAX INT64_C(315360000000) /* ten thousand years, as for xs:duration */

const struct saf_set saf_always = { .always = true, .default_rcat = -1 };

/* ---- values ---- */

bool
saf_parse_rcat(struct slice text, unsigned *rcat)
{
	const struct slice prefix = SLICE_LIT("RCAT_");

	if (slice_starts(text, prefix))
		text = slice_from(text, prefix.n);
	if (text.n != 1 || text.p[0] < '0' || text.p[0] >= '0' + SAF_RCATS)
		return false;
	*rcat = (unsigned)(text.p[0] - '0');
	return true;
}

static bool
parse_digits(struct slice s, int64_t max, int64_t *v)
{
	uint64_t u = 0;
	bool ok = slice_number(s, (uint64_t)max, &u);

	*v = (int64_t)u;
	return ok;
}

bool
saf_parse_tolerance(struct slice text, struct saf_tolerance *out)
{
	int64_t seconds;

	out->kind = SAF_DELAY;
	if (times_parse_duration(text, &out->us))
		return true;
	if (parse_digits(text, SECONDS_MAX, &seconds)) {
		out->us = seconds * CLOCK_SECOND;
		return true;
	}
	out->kind = SAF_DAYTIME;
	return times_parse_daytime(text, &out->us);
}

bool
saf_parse_memory(struct slice text, int64_t *octets)
{
	static const char units[] = "BKMGT";
	const char *unit;
	int64_t v;

	if (text.n < 2 || text.n > 16)
		return false;
	unit = memchr(units, text.p[text.n - 1], sizeof(units) - 1);
	if (unit == NULL || !parse_digits(slice_head(text, text.n - 1), INT64_MAX / 16, &v))
		return false;
	/* 15 digits of T are more than anybody has: what does not fit is no limit in practice. */
	if (v > INT64_MAX >> 10 * (unit - units))
		*octets = INT64_MAX;
	else
		*octets = v << 10 * (unit - units);
	return true;
}

int64_t
saf_deadline(const struct saf_tolerance *t, int64_t received)
{
	int64_t passed;

	switch (t->kind) {
	case SAF_UNLIMITED:
		return CLOCK_NEVER;
	case SAF_DELAY:
		return t->us > CLOCK_NEVER - received ? CLOCK_NEVER : received + t->us;
	case SAF_DAYTIME:
		break;
	}
	passed = received % DAY;
	return received - passed + t->us + (t->us > passed ? 0 : DAY);
}

int64_t
saf_last_call(int64_t received, int64_t deadline)
{
	int64_t part;

	if (deadline == CLOCK_NEVER)
		return CLOCK_NEVER;
	if (deadline <= received)
		return deadline;
	part = (deadline - received) / LAST_PART;
	return deadline - (part < LAST_MAX ? part : LAST_MAX);
}

/* ---- which set ---- */

bool
saf_is_default(const struct saf_set *set)
{
	return set->nscope == 1 && slice_is(set->scope[0], "default");
}

const struct saf_set *
saf_set_of(const struct saf_policy *p, struct slice application)
{
	const struct saf_set *set = &saf_always;

	for (size_t i = 0; i < p->nsets; i++) {
		if (saf_is_default(&p->sets[i])) {
			set = &p->sets[i];
			continue;
		}
		for (size_t k = 0; application.n > 0 && k < p->sets[i].nscope; k++)
			if (slice_eq(p->sets[i].scope[k], application))
				return &p->sets[i];
	}
	return set;
}

unsigned
saf_default_rcat(const struct saf_policy *p, const struct saf_set *set)
{
	for (size_t i = 0; set->default_rcat < 0 && i < p->nsets; i++)
		if (saf_is_default(&p->sets[i]))
			set = &p->sets[i];
	return set->default_rcat < 0 ? 0 : (unsigned)set->default_rcat;
}

const struct saf_params *
saf_params_of(const struct saf_set *set, unsigned rcat)
{
	for (size_t i = 0; i < set->nparams; i++)
		if (set->params[i].rcat == rcat)
			return &set->params[i];
	return NULL;
}

/* ---- schedules ---- */

static int64_t
earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static bool
in_spans(const struct saf_item *item, int64_t now)
{
	for (size_t i = 0; i < item->nspans; i++)
		if (item->spans[i].start <= now && now < item->spans[i].end)
			return true;
	return item->nspans == 0;
}

static bool
in_crontabs(const struct saf_item *item, int64_t now)
{
	for (size_t i = 0; i < item->ncrontabs; i++)
		if (crontab_matches(item->crontabs[i], now + item->zone))
			return true;
	return item->ncrontabs == 0;
}

bool
saf_open(const struct saf_schedule *s, int64_t now)
{
	for (size_t i = 0; i < s->nitems; i++)
		if (in_spans(&s->items[i], now) && in_crontabs(&s->items[i], now))
			return true;
	return false;
}

static int64_t
item_change(const struct saf_item *item, int64_t now)
{
	int64_t at = CLOCK_NEVER, change;

	for (size_t i = 0; i < item->nspans; i++) {
		if (item->spans[i].start > now)
			at = earlier(at, item->spans[i].start);
		else if (item->spans[i].end > now)
			at = earlier(at, item->spans[i].end);
	}
	if (!in_spans(item, now))
		return at;
	for (size_t i = 0; i < item->ncrontabs; i++) {
		change = crontab_change(item->crontabs[i], now + item->zone);
		at = earlier(at, change == CLOCK_NEVER ? change : change - item->zone);
	}
	return at;
}

int64_t
saf_change(const struct saf_schedule *s, int64_t now)
{
	int64_t at = CLOCK_NEVER;

	for (size_t i = 0; i < s->nitems; i++)
		at = earlier(at, item_change(&s->items[i], now));
	return at;
}

/* ---- which network, when ---- */

int64_t
saf_blocked_until(const struct saf_anp *anp, const struct saf_network *n)
{
	const struct saf_block *block = NULL;

	for (size_t i = 0; anp != NULL && i < anp->nblocks; i++)
		if (anp->blocks[i].failures <= n->failures &&
		    (block == NULL || anp->blocks[i].failures > block->failures))
			block = &anp->blocks[i];
	if (block == NULL || n->failures == 0)
		return n->failures == 0 ? 0 : n->rest;
	if (block->duration > CLOCK_NEVER - n->failed)
		return CLOCK_NEVER;
	return n->failed + block->duration > n->rest ? n->failed + block->duration : n->rest;
}

static const struct saf_anp *
anp_of(const struct saf_set *set, struct slice name)
{
	for (size_t i = 0; i < set->nanps; i++)
		if (slice_eq(set->anps[i].name, name))
			return &set->anps[i];
	return NULL;
}

struct choice {
	const struct saf_set *set;
	unsigned rcat;
	int64_t now, look;
	bool triggered; /* a connection is to be made, if there is none */
};

static bool
admitted(struct choice *c, const struct saf_anp *anp)
{
	bool open = c->set->always;

	for (size_t i = 0; anp != NULL && i < anp->nschedules; i++) {
		const struct saf_schedule *s = &anp->schedules[i];

		if (s->rcat >= 0 && (unsigned)s->rcat != c->rcat)
			continue;
		open = open || saf_open(s, c->now);
		c->look = earlier(c->look, saf_change(s, c->now));
	}
	return open;
}

/* True when the network is to be used now. */
static bool
consider(struct choice *c, const struct saf_network *n)
{
	const struct saf_anp *anp = anp_of(c->set, n->name);
	int64_t until;

	if (!admitted(c, anp) || !n->usable)
		return false;
	until = saf_blocked_until(anp, n);
	if (until > c->now) {
		c->look = earlier(c->look, until);
		return false;
	}
	return c->triggered || n->connected;
}

static int
find_network(const struct saf_network *networks, size_t n, struct slice name)
{
	for (size_t i = 0; i < n; i++)
		if (slice_eq(networks[i].name, name))
			return (int)i;
	return -1;
}

/* Enough waits for a connection to be made for it; without a threshold one request is enough. */
static bool
enough(const struct saf_params *p, const struct saf_backlog *b)
{
	if (p == NULL || (p->max_requests < 0 && p->max_octets < 0))
		return true;
	return (p->max_requests >= 0 && b->requests >= (uint64_t)p->max_requests) ||
	       (p->max_octets >= 0 && b->octets >= p->max_octets);
}

int
saf_decide(const struct saf_set *set, const struct saf_backlog *b,
           const struct saf_network *networks, size_t n, int64_t now, int64_t *look)
{
	const struct saf_params *p = saf_params_of(set, b->rcat);
	bool due = b->last_call <= now;
	struct choice c = { .set = set,
		            .rcat = b->rcat,
		            .now = now,
		            .look = due ? CLOCK_NEVER : b->last_call,
		            .triggered = due || enough(p, b) };
	int found = -1;

	for (size_t i = 0; found < 0 && p != NULL && i < p->nranked; i++) {
		int at = find_network(networks, n, p->ranked[i]);

		if (at >= 0 && consider(&c, &networks[at]))
			found = at;
	}
	/* Out of time, or with nothing ranked, any permitted one will do. */
	for (size_t i = 0; found < 0 && (due || p == NULL) && i < n; i++)
		if (consider(&c, &networks[i]))
			found = (int)i;
	*look = found >= 0 ? now : c.look;
	return found;
}
