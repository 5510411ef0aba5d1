/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/times.h"

#include "base/clock.h"

#include <stdio.h>
#include <time.h>

#define DAY_SECONDS INT64_C(86400)
#define DURATION_MAX_SECONDS (INT64_C(10000) * 365 * DAY_SECONDS)

/* Days from 1970-01-01 to a proleptic Gregorian date. */
static int64_t
days_from_civil(int64_t y, int64_t m, int64_t d)
{
	int64_t era, yoe, doy;

	y -= m <= 2;
	era = (y >= 0 ? y : y - 399) / 400;
	yoe = y - era * 400;
	doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static void
civil_from_days(int64_t z, int *y, int *m, int *d)
{
	int64_t era, doe, yoe, doy, mp;

	z += 719468;
	era = (z >= 0 ? z : z - 146096) / 146097;
	doe = z - era * 146097;
	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	mp = (5 * doy + 2) / 153;
	*d = (int)(doy - (153 * mp + 2) / 5 + 1);
	*m = (int)(mp < 10 ? mp + 3 : mp - 9);
	*y = (int)(yoe + era * 400 + (*m <= 2));
}

static bool
take_digits(struct slice *s, size_t count, int64_t *out)
{
	int64_t v = 0;

	if (s->n < count)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (s->p[i] < '0' || s->p[i] > '9')
			return false;
		v = v * 10 + (s->p[i] - '0');
	}
	*s = slice_from(*s, count);
	*out = v;
	return true;
}

static bool
take_char(struct slice *s, char c)
{
	if (s->n == 0 || s->p[0] != c)
		return false;
	*s = slice_from(*s, 1);
	return true;
}

static struct slice
trim(struct slice s)
{
	while (s.n > 0 && strchr(" \t\r\n", s.p[0]) != NULL && s.p[0] != '\0')
		s = slice_from(s, 1);
	while (s.n > 0 && strchr(" \t\r\n", s.p[s.n - 1]) != NULL && s.p[s.n - 1] != '\0')
		s.n--;
	return s;
}

/* Digits after a decimal point as microseconds; further digits are cut. */
static bool
take_fraction(struct slice *s, int64_t *us)
{
	int64_t v = 0, unit = 100000;
	size_t n = 0;

	for (; s->n > 0 && s->p[0] >= '0' && s->p[0] <= '9'; n++, unit /= 10) {
		v += (s->p[0] - '0') * unit;
		*s = slice_from(*s, 1);
	}
	*us = v;
	return n > 0;
}

static int
days_in_month(int64_t y, int64_t m)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;

	return days[m - 1] + (m == 2 && leap);
}

/* Z, +hh:mm, -hh:mm or nothing, as seconds east of UTC. */
static bool
take_zone(struct slice *s, int64_t *seconds)
{
	int64_t h, m, sign;

	*seconds = 0;
	if (s->n == 0 || take_char(s, 'Z'))
		return true;
	sign = s->p[0] == '-' ? -1 : 1;
	if (!take_char(s, '+') && !take_char(s, '-'))
		return false;
	if (!take_digits(s, 2, &h) || !take_char(s, ':') || !take_digits(s, 2, &m))
		return false;
	*seconds = sign * (h * 3600 + m * 60);
	return m < 60 && h * 60 + m <= 14 * 60;
}

bool
times_parse(struct slice s, int64_t *us)
{
	int64_t y, mo, d, h, mi, sec, fraction = 0, zone;

	s = trim(s);
	if (!take_digits(&s, 4, &y) || !take_char(&s, '-') || !take_digits(&s, 2, &mo) ||
	    !take_char(&s, '-') || !take_digits(&s, 2, &d) || !take_char(&s, 'T') ||
	    !take_digits(&s, 2, &h) || !take_char(&s, ':') || !take_digits(&s, 2, &mi) ||
	    !take_char(&s, ':') || !take_digits(&s, 2, &sec))
		return false;
	if (take_char(&s, '.') && !take_fraction(&s, &fraction))
		return false;
	if (!take_zone(&s, &zone) || s.n != 0)
		return false;
	if (y < 1 || mo < 1 || mo > 12 || d < 1 || d > days_in_month(y, mo) || mi > 59 || sec > 59)
		return false;
	if (h > 24 || (h == 24 && (mi > 0 || sec > 0 || fraction > 0)))
		return false;
	*us = (days_from_civil(y, mo, d) * DAY_SECONDS + h * 3600 + mi * 60 + sec - zone) * CLOCK_SECOND +
	      fraction;
	/* The zone or 24:00 may lead out of the years that have four digits. */
	return *us >= days_from_civil(1, 1, 1) * DAY_SECONDS * CLOCK_SECOND &&
	       *us < days_from_civil(10000, 1, 1) * DAY_SECONDS * CLOCK_SECOND;
}

int64_t
times_zone(struct slice s)
{
	int64_t seconds = 0;

	s = trim(s);
	if (s.n < 6 || (s.p[s.n - 6] != '+' && s.p[s.n - 6] != '-'))
		return 0;
	s = slice_from(s, s.n - 6);
	return take_zone(&s, &seconds) ? seconds * CLOCK_SECOND : 0;
}

bool
times_parse_daytime(struct slice s, int64_t *us)
{
	const int64_t day = DAY_SECONDS * CLOCK_SECOND;
	int64_t h, mi, sec, fraction = 0, zone;

	s = trim(s);
	if (!take_digits(&s, 2, &h) || !take_char(&s, ':') || !take_digits(&s, 2, &mi) ||
	    !take_char(&s, ':') || !take_digits(&s, 2, &sec))
		return false;
	if (take_char(&s, '.') && !take_fraction(&s, &fraction))
		return false;
	if (!take_zone(&s, &zone) || s.n != 0 || h > 24 || mi > 59 || sec > 59 ||
	    (h == 24 && (mi > 0 || sec > 0 || fraction > 0)))
		return false;
	*us = (((h * 3600 + mi * 60 + sec - zone) * CLOCK_SECOND + fraction) % day + day) % day;
	return true;
}

static void
put_digits(char *to, int64_t v, size_t count)
{
	for (size_t i = count; i-- > 0; v /= 10)
		to[i] = (char)('0' + v % 10);
}

/* Whole days since the epoch and the rest of the day; also before the epoch. */
static int64_t
split_day(int64_t us, int64_t *rest)
{
	int64_t days = us / (DAY_SECONDS * CLOCK_SECOND);

	*rest = us % (DAY_SECONDS * CLOCK_SECOND);
	if (*rest < 0) {
		*rest += DAY_SECONDS * CLOCK_SECOND;
		days--;
	}
	return days;
}

size_t
times_format(int64_t us, enum times_digits digits, char out[TIMES_TEXT_MAX])
{
	int64_t rest, sec;
	int y, m, d;
	size_t n = 19;

	civil_from_days(split_day(us, &rest), &y, &m, &d);
	sec = rest / CLOCK_SECOND;
	memcpy(out, "0000-00-00T00:00:00", n);
	put_digits(out, y, 4);
	put_digits(out + 5, m, 2);
	put_digits(out + 8, d, 2);
	put_digits(out + 11, sec / 3600, 2);
	put_digits(out + 14, sec / 60 % 60, 2);
	put_digits(out + 17, sec % 60, 2);
	if (digits != TIMES_SECOND) {
		out[n++] = '.';
		put_digits(out + n, rest % CLOCK_SECOND / (digits == TIMES_MILLI ? 1000 : 1), digits);
		n += digits;
	}
	out[n++] = 'Z';
	out[n] = '\0';
	return n;
}

struct duration_part {
	char letter;
	bool in_time;
	int64_t seconds;
};

static const struct duration_part parts[] = {
	{ 'Y', false, 365 * DAY_SECONDS }, { 'M', false, 30 * DAY_SECONDS },
	{ 'D', false, DAY_SECONDS },       { 'H', true, 3600 },
	{ 'M', true, 60 },                 { 'S', true, 1 },
};

#define NPARTS (sizeof(parts) / sizeof(parts[0]))

static bool
take_number(struct slice *s, int64_t *v)
{
	size_t n = 0;

	for (*v = 0; n < s->n && s->p[n] >= '0' && s->p[n] <= '9'; n++) {
		*v = *v * 10 + (s->p[n] - '0');
		if (*v > DURATION_MAX_SECONDS)
			return false;
	}
	*s = slice_from(*s, n);
	return n > 0;
}

/* The part of the table at or after *at that the designator names. */
static const struct duration_part *
next_part(struct slice *s, bool in_time, size_t *at)
{
	for (; *at < NPARTS; ++*at)
		if (parts[*at].in_time == in_time && s->n > 0 && s->p[0] == parts[*at].letter) {
			*s = slice_from(*s, 1);
			return &parts[(*at)++];
		}
	return NULL;
}

bool
times_parse_duration(struct slice s, int64_t *us)
{
	int64_t total = 0, v, fraction;
	size_t at = 0, seen = 0, in_time_seen = 0;
	bool in_time = false;

	s = trim(s);
	if (!take_char(&s, 'P'))
		return false;
	*us = 0;
	while (s.n > 0) {
		const struct duration_part *part;

		if (!in_time && take_char(&s, 'T'))
			in_time = true;
		fraction = 0;
		if (!take_number(&s, &v) || (take_char(&s, '.') && !take_fraction(&s, &fraction)))
			return false;
		part = next_part(&s, in_time, &at);
		if (part == NULL || (fraction > 0 && part->letter != 'S'))
			return false;
		if (v > (DURATION_MAX_SECONDS - total) / part->seconds)
			return false;
		total += v * part->seconds;
		*us += fraction;
		seen++;
		in_time_seen += in_time;
	}
	*us += total * CLOCK_SECOND;
	return seen > 0 && (!in_time || in_time_seen > 0);
}

static size_t
put_part(char *out, size_t n, int64_t v, char letter)
{
	return v == 0 ? n : n + (size_t)sprintf(out + n, "%lld%c", (long long)v, letter);
}

size_t
times_format_duration(int64_t us, char out[TIMES_TEXT_MAX])
{
	int64_t sec = us / CLOCK_SECOND, fraction = us % CLOCK_SECOND;
	size_t n = 0;

	out[n++] = 'P';
	n = put_part(out, n, sec / DAY_SECONDS, 'D');
	sec %= DAY_SECONDS;
	if (sec == 0 && fraction == 0 && n > 1) {
		out[n] = '\0';
		return n;
	}
	out[n++] = 'T';
	n = put_part(out, n, sec / 3600, 'H');
	n = put_part(out, n, sec / 60 % 60, 'M');
	sec %= 60;
	if (fraction > 0)
		n += (size_t)sprintf(out + n, "%lld.%06lldS", (long long)sec, (long long)fraction);
	else if (sec > 0 || out[n - 1] == 'T')
		n += (size_t)sprintf(out + n, "%lldS", (long long)sec);
	out[n] = '\0';
	return n;
}

static const char *const day_names[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
static const char *const month_names[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
	                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

size_t
times_format_http(int64_t us, char out[TIMES_TEXT_MAX])
{
	int64_t rest, days = split_day(us, &rest);
	int y, m, d;

	rest /= CLOCK_SECOND;
	civil_from_days(days, &y, &m, &d);
	memcpy(out, "Ddd, 00 Mmm 0000 00:00:00 GMT", 30);
	memcpy(out, day_names[((days + 4) % 7 + 7) % 7], 3);
	put_digits(out + 5, d, 2);
	memcpy(out + 8, month_names[m - 1], 3);
	put_digits(out + 12, y, 4);
	put_digits(out + 17, rest / 3600, 2);
	put_digits(out + 20, rest / 60 % 60, 2);
	put_digits(out + 23, rest % 60, 2);
	return 29;
}

bool
times_parse_http(struct slice s, int64_t *us)
{
	static const char *const forms[] = { "%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT",
		                             "%a %b %d %H:%M:%S %Y" };
	char text[64];

	s = trim(s);
	if (s.n == 0 || s.n >= sizeof(text))
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct tm tm = { 0 };
		const char *end = strptime(text, forms[i], &tm);

		if (end != NULL && *end == '\0') {
			*us = (int64_t)timegm(&tm) * CLOCK_SECOND;
			return true;
		}
	}
	return false;
}
