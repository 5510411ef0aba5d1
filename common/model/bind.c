/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "model/bind.h"

#include "base/base64.h"
#include "codec/codec.h"
#include "model/kinds.h"

#define JSON_SAFE_LONG (INT64_C(1) << 53)

/* The list of places that a content is checked against. */
struct places {
	struct elem list[RULES_MAX];
	size_t n;
};

struct slice
node_xsi_type(const struct node *n)
{
	struct slice name;

	for (const struct node *c = n->first; c != NULL; c = c->next) {
		if (!slice_is(c->ns, NS_XSI) || !slice_is(c->name, "type"))
			continue;
		name = kind_trim(c->text);
		for (size_t i = 0; i < name.n; i++)
			if (name.p[i] == ':')
				return slice_from(name, i + 1);
		return name;
	}
	return SLICE_NONE;
}

static enum rc __attribute__((format(printf, 2, 3)))
refuse(struct binder *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	b->why = arena_vprintf(b->arena, fmt, ap);
	va_end(ap);
	return RC_BAD_REQUEST;
}

/* A peer's name in a message: bounded. */
static int
shown(struct slice s)
{
	return s.n > 64 ? 64 : (int)s.n;
}

static bool
is_element_place(const struct elem *e)
{
	return (e->flags & E_ANY_ATTRIBUTE) == 0;
}

static bool
syntax_matches(const struct elem *e, const struct node *n)
{
	if (n->flags & NODE_EITHER)
		return true;
	return is_element_place(e) != ((n->flags & NODE_ATTRIBUTE) != 0);
}

/*
 * Global elements carry the namespace. A local one has none, but peers that declare m2m as the
 * default namespace pull it in (TS 102 921, XML representation): that is tolerated.
 */
static bool
namespace_matches(const struct elem *e, const struct node *n)
{
	if ((n->flags & NODE_NO_NS) && n->ns.n == 0)
		return true;
	if (e->flags & E_ATTRIBUTE_XMIME)
		return slice_is(n->ns, NS_XMIME);
	if (e->flags & (E_LOCAL | E_ATTRIBUTE))
		return n->ns.n == 0 || (slice_is(n->ns, NS_M2M) && (e->flags & E_LOCAL) != 0);
	return slice_is(n->ns, NS_M2M) || (n->ns.n == 0 && (e->flags & E_LOCAL_RELEASE1) != 0);
}

/* A wildcard takes elements of foreign namespaces, or with E_LOCAL any (xs:any). */
static bool
wildcard_matches(const struct elem *e, const struct node *n)
{
	if ((n->flags & NODE_ATTRIBUTE) != 0)
		return false;
	return (e->flags & E_LOCAL) != 0 || (n->ns.n > 0 && !slice_is(n->ns, NS_M2M));
}

static int
place_of(const struct places *p, const struct node *n)
{
	int wildcard = -1;

	for (size_t i = 0; i < p->n; i++) {
		const struct elem *e = &p->list[i];

		if (e->flags & E_WILDCARD)
			wildcard = wildcard_matches(e, n) ? (int)i : -1;
		else if (slice_is(n->name, attr_info(e->attr)->name) && syntax_matches(e, n) &&
		         namespace_matches(e, n))
			return (int)i;
	}
	return wildcard;
}

static bool
type_fits(const struct attr_info *info, const struct node *n, int64_t num)
{
	if ((n->flags & NODE_NO_NS) == 0)
		return true;
	switch (info->kind) {
	case K_LONG:
		return (n->flags & NODE_NUMBER) != 0 || num > JSON_SAFE_LONG || num < -JSON_SAFE_LONG;
	case K_BOOLEAN:
		return (n->flags & NODE_BOOLEAN) != 0;
	case K_BASE64:
		return (n->flags & (NODE_STRING | NODE_BINARY)) != 0;
	default:
		return (n->flags & NODE_STRING) != 0;
	}
}

/*
 * JSON knows characters that XML does not: what holds them could be stored but not be rendered.
 * Content is the exception, it is rendered as base64 then.
 */
static bool
is_portable(const struct node *n)
{
	return (n->flags & NODE_NO_NS) == 0 || codec_xml_text_ok(n->text);
}

static bool
is_tree_portable(const struct node *n)
{
	if (!is_portable(n))
		return false;
	for (const struct node *c = n->first; c != NULL; c = c->next)
		if (!is_tree_portable(c))
			return false;
	return true;
}

static enum rc
bind_simple(struct binder *b, const struct attr_info *info, const struct node *n, struct val *v)
{
	if (n->first != NULL)
		return refuse(b, "%s may not have content beside its value", info->name);
	if (v->attr != A_TEXT_CONTENT && !is_portable(n))
		return refuse(b, "%s has a character that XML cannot carry", info->name);
	if (!kind_parse(b->arena, info, n->text, v))
		return refuse(b, "%s has no legal value", info->name);
	if (!type_fits(info, n, v->num))
		return refuse(b, "%s has the wrong type", info->name);
	b->release1 = b->release1 || kind_is_release1(info, n->text);
	return RC_OK;
}

/*
 * Any content is kept as it came but for xsi:type and its kin: their values use prefixes, whose
 * declarations stay behind.
 */
static struct node *
without_xsi(struct arena *a, const struct node *n)
{
	struct node *copy = ARENA_NEW(a, struct node), **tail;

	if (copy == NULL)
		return NULL;
	*copy = *n;
	copy->first = copy->last = NULL;
	tail = &copy->first;
	for (const struct node *c = n->first; c != NULL; c = c->next) {
		if (slice_is(c->ns, NS_XSI))
			continue;
		*tail = without_xsi(a, c);
		if (*tail == NULL)
			return NULL;
		(*tail)->next = NULL;
		copy->last = *tail;
		tail = &(*tail)->next;
	}
	return copy;
}

static enum rc
bind_value(struct binder *b, const struct node *n, struct val *v)
{
	const struct attr_info *info = attr_info(v->attr);

	if (info->kind == K_ANY) {
		if (!is_tree_portable(n))
			return refuse(b, "%s has a character that XML cannot carry", info->name);
		v->any = without_xsi(b->arena, n);
		return v->any == NULL ? RC_UNAVAILABLE : RC_OK;
	}
	if (info->kind == K_STRUCT)
		return bind_shape(b, info->shape, n, &v->first);
	return bind_simple(b, info, n, v);
}

static enum rc
array_form(struct binder *b, const struct elem *e, const struct node *n)
{
	bool many = (e->flags & E_MANY) != 0;
	bool array = (n->flags & (NODE_ARRAY | NODE_EMPTY_ARRAY)) != 0;

	/* Foreign elements of one name are an array only when there are several. */
	if ((n->flags & NODE_NO_NS) == 0 || many == array || (e->flags & E_WILDCARD) != 0)
		return RC_OK;
	return refuse(b, many ? "%s is a list: an array is needed" : "%s is no list",
	              attr_info(e->attr)->name);
}

/* Values found so far, per place. */
struct found {
	struct val *first[RULES_MAX];
	struct val **tail[RULES_MAX];
	uint32_t count[RULES_MAX];
	int last; /* the place of the last element, for the order */
};

static enum rc
check_count(struct binder *b, const struct elem *e, const struct node *n, unsigned count)
{
	unsigned most = (e->flags & E_WILDCARD) != 0 ? WILDCARD_MAX : e->most;

	if (count > 0 && (e->flags & E_MANY) == 0)
		return refuse(b, "%.*s stands twice", shown(n->name), n->name.p);
	if (most != 0 && count >= most)
		return refuse(b, "%.*s is one too many: %u at most", shown(n->name), n->name.p, most);
	return RC_OK;
}

static enum rc
bind_child(struct binder *b, const struct places *p, const struct node *n, struct found *f)
{
	int at = place_of(p, n);
	struct val *v;

	if (at < 0)
		return refuse(b, "%.*s is not known here", shown(n->name), n->name.p);
	if (array_form(b, &p->list[at], n) != RC_OK)
		return RC_BAD_REQUEST;
	if (n->flags & NODE_EMPTY_ARRAY)
		return RC_OK;
	if (check_count(b, &p->list[at], n, f->count[at]++) != RC_OK)
		return RC_BAD_REQUEST;
	if (b->ordered && (n->flags & (NODE_ATTRIBUTE | NODE_EITHER)) == 0) {
		if (at < f->last)
			return refuse(b, "%.*s is out of order", shown(n->name), n->name.p);
		f->last = at;
	}
	v = ARENA_NEW(b->arena, struct val);
	if (v == NULL)
		return RC_UNAVAILABLE;
	v->attr = p->list[at].attr;
	if ((p->list[at].flags & E_LOCAL_RELEASE1) && n->ns.n == 0 && !(n->flags & NODE_NO_NS))
		b->release1 = true;
	if (f->first[at] == NULL)
		f->tail[at] = &f->first[at];
	*f->tail[at] = v;
	f->tail[at] = &v->next;
	return bind_value(b, n, v);
}

/* Strings the values together in the order of the places. */
static void
collect(const struct places *p, struct found *f, struct val **out)
{
	*out = NULL;
	for (size_t i = 0; i < p->n; i++)
		if (f->first[i] != NULL) {
			*out = f->first[i];
			out = f->tail[i];
		}
}

static enum rc
bind_children(struct binder *b, const struct places *p, const struct node *n, struct val **out)
{
	struct found f = { .last = 0 };
	enum rc rc;

	for (const struct node *c = n->first; c != NULL; c = c->next) {
		/* xsi:type and the like say nothing that the tables do not know. */
		if (slice_is(c->ns, NS_XSI))
			continue;
		rc = bind_child(b, p, c, &f);
		if (rc != RC_OK)
			return rc;
	}
	collect(p, &f, out);
	return RC_OK;
}

static enum rc
check_required(struct binder *b, const struct shape *shape, struct val *vals)
{
	size_t elements = 0;

	for (const struct elem *e = shape->elems; e->attr != A_END; e++) {
		if ((e->flags & E_REQUIRED) && val_find(vals, e->attr) == NULL)
			return refuse(b, "%s is missing", attr_info(e->attr)->name);
		if (is_element_place(e) && val_find(vals, e->attr) != NULL)
			elements++;
	}
	if ((shape->flags & SHAPE_CHOICE) && elements != 1 &&
	    !(elements == 0 && (shape->flags & SHAPE_MAYBE)))
		return refuse(b, "%s needs exactly one of its elements", shape->name);
	return RC_OK;
}

static enum rc
bind_text(struct binder *b, const struct shape *shape, const struct node *n, struct val **out)
{
	struct val *v = val_add(b->arena, out, A_TEXT);

	if (v == NULL)
		return RC_UNAVAILABLE;
	if (!is_portable(n))
		return refuse(b, "%s has a character that XML cannot carry", shape->name);
	if ((n->flags & NODE_BINARY) && !(shape->flags & SHAPE_BASE64_TEXT))
		return refuse(b, "%s has the wrong type", shape->name);
	v->text = n->text;
	if ((shape->flags & SHAPE_BASE64_TEXT) && !base64_decode(b->arena, n->text, &v->text))
		return refuse(b, "%s is no base64", shape->name);
	return RC_OK;
}

static bool
has_elements(const struct node *n)
{
	for (const struct node *c = n->first; c != NULL; c = c->next)
		if ((c->flags & NODE_ATTRIBUTE) == 0 && !slice_is(c->name, "contentType"))
			return true;
	return false;
}

/* Release 1 content: base64 text in the element itself (TS 102 921 V1.1). */
static enum rc
bind_release1(struct binder *b, const struct node *n, struct val **out)
{
	struct val *v = val_add(b->arena, out, A_BINARY_CONTENT);

	b->release1 = true;
	if (v == NULL)
		return RC_UNAVAILABLE;
	if (!base64_decode(b->arena, n->text, &v->text))
		return refuse(b, "%.*s is no base64", shown(n->name), n->name.p);
	return RC_OK;
}

/* White space between elements is no text, also when there are no elements (XML Schema part 1). */
static bool
has_text(const struct node *n)
{
	for (size_t i = 0; i < n->text.n; i++)
		if ((n->flags & NODE_NO_NS) != 0 || memchr(" \t\r\n", n->text.p[i], 4) == NULL)
			return true;
	return false;
}

/* True when n, of a type that has changed, is as Release 1 had it. */
static bool
is_release1(const struct shape *shape, const struct node *n)
{
	if (shape->release1 == NULL)
		return false;
	if (slice_is(node_xsi_type(n), shape->release1->extension))
		return true;
	for (const struct elem *e = shape->release1->elems; e->attr != A_END; e++) {
		if (attr_release2(e->attr) == e->attr)
			continue;
		for (const struct node *c = n->first; c != NULL; c = c->next)
			if (slice_is(c->name, attr_info(e->attr)->name))
				return true;
	}
	return false;
}

/* Attributes of Release 1 become those of Release 2. */
static enum rc
bind_old_shape(struct binder *b, const struct shape *shape, const struct node *n, struct val **out)
{
	enum rc rc = bind_shape(b, shape, n, out);

	b->release1 = true;
	while (rc == RC_OK && *out != NULL) {
		unsigned attr = attr_release2((*out)->attr);

		if (attr == A_END) {
			*out = (*out)->next;
			continue;
		}
		(*out)->attr = (uint16_t)attr;
		out = &(*out)->next;
	}
	return rc;
}

enum rc
bind_shape(struct binder *b, const struct shape *shape, const struct node *n, struct val **out)
{
	struct places p = { .n = 0 };
	enum rc rc;

	if (n->flags & (NODE_NUMBER | NODE_BOOLEAN))
		return refuse(b, "%.*s has the wrong type", shown(n->name), n->name.p);
	if (is_release1(shape, n))
		return bind_old_shape(b, shape->release1, n, out);
	for (const struct elem *e = shape->elems; e->attr != A_END && p.n < RULES_MAX; e++)
		p.list[p.n++] = *e;
	rc = bind_children(b, &p, n, out);
	if (rc != RC_OK)
		return rc;
	if (shape->flags & SHAPE_TEXT)
		return bind_text(b, shape, n, out);
	if ((shape->flags & SHAPE_RELEASE1_TEXT) && has_text(n) && !has_elements(n))
		return bind_release1(b, n, out);
	if (has_text(n))
		return refuse(b, "%.*s may not hold text", shown(n->name), n->name.p);
	return check_required(b, shape, *out);
}

static bool
root_matches(const struct node *n, const char *name)
{
	bool any_ns = (n->flags & NODE_NO_NS) != 0 && n->ns.n == 0;

	return slice_is(n->name, name) && (any_ns || slice_is(n->ns, NS_M2M));
}

static enum rc
check_presence(struct binder *b, const struct rtype *t, enum bind_column column, struct val *vals)
{
	for (const struct rule *r = t->rules; r->attr != A_END; r++) {
		uint8_t presence = column == BIND_CREATE ? r->create : r->update;
		bool present = val_find(vals, r->attr) != NULL;

		if (present && presence == P_NP)
			return refuse(b, "%s is not permitted in this request", attr_info(r->attr)->name);
		if (!present && presence == P_M)
			return refuse(b, "%s is mandatory", attr_info(r->attr)->name);
	}
	return RC_OK;
}

/*
 * An UPDATE may leave the type out: it cannot change. The name of the base is that of the schema.
 */
static enum rc
check_type(struct binder *b, const struct rtype *t, enum bind_column column, const struct node *root)
{
	struct slice type = node_xsi_type(root);

	if (type.n == 0 ? t->xsi_type == NULL || column == BIND_UPDATE
	                : slice_is(type, t->xsi_type != NULL ? t->xsi_type : t->shape))
		return RC_OK;
	return refuse(b, "xsi:type must be %s", t->xsi_type != NULL ? t->xsi_type : t->shape);
}

/* Some schemas demand the id also in an UPDATE, where it cannot change. */
static enum rc
check_id(struct binder *b, const struct rtype *t, struct val **vals)
{
	const struct val *id = t->id_attr == A_END ? NULL : val_get(*vals, t->id_attr);

	if (id == NULL)
		return RC_OK;
	if (!slice_eq(id->text, b->name))
		return refuse(b, "%s may not change", attr_info(t->id_attr)->name);
	val_remove(vals, t->id_attr);
	return RC_OK;
}

/* What only the SCL knows and some documents must carry nevertheless. */
static void
drop_references(const struct rtype *t, struct val **vals)
{
	for (const struct rule *r = t->rules; r->attr != A_END; r++)
		if (r->source == S_MEMBERS || r->source == S_CHILD)
			val_remove(vals, r->attr);
}

enum rc
bind_resource(struct binder *b, const struct rtype *t, enum bind_column column,
              const struct node *root, struct val **out)
{
	struct places p = { .n = 0 };
	enum rc rc;

	if (!root_matches(root, t->name))
		return refuse(b, "the root element must be %s", t->name);
	if (has_text(root) || (root->flags & (NODE_NUMBER | NODE_BOOLEAN | NODE_STRING | NODE_BINARY)))
		return refuse(b, "%s may not hold text", t->name);
	if (check_type(b, t, column, root) != RC_OK)
		return RC_BAD_REQUEST;
	for (const struct rule *r = t->rules; r->attr != A_END && p.n < RULES_MAX; r++)
		p.list[p.n++] = (struct elem){ .attr = r->attr, .flags = r->elem };
	rc = bind_children(b, &p, root, out);
	if (rc == RC_OK)
		rc = check_presence(b, t, column, *out);
	if (rc == RC_OK && column == BIND_UPDATE)
		rc = check_id(b, t, out);
	if (rc == RC_OK)
		drop_references(t, out);
	return rc;
}

enum rc
bind_attribute(struct binder *b, unsigned attr, const struct node *n, struct val **out)
{
	if (!root_matches(n, attr_info(attr)->name))
		return refuse(b, "the root element must be %s", attr_info(attr)->name);
	*out = NULL;
	if (val_add(b->arena, out, attr) == NULL)
		return RC_UNAVAILABLE;
	return bind_value(b, n, *out);
}
