/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sga/saved.h"

#include "sga/octets.h"

#define SAVED_VERSION 1

/* ---- writing ---- */

static uint64_t
number_get(const uint8_t *p, uint16_t n)
{
	uint16_t two;
	uint32_t four;
	uint64_t eight;

	switch (n) {
	case 1:
		return *p;
	case sizeof(two):
		memcpy(&two, p, sizeof(two));
		return two;
	case sizeof(four):
		memcpy(&four, p, sizeof(four));
		return four;
	default:
		memcpy(&eight, p, sizeof(eight));
		return eight;
	}
}

static void
write_member(const struct sga_field *m, const uint8_t *p, struct buf *to)
{
	const struct sga_id *id = (const void *)p;

	switch (m->kind) {
	case SGA_FIELD_OCTETS:
		buf_add(to, p, m->n);
		break;
	case SGA_FIELD_NUMBER:
		buf_be(to, number_get(p, m->n), m->n);
		break;
	case SGA_FIELD_FLAG:
		buf_be(to, *(const bool *)(const void *)p, 1);
		break;
	case SGA_FIELD_ID:
		buf_be(to, id->n, 1);
		buf_add(to, id->v, SGA_ID_MAX);
		break;
	}
}

enum rc
sga_saved_write(const struct sga_saved_form *f, const void *object, struct slice tail,
                struct buf *to)
{
	const uint8_t *p = object;
	size_t at = to->n;
	struct sga_hash hash;
	enum rc rc;

	buf_be(to, SAVED_VERSION, 1);
	buf_be(to, f->kind, 1);
	for (size_t i = 0; i < f->count; i++)
		write_member(&f->members[i], p + f->members[i].at, to);
	buf_be(to, tail.n, 2);
	buf_slice(to, tail);
	rc = to->failed ? RC_NO_SPACE : sga_hash(slice_from(buf_view(to), at), &hash);
	if (rc == RC_OK) {
		buf_add(to, hash.v, SGA_HASH_SIZE);
		rc = to->failed ? RC_NO_SPACE : RC_OK;
	}
	if (rc != RC_OK)
		to->n = at;
	return rc;
}

/* ---- reading ---- */

static void
number_put(uint8_t *p, uint16_t n, uint64_t v)
{
	uint16_t two = (uint16_t)v;
	uint32_t four = (uint32_t)v;

	if (n == 1)
		*p = (uint8_t)v;
	else if (n == sizeof(two))
		memcpy(p, &two, sizeof(two));
	else if (n == sizeof(four))
		memcpy(p, &four, sizeof(four));
	else
		memcpy(p, &v, sizeof(v));
}

/* An identity that is empty is one that was not set. */
static bool
read_id(struct sga_reader *r, struct sga_id *out)
{
	uint64_t n = sga_read_be(r, 1);
	struct slice all = sga_read(r, SGA_ID_MAX);
	static const char zeros[SGA_ID_MAX];

	*out = (struct sga_id){ 0 };
	if (r->bad || n > SGA_ID_MAX || memcmp(all.p + n, zeros, SGA_ID_MAX - n) != 0)
		return false;
	return n == 0 || sga_id_make(slice_head(all, n), out) == RC_OK;
}

static bool
read_member(const struct sga_field *m, struct sga_reader *r, uint8_t *p)
{
	uint64_t v;

	switch (m->kind) {
	case SGA_FIELD_OCTETS:
		sga_read_to(r, p, m->n);
		break;
	case SGA_FIELD_NUMBER:
		number_put(p, m->n, sga_read_be(r, m->n));
		break;
	case SGA_FIELD_FLAG:
		v = sga_read_be(r, 1);
		*(bool *)(void *)p = v == 1;
		return v <= 1;
	case SGA_FIELD_ID:
		return read_id(r, (struct sga_id *)(void *)p);
	}
	return !r->bad;
}

/* The octets before the hash; false: it is not theirs. */
static bool
unhash(struct slice saved, struct slice *out)
{
	struct sga_hash hash;

	if (saved.n < SGA_HASH_SIZE)
		return false;
	*out = slice_head(saved, saved.n - SGA_HASH_SIZE);
	return sga_hash(*out, &hash) == RC_OK &&
	       memcmp(saved.p + out->n, hash.v, SGA_HASH_SIZE) == 0;
}

enum rc
sga_saved_read(const struct sga_saved_form *f, struct slice saved, void *object, struct slice *tail)
{
	uint8_t *p = object;
	struct sga_reader r;
	struct slice all;
	bool ok;

	if (!unhash(saved, &all))
		return RC_BAD_REQUEST;
	r = sga_reader_of(all);
	ok = sga_read_be(&r, 1) == SAVED_VERSION && sga_read_be(&r, 1) == f->kind;
	for (size_t i = 0; ok && i < f->count; i++)
		ok = read_member(&f->members[i], &r, p + f->members[i].at);
	*tail = sga_read_lv16(&r);
	return ok && sga_reader_done(&r) ? RC_OK : RC_BAD_REQUEST;
}
