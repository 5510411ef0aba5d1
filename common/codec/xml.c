/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XML to the neutral tree, by the SAX2 interface of libxml2: events without a tree of its own
 * (its text reader takes three times as long). Texts and values stay where they are in one
 * zero-terminated copy of the document; only what the parser had to change is copied again.
 */
#include "config.h"

#include "codec/codec.h"

#include <pthread.h>

#include <libxml/parser.h>
#include <libxml/parserInternals.h>

#include "codec/parts.h"

#define WHY_MAX 160
/* A parser that has collected more octets of names than this is not used again. */
#define NAMES_KEPT 32768u

struct decoder {
	struct arena *a;
	const struct codec_limits *limits;
	xmlParserCtxt *ctxt;
	struct slice bytes; /* the copy that is parsed */
	struct node *root;
	struct node **open; /* limits->depth entries, the first depth are in use */
	unsigned depth;
	unsigned nodes;
	size_t room; /* of the text of the innermost element in the arena; 0: not gathered there */
	struct {
		const xmlChar *uri; /* as interned by the parser */
		struct slice ns;
	} spaces[CODEC_NAMESPACES];
	unsigned nspaces;
	enum rc rc;
	const char *why;
};

/* Keeps the first failure. msg may hold bytes of the peer; they are made printable. */
static void
fail_line(struct decoder *d, enum rc rc, int line, const char *msg)
{
	char text[WHY_MAX];
	size_t n = 0;

	if (d->rc != RC_OK)
		return;
	for (; n < sizeof(text) - 1 && msg[n] != '\0'; n++)
		text[n] = msg[n] >= 0x20 && msg[n] < 0x7f ? msg[n] : ' ';
	while (n > 0 && text[n - 1] == ' ')
		n--;
	text[n] = '\0';
	d->rc = rc;
	d->why = arena_printf(d->a, "line %d: %s", line, text).p;
	if (d->why == NULL)
		d->why = "document refused; no memory to say why";
}

/* A failure found in an event of the parser, which is stopped. */
static void
fail_event(struct decoder *d, const char *msg)
{
	fail_line(d, RC_BAD_REQUEST, xmlSAX2GetLineNumber(d->ctxt), msg);
	xmlStopParser(d->ctxt);
}

static void
fail_memory(struct decoder *d)
{
	if (d->rc == RC_OK) {
		d->rc = RC_UNAVAILABLE;
		d->why = "out of memory for the document";
	}
	if (d->ctxt != NULL)
		xmlStopParser(d->ctxt);
}

/* s itself when it lies in our copy of the document, else a copy in the arena. */
static struct slice
text_keep(struct decoder *d, struct slice s)
{
	uintptr_t from = (uintptr_t)d->bytes.p;
	uintptr_t p = (uintptr_t)s.p;

	if (s.n == 0)
		return SLICE_NONE;
	if (p >= from && p < from + d->bytes.n)
		return s;
	s = arena_copy(d->a, s);
	if (s.p == NULL)
		fail_memory(d);
	return s;
}

static struct slice
ns_slice(struct decoder *d, const xmlChar *uri)
{
	static const struct slice known[] = {
		[CODEC_NS_M2M] = SLICE_INIT(NS_M2M),
		[CODEC_NS_XMIME] = SLICE_INIT(NS_XMIME),
		[CODEC_NS_XSI] = SLICE_INIT(NS_XSI),
	};
	struct slice ns = slice_of((const char *)uri);
	enum codec_ns which;

	if (uri == NULL)
		return SLICE_NONE;
	for (unsigned i = 0; i < d->nspaces; i++)
		if (d->spaces[i].uri == uri)
			return d->spaces[i].ns;
	if (d->nspaces == CODEC_NAMESPACES) {
		fail_event(d, "too many namespaces");
		return SLICE_NONE;
	}
	which = codec_ns_of(ns);
	ns = which == CODEC_NS_NONE ? arena_copy(d->a, ns) : known[which];
	if (ns.p == NULL)
		fail_memory(d);
	d->spaces[d->nspaces].uri = uri;
	d->spaces[d->nspaces++].ns = ns;
	return ns;
}

static struct node *
node_new(struct decoder *d, struct node *parent, const xmlChar *local, const xmlChar *uri,
         unsigned flags)
{
	struct slice name;
	struct node *n;

	if (d->nodes++ >= d->limits->nodes) {
		fail_event(d, "too many elements and attributes");
		return NULL;
	}
	name = arena_copy(d->a, slice_of((const char *)local));
	n = node_add(d->a, parent, name, flags);
	if (n == NULL || name.p == NULL) {
		fail_memory(d);
		return NULL;
	}
	n->ns = ns_slice(d, uri);
	return n;
}

/* attributes: five pointers each, as documented at startElementNsSAX2Func. */
static void
attributes_add(struct decoder *d, struct node *to, int count, const xmlChar **attributes)
{
	if ((unsigned)count > d->limits->attributes) {
		fail_event(d, "too many attributes");
		return;
	}
	for (const xmlChar **at = attributes; d->rc == RC_OK && count > 0; count--, at += 5) {
		struct slice value = slice_make(at[3], (size_t)(at[4] - at[3]));
		struct node *n = node_new(d, to, at[0], at[2], NODE_ATTRIBUTE);

		if (value.n > d->limits->text)
			fail_event(d, "attribute too long");
		else if (n != NULL)
			n->text = text_keep(d, value);
	}
}

static bool
is_blank(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != ' ' && s.p[i] != '\n' && s.p[i] != '\t' && s.p[i] != '\r')
			return false;
	return true;
}

static void
on_start(void *arg, const xmlChar *local, const xmlChar *prefix, const xmlChar *uri, int nspaces,
         const xmlChar **spaces, int nattributes, int ndefaulted, const xmlChar **attributes)
{
	struct decoder *d = arg;
	struct node *parent = d->depth == 0 ? NULL : d->open[d->depth - 1];
	struct node *n;

	(void)prefix;
	(void)spaces;
	(void)ndefaulted;
	if (d->rc != RC_OK)
		xmlStopParser(d->ctxt);
	else if (d->depth >= d->limits->depth)
		fail_event(d, "elements nested too deep");
	else if (nspaces > (int)CODEC_NAMESPACES)
		fail_event(d, "too many namespaces");
	else if (parent != NULL && !is_blank(parent->text))
		fail_event(d, "text beside elements");
	if (d->rc != RC_OK)
		return;
	if (parent != NULL)
		parent->text = SLICE_NONE;
	d->room = 0;
	n = node_new(d, parent, local, uri, 0);
	if (n == NULL)
		return;
	if (parent == NULL)
		d->root = n;
	d->open[d->depth++] = n;
	attributes_add(d, n, nattributes, attributes);
}

static void
on_end(void *arg, const xmlChar *local, const xmlChar *prefix, const xmlChar *uri)
{
	struct decoder *d = arg;

	(void)local;
	(void)prefix;
	(void)uri;
	if (d->rc != RC_OK)
		xmlStopParser(d->ctxt);
	else if (d->depth > 0)
		d->depth--;
}

/* Appends to a text whose pieces are not side by side in the document. */
static void
text_gather(struct decoder *d, struct node *n, struct slice s)
{
	size_t need = n->text.n + s.n;
	char *p = (char *)(uintptr_t)n->text.p;

	if (need > d->room) {
		p = arena_alloc(d->a, 2 * need);
		if (p == NULL) {
			fail_memory(d);
			return;
		}
		memcpy(p, n->text.p, n->text.n);
		d->room = 2 * need;
	}
	memcpy(p + n->text.n, s.p, s.n);
	n->text = slice_make(p, need);
}

/* Character data of any kind. A text may come in pieces. */
static void
on_text(void *arg, const xmlChar *ch, int len)
{
	struct decoder *d = arg;
	struct slice s = slice_make(ch, (size_t)len);
	struct node *n = d->depth == 0 ? NULL : d->open[d->depth - 1];

	if (d->rc != RC_OK || n == NULL || s.n == 0)
		return;
	if (n->last != NULL && !(n->last->flags & NODE_ATTRIBUTE)) {
		if (!is_blank(s))
			fail_event(d, "text beside elements");
	} else if (s.n > d->limits->text || n->text.n > d->limits->text - s.n) {
		fail_event(d, "text too long");
	} else if (n->text.n == 0) {
		n->text = text_keep(d, s);
	} else if (d->room == 0 && n->text.p + n->text.n == s.p) {
		n->text.n += s.n;
	} else {
		text_gather(d, n, s);
	}
}

/* Second line of defence behind codec_xml_source: comes before the subset is read. */
static void
on_doctype(void *arg, const xmlChar *name, const xmlChar *external, const xmlChar *system)
{
	(void)name;
	(void)external;
	(void)system;
	fail_event(arg, "document type declarations are not accepted");
}

/* Namespace errors are not fatal to the parser, but to us; the next event stops it then. */
static void
on_error(void *arg, xmlErrorPtr error)
{
	struct decoder *d = arg;

	if (error->code == XML_ERR_NO_MEMORY)
		fail_line(d, RC_UNAVAILABLE, error->line, "out of memory");
	else if (error->level >= XML_ERR_ERROR)
		fail_line(d, RC_BAD_REQUEST, error->line,
		          error->message == NULL ? "not well-formed" : error->message);
}

/*
 * A parser is kept per thread: a new one costs more than the whole document of a reading. It
 * holds names, never texts; freed when its thread ends, and replaced after an error or when
 * the names of hostile documents pile up. The key and its companions are
 * the only state of the process here; constant after the first document.
 */
static pthread_key_t parser_key;
static bool parser_kept; /* the key exists */
static pthread_once_t parser_once = PTHREAD_ONCE_INIT;

static void
parser_free(void *p)
{
	xmlFreeParserCtxt(p);
}

static void
parser_setup(void)
{
	xmlInitParser();
	parser_kept = pthread_key_create(&parser_key, parser_free) == 0;
}

static xmlParserCtxt *
parser_new(void)
{
	static const xmlSAXHandler events = {
		.initialized = XML_SAX2_MAGIC,
		.internalSubset = on_doctype,
		.startElementNs = on_start,
		.endElementNs = on_end,
		.characters = on_text,
		.ignorableWhitespace = on_text,
		.cdataBlock = on_text,
		.serror = on_error,
	};
	xmlParserCtxt *ctxt = xmlNewParserCtxt();

	if (ctxt == NULL)
		return NULL;
	*ctxt->sax = events;
	/* NOENT: without it "&amp;" in a value stays escaped; no other entities can be declared. */
	xmlCtxtUseOptions(ctxt, XML_PARSE_NONET | XML_PARSE_NOENT | XML_PARSE_IGNORE_ENC);
	return ctxt;
}

/* Takes the parser of this thread away from its place, or makes one. */
static xmlParserCtxt *
parser_take(void)
{
	xmlParserCtxt *ctxt;

	pthread_once(&parser_once, parser_setup);
	ctxt = parser_kept ? pthread_getspecific(parser_key) : NULL;
	if (ctxt == NULL)
		return parser_new();
	pthread_setspecific(parser_key, NULL);
	return ctxt;
}

static void
parser_give(xmlParserCtxt *ctxt, enum rc rc)
{
	xmlCtxtReset(ctxt);
	ctxt->userData = NULL;
	if (rc != RC_OK)
		xmlResetLastError();
	if (rc != RC_OK || !parser_kept || xmlDictGetUsage(ctxt->dict) > NAMES_KEPT ||
	    pthread_setspecific(parser_key, ctxt) != 0)
		xmlFreeParserCtxt(ctxt);
}

static void
parse(struct decoder *d)
{
	xmlParserInput *input;

	d->open = ARENA_ARRAY(d->a, struct node *, d->limits->depth);
	d->ctxt = parser_take();
	if (d->ctxt == NULL || d->open == NULL) {
		fail_memory(d);
	} else {
		d->ctxt->userData = d;
		input = xmlNewStringInputStream(d->ctxt, (const xmlChar *)d->bytes.p);
		if (input == NULL || inputPush(d->ctxt, input) < 0)
			fail_memory(d);
		else if (xmlParseDocument(d->ctxt) != 0 || d->root == NULL)
			fail_line(d, RC_BAD_REQUEST, 1, "not well-formed");
	}
	if (d->ctxt != NULL)
		parser_give(d->ctxt, d->rc);
}

static enum rc
decode(struct arena *a, struct slice bytes, const struct codec_limits *limits, struct node **root,
       const char **why)
{
	struct decoder d = { .a = a, .limits = limits };
	struct xml_fault fault;
	enum rc rc = codec_xml_source(a, bytes, limits, &d.bytes, &fault);

	if (rc != RC_OK)
		fail_line(&d, rc, fault.line, fault.why);
	else
		parse(&d);
	if (d.rc == RC_OK)
		*root = d.root;
	else
		*why = d.why;
	return d.rc;
}

static const char *const accepted[] = { "application/xml", "text/xml", NULL };

const struct codec codec_xml = {
	.name = "xml",
	.media_type = "application/xml; charset=utf-8",
	.accepted = accepted,
	.decode = decode,
	.writer = codec_xml_writer,
};
