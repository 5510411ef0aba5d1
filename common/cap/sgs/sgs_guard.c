/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sgs/sgs_guard.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "sec/failures.h"
#include "sec/secret.h"

#define SLOTS 1024u /* of sec/failures.h, of each kind */
#define BUCKETS 1024u /* of sources; several may share one */

static const struct {
	unsigned char class;
	bool guess;
	const char *name;
} causes[SGS_CAUSES] = {
#define SGS_CAUSE(id, class, guess, name) [SGS_BY_##id] = { (class), (guess), (name) },
#include "cap/sgs/sgs_causes.def"
#undef SGS_CAUSE
};

static const char *const counters[SGS_COUNTERS] = {
#define SGS_COUNTER(id, name) [SGS_N_##id] = (name),
#include "cap/sgs/sgs_counters.def"
#undef SGS_COUNTER
};

/* Tokens of one or more sources, in millionths; full at first. */
struct bucket {
	int64_t at; /* monotonic; 0: not used yet */
	int64_t tokens;
};

struct entry {
	char name[SGS_LOCKOUT_NAME + 1];
	int64_t since;
};

struct sgs_guard {
	struct sgs_guard_conf conf;
	struct failures *failures;
	uint64_t secret; /* nobody can aim at a bucket */
	_Atomic uint64_t counts[SGS_COUNTERS];
	_Atomic uint64_t refused[SGS_CAUSES];

	pthread_mutex_t lock; /* guards the following */
	struct entry entries[SGS_LOCKOUTS_MAX]; /* oldest first */
	size_t n_entries;
	struct bucket buckets[BUCKETS];
};

/* ---- life ---- */

enum rc
sgs_guard_new(const struct sgs_guard_conf *conf, struct sgs_guard **out)
{
	const struct failures_conf of = { .clock = conf->clock,
		                          .per_subject = conf->per_subject,
		                          .per_source = conf->per_source,
		                          .window = conf->window,
		                          .slots = SLOTS };
	struct sgs_guard *g;
	enum rc rc;

	*out = NULL;
	if (conf->burst == 0)
		return RC_BAD_REQUEST;
	g = calloc(1, sizeof(*g));
	if (g == NULL)
		return RC_UNAVAILABLE;
	g->conf = *conf;
	rc = secret_random(&g->secret, sizeof(g->secret));
	if (rc == RC_OK)
		rc = failures_new(&of, &g->failures);
	if (rc != RC_OK) {
		free(g);
		return rc == RC_NO_SPACE ? RC_UNAVAILABLE : rc;
	}
	pthread_mutex_init(&g->lock, NULL);
	*out = g;
	return RC_OK;
}

void
sgs_guard_free(struct sgs_guard *g)
{
	if (g == NULL)
		return;
	pthread_mutex_destroy(&g->lock);
	failures_free(g->failures);
	free(g);
}

/* ---- counters ---- */

void
sgs_guard_count(struct sgs_guard *g, enum sgs_tally which, uint64_t by)
{
	atomic_fetch_add_explicit(&g->counts[which], by, memory_order_relaxed);
}

static void
count_cause(struct sgs_guard *g, enum sgs_cause cause)
{
	atomic_fetch_add_explicit(&g->refused[cause], 1, memory_order_relaxed);
}

void
sgs_guard_counts(const struct sgs_guard *g,
                 void (*put)(void *arg, const char *name, uint64_t value), void *arg)
{
	for (size_t i = 0; i < SGS_COUNTERS; i++)
		put(arg, counters[i], atomic_load_explicit(&g->counts[i], memory_order_relaxed));
	for (size_t i = 0; i < SGS_CAUSES; i++)
		put(arg, causes[i].name,
		    atomic_load_explicit(&g->refused[i], memory_order_relaxed));
}

/* ---- lock-outs ---- */

/* Locked. */
static void
remove_at(struct sgs_guard *g, size_t i)
{
	memmove(&g->entries[i], &g->entries[i + 1], (g->n_entries - i - 1) * sizeof(g->entries[0]));
	g->n_entries--;
}

/* Locked. */
static void
forget(struct sgs_guard *g, struct slice name)
{
	for (size_t i = g->n_entries; i-- > 0;)
		if (slice_is(name, g->entries[i].name))
			remove_at(g, i);
}

static void
enter(struct sgs_guard *g, struct slice name)
{
	struct entry e = { .since = clock_now(g->conf.clock) };

	if (!slice_copy(name, e.name, sizeof(e.name)))
		return;
	pthread_mutex_lock(&g->lock);
	forget(g, name);
	if (g->n_entries == SGS_LOCKOUTS_MAX)
		remove_at(g, 0);
	g->entries[g->n_entries++] = e;
	pthread_mutex_unlock(&g->lock);
}

static void
lock_out(struct sgs_guard *g, const char *what, struct slice name)
{
	sgs_guard_count(g, SGS_N_LOCKED_OUT, 1);
	LOG_WARN(g->conf.log, "sga-locked-out", LOG_Z("what", what), LOG_S("name", name));
	enter(g, name);
}

unsigned
sgs_guard_refused(struct sgs_guard *g, enum sgs_cause cause, struct slice subject,
                  struct slice source)
{
	count_cause(g, cause);
	if (!causes[cause].guess)
		return causes[cause].class;
	LOG_INFO(g->conf.log, "sga-refused", LOG_Z("cause", causes[cause].name),
	         LOG_S("id", subject), LOG_S("source", source));
	/* One at a time, to know which of the two has reached its limit. */
	if (subject.n > 0 && failures_add(g->failures, subject, SLICE_NONE))
		lock_out(g, "device", subject);
	if (source.n > 0 && failures_add(g->failures, SLICE_NONE, source))
		lock_out(g, "source", source);
	return causes[cause].class;
}

bool
sgs_guard_allow(struct sgs_guard *g, struct slice subject, struct slice source, unsigned *retry)
{
	if (failures_allow(g->failures, subject, source, retry))
		return true;
	count_cause(g, SGS_BY_LOCKED);
	return false;
}

void
sgs_guard_lift(struct sgs_guard *g, struct slice name)
{
	failures_clear(g->failures, name, SLICE_NONE);
	failures_clear(g->failures, SLICE_NONE, name);
	pthread_mutex_lock(&g->lock);
	forget(g, name);
	pthread_mutex_unlock(&g->lock);
	LOG_INFO(g->conf.log, "sga-lockout-lifted", LOG_S("name", name));
}

/* False: not locked any more, or by now for another reason than time. */
static bool
is_locked(struct sgs_guard *g, struct slice name, unsigned *left)
{
	return !failures_allow(g->failures, name, SLICE_NONE, left) ||
	       !failures_allow(g->failures, SLICE_NONE, name, left);
}

bool
sgs_guard_is_locked(struct sgs_guard *g, struct slice name)
{
	unsigned left;

	return is_locked(g, name, &left);
}

size_t
sgs_guard_list(struct sgs_guard *g, struct sgs_lockout out[SGS_LOCKOUTS_MAX])
{
	size_t n = 0;

	pthread_mutex_lock(&g->lock);
	for (size_t i = 0; i < g->n_entries;) {
		const struct entry *e = &g->entries[i];

		if (!is_locked(g, slice_of(e->name), &out[n].left)) {
			remove_at(g, i);
			continue;
		}
		memcpy(out[n].name, e->name, sizeof(e->name));
		out[n++].since = e->since;
		i++;
	}
	pthread_mutex_unlock(&g->lock);
	return n;
}

/* ---- private-key requests ---- */

static struct bucket *
bucket_of(struct sgs_guard *g, struct slice source)
{
	uint64_t h = g->secret ^ UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < source.n; i++)
		h = (h ^ (unsigned char)source.p[i]) * UINT64_C(0x100000001b3);
	return &g->buckets[(h ^ h >> 32) % BUCKETS];
}

bool
sgs_guard_spend(struct sgs_guard *g, struct slice source, unsigned *retry)
{
	int64_t full = (int64_t)g->conf.burst * CLOCK_SECOND, now = clock_monotonic();
	struct bucket *b;
	bool ok;

	if (g->conf.rate == 0 || source.n == 0)
		return true;
	pthread_mutex_lock(&g->lock);
	b = bucket_of(g, source);
	if (b->at == 0 || now - b->at >= full / g->conf.rate)
		b->tokens = full;
	else
		b->tokens += (now - b->at) * g->conf.rate;
	b->tokens = b->tokens > full ? full : b->tokens;
	b->at = now;
	ok = b->tokens >= CLOCK_SECOND;
	b->tokens -= ok ? CLOCK_SECOND : 0;
	pthread_mutex_unlock(&g->lock);
	*retry = 1;
	if (!ok)
		count_cause(g, SGS_BY_BUSY);
	return ok;
}
