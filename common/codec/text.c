/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "codec/parts.h"

#include "base/utf8.h"

#define EVERY_BYTE(c) (UINT64_C(0x0101010101010101) * (c))

/* Char of XML 1.0 (production 2). */
static bool
char_ok(uint32_t cp)
{
	return cp >= 0x20 ? cp != 0xfffe && cp != 0xffff : cp == '\t' || cp == '\n' || cp == '\r';
}

size_t
codec_utf8_run(struct slice s, bool xml)
{
	size_t at = 0;
	uint32_t cp = 0;

	while (at < s.n && ((unsigned char)s.p[at] & 0x80) != 0) {
		unsigned n = utf8_next(slice_from(s, at), &cp);

		if (n == 0 || (xml && !char_ok(cp)))
			break;
		at += n;
	}
	return at;
}

/* Length of the leading part of s, in steps of 8, that is ASCII without control characters. */
static size_t
printable_words(struct slice s)
{
	size_t at = 0;
	uint64_t w;

	for (; s.n - at >= sizeof(w); at += sizeof(w)) {
		memcpy(&w, s.p + at, sizeof(w));
		/* The top bit of a byte of w - 0x20.. is set when the byte was below 0x20. */
		if (((w | (w - EVERY_BYTE(0x20))) & EVERY_BYTE(0x80)) != 0)
			break;
	}
	return at;
}

bool
codec_utf8_ok(struct slice s)
{
	while (s.n > 0) {
		size_t n = printable_words(s);

		if (n == 0)
			n = (signed char)s.p[0] > 0 ? 1 : codec_utf8_run(s, false);
		if (n == 0)
			return false;
		s = slice_from(s, n);
	}
	return true;
}

bool
codec_xml_text_ok(struct slice s)
{
	while (s.n > 0) {
		size_t n = printable_words(s);
		uint32_t cp = 0;

		if (n == 0) {
			n = utf8_next(s, &cp);
			if (n == 0 || !char_ok(cp))
				return false;
		}
		s = slice_from(s, n);
	}
	return true;
}

/* Productions 4 and 4a of XML 1.0, fifth edition; start: may also begin a name. */
static const struct {
	uint32_t from, to;
	bool start;
} name_chars[] = {
	{ 'a', 'z', true }, { 'A', 'Z', true }, { '0', '9', false }, { '-', '.', false },
	{ '_', '_', true }, { 0xb7, 0xb7, false }, { 0xc0, 0xd6, true }, { 0xd8, 0xf6, true },
	{ 0xf8, 0x2ff, true }, { 0x300, 0x36f, false }, { 0x370, 0x37d, true },
	{ 0x37f, 0x1fff, true }, { 0x200c, 0x200d, true }, { 0x203f, 0x2040, false },
	{ 0x2070, 0x218f, true }, { 0x2c00, 0x2fef, true }, { 0x3001, 0xd7ff, true },
	{ 0xf900, 0xfdcf, true }, { 0xfdf0, 0xfffd, true }, { 0x10000, 0xeffff, true },
};

static bool
name_char_ok(uint32_t cp, bool start)
{
	for (size_t i = 0; i < sizeof(name_chars) / sizeof(name_chars[0]); i++)
		if (cp >= name_chars[i].from && cp <= name_chars[i].to)
			return name_chars[i].start || !start;
	return false;
}

bool
codec_name_ok(struct slice s)
{
	bool start = true;
	uint32_t cp = 0;

	if (s.n == 0)
		return false;
	while (s.n > 0) {
		unsigned n = utf8_next(s, &cp);

		if (n == 0 || !name_char_ok(cp, start))
			return false;
		start = false;
		s = slice_from(s, n);
	}
	return true;
}

enum codec_ns
codec_ns_of(struct slice s)
{
	if (slice_eq(s, SLICE_LIT(NS_M2M)))
		return CODEC_NS_M2M;
	if (slice_eq(s, SLICE_LIT(NS_XMIME)))
		return CODEC_NS_XMIME;
	return slice_eq(s, SLICE_LIT(NS_XSI)) ? CODEC_NS_XSI : CODEC_NS_NONE;
}
