/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "model/render.h"

#include "model/kinds.h"

#include <stdio.h>

static struct codec_name
name_of(unsigned attr, unsigned flags)
{
	enum codec_ns ns = CODEC_NS_M2M;

	if (flags & (E_LOCAL | E_ATTRIBUTE))
		ns = CODEC_NS_NONE;
	else if (flags & E_ATTRIBUTE_XMIME)
		ns = CODEC_NS_XMIME;
	return (struct codec_name){ attr_info(attr)->name, ns };
}

static enum codec_scalar
scalar_of(enum kind kind)
{
	return kind == K_LONG ? CODEC_NUMBER : kind == K_BOOLEAN ? CODEC_BOOLEAN : CODEC_TEXT;
}

static void
put_scalar(struct writer *w, const struct attr_info *info, const struct val *v)
{
	char scratch[KIND_TEXT_MAX];

	if (info->kind == K_BASE64)
		w->ops->base64(w, v->text);
	else
		w->ops->text(w, kind_format(info, v, scratch), scalar_of(info->kind));
}

static void put_places(struct writer *w, const struct elem *e, const struct val *vals);

/* Elements that only the extending type has need its name. */
static void
put_extension(struct writer *w, const struct shape *shape, const struct val *vals)
{
	const struct elem *e = shape->elems;
	char name[96];

	while (e->attr != shape->extension_from)
		e++;
	for (; e->attr != A_END; e++)
		if (val_get(vals, e->attr) != NULL) {
			int n = snprintf(name, sizeof(name), "m2m:%s", shape->extension);

			w->ops->attr(w, (struct codec_name){ "type", CODEC_NS_XSI },
			             slice_make(name, (size_t)n), CODEC_TEXT);
			return;
		}
}

static void
put_struct(struct writer *w, const struct shape *shape, const struct val *vals)
{
	const struct val *text = val_get(vals, A_TEXT);

	if (shape->extension != NULL)
		put_extension(w, shape, vals);
	put_places(w, shape->elems, vals);
	if ((shape->flags & SHAPE_BASE64_TEXT) && text != NULL)
		w->ops->base64(w, text->text);
	else if ((shape->flags & SHAPE_TEXT) && text != NULL)
		w->ops->text(w, text->text, CODEC_TEXT);
}

static void
put_any(struct writer *w, const struct node *n)
{
	/* A node without a name: its attributes, text and children. */
	struct node bare = { .text = n->text, .first = n->first, .last = n->last, .flags = n->flags };

	w->ops->any(w, &bare);
}

static void
put_value(struct writer *w, unsigned elem, unsigned begin, const struct val *v)
{
	const struct attr_info *info = attr_info(v->attr);

	if (info->kind == K_STRUCT) {
		w->ops->begin(w, name_of(v->attr, elem), begin);
		put_struct(w, info->shape, v->first);
	} else if (info->kind == K_ANY) {
		w->ops->begin(w, name_of(v->attr, elem), begin);
		if (v->any != NULL)
			put_any(w, v->any);
	} else {
		w->ops->begin(w, name_of(v->attr, elem), begin | CODEC_SIMPLE);
		put_scalar(w, info, v);
	}
	w->ops->end(w);
}

static void
put_list(struct writer *w, const struct elem *e, const struct val *v)
{
	w->ops->list(w, name_of(e->attr, e->flags));
	for (; v != NULL && v->attr == e->attr; v = v->next)
		put_value(w, e->flags, CODEC_ENTRY, v);
	w->ops->list_end(w);
}

static void
put_places(struct writer *w, const struct elem *e, const struct val *vals)
{
	for (; e->attr != A_END; e++) {
		const struct val *v = val_get(vals, e->attr);
		char scratch[KIND_TEXT_MAX];

		if (e->flags & E_MANY)
			put_list(w, e, v);
		else if (v == NULL)
			continue;
		else if (e->flags & E_ANY_ATTRIBUTE)
			w->ops->attr(w, name_of(e->attr, e->flags),
			             kind_format(attr_info(e->attr), v, scratch),
			             scalar_of(attr_info(e->attr)->kind));
		else
			put_value(w, e->flags, 0, v);
	}
}

/* Namespaces that may occur below an attribute; declaring one that does not costs nothing. */
static unsigned
root_flags(const struct val *vals)
{
	unsigned flags = CODEC_ROOT;

	for (; vals != NULL; vals = vals->next) {
		if (vals->attr == A_CONTENT || vals->attr == A_CONTENT_INSTANCE_COLLECTION ||
		    vals->attr == A_REPRESENTATION || vals->attr == A_CONTENT_INSTANCE)
			flags |= CODEC_USES_XMIME;
		if (vals->attr == A_FILTER_CRITERIA)
			flags |= CODEC_USES_XSI;
	}
	return flags;
}

void
render_resource(struct writer *w, const struct rtype *t, const struct val *vals)
{
	struct elem places[48];
	size_t n = 0;

	for (const struct rule *r = t->rules; r->attr != A_END && n < 47; r++)
		places[n++] = (struct elem){ r->attr, r->elem };
	places[n] = (struct elem){ A_END, 0 };
	w->ops->begin(w, (struct codec_name){ t->name, CODEC_NS_M2M }, root_flags(vals));
	put_places(w, places, vals);
	w->ops->end(w);
}

void
render_shape(struct writer *w, const char *name, const struct shape *shape, const struct val *vals)
{
	w->ops->begin(w, (struct codec_name){ name, CODEC_NS_M2M }, root_flags(vals));
	put_places(w, shape->elems, vals);
	w->ops->end(w);
}

void
render_attribute(struct writer *w, const struct val *v)
{
	put_value(w, E_QUALIFIED, root_flags(v), v);
}
