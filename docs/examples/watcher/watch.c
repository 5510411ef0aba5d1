/* SPDX-License-Identifier: Apache-2.0 */
#include "watcher/watch.h"

#include <err.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "client/mem.h"
#include "client/uri.h"
#include "client/when.h"
#include "watcher/notify.h"

#define SLOTS_MAX	4096u
#define PATH_PREFIX	"/notify/"

struct slot {
	char *container;	/* URI; stays when the watch ends: a number is never reused */
	char *subscription;	/* URI; NULL while the container is not watched */
	char *label;
	int64_t refresh_at;	/* monotonic */
};

struct watch {
	pthread_mutex_t lock;	/* of all that follows */
	struct slot *slots;
	unsigned int count;
	uint64_t values;
	uint64_t values_max;
	bool done;
	int done_fd;
};

/* A notification being read. */
struct delivery {
	struct watch *watch;
	struct slot *slot;
};

struct watch *
watch_new(uint64_t values_max, int done_fd)
{
	struct watch *w = mem_alloc(1, sizeof(*w));

	pthread_mutex_init(&w->lock, NULL);
	w->slots = mem_alloc(SLOTS_MAX, sizeof(*w->slots));
	w->values_max = values_max;
	w->done_fd = done_fd;
	return w;
}

static void
end_slot(struct slot *slot)
{
	free(slot->subscription);
	free(slot->label);
	slot->subscription = NULL;
	slot->label = NULL;
}

void
watch_free(struct watch *w)
{
	for (unsigned int i = 0; i < w->count; i++) {
		end_slot(&w->slots[i]);
		free(w->slots[i].container);
	}
	pthread_mutex_destroy(&w->lock);
	free(w->slots);
	free(w);
}

/* The slot that the container has or had; NULL when it never had one. */
static struct slot *
find(struct watch *w, const char *container)
{
	for (unsigned int i = 0; i < w->count; i++)
		if (strcmp(w->slots[i].container, container) == 0)
			return &w->slots[i];
	return NULL;
}

static struct slot *
find_or_make(struct watch *w, const char *container)
{
	struct slot *slot = find(w, container);

	if (slot != NULL || w->count == SLOTS_MAX)
		return slot;
	slot = &w->slots[w->count++];
	slot->container = mem_strdup(container);
	return slot;
}

bool
watch_add(struct watch *w, const char *container, const char *subscription, const char *label,
    unsigned int *number)
{
	struct slot *slot;
	bool added;

	pthread_mutex_lock(&w->lock);
	slot = find_or_make(w, container);
	added = slot != NULL && slot->subscription == NULL;
	if (added) {
		slot->subscription = mem_strdup(subscription);
		slot->label = mem_strdup(label);
		slot->refresh_at = INT64_MAX;
		*number = (unsigned int)(slot - w->slots);
	}
	pthread_mutex_unlock(&w->lock);
	return added;
}

bool
watch_has(struct watch *w, const char *container)
{
	const struct slot *slot;
	bool has;

	pthread_mutex_lock(&w->lock);
	slot = find(w, container);
	has = slot != NULL && slot->subscription != NULL;
	pthread_mutex_unlock(&w->lock);
	return has;
}

void
watch_set_expiry(struct watch *w, unsigned int number, int64_t expires_ms)
{
	pthread_mutex_lock(&w->lock);
	w->slots[number].refresh_at = when_refresh(expires_ms);
	pthread_mutex_unlock(&w->lock);
}

void
watch_drop(struct watch *w, unsigned int number)
{
	pthread_mutex_lock(&w->lock);
	end_slot(&w->slots[number]);
	pthread_mutex_unlock(&w->lock);
}

static char *
next_before(struct watch *w, unsigned int *from, int64_t refresh_before)
{
	char *uri = NULL;

	pthread_mutex_lock(&w->lock);
	for (; uri == NULL && *from < w->count; (*from)++) {
		const struct slot *slot = &w->slots[*from];

		if (slot->subscription != NULL && slot->refresh_at <= refresh_before)
			uri = mem_strdup(slot->subscription);
	}
	pthread_mutex_unlock(&w->lock);
	return uri;
}

char *
watch_next(struct watch *w, unsigned int *from)
{
	return next_before(w, from, INT64_MAX);
}

char *
watch_due(struct watch *w, unsigned int *from)
{
	return next_before(w, from, when_monotonic());
}

uint64_t
watch_values(struct watch *w)
{
	uint64_t values;

	pthread_mutex_lock(&w->lock);
	values = w->values;
	pthread_mutex_unlock(&w->lock);
	return values;
}

/*
 * Compared by path: an SCL may know itself under another name than the one its resources were
 * found by. Which SCL it is the number in the contact has told.
 */
static bool
begin(void *arg, const char *status, const char *subscription)
{
	const struct delivery *d = arg;

	(void)status;
	return d->slot->subscription != NULL &&
	    strcmp(uri_path(d->slot->subscription), uri_path(subscription)) == 0;
}

/* Prints content as one line that cannot steer a terminal. */
static void
print_content(const char *content, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)content[i];

		if (c < ' ' || c == 0x7f)
			printf("\\x%02x", (unsigned int)c);
		else
			putchar(c);
	}
	putchar('\n');
}

static void
finish(struct watch *w)
{
	if (!w->done && eventfd_write(w->done_fd, 1) != 0)
		err(1, "eventfd");
	w->done = true;
}

static void
value(void *arg, const char *created, const char *content, size_t len)
{
	const struct delivery *d = arg;
	struct watch *w = d->watch;

	if (w->done)
		return;
	printf("%s %s ", d->slot->label, created);
	print_content(content, len);
	w->values++;
	/* Nobody reads any more when stdout fails, a pipe into head(1) for example. */
	if (fflush(stdout) != 0 || w->values == w->values_max)
		finish(w);
}

static void
ended(void *arg, const char *status, const char *info)
{
	const struct delivery *d = arg;

	warnx("subscription ended, looking again: %s: %s %s", d->slot->label, status, info);
	end_slot(d->slot);
}

/* The slot of /notify/<number>; NULL for any other path. */
static struct slot *
slot_of(struct watch *w, const char *path)
{
	unsigned long number;
	char *end;

	if (strncmp(path, PATH_PREFIX, strlen(PATH_PREFIX)) != 0)
		return NULL;
	path += strlen(PATH_PREFIX);
	number = strtoul(path, &end, 10);
	return end != path && *end == '\0' && number < w->count ? &w->slots[number] : NULL;
}

unsigned int
watch_post(void *arg, const char *path, const char *body, size_t len)
{
	struct watch *w = arg;
	struct delivery d = { .watch = w };
	struct notify_sink sink = { begin, value, ended, &d };
	unsigned int accepted = 0;
	bool readable = true;

	pthread_mutex_lock(&w->lock);
	d.slot = slot_of(w, path);
	if (d.slot != NULL)
		readable = notify_read(body, len, &sink, &accepted);
	pthread_mutex_unlock(&w->lock);
	if (!readable)
		return 400;
	return accepted > 0 ? 204 : 404;
}
