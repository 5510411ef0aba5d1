/* SPDX-License-Identifier: Apache-2.0 */
/* Documents of the SGA server: reading, and which syntax. */
#include "config.h"

#include "cap/sgs/sgs_doc.h"

#include <strings.h>

#include "base/base64.h"
#include "codec/codec.h"
#include "sec/b64url.h"
#include "sec/hex.h"

#define WEIGHT_MAX 1000u

static const struct codec_limits limits = {
	.depth = 4, .nodes = SGS_TEXTS_MAX + SGS_FIELDS_MAX, .attributes = 4, .text = 128u << 10
};

/* ---- which syntax ---- */

static const struct {
	const char *name, *media_type;
	enum sgs_syntax syntax;
} types[] = {
	{ "application/octet-stream", "application/octet-stream", SGS_OCTETS },
	{ "application/json", "application/json", SGS_JSON },
	{ "application/xml", "application/xml; charset=utf-8", SGS_XML },
	{ "application/cbor", "application/cbor", SGS_CBOR },
	{ "text/xml", "text/xml; charset=utf-8", SGS_XML },
};
#define TYPES (sizeof(types) / sizeof(types[0]))

static struct slice
trim(struct slice s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = slice_from(s, 1);
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

static bool
is_named(struct slice s, const char *name)
{
	return s.n == strlen(name) && strncasecmp(s.p, name, s.n) == 0;
}

enum sgs_syntax
sgs_syntax_of(struct slice content_type)
{
	struct slice name = SLICE_NONE;

	slice_split(&content_type, ';', &name);
	name = trim(name);
	for (size_t i = 0; i < TYPES; i++)
		if (is_named(name, types[i].name))
			return types[i].syntax;
	return SGS_NO_SYNTAX;
}

const char *
sgs_media_type(enum sgs_syntax syntax)
{
	for (size_t i = 0; i < TYPES; i++)
		if (types[i].syntax == syntax)
			return types[i].media_type;
	return NULL;
}

/* q of the parameters, in thousandths. */
static unsigned
weight_of(struct slice params)
{
	struct slice p;

	while (slice_split(&params, ';', &p)) {
		unsigned q = 0, unit = WEIGHT_MAX;

		p = trim(p);
		if (p.n < 3 || (p.p[0] != 'q' && p.p[0] != 'Q') || p.p[1] != '=')
			continue;
		for (size_t i = 2; i < p.n; i++) {
			if (p.p[i] == '.')
				continue;
			if (p.p[i] < '0' || p.p[i] > '9' || unit == 0)
				break;
			q += (unsigned)(p.p[i] - '0') * unit;
			unit /= 10;
		}
		return q > WEIGHT_MAX ? WEIGHT_MAX : q;
	}
	return WEIGHT_MAX;
}

enum sgs_syntax
sgs_syntax_accepted(struct slice accept, bool octets, enum sgs_syntax preferred)
{
	enum sgs_syntax best = accept.p == NULL ? preferred : SGS_NO_SYNTAX;
	unsigned best_weight = 0;
	struct slice range;

	while (slice_split(&accept, ',', &range)) {
		struct slice name = SLICE_NONE;
		enum sgs_syntax s;
		unsigned weight;

		slice_split(&range, ';', &name);
		name = trim(name);
		weight = weight_of(range);
		s = is_named(name, "*/*") || is_named(name, "application/*") ? preferred
		                                                             : sgs_syntax_of(name);
		if (s == SGS_NO_SYNTAX || (s == SGS_OCTETS && !octets) || weight <= best_weight)
			continue;
		best = s;
		best_weight = weight;
	}
	return best;
}

/* ---- members ---- */

static bool
take_text(const struct node *n, struct slice *out)
{
	if (n->flags & (NODE_NUMBER | NODE_BOOLEAN | NODE_BINARY))
		return false;
	if (n->text.n == 0 || n->text.n > SGS_TEXT_MAX)
		return false;
	for (size_t i = 0; i < n->text.n; i++)
		if (n->text.p[i] < ' ' || n->text.p[i] > '~')
			return false;
	*out = n->text;
	return true;
}

static bool
take_flag(const struct node *n, bool *out)
{
	*out = slice_is(n->text, "true");
	return (n->flags & (NODE_NUMBER | NODE_STRING | NODE_BINARY)) == 0 &&
	       (*out || slice_is(n->text, "false"));
}

static bool
take_number(const struct node *n, uint64_t *out)
{
	return (n->flags & (NODE_STRING | NODE_BOOLEAN | NODE_BINARY)) == 0 &&
	       slice_number(n->text, SGS_NUMBER_MAX, out);
}

/* RC_BAD_REQUEST: no octets in that text. */
static enum rc
take_octets(struct arena *a, const struct node *n, struct slice *out)
{
	size_t size = b64url_octets(n->text.n);
	uint8_t *p;

	if (n->flags & NODE_BINARY)
		return base64_decode(a, n->text, out) ? RC_OK
		       : arena_failed(a)              ? RC_UNAVAILABLE
		                                      : RC_BAD_REQUEST;
	if ((n->flags & (NODE_NUMBER | NODE_BOOLEAN)) != 0 || size == SIZE_MAX)
		return RC_BAD_REQUEST;
	p = arena_alloc(a, size + 1);
	if (p == NULL)
		return RC_UNAVAILABLE;
	*out = slice_make(p, size);
	return b64url_decode(n->text, p) ? RC_OK : RC_BAD_REQUEST;
}

/* The first of several has room for all of them. */
static enum rc
take_entry(struct arena *a, const struct node *n, struct sgs_texts *out)
{
	struct slice *v = out->n == 0 ? NULL : (struct slice *)(uintptr_t)out->v;
	size_t max = 0;

	if (n->flags & NODE_EMPTY_ARRAY)
		return RC_OK;
	if (v == NULL) {
		for (const struct node *o = n; o != NULL; o = o->next)
			max++;
		if (max > SGS_TEXTS_MAX)
			return RC_BAD_REQUEST;
		v = ARENA_ARRAY(a, struct slice, max);
		if (v == NULL)
			return RC_UNAVAILABLE;
		out->v = v;
	}
	return take_text(n, &v[out->n++]) ? RC_OK : RC_BAD_REQUEST;
}

static enum rc
take(struct arena *a, const struct node *n, const struct sgs_field *f, void *out)
{
	void *to = (char *)out + f->at;
	bool ok = false;

	switch (f->kind) {
	case SGS_TEXT:
		ok = take_text(n, to);
		break;
	case SGS_NUMBER:
		ok = take_number(n, to);
		break;
	case SGS_FLAG:
		ok = take_flag(n, to);
		break;
	case SGS_BYTES:
		return take_octets(a, n, to);
	case SGS_HEX:
		ok = (n->flags & (NODE_NUMBER | NODE_BOOLEAN | NODE_BINARY)) == 0 &&
		     hex_decode(n->text, to, SGS_NUMBER_BYTES);
		break;
	case SGS_TEXTS:
		return take_entry(a, n, to);
	case SGS_ROWS:
	case SGS_TIME:
	case SGS_COUNTS:
		break;
	}
	return ok ? RC_OK : RC_BAD_REQUEST;
}

/* ---- the object ---- */

static bool
is_ours(const struct node *n)
{
	if (n->flags & NODE_NO_NS)
		return n->ns.n == 0;
	return (n->flags & NODE_ATTRIBUTE) == 0 && slice_is(n->ns, SGS_NS);
}

static bool
is_blank(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != ' ' && s.p[i] != '\t' && s.p[i] != '\r' && s.p[i] != '\n')
			return false;
	return true;
}

/* A scalar, or an entry of an array where fields are lists. */
static bool
has_form(const struct node *n, const struct sgs_field *f)
{
	if (f->kind != SGS_TEXTS && (n->flags & (NODE_ARRAY | NODE_EMPTY_ARRAY)) != 0)
		return false;
	return is_ours(n) && (n->flags & NODE_ATTRIBUTE) == 0 && n->first == NULL;
}

static enum rc
fill(struct arena *a, const struct node *root, const struct sgs_doc *doc, void *out)
{
	unsigned seen = 0;

	for (const struct node *n = root->first; n != NULL; n = n->next) {
		size_t i = 0;
		enum rc rc;

		while (i < doc->n && !slice_is(n->name, doc->fields[i].name))
			i++;
		if (i == doc->n || !has_form(n, &doc->fields[i]))
			return RC_BAD_REQUEST;
		if ((seen & 1u << i) != 0 && doc->fields[i].kind != SGS_TEXTS)
			return RC_BAD_REQUEST;
		seen |= 1u << i;
		rc = take(a, n, &doc->fields[i], out);
		if (rc != RC_OK)
			return rc;
	}
	for (size_t i = 0; i < doc->n; i++)
		if (doc->fields[i].required && (seen & 1u << i) == 0)
			return RC_BAD_REQUEST;
	return RC_OK;
}

/* The codecs read documents whose only member is the root: it is put around. */
static enum rc
decode(struct arena *a, enum sgs_syntax syntax, struct slice body, const char *root,
       struct node **out)
{
	const char *why;
	struct slice whole;

	if (syntax == SGS_XML) {
		enum rc rc = codec_xml.decode(a, body, &limits, out, &why);

		return rc == RC_OK && !slice_is((*out)->name, root) ? RC_BAD_REQUEST : rc;
	}
	if (syntax == SGS_JSON)
		whole = ARENA_JOIN(a, SLICE_LIT("{\"o\":"), body, SLICE_LIT("}"));
	else
		whole = ARENA_JOIN(a, SLICE_LIT("\xa1\x61\x6f"), body);
	if (whole.p == NULL)
		return RC_UNAVAILABLE;
	return (syntax == SGS_JSON ? &codec_json : &codec_cbor)
	        ->decode(a, whole, &limits, out, &why);
}

enum rc
sgs_doc_read(struct arena *a, enum sgs_syntax syntax, struct slice body, const struct sgs_doc *doc,
             void *out)
{
	struct node *root = NULL;
	enum rc rc;

	if (syntax == SGS_OCTETS || syntax == SGS_NO_SYNTAX)
		return RC_BAD_REQUEST;
	rc = decode(a, syntax, body, doc->root, &root);
	if (rc != RC_OK)
		return rc;
	if (!is_ours(root) || !is_blank(root->text) ||
	    (root->flags & (NODE_ARRAY | NODE_EMPTY_ARRAY | NODE_STRING | NODE_NUMBER |
	                    NODE_BOOLEAN | NODE_BINARY)) != 0)
		return RC_BAD_REQUEST;
	return fill(a, root, doc, out);
}

/* ---- a message ---- */

const struct sgs_field sgs_envelope_fields[1] = {
	SGS_FIELD(struct sgs_envelope, message, "message", SGS_BYTES, true),
};

enum rc
sgs_message_read(struct arena *a, enum sgs_syntax syntax, struct slice body, const char *root,
                 struct slice *message)
{
	const struct sgs_doc doc = { root, sgs_envelope_fields, 1 };
	struct sgs_envelope e = { SLICE_NONE };
	enum rc rc;

	*message = body;
	if (syntax == SGS_OCTETS)
		return RC_OK;
	if (syntax == SGS_NO_SYNTAX)
		return RC_MEDIA_TYPE;
	rc = sgs_doc_read(a, syntax, body, &doc, &e);
	*message = e.message;
	return rc;
}

void
sgs_message_write(struct buf *b, enum sgs_syntax syntax, const char *root, struct slice message)
{
	const struct sgs_doc doc = { root, sgs_envelope_fields, 1 };
	const struct sgs_envelope e = { message };

	if (syntax == SGS_OCTETS)
		buf_slice(b, message);
	else
		sgs_doc_write(b, syntax, &doc, &e);
}
