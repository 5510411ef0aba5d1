/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sec/watchers.h"

void
watchers_init(struct watchers *w)
{
	pthread_mutex_init(&w->lock, NULL);
	w->first = NULL;
}

void
watchers_fini(struct watchers *w)
{
	pthread_mutex_destroy(&w->lock);
}

void
watchers_add(struct watchers *w, struct sec_watcher *one)
{
	pthread_mutex_lock(&w->lock);
	one->next = w->first;
	w->first = one;
	pthread_mutex_unlock(&w->lock);
}

void
watchers_remove(struct watchers *w, struct sec_watcher *one)
{
	struct sec_watcher **at = &w->first;

	pthread_mutex_lock(&w->lock);
	while (*at != NULL && *at != one)
		at = &(*at)->next;
	if (*at != NULL)
		*at = one->next;
	pthread_mutex_unlock(&w->lock);
}

void
watchers_tell(struct watchers *w, const struct node_id *node, uint64_t connection)
{
	pthread_mutex_lock(&w->lock);
	for (struct sec_watcher *one = w->first; one != NULL; one = one->next)
		one->revoked(one, node, connection);
	pthread_mutex_unlock(&w->lock);
}

void
watchers_tell_lost(struct watchers *w)
{
	pthread_mutex_lock(&w->lock);
	for (struct sec_watcher *one = w->first; one != NULL; one = one->next)
		if (one->lost != NULL)
			one->lost(one);
	pthread_mutex_unlock(&w->lock);
}
