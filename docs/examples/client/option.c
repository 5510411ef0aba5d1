/* SPDX-License-Identifier: Apache-2.0 */
#include "client/option.h"

#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/uri.h"

#define USAGE_STATUS	2
#define SECONDS_MIN	0.01
#define SECONDS_MAX	(31.0 * 24 * 3600)
#define ID_MAX		64

long long
option_number(const char *option, const char *text, long long min, long long max)
{
	char *end;
	long long value;

	errno = 0;
	value = strtoll(text, &end, 10);
	if (end == text || *end != '\0' || errno != 0 || value < min || value > max)
		errx(USAGE_STATUS, "%s: %s is not a number from %lld to %lld", option, text,
		    min, max);
	return value;
}

int64_t
option_seconds(const char *option, const char *text)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end != '\0' || !(value >= SECONDS_MIN && value <= SECONDS_MAX))
		errx(USAGE_STATUS, "%s: %s is not a number of seconds", option, text);
	return (int64_t)(value * 1000.0);
}

char *
option_uri(const char *option, const char *text)
{
	char *uri = uri_resolve(text, text);

	if (uri == NULL || *uri_path(uri) == '\0')
		errx(USAGE_STATUS, "%s: %s is not the http URI of an sclBase", option, text);
	return uri;
}

const char *
option_id(const char *option, const char *text)
{
	static const char allowed[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._";
	size_t len = strlen(text);

	if (len == 0 || len > ID_MAX || strspn(text, allowed) != len || strcmp(text, ".") == 0 ||
	    strcmp(text, "..") == 0)
		errx(USAGE_STATUS, "%s: an id has letters, digits and -._ only", option);
	return text;
}
