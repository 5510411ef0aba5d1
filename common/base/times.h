/* SPDX-License-Identifier: Apache-2.0 */
/* Text forms of time: xs:dateTime, xs:duration (XML Schema part 2), HTTP-date (RFC 9110 5.6.7). */
#ifndef BASE_TIMES_H
#define BASE_TIMES_H

#include "base/slice.h"

#include <stdint.h>

#define TIMES_TEXT_MAX 48

enum times_digits { TIMES_SECOND = 0, TIMES_MILLI = 3, TIMES_MICRO = 6 };

/*
 * Reads an xs:dateTime into microseconds since the epoch (UTC). Any zone is accepted, none means
 * UTC; digits below a microsecond are cut. Years 1..9999. False when malformed.
 */
bool times_parse(struct slice s, int64_t *us);
/* Writes UTC with Z and that many fraction digits; returns the length. */
size_t times_format(int64_t us, enum times_digits digits, char out[TIMES_TEXT_MAX]);

/*
 * Reads a non-negative xs:duration into microseconds; a year is 365 and a month 30 days
 * (TS 102 921, data types). False when malformed, negative or beyond 10000 years.
 */
bool times_parse_duration(struct slice s, int64_t *us);
/* Writes the shortest form in days, hours, minutes, seconds: P1DT12H; returns the length. */
size_t times_format_duration(int64_t us, char out[TIMES_TEXT_MAX]);

/*
 * The zone of an xs:dateTime that times_parse takes, in microseconds east of UTC; 0 when it has none.
 */
int64_t times_zone(struct slice s);
/*
 * Reads an xs:time into microseconds since midnight, UTC; any zone is accepted, none means UTC.
 * False when malformed.
 */
bool times_parse_daytime(struct slice s, int64_t *us);

/* IMF-fixdate of the second in which us lies; returns the length. */
size_t times_format_http(int64_t us, char out[TIMES_TEXT_MAX]);
/* Reads IMF-fixdate, RFC 850 and asctime forms. False when malformed. */
bool times_parse_http(struct slice s, int64_t *us);

#endif
