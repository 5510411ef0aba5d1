/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What capabilities serve below sclBase beside the tree, for those who look for it: by discovery
 * (each has the search string Capability/<name>) and at /.well-known/core (RFC 6690, RFC 5785).
 */
#include "config.h"

#include "core/endpoint.h"
#include "core/scl_impl.h"

#define PATH "/.well-known/core"
#define MEDIA_TYPE "application/link-format"
#define ALLOWED "GET, HEAD"
#define DOCUMENT_MAX 65536u

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
capability_names(const struct scl *scl, struct slice names[CAPABILITY_NAMES_MAX])
{
	unsigned n = 0;

	for (unsigned i = 0; i < scl->nsegments; i++)
		if (!scl->segments[i]->internal)
			n = add(names, n, slice_of(scl->segments[i]->name));
	for (unsigned i = 0; i < scl->nendpoints; i++) {
		struct slice name = (scl->endpoints[i]->serve & SERVE_TREE) == 0
		                            ? SLICE_NONE
		                            : segment_of(scl, scl->endpoints[i]);

		if (name.n > 0)
			n = add(names, n, name);
	}
	return n;
}

static enum rc
answer(struct req *rq)
{
	const struct scl *scl = rq->scl;
	int base_n = (int)scl->base_path.n;
	struct slice names[CAPABILITY_NAMES_MAX];
	unsigned n = capability_names(scl, names);
	struct buf b;
	enum rc rc;

	buf_init(&b, DOCUMENT_MAX);
	buf_printf(&b, "<%.*s>;rt=\"m2m.sclbase\"", base_n, scl->base_path.p);
	for (unsigned i = 0; i < n; i++)
		buf_printf(&b,
		           ",<%.*s/%.*s>;rt=\"m2m.capability\";title=\"" CAPABILITY_LABEL "%.*s\"",
		           base_n, scl->base_path.p, (int)names[i].n, names[i].p, (int)names[i].n,
		           names[i].p);
	rc = b.failed ? endpoint_refuse(rq, RC_UNAVAILABLE, SLICE_LIT("the answer is too long"))
	              : endpoint_answer(rq, RC_OK, MEDIA_TYPE, buf_view(&b));
	buf_fini(&b);
	return rc;
}

/* Whoever gets this far may know: no requestingEntity is asked for. */
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
		                                  .serve = SERVE_TREE,
		                                  .body_max = 0,
		                                  .serve_request = serve };

	return endpoint_add(scl, &endpoint);
}
