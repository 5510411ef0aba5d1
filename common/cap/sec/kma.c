/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sec/kma_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/times.h"
#include "base/uri.h"
#include "core/identity.h"
#include "core/scl.h"
#include "sec/b64url.h"

#define MEDIA_TYPE "application/json"
#define TAIL "/kma"
#define LOOK_ARENA (16u << 20)
#define DOC_MAX 256u

/* ---- the key ---- */

static bool
is_newer(void *arg, const struct mas_connection *conn)
{
	struct mas_connection *best = arg;

	if (best->id == 0 || conn->created > best->created)
		*best = *conn;
	return true;
}

static bool
is_gone(void *arg, uint64_t connection, uint32_t kmc_index)
{
	return live_find(arg, connection, kmc_index, NULL) != LIVE_OK;
}

static enum rc
derive(const struct kma *k, const struct mas_connection *conn, struct slice app_id,
       struct key *out)
{
	struct key kmc;
	enum rc rc;

	if (!live_kmc(k->live, conn->id, conn->kmc_index, &kmc))
		return RC_UNAVAILABLE;
	rc = kma_derive(&kmc, app_id, slice_of(conn->scl_id), conn->kmc_index, out);
	key_wipe(&kmc);
	return rc;
}

/* Room for the application in the table, and it has not got this Kma yet. */
static enum rc
may_get(const struct kma *k, const struct mas_connection *conn, struct slice app_id)
{
	struct app_table *apps = k->apps;
	enum rc rc = app_table_add(apps, app_id);

	if (rc == RC_UNAVAILABLE) {
		app_table_sweep(apps, is_gone, k->live);
		rc = app_table_add(apps, app_id);
	}
	return rc == RC_OK && app_table_has(apps, app_id, conn->id, conn->kmc_index) ? RC_CONFLICT
	                                                                               : rc;
}

static enum rc
answer(struct req *rq, const struct mas_connection *conn, const struct key *kma)
{
	char text[B64URL_LEN(KEY_BYTES) + 1], until[TIMES_TEXT_MAX], doc[DOC_MAX];
	enum rc rc;
	int n;

	b64url_encode(text, kma->v, sizeof(kma->v));
	text[B64URL_LEN(KEY_BYTES)] = '\0';
	until[times_format(conn->expires, TIMES_SECOND, until)] = '\0';
	n = snprintf(doc, sizeof(doc),
	             "{\"kma\":\"%s\",\"connectionId\":\"%" PRIu64 "\",\"kmcIndex\":%" PRIu32
	             ",\"expires\":\"%s\"}",
	             text, conn->id, conn->kmc_index, until);
	rc = n > 0 && (size_t)n < sizeof(doc)
	         ? endpoint_answer(rq, RC_OK, MEDIA_TYPE, slice_make(doc, (size_t)n))
	         : endpoint_refuse(rq, RC_INTERNAL, SLICE_NONE);
	secret_wipe(text, sizeof(text));
	secret_wipe(doc, sizeof(doc));
	return rc;
}

/* ---- the hand-out ---- */

/* In the arena of its request. */
struct giving {
	struct kma_entry entry; /* first */
	struct kma *kma;
	struct req *rq;
	struct mas_connection conn; /* without its key */
};

static enum rc
refuse(const struct kma *k, struct req *rq, struct slice app_id, enum rc rc)
{
	LOG_WARN(k->conf.sec->log, "kma-refused", LOG_S("application", app_id),
	         LOG_Z("reason", status_of(rc)->text));
	return endpoint_refuse(rq, rc, SLICE_NONE);
}

/* That it has got it is on disk: what it is given from now on it has got. */
static enum rc
give(const struct kma *k, struct req *rq, const struct mas_connection *conn, struct slice app_id)
{
	struct key kma;
	enum rc rc = derive(k, conn, app_id, &kma);

	if (rc == RC_OK)
		rc = app_table_give(k->apps, app_id, conn->id, conn->kmc_index);
	if (rc == RC_OK) {
		LOG_INFO(k->conf.sec->log, "kma-given", LOG_S("application", app_id),
		         LOG_N("connection", conn->id), LOG_N("kmc", conn->kmc_index));
		rc = answer(rq, conn, &kma);
	} else {
		rc = refuse(k, rq, app_id, rc);
	}
	key_wipe(&kma);
	return rc;
}

static void
entered(struct kma_entry *e)
{
	struct giving *g = (struct giving *)(void *)e;
	struct req *rq = g->rq;
	enum rc rc = e->rc == RC_OK ? give(g->kma, rq, &g->conn, e->app_id)
	                            : refuse(g->kma, rq, e->app_id, e->rc);

	endpoint_finish(rq, rc);
}

static void
enter(struct req *rq)
{
	struct giving *g = endpoint_state(rq);
	struct kma *k = g->kma;
	bool open;

	pthread_rwlock_rdlock(&k->lock);
	open = k->book != NULL;
	if (open)
		kma_book_enter(k->book, &g->entry);
	pthread_rwlock_unlock(&k->lock);
	if (!open)
		endpoint_finish(rq, endpoint_refuse(rq, RC_UNAVAILABLE, SLICE_NONE));
}

static struct slice
source_of(struct arena *a, const struct req_input *in)
{
	if (in->peer == NULL)
		return SLICE_NONE;
	if (in->peer->kind == PEER_UNIX)
		return arena_printf(a, "uid %u", in->peer->uid);
	return arena_copy(a, in->peer->address);
}

enum rc
kma_hand_out(struct kma *k, struct req *rq, const struct req_input *in, struct slice app_id,
             const struct mas_connection *conn)
{
	struct giving *g = ARENA_NEW(req_arena(rq), struct giving);
	enum rc rc = g == NULL ? RC_UNAVAILABLE : may_get(k, conn, app_id);

	if (rc != RC_OK)
		return refuse(k, rq, app_id, rc);
	*g = (struct giving){
		.kma = k, .rq = rq, .conn = *conn,
		.entry = { .app_id = arena_copy(req_arena(rq), app_id),
		           .source = source_of(req_arena(rq), in), .connection = conn->id,
		           .kmc_index = conn->kmc_index, .expires = conn->expires,
		           .done = entered },
	};
	return g->entry.app_id.p == NULL ? refuse(k, rq, app_id, RC_UNAVAILABLE)
	                                 : endpoint_pend(rq, enter, g);
}

static enum rc
hand_out(struct kma *k, struct req *rq, const struct req_input *in, struct slice app_id)
{
	struct mas_connection conn = { .id = 0 };

	live_each(k->live, is_newer, &conn);
	key_wipe(&conn.kmc);
	return conn.id == 0 ? endpoint_refuse(rq, RC_UNAVAILABLE, SLICE_LIT("SEC_NO_CONNECTION"))
	                    : kma_hand_out(k, rq, in, app_id, &conn);
}

/* ---- who asks ---- */

/* Nobody but the application reads the answer: that of a token on a UNIX socket may be anybody's. */
static bool
is_protected(const struct req_input *in, const struct issuer *issuer)
{
	return issuer->by == ISSUER_USER || (in->peer != NULL && in->peer->tls_version != 0);
}

/* requestingEntity, when it is given, is the application. */
static bool
speaks_for_itself(const struct kma *k, struct req *rq, const struct req_input *in,
                  struct slice app_id)
{
	struct slice claim;
	enum rc rc = identity_claimed(in, req_arena(rq), &claim);

	return rc == RC_NO_ORIGINATOR ||
	       (rc == RC_OK && identity_is_application(k->scl, req_arena(rq), claim, app_id));
}

static enum rc
serve(void *arg, struct req *rq, const struct req_input *in)
{
	struct kma *k = arg;
	struct req_input asked = *in;
	struct slice reason = SLICE_NONE, app_id;
	struct issuer issuer;
	enum rc rc;

	/* HEAD would use the key up for nothing. */
	if (in->op != REQ_RETRIEVE || in->head)
		return endpoint_not_allowed(rq, "GET");
	if (endpoint_listener(rq)->serve & SERVE_EDGE)
		return kma_serve_edge(k, rq);
	rc = issuers_identify(k->conf.issuers, &asked, req_arena(rq), &issuer, req_answer(rq),
	                      &reason);
	if (rc != RC_OK)
		return endpoint_refuse(rq, rc, reason);
	if (issuer.by == ISSUER_NOBODY)
		return endpoint_refuse(rq, RC_DENIED, SLICE_LIT("AUTH_FAILED"));
	if (!is_protected(in, &issuer))
		return endpoint_refuse(rq, RC_FORBIDDEN, SLICE_LIT("SEC_CHANNEL_REQUIRED"));
	if (!uri_decode(req_arena(rq), endpoint_rest(rq), &app_id) ||
	    !slice_eq(app_id, issuer.app_id) || !speaks_for_itself(k, rq, &asked, app_id))
		return endpoint_refuse(rq, RC_FORBIDDEN, SLICE_LIT("SEC_IDENTITY"));
	if (k->conf.live == NULL)
		return endpoint_refuse(rq, RC_FORBIDDEN, SLICE_LIT("AUTH_FAILED"));
	rc = identity_application(k->scl, req_arena(rq), app_id);
	return rc == RC_OK ? hand_out(k, rq, in, app_id) : endpoint_refuse(rq, rc, SLICE_NONE);
}

/* ---- life ---- */

static void
was_given(void *arg, struct slice app_id, uint64_t connection, uint32_t kmc_index)
{
	const struct kma *k = arg;

	/* More than there is room for is in the book all the same. */
	(void)app_table_give(k->apps, app_id, connection, kmc_index);
}

enum rc
kma_open_book(struct kma *k, const char *dir, const struct key *seal, char why[SEC_WHY_MAX])
{
	const struct store_ops *engine = k->conf.sec->engine;
	struct kma_book_conf book = { .dir = dir, .engine = engine, .seal = seal,
		                      .clock = k->conf.sec->clock, .log = k->conf.sec->log,
		                      .given = was_given, .arg = k };
	struct key random = { { 0 } };
	enum rc rc = RC_OK;

	/* Kmc outlives the process by the key store alone. */
	if (engine == NULL || engine == &store_memory)
		book.engine = &store_lmdb;
	if (dir == NULL) {
		rc = secret_random(random.v, sizeof(random.v));
		book.seal = &random;
	}
	if (rc == RC_OK)
		rc = kma_book_open(&book, &k->book, why);
	key_wipe(&random);
	return rc;
}

enum rc
kma_add(const struct kma_conf *conf, struct scl *scl, struct kma **out, char why[SEC_WHY_MAX])
{
	static const char collection[] = "/applications/";
	struct slice base = scl_base_path(scl);
	struct kma *k = calloc(1, sizeof(*k));
	enum rc rc;

	*out = NULL;
	why[0] = '\0';
	if (k == NULL || (k->path = malloc(base.n + sizeof(collection))) == NULL) {
		free(k);
		return RC_UNAVAILABLE;
	}
	memcpy(k->path, base.p, base.n);
	memcpy(k->path + base.n, collection, sizeof(collection));
	pthread_rwlock_init(&k->lock, NULL);
	k->conf = *conf;
	k->conf.book = NULL;
	k->conf.seal = NULL;
	k->scl = scl;
	k->apps = issuers_apps(conf->issuers);
	k->live = conf->live;
	k->endpoint = (struct endpoint){ .path = k->path, .tail = TAIL, .serve_request = serve,
		                         .serve = SERVE_MIA | SERVE_DIA | SERVE_EDGE, .arg = k };
	rc = conf->live == NULL ? RC_OK : kma_open_book(k, conf->book, conf->seal, why);
	if (rc == RC_OK)
		rc = endpoint_add(scl, &k->endpoint);
	if (rc == RC_OK)
		*out = k;
	else
		kma_free(k);
	return rc;
}

static bool
take_up(void *arg, struct slice app_id)
{
	return app_table_add(arg, app_id) != RC_UNAVAILABLE;
}

enum rc
kma_start(struct kma *k)
{
	struct app_table *apps = k->apps;
	struct arena *arena;
	enum rc rc;

	if (apps == NULL)
		return RC_OK;
	arena = arena_new(LOOK_ARENA);
	if (arena == NULL)
		return RC_UNAVAILABLE;
	rc = identity_applications(k->scl, arena, take_up, apps);
	arena_free(arena);
	return rc;
}

void
kma_stop(struct kma *k)
{
	struct kma_book *book;

	if (k == NULL)
		return;
	pthread_rwlock_wrlock(&k->lock);
	book = k->book;
	k->book = NULL;
	pthread_rwlock_unlock(&k->lock);
	kma_book_close(book);
}

void
kma_free(struct kma *k)
{
	if (k == NULL)
		return;
	kma_stop(k);
	app_table_free(k->own_apps);
	pthread_rwlock_destroy(&k->lock);
	free(k->path);
	free(k);
}
