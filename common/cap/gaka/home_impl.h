/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of home.h. Private to common/cap/gaka/home*.c. */
#ifndef CAP_GAKA_HOME_IMPL_H
#define CAP_GAKA_HOME_IMPL_H

#include "cap/gaka/home.h"
#include "cap/sec_access.h"
#include "core/endpoint.h"
#include "core/scl.h"
#include "mas/mas_group_news.h"

#include <pthread.h>

#define HOME_PATH_MAX 256

struct home_poll;

/* Long polls, and what they wait for. */
struct home_feed {
	struct mas_group_news *news;
	struct mas_watcher watcher;
	struct scl_task task; /* answers those that are due, on the courier thread */
	pthread_mutex_t lock; /* guards the rest */
	bool running;
	struct home_poll *polls;
	unsigned n_polls;
};

struct gaka_home {
	struct scl *scl;
	const struct sec_access *sec;
	const struct mas *mas;
	struct log *log;
	char gaka_path[HOME_PATH_MAX], feed_path[HOME_PATH_MAX], keys_path[HOME_PATH_MAX];
	struct endpoint gaka, feed_endpoint, keys;
	const struct endpoint *devices; /* NULL: nobody takes what is theirs */
	struct home_feed feed;
};

/* The node on whose service connection rq came; else it is refused, which is returned. */
enum rc home_identify(struct gaka_home *h, struct req *rq, const struct req_input *in,
                      struct endpoint_who *who, struct node_id *node);

/* ---- home_feed.c ---- */

enum rc home_feed_open(struct gaka_home *h);
void home_feed_start(struct gaka_home *h);
void home_feed_stop(struct gaka_home *h);
void home_feed_close(struct gaka_home *h);
enum rc home_feed_serve(void *arg, struct req *rq, const struct req_input *in);

/* ---- home_keys.c ---- */

enum rc home_keys_serve(void *arg, struct req *rq, const struct req_input *in);

#endif
