/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What waits for a device: messages, numbered from 1 in the order in which they came, until it
 * acknowledges them or their time is over. Only other operations put something in.
 */
#ifndef CAP_SGS_SGS_MAILBOX_H
#define CAP_SGS_SGS_MAILBOX_H

#include "cap/sgs/sgs_book.h"

/*
 * The device has that item. RC_OK also when it is not there any more; RC_NOT_FOUND: no such device,
 * or there has never been such an item. Many at once are removed in steps; what comes meanwhile is
 * not among them.
 */
struct sgs_ack {
	struct sgs_op op;
	uint64_t device;
	uint64_t item;
	bool through; /* and all before it */
};

void sgs_item_ack(struct sgs_book *b, struct sgs_ack *a);

/* ---- reading ---- */

struct sgs_item {
	uint64_t number;
	int64_t received, expires;
	struct slice octets; /* the message */
};

/* False ends it. */
typedef bool sgs_item_visit(void *arg, const struct sgs_item *i);
/*
 * Items with numbers above after, in their order, at most max (0: any number) and, but for the
 * first of them, at most max_octets together. RC_NOT_FOUND: no such device; RC_INTERNAL.
 */
enum rc sgs_item_list(const struct sgs_view *v, uint64_t device, uint64_t after, size_t max,
                      uint64_t max_octets, sgs_item_visit *visit, void *arg);

#endif
