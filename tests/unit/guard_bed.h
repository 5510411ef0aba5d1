/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The core with the guard of the SEC capability and Kma, an application that can prove itself in all
 * ways, and the connection of an SCL. Each test has its own process.
 */
#ifndef UNIT_GUARD_BED_H
#define UNIT_GUARD_BED_H

#include "cap/sec/issuer.h"
#include "cap/sec/kma.h"
#include "cap/sec/live.h"
#include "core_bed.h"

#define OWN "http://scl.example.org:8080"
#define APPS BASE "/applications"
#define METER APPS "/meter"
#define GROUP BASE "/groups/all/membersContent"
#define TOKEN "a-token-of-meter-0123456789"
#define CONNECTION UINT64_C(0x1122334455667788)
#define HOUR (3600 * CLOCK_SECOND)

/* Listeners. */
enum { CLAIMED, CLAIMED_MIA, CLAIMED_MID, BOTH, MIA, MID, UNKNOWN };

/* Who is at the other end: of peers. PSK_APP has no identity yet. */
enum { NOBODY, CERTIFICATE, TWO_NAMES, STATIC_SCL, USER, STRANGER, PSK_B, PSK_A, PSK_APP };

extern struct peer peers[];
extern struct core_bed bed;
extern struct sec_conf sec;
extern struct live *live;
extern struct issuers *issuers;
extern struct kma *kma;
extern struct psk_sources sources; /* of ga and mp; empty until the test adds some */
extern const struct key seal; /* of the book of Kma */

/* kept: directory of the book of Kma, NULL: in memory. */
void guard_begin(bool node, const char *kept);
void guard_setup(void);
void guard_setup_node(void);
void guard_teardown(void);
/* The one that live has. */
struct mas_connection connection(void);

struct reply guard_ask(int listener, int peer, const char *token, const char *method,
                       const char *target, const char *from, const char *body);
/* A GET of the applications is answered with that status, and that reason (NULL: any). */
void guard_expect(int line, int listener, int peer, const char *token, const char *from, int status,
                  const char *reason);
#define EXPECT(...) guard_expect(__LINE__, __VA_ARGS__)
/* GROUP leads to that one member. */
void make_group(const char *member);

#endif
