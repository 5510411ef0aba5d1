/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes and actions of a resource that stands for one of a registered device: the same request is
 * made to originalMO with this SCL's identity. The issuer's right was checked here, where it is
 * known; the device knows the management server alone (TS 102 690, NREM). What the device has
 * confirmed is then done here. The device tells of its changes by itself, too, so the copy may be as
 * it shall be before that: then there is nothing left to do, and the request has succeeded.
 */
#include "config.h"

#include "core/route.h"
#include "core/rt_mgmt.h"
#include "sec/config_doc.h"

struct relay {
	struct scl_call call;
	struct req *rq;
	struct slice location;
	req_done *done; /* of the binding */
};

/* What only says how the resource is kept here. */
static bool
is_local_attribute(unsigned attr)
{
	return attr == A_ACCESS_RIGHT_ID || attr == A_SEARCH_STRINGS || attr == A_EXPIRATION_TIME;
}

/* ---- outcome ---- */

static const struct {
	enum rc device, here;
} outcomes[] = {
	{ RC_BAD_REQUEST, RC_BAD_REQUEST }, { RC_FORBIDDEN, RC_FORBIDDEN },
	{ RC_CONFLICT, RC_CONFLICT },       { RC_TOO_LARGE, RC_TOO_LARGE },
	{ RC_TIMEOUT, RC_GATEWAY_TIMEOUT }, { RC_GATEWAY_TIMEOUT, RC_GATEWAY_TIMEOUT },
};

static enum rc
outcome_of(const struct relay *r)
{
	enum rc rc = r->call.rc;

	if (status_is_success(rc))
		return r->rq->in.op == REQ_CREATE && r->location.n == 0 ? RC_BAD_GATEWAY : RC_OK;
	/* What is to be removed is gone already. */
	if (rc == RC_NOT_FOUND && r->rq->in.op == REQ_DELETE && r->rq->target.attr == NULL)
		return RC_OK;
	for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++)
		if (outcomes[i].device == rc)
			return outcomes[i].here;
	return RC_BAD_GATEWAY;
}

/* The device has removed the resource, and its copy itself. */
static void
delete_done(struct req *rq, void *arg)
{
	const struct relay *r = rq->taken;

	if (rq->rc == RC_NOT_FOUND)
		rq->rc = RC_NO_CONTENT;
	r->done(rq, arg);
}

static void
relayed(struct scl_call *call)
{
	struct relay *r = (struct relay *)(void *)call;
	struct req *rq = r->rq;
	enum rc rc;

	if (call->answer->location.n > 0)
		r->location = arena_copy(rq->arena, call->answer->location);
	rc = outcome_of(r);
	if (rc != RC_OK)
		rq->rc = req_fail(rq, rc, "the device answered: %s", status_of(call->rc)->text);
	scl_call_end(call);
	if (rc == RC_OK && rq->in.op == REQ_DELETE && rq->target.attr == NULL) {
		r->done = rq->done;
		rq->done = delete_done;
	}
	if (rc == RC_OK && rq->in.op != REQ_EXECUTE) {
		req_commit(rq);
		return;
	}
	if (rc == RC_OK)
		rq->rc = RC_NO_CONTENT;
	req_finish(rq);
}

static void
take(struct req *rq)
{
	struct relay *r = rq->taken;

	scl_call(rq->scl, &r->call);
}

struct slice
mgmt_relay_location(const struct req *rq)
{
	return rq->take == take ? ((const struct relay *)rq->taken)->location : SLICE_NONE;
}

/* ---- a copy that the device has made meanwhile ---- */

static bool
is_original(struct req *rq, const struct res *there, struct slice location)
{
	struct slice a = comparable_uri(rq->scl, rq->arena,
	                                val_text(there->vals, A_ORIGINAL_MO));
	struct slice b = comparable_uri(rq->scl, rq->arena, location);

	return a.n > 0 && slice_eq(a, b);
}

enum rc
mgmt_relay_adopt(struct req *rq, const struct target *parent, const struct res *self,
                 struct res **there)
{
	struct slice location = mgmt_relay_location(rq);
	struct res *found;
	struct child c;
	enum rc rc;

	if (location.n == 0)
		return RC_OK;
	rc = repo_child(rq->tx, parent->id, parent->slot, self->name, &c);
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	TRY(repo_get(rq->tx, c.id, &found));
	if (found->type == self->type && is_original(rq, found, location))
		*there = found;
	return RC_OK;
}

/* ---- the request to the device ---- */

static enum rc
render(struct req *rq, int release, const struct rtype *type, const struct val *vals,
       struct slice *body)
{
	struct writer w;
	struct buf b;

	buf_init(&b, rq->conf->body_max);
	codec_xml.writer(&w, &b);
	if (type == NULL)
		render_attribute(&w, vals, release);
	else
		render_resource(&w, type, vals, release);
	*body = b.failed ? SLICE_NONE : arena_copy(rq->arena, buf_view(&b));
	buf_fini(&b);
	return body->p == NULL ? req_fail(rq, RC_TOO_LARGE, "the document is too long") : RC_OK;
}

static enum rc
body_of_attribute(struct req *rq, int release, struct slice *body)
{
	struct binder b = { .arena = rq->arena, .ordered = !rq->conf->tolerate_unordered };
	struct val *v;
	enum rc rc;

	if (rq->target.attr->update == P_NP)
		return req_fail(rq, RC_BAD_REQUEST, "the attribute cannot be written");
	TRY(req_decode(rq));
	rc = rq->doc == NULL ? RC_MEDIA_TYPE
	                     : bind_attribute(&b, rq->target.attr->attr, rq->doc, &v);
	if (rc != RC_OK)
		return req_fail(rq, rc, "%.*s", (int)b.why.n, b.why.p);
	return render(rq, release, NULL, v, body);
}

/* What is here before the device is asked is not what it is going to make. */
static enum rc
check_unused(struct req *rq, const struct rtype *type, const struct val *vals)
{
	struct slice name = val_text(vals, type->id_attr);
	struct child c;
	enum rc rc;

	if (name.n == 0)
		return RC_OK;
	rc = repo_child(rq->tx, rq->target.id, rq->target.slot, name, &c);
	if (rc == RC_OK)
		return req_fail(rq, RC_CONFLICT, "id already in use: %.*s", (int)name.n, name.p);
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc
body_of_resource(struct req *rq, int release, const struct rtype *type, enum bind_column column,
                 struct slice *body)
{
	struct val *vals;

	TRY(body_bind(rq, type, column, &vals, NULL));
	if (column == BIND_CREATE)
		TRY(check_unused(rq, type, vals));
	val_remove(&vals, A_ACCESS_RIGHT_ID);
	val_remove(&vals, A_SEARCH_STRINGS);
	val_remove(&vals, A_EXPIRATION_TIME);
	return render(rq, release, type, vals, body);
}

static enum rc
body_of(struct req *rq, int release, struct slice *body)
{
	const struct rtype *type = rq->target.type;

	if (rq->in.op != REQ_CREATE && rq->in.op != REQ_UPDATE)
		return RC_OK;
	if (rq->target.attr != NULL)
		return body_of_attribute(rq, release, body);
	TRY(req_decode(rq));
	if (rq->doc == NULL)
		return req_fail(rq, RC_MEDIA_TYPE, "the media type of the body is not supported");
	if (rq->in.op == REQ_UPDATE)
		return body_of_resource(rq, release, type, BIND_UPDATE, body);
	type = rtype_created_as(type, rq->doc->name, node_xsi_type(rq->doc));
	if (type == NULL)
		return req_fail(rq, RC_BAD_REQUEST, "%s does not take that", rq->target.type->name);
	return body_of_resource(rq, release, type, BIND_CREATE, body);
}

static struct slice
uri_of(struct req *rq, struct slice original)
{
	if (original.p[original.n - 1] == '/')
		original.n--;
	if (rq->target.attr == NULL)
		return original;
	return ARENA_JOIN(rq->arena, original, SLICE_LIT("/"),
	                  slice_of(attr_info(rq->target.attr->attr)->name));
}

static enum rc
begin(struct req *rq, struct slice original)
{
	static const char *const methods[] = { [REQ_CREATE] = "POST",
		                               [REQ_UPDATE] = "PUT",
		                               [REQ_DELETE] = "DELETE",
		                               [REQ_EXECUTE] = "POST" };
	struct relay *r = ARENA_NEW(rq->arena, struct relay);
	struct slice uri = uri_of(rq, original);

	if (r == NULL || uri.p == NULL)
		return RC_UNAVAILABLE;
	TRY(body_of(rq, route_release(rq->scl, rq->tx, uri), &r->call.body));
	r->rq = rq;
	r->call.method = slice_of(methods[rq->in.op]);
	r->call.target = uri;
	r->call.via = rq->in.via;
	r->call.content_type = r->call.accept = SLICE_LIT("application/xml");
	/* What its provider has signed the device gets as it came. */
	if (rq->config.doc != NULL) {
		r->call.body = rq->config_text;
		r->call.content_type = SLICE_LIT(CONFIG_MEDIA_TYPE);
	}
	r->call.done = relayed;
	rq->take = take;
	rq->taken = r;
	return RC_PENDING;
}

/* originalMO leads to the registered SCL and nowhere else. */
static bool
is_on_device(struct req *rq, const struct mgmt_place *place)
{
	struct slice link, original;

	if (place->link.n == 0 || place->original.n == 0)
		return false;
	link = comparable_uri(rq->scl, rq->arena, place->link);
	original = comparable_uri(rq->scl, rq->arena, place->original);
	return link.n > 0 && original.n > link.n && uri_path_below(original, link);
}

enum rc
mgmt_relay_prepare(struct req *rq)
{
	const struct target *t = &rq->target;
	const struct mgmt_adaptor *a;
	struct mgmt_adaptor copy;
	struct mgmt_place place;

	if (t->kind != TARGET_NODE || rq->who.self || mgmt_is_device(rq, t) ||
	    (t->attr != NULL && is_local_attribute(t->attr->attr)))
		return RC_OK;
	TRY(mgmt_place_of(rq->scl, rq->tx, t, &place));
	a = mgmt_adaptor_of(rq->scl->mgmt, &place, &copy);
	if (a == NULL || !copy.relays || !is_on_device(rq, &place))
		return RC_OK;
	if (rq->in.op == REQ_EXECUTE &&
	    (t->attr == NULL || val_get(t->node->vals, t->attr->attr) == NULL))
		return RC_OK;
	return begin(rq, place.original);
}
