/* SPDX-License-Identifier: Apache-2.0 */
/* Paths that cannot be read in two ways. */
#include "config.h"

#include "cap/edge/edge_grant.h"

static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool
is_unreserved(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.' || c == '_' || c == '~';
}

/* An escape (RFC 3986 2.1) of something that has to be escaped, and that separates nothing. */
static bool
escape_is_plain(struct slice s)
{
	int high = s.n < 3 ? -1 : digit(s.p[1]), low = s.n < 3 ? -1 : digit(s.p[2]), c;

	if (high < 0 || low < 0)
		return false;
	c = high * 16 + low;
	return c >= ' ' && c != 0x7f && c != '/' && c != '\\' && c != '%' && !is_unreserved(c);
}

static bool
segment_is_plain(struct slice seg)
{
	if (slice_is(seg, ".") || slice_is(seg, ".."))
		return false;
	for (size_t i = 0; i < seg.n; i++) {
		unsigned char c = (unsigned char)seg.p[i];

		if (c <= ' ' || c >= 0x7f || c == '\\' || c == '?' || c == '#')
			return false;
		if (c == '%' && !escape_is_plain(slice_from(seg, i)))
			return false;
	}
	return true;
}

bool
edge_path_is_plain(struct slice path)
{
	struct slice rest, seg;

	if (path.n == 0 || path.p[0] != '/')
		return false;
	rest = slice_from(path, 1);
	while (slice_split(&rest, '/', &seg)) {
		/* Only behind the last slash there may be nothing. */
		if (seg.n == 0 && rest.p != NULL)
			return false;
		if (!segment_is_plain(seg))
			return false;
	}
	return true;
}
