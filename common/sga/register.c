/* SPDX-License-Identifier: Apache-2.0 */
/* Registration, the device's side. */
#include "config.h"

#include "sga/device_own.h"

#include "sga/octets.h"
#include "sga/register.h"

/* What of R1 is made before it is sealed. */
struct request {
	struct sga_header header;
	struct key kd;
	uint8_t n[SGA_SID_SIZE];
	uint64_t time;
	uint8_t token[SGA_TOKEN_LONG]; /* with the proof */
	size_t token_n;
};

/* token(16), and of a registered device the proof behind it. */
static enum rc
make_token(const struct sga_device *d, const uint8_t *token, struct request *r)
{
	const struct sga_pair who = sga_device_pair(d);
	const struct sga_again again = { &r->header, &d->id, &r->kd, r->n, r->time };

	memset(r->token, 0, sizeof(r->token));
	if (token != NULL)
		memcpy(r->token, token, SGA_TOKEN_SIZE);
	r->token_n = SGA_TOKEN_SIZE;
	if (d->registered == 0)
		return RC_OK;
	r->token_n = SGA_TOKEN_LONG;
	return sga_again_make(&d->kd, &who, &again, r->token + SGA_TOKEN_SIZE);
}

static size_t
write_body(const struct sga_device *d, const struct request *r, uint8_t body[SGA_R1_BODY_MAX])
{
	struct sga_writer w = sga_writer_of(body, SGA_R1_BODY_MAX);
	struct sign_public sign = { 0 };

	if (d->signs)
		sign_key_public(d->sign, &sign);
	sga_write_lv8(&w, slice_make(r->token, r->token_n));
	sga_write_id(&w, &d->id);
	sga_write(&w, r->kd.v, KEY_BYTES);
	sga_write_be(&w, d->cid0, 2);
	sga_write_be(&w, d->cids & d->package->ciphers, 2);
	sga_write(&w, r->n, sizeof(r->n));
	sga_write_be(&w, r->time, 8);
	sga_write_lv8(&w, slice_make(sign.v, d->signs ? SIGN_PUBLIC_SIZE : 0));
	return w.n;
}

static enum rc
seal(const struct sga_device *d, const struct request *r, const struct sga_random *random,
     struct buf *to, struct sga_hash *hash)
{
	const struct sga_envelope e = { &d->package->dp, "R1", &r->header };
	uint8_t body[SGA_R1_BODY_MAX];
	size_t n = write_body(d, r, body);
	enum rc rc = sga_envelope_make(d->package->e, &e, slice_make(body, n), random, to, hash);

	secret_wipe(body, sizeof(body));
	return rc;
}

enum rc
sga_r1_make(struct sga_device *d, const uint8_t *token, uint64_t now,
            const struct sga_random *random, struct buf *to)
{
	struct request r = { .header = { .suite = d->package->suite->id, .type = SGA_R1 },
		             .time = now };
	struct sga_hash hash;
	enum rc rc;

	if (token == NULL && d->registered == 0)
		return RC_CONFLICT;
	rc = sga_random_secret(random, r.kd.v, KEY_BYTES);
	if (rc == RC_OK)
		rc = sga_random_clear(random, r.n, sizeof(r.n));
	if (rc == RC_OK)
		rc = make_token(d, token, &r);
	if (rc == RC_OK)
		rc = seal(d, &r, random, to, &hash);
	if (rc == RC_OK) {
		d->pending = true;
		d->next = r.kd;
		d->cid0_sent = d->cid0;
		d->r1 = hash;
	}
	secret_wipe(&r, sizeof(r));
	return rc;
}

/* ---- R2 ---- */

/* The pending kd is in force, or given up. */
static void
settle(struct sga_device *d, bool accepted, uint64_t registrations)
{
	if (accepted) {
		d->kd = d->next;
		d->registered = registrations;
		d->cid0_now = d->cid0_sent;
	}
	key_wipe(&d->next);
	d->cid0_sent = 0;
	d->r1 = (struct sga_hash){ 0 };
	d->pending = false;
}

enum rc
sga_r2_take(struct sga_device *d, struct slice r2, uint8_t *status)
{
	static const struct sga_sid none;
	const struct sga_expected expected = { SGA_R2, d->package->suite->id, &none };
	const struct sga_pair who = sga_device_pair(d);
	struct sga_acknowledgement a;
	struct sga_header header;
	enum rc rc = sga_expect(r2, &expected, &header);

	if (rc != RC_OK)
		return rc;
	if (r2.n != SGA_R2_SIZE)
		return RC_BAD_REQUEST;
	if (!d->pending)
		return RC_CONFLICT;
	rc = sga_acknowledgement_read(&d->next, &who, &d->r1, r2, &a);
	if (rc != RC_OK)
		return rc;
	if (a.status == SGA_STATUS_OK && a.registrations <= d->registered)
		return RC_DENIED;
	settle(d, a.status == SGA_STATUS_OK, a.registrations);
	*status = a.status;
	return RC_OK;
}
