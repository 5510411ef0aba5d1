/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sec/issuer.h"

#include <stdio.h>
#include <stdlib.h>

#include "cap/sec/live.h"
#include "cap/sec/token_file.h"
#include "cap/sec/unix_users.h"
#include "sec/failures.h"

#define APP_URI SLICE_LIT("urn:m2m:app:") /* and the App-ID */
#define SOURCES 4096u /* of failures that are remembered at a time */

struct issuers {
	struct issuers_conf conf;
	struct unix_users *users;
	struct token_file *tokens; /* NULL: none are taken */
	struct failures *failures;
	struct app_table *apps; /* NULL: no keys below Kmc */
};

static enum rc
open_parts(struct issuers *s, char why[SEC_WHY_MAX])
{
	const struct sec_conf *sec = s->conf.sec;
	const struct failures_conf failures = {
		.clock = sec->clock,
		.per_subject = FAILURES_PER_SUBJECT,
		.per_source = FAILURES_PER_SOURCE,
		.window = FAILURES_WINDOW,
		.slots = SOURCES,
	};
	enum rc rc = failures_new(&failures, &s->failures);

	if (rc == RC_OK)
		rc = unix_users_new(sec->unix_users, &s->users, why);
	if (rc == RC_OK && sec->tokens != NULL)
		rc = token_file_open(sec->tokens, sec->log, &s->tokens, why);
	if (rc == RC_OK && s->conf.live != NULL &&
	    (s->apps = app_table_new(APP_TABLE_MAX)) == NULL)
		rc = RC_UNAVAILABLE;
	return rc;
}

enum rc
issuers_new(const struct issuers_conf *conf, struct issuers **issuers, char why[SEC_WHY_MAX])
{
	struct issuers *s = calloc(1, sizeof(*s));
	enum rc rc;

	*issuers = NULL;
	if (s == NULL)
		return RC_UNAVAILABLE;
	s->conf = *conf;
	why[0] = '\0';
	rc = open_parts(s, why);
	if (rc == RC_OK) {
		*issuers = s;
		return RC_OK;
	}
	if (why[0] == '\0')
		snprintf(why, SEC_WHY_MAX, "authentication of applications: %s",
		         status_of(rc)->text);
	issuers_free(s);
	return rc;
}

void
issuers_free(struct issuers *issuers)
{
	if (issuers == NULL)
		return;
	app_table_free(issuers->apps);
	token_file_close(issuers->tokens);
	unix_users_free(issuers->users);
	failures_free(issuers->failures);
	free(issuers);
}

void
issuers_reload(struct issuers *issuers)
{
	if (issuers->tokens != NULL)
		token_file_reload(issuers->tokens);
}

struct app_table *
issuers_apps(struct issuers *issuers)
{
	return issuers->apps;
}

/* ---- handshakes ---- */

/* The key of app_id under a Kmc of this node. */
static enum rc
derive(const struct key *kmc, const struct psk_id *id, struct slice app_id, struct slice scl_id,
       struct key *out)
{
	struct key kma;
	enum rc rc = kma_derive(kmc, app_id, scl_id, id->index, &kma);

	if (rc == RC_OK)
		rc = psk_ma(&kma, id->tls, id->connection, id->index, app_id, out);
	key_wipe(&kma);
	return rc;
}

bool
issuers_psk(void *arg, const struct psk_id *id, struct key *out)
{
	struct issuers *s = arg;
	struct mas_connection conn = { .scl_id = "unknown" };
	char app_id[APP_ID_MAX + 1];
	struct key kmc = { { 0 } };
	struct slice app = SLICE_LIT("unknown");
	bool known;
	size_t n;

	if (s->apps == NULL || id->kind != PSK_MA)
		return false;
	n = app_table_find(s->apps, id->app, app_id);
	known = live_kmc(s->conf.live, id->connection, id->index, &kmc);
	known = live_find(s->conf.live, id->connection, id->index, &conn) == LIVE_OK && known && n > 0;
	if (n > 0)
		app = slice_make(app_id, n);
	/* An unknown one is derived as well, of no key or name, so that it takes as long. */
	known = derive(&kmc, id, app, slice_of(conn.scl_id), out) == RC_OK && known;
	key_wipe(&kmc);
	if (!known)
		key_wipe(out);
	return known;
}

/* ---- what a connection proves ---- */

static enum rc
refuse(enum rc rc, const char *token, struct slice *reason)
{
	*reason = slice_of(token);
	return rc;
}

/* A certificate with several App-IDs says nothing about which one speaks. */
static void
by_certificate(const struct peer *p, struct issuer *issuer)
{
	struct slice app_id = SLICE_NONE;
	unsigned named = 0;

	for (size_t i = 0; i < p->n_uris; i++)
		if (slice_starts(p->uris[i], APP_URI)) {
			app_id = slice_from(p->uris[i], APP_URI.n);
			named++;
		}
	if (named == 1 && app_id.n > 0 && app_id.n <= APP_ID_MAX)
		*issuer = (struct issuer){ ISSUER_CERTIFICATE, app_id };
}

static enum rc
proved(enum issuer_by by, struct slice app_id, struct arena *arena, struct issuer *issuer)
{
	*issuer = (struct issuer){ by, arena_copy(arena, app_id) };
	return issuer->app_id.p == NULL ? RC_UNAVAILABLE : RC_OK;
}

/* Nothing more is served on the session. */
static enum rc
over(bool revoked, struct req_answer *out, struct slice *reason)
{
	out->close = true;
	return revoked ? refuse(RC_FORBIDDEN, "SEC_REVOKED", reason)
	               : refuse(RC_DENIED, "SEC_KMC_EXPIRED", reason);
}

/* Its name is that of its node, whatever it calls itself. */
static enum rc
by_node(const struct sec_psk *source, const struct psk_id *id, struct arena *arena,
        struct issuer *issuer, struct req_answer *out, struct slice *reason)
{
	char text[NODE_ID_TEXT];
	struct node_id node;

	if (!source->stands(source->arg, id))
		return over(true, out, reason);
	if (!source->node(source->arg, id, &node))
		return over(false, out, reason);
	node_id_text(&node, text);
	return proved(ISSUER_NODE, slice_of(text), arena, issuer);
}

static enum rc
by_kma(struct issuers *s, const struct psk_id *id, struct arena *arena, struct issuer *issuer,
       struct req_answer *out, struct slice *reason)
{
	char app_id[APP_ID_MAX + 1];
	size_t n = app_table_find(s->apps, id->app, app_id);
	enum live_state state = live_find(s->conf.live, id->connection, id->index, NULL);

	if (n > 0 && state == LIVE_OK)
		return proved(ISSUER_PSK, slice_make(app_id, n), arena, issuer);
	return over(state == LIVE_REVOKED, out, reason);
}

static enum rc
by_psk(struct issuers *s, const struct peer *p, struct arena *arena, struct issuer *issuer,
       struct req_answer *out, struct slice *reason)
{
	const struct sec_psk *source;
	struct psk_id id;

	if (!psk_id_parse(p->psk_identity, &id))
		return RC_OK;
	source = psk_sources_of(s->conf.sources, id.kind);
	if (source != NULL)
		return by_node(source, &id, arena, issuer, out, reason);
	return s->apps == NULL || id.kind != PSK_MA ? RC_OK
	                                            : by_kma(s, &id, arena, issuer, out, reason);
}

static void
by_user(const struct issuers *s, const struct peer *p, struct issuer *issuer)
{
	struct slice app_id = unix_users_find(s->users, p->uid);

	if (app_id.p != NULL)
		*issuer = (struct issuer){ ISSUER_USER, app_id };
}

static enum rc
by_connection(struct issuers *s, const struct peer *p, struct arena *arena, struct issuer *issuer,
              struct req_answer *out, struct slice *reason)
{
	switch (p->kind) {
	case PEER_CERTIFICATE:
		by_certificate(p, issuer);
		return RC_OK;
	case PEER_PSK:
		return by_psk(s, p, arena, issuer, out, reason);
	case PEER_UNIX:
		by_user(s, p, issuer);
		return RC_OK;
	case PEER_UNPROVED:
		break;
	}
	return RC_OK;
}

/* ---- tokens ---- */

static bool
safe_on_the_way(const struct issuers *s, const struct peer *p)
{
	return p != NULL && (p->tls_version != 0 || p->loopback || s->conf.sec->clear_tokens);
}

/*
 * Whom failures are counted for. On this host all sources look the same: one of them must not lock
 * the others out.
 */
static struct slice
source_of(const struct peer *p)
{
	return p->loopback ? SLICE_NONE : p->address;
}

static enum rc
failed(struct issuers *s, const struct peer *p, struct slice *reason)
{
	if (failures_add(s->failures, SLICE_NONE, source_of(p)))
		LOG_WARN(s->conf.sec->log, "tokens-guessed", LOG_S("source", p->address));
	return refuse(RC_DENIED, "AUTH_FAILED", reason);
}

static enum rc
by_token(struct issuers *s, const struct peer *p, struct slice token, struct arena *arena,
         struct issuer *issuer, struct req_answer *out, struct slice *reason)
{
	char name[TOKENS_NAME_MAX + 1];
	size_t n;

	if (!safe_on_the_way(s, p) ||
	    !failures_allow(s->failures, SLICE_NONE, source_of(p), &out->retry_after))
		return refuse(RC_DENIED, "AUTH_FAILED", reason);
	n = token_file_find(s->tokens, token, name);
	if (n == 0)
		return failed(s, p, reason);
	if (issuer->by != ISSUER_NOBODY)
		return slice_eq(issuer->app_id, slice_make(name, n))
		           ? RC_OK
		           : refuse(RC_FORBIDDEN, "SEC_IDENTITY", reason);
	*issuer = (struct issuer){ ISSUER_TOKEN, arena_copy(arena, slice_make(name, n)) };
	return issuer->app_id.p == NULL ? RC_UNAVAILABLE : RC_OK;
}

enum rc
issuers_identify(struct issuers *issuers, struct req_input *in, struct arena *arena,
                 struct issuer *issuer, struct req_answer *out, struct slice *reason)
{
	struct slice token = tokens_bearer(in->authorization);
	enum rc rc = RC_OK;

	*issuer = (struct issuer){ .app_id = SLICE_NONE };
	if (token.p != NULL)
		in->authorization = SLICE_NONE;
	if (in->peer != NULL)
		rc = by_connection(issuers, in->peer, arena, issuer, out, reason);
	if (rc != RC_OK || token.p == NULL || issuers->tokens == NULL)
		return rc;
	return by_token(issuers, in->peer, token, arena, issuer, out, reason);
}
