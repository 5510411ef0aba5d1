/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Octets of records: big-endian numbers and texts with their length, written with base/buf.h and
 * read back strictly: what is left over, missing or out of range makes the whole record invalid.
 */
#ifndef STORE_PACK_H
#define STORE_PACK_H

#include "base/buf.h"

#include <stdint.h>

/* Text or octets: u16 length, then they; at most 65535. */
static inline void
pack_text(struct buf *to, struct slice s)
{
	buf_be(to, s.n, 2);
	buf_slice(to, s);
}

/* What is still to be read; the slices that come out of it lie in the record. */
struct unpack {
	struct slice rest;
	bool bad; /* sticky */
};

static inline struct unpack
unpack_of(struct slice record)
{
	return (struct unpack){ .rest = record };
}

/* n octets into memory of as many, which is zeroed when they are not there. */
void unpack_into(struct unpack *u, void *to, size_t n);
/* Number of size octets (1..8), at most max. */
uint64_t unpack_number(struct unpack *u, unsigned size, uint64_t max);
/* Number of one octet in 1..max. */
unsigned unpack_enum(struct unpack *u, unsigned max);
/* A time or another number that is not negative. */
int64_t unpack_time(struct unpack *u);
bool unpack_flag(struct unpack *u);
/* Text of at most max octets. */
struct slice unpack_text(struct unpack *u, size_t max);
/* The same into a string of max + 1 octets; a zero octet in it is invalid. */
void unpack_string(struct unpack *u, char *to, size_t max);
/* True when the whole record was read and nothing was wrong. */
bool unpack_done(const struct unpack *u);

/* Puts s into the string to of max + 1 octets; false when it is too long or has a zero octet. */
bool string_set(char *to, size_t max, struct slice s);

#endif
