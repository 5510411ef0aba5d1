/* SPDX-License-Identifier: Apache-2.0 */
/* A bundle of a device, whose keys were asked for: verified on the pool, stored, answered. */
#include "config.h"

#include "cap/sd/sd_gateway_impl.h"

#include <stdlib.h>

#include "codec/json_fields.h"

#define BUSY_SECONDS 1u

void
gw_take_free(struct gw_take *t)
{
	struct gw *gw = t->gw;

	if (t->device != NULL) {
		pthread_mutex_lock(&gw->lock);
		gw_device_leave(t->device);
		pthread_mutex_unlock(&gw->lock);
	}
	for (size_t i = 0; t->kept != NULL && i < t->bundle.n; i++)
		free(t->kept[i]);
	free(t->kept);
	free(t->readings);
	free(t->verdicts);
	free(t);
}

/* ---- answers ---- */

/* Why one reading was not taken; NULL: it was. */
static const char *
reason_of(const struct gw_take *t, size_t i)
{
	if (t->kept[i] != NULL)
		return NULL;
	return t->verdicts[i] == SD_WRONG ? "SD_SIGNATURE" : "SD_REPLAY";
}

static void
put_rejected(const struct gw_take *t, struct buf *b)
{
	json_put_open(b, "rejected", '[');
	for (size_t i = 0; i < t->bundle.n; i++) {
		const char *reason = reason_of(t, i);

		if (reason == NULL)
			continue;
		gw_count(t->gw, t->verdicts[i] == SD_WRONG ? GW_COUNT_SIGNATURE : GW_COUNT_REPLAY,
		         1);
		json_put_open(b, NULL, '{');
		json_put_number(b, "index", (int64_t)i);
		json_put_text(b, "reason", slice_of(reason));
		buf_char(b, '}');
	}
	buf_char(b, ']');
}

enum rc
gw_take_answer(struct gw_take *t)
{
	size_t taken = 0;
	struct buf b;
	enum rc rc;

	for (size_t i = 0; i < t->bundle.n; i++)
		taken += t->kept[i] != NULL;
	gw_count(t->gw, GW_COUNT_TAKEN, taken);
	buf_init(&b, 128 + t->bundle.n * 48);
	buf_char(&b, '{');
	json_put_number(&b, "accepted", (int64_t)taken);
	put_rejected(t, &b);
	buf_char(&b, '}');
	rc = b.failed ? gw_overload(t->gw, t->rq, BUSY_SECONDS)
	              : endpoint_answer(t->rq, RC_ACCEPTED, GW_JSON, buf_view(&b));
	buf_fini(&b);
	return rc;
}

/* What refuses all of it: by what the parts below say. */
enum rc
gw_take_refuse(struct gw_take *t, enum rc rc)
{
	static const struct {
		enum rc rc, as;
		enum gw_count count;
		const char *reason;
	} rows[] = {
		{ RC_NOT_FOUND, RC_FORBIDDEN, GW_COUNT_NO_KEY, "SD_NO_KEY" },
		{ RC_BAD_REQUEST, RC_BAD_REQUEST, GW_COUNT_FORMAT, "SD_FORMAT" },
		{ RC_EXPIRED, RC_BAD_REQUEST, GW_COUNT_ROUND, "SD_ROUND" },
		{ RC_NOT_IMPLEMENTED, RC_NOT_IMPLEMENTED, GW_COUNT_ALG, "SD_ALG" },
		{ RC_NO_SPACE, RC_NO_SPACE, GW_COUNT_FULL, "FULL" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].rc != rc)
			continue;
		gw_count(t->gw, rows[i].count, 1);
		return endpoint_refuse(t->rq, rows[i].as, slice_of(rows[i].reason));
	}
	return gw_overload(t->gw, t->rq, BUSY_SECONDS);
}

/* Any thread; t is over. What is kept is the queue's, and not freed with it. */
static void
end(struct gw_take *t)
{
	struct gw *gw = t->gw;
	struct req *rq = t->rq;
	enum rc rc = t->rc == RC_OK ? gw_take_answer(t) : gw_take_refuse(t, t->rc);

	if (t->rc == RC_OK)
		memset(t->kept, 0, t->bundle.n * sizeof(struct gw_reading *));
	gw_take_free(t);
	endpoint_finish(rq, rc);
	pthread_mutex_lock(&gw->lock);
	gw->n_takes--;
	pthread_mutex_unlock(&gw->lock);
}

/* ---- the book ---- */

static enum rc
store_run(struct tables_job *j, struct tables_tx *tx)
{
	struct gw_take *t = GW_OF(j, struct gw_take, store);
	enum rc rc = RC_OK;

	for (size_t i = 0; i < t->bundle.n && rc == RC_OK; i++)
		if (t->kept[i] != NULL)
			rc = gw_book_put(tx, t->kept[i]);
	return rc;
}

/* From here on the readings are in the queue, which has a use of the device for each. */
static void
enter_queue(struct gw_take *t)
{
	struct gw_device *d = t->device;

	for (size_t i = 0; i < t->bundle.n; i++) {
		struct gw_reading *r = t->kept[i];

		if (r == NULL)
			continue;
		gw_device_prove(t->gw, d);
		d->uses++;
		d->seq = r->seq;
		if (r->alg == SD_IDENTITY)
			memcpy(d->round, r->round, SD_ROUND_SIZE);
		gw_queue_add(t->gw, r);
	}
}

static void
stored(struct tables_job *j, enum rc rc)
{
	struct gw_take *t = GW_OF(j, struct gw_take, store);
	struct gw *gw = t->gw;

	t->rc = rc == RC_OK || rc == RC_NO_SPACE ? rc : RC_UNAVAILABLE;
	pthread_mutex_lock(&gw->lock);
	t->device->storing = false;
	if (rc == RC_OK)
		enter_queue(t);
	for (size_t i = 0; i < t->bundle.n && rc != RC_OK; i++)
		gw->pending -= t->kept[i] != NULL;
	if (rc == RC_OK && gw->running)
		scl_post(gw->scl, &gw->send_task, 0);
	pthread_mutex_unlock(&gw->lock);
	end(t);
}

static struct gw_reading *
reading_new(const struct gw_take *t, size_t i)
{
	const struct sd_reading *from = &t->readings[i];
	const size_t proof = gw_proof_size(t->bundle.alg);
	const char *signatures = t->bundle.signatures.p;
	struct gw_reading *r = calloc(1, sizeof(*r) + from->payload.n);

	if (r == NULL)
		return NULL;
	r->device = t->device;
	r->alg = t->bundle.alg;
	r->flags = t->bundle.flags;
	r->since = clock_monotonic();
	r->seq = from->seq;
	r->millis = from->millis;
	r->n = from->payload.n;
	if (r->n > 0)
		memcpy(r->payload, from->payload.p, r->n);
	if (r->alg == SD_IDENTITY) {
		memcpy(r->round, signatures, SD_ROUND_SIZE);
		signatures += SD_ROUND_SIZE;
	}
	memcpy(r->proof, signatures + i * proof, proof);
	return r;
}

/* What of it is right and new. With gw.lock held. */
static enum rc
choose(struct gw_take *t, size_t *n)
{
	const struct gw_device *d = t->device;
	const bool identity = t->bundle.alg == SD_IDENTITY;
	const uint8_t *round = (const uint8_t *)t->bundle.signatures.p;

	*n = 0;
	if (identity && !gw_round_stands(t->gw, round))
		return RC_EXPIRED;
	for (size_t i = 0; i < t->bundle.n; i++) {
		if (t->verdicts[i] != SD_RIGHT || !gw_is_new(t->gw, d, t->readings[i].seq) ||
		    (identity && !gw_is_new_round(t->gw, d, round)))
			continue;
		t->kept[i] = reading_new(t, i);
		if (t->kept[i] == NULL)
			return RC_UNAVAILABLE;
		++*n;
	}
	return RC_OK;
}

/* RC_PENDING: the book has it. With gw.lock held, so that numbers grow as jobs are submitted. */
static enum rc
submit(struct gw_take *t)
{
	struct gw *gw = t->gw;
	size_t n;
	enum rc rc;

	if (t->device->storing)
		return RC_UNAVAILABLE;
	rc = choose(t, &n);
	if (rc != RC_OK || n == 0)
		return rc;
	if (gw->pending + n > gw->conf.pending_max)
		return RC_UNAVAILABLE;
	gw->pending += (unsigned)n;
	for (size_t i = 0; i < t->bundle.n; i++)
		if (t->kept[i] != NULL)
			t->kept[i]->no = gw->next_no++;
	t->device->storing = true;
	/* Its device has signed it: that was no work for nobody. */
	if (t->cost != 0 && gw->conf.verify)
		sd_budget_give(gw->budget, t->source, t->cost);
	t->store = (struct tables_job){ .run = store_run, .done = stored };
	tables_work_submit(gw->work, &t->store);
	return RC_PENDING;
}

/* Once the book has it, t is the book's: nothing of it is looked at here any more. */
static void
store(struct gw_take *t)
{
	struct gw *gw = t->gw;
	enum rc rc;

	pthread_mutex_lock(&gw->lock);
	rc = submit(t);
	pthread_mutex_unlock(&gw->lock);
	if (rc == RC_PENDING)
		return;
	t->rc = rc;
	end(t);
}

/* ---- signatures ---- */

/* What they are verified with, as it is now. */
struct checking {
	struct gw_device keys; /* a copy */
	struct ibas_identity identity;
	struct ibas_public generator;
	bool has_generator;
	struct sd_signer signer;
};

static enum rc
look_up(struct gw_take *t, struct checking *c)
{
	struct gw *gw = t->gw;

	pthread_mutex_lock(&gw->lock);
	c->keys = *t->device;
	c->has_generator = gw->terms.has_generator;
	c->generator = gw->terms.generator;
	pthread_mutex_unlock(&gw->lock);
	if (!c->keys.known)
		return RC_NOT_FOUND;
	c->signer = (struct sd_signer){ .ed25519 = c->keys.has_ed25519 ? &c->keys.ed25519 : NULL,
		                        .bls = &c->keys.bls };
	if (t->bundle.alg == SD_ED25519)
		return c->signer.ed25519 == NULL ? RC_NOT_FOUND : RC_OK;
	if (t->bundle.alg == SD_BLS_SINGLE)
		return gw_keys_read(gw, t->device, &c->keys);
	if (!c->has_generator)
		return RC_NOT_IMPLEMENTED;
	c->signer.identity = &c->identity;
	return ibas_identity_make(&t->readings[0].device, t->readings[0].millis, &c->identity);
}

static enum rc
check(struct gw_take *t, struct checking *c)
{
	struct sd_signer *signers;
	enum rc rc = look_up(t, c);

	if (rc != RC_OK || !t->gw->conf.verify)
		return rc;
	signers = calloc(t->bundle.n, sizeof(*signers));
	if (signers == NULL)
		return RC_UNAVAILABLE;
	for (size_t i = 0; i < t->bundle.n; i++)
		signers[i] = c->signer;
	rc = sd_verify(&t->bundle, t->readings, signers, c->has_generator ? &c->generator : NULL,
	               t->verdicts);
	free(signers);
	/* Of one reading it is known whose fault an aggregate is. */
	for (size_t i = 0; i < t->bundle.n && t->bundle.alg == SD_IDENTITY && rc != RC_OK; i++)
		t->verdicts[i] = SD_WRONG;
	return rc == RC_FORBIDDEN || (rc == RC_BAD_REQUEST && t->bundle.alg == SD_IDENTITY) ? RC_OK
	                                                                                    : rc;
}

/* A key that does not fit may be one of before: the network is asked once more. */
static bool
ask_again(struct gw_take *t)
{
	struct gw *gw = t->gw;
	bool wrong = false;

	for (size_t i = 0; i < t->bundle.n; i++)
		wrong = wrong || t->verdicts[i] == SD_WRONG;
	if (wrong && t->bundle.alg == SD_IDENTITY)
		gw_terms_again(gw); /* the generator may be another */
	if (!wrong || t->again || t->bundle.alg == SD_IDENTITY)
		return false;
	pthread_mutex_lock(&gw->lock);
	t->again = clock_monotonic() - t->device->asked > GW_UNKNOWN_TIME;
	if (t->again)
		t->device->asked = 0;
	pthread_mutex_unlock(&gw->lock);
	return t->again;
}

static void
verify(struct pool_job *job)
{
	struct gw_take *t = GW_OF(job, struct gw_take, job);
	struct checking *c = calloc(1, sizeof(*c));

	t->rc = c == NULL || job->ending ? RC_UNAVAILABLE : check(t, c);
	free(c);
	if (t->rc != RC_OK) {
		end(t);
	} else if (ask_again(t)) {
		memset(t->verdicts, 0, t->bundle.n * sizeof(t->verdicts[0]));
		gw_keys_want(t);
	} else {
		store(t);
	}
}

void
gw_take_go(struct gw_take *t, enum rc rc)
{
	struct gw *gw = t->gw;

	pthread_mutex_lock(&gw->lock);
	if (rc == RC_OK && !gw->running)
		rc = RC_UNAVAILABLE;
	t->job.run = verify;
	if (rc == RC_OK)
		pool_submit(gw->pool, POOL_FOREIGN, &t->job);
	pthread_mutex_unlock(&gw->lock);
	if (rc == RC_OK)
		return;
	t->rc = rc;
	end(t);
}
