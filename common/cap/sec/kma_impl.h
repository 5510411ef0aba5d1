/* SPDX-License-Identifier: Apache-2.0 */
/* The hand-out of Kma; private to kma.c and kma_edge.c. */
#ifndef CAP_SEC_KMA_IMPL_H
#define CAP_SEC_KMA_IMPL_H

#include <pthread.h>

#include "cap/sec/kma.h"
#include "cap/sec/kma_book.h"
#include "core/endpoint.h"

struct kma {
	struct kma_conf conf;
	struct scl *scl;
	struct app_table *apps; /* who has got which; NULL: nobody can get any */
	struct app_table *own_apps; /* apps, at the network */
	struct live *live; /* where Kmc are */
	pthread_rwlock_t lock; /* guards book */
	struct kma_book *book; /* NULL: there is none, and when it has stopped */
	struct endpoint endpoint;
	char *path;
};

/* Opens the book in dir (NULL: in memory). As kma_book_open. */
enum rc kma_open_book(struct kma *k, const char *dir, const struct key *seal,
                      char why[SEC_WHY_MAX]);
/* The Kma of app_id below that connection, if it has not got it yet; for serve_request. */
enum rc kma_hand_out(struct kma *k, struct req *rq, const struct req_input *in, struct slice app_id,
                     const struct mas_connection *conn);
/* A request on a listener that serves edge. */
enum rc kma_serve_edge(struct kma *k, struct req *rq);

#endif
