/* SPDX-License-Identifier: Apache-2.0 */
/* Who is told of revocations by sec_access. Any thread. */
#ifndef CAP_SEC_WATCHERS_H
#define CAP_SEC_WATCHERS_H

#include "cap/sec_access.h"

#include <pthread.h>

struct watchers {
	pthread_mutex_t lock; /* of first, held while they are told */
	struct sec_watcher *first;
};

void watchers_init(struct watchers *w);
void watchers_fini(struct watchers *w);
/* As sec_access.revoked_watch and revoked_unwatch. */
void watchers_add(struct watchers *w, struct sec_watcher *one);
void watchers_remove(struct watchers *w, struct sec_watcher *one);
/* Tells all; never blocks on more than what they do. */
void watchers_tell(struct watchers *w, const struct node_id *node, uint64_t connection);
void watchers_tell_lost(struct watchers *w);

#endif
