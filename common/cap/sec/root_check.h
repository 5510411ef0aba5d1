/* SPDX-License-Identifier: Apache-2.0 */
/* Which bootstrapParamSet a node takes, from its MSBF or from a file. */
#ifndef CAP_SEC_ROOT_CHECK_H
#define CAP_SEC_ROOT_CHECK_H

#include "cap/sec/node_keys.h"

struct root_terms {
	const char *scl_id; /* that this process has */
	struct node_keys *keys; /* NULL: node_keys_put_root judges which indices there were */
	const struct node_root *held; /* kmr_index 0: none */
	int64_t now; /* microseconds since 1970 */
	bool with_key; /* it is to be in the set */
	/*
	 * NSCLs have to be in one of these domains, the list ends with NULL; NULL: in the domain of that
	 * MSBF; both NULL: anywhere.
	 */
	const char *const *domains;
	const char *msbf_id;
};

/* RC_OK; RC_BAD_REQUEST: *element (constant) is what is not acceptable. */
enum rc root_check(const struct bootstrap_set *set, const struct root_terms *terms,
                   const char **element);
/* Of a set that was checked: everything but the key for rejects. */
void root_of_set(const struct bootstrap_set *set, const struct root_terms *terms,
                 struct node_root *out);

#endif
