/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "model/render.h"

#include "model/kinds.h"

#include <stdio.h>

struct put {
	struct writer *w;
	bool release1;
};

static struct codec_name
name_of(const struct put *p, const struct elem *e)
{
	enum codec_ns ns = CODEC_NS_M2M;

	if ((e->flags & (E_LOCAL | E_ATTRIBUTE)) || (p->release1 && (e->flags & E_LOCAL_RELEASE1)))
		ns = CODEC_NS_NONE;
	else if (e->flags & E_ATTRIBUTE_XMIME)
		ns = CODEC_NS_XMIME;
	return (struct codec_name){ attr_info(e->attr)->name, ns };
}

static enum codec_scalar
scalar_of(const struct put *p, const struct attr_info *info)
{
	if (info->kind == K_LONG || (info->seconds && p->release1))
		return CODEC_NUMBER;
	return info->kind == K_BOOLEAN ? CODEC_BOOLEAN : CODEC_TEXT;
}

static struct slice
format(const struct put *p, const struct attr_info *info, const struct val *v,
       char scratch[KIND_TEXT_MAX])
{
	return p->release1 ? kind_format_release1(info, v, scratch) : kind_format(info, v, scratch);
}

static void
put_scalar(const struct put *p, const struct attr_info *info, const struct val *v)
{
	char scratch[KIND_TEXT_MAX];

	if (info->kind == K_BASE64)
		p->w->ops->base64(p->w, v->text);
	else
		p->w->ops->text(p->w, format(p, info, v, scratch), scalar_of(p, info));
}

/* False for what the reader does not know. */
static bool
is_known(const struct put *p, const struct elem *e)
{
	return !p->release1 || (!(e->flags & E_RELEASE2) && attr_info(e->attr)->since == 1);
}

/* The first value for the place, NULL also when the reader cannot be told. */
static const struct val *
value_for(const struct put *p, const struct elem *e, const struct val *vals)
{
	const struct val *v;

	if (!p->release1)
		return val_get(vals, e->attr);
	v = val_get(vals, attr_release2(e->attr));
	if (v == NULL || !is_known(p, e) || !kind_in_release1(attr_info(e->attr), v))
		return NULL;
	/* It is mandatory since Release 2 only, and says nothing when it is empty. */
	return e->attr == A_ATTRIBUTE_ACCESSOR && v->text.n == 0 ? NULL : v;
}

static void
put_xsi_type(const struct put *p, const char *type)
{
	char name[96];
	int n = snprintf(name, sizeof(name), "m2m:%s", type);

	p->w->ops->attr(p->w, (struct codec_name){ "type", CODEC_NS_XSI },
	                slice_make(name, (size_t)n), CODEC_TEXT);
}

/* Elements that only the extending type has need its name. */
static void
put_extension(const struct put *p, const struct shape *shape, const struct val *vals)
{
	const struct elem *e = shape->elems;

	while (e->attr != shape->extension_from)
		e++;
	for (; e->attr != A_END; e++)
		if (value_for(p, e, vals) != NULL) {
			put_xsi_type(p, shape->extension);
			return;
		}
}

static void put_places(const struct put *p, const struct elem *e, const struct val *vals);

static void
put_attribute(const struct put *p, const struct elem *e, const struct val *v)
{
	const struct attr_info *info = attr_info(e->attr);
	char scratch[KIND_TEXT_MAX];

	p->w->ops->attr(p->w, name_of(p, e), format(p, info, v, scratch), scalar_of(p, info));
}

/* Release 1 had the octets in content itself, whatever they are. */
static void
put_content_release1(const struct put *p, const struct elem *e, const struct val *vals)
{
	const struct val *v;

	for (; e->attr != A_END; e++) {
		v = val_get(vals, e->attr);
		if (v == NULL)
			continue;
		if (e->flags & E_ANY_ATTRIBUTE)
			put_attribute(p, e, v);
		else
			p->w->ops->base64(p->w, v->text);
	}
}

static void
put_struct(const struct put *p, const struct shape *shape, const struct val *vals)
{
	const struct val *text = val_get(vals, A_TEXT);

	if (p->release1 && shape->release1 != NULL)
		shape = shape->release1;
	if (p->release1 && (shape->flags & SHAPE_RELEASE1_TEXT)) {
		put_content_release1(p, shape->elems, vals);
		return;
	}
	if (shape->extension != NULL)
		put_extension(p, shape, vals);
	put_places(p, shape->elems, vals);
	if ((shape->flags & SHAPE_BASE64_TEXT) && text != NULL)
		p->w->ops->base64(p->w, text->text);
	else if ((shape->flags & SHAPE_TEXT) && text != NULL)
		p->w->ops->text(p->w, text->text, CODEC_TEXT);
}

static void
put_any(const struct put *p, const struct node *n)
{
	/* A node without a name: its attributes, text and children. */
	struct node bare = { .text = n->text, .first = n->first, .last = n->last, .flags = n->flags };

	p->w->ops->any(p->w, &bare);
}

static void
put_value(const struct put *p, const struct elem *e, unsigned begin, const struct val *v)
{
	const struct attr_info *info = attr_info(v->attr);
	struct writer *w = p->w;

	if (info->kind == K_STRUCT) {
		w->ops->begin(w, name_of(p, e), begin);
		put_struct(p, info->shape, v->first);
	} else if (info->kind == K_ANY) {
		w->ops->begin(w, name_of(p, e), begin);
		if (v->any != NULL)
			put_any(p, v->any);
	} else {
		w->ops->begin(w, name_of(p, e), begin | CODEC_SIMPLE);
		put_scalar(p, info, v);
	}
	w->ops->end(w);
}

/*
 * What a wildcard took: the elements themselves. They go as children of one node without a name,
 * so that a writer sees which names repeat.
 */
static void
put_wildcard(const struct put *p, const struct val *v)
{
	const unsigned attr = v->attr;
	struct node copies[WILDCARD_MAX], bare = { .first = NULL };
	size_t n = 0;

	for (; v != NULL && v->attr == attr && n < WILDCARD_MAX; v = v->next) {
		if (v->any == NULL)
			continue;
		copies[n] = *v->any;
		copies[n].next = NULL;
		if (n > 0)
			copies[n - 1].next = &copies[n];
		n++;
	}
	if (n == 0)
		return;
	bare.first = copies;
	bare.last = &copies[n - 1];
	p->w->ops->any(p->w, &bare);
}

static void
put_list(const struct put *p, const struct elem *e, const struct val *v)
{
	const unsigned attr = v == NULL ? A_END : v->attr;

	p->w->ops->list(p->w, name_of(p, e));
	for (; v != NULL && v->attr == attr; v = v->next)
		put_value(p, e, CODEC_ENTRY, v);
	p->w->ops->list_end(p->w);
}

static void
put_places(const struct put *p, const struct elem *e, const struct val *vals)
{
	for (; e->attr != A_END; e++) {
		const struct val *v = value_for(p, e, vals);

		if ((e->flags & E_MANY) && !(e->flags & E_WILDCARD))
			put_list(p, e, v);
		else if (v == NULL)
			continue;
		else if (e->flags & E_WILDCARD)
			put_wildcard(p, v);
		else if (e->flags & E_ANY_ATTRIBUTE)
			put_attribute(p, e, v);
		else
			put_value(p, e, 0, v);
	}
}

/* Namespaces that may occur below an attribute; declaring one that does not costs nothing. */
static unsigned
root_flags(const struct val *vals)
{
	unsigned flags = CODEC_ROOT;

	for (; vals != NULL; vals = vals->next) {
		if (vals->attr == A_CONTENT || vals->attr == A_CONTENT_INSTANCE_COLLECTION ||
		    vals->attr == A_REPRESENTATION || vals->attr == A_CONTENT_INSTANCE ||
		    vals->attr == A_NOTIFY || vals->attr == A_MEMBER_STATUS)
			flags |= CODEC_USES_XMIME;
		if (vals->attr == A_FILTER_CRITERIA || vals->attr == A_CHANNEL_DATA)
			flags |= CODEC_USES_XSI;
	}
	return flags;
}

void
render_resource(struct writer *w, const struct rtype *t, const struct val *vals, int release)
{
	struct put p = { .w = w, .release1 = release == 1 };
	struct elem places[RULES_MAX + 1];
	unsigned flags = root_flags(vals);
	size_t n = 0;

	if (p.release1 && (t->flags & RT_RELEASE2))
		t = rtype_get(t->base);
	for (const struct rule *r = t->rules; r->attr != A_END && n < RULES_MAX; r++)
		places[n++] = (struct elem){ .attr = r->attr, .flags = r->elem };
	places[n] = (struct elem){ .attr = A_END };
	if (t->xsi_type != NULL)
		flags |= CODEC_USES_XSI;
	w->ops->begin(w, (struct codec_name){ t->name, CODEC_NS_M2M }, flags);
	if (t->xsi_type != NULL)
		put_xsi_type(&p, t->xsi_type);
	put_places(&p, places, vals);
	w->ops->end(w);
}

void
render_shape(struct writer *w, const char *name, const struct shape *shape, const struct val *vals,
             int release)
{
	struct put p = { .w = w, .release1 = release == 1 };

	w->ops->begin(w, (struct codec_name){ name, CODEC_NS_M2M }, root_flags(vals));
	put_places(&p, shape->elems, vals);
	w->ops->end(w);
}

void
render_list_begin(struct writer *w, const char *name, const struct shape *shape, int release)
{
	struct put p = { .w = w, .release1 = release == 1 };

	w->ops->begin(w, (struct codec_name){ name, CODEC_NS_M2M },
	              root_flags(&(struct val){ .attr = shape->elems->attr }));
	w->ops->list(w, name_of(&p, shape->elems));
}

void
render_list_entry(struct writer *w, const struct shape *shape, const struct val *entry, int release)
{
	struct put p = { .w = w, .release1 = release == 1 };

	put_value(&p, shape->elems, CODEC_ENTRY, entry);
}

void
render_list_end(struct writer *w)
{
	w->ops->list_end(w);
	w->ops->end(w);
}

void
render_attribute(struct writer *w, const struct val *v, int release)
{
	struct put p = { .w = w, .release1 = release == 1 };

	put_value(&p, &(struct elem){ .attr = v->attr }, root_flags(v), v);
}
