/* SPDX-License-Identifier: Apache-2.0 */
/* What discovery answers, read. */
#include "config.h"

#include "cap/pxy/px_find.h"
#include "codec/codec.h"

#define DOCUMENT_ARENA ((size_t)4 << 20)

static const struct codec_limits limits = {
	.depth = 8, .nodes = 4096, .attributes = 32, .text = 4096
};

static const struct node *
child(const struct node *n, const char *name)
{
	const struct node *c = n == NULL ? NULL : n->first;

	while (c != NULL && !slice_is(c->name, name))
		c = c->next;
	return c;
}

bool
px_find_references(struct slice body, px_find_visit *visit, void *arg)
{
	struct arena *a = arena_new(DOCUMENT_ARENA);
	struct node *root = NULL;
	const struct node *list = NULL;
	const char *why;

	if (a != NULL && codec_json.decode(a, body, &limits, &root, &why) == RC_OK)
		list = child(root, "discoveryURI");
	for (const struct node *n = list == NULL ? NULL : list->first; n != NULL; n = n->next)
		if (slice_is(n->name, "reference") && n->text.n > 0 && !visit(arg, n->text))
			break;
	arena_free(a);
	return list != NULL;
}

/* Over a link's parameters, up to the comma behind them; false: a quotation has no end. */
static bool
skip_parameters(struct slice *rest)
{
	bool quoted = false;
	size_t i = 0;

	for (; i < rest->n && (quoted || rest->p[i] != ','); i++) {
		if (rest->p[i] == '"')
			quoted = !quoted;
		else if (quoted && rest->p[i] == '\\')
			i++;
	}
	*rest = slice_from(*rest, i);
	return !quoted;
}

bool
px_find_links(struct slice body, px_find_visit *visit, void *arg)
{
	while (body.n > 0) {
		const char *end = memchr(body.p, '>', body.n);
		struct slice target;

		if (body.p[0] != '<' || end == NULL)
			return false;
		target = slice_make(body.p + 1, (size_t)(end - body.p) - 1);
		body = slice_from(body, target.n + 2);
		if (!skip_parameters(&body))
			return false;
		if (!visit(arg, target))
			return true;
		if (body.n == 1)
			return false;
		body = slice_from(body, 1);
	}
	return true;
}
