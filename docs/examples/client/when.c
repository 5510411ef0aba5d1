/* SPDX-License-Identifier: Apache-2.0 */
#include "client/when.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define REFRESH_MIN_MS	5000
#define REFRESH_MAX_MS	(24 * 3600 * 1000)

static int64_t
read_clock(clockid_t which)
{
	struct timespec ts;

	clock_gettime(which, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t
when_monotonic(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

int64_t
when_now(void)
{
	return read_clock(CLOCK_REALTIME);
}

void
when_format(int64_t ms, char text[WHEN_SIZE])
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;
	size_t n;

	gmtime_r(&seconds, &tm);
	n = strftime(text, WHEN_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + n, WHEN_SIZE - n, ".%03dZ", (int)(ms % 1000));
}

/* Milliseconds of a fraction such as ".25"; *end is behind its last digit. */
static int
parse_fraction(const char *text, const char **end)
{
	int ms = 0;
	int unit = 100;

	*end = text;
	if (*text != '.')
		return 0;
	for (text++; *text >= '0' && *text <= '9'; text++, unit /= 10)
		ms += (*text - '0') * unit;
	*end = text;
	return ms;
}

/* Seconds east of UTC of "Z", "+01:00" or nothing; -1 (never a zone) for anything else. */
static int
parse_zone(const char *text)
{
	int hours, minutes;
	int end = 0;

	if (*text == '\0' || strcmp(text, "Z") == 0)
		return 0;
	if (*text != '+' && *text != '-')
		return -1;
	if (sscanf(text + 1, "%2d:%2d%n", &hours, &minutes, &end) != 2 || text[1 + end] != '\0')
		return -1;
	return (*text == '-' ? -60 : 60) * (hours * 60 + minutes);
}

int64_t
when_parse(const char *text)
{
	const char *rest;
	struct tm tm = { 0 };
	int ms, zone;

	rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	if (rest == NULL)
		return -1;
	ms = parse_fraction(rest, &rest);
	zone = parse_zone(rest);
	if (zone == -1)
		return -1;
	return ((int64_t)timegm(&tm) - zone) * 1000 + ms;
}

int64_t
when_refresh(int64_t expires_ms)
{
	int64_t half = (expires_ms - when_now()) / 2;

	if (half < REFRESH_MIN_MS)
		half = REFRESH_MIN_MS;
	if (half > REFRESH_MAX_MS)
		half = REFRESH_MAX_MS;
	return when_monotonic() + half;
}
