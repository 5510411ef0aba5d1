/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sec/overload.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "codec/json_fields.h"
#include "core/scl.h"
#include "sec/secret.h"

#define PERIOD (CLOCK_SECOND / 4)
/* A courier that is so late is full. */
#define LATE_MAX (2 * CLOCK_SECOND)
/* Percent points below a threshold that count as below it when the level is to fall. */
#define MARGIN 10u
/* Of CPU, how much of the last measurements counts: a quarter is the newest one. */
#define SMOOTH 4

struct overload {
	struct overload_conf conf;
	struct log *log;
	struct mas_counters *counters;
	struct scl *_Atomic scl; /* NULL: not started */
	struct scl_task task;
	_Atomic bool stopping;
	_Atomic unsigned level; /* that counts */
	_Atomic unsigned measured;
	_Atomic int forced; /* OVERLOAD_MEASURED: none is */
	_Atomic unsigned queue, cpu; /* of the last measurement, percent */

	/* The courier's. */
	int64_t due; /* when the task was to run */
	int64_t wall, spent; /* of the last measurement: clock, CPU time of the process, us */
	int64_t below; /* since when everything is clearly below the level; 0: it is not */
	unsigned cores;
};

/* ---- the level ---- */

static unsigned
level_of(const unsigned at[OVERLOAD_LEVELS - 1], unsigned value)
{
	unsigned level = 0;

	for (unsigned i = 0; i < OVERLOAD_LEVELS - 1; i++)
		if (at[i] != 0 && value >= at[i])
			level = i + 1;
	return level;
}

static unsigned
more(unsigned a, unsigned b)
{
	return a > b ? a : b;
}

/* measured or forced has changed. */
static void
settle(struct overload *o)
{
	int forced = atomic_load(&o->forced);
	unsigned level = forced >= 0 ? (unsigned)forced : atomic_load(&o->measured);
	unsigned was = atomic_exchange(&o->level, level);

	if (was == level)
		return;
	LOG_WARN(o->log, "overload-level", LOG_N("level", level), LOG_N("was", was),
	         LOG_N("queue", atomic_load(&o->queue)), LOG_N("cpu", atomic_load(&o->cpu)),
	         LOG_N("forced", forced >= 0));
}

void
overload_take(struct overload *o, const struct overload_measure *m)
{
	unsigned level = more(level_of(o->conf.queue, m->queue), level_of(o->conf.cpu, m->cpu));
	unsigned calm = more(level_of(o->conf.queue, m->queue + MARGIN),
	                     level_of(o->conf.cpu, m->cpu + MARGIN));
	unsigned was = atomic_load(&o->measured);

	atomic_store(&o->queue, m->queue);
	atomic_store(&o->cpu, m->cpu);
	if (level >= was || calm >= was) {
		o->below = 0;
		level = more(level, was);
	} else if (o->below == 0) {
		o->below = m->now;
		level = was;
	} else if (m->now - o->below >= o->conf.hold) {
		/* One at a time: what was put off comes back. */
		o->below = m->now;
		level = was - 1;
	} else {
		level = was;
	}
	atomic_store(&o->measured, level);
	settle(o);
}

/* ---- measuring ---- */

static unsigned
percent(uint64_t part, uint64_t whole)
{
	uint64_t p = whole == 0 ? 0 : part * 100 / whole;

	return p > 100 ? 100 : (unsigned)p;
}

static int64_t
cpu_time(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) != 0)
		return 0;
	return (int64_t)t.tv_sec * CLOCK_SECOND + t.tv_nsec / 1000;
}

/* Of all cores since the last measurement, smoothed. */
static unsigned
measure_cpu(struct overload *o, int64_t now)
{
	int64_t spent = cpu_time(), passed = now - o->wall, used = spent - o->spent;
	unsigned fresh, old = atomic_load(&o->cpu);

	if (passed <= 0 || used < 0)
		return old;
	o->wall = now;
	o->spent = spent;
	fresh = percent((uint64_t)used, (uint64_t)passed * o->cores);
	return (old * (SMOOTH - 1) + fresh + SMOOTH / 2) / SMOOTH;
}

static unsigned
waiting_now(struct scl *scl)
{
	struct scl_load load;

	scl_load(scl, &load);
	return more(percent(load.requests, load.requests_max),
	            percent(load.writes, load.writes_max));
}

static unsigned
measure_queue(const struct overload *o, int64_t now)
{
	int64_t late = now - o->due;

	return more(waiting_now(o->scl),
	            percent(late > 0 ? (uint64_t)late : 0, (uint64_t)LATE_MAX));
}

static void
post(struct overload *o)
{
	o->due = clock_monotonic() + PERIOD;
	scl_post(o->scl, &o->task, PERIOD);
}

static void
run(struct scl_task *task)
{
	struct overload *o =
		(struct overload *)(void *)((char *)task - offsetof(struct overload, task));
	struct overload_measure m = { .now = clock_monotonic() };

	if (atomic_load(&o->stopping))
		return;
	m.queue = measure_queue(o, m.now);
	m.cpu = measure_cpu(o, m.now);
	overload_take(o, &m);
	post(o);
}

/* ---- admission ---- */

/* A queue fills between two measurements; what would fill it up is put off before it has. */
unsigned
overload_level(const struct overload *o)
{
	unsigned level = atomic_load_explicit(&o->level, memory_order_relaxed);
	struct scl *scl = atomic_load_explicit(&o->scl, memory_order_acquire);

	if (scl == NULL || atomic_load_explicit(&o->forced, memory_order_relaxed) >= 0)
		return level;
	return more(level, level_of(o->conf.queue, waiting_now(scl)));
}

static bool
puts_off(unsigned level, const struct overload_ask *ask)
{
	if (level == 0)
		return false;
	if (level >= 3)
		return ask->low || !ask->active;
	return ask->low && (level >= 2 || ask->kind != OVERLOAD_OTHER);
}

bool
overload_sheds(struct overload *o, const struct overload_ask *ask, unsigned *retry_after)
{
	uint32_t chance = 0;

	if (!puts_off(overload_level(o), ask))
		return false;
	(void)secret_random(&chance, sizeof(chance));
	*retry_after = OVERLOAD_RETRY_MIN + chance % (OVERLOAD_RETRY_MAX - OVERLOAD_RETRY_MIN + 1);
	mas_count(o->counters, ask->low ? LOAD_COUNT_SHED_LOW : LOAD_COUNT_SHED_NORMAL, 1);
	return true;
}

/* ---- drills ---- */

bool
overload_force(struct overload *o, int level)
{
	if (!o->conf.enabled || level < OVERLOAD_MEASURED || level >= (int)OVERLOAD_LEVELS)
		return false;
	atomic_store(&o->forced, level);
	settle(o);
	return true;
}

void
overload_show(const struct overload *o, struct buf *to)
{
	static const struct {
		const char *name;
		enum load_counter counter;
	} counted[] = { { "shedNormal", LOAD_COUNT_SHED_NORMAL },
		        { "shedLow", LOAD_COUNT_SHED_LOW },
		        { "indicatorInvalid", LOAD_COUNT_INDICATOR_INVALID } };

	json_put_flag(to, "enabled", o->conf.enabled);
	json_put_number(to, "level", overload_level(o));
	json_put_number(to, "measured", atomic_load(&o->measured));
	json_put_flag(to, "forced", atomic_load(&o->forced) >= 0);
	json_put_number(to, "queue", atomic_load(&o->queue));
	json_put_number(to, "cpu", atomic_load(&o->cpu));
	for (size_t i = 0; i < sizeof(counted) / sizeof(counted[0]); i++)
		json_put_number(to, counted[i].name,
		                (int64_t)mas_counted(o->counters, counted[i].counter));
}

/* ---- life ---- */

struct overload *
overload_new(const struct overload_conf *conf, struct log *log, struct mas_counters *counters)
{
	struct overload *o = calloc(1, sizeof(*o));
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (o == NULL)
		return NULL;
	o->conf = *conf;
	o->log = log;
	o->counters = counters;
	o->cores = cores > 0 ? (unsigned)cores : 1;
	atomic_store(&o->forced, OVERLOAD_MEASURED);
	o->task.run = run;
	return o;
}

void
overload_free(struct overload *o)
{
	free(o);
}

void
overload_start(struct overload *o, struct scl *scl)
{
	if (!o->conf.enabled)
		return;
	o->wall = clock_monotonic();
	o->spent = cpu_time();
	atomic_store(&o->scl, scl);
	post(o);
}

void
overload_stop(struct overload *o)
{
	atomic_store(&o->stopping, true);
}
