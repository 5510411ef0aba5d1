/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "core/route.h"

#include "core/own_job.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

#define SEGMENTS_MAX 64
/* A point of contact that failed is tried again after this long. */
#define PROBE_AFTER (5 * CLOCK_SECOND)

struct choice {
	struct rtx *tx;
	struct slice uri;
	uint64_t poc;
	bool probe;
	bool insist;
	unsigned seen;
	enum rc rc;
};

/* The first that is ONLINE, else one that failed long enough ago. */
static bool
consider_poc(void *arg, const struct child *c)
{
	struct choice *ch = arg;
	const struct val *info;
	int64_t status;
	struct res *poc;

	ch->rc = repo_get(ch->tx, c->id, &poc);
	if (ch->rc != RC_OK)
		return false;
	ch->seen++;
	info = val_get(poc->vals, A_CONTACT_INFO);
	status = val_num(poc->vals, A_ONLINE_STATUS, ONLINE);
	if (info == NULL || !uri_is_transport(val_text(info->first, A_CONTACT_URI)))
		return true;
	if (status == NOT_REACHABLE && ch->poc == ID_NONE &&
	    (ch->insist || poc->modified + PROBE_AFTER <= repo_now(ch->tx))) {
		ch->poc = c->id;
		ch->uri = val_text(info->first, A_CONTACT_URI);
		ch->probe = true;
	}
	if (status != ONLINE)
		return true;
	ch->poc = c->id;
	ch->uri = val_text(info->first, A_CONTACT_URI);
	ch->probe = false;
	return false;
}

static enum rc
choose_poc(struct rtx *tx, const struct res *scl, struct choice *ch)
{
	const struct val *pocs = val_get(scl->vals, A_POCS);

	*ch = (struct choice){ .tx = tx, .insist = ch->insist };
	if (!scl_scheduled(scl, repo_now(tx)))
		return RC_UNAVAILABLE;
	TRY(repo_children(tx, scl->id, T_M2M_POCS, 0, consider_poc, ch));
	TRY(ch->rc);
	if (ch->poc != ID_NONE)
		return RC_OK;
	/* Release 1 has points of contact in pocs (TS 102 690, retargeting). */
	for (const struct val *v = ch->seen > 0 || pocs == NULL ? NULL : pocs->first; v != NULL; v = v->next)
		if (uri_is_transport(v->text)) {
			ch->uri = v->text;
			return RC_OK;
		}
	return RC_UNAVAILABLE;
}

struct link_match {
	struct rtx *tx;
	struct slice link;
	struct res *scl;
	enum rc rc;
};

static bool
match_link(void *arg, uint64_t id, uint64_t seq)
{
	struct link_match *m = arg;
	struct res *node;

	if (seq != 0)
		return true;
	m->rc = repo_get(m->tx, id, &node);
	if (m->rc != RC_OK)
		return false;
	if (node->type->number != T_SCL || node->expires <= repo_now(m->tx))
		return true;
	if (slice_eq(uri_normalise(repo_arena(m->tx), val_text(node->vals, A_LINK)), m->link))
		m->scl = node;
	return m->scl == NULL;
}

enum rc
route_registered(struct rtx *tx, struct slice uri, struct res **out)
{
	struct link_match m = { .tx = tx, .link = uri };

	TRY(repo_labelled(tx, uri, match_link, &m));
	*out = m.scl;
	if (m.scl != NULL)
		return RC_OK;
	/* What could not be read may be it. */
	if (m.rc != RC_OK)
		return m.rc == RC_NOT_FOUND ? RC_INTERNAL : m.rc;
	return arena_failed(repo_arena(tx)) ? RC_UNAVAILABLE : RC_NOT_FOUND;
}

enum rc
route_owner(struct rtx *tx, struct slice uri, struct res **out)
{
	struct slice rest = uri_normalise(repo_arena(tx), uri);
	struct uri u;

	if (rest.p == NULL || !uri_parse(rest, &u) || u.scheme.n == 0)
		return arena_failed(repo_arena(tx)) ? RC_UNAVAILABLE : RC_NOT_FOUND;
	for (unsigned n = 0; n < SEGMENTS_MAX; n++) {
		enum rc rc = route_registered(tx, rest, out);

		if (rc != RC_NOT_FOUND)
			return rc;
		if (rest.p + rest.n <= u.authority.p + u.authority.n)
			return RC_NOT_FOUND;
		while (rest.p[rest.n - 1] != '/')
			rest.n--;
		rest.n--;
	}
	return RC_BAD_REQUEST;
}

/* ---- NSCLs of other providers (mIm) ---- */

struct slice
domain_key(struct arena *a, struct slice domain)
{
	char *to = arena_alloc(a, domain.n + 1);

	for (size_t i = 0; to != NULL && i < domain.n; i++)
		to[i] = (char)tolower((unsigned char)domain.p[i]);
	return slice_make(to, to == NULL ? 0 : domain.n);
}

bool
domain_is_public(struct slice host)
{
	size_t last = host.n;

	while (last > 0 && host.p[last - 1] != '.')
		last--;
	/* The last label of an IPv4 address is a number; an IPv6 address stands in brackets. */
	return last > 1 && last < host.n && isalpha((unsigned char)host.p[last]) && host.p[0] != '[';
}

struct domain_match {
	struct rtx *tx;
	struct slice domain;
	struct res *scl;
};

static bool
match_domain(void *arg, uint64_t id, uint64_t seq)
{
	struct domain_match *m = arg;
	struct res *node;

	if (seq != 0 || repo_get(m->tx, id, &node) != RC_OK || node->type->number != T_SCL ||
	    node->expires <= repo_now(m->tx) || !slice_eq(val_text(node->vals, A_PEER_DOMAIN), m->domain))
		return true;
	m->scl = node;
	return false;
}

const struct scl_peer *
route_peer(const struct scl *scl, struct arena *a, struct slice link)
{
	const struct scl_conf *conf = &scl->conf;

	for (size_t i = 0; i < conf->n_peers; i++)
		if (slice_eq(uri_normalise(a, slice_of(conf->peers[i].uri)), link))
			return &conf->peers[i];
	return NULL;
}

enum rc
route_domain(const struct scl *scl, struct rtx *tx, struct slice uri, struct res **out)
{
	const char *own = scl->conf.public_domain;
	struct slice rest;
	struct uri u;

	if (!uri_parse(uri, &u) || u.scheme.n == 0 || !domain_is_public(u.host))
		return RC_NOT_FOUND;
	rest = domain_key(repo_arena(tx), u.host);
	for (unsigned n = 0; n < SEGMENTS_MAX && rest.n > 0; n++) {
		struct domain_match m = { .tx = tx, .domain = rest };
		const char *dot = memchr(rest.p, '.', rest.n);

		/* What is in this provider's domain is not a peer's. */
		if (own != NULL && rest.n == strlen(own) && strncasecmp(rest.p, own, rest.n) == 0)
			return RC_NOT_FOUND;
		TRY(repo_labelled(tx, rest, match_domain, &m));
		if (m.scl != NULL) {
			*out = m.scl;
			return RC_OK;
		}
		if (dot == NULL)
			break;
		rest = slice_from(rest, (size_t)(dot + 1 - rest.p));
	}
	return RC_NOT_FOUND;
}

static bool
take_first(void *arg, const struct child *c)
{
	*(uint64_t *)arg = c->id;
	return false;
}

enum rc
route_upstream(struct scl *scl, struct rtx *tx, struct res **out)
{
	uint64_t id = ID_NONE;

	if (scl->conf.role == SCL_NSCL)
		return RC_NOT_FOUND;
	TRY(repo_children(tx, ID_SCL_BASE, T_SCLS, 1, take_first, &id));
	return id == ID_NONE ? RC_UNAVAILABLE : repo_get(tx, id, out);
}

int
route_release_of(const struct res *scl)
{
	return val_num(scl->vals, A_PEER_RELEASE, 2) == 1 ? 1 : 2;
}

int
route_release(struct scl *scl, struct rtx *tx, struct slice target)
{
	struct res *to;
	enum rc rc;

	if (own_path(scl, repo_arena(tx), target).n > 0)
		return 2;
	rc = route_owner(tx, target, &to);
	if (rc == RC_NOT_FOUND)
		rc = route_upstream(scl, tx, &to);
	return rc == RC_OK ? route_release_of(to) : 2;
}

static bool
has_passed(const struct req *rq, struct slice scl_id)
{
	struct slice via = rq->in.via, hop, word;

	while (via.n > 0 && slice_split(&via, ',', &hop)) {
		while (slice_split(&hop, ' ', &word))
			if (slice_eq(word, scl_id))
				return true;
	}
	return false;
}

bool
route_passed_here(const struct req *rq)
{
	return has_passed(rq, rq->scl->id);
}

/*
 * No SCL registers with a gateway or device: what another one has passed on came from its NSCL, but
 * for requests of its own applications, which may come through proxies of other kinds. The NSCL
 * cannot be told by its name in Via: its SCL-ID is not in its representation.
 */
static bool
came_from_nscl(const struct req *rq)
{
	return rq->scl->conf.role != SCL_NSCL && rq->in.via.n > 0 && !rq->who.self &&
	       rq->who.local_path.n == 0;
}

/*
 * The next SCL on the way: the one it belongs to, else a gateway or device asks its NSCL. Never one
 * that the request has come by (TS 102 690, retargeting).
 */
static enum rc
find_next(struct req *rq, struct slice target, struct res **to)
{
	enum rc rc;

	if (came_from_nscl(rq))
		return RC_NOT_FOUND;
	rc = route_owner(rq->tx, target, to);
	if (rc == RC_NOT_FOUND && rq->scl->conf.role == SCL_NSCL)
		rc = route_domain(rq->scl, rq->tx, target, to);
	if (rc == RC_NOT_FOUND)
		rc = route_upstream(rq->scl, rq->tx, to);
	return rc == RC_OK && has_passed(rq, (*to)->name) ? RC_NOT_FOUND : rc;
}

enum rc
route_to(struct req *rq, struct slice target, struct hop *hop)
{
	struct choice ch = { .insist = hop->insist };
	struct res *to;
	enum rc rc = find_next(rq, target, &to);

	if (rc == RC_NOT_FOUND)
		return req_fail(rq, rc, "the target is not on a known SCL");
	if (rc == RC_BAD_REQUEST)
		return req_fail(rq, rc, "the target has too many segments");
	if (rc == RC_OK)
		rc = choose_poc(rq->tx, to, &ch);
	if (rc == RC_UNAVAILABLE)
		return req_fail(rq, rc, "the SCL of the target is not reachable");
	if (rc != RC_OK)
		return rc;
	hop->uri = arena_copy(rq->arena, ch.uri);
	hop->poc = ch.poc;
	hop->release = route_release_of(to);
	hop->probe = ch.probe;
	return hop->uri.p == NULL ? RC_UNAVAILABLE : RC_OK;
}

enum rc
route_known(struct scl *scl, struct rtx *tx, struct slice target)
{
	struct choice ch = { 0 };
	struct res *to;

	(void)scl;
	TRY(route_owner(tx, target, &to));
	return choose_poc(tx, to, &ch);
}

/* ---- onlineStatus of the m2mPoc by what happened (TS 102 921 10.6, onlineStatus) ---- */

struct poc_status {
	struct own_job job; /* first */
	uint64_t poc;
	int64_t status;
	void (*then)(void *arg);
	void *arg;
};

static enum rc
poc_status_run(struct own_job *oj, struct rtx *tx)
{
	struct poc_status *p = (struct poc_status *)(void *)oj;
	struct res *old, *self;

	TRY(repo_get(tx, p->poc, &old));
	TRY(repo_get(tx, p->poc, &self));
	if (!val_set_num(repo_arena(tx), &self->vals, A_ONLINE_STATUS, p->status))
		return RC_UNAVAILABLE;
	self->modified = repo_now(tx) > old->modified ? repo_now(tx) : old->modified + 1;
	TRY(repo_update(tx, old, self));
	return event_changed(oj->scl, tx, p->poc, SLOT_SELF, false);
}

static void
poc_status_done(struct own_job *oj, enum rc rc)
{
	struct poc_status *p = (struct poc_status *)(void *)oj;

	LOG_INFO(oj->scl->log, "m2mPoc-status", LOG_N("m2mPoc", p->poc),
	         LOG_Z("onlineStatus", p->status == ONLINE ? "ONLINE" : "NOT_REACHABLE"),
	         LOG_Z("stored", status_of(rc)->text));
	if (p->then != NULL)
		p->then(p->arg);
	free(p);
}

bool
route_poc_status(struct scl *scl, uint64_t poc, int64_t status, void (*then)(void *arg), void *arg)
{
	struct poc_status *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return false;
	p->job.run = poc_status_run;
	p->job.done = poc_status_done;
	p->poc = poc;
	p->status = status;
	p->then = then;
	p->arg = arg;
	if (own_job_submit(scl, &p->job))
		return true;
	free(p);
	return false;
}
