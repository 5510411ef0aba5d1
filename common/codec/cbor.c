/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CBOR (RFC 8949) to the neutral tree, by the streaming decoder of libcbor: it takes no memory, and
 * what is kept was counted first. Every well-formed encoding is read, also of indefinite length or
 * not the shortest; what the tree cannot say is refused: null, undefined, other simple values, NaN,
 * infinities, integers beyond 64 bits with sign, keys that are no text, and tags, which would
 * change the meaning of what they mark. Only the tag that says "this is CBOR" may stand in front.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/base64.h"
#include "codec/cbor_item.h"
#include "codec/parts.h"

/* RFC 8949 3.4.6. */
#define TAG_SELF_DESCRIBED 55799u
/* Members of an object whose names are compared without taking memory. */
#define KEYS_FIRST 16u

struct decoder {
	struct members m;
	struct slice all, rest;
	size_t at; /* where the last item began */
	unsigned nodes;
};

/* The names of one object so far; in the input, or of chunks in the arena. */
struct keys {
	struct slice *at;
	size_t n, max;
};

static bool
refuse(struct decoder *d, const char *why)
{
	return members_fail(&d->m, RC_BAD_REQUEST, why);
}

/* Takes the next head. */
static bool
head_take(struct decoder *d, struct item *item)
{
	const char *why;

	d->at = d->all.n - d->rest.n;
	why = item_next(&d->rest, item);
	return why == NULL || refuse(d, why);
}

/* ---- strings ---- */

static bool
string_check(struct decoder *d, const struct item *item, size_t before)
{
	if (item->bytes.n > d->m.limits->text - before)
		return refuse(d, "text too long");
	return item->kind != KIND_TEXT || codec_utf8_ok(item->bytes) ||
	       refuse(d, "not UTF-8, or a NUL character");
}

/* Joins the chunks behind the head; each is a whole string of the same kind (RFC 8949 3.2.3). */
static bool
chunks_take(struct decoder *d, struct item *string)
{
	struct buf joined;
	struct item chunk;
	bool ok;

	buf_init(&joined, d->m.limits->text);
	while ((ok = head_take(d, &chunk)) && chunk.kind != KIND_BREAK) {
		ok = (chunk.kind == string->kind && !chunk.indefinite) ||
		     refuse(d, "a chunk of another kind in a string");
		if (!ok || !(ok = string_check(d, &chunk, joined.n)))
			break;
		buf_slice(&joined, chunk.bytes);
	}
	if (ok) {
		string->bytes = arena_copy(d->m.a, buf_view(&joined));
		ok = (!joined.failed && string->bytes.p != NULL) ||
		     members_fail(&d->m, RC_UNAVAILABLE, "out of memory for the document");
	}
	buf_fini(&joined);
	return ok;
}

/* Takes the next item but for what an array or map holds; a string is whole and checked. */
static bool
item_take(struct decoder *d, struct item *item)
{
	if (!head_take(d, item))
		return false;
	if (item->kind == KIND_TAG)
		return refuse(d, "a tag that is not accepted");
	if (item->kind != KIND_TEXT && item->kind != KIND_BYTES)
		return true;
	return item->indefinite ? chunks_take(d, item) : string_check(d, item, 0);
}

/* ---- values ---- */

/* The shortest decimal form that is read as the same number. */
static bool
real_set(struct decoder *d, struct node *n, double v)
{
	char form[32];
	int len = 0;

	for (int digits = 15; digits <= 17; digits++) {
		len = snprintf(form, sizeof(form), "%.*g", digits, v);
		if (strtod(form, NULL) == v)
			break;
	}
	return members_real(&d->m, n, v, slice_make(form, (size_t)len));
}

/* The limit is that of the text which it is elsewhere. */
static bool
bytes_set(struct decoder *d, struct node *n, struct slice bytes)
{
	struct buf text;
	bool ok;

	if ((bytes.n + 2) / 3 * 4 > d->m.limits->text)
		return refuse(d, "text too long");
	buf_init(&text, d->m.limits->text);
	base64_encode(&text, bytes);
	ok = text.failed
	             ? members_fail(&d->m, RC_UNAVAILABLE, "out of memory for the document")
	             : members_text(&d->m, n, buf_view(&text), NODE_BINARY);
	buf_fini(&text);
	return ok;
}

static bool map_set(struct decoder *d, struct node *n, const struct item *map, unsigned depth);

/* depth: how many elements the value is nested in. */
static bool
value_set(struct decoder *d, struct node *n, const struct item *item, unsigned depth)
{
	switch (item->kind) {
	case KIND_INTEGER: return members_integer(&d->m, n, item->integer);
	case KIND_REAL: return real_set(d, n, item->real);
	case KIND_BOOLEAN: return members_boolean(n, item->boolean);
	case KIND_TEXT: return members_text(&d->m, n, item->bytes, NODE_STRING);
	case KIND_BYTES: return bytes_set(d, n, item->bytes);
	case KIND_MAP: return map_set(d, n, item, depth + 1);
	case KIND_ARRAY: return refuse(d, "an array where a value is expected");
	default: return refuse(d, "a break where a value is expected");
	}
}

static bool
node_count(struct decoder *d)
{
	return d->nodes++ < d->m.limits->nodes || refuse(d, "too many members");
}

/* True when there is another entry or key, whose head is taken; a failure is kept in d. */
static bool
next_take(struct decoder *d, const struct item *of, uint64_t *taken, struct item *item)
{
	if (!of->indefinite && *taken == of->count)
		return false;
	++*taken;
	return item_take(d, item) && !(of->indefinite && item->kind == KIND_BREAK);
}

static bool
array_set(struct decoder *d, const struct member *member, const struct item *array, unsigned depth)
{
	struct item item;
	uint64_t taken = 0;
	bool any = false;

	while (next_take(d, array, &taken, &item)) {
		struct node *n = node_count(d) ? members_entry(&d->m, member, NODE_ARRAY) : NULL;

		any = true;
		if (n == NULL || !value_set(d, n, &item, depth))
			return false;
	}
	if (d->m.rc != RC_OK || any)
		return d->m.rc == RC_OK;
	return node_count(d) && members_entry(&d->m, member, NODE_EMPTY_ARRAY) != NULL;
}

/* ---- objects ---- */

static bool
keys_add(struct decoder *d, struct keys *keys, struct slice key)
{
	struct slice *more;

	if (keys->n == keys->max) {
		more = arena_alloc(d->m.a, 2 * keys->max * sizeof(*more));
		if (more == NULL)
			return members_fail(&d->m, RC_UNAVAILABLE, "out of memory for the document");
		memcpy(more, keys->at, keys->n * sizeof(*more));
		keys->at = more;
		keys->max *= 2;
	}
	keys->at[keys->n++] = key;
	return true;
}

static int
by_name(const void *a, const void *b)
{
	return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

/* A map whose keys are not unique is not valid (RFC 8949 5.6). */
static bool
keys_unique(struct decoder *d, struct keys *keys)
{
	qsort(keys->at, keys->n, sizeof(*keys->at), by_name);
	for (size_t i = 1; i < keys->n; i++)
		if (slice_eq(keys->at[i - 1], keys->at[i]))
			return refuse(d, "a member occurs twice");
	return true;
}

static enum members_form
form_of(const struct item *item)
{
	if (item->kind == KIND_ARRAY)
		return MEMBERS_ARRAY;
	return item->kind == KIND_MAP ? MEMBERS_OBJECT : MEMBERS_SCALAR;
}

static bool
member_set(struct decoder *d, struct members_seen *seen, struct node *n, struct slice key,
           unsigned depth)
{
	struct member member;
	enum members_form form;
	struct item item;

	if (!item_take(d, &item))
		return false;
	form = form_of(&item);
	if (form != MEMBERS_ARRAY && !node_count(d))
		return false;
	if (!members_take(&d->m, seen, n, key, form, &member))
		return false;
	return form == MEMBERS_ARRAY ? array_set(d, &member, &item, depth)
	                             : value_set(d, member.to, &item, depth);
}

static bool
map_set(struct decoder *d, struct node *n, const struct item *map, unsigned depth)
{
	struct slice first[KEYS_FIRST];
	struct keys keys = { .at = first, .max = KEYS_FIRST };
	struct members_seen seen = { .attributes = 0 };
	struct item key;
	uint64_t taken = 0;

	if (depth > d->m.limits->depth)
		return refuse(d, "objects nested too deep");
	while (next_take(d, map, &taken, &key)) {
		if (key.kind != KIND_TEXT)
			return refuse(d, "a member name is no text");
		if (!keys_add(d, &keys, key.bytes) || !member_set(d, &seen, n, key.bytes, depth))
			return false;
	}
	return d->m.rc == RC_OK && keys_unique(d, &keys) && members_end(&d->m, &seen, n);
}

/* ---- documents ---- */

/* Takes the head of the document; a tag before it says no more than its media type. */
static bool
document_take(struct decoder *d, struct item *document)
{
	if (d->all.n > CODEC_DOCUMENT_MAX)
		return refuse(d, "document too long");
	if (!head_take(d, document))
		return false;
	if (document->kind == KIND_TAG && document->tag == TAG_SELF_DESCRIBED &&
	    !head_take(d, document))
		return false;
	return document->kind == KIND_MAP || refuse(d, "object expected");
}

/* The document: its only member names the root. */
static struct node *
root_take(struct decoder *d)
{
	struct item document = { .indefinite = false }, item;
	uint64_t taken = 0;
	struct node *root;

	if (!document_take(d, &document))
		return NULL;
	if (!document.indefinite && document.count != 1) {
		refuse(d, "one member is expected: the root element");
		return NULL;
	}
	if (!next_take(d, &document, &taken, &item) || item.kind != KIND_TEXT) {
		refuse(d, "one member is expected: the root element");
		return NULL;
	}
	root = node_count(d) ? members_root(&d->m, item.bytes) : NULL;
	if (root == NULL || !item_take(d, &item) || !value_set(d, root, &item, 0))
		return NULL;
	if (next_take(d, &document, &taken, &item))
		refuse(d, "one member is expected: the root element");
	else if (d->rest.n > 0)
		refuse(d, "bytes behind the document");
	return root;
}

static enum rc
decode(struct arena *a, struct slice bytes, const struct codec_limits *limits, struct node **root,
       const char **why)
{
	struct decoder d = { .m = { .a = a, .limits = limits }, .all = bytes, .rest = bytes };
	struct node *n = root_take(&d);

	if (d.m.rc == RC_OK)
		*root = n;
	else if (d.m.rc == RC_BAD_REQUEST)
		*why = arena_printf(a, "offset %zu: %s", d.at, d.m.why).p;
	if (d.m.rc != RC_OK && *why == NULL)
		*why = d.m.why;
	return d.m.rc;
}

static const char *const accepted[] = { "application/cbor", NULL };

const struct codec codec_cbor = {
	.name = "cbor",
	.media_type = "application/cbor",
	.accepted = accepted,
	.decode = decode,
	.writer = codec_cbor_writer,
};
