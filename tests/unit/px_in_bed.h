/* SPDX-License-Identifier: Apache-2.0 */
/* A book of a sink in a directory of the test's own, whose commits the test lets fail. */
#ifndef UNIT_PX_IN_BED_H
#define UNIT_PX_IN_BED_H

#include <check.h>
#include <pthread.h>

#include "cap/pxy/px_inbook.h"

#define PX_IN_URL "http://gw.example.org/m2m"
#define PX_IN_OCTETS (UINT64_C(1) << 20) /* that may wait */

struct px_in_bed {
	char base[200], dir[256];
	struct px_inbook *book;
	struct px_in_name source; /* of PX_IN_URL */
};

/* A directory; the book is opened. */
void px_in_start(struct px_in_bed *b);
void px_in_open(struct px_in_bed *b);
void px_in_close(struct px_in_bed *b);
/* Closes, removes the directory. */
void px_in_free(struct px_in_bed *b);

/* The next n commits (of all books) fail with rc. */
void px_in_fail(unsigned n, enum rc rc);
/* The process is killed instead of its n-th commit from now on; 0: not any more. */
void px_in_kill_at(unsigned n);

/* Hands in and waits; the outcome. */
enum rc px_in_do_take(struct px_in_bed *b, struct px_in_take *t);
enum rc px_in_do_end(struct px_in_bed *b, struct px_in_end *e);
/* One plaintext, whose state is the same text. */
enum rc px_in_put(struct px_in_bed *b, const char *plain);
enum rc px_in_end_to(struct px_in_bed *b, uint64_t up_to);

struct px_in_count px_in_counts(struct px_in_bed *b);
/* The plaintexts that wait behind a number, each with a space behind it; static memory. */
const char *px_in_queue(struct px_in_bed *b, uint64_t after, size_t n);

#endif
