/* SPDX-License-Identifier: Apache-2.0 */
/* Media types of Content-Type and Accept (RFC 9110 12.5.1), and the codecs there are for them. */
#include "config.h"

#include "core/scl_impl.h"

#include <strings.h>

/* Places in it are stored (media_syntax_number). */
static const struct codec *const codecs[] = { &codec_xml, &codec_json, &codec_cbor };

#define NCODECS (sizeof(codecs) / sizeof(codecs[0]))

static struct slice
trim(struct slice s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = slice_from(s, 1);
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

bool
media_is(struct slice a, const char *b)
{
	return a.n == strlen(b) && strncasecmp(a.p, b, a.n) == 0;
}

struct slice
media_essence(struct slice header)
{
	struct slice type = SLICE_NONE;

	slice_split(&header, ';', &type);
	return trim(type);
}

const struct codec *
media_codec(struct slice type)
{
	for (size_t i = 0; i < NCODECS; i++)
		for (const char *const *m = codecs[i]->accepted; *m != NULL; m++)
			if (media_is(type, *m))
				return codecs[i];
	return NULL;
}

const struct codec *
media_syntax(struct slice content_type)
{
	const struct codec *c = media_codec(media_essence(content_type));

	return c == NULL ? &codec_xml : c;
}

uint8_t
media_syntax_number(const struct codec *codec)
{
	uint8_t number = 0;

	while (number < NCODECS - 1 && codecs[number] != codec)
		number++;
	return number;
}

const struct codec *
media_syntax_at(uint8_t number)
{
	return codecs[number < NCODECS ? number : 0];
}

enum rc
media_not_acceptable(struct req *rq)
{
	return req_fail(rq, RC_NOT_ACCEPTABLE,
	                "no acceptable media type: %s, %s and %s are offered",
	                codec_xml.media_type, codec_json.media_type, codec_cbor.media_type);
}

/* q in thousandths. */
static unsigned
quality(struct slice params)
{
	struct slice p;
	unsigned q = 0, unit = 1000;

	while (slice_split(&params, ';', &p)) {
		p = trim(p);
		if (p.n < 3 || (p.p[0] != 'q' && p.p[0] != 'Q') || p.p[1] != '=')
			continue;
		for (size_t i = 2; i < p.n; i++) {
			if (p.p[i] == '.')
				continue;
			if (p.p[i] < '0' || p.p[i] > '9' || unit == 0)
				break;
			q += (unsigned)(p.p[i] - '0') * unit;
			unit /= 10;
		}
		return q > 1000 ? 1000 : q;
	}
	return 1000;
}

static bool
range_covers(struct slice range, const struct codec *c)
{
	if (media_is(range, "*/*"))
		return true;
	for (const char *const *m = c->accepted; *m != NULL; m++) {
		size_t slash = strcspn(*m, "/");

		if (media_is(range, *m) || (range.n == slash + 2 && range.p[range.n - 1] == '*' &&
		                             strncasecmp(range.p, *m, slash + 1) == 0))
			return true;
	}
	return false;
}

bool
accept_covers(struct slice accept, struct slice media_type)
{
	struct slice item, type = media_essence(media_type);

	if (trim(accept).n == 0)
		return true;
	while (slice_split(&accept, ',', &item)) {
		struct slice range = media_essence(item);
		size_t slash = range.n > 2 ? range.n - 1 : 0;

		if (quality(item) == 0)
			continue;
		if (media_is(range, "*/*") ||
		    (range.n == type.n && strncasecmp(range.p, type.p, type.n) == 0))
			return true;
		if (slash > 0 && range.p[slash] == '*' && type.n > slash &&
		    strncasecmp(range.p, type.p, slash) == 0)
			return true;
	}
	return false;
}

const struct codec *
media_negotiate(struct slice accept)
{
	const struct codec *best = NULL;
	unsigned best_q = 0;

	if (trim(accept).n == 0)
		return &codec_xml;
	for (size_t i = 0; i < NCODECS; i++) {
		struct slice rest = accept, item;
		unsigned q = 0;
		bool exact = false;

		while (slice_split(&rest, ',', &item)) {
			struct slice range = media_essence(item);

			if (!range_covers(range, codecs[i]) || (exact && media_is(range, "*/*")))
				continue;
			q = quality(item);
			exact = !media_is(range, "*/*");
		}
		if (q > best_q) {
			best = codecs[i];
			best_q = q;
		}
	}
	return best;
}
