/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration that a provider pushes to a node, signed end to end: whoever carries it, the NSCL
 * too, can neither make nor change it (Lai et al., "Security Issues on Machine to Machine
 * Communications": configuration altered on its way). As JSON, one spelling alone, without white
 * space:
 *
 *   {"target":"<node>/<object>","version":<decimal>,"type":"<media type>",
 *    "body":"<base64url>","signature":"<base64url>"}
 *
 * node: the node id in hex, the SCL-ID or the subscription id of whom it is for; object: what is
 * written there, its path below {sclBase}/scls (so that nothing signed for one counts for another).
 * The Ed25519 signature is over the domain SIGN_CONFIG, then LV16 target | u64 version | LV16 type |
 * SHA-256 of the body (LV16: u16 length, octets; numbers big-endian).
 */
#ifndef SEC_CONFIG_DOC_H
#define SEC_CONFIG_DOC_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/rc.h"
#include "sec/sign.h"

#define CONFIG_MEDIA_TYPE "application/vnd.openscl.config+json"
/* Octets; target and type are printable ASCII without '"', '\\' and space. */
#define CONFIG_TARGET_MAX 2048u
#define CONFIG_TYPE_MAX 127u
#define CONFIG_BODY_MAX (1u << 20)

struct config_doc {
	struct slice target; /* 1..CONFIG_TARGET_MAX */
	uint64_t version; /* from 1; every one above all before it for the same object */
	struct slice type; /* 1..CONFIG_TYPE_MAX */
	struct slice body; /* 1..CONFIG_BODY_MAX octets */
	uint8_t signature[SIGN_SIZE];
};

/*
 * Signs: fills d->signature. RC_BAD_REQUEST: a member is out of its range; RC_UNAVAILABLE,
 * RC_INTERNAL. Any thread.
 */
enum rc config_doc_sign(struct config_doc *d, const struct sign_key *key);
/* RC_OK; RC_BAD_REQUEST as above; RC_FORBIDDEN: not signed by that key. Any thread. */
enum rc config_doc_verify(const struct config_doc *d, const struct sign_public *key);

/* Appends the JSON. RC_BAD_REQUEST as above; RC_UNAVAILABLE: to has no room. */
enum rc config_doc_write(const struct config_doc *d, struct buf *to);
/*
 * Reads it; nothing is verified. target and type of *out point into text, the body is in a.
 * RC_BAD_REQUEST: not that JSON, or a member is out of its range; RC_UNAVAILABLE. Any thread.
 */
enum rc config_doc_read(struct slice text, struct arena *a, struct config_doc *out);

/* Whom the target names, and the object, which is empty when there is no '/'. */
struct slice config_doc_node(const struct config_doc *d);
struct slice config_doc_object(const struct config_doc *d);

#endif
