/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "core/waits.h"

#include <stdlib.h>

static void
set(struct waits *ws, size_t at, struct wait *w)
{
	ws->heap[at] = w;
	w->place = at;
}

static void
up(struct waits *ws, size_t at)
{
	struct wait *w = ws->heap[at];

	for (; at > 1 && ws->heap[at / 2]->due > w->due; at /= 2)
		set(ws, at, ws->heap[at / 2]);
	set(ws, at, w);
}

static void
down(struct waits *ws, size_t at)
{
	struct wait *w = ws->heap[at];

	for (size_t child; (child = at * 2) <= ws->n; at = child) {
		if (child < ws->n && ws->heap[child + 1]->due < ws->heap[child]->due)
			child++;
		if (ws->heap[child]->due >= w->due)
			break;
		set(ws, at, ws->heap[child]);
	}
	set(ws, at, w);
}

void
waits_remove(struct waits *ws, struct wait *w)
{
	size_t at = w->place;
	struct wait *last;

	if (at == 0)
		return;
	last = ws->heap[ws->n--];
	w->place = 0;
	if (last == w)
		return;
	set(ws, at, last);
	up(ws, at);
	down(ws, last->place);
}

bool
waits_add(struct waits *ws, struct wait *w, int64_t due)
{
	waits_remove(ws, w);
	if (ws->n + 1 >= ws->cap) {
		size_t cap = ws->cap == 0 ? 16 : ws->cap * 2;
		struct wait **heap = realloc(ws->heap, cap * sizeof(struct wait *));

		if (heap == NULL)
			return false;
		ws->heap = heap;
		ws->cap = cap;
	}
	w->due = due;
	set(ws, ++ws->n, w);
	up(ws, ws->n);
	return true;
}

struct wait *
waits_first(const struct waits *ws)
{
	return ws->n > 0 ? ws->heap[1] : NULL;
}

void
waits_fini(struct waits *ws)
{
	free(ws->heap);
	*ws = (struct waits){ 0 };
}
