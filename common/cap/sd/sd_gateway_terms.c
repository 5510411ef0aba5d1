/* SPDX-License-Identifier: Apache-2.0 */
/* What devices are to sign with: by the policy, what the network takes, and what signatures cost. */
#include "config.h"

#include "cap/sd/sd_gateway_impl.h"

#include "codec/json_fields.h"
#include "sec/b64url.h"
#include "sec/hex.h"

#define TIMEOUT_MS 10000u
#define ANSWER_MAX 8192u
#define FIRST_PAYLOAD 24u /* octets of a reading, as long as none was seen */

/* ---- what the network has told ---- */

struct told {
	struct slice algs, costs, generator;
};

struct told_costs {
	int64_t v[6];
};

static bool
read_algs(struct slice list, unsigned *algs)
{
	struct slice item;
	uint64_t v;
	int more;

	*algs = 0;
	while ((more = json_item(&list, &item)) == 1)
		if (slice_number(item, UINT8_MAX, &v) && v >= SD_ALG_MIN && v <= SD_ALG_MAX)
			*algs |= SD_ALG_BIT((unsigned)v);
	return more == 0;
}

static bool
read_costs(struct slice object, struct sd_costs *out)
{
	static const struct json_field fields[] = {
		JSON_FIELD(struct told_costs, v[0], "ed25519", JSON_NUMBER, true),
		JSON_FIELD(struct told_costs, v[1], "bls", JSON_NUMBER, true),
		JSON_FIELD(struct told_costs, v[2], "blsReading", JSON_NUMBER, true),
		JSON_FIELD(struct told_costs, v[3], "blsSigner", JSON_NUMBER, true),
		JSON_FIELD(struct told_costs, v[4], "identity", JSON_NUMBER, true),
		JSON_FIELD(struct told_costs, v[5], "identityReading", JSON_NUMBER, true),
	};
	struct told_costs t;

	if (!json_pick(object, fields, sizeof(fields) / sizeof(fields[0]), &t))
		return false;
	/* A second for one signature is none that a choice is to be made with. */
	for (size_t i = 0; i < sizeof(t.v) / sizeof(t.v[0]); i++)
		if (t.v[i] < 0 || t.v[i] > INT64_C(1000000000))
			return false;
	*out = (struct sd_costs){ (uint64_t)t.v[0], (uint64_t)t.v[1], (uint64_t)t.v[2],
		                  (uint64_t)t.v[3], (uint64_t)t.v[4], (uint64_t)t.v[5] };
	return true;
}

static bool
read_generator(struct slice text, uint8_t out[IBAS_PUBLIC_SIZE])
{
	return b64url_octets(text.n) == IBAS_PUBLIC_SIZE && b64url_decode(text, out);
}

static bool
read_terms(struct slice answer, struct gw_terms *out)
{
	static const struct json_field fields[] = {
		JSON_FIELD(struct told, algs, "algs", JSON_LIST, true),
		JSON_FIELD(struct told, costs, "costs", JSON_OBJECT, true),
		JSON_FIELD(struct told, generator, "generator", JSON_TEXT, false),
	};
	struct told t = { 0 };

	*out = (struct gw_terms){ .known = true };
	if (!json_pick(answer, fields, sizeof(fields) / sizeof(fields[0]), &t) ||
	    !read_algs(t.algs, &out->algs) || !read_costs(t.costs, &out->costs))
		return false;
	out->has_generator = read_generator(t.generator, out->generator_octets);
	return true;
}

/* The time until the next try: at a start there is no service connection yet, and soon there is. */
static int64_t
failed(struct gw *gw)
{
	const int64_t delay = gw->terms_delay;

	gw->terms_delay = delay > gw->conf.retry_max / 2 ? gw->conf.retry_max : 2 * delay;
	return delay;
}

/* On the pool: whether the generator is a point of its group. */
static void
check_generator(struct pool_job *job)
{
	struct gw *gw = GW_OF(job, struct gw, terms_job);
	struct gw_terms *t = &gw->terms_told;
	const struct slice octets = slice_make(t->generator_octets, IBAS_PUBLIC_SIZE);

	t->has_generator = t->has_generator && !job->ending &&
	                   ibas_public_read(octets, &t->generator) == RC_OK;
	gw_post(gw, &gw->terms_told_task, 0);
}

static void
checked(struct scl_task *task)
{
	struct gw *gw = GW_OF(task, struct gw, terms_told_task);

	gw->terms_fetch.busy = false;
	gw->terms_delay = gw->conf.retry_first;
	pthread_mutex_lock(&gw->lock);
	gw->terms = gw->terms_told;
	gw->terms_at = clock_monotonic();
	pthread_mutex_unlock(&gw->lock);
	gw_post(gw, &gw->terms_task, gw->conf.key_ttl);
}

static void
told(struct exchange *ex)
{
	struct gw *gw = ex->owner;
	bool good = ex->rc == RC_OK && ex->http_status == 200 &&
	            read_terms(buf_view(&ex->answer), &gw->terms_told);

	buf_fini(&ex->answer);
	buf_fini(&ex->answer_text);
	if (!good) {
		gw->terms_fetch.busy = false;
		gw_post(gw, &gw->terms_task, failed(gw));
		return;
	}
	pthread_mutex_lock(&gw->lock);
	if (gw->running)
		pool_submit(gw->pool, POOL_OWN, &gw->terms_job);
	pthread_mutex_unlock(&gw->lock);
}

static void
ask(struct scl_task *task)
{
	struct gw *gw = GW_OF(task, struct gw, terms_task);
	struct gw_fetch *f = &gw->terms_fetch;
	bool running;

	pthread_mutex_lock(&gw->lock);
	running = gw->running;
	pthread_mutex_unlock(&gw->lock);
	if (f->busy || !running)
		return;
	if (!nscl_url(gw->cap, "/smallData", f->url)) {
		gw_post(gw, task, gw->conf.retry_first);
		return;
	}
	f->ex = (struct exchange){ .method = SLICE_LIT("GET"),
		                   .url = slice_of(f->url),
		                   .timeout_ms = TIMEOUT_MS,
		                   .answer_max = ANSWER_MAX,
		                   .done = told,
		                   .owner = gw };
	(void)exchange_add_header(&f->ex, SLICE_LIT("Accept"), SLICE_LIT(GW_JSON));
	(void)exchange_add_issuer(&f->ex, gw->scl, gw->cap->nscl_release);
	f->busy = true;
	scl_send(gw->scl, &f->ex);
}

void
gw_terms_init(struct gw *gw)
{
	gw->terms_task.run = ask;
	gw->terms_told_task.run = checked;
	gw->terms_job.run = check_generator;
	gw->mean_payload = FIRST_PAYLOAD;
	gw->terms_delay = gw->conf.retry_first;
}

void
gw_terms_again(struct gw *gw)
{
	bool old;

	pthread_mutex_lock(&gw->lock);
	old = clock_monotonic() - gw->terms_at > GW_UNKNOWN_TIME;
	pthread_mutex_unlock(&gw->lock);
	if (old)
		gw_post(gw, &gw->terms_task, 0);
}

/* ---- what devices are told ---- */

/* What this gateway can verify and put together; before the network has spoken all of that. */
static unsigned
algs_of(const struct gw *gw, const struct gw_terms *terms)
{
	unsigned own = SD_ALG_BIT(SD_ED25519);

	if (gw->costs.bls != 0)
		own |= SD_ALG_BIT(SD_BLS) | SD_ALG_BIT(SD_BLS_SINGLE);
	if (gw->costs.bls != 0 && terms->has_generator)
		own |= SD_ALG_BIT(SD_IDENTITY);
	return terms->known ? own & terms->algs : own;
}

unsigned
gw_algs(struct gw *gw)
{
	unsigned algs;

	pthread_mutex_lock(&gw->lock);
	algs = algs_of(gw, &gw->terms);
	pthread_mutex_unlock(&gw->lock);
	return algs;
}

static enum sd_alg
preferred(const struct gw *gw, const struct gw_terms *terms, size_t payload)
{
	static const unsigned wanted[] = { [SD_POLICY_AUTO] = ~0u,
		                           [SD_POLICY_ED25519] = SD_ALG_BIT(SD_ED25519),
		                           [SD_POLICY_BLS] = SD_ALG_BIT(SD_BLS),
		                           [SD_POLICY_IDENTITY] = SD_ALG_BIT(SD_IDENTITY) };
	struct sd_choice c = { .costs = terms->known ? &terms->costs : &gw->costs,
		               .algs = algs_of(gw, terms),
		               .octet = UINT64_C(1000) * gw->conf.octet_cost,
		               .n = gw->conf.bundle_max,
		               .signers = gw->conf.bundle_max,
		               .payloads = gw->conf.bundle_max * payload };
	enum sd_alg alg = SD_ED25519;

	/* What the policy wants and nobody has is not to stop devices. */
	if ((c.algs & wanted[gw->conf.policy]) != 0)
		c.algs &= wanted[gw->conf.policy];
	(void)sd_choose(&c, &alg);
	return alg == SD_BLS ? SD_BLS_SINGLE : alg;
}

enum rc
gw_terms_answer(struct gw *gw, struct req *rq)
{
	static const enum sd_alg of_devices[] = { SD_ED25519, SD_BLS_SINGLE, SD_IDENTITY };
	struct gw_terms terms;
	size_t payload;
	unsigned algs;
	struct buf b;
	enum rc rc;

	pthread_mutex_lock(&gw->lock);
	terms = gw->terms;
	payload = gw->mean_payload;
	pthread_mutex_unlock(&gw->lock);
	algs = algs_of(gw, &terms);
	buf_init(&b, 512);
	buf_char(&b, '{');
	json_put_open(&b, "algs", '[');
	for (size_t i = 0; i < sizeof(of_devices) / sizeof(of_devices[0]); i++)
		if ((algs & SD_ALG_BIT(of_devices[i])) != 0)
			json_put_number(&b, NULL, of_devices[i]);
	buf_char(&b, ']');
	json_put_number(&b, "preferred", preferred(gw, &terms, payload));
	json_put_number(&b, "readings", SD_READINGS_MAX);
	json_put_number(&b, "payload", SD_PAYLOAD_MAX);
	buf_char(&b, '}');
	rc = b.failed ? gw_overload(gw, rq, 1) : endpoint_answer(rq, RC_OK, GW_JSON, buf_view(&b));
	buf_fini(&b);
	return rc;
}

/* ---- rounds ---- */

bool
gw_round_stands(const struct gw *gw, const uint8_t round[SD_ROUND_SIZE])
{
	static const uint8_t none[SD_ROUND_SIZE];

	return clock_now(gw->clock) < gw->round_until + gw->conf.round_time &&
	       memcmp(round, none, SD_ROUND_SIZE) != 0 &&
	       (memcmp(round, gw->round[0], SD_ROUND_SIZE) == 0 ||
	        memcmp(round, gw->round[1], SD_ROUND_SIZE) == 0);
}

/* The round of now; with gw.lock held. */
static enum rc
turn(struct gw *gw)
{
	int64_t now = clock_now(gw->clock);
	uint8_t next[SD_ROUND_SIZE];
	enum rc rc;

	/* Also when the clock was set back. */
	if (now < gw->round_until && gw->round_until - now <= gw->conf.round_time)
		return RC_OK;
	rc = sd_round_make((uint64_t)(now / 1000), next);
	if (rc != RC_OK)
		return rc;
	memcpy(gw->round[1], gw->round[0], SD_ROUND_SIZE);
	memcpy(gw->round[0], next, SD_ROUND_SIZE);
	gw->round_until = now + gw->conf.round_time;
	return RC_OK;
}

enum rc
gw_round_serve(void *arg, struct req *rq, const struct req_input *in)
{
	struct gw *gw = arg;
	struct endpoint_who who;
	uint8_t round[SD_ROUND_SIZE];
	int64_t until;
	struct buf b;
	enum rc rc = endpoint_identify(rq, &who);

	if (rc != RC_OK)
		return rc;
	if (in->op != REQ_RETRIEVE)
		return endpoint_not_allowed(rq, "GET");
	pthread_mutex_lock(&gw->lock);
	rc = turn(gw);
	memcpy(round, gw->round[0], SD_ROUND_SIZE);
	until = gw->round_until;
	pthread_mutex_unlock(&gw->lock);
	if (rc != RC_OK)
		return gw_overload(gw, rq, 1);
	buf_init(&b, 256);
	buf_char(&b, '{');
	json_put_hex(&b, "round", round, sizeof(round));
	json_put_number(&b, "until", until / CLOCK_SECOND);
	buf_char(&b, '}');
	rc = b.failed ? gw_overload(gw, rq, 1) : endpoint_answer(rq, RC_OK, GW_JSON, buf_view(&b));
	buf_fini(&b);
	return rc;
}
