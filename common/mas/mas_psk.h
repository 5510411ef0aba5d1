/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys of session A in memory, for the handshake: PSK_mr2 and PSK_mr3 of every Kmr that is not
 * erased, beside them its K_ind and the class of its subscription, in memory that is neither swapped
 * nor dumped. Read by all serving threads, written by the worker. And what has changed of them
 * lately, for a NSCL with a copy (psk-feed).
 */
#ifndef MAS_PSK_H
#define MAS_PSK_H

#include "base/clock.h"
#include "mas/mas.h"

struct mas_psk;

/* clock outlives the table. NULL without memory. */
struct mas_psk *mas_psk_new(const struct clock *clock);
void mas_psk_free(struct mas_psk *t);

/* Room for n more keys, so that as many mas_psk_put succeed. RC_UNAVAILABLE. Worker. */
enum rc mas_psk_room(struct mas_psk *t, unsigned n);
/* The class of a Kmr, as in struct mas_standing. */
struct mas_psk_class {
	bool low, active;
};
/* The keys of that Kmr, served until not_after. There must be room. RC_INTERNAL. Worker. */
enum rc mas_psk_put(struct mas_psk *t, const struct node_id *node, uint32_t index,
                    const struct key *kmr, int64_t not_after, struct mas_psk_class class);
/* All that there is to one Kmr. */
struct mas_psk_keys {
	struct key psk2, psk3;
	struct key indicator; /* zero: there is none */
	struct mas_psk_class class;
};
/* The same with keys that another MAS has derived; the caller wipes them. */
enum rc mas_psk_put_keys(struct mas_psk *t, const struct node_id *node, uint32_t index,
                         const struct mas_psk_keys *keys, int64_t not_after);
/* Its class from now on; true when that is another one than before. Nothing when there is none. Worker. */
bool mas_psk_set_class(struct mas_psk *t, const struct node_id *node, uint32_t index,
                       struct mas_psk_class class);
/* Nothing happens when there is none. Worker. */
void mas_psk_del(struct mas_psk *t, const struct node_id *node, uint32_t index);

/* False when there is none, or it has expired. Any thread, never waits for long. */
bool mas_psk_find(struct mas_psk *t, const struct psk_id *id, struct key *psk);
/* As indicator of struct mas_ops; also false for a Kmr without K_ind. */
bool mas_psk_standing(struct mas_psk *t, const struct node_id *node, uint32_t index,
                      struct mas_standing *out);
/* As low of struct mas_ops. */
bool mas_psk_low(struct mas_psk *t, const struct node_id *node);

/* One Kmr of the feed. */
struct mas_psk_change {
	struct node_id node;
	uint32_t index;
	bool gone;
	int64_t not_after;
	struct mas_psk_keys keys; /* unless gone; wiped after the call */
};

struct mas_psk_feed {
	uint64_t since; /* in: up_to of the last time, 0 = all */
	uint64_t up_to; /* out */
	bool reset; /* out, before the first visit: what the caller has is void, all comes */
	void (*visit)(struct mas_psk_feed *f, const struct mas_psk_change *c);
	void *arg;
};

/*
 * What has changed since; all when that is too long ago or before this start. The table is locked
 * against changes meanwhile: visit only copies. Any thread but not a serving one.
 */
void mas_psk_feed(struct mas_psk *t, struct mas_psk_feed *f);
/* True when feed would have something. Any thread. */
bool mas_psk_news(struct mas_psk *t, uint64_t since);

#endif
