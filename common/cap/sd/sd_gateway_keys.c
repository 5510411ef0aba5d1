/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the network says of devices: GET {nsclBase}/sdKeys/{deviceId}, a few questions at a time, each
 * answer good for sd.key_ttl. While the network is away what it said last holds: it verifies itself.
 */
#include "config.h"

#include "cap/sd/sd_gateway_impl.h"

#include <stdio.h>

#include "codec/json_fields.h"
#include "sec/b64url.h"
#include "store/pack.h"

#define TIMEOUT_MS 10000u
#define ANSWER_MAX 4096u

/* ---- answers ---- */

struct told {
	struct slice device, container, ed25519, bls;
};

static bool
read_octets(struct slice text, uint8_t *out, size_t n)
{
	return b64url_octets(text.n) == n && b64url_decode(text, out);
}

/*
 * Keys that are none are as none: only what the network has checked is told. Whether octets are a
 * point is seen where signatures are verified: it takes too long for here.
 */
static void
take_keys(struct gw_device *d, const struct told *told)
{
	d->known = true;
	d->has_ed25519 = read_octets(told->ed25519, d->ed25519.v, SIGN_PUBLIC_SIZE) &&
	                 sign_public_ok(&d->ed25519);
	d->has_bls = read_octets(told->bls, d->bls_octets, sizeof(d->bls_octets));
	d->bls_read = false;
}

static bool
read_told(const struct gw_device *d, const struct buf *answer, struct told *told)
{
	static const struct json_field fields[] = {
		JSON_FIELD(struct told, device, "deviceId", JSON_TEXT, true),
		JSON_FIELD(struct told, container, "container", JSON_TEXT, true),
		JSON_FIELD(struct told, ed25519, "ed25519", JSON_TEXT, false),
		JSON_FIELD(struct told, bls, "bls", JSON_TEXT, false),
	};
	struct node_id id;

	*told = (struct told){ 0 };
	return json_pick(buf_view(answer), fields, sizeof(fields) / sizeof(fields[0]), told) &&
	       node_id_parse(told->device, &id) && node_id_eq(&id, &d->id);
}

static void
take_tag(struct gw_device *d, struct slice tag)
{
	if (tag.n > 2 && tag.n - 2 <= GW_TAG_MAX && tag.p[0] == '"')
		(void)string_set(d->tag, GW_TAG_MAX, slice_make(tag.p + 1, tag.n - 2));
	else
		d->tag[0] = '\0';
}

/* RC_OK: it is known what the network says. With gw.lock held. */
static enum rc
learn(const struct gw *gw, struct gw_device *d, const struct exchange *ex)
{
	const int64_t now = clock_monotonic();
	struct told told;

	if (ex->rc == RC_OK && ex->http_status == 404) {
		d->known = d->has_ed25519 = d->has_bls = false;
		d->tag[0] = '\0';
	} else if (ex->rc == RC_OK && ex->http_status == 200 && read_told(d, &ex->answer, &told)) {
		take_keys(d, &told);
		take_tag(d, exchange_answer_header(ex, "etag"));
	} else if (ex->rc != RC_OK || ex->http_status != 304 || !d->known) {
		d->asked = d->known ? now - gw->conf.key_ttl + GW_UNKNOWN_TIME : 0;
		return d->known ? RC_OK : RC_UNAVAILABLE;
	}
	d->asked = now;
	return RC_OK;
}

/* ---- questions ---- */

static void ask_some(struct gw *gw);

/* Takes out who waits; with gw.lock held. */
static struct gw_take *
take_waiters(struct gw_device *d)
{
	struct gw_take *t = d->waiters;

	d->waiters = NULL;
	d->asking = false;
	return t;
}

static void
go_all(struct gw_take *t, enum rc rc)
{
	while (t != NULL) {
		struct gw_take *next = t->next;

		gw_take_go(t, rc);
		t = next;
	}
}

static void
asked(struct exchange *ex)
{
	struct gw_fetch *f = ex->owner;
	struct gw *gw = f->gw;
	struct gw_device *d = f->device;
	struct gw_take *waiters;
	enum rc rc;

	pthread_mutex_lock(&gw->lock);
	rc = learn(gw, d, ex);
	waiters = take_waiters(d);
	gw_device_leave(d);
	f->device = NULL;
	pthread_mutex_unlock(&gw->lock);
	buf_fini(&ex->answer);
	buf_fini(&ex->answer_text);
	f->busy = false;
	go_all(waiters, rc);
	ask_some(gw);
}

/* The tag of what is known goes with the question. */
static void
ask(struct gw_fetch *f, const char *tag)
{
	struct exchange *ex = &f->ex;

	*ex = (struct exchange){ .method = SLICE_LIT("GET"),
		                 .url = slice_of(f->url),
		                 .timeout_ms = TIMEOUT_MS,
		                 .answer_max = ANSWER_MAX,
		                 .done = asked,
		                 .owner = f };
	(void)exchange_add_header(ex, SLICE_LIT("Accept"), SLICE_LIT(GW_JSON));
	(void)exchange_add_issuer(ex, f->gw->scl, f->gw->cap->nscl_release);
	if (tag[0] != '\0' && snprintf(f->tag, sizeof(f->tag), "\"%s\"", tag) > 0)
		(void)exchange_add_header(ex, SLICE_LIT("If-None-Match"), slice_of(f->tag));
	scl_send(f->gw->scl, ex);
}

/* The next device that somebody waits for, with one use more; with gw.lock held. */
static struct gw_device *
next_device(struct gw *gw)
{
	struct gw_device *d = gw->asked_first;

	if (d == NULL || !gw->running)
		return NULL;
	gw->asked_first = d->next;
	if (d->next == NULL)
		gw->asked_last = &gw->asked_first;
	d->uses++;
	return d;
}

/* False: there is nobody to be asked about. */
static bool
ask_next(struct gw *gw, struct gw_fetch *f)
{
	char path[16 + NODE_ID_TEXT], text[NODE_ID_TEXT], tag[GW_TAG_MAX + 1] = "";
	struct gw_take *waiters;

	pthread_mutex_lock(&gw->lock);
	f->device = next_device(gw);
	if (f->device != NULL)
		memcpy(tag, f->device->tag, sizeof(tag));
	pthread_mutex_unlock(&gw->lock);
	if (f->device == NULL)
		return false;
	node_id_text(&f->device->id, text);
	snprintf(path, sizeof(path), "/sdKeys/%s", text);
	if (nscl_url(gw->cap, path, f->url)) {
		f->busy = true;
		ask(f, tag);
		return true;
	}
	pthread_mutex_lock(&gw->lock);
	waiters = take_waiters(f->device);
	gw_device_leave(f->device);
	f->device = NULL;
	pthread_mutex_unlock(&gw->lock);
	go_all(waiters, RC_UNAVAILABLE);
	return true;
}

static void
ask_some(struct gw *gw)
{
	for (unsigned i = 0; i < GW_FETCHES; i++)
		while (!gw->fetches[i].busy)
			if (!ask_next(gw, &gw->fetches[i]))
				return;
}

static void
ask_run(struct scl_task *task)
{
	ask_some(GW_OF(task, struct gw, ask_task));
}

/* ---- who waits ---- */

static bool
has_key(const struct gw_device *d, enum sd_alg alg)
{
	if (alg == SD_ED25519)
		return d->has_ed25519;
	return alg == SD_BLS_SINGLE ? d->has_bls : d->known;
}

/* That there is no key is believed for less long: the device may be about to register one. */
static bool
is_fresh(const struct gw *gw, const struct gw_device *d, enum sd_alg alg)
{
	int64_t time = has_key(d, alg) ? gw->conf.key_ttl : GW_UNKNOWN_TIME;

	return d->asked != 0 && clock_monotonic() - d->asked < time;
}

void
gw_keys_want(struct gw_take *t)
{
	struct gw *gw = t->gw;
	struct gw_device *d = t->device;
	bool waits;

	pthread_mutex_lock(&gw->lock);
	waits = gw->running && !is_fresh(gw, d, t->bundle.alg);
	if (waits) {
		t->next = d->waiters;
		d->waiters = t;
	}
	if (waits && !d->asking) {
		d->asking = true;
		d->next = NULL;
		*gw->asked_last = d;
		gw->asked_last = &d->next;
		scl_post(gw->scl, &gw->ask_task, 0);
	}
	pthread_mutex_unlock(&gw->lock);
	if (!waits)
		gw_take_go(t, RC_OK);
}

/* ---- points ---- */

/* The point is kept, unless the key is another meanwhile. */
enum rc
gw_keys_read(struct gw *gw, struct gw_device *d, struct gw_device *copy)
{
	const struct slice octets = slice_make(copy->bls_octets, sizeof(copy->bls_octets));
	enum rc rc;

	if (!copy->has_bls)
		return RC_NOT_FOUND;
	if (copy->bls_read)
		return RC_OK;
	rc = sd_bls_public_read(octets, &copy->bls);
	if (rc != RC_OK)
		return rc == RC_BAD_REQUEST ? RC_NOT_FOUND : rc;
	pthread_mutex_lock(&gw->lock);
	if (d->has_bls && memcmp(d->bls_octets, octets.p, octets.n) == 0) {
		d->bls = copy->bls;
		d->bls_read = true;
	}
	pthread_mutex_unlock(&gw->lock);
	return RC_OK;
}

/* ---- life ---- */

void
gw_keys_init(struct gw *gw)
{
	gw->ask_task.run = ask_run;
	for (unsigned i = 0; i < GW_FETCHES; i++)
		gw->fetches[i].gw = gw;
}

static struct gw_take *
take_all(struct gw_take *all, struct gw_device *d)
{
	while (d != NULL && d->waiters != NULL) {
		struct gw_take *t = d->waiters;

		d->waiters = t->next;
		t->next = all;
		all = t;
	}
	return all;
}

/* Exchanges that are under way end with the courier, and find nobody who waits. */
void
gw_keys_stop(struct gw *gw)
{
	struct gw_take *all = NULL;

	pthread_mutex_lock(&gw->lock);
	for (struct gw_device *d = gw->asked_first; d != NULL; d = d->next)
		all = take_all(all, d);
	for (unsigned i = 0; i < GW_FETCHES; i++)
		all = take_all(all, gw->fetches[i].device);
	pthread_mutex_unlock(&gw->lock);
	go_all(all, RC_UNAVAILABLE);
}
