/* SPDX-License-Identifier: Apache-2.0 */
/* Events to JSON, and neutral subtrees with names that repeat grouped to arrays. */
#include "config.h"

#include "codec/parts.h"

#include <stdlib.h>

#include "base/base64.h"

/* Private flags of an open element or list, beside those of begin. */
#define HAS_MEMBERS 0x80u /* the next member or entry needs a comma */
#define HAS_VALUE 0x40u /* CODEC_SIMPLE: the scalar is written */
#define IS_LIST 0x20u
/* xs:long values beyond go as strings: a double is not exact there. */
#define EXACT_MAX INT64_C(9007199254740992)
/* Children of one element that are grouped without taking memory. */
#define KIDS_LOCAL 32u

static const struct byteset care_string = {
	{ 0xffffffff | BYTE_BIT('"'), BYTE_BIT('\\'), ~UINT64_C(0), ~UINT64_C(0) }
};

static void
escape_put(struct buf *b, char c)
{
	static const char letters[] = "\b\f\n\r\t\"\\";
	static const char escapes[] = "bfnrt\"\\";
	const char *hit = c == '\0' ? NULL : strchr(letters, c);

	if (hit != NULL) {
		buf_char(b, '\\');
		buf_char(b, escapes[hit - letters]);
	} else if ((unsigned char)c < 0x20) {
		buf_printf(b, "\\u%04x", (unsigned)c);
	} else {
		b->failed = true;
	}
}

static void
escaped_put(struct buf *b, struct slice s)
{
	while (s.n > 0 && !b->failed) {
		size_t plain = byteset_skip(&care_string, s);
		size_t run = plain + codec_utf8_run(slice_from(s, plain), false);

		buf_add(b, s.p, run);
		s = slice_from(s, run);
		if (s.n > 0 && byteset_has(&care_string, s.p[0])) {
			escape_put(b, s.p[0]);
			s = slice_from(s, 1);
		}
	}
}

static void
string_put(struct buf *b, struct slice s)
{
	buf_char(b, '"');
	escaped_put(b, s);
	buf_char(b, '"');
}

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
number_put(struct buf *b, struct slice s)
{
	int64_t v;

	if (!long_of(s, &v)) {
		if (codec_json_number_ok(s))
			buf_slice(b, s);
		else
			string_put(b, s);
	} else if (v < -EXACT_MAX || v > EXACT_MAX) {
		string_put(b, s);
	} else {
		buf_long(b, v);
	}
}

static void
boolean_put(struct buf *b, struct slice s)
{
	if (slice_is(s, "true") || slice_is(s, "1"))
		buf_puts(b, "true");
	else if (slice_is(s, "false") || slice_is(s, "0"))
		buf_puts(b, "false");
	else
		string_put(b, s);
}

static void
scalar_put(struct buf *b, struct slice s, enum codec_scalar kind)
{
	static void (*const put[])(struct buf *, struct slice) = {
		[CODEC_TEXT] = string_put,
		[CODEC_NUMBER] = number_put,
		[CODEC_BOOLEAN] = boolean_put,
	};

	put[kind](b, s);
}

/* Private flags of what is open; a scratch byte where there is nothing. */
static unsigned char *
top_flags(struct writer *w, unsigned char *scratch)
{
	*scratch = 0;
	return w->depth > 0 && w->depth <= WRITER_DEPTH ? &w->stack[w->depth - 1].flags : scratch;
}

static void
comma_put(struct writer *w)
{
	unsigned char scratch;
	unsigned char *flags = top_flags(w, &scratch);

	if (*flags & HAS_MEMBERS)
		buf_char(w->out, ',');
	*flags |= HAS_MEMBERS;
}

/* The namespace that an element's name has to be told with; empty for those that are known. */
static struct slice
foreign_ns(const struct node *n)
{
	bool known = codec_ns_of(n->ns) != CODEC_NS_NONE || slice_is(n->ns, NS_XML);

	return known || (n->flags & NODE_ATTRIBUTE) ? SLICE_NONE : n->ns;
}

/* Begins a member with the prefix ("", "@") before its name. */
static void
key_put(struct writer *w, const char *prefix, struct slice name)
{
	comma_put(w);
	buf_char(w->out, '"');
	buf_puts(w->out, prefix);
	escaped_put(w->out, name);
	buf_puts(w->out, "\":");
}

static void
push(struct writer *w, struct codec_name name, unsigned flags)
{
	if (w->depth < WRITER_DEPTH) {
		w->stack[w->depth].name = name;
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
	if (w->depth == 0 || --w->depth >= WRITER_DEPTH) {
		w->out->failed = true;
		return 0;
	}
	return w->stack[w->depth].flags;
}

static void
write_begin(struct writer *w, struct codec_name name, unsigned flags)
{
	flags &= CODEC_SIMPLE | CODEC_ENTRY | CODEC_ROOT;
	if (flags & CODEC_ROOT)
		buf_char(w->out, '{');
	if (flags & CODEC_ENTRY)
		comma_put(w);
	else
		key_put(w, "", slice_of(name.local));
	if (!(flags & CODEC_SIMPLE))
		buf_char(w->out, '{');
	push(w, name, flags);
}

static void
write_end(struct writer *w)
{
	unsigned flags = pop(w);

	if (!(flags & CODEC_SIMPLE))
		buf_char(w->out, '}');
	else if (!(flags & HAS_VALUE))
		buf_puts(w->out, "\"\"");
	if (flags & CODEC_ROOT)
		buf_char(w->out, '}');
}

static void
write_attr(struct writer *w, struct codec_name name, struct slice value, enum codec_scalar kind)
{
	bool type = name.ns == CODEC_NS_XSI && strcmp(name.local, "type") == 0;

	/* The name of a type stands without its XML prefix. */
	if (type && value.n > 0 && memchr(value.p, ':', value.n) != NULL)
		value = slice_from(value, (size_t)((const char *)memchr(value.p, ':', value.n) - value.p) + 1);
	key_put(w, type ? "$" : "", slice_of(name.local));
	scalar_put(w->out, value, kind);
}

/* Before the text of the innermost element. */
static void
text_begin(struct writer *w)
{
	unsigned char scratch;
	unsigned char *flags = top_flags(w, &scratch);

	if (*flags & CODEC_SIMPLE)
		*flags |= HAS_VALUE;
	else
		key_put(w, "", SLICE_LIT("$t"));
}

static void
write_text(struct writer *w, struct slice value, enum codec_scalar kind)
{
	text_begin(w);
	scalar_put(w->out, value, kind);
}

static void
write_base64(struct writer *w, struct slice bytes)
{
	text_begin(w);
	buf_char(w->out, '"');
	base64_encode(w->out, bytes);
	buf_char(w->out, '"');
}

static void
write_list(struct writer *w, struct codec_name name)
{
	key_put(w, "", slice_of(name.local));
	buf_char(w->out, '[');
	push(w, name, IS_LIST);
}

static void
write_list_end(struct writer *w)
{
	pop(w);
	buf_char(w->out, ']');
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
node_scalar_put(struct buf *b, const struct node *n)
{
	if (n->flags & NODE_BOOLEAN)
		boolean_put(b, n->text);
	else if ((n->flags & NODE_NUMBER) && codec_json_number_ok(n->text))
		buf_slice(b, n->text);
	else
		string_put(b, n->text);
}

/* The values of count kids: bare when it is one that is no entry of an array. */
static void
values_put(struct writer *w, const struct kid *kids, size_t count)
{
	bool array = count > 1 || (kids->n->flags & (NODE_ARRAY | NODE_EMPTY_ARRAY));
	bool comma = false;

	if (array)
		buf_char(w->out, '[');
	for (size_t i = 0; i < count; i++) {
		if (kids[i].n->flags & NODE_EMPTY_ARRAY)
			continue;
		if (comma)
			buf_char(w->out, ',');
		comma = true;
		node_value_put(w, kids[i].n);
	}
	if (array)
		buf_char(w->out, ']');
}

static void
group_put(struct writer *w, const struct kid *kids, size_t count)
{
	const struct node *n = kids->n;
	bool marked = n->ns.n == 0 && (n->flags & NODE_NO_NS);
	bool at = is_attribute(kids) && count == 1 && (marked || kids->beside);
	struct slice ns = foreign_ns(n);

	if (ns.n == 0) {
		key_put(w, at ? "@" : "", key_of(n));
	} else {
		comma_put(w);
		buf_puts(w->out, "\"{");
		escaped_put(w->out, ns);
		buf_char(w->out, '}');
		escaped_put(w->out, key_of(n));
		buf_puts(w->out, "\":");
	}
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
	return n->text.n > 0 ||
	       (n->flags & (NODE_ATTRIBUTE | NODE_NUMBER | NODE_BOOLEAN | NODE_STRING)) != 0;
}

static void
node_value_put(struct writer *w, const struct node *n)
{
	if (n->first == NULL && has_scalar(n)) {
		node_scalar_put(w->out, n);
		return;
	}
	buf_char(w->out, '{');
	push(w, (struct codec_name){ "", CODEC_NS_NONE }, 0);
	if (has_scalar(n)) {
		key_put(w, "", SLICE_LIT("$t"));
		node_scalar_put(w->out, n);
	}
	if (!w->out->failed)
		members_put(w, n);
	pop(w);
	buf_char(w->out, '}');
}

static void
write_any(struct writer *w, const struct node *n)
{
	struct kid one = { .n = n };
	unsigned char scratch;
	bool document = w->depth == 0;

	if (n->name.n == 0) {
		if (n->text.n > 0)
			write_text(w, n->text, CODEC_TEXT);
		members_put(w, n);
	} else if (*top_flags(w, &scratch) & IS_LIST) {
		comma_put(w);
		node_value_put(w, n);
	} else {
		if (document)
			buf_char(w->out, '{');
		group_put(w, &one, 1);
		if (document)
			buf_char(w->out, '}');
	}
}

void
codec_json_writer(struct writer *w, struct buf *out)
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
	w->out = out;
	w->depth = 0;
}
