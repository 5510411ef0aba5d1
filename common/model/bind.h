/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only validator: a neutral tree against a shape or against a column of a type's rules.
 * What passes is a list of typed values in schema order.
 */
#ifndef MODEL_BIND_H
#define MODEL_BIND_H

#include "model/res.h"

enum bind_column { BIND_CREATE, BIND_UPDATE };

struct binder {
	struct arena *arena; /* of the results and of why */
	bool ordered; /* refuse elements out of schema order (tolerate_unordered off) */
	struct slice name; /* of the resource that an UPDATE addresses: an id may repeat it */
	bool release1; /* set when the document used a form that only Release 1 has */
	struct slice why; /* set on failure: what is wrong, with the names of the dictionary */
};

/* Local part of the root's xsi:type (JSON: member "$type"); empty when there is none. */
struct slice node_xsi_type(const struct node *n);
/*
 * Checks the root element's name, its xsi:type and the content by t's rules. References to
 * children that a request may carry although they say nothing are left out of *out.
 * RC_BAD_REQUEST with why, or RC_OK.
 */
enum rc bind_resource(struct binder *b, const struct rtype *t, enum bind_column column,
                      const struct node *root, struct val **out);
/* Content of n by shape. */
enum rc bind_shape(struct binder *b, const struct shape *shape, const struct node *n,
                   struct val **out);
/* One value of attr from n, for partial addressing; the element's name is checked. */
enum rc bind_attribute(struct binder *b, unsigned attr, const struct node *n, struct val **out);

#endif
