/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sga_run.h"

#define CID_USUAL 0x0003
#define G_NAME "gateway1.example"

static enum rc
id_of(const char *text, struct sga_id *out)
{
	return sga_id_make(slice_of(text), out);
}

/* ---- who takes part ---- */

static enum rc
gateway_make(struct run_world *w)
{
	uint8_t seed[SIGN_SEED_SIZE];
	struct sga_keys_conf c = { .suite = w->conf.suite,
		                   .group = w->conf.group,
		                   .ciphers = RUN_ALL_CIDS,
		                   .serial = 1,
		                   .not_after = RUN_NOW + 1000000 };
	enum rc rc = secret_random(seed, sizeof(seed));

	if (rc == RC_OK)
		rc = id_of(G_NAME, &c.id);
	if (rc == RC_OK)
		rc = sign_key_from_seed(seed, &w->sign);
	if (rc != RC_OK)
		return rc;
	sign_key_public(w->sign, &w->verify);
	c.sign = w->sign;
	return sga_keys_make(&c, w->conf.random_g, &w->keys);
}

/* What the gateway keeps of R1. */
static enum rc
register_at_g(const struct run_world *w, struct slice r1, struct sga_party *at_g, struct buf *r2)
{
	const struct sga_id *g = &sga_keys_package(w->keys)->id;
	struct sga_r1 m;
	enum rc rc = sga_r1_open(w->keys, r1, RUN_NOW, &m);

	if (rc != RC_OK)
		return rc;
	*at_g = (struct sga_party){
		.id = m.id, .kd = m.kd, .suite = m.header.suite, .cid0 = m.cid0, .cids = m.cids
	};
	rc = sga_r2_make(&m, g, SGA_STATUS_OK, 1, r2);
	secret_wipe(&m, sizeof(m));
	return rc;
}

static enum rc
register_device(const struct run_world *w, struct sga_device *d, const struct sga_random *random,
                struct sga_party *at_g)
{
	static const uint8_t token[SGA_TOKEN_SIZE] = { 1 };
	struct buf r1, r2;
	uint8_t status = SGA_STATUS_TAKEN;
	enum rc rc;

	buf_init(&r1, SGA_MESSAGE_MAX);
	buf_init(&r2, SGA_MESSAGE_MAX);
	rc = sga_r1_make(d, token, RUN_NOW, random, &r1);
	if (rc == RC_OK)
		rc = register_at_g(w, buf_view(&r1), at_g, &r2);
	if (rc == RC_OK)
		rc = sga_r2_take(d, buf_view(&r2), &status);
	if (rc == RC_OK && status != SGA_STATUS_OK)
		rc = RC_CONFLICT;
	buf_fini(&r1);
	buf_fini(&r2);
	return rc;
}

enum rc
run_device(const struct run_world *w, const char *id, const uint8_t *seed,
           const struct sga_random *random, struct sga_device **d, struct sga_party *at_g)
{
	struct sga_device_conf c = { .package = sga_package_octets(sga_keys_package(w->keys)),
		                     .gateway = w->verify,
		                     .now = RUN_NOW,
		                     .cids = RUN_ALL_CIDS,
		                     .cid0 = w->conf.cid,
		                     .seed = seed };
	enum rc rc = id_of(id, &c.id);

	*d = NULL;
	if (rc == RC_OK)
		rc = sga_device_new(&c, d);
	if (rc == RC_OK)
		rc = register_device(w, *d, random, at_g);
	if (rc != RC_OK) {
		sga_device_free(*d);
		*d = NULL;
	}
	return rc;
}

enum rc
run_world_make(struct run_world *w, const struct run_conf *conf)
{
	enum rc rc;

	*w = (struct run_world){ .conf = *conf };
	if (w->conf.suite == 0)
		w->conf.suite = SGA_SUITE_X;
	if (w->conf.cid == 0)
		w->conf.cid = CID_USUAL;
	rc = gateway_make(w);
	if (rc == RC_OK)
		rc = run_device(w, RUN_ID_I, conf->seed_i, conf->random_i, &w->i, &w->i_at_g);
	if (rc == RC_OK)
		rc = run_device(w, RUN_ID_J, conf->seed_j, conf->random_j, &w->j, &w->j_at_g);
	if (rc != RC_OK)
		run_world_free(w);
	return rc;
}

void
run_world_free(struct run_world *w)
{
	sga_device_free(w->i);
	sga_device_free(w->j);
	sga_keys_free(w->keys);
	sign_key_free(w->sign);
	secret_wipe(w, sizeof(*w));
}

/* ---- a session ---- */

void
run_begin(struct run *r, const struct run_world *w)
{
	*r = (struct run){ .world = w, .now = RUN_NOW };
	for (size_t i = 0; i < RUN_MESSAGES; i++)
		buf_init(&r->sent[i], SGA_MESSAGE_MAX);
}

void
run_end(struct run *r)
{
	sga_session_free(r->i);
	sga_session_free(r->j);
	sga_server_session_free(r->g);
	for (size_t i = 0; i < RUN_MESSAGES; i++)
		buf_fini(&r->sent[i]);
}

static struct slice
sent(const struct run *r, enum run_message m)
{
	return buf_view(&r->sent[m]);
}

static enum rc
a1_make(struct run *r)
{
	const struct run_world *w = r->world;

	return sga_a1_make(w->i, sga_device_id(w->j), w->conf.cid, r->now, w->conf.random_i, &r->i,
	                   &r->sent[RUN_A1]);
}

static enum rc
a1_take(struct run *r)
{
	static const struct key cookie = { { 1 } };
	struct sga_challenger c = { .cookie = &cookie, .peer = SLICE_LIT("peer"), .now = r->now };
	const struct run_world *w = r->world;
	struct sga_a1 a1;
	enum rc rc = sga_a1_open(w->keys, sent(r, RUN_A1), &a1);

	if (rc == RC_OK)
		rc = sga_a1_check(&a1, &c, &w->i_at_g.kd);
	if (rc == RC_OK)
		rc = sga_a2_make(w->keys, &a1, &w->i_at_g, &w->j_at_g, RUN_ALL_CIDS, r->now,
		                 w->conf.random_g, &r->g, &r->sent[RUN_A2]);
	secret_wipe(&a1, sizeof(a1));
	return rc;
}

static enum rc
a2_take(struct run *r)
{
	return sga_a2_take(r->world->j, sent(r, RUN_A2), r->now, &r->j);
}

static enum rc
a3_make(struct run *r)
{
	return sga_a3_make(r->j, r->world->j, true, r->now, r->world->conf.random_j,
	                   &r->sent[RUN_A3]);
}

static enum rc
a3_take(struct run *r)
{
	const struct run_world *w = r->world;
	struct sga_a3 a3;
	enum rc rc = sga_a3_open(w->keys, sent(r, RUN_A3), &a3);

	if (rc == RC_OK)
		rc = sga_a3_take(r->g, &a3, &w->i_at_g.kd, &w->j_at_g.kd, r->now, &r->sent[RUN_A4]);
	secret_wipe(&a3, sizeof(a3));
	return rc;
}

static enum rc
a4_take(struct run *r)
{
	return sga_a4_take(r->i, r->world->i, sent(r, RUN_A4));
}

static enum rc
b1_make(struct run *r)
{
	return sga_b1_make(r->i, r->world->i, r->world->conf.random_i, &r->sent[RUN_B1]);
}

static enum rc
b1_take(struct run *r)
{
	return sga_b1_take(r->g, sent(r, RUN_B1), &r->sent[RUN_B2]);
}

static enum rc
b2_take(struct run *r)
{
	return sga_b2_take(r->j, sent(r, RUN_B2));
}

static enum rc
b3_make(struct run *r)
{
	return sga_b3_make(r->j, r->world->j, r->world->conf.random_j, &r->sent[RUN_B3]);
}

static enum rc
b3_take(struct run *r)
{
	const struct run_world *w = r->world;

	return sga_b3_take(r->g, w->keys, sent(r, RUN_B3), &w->i_at_g.kd, &w->j_at_g.kd,
	                   w->conf.random_g, &r->sent[RUN_B6_I], &r->sent[RUN_B6_J]);
}

static enum rc
b6_take_i(struct run *r)
{
	return sga_b6_take(r->i, sent(r, RUN_B6_I), r->now);
}

static enum rc
b6_take_j(struct run *r)
{
	return sga_b6_take(r->j, sent(r, RUN_B6_J), r->now);
}

static enum rc
c_make_i(struct run *r)
{
	return sga_record_seal(r->i, r->world->i, 0, SLICE_NONE, r->now, &r->sent[RUN_C_I]);
}

static enum rc
c_make_j(struct run *r)
{
	return sga_record_seal(r->j, r->world->j, 0, SLICE_NONE, r->now, &r->sent[RUN_C_J]);
}

/* The record of one at the other, who trusts the key of that device when it has one. */
static enum rc
c_take(struct sga_session *s, const struct sga_device *from, struct slice record)
{
	struct sga_trust trust = { 0 };
	struct sga_plain plain;
	struct sign_public key;
	struct buf b;
	enum rc rc;

	if (sga_device_sign_key(from) != NULL) {
		sign_key_public(sga_device_sign_key(from), &key);
		trust = (struct sga_trust){ .peer = &key, .required = true };
	}
	buf_init(&b, SGA_MESSAGE_MAX);
	rc = sga_record_open(s, &trust, record, &plain, &b);
	buf_fini(&b);
	return rc;
}

static enum rc
c_take_i(struct run *r)
{
	return c_take(r->i, r->world->j, sent(r, RUN_C_J));
}

static enum rc
c_take_j(struct run *r)
{
	return c_take(r->j, r->world->i, sent(r, RUN_C_I));
}

const struct run_step run_steps[RUN_STEPS] = {
	{ "A", "a1_make", 'i', a1_make },     { "A", "a1_take", 'G', a1_take },
	{ "A", "a2_take", 'j', a2_take },     { "A", "a3_make", 'j', a3_make },
	{ "A", "a3_take", 'G', a3_take },     { "A", "a4_take", 'i', a4_take },
	{ "B", "b1_make", 'i', b1_make },     { "B", "b1_take", 'G', b1_take },
	{ "B", "b2_take", 'j', b2_take },     { "B", "b3_make", 'j', b3_make },
	{ "B", "b3_take", 'G', b3_take },     { "B", "b6_take_i", 'i', b6_take_i },
	{ "B", "b6_take_j", 'j', b6_take_j }, { "C", "c_make_i", 'i', c_make_i },
	{ "C", "c_make_j", 'j', c_make_j },   { "C", "c_take_i", 'i', c_take_i },
	{ "C", "c_take_j", 'j', c_take_j },
};

enum rc
run_until(struct run *r, const char *upto)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < RUN_STEPS && rc == RC_OK; i++) {
		if (upto != NULL && strcmp(run_steps[i].name, upto) == 0)
			break;
		rc = run_steps[i].step(r);
	}
	return rc;
}

enum rc
run_step(struct run *r, const char *name)
{
	for (size_t i = 0; i < RUN_STEPS; i++)
		if (strcmp(run_steps[i].name, name) == 0)
			return run_steps[i].step(r);
	return RC_NOT_FOUND;
}
