/* SPDX-License-Identifier: Apache-2.0 */
/* What a server is to this device: its package, the registration with it. */
#include "config.h"

#include <stdio.h>

#include "base/be.h"
#include "cap/sgd/sgd_server.h"
#include "store/pack.h"

#define FORMAT 1u
#define ROW_MAX 16384u
#define PACKAGE_AGE (86400 * CLOCK_SECOND)
#define KNOWN (10 * CLOCK_SECOND)
#define OVERTAKEN_REST (CLOCK_SECOND / 20)
#define BARRED_REST (900 * CLOCK_SECOND) /* servers lock out who is refused too often in an hour */
#define REFUSED_REST (60 * CLOCK_SECOND)

/* ---- in the book: version 1, hash of the token 32, registered anew 1, lv16 R1, device ---- */

static bool
counter_visit(struct sgd_server *s, struct slice val)
{
	if (val.n != 8)
		return false;
	s->counter = s->ceiling = be_get(val.p, 8);
	return true;
}

static enum rc
load_counter(struct sgd_server *s)
{
	struct table_key k = sgd_key(SGD_T_COUNTER, s->key.v, sizeof(s->key.v));
	struct buf b;
	enum rc rc;

	buf_init(&b, ROW_MAX);
	rc = sgd_book_get(s->all->book, &k, false, &b);
	if (rc == RC_OK && !counter_visit(s, buf_view(&b)))
		rc = RC_INTERNAL;
	buf_fini(&b);
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc
read_row(struct sgd_server *s, struct slice row)
{
	struct unpack u = unpack_of(row);
	struct slice r1;
	bool bad = unpack_number(&u, 1, UINT8_MAX) != FORMAT;

	unpack_into(&u, s->used_hash, sizeof(s->used_hash));
	r1 = unpack_text(&u, UINT16_MAX);
	if (bad || u.bad)
		return RC_INTERNAL;
	buf_slice(&s->r1, r1);
	s->r1_maybe = r1.n > 0;
	return sga_device_load(u.rest, &s->device);
}

enum rc
sgd_server_load(struct sgd_server *s)
{
	struct table_key k = sgd_key(SGD_T_SERVER, s->key.v, sizeof(s->key.v));
	struct buf b;
	enum rc rc;

	buf_init(&s->r1, SGA_MESSAGE_MAX);
	buf_init(&s->items, (size_t)8 << 20);
	buf_init(&s->body, 2 * SGA_MESSAGE_MAX);
	buf_init(&b, ROW_MAX);
	b.secret = true;
	rc = sgd_book_get(s->all->book, &k, true, &b);
	if (rc == RC_OK)
		rc = read_row(s, buf_view(&b));
	if (b.p != NULL)
		secret_wipe(b.p, b.cap);
	buf_fini(&b);
	if (rc == RC_OK || rc == RC_NOT_FOUND)
		rc = load_counter(s);
	s->package_due = s->device == NULL;
	s->package_at = clock_monotonic() + PACKAGE_AGE;
	return rc;
}

enum rc
sgd_server_put(struct sgd_server *s, struct sgd_change *c)
{
	struct table_key k = sgd_key(SGD_T_SERVER, s->key.v, sizeof(s->key.v));
	struct buf b;
	enum rc rc;

	buf_init(&b, ROW_MAX);
	b.secret = true;
	buf_be(&b, FORMAT, 1);
	buf_add(&b, s->used_hash, sizeof(s->used_hash));
	pack_text(&b, buf_view(&s->r1));
	rc = sga_device_save(s->device, &b);
	if (rc == RC_OK && b.failed)
		rc = RC_UNAVAILABLE;
	if (rc == RC_OK)
		sgd_change_put_secret(c, &k, buf_view(&b));
	if (b.p != NULL)
		secret_wipe(b.p, b.cap);
	buf_fini(&b);
	return rc;
}

static void
stored(struct sgd_op *op, enum rc rc)
{
	struct sgd_server *s = op->a;

	s->first.busy = false;
	if (rc != RC_OK) {
		sgd_lane_rest(s, &s->first);
		return;
	}
	s->unstored = false;
	s->first.failures = 0;
	sgd_server_wake(s);
}

void
sgd_server_store(struct sgd_server *s)
{
	struct sgd_op *op = sgd_op_new(s->all, stored, s, NULL);

	s->unstored = true;
	s->first.busy = true;
	if (op != NULL && sgd_server_put(s, &op->change) == RC_OK) {
		sgd_op_submit(op);
		return;
	}
	if (op != NULL)
		sgd_op_drop(op);
	s->first.busy = false;
	sgd_lane_rest(s, &s->first);
}

void
sgd_server_refused(struct sgd_server *s, const char *why)
{
	if (s->error == NULL || strcmp(s->error, why) != 0)
		LOG_WARN(s->all->log, "sga-server-refused", LOG_S("server", sga_id_slice(&s->id)),
		         LOG_Z("reason", why));
	s->state = SGD_S_REFUSED;
	s->error = why;
	s->first.until = clock_monotonic() + REFUSED_REST;
	sgd_server_wake_at(s, s->first.until);
}

void
sgd_server_bar(struct sgd_server *s)
{
	int64_t now = clock_monotonic();

	/* It has known it just now: requests of two lanes have overtaken each other. */
	if (s->known_at != 0 && now - s->known_at < KNOWN) {
		s->mail.tries = s->work.tries = 0;
		s->mail.until = s->work.until = now + OVERTAKEN_REST;
		return;
	}
	if (!s->barred)
		LOG_WARN(s->all->log, "sga-server-refused", LOG_S("server", sga_id_slice(&s->id)),
		         LOG_Z("reason", "the gateway does not know this device"));
	s->barred = true;
	s->error = "the gateway does not know this device";
	s->mail.until = clock_monotonic() + BARRED_REST;
}

/* ---- the package ---- */

/* The first cipher of the configuration that the package has. */
static uint16_t
first_cipher(const struct sgd *d, uint16_t ciphers)
{
	for (size_t i = 0; i < d->conf->n_ciphers; i++)
		if ((ciphers & sga_cipher_bit(d->conf->ciphers[i])) != 0)
			return d->conf->ciphers[i];
	return 0;
}

static enum rc
make_device(struct sgd_server *s, struct slice package)
{
	const struct sga_package_rule rule = { .key = &s->verify,
		                               .id = sga_id_slice(&s->id),
		                               .now = sgd_now(s->all) };
	struct sga_device_conf conf = { .id = s->all->id,
		                        .package = package,
		                        .gateway = s->verify,
		                        .g = sga_id_slice(&s->id),
		                        .now = rule.now,
		                        .cids = s->all->cids,
		                        .seed = s->all->signs ? s->all->seed : NULL };
	struct sga_package *p;
	enum rc rc = sga_package_read(package, &rule, &p);

	if (rc != RC_OK)
		return rc;
	conf.cid0 = first_cipher(s->all, p->ciphers);
	sga_package_free(p);
	return sga_device_new(&conf, &s->device);
}

enum rc
sgd_server_renew(struct sgd_server *s)
{
	struct sga_device *before = s->device;
	enum rc rc;

	s->device = NULL;
	rc = make_device(s, sga_package_octets(sga_device_package(before)));
	if (rc == RC_OK)
		sga_device_free(before);
	else
		s->device = before;
	return rc;
}

static const char *
package_fault(enum rc rc)
{
	switch (rc) {
	case RC_DENIED:
		return "the package is not signed by that gateway";
	case RC_EXPIRED:
		return "the package is out of date";
	case RC_CONFLICT:
		return "the package is older than the last one, or has no cipher of this device";
	default:
		return "the package is of no use";
	}
}

static void
take_package(struct sgd_server *s, struct slice package)
{
	enum rc rc;

	/* A step on the pool reads what a package changes: it is fetched again afterwards. */
	if (s->steps > 0) {
		sgd_server_wake(s);
		return;
	}
	rc = s->device == NULL ? make_device(s, package)
	                       : sga_device_renew(s->device, package, sgd_now(s->all));
	s->package_due = false;
	s->package_at = clock_monotonic() + PACKAGE_AGE;
	if (rc == RC_UNAVAILABLE || rc == RC_INTERNAL) {
		s->package_due = true;
		sgd_lane_rest(s, &s->first);
		return;
	}
	if (rc != RC_OK) {
		s->package_due = s->device == NULL;
		sgd_server_refused(s, package_fault(rc));
		return;
	}
	s->error = NULL;
	sgd_server_store(s);
}

static void
package_done(struct sgd_ask *a)
{
	struct sgd_server *s = a->owner;

	if (!atomic_load(&s->all->running))
		return;
	s->first.busy = false;
	if (a->status == 200) {
		take_package(s, a->answer);
		return;
	}
	if (a->status == 304) {
		s->package_due = false;
		s->package_at = clock_monotonic() + PACKAGE_AGE;
		sgd_server_wake(s);
		return;
	}
	if (a->status == 404)
		sgd_server_refused(s, "the gateway does not offer that suite");
	else
		sgd_lane_rest(s, &s->first);
}

static void
fetch_package(struct sgd_server *s)
{
	struct sgd_ask *a = &s->first.ask;

	a->done = package_done;
	a->owner = s;
	a->method = "GET";
	a->media = SGD_NO_BODY;
	a->body = SLICE_NONE;
	a->tagged = false;
	a->wait = 0;
	snprintf(a->path, sizeof(a->path), "/package?suite=%u", s->conf->suite);
	s->first.busy = true;
	if (sgd_ask_send(s, a) == RC_OK)
		return;
	s->first.busy = false;
	sgd_lane_rest(s, &s->first);
}

/* ---- what is next ---- */

/* A token that has not been used stands for a new registration. */
static bool
is_registered(const struct sgd_server *s)
{
	bool fresh = s->has_token && memcmp(s->token_hash, s->used_hash, sizeof(s->used_hash)) != 0;

	return sga_device_registered(s->device) > 0 && !fresh && s->r1.n == 0;
}

void
sgd_server_first(struct sgd_server *s)
{
	int64_t now = clock_monotonic();

	if (s->first.busy || s->first.until > now)
		return;
	if (s->unstored) {
		sgd_server_store(s);
		return;
	}
	if (now >= s->package_at)
		s->package_due = true;
	if (s->package_due) {
		if (s->steps > 0)
			return;
		if (s->device == NULL || s->state != SGD_S_READY)
			s->state = SGD_S_PACKAGE;
		fetch_package(s);
		return;
	}
	if (s->device == NULL)
		return;
	if (is_registered(s)) {
		if (s->state != SGD_S_READY)
			sgd_server_wake(s);
		s->state = SGD_S_READY;
		if (!s->barred)
			s->error = NULL;
		return;
	}
	if (s->state != SGD_S_ASK || s->doubt)
		s->state = SGD_S_REGISTER;
	if (s->doubt)
		sgd_register_send(s, true);
	else if (s->r1.n > 0)
		sgd_register_send(s, s->state == SGD_S_ASK);
	else if (!s->has_token && sga_device_registered(s->device) == 0)
		sgd_server_refused(s, "there is no token, and this device is not registered");
	else if (s->steps == 0)
		sgd_register_begin(s);
}
