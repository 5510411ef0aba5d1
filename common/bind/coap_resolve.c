/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "bind/coap_resolve.h"

#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#define THREADS_MAX 4u

struct resolve_ask {
	struct resolve_ask *next; /* of those that no thread has begun */
	char host[RESOLVE_NAME_MAX + 1];
	char port[8];
	bool done;
	bool cancelled; /* whoever sees to it next frees it */
	bool begun;
	struct resolve_answer answer;
};

/* Shared by the port and the threads; the last of them frees it. */
struct resolver {
	pthread_mutex_t lock;
	pthread_cond_t work;
	unsigned n_users;
	unsigned n_threads, n_idle;
	unsigned n_queued;
	unsigned n_asked; /* not taken yet, in all */
	bool closing;
	int wake;
	struct resolve_ask *first, **last;
};

static void
copy_addresses(const struct addrinfo *list, struct resolve_answer *out)
{
	out->n = 0;
	for (; list != NULL && out->n < RESOLVE_ADDRESSES_MAX; list = list->ai_next) {
		struct resolve_address *to = &out->addresses[out->n];

		if (list->ai_addrlen > sizeof(to->a))
			continue;
		memcpy(&to->a, list->ai_addr, list->ai_addrlen);
		to->n = list->ai_addrlen;
		out->n++;
	}
}

static void
look_up(const char *host, const char *port, int flags, struct resolve_answer *out)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC,
		                        .ai_socktype = SOCK_DGRAM,
		                        .ai_flags = flags | AI_NUMERICSERV };
	struct addrinfo *list = NULL;

	out->n = 0;
	if (getaddrinfo(host, port, &hints, &list) != 0)
		return;
	copy_addresses(list, out);
	freeaddrinfo(list);
}

bool
resolve_numeric(const char *host, unsigned port, struct resolve_answer *out)
{
	char text[8];

	snprintf(text, sizeof(text), "%u", port);
	look_up(host, text, AI_NUMERICHOST, out);
	return out->n > 0;
}

/* The lock is held, and is not any more. */
static void
leave(struct resolver *r)
{
	bool last = --r->n_users == 0;

	pthread_mutex_unlock(&r->lock);
	if (!last)
		return;
	pthread_cond_destroy(&r->work);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

static struct resolve_ask *
take_work(struct resolver *r)
{
	struct resolve_ask *ask = r->first;

	r->first = ask->next;
	if (r->first == NULL)
		r->last = &r->first;
	r->n_queued--;
	ask->begun = true;
	return ask;
}

static void *
resolver_main(void *arg)
{
	struct resolver *r = arg;

	pthread_mutex_lock(&r->lock);
	while (!r->closing) {
		struct resolve_ask *ask;

		if (r->first == NULL) {
			r->n_idle++;
			pthread_cond_wait(&r->work, &r->lock);
			r->n_idle--;
			continue;
		}
		ask = take_work(r);
		pthread_mutex_unlock(&r->lock);
		look_up(ask->host, ask->port, 0, &ask->answer);
		pthread_mutex_lock(&r->lock);
		ask->done = true;
		if (ask->cancelled)
			free(ask);
		else if (!r->closing)
			eventfd_write(r->wake, 1);
	}
	leave(r);
	return NULL;
}

struct resolver *
resolver_new(int wake)
{
	struct resolver *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->work, NULL);
	r->n_users = 1;
	r->wake = wake;
	r->last = &r->first;
	return r;
}

void
resolver_free(struct resolver *r)
{
	if (r == NULL)
		return;
	pthread_mutex_lock(&r->lock);
	r->closing = true;
	pthread_cond_broadcast(&r->work);
	leave(r);
}

/* Under the lock: one more thread when all are busy. The first must be there. */
static bool
add_thread(struct resolver *r)
{
	pthread_t thread;

	if (r->n_idle > r->n_queued || r->n_threads == THREADS_MAX)
		return true;
	if (pthread_create(&thread, NULL, resolver_main, r) != 0)
		return r->n_threads > 0;
	pthread_detach(thread);
	r->n_users++;
	r->n_threads++;
	return true;
}

struct resolve_ask *
resolve_begin(struct resolver *r, const char *host, unsigned port)
{
	struct resolve_ask *ask;

	if (strlen(host) > RESOLVE_NAME_MAX || (ask = calloc(1, sizeof(*ask))) == NULL)
		return NULL;
	strcpy(ask->host, host);
	snprintf(ask->port, sizeof(ask->port), "%u", port);
	pthread_mutex_lock(&r->lock);
	if (r->n_asked == RESOLVE_QUEUE_MAX || !add_thread(r)) {
		pthread_mutex_unlock(&r->lock);
		free(ask);
		return NULL;
	}
	r->n_asked++;
	r->n_queued++;
	*r->last = ask;
	r->last = &ask->next;
	pthread_cond_signal(&r->work);
	pthread_mutex_unlock(&r->lock);
	return ask;
}

bool
resolve_take(struct resolver *r, struct resolve_ask *ask, struct resolve_answer *out)
{
	bool done;

	pthread_mutex_lock(&r->lock);
	done = ask->done;
	if (done)
		r->n_asked--;
	pthread_mutex_unlock(&r->lock);
	if (done) {
		*out = ask->answer;
		free(ask);
	}
	return done;
}

/* What no thread has begun leaves the queue. */
static void
withdraw(struct resolver *r, struct resolve_ask *ask)
{
	struct resolve_ask **at = &r->first;

	while (*at != ask)
		at = &(*at)->next;
	*at = ask->next;
	if (ask->next == NULL)
		r->last = at;
	r->n_queued--;
}

void
resolve_cancel(struct resolver *r, struct resolve_ask *ask)
{
	bool mine;

	pthread_mutex_lock(&r->lock);
	r->n_asked--;
	mine = ask->done || !ask->begun;
	if (!ask->begun)
		withdraw(r, ask);
	ask->cancelled = true;
	pthread_mutex_unlock(&r->lock);
	if (mine)
		free(ask);
}
