/* SPDX-License-Identifier: Apache-2.0 */
/* The own management collection, read: as documents for another SCL, and value by value. */
#include "config.h"

#include "core/route.h"
#include "core/rt_mgmt_order.h"

#define BODY_MAX (1u << 20)

struct documents {
	struct scl *scl;
	struct rtx *tx;
	struct arena *a;
	const struct mgmt_export *how;
	int release; /* that their reader speaks */
	struct slice own; /* path of the collection, with a slash */
	size_t n;
	struct mgmt_document *first, **tail;
	enum rc rc;
};

/* Where a visit is: what lies below has this name. */
struct level {
	struct documents *d;
	struct slice name; /* of the parent; empty: the collection */
	bool objects; /* mgmtObjs, else parameters */
};

/* The action that the status tells of lies below the copy there. */
static bool
set_home(struct documents *d, struct val *status)
{
	const struct val *was = status->first;
	struct slice action = val_text(was, A_ACTION);

	if (d->how->home.n == 0 || !slice_starts(action, d->own))
		return true;
	status->first = NULL;
	return val_set_text(d->a, &status->first, A_ACTION,
	                    ARENA_JOIN(d->a, d->how->home, SLICE_LIT("/"),
	                               slice_from(action, d->own.n))) &&
	       val_set_num(d->a, &status->first, A_PROGRESS, val_num(was, A_PROGRESS, 0)) &&
	       val_set_num(d->a, &status->first, A_FINAL_STATUS, val_num(was, A_FINAL_STATUS, 0));
}

static bool
copy_writable(struct documents *d, const struct res *node, bool create, struct val **list)
{
	unsigned status = mgmt_status_in(node->type->number);
	struct arena *a = d->a;

	for (const struct val *v = node->vals; v != NULL; v = v->next) {
		const struct rule *r = rtype_rule(node->type, v->attr);
		struct val *copy;

		if (r == NULL || r->source != S_STORED ||
		    (create ? r->create : r->update) == P_NP || v->attr == A_ACCESS_RIGHT_ID ||
		    v->attr == A_ORIGINAL_MO)
			continue;
		copy = val_add(a, list, v->attr);
		if (copy == NULL)
			return false;
		copy->num = v->num;
		copy->text = v->text;
		copy->first = v->first;
		copy->any = v->any;
		if (v->attr == status && !set_home(d, copy))
			return false;
	}
	return true;
}

static struct slice
render(struct documents *d, const struct rtype *type, const struct val *vals)
{
	struct slice body = SLICE_NONE;
	struct buf b;

	buf_init(&b, BODY_MAX);
	if (encode_values(&codec_xml, d->release, type, vals, &b))
		body = arena_copy(d->a, buf_view(&b));
	buf_fini(&b);
	return body;
}

static uint64_t
stamp_of(struct slice body)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < body.n; i++)
		h = (h ^ (unsigned char)body.p[i]) * UINT64_C(0x100000001b3);
	return h;
}

static enum rc
fill(struct documents *d, const struct res *node, struct mgmt_document *doc)
{
	struct slice original =
		arena_printf(d->a, "%.*s/scls/mgmtObjs/%.*s", (int)d->scl->own.base_uri.n,
	                     d->scl->own.base_uri.p, (int)doc->name.n, doc->name.p);
	struct val *update = NULL, *create = NULL;

	doc->id = node->name;
	doc->type = node->type->number;
	if (!copy_writable(d, node, false, &update) || !copy_writable(d, node, true, &create) ||
	    !val_set_text(d->a, &create, A_ID, node->name) ||
	    !val_set_text(d->a, &create, A_ORIGINAL_MO, original))
		return RC_UNAVAILABLE;
	if (d->how->right.n > 0 &&
	    (!val_set_text(d->a, &create, A_ACCESS_RIGHT_ID, d->how->right) ||
	     !val_set_text(d->a, &update, A_ACCESS_RIGHT_ID, d->how->right)))
		return RC_UNAVAILABLE;
	doc->create = render(d, node->type, create);
	doc->update = render(d, node->type, update);
	doc->stamp = stamp_of(doc->update);
	return doc->create.p == NULL || doc->update.p == NULL ? RC_UNAVAILABLE : RC_OK;
}

static bool visit(void *arg, const struct child *c);

static enum rc
add(struct level *l, const struct child *c)
{
	struct documents *d = l->d;
	struct mgmt_document *doc = ARENA_NEW(d->a, struct mgmt_document);
	struct slice segment;
	struct level below;
	struct res *node;

	TRY(repo_get(d->tx, c->id, &node));
	segment = uri_encode_segment(d->a, node->name);
	if (doc == NULL || segment.p == NULL)
		return RC_UNAVAILABLE;
	doc->name = l->name.n == 0 ? segment : ARENA_JOIN(d->a, l->name, SLICE_LIT("/"), segment);
	TRY(fill(d, node, doc));
	*d->tail = doc;
	d->tail = &doc->next;
	d->n++;
	below = (struct level){ d, doc->name, false };
	TRY(repo_children(d->tx, c->id, SLOT_SELF, 0, visit, &below));
	return d->rc;
}

static bool
visit(void *arg, const struct child *c)
{
	struct level *l = arg;
	const struct rtype *type = rtype_get(c->type);

	if (type == NULL || rtype_base(type) != (l->objects ? T_MGMT_OBJ : T_PARAMETERS))
		return true;
	if (l->d->n < l->d->how->max)
		l->d->rc = add(l, c);
	return l->d->rc == RC_OK && l->d->n < l->d->how->max;
}

enum rc
mgmt_documents(struct scl *scl, struct arena *a, const struct mgmt_export *how,
               struct mgmt_document **first)
{
	struct documents d = { .scl = scl, .a = a, .how = how };
	struct level top = { &d, SLICE_NONE, true };
	enum rc rc;

	d.tail = &d.first;
	d.own = arena_printf(a, "%.*s/scls/mgmtObjs/", (int)scl->base_path.n, scl->base_path.p);
	TRY(repo_begin_read(scl->repo, a, &d.tx));
	d.release = how->home.n > 0 ? route_release(scl, d.tx, how->home) : 2;
	rc = repo_children(d.tx, ID_SCL_BASE, MGMT_OWN_SLOT, 0, visit, &top);
	repo_end_read(d.tx);
	*first = d.first;
	return rc != RC_OK ? rc : d.rc;
}

/* ---- value by value ---- */

static enum rc
find(struct scl *scl, struct rtx *tx, const char *name, struct res **node)
{
	struct slice path = arena_printf(repo_arena(tx), "%.*s/scls/mgmtObjs/%s",
	                                 (int)scl->base_path.n, scl->base_path.p, name);
	struct target t;

	TRY(target_find(scl, tx, path, &t));
	*node = t.node;
	return t.kind == TARGET_NODE ? RC_OK : RC_NOT_FOUND;
}

enum rc
mgmt_own_values(struct scl *scl, struct arena *a, const char *name, const struct val **vals)
{
	struct res *node;
	struct rtx *tx;
	enum rc rc;

	*vals = NULL;
	TRY(repo_begin_read(scl->repo, a, &tx));
	rc = find(scl, tx, name, &node);
	if (rc == RC_OK)
		*vals = node->vals;
	repo_end_read(tx);
	return rc;
}

static bool
take_scl(void *arg, const struct child *c)
{
	*(struct child *)arg = *c;
	return c->type != T_SCL;
}

enum rc
mgmt_registered_with(struct scl *scl, struct arena *a, struct slice *link, unsigned *which)
{
	struct child c = { 0 };
	struct res *node;
	struct rtx *tx;
	enum rc rc;

	*which = atomic_load(&scl->mgmt->registrations);
	TRY(repo_begin_read(scl->repo, a, &tx));
	rc = repo_children(tx, ID_SCL_BASE, T_SCLS, 0, take_scl, &c);
	if (rc == RC_OK)
		rc = c.type == T_SCL ? repo_get(tx, c.id, &node) : RC_NOT_FOUND;
	if (rc == RC_OK)
		*link = val_text(node->vals, A_LINK);
	repo_end_read(tx);
	return rc;
}

static bool
take_scl_mo(void *arg, const struct child *c)
{
	*(struct child *)arg = *c;
	return c->type != T_ETSI_SCL_MO;
}

enum rc
mgmt_scl_mo(struct rtx *tx, struct res **mo)
{
	struct child c = { 0 };

	TRY(repo_children(tx, ID_SCL_BASE, MGMT_OWN_SLOT, 0, take_scl_mo, &c));
	return c.type == T_ETSI_SCL_MO ? repo_get(tx, c.id, mo) : RC_NOT_FOUND;
}
