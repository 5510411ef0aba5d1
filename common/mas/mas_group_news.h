/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What has changed in groups lately, by numbers, for those who ask for it with a long poll: other
 * processes (mas_rest.h) and gateways without a link to the MAS. Bounded: who comes too late is told
 * that all vectors it has are void. Any thread; nothing waits for long.
 */
#ifndef MAS_GROUP_NEWS_H
#define MAS_GROUP_NEWS_H

#include "mas/mas.h"

#define MAS_NEWS_MAX 512u /* events that are remembered; a power of 2 */

struct mas_group_news;

/* NULL without memory. */
struct mas_group_news *mas_group_news_new(void);
/* NULL is fine. */
void mas_group_news_free(struct mas_group_news *t);

void mas_group_news_add(struct mas_group_news *t, const struct mas_group_event *e);
/* True when there is something above since that serving (NULL: anybody) is to be told. */
bool mas_group_news_are(struct mas_group_news *t, uint64_t since, const struct node_id *serving);

struct mas_group_news_read {
	uint64_t since; /* up_to of the last time; 0: it is the first */
	const struct node_id *serving; /* mas_serving_id of who asks; NULL: all events */
	uint64_t up_to; /* out */
	bool reset; /* out: some are lost, or it is the first time; nothing is visited */
	/* Only copies: the news are locked. */
	void (*visit)(struct mas_group_news_read *r, const struct mas_group_event *e);
	void *arg;
};
void mas_group_news_read(struct mas_group_news *t, struct mas_group_news_read *r);

/* ---- as JSON: {"upTo":n,"reset":false,"groups":[{"gid","epoch","removed"?,"serving"?}]} ---- */

/* All of it; with serving: who asks, whose name is left out. */
void mas_group_news_put(struct mas_group_news *t, uint64_t since, const struct node_id *serving,
                        struct buf *b);
/* Reads it: each calls each event, of a reset the one with GID 0. False: it is not that. */
bool mas_group_news_take(struct slice text, uint64_t *up_to,
                         void (*each)(void *arg, const struct mas_group_event *e), void *arg);

#endif
