/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An scl under test without a network: on the memory engine, which outlives the scl, with a clock
 * that the test may set, commits that the test lets fail, and port_fake. Requests go through the
 * functions that a binding calls. Every function asserts what it needs.
 */
#ifndef UNIT_CORE_BED_H
#define UNIT_CORE_BED_H

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>

#include "core/committer.h"
#include "core/req.h"
#include "core/scl.h"
#include "port_fake.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))
#define BASE "/m2m"
#define ADMIN "http://admin.example.org/"
#define NS "xmlns:m2m=\"http://uri.etsi.org/m2m\""

struct core_clock {
	struct clock clock; /* first: the scl gets this */
	_Atomic int64_t now; /* 0: the system's */
};

struct core_bed {
	struct scl_conf conf; /* may be changed before core_start */
	struct core_clock clock;
	uint64_t quota; /* of the store, octets; 0 = the engine's */
	const char *path; /* directory of a store on disk; NULL: the memory engine */
	const struct guard *guard; /* NULL: none */
	void (*attach)(struct scl *scl); /* called before scl_start; NULL: nothing is to be */
	const struct req_listener *listener; /* of the next requests; NULL: one of mIa and mId */
	struct repo *repo;
	struct log *log;
	struct scl *scl;
	bool shut; /* core_start admits no requests: the test does */
	bool halted; /* it is stopped */
	const struct port_conf *hooks; /* credential, protect, unprotect of the port; NULL: none */
};

/* A conf with one accessRight for everybody; nothing runs. */
void core_init(struct core_bed *b);
/* The same; whatever the scl will send is answered 503. */
void core_init_alone(struct core_bed *b);
/* Begins on what an earlier scl left in the store. */
void core_start(struct core_bed *b);
/* Both. */
void core_start_alone(struct core_bed *b);
/* Stops the scl, which is there still. */
void core_halt(struct core_bed *b);
/* The same, frees it and checks the repository. */
void core_stop(struct core_bed *b);
/* Also forgets the store. */
void core_fini(struct core_bed *b);
/* Of the store as it was stopped: number of records whose key starts with the letter. */
size_t core_records(struct core_bed *b, char space);

/* Of 1000 commits that many fail. Any thread. */
void core_fail_commits(unsigned permille);
/* Write transactions begun so far. */
uint64_t core_writes(void);

struct reply {
	int status;
	char *body; /* heap, zero-terminated, never NULL */
	char location[512];
	char allow[64];
	char etag[64];
	char reject[512];
	unsigned retry_after;
	bool no_store;
};

/* The answer of a request from a requestingEntity; body may be NULL. Any thread. */
struct reply core_ask(struct core_bed *b, const char *method, const char *target, const char *from,
                      const char *body);
/* The status alone. */
int core_status(struct core_bed *b, const char *method, const char *target, const char *from,
                const char *body);
/* With printf-like body, from ADMIN; the status. */
int core_do(struct core_bed *b, const char *method, const char *target, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* An application with the right of everybody; more are elements in any order. */
void core_app(struct core_bed *b, const char *id, const char *more);
/* A container with an accessRight of sclBase, or without when right is NULL; the status. */
int core_container(struct core_bed *b, const char *app, const char *id, const char *right,
                   const char *more);
/* text/plain content. */
int core_post_text(struct core_bed *b, const char *target, const char *text);
void reply_fini(struct reply *r);

/* A request that is under way. */
struct core_call {
	struct req *rq;
	struct core_bed *bed;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool done;
	_Atomic bool gone; /* set by the test: its peer has left, and does not get the answer */
};

/* False when req_new refuses. */
bool core_begin(struct core_bed *b, struct core_call *c, const char *method, const char *target,
                const char *from, const char *type, const char *body);
struct reply core_end(struct core_call *c);
/* The same in two steps, between which the input may be changed. */
void core_prepare_call(struct core_bed *b, struct core_call *c, const char *method,
                       const char *target, const char *from, const char *type, const char *body);
void core_go(struct core_call *c);
/* core_begin in two steps, for what must be handed over in the end. */
void core_ready(struct core_bed *b, struct core_call *c, const char *method, const char *target,
                const char *from, const char *type, const char *body);
void core_submit(struct core_call *c);
bool core_is_done(struct core_call *c);

/* Holds the committer inside a job until it is let go. */
struct core_plug {
	struct job job;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool entered, go, done;
};

void core_plug(struct core_bed *b, struct core_plug *p);
void core_unplug(struct core_plug *p);

/* Waits until it holds, at most a minute; false when it does not. */
bool core_await(bool (*holds)(void *arg), void *arg);
/* Several times as much work when OPENSCL_LONG is set. */
unsigned core_scale(unsigned n);
/* Runs the suite and frees it; the exit status of main. */
int core_run(Suite *s);
/* The same of tests in one case, each within timeout seconds. */
int core_run_tests(const char *name, const TTest *const *tests, size_t n, double timeout);

#endif
