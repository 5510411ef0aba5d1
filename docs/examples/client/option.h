/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLIENT_OPTION_H
#define CLIENT_OPTION_H

#include <stdint.h>

/* Values of command line options; a bad one ends the program with a message and status 2. */

long long option_number(const char *option, const char *text, long long min, long long max);

/* Seconds, with a fraction if wanted, in milliseconds; 0.01 to 31 days. */
int64_t option_seconds(const char *option, const char *text);

/* The URI of an sclBase without a slash at its end, to be freed. */
char *option_uri(const char *option, const char *text);

/* An id that can be a path segment and an xs:NMTOKEN as it is. */
const char *option_id(const char *option, const char *text);

#endif
