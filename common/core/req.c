/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pipeline of a request: target, access, decode on the serving thread and its snapshot; for a
 * write again target and access, then perform, on the committer (architecture: Threads).
 */
#include "config.h"

#include "core/hooks.h"
#include "core/saf.h"

#include <stddef.h>

/* An object that protects a body (RFC 7516). */
#define MEDIA_TYPE_JOSE "application/jose"

/* ---- admit: what the header alone says ---- */

static bool
addresses_content(struct slice path)
{
	struct slice seg, last = SLICE_NONE;

	while (slice_split(&path, '/', &seg))
		if (seg.n > 0)
			last = seg;
	return slice_is(last, "content");
}

static bool
is_foreign(const struct req *rq)
{
	struct slice authority = rq->uri.scheme.n > 0 ? rq->uri.authority : rq->in.host;

	return authority.n > 0 && !own_authority(rq->scl, authority);
}

static bool
has_body(const struct req *rq)
{
	return rq->in.body.n > 0 || !rq->in.has_length || rq->in.content_length > 0;
}

static enum rc
admit_body(struct req *rq)
{
	bool write = rq->in.op == REQ_CREATE || rq->in.op == REQ_UPDATE;
	struct slice type = media_essence(rq->in.content_type);

	/* What the core sends is bounded where it is made. */
	if (rq->in.has_length && rq->in.content_length > req_body_max(rq) && !rq->notification)
		return req_fail(rq, RC_TOO_LARGE, "the body is over the limit of %zu octets",
		                req_body_max(rq));
	if (!write || rq->sealed || !has_body(rq))
		return RC_OK;
	rq->in_codec = type.n == 0 ? &codec_xml : media_codec(type);
	if (rq->in_codec == NULL && !is_foreign(rq) && !path_takes_any_content(rq) &&
	    !addresses_content(rq->uri.path) && !config_is_doc(rq))
		return req_fail(rq, RC_MEDIA_TYPE, "the media type of the body is not supported");
	return RC_OK;
}

static enum rc
admit_accept(struct req *rq)
{
	const struct codec *c = media_negotiate(rq->in.accept);

	if (c != NULL)
		rq->out_codec = c;
	else if (!is_foreign(rq) && !addresses_content(rq->uri.path) && !path_takes_any_content(rq))
		return media_not_acceptable(rq);
	return RC_OK;
}

/*
 * The part of the path that leads to a node or collection; an instance is looked for anew. The
 * accessor of the query is walked after it.
 */
static struct slice
place_path(struct slice path)
{
	static const char *const marks[] = { "/contentInstances/", "/CI/" };

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		size_t n = strlen(marks[i]);
		const char *hit = path.n < n ? NULL : memmem(path.p, path.n, marks[i], n);

		if (hit != NULL)
			return slice_head(path, (size_t)(hit - path.p) + n - 1);
	}
	return path;
}

/* The outcome of the guard; its reason stands in the answer. */
static enum rc
guarded(struct req *rq, enum rc rc, struct slice reason)
{
	if (rc == RC_OK)
		return rc;
	rq->message = reason;
	rq->rc = rc;
	return rc;
}

/* What the connection lets the issuer do at all. */
static enum rc
admit_peer(struct req *rq)
{
	const struct guard *g = rq->scl->guard;
	struct slice reason = SLICE_NONE;

	if ((rq->listener->serve & ~(unsigned)SERVE_RESOURCES) != 0 &&
	    (rq->listener->serve & SERVE_RESOURCES) == 0)
		return req_fail(rq, RC_NOT_FOUND, "no resources are served on this listener");
	if (g == NULL)
		return RC_OK;
	rq->sealed = g->open != NULL && media_is(media_essence(rq->in.content_type), MEDIA_TYPE_JOSE);
	return guarded(rq, g->admit(g->arg, rq->listener, &rq->in, rq->arena, &rq->out, &reason),
	               reason);
}

/* The same of a request that this SCL makes in the name of somebody else. */
static enum rc
admit_behalf(struct req *rq)
{
	const struct guard *g = rq->scl->guard;
	struct slice reason = SLICE_NONE;

	if (rq->own || g == NULL || g->behalf == NULL)
		return RC_OK;
	return guarded(rq, g->behalf(g->arg, &rq->in, rq->arena, &reason), reason);
}

/* The body that was protected as an object is what the rest of the pipeline sees. */
static enum rc
open_sealed(struct req *rq)
{
	const struct guard *g = rq->scl->guard;
	struct slice reason = SLICE_NONE;

	if (rq->local || g == NULL || g->open == NULL)
		return RC_OK;
	TRY(guarded(rq, g->open(g->arg, rq->listener, &rq->in, rq->arena, &rq->out, &reason), reason));
	rq->in.has_length = true;
	rq->in.content_length = rq->in.body.n;
	if (!rq->sealed)
		return RC_OK;
	rq->sealed = false;
	return admit_body(rq);
}

enum rc
req_identify(struct req *rq)
{
	enum rc rc;

	rq->identified = true;
	TRY(rq->local ? admit_behalf(rq) : admit_peer(rq));
	TRY(open_sealed(rq));
	rc = originator_read(rq);
	if (rc != RC_NO_ORIGINATOR)
		return rc;
	rq->who = (struct originator){ .uri = SLICE_NONE };
	rq->message = SLICE_NONE;
	return RC_OK;
}

enum rc
req_admit(struct req *rq)
{
	if (!rq->in.known_method)
		return req_fail(rq, RC_NOT_IMPLEMENTED, "the method is not known");
	if (!uri_parse(rq->in.target, &rq->uri))
		return req_fail(rq, RC_BAD_REQUEST, "the target is no URI");
	TRY(query_proof_take(rq));
	if (rq->in.host.p == NULL && !rq->local)
		return req_fail(rq, RC_BAD_REQUEST, "Host is missing");
	rq->endpoint = endpoint_find(rq);
	if (rq->endpoint != NULL)
		return endpoint_admit(rq);
	TRY(rq->local ? admit_behalf(rq) : admit_peer(rq));
	TRY(admit_accept(rq));
	TRY(admit_body(rq));
	TRY(saf_admit(rq));
	if (rq->in.from.p != NULL && !rq->local)
		rq->decision = decision_find(rq->scl, rq->in.from, place_path(rq->uri.path),
		                             clock_now(rq->scl->clock));
	if (rq->decision != NULL)
		rq->who = rq->decision->who;
	else
		TRY(originator_read(rq));
	if (rq->in.op == REQ_RETRIEVE && !is_foreign(rq))
		TRY(filter_from_query(rq));
	return RC_OK;
}

/* ---- prepare: target, access, decode ---- */

static enum rc
forget_not_found(struct req *rq, enum rc rc)
{
	if (rc == RC_NOT_FOUND && rq->message.n == 0)
		return req_fail(rq, rc, "there is no such resource");
	return rc;
}

static const struct {
	unsigned method;
	const char *name;
} method_names[] = { { METHOD_GET, "GET" }, { METHOD_POST, "POST" }, { METHOD_PUT, "PUT" },
	             { METHOD_DELETE, "DELETE" } };

static unsigned
target_methods(const struct target *t)
{
	if (t->attr == NULL)
		return t->type->methods;
	if (t->content || t->kind == TARGET_INSTANCE)
		return METHOD_GET;
	if (t->attr->elem & E_ACTION)
		return METHOD_GET | METHOD_PUT | METHOD_POST;
	return METHOD_GET | METHOD_PUT | METHOD_DELETE |
	       (attr_info(t->attr->attr)->kind == K_STRUCT &&
	                attr_info(t->attr->attr)->shape->elems[0].attr == A_PERMISSION
	            ? METHOD_POST
	            : 0u);
}

struct slice
req_allow(struct req *rq)
{
	unsigned methods = target_methods(&rq->target);
	struct slice list = SLICE_LIT("");

	for (size_t i = 0; i < sizeof(method_names) / sizeof(method_names[0]); i++)
		if (methods & method_names[i].method)
			list = arena_printf(rq->arena, "%.*s%s%s", (int)list.n, list.p,
			                    list.n > 0 ? ", " : "", method_names[i].name);
	if (methods & METHOD_GET)
		list = arena_printf(rq->arena, "%.*s, HEAD", (int)list.n, list.p);
	return list;
}

static enum rc
check_method(struct req *rq)
{
	static const unsigned wanted[] = {
		[REQ_CREATE] = METHOD_POST, [REQ_RETRIEVE] = METHOD_GET,   [REQ_UPDATE] = METHOD_PUT,
		[REQ_DELETE] = METHOD_DELETE, [REQ_EXECUTE] = METHOD_POST, [REQ_OTHER] = 0,
	};
	const struct target *t = &rq->target;

	if ((target_methods(t) & wanted[rq->in.op]) == 0) {
		rq->out.allow = req_allow(rq);
		return req_fail(rq, RC_NOT_ALLOWED, "%s does not take this method", t->type->name);
	}
	return RC_OK;
}

static bool
still_holds(const struct req *rq, const struct decision *d)
{
	if (d == NULL || d->target.until <= repo_now(rq->tx))
		return false;
	return d->generation == repo_generation(rq->scl->repo) && repo_nodes_unchanged(rq->tx);
}

/* What the request goes by is the place of the decision, or an instance in it: its flags hold. */
static bool
same_place(const struct target *t, const struct target *place)
{
	return t->id == place->id && t->slot == place->slot &&
	       (t->kind == place->kind || t->kind == TARGET_INSTANCE);
}

/* Resolves by what is known, or makes it known. *known: *flags are the issuer's rights there. */
static enum rc
resolve(struct req *rq, unsigned *flags, bool *known)
{
	struct slice place = place_path(rq->uri.path);
	struct slice rest = slice_from(rq->uri.path, place.n);
	enum rc rc = RC_OK;

	*known = false;
	if (!still_holds(rq, rq->decision)) {
		/* Which capability serves it is known without a look at the nodes. */
		if (rq->local || rq->generation == 0 || rq->in.from.p == NULL || path_enters_segment(rq))
			return target_resolve(rq);
		decision_release(rq->old_decision);
		rq->old_decision = rq->decision;
		rc = decision_make(rq->scl, rq->tx, rq->generation, rq->in.from, place, &rq->who,
		                   &rq->decision);
	}
	/* The names of an aPoCPath are its application's: it may hold the mark of an instance. */
	if (rc == RC_NOT_IMPLEMENTED || (rc == RC_NOT_FOUND && rest.n > 1))
		return target_resolve(rq);
	if (rc != RC_OK)
		return rc;
	rq->target = rq->decision->target;
	if (rest.n > 1)
		TRY(target_continue(rq, rest));
	if (rq->filter.accessor.n > 0 && rq->target.attr == NULL)
		TRY(target_continue(rq, rq->filter.accessor));
	*flags = rq->decision->flags;
	*known = same_place(&rq->target, &rq->decision->target);
	return RC_OK;
}

static enum rc
check_access(struct req *rq, unsigned flags, bool known)
{
	static const enum permission_flag needed[] = {
		[REQ_CREATE] = FLAG_CREATE, [REQ_RETRIEVE] = FLAG_READ,  [REQ_UPDATE] = FLAG_WRITE,
		[REQ_DELETE] = FLAG_DELETE, [REQ_EXECUTE] = FLAG_WRITE, [REQ_OTHER] = FLAG_READ,
	};
	const struct target *t = &rq->target;
	enum permission_flag flag = needed[rq->in.op];
	enum rc rc;

	/* To change a part is to write the whole. */
	if (t->attr != NULL && rq->in.op != REQ_RETRIEVE)
		flag = FLAG_WRITE;
	if (t->kind == TARGET_APOC)
		flag = rq->in.op == REQ_RETRIEVE ? FLAG_READ : FLAG_WRITE;
	rc = known ? access_judge(t, flags, flag) : access_check(rq->scl, rq->tx, &rq->who, t, flag);
	if (rc == RC_DENIED)
		return req_fail(rq, rc, "the right for this operation is missing");
	return forget_not_found(rq, rc);
}

/*
 * POST on an action attribute is EXECUTE also with arguments, PUT without a body is one as well
 * (TS 102 921 annex C).
 */
static void
take_execute(struct req *rq)
{
	if (rq->target.attr != NULL && (rq->target.attr->elem & E_ACTION) &&
	    (rq->in.op == REQ_CREATE || (rq->in.op == REQ_UPDATE && rq->in.body.n == 0)))
		rq->in.op = REQ_EXECUTE;
}

static enum rc
check_target(struct req *rq)
{
	int64_t modified;
	unsigned flags = 0;
	bool known;

	TRY(forget_not_found(rq, resolve(rq, &flags, &known)));
	if (rq->target.kind == TARGET_SEGMENT)
		return RC_OK;
	if (rq->target.kind == TARGET_APOC)
		return check_access(rq, flags, known);
	take_execute(rq);
	TRY(check_method(rq));
	TRY(check_access(rq, flags, known));
	if ((rq->in.op != REQ_UPDATE && rq->in.op != REQ_DELETE) || rq->target.kind == TARGET_FANOUT)
		return RC_OK;
	TRY(target_modified(rq->tx, &rq->target, &modified));
	return conditions_check(rq, modified, false);
}

/* A document of contentInstances that is none of the schema's is content as it stands. */
static enum rc
decode_content(struct req *rq)
{
	struct slice head = slice_head(rq->in.body, 256);
	const char *why = "";
	enum rc rc = rq->in_codec->decode(rq->arena, rq->in.body, &rq->conf->document, &rq->doc, &why);

	if (rc == RC_OK && !slice_is(rq->doc->name, "contentInstance"))
		rq->doc = NULL;
	if (rc != RC_BAD_REQUEST)
		return rc;
	rq->doc = NULL;
	/* What is no document in JSON or CBOR may be any content; XML says what it is. */
	if (rq->in_codec != &codec_xml && memmem(head.p, head.n, "contentInstance", 15) == NULL)
		return RC_OK;
	return req_fail(rq, rc, "%s", why);
}

enum rc
req_decode(struct req *rq)
{
	const char *why = "";
	enum rc rc;

	if (rq->in.op == REQ_EXECUTE && rq->in.body.n > 0 && rq->in_codec == NULL)
		return req_fail(rq, RC_MEDIA_TYPE, "the media type of the body is not supported");
	if (rq->in.op != REQ_CREATE && rq->in.op != REQ_UPDATE &&
	    (rq->in.op != REQ_EXECUTE || rq->in.body.n == 0))
		return RC_OK;
	if (rq->in.op == REQ_CREATE && rq->target.attr == NULL && rq->target.type->creates == NULL)
		return req_fail(rq, RC_NOT_IMPLEMENTED, "nothing can be created in %s",
		                rq->target.type->name);
	if (rq->in.body.n == 0)
		return req_fail(rq, RC_BAD_REQUEST, "the body is empty");
	if (rq->in_codec == NULL && (rq->target.type->flags & RT_INSTANCES) == 0)
		return req_fail(rq, RC_MEDIA_TYPE, "the media type of the body is not supported");
	if (rq->in_codec == NULL)
		return RC_OK;
	if (rq->target.type->flags & RT_INSTANCES)
		return decode_content(rq);
	rc = rq->in_codec->decode(rq->arena, rq->in.body, &rq->conf->document, &rq->doc, &why);
	return rc == RC_BAD_REQUEST ? req_fail(rq, rc, "%s", why) : rc;
}

static bool
executes(const struct req *rq)
{
	const struct hooks *h = rq->target.type->hooks;

	return h != NULL && h->execute != NULL &&
	       (rq->target.attr == NULL || (rq->target.attr->elem & E_ACTION) != 0);
}

static enum rc
prepare_execute(struct req *rq)
{
	if (executes(rq))
		return RC_OK;
	if (rq->target.type->creates != NULL && rq->target.attr == NULL)
		return req_fail(rq, RC_BAD_REQUEST, "the body is empty");
	rq->out.allow = req_allow(rq);
	return req_fail(rq, RC_NOT_ALLOWED, "%s cannot be executed", rq->target.type->name);
}

static enum rc
prepare_local(struct req *rq)
{
	const struct hooks *h;

	TRY(check_target(rq));
	if (rq->target.kind == TARGET_SEGMENT)
		return rq->target.segment->serve(rq->target.segment, rq);
	if (rq->target.kind == TARGET_APOC)
		return forward_route(rq);
	TRY(config_prepare(rq));
	h = rq->target.type->hooks;
	if (h != NULL && h->prepare != NULL)
		TRY(h->prepare(rq));
	if (rq->in.op == REQ_EXECUTE)
		TRY(prepare_execute(rq));
	if (rq->in.op == REQ_RETRIEVE)
		return retrieve(rq);
	TRY(req_decode(rq));
	return RC_PENDING;
}

enum rc
req_prepare(struct req *rq)
{
	enum rc rc;

	if (rq->endpoint != NULL) {
		observe_begin(rq);
		rq->rc = rq->endpoint->serve_request(rq->endpoint->arg, rq, &rq->in);
		observe_place(rq, rq->rc);
		return rq->rc;
	}
	rc = open_sealed(rq);
	if (rc != RC_OK)
		return rc;
	/* A POST without a body is EXECUTE (TS 102 921 annex C). */
	if (rq->in.op == REQ_CREATE && rq->in.body.n == 0 && !is_foreign(rq))
		rq->in.op = REQ_EXECUTE;
	observe_begin(rq);
	rq->generation = repo_generation(rq->scl->repo);
	rc = repo_begin_read(rq->scl->repo, rq->arena, &rq->tx);
	if (rc == RC_OK) {
		rc = is_foreign(rq) ? forward_route(rq) : prepare_local(rq);
		repo_end_read(rq->tx);
		rq->tx = NULL;
	}
	/*
	 * The committer sees its own changes: a decision made there could be of what is taken back.
	 */
	rq->generation = 0;
	if (rc != RC_PENDING && !status_is_success(rc) && arena_failed(rq->arena) && rq->message.n == 0)
		rc = req_fail(rq, RC_UNAVAILABLE, "the request needs more memory than it may have");
	rq->rc = rc;
	observe_place(rq, rc);
	return rc;
}

/* ---- write ---- */

static enum rc
perform(struct req *rq)
{
	const struct target *t = &rq->target;

	switch (rq->in.op) {
	case REQ_CREATE:
		return t->attr != NULL ? partial_create(rq) : create(rq);
	case REQ_UPDATE:
		return t->attr != NULL ? partial_update(rq) : update(rq);
	case REQ_DELETE:
		return t->attr != NULL ? partial_delete(rq) : delete_resource(rq);
	case REQ_EXECUTE:
		return executes(rq) ? t->type->hooks->execute(rq) : RC_NOT_ALLOWED;
	default:
		return RC_INTERNAL;
	}
}

static enum rc
answer_created(struct req *rq)
{
	TRY(answer_target(rq, &rq->target));
	return RC_CREATED;
}

static enum rc
write_target(struct req *rq)
{
	enum rc rc = check_target(rq);

	if (rc == RC_OK && rq->target.kind != TARGET_NODE && rq->target.kind != TARGET_COLLECTION &&
	    rq->target.kind != TARGET_INSTANCE)
		rc = req_fail(rq, RC_CONFLICT, "the resource changed meanwhile");
	if (rc == RC_OK)
		rc = perform(rq);
	if ((rc == RC_OK && rq->in.op == REQ_CREATE) || (rc == RC_CREATED && rq->in.op == REQ_EXECUTE))
		rc = answer_created(rq);
	return rc;
}

static enum rc
run_write(struct job *job, struct rtx *tx)
{
	struct req *rq = (struct req *)(void *)((char *)job - offsetof(struct req, job));
	bool applied;
	enum rc rc;

	rq->tx = tx;
	rq->message = SLICE_NONE;
	rq->answer = ANSWER_NONE;
	rc = once_begin(rq, &applied);
	if (rc == RC_OK && !applied)
		rc = once_end(rq, write_target(rq));
	rq->tx = NULL;
	return rc;
}

static void
write_done(struct job *job, enum rc rc)
{
	struct req *rq = (struct req *)(void *)((char *)job - offsetof(struct req, job));

	if (rc != rq->job.rc)
		rq->message = SLICE_NONE;
	rq->rc = rc;
	rq->done(rq, rq->done_arg);
}

void
req_finish(struct req *rq)
{
	rq->done(rq, rq->done_arg);
}

void
req_commit(struct req *rq)
{
	rq->job = (struct job){ .run = run_write, .done = write_done, .arena = rq->arena };
	if (!committer_submit(rq->scl->committer, &rq->job)) {
		req_fail(rq, RC_UNAVAILABLE, "too many writes are waiting");
		req_finish(rq);
	}
}

/* The guard has what it waited for. */
static void
go_on(struct guard_wait *w, enum rc rc, struct slice reason)
{
	struct req *rq = (struct req *)(void *)((char *)w - offsetof(struct req, wait));

	if (rc == RC_OK) {
		req_commit(rq);
		return;
	}
	(void)guarded(rq, rc, reason);
	req_finish(rq);
}

/* RC_OK: nothing is to be waited for. */
static enum rc
defer(struct req *rq)
{
	const struct guard *g = rq->scl->guard;
	struct slice reason = SLICE_NONE;
	enum rc rc;

	if (rq->own || rq->doc == NULL || g == NULL || g->defer == NULL)
		return RC_OK;
	rq->wait.then = go_on;
	rc = g->defer(g->arg, &rq->in, rq->doc, &rq->out, &rq->wait, &reason);
	/* When it waits it may be over already. */
	return rc == RC_PENDING ? rc : guarded(rq, rc, reason);
}

static void
commit_or_wait(struct req *rq)
{
	enum rc rc = defer(rq);

	if (rc == RC_OK)
		req_commit(rq);
	else if (rc != RC_PENDING)
		req_finish(rq);
}

static void
configured(struct guard_wait *w, enum rc rc, struct slice reason)
{
	struct req *rq = (struct req *)(void *)((char *)w - offsetof(struct req, wait));

	if (guarded(rq, rc, reason) == RC_OK)
		commit_or_wait(rq);
	else
		req_finish(rq);
}

/* RC_OK: nothing is to be waited for. */
static enum rc
configure(struct req *rq)
{
	const struct guard *g = rq->scl->guard;
	struct slice reason = SLICE_NONE;
	enum rc rc;

	if (rq->config.object.p == NULL || g == NULL || g->configure == NULL)
		return RC_OK;
	rq->wait.then = configured;
	rc = g->configure(g->arg, &rq->in, &rq->config, &rq->wait, &reason);
	/* When it waits it may be over already. */
	return rc == RC_PENDING ? rc : guarded(rq, rc, reason);
}

void
req_submit(struct req *rq, req_done *done, void *arg)
{
	enum rc rc;

	rq->done = done;
	rq->done_arg = arg;
	if (rq->take != NULL) {
		rq->take(rq);
		return;
	}
	rc = configure(rq);
	if (rc == RC_OK)
		commit_or_wait(rq);
	else if (rc != RC_PENDING)
		req_finish(rq);
}
