/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events and neutral subtrees to documents of objects and arrays, in any notation: what becomes a
 * member, and names that repeat grouped to arrays.
 */
#include "config.h"

#include "codec/parts.h"

#include <stdlib.h>

/* Private flags of an open element or list, beside those of begin. */
#define HAS_VALUE 0x40u /* CODEC_SIMPLE: the scalar is written */
#define IS_LIST 0x20u
/* Children of one element that are grouped without taking memory. */
#define KIDS_LOCAL 32u

/* True when s is an xs:long. */
static bool
long_of(struct slice s, int64_t *v)
{
	bool negative = s.n > 0 && s.p[0] == '-';
	int64_t sum = 0;

	if (s.n > 0 && (negative || s.p[0] == '+'))
		s = slice_from(s, 1);
	for (size_t i = 0; i < s.n; i++) {
		int digit = s.p[i] - '0';

		if (digit < 0 || digit > 9 || __builtin_mul_overflow(sum, 10, &sum) ||
		    __builtin_sub_overflow(sum, digit, &sum))
			return false;
	}
	if (s.n == 0 || (!negative && sum == INT64_MIN))
		return false;
	*v = negative ? sum : -sum;
	return true;
}

static void
number_put(struct writer *w, struct slice s)
{
	int64_t v;

	if (long_of(s, &v))
		w->notation->integer(w->out, v);
	else if (codec_json_number_ok(s))
		w->notation->number(w->out, s, NULL);
	else
		w->notation->string(w->out, s);
}

static void
boolean_put(struct writer *w, struct slice s)
{
	bool yes = slice_is(s, "true") || slice_is(s, "1");

	if (yes || slice_is(s, "false") || slice_is(s, "0"))
		w->notation->boolean(w->out, yes);
	else
		w->notation->string(w->out, s);
}

static void
string_put(struct writer *w, struct slice s)
{
	w->notation->string(w->out, s);
}

static void
scalar_put(struct writer *w, struct slice s, enum codec_scalar kind)
{
	static void (*const put[])(struct writer *, struct slice) = {
		[CODEC_TEXT] = string_put,
		[CODEC_NUMBER] = number_put,
		[CODEC_BOOLEAN] = boolean_put,
	};

	put[kind](w, s);
}

/* Private flags of what is open, 0 where there is nothing. */
static unsigned
top_flags(const struct writer *w)
{
	return w->depth > 0 && w->depth <= WRITER_DEPTH ? w->stack[w->depth - 1].flags : 0;
}

/* One more member or entry of what is open: how many there were. */
static size_t
top_count(struct writer *w)
{
	return w->depth > 0 && w->depth <= WRITER_DEPTH ? w->stack[w->depth - 1].open.count++ : 0;
}

/* Begins a member with the prefix ("", "@") before its name. */
static void
key_put(struct writer *w, const char *prefix, struct slice ns, struct slice name)
{
	w->notation->key(w->out, top_count(w), prefix, ns, name);
}

static struct codec_open
open_put(struct writer *w, bool array)
{
	w->notation->open(w->out, array);
	return (struct codec_open){ .at = w->out->n };
}

/* With CODEC_SIMPLE nothing is opened: a scalar follows. */
static void
push(struct writer *w, struct codec_name name, unsigned flags)
{
	struct codec_open open = { .at = w->out->n };

	if (!(flags & CODEC_SIMPLE))
		open = open_put(w, (flags & IS_LIST) != 0);
	if (w->depth < WRITER_DEPTH) {
		w->stack[w->depth].name = name;
		w->stack[w->depth].open = open;
		w->stack[w->depth].flags = (unsigned char)flags;
	} else {
		w->out->failed = true;
	}
	w->depth++;
}

/* The flags of what is closed. */
static unsigned
pop(struct writer *w)
{
	unsigned flags;

	if (w->depth == 0 || --w->depth >= WRITER_DEPTH) {
		w->out->failed = true;
		return 0;
	}
	flags = w->stack[w->depth].flags;
	/* What failed may be shorter than what is open in it. */
	if (!(flags & CODEC_SIMPLE) && !w->out->failed)
		w->notation->close(w->out, &w->stack[w->depth].open, (flags & IS_LIST) != 0);
	return flags;
}

static void
write_begin(struct writer *w, struct codec_name name, unsigned flags)
{
	flags &= CODEC_SIMPLE | CODEC_ENTRY | CODEC_ROOT;
	if (flags & CODEC_ROOT)
		w->notation->document(w->out);
	if (flags & CODEC_ENTRY)
		w->notation->entry(w->out, top_count(w));
	else
		key_put(w, "", SLICE_NONE, slice_of(name.local));
	push(w, name, flags);
}

static void
write_end(struct writer *w)
{
	unsigned flags = pop(w);

	if ((flags & (CODEC_SIMPLE | HAS_VALUE)) == CODEC_SIMPLE)
		w->notation->string(w->out, SLICE_LIT(""));
	if (flags & CODEC_ROOT)
		w->notation->document_end(w->out);
}

static void
write_attr(struct writer *w, struct codec_name name, struct slice value, enum codec_scalar kind)
{
	bool type = name.ns == CODEC_NS_XSI && strcmp(name.local, "type") == 0;

	/* The name of a type stands without its XML prefix. */
	if (type && value.n > 0 && memchr(value.p, ':', value.n) != NULL)
		value = slice_from(value, (size_t)((const char *)memchr(value.p, ':', value.n) - value.p) + 1);
	key_put(w, type ? "$" : "", SLICE_NONE, slice_of(name.local));
	scalar_put(w, value, kind);
}

/* Before the text of the innermost element. */
static void
text_begin(struct writer *w)
{
	if (top_flags(w) & CODEC_SIMPLE)
		w->stack[w->depth - 1].flags |= HAS_VALUE;
	else
		key_put(w, "", SLICE_NONE, SLICE_LIT("$t"));
}

static void
write_text(struct writer *w, struct slice value, enum codec_scalar kind)
{
	text_begin(w);
	scalar_put(w, value, kind);
}

static void
write_base64(struct writer *w, struct slice bytes)
{
	text_begin(w);
	w->notation->bytes(w->out, bytes);
}

static void
write_list(struct writer *w, struct codec_name name)
{
	key_put(w, "", SLICE_NONE, slice_of(name.local));
	push(w, name, IS_LIST);
}

static void
write_list_end(struct writer *w)
{
	pop(w);
}

/* The namespace that an element's name has to be told with; empty for those that are known. */
static struct slice
foreign_ns(const struct node *n)
{
	bool known = codec_ns_of(n->ns) != CODEC_NS_NONE || slice_is(n->ns, NS_XML);

	return known || (n->flags & NODE_ATTRIBUTE) ? SLICE_NONE : n->ns;
}

/* One child of a node while its siblings are grouped by name. */
struct kid {
	const struct node *n;
	size_t at; /* position among its siblings */
	size_t group; /* position of the first of its group */
	bool beside; /* an attribute whose name is also that of an element */
};

static struct slice
key_of(const struct node *n)
{
	bool xsi = (n->flags & NODE_ATTRIBUTE) && slice_is(n->ns, NS_XSI);

	return xsi && slice_is(n->name, "type") ? SLICE_LIT("$type") : n->name;
}

static int
by_key(const void *pa, const void *pb)
{
	const struct kid *a = pa, *b = pb;
	int c = slice_cmp(key_of(a->n), key_of(b->n));

	if (c == 0)
		c = slice_cmp(foreign_ns(a->n), foreign_ns(b->n));
	return c != 0 ? c : (a->at > b->at) - (a->at < b->at);
}

static int
by_group(const void *pa, const void *pb)
{
	const struct kid *a = pa, *b = pb;

	if (a->group != b->group)
		return a->group < b->group ? -1 : 1;
	return (a->at > b->at) - (a->at < b->at);
}

static bool
is_attribute(const struct kid *k)
{
	return (k->n->flags & NODE_ATTRIBUTE) != 0;
}

/*
 * Brings kids of one name together, the groups in the order of their first kid. An attribute
 * and elements of its name are two groups; attributes precede elements in a node.
 */
static void
kids_group(struct kid *kids, size_t count)
{
	qsort(kids, count, sizeof(*kids), by_key);
	for (size_t i = 0; i < count; i++) {
		bool same = i > 0 && slice_eq(key_of(kids[i].n), key_of(kids[i - 1].n)) &&
		            slice_eq(foreign_ns(kids[i].n), foreign_ns(kids[i - 1].n));

		kids[i].group = same ? kids[i - 1].group : kids[i].at;
		if (!same || is_attribute(&kids[i]) || !is_attribute(&kids[i - 1]))
			continue;
		/* Attributes that differ in the namespace alone share an array with elements. */
		if (kids[i - 1].group == kids[i - 1].at) {
			kids[i].group = kids[i].at;
			kids[i - 1].beside = true;
		}
	}
	qsort(kids, count, sizeof(*kids), by_group);
}

static void node_value_put(struct writer *w, const struct node *n);

static void
node_scalar_put(struct writer *w, const struct node *n)
{
	int64_t v;

	if (n->flags & NODE_BOOLEAN)
		boolean_put(w, n->text);
	else if ((n->flags & NODE_NUMBER) && codec_json_number_ok(n->text))
		w->notation->number(w->out, n->text, long_of(n->text, &v) ? &v : NULL);
	else if (n->flags & NODE_BINARY)
		w->notation->encoded(w->out, n->text);
	else
		w->notation->string(w->out, n->text);
}

/* The values of count kids: bare when it is one that is no entry of an array. */
static void
values_put(struct writer *w, const struct kid *kids, size_t count)
{
	struct codec_open open;

	if (count == 1 && !(kids->n->flags & (NODE_ARRAY | NODE_EMPTY_ARRAY))) {
		node_value_put(w, kids->n);
		return;
	}
	open = open_put(w, true);
	for (size_t i = 0; i < count; i++) {
		if (kids[i].n->flags & NODE_EMPTY_ARRAY)
			continue;
		w->notation->entry(w->out, open.count++);
		node_value_put(w, kids[i].n);
	}
	if (!w->out->failed)
		w->notation->close(w->out, &open, true);
}

static void
group_put(struct writer *w, const struct kid *kids, size_t count)
{
	const struct node *n = kids->n;
	bool marked = n->ns.n == 0 && (n->flags & NODE_NO_NS);
	bool at = is_attribute(kids) && count == 1 && (marked || kids->beside);
	struct slice ns = foreign_ns(n);

	key_put(w, at && ns.n == 0 ? "@" : "", ns, key_of(n));
	values_put(w, kids, count);
}

/* Beside text only attributes can stand, of which a reader takes one of a name. */
static void
groups_put(struct writer *w, struct kid *kids, size_t count, bool beside_text)
{
	kids_group(kids, count);
	for (size_t i = 0, n; i < count; i += n) {
		for (n = 1; i + n < count && kids[i + n].group == kids[i].group;)
			n++;
		group_put(w, kids + i, beside_text ? 1 : n);
	}
}

/* The children of n as members of the object that is open. */
static void
members_put(struct writer *w, const struct node *n)
{
	struct kid local[KIDS_LOCAL];
	struct kid *kids = local;
	size_t count = 0, at = 0;

	for (const struct node *c = n->first; c != NULL; c = c->next)
		count++;
	if (count > KIDS_LOCAL)
		kids = malloc(count * sizeof(*kids));
	if (kids == NULL) {
		w->out->failed = true;
	} else {
		for (const struct node *c = n->first; c != NULL; c = c->next, at++)
			kids[at] = (struct kid){ .n = c, .at = at };
		groups_put(w, kids, count, n->text.n > 0);
	}
	if (kids != local)
		free(kids);
}

static bool
has_scalar(const struct node *n)
{
	return n->text.n > 0 || (n->flags & (NODE_ATTRIBUTE | NODE_NUMBER | NODE_BOOLEAN |
	                                     NODE_STRING | NODE_BINARY)) != 0;
}

static void
node_value_put(struct writer *w, const struct node *n)
{
	if (n->first == NULL && has_scalar(n)) {
		node_scalar_put(w, n);
		return;
	}
	push(w, (struct codec_name){ "", CODEC_NS_NONE }, 0);
	if (has_scalar(n)) {
		key_put(w, "", SLICE_NONE, SLICE_LIT("$t"));
		node_scalar_put(w, n);
	}
	if (!w->out->failed)
		members_put(w, n);
	pop(w);
}

static void
write_any(struct writer *w, const struct node *n)
{
	struct kid one = { .n = n };
	bool document = w->depth == 0;

	if (n->name.n == 0) {
		if (n->text.n > 0)
			write_text(w, n->text, CODEC_TEXT);
		members_put(w, n);
	} else if (top_flags(w) & IS_LIST) {
		w->notation->entry(w->out, top_count(w));
		node_value_put(w, n);
	} else {
		if (document)
			w->notation->document(w->out);
		group_put(w, &one, 1);
		if (document)
			w->notation->document_end(w->out);
	}
}

void
members_writer(struct writer *w, const struct notation *notation, struct buf *out)
{
	static const struct writer_ops ops = {
		.begin = write_begin,
		.attr = write_attr,
		.text = write_text,
		.base64 = write_base64,
		.list = write_list,
		.list_end = write_list_end,
		.any = write_any,
		.end = write_end,
	};

	w->ops = &ops;
	w->notation = notation;
	w->out = out;
	w->depth = 0;
}
