/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pipeline of a request: target, access, decode on the serving thread and its snapshot; for a
 * write again target and access, then perform, on the committer (architecture: Threads).
 */
#include "config.h"

#include "base/times.h"
#include "core/hooks.h"
#include "core/saf.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <strings.h>

#define RETRY_AFTER_SECONDS 5u
/* What an answer of a few headers needs. */
#define PARKED_ARENA 1024u

enum rc
req_fail(struct req *rq, enum rc rc, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	rq->message = arena_vprintf(rq->arena, fmt, ap);
	va_end(ap);
	rq->rc = rc;
	return rc;
}

/* ---- life ---- */

static struct arena *
arena_take(struct scl *scl)
{
	struct arena *a = NULL;

	pthread_mutex_lock(&scl->arenas_lock);
	if (scl->narenas > 0)
		a = scl->arenas[--scl->narenas];
	pthread_mutex_unlock(&scl->arenas_lock);
	return a != NULL ? a : arena_new(scl->conf.arena_max);
}

static void
arena_give(struct scl *scl, struct arena *a)
{
	arena_reset(a);
	pthread_mutex_lock(&scl->arenas_lock);
	if (scl->narenas < ARENAS_KEPT) {
		scl->arenas[scl->narenas++] = a;
		a = NULL;
	}
	pthread_mutex_unlock(&scl->arenas_lock);
	arena_free(a);
}

static struct req *
req_alloc(struct scl *scl, const struct req_listener *listener)
{
	const struct scl_conf *conf = scl_conf(scl);
	struct arena *a = arena_take(scl);
	struct req *rq = a == NULL ? NULL : calloc(1, sizeof(*rq));

	if (rq == NULL) {
		arena_free(a);
		return NULL;
	}
	rq->scl = scl;
	rq->conf = conf;
	rq->arena = a;
	rq->listener = listener;
	rq->out_codec = &codec_xml;
	rq->number = atomic_fetch_add_explicit(&scl->next_number, 1, memory_order_relaxed);
	return rq;
}

struct req *
req_new(struct scl *scl, const struct req_listener *listener)
{
	struct req *rq;

	if (!atomic_load(&scl->admitting))
		return NULL;
	if (atomic_fetch_add(&scl->requests, 1) >= scl_conf(scl)->pending_max ||
	    (rq = req_alloc(scl, listener)) == NULL) {
		atomic_fetch_sub(&scl->requests, 1);
		return NULL;
	}
	rq->counted = true;
	return rq;
}

struct req *
req_new_local(struct scl *scl, enum req_op op, struct slice target, struct slice from)
{
	static const struct req_listener none = { 0 };
	struct req *rq = req_alloc(scl, &none);

	if (rq == NULL)
		return NULL;
	rq->local = true;
	rq->own = from.n == 0;
	rq->in.op = op;
	rq->in.known_method = true;
	rq->in.target = arena_copy(rq->arena, target);
	/* Another SCL is told the absolute URI, which exists from scl_start on. */
	rq->in.from = !rq->own                  ? arena_copy(rq->arena, from)
	              : scl->own.base_uri.n > 0 ? scl->own.base_uri
	                                        : scl->base_path;
	return rq;
}

void
req_free(struct req *rq)
{
	if (rq == NULL)
		return;
	if (rq->sent != NULL)
		rq->sent(rq, rq->whole);
	if (rq->counted)
		atomic_fetch_sub(&rq->scl->requests, 1);
	free(rq->out.body);
	decision_release(rq->decision);
	decision_release(rq->old_decision);
	if (rq->parked)
		arena_free(rq->arena);
	else
		arena_give(rq->scl, rq->arena);
	free(rq);
}

bool
req_asks_sent(const struct req *rq)
{
	return rq->sent != NULL;
}

void
req_sent(struct req *rq)
{
	rq->whole = true;
}

enum rc
req_park(struct req *rq)
{
	struct arena *small = arena_new(PARKED_ARENA);

	if (small == NULL)
		return RC_UNAVAILABLE;
	arena_give(rq->scl, rq->arena);
	rq->arena = small;
	rq->parked = true;
	rq->in = (struct req_input){ .op = rq->in.op, .head = rq->in.head, .known_method = true };
	rq->uri = (struct uri){ 0 };
	rq->who = (struct originator){ 0 };
	rq->filter = (struct filter){ 0 };
	rq->target = (struct target){ 0 };
	rq->doc = NULL;
	rq->message = SLICE_NONE;
	decision_release(rq->decision);
	decision_release(rq->old_decision);
	rq->decision = rq->old_decision = NULL;
	if (rq->counted)
		atomic_fetch_sub(&rq->scl->requests, 1);
	rq->counted = false;
	return RC_OK;
}

struct arena *
req_arena(struct req *rq)
{
	return rq->arena;
}

struct req_input *
req_input(struct req *rq)
{
	return &rq->in;
}

struct req_answer *
req_answer(struct req *rq)
{
	return &rq->out;
}

size_t
req_body_max(const struct req *rq)
{
	return rq->conf->body_max;
}

void
req_refuse(struct req *rq, enum rc rc, const char *text)
{
	rq->rc = rc;
	rq->message = slice_of(text);
}

/* ---- admit: what the header alone says ---- */

static const struct codec *const codecs[] = { &codec_xml, &codec_json };

#define NCODECS (sizeof(codecs) / sizeof(codecs[0]))

static struct slice
trim(struct slice s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = slice_from(s, 1);
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

static bool
same_word(struct slice a, const char *b)
{
	return a.n == strlen(b) && strncasecmp(a.p, b, a.n) == 0;
}

/* Media type without parameters. */
static struct slice
essence(struct slice header)
{
	struct slice type = SLICE_NONE;

	slice_split(&header, ';', &type);
	return trim(type);
}

static const struct codec *
codec_for(struct slice type)
{
	for (size_t i = 0; i < NCODECS; i++)
		for (const char *const *m = codecs[i]->accepted; *m != NULL; m++)
			if (same_word(type, *m))
				return codecs[i];
	return NULL;
}

/* q in thousandths. */
static unsigned
quality(struct slice params)
{
	struct slice p;
	unsigned q = 0, unit = 1000;

	while (slice_split(&params, ';', &p)) {
		p = trim(p);
		if (p.n < 3 || (p.p[0] != 'q' && p.p[0] != 'Q') || p.p[1] != '=')
			continue;
		for (size_t i = 2; i < p.n; i++) {
			if (p.p[i] == '.')
				continue;
			if (p.p[i] < '0' || p.p[i] > '9' || unit == 0)
				break;
			q += (unsigned)(p.p[i] - '0') * unit;
			unit /= 10;
		}
		return q > 1000 ? 1000 : q;
	}
	return 1000;
}

static bool
range_covers(struct slice range, const struct codec *c)
{
	if (same_word(range, "*/*"))
		return true;
	for (const char *const *m = c->accepted; *m != NULL; m++) {
		size_t slash = strcspn(*m, "/");

		if (same_word(range, *m) || (range.n == slash + 2 && range.p[range.n - 1] == '*' &&
		                             strncasecmp(range.p, *m, slash + 1) == 0))
			return true;
	}
	return false;
}

bool
accept_covers(struct slice accept, struct slice media_type)
{
	struct slice item, type = essence(media_type);

	if (trim(accept).n == 0)
		return true;
	while (slice_split(&accept, ',', &item)) {
		struct slice range = essence(item);
		size_t slash = range.n > 2 ? range.n - 1 : 0;

		if (quality(item) == 0)
			continue;
		if (same_word(range, "*/*") ||
		    (range.n == type.n && strncasecmp(range.p, type.p, type.n) == 0))
			return true;
		if (slash > 0 && range.p[slash] == '*' && type.n > slash &&
		    strncasecmp(range.p, type.p, slash) == 0)
			return true;
	}
	return false;
}

/* The codec with the highest quality; XML before JSON at the same one. */
static const struct codec *
negotiate(struct slice accept)
{
	const struct codec *best = NULL;
	unsigned best_q = 0;

	if (trim(accept).n == 0)
		return &codec_xml;
	for (size_t i = 0; i < NCODECS; i++) {
		struct slice rest = accept, item;
		unsigned q = 0;
		bool exact = false;

		while (slice_split(&rest, ',', &item)) {
			struct slice range = essence(item);

			if (!range_covers(range, codecs[i]) || (exact && same_word(range, "*/*")))
				continue;
			q = quality(item);
			exact = !same_word(range, "*/*");
		}
		if (q > best_q) {
			best = codecs[i];
			best_q = q;
		}
	}
	return best;
}

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
	struct slice type = essence(rq->in.content_type);

	/* What the core sends is bounded where it is made. */
	if (rq->in.has_length && rq->in.content_length > rq->conf->body_max && !rq->notification)
		return req_fail(rq, RC_TOO_LARGE, "the body is over the limit of %zu octets",
		                rq->conf->body_max);
	if (!write || !has_body(rq))
		return RC_OK;
	rq->in_codec = type.n == 0 ? &codec_xml : codec_for(type);
	if (rq->in_codec == NULL && !is_foreign(rq) && !path_takes_any_content(rq) &&
	    !addresses_content(rq->uri.path))
		return req_fail(rq, RC_MEDIA_TYPE, "the media type of the body is not supported");
	return RC_OK;
}

static enum rc
admit_accept(struct req *rq)
{
	const struct codec *c = negotiate(rq->in.accept);

	if (c != NULL)
		rq->out_codec = c;
	else if (!is_foreign(rq) && !addresses_content(rq->uri.path) && !path_takes_any_content(rq))
		return req_fail(rq, RC_NOT_ACCEPTABLE, "no acceptable media type: %s and %s are offered",
		                codec_xml.media_type, codec_json.media_type);
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

enum rc
req_admit(struct req *rq)
{
	if (!rq->in.known_method)
		return req_fail(rq, RC_NOT_IMPLEMENTED, "the method is not known");
	if (!uri_parse(rq->in.target, &rq->uri))
		return req_fail(rq, RC_BAD_REQUEST, "the target is no URI");
	if (rq->in.host.p == NULL && !rq->local)
		return req_fail(rq, RC_BAD_REQUEST, "Host is missing");
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
	/* Text that is no well-formed JSON document may be any content; XML says what it is. */
	if (rq->in_codec == &codec_json && memmem(head.p, head.n, "contentInstance", 15) == NULL)
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

	/* A POST without a body is EXECUTE (TS 102 921 annex C). */
	if (rq->in.op == REQ_CREATE && rq->in.body.n == 0 && !is_foreign(rq))
		rq->in.op = REQ_EXECUTE;
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
run_write(struct job *job, struct rtx *tx)
{
	struct req *rq = (struct req *)(void *)((char *)job - offsetof(struct req, job));
	enum rc rc;

	rq->tx = tx;
	rq->message = SLICE_NONE;
	rq->answer = ANSWER_NONE;
	rc = check_target(rq);
	if (rc == RC_OK && rq->target.kind != TARGET_NODE && rq->target.kind != TARGET_COLLECTION &&
	    rq->target.kind != TARGET_INSTANCE)
		rc = req_fail(rq, RC_CONFLICT, "the resource changed meanwhile");
	if (rc == RC_OK)
		rc = perform(rq);
	if ((rc == RC_OK && rq->in.op == REQ_CREATE) || (rc == RC_CREATED && rq->in.op == REQ_EXECUTE))
		rc = answer_created(rq);
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

void
req_submit(struct req *rq, req_done *done, void *arg)
{
	rq->done = done;
	rq->done_arg = arg;
	if (rq->take != NULL)
		rq->take(rq);
	else
		req_commit(rq);
}

/* ---- answer ---- */

static void
encode_body(struct req *rq, struct buf *b)
{
	struct writer w;

	switch (rq->answer) {
	case ANSWER_RAW:
		buf_slice(b, rq->raw);
		rq->out.content_type = rq->raw_type;
		return;
	case ANSWER_RESOURCE:
		encode_values(rq->out_codec, req_release(rq), rq->answer_type, rq->answer_vals, b);
		break;
	case ANSWER_ATTRIBUTE:
		rq->out_codec->writer(&w, b);
		render_attribute(&w, rq->answer_vals, req_release(rq));
		break;
	case ANSWER_NONE:
		return;
	}
	rq->out.content_type = slice_of(rq->out_codec->media_type);
}

static void
take_body(struct req *rq, struct buf *b)
{
	rq->out.body = buf_take(b, &rq->out.body_len);
}

static void
encode_failure(struct req *rq)
{
	struct buf b;

	buf_init(&b, rq->conf->answer_max);
	encode_error(rq->out_codec, rq->rc, rq->message, &b);
	rq->out.content_type = slice_of(rq->out_codec->media_type);
	take_body(rq, &b);
	if (rq->rc == RC_UNAVAILABLE || rq->rc == RC_NO_SPACE)
		rq->out.retry_after = RETRY_AFTER_SECONDS;
}

static void
encode_times(struct req *rq)
{
	char text[TIMES_TEXT_MAX];
	size_t n;

	if (rq->modified == 0)
		return;
	n = times_format(rq->modified, TIMES_MICRO, text);
	rq->out.etag = ARENA_JOIN(rq->arena, SLICE_LIT("\""), slice_make(text, n), SLICE_LIT("\""));
	n = times_format_http(rq->modified, text);
	rq->out.last_modified = arena_copy(rq->arena, slice_make(text, n));
}

const struct req_answer *
req_encode(struct req *rq)
{
	bool success = status_is_success(rq->rc);
	struct buf b;

	if (rq->relayed)
		return &rq->out;
	if (success) {
		buf_init(&b, rq->conf->answer_max);
		encode_body(rq, &b);
		if (b.failed) {
			req_fail(rq, RC_UNAVAILABLE, "the answer is over the limit");
			success = false;
			buf_fini(&b);
		} else {
			take_body(rq, &b);
		}
	}
	rq->out.http_status = status_of(rq->rc)->http;
	if (!success && rq->rc != RC_NOT_MODIFIED)
		encode_failure(rq);
	if (success || rq->rc == RC_NOT_MODIFIED)
		encode_times(rq);
	if (rq->rc == RC_CREATED)
		rq->out.location = absolute_uri(rq->scl, rq->arena, rq->target.path);
	return &rq->out;
}
