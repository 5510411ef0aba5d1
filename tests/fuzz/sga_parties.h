/* SPDX-License-Identifier: Apache-2.0 */
/*
 * G and two devices with the same keys in each run, and a session of them at every moment: before a
 * message is taken, all parties are there as they wait for it. Suite X.
 */
#ifndef FUZZ_SGA_PARTIES_H
#define FUZZ_SGA_PARTIES_H

#include "sga/group_own.h"
#include "sga/server_own.h"
#include "sga/session_own.h"
#include "sga/record.h"

#include <stdlib.h>

#define PARTIES_NOW UINT64_C(1700000000)

/* The messages of a session, in their order. */
enum sga_step {
	STEP_R1,
	STEP_R2,
	STEP_A1,
	STEP_A2,
	STEP_A3,
	STEP_A4,
	STEP_B1,
	STEP_B2,
	STEP_B3,
	STEP_B6_I,
	STEP_B6_J,
	STEP_CONF_I,
	STEP_CONF_J,
	STEP_OPEN, /* all were taken */
	STEPS
};

struct sga_parties {
	struct sga_keys *keys;
	struct sign_public gateway;
	struct sga_device *registering, *i, *j; /* i before R2, and both registered */
	struct sga_party at_i, at_j;
	struct sga_session *si[STEPS], *sj[STEPS]; /* NULL: there is none yet */
	struct sga_server_session *sg[STEPS];
	struct buf message[STEPS];
	/* What devices point to: who looks for leaks does not look into locked memory. */
	const void *held[6];
};

static inline void
must(bool ok)
{
	if (!ok)
		abort();
}

static inline enum rc
parties_draw(void *arg, void *out, size_t n)
{
	uint8_t *next = arg;

	memset(out, ++*next, n);
	return RC_OK;
}

static inline struct sga_device *
parties_device(struct sga_parties *p, const char *name, uint8_t first)
{
	const uint8_t seed[SIGN_SEED_SIZE] = { first };
	struct sga_device_conf conf = {
		.package = sga_package_octets(sga_keys_package(p->keys)),
		.gateway = p->gateway,
		.cids = SGA_CIPHERS_KNOWN,
		.cid0 = CIPHER_CHACHA20_POLY1305,
		.seed = seed,
	};
	struct sga_device *d;

	must(sga_id_make(slice_of(name), &conf.id) == RC_OK);
	must(sga_device_new(&conf, &d) == RC_OK);
	return d;
}

static inline void
parties_keys(struct sga_parties *p, const struct sga_random *random)
{
	const uint8_t seed[SIGN_SEED_SIZE] = { 7 };
	struct sga_keys_conf conf = { .suite = SGA_SUITE_X,
		                      .ciphers = SGA_CIPHERS_KNOWN,
		                      .serial = 1,
		                      .not_after = UINT64_MAX };
	struct sign_key *sign;

	must(sga_id_make(SLICE_LIT("g"), &conf.id) == RC_OK);
	must(sign_key_from_seed(seed, &sign) == RC_OK);
	sign_key_public(sign, &p->gateway);
	conf.sign = sign;
	must(sga_keys_make(&conf, random, &p->keys) == RC_OK);
	sign_key_free(sign);
}

/* R1 and R2 of d; keep: the device as it waits for R2. */
static inline void
parties_register(struct sga_parties *p, struct sga_device *d, const struct sga_random *random,
                 struct sga_party *at, struct sga_device **keep)
{
	const uint8_t token[SGA_TOKEN_SIZE] = { 1 };
	struct buf saved;
	struct sga_r1 r1;
	uint8_t status;

	buf_clear(&p->message[STEP_R1]);
	buf_clear(&p->message[STEP_R2]);
	buf_init(&saved, SGA_DEVICE_SAVED_MAX);
	must(sga_r1_make(d, token, PARTIES_NOW, random, &p->message[STEP_R1]) == RC_OK);
	must(sga_r1_open(p->keys, buf_view(&p->message[STEP_R1]), PARTIES_NOW, &r1) == RC_OK);
	*at = (struct sga_party){ r1.id, r1.kd, SGA_SUITE_X, r1.cid0, r1.cids };
	must(sga_r2_make(&r1, sga_device_pair(d).g, 0, 1, &p->message[STEP_R2]) == RC_OK);
	must(sga_device_save(d, &saved) == RC_OK);
	sga_device_free(*keep);
	must(sga_device_load(buf_view(&saved), keep) == RC_OK);
	must(sga_r2_take(d, buf_view(&p->message[STEP_R2]), &status) == RC_OK);
	buf_fini(&saved);
}

/* The three states as they are now, for that step. */
static inline void
parties_keep(struct sga_parties *p, enum sga_step step, const struct sga_session *si,
             const struct sga_session *sj, const struct sga_server_session *sg)
{
	struct buf saved;

	buf_init(&saved, 3 * SGA_SESSION_SAVED_MAX);
	if (si != NULL) {
		must(sga_session_save(si, &saved) == RC_OK);
		must(sga_session_load(buf_view(&saved), &p->si[step]) == RC_OK);
		buf_clear(&saved);
	}
	if (sj != NULL) {
		must(sga_session_save(sj, &saved) == RC_OK);
		must(sga_session_load(buf_view(&saved), &p->sj[step]) == RC_OK);
		buf_clear(&saved);
	}
	if (sg != NULL) {
		must(sga_server_session_save(sg, &saved) == RC_OK);
		must(sga_server_session_load(buf_view(&saved), &p->sg[step]) == RC_OK);
	}
	buf_fini(&saved);
}

/* The parties go through a session; before each message is taken they are kept. */
static inline void
parties_talk(struct sga_parties *p, const struct sga_random *r)
{
	const struct key cookie = { { 1 } };
	const struct sga_challenger c = { &cookie, SLICE_NONE, PARTIES_NOW };
	struct buf *m = p->message;
	struct sga_session *si, *sj;
	struct sga_server_session *sg;
	struct sga_plain said;
	struct buf plain;
	struct sga_a1 a1;
	struct sga_a3 a3;

	buf_init(&plain, 4096);
	must(sga_a1_make(p->i, &p->j->id, 3, PARTIES_NOW, r, &si, &m[STEP_A1]) == RC_OK);
	parties_keep(p, STEP_A1, si, NULL, NULL);
	must(sga_a1_open(p->keys, buf_view(&m[STEP_A1]), &a1) == RC_OK);
	must(sga_a1_check(&a1, &c, &p->at_i.kd) == RC_OK);
	must(sga_a2_make(p->keys, &a1, &p->at_i, &p->at_j, SGA_CIPHERS_KNOWN, PARTIES_NOW, r, &sg,
	                 &m[STEP_A2]) == RC_OK);
	parties_keep(p, STEP_A2, si, NULL, sg);
	must(sga_a2_take(p->j, buf_view(&m[STEP_A2]), PARTIES_NOW, &sj) == RC_OK);
	must(sga_a3_make(sj, p->j, true, PARTIES_NOW, r, &m[STEP_A3]) == RC_OK);
	parties_keep(p, STEP_A3, si, sj, sg);
	must(sga_a3_open(p->keys, buf_view(&m[STEP_A3]), &a3) == RC_OK);
	must(sga_a3_take(sg, &a3, &p->at_i.kd, &p->at_j.kd, PARTIES_NOW, &m[STEP_A4]) == RC_OK);
	parties_keep(p, STEP_A4, si, sj, sg);
	must(sga_a4_take(si, p->i, buf_view(&m[STEP_A4])) == RC_OK);
	must(sga_b1_make(si, p->i, r, &m[STEP_B1]) == RC_OK);
	parties_keep(p, STEP_B1, si, sj, sg);
	must(sga_b1_take(sg, buf_view(&m[STEP_B1]), &m[STEP_B2]) == RC_OK);
	parties_keep(p, STEP_B2, si, sj, sg);
	must(sga_b2_take(sj, buf_view(&m[STEP_B2])) == RC_OK);
	must(sga_b3_make(sj, p->j, r, &m[STEP_B3]) == RC_OK);
	parties_keep(p, STEP_B3, si, sj, sg);
	must(sga_b3_take(sg, p->keys, buf_view(&m[STEP_B3]), &p->at_i.kd, &p->at_j.kd, r,
	                 &m[STEP_B6_I], &m[STEP_B6_J]) == RC_OK);
	parties_keep(p, STEP_B6_I, si, sj, sg);
	must(sga_b6_take(si, buf_view(&m[STEP_B6_I]), PARTIES_NOW) == RC_OK);
	parties_keep(p, STEP_B6_J, si, sj, sg);
	must(sga_b6_take(sj, buf_view(&m[STEP_B6_J]), PARTIES_NOW) == RC_OK);
	must(sga_record_seal(si, p->i, 0, SLICE_NONE, 0, &m[STEP_CONF_I]) == RC_OK);
	parties_keep(p, STEP_CONF_I, si, sj, sg);
	must(sga_record_open(sj, NULL, buf_view(&m[STEP_CONF_I]), &said, &plain) == RC_OK);
	must(sga_record_seal(sj, p->j, 0, SLICE_NONE, 0, &m[STEP_CONF_J]) == RC_OK);
	parties_keep(p, STEP_CONF_J, si, sj, sg);
	must(sga_record_open(si, NULL, buf_view(&m[STEP_CONF_J]), &said, &plain) == RC_OK);
	parties_keep(p, STEP_OPEN, si, sj, sg);
	sga_session_free(si);
	sga_session_free(sj);
	sga_server_session_free(sg);
	buf_fini(&plain);
}

static inline void
parties_hold(struct sga_parties *p)
{
	const struct sga_device *all[] = { p->registering, p->i, p->j };

	for (size_t i = 0; i < 3; i++) {
		p->held[2 * i] = all[i]->package;
		p->held[2 * i + 1] = all[i]->sign;
	}
}

/* Once. */
static inline struct sga_parties *
parties(void)
{
	static struct sga_parties p;
	uint8_t drawn = 0;
	const struct sga_random random = { parties_draw, parties_draw, &drawn };

	if (p.keys != NULL)
		return &p;
	for (int m = 0; m < STEPS; m++)
		buf_init(&p.message[m], SGA_MESSAGE_MAX);
	parties_keys(&p, &random);
	p.i = parties_device(&p, "i", 1);
	p.j = parties_device(&p, "j", 2);
	parties_register(&p, p.j, &random, &p.at_j, &p.registering);
	parties_register(&p, p.i, &random, &p.at_i, &p.registering);
	parties_talk(&p, &random);
	parties_hold(&p);
	return &p;
}

#endif
