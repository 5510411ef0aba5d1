/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sga/octets.h"

#include "base/be.h"

/* ---- reading ---- */

struct sga_reader
sga_reader_of(struct slice octets)
{
	return (struct sga_reader){ .rest = octets };
}

bool
sga_reader_done(const struct sga_reader *r)
{
	return !r->bad && r->rest.n == 0;
}

struct slice
sga_read(struct sga_reader *r, size_t n)
{
	struct slice s;

	if (r->bad || r->rest.n < n) {
		r->bad = true;
		return SLICE_NONE;
	}
	s = slice_head(r->rest, n);
	if (n > 0)
		r->rest = slice_from(r->rest, n);
	return s;
}

void
sga_read_to(struct sga_reader *r, void *out, size_t n)
{
	struct slice s = sga_read(r, n);

	if (n == 0)
		return;
	if (s.n == n)
		memcpy(out, s.p, n);
	else
		memset(out, 0, n);
}

uint64_t
sga_read_be(struct sga_reader *r, unsigned n)
{
	struct slice s = sga_read(r, n);

	return be_get(s.p, (unsigned)s.n);
}

struct slice
sga_read_lv8(struct sga_reader *r)
{
	return sga_read(r, (size_t)sga_read_be(r, 1));
}

struct slice
sga_read_lv16(struct sga_reader *r)
{
	return sga_read(r, (size_t)sga_read_be(r, 2));
}

void
sga_read_id(struct sga_reader *r, struct sga_id *out)
{
	if (sga_id_make(sga_read_lv8(r), out) != RC_OK)
		r->bad = true;
}

void
sga_read_ids(struct sga_reader *r, struct sga_ids *out)
{
	sga_read_id(r, &out->i);
	sga_read_id(r, &out->g);
	sga_read_id(r, &out->j);
}

/* ---- writing ---- */

struct sga_writer
sga_writer_of(void *to, size_t max)
{
	return (struct sga_writer){ .p = to, .max = max };
}

struct slice
sga_written(const struct sga_writer *w)
{
	return slice_make(w->p, w->n);
}

void
sga_write(struct sga_writer *w, const void *p, size_t n)
{
	if (w->full || w->max - w->n < n) {
		w->full = true;
		return;
	}
	if (n > 0)
		memcpy(w->p + w->n, p, n);
	w->n += n;
}

void
sga_write_slice(struct sga_writer *w, struct slice s)
{
	sga_write(w, s.p, s.n);
}

void
sga_write_be(struct sga_writer *w, uint64_t v, unsigned n)
{
	uint8_t octets[8];

	be_put(octets, v, n);
	sga_write(w, octets, n);
}

static void
write_lv(struct sga_writer *w, struct slice s, unsigned n, size_t longest)
{
	if (s.n > longest)
		w->full = true;
	sga_write_be(w, s.n, n);
	sga_write_slice(w, s);
}

void
sga_write_lv8(struct sga_writer *w, struct slice s)
{
	write_lv(w, s, 1, UINT8_MAX);
}

void
sga_write_lv16(struct sga_writer *w, struct slice s)
{
	write_lv(w, s, 2, UINT16_MAX);
}

void
sga_write_id(struct sga_writer *w, const struct sga_id *id)
{
	sga_write_lv8(w, sga_id_slice(id));
}

void
sga_write_ids(struct sga_writer *w, const struct sga_ids *ids)
{
	sga_write_id(w, &ids->i);
	sga_write_id(w, &ids->g);
	sga_write_id(w, &ids->j);
}

void
sga_xor(const void *a, const void *b, void *out, size_t n)
{
	const uint8_t *x = a, *y = b;
	uint8_t *to = out;

	for (size_t i = 0; i < n; i++)
		to[i] = x[i] ^ y[i];
}
