/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can follow a member's URI, by the type tables alone: members are of another SCL, or come and
 * go (TS 102 921 10.23).
 */
#include "config.h"

#include "core/group.h"

#define WAYS_MAX 32u

/* The types that the path may have led to so far. */
struct ways {
	const struct rtype *types[WAYS_MAX];
	bool fixed[WAYS_MAX]; /* a collection or another fixed child */
	size_t n;
	bool anything; /* what follows is not ours to judge */
};

static void
add_way(struct ways *w, const struct rtype *t, bool fixed)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->types[i] == t)
			return;
	if (w->n == WAYS_MAX) {
		w->anything = true;
		return;
	}
	w->types[w->n] = t;
	w->fixed[w->n++] = fixed;
}

static void
add_created(struct ways *w, const struct rtype *t)
{
	for (const uint8_t *n = t->creates; n != NULL && *n != T_NONE; n++)
		if (rtype_get(*n) != NULL)
			add_way(w, rtype_get(*n), false);
}

/* Fixed child of any type: then it is no aPoCPath of an application. */
static bool
is_fixed_somewhere(struct slice segment)
{
	for (unsigned n = 1; n < T_MAX; n++)
		if (rtype_get(n) != NULL && rtype_fixed_child(rtype_get(n), segment) != NULL)
			return true;
	return slice_is(segment, "latest") || slice_is(segment, "oldest");
}

static bool
is_attribute(const struct rtype *t, struct slice segment)
{
	const struct rule *r;

	if (slice_is(segment, "aPoCHandling"))
		segment = SLICE_LIT("aPocHandling");
	r = rtype_rule_named(t, segment);
	return r != NULL && (r->elem & E_ANY_ATTRIBUTE) == 0 && r->source != S_INSTANCE;
}

/* One segment on from one type. */
static void
step_from(struct ways *next, const struct rtype *t, bool fixed, struct slice segment)
{
	const struct rtype *child = rtype_fixed_child(t, segment);

	if (t->flags & RT_FANOUT) {
		next->anything = true;
	} else if (child != NULL) {
		add_way(next, child, true);
	} else if (is_attribute(t, segment)) {
		next->anything = true;
	} else if (fixed || t->creates != NULL) {
		add_created(next, t);
	} else if (t->number == T_APPLICATION && !is_fixed_somewhere(segment)) {
		next->anything = true;
	}
}

static void
add_named(struct ways *w, const char *element)
{
	for (unsigned n = 1; n < T_MAX; n++)
		if (rtype_get(n) != NULL && strcmp(rtype_get(n)->name, element) == 0)
			add_way(w, rtype_get(n), false);
}

bool
suffix_makes_sense(struct arena *a, const char *element, struct slice suffix)
{
	struct ways at = { 0 }, next;
	struct slice segment;

	add_named(&at, element);
	while (suffix.n > 0 && slice_split(&suffix, '/', &segment)) {
		if (!uri_decode(a, segment, &segment))
			return false;
		next = (struct ways){ 0 };
		for (size_t i = 0; i < at.n; i++)
			step_from(&next, at.types[i], at.fixed[i], segment);
		if (next.anything)
			return true;
		if (next.n == 0)
			return false;
		at = next;
	}
	return true;
}
