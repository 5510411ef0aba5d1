/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Groups under test: an scl with containers, a registered SCL g1.example.org that answers by rows,
 * and a subscriber sub.example.org that keeps what it gets; both behind port_fake.
 */
#ifndef UNIT_GROUP_BED_H
#define UNIT_GROUP_BED_H

#include "core_bed.h"

#define G1 "http://g1.example.org/m2m"
#define SUBSCRIBER "http://sub.example.org/here"
#define ROWS 16
#define POSTS 64

/* What g1 answers to a request for a path below its sclBase. */
struct row {
	char path[128]; /* without /m2m, "" is the sclBase */
	struct port_answer answer;
	unsigned asked;
	char method[8], from[128], id[80], via[128]; /* of the last request */
};

struct group_bed {
	struct core_bed b; /* first */
	pthread_mutex_t lock; /* of what follows */
	bool down; /* g1 refuses connections */
	struct row rows[ROWS];
	unsigned nrows, unknown;
	struct port_answer subscriber;
	unsigned nposts;
	char *posts[POSTS]; /* bodies that the subscriber has got; heap */
};

/* Runs with the application a, the right "default" and short times. */
void group_init(struct group_bed *gb);
void group_fini(struct group_bed *gb);
/* g1 is registered with this SCL. */
void group_register(struct group_bed *gb);
/* g1's answer to path; a body or NULL. */
void group_row(struct group_bed *gb, const char *path, int status, const char *body);
struct row group_asked(struct group_bed *gb, const char *path);
void group_down(struct group_bed *gb, bool down);
/* The subscriber's answer from now on. */
void group_subscriber(struct group_bed *gb, int status, const char *body, int64_t delay);
/* How many posts it has got; waits for n of them when n is not 0. */
unsigned group_posts(struct group_bed *gb, unsigned n);

/* Container /m2m/applications/a/containers/NAME, and one content. */
void group_container(struct group_bed *gb, const char *name, const char *content);
/* POST of a group of sclBase that everybody may use; members are separated by spaces. The status. */
int group_make(struct group_bed *gb, const char *id, const char *type, const char *more,
               const char *members);
/* The value of an element of the group, valid until the next call. */
const char *group_value(struct group_bed *gb, const char *id, const char *element);
/* Waits until it has the value; asserts that it comes. */
void group_await(struct group_bed *gb, const char *id, const char *element, const char *value);
/* A request with headers beside those of core_ask; id and accept may be NULL. */
struct reply group_ask(struct group_bed *gb, const char *method, const char *target,
                       const char *from, const char *id, const char *accept, const char *body);
/* The status alone. */
int group_status(struct group_bed *gb, const char *method, const char *target, const char *from,
                 const char *id, const char *accept, const char *body);
/* Number of times that needle occurs. */
unsigned occurrences(const char *text, const char *needle);

#endif
