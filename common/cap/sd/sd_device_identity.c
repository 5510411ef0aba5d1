/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Identity-based signatures of a device (sd/ibas.h): its key of this month from the network, the
 * round from its gateway, and that it signs in each round once.
 *
 *   key, from the NSCL -> round, from the gateway -> spend it, the book -> sign (sd_device_send.c)
 *
 * A round is durable as spent before anything is signed in it: whoever has two signatures of one
 * round has the key. Whatever fails on the way is no hindrance: the readings then go with a
 * signature of another kind.
 */
#include "config.h"

#include "cap/sd/sd_device_impl.h"

#include "base/be.h"
#include "base/uri.h"
#include "codec/json_fields.h"
#include "mas/mas_identity_doc.h"
#include "sec/hex.h"
#include "sec/jose.h"

#define REST_TIME (300 * CLOCK_SECOND) /* without identities, after they have failed */

static uint64_t
now_millis(const struct dv *dv)
{
	int64_t now = clock_now(dv->clock);

	return now > 0 ? (uint64_t)now / 1000 : 0;
}

/* Other signatures for so long; why: for the log, NULL: that is nothing special. */
static void
rest(struct dv *dv, int64_t time, const char *why)
{
	dv->identity_after = clock_monotonic() + time;
	if (why != NULL)
		LOG_WARN(dv->log, "smalldata-no-identity", LOG_Z("why", why));
}

static void
give_up(struct dv *dv, const char *why)
{
	rest(dv, REST_TIME, why);
	dv_next(dv);
}

void
dv_identity_refused(struct dv *dv)
{
	ibas_signer_free(dv->signer);
	dv->signer = NULL;
	/* Of a new generator the device learns before its gateway perhaps, or after it. */
	rest(dv, dv->identity_refused ? REST_TIME : dv->conf.retry_max,
	     "the gateway refuses a signature");
	dv->identity_refused = true;
}

/* ---- the key ---- */

/* What is signed with is durable already. */
static enum rc
keep(void *arg, const uint8_t w[SD_ROUND_SIZE])
{
	const struct dv *dv = arg;

	return memcmp(w, dv->spent, SD_ROUND_SIZE) == 0 ? RC_OK : RC_INTERNAL;
}

/*
 * Without a record the book may have been lost: rounds that have begun already may be spent.
 */
static enum rc
read_spent(struct dv *dv, struct tables_tx *tx)
{
	enum rc rc = dv_book_spent(dv, tx, dv->spent);

	if (rc != RC_NOT_FOUND)
		return rc;
	memset(dv->spent, 0xff, SD_ROUND_SIZE);
	be_put(dv->spent, now_millis(dv), 8);
	return RC_OK;
}

static enum rc
signer_run(struct tables_job *j, struct tables_tx *tx)
{
	struct dv *dv = DV_OF(j, struct dv, job);
	struct ibas_public q;
	struct ibas_signer_conf conf = { .device = dv->node,
		                         .millis = now_millis(dv),
		                         .key = slice_make(dv->secrets->identity.key,
		                                           IBAS_KEY_SIZE),
		                         .q = &q,
		                         .keep = keep,
		                         .arg = dv };
	enum rc rc = read_spent(dv, tx);

	ibas_signer_free(dv->signer);
	dv->signer = NULL;
	if (rc == RC_OK)
		rc = ibas_public_read(slice_make(dv->secrets->identity.q, IBAS_PUBLIC_SIZE), &q);
	if (rc == RC_OK)
		rc = ibas_id(&dv->node, conf.millis, dv->signer_id);
	memcpy(conf.last, dv->spent, SD_ROUND_SIZE);
	return rc == RC_OK ? ibas_signer_new(&conf, &dv->signer) : rc;
}

static void
signer_made(struct dv *dv)
{
	secret_wipe(&dv->secrets->identity, sizeof(dv->secrets->identity));
	if (dv->job_rc != RC_OK)
		give_up(dv, status_of(dv->job_rc)->text);
	else
		dv_next(dv);
}

static bool
open_key(struct dv *dv, struct slice object)
{
	struct slice url = slice_of(dv->url);
	struct sec_object o = { .method = SLICE_LIT("GET") };
	struct buf doc;
	struct uri at;
	bool ok = uri_parse(url, &at);

	buf_init(&doc, MAS_IDENTITY_DOC_MAX);
	doc.secret = true;
	o.target = ok ? at.path : SLICE_NONE;
	dv->secrets->identity = (struct mas_identity){ .node = dv->node };
	ok = ok && dv->sec->open(dv->sec->arg, url, &o, object, &doc) == RC_OK &&
	     mas_identity_take(buf_view(&doc), &dv->secrets->identity);
	json_wipe(&doc);
	return ok;
}

static void
key_told(struct exchange *ex)
{
	struct dv *dv = ex->owner;
	bool good = ex->rc == RC_OK && ex->http_status == 200 &&
	            slice_is(exchange_answer_header(ex, "content-type"), JOSE_MEDIA_TYPE) &&
	            open_key(dv, buf_view(&ex->answer));
	const char *why = ex->rc != RC_OK ? ex->failure : "the network gives no key";

	dv_sent(dv);
	if (good)
		dv_job(dv, signer_run, signer_made);
	else
		give_up(dv, why);
}

static void
ask_key(struct dv *dv)
{
	if (nscl_url(dv->cap, "/sdKeys/identity", dv->url))
		dv_send(dv, "GET", JOSE_MEDIA_TYPE ", " DV_JSON, NULL, key_told);
	else
		give_up(dv, "no NSCL is known");
}

/* ---- the round ---- */

struct told {
	struct slice round;
	int64_t until;
};

/* A gateway must not make this device spend rounds of a time that has not come. */
static bool
is_timely(const struct dv *dv, const uint8_t w[SD_ROUND_SIZE])
{
	uint64_t since = be_get(w, 8), now = now_millis(dv);

	return since <= now || since - now <= IBAS_ROUND_TOLERANCE;
}

static enum rc
spend_run(struct tables_job *j, struct tables_tx *tx)
{
	struct dv *dv = DV_OF(j, struct dv, job);

	return dv_book_spend(dv, tx, dv->round);
}

static void
spent(struct dv *dv)
{
	if (dv->job_rc != RC_OK) {
		give_up(dv, status_of(dv->job_rc)->text);
		return;
	}
	memcpy(dv->spent, dv->round, SD_ROUND_SIZE);
	dv_sign_identity(dv);
}

/* The time until the round ends, by the clock of this device; within bounds, as nobody vouches for it. */
static int64_t
rest_of(const struct dv *dv, int64_t until)
{
	int64_t most = REST_TIME, least = dv->conf.retry_first, time;

	if (until <= 0 || until > INT64_MAX / CLOCK_SECOND)
		return most;
	time = until * CLOCK_SECOND - clock_now(dv->clock);
	return time > most ? most : time < least ? least : time;
}

static bool
read_told(struct dv *dv, struct slice answer, int64_t *until)
{
	static const struct json_field fields[] = {
		JSON_FIELD(struct told, round, "round", JSON_TEXT, true),
		JSON_FIELD(struct told, until, "until", JSON_NUMBER, true),
	};
	struct told t = { 0 };

	if (!json_pick(answer, fields, 2, &t) || !hex_decode(t.round, dv->round, SD_ROUND_SIZE))
		return false;
	*until = t.until;
	return true;
}

static void
round_told(struct exchange *ex)
{
	struct dv *dv = ex->owner;
	int64_t until = 0;
	bool good = ex->rc == RC_OK && ex->http_status == 200 &&
	            read_told(dv, buf_view(&ex->answer), &until) && is_timely(dv, dv->round);
	const char *why = ex->rc != RC_OK ? ex->failure : "the gateway has no round";

	dv_sent(dv);
	if (!good) {
		give_up(dv, why);
		return;
	}
	rest(dv, rest_of(dv, until), NULL);
	if (memcmp(dv->round, dv->spent, SD_ROUND_SIZE) > 0)
		dv_job(dv, spend_run, spent);
	else
		dv_next(dv);
}

static void
ask_round(struct dv *dv)
{
	if (dv_gateway_url(dv, "/round"))
		dv_send(dv, "GET", DV_JSON, NULL, round_told);
	else
		give_up(dv, "sd.gateway is too long");
}

/* ---- the turn ---- */

/* Whether r can be signed with the key of this month. */
static bool
is_of_month(const struct dv *dv, const struct dv_reading *r, char id[IBAS_ID_SIZE + 1])
{
	char own[IBAS_ID_SIZE + 1];

	return ibas_id(&dv->node, now_millis(dv), id) == RC_OK &&
	       ibas_id(&dv->node, r->millis, own) == RC_OK && strcmp(own, id) == 0;
}

bool
dv_identity(struct dv *dv, const struct dv_reading *first)
{
	char id[IBAS_ID_SIZE + 1];

	/* Rounds that are forgotten with the process would be signed in again. */
	if (!dv->lasts || dv->preferred != SD_IDENTITY ||
	    (dv->algs & SD_ALG_BIT(SD_IDENTITY)) == 0 || clock_monotonic() < dv->identity_after ||
	    !is_of_month(dv, first, id))
		return false;
	if (dv->signer == NULL || strcmp(id, dv->signer_id) != 0)
		ask_key(dv);
	else
		ask_round(dv);
	return true;
}
