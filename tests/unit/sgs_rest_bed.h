/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An SGA server over a book in memory, asked as a binding asks, and devices that libsga plays. Each
 * test has its own process: sgs_setup and sgs_teardown are its fixture. Every function asserts what
 * it needs. The server, but for its book and its limits, has the clock of sgs_core.
 */
#ifndef UNIT_SGS_REST_BED_H
#define UNIT_SGS_REST_BED_H

#include <stdarg.h>

#include "cap/sgs/sgs.h"
#include "cap/sgs/sgs_doc.h"
#include "core_bed.h"
#include "sga/device.h"
#include "sga/record.h"
#include "sga/session.h"
#include "suite.h"

#define ROOT "/m2m/sga"
#define MANAGER "http://manager.example/m2m"
#define OCTETS "application/octet-stream"
#define JSON "application/json"
#define HEX_SID (2 * SGA_SID_SIZE + 1)

extern struct core_bed sgs_core;
extern struct sgs *sgs;
/* Of the next server that is set up; sgs_fill was called, or sgs_setup calls it. */
extern struct capability_conf sgs_conf;
extern bool sgs_far; /* who has a requestingEntity is on another host all the same */

void sgs_fill(void);

void sgs_setup(void);
void sgs_teardown(void);
/* The capability has stopped, the scl has not. */
void sgs_halt(void);

struct answer {
	int status;
	char *p; /* heap, with a zero behind it, never NULL */
	size_t n;
	char location[256], type[64], etag[128];
	unsigned retry_after;
};

/* What a request says besides method, path below ROOT and body. */
struct how {
	const char *from; /* requestingEntity, who is on this host then; or NULL */
	const char *type, *accept; /* NULL: octets; as type */
	const char *tag; /* X-M2M-SGA, or NULL */
	const char *if_none_match; /* or NULL */
	const char *address; /* of the peer; NULL: 192.0.2.1 */
	struct observing *observing; /* or NULL */
};

/* As with the option Observe of CoAP. */
struct observing {
	struct observer *o; /* to be ended by observer_end; NULL: none has been established */
	atomic_uint told;
};

struct answer sgs_ask(const char *method, const char *path, const struct how *how,
                      struct slice body);
void answer_fini(struct answer *a);
/* The status alone. */
int sgs_status(const char *method, const char *path, const struct how *how, struct slice body);
/* The answer is the error message of that class and nothing else. */
void answer_is_class(const struct answer *a, enum sga_class class);
/* The same of a request. */
void class_is(enum sga_class class, const char *method, const char *path, const struct how *how,
              struct slice body);
/* As the manager, in JSON; body may be NULL. Answers 2xx. */
struct answer managed(const char *method, const char *path, const char *body);
/* Number after "name": in a document of JSON; -1: it is not there. */
long long number_in(const struct answer *a, const char *name);

/* ---- devices ---- */

struct phone {
	struct sga_id id;
	struct sga_device *d;
	uint64_t counter;
};

/* With the package of the suite, a token, and registered. */
void phone_register(struct phone *p, const char *id, uint8_t suite);
/* The same, without the last step. */
void phone_make(struct phone *p, const char *id, uint8_t suite);
void phone_fini(struct phone *p);
/* 16 octets. */
void token_for(const char *id, uint8_t token[SGA_TOKEN_SIZE]);
/* A tag of the next counter; static memory. */
const char *phone_tag(struct phone *p, const char *method, const char *path, struct slice body);
/* A request of the device; octets. */
struct answer phone_ask(struct phone *p, const char *method, const char *path, struct slice body);
int phone_status(struct phone *p, const char *method, const char *path, struct slice body);
/* The same in JSON; body may be NULL. */
struct answer phone_json(struct phone *p, const char *method, const char *path, const char *body);
int phone_json_status(struct phone *p, const char *method, const char *path, const char *body);
/* The item with that place in its mailbox, appended to out; its number. 0: there is none. */
uint64_t phone_item(struct phone *p, size_t place, struct buf *out);
/* That there is just one, which is acknowledged. */
void phone_take(struct phone *p, struct buf *out);

/* ---- sessions ---- */

struct talk {
	struct sga_session *i, *j;
	char sid[HEX_SID];
};

/* A1 of i to j; its status. */
int talk_invite(struct talk *t, struct phone *i, struct phone *j, uint64_t now);
/* After the invitation, A2 to A4; the B1 that is next is appended to b1. */
void talk_accept(struct talk *t, struct phone *i, struct phone *j, struct buf *b1);
/* B1 to B6. */
void talk_finish(struct talk *t, struct phone *i, struct phone *j, struct slice b1);
/* All up to B6; both are open, and no records have gone. */
void talk_open(struct talk *t, struct phone *i, struct phone *j);
/* Also the confirmations. */
void talk_confirm(struct talk *t, struct phone *i, struct phone *j);
/* A record from one to the other's mailbox; the status. */
int talk_say(struct talk *t, struct phone *from, bool inviter, const char *text);
/* The next item of the mailbox is a record that says so. */
void talk_hears(struct talk *t, struct phone *to, bool inviter, const char *text);
void talk_fini(struct talk *t);

uint64_t bed_now(void);

#endif
