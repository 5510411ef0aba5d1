/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sec/kma.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/times.h"
#include "base/uri.h"
#include "core/endpoint.h"
#include "core/identity.h"
#include "core/scl.h"
#include "sec/b64url.h"

#define MEDIA_TYPE "application/json"
#define TAIL "/kma"
#define LOOK_ARENA (16u << 20)
#define DOC_MAX 256u

struct kma {
	struct kma_conf conf;
	struct scl *scl;
	struct endpoint endpoint;
	char *path;
};

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

	if (!live_kmc(k->conf.live, conn->id, conn->kmc_index, &kmc))
		return RC_UNAVAILABLE;
	rc = kma_derive(&kmc, app_id, slice_of(conn->scl_id), conn->kmc_index, out);
	key_wipe(&kmc);
	return rc;
}

static enum rc
give(const struct kma *k, const struct mas_connection *conn, struct slice app_id)
{
	struct app_table *apps = issuers_apps(k->conf.issuers);
	enum rc rc = app_table_give(apps, app_id, conn->id, conn->kmc_index);

	if (rc != RC_UNAVAILABLE)
		return rc;
	app_table_sweep(apps, is_gone, k->conf.live);
	return app_table_give(apps, app_id, conn->id, conn->kmc_index);
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

static enum rc
hand_out(const struct kma *k, struct req *rq, struct slice app_id)
{
	struct mas_connection conn = { .id = 0 };
	struct key kma;
	enum rc rc;

	live_each(k->conf.live, is_newer, &conn);
	if (conn.id == 0)
		return endpoint_refuse(rq, RC_UNAVAILABLE, SLICE_LIT("SEC_NO_CONNECTION"));
	rc = derive(k, &conn, app_id, &kma);
	if (rc == RC_OK)
		rc = give(k, &conn, app_id);
	if (rc == RC_OK) {
		LOG_INFO(k->conf.sec->log, "kma-given", LOG_S("application", app_id),
		         LOG_N("connection", conn.id), LOG_N("kmc", conn.kmc_index));
		rc = answer(rq, &conn, &kma);
	} else {
		LOG_WARN(k->conf.sec->log, "kma-refused", LOG_S("application", app_id),
		         LOG_Z("reason", status_of(rc)->text));
		rc = endpoint_refuse(rq, rc, SLICE_NONE);
	}
	key_wipe(&kma);
	return rc;
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
	const struct kma *k = arg;
	struct req_input asked = *in;
	struct slice reason = SLICE_NONE, app_id;
	struct issuer issuer;
	enum rc rc;

	/* HEAD would use the key up for nothing. */
	if (in->op != REQ_RETRIEVE || in->head)
		return endpoint_not_allowed(rq, "GET");
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
	return rc == RC_OK ? hand_out(k, rq, app_id) : endpoint_refuse(rq, rc, SLICE_NONE);
}

/* ---- life ---- */

enum rc
kma_add(const struct kma_conf *conf, struct scl *scl, struct kma **out)
{
	static const char collection[] = "/applications/";
	struct slice base = scl_base_path(scl);
	struct kma *k = calloc(1, sizeof(*k));
	enum rc rc;

	*out = NULL;
	if (k == NULL || (k->path = malloc(base.n + sizeof(collection))) == NULL) {
		free(k);
		return RC_UNAVAILABLE;
	}
	memcpy(k->path, base.p, base.n);
	memcpy(k->path + base.n, collection, sizeof(collection));
	k->conf = *conf;
	k->scl = scl;
	k->endpoint = (struct endpoint){ .path = k->path, .tail = TAIL, .serve_request = serve,
		                         .serve = SERVE_MIA | SERVE_DIA, .arg = k };
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
	struct app_table *apps = issuers_apps(k->conf.issuers);
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
kma_free(struct kma *k)
{
	if (k == NULL)
		return;
	free(k->path);
	free(k);
}
