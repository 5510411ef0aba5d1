/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parameter sets that a node gets: bootstrapParamSet and connectionParamSet (TS 102 921,
 * bootstrapParamSet.xsd, connectionParamSet.xsd), in XML and JSON, in the order of the XSD.
 * The two releases differ in how a key is sent: in clear (v1.1), or wrapped by AES (v2.1.1).
 */
#ifndef MAS_PARAM_SET_H
#define MAS_PARAM_SET_H

#include "codec/codec.h"
#include "sec/keywrap.h"
#include "sec/node_id.h"

#include <stdint.h>

#define PARAM_SET_MAX 16384u /* octets of a document */

enum param_set_kind { PARAM_BOOTSTRAP, PARAM_CONNECTION };

struct param_set {
	enum param_set_kind kind;
	int64_t lifetime; /* securityLifetime: us since 1970 */
	/* The key: clear (securityM2MKey), or wrapped (securityEncryptedM2MKey), or neither. */
	const struct key *clear;
	const uint8_t *wrapped; /* KEYWRAP_BYTES octets */
	const char *scl_id;

	/* PARAM_BOOTSTRAP */
	struct node_id node;
	uint32_t kmr_index;
	const char *mas_address; /* securityMasFqdn; NULL = absent */
	const char *const *nscls; /* sclIdList, ends with NULL; NULL = absent */

	/* PARAM_CONNECTION */
	uint64_t connection_id;
	uint32_t kmc_index;
	unsigned flags; /* securitymIdFlags, 16 bits */
};

/*
 * Appends the document. RC_OK; RC_BAD_REQUEST when a text cannot be carried, RC_NO_SPACE when it is
 * over the limit of out. What is in out is as secret as the key: the caller wipes it. Any thread.
 */
enum rc param_set_write(const struct param_set *p, const struct codec *codec, struct buf *out);

#endif
