/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "model/res.h"

/* Nesting of stored values; the shapes need five, xs:anyType is bounded by the codec limits. */
#define STORED_DEPTH 64

struct val *
val_find(struct val *list, unsigned attr)
{
	while (list != NULL && list->attr != attr)
		list = list->next;
	return list;
}

const struct val *
val_get(const struct val *list, unsigned attr)
{
	while (list != NULL && list->attr != attr)
		list = list->next;
	return list;
}

struct val *
val_add(struct arena *a, struct val **list, unsigned attr)
{
	struct val *v = ARENA_NEW(a, struct val);

	if (v == NULL)
		return NULL;
	v->attr = (uint16_t)attr;
	while (*list != NULL)
		list = &(*list)->next;
	*list = v;
	return v;
}

static struct val *
val_force(struct arena *a, struct val **list, unsigned attr)
{
	struct val *v = val_find(*list, attr);

	return v != NULL ? v : val_add(a, list, attr);
}

bool
val_set_num(struct arena *a, struct val **list, unsigned attr, int64_t num)
{
	struct val *v = val_force(a, list, attr);

	if (v != NULL)
		v->num = num;
	return v != NULL;
}

bool
val_set_text(struct arena *a, struct val **list, unsigned attr, struct slice text)
{
	struct val *v = val_force(a, list, attr);

	if (v != NULL)
		v->text = text;
	return v != NULL;
}

void
val_remove(struct val **list, unsigned attr)
{
	while (*list != NULL) {
		if ((*list)->attr == attr)
			*list = (*list)->next;
		else
			list = &(*list)->next;
	}
}

static bool
node_equal(const struct node *a, const struct node *b)
{
	for (; a != NULL && b != NULL; a = a->next, b = b->next)
		if (!slice_eq(a->name, b->name) || !slice_eq(a->ns, b->ns) || !slice_eq(a->text, b->text) ||
		    !node_equal(a->first, b->first))
			return false;
	return a == NULL && b == NULL;
}

/* The attribute says what the element is called, unless a wildcard took it. */
static bool
any_equal(unsigned attr, const struct node *a, const struct node *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	if (attr == A_MO_ATTRIBUTE && (!slice_eq(a->name, b->name) || !slice_eq(a->ns, b->ns)))
		return false;
	return slice_eq(a->text, b->text) && node_equal(a->first, b->first);
}

bool
val_equal(const struct val *a, const struct val *b)
{
	for (; a != NULL && b != NULL; a = a->next, b = b->next)
		if (a->attr != b->attr || a->num != b->num || !slice_eq(a->text, b->text) ||
		    !val_equal(a->first, b->first) || !any_equal(a->attr, a->any, b->any))
			return false;
	return a == NULL && b == NULL;
}

int64_t
val_num(const struct val *list, unsigned attr, int64_t def)
{
	const struct val *v = val_get(list, attr);

	return v == NULL ? def : v->num;
}

struct slice
val_text(const struct val *list, unsigned attr)
{
	const struct val *v = val_get(list, attr);

	return v == NULL ? SLICE_NONE : v->text;
}

/* Fills in the length at at of what has been written behind it. */
static void
put_length(struct buf *to, size_t at)
{
	if (to->failed)
		return;
	for (unsigned i = 0; i < 4; i++)
		to->p[at + i] = (char)((to->n - at - 4) >> (8 * (3 - i)));
}

/* The stored form of a neutral node: flags u8, then name, ns, text and children, each with a length. */
static void
node_encode(struct buf *to, const struct node *n)
{
	struct slice parts[] = { n->name, n->ns, n->text };
	size_t at;

	buf_char(to, (char)(n->flags & NODE_ATTRIBUTE));
	for (size_t i = 0; i < 3; i++) {
		buf_be(to, parts[i].n, 4);
		buf_slice(to, parts[i]);
	}
	at = to->n;
	buf_be(to, 0, 4);
	for (const struct node *c = n->first; c != NULL; c = c->next)
		node_encode(to, c);
	put_length(to, at);
}

static void
payload_encode(struct buf *to, const struct val *v)
{
	switch (attr_info(v->attr)->kind) {
	case K_LONG:
	case K_BOOLEAN:
	case K_TIME:
	case K_DURATION:
	case K_ENUM:
		buf_be(to, (uint64_t)v->num, 8);
		return;
	case K_STRUCT:
		vals_encode(to, v->first);
		return;
	case K_ANY:
		/* Its siblings belong to the document that it came with. */
		if (v->any != NULL)
			node_encode(to, v->any);
		return;
	default:
		buf_slice(to, v->text);
	}
}

void
vals_encode(struct buf *to, const struct val *list)
{
	for (; list != NULL; list = list->next) {
		size_t at;

		buf_be(to, list->attr, 2);
		at = to->n;
		buf_be(to, 0, 4);
		payload_encode(to, list);
		put_length(to, at);
	}
}

/* Cuts a big-endian number of size bytes off *s. */
static bool
cut_be(struct slice *s, unsigned size, uint64_t *v)
{
	*v = 0;
	if (s->n < size)
		return false;
	for (unsigned i = 0; i < size; i++)
		*v = *v << 8 | (unsigned char)s->p[i];
	*s = slice_from(*s, size);
	return true;
}

static bool
cut_bytes(struct slice *s, struct slice *out)
{
	uint64_t n;

	if (!cut_be(s, 4, &n) || n > s->n)
		return false;
	*out = slice_head(*s, n);
	*s = slice_from(*s, n);
	return true;
}

static enum rc
node_decode(struct arena *a, struct slice *bytes, struct node *parent, struct node **out,
            unsigned depth)
{
	struct node *n = node_add(a, parent, SLICE_NONE, 0);
	struct slice children;
	uint64_t flags;
	enum rc rc = RC_OK;

	if (n == NULL)
		return RC_UNAVAILABLE;
	if (depth == 0 || !cut_be(bytes, 1, &flags) || !cut_bytes(bytes, &n->name) ||
	    !cut_bytes(bytes, &n->ns) || !cut_bytes(bytes, &n->text) || !cut_bytes(bytes, &children))
		return RC_INTERNAL;
	n->flags = (unsigned)flags & NODE_ATTRIBUTE;
	while (children.n > 0 && rc == RC_OK)
		rc = node_decode(a, &children, n, NULL, depth - 1);
	if (out != NULL)
		*out = n;
	return rc;
}

static enum rc
any_decode(struct arena *a, struct slice bytes, struct val *v)
{
	struct node *n = NULL;
	enum rc rc = bytes.n == 0 ? RC_OK : node_decode(a, &bytes, NULL, &n, STORED_DEPTH);

	v->any = n;
	return rc == RC_OK && bytes.n > 0 ? RC_INTERNAL : rc;
}

static bool
number_fits(const struct attr_info *info, int64_t num)
{
	if (info->kind == K_BOOLEAN)
		return num == 0 || num == 1;
	if (info->kind != K_ENUM)
		return true;
	for (int64_t i = 0; info->values->values[i] != NULL; i++)
		if (i == num)
			return true;
	return false;
}

static enum rc list_decode(struct arena *a, struct slice bytes, struct val **list, unsigned depth);

static enum rc
payload_decode(struct arena *a, struct slice bytes, const struct attr_info *info, struct val *v,
               unsigned depth)
{
	uint64_t num;

	switch (info->kind) {
	case K_LONG:
	case K_BOOLEAN:
	case K_TIME:
	case K_DURATION:
	case K_ENUM:
		if (bytes.n != 8 || !cut_be(&bytes, 8, &num))
			return RC_INTERNAL;
		v->num = (int64_t)num;
		return number_fits(info, v->num) ? RC_OK : RC_INTERNAL;
	case K_STRUCT:
		return list_decode(a, bytes, &v->first, depth - 1);
	case K_ANY:
		return any_decode(a, bytes, v);
	default:
		v->text = bytes;
		return RC_OK;
	}
}

static enum rc
list_decode(struct arena *a, struct slice bytes, struct val **list, unsigned depth)
{
	if (depth == 0)
		return RC_INTERNAL;
	while (bytes.n > 0) {
		const struct attr_info *info;
		struct slice payload;
		uint64_t attr;
		struct val *v;
		enum rc rc;

		if (!cut_be(&bytes, 2, &attr) || !cut_bytes(&bytes, &payload))
			return RC_INTERNAL;
		info = attr_info((unsigned)attr);
		if (info == NULL)
			return RC_INTERNAL;
		v = ARENA_NEW(a, struct val);
		if (v == NULL)
			return RC_UNAVAILABLE;
		v->attr = (uint16_t)attr;
		*list = v;
		list = &v->next;
		rc = payload_decode(a, payload, info, v, depth);
		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}

enum rc
vals_decode(struct arena *a, struct slice bytes, struct val **list)
{
	*list = NULL;
	return list_decode(a, bytes, list, STORED_DEPTH);
}
