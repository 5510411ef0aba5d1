/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is special about a resource type. All hooks are optional and run inside the transaction
 * of the request, on rq->tx.
 */
#ifndef CORE_HOOKS_H
#define CORE_HOOKS_H

#include "core/scl_impl.h"

struct hooks {
	/*
	 * On the serving thread and its snapshot, access granted: for what the store alone cannot do.
	 * RC_OK: go on as usual. RC_PENDING: rq->take is set and carries the request out. Anything
	 * else is the answer.
	 */
	enum rc (*prepare)(struct req *rq);
	/*
	 * EXECUTE of rq->target, in the write transaction: RC_NO_CONTENT, RC_ACCEPTED, or RC_CREATED
	 * when rq->target has become the created resource.
	 */
	enum rc (*execute)(struct req *rq);
	/* Before the first change: role, limits, values; may set values. old is NULL on CREATE. */
	enum rc (*check)(struct req *rq, const struct target *parent, const struct res *old,
	                 struct res *self);
	/*
	 * After check, before the first change of a CREATE: *there is a node that came to be meanwhile
	 * and is what the request has made; it is answered as created. NULL: go on.
	 */
	enum rc (*adopt)(struct req *rq, const struct target *parent, const struct res *self,
	                 struct res **there);
	/* After the node was stored. */
	enum rc (*created)(struct req *rq, const struct target *parent, struct res *self);
	enum rc (*updated)(struct req *rq, const struct res *old, struct res *self);
	/* Before the node is removed; final: why. Also called for every node of a removed subtree. */
	enum rc (*removed)(struct scl *scl, struct rtx *tx, struct res *self, enum rc final);
	/* All values of a virtual resource at once. */
	enum rc (*serve)(struct scl *scl, struct rtx *tx, const struct originator *who,
	                 const struct filter *f, struct val **out);
	/* The value of a S_HOOK attribute into *list, nothing when it has none. */
	enum rc (*value)(struct scl *scl, struct rtx *tx, const struct target *t, const struct filter *f,
	                 unsigned attr, struct val **list);
	/* True for a stored value that who may not see. */
	bool (*hidden)(const struct originator *who, const struct target *t, unsigned attr);
};

#endif
