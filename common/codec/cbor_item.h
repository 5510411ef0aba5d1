/* SPDX-License-Identifier: Apache-2.0 */
/* Heads of CBOR items (RFC 8949 3), one after the other. Nothing is allocated. Any thread. */
#ifndef CODEC_CBOR_ITEM_H
#define CODEC_CBOR_ITEM_H

#include "base/slice.h"

#include <stdint.h>

enum item_kind {
	KIND_NONE, /* what no document may hold */
	KIND_INTEGER,
	KIND_REAL,
	KIND_BOOLEAN,
	KIND_TEXT,
	KIND_BYTES,
	KIND_ARRAY,
	KIND_MAP,
	KIND_TAG,
	KIND_BREAK,
};

/* The head of one item, with the contents of a string. */
struct item {
	enum item_kind kind;
	bool indefinite; /* KIND_TEXT, KIND_BYTES, KIND_ARRAY, KIND_MAP: ends with KIND_BREAK */
	const char *why; /* KIND_NONE: what it is instead */
	union {
		int64_t integer;
		double real;
		bool boolean;
		uint64_t tag;
		uint64_t count; /* entries or members */
		struct slice bytes; /* in the input */
	};
};

/*
 * Takes the head that *rest begins with, and the contents of a string that has a length. NULL, or
 * why there is none that a document may have, a constant: *rest is where it was.
 */
const char *item_next(struct slice *rest, struct item *item);

#endif
