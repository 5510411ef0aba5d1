/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tests of bootstraps ask of the MSBF that they have: each test has its own process, which
 * begins with start or start_admitted and ends with msbf_bed_free.
 */
#ifndef UNIT_MSBF_CASE_H
#define UNIT_MSBF_CASE_H

#include "msbf_bed.h"
#include "suite.h"

extern struct msbf_bed bed;
/* Made and opened; engine as in bed_make. */
struct msbf_bed *start(int engine);
/* With PPID_A on the list. */
struct msbf_bed *start_admitted(int engine);

/* That element or member of the answer has that value. */
void value(const struct told *t, const char *name, const char *expected);
/* Of a parameter set. */
struct node_id node_of(const struct told *t);
uint32_t index_of(const struct told *t);
/* Kmr as the node computes it. */
struct key kmr_of(const struct told *t, const char *ppid, uint8_t session);
/* The MAS has that Kmr. */
bool mas_has_kmr(struct msbf_bed *b, const struct told *t, const struct key *kmr);

/* It is an error with that reason, which nobody stores; frees t. */
void refused(struct told t, int status, const char *reason);

#endif
