/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/geo/geo_place.h"

#include <math.h>

#define MICRO 1000000
#define DIGITS 6u
#define TEXT_MAX 24u
#define EARTH_RADIUS 6371008.8 /* metres, the mean one (IUGG) */
#define PI 3.14159265358979323846

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The first DIGITS of a fraction, as so many millionths. */
static bool
read_fraction(struct slice text, int32_t *out)
{
	int32_t v = 0;

	if (text.n == 0)
		return false;
	for (size_t i = 0; i < text.n; i++)
		if (!is_digit(text.p[i]))
			return false;
	for (size_t i = 0; i < DIGITS; i++)
		v = v * 10 + (i < text.n ? text.p[i] - '0' : 0);
	*out = v;
	return true;
}

bool
geo_degrees(struct slice text, int limit, int32_t *out)
{
	bool minus = text.n > 0 && text.p[0] == '-';
	struct slice rest = slice_from(text, minus), whole;
	int32_t v, fraction = 0;
	uint64_t degrees;

	if (text.n > TEXT_MAX || !slice_split(&rest, '.', &whole) || whole.n == 0 ||
	    !slice_number(whole, (uint64_t)limit, &degrees) ||
	    (rest.p != NULL && !read_fraction(rest, &fraction)))
		return false;
	v = (int32_t)degrees * MICRO + fraction;
	if (v > limit * MICRO)
		return false;
	*out = minus ? -v : v;
	return true;
}

static double
radians(int32_t micro)
{
	return (double)micro / MICRO * (PI / 180);
}

double
geo_distance(const struct geo_point *a, const struct geo_point *b)
{
	double lat = sin((radians(b->lat) - radians(a->lat)) / 2);
	double lon = sin((radians(b->lon) - radians(a->lon)) / 2);
	double h = lat * lat + cos(radians(a->lat)) * cos(radians(b->lat)) * lon * lon;

	/* Rounding must not lead out of what asin takes. */
	return 2 * EARTH_RADIUS * asin(sqrt(h < 1 ? h : 1));
}

bool
geo_outside(const struct geo_circle *c, const struct geo_point *p, uint32_t slack)
{
	return geo_distance(&c->at, p) > (double)c->radius + (double)slack;
}
