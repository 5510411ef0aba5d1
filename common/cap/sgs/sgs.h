/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server of the security gateway application as a row of parts. Each part (guard, book, key
 * ring, pool, waits, deliveries, REST) is one constant struct sgs_part and one line in the table of
 * sgs.c; it touches its own member of struct sgs (sgs_own.h) alone.
 *
 *   attach  in the order of the table; there is an scl, but neither threads of it nor listeners:
 *           endpoints are entered here, the store is opened, key sets are made that are not there
 *   start   in the same order; the scl has its threads. Then the gate opens
 *   stop    the gate is closed first: nobody gets in any more. In the opposite order, before the
 *           scl stops. What is under way is answered
 *   detach  in the opposite order, after scl_free
 */
#ifndef CAP_SGS_SGS_H
#define CAP_SGS_SGS_H

#include "cap/capability.h"
#include "cap/sgs/sgs_book.h"

struct sgs;

struct sgs_part {
	const char *name; /* for what is said of a failure */
	/* On failure one line is in why, and neither stop nor detach of this part is called. */
	enum rc (*attach)(struct sgs *s, char why[CAPABILITY_WHY_MAX]);
	/* On failure stop of this part is not called, detach is. */
	enum rc (*start)(struct sgs *s, char why[CAPABILITY_WHY_MAX]);
	void (*stop)(struct sgs *s);
	void (*detach)(struct sgs *s);
	/* What the book tells (sgs_book.h, told), inside the gate. On its thread; must not block. */
	void (*told)(struct sgs *s, enum sgs_told what, uint64_t device);
};

/* As struct capability; *out is NULL when the options ask for nothing. */
enum rc sgs_attach(struct scl *scl, const struct capability_conf *conf, struct sgs **out,
                   char why[CAPABILITY_WHY_MAX]);
enum rc sgs_start(struct sgs *s, const char *base_uri, char why[CAPABILITY_WHY_MAX]);
/* Also when sgs_start has failed. */
void sgs_stop(struct sgs *s);
void sgs_detach(struct sgs *s);

#endif
