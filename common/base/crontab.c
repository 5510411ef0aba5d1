/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/crontab.h"

#include "base/clock.h"

#include <time.h>

enum { MINUTE, HOUR, DAY, MONTH, WEEKDAY, FIELDS };

static const struct {
	unsigned low, high;
} ranges[FIELDS] = { { 0, 59 }, { 0, 23 }, { 1, 31 }, { 1, 12 }, { 0, 6 } };

static bool
number(struct slice *s, unsigned *v)
{
	size_t n = 0;

	for (*v = 0; n < s->n && n < 3 && s->p[n] >= '0' && s->p[n] <= '9'; n++)
		*v = *v * 10 + (unsigned)(s->p[n] - '0');
	*s = slice_from(*s, n);
	return n > 0;
}

/* A number, a range, or a star, within the limits of the field, as bits. */
static bool
element_bits(struct slice e, unsigned field, uint64_t *bits)
{
	unsigned from = ranges[field].low, to = ranges[field].high;

	if (!slice_is(e, "*")) {
		if (!number(&e, &from))
			return false;
		to = from;
		if (e.n > 0 && e.p[0] == '-') {
			e = slice_from(e, 1);
			if (!number(&e, &to))
				return false;
		}
		if (e.n > 0 || from > to || from < ranges[field].low || to > ranges[field].high)
			return false;
	}
	for (unsigned v = from; v <= to; v++)
		*bits |= UINT64_C(1) << v;
	return true;
}

static bool
parse(struct slice text, uint64_t bits[FIELDS], bool star[FIELDS])
{
	unsigned field = 0;
	struct slice word, element;

	while (slice_split(&text, ' ', &word)) {
		if (word.n == 0)
			continue;
		if (field == FIELDS)
			return false;
		bits[field] = 0;
		star[field] = slice_is(word, "*");
		while (slice_split(&word, ',', &element))
			if (!element_bits(element, field, &bits[field]))
				return false;
		field++;
	}
	return field == FIELDS;
}

bool
crontab_valid(struct slice text)
{
	uint64_t bits[FIELDS];
	bool star[FIELDS];

	return parse(text, bits, star);
}

struct schedule {
	uint64_t bits[FIELDS];
	bool star[FIELDS];
};

static bool
day_matches(const struct schedule *s, const struct tm *tm)
{
	bool day = s->bits[DAY] >> tm->tm_mday & 1;
	bool weekday = s->bits[WEEKDAY] >> tm->tm_wday & 1;

	/* POSIX crontab: with both day fields restricted, either of them is enough. */
	day = s->star[DAY] || s->star[WEEKDAY] ? day && weekday : day || weekday;
	return day && (s->bits[MONTH] >> (tm->tm_mon + 1) & 1) != 0;
}

static bool
minute_matches(const struct schedule *s, int minute)
{
	return (s->bits[HOUR] >> minute / 60 & 1) != 0 && (s->bits[MINUTE] >> minute % 60 & 1) != 0;
}

bool
crontab_matches(struct slice text, int64_t us)
{
	struct schedule s = { 0 };
	time_t seconds = (time_t)(us / CLOCK_SECOND);
	struct tm tm;

	if (!parse(text, s.bits, s.star) || gmtime_r(&seconds, &tm) == NULL)
		return false;
	return day_matches(&s, &tm) && minute_matches(&s, tm.tm_hour * 60 + tm.tm_min);
}

#define DAY_SECONDS 86400
#define DAYS_SEARCHED (9 * 366)
#define ALL_HOURS ((UINT64_C(1) << 24) - 1)
#define ALL_MINUTES ((UINT64_C(1) << 60) - 1)

/* The first minute of the day, from a given one on, that is as wanted; -1 when there is none. */
static int
minute_of_day(const struct schedule *s, bool day, int from, bool wanted)
{
	if (!day)
		return wanted ? -1 : from;
	if (!wanted && s->bits[HOUR] == ALL_HOURS && s->bits[MINUTE] == ALL_MINUTES)
		return -1;
	for (int minute = from; minute < 24 * 60; minute++)
		if (minute_matches(s, minute) == wanted)
			return minute;
	return -1;
}

int64_t
crontab_change(struct slice text, int64_t us)
{
	struct schedule s = { 0 };
	time_t seconds = (time_t)(us / CLOCK_SECOND);
	bool wanted = !crontab_matches(text, us);
	struct tm tm;
	int from;

	if (!parse(text, s.bits, s.star) || gmtime_r(&seconds, &tm) == NULL)
		return CLOCK_NEVER;
	from = tm.tm_hour * 60 + tm.tm_min + 1;
	seconds -= seconds % DAY_SECONDS;
	for (int day = 0; day < DAYS_SEARCHED; day++, from = 0, seconds += DAY_SECONDS) {
		int minute;

		if (gmtime_r(&seconds, &tm) == NULL)
			break;
		minute = minute_of_day(&s, day_matches(&s, &tm), from, wanted);
		if (minute >= 0 && minute < 24 * 60)
			return ((int64_t)seconds + minute * 60) * CLOCK_SECOND;
	}
	return CLOCK_NEVER;
}
