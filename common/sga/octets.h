/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Octets taken apart, and put together in a place of known size. Both remember a failure and then
 * do nothing more: check once, at the end. They erase nothing: who has the octets does.
 */
#ifndef SGA_OCTETS_H
#define SGA_OCTETS_H

#include "sga/sga.h"

/* ---- reading ---- */

struct sga_reader {
	struct slice rest;
	bool bad;
};

struct sga_reader sga_reader_of(struct slice octets);
/* True when nothing was bad and nothing is left. */
bool sga_reader_done(const struct sga_reader *r);
/* The next n octets, a view; SLICE_NONE when there are fewer: bad. */
struct slice sga_read(struct sga_reader *r, size_t n);
/* Copies the next n octets to out; zeros when bad. */
void sga_read_to(struct sga_reader *r, void *out, size_t n);
/* A number of n (1..8) octets; 0 when bad. */
uint64_t sga_read_be(struct sga_reader *r, unsigned n);
/* What follows a length of one or two octets, a view; it may be empty. */
struct slice sga_read_lv8(struct sga_reader *r);
struct slice sga_read_lv16(struct sga_reader *r);
/* lv8(ID); n 0 when bad: another length or character than an identity has. */
void sga_read_id(struct sga_reader *r, struct sga_id *out);
/* The three of IDs. */
void sga_read_ids(struct sga_reader *r, struct sga_ids *out);

/* ---- writing ---- */

struct sga_writer {
	uint8_t *p;
	size_t n, max;
	bool full; /* something did not fit; it was left out, and all after it */
};

struct sga_writer sga_writer_of(void *to, size_t max);
/* What was written so far, a view. */
struct slice sga_written(const struct sga_writer *w);
void sga_write(struct sga_writer *w, const void *p, size_t n);
void sga_write_slice(struct sga_writer *w, struct slice s);
void sga_write_be(struct sga_writer *w, uint64_t v, unsigned n);
/* full, too, when s is longer than its length can say. */
void sga_write_lv8(struct sga_writer *w, struct slice s);
void sga_write_lv16(struct sga_writer *w, struct slice s);
void sga_write_id(struct sga_writer *w, const struct sga_id *id);
void sga_write_ids(struct sga_writer *w, const struct sga_ids *ids);

/* a XOR b, n octets of each, to out, which may be one of them. */
void sga_xor(const void *a, const void *b, void *out, size_t n);

#endif
