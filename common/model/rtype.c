/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "model/rtype.h"

#include "model/types.h"

const struct rtype *
rtype_get(unsigned number)
{
	const struct rtype *t;

	if (number >= T_MAX)
		return NULL;
	t = number < TYPES_ETSI ? &types_etsi[number] : &types_mgmt[number - TYPES_ETSI];
	return t->name != NULL ? t : NULL;
}

const struct rtype *
rtype_created_as(const struct rtype *t, struct slice element, struct slice xsi_type)
{
	for (const uint8_t *n = t->creates; n != NULL && *n != 0; n++) {
		const struct rtype *c = rtype_get(*n);

		if (c == NULL || !slice_is(element, c->name))
			continue;
		if (xsi_type.n == 0 ? c->xsi_type == NULL
		                    : slice_is(xsi_type, c->xsi_type != NULL ? c->xsi_type : c->shape))
			return c;
	}
	return NULL;
}

bool
rtype_has_instances(const struct rtype *t)
{
	return rtype_rule(t, A_CONTENT_INSTANCES_REFERENCE) != NULL;
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
	/* What a wildcard takes has other names than its rule. */
	for (const struct rule *r = t->rules; r->attr != A_END; r++)
		if ((r->elem & E_WILDCARD) == 0 && slice_is(name, attr_info(r->attr)->name))
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
