/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any document against every row of the type tables and every other document: what a column
 * accepts can be written in both syntaxes, and says the same when it is read again. Written for
 * Release 1, which knows less, it says the same from then on.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "codec/codec.h"
#include "model/bind.h"
#include "model/render.h"
#include "model/rtype.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is written is larger than what was read: names in full, base64 of texts. */
static const struct codec_limits limits_in = { 12, 512, 16, 4096 };
static const struct codec_limits limits_out = { 16, 4096, 32, 65536 };

static const struct codec *const codecs[] = { &codec_xml, &codec_json };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What the input is taken for: a resource in one column, or one of the documents. */
struct reading {
	const struct rtype *type; /* NULL: a document */
	enum bind_column column;
	const char *element;
	const struct shape *shape;
};

/* A message names what went wrong before the abort. */
static void
fail(const struct reading *r, const char *what, struct slice text)
{
	fprintf(stderr, "%s, column %d: %s: %.*s\n", r->element, (int)r->column, what,
	        text.n > 2000 ? 2000 : (int)text.n, text.p == NULL ? "" : text.p);
	abort();
}

static enum rc
bind(const struct reading *r, struct binder *b, const struct node *root, struct val **vals)
{
	if (r->type != NULL)
		return bind_resource(b, r->type, r->column, root, vals);
	if (!slice_is(root->name, r->element))
		return RC_BAD_REQUEST;
	return bind_shape(b, r->shape, root, vals);
}

static void
render(const struct reading *r, const struct codec *codec, struct buf *out, const struct val *vals,
       int release)
{
	struct writer w;

	codec->writer(&w, out);
	if (r->type != NULL)
		render_resource(&w, r->type, vals, release);
	else
		render_shape(&w, r->element, r->shape, vals, release);
	if (out->failed)
		fail(r, "cannot be written", buf_view(out));
}

/* Reads what was written; false when it is refused for what Release 1 left out. */
static bool
read_again(const struct reading *r, const struct codec *codec, struct arena *a, struct slice bytes,
           int release, struct val **vals)
{
	struct binder b = { .arena = a, .ordered = true };
	struct node *root;
	const char *why = "";

	*vals = NULL;
	if (codec->decode(a, bytes, &limits_out, &root, &why) != RC_OK) {
		fprintf(stderr, "%s\n", why);
		fail(r, "cannot be decoded", bytes);
	}
	if (bind(r, &b, root, vals) == RC_OK)
		return true;
	if (release == 2) {
		fprintf(stderr, "%.*s\n", (int)b.why.n, b.why.p);
		fail(r, "is refused", bytes);
	}
	return false;
}

/* True when a value of any content is among them. */
static bool
has_any(const struct val *v)
{
	for (; v != NULL; v = v->next)
		if (v->any != NULL || has_any(v->first))
			return true;
	return false;
}

/* Equal but for what a body does not tell: parts of a millisecond. */
static bool
says_the_same(const struct val *a, const struct val *b)
{
	for (; a != NULL && b != NULL; a = a->next, b = b->next) {
		const struct attr_info *info = attr_info(a->attr);
		bool time = info != NULL && info->kind == K_TIME;
		uint64_t lost = (uint64_t)a->num - (uint64_t)b->num;

		if (a->attr != b->attr || lost > (time ? CLOCK_SECOND / 1000 - 1 : 0) ||
		    !slice_eq(a->text, b->text) || !says_the_same(a->first, b->first))
			return false;
	}
	return a == b;
}

/*
 * Written, read and written: exact says that the values are those of before. The form of any
 * content is that of the syntax only after the first reading.
 */
static void
check_written(const struct reading *r, const struct codec *codec, struct arena *a,
              const struct val *vals, int release, bool exact)
{
	struct buf text[3];
	struct val *again;
	bool readable = true;
	int n;

	for (n = 0; n < 3 && readable; n++) {
		buf_init(&text[n], 1u << 22);
		render(r, codec, &text[n], vals, release);
		readable = read_again(r, codec, a, buf_view(&text[n]), release, &again);
		if (readable && exact && !says_the_same(vals, again))
			fail(r, "does not say the same", buf_view(&text[n]));
		vals = again;
	}
	if (n == 3 && !slice_eq(buf_view(&text[1]), buf_view(&text[2]))) {
		fprintf(stderr, "%.*s\n", (int)buf_view(&text[2]).n, buf_view(&text[2]).p);
		fail(r, "is not written alike again", buf_view(&text[1]));
	}
	while (n-- > 0)
		buf_fini(&text[n]);
}

static void
check(const struct reading *r, struct arena *a, const struct node *root)
{
	struct binder b = { .arena = a };
	struct val *vals = NULL;
	bool exact;

	if (bind(r, &b, root, &vals) != RC_OK)
		return;
	/* The values of a document of Release 1 stand in the order of that release. */
	exact = !b.release1 && !has_any(vals);
	for (size_t c = 0; c < COUNT(codecs); c++)
		for (int release = 1; release <= 2; release++)
			check_written(r, codecs[c], a, vals, release, release == 2 && exact);
}

/* The type that a collection would create from this document is one that takes it or refuses it. */
static void
check_choice(const struct rtype *t, const struct node *root)
{
	struct slice xsi_type = node_xsi_type(root);
	const struct rtype *made = rtype_created_as(t, root->name, xsi_type);

	if (made == NULL)
		return;
	if (!slice_is(root->name, made->name) ||
	    (xsi_type.n > 0 && made->xsi_type != NULL && !slice_is(xsi_type, made->xsi_type)))
		abort();
}

static void
check_document(struct arena *a, const struct node *root)
{
	for (unsigned number = 1; number < T_MAX; number++) {
		const struct rtype *t = rtype_get(number);
		struct reading r = { .type = t };

		if (t == NULL || t->rules == NULL)
			continue;
		r.element = t->name;
		for (r.column = BIND_CREATE; r.column <= BIND_UPDATE; r.column++)
			check(&r, a, root);
		check_choice(t, root);
	}
	for (const struct document *d = documents; d->element != NULL; d++)
		check(&(struct reading){ .element = d->element, .shape = d->shape }, a, root);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice bytes = slice_make(data, size);
	struct arena *a = arena_new(1u << 25);
	const char *why = NULL;
	struct node *root;

	for (size_t c = 0; c < COUNT(codecs); c++)
		if (codecs[c]->decode(a, bytes, &limits_in, &root, &why) == RC_OK)
			check_document(a, root);
	arena_free(a);
	return 0;
}
