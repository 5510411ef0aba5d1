/* SPDX-License-Identifier: Apache-2.0 */
/* Points and circles on the Earth, taken as a sphere. Pure functions; any thread. */
#ifndef CAP_GEO_PLACE_H
#define CAP_GEO_PLACE_H

#include "base/slice.h"

#define GEO_RADIUS_MAX 20100000 /* metres; more than half of the circumference */
#define GEO_LATITUDE_MAX 90
#define GEO_LONGITUDE_MAX 180

/* Millionths of degrees, north and east positive. */
struct geo_point {
	int32_t lat, lon;
};

struct geo_circle {
	struct geo_point at;
	uint32_t radius; /* metres, 1..GEO_RADIUS_MAX */
};

/*
 * Degrees as decimal digits, with a fraction or not, from -limit to limit; digits beyond the sixth of
 * the fraction are dropped. False: they are none.
 */
bool geo_degrees(struct slice text, int limit, int32_t *out);
/* Metres along the great circle (haversine). */
double geo_distance(const struct geo_point *a, const struct geo_point *b);
/* True when p, which is known to slack metres, cannot be within c. */
bool geo_outside(const struct geo_circle *c, const struct geo_point *p, uint32_t slack);

#endif
