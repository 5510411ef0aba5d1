/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The body of a request with messages, checked: one wire unit, or a batch of them (pre/unit.h). The
 * first octet decides: a unit begins with its version, 01, a batch with a length below 2^24. Pure;
 * any thread.
 */
#ifndef CAP_PXY_PX_UNITS_H
#define CAP_PXY_PX_UNITS_H

#include "base/arena.h"
#include "cap/pxy/px_store.h"
#include "pre/unit.h"

/* The slices lie in the body, arrays in the arena. */
struct px_units {
	size_t n; /* 1..PX_UNITS_MAX */
	struct px_unit *v; /* for the book, with marks and digests */
	const struct pre_unit *parsed; /* the same, in the same order */
	struct px_source source; /* of all of them; sign is not known */
	size_t n_management; /* MM2 among them */
};

/*
 * unit_max: octets of a unit. RC_BAD_REQUEST: not what it should be, of several sources, or an MM1,
 * which is for sinks; RC_TOO_LARGE: a unit over unit_max, or too many; RC_UNAVAILABLE without memory;
 * RC_INTERNAL.
 */
enum rc px_units_read(struct slice body, size_t unit_max, struct arena *a, struct px_units *out);
/*
 * Whether the next MM2, at most max of them from place *at on, are signed by that key: 0.1 ms each, for
 * a thread of the pool. *at is moved behind them, to n at the end. RC_BAD_REQUEST: one is not;
 * RC_INTERNAL.
 */
enum rc px_units_verify(const struct px_units *u, const uint8_t sign[PX_SIGN_BYTES], unsigned max,
                        size_t *at);

#endif
