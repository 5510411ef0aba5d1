/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sec/failures.h"

#include "sec/secret.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>

#define PARTS 12u
/* One more is kept: the oldest part began before the window did. */
#define RING (PARTS + 1u)
#define WAYS 8u /* entries of a set */
#define SLOTS_MAX (1u << 20)
#define COUNT_MAX UINT16_MAX

/* One subject or source; counts[part % RING] for the parts of time after last - RING. */
struct slot {
	uint64_t tag; /* 0: empty */
	int64_t last; /* number of the part that was counted last */
	uint16_t counts[RING];
};

/* The entries of one kind. */
struct table {
	struct slot *slots;
	unsigned limit;
};

struct failures {
	pthread_mutex_t lock; /* of the tables */
	const struct clock *clock;
	int64_t part; /* microseconds */
	size_t sets;
	struct table subjects, sources;
	struct key secret;
};

/* ---- making ---- */

static bool
conf_ok(const struct failures_conf *c)
{
	return c->per_subject >= 1 && c->per_subject <= COUNT_MAX && c->per_source >= 1 &&
	       c->per_source <= COUNT_MAX && c->window >= PARTS * CLOCK_SECOND &&
	       c->slots >= WAYS && c->slots <= SLOTS_MAX && (c->slots & (c->slots - 1)) == 0;
}

enum rc
failures_new(const struct failures_conf *conf, struct failures **out)
{
	struct failures *f;
	enum rc rc;

	*out = NULL;
	if (!conf_ok(conf))
		return RC_BAD_REQUEST;
	f = calloc(1, sizeof(*f));
	if (f == NULL)
		return RC_NO_SPACE;
	pthread_mutex_init(&f->lock, NULL);
	f->clock = conf->clock;
	f->part = conf->window / PARTS;
	f->sets = conf->slots / WAYS;
	f->subjects = (struct table){ calloc(conf->slots, sizeof(struct slot)), conf->per_subject };
	f->sources = (struct table){ calloc(conf->slots, sizeof(struct slot)), conf->per_source };
	rc = f->subjects.slots == NULL || f->sources.slots == NULL ? RC_NO_SPACE
	                                                           : key_random(&f->secret);
	if (rc == RC_OK)
		*out = f;
	else
		failures_free(f);
	return rc;
}

void
failures_free(struct failures *f)
{
	if (f == NULL)
		return;
	free(f->subjects.slots);
	free(f->sources.slots);
	key_wipe(&f->secret);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

/* ---- entries ---- */

/* Never 0. */
static uint64_t
tag_of(const struct failures *f, struct slice who)
{
	struct key mac;
	size_t n;
	uint64_t tag = 0;

	if (EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, f->secret.v, KEY_BYTES,
	              (const unsigned char *)who.p, who.n, mac.v, KEY_BYTES, &n) == NULL)
		return 1;
	for (size_t i = 0; i < sizeof(tag); i++)
		tag = tag << 8 | mac.v[i];
	return tag == 0 ? 1 : tag;
}

/* Forgets the parts that are over. A clock that was set back counts on in the last part. */
static void
slot_age(struct slot *s, int64_t now)
{
	if (now - s->last >= (int64_t)RING)
		memset(s->counts, 0, sizeof(s->counts));
	else
		for (int64_t part = s->last + 1; part <= now; part++)
			s->counts[part % (int64_t)RING] = 0;
	if (now > s->last)
		s->last = now;
}

static unsigned
slot_sum(const struct slot *s)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < RING; i++)
		sum += s->counts[i];
	return sum;
}

static struct slot *
set_of(const struct failures *f, const struct table *t, uint64_t tag)
{
	return t->slots + tag % f->sets * WAYS;
}

static struct slot *
find(const struct failures *f, const struct table *t, uint64_t tag, int64_t now)
{
	struct slot *set = set_of(f, t, tag);

	for (unsigned i = 0; i < WAYS; i++)
		if (set[i].tag == tag) {
			slot_age(&set[i], now);
			return &set[i];
		}
	return NULL;
}

/* The entry that a new one may take the place of; NULL when all of the set are locked. */
static struct slot *
victim(const struct failures *f, const struct table *t, uint64_t tag, int64_t now)
{
	struct slot *set = set_of(f, t, tag), *best = NULL;
	unsigned fewest = t->limit;

	for (unsigned i = 0; i < WAYS; i++) {
		unsigned sum;

		slot_age(&set[i], now);
		sum = set[i].tag == 0 ? 0 : slot_sum(&set[i]);
		if (sum < fewest) {
			fewest = sum;
			best = &set[i];
		}
	}
	return best;
}

/* ---- questions, with the lock ---- */

/* Parts until so many are forgotten that the sum is below the limit. */
static int64_t
parts_to_wait(const struct slot *s, unsigned limit)
{
	unsigned sum = slot_sum(s);
	int64_t wait = 0;

	while (sum >= limit && wait < (int64_t)RING) {
		wait++;
		sum -= s->counts[(s->last + wait) % (int64_t)RING];
	}
	return wait;
}

/* Microseconds until who may try, 0: now. */
static int64_t
wait_of(struct failures *f, struct table *t, struct slice who, int64_t time)
{
	int64_t now = time / f->part, wait;
	struct slot *s;
	uint64_t tag;

	if (who.n == 0)
		return 0;
	tag = tag_of(f, who);
	s = find(f, t, tag, now);
	if (s == NULL)
		return victim(f, t, tag, now) != NULL ? 0 : f->part;
	wait = parts_to_wait(s, t->limit);
	return wait == 0 ? 0 : (s->last + wait) * f->part - time;
}

/* True when the limit was reached by this. */
static bool
count(struct failures *f, struct table *t, struct slice who, int64_t time)
{
	int64_t now = time / f->part;
	struct slot *s;
	uint64_t tag;
	uint16_t *n;

	if (who.n == 0)
		return false;
	tag = tag_of(f, who);
	s = find(f, t, tag, now);
	if (s == NULL) {
		s = victim(f, t, tag, now);
		if (s == NULL)
			return false;
		*s = (struct slot){ .tag = tag, .last = now };
	}
	n = &s->counts[s->last % (int64_t)RING];
	if (*n < COUNT_MAX)
		++*n;
	return slot_sum(s) == t->limit;
}

static void
clear(struct failures *f, struct table *t, struct slice who, int64_t time)
{
	struct slot *s = who.n == 0 ? NULL : find(f, t, tag_of(f, who), time / f->part);

	if (s != NULL)
		*s = (struct slot){ .tag = 0 };
}

/* ---- the interface ---- */

/* Never negative: parts are numbered from 0. */
static int64_t
time_of(const struct failures *f)
{
	int64_t now = clock_now(f->clock);

	return now < 0 ? 0 : now;
}

bool
failures_allow(struct failures *f, struct slice subject, struct slice source, unsigned *retry_after)
{
	int64_t time = time_of(f), by_subject, by_source, wait;

	pthread_mutex_lock(&f->lock);
	by_subject = wait_of(f, &f->subjects, subject, time);
	by_source = wait_of(f, &f->sources, source, time);
	pthread_mutex_unlock(&f->lock);
	wait = by_subject > by_source ? by_subject : by_source;
	if (retry_after != NULL)
		*retry_after = (unsigned)((wait + CLOCK_SECOND - 1) / CLOCK_SECOND);
	return wait == 0;
}

bool
failures_add(struct failures *f, struct slice subject, struct slice source)
{
	int64_t time = time_of(f);
	bool first, second;

	pthread_mutex_lock(&f->lock);
	first = count(f, &f->subjects, subject, time);
	second = count(f, &f->sources, source, time);
	pthread_mutex_unlock(&f->lock);
	return first || second;
}

void
failures_clear(struct failures *f, struct slice subject, struct slice source)
{
	int64_t time = time_of(f);

	pthread_mutex_lock(&f->lock);
	clear(f, &f->subjects, subject, time);
	clear(f, &f->sources, source, time);
	pthread_mutex_unlock(&f->lock);
}
