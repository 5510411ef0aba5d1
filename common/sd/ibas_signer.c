/* SPDX-License-Identifier: Apache-2.0 */
/* The key of one identity, and the rounds that it has signed in. */
#include "config.h"

#include "sd/ibas_own.h"

#include "base/be.h"
#include "sec/secret.h"
#include "sec/stack_wipe.h"

#include <pthread.h>

struct ibas_signer {
	pthread_mutex_t lock; /* of last, and of all of a signature */
	struct pairing_g1 k[2];
	struct node_id device;
	char id[IBAS_ID_SIZE + 1];
	uint8_t last[SD_ROUND_SIZE];
	ibas_keep *keep;
	void *arg;
};

/* e(k, h) = e(p, Q) */
static enum rc
check_key(const struct pairing_g1 *k, const struct pairing_g1 *p, const struct ibas_public *q)
{
	struct pairing_check c;
	struct pairing_g1 inverse;
	struct pairing_g2 h;
	enum rc rc;

	pairing_g2_generator(&h);
	pairing_g1_inverse(k, &inverse);
	pairing_check_begin(&c);
	pairing_check_pair(&c, &inverse, &h);
	pairing_check_pair(&c, p, &q->q);
	rc = pairing_check_end(&c);
	secret_wipe(&c, sizeof(c));
	secret_wipe(&inverse, sizeof(inverse));
	return rc;
}

static enum rc
read_key(const struct ibas_signer_conf *conf, struct ibas_signer *s)
{
	struct ibas_identity id;
	enum rc rc = conf->key.n == IBAS_KEY_SIZE ? RC_OK : RC_BAD_REQUEST;

	if (rc == RC_OK)
		rc = ibas_identity_make(&conf->device, conf->millis, &id);
	if (rc == RC_OK)
		memcpy(s->id, id.id, sizeof(s->id));
	for (size_t j = 0; j < 2 && rc == RC_OK; j++) {
		struct slice one = slice_from(conf->key, j * PAIRING_G1_SIZE);

		rc = pairing_g1_read(slice_head(one, PAIRING_G1_SIZE), &s->k[j]);
		if (rc == RC_OK)
			rc = check_key(&s->k[j], &id.p[j], conf->q);
	}
	stack_wipe();
	return rc;
}

enum rc
ibas_signer_new(const struct ibas_signer_conf *conf, struct ibas_signer **out)
{
	struct ibas_signer *s = secret_alloc(sizeof(*s));
	enum rc rc;

	*out = NULL;
	if (s == NULL)
		return RC_UNAVAILABLE;
	rc = read_key(conf, s);
	if (rc == RC_OK && pthread_mutex_init(&s->lock, NULL) != 0)
		rc = RC_UNAVAILABLE;
	if (rc != RC_OK) {
		secret_free(s, sizeof(*s));
		return rc;
	}
	s->device = conf->device;
	memcpy(s->last, conf->last, sizeof(s->last));
	s->keep = conf->keep;
	s->arg = conf->arg;
	*out = s;
	return RC_OK;
}

void
ibas_signer_free(struct ibas_signer *s)
{
	if (s == NULL)
		return;
	pthread_mutex_destroy(&s->lock);
	secret_free(s, sizeof(*s));
}

/* S = P_w^r K_0 K_1^c, T = h^r; all but r is made. */
static enum rc
make(const struct ibas_signer *s, const struct pairing_g1 *p_w, const uint8_t c[PAIRING_SHORT_SIZE],
     uint8_t out[IBAS_SIZE])
{
	struct pairing_g1_product x;
	struct pairing_scalar r;
	struct pairing_g1 p;
	struct pairing_g2 t;
	enum rc rc = pairing_scalar_random(&r);

	if (rc == RC_OK) {
		pairing_g1_power(p_w, &r, &p);
		pairing_g1_product_begin(&x);
		pairing_g1_product_times(&x, &p);
		pairing_g1_product_times(&x, &s->k[0]);
		pairing_g1_product_power(&x, &s->k[1], c);
		/* Neutral once in 2^255: r is at fault then. */
		rc = pairing_g1_product_end(&x, &p) == RC_OK ? RC_OK : RC_INTERNAL;
		secret_wipe(&x, sizeof(x));
	}
	if (rc == RC_OK) {
		pairing_g2_generator(&t);
		pairing_g2_power(&t, &r, &t);
		pairing_g1_write(&p, out);
		pairing_g2_write(&t, out + PAIRING_G1_SIZE);
	}
	secret_wipe(&p, sizeof(p));
	secret_wipe(&r, sizeof(r));
	stack_wipe();
	return rc;
}

/* Whether the signer may sign r in round w. */
static enum rc
permitted(const struct ibas_signer *s, const uint8_t w[SD_ROUND_SIZE], uint64_t now,
          const struct sd_reading *r)
{
	char id[IBAS_ID_SIZE + 1];
	uint64_t since = be_get(w, 8);

	if (ibas_id(&r->device, r->millis, id) != RC_OK || memcmp(id, s->id, sizeof(id)) != 0)
		return RC_BAD_REQUEST;
	if (memcmp(w, s->last, SD_ROUND_SIZE) <= 0)
		return RC_CONFLICT;
	return since > now && since - now > IBAS_ROUND_TOLERANCE ? RC_PRECONDITION : RC_OK;
}

static enum rc
sign_locked(struct ibas_signer *s, const uint8_t w[SD_ROUND_SIZE], uint64_t now,
            const struct sd_reading *r, uint8_t out[IBAS_SIZE])
{
	uint8_t c[PAIRING_SHORT_SIZE];
	struct pairing_g1 p_w;
	enum rc rc = permitted(s, w, now, r);

	if (rc == RC_OK)
		rc = ibas_challenge(w, s->id, r, c);
	if (rc == RC_OK)
		rc = ibas_hash_round(w, &p_w);
	if (rc == RC_OK)
		rc = s->keep(s->arg, w);
	if (rc != RC_OK)
		return rc;
	memcpy(s->last, w, SD_ROUND_SIZE);
	return make(s, &p_w, c, out);
}

enum rc
ibas_sign(struct ibas_signer *s, const uint8_t w[SD_ROUND_SIZE], uint64_t now,
          const struct sd_reading *r, uint8_t out[IBAS_SIZE])
{
	enum rc rc;

	memset(out, 0, IBAS_SIZE);
	pthread_mutex_lock(&s->lock);
	rc = sign_locked(s, w, now, r, out);
	pthread_mutex_unlock(&s->lock);
	return rc;
}
