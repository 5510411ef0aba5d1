/* SPDX-License-Identifier: Apache-2.0 */
/* The notation of JSON (RFC 8259). */
#include "config.h"

#include "base/base64.h"
#include "codec/parts.h"

static const struct byteset care_string = {
	{ 0xffffffff | BYTE_BIT('"'), BYTE_BIT('\\'), ~UINT64_C(0), ~UINT64_C(0) }
};

static void
escape_put(struct buf *b, char c)
{
	static const char letters[] = "\b\f\n\r\t\"\\";
	static const char escapes[] = "bfnrt\"\\";
	const char *hit = c == '\0' ? NULL : strchr(letters, c);

	if (hit != NULL) {
		buf_char(b, '\\');
		buf_char(b, escapes[hit - letters]);
	} else if ((unsigned char)c < 0x20) {
		buf_printf(b, "\\u%04x", (unsigned)c);
	} else {
		b->failed = true;
	}
}

static void
escaped_put(struct buf *b, struct slice s)
{
	while (s.n > 0 && !b->failed) {
		size_t plain = byteset_skip(&care_string, s);
		size_t run = plain + codec_utf8_run(slice_from(s, plain), false);

		buf_add(b, s.p, run);
		s = slice_from(s, run);
		if (s.n > 0 && byteset_has(&care_string, s.p[0])) {
			escape_put(b, s.p[0]);
			s = slice_from(s, 1);
		}
	}
}

static void
put_string(struct buf *b, struct slice s)
{
	buf_char(b, '"');
	escaped_put(b, s);
	buf_char(b, '"');
}

static void
put_document(struct buf *b)
{
	buf_char(b, '{');
}

static void
put_document_end(struct buf *b)
{
	buf_char(b, '}');
}

static void
put_open(struct buf *b, bool array)
{
	buf_char(b, array ? '[' : '{');
}

static void
put_close(struct buf *b, const struct codec_open *open, bool array)
{
	(void)open;
	buf_char(b, array ? ']' : '}');
}

static void
put_entry(struct buf *b, size_t count)
{
	if (count > 0)
		buf_char(b, ',');
}

static void
put_key(struct buf *b, size_t count, const char *prefix, struct slice ns, struct slice name)
{
	put_entry(b, count);
	buf_char(b, '"');
	buf_puts(b, prefix);
	if (ns.n > 0) {
		buf_char(b, '{');
		escaped_put(b, ns);
		buf_char(b, '}');
	}
	escaped_put(b, name);
	buf_puts(b, "\":");
}

static void
put_bytes(struct buf *b, struct slice s)
{
	buf_char(b, '"');
	base64_encode(b, s);
	buf_char(b, '"');
}

static void
put_boolean(struct buf *b, bool v)
{
	buf_puts(b, v ? "true" : "false");
}

/* Beyond what is exact in a double it goes as a string. */
static void
put_integer(struct buf *b, int64_t v)
{
	bool exact = v >= -CODEC_EXACT_MAX && v <= CODEC_EXACT_MAX;

	if (!exact)
		buf_char(b, '"');
	buf_long(b, v);
	if (!exact)
		buf_char(b, '"');
}

static void
put_number(struct buf *b, struct slice s, const int64_t *v)
{
	(void)v;
	buf_slice(b, s);
}

static const struct notation json = {
	.document = put_document,
	.document_end = put_document_end,
	.open = put_open,
	.close = put_close,
	.entry = put_entry,
	.key = put_key,
	.string = put_string,
	.bytes = put_bytes,
	.encoded = put_string,
	.boolean = put_boolean,
	.integer = put_integer,
	.number = put_number,
};

void
codec_json_writer(struct writer *w, struct buf *out)
{
	members_writer(w, &json, out);
}
