/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of an XML document before the parser may see them: copy, encoding, markup. */
#include "config.h"

#include "codec/parts.h"

#include <strings.h>

#include <libxml/encoding.h>
#include <libxml/uri.h>

#define NS_XMLNS "http://www.w3.org/2000/xmlns/"

struct source {
	struct slice bytes; /* the copy */
	const struct codec_limits *limits;
	struct xml_fault *fault;
};

/* A failure at p in the copy. */
static bool
fail_at(const struct source *s, const char *p, const char *why)
{
	s->fault->why = why;
	s->fault->line = 1;
	for (const char *q = s->bytes.p; q < p; q++)
		s->fault->line += *q == '\n';
	return false;
}

static const char *
skip_failed(const struct source *s, const char *p, const char *why)
{
	fail_at(s, p, why);
	return NULL;
}

/* Zero-terminated; without bytes when in is not UTF-16, p NULL without memory. */
static struct slice
utf16_to_utf8(struct arena *a, struct slice in, xmlCharEncoding encoding)
{
	xmlCharEncodingHandler *handler = xmlGetCharEncodingHandler(encoding);
	size_t room = in.n / 2 * 3;
	unsigned char *to = arena_alloc(a, room + 1);
	int taken = (int)in.n;
	int given = (int)room;

	if (to == NULL || handler == NULL)
		return SLICE_NONE;
	if (handler->input(to, &given, (const unsigned char *)in.p, &taken) < 0 ||
	    (size_t)taken != in.n)
		given = 0;
	to[given] = '\0';
	return slice_make(to, (size_t)given);
}

/* The document in UTF-8, zero-terminated, without byte order mark; p NULL without memory. */
static struct slice
source_copy(struct arena *a, struct slice in)
{
	static const struct slice utf8 = SLICE_INIT("\xef\xbb\xbf");
	static const struct slice utf16le = SLICE_INIT("\xff\xfe");
	static const struct slice utf16be = SLICE_INIT("\xfe\xff");

	if (slice_starts(in, utf16le))
		return utf16_to_utf8(a, slice_from(in, 2), XML_CHAR_ENCODING_UTF16LE);
	if (slice_starts(in, utf16be))
		return utf16_to_utf8(a, slice_from(in, 2), XML_CHAR_ENCODING_UTF16BE);
	return arena_copy(a, slice_from(in, slice_starts(in, utf8) ? utf8.n : 0));
}

static bool
encoding_ok(struct slice name)
{
	static const char *const names[] = { "UTF-8", "UTF-16", "US-ASCII" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (name.n == strlen(names[i]) && strncasecmp(name.p, names[i], name.n) == 0)
			return true;
	return false;
}

/* The encoding that the XML declaration names must be what we read; the parser ignores it. */
static bool
encoding_check(const struct source *s)
{
	struct slice decl = s->bytes;
	const char *at;
	struct slice name, rest;

	if (!slice_starts(decl, SLICE_LIT("<?xml")))
		return true;
	at = memmem(decl.p, decl.n, "?>", 2);
	if (at == NULL)
		return true;
	decl.n = (size_t)(at - decl.p);
	at = memmem(decl.p, decl.n, "encoding", 8);
	if (at == NULL)
		return true;
	rest = slice_from(decl, (size_t)(at - decl.p) + 8);
	rest = slice_from(rest, strspn(rest.p, " \t\r\n="));
	if (rest.n == 0 || (rest.p[0] != '"' && rest.p[0] != '\''))
		return true;
	at = rest.p;
	rest = slice_from(rest, 1);
	if (slice_split(&rest, *at, &name) && !encoding_ok(name))
		return fail_at(s, at, "the encoding is not UTF-8");
	return true;
}

/* Behind the comment or CDATA section at p (which starts with "<!"); NULL after a failure. */
static const char *
section_skip(const struct source *s, const char *p)
{
	static const struct {
		struct slice open, close;
	} sections[] = {
		{ SLICE_INIT("<!--"), SLICE_INIT("-->") },
		{ SLICE_INIT("<![CDATA["), SLICE_INIT("]]>") },
	};
	struct slice rest = slice_from(s->bytes, (size_t)(p - s->bytes.p));

	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
		struct slice open = sections[i].open, close = sections[i].close;
		const char *hit;

		if (!slice_starts(rest, open))
			continue;
		rest = slice_from(rest, open.n);
		hit = memmem(rest.p, rest.n, close.p, close.n);
		if (hit == NULL)
			return skip_failed(s, p, "comment or CDATA section without end");
		return hit + close.n;
	}
	return skip_failed(s, p, "document type declarations are not accepted");
}

/* Behind the tag at p (which starts with "<"); NULL after a failure. */
static const char *
tag_skip(const struct source *s, const char *p)
{
	const char *end = s->bytes.p + s->bytes.n;
	unsigned values = 0;

	for (const char *q = p + 1; q < end && *q != '<'; q++) {
		const char *close;

		if (*q == '>')
			return q + 1;
		if (*q != '"' && *q != '\'')
			continue;
		close = memchr(q + 1, *q, (size_t)(end - q - 1));
		if (close == NULL || memchr(q, '<', (size_t)(close - q)) != NULL)
			break;
		if (values++ >= s->limits->attributes + CODEC_NAMESPACES)
			return skip_failed(s, q, "too many attributes");
		q = close;
	}
	return skip_failed(s, p, "tag without end");
}

/* Behind the processing instruction at p; NULL after a failure. */
static const char *
instruction_skip(const struct source *s, const char *p)
{
	const char *end = s->bytes.p + s->bytes.n;
	const char *hit = memmem(p, (size_t)(end - p), "?>", 2);

	if (hit == NULL || memchr(p + 1, '<', (size_t)(hit - p)) != NULL)
		return skip_failed(s, p, "processing instruction without end");
	return hit + 2;
}

/*
 * Refuses document type declarations before the parser sees them, and tags with so many
 * attributes that its pairwise comparison would take long. After an error the parser goes on
 * behind it, so nothing may hide a tag from this pass: "<" inside of a tag (never well-formed)
 * or of a processing instruction (useless) is an error here. Elements are counted later.
 */
static bool
markup_check(const struct source *s)
{
	const char *end = s->bytes.p + s->bytes.n;
	const char *p = s->bytes.p;

	while (p < end && (p = memchr(p, '<', (size_t)(end - p))) != NULL) {
		if (p[1] == '!')
			p = section_skip(s, p);
		else if (p[1] == '?')
			p = instruction_skip(s, p);
		else
			p = tag_skip(s, p);
		if (p == NULL)
			return false;
	}
	return true;
}

enum rc
codec_xml_source(struct arena *a, struct slice in, const struct codec_limits *limits,
                 struct slice *copy, struct xml_fault *fault)
{
	struct source s = { .limits = limits, .fault = fault };
	bool ok;

	*fault = (struct xml_fault){ .why = "out of memory for the document", .line = 1 };
	if (in.n > CODEC_DOCUMENT_MAX) {
		fault->why = "document too long";
		return RC_BAD_REQUEST;
	}
	s.bytes = source_copy(a, in);
	if (s.bytes.p == NULL)
		return RC_UNAVAILABLE;
	*copy = s.bytes;
	if (!codec_xml_text_ok(s.bytes))
		ok = fail_at(&s, s.bytes.p, "not UTF-8, or characters that XML does not allow");
	else
		ok = encoding_check(&s) && markup_check(&s);
	return ok ? RC_OK : RC_BAD_REQUEST;
}

bool
codec_foreign_ok(const char *uri)
{
	struct slice s = slice_of(uri);
	xmlURI *parsed;

	if (s.n == 0 || !codec_xml_text_ok(s) || codec_ns_of(s) != CODEC_NS_NONE ||
	    slice_is(s, NS_XML) || slice_is(s, NS_XMLNS))
		return false;
	/* What libxml2 cannot parse it takes for no namespace. */
	parsed = xmlParseURI(uri);
	if (parsed == NULL)
		return false;
	xmlFreeURI(parsed);
	return true;
}
