/* SPDX-License-Identifier: Apache-2.0 */
/* One message to the home network on its way. Private to common/mas/mas_gaka*.c. */
#ifndef MAS_GAKA_IMPL_H
#define MAS_GAKA_IMPL_H

#include "gaka/hn.h"
#include "mas/mas_group_impl.h"

/* The answer under way, until it is durable. Secret. */
struct gaka_making {
	struct gaka_hn hn;
	uint8_t *to; /* of secret_alloc */
	size_t size;
	bool single; /* to is a T11 */
};

struct gaka_work {
	struct mas_local *m;
	struct tables_tx *tx;
	struct mas_gaka *g;
	struct gaka_making *making;
	struct slice name; /* of the serving network, as lists have it */
	struct node_id sn; /* the serving network */
	struct node_id device; /* leader, or the one of T10 */
	bool resync;
	struct mas_node asker;
	struct mas_group group;
	int64_t expiry;
	struct key ka; /* of the device; wiped at the end of run */
};

enum gaka_refusal {
	GAKA_REFUSED_UNKNOWN,
	GAKA_REFUSED_NOT_MEMBER,
	GAKA_REFUSED_NETWORK,
	GAKA_REFUSED_TOO_OFTEN,
	GAKA_NOT_REFUSED
};

/* Appends to the answer. RC_UNAVAILABLE. */
enum rc gaka_put_answer(struct mas_gaka *g, const void *p, size_t n);
/* The answer is a T12, and the audit says why. */
enum rc gaka_refuse(struct gaka_work *w, enum gaka_refusal no);
/* result NULL: it is answered. */
enum rc gaka_trace(struct gaka_work *w, const char *result);
/* Whom failures and T10 are counted against. */
struct slice gaka_counted_asker(const struct mas_gaka *g);
/* The serving network behind the call; RC_FORBIDDEN, RC_NOT_FOUND: there is none. */
enum rc gaka_find_asker(struct gaka_work *w);
/* The answer, or the refusal. */
enum rc gaka_serve_t2(struct gaka_work *w, const struct gaka_t2 *t2);
enum rc gaka_serve_t10(struct gaka_work *w, const struct gaka_t10 *t10);

#endif
