/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /.well-known/core (RFC 6690, RFC 5785): sclBase, its collections and what capabilities serve
 * beside the tree, for whoever asks; with a query also what discovery finds for the issuer. On a
 * listener for the proxy alone there is no tree: what is served on it is all that it tells. What
 * capabilities serve is told by discovery, too (each has the search string Capability/<name>).
 */
#include "config.h"

#include <ctype.h>
#include <stdio.h>

#include "core/endpoint.h"
#include "core/links.h"
#include "core/scl_impl.h"

#define PATH "/.well-known/core"
#define MEDIA_TYPE "application/link-format"
#define ALLOWED "GET, HEAD"
#define DOCUMENT_MAX 65536u
/* Of one resource type, as an attribute. */
#define RT_MAX 64
/* Of resources: XML (RFC 7252), JSON (the same) and CBOR (RFC 8949). */
#define CONTENT_FORMATS SLICE_LIT("41 50 60")

/* Adds name unless it is there. */
static unsigned
add(struct slice *names, unsigned n, struct slice name)
{
	for (unsigned i = 0; i < n; i++)
		if (slice_eq(names[i], name))
			return n;
	names[n] = name;
	return n + 1;
}

/*
 * The first segment of the path of an endpoint below sclBase, empty when it lies elsewhere: also in
 * a collection of the tree.
 */
static struct slice
segment_of(const struct scl *scl, const struct endpoint *e)
{
	struct slice name = SLICE_NONE, path = slice_of(e->path);

	if (e->tail != NULL || !slice_starts(path, scl->base_path) || path.n < scl->base_path.n + 2 ||
	    path.p[scl->base_path.n] != '/')
		return SLICE_NONE;
	path = slice_from(path, scl->base_path.n + 1);
	slice_split(&path, '/', &name);
	return name;
}

unsigned
capability_names(const struct scl *scl, unsigned serve, struct slice names[CAPABILITY_NAMES_MAX])
{
	unsigned n = 0;

	for (unsigned i = 0; (serve & SERVE_TREE) != 0 && i < scl->nsegments; i++)
		if (!scl->segments[i]->internal)
			n = add(names, n, slice_of(scl->segments[i]->name));
	for (unsigned i = 0; i < scl->nendpoints; i++) {
		const struct endpoint *e = scl->endpoints[i];
		struct slice name =
			(e->serve & serve) == 0 || e->internal ? SLICE_NONE : segment_of(scl, e);

		if (name.n > 0)
			n = add(names, n, name);
	}
	return n;
}

/* The links so far, each of them whole. */
struct listing {
	struct req *rq;
	bool tree; /* there are resources on the listener */
	struct link_query query;
	struct buf out;
};

/* Adds the link if it is asked for. False when it takes more than room. */
static bool
list(struct listing *l, const struct link *link, size_t room)
{
	size_t before = l->out.n;

	if (!link_selected(&l->query, link))
		return true;
	if (before > 0)
		buf_char(&l->out, ',');
	link_put(&l->out, link);
	if (!l->out.failed && l->out.n - before <= room)
		return true;
	l->out.n = before;
	l->out.failed = false;
	return false;
}

/* ---- what is there for whoever asks ---- */

static struct slice
type_name(const struct rtype *t, char name[RT_MAX])
{
	int n = snprintf(name, RT_MAX, "m2m.%s", t->name);

	/* Registered values have no capitals (RFC 6690 section 7.4). */
	for (int i = 0; i < n; i++)
		name[i] = (char)tolower((unsigned char)name[i]);
	return slice_make(name, (size_t)n);
}

static bool
list_resource(struct listing *l, struct slice uri, const struct rtype *t, size_t room)
{
	char rt[RT_MAX];
	struct link link = { .target = uri, .rt = type_name(t, rt) };

	/* What another SCL can do is for that one to say. */
	if (!uri_is_absolute(uri)) {
		link.ct = CONTENT_FORMATS;
		link.obs = SLICE_LIT("");
	}
	return list(l, &link, room);
}

/* sclBase and its collections: also who may not read them knows their names. */
static void
list_base(struct listing *l)
{
	const struct scl *scl = l->rq->scl;
	const struct rtype *base = rtype_get(T_SCL_BASE);

	(void)list_resource(l, scl->base_path, base, SIZE_MAX);
	for (const struct rule *r = base->rules; r->attr != A_END; r++) {
		const struct rtype *t = r->source == S_CHILD ? rtype_get(r->arg) : NULL;

		if (t != NULL)
			(void)list_resource(l,
			                    ARENA_JOIN(l->rq->arena, scl->base_path, SLICE_LIT("/"),
			                               slice_of(t->name)),
			                    t, SIZE_MAX);
	}
}

static void
list_capabilities(struct listing *l)
{
	const struct scl *scl = l->rq->scl;
	struct arena *a = l->rq->arena;
	struct slice names[CAPABILITY_NAMES_MAX];
	unsigned n = capability_names(scl, l->tree ? SERVE_TREE : l->rq->listener->serve, names);

	for (unsigned i = 0; i < n; i++) {
		struct link link = {
			.target = ARENA_JOIN(a, scl->base_path, SLICE_LIT("/"), names[i]),
			.rt = SLICE_LIT("m2m.capability"),
			.title = ARENA_JOIN(a, SLICE_LIT(CAPABILITY_LABEL), names[i]),
		};

		(void)list(l, &link, SIZE_MAX);
	}
}

/* ---- what discovery finds ---- */

/* Room for nothing else in a link; a URI that came from elsewhere may hold anything. */
static bool
is_linkable(struct slice uri)
{
	for (size_t i = 0; i < uri.n; i++)
		if (uri.p[i] <= ' ' || uri.p[i] >= 0x7f || strchr("<>\"", uri.p[i]) != NULL)
			return false;
	return uri.n > 0;
}

static bool
found(void *arg, struct slice uri, const struct rtype *type, size_t room, size_t *taken)
{
	struct listing *l = arg;
	size_t before = l->out.n;
	bool ok;

	*taken = 0;
	/* sclBase stands there already. */
	if (type->number == T_SCL_BASE || !is_linkable(uri))
		return true;
	ok = list_resource(l, uri, type, room);
	*taken = l->out.n - before;
	return ok;
}

/* The types, as criteria, of links that a filter of rt takes. False when there are none. */
static bool
criteria_of_types(const struct link_filter *rt, struct filter *f)
{
	char name[RT_MAX];

	if (rt == NULL || rt->value.p == NULL)
		return true;
	for (unsigned n = 1; n < T_MAX; n++) {
		const struct rtype *t = rtype_get(n);

		if (t == NULL || (t->flags & (RT_COLLECTION | RT_VIRTUAL)) != 0 ||
		    !link_filter_takes(rt, type_name(t, name)))
			continue;
		f->in_types |= 1u << t->code;
		/* An announcement is listed as what it stands for. */
		if (t->annc != T_NONE)
			f->in_types |= 1u << CODE_AN;
	}
	return f->in_types != 0;
}

/* A part of the tree, when the target of the links is told so far. */
static void
criteria_of_target(const struct scl *scl, const struct link_filter *href, struct filter *f)
{
	struct slice prefix = href == NULL ? SLICE_NONE : href->value;

	/* It may end within a segment. */
	while (href != NULL && href->prefix && prefix.n > 0 && prefix.p[prefix.n - 1] != '/')
		prefix.n--;
	if (prefix.n > 0 && uri_path_below(prefix, scl->base_path))
		f->prefix = prefix;
}

/* False when no resource of the tree can be meant: there is nothing to look for then. */
static bool
criteria(const struct scl *scl, const struct link_query *query, struct filter *f)
{
	static const char *const known[] = { "href", "rt", "ct", "obs" };
	unsigned n = 0;

	*f = (struct filter){ .accessor = SLICE_NONE };
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		for (unsigned at = 0; at < query->n; at++)
			n += slice_is(query->list[at].name, known[i]);
	if (query->n == 0 || n < query->n || !criteria_of_types(link_query_of(query, "rt"), f))
		return false;
	criteria_of_target(scl, link_query_of(query, "href"), f);
	return true;
}

/* Who is not named sees what everybody may; who may not speak here unproved, what is for all. */
static enum rc
identify(struct req *rq, bool *nothing)
{
	bool named = rq->in.from.p != NULL || rq->in.authorization.p != NULL;
	struct req_answer before = rq->out;
	enum rc rc = req_identify(rq);

	*nothing = rc != RC_OK && !named;
	if (!*nothing)
		return rc;
	rq->out = before;
	rq->message = SLICE_NONE;
	return RC_OK;
}

static enum rc
list_found(struct listing *l)
{
	const struct discovery_sink sink = { found, l };
	struct req *rq = l->rq;
	struct filter f;
	bool nothing;
	enum rc rc;

	if (!criteria(rq->scl, &l->query, &f))
		return RC_OK;
	TRY(identify(rq, &nothing));
	if (nothing)
		return RC_OK;
	TRY(repo_begin_read(rq->scl->repo, rq->arena, &rq->tx));
	rc = discovery_find(rq->scl, rq->tx, &rq->who, &f, &sink);
	repo_end_read(rq->tx);
	rq->tx = NULL;
	return rc;
}

static enum rc
answer(struct req *rq)
{
	struct listing l = { .rq = rq, .tree = (rq->listener->serve & SERVE_TREE) != 0 };
	enum rc rc;

	TRY(link_query_read(rq, &l.query));
	buf_init(&l.out, DOCUMENT_MAX);
	if (l.tree)
		list_base(&l);
	list_capabilities(&l);
	rc = l.tree ? list_found(&l) : RC_OK;
	if (rc == RC_OK)
		rc = endpoint_answer(rq, RC_OK, MEDIA_TYPE, buf_view(&l.out));
	buf_fini(&l.out);
	return rc;
}

static enum rc
serve(void *arg, struct req *rq, const struct req_input *in)
{
	struct slice authority = rq->uri.scheme.n > 0 ? rq->uri.authority : in->host;

	(void)arg;
	if (authority.n > 0 && !own_authority(rq->scl, authority))
		return endpoint_refuse(rq, RC_NOT_FOUND, SLICE_LIT("this is another SCL"));
	if (in->op != REQ_RETRIEVE)
		return endpoint_not_allowed(rq, ALLOWED);
	if (!accept_covers(in->accept, SLICE_LIT(MEDIA_TYPE)))
		return endpoint_refuse(rq, RC_NOT_ACCEPTABLE,
		                       SLICE_LIT("no acceptable media type: " MEDIA_TYPE
		                                 " is offered"));
	return answer(rq);
}

enum rc
well_known_add(struct scl *scl)
{
	static const struct endpoint endpoint = { .path = PATH,
		                                  .serve = SERVE_TREE | SERVE_PROXY,
		                                  .body_max = 0,
		                                  .serve_request = serve };

	return endpoint_add(scl, &endpoint);
}
