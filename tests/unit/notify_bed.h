/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Subscribers behind port_fake: each has a contact of its own, receives or fails as it is told and
 * remembers what it has received. What is told has the form "n=NUMBER;", counted from 1.
 */
#ifndef UNIT_NOTIFY_BED_H
#define UNIT_NOTIFY_BED_H

#include "core_bed.h"
#include "repo_bed.h"

#define SUBSCRIBERS 32
#define GOT_MAX 64

struct subscriber {
	char contact[64];
	unsigned last; /* highest number received */
	unsigned gaps; /* numbers that were passed over */
	unsigned notifies; /* received */
	unsigned tries; /* sent to it, received or not */
	unsigned finals; /* received with another status than STATUS_OK */
	char status[64]; /* of the last final one */
	unsigned timeouts; /* with a timeoutReason */
	unsigned sizes[GOT_MAX]; /* numbers in each of the first notifies */
	int64_t times[GOT_MAX]; /* monotonic, when they came */
	char document[4096]; /* the last representation */
};

struct notify_bed {
	struct core_bed core;
	struct dice dice; /* the courier thread's, once it runs */
	pthread_mutex_t lock; /* of what follows */
	unsigned fail; /* of 100 notifies that many fail */
	int always; /* status of every answer, 0 = by fail */
	int64_t delay; /* longest, microseconds */
	_Atomic bool held; /* no answer comes while it is set */
	struct subscriber subs[SUBSCRIBERS];
};

/* Before core_start. */
void notify_init(struct notify_bed *b, const char *what);
void notify_fini(struct notify_bed *b);
void notify_fail(struct notify_bed *b, unsigned percent, int always, int64_t delay);
/* A copy of what the subscriber has received. Any thread. */
struct subscriber notify_look(struct notify_bed *b, unsigned sub);
/* Subscribes; extra are elements in schema order before and after contact. */
void notify_subscribe(struct notify_bed *b, unsigned sub, const char *target, const char *before,
                      const char *after);
/* Waits until the subscriber's last is at least n; asserts that it comes. */
void notify_await(struct notify_bed *b, unsigned sub, unsigned n);
/* Waits until it has received that many notifies, finals. */
void notify_await_notifies(struct notify_bed *b, unsigned sub, unsigned n);
void notify_await_finals(struct notify_bed *b, unsigned sub, unsigned n);
/* Waits until no lane is pending. */
void notify_await_rest(struct notify_bed *b);
/* Waits until nothing is pending and stops; nothing may be retained or left of a lane but those of live subscriptions. */
void notify_settled(struct notify_bed *b, size_t lanes);
/* Stores the instance n in the contentInstances at path; what is received says that number. */
void notify_post(struct notify_bed *b, const char *path, unsigned n);
/* A container of the application a1, made when needed; its contentInstances in path. */
void notify_container(struct notify_bed *b, const char *name, int max_nr, char path[128]);

#endif
