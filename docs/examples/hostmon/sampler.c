/* SPDX-License-Identifier: Apache-2.0 */
#include "hostmon/sampler.h"

#include <limits.h>
#include <stdlib.h>

#include "client/when.h"

void
sampler_init(struct sampler *s, int64_t period, uint64_t rounds_max, size_t queue_capacity)
{
	size_t count;
	const struct metric *all = metrics_all(&count);

	*s = (struct sampler){ .period = period, .rounds_max = rounds_max };
	queue_init(&s->queue, queue_capacity);
	for (size_t i = 0; i < count; i++) {
		char *text = metrics_read(&all[i], &s->machine, when_now());

		if (text != NULL)
			s->metric[s->metrics++] = &all[i];
		free(text);
	}
	s->next = when_monotonic() + period;
}

void
sampler_fini(struct sampler *s)
{
	queue_fini(&s->queue);
}

bool
sampler_done(const struct sampler *s)
{
	return s->rounds_max != 0 && s->rounds >= s->rounds_max;
}

static void
take_round(struct sampler *s)
{
	struct sample sample = { .taken = when_now() };

	for (size_t i = 0; i < s->metrics; i++) {
		sample.metric = s->metric[i];
		sample.json = metrics_read(sample.metric, &s->machine, sample.taken);
		if (sample.json != NULL)
			queue_push(&s->queue, &sample);
	}
	s->rounds++;
}

int
sampler_run(void *arg)
{
	struct sampler *s = arg;
	int64_t now = when_monotonic();

	if (sampler_done(s))
		return INT_MAX;
	if (now >= s->next) {
		take_round(s);
		s->next += s->period;
		/* After a pause of the machine the missed rounds are not made up. */
		if (s->next <= now)
			s->next = now + s->period;
	}
	return s->next - now < INT_MAX ? (int)(s->next - now) : INT_MAX;
}
