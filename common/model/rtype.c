/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "model/rtype.h"

const struct rtype *
rtype_created_as(const struct rtype *t, struct slice element)
{
	for (const uint8_t *n = t->creates; n != NULL && *n != 0; n++)
		if (slice_is(element, rtype_get(*n)->name))
			return rtype_get(*n);
	return NULL;
}

const struct rtype *
rtype_fixed_child(const struct rtype *t, struct slice segment)
{
	for (const struct rule *r = t->rules; r->attr != A_END; r++) {
		const struct rtype *child = r->source == S_CHILD ? rtype_get(r->arg) : NULL;

		if (child != NULL && (slice_is(segment, child->name) ||
		                      (child->short_name != NULL && slice_is(segment, child->short_name))))
			return child;
	}
	return NULL;
}

const struct rule *
rtype_rule(const struct rtype *t, unsigned attr)
{
	for (const struct rule *r = t->rules; r->attr != A_END; r++)
		if (r->attr == attr)
			return r;
	return NULL;
}

const struct rule *
rtype_rule_named(const struct rtype *t, struct slice name)
{
	for (const struct rule *r = t->rules; r->attr != A_END; r++)
		if (slice_is(name, attr_info(r->attr)->name))
			return r;
	return NULL;
}

bool
rtype_name_reserved(const struct rtype *t, struct slice name)
{
	const struct rule *rule = rtype_rule_named(t, name);

	/* An XML attribute (the id itself) is no path segment. */
	if (rule != NULL && (rule->elem & E_ANY_ATTRIBUTE) == 0)
		return true;
	return rtype_fixed_child(t, name) != NULL;
}
