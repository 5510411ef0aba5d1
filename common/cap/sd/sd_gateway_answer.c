/* SPDX-License-Identifier: Apache-2.0 */
/* What the network says of a bundle (cap/sd/sd_network.h), and what becomes of its readings. */
#include "config.h"

#include "cap/sd/sd_gateway_impl.h"

#include "codec/json_fields.h"

#define EXCLUDED_MAX (24 * 3600 * CLOCK_SECOND)
#define RETRY_AFTER_MAX 3600u
#define HELD_MAX (24 * 3600 * CLOCK_SECOND) /* that a reading waits for an algorithm to be taken */

struct told {
	struct slice reason, rejected, excluded;
};

struct told_reading {
	int64_t index;
	struct slice reason;
};

struct told_device {
	struct slice id;
	int64_t until;
};

static bool
read_told(struct slice answer, struct told *out)
{
	static const struct json_field fields[] = {
		JSON_FIELD(struct told, reason, "reason", JSON_TEXT, false),
		JSON_FIELD(struct told, rejected, "rejected", JSON_LIST, true),
		JSON_FIELD(struct told, excluded, "excluded", JSON_LIST, false),
	};

	*out = (struct told){ 0 };
	return json_pick(answer, fields, sizeof(fields) / sizeof(fields[0]), out);
}

/* ---- single readings ---- */

static void
drop(struct gw *gw, struct gw_reading *r, struct slice reason)
{
	char device[NODE_ID_TEXT];

	node_id_text(&r->device->id, device);
	LOG_WARN(gw->log, "smalldata-dropped", LOG_Z("device", device),
	         LOG_N("number", (int64_t)r->seq), LOG_S("reason", reason));
	gw_count(gw, GW_COUNT_DROPPED, 1);
	if (slice_is(reason, "SD_SIGNATURE"))
		gw_count(gw, GW_COUNT_CULPRIT, 1);
}

/* It leaves: the network has it, or will never take it. */
static void
reject(struct gw *gw, struct gw_reading *r, struct slice reason)
{
	r->accepted = false;
	r->answered = !slice_is(reason, "SD_EXCLUDED");
	if (!r->answered) {
		r->alone = true;
		return;
	}
	if (slice_is(reason, "SD_REPLAY"))
		gw_count(gw, GW_COUNT_REPEATED, 1);
	else
		drop(gw, r, reason);
}

/* False: it makes no sense. */
static bool
reject_all(struct gw *gw, struct slice list)
{
	static const struct json_field fields[] = {
		JSON_FIELD(struct told_reading, index, "index", JSON_NUMBER, true),
		JSON_FIELD(struct told_reading, reason, "reason", JSON_TEXT, true),
	};
	struct gw_flight *f = &gw->flight;
	struct slice item;
	int more;

	while ((more = json_item(&list, &item)) == 1) {
		struct told_reading t = { 0 };

		if (!json_pick(item, fields, 2, &t) || t.index < 0 || (uint64_t)t.index >= f->n)
			return false;
		reject(gw, f->readings[t.index], t.reason);
	}
	return more == 0;
}

/* ---- devices ---- */

static void
exclude(struct gw *gw, const struct node_id *id, int64_t until)
{
	int64_t time = until * CLOCK_SECOND - clock_now(gw->clock);
	struct gw_flight *f = &gw->flight;

	if (time <= 0)
		return;
	time = time > EXCLUDED_MAX ? EXCLUDED_MAX : time;
	pthread_mutex_lock(&gw->lock);
	for (size_t i = 0; i < f->n; i++) {
		if (!node_id_eq(&f->readings[i]->device->id, id))
			continue;
		f->readings[i]->device->excluded = clock_monotonic() + time;
		break;
	}
	pthread_mutex_unlock(&gw->lock);
}

static void
exclude_all(struct gw *gw, struct slice list)
{
	static const struct json_field fields[] = {
		JSON_FIELD(struct told_device, id, "deviceId", JSON_TEXT, true),
		JSON_FIELD(struct told_device, until, "until", JSON_NUMBER, true),
	};
	struct slice item;

	while (json_item(&list, &item) == 1) {
		struct told_device t = { 0 };
		struct node_id id;

		if (json_pick(item, fields, 2, &t) && node_id_parse(t.id, &id) && t.until > 0 &&
		    t.until < INT64_MAX / CLOCK_SECOND)
			exclude(gw, &id, t.until);
	}
}

/* ---- the whole ---- */

static unsigned
retry_after(const struct exchange *ex)
{
	uint64_t v;

	return slice_number(exchange_answer_header(ex, "retry-after"), RETRY_AFTER_MAX, &v)
	               ? (unsigned)v
	               : 0;
}

static void
unanswer(struct gw_flight *f)
{
	for (size_t i = 0; i < f->n; i++)
		f->readings[i]->answered = f->readings[i]->accepted = false;
}

static void
again(struct gw *gw, const char *why)
{
	struct gw_flight *f = &gw->flight;

	unanswer(f);
	if (f->failures == 0)
		LOG_WARN(gw->log, "smalldata-not-forwarded", LOG_N("readings", f->n),
		         LOG_N("status", f->ex.http_status),
		         LOG_Z("why", why != NULL ? why : f->ex.failure));
	gw_send_later(gw, (int64_t)retry_after(&f->ex) * CLOCK_SECOND);
}

static void
take_accepted(struct gw *gw)
{
	struct gw_flight *f = &gw->flight;
	struct told t;
	size_t accepted = 0;

	for (size_t i = 0; i < f->n; i++)
		f->readings[i]->answered = f->readings[i]->accepted = true;
	if (!read_told(buf_view(&f->ex.answer), &t) || !reject_all(gw, t.rejected)) {
		again(gw, "an answer without sense");
		return;
	}
	exclude_all(gw, t.excluded);
	for (size_t i = 0; i < f->n; i++)
		accepted += f->readings[i]->accepted;
	gw_count(gw, GW_COUNT_FORWARDED, accepted);
	f->limit = f->limit > SD_READINGS_MAX / 2 ? SD_READINGS_MAX : f->limit * 2;
	LOG_DEBUG(gw->log, "smalldata-forwarded", LOG_N("alg", f->bundle.alg),
	          LOG_N("readings", f->n), LOG_N("accepted", accepted));
	gw_send_settle(gw);
}

/* The same readings with the single signatures; of one reading it is known whose fault it is. */
static void
take_apart(struct gw *gw)
{
	struct gw_flight *f = &gw->flight;
	const bool culprit = f->n == 1 && f->bundle.alg == SD_IDENTITY;

	gw_count(gw, GW_COUNT_AGGREGATE, 1);
	LOG_WARN(gw->log, "smalldata-aggregate-wrong", LOG_N("alg", f->bundle.alg),
	         LOG_N("readings", f->n));
	if (f->bundle.alg == SD_IDENTITY)
		gw_terms_again(gw); /* the generator may be another */
	for (size_t i = 0; i < f->n; i++)
		f->readings[i]->alone = true;
	if (culprit)
		reject(gw, f->readings[0], SLICE_LIT("SD_SIGNATURE"));
	gw_send_settle(gw);
}

static bool
any_moves(const struct gw_flight *f)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->readings[i]->answered ||
		    (f->bundle.alg != SD_BLS_SINGLE && f->readings[i]->alone))
			return true;
	return false;
}

/* Nothing of it was taken: what stands in the way leaves, or goes alone, and the rest goes again. */
static void
take_refused(struct gw *gw, const struct told *t)
{
	struct gw_flight *f = &gw->flight;

	if (!reject_all(gw, t->rejected) || !any_moves(f)) {
		again(gw, "refused without a reading that is to blame");
		return;
	}
	exclude_all(gw, t->excluded);
	gw_send_settle(gw);
}

/* A smaller one; one reading that is no bundle for the network never will be. */
static void
shrink(struct gw *gw, bool final)
{
	struct gw_flight *f = &gw->flight;

	if (f->n > 1) {
		f->limit = f->n / 2;
		gw_send_settle(gw);
	} else if (final) {
		reject(gw, f->readings[0], SLICE_LIT("SD_FORMAT"));
		gw_send_settle(gw);
	} else {
		again(gw, "too much work for the network");
	}
}

/*
 * The network cannot verify the algorithm: another build, or its generator is out of reach. Nobody
 * here can sign anew, so its bundles wait, and others go on meanwhile; devices are told what the
 * network takes now. After a day a reading leaves: the network will not take it any more.
 */
static void
hold(struct gw *gw)
{
	struct gw_flight *f = &gw->flight;
	const int64_t now = clock_monotonic();
	const int64_t least = (int64_t)retry_after(&f->ex) * CLOCK_SECOND;
	const int64_t time = least > gw->conf.retry_max ? least : gw->conf.retry_max;

	LOG_WARN(gw->log, "smalldata-algorithm-refused", LOG_N("alg", f->bundle.alg),
	         LOG_N("readings", f->n));
	gw_count(gw, GW_COUNT_RETRIES, 1);
	for (size_t i = 0; i < f->n; i++)
		if (now - f->readings[i]->since > HELD_MAX)
			reject(gw, f->readings[i], SLICE_LIT("SD_ALG"));
	pthread_mutex_lock(&gw->lock);
	gw->held[f->bundle.alg] = now + time;
	pthread_mutex_unlock(&gw->lock);
	gw_terms_again(gw);
	gw_send_settle(gw);
}

void
gw_answered(struct gw *gw)
{
	struct exchange *ex = &gw->flight.ex;
	struct told t;
	bool told;

	if (ex->rc != RC_OK) {
		again(gw, NULL);
		return;
	}
	if (ex->http_status == 202) {
		take_accepted(gw);
		return;
	}
	told = (ex->http_status == 400 || ex->http_status == 403) &&
	       read_told(buf_view(&ex->answer), &t);
	if (told && slice_is(t.reason, "SD_AGGREGATE"))
		take_apart(gw);
	else if (told && slice_is(t.reason, "SD_DUPLICATE"))
		shrink(gw, true);
	else if (told)
		take_refused(gw, &t);
	else if (ex->http_status == 413 || ex->http_status == 400)
		shrink(gw, ex->http_status == 400);
	else if (ex->http_status == 501)
		hold(gw);
	else
		again(gw, "refused");
}
