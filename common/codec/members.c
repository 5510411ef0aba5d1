/* SPDX-License-Identifier: Apache-2.0 */
/* What the members of objects mean, whatever the syntax: reading. */
#include "config.h"

#include "codec/parts.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

bool
members_fail(struct members *m, enum rc rc, const char *why)
{
	if (m->rc == RC_OK) {
		m->rc = rc;
		m->why = why;
	}
	return false;
}

static bool
out_of_memory(struct members *m)
{
	return members_fail(m, RC_UNAVAILABLE, "out of memory for the document");
}

bool
members_text(struct members *m, struct node *n, struct slice text, unsigned flag)
{
	n->flags |= flag;
	n->text = arena_copy(m->a, text);
	return n->text.p != NULL || out_of_memory(m);
}

bool
members_boolean(struct node *n, bool v)
{
	n->text = v ? SLICE_LIT("true") : SLICE_LIT("false");
	n->flags |= NODE_BOOLEAN;
	return true;
}

bool
members_integer(struct members *m, struct node *n, int64_t v)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%" PRId64, v);

	return members_text(m, n, slice_make(digits, (size_t)len), NODE_NUMBER);
}

bool
members_real(struct members *m, struct node *n, double v, struct slice form)
{
	if (fabs(v) <= (double)CODEC_EXACT_MAX && trunc(v) == v)
		return members_integer(m, n, (int64_t)v);
	return members_text(m, n, form, NODE_NUMBER);
}

static struct node *
node_new(struct members *m, struct node *parent, struct slice name, unsigned flags)
{
	struct node *n = node_add(m->a, parent, name, flags);

	if (n == NULL)
		out_of_memory(m);
	return n;
}

/* The name in the arena; a slice without bytes (and a failure) when it can not name an element. */
static struct slice
name_keep(struct members *m, struct slice name)
{
	if (!codec_name_ok(name)) {
		members_fail(m, RC_BAD_REQUEST,
		             "a member name is not the name of an element or attribute");
		return SLICE_NONE;
	}
	name = arena_copy(m->a, name);
	if (name.p == NULL)
		out_of_memory(m);
	return name;
}

/* The namespace in the arena, one copy per document; false (and a failure) when it can be none. */
static bool
foreign_keep(struct members *m, struct slice ns, struct slice *out)
{
	const char *uri;

	for (unsigned i = 0; i < m->nforeign; i++)
		if (slice_eq(m->foreign[i], ns)) {
			*out = m->foreign[i];
			return true;
		}
	if (m->nforeign == CODEC_NAMESPACES)
		return members_fail(m, RC_BAD_REQUEST, "too many namespaces");
	uri = arena_str(m->a, ns);
	if (uri == NULL)
		return out_of_memory(m);
	if (!codec_foreign_ok(uri))
		return members_fail(m, RC_BAD_REQUEST,
		                    "a member name has no usable namespace in braces");
	*out = m->foreign[m->nforeign++] = slice_of(uri);
	return true;
}

static bool
label_read(struct members *m, struct slice key, struct member *out)
{
	const char *brace = key.n > 0 && key.p[0] == '{' ? memchr(key.p, '}', key.n) : NULL;
	struct slice ns;

	out->ns = SLICE_NONE;
	out->flags = NODE_NO_NS | NODE_EITHER;
	if (brace != NULL) {
		ns = slice_make(key.p + 1, (size_t)(brace - key.p) - 1);
		out->flags = NODE_NO_NS;
		key = slice_from(key, ns.n + 2);
		if (!foreign_keep(m, ns, &out->ns))
			return false;
	}
	out->name = name_keep(m, key);
	return out->name.n > 0;
}

struct node *
members_entry(struct members *m, const struct member *array, unsigned flag)
{
	struct node *n = node_new(m, array->to, array->name, array->flags | flag);

	if (n != NULL)
		n->ns = array->ns;
	return n;
}

struct node *
members_root(struct members *m, struct slice key)
{
	struct member root = { .to = NULL };

	return label_read(m, key, &root) ? members_entry(m, &root, 0) : NULL;
}

/* Members that begin with '@' or '$'. */
static bool
take_special(struct members *m, struct members_seen *seen, struct slice key, struct member *out)
{
	struct node *parent = out->to;

	if (slice_is(key, "$t")) {
		seen->text = true;
		return true;
	}
	seen->attributes++;
	if (key.p[0] == '@') {
		key = name_keep(m, slice_from(key, 1));
		out->to = key.n == 0 ? NULL
		                     : node_new(m, parent, key, NODE_NO_NS | NODE_ATTRIBUTE);
	} else if (slice_is(key, "$type")) {
		out->to = node_new(m, parent, SLICE_LIT("type"), NODE_ATTRIBUTE);
		if (out->to != NULL)
			out->to->ns = SLICE_LIT(NS_XSI);
	} else {
		return members_fail(m, RC_BAD_REQUEST, "unknown member that begins with '$'");
	}
	return out->to != NULL;
}

bool
members_take(struct members *m, struct members_seen *seen, struct node *parent, struct slice key,
             enum members_form form, struct member *out)
{
	*out = (struct member){ .to = parent };
	if (key.n > 0 && (key.p[0] == '@' || key.p[0] == '$'))
		return form == MEMBERS_SCALAR
		               ? take_special(m, seen, key, out)
		               : members_fail(m, RC_BAD_REQUEST,
		                              "an attribute or text must be a scalar");
	if (!label_read(m, key, out))
		return false;
	if (form != MEMBERS_SCALAR || out->ns.n > 0)
		seen->elements = true;
	else
		seen->scalars++;
	if (form == MEMBERS_ARRAY)
		return true;
	out->to = members_entry(m, out, 0);
	return out->to != NULL;
}

/* Attributes come first in a node; the members of an object have no order. */
static void
attributes_first(struct node *n)
{
	struct node *attributes = NULL, **to = &attributes, **from = &n->first, *last = NULL;

	while (*from != NULL) {
		if ((*from)->flags & NODE_ATTRIBUTE) {
			*to = *from;
			*from = (*from)->next;
			to = &(*to)->next;
		} else {
			last = *from;
			from = &(*from)->next;
		}
	}
	*to = n->first;
	n->first = attributes;
	/* Without elements the last attribute stays last. */
	if (last != NULL)
		n->last = last;
}

/* Text stands beside attributes only, so what could be either is one. */
static bool
make_attributes(struct members *m, struct node *n)
{
	for (struct node *c = n->first; c != NULL; c = c->next) {
		for (const struct node *b = n->first; b != c; b = b->next)
			if (slice_eq(b->name, c->name) && slice_eq(b->ns, c->ns))
				return members_fail(m, RC_BAD_REQUEST, "an attribute occurs twice");
		c->flags = (c->flags & ~(unsigned)NODE_EITHER) | NODE_ATTRIBUTE;
	}
	return true;
}

bool
members_end(struct members *m, const struct members_seen *seen, struct node *n)
{
	attributes_first(n);
	if (seen->text && seen->elements)
		return members_fail(m, RC_BAD_REQUEST, "text beside elements");
	if (seen->attributes + (seen->text ? seen->scalars : 0) > m->limits->attributes)
		return members_fail(m, RC_BAD_REQUEST, "too many attributes");
	return !seen->text || make_attributes(m, n);
}
