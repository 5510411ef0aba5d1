/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON to the neutral tree: one member names the root; members are attributes or elements,
 * which only the model can tell. "@x" is an attribute for sure, "$t" the text beside
 * attributes, "$type" is xsi:type, "{uri}x" an element of a foreign namespace.
 */
#include "config.h"

#include "codec/codec.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include <json-c/json.h>

#include "codec/parts.h"

/* Integers up to here are exact in a double. */
#define EXACT_MAX 9007199254740992.0

struct decoder {
	struct arena *a;
	const struct codec_limits *limits;
	size_t members; /* seen in the tree of json-c */
	struct slice foreign[CODEC_NAMESPACES]; /* as many as an XML document may have */
	unsigned nforeign;
	enum rc rc;
	const char *why;
};

/* Keeps the first failure. why: a constant. */
static bool
fail(struct decoder *d, enum rc rc, const char *why)
{
	if (d->rc == RC_OK) {
		d->rc = rc;
		d->why = why;
	}
	return false;
}

static bool
text_set(struct decoder *d, struct node *n, struct slice text, unsigned flag)
{
	n->flags |= flag;
	n->text = arena_copy(d->a, text);
	return n->text.p != NULL || fail(d, RC_UNAVAILABLE, "out of memory for the document");
}

static bool
boolean_set(struct decoder *d, struct node *n, struct json_object *v)
{
	(void)d;
	n->text = json_object_get_boolean(v) ? SLICE_LIT("true") : SLICE_LIT("false");
	n->flags |= NODE_BOOLEAN;
	return true;
}

static bool
string_set(struct decoder *d, struct node *n, struct json_object *v)
{
	size_t len = (size_t)json_object_get_string_len(v);

	return text_set(d, n, slice_make(json_object_get_string(v), len), NODE_STRING);
}

static bool
integer_set(struct decoder *d, struct node *n, int64_t v)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%" PRId64, v);

	return text_set(d, n, slice_make(digits, (size_t)len), NODE_NUMBER);
}

static bool
int_set(struct decoder *d, struct node *n, struct json_object *v)
{
	return integer_set(d, n, json_object_get_int64(v));
}

/* "1.0" and "1e3" are integers to JSON; what is none keeps the form in which it was sent. */
static bool
double_set(struct decoder *d, struct node *n, struct json_object *v)
{
	double x = json_object_get_double(v);

	if (fabs(x) <= EXACT_MAX && trunc(x) == x)
		return integer_set(d, n, (int64_t)x);
	return text_set(d, n, slice_of(json_object_get_string(v)), NODE_NUMBER);
}

static bool object_set(struct decoder *d, struct node *n, struct json_object *v);

/* Puts the value into n; arrays are the business of member_add. */
static bool
value_set(struct decoder *d, struct node *n, struct json_object *v)
{
	switch (json_object_get_type(v)) {
	case json_type_boolean: return boolean_set(d, n, v);
	case json_type_double: return double_set(d, n, v);
	case json_type_int: return int_set(d, n, v);
	case json_type_string: return string_set(d, n, v);
	case json_type_object: return object_set(d, n, v);
	default: return fail(d, RC_BAD_REQUEST, "array or null where a value is expected");
	}
}

static struct node *
node_new(struct decoder *d, struct node *parent, struct slice name, unsigned flags)
{
	struct node *n = node_add(d->a, parent, name, flags);

	if (n == NULL)
		fail(d, RC_UNAVAILABLE, "out of memory for the document");
	return n;
}

/* What a member names: an element of a foreign namespace, or an element or attribute. */
struct label {
	struct slice name, ns;
	unsigned flags;
};

static struct node *
member_new(struct decoder *d, struct node *to, const struct label *label, unsigned flags)
{
	struct node *n = node_new(d, to, label->name, label->flags | flags);

	if (n != NULL)
		n->ns = label->ns;
	return n;
}

static bool
array_add(struct decoder *d, struct node *to, const struct label *label, struct json_object *v)
{
	size_t count = json_object_array_length(v);

	if (count == 0)
		return member_new(d, to, label, NODE_EMPTY_ARRAY) != NULL;
	for (size_t i = 0; i < count; i++) {
		struct node *n = member_new(d, to, label, NODE_ARRAY);

		if (n == NULL || !value_set(d, n, json_object_array_get_idx(v, i)))
			return false;
	}
	return true;
}

/* The name in the arena; a slice without bytes (and a failure) when it can not name an element. */
static struct slice
name_keep(struct decoder *d, struct slice name)
{
	if (!codec_name_ok(name)) {
		fail(d, RC_BAD_REQUEST, "a member name is not the name of an element or attribute");
		return SLICE_NONE;
	}
	name = arena_copy(d->a, name);
	if (name.p == NULL)
		fail(d, RC_UNAVAILABLE, "out of memory for the document");
	return name;
}

/* The namespace in the arena, one copy per document; false (and a failure) when it can be none. */
static bool
foreign_keep(struct decoder *d, struct slice ns, struct slice *out)
{
	const char *uri;

	for (unsigned i = 0; i < d->nforeign; i++)
		if (slice_eq(d->foreign[i], ns)) {
			*out = d->foreign[i];
			return true;
		}
	if (d->nforeign == CODEC_NAMESPACES)
		return fail(d, RC_BAD_REQUEST, "too many namespaces");
	uri = arena_str(d->a, ns);
	if (uri == NULL)
		return fail(d, RC_UNAVAILABLE, "out of memory for the document");
	if (!codec_foreign_ok(uri))
		return fail(d, RC_BAD_REQUEST, "a member name has no usable namespace in braces");
	*out = d->foreign[d->nforeign++] = slice_of(uri);
	return true;
}

static bool
label_read(struct decoder *d, struct slice key, struct label *label)
{
	const char *brace = key.n > 0 && key.p[0] == '{' ? memchr(key.p, '}', key.n) : NULL;
	struct slice ns;

	*label = (struct label){ .flags = NODE_NO_NS | NODE_EITHER };
	if (brace != NULL) {
		ns = slice_make(key.p + 1, (size_t)(brace - key.p) - 1);
		label->flags = NODE_NO_NS;
		key = slice_from(key, ns.n + 2);
		if (!foreign_keep(d, ns, &label->ns))
			return false;
	}
	label->name = name_keep(d, key);
	return label->name.n > 0;
}

static bool
is_scalar(struct json_object *v)
{
	enum json_type type = json_object_get_type(v);

	return type != json_type_object && type != json_type_array;
}

static bool
member_add(struct decoder *d, struct node *to, struct slice key, struct json_object *v)
{
	struct label label;
	struct node *n;

	if (!label_read(d, key, &label))
		return false;
	if (json_object_is_type(v, json_type_array))
		return array_add(d, to, &label, v);
	n = member_new(d, to, &label, 0);
	return n != NULL && value_set(d, n, v);
}

/* Members that begin with '@' or '$'. */
static bool
special_add(struct decoder *d, struct node *to, struct slice name, struct json_object *v)
{
	struct node *n;

	if (!is_scalar(v))
		return fail(d, RC_BAD_REQUEST, "an attribute or text must be a scalar");
	if (slice_is(name, "$t"))
		return value_set(d, to, v);
	if (name.p[0] == '@') {
		name = name_keep(d, slice_from(name, 1));
		n = name.n == 0 ? NULL : node_new(d, to, name, NODE_NO_NS | NODE_ATTRIBUTE);
	} else if (slice_is(name, "$type")) {
		n = node_new(d, to, SLICE_LIT("type"), NODE_ATTRIBUTE);
		if (n != NULL)
			n->ns = SLICE_LIT(NS_XSI);
	} else {
		return fail(d, RC_BAD_REQUEST, "unknown member that begins with '$'");
	}
	return n != NULL && value_set(d, n, v);
}

/* What is known of one object. */
struct contents {
	unsigned attributes;
	unsigned scalars; /* members that are attributes when there is text */
	bool text; /* has "$t" */
	bool elements; /* has a member that cannot be an attribute */
};

static bool
is_special(struct slice name)
{
	return name.n > 0 && (name.p[0] == '@' || name.p[0] == '$');
}

/* One round over the members, either the special or the others; what is counted goes to c. */
static bool
members_add(struct decoder *d, struct node *to, struct json_object *v, bool special,
            struct contents *c)
{
	struct json_object_iterator at = json_object_iter_begin(v);
	struct json_object_iterator end = json_object_iter_end(v);

	for (; !json_object_iter_equal(&at, &end); json_object_iter_next(&at)) {
		struct slice name = slice_of(json_object_iter_peek_name(&at));
		struct json_object *value = json_object_iter_peek_value(&at);

		if (is_special(name) != special)
			continue;
		if (special ? !special_add(d, to, name, value) : !member_add(d, to, name, value))
			return false;
		d->members++;
		if (special && slice_is(name, "$t"))
			c->text = true;
		else if (special)
			c->attributes++;
		else if (name.p[0] == '{' || !is_scalar(value))
			c->elements = true;
		else
			c->scalars++;
	}
	return true;
}

/* Text stands beside attributes only, so what could be either is one. */
static bool
make_attributes(struct decoder *d, struct node *n)
{
	for (struct node *c = n->first; c != NULL; c = c->next) {
		for (const struct node *b = n->first; b != c; b = b->next)
			if (slice_eq(b->name, c->name) && slice_eq(b->ns, c->ns))
				return fail(d, RC_BAD_REQUEST, "an attribute occurs twice");
		c->flags = (c->flags & ~(unsigned)NODE_EITHER) | NODE_ATTRIBUTE;
	}
	return true;
}

static bool
object_set(struct decoder *d, struct node *n, struct json_object *v)
{
	struct contents c = { .attributes = 0 };

	/* Attributes come first in a node; the members of an object have no order. */
	if (!members_add(d, n, v, true, &c) || !members_add(d, n, v, false, &c))
		return false;
	if (c.text && c.elements)
		return fail(d, RC_BAD_REQUEST, "text beside elements");
	if (c.attributes + (c.text ? c.scalars : 0) > d->limits->attributes)
		return fail(d, RC_BAD_REQUEST, "too many attributes");
	return !c.text || make_attributes(d, n);
}

/* The document: its only member names the root. */
static struct node *
root_new(struct decoder *d, struct json_object *v)
{
	struct json_object_iterator at = json_object_iter_begin(v);
	struct json_object *value;
	struct label label;
	struct node *root;

	if (json_object_object_length(v) != 1) {
		fail(d, RC_BAD_REQUEST, "one member is expected: the root element");
		return NULL;
	}
	d->members = 1;
	value = json_object_iter_peek_value(&at);
	if (!label_read(d, slice_of(json_object_iter_peek_name(&at)), &label))
		return NULL;
	root = member_new(d, NULL, &label, 0);
	return root != NULL && value_set(d, root, value) ? root : NULL;
}

/* The tree of json-c, to be given back; NULL after a failure. */
static struct json_object *
parse(struct decoder *d, struct slice bytes)
{
	/* Below each element at most an array and an object; the text was scanned for depth. */
	struct json_tokener *tok = json_tokener_new_ex((int)(2 * d->limits->depth + 4));
	struct json_object *v;

	if (tok == NULL) {
		fail(d, RC_UNAVAILABLE, "out of memory for the document");
		return NULL;
	}
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT);
	v = json_tokener_parse_ex(tok, bytes.p, (int)bytes.n);
	if (v == NULL)
		fail(d, RC_BAD_REQUEST, json_tokener_error_desc(json_tokener_get_error(tok)));
	json_tokener_free(tok);
	return v;
}

static bool
scan(struct decoder *d, struct slice bytes, size_t *members)
{
	struct json_facts facts;
	const char *why;

	if (codec_json_scan(bytes, d->limits, &facts)) {
		*members = facts.members;
		return true;
	}
	why = arena_printf(d->a, "offset %zu: %s", facts.at, facts.why).p;
	return fail(d, RC_BAD_REQUEST, why == NULL ? facts.why : why);
}

static enum rc
decode(struct arena *a, struct slice bytes, const struct codec_limits *limits, struct node **root,
       const char **why)
{
	struct decoder d = { .a = a, .limits = limits };
	struct json_object *v = NULL;
	struct node *n = NULL;
	size_t members = 0;

	if (scan(&d, bytes, &members))
		v = parse(&d, bytes);
	if (v != NULL)
		n = root_new(&d, v);
	/* json-c keeps one of several members of a name, and that counts as one. */
	if (n != NULL && d.members != members)
		fail(&d, RC_BAD_REQUEST, "a member occurs twice");
	json_object_put(v);
	if (d.rc == RC_OK)
		*root = n;
	else
		*why = d.why;
	return d.rc;
}

static const char *const accepted[] = { "application/json", NULL };

const struct codec codec_json = {
	.name = "json",
	.media_type = "application/json",
	.accepted = accepted,
	.decode = decode,
	.writer = codec_json_writer,
};
