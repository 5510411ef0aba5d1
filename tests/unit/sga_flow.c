/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sga_flow.h"

#include "base/be.h"
#include "sec/cipher.h"
#include "sec/hkdf.h"
#include "sga/octets.h"
#include "sga/package_own.h"
#include "sga_rsa.h"

/* ---- randomness ---- */

static enum rc
draw(void *arg, void *out, size_t n)
{
	struct flow_random *r = arg;
	uint8_t number[4];
	enum rc rc;

	be_put(number, r->draws++, 4);
	rc = hkdf_sha256(SLICE_LIT("flow"), slice_of(r->label), slice_make(number, 4), out, n);
	/* As a number below the modulus of any RSA key of that length. */
	if (n == SGA_ENC_MAX)
		*(uint8_t *)out = 0;
	if (r->seen != NULL)
		r->seen(r->arg, out, n);
	return rc;
}

void
flow_random_init(struct flow_random *r, const char *label)
{
	*r = (struct flow_random){ .random = { .secret = draw, .clear = draw, .arg = r },
		                   .label = label };
}

struct sga_id
flow_id(const char *text)
{
	struct sga_id id;

	ck_assert_int_eq(sga_id_make(slice_of(text), &id), RC_OK);
	return id;
}

/* ---- keys of G ---- */

/* Two private keys of the suite; of X: 01 01 .. and 02 02 .. */
static void
private_octets(uint8_t suite, struct octets *e, struct octets *f)
{
	if (suite == SGA_SUITE_C) {
		*e = octets_of(RSA_E);
		*f = octets_of(RSA_F);
		return;
	}
	memset(e->v, 1, KEY_BYTES);
	memset(f->v, 2, KEY_BYTES);
	e->n = f->n = KEY_BYTES;
}

static struct sga_private *
private_of(uint8_t suite, const struct octets *o)
{
	struct sga_private *k;

	ck_assert_int_eq(sga_private_read(sga_suite_find(suite), octets_slice(o), &k), RC_OK);
	return k;
}

struct sga_keys *
flow_keys(uint8_t suite, uint16_t group, uint32_t serial, struct sign_public *public)
{
	const uint8_t seed[SIGN_SEED_SIZE] = { 7 };
	struct sga_keys_conf conf = { .suite = suite,
		                      .ciphers = SGA_CIPHERS_KNOWN,
		                      .serial = serial,
		                      .not_after = 2000000000,
		                      .id = flow_id(FLOW_G) };
	struct octets e, f;
	struct sga_private *pe, *pf;
	struct sign_key *sign;
	struct sga_keys *keys;
	uint8_t package[SGA_PACKAGE_MAX], saved[SGA_KEYS_MAX];
	struct sga_writer w = sga_writer_of(package, sizeof(package));
	struct sga_writer all = sga_writer_of(saved, sizeof(saved));

	private_octets(suite, &e, &f);
	pe = private_of(suite, &e);
	pf = private_of(suite, &f);
	ck_assert_int_eq(sign_key_from_seed(seed, &sign), RC_OK);
	conf.sign = sign;
	if (group == 0)
		group = sga_suite_find(suite)->group;
	ck_assert_int_eq(sga_package_write(&conf, group, sga_public_octets(sga_private_public(pe)),
	                                   sga_public_octets(sga_private_public(pf)), &w),
	                 RC_OK);
	sga_write_be(&all, 1, 1);
	sga_write_lv16(&all, octets_slice(&e));
	sga_write_lv16(&all, octets_slice(&f));
	sign_key_public(sign, public);
	ck_assert_int_eq(sga_keys_load(sga_written(&all), sga_written(&w), public, &keys), RC_OK);
	sign_key_free(sign);
	sga_private_free(pe);
	sga_private_free(pf);
	return keys;
}

struct sga_device *
flow_device(const char *id, const struct sga_keys *keys, const struct sign_public *gateway,
            uint16_t cid0, uint8_t seed_first)
{
	const uint8_t seed[SIGN_SEED_SIZE] = { seed_first };
	const struct sga_device_conf conf = {
		.id = flow_id(id),
		.package = sga_package_octets(sga_keys_package(keys)),
		.gateway = *gateway,
		.now = FLOW_NOW,
		.cids = SGA_CIPHERS_KNOWN,
		.cid0 = cid0,
		.seed = seed_first == 0 ? NULL : seed,
	};
	struct sga_device *d;

	ck_assert_int_eq(sga_device_new(&conf, &d), RC_OK);
	return d;
}

/* ---- a flow ---- */

void
flow_init(struct flow *f, const struct flow_conf *conf)
{
	*f = (struct flow){ .conf = *conf };
	if (f->conf.suite == 0)
		f->conf.suite = SGA_SUITE_X;
	if (f->conf.cid == 0)
		f->conf.cid = CIPHER_AES_128_GCM;
	if (f->conf.cid0 == 0)
		f->conf.cid0 = CIPHER_CHACHA20_POLY1305;
	flow_random_init(&f->random, conf->label == NULL ? "one" : conf->label);
	f->keys = flow_keys(f->conf.suite, conf->group, 5, &f->gateway);
	f->i = flow_device(FLOW_I, f->keys, &f->gateway, f->conf.cid0, conf->unsigned_i ? 0 : 0x11);
	f->j = flow_device(FLOW_J, f->keys, &f->gateway, f->conf.cid0, conf->unsigned_j ? 0 : 0x22);
	if (sga_device_sign_key(f->i) != NULL)
		sign_key_public(sga_device_sign_key(f->i), &f->sign_i);
	if (sga_device_sign_key(f->j) != NULL)
		sign_key_public(sga_device_sign_key(f->j), &f->sign_j);
	for (int m = 0; m < FLOW_MESSAGES; m++)
		buf_init(&f->message[m], 2 * SGA_MESSAGE_MAX);
	buf_init(&f->plain, 2 * SGA_MESSAGE_MAX);
}

void
flow_fini(struct flow *f)
{
	sga_keys_free(f->keys);
	sga_device_free(f->i);
	sga_device_free(f->j);
	sga_session_free(f->si);
	sga_session_free(f->sj);
	sga_server_session_free(f->sg);
	for (int m = 0; m < FLOW_MESSAGES; m++)
		buf_fini(&f->message[m]);
	buf_fini(&f->plain);
}

struct slice
flow_octets(const struct flow *f, enum flow_message m)
{
	return buf_view(&f->message[m]);
}

/* ---- states ---- */

void
flow_state(const struct flow *f, struct buf *to)
{
	buf_init(to, 8 * SGA_SESSION_SAVED_MAX);
	ck_assert_int_eq(sga_device_save(f->i, to), RC_OK);
	ck_assert_int_eq(sga_device_save(f->j, to), RC_OK);
	if (f->si != NULL)
		ck_assert_int_eq(sga_session_save(f->si, to), RC_OK);
	if (f->sj != NULL)
		ck_assert_int_eq(sga_session_save(f->sj, to), RC_OK);
	if (f->sg != NULL)
		ck_assert_int_eq(sga_server_session_save(f->sg, to), RC_OK);
	buf_be(to, f->plain.n, 8);
}

/* Saves what type calls name, loads it, and goes on with that. */
#define RELOAD(type, at)                                                                           \
	do {                                                                                       \
		struct buf saved;                                                                  \
		struct type *again;                                                                \
                                                                                                   \
		if ((at) == NULL)                                                                  \
			break;                                                                     \
		buf_init(&saved, SGA_SESSION_SAVED_MAX);                                           \
		ck_assert_int_eq(type##_save(at, &saved), RC_OK);                                  \
		ck_assert_int_eq(type##_load(buf_view(&saved), &again), RC_OK);                    \
		type##_free(at);                                                                   \
		(at) = again;                                                                      \
		buf_fini(&saved);                                                                  \
	} while (0)

static void
reload(struct flow *f)
{
	RELOAD(sga_device, f->i);
	RELOAD(sga_device, f->j);
	RELOAD(sga_session, f->si);
	RELOAD(sga_session, f->sj);
	RELOAD(sga_server_session, f->sg);
}

/* ---- making ---- */

static enum rc
make_r1(struct flow *f, struct sga_device *d, struct buf *to)
{
	return sga_r1_make(d, flow_token, FLOW_NOW, &f->random.random, to);
}

static enum rc
make_data(struct sga_session *s, const struct sga_device *d, const char *text, struct buf *to)
{
	return sga_record_seal(s, d, 0, slice_of(text), FLOW_NOW, to);
}

void
flow_make(struct flow *f, enum flow_message m)
{
	const struct sga_random *random = &f->random.random;
	const struct sga_id *j = sga_device_id(f->j);
	struct buf *to = &f->message[m];
	enum rc rc = RC_OK;

	switch (m) {
	case FLOW_R1_I:
		rc = make_r1(f, f->i, to);
		break;
	case FLOW_R1_J:
		rc = make_r1(f, f->j, to);
		break;
	case FLOW_A1:
		rc = sga_a1_make(f->i, j, f->conf.cid, FLOW_NOW, random, &f->si, to);
		break;
	case FLOW_A3:
		rc = sga_a3_make(f->sj, f->j, !f->conf.refuse, FLOW_NOW, random, to);
		break;
	case FLOW_B1:
		rc = sga_b1_make(f->si, f->i, random, to);
		break;
	case FLOW_B3:
		rc = sga_b3_make(f->sj, f->j, random, to);
		break;
	case FLOW_CONF_I:
		rc = make_data(f->si, f->i, "", to);
		break;
	case FLOW_CONF_J:
		rc = make_data(f->sj, f->j, "hello from j at once", to);
		break;
	case FLOW_DATA_I:
		rc = make_data(f->si, f->i, "hello from i", to);
		break;
	case FLOW_DATA_J:
		rc = make_data(f->sj, f->j, "hello from j", to);
		break;
	default: /* G made it when it took the one before */
		break;
	}
	ck_assert_int_eq(rc, RC_OK);
	ck_assert_uint_gt(to->n, 0);
	f->made = true;
}

/* ---- taking ---- */

static enum rc
take_r1(struct flow *f, struct slice octets, struct sga_party *at, enum flow_message answer)
{
	const struct sga_id g = flow_id(FLOW_G);
	struct sga_r1 r1;
	enum rc rc = sga_r1_open(f->keys, octets, FLOW_NOW, &r1);

	if (rc != RC_OK)
		return rc;
	*at = (struct sga_party){ r1.id, r1.kd, f->conf.suite, r1.cid0, r1.cids };
	buf_clear(&f->message[answer]);
	return sga_r2_make(&r1, &g, SGA_STATUS_OK, 1, &f->message[answer]);
}

static enum rc
take_a1(struct flow *f, struct slice octets)
{
	const struct key cookie = { { 9 } };
	const struct sga_challenger c = { &cookie, SLICE_LIT(FLOW_PEER), FLOW_NOW };
	struct sga_server_session *s;
	struct sga_a1 a1;
	enum rc rc = sga_a1_open(f->keys, octets, &a1);

	if (rc == RC_OK)
		rc = sga_a1_check(&a1, &c, &f->at_i.kd);
	if (rc == RC_OK)
		rc = sga_a2_make(f->keys, &a1, &f->at_i, &f->at_j, SGA_CIPHERS_KNOWN, FLOW_NOW,
		                 &f->random.random, &s, &f->message[FLOW_A2]);
	if (rc == RC_OK) {
		sga_server_session_free(f->sg);
		f->sg = s;
	}
	return rc;
}

static enum rc
take_a3(struct flow *f, struct slice octets)
{
	struct sga_a3 a3;
	enum rc rc = sga_a3_open(f->keys, octets, &a3);

	if (rc != RC_OK)
		return rc;
	return sga_a3_take(f->sg, &a3, &f->at_i.kd, &f->at_j.kd, FLOW_NOW, &f->message[FLOW_A4]);
}

static enum rc
take_record(struct flow *f, bool from_i, struct slice octets)
{
	const struct sga_trust trust = {
		.peer = from_i               ? f->conf.unsigned_i ? NULL : &f->sign_i
		        : f->conf.unsigned_j ? NULL
		                             : &f->sign_j,
	};
	struct sga_plain plain;

	return sga_record_open(from_i ? f->sj : f->si, &trust, octets, &plain, &f->plain);
}

enum rc
flow_take(struct flow *f, enum flow_message m, struct slice octets)
{
	struct sga_session *s;
	uint8_t status;
	enum rc rc;

	switch (m) {
	case FLOW_R1_I:
		return take_r1(f, octets, &f->at_i, FLOW_R2_I);
	case FLOW_R1_J:
		return take_r1(f, octets, &f->at_j, FLOW_R2_J);
	case FLOW_R2_I:
		return sga_r2_take(f->i, octets, &status);
	case FLOW_R2_J:
		return sga_r2_take(f->j, octets, &status);
	case FLOW_A1:
		return take_a1(f, octets);
	case FLOW_A2:
		rc = sga_a2_take(f->j, octets, FLOW_NOW, &s);
		if (rc == RC_OK) {
			sga_session_free(f->sj);
			f->sj = s;
		}
		return rc;
	case FLOW_A3:
		return take_a3(f, octets);
	case FLOW_A4:
		return sga_a4_take(f->si, f->i, octets);
	case FLOW_B1:
		return sga_b1_take(f->sg, octets, &f->message[FLOW_B2]);
	case FLOW_B2:
		return sga_b2_take(f->sj, octets);
	case FLOW_B3:
		return sga_b3_take(f->sg, f->keys, octets, &f->at_i.kd, &f->at_j.kd,
		                   &f->random.random, &f->message[FLOW_B6_I],
		                   &f->message[FLOW_B6_J]);
	case FLOW_B6_I:
		return sga_b6_take(f->si, octets, FLOW_NOW);
	case FLOW_B6_J:
		return sga_b6_take(f->sj, octets, FLOW_NOW);
	case FLOW_CONF_I:
	case FLOW_DATA_I:
		return take_record(f, true, octets);
	default:
		return take_record(f, false, octets);
	}
}

void
flow_deliver(struct flow *f, enum flow_message m)
{
	ck_assert_int_eq(flow_take(f, m, flow_octets(f, m)), RC_OK);
	f->next = (int)m + 1;
	f->made = false;
	if (f->conf.reload)
		reload(f);
}

void
flow_run(struct flow *f, enum flow_message last)
{
	while (f->next <= (int)last) {
		enum flow_message m = (enum flow_message)f->next;

		if (!f->made)
			flow_make(f, m);
		if (f->conf.reload)
			reload(f);
		flow_deliver(f, m);
	}
}

/* ---- what is refused ---- */

/* What was there before. */
struct watch {
	struct flow *f;
	struct buf before;
	size_t made[FLOW_MESSAGES];
};

static void
watch_begin(struct watch *w, struct flow *f)
{
	w->f = f;
	flow_state(f, &w->before);
	for (int m = 0; m < FLOW_MESSAGES; m++)
		w->made[m] = f->message[m].n;
}

static void
watch_end(struct watch *w)
{
	struct buf after;

	flow_state(w->f, &after);
	ck_assert(slice_eq(buf_view(&w->before), buf_view(&after)));
	for (int m = 0; m < FLOW_MESSAGES; m++)
		ck_assert_uint_eq(w->made[m], w->f->message[m].n);
	buf_fini(&after);
	buf_fini(&w->before);
}

void
flow_refuses(struct flow *f, enum flow_message m, struct slice octets)
{
	struct watch w;
	enum rc rc;

	watch_begin(&w, f);
	rc = flow_take(f, m, octets);
	ck_assert_msg(rc == RC_DENIED || rc == RC_BAD_REQUEST || rc == RC_CONFLICT ||
	                      rc == RC_PRECONDITION,
	              "message %d: %d", (int)m, (int)rc);
	watch_end(&w);
}
