/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOSTMON_PUBLISHER_H
#define HOSTMON_PUBLISHER_H

#include <stdbool.h>
#include <stdint.h>

#include "client/http.h"
#include "hostmon/sampler.h"

/*
 * The device application at its SCL: an application resource with one container per metric, and a
 * contentInstance for every sample. One thread.
 */
struct publisher {
	struct http *http;
	const char *scl;	/* URI of the sclBase */
	const char *app_id;
	char *app_uri;
	char *access_right;	/* given to everything created here; NULL: none */
	int64_t lifetime;	/* ms, of the application and its containers */
	long long keep;		/* instances per container */
	bool registered;
	int64_t refresh_at;	/* monotonic time, while registered */
	uint64_t published;
	uint64_t refused;	/* samples that the SCL did not want */
};

/* scl and app_id must outlive the publisher. */
void publisher_init(struct publisher *p, const char *scl, const char *app_id,
    const struct http_proof *proof);
void publisher_fini(struct publisher *p);

/* Creates the resources, or prolongs their lives; sets registered and refresh_at on success. */
enum outcome publisher_register(struct publisher *p, const struct sampler *s);

/*
 * Sends what waits in the queue, oldest first. Everything but OUT_DONE ended it early with the
 * sample in question still queued; after OUT_GONE the resources have to be registered again.
 */
enum outcome publisher_send(struct publisher *p, struct queue *q);

#endif
