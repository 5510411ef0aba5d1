/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/pxy/px_base.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "cap/pool.h"
#include "sec/kek.h"

#define STORE_FORWARDS_MAX 64u /* forwards of one store */

/* ---- the key above the secrets of the book ---- */

static enum rc
make_kek(struct px *px, const char *path, char why[KEK_WHY])
{
	enum rc rc = kek_create_file(path, why);

	if (rc == RC_OK)
		LOG_WARN(px->log, "proxy-key-created", LOG_Z("file", path),
		         LOG_Z("note",
		               "whoever reads this directory has the re-encryption keys; see "
		               "proxy.kek_file"));
	return rc;
}

/*
 * Of proxy.kek_file, else of the file proxy.kek in conf->state, which is made unless there is a book
 * already: one whose key is lost must not get a new one. In memory a random one.
 */
static enum rc
read_kek(struct px *px, const char *book, struct key *kek, char why[KEK_WHY])
{
	char path[PATH_MAX];
	enum rc rc = RC_OK;

	if (px->conf->kek_file != NULL)
		return kek_read_file(px->conf->kek_file, kek, why);
	if (book == NULL)
		return key_random(kek);
	if ((size_t)snprintf(path, sizeof(path), "%s/proxy.kek", px->conf->state) >= sizeof(path))
		return RC_TOO_LARGE;
	if (access(path, F_OK) != 0 && access(book, F_OK) != 0)
		rc = make_kek(px, path, why);
	return rc == RC_OK ? kek_read_file(path, kek, why) : rc;
}

/* ---- the book ---- */

static enum rc
book_attach(struct px *px, char why[CAPABILITY_WHY_MAX])
{
	const struct proxy_conf_store *c = &px->conf->store;
	struct key kek;
	struct px_conf conf = {
		.engine = px->conf->engine,
		.kek = &kek,
		.limits = { .capacity = c->capacity,
		            .message_max = c->message_max,
		            .ttl_max = c->ttl_max,
		            .stores_max = c->stores_max,
		            .stores_owner_max = c->stores_per_owner,
		            .streams_max = c->streams_max,
		            .forwards_max = c->forwards_max,
		            .store_forwards_max = STORE_FORWARDS_MAX,
		            .sinks_max = c->sinks_max,
		            .keys_max = c->keys_max },
		.clock = px->clock,
		.log = px->log,
		.told = px_told,
		.arg = px,
	};
	char dir[PATH_MAX];
	enum rc rc = px_state_dir(px, PROXY_BOOK_STORE, dir, sizeof(dir), &conf.dir);

	if (rc == RC_OK)
		rc = read_kek(px, conf.dir, &kek, why);
	if (rc == RC_OK)
		rc = px_book_open(&conf, &px->book, why);
	key_wipe(&kek);
	return rc;
}

/* What is under way may be answered by it as long as the scl lives. */
static void
book_detach(struct px *px)
{
	px_book_close(px->book);
}

const struct px_part px_part_book = {
	.name = "book",
	.roles = PX_PROXY,
	.attach = book_attach,
	.detach = book_detach,
};

/* ---- the pool ---- */

static enum rc
workers_start(struct px *px, char why[CAPABILITY_WHY_MAX])
{
	(void)why;
	return pool_start(px->conf->threads, &px->pool);
}

static void
workers_stop(struct px *px)
{
	pool_stop(px->pool);
	px->pool = NULL;
}

const struct px_part px_part_pool = {
	.name = "pool",
	.roles = PX_PROXY | PX_SINK | PX_SOURCE,
	.start = workers_start,
	.stop = workers_stop,
};
