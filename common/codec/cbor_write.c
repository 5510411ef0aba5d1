/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The notation of CBOR, in the deterministic encoding of RFC 8949 4.2.1: shortest heads and floats,
 * definite lengths, members in the bytewise order of their encoded keys. Heads of objects and
 * arrays are put before their contents when these are complete.
 */
#include "config.h"

#include "codec/parts.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include <cbor.h>

#include "base/base64.h"

#define HEAD_MAX 9u
/* Members of one object that are brought in order without taking memory for their places. */
#define SPANS_LOCAL 32u

/* The additional information of a head (RFC 8949 3) up to which it is the argument itself. */
#define INFO_DIRECT 23u

enum major { MAJOR_BYTES = 2, MAJOR_TEXT = 3, MAJOR_ARRAY = 4, MAJOR_MAP = 5 };

typedef size_t (*encode_head)(size_t n, unsigned char *to, size_t size);

static void
head_put(struct buf *b, encode_head encode, size_t n)
{
	unsigned char head[HEAD_MAX];

	buf_add(b, head, encode(n, head, sizeof(head)));
}

/* Puts a head before what was written from at on. */
static void
head_insert(struct buf *b, size_t at, encode_head encode, size_t n)
{
	unsigned char head[HEAD_MAX];
	size_t len = encode(n, head, sizeof(head));

	if (buf_reserve(b, len) == NULL)
		return;
	memmove(b->p + at + len, b->p + at, b->n - at);
	memcpy(b->p + at, head, len);
	b->n += len;
}

/* ---- the order of members ---- */

/* A member in the output: its encoded key, and all of it. */
struct span {
	struct slice key;
	size_t n;
};

/* Takes the head that s begins with: its major type; *argument is what it says. */
static enum major
head_take(struct slice *s, uint64_t *argument)
{
	unsigned char first = (unsigned char)s->p[0];
	size_t more = (first & 0x1f) <= INFO_DIRECT ? 0 : (size_t)1 << ((first & 0x1f) - 24);

	*argument = more == 0 ? first & 0x1f : 0;
	for (size_t i = 1; i <= more; i++)
		*argument = *argument << 8 | (unsigned char)s->p[i];
	*s = slice_from(*s, 1 + more);
	return (enum major)(first >> 5);
}

/* Takes the item that s, written by this file, begins with. */
static struct slice
item_take(struct slice *s)
{
	const char *from = s->p;
	uint64_t left = 1, n;

	while (left-- > 0) {
		enum major major = head_take(s, &n);

		if (major == MAJOR_BYTES || major == MAJOR_TEXT)
			*s = slice_from(*s, n);
		else if (major == MAJOR_ARRAY || major == MAJOR_MAP)
			left += major == MAJOR_MAP ? 2 * n : n;
	}
	return slice_make(from, (size_t)(s->p - from));
}

static int
by_key(const void *pa, const void *pb)
{
	const struct span *a = pa, *b = pb;

	return slice_cmp(a->key, b->key);
}

/* Brings the members into the order of the spans. False without memory. */
static bool
members_move(struct slice all, const struct span *spans, size_t count)
{
	char *copy = malloc(all.n), *to = copy;

	if (copy == NULL)
		return false;
	for (size_t i = 0; i < count; i++) {
		memcpy(to, spans[i].key.p, spans[i].n);
		to += spans[i].n;
	}
	memcpy((char *)all.p, copy, all.n);
	free(copy);
	return true;
}

static bool
members_order(struct slice all, struct span *spans, size_t count)
{
	struct slice rest = all;
	bool sorted = true;

	for (size_t i = 0; i < count; i++) {
		spans[i].key = item_take(&rest);
		spans[i].n = spans[i].key.n + item_take(&rest).n;
		sorted = sorted && (i == 0 || slice_cmp(spans[i - 1].key, spans[i].key) < 0);
	}
	if (sorted)
		return true;
	qsort(spans, count, sizeof(*spans), by_key);
	return members_move(all, spans, count);
}

static void
members_sort(struct buf *b, const struct codec_open *open)
{
	struct slice all = slice_from(buf_view(b), open->at);
	struct span local[SPANS_LOCAL];
	struct span *spans = local;

	if (open->count < 2)
		return;
	if (open->count > SPANS_LOCAL)
		spans = malloc(open->count * sizeof(*spans));
	if (spans == NULL || !members_order(all, spans, open->count))
		b->failed = true;
	if (spans != local)
		free(spans);
}

/* ---- the notation ---- */

static void
put_document(struct buf *b)
{
	head_put(b, cbor_encode_map_start, 1);
}

static void
put_document_end(struct buf *b)
{
	(void)b;
}

static void
put_open(struct buf *b, bool array)
{
	(void)b;
	(void)array;
}

static void
put_close(struct buf *b, const struct codec_open *open, bool array)
{
	if (!array)
		members_sort(b, open);
	head_insert(b, open->at, array ? cbor_encode_array_start : cbor_encode_map_start,
	            open->count);
}

static void
put_entry(struct buf *b, size_t count)
{
	(void)b;
	(void)count;
}

static void
put_string(struct buf *b, struct slice s)
{
	if (!codec_utf8_ok(s)) {
		b->failed = true;
		return;
	}
	head_put(b, cbor_encode_string_start, s.n);
	buf_slice(b, s);
}

static void
put_key(struct buf *b, size_t count, const char *prefix, struct slice ns, struct slice name)
{
	size_t braces = ns.n > 0 ? 2 : 0;

	(void)count;
	head_put(b, cbor_encode_string_start, strlen(prefix) + ns.n + braces + name.n);
	buf_puts(b, prefix);
	if (braces > 0) {
		buf_char(b, '{');
		buf_slice(b, ns);
		buf_char(b, '}');
	}
	buf_slice(b, name);
}

static void
put_bytes(struct buf *b, struct slice s)
{
	head_put(b, cbor_encode_bytestring_start, s.n);
	buf_slice(b, s);
}

static void
put_encoded(struct buf *b, struct slice base64)
{
	size_t at = b->n;

	if (base64_append(b, base64))
		head_insert(b, at, cbor_encode_bytestring_start, b->n - at);
	else
		b->failed = true;
}

static void
put_boolean(struct buf *b, bool v)
{
	unsigned char one[1];

	buf_add(b, one, cbor_encode_bool(v, one, sizeof(one)));
}

static void
put_integer(struct buf *b, int64_t v)
{
	unsigned char head[HEAD_MAX];
	uint64_t argument = v >= 0 ? (uint64_t)v : (uint64_t)(-1 - v);

	buf_add(b, head,
	        v >= 0 ? cbor_encode_uint(argument, head, sizeof(head))
	               : cbor_encode_negint(argument, head, sizeof(head)));
}

/* The bits of v as an IEEE 754 half; false when it is none. */
static bool
half_of(double v, uint16_t *bits)
{
	double size = fabs(v);
	int exponent = size == 0 ? -14 : ilogb(size);
	double unit, units;

	if (exponent > 15)
		return false;
	/* Below 2^-14 lie the subnormal ones: their exponent field is 0. */
	if (exponent < -14)
		exponent = -14;
	unit = ldexp(1, exponent - 10);
	units = size / unit;
	if (trunc(units) != units)
		return false;
	/* The leading 1 of a normal number carries into the exponent, which is one less for it. */
	*bits = (uint16_t)((unsigned)units + ((unsigned)(exponent + 14) << 10) +
	                   (signbit(v) ? 0x8000u : 0));
	return true;
}

static void
put_real(struct buf *b, double v)
{
	unsigned char bytes[HEAD_MAX];
	uint16_t half;

	if (half_of(v, &half)) {
		buf_char(b, (char)0xf9);
		buf_be(b, half, 2);
	} else if (fabs(v) <= (double)FLT_MAX && (double)(float)v == v) {
		buf_add(b, bytes, cbor_encode_single((float)v, bytes, sizeof(bytes)));
	} else {
		buf_add(b, bytes, cbor_encode_double(v, bytes, sizeof(bytes)));
	}
}

/* What no double comes near is told in its form. */
static void
put_number(struct buf *b, struct slice s, const int64_t *v)
{
	char *text;
	double real;

	if (v != NULL) {
		put_integer(b, *v);
		return;
	}
	text = strndup(s.p, s.n);
	if (text == NULL) {
		b->failed = true;
		return;
	}
	real = strtod(text, NULL);
	free(text);
	if (isfinite(real))
		put_real(b, real);
	else
		put_string(b, s);
}

static const struct notation cbor = {
	.document = put_document,
	.document_end = put_document_end,
	.open = put_open,
	.close = put_close,
	.entry = put_entry,
	.key = put_key,
	.string = put_string,
	.bytes = put_bytes,
	.encoded = put_encoded,
	.boolean = put_boolean,
	.integer = put_integer,
	.number = put_number,
};

void
codec_cbor_writer(struct writer *w, struct buf *out)
{
	members_writer(w, &cbor, out);
}
