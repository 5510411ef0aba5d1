/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "bind/http_hosts.h"

#include <stdlib.h>
#include <strings.h>

#include "base/clock.h"
#include "base/uri.h"

#define BUCKETS 256u
/* Those that wait are looked through no more often. */
#define LOOK_EVERY (CLOCK_SECOND / 50)

/* Whom a URL leads to. What is malformed leads to nobody, and has a place there. */
struct address {
	struct slice host;
	struct slice port;
};

struct host {
	struct host *chain;
	struct transfer *first, **last; /* its line, by behind */
	unsigned busy;
	const struct pool *pool; /* whose connections are used; there while anybody is here */
	struct address address; /* in bytes */
	char bytes[];
};

struct hosts {
	unsigned per_host;
	struct transfer waiting; /* head of the ring of all who wait, oldest first */
	int64_t due; /* nobody's time is over before */
	struct host *buckets[BUCKETS];
};

struct hosts *
hosts_new(unsigned per_host)
{
	struct hosts *hs = calloc(1, sizeof(*hs));

	if (hs == NULL)
		return NULL;
	hs->per_host = per_host;
	hs->due = INT64_MAX;
	hs->waiting.next = hs->waiting.prev = &hs->waiting;
	return hs;
}

void
hosts_free(struct hosts *hs)
{
	free(hs);
}

/* ---- hosts ---- */

static struct address
address_of(struct slice url)
{
	struct uri u;

	if (!uri_parse(url, &u))
		return (struct address){ SLICE_NONE, SLICE_NONE };
	if (u.port.n > 0)
		return (struct address){ u.host, u.port };
	return (struct address){ u.host, u.scheme.n == 5 ? SLICE_LIT("443") : SLICE_LIT("80") };
}

static struct host **
bucket_of(struct hosts *hs, const struct address *a)
{
	unsigned hash = 5381;

	for (size_t i = 0; i < a->host.n; i++)
		hash = hash * 33 + ((unsigned char)a->host.p[i] | 0x20u);
	for (size_t i = 0; i < a->port.n; i++)
		hash = hash * 33 + (unsigned char)a->port.p[i];
	return &hs->buckets[hash % BUCKETS];
}

static bool
same_address(const struct address *a, const struct address *b)
{
	return a->host.n == b->host.n && slice_eq(a->port, b->port) &&
	       (a->host.n == 0 || strncasecmp(a->host.p, b->host.p, a->host.n) == 0);
}

static struct host *
host_new(struct host **at, const struct address *a)
{
	struct host *h = calloc(1, sizeof(*h) + a->host.n + a->port.n);

	if (h == NULL)
		return NULL;
	if (a->host.n > 0)
		memcpy(h->bytes, a->host.p, a->host.n);
	if (a->port.n > 0)
		memcpy(h->bytes + a->host.n, a->port.p, a->port.n);
	h->address.host = slice_make(h->bytes, a->host.n);
	h->address.port = slice_make(h->bytes + a->host.n, a->port.n);
	h->last = &h->first;
	h->chain = *at;
	*at = h;
	return h;
}

static struct host *
host_get(struct hosts *hs, const struct transfer *t)
{
	struct address a = address_of(t->ex->url);
	struct host **at = bucket_of(hs, &a);
	struct host *h = *at;

	while (h != NULL && (h->pool != t->pool || !same_address(&h->address, &a)))
		h = h->chain;
	if (h == NULL && (h = host_new(at, &a)) != NULL)
		h->pool = t->pool;
	return h;
}

static void
host_drop(struct hosts *hs, struct host *h)
{
	struct host **at = bucket_of(hs, &h->address);

	while (*at != h)
		at = &(*at)->chain;
	*at = h->chain;
	free(h);
}

/* ---- lines ---- */

static void
line_join(struct hosts *hs, struct transfer *t)
{
	struct host *h = t->host;

	t->behind = NULL;
	*h->last = t;
	h->last = &t->behind;
	t->next = &hs->waiting;
	t->prev = hs->waiting.prev;
	t->prev->next = t;
	hs->waiting.prev = t;
	if (t->due < hs->due)
		hs->due = t->due;
}

static void
line_leave(struct transfer *t)
{
	struct host *h = t->host;
	struct transfer **at = &h->first;

	while (*at != t)
		at = &(*at)->behind;
	*at = t->behind;
	if (t->behind == NULL)
		h->last = at;
	t->prev->next = t->next;
	t->next->prev = t->prev;
}

enum place
hosts_enter(struct hosts *hs, struct transfer *t)
{
	struct host *h = host_get(hs, t);

	t->host = h;
	if (h == NULL)
		return PLACE_NONE;
	if (h->busy < hs->per_host) {
		h->busy++;
		return PLACE_TAKEN;
	}
	line_join(hs, t);
	return PLACE_AWAITED;
}

struct transfer *
hosts_leave(struct hosts *hs, struct transfer *t)
{
	struct host *h = t->host;
	struct transfer *next = h->first;

	t->host = NULL;
	if (next != NULL) {
		line_leave(next);
		return next;
	}
	if (--h->busy == 0)
		host_drop(hs, h);
	return NULL;
}

struct transfer *
hosts_give_up(struct hosts *hs, int64_t now)
{
	int64_t due = INT64_MAX;

	for (struct transfer *t = hs->waiting.next; t != &hs->waiting; t = t->next) {
		if (t->due <= now) {
			/* Its host is busy, and stays. */
			line_leave(t);
			t->host = NULL;
			return t;
		}
		if (t->due < due)
			due = t->due;
	}
	hs->due = due == INT64_MAX || due - now > LOOK_EVERY ? due : now + LOOK_EVERY;
	return NULL;
}

int64_t
hosts_due(const struct hosts *hs)
{
	return hs->due;
}
