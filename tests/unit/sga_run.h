/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gateway and two devices in one process, and one session between them step by step: for tests
 * that spoil a step, and for the benchmark, which times them.
 */
#ifndef UNIT_SGA_RUN_H
#define UNIT_SGA_RUN_H

#include "sga/record.h"
#include "sga/server.h"

#define RUN_NOW UINT64_C(1800000000)
#define RUN_ALL_CIDS 0x03ff
/* As long as that of the gateway: 16 octets. */
#define RUN_ID_I "device-i.example"
#define RUN_ID_J "device-j.example"

/* What takes part; empty: suite X, its usual group, AES-128-GCM, nobody signs. */
struct run_conf {
	uint8_t suite;
	uint16_t group, cid;
	const uint8_t *seed_i, *seed_j; /* SIGN_SEED_SIZE octets, for signatures end to end */
	const struct sga_random *random_i, *random_j, *random_g;
};

/* The gateway and who is registered. */
struct run_world {
	struct run_conf conf;
	struct sign_key *sign;
	struct sign_public verify;
	struct sga_keys *keys;
	struct sga_device *i, *j;
	struct sga_party i_at_g, j_at_g;
};

/* The messages of a session, as sent. */
enum run_message {
	RUN_A1,
	RUN_A2,
	RUN_A3,
	RUN_A4,
	RUN_B1,
	RUN_B2,
	RUN_B3,
	RUN_B6_I,
	RUN_B6_J,
	RUN_C_I, /* first record of each direction: confirmation */
	RUN_C_J,
	RUN_MESSAGES
};

struct run {
	const struct run_world *world;
	uint64_t now;
	struct sga_session *i, *j;
	struct sga_server_session *g;
	struct buf sent[RUN_MESSAGES];
};

/* Steps in their order. Each takes what the ones before have made. */
struct run_step {
	const char *phase; /* "A", "B", "C" */
	const char *name;
	char by; /* 'i', 'j', 'G' */
	enum rc (*step)(struct run *r);
};

#define RUN_STEPS 17u
extern const struct run_step run_steps[RUN_STEPS];

enum rc run_world_make(struct run_world *w, const struct run_conf *conf);
void run_world_free(struct run_world *w);
/*
 * A device that is registered (an R1 with a token, R2) and what the gateway keeps of it. Also a
 * second one of the same name, as long as the gateway's keeper lets it: none here.
 */
enum rc run_device(const struct run_world *w, const char *id, const uint8_t *seed,
                   const struct sga_random *random, struct sga_device **d, struct sga_party *at_g);

void run_begin(struct run *r, const struct run_world *w);
void run_end(struct run *r);
/* Steps from the first to the one before upto, a name; NULL: all. The first that is not RC_OK. */
enum rc run_until(struct run *r, const char *upto);
/* One step, by its name; RC_NOT_FOUND. */
enum rc run_step(struct run *r, const char *name);

#endif
