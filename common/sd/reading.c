/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sd/reading.h"

#include "base/be.h"

#include <stdlib.h>

static const char magic[4] = { 'M', 'S', 'D', '1' };

size_t
sd_reading_write(const struct sd_reading *r, uint8_t *out)
{
	uint8_t *to = out + NODE_ID_BYTES;

	memcpy(out, r->device.v, NODE_ID_BYTES);
	to = be_put(to, r->seq, 8);
	to = be_put(to, r->millis, 8);
	to = be_put(to, r->payload.n, 2);
	if (r->payload.n > 0)
		memcpy(to, r->payload.p, r->payload.n);
	return SD_READING_FIXED + r->payload.n;
}

enum rc
sd_message(const struct sd_reading *r, uint8_t out[SD_MESSAGE_MAX], struct slice *message)
{
	*message = SLICE_NONE;
	if (r->payload.n > SD_PAYLOAD_MAX)
		return RC_BAD_REQUEST;
	memcpy(out, magic, sizeof(magic));
	*message = slice_make(out, sizeof(magic) + sd_reading_write(r, out + sizeof(magic)));
	return RC_OK;
}

int
sd_device_order(const struct sd_reading *a, const struct sd_reading *b)
{
	return memcmp(a->device.v, b->device.v, NODE_ID_BYTES);
}

int
sd_reading_order(const struct sd_reading *a, const struct sd_reading *b)
{
	int c = sd_device_order(a, b);

	if (c != 0)
		return c;
	if (a->seq != b->seq)
		return a->seq < b->seq ? -1 : 1;
	if (a->millis != b->millis)
		return a->millis < b->millis ? -1 : 1;
	return slice_cmp(a->payload, b->payload);
}

/* A reading with its order, which a comparison of qsort is not told otherwise. */
struct ranked {
	const struct sd_reading *reading; /* of one array: equal ones stay in its order */
	int (*order)(const struct sd_reading *, const struct sd_reading *);
};

static int
compare(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;
	int c = x->order(x->reading, y->reading);

	return c != 0 ? c : x->reading < y->reading ? -1 : x->reading > y->reading;
}

enum rc
sd_distinct(const struct sd_reading *readings, size_t n,
            int (*order)(const struct sd_reading *, const struct sd_reading *), bool *again)
{
	struct ranked *sorted;
	enum rc rc = RC_OK;

	if (n > SD_READINGS_MAX)
		return RC_BAD_REQUEST;
	sorted = malloc((n + 1) * sizeof(sorted[0]));
	if (sorted == NULL)
		return RC_UNAVAILABLE;
	for (size_t i = 0; i < n; i++)
		sorted[i] = (struct ranked){ &readings[i], order };
	qsort(sorted, n, sizeof(sorted[0]), compare);
	for (size_t i = 0; i < n; i++) {
		bool equal = i > 0 && order(sorted[i - 1].reading, sorted[i].reading) == 0;

		if (equal)
			rc = RC_CONFLICT;
		if (again != NULL)
			again[sorted[i].reading - readings] = equal;
	}
	free(sorted);
	return rc;
}
