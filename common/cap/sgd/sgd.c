/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sgd/sgd.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cap/sgd/sgd_own.h"
#include "cap/sgd/sgd_rest.h"
#include "sec/hex.h"
#include "sec/kek.h"
#include "sec/key_file.h"

#define KEK_FILE "sga.kek"

static const char *const counter_names[SGD_COUNTERS] = {
#define SGD_COUNTER(id, name) [SGD_N_##id] = (name),
#include "cap/sgd/sgd_counters.def"
#undef SGD_COUNTER
};

/* ---- what all share ---- */

bool
sgd_enter(struct sgd *d)
{
	pthread_rwlock_rdlock(&d->gate);
	if (d->open)
		return true;
	pthread_rwlock_unlock(&d->gate);
	return false;
}

void
sgd_leave(struct sgd *d)
{
	pthread_rwlock_unlock(&d->gate);
}

static void
set_open(struct sgd *d, bool open)
{
	pthread_rwlock_wrlock(&d->gate);
	d->open = open;
	pthread_rwlock_unlock(&d->gate);
}

bool
sgd_post(struct sgd *d, struct scl_task *task)
{
	if (!sgd_enter(d))
		return false;
	scl_post(d->scl, task, 0);
	sgd_leave(d);
	return true;
}

void
sgd_count(struct sgd *d, enum sgd_counter which, uint64_t by)
{
	atomic_fetch_add_explicit(&d->counts[which], by, memory_order_relaxed);
}

const char *
sgd_counter_name(enum sgd_counter which)
{
	return counter_names[which];
}

uint64_t
sgd_now(const struct sgd *d)
{
	return (uint64_t)(clock_now(d->clock) / CLOCK_SECOND);
}

/* ---- the book and the key above its secrets ---- */

static enum rc
make_kek(struct sgd *d, const char *path, char why[KEK_WHY])
{
	enum rc rc = kek_create_file(path, why);

	if (rc == RC_OK)
		LOG_WARN(d->log, "sga-key-created", LOG_Z("file", path),
		         LOG_Z("note",
		               "whoever reads this directory has the keys; see sga.kek_file"));
	return rc;
}

/*
 * Of sga.kek_file, else of a file beside the book, which is made unless there is a book already: one
 * whose key is lost must not get a new one. In memory a random one.
 */
static enum rc
read_kek(struct sgd *d, const char *book, struct key *kek, char why[KEK_WHY])
{
	char path[PATH_MAX];
	enum rc rc = RC_OK;

	if (d->conf->kek_file != NULL)
		return kek_read_file(d->conf->kek_file, kek, why);
	if (book == NULL)
		return key_random(kek);
	if ((size_t)snprintf(path, sizeof(path), "%s/%s", d->conf->state, KEK_FILE) >= sizeof(path))
		return RC_TOO_LARGE;
	if (access(path, F_OK) != 0 && access(book, F_OK) != 0)
		rc = make_kek(d, path, why);
	return rc == RC_OK ? kek_read_file(path, kek, why) : rc;
}

static enum rc
open_book(struct sgd *d, char why[CAPABILITY_WHY_MAX])
{
	const struct sga_conf_device *c = &d->conf->device;
	struct key kek = { { 0 } };
	struct sgd_book_conf conf = { .engine = d->conf->engine,
		                      .kek = &kek,
		                      .limits = { .queue_items = c->queue_items,
		                                  .queue_octets = c->queue_bytes,
		                                  .dests = c->peers_max + c->joined_max,
		                                  .inbox_items = c->inbox_items,
		                                  .inbox_octets = c->inbox_bytes },
		                      .clock = d->clock,
		                      .log = d->log };
	char dir[PATH_MAX];
	enum rc rc = RC_OK;

	if (d->conf->state != NULL) {
		if ((size_t)snprintf(dir, sizeof(dir), "%s/%s", d->conf->state, SGA_DEVICE_STORE) >=
		    sizeof(dir))
			return RC_TOO_LARGE;
		conf.dir = dir;
	}
	rc = read_kek(d, conf.dir, &kek, why);
	if (rc == RC_OK)
		rc = sgd_book_open(&conf, &d->book, why);
	key_wipe(&kek);
	return rc;
}

/* ---- the own signing key ---- */

static enum rc
read_seed_file(struct sgd *d, char why[CAPABILITY_WHY_MAX])
{
	enum rc rc = sign_seed_read(d->conf->sign_key, d->seed);

	if (rc != RC_OK)
		snprintf(why, CAPABILITY_WHY_MAX, "sga.sign_key: %.160s: %s", d->conf->sign_key,
		         rc == RC_BAD_REQUEST ? "no private key of Ed25519" : status_of(rc)->text);
	return rc;
}

static void
stored(struct sgd_change *c)
{
	(void)c;
}

/* One that is made once, and kept. */
static enum rc
own_seed(struct sgd *d)
{
	struct table_key k = sgd_key(SGD_T_SERVER, "seed", 4);
	struct sgd_change c = { .done = stored };
	struct key seed;
	struct buf b;
	enum rc rc;

	buf_init(&b, 256);
	b.secret = true;
	rc = sgd_book_get(d->book, &k, true, &b);
	if (rc == RC_OK && b.n == SIGN_SEED_SIZE)
		memcpy(d->seed, b.p, SIGN_SEED_SIZE);
	else if (rc == RC_OK)
		rc = RC_INTERNAL;
	if (b.p != NULL)
		secret_wipe(b.p, b.cap);
	buf_fini(&b);
	if (rc != RC_NOT_FOUND)
		return rc;
	rc = key_random(&seed);
	if (rc != RC_OK)
		return rc;
	memcpy(d->seed, seed.v, SIGN_SEED_SIZE);
	sgd_change_begin(&c);
	sgd_change_put_secret(&c, &k, slice_make(seed.v, sizeof(seed.v)));
	key_wipe(&seed);
	sgd_book_submit(d->book, &c);
	sgd_book_settle(d->book);
	return c.rc;
}

static enum rc
read_seed(struct sgd *d, char why[CAPABILITY_WHY_MAX])
{
	struct sign_key *k;
	enum rc rc;

	d->seed = secret_alloc(SIGN_SEED_SIZE);
	if (d->seed == NULL)
		return RC_UNAVAILABLE;
	rc = d->conf->sign_key != NULL ? read_seed_file(d, why) : own_seed(d);
	if (rc != RC_OK)
		return rc;
	rc = sign_key_from_seed(d->seed, &k);
	if (rc != RC_OK)
		return rc;
	sign_key_public(k, &d->sign);
	sign_key_free(k);
	d->signs = true;
	return RC_OK;
}

/* ---- the configuration ---- */

static enum rc
say(enum rc rc, const char *what, const char *which, char why[CAPABILITY_WHY_MAX])
{
	if (rc != RC_OK)
		snprintf(why, CAPABILITY_WHY_MAX, "%s: %.160s: %s", what, which,
		         rc == RC_BAD_REQUEST ? "not what it should be" : status_of(rc)->text);
	return rc;
}

/* 32 hexadecimal digits, with or without a newline. */
static enum rc
read_token(struct sgd_server *s, const char *path)
{
	struct key_file f = { 0 };
	struct sga_hash hash;
	struct slice text;
	enum rc rc = key_file_private(path, &f);

	if (rc != RC_OK)
		return rc;
	text = slice_make(f.p, f.n);
	while (text.n > 0 && (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == '\r'))
		text.n--;
	rc = hex_decode(text, s->token, sizeof(s->token)) ? RC_OK : RC_BAD_REQUEST;
	key_file_free(&f);
	if (rc == RC_OK)
		rc = sga_hash(slice_make(s->token, sizeof(s->token)), &hash);
	if (rc != RC_OK)
		return rc;
	memcpy(s->token_hash, hash.v, sizeof(hash.v));
	s->has_token = true;
	return RC_OK;
}

/* Also after a registration the file may be gone: it was of use once. */
static enum rc
server_new(struct sgd *d, struct sgd_server *s, const struct sga_server_conf *c,
           char why[CAPABILITY_WHY_MAX])
{
	enum rc rc = sga_id_make(slice_of(c->id), &s->id);

	s->all = d;
	s->conf = c;
	s->mail_step.server = s;
	s->work_step.server = s;
	if (rc == RC_OK)
		rc = sgd_server_key(&s->id, &s->key);
	if (rc != RC_OK)
		return say(rc, "sga.servers: id", c->id, why);
	if (c->verify_key == NULL)
		return say(RC_NOT_FOUND, "sga.servers: verify_key of", c->id, why);
	rc = sign_public_read(c->verify_key, &s->verify);
	if (rc != RC_OK)
		return say(rc, "sga.servers: verify_key", c->verify_key, why);
	rc = c->token == NULL ? RC_OK : read_token(s, c->token);
	return rc == RC_NOT_FOUND
	               ? RC_OK
	               : say(rc, "sga.servers: token", c->token == NULL ? "" : c->token, why);
}

static enum rc
read_conf(struct sgd *d, char why[CAPABILITY_WHY_MAX])
{
	const struct sga_conf *c = d->conf;
	enum rc rc = c->id == NULL ? RC_BAD_REQUEST : sga_id_make(slice_of(c->id), &d->id);

	if (rc != RC_OK)
		return say(rc, "sga.id", c->id == NULL ? "" : c->id, why);
	for (size_t i = 0; i < c->n_ciphers; i++)
		d->cids |= sga_cipher_bit(c->ciphers[i]);
	d->servers = calloc(c->device.n_servers + 1, sizeof(*d->servers));
	if (d->servers == NULL)
		return RC_UNAVAILABLE;
	for (; d->n_servers < c->device.n_servers && rc == RC_OK; d->n_servers++)
		rc = server_new(d, &d->servers[d->n_servers], &c->device.servers[d->n_servers],
		                why);
	return rc;
}

/* ---- the whole ---- */

enum rc
sgd_attach(struct scl *scl, const struct capability_conf *conf, struct sgd **out,
           char why[CAPABILITY_WHY_MAX])
{
	struct sgd *d;
	enum rc rc;

	*out = NULL;
	if (!conf->sga.enabled)
		return RC_OK;
	d = calloc(1, sizeof(*d));
	if (d == NULL)
		return RC_UNAVAILABLE;
	d->conf = &conf->sga;
	d->all = conf;
	d->scl = scl;
	d->log = conf->log;
	d->clock = &clock_system;
	pthread_rwlock_init(&d->gate, NULL);
	pthread_mutex_init(&d->told_lock, NULL);
	rc = read_conf(d, why);
	if (rc == RC_OK)
		rc = open_book(d, why);
	if (rc == RC_OK)
		rc = read_seed(d, why);
	if (rc == RC_OK)
		rc = sgd_engine_load(d, why);
	if (rc == RC_OK)
		rc = sgd_rest_attach(d);
	if (rc == RC_OK) {
		*out = d;
		return RC_OK;
	}
	if (why[0] == '\0')
		snprintf(why, CAPABILITY_WHY_MAX, "sga: %s", status_of(rc)->text);
	sgd_detach(d);
	return rc;
}

enum rc
sgd_start(struct sgd *d, char why[CAPABILITY_WHY_MAX])
{
	enum rc rc = pool_start(d->conf->threads, &d->pool);

	if (rc != RC_OK) {
		snprintf(why, CAPABILITY_WHY_MAX, "sga: %s", status_of(rc)->text);
		return rc;
	}
	atomic_store(&d->running, true);
	set_open(d, true);
	sgd_engine_start(d);
	sgd_rest_start(d);
	return RC_OK;
}

void
sgd_stop(struct sgd *d)
{
	atomic_store(&d->running, false);
	set_open(d, false);
	pool_stop(d->pool);
	d->pool = NULL;
	/* What the book has is answered by it, the rest by sgd_rest_stop. */
	sgd_book_settle(d->book);
	sgd_rest_stop(d);
}

void
sgd_detach(struct sgd *d)
{
	sgd_book_close(d->book);
	sgd_rest_detach(d);
	sgd_ops_free(d);
	sgd_engine_free(d);
	secret_free(d->seed, SIGN_SEED_SIZE);
	free(d->servers);
	pthread_mutex_destroy(&d->told_lock);
	pthread_rwlock_destroy(&d->gate);
	free(d);
}
