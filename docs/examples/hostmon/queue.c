/* SPDX-License-Identifier: Apache-2.0 */
#include "hostmon/queue.h"

#include <stdlib.h>

#include "client/mem.h"

void
queue_init(struct queue *q, size_t capacity)
{
	*q = (struct queue){ .capacity = capacity };
	q->ring = mem_alloc(capacity, sizeof(*q->ring));
}

void
queue_fini(struct queue *q)
{
	struct sample sample;

	while (queue_pop(q, &sample))
		free(sample.json);
	free(q->ring);
}

void
queue_push(struct queue *q, const struct sample *sample)
{
	struct sample oldest;

	if (q->count == q->capacity && queue_pop(q, &oldest)) {
		free(oldest.json);
		q->dropped++;
	}
	q->ring[(q->first + q->count) % q->capacity] = *sample;
	q->count++;
}

bool
queue_pop(struct queue *q, struct sample *sample)
{
	if (q->count == 0)
		return false;
	*sample = q->ring[q->first];
	q->first = (q->first + 1) % q->capacity;
	q->count--;
	return true;
}

void
queue_unpop(struct queue *q, const struct sample *sample)
{
	if (q->count == q->capacity) {
		free(sample->json);
		q->dropped++;
		return;
	}
	q->first = (q->first + q->capacity - 1) % q->capacity;
	q->ring[q->first] = *sample;
	q->count++;
}
