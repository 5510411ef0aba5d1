/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that are answered later: one scl, and what it sends them to, which the test plays: another
 * SCL, one that never answers, and the contact of the issuer.
 */
#ifndef UNIT_SAF_BED_H
#define UNIT_SAF_BED_H

#include "core/saf_parcel.h"
#include "core_bed.h"

#define OTHER "http://gw.example.org:8080/m2m"
#define DEAD "http://dead.example.org:8080/m2m"
#define ISSUER "http://scl.example.org:8080/m2m/applications/na"
#define SINK "http://sink.example.org:9000/answers"
#define START INT64_C(1400000000000000)
#define LATER(a, b) .correlation = (a), .contact = (b)

extern struct core_bed bed;

/* What the other SCL and the contact have seen; by the courier thread, read when it holds. */
struct saf_peer {
	pthread_mutex_t lock;
	int status; /* of the other SCL */
	int64_t delay;
	int sink_status;
	unsigned sent, refused, tried, notified; /* arrived, or not; at the contact, and taken */
	char order[4096]; /* bodies in the order of arrival, each with a space behind it */
	char last_notify[4096], last_correlation[64];
	char last_from[256], last_authorization[256]; /* at the other SCL, each with a space behind it */
};

extern struct saf_peer peer;

/* Headers of a request; NULL: none, from: ISSUER, but not beside authorization. */
struct headers {
	const char *correlation, *contact, *trpdt, *rcat, *via, *from, *authorization;
	const char *type; /* of the body; NULL: text/plain */
};

/* A conf with room for a few requests; the peers answer 204; nothing runs. */
void saf_init(void);
/* The same, and an NSCL runs at which OTHER is registered. */
void saf_setup(void);
void saf_teardown(void);
/* Waits until no request or answer counts any more. */
void saf_await_none(void);
/* Stops when all answers are delivered: then nothing is left. */
void saf_drain(void);
void saf_register(const char *id, const char *link);

/* What both answer from now on. */
void peer_says(int status, int sink_status);
/* A body and a space behind what to holds. */
void saf_append(char *to, size_t size, struct slice s);
unsigned peer_read(const unsigned *v);
/* Waits until a count of peer is n. */
void saf_await(const unsigned *v, unsigned n);

void saf_begin(struct core_call *c, const char *method, const char *target,
               const struct headers *h, const char *body);
struct reply saf_ask(const char *method, const char *target, struct headers h, const char *body);
/* A creation at OTHER; the status. */
int saf_send(const char *correlation, const char *contact, const char *body);

#endif
