/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "store/pack.h"

/* n octets; p NULL when they are not there. */
static struct slice
octets(struct unpack *u, size_t n)
{
	struct slice s = slice_head(u->rest, n);

	if (u->bad || u->rest.n < n) {
		u->bad = true;
		return SLICE_NONE;
	}
	u->rest = slice_from(u->rest, n);
	return s;
}

void
unpack_into(struct unpack *u, void *to, size_t n)
{
	struct slice s = octets(u, n);

	if (u->bad)
		memset(to, 0, n);
	else if (n > 0)
		memcpy(to, s.p, n);
}

uint64_t
unpack_number(struct unpack *u, unsigned size, uint64_t max)
{
	struct slice s = octets(u, size);
	uint64_t v = 0;

	for (size_t i = 0; i < s.n; i++)
		v = v << 8 | (unsigned char)s.p[i];
	if (v > max)
		u->bad = true;
	return u->bad ? 0 : v;
}

unsigned
unpack_enum(struct unpack *u, unsigned max)
{
	uint64_t v = unpack_number(u, 1, max);

	if (v == 0)
		u->bad = true;
	return (unsigned)v;
}

int64_t
unpack_time(struct unpack *u)
{
	return (int64_t)unpack_number(u, 8, INT64_MAX);
}

bool
unpack_flag(struct unpack *u)
{
	return unpack_number(u, 1, 1) != 0;
}

struct slice
unpack_text(struct unpack *u, size_t max)
{
	return octets(u, (size_t)unpack_number(u, 2, max));
}

void
unpack_string(struct unpack *u, char *to, size_t max)
{
	if (!string_set(to, max, unpack_text(u, max)))
		u->bad = true;
}

bool
unpack_done(const struct unpack *u)
{
	return !u->bad && u->rest.n == 0;
}

bool
string_set(char *to, size_t max, struct slice s)
{
	bool ok = s.n <= max && (s.n == 0 || memchr(s.p, '\0', s.n) == NULL);

	if (ok && s.n > 0)
		memcpy(to, s.p, s.n);
	to[ok ? s.n : 0] = '\0';
	return ok;
}
