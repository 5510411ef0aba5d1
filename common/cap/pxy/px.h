/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The capability as a row of parts. Each part (the book, the pool, REST, lanes, datagrams, inbox,
 * source) is one constant struct px_part in its own file and one line in the table of px.c; it
 * touches its own member of struct px (px_own.h) alone.
 *
 *   attach  in the order of the table; there is an scl, but neither threads of it nor listeners:
 *           endpoints and relief are entered here, stores opened, what is stored is read
 *   start   in the same order; the scl has its threads and knows its names. Then the gate opens
 *   stop    the gate is closed first: nobody is inside any more, nobody gets in. In the opposite
 *           order, before the scl stops. What is under way is answered or left
 *   detach  in the opposite order, after scl_free: nothing runs any more but what the part itself
 *           has
 */
#ifndef CAP_PXY_PX_H
#define CAP_PXY_PX_H

#include "cap/capability.h"
#include "cap/pxy/px_book.h"

struct px;

enum px_role {
	PX_PROXY = 1, /* stores and forwards for others */
	PX_SINK = 2, /* receives and applies */
	PX_SOURCE = 4, /* parks what its uplink does not take */
};

struct px_part {
	const char *name; /* for what is said of a failure */
	unsigned roles; /* enum px_role: the part exists when the capability has one of them */
	/*
	 * On failure one line is in why, and neither stop nor detach of this part is called. Each may be
	 * NULL.
	 */
	enum rc (*attach)(struct px *px, char why[CAPABILITY_WHY_MAX]);
	/* On failure stop of this part is not called, detach is. */
	enum rc (*start)(struct px *px, char why[CAPABILITY_WHY_MAX]);
	void (*stop)(struct px *px);
	void (*detach)(struct px *px);
	/* What the book tells (px_book.h, told), inside the gate. On its thread; must not block. */
	void (*told)(struct px *px, enum px_told what, uint64_t id);
};

/* As struct capability; *out is NULL when the options ask for nothing. */
enum rc px_attach(struct scl *scl, const struct capability_conf *conf, struct px **out,
                  char why[CAPABILITY_WHY_MAX]);
enum rc px_start(struct px *px, const char *base_uri, char why[CAPABILITY_WHY_MAX]);
/* Also when px_start has failed. */
void px_stop(struct px *px);
void px_detach(struct px *px);

#endif
