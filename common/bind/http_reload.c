/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates, trust anchors and revocation lists of a server: from their files, and again. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "bind/http_server.h"
#include "bind/http_tls.h"
#include "bind/http_trust.h"

/* Takes both over (trust may be NULL, tls too: that stays). */
static void
replace(struct http_server *s, struct http_tls *tls, struct http_trust *trust)
{
	struct http_tls *old_tls = NULL;
	struct http_trust *old_trust;

	pthread_mutex_lock(&s->table.lock);
	if (tls != NULL) {
		old_tls = s->tls;
		s->tls = tls;
	}
	old_trust = s->trust;
	s->trust = trust;
	atomic_fetch_add(&s->trust_generation, 1);
	pthread_mutex_unlock(&s->table.lock);
	http_tls_unref(old_tls);
	http_trust_unref(old_trust);
}

/* The state of the file before it is read: a change meanwhile is seen the next time. */
static void
see_lists(const struct http_server *s, struct stat *seen)
{
	if (s->crl_file == NULL || stat(s->crl_file, seen) != 0)
		memset(seen, 0, sizeof(*seen));
}

static enum rc
load(struct http_server *s, struct http_tls **tls, struct http_trust **trust,
     char why[HTTP_WHY_MAX])
{
	*trust = NULL;
	*tls = http_tls_load(s->cert_file, s->key_file, s->ca_file, why);
	if (*tls == NULL)
		return RC_BAD_REQUEST;
	if (s->ca_file == NULL)
		return RC_OK;
	*trust = http_trust_load(s->ca_file, s->crl_file, why);
	if (*trust != NULL)
		return RC_OK;
	http_tls_unref(*tls);
	*tls = NULL;
	return RC_BAD_REQUEST;
}

enum rc
http_reload_first(struct http_server *s, char why[HTTP_WHY_MAX])
{
	see_lists(s, &s->crl_seen);
	return load(s, &s->tls, &s->trust, why);
}

enum rc
http_reload_tls(struct http_server *s, char why[HTTP_WHY_MAX])
{
	struct http_tls *tls;
	struct http_trust *trust;
	struct stat seen;
	enum rc rc;

	if (s->cert_file == NULL)
		return RC_OK;
	pthread_mutex_lock(&s->reload);
	see_lists(s, &seen);
	rc = load(s, &tls, &trust, why);
	if (rc == RC_OK) {
		s->crl_seen = seen;
		replace(s, tls, trust);
	}
	pthread_mutex_unlock(&s->reload);
	return rc;
}

static bool
same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static void
renew_lists(struct http_server *s)
{
	char why[HTTP_WHY_MAX];
	/* Replaced under the reload lock alone. */
	struct http_trust *fresh = http_trust_renew(s->trust, s->crl_file, why);

	if (fresh == NULL) {
		LOG_WARN(s->log, "crl_unusable", LOG_S("listener", s->listener.base_uri),
		         LOG_Z("text", why));
		return;
	}
	replace(s, NULL, fresh);
	LOG_INFO(s->log, "crl_loaded", LOG_S("listener", s->listener.base_uri),
	         LOG_Z("file", s->crl_file));
}

static void
warn_outdated(struct http_server *s)
{
	bool outdated = http_trust_outdated(s->trust);

	if (outdated && !s->crl_warned)
		LOG_WARN(s->log, "crl_outdated", LOG_S("listener", s->listener.base_uri),
		         LOG_Z("file", s->crl_file));
	s->crl_warned = outdated;
}

void
http_reload_lists(struct http_server *s)
{
	struct stat now;

	if (s->crl_file == NULL)
		return;
	pthread_mutex_lock(&s->reload);
	see_lists(s, &now);
	if (!same_file(&now, &s->crl_seen)) {
		s->crl_seen = now;
		renew_lists(s);
	}
	warn_outdated(s);
	pthread_mutex_unlock(&s->reload);
}
