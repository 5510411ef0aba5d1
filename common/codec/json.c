/* SPDX-License-Identifier: Apache-2.0 */
/* JSON to the neutral tree: a text is scanned, parsed by json-c, and its members are read. */
#include "config.h"

#include "codec/codec.h"

#include <json-c/json.h>

#include "codec/parts.h"

struct decoder {
	struct members m;
	size_t members; /* seen in the tree of json-c */
};

static bool object_set(struct decoder *d, struct node *n, struct json_object *v);

/* Puts the value into n; arrays are the business of member_add. */
static bool
value_set(struct decoder *d, struct node *n, struct json_object *v)
{
	double real;

	switch (json_object_get_type(v)) {
	case json_type_boolean:
		return members_boolean(n, json_object_get_boolean(v));
	case json_type_double:
		real = json_object_get_double(v);
		return members_real(&d->m, n, real, slice_of(json_object_get_string(v)));
	case json_type_int:
		return members_integer(&d->m, n, json_object_get_int64(v));
	case json_type_string:
		return members_text(&d->m, n,
		                    slice_make(json_object_get_string(v),
		                               (size_t)json_object_get_string_len(v)),
		                    NODE_STRING);
	case json_type_object:
		return object_set(d, n, v);
	default:
		return members_fail(&d->m, RC_BAD_REQUEST,
		                    "array or null where a value is expected");
	}
}

static bool
array_add(struct decoder *d, const struct member *array, struct json_object *v)
{
	size_t count = json_object_array_length(v);

	if (count == 0)
		return members_entry(&d->m, array, NODE_EMPTY_ARRAY) != NULL;
	for (size_t i = 0; i < count; i++) {
		struct node *n = members_entry(&d->m, array, NODE_ARRAY);

		if (n == NULL || !value_set(d, n, json_object_array_get_idx(v, i)))
			return false;
	}
	return true;
}

static enum members_form
form_of(struct json_object *v)
{
	enum json_type type = json_object_get_type(v);

	if (type == json_type_array)
		return MEMBERS_ARRAY;
	return type == json_type_object ? MEMBERS_OBJECT : MEMBERS_SCALAR;
}

static bool
object_set(struct decoder *d, struct node *n, struct json_object *v)
{
	struct json_object_iterator at = json_object_iter_begin(v);
	struct json_object_iterator end = json_object_iter_end(v);
	struct members_seen seen = { .attributes = 0 };

	for (; !json_object_iter_equal(&at, &end); json_object_iter_next(&at)) {
		struct slice key = slice_of(json_object_iter_peek_name(&at));
		struct json_object *value = json_object_iter_peek_value(&at);
		enum members_form form = form_of(value);
		struct member member;

		if (!members_take(&d->m, &seen, n, key, form, &member))
			return false;
		if (form == MEMBERS_ARRAY ? !array_add(d, &member, value)
		                          : !value_set(d, member.to, value))
			return false;
		d->members++;
	}
	return members_end(&d->m, &seen, n);
}

/* The document: its only member names the root. */
static struct node *
root_new(struct decoder *d, struct json_object *v)
{
	struct json_object_iterator at = json_object_iter_begin(v);
	struct node *root;

	if (json_object_object_length(v) != 1) {
		members_fail(&d->m, RC_BAD_REQUEST, "one member is expected: the root element");
		return NULL;
	}
	d->members = 1;
	root = members_root(&d->m, slice_of(json_object_iter_peek_name(&at)));
	if (root == NULL || !value_set(d, root, json_object_iter_peek_value(&at)))
		return NULL;
	return root;
}

/* The tree of json-c, to be given back; NULL after a failure. */
static struct json_object *
parse(struct decoder *d, struct slice bytes)
{
	/* Below each element at most an array and an object; the text was scanned for depth. */
	struct json_tokener *tok = json_tokener_new_ex((int)(2 * d->m.limits->depth + 4));
	struct json_object *v;

	if (tok == NULL) {
		members_fail(&d->m, RC_UNAVAILABLE, "out of memory for the document");
		return NULL;
	}
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT);
	v = json_tokener_parse_ex(tok, bytes.p, (int)bytes.n);
	if (v == NULL)
		members_fail(&d->m, RC_BAD_REQUEST, json_tokener_error_desc(json_tokener_get_error(tok)));
	json_tokener_free(tok);
	return v;
}

static bool
scan(struct decoder *d, struct slice bytes, size_t *members)
{
	struct json_facts facts;
	const char *why;

	if (codec_json_scan(bytes, d->m.limits, &facts)) {
		*members = facts.members;
		return true;
	}
	why = arena_printf(d->m.a, "offset %zu: %s", facts.at, facts.why).p;
	return members_fail(&d->m, RC_BAD_REQUEST, why == NULL ? facts.why : why);
}

static enum rc
decode(struct arena *a, struct slice bytes, const struct codec_limits *limits, struct node **root,
       const char **why)
{
	struct decoder d = { .m = { .a = a, .limits = limits } };
	struct json_object *v = NULL;
	struct node *n = NULL;
	size_t members = 0;

	if (scan(&d, bytes, &members))
		v = parse(&d, bytes);
	if (v != NULL)
		n = root_new(&d, v);
	/* json-c keeps one of several members of a name, and that counts as one. */
	if (n != NULL && d.members != members)
		members_fail(&d.m, RC_BAD_REQUEST, "a member occurs twice");
	json_object_put(v);
	if (d.m.rc == RC_OK)
		*root = n;
	else
		*why = d.m.why;
	return d.m.rc;
}

static const char *const accepted[] = { "application/json", NULL };

const struct codec codec_json = {
	.name = "json",
	.media_type = "application/json",
	.accepted = accepted,
	.decode = decode,
	.writer = codec_json_writer,
};
