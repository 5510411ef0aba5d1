/* SPDX-License-Identifier: Apache-2.0 */
/* accessRight: every permission has an id, unique in its list (TS 102 921 10.11). */
#include "config.h"

#include "base/ident.h"
#include "core/hooks.h"

static enum rc
check_list(struct req *rq, struct val *list)
{
	for (struct val *p = list == NULL ? NULL : list->first; p != NULL; p = p->next) {
		char generated[IDENT_LEN + 1];
		struct val *named = NULL;

		if (val_get(p->first, A_ID) == NULL) {
			ident_random(generated);
			if (!val_set_text(rq->arena, &named, A_ID,
			                  arena_copy(rq->arena, slice_of(generated))))
				return RC_UNAVAILABLE;
			named->next = p->first;
			p->first = named;
		}
		for (const struct val *q = list->first; q != p; q = q->next)
			if (slice_eq(val_text(q->first, A_ID), val_text(p->first, A_ID)))
				return req_fail(rq, RC_BAD_REQUEST, "a permission's id stands twice");
	}
	return RC_OK;
}

static enum rc
access_right_check(struct req *rq, const struct target *parent, const struct res *old,
                   struct res *self)
{
	(void)parent;
	(void)old;
	TRY(check_list(rq, val_find(self->vals, A_PERMISSIONS)));
	return check_list(rq, val_find(self->vals, A_SELF_PERMISSIONS));
}

const struct hooks hooks_access_right = { .check = access_right_check };
