/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "codec/cbor_item.h"

#include <math.h>

#include <cbor.h>

static void
on_integer(void *arg, uint64_t v)
{
	struct item *item = arg;

	if (v > INT64_MAX)
		item->why = "number out of range";
	else
		*item = (struct item){ .kind = KIND_INTEGER, .integer = (int64_t)v };
}

static void
on_uint8(void *arg, uint8_t v)
{
	on_integer(arg, v);
}

static void
on_uint16(void *arg, uint16_t v)
{
	on_integer(arg, v);
}

static void
on_uint32(void *arg, uint32_t v)
{
	on_integer(arg, v);
}

/* The number is -1 - v. */
static void
on_negative(void *arg, uint64_t v)
{
	struct item *item = arg;

	on_integer(arg, v);
	item->integer = -1 - item->integer;
}

static void
on_negint8(void *arg, uint8_t v)
{
	on_negative(arg, v);
}

static void
on_negint16(void *arg, uint16_t v)
{
	on_negative(arg, v);
}

static void
on_negint32(void *arg, uint32_t v)
{
	on_negative(arg, v);
}

static void
on_real(void *arg, double v)
{
	struct item *item = arg;

	if (isfinite(v))
		*item = (struct item){ .kind = KIND_REAL, .real = v };
	else
		item->why = "a number that is infinite or none";
}

static void
on_float(void *arg, float v)
{
	on_real(arg, (double)v);
}

static void
on_boolean(void *arg, bool v)
{
	*(struct item *)arg = (struct item){ .kind = KIND_BOOLEAN, .boolean = v };
}

static void
on_bytes(void *arg, cbor_data p, size_t n)
{
	*(struct item *)arg = (struct item){ .kind = KIND_BYTES, .bytes = slice_make(p, n) };
}

static void
on_bytes_start(void *arg)
{
	*(struct item *)arg = (struct item){ .kind = KIND_BYTES, .indefinite = true };
}

static void
on_text(void *arg, cbor_data p, size_t n)
{
	*(struct item *)arg = (struct item){ .kind = KIND_TEXT, .bytes = slice_make(p, n) };
}

static void
on_text_start(void *arg)
{
	*(struct item *)arg = (struct item){ .kind = KIND_TEXT, .indefinite = true };
}

static void
on_array(void *arg, size_t n)
{
	*(struct item *)arg = (struct item){ .kind = KIND_ARRAY, .count = n };
}

static void
on_array_start(void *arg)
{
	*(struct item *)arg = (struct item){ .kind = KIND_ARRAY, .indefinite = true };
}

static void
on_map(void *arg, size_t n)
{
	*(struct item *)arg = (struct item){ .kind = KIND_MAP, .count = n };
}

static void
on_map_start(void *arg)
{
	*(struct item *)arg = (struct item){ .kind = KIND_MAP, .indefinite = true };
}

static void
on_tag(void *arg, uint64_t v)
{
	*(struct item *)arg = (struct item){ .kind = KIND_TAG, .tag = v };
}

static void
on_null(void *arg)
{
	((struct item *)arg)->why = "null is not accepted";
}

static void
on_undefined(void *arg)
{
	((struct item *)arg)->why = "undefined is not accepted";
}

static void
on_break(void *arg)
{
	*(struct item *)arg = (struct item){ .kind = KIND_BREAK };
}

static const struct cbor_callbacks callbacks = {
	.uint8 = on_uint8,
	.uint16 = on_uint16,
	.uint32 = on_uint32,
	.uint64 = on_integer,
	.negint64 = on_negative,
	.negint32 = on_negint32,
	.negint16 = on_negint16,
	.negint8 = on_negint8,
	.byte_string_start = on_bytes_start,
	.byte_string = on_bytes,
	.string = on_text,
	.string_start = on_text_start,
	.indef_array_start = on_array_start,
	.array_start = on_array,
	.indef_map_start = on_map_start,
	.map_start = on_map,
	.tag = on_tag,
	.float2 = on_float,
	.float4 = on_float,
	.float8 = on_real,
	.undefined = on_undefined,
	.null = on_null,
	.boolean = on_boolean,
	.indef_break = on_break,
};

const char *
item_next(struct slice *rest, struct item *item)
{
	struct cbor_decoder_result result;

	*item = (struct item){ .kind = KIND_NONE };
	if (rest->n == 0)
		return "the document ends early";
	result = cbor_stream_decode((cbor_data)rest->p, rest->n, &callbacks, item);
	if (result.status == CBOR_DECODER_NEDATA)
		return "the document ends early";
	if (result.status != CBOR_DECODER_FINISHED)
		return "not well-formed, or a simple value that has no meaning";
	if (item->kind == KIND_NONE)
		return item->why;
	*rest = slice_from(*rest, result.read);
	return NULL;
}
