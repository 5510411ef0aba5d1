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

bool
crontab_matches(struct slice text, int64_t us)
{
	uint64_t bits[FIELDS];
	bool star[FIELDS], day, weekday;
	time_t seconds = (time_t)(us / CLOCK_SECOND);
	struct tm tm;

	if (!parse(text, bits, star) || gmtime_r(&seconds, &tm) == NULL)
		return false;
	day = bits[DAY] >> tm.tm_mday & 1;
	weekday = bits[WEEKDAY] >> tm.tm_wday & 1;
	/* POSIX crontab: with both day fields restricted, either of them is enough. */
	day = star[DAY] || star[WEEKDAY] ? day && weekday : day || weekday;
	return day && (bits[MINUTE] >> tm.tm_min & 1) != 0 && (bits[HOUR] >> tm.tm_hour & 1) != 0 &&
	       (bits[MONTH] >> (tm.tm_mon + 1) & 1) != 0;
}
