/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mId: an SCL behind its guard, with a MAS and connections of the test's own. Each test has its own
 * process: mid_setup or mid_setup_node with mid_teardown are its fixture. Functions assert what
 * they need.
 */
#ifndef UNIT_MID_BED_H
#define UNIT_MID_BED_H

#include "cap/sec/guard.h"
#include "cap/sec/psk.h"
#include "core_bed.h"
#include "mas_bed.h"
#include "suite.h"

#define LINK_1 "https://scl-1.example/m2m"
#define LINK_2 "https://scl-2.example/m2m"
/*
 * NSCLs of other providers that the configuration names: one with publicDomain peer.example that
 * proves to be scl-1, and one that proves nothing.
 */
#define LINK_PEER "https://nscl.elsewhere.example/m2m"
#define LINK_NOBODY "https://nscl.nobody.example/m2m"

/* How a request comes in; PSK unless the test says otherwise. */
enum { PSK, CLEAR, TRUSTED, MIXED, DIA };
extern const struct req_listener listeners[];

extern struct core_bed bed;
extern struct scl_peer mid_peers[2];
extern struct mas_bed mb;
extern struct sec_conf sec;
extern struct live *live;
extern struct mid *mid;
extern struct psk_front *psk;
extern struct overload *overload; /* of a network: on, never started */
extern struct mas_counters *load_counters;
extern struct psk_sources agreements; /* ga and mp, of a network; empty until the test adds some */

void mid_setup(void); /* a network */
void mid_setup_node(void);
void mid_teardown(void);

/* Of a TLS session with that identity; NULL: of one without, or of none. */
struct peer peer_of(const char *identity);
/* Of the first Kmr of bed_node(node); until the next call. */
const char *mr_identity(uint8_t node);

/* NULL = absent; a body without type is XML. */
struct ask {
	const char *method, *target, *from, *body, *type, *connection, *nonce;
	const struct peer *peer;
	const char *priority, *indicator;
};

struct reply ask(const struct ask *q);
/* reason: in the body, unless NULL. */
void expect_at(const struct ask *q, int status, const char *reason, int line);
#define expect(status, reason, ...)                                                                \
	expect_at(&(struct ask){ __VA_ARGS__ }, (status), (reason), __LINE__)

/* A connection of scl-N, as the MAS makes it, and the peer of its session B. */
struct session {
	struct mas_connection conn;
	char identity[PSK_ID_TEXT];
	struct peer peer;
};

void set(uint8_t node, unsigned flags, const char *sources);
void open_session(struct session *s, uint8_t node);
/* The document of an SCL to register. */
void scl_doc(char out[1024], const char *id, const char *link);
/* Issues a Kmr, opens the session, registers the SCL. */
void enrol(struct session *s, uint8_t node, const char *link);
void revoke(enum mas_change_kind kind, uint8_t node, uint64_t connection);

#endif
