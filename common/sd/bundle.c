/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sd/bundle.h"

#include "base/be.h"

/* Offsets of the members. */
enum { AT_ALG = 4, AT_FLAGS = 5, AT_N = 6, AT_TOTAL = 8, AT_GATEWAY = 12, AT_SEQ = 28 };
/* Of those of a reading. */
enum { READING_SEQ = 16, READING_MILLIS = 24, READING_LENGTH = 32 };

static const struct slice magic = SLICE_INIT("MSB1");

/* Octets of signatures: of all readings together, and of each. */
static const struct {
	size_t once, each;
} sizes[SD_ALG_MAX + 1] = {
	[SD_ED25519] = { 0, SD_ED25519_SIZE },
	[SD_BLS] = { SD_BLS_SIZE, 0 },
	[SD_BLS_SINGLE] = { 0, SD_BLS_SIZE },
	[SD_IDENTITY] = { SD_IDENTITY_SIZE, 0 },
};

size_t
sd_signatures_size(enum sd_alg alg, size_t n)
{
	if ((unsigned)alg < SD_ALG_MIN || (unsigned)alg > SD_ALG_MAX)
		return 0;
	return sizes[alg].once + n * sizes[alg].each;
}

size_t
sd_bundle_size(enum sd_alg alg, size_t n, size_t payloads)
{
	return SD_BUNDLE_FIXED + n * SD_READING_FIXED + payloads + sd_signatures_size(alg, n);
}

/* ---- reading ---- */

/* Octets of the reading at the start of rest; 0: there is none. */
static size_t
reading_size(struct slice rest)
{
	size_t n;

	if (rest.n < SD_READING_FIXED)
		return 0;
	n = (size_t)be_get(rest.p + READING_LENGTH, 2);
	return n <= SD_PAYLOAD_MAX && n <= rest.n - SD_READING_FIXED ? SD_READING_FIXED + n : 0;
}

/* The n readings at the start of rest. False: there are not so many. */
static bool
split(struct slice rest, size_t n, struct slice *records, struct slice *behind)
{
	struct slice all = rest;

	for (size_t i = 0; i < n; i++) {
		size_t size = reading_size(rest);

		if (size == 0)
			return false;
		rest = slice_from(rest, size);
	}
	*records = slice_head(all, all.n - rest.n);
	*behind = rest;
	return true;
}

static bool
head_ok(struct slice octets)
{
	return octets.n >= SD_BUNDLE_FIXED && octets.n <= SD_BUNDLE_MAX &&
	       slice_starts(octets, magic) && be_get(octets.p + AT_TOTAL, 4) == octets.n;
}

static bool
members_ok(const struct sd_bundle *b)
{
	return (unsigned)b->alg >= SD_ALG_MIN && (unsigned)b->alg <= SD_ALG_MAX &&
	       (b->flags & ~SD_ENCRYPTED) == 0 && b->n > 0 && b->n <= SD_READINGS_MAX;
}

enum rc
sd_bundle_parse(struct slice octets, struct sd_bundle *out)
{
	struct sd_bundle b = { 0 };

	*out = b;
	if (!head_ok(octets))
		return RC_BAD_REQUEST;
	b.alg = (enum sd_alg)be_get(octets.p + AT_ALG, 1);
	b.flags = (uint8_t)be_get(octets.p + AT_FLAGS, 1);
	b.n = (size_t)be_get(octets.p + AT_N, 2);
	memcpy(b.gateway.v, octets.p + AT_GATEWAY, NODE_ID_BYTES);
	b.seq = be_get(octets.p + AT_SEQ, 8);
	if (!members_ok(&b) ||
	    !split(slice_from(octets, SD_BUNDLE_FIXED), b.n, &b.records, &b.signatures) ||
	    b.signatures.n != sd_signatures_size(b.alg, b.n))
		return RC_BAD_REQUEST;
	*out = b;
	return RC_OK;
}

void
sd_bundle_readings(const struct sd_bundle *b, struct sd_reading *out)
{
	const char *p = b->records.p;

	for (size_t i = 0; i < b->n; i++) {
		size_t n = (size_t)be_get(p + READING_LENGTH, 2);

		memcpy(out[i].device.v, p, NODE_ID_BYTES);
		out[i].seq = be_get(p + READING_SEQ, 8);
		out[i].millis = be_get(p + READING_MILLIS, 8);
		out[i].payload = slice_make(p + SD_READING_FIXED, n);
		p += SD_READING_FIXED + n;
	}
}

/* ---- writing ---- */

static enum rc
write_head(const struct sd_bundle *b, size_t total, struct buf *out)
{
	buf_slice(out, magic);
	buf_be(out, (uint64_t)b->alg, 1);
	buf_be(out, b->flags, 1);
	buf_be(out, b->n, 2);
	buf_be(out, total, 4);
	buf_add(out, b->gateway.v, NODE_ID_BYTES);
	buf_be(out, b->seq, 8);
	return out->failed ? RC_UNAVAILABLE : RC_OK;
}

enum rc
sd_bundle_write(const struct sd_bundle *b, const struct sd_reading *readings, struct buf *out)
{
	uint8_t record[SD_READING_FIXED + SD_PAYLOAD_MAX];
	size_t payloads = 0, before = out->n, total;

	if (!members_ok(b) || b->signatures.n != sd_signatures_size(b->alg, b->n))
		return RC_BAD_REQUEST;
	for (size_t i = 0; i < b->n; i++) {
		if (readings[i].payload.n > SD_PAYLOAD_MAX)
			return RC_BAD_REQUEST;
		payloads += readings[i].payload.n;
	}
	total = sd_bundle_size(b->alg, b->n, payloads);
	if (buf_reserve(out, total) == NULL || write_head(b, total, out) != RC_OK) {
		out->n = before;
		return RC_UNAVAILABLE;
	}
	for (size_t i = 0; i < b->n; i++)
		buf_add(out, record, sd_reading_write(&readings[i], record));
	buf_slice(out, b->signatures);
	return RC_OK;
}
