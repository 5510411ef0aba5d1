/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two devices and G, and every message of one session between them. A flow goes through its
 * messages in order: each is made, and then taken by whom it is for. The gateway's key has the seed
 * 07 00 .., device i ("alpha.example") signs with 11 00 .., device j ("beta.example") with 22 00 ..;
 * random octets are HKDF of a label and their number.
 */
#ifndef UNIT_SGA_FLOW_H
#define UNIT_SGA_FLOW_H

#include "octets.h"
#include "sga/group.h"
#include "sga/keys.h"
#include "sga/record.h"
#include "sga/server.h"
#include "sga/tag.h"

#define FLOW_G "gateway.example"
#define FLOW_I "alpha.example"
#define FLOW_J "beta.example"
#define FLOW_NOW UINT64_C(1700000000)
#define FLOW_PEER "192.0.2.1" /* the transport address of i */

enum flow_message {
	FLOW_R1_I,
	FLOW_R2_I,
	FLOW_R1_J,
	FLOW_R2_J,
	FLOW_A1,
	FLOW_A2,
	FLOW_A3,
	FLOW_A4,
	FLOW_B1,
	FLOW_B2,
	FLOW_B3,
	FLOW_B6_I,
	FLOW_B6_J,
	FLOW_CONF_I, /* the first record of i */
	FLOW_CONF_J,
	FLOW_DATA_I, /* "hello from i" */
	FLOW_DATA_J,
	FLOW_MESSAGES
};

/* Of both registrations. */
static const uint8_t flow_token[SGA_TOKEN_SIZE] = { 0x70, 1 };

/* Known octets in place of random ones. */
struct flow_random {
	struct sga_random random;
	const char *label;
	uint32_t draws;
	/* Each draw, when it is not NULL: for vectors. */
	void (*seen)(void *arg, const void *octets, size_t n);
	void *arg;
};

/* What a flow is of; zero is suite X, AES-128-GCM. */
struct flow_conf {
	uint8_t suite;
	uint16_t group, cid, cid0;
	const char *label;
	bool unsigned_i, unsigned_j; /* that device has no signing key */
	bool refuse; /* j does not want */
	bool reload; /* everything is saved and loaded after every step */
};

struct flow {
	struct flow_conf conf;
	struct flow_random random;
	struct sga_keys *keys;
	struct sign_public gateway;
	struct sga_device *i, *j;
	struct sga_party at_i, at_j; /* as G knows them */
	struct sign_public sign_i, sign_j;
	struct sga_session *si, *sj;
	struct sga_server_session *sg;
	struct buf message[FLOW_MESSAGES];
	int next; /* the message that is taken next; all before were */
	bool made; /* and it is made */
	struct buf plain; /* what the last record said */
};

void flow_random_init(struct flow_random *r, const char *label);
struct sga_id flow_id(const char *text);
/* G's keys; public: of the key that signs its package. The RSA keys are always the same. */
struct sga_keys *flow_keys(uint8_t suite, uint16_t group, uint32_t serial,
                           struct sign_public *public);
/* seed_first 0: it does not sign. */
struct sga_device *flow_device(const char *id, const struct sga_keys *keys,
                               const struct sign_public *gateway, uint16_t cid0,
                               uint8_t seed_first);

/* All before any message. */
void flow_init(struct flow *f, const struct flow_conf *conf);
void flow_fini(struct flow *f);
/* Makes m, the next one. */
void flow_make(struct flow *f, enum flow_message m);
/* Gives octets to whom m is for, as m. */
enum rc flow_take(struct flow *f, enum flow_message m, struct slice octets);
/* Gives octets as flow_take does: they must be refused, and nothing must change. */
void flow_refuses(struct flow *f, enum flow_message m, struct slice octets);
/* Takes m as it was made. */
void flow_deliver(struct flow *f, enum flow_message m);
/* Makes and takes what is left up to last. */
void flow_run(struct flow *f, enum flow_message last);
struct slice flow_octets(const struct flow *f, enum flow_message m);
/* The state of all parties, one after the other; the caller gives it to buf_fini. */
void flow_state(const struct flow *f, struct buf *to);

#endif
