/* SPDX-License-Identifier: Apache-2.0 */
/* Readings to the gateway: signed on the book's thread, sent, and removed when they are answered. */
#include "config.h"

#include "cap/sd/sd_device_impl.h"

#include <stdlib.h>

#include "codec/json_fields.h"

struct told {
	struct slice rejected;
};

struct told_reading {
	int64_t index;
	struct slice reason;
};

/* ---- signatures ---- */

/* SD_ALG_MIN - 1: the gateway takes nothing that this device has always. */
static unsigned
choose(const struct dv *dv)
{
	const bool bls = !dv->without_bls && (dv->algs & SD_ALG_BIT(SD_BLS_SINGLE)) != 0;
	const bool ed25519 = (dv->algs & SD_ALG_BIT(SD_ED25519)) != 0;

	if (bls && (dv->preferred == SD_BLS_SINGLE || !ed25519))
		return SD_BLS_SINGLE;
	return ed25519 ? SD_ED25519 : 0;
}

static enum rc
sign_bls(const struct dv *dv, const struct sd_reading *readings, struct buf *out)
{
	uint8_t one[SD_BLS_SIZE];
	struct sd_bls_secret bls;
	enum rc rc = sd_bls_secret_read(slice_make(dv->secrets->bls.v, KEY_BYTES), &bls);

	if (rc != RC_OK)
		return rc;
	for (size_t i = 0; i < dv->n && rc == RC_OK; i++) {
		rc = sd_bls_sign(&bls, &readings[i], one);
		buf_add(out, one, sizeof(one));
	}
	sd_bls_wipe(&bls);
	return rc;
}

static enum rc
sign_ed25519(const struct dv *dv, const struct sd_reading *readings, struct buf *out)
{
	uint8_t one[SD_ED25519_SIZE];
	enum rc rc = RC_OK;

	for (size_t i = 0; i < dv->n && rc == RC_OK; i++) {
		rc = sd_ed25519_sign(dv->sign, &readings[i], one);
		buf_add(out, one, sizeof(one));
	}
	return rc;
}

/* The signature of one reading, and in front of it its round. */
static enum rc
sign_identity(const struct dv *dv, const struct sd_reading *reading, struct buf *out)
{
	uint8_t one[SD_IDENTITY_SIZE];
	int64_t now = clock_now(dv->clock);
	enum rc rc;

	if (dv->signer == NULL)
		return RC_NOT_FOUND;
	memcpy(one, dv->round, SD_ROUND_SIZE);
	rc = ibas_sign(dv->signer, dv->round, (uint64_t)(now > 0 ? now / 1000 : 0), reading,
	               one + SD_ROUND_SIZE);
	buf_add(out, one, sizeof(one));
	return rc;
}

static enum rc
sign_all(const struct dv *dv, enum sd_alg alg, const struct sd_reading *readings, struct buf *out)
{
	if (alg == SD_IDENTITY)
		return sign_identity(dv, readings, out);
	return alg == SD_ED25519 ? sign_ed25519(dv, readings, out) : sign_bls(dv, readings, out);
}

static enum rc
write_bundle(struct dv *dv, enum sd_alg alg)
{
	struct sd_reading readings[DV_BATCH];
	struct sd_bundle bundle = { .alg = alg, .n = dv->n };
	struct buf signatures;
	enum rc rc;

	for (size_t i = 0; i < dv->n; i++) {
		const struct dv_reading *r = dv->batch[i];

		readings[i] = (struct sd_reading){ dv->node, r->seq, r->millis,
			                           slice_make(r->payload, r->n) };
	}
	buf_init(&signatures, DV_BATCH * SD_ED25519_SIZE);
	rc = sign_all(dv, alg, readings, &signatures);
	if (rc == RC_OK && signatures.failed)
		rc = RC_UNAVAILABLE;
	bundle.signatures = buf_view(&signatures);
	buf_clear(&dv->body);
	if (rc == RC_OK)
		rc = sd_bundle_write(&bundle, readings, &dv->body);
	buf_fini(&signatures);
	return rc;
}

/* Changes nothing in the book: the courier is not to be held up by signatures. */
static enum rc
sign_run(struct tables_job *j, struct tables_tx *tx)
{
	struct dv *dv = DV_OF(j, struct dv, job);

	(void)tx;
	atomic_store(&dv->alg, dv->way);
	return dv->way == 0 ? RC_NOT_IMPLEMENTED : write_bundle(dv, (enum sd_alg)dv->way);
}

/* ---- what has left ---- */

static enum rc
remove_run(struct tables_job *j, struct tables_tx *tx)
{
	const struct dv *dv = DV_OF(j, struct dv, job);
	enum rc rc = RC_OK;

	for (size_t i = 0; i < dv->n && rc == RC_OK; i++)
		if (dv->batch[i]->answered)
			rc = dv_book_remove(tx, dv->batch[i]);
	return rc;
}

static void
sweep(struct dv *dv)
{
	struct dv_reading **at = &dv->first;

	pthread_mutex_lock(&dv->lock);
	while (*at != NULL) {
		struct dv_reading *r = *at;

		if (!r->answered) {
			at = &r->next;
			continue;
		}
		*at = r->next;
		dv->pending--;
		free(r);
	}
	dv->last = at;
	pthread_mutex_unlock(&dv->lock);
}

/* What could not be removed is sent again, and the gateway knows it then. */
static void
removed(struct dv *dv)
{
	if (dv->job_rc != RC_OK) {
		for (size_t i = 0; i < dv->n; i++)
			dv->batch[i]->answered = false;
		dv_later(dv, "the disk", status_of(dv->job_rc)->text);
		return;
	}
	sweep(dv);
	dv->failures = 0;
	dv_next(dv);
}

/* ---- the gateway's answer ---- */

/*
 * A signature that does not fit a key of before is sent again, with the keys. That a round is spent
 * says nothing of the reading: the same with another signature tells.
 */
static void
reject(struct dv *dv, struct dv_reading *r, struct slice reason)
{
	const bool identity = dv->way == SD_IDENTITY;
	const bool wrong = slice_is(reason, "SD_SIGNATURE");

	r->answered = !wrong && !identity;
	if (wrong && identity)
		dv_identity_refused(dv);
	else if (wrong)
		atomic_store(&dv->registered, false);
	if (wrong)
		atomic_fetch_add(&dv->rejected, 1);
}

static bool
read_answer(struct dv *dv)
{
	static const struct json_field fields[] = { JSON_FIELD(struct told, rejected, "rejected",
		                                               JSON_LIST, true) };
	static const struct json_field rows[] = {
		JSON_FIELD(struct told_reading, index, "index", JSON_NUMBER, true),
		JSON_FIELD(struct told_reading, reason, "reason", JSON_TEXT, true),
	};
	struct told t = { 0 };
	struct slice item;
	int more;

	if (!json_pick(buf_view(&dv->ex.answer), fields, 1, &t))
		return false;
	while ((more = json_item(&t.rejected, &item)) == 1) {
		struct told_reading one = { 0 };

		if (!json_pick(item, rows, 2, &one) || one.index < 0 ||
		    (uint64_t)one.index >= dv->n)
			return false;
		reject(dv, dv->batch[one.index], one.reason);
	}
	return more == 0;
}

static void
taken(struct dv *dv)
{
	size_t n = 0;
	bool good;

	for (size_t i = 0; i < dv->n; i++)
		dv->batch[i]->answered = true;
	good = read_answer(dv);
	for (size_t i = 0; i < dv->n; i++) {
		dv->batch[i]->answered = dv->batch[i]->answered && good;
		n += dv->batch[i]->answered;
	}
	dv_sent(dv);
	atomic_fetch_add(&dv->sent, n);
	dv->limit = DV_BATCH;
	if (n > 0 && dv->way == SD_IDENTITY)
		dv->identity_refused = false;
	if (n == 0)
		dv_later(dv, "the gateway",
		         good ? "it refuses signatures" : "an answer without sense");
	else
		dv_job(dv, remove_run, removed);
}

/* Without what the gateway has refused, until it is asked again. False: nothing is left. */
static bool
other_way(struct dv *dv)
{
	dv->algs &= ~SD_ALG_BIT(dv->way);
	return choose(dv) != 0;
}

static void
answered(struct exchange *ex)
{
	struct dv *dv = ex->owner;
	const int status = ex->rc == RC_OK ? ex->http_status : 0;

	if (status == 202) {
		taken(dv);
		return;
	}
	if (status == 413 && dv->limit > 1)
		dv->limit /= 2;
	if (status == 403)
		atomic_store(&dv->registered, false);
	/* It may be another one when it is back, or want something else. */
	if (status == 0 || (status == 501 && !other_way(dv)))
		dv->asked = 0;
	dv_sent(dv);
	dv_later(dv, "the gateway", status == 0 ? ex->failure : "it refuses a bundle");
}

static void
to_gateway(struct dv *dv)
{
	if (dv->job_rc == RC_OK && dv_gateway_url(dv, "")) {
		dv_send(dv, "POST", DV_JSON, SD_BUNDLE_TYPE, answered);
		return;
	}
	dv->asked = 0;
	dv_later(dv, "signatures", status_of(dv->job_rc)->text);
}

void
dv_forward(struct dv *dv)
{
	dv->n = 0;
	pthread_mutex_lock(&dv->lock);
	for (struct dv_reading *r = dv->first; r != NULL && dv->n < dv->limit; r = r->next)
		dv->batch[dv->n++] = r;
	pthread_mutex_unlock(&dv->lock);
	if (dv_identity(dv, dv->batch[0]))
		return;
	dv->way = choose(dv);
	dv_job(dv, sign_run, to_gateway);
}

void
dv_sign_identity(struct dv *dv)
{
	dv->n = 1;
	dv->way = SD_IDENTITY;
	dv_job(dv, sign_run, to_gateway);
}
