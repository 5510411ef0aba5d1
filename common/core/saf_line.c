/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "core/saf_line.h"

static void
bound(struct saf_line *line, const struct saf_entry *e)
{
	int64_t last = saf_last_call(e->received, e->deadline);

	if (line->requests == 0 || last < line->last_call)
		line->last_call = last;
	if (line->requests == 0 || e->deadline < line->deadline)
		line->deadline = e->deadline;
}

void
saf_line_put(struct saf_line *line, struct saf_entry *e)
{
	struct saf_entry **at = &line->first;

	bound(line, e);
	line->requests++;
	line->octets += (int64_t)e->octets;
	/* Almost always it is the newest. */
	if (line->last != NULL && line->last->order < e->order)
		at = &line->last->next;
	while (*at != NULL && (*at)->order < e->order)
		at = &(*at)->next;
	e->next = *at;
	*at = e;
	if (e->next == NULL)
		line->last = e;
}

struct saf_entry *
saf_line_take(struct saf_line *line)
{
	struct saf_entry *e = line->first;

	if (e == NULL)
		return NULL;
	line->first = e->next;
	if (line->first == NULL)
		line->last = NULL;
	line->requests--;
	line->octets -= (int64_t)e->octets;
	e->next = NULL;
	return e;
}

bool
saf_line_remove(struct saf_line *line, struct saf_entry *e)
{
	struct saf_entry **at = &line->first, *before = NULL;

	while (*at != NULL && *at != e) {
		before = *at;
		at = &before->next;
	}
	if (*at == NULL)
		return false;
	*at = e->next;
	if (line->last == e)
		line->last = before;
	line->requests--;
	line->octets -= (int64_t)e->octets;
	e->next = NULL;
	return true;
}

/* Where a bound is reached, it may be that of one that is gone. */
static void
bounds(struct saf_line *line, int64_t now)
{
	size_t n = line->requests;

	if (n == 0 || (line->last_call > now && line->deadline > now))
		return;
	line->requests = 0;
	for (const struct saf_entry *e = line->first; e != NULL; e = e->next) {
		bound(line, e);
		line->requests = n;
	}
}

void
saf_line_add(struct saf_line *line, int64_t now, struct saf_backlog *b, int64_t *deadline)
{
	if (line->requests == 0)
		return;
	bounds(line, now);
	b->requests += line->requests;
	b->octets += line->octets;
	b->last_call = line->last_call < b->last_call ? line->last_call : b->last_call;
	*deadline = line->deadline < *deadline ? line->deadline : *deadline;
}

void
saf_line_expire(struct saf_line *line, int64_t now, bool stopping)
{
	struct saf_line all = *line;
	struct saf_entry *e;

	if (all.requests == 0 || (!stopping && all.deadline > now))
		return;
	*line = (struct saf_line){ 0 };
	while ((e = saf_line_take(&all)) != NULL)
		if (stopping || e->deadline <= now)
			e->expire(e, stopping);
		else
			saf_line_put(line, e);
}
