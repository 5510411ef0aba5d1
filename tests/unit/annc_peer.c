/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "annc_peer.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/times.h"

/* ---- what a peer does ---- */

static struct peer_res *
res_at(struct peer *p, const char *path)
{
	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->res[i].path, path) == 0)
			return &p->res[i];
	return NULL;
}

static void
between(struct slice text, const char *open, const char *close, char *to, size_t size)
{
	const char *at = memmem(text.p, text.n, open, strlen(open)), *end;

	to[0] = '\0';
	if (at == NULL)
		return;
	at += strlen(open);
	end = memmem(at, text.n - (size_t)(at - text.p), close, strlen(close));
	if (end != NULL)
		snprintf(to, size, "%.*s", (int)(end - at), at);
}

static struct peer_res *
res_add(struct peer *p, const char *path)
{
	struct peer_res *more = realloc(p->res, (p->n + 1) * sizeof(*more));

	ck_assert_ptr_nonnull(more);
	p->res = more;
	more[p->n] = (struct peer_res){ { 0 }, { 0 }, { 0 }, { 0 } };
	snprintf(more[p->n].path, sizeof(more->path), "%s", path);
	return &p->res[p->n++];
}

static void
res_fill(struct peer_res *r, const struct exchange *ex)
{
	snprintf(r->body, sizeof(r->body), "%.*s", (int)ex->body.n, ex->body.p);
	between(ex->body, "<m2m:link>", "</m2m:link>", r->link, sizeof(r->link));
	for (unsigned i = 0; i < ex->nheaders; i++)
		if (slice_is(ex->headers[i].name, "From"))
			snprintf(r->from, sizeof(r->from), "%.*s", (int)ex->headers[i].value.n,
			         ex->headers[i].value.p);
}

/* What it has made of expirationTime. */
static void
tell_lifetime(struct peers *ps, const struct peer *p, struct port_answer *a)
{
	char *text = ps->text[ps->texts++ % NITEMS(ps->text)], until[TIMES_TEXT_MAX];

	if (p->grants == 0)
		return;
	times_format(clock_now(&clock_system) + p->grants, TIMES_MILLI, until);
	snprintf(text, sizeof(ps->text[0]),
	         "<m2m:applicationAnnc " NS
	         "><m2m:expirationTime>%s</m2m:expirationTime></m2m:applicationAnnc>",
	         until);
	a->body = text;
}

/* A collection is there with what holds it: the scl, or an announcement. */
static bool
holds(struct peer *p, const char *path)
{
	char host[192];
	char *slash;

	snprintf(host, sizeof(host), "%s", path);
	slash = strrchr(host, '/');
	ck_assert_ptr_nonnull(slash);
	*slash = '\0';
	return strcmp(host, p->knows_as) == 0 || res_at(p, host) != NULL;
}

static int
on_create(struct peers *ps, struct peer *p, const struct exchange *ex, const char *path,
          struct port_answer *a)
{
	char id[96], full[320], *text;

	p->creates++;
	if (!holds(p, path))
		return 404;
	between(ex->body, "id=\"", "\"", id, sizeof(id));
	snprintf(full, sizeof(full), "%s/%s", path, id);
	if (res_at(p, full) != NULL)
		return 409;
	res_fill(res_add(p, full), ex);
	tell_lifetime(ps, p, a);
	a->location = p->location;
	if (p->location != NULL)
		return 201;
	text = ps->text[ps->texts++ % NITEMS(ps->text)];
	a->location = text;
	if (p->relative)
		snprintf(text, sizeof(ps->text[0]), "%s", full);
	else
		snprintf(text, sizeof(ps->text[0]), "http://peer%u.example.org%s",
		         (unsigned)(p - ps->v), full);
	return 201;
}

static void
remove_below(struct peer *p, const char *path)
{
	size_t n = strlen(path);

	for (size_t i = 0; i < p->n;)
		if (strncmp(p->res[i].path, path, n) == 0 &&
		    (p->res[i].path[n] == '\0' || p->res[i].path[n] == '/'))
			p->res[i] = p->res[--p->n];
		else
			i++;
}

static int
on_resource(struct peers *ps, struct peer *p, const struct exchange *ex, const char *path,
            struct port_answer *a)
{
	struct peer_res *r = res_at(p, path);
	char *text;

	if (slice_is(ex->method, "DELETE")) {
		p->deletes++;
		if (p->busy_deletes > 0) {
			p->busy_deletes--;
			return 503;
		}
		if (r == NULL)
			return 404;
		if (p->denies_deletes)
			return 403;
		remove_below(p, path);
		return 204;
	}
	if (slice_is(ex->method, "PUT"))
		p->updates++;
	else
		p->reads++;
	if (r == NULL)
		return 404;
	if (slice_is(ex->method, "PUT")) {
		res_fill(r, ex);
		tell_lifetime(ps, p, a);
		return a->body == NULL ? 204 : 200;
	}
	text = ps->text[ps->texts++ % NITEMS(ps->text)];
	snprintf(text, sizeof(ps->text[0]),
	         "<m2m:applicationAnnc " NS "><m2m:link>%s</m2m:link></m2m:applicationAnnc>",
	         r->link);
	a->body = text;
	return 200;
}

static struct port_answer
script(void *arg, const struct exchange *ex)
{
	static const int by_mode[] = { [PEER_DOWN] = ANSWER_REFUSED,
		                       [PEER_SILENT] = ANSWER_NEVER,
		                       [PEER_DENIES] = 403,
		                       [PEER_BUSY] = 503 };
	struct peers *ps = arg;
	struct port_answer a = { 0 };
	struct peer *p;
	unsigned host;
	char path[192];

	ck_assert_int_eq(sscanf(ex->target.p, "http://peer%u.example.org", &host), 1);
	snprintf(path, sizeof(path), "%.*s",
	         (int)(ex->target.n - strlen("http://peer0.example.org")),
	         ex->target.p + strlen("http://peer0.example.org"));
	pthread_mutex_lock(&ps->lock);
	p = &ps->v[host];
	p->asked++;
	a.delay = ps->delay;
	if (p->mode != PEER_WELL)
		a.status = by_mode[p->mode];
	else if (slice_is(ex->method, "POST"))
		a.status = on_create(ps, p, ex, path, &a);
	else
		a.status = on_resource(ps, p, ex, path, &a);
	if (p->drops_answer && a.status == 201) {
		p->drops_answer = false;
		a.status = ANSWER_NEVER;
	}
	pthread_mutex_unlock(&ps->lock);
	return a;
}

/* ---- life ---- */

void
peers_init(struct peers *ps, enum scl_type role)
{
	*ps = (struct peers){ 0 };
	core_init(&ps->b);
	ps->b.conf.role = role;
	pthread_mutex_init(&ps->lock, NULL);
	for (unsigned i = 0; i < PEERS; i++)
		ps->v[i].knows_as = PEER_AT_HOME;
	port_fake_set(script, ps);
}

void
peers_fini(struct peers *ps)
{
	core_fini(&ps->b);
	for (unsigned i = 0; i < PEERS; i++)
		free(ps->v[i].res);
	pthread_mutex_destroy(&ps->lock);
}

void
peer_register(struct peers *ps, unsigned peer, const char *type)
{
	char body[768], link[64];

	snprintf(link, sizeof(link), "http://peer%u.example.org/m2m", peer);
	snprintf(body, sizeof(body),
	         "<m2m:scl " NS " sclId=\"peer%u\"><m2m:pocs><reference>%s</reference></m2m:pocs>"
	         "<m2m:link>%s</m2m:link><m2m:accessRightID>" BASE
	         "/accessRights/default</m2m:accessRightID><m2m:mgmtProtocolType>OMA_DM"
	         "</m2m:mgmtProtocolType><m2m:sclType>%s</m2m:sclType></m2m:scl>",
	         peer, link, link, type);
	ck_assert_int_eq(core_status(&ps->b, "POST", BASE "/scls", link, body), 201);
}

void
peer_set(struct peers *ps, unsigned peer, enum peer_mode mode)
{
	pthread_mutex_lock(&ps->lock);
	ps->v[peer].mode = mode;
	pthread_mutex_unlock(&ps->lock);
}

void
peer_grants(struct peers *ps, unsigned peer, int64_t lifetime)
{
	pthread_mutex_lock(&ps->lock);
	ps->v[peer].grants = lifetime;
	pthread_mutex_unlock(&ps->lock);
}

struct peer
peer_look(struct peers *ps, unsigned peer)
{
	struct peer p;

	pthread_mutex_lock(&ps->lock);
	p = ps->v[peer];
	pthread_mutex_unlock(&ps->lock);
	p.res = NULL;
	return p;
}

size_t
peer_count(struct peers *ps, unsigned peer)
{
	return peer_look(ps, peer).n;
}

bool
peer_has(struct peers *ps, unsigned peer, const char *path, struct peer_res *out)
{
	struct peer_res *r;
	char full[192];

	pthread_mutex_lock(&ps->lock);
	snprintf(full, sizeof(full), "%s/%s", ps->v[peer].knows_as, path);
	r = res_at(&ps->v[peer], full);
	if (r != NULL && out != NULL)
		*out = *r;
	pthread_mutex_unlock(&ps->lock);
	return r != NULL;
}

struct wanted {
	struct peers *ps;
	unsigned peer;
	size_t n;
	const char *target;
	char list[256];
};

static bool
has_count(void *arg)
{
	struct wanted *w = arg;

	return peer_count(w->ps, w->peer) == w->n;
}

bool
peer_await(struct peers *ps, unsigned peer, size_t n)
{
	struct wanted w = { .ps = ps, .peer = peer, .n = n };

	return core_await(has_count, &w);
}

static bool
visit_work(void *arg, uint64_t key, struct slice bytes)
{
	(void)key;
	(void)bytes;
	++*(unsigned *)arg;
	return false;
}

static bool
has_no_work(void *arg)
{
	struct peers *ps = arg;
	struct arena *a = arena_new(1u << 20);
	unsigned n = 0;
	struct rtx *tx;

	ck_assert_ptr_nonnull(a);
	ck_assert_int_eq(repo_begin_read(ps->b.repo, a, &tx), RC_OK);
	ck_assert_int_eq(repo_works(tx, WORK_ANNOUNCE, 0, 1, visit_work, &n), RC_OK);
	repo_end_read(tx);
	arena_free(a);
	return n == 0;
}

bool
works_await(struct peers *ps)
{
	return core_await(has_no_work, ps);
}

void
peer_plant(struct peers *ps, unsigned peer, const char *path, const char *link)
{
	struct peer_res *r;
	char full[192];

	pthread_mutex_lock(&ps->lock);
	snprintf(full, sizeof(full), "%s/%s", ps->v[peer].knows_as, path);
	r = res_add(&ps->v[peer], full);
	snprintf(r->link, sizeof(r->link), "%s", link);
	pthread_mutex_unlock(&ps->lock);
}

void
peer_forget_all(struct peers *ps, unsigned peer)
{
	pthread_mutex_lock(&ps->lock);
	ps->v[peer].n = 0;
	pthread_mutex_unlock(&ps->lock);
}

/* ---- documents ---- */

const char *
announce_to(const char *peers, const char *before, const char *after)
{
	static char text[1024];
	size_t n = (size_t)snprintf(text, sizeof(text), "<m2m:announceTo>%s<m2m:sclList>", before);

	for (; *peers != '\0'; peers++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
		                      "<reference>http://peer%c.example.org/m2m</reference>",
		                      *peers);
	snprintf(text + n, sizeof(text) - n, "</m2m:sclList>%s</m2m:announceTo>", after);
	return text;
}

void
value_of(struct peers *ps, const char *target, const char *name, char value[256])
{
	struct reply r = core_ask(&ps->b, "GET", target, ADMIN, NULL);
	char open[64], close[64];

	ck_assert_int_eq(r.status, 200);
	snprintf(open, sizeof(open), "<m2m:%s>", name);
	snprintf(close, sizeof(close), "</m2m:%s>", name);
	between(slice_of(r.body), open, close, value, 256);
	reply_fini(&r);
}

static bool
has_list(void *arg)
{
	struct wanted *w = arg;
	char list[256];

	value_of(w->ps, w->target, "sclList", list);
	return strcmp(list, w->list) == 0;
}

bool
list_await(struct peers *ps, const char *target, const char *peers)
{
	struct wanted w = { .ps = ps, .target = target };
	size_t n = 0;

	for (; *peers != '\0'; peers++)
		n += (size_t)snprintf(w.list + n, sizeof(w.list) - n,
		                      "<reference>http://peer%c.example.org/m2m</reference>",
		                      *peers);
	return core_await(has_list, &w);
}

/* ---- what is announced ---- */

void
peers_begin(struct peers *ps)
{
	peers_init(ps, SCL_NSCL);
	core_start(&ps->b);
	peer_register(ps, 0, "GSCL");
	peer_register(ps, 1, "GSCL");
}

int
announce_create(struct peers *ps, const char *from, const char *id, const char *more)
{
	char body[2048];

	snprintf(body, sizeof(body),
	         "<m2m:application " NS " appId=\"%s\"><m2m:accessRightID>" BASE
	         "/accessRights/default</m2m:accessRightID>%s</m2m:application>",
	         id, more);
	return core_status(&ps->b, "POST", BASE "/applications", from, body);
}

int
announce_update(struct peers *ps, const char *id, const char *more)
{
	char target[96], body[2048];

	snprintf(target, sizeof(target), BASE "/applications/%s", id);
	snprintf(body, sizeof(body),
	         "<m2m:application " NS "><m2m:accessRightID>" BASE
	         "/accessRights/default</m2m:accessRightID>%s</m2m:application>",
	         more);
	return core_status(&ps->b, "PUT", target, ADMIN, body);
}
