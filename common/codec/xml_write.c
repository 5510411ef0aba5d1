/* SPDX-License-Identifier: Apache-2.0 */
/* Events to XML, and neutral subtrees with whatever namespaces they bring along. */
#include "config.h"

#include "codec/parts.h"

#include "base/base64.h"

/* Private flag of an open element: the ">" of its start tag is not written yet. */
#define TAG_OPEN 0x80u

static const char *const prefixes[] = {
	[CODEC_NS_NONE] = "",
	[CODEC_NS_M2M] = "m2m:",
	[CODEC_NS_XMIME] = "xmime:",
	[CODEC_NS_XSI] = "xsi:",
};

static const char *const declarations[] = {
	[CODEC_NS_M2M] = " xmlns:m2m=\"" NS_M2M "\"",
	[CODEC_NS_XMIME] = " xmlns:xmime=\"" NS_XMIME "\"",
	[CODEC_NS_XSI] = " xmlns:xsi=\"" NS_XSI "\"",
};

/* Bytes that cannot be copied as they are; everything beyond ASCII is checked. */
static const struct byteset care_text = {
	{ 0xfffff9ff | BYTE_BIT('&') | BYTE_BIT('<') | BYTE_BIT('>'), 0, ~UINT64_C(0),
	  ~UINT64_C(0) }
};
static const struct byteset care_value = {
	{ 0xffffffff | BYTE_BIT('&') | BYTE_BIT('<') | BYTE_BIT('>') | BYTE_BIT('"'), 0,
	  ~UINT64_C(0), ~UINT64_C(0) }
};

static const char *
escape_of(char c)
{
	switch (c) {
	case '&': return "&amp;";
	case '<': return "&lt;";
	case '>': return "&gt;";
	case '"': return "&quot;";
	case '\r': return "&#13;";
	case '\n': return "&#10;";
	case '\t': return "&#9;";
	default: return NULL;
	}
}

static void
escaped_put(struct buf *b, struct slice s, const struct byteset *care)
{
	while (s.n > 0 && !b->failed) {
		size_t plain = byteset_skip(care, s);
		size_t beyond = codec_utf8_run(slice_from(s, plain), true);
		const char *escape;

		buf_add(b, s.p, plain + beyond);
		s = slice_from(s, plain + beyond);
		if (s.n == 0 || !byteset_has(care, s.p[0]))
			continue;
		escape = escape_of(s.p[0]);
		if (escape != NULL)
			buf_puts(b, escape);
		else
			b->failed = true;
		s = slice_from(s, 1);
	}
}

/* True when the start tag of the innermost element still takes attributes. */
static bool
tag_is_open(const struct writer *w)
{
	return w->depth > 0 && w->depth <= WRITER_DEPTH &&
	       (w->stack[w->depth - 1].flags & TAG_OPEN) != 0;
}

static void
tag_close(struct writer *w)
{
	if (tag_is_open(w)) {
		buf_char(w->out, '>');
		w->stack[w->depth - 1].flags &= (unsigned char)~TAG_OPEN;
	}
}

static void
prolog_put(struct writer *w)
{
	buf_puts(w->out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
}

static void
name_put(struct buf *b, struct codec_name name)
{
	buf_puts(b, prefixes[name.ns]);
	buf_puts(b, name.local);
}

static void
write_begin(struct writer *w, struct codec_name name, unsigned flags)
{
	tag_close(w);
	if (flags & CODEC_ROOT)
		prolog_put(w);
	buf_char(w->out, '<');
	name_put(w->out, name);
	if (flags & CODEC_ROOT)
		buf_puts(w->out, declarations[CODEC_NS_M2M]);
	if (flags & CODEC_USES_XMIME)
		buf_puts(w->out, declarations[CODEC_NS_XMIME]);
	if (flags & CODEC_USES_XSI)
		buf_puts(w->out, declarations[CODEC_NS_XSI]);
	if (w->depth < WRITER_DEPTH) {
		w->stack[w->depth].name = name;
		w->stack[w->depth].flags = (unsigned char)(flags | TAG_OPEN);
	} else {
		w->out->failed = true;
	}
	w->depth++;
}

static void
write_end(struct writer *w)
{
	if (w->depth == 0 || --w->depth >= WRITER_DEPTH) {
		w->out->failed = true;
	} else if (w->stack[w->depth].flags & TAG_OPEN) {
		buf_puts(w->out, "/>");
	} else {
		buf_puts(w->out, "</");
		name_put(w->out, w->stack[w->depth].name);
		buf_char(w->out, '>');
	}
}

static void
value_put(struct buf *b, struct slice value)
{
	buf_puts(b, "=\"");
	escaped_put(b, value, &care_value);
	buf_char(b, '"');
}

static void
write_attr(struct writer *w, struct codec_name name, struct slice value, enum codec_scalar kind)
{
	(void)kind;
	if (!tag_is_open(w)) {
		w->out->failed = true;
		return;
	}
	buf_char(w->out, ' ');
	name_put(w->out, name);
	value_put(w->out, value);
}

static void
write_text(struct writer *w, struct slice value, enum codec_scalar kind)
{
	(void)kind;
	if (value.n == 0)
		return;
	tag_close(w);
	escaped_put(w->out, value, &care_text);
}

static void
write_base64(struct writer *w, struct slice bytes)
{
	if (bytes.n == 0)
		return;
	tag_close(w);
	base64_encode(w->out, bytes);
}

/* XML repeats elements without a mark around them. */
static void
write_list(struct writer *w, struct codec_name name)
{
	(void)w;
	(void)name;
}

static void
write_list_end(struct writer *w)
{
	(void)w;
}

/* Namespaces of one subtree. They are declared at its top, the foreign ones as ns1, ns2, ... */
struct scope {
	struct buf *out;
	struct slice foreign[CODEC_NAMESPACES];
	unsigned nforeign;
	unsigned used; /* bit 1 << enum codec_ns */
};

/* Position in sc->foreign, sc->nforeign when it is not there. */
static unsigned
foreign_index(const struct scope *sc, struct slice ns)
{
	unsigned i = 0;

	while (i < sc->nforeign && !slice_eq(sc->foreign[i], ns))
		i++;
	return i;
}

static void
ns_collect(struct scope *sc, struct slice ns)
{
	enum codec_ns known = codec_ns_of(ns);
	unsigned i;

	sc->used |= 1u << known;
	if (known != CODEC_NS_NONE || ns.n == 0 || slice_is(ns, NS_XML))
		return;
	i = foreign_index(sc, ns);
	if (i == CODEC_NAMESPACES)
		sc->out->failed = true;
	else if (i == sc->nforeign)
		sc->foreign[sc->nforeign++] = ns;
}

static void
tree_collect(struct scope *sc, const struct node *n, unsigned depth)
{
	if (depth > WRITER_DEPTH)
		sc->out->failed = true;
	if (sc->out->failed)
		return;
	ns_collect(sc, n->ns);
	for (const struct node *c = n->first; c != NULL; c = c->next)
		tree_collect(sc, c, depth + 1);
}

/* Declares what sc uses and the root of the document (flags of its begin) does not declare. */
static void
scope_declare(const struct scope *sc, unsigned root)
{
	unsigned missing = sc->used;

	if (root & CODEC_ROOT)
		missing &= ~(1u << CODEC_NS_M2M);
	if (root & CODEC_USES_XMIME)
		missing &= ~(1u << CODEC_NS_XMIME);
	if (root & CODEC_USES_XSI)
		missing &= ~(1u << CODEC_NS_XSI);
	for (unsigned ns = CODEC_NS_M2M; ns <= CODEC_NS_XSI; ns++)
		if (missing & 1u << ns)
			buf_puts(sc->out, declarations[ns]);
	for (unsigned i = 0; i < sc->nforeign; i++) {
		buf_printf(sc->out, " xmlns:ns%u", i + 1);
		value_put(sc->out, sc->foreign[i]);
	}
}

static void
node_name_put(const struct scope *sc, const struct node *n)
{
	enum codec_ns known = codec_ns_of(n->ns);

	if (!codec_name_ok(n->name))
		sc->out->failed = true;
	else if (known != CODEC_NS_NONE || n->ns.n == 0)
		buf_puts(sc->out, prefixes[known]);
	else if (slice_is(n->ns, NS_XML))
		buf_puts(sc->out, "xml:");
	else
		buf_printf(sc->out, "ns%u:", foreign_index(sc, n->ns) + 1);
	buf_slice(sc->out, n->name);
}

static void
node_attr_put(const struct scope *sc, const struct node *n)
{
	buf_char(sc->out, ' ');
	node_name_put(sc, n);
	value_put(sc->out, n->text);
}

static bool
is_element(const struct node *n)
{
	return !(n->flags & (NODE_ATTRIBUTE | NODE_EMPTY_ARRAY));
}

static void node_put(const struct scope *sc, const struct node *n);

static void
node_content_put(const struct scope *sc, const struct node *n)
{
	bool open = n->text.n > 0;

	if (open)
		buf_char(sc->out, '>');
	escaped_put(sc->out, n->text, &care_text);
	for (const struct node *c = n->first; c != NULL; c = c->next) {
		if (!is_element(c))
			continue;
		if (!open)
			buf_char(sc->out, '>');
		open = true;
		node_put(sc, c);
	}
	if (!open) {
		buf_puts(sc->out, "/>");
		return;
	}
	buf_puts(sc->out, "</");
	node_name_put(sc, n);
	buf_char(sc->out, '>');
}

static void
node_rest_put(const struct scope *sc, const struct node *n)
{
	for (const struct node *c = n->first; c != NULL; c = c->next)
		if (c->flags & NODE_ATTRIBUTE)
			node_attr_put(sc, c);
	node_content_put(sc, n);
}

static void
node_put(const struct scope *sc, const struct node *n)
{
	buf_char(sc->out, '<');
	node_name_put(sc, n);
	node_rest_put(sc, n);
}

/* Namespaces that the document element of w declares, as flags of begin. */
static unsigned
root_flags(const struct writer *w)
{
	return w->depth > 0 ? w->stack[0].flags : 0;
}

/* One element; what it needs is declared in its own tag. */
static void
element_put(struct writer *w, const struct node *n)
{
	struct scope sc = { .out = w->out };

	tree_collect(&sc, n, w->depth);
	if (w->out->failed)
		return;
	tag_close(w);
	if (w->depth == 0)
		prolog_put(w);
	buf_char(w->out, '<');
	node_name_put(&sc, n);
	scope_declare(&sc, root_flags(w));
	node_rest_put(&sc, n);
}

/* Attributes of the element that was begun last, from the children of n. */
static void
attributes_put(struct writer *w, const struct node *n)
{
	struct scope sc = { .out = w->out };
	unsigned count = 0;

	for (const struct node *c = n->first; c != NULL; c = c->next) {
		if (!(c->flags & NODE_ATTRIBUTE))
			continue;
		ns_collect(&sc, c->ns);
		count++;
	}
	if (count == 0)
		return;
	if (!tag_is_open(w))
		w->out->failed = true;
	scope_declare(&sc, root_flags(w));
	for (const struct node *c = n->first; c != NULL; c = c->next)
		if (c->flags & NODE_ATTRIBUTE)
			node_attr_put(&sc, c);
}

static void
write_any(struct writer *w, const struct node *n)
{
	if (n->name.n > 0) {
		if (is_element(n))
			element_put(w, n);
		else if (n->flags & NODE_ATTRIBUTE)
			w->out->failed = true;
		return;
	}
	attributes_put(w, n);
	write_text(w, n->text, CODEC_TEXT);
	for (const struct node *c = n->first; c != NULL; c = c->next)
		if (is_element(c))
			element_put(w, c);
}

void
codec_xml_writer(struct writer *w, struct buf *out)
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
