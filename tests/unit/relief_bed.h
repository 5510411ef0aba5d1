/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relief of accepted requests, played by the test: on the saf bed, RCAT_0 is rigid and a delay of
 * a minute is the least of an adaptive request. Everything here may be called by the test's thread:
 * it is done on the courier thread.
 */
#ifndef UNIT_RELIEF_BED_H
#define UNIT_RELIEF_BED_H

#include "core/saf_relief.h"
#include "saf_bed.h"

#define RELIEF_CONTACT "http://scl.example.org:8080/m2m/proxy/answers"

/* What the relief says and has heard. */
struct relief {
	_Atomic bool open; /* adaptive requests may be sent */
	_Atomic unsigned pressed;
	_Atomic unsigned ups, downs; /* of the link */
	uint64_t parked_max; /* may be changed before core_start */
};

extern struct relief relief;

/* As saf_init; the scl will be relieved. What is adaptive is held. */
void relief_init(void);
/* The same as saf_setup. */
void relief_setup(void);

/* Accepted for OTHER with RCAT_n, body as correlation; trpdt may be NULL. */
void relief_accept(const char *body, unsigned rcat, const char *trpdt);
/* n of them, named prefix00, prefix01..., RCAT_3. */
void relief_accept_some(const char *prefix, unsigned n);
/* Repeats such a request; the status. */
int relief_repeat(const char *body, unsigned rcat);

/* How many adaptive ones wait in lines; waits until it is n. */
size_t relief_waiting(void);
void relief_await_waiting(size_t n);

unsigned relief_take(unsigned max, size_t octets, struct parcel **out);
/* Waits until n wait, takes them; all of them there must be. */
void relief_take_all(unsigned n, struct parcel **out);
struct parcel *relief_claim(uint64_t key, uint64_t order);
void relief_return(struct parcel *const *parcels, unsigned n);
/* Waits for its end. */
enum rc relief_park(struct parcel *const *parcels, unsigned n);
/* Begins it and goes on. */
void relief_park_begin(struct parcel *const *parcels, unsigned n);
/* The document, zero-terminated, heap; NULL with *rc. */
char *relief_document(struct parcel *p, enum rc *rc);
/* The body in the document of p, heap. */
char *relief_body(struct parcel *p);
/* What is adaptive may be sent from now on, or not. */
void relief_open(bool open);

#endif
