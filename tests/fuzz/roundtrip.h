/* SPDX-License-Identifier: Apache-2.0 */
/* The property all codec targets demand: what was decoded is written and decoded to the same. */
#ifndef FUZZ_ROUNDTRIP_H
#define FUZZ_ROUNDTRIP_H

#include <stdlib.h>

#include "codec/codec.h"

static bool
tree_equal(const struct node *a, const struct node *b)
{
	if (!slice_eq(a->name, b->name) || !slice_eq(a->ns, b->ns) || !slice_eq(a->text, b->text) ||
	    a->flags != b->flags)
		return false;
	a = a->first;
	b = b->first;
	for (; a != NULL && b != NULL; a = a->next, b = b->next)
		if (!tree_equal(a, b))
			return false;
	return a == b;
}

/* Writes root with codec and decodes that; NULL when one of them refuses. */
static struct node *
rewrite(const struct codec *codec, struct arena *a, struct buf *out, const struct node *root)
{
	static const struct codec_limits limits = { 16, 1024, 64, 65536 };
	struct node *again = NULL;
	const char *why = NULL;
	struct writer w;

	buf_clear(out);
	codec->writer(&w, out);
	w.ops->any(&w, root);
	if (out->failed || codec->decode(a, buf_view(out), &limits, &again, &why) != RC_OK)
		return NULL;
	return again;
}

static size_t
tree_size(const struct node *n)
{
	size_t size = 1;

	for (const struct node *c = n->first; c != NULL; c = c->next)
		size += tree_size(c);
	return size;
}

/* The same tree in the order in which codec writes it. */
static struct node *
sorted(const struct codec *codec, struct arena *a, struct buf *out, const struct node *root)
{
	struct node *again = rewrite(codec, a, out, root);

	if (again == NULL || tree_size(again) != tree_size(root))
		abort();
	return again;
}

/*
 * Aborts unless codec reproduces what it decodes, in the same order unless it is one that sorts;
 * other (may be NULL) must decode its form.
 */
static void
roundtrip(const struct codec *codec, const struct codec *other, struct slice bytes, bool sorts)
{
	static const struct codec_limits limits = { 12, 256, 16, 4096 };
	struct arena *a = arena_new(1u << 22);
	struct node *root = NULL, *again;
	const char *why = NULL;
	struct buf out;

	buf_init(&out, 1u << 22);
	if (codec->decode(a, bytes, &limits, &root, &why) == RC_OK) {
		if (sorts)
			root = sorted(codec, a, &out, root);
		again = rewrite(codec, a, &out, root);
		if (again == NULL || !tree_equal(root, again))
			abort();
		if (other != NULL && rewrite(other, a, &out, root) == NULL)
			abort();
	} else if (why == NULL) {
		abort();
	}
	buf_fini(&out);
	arena_free(a);
}

#endif
