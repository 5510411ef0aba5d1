/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which groupRequestIdentifier a group has seen (TS 102 690, groups): what comes round in nested
 * groups ends here.
 */
#include "config.h"

#include "core/group.h"

#include <stdlib.h>

#define UNDER_WAY INT64_MAX
#define REMEMBERED 1024u

struct seen_entry {
	uint64_t group; /* ID_NONE: free */
	int64_t until; /* monotonic microseconds, UNDER_WAY */
	uint8_t n;
	char id[REQUEST_ID_MAX];
};

struct seen {
	pthread_mutex_t lock;
	size_t size;
	struct seen_entry entries[];
};

struct seen *
seen_new(size_t room)
{
	size_t size = room * 2 + REMEMBERED;
	struct seen *s = calloc(1, sizeof(*s) + size * sizeof(s->entries[0]));

	if (s == NULL)
		return NULL;
	s->size = size;
	pthread_mutex_init(&s->lock, NULL);
	return s;
}

void
seen_free(struct seen *s)
{
	if (s == NULL)
		return;
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static bool
same(const struct seen_entry *e, uint64_t group, struct slice id)
{
	return e->group == group && slice_eq(slice_make(e->id, e->n), id);
}

/* The entry for it, or a place for one: free, or that of the one that would be forgotten first. */
static struct seen_entry *
place_for(struct seen *s, uint64_t group, struct slice id, int64_t now, bool *known)
{
	struct seen_entry *best = &s->entries[0];

	*known = false;
	for (size_t i = 0; i < s->size; i++) {
		struct seen_entry *e = &s->entries[i];

		if (e->group != ID_NONE && e->until <= now)
			e->group = ID_NONE;
		if (same(e, group, id)) {
			*known = true;
			return e;
		}
		if (best->group != ID_NONE && (e->group == ID_NONE || e->until < best->until))
			best = e;
	}
	return best;
}

enum rc
seen_enter(struct seen *s, uint64_t group, struct slice id)
{
	struct seen_entry *e;
	enum rc rc = RC_OK;
	bool known;

	pthread_mutex_lock(&s->lock);
	e = place_for(s, group, id, clock_monotonic(), &known);
	if (known) {
		rc = RC_BAD_REQUEST;
	} else if (e->group != ID_NONE && e->until == UNDER_WAY) {
		rc = RC_UNAVAILABLE;
	} else {
		*e = (struct seen_entry){ .group = group, .until = UNDER_WAY, .n = (uint8_t)id.n };
		memcpy(e->id, id.p, id.n);
	}
	pthread_mutex_unlock(&s->lock);
	return rc;
}

void
seen_leave(struct seen *s, uint64_t group, struct slice id, int64_t keep)
{
	int64_t now = clock_monotonic();
	struct seen_entry *e;
	bool known;

	pthread_mutex_lock(&s->lock);
	e = place_for(s, group, id, now, &known);
	if (known)
		e->until = now + keep;
	pthread_mutex_unlock(&s->lock);
}
