/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parameter sets as a node gets them, in XML of v1.1 (the key as it is) or v2.1.1 (the key wrapped):
 * bootstrapParamSet and connectionParamSet. What is accepted is what the schemas allow, nothing
 * else: elements in their order, none twice, none that is foreign.
 */
#ifndef CAP_SEC_PARAM_READ_H
#define CAP_SEC_PARAM_READ_H

#include "base/arena.h"
#include "base/rc.h"
#include "sec/keywrap.h"
#include "sec/node_id.h"

#define PARAM_READ_MAX 16384u /* octets of a document */
#define PARAM_NSCLS_MAX 16u /* references in sclIdList */

/* The key of a set as it was sent. */
struct param_key {
	uint8_t v[KEYWRAP_BYTES];
	size_t n; /* KEY_BYTES: as it is; KEYWRAP_BYTES: wrapped; 0: there is none */
};

/* Texts lie in the arena or in what was parsed; p NULL = absent. */
struct bootstrap_set {
	struct node_id node;
	uint32_t kmr_index; /* not 0 */
	int64_t expires; /* securityLifetime, microseconds since 1970 */
	struct slice mas; /* securityMasFqdn */
	struct param_key key; /* wiped by the caller */
	struct slice scl_id;
	struct slice nscls[PARAM_NSCLS_MAX];
	unsigned n_nscls;
};

struct connection_set {
	uint64_t id; /* not 0 */
	uint32_t kmc_index; /* not 0 */
	int64_t expires;
	struct param_key key; /* wiped by the caller */
	struct slice scl_id;
	unsigned flags; /* securitymIdFlags */
};

/*
 * RC_OK; RC_BAD_REQUEST: *element (constant) is the first one that is wrong, or missing, or in
 * whose place something else stands. *out holds no key then.
 */
enum rc bootstrap_set_parse(struct arena *a, struct slice xml, struct bootstrap_set *out,
                            const char **element);
enum rc connection_set_parse(struct arena *a, struct slice xml, struct connection_set *out,
                             const char **element);
/*
 * The key itself; kek opens a wrapped one. RC_DENIED: it was not made with kek; the caller wipes
 * *out, which is zero unless RC_OK.
 */
enum rc param_key_open(const struct param_key *k, const struct key *kek, struct key *out);

/* additionalInfo of an errorInfo, empty when the body is none. */
struct slice error_reason(struct arena *a, struct slice xml);

#endif
