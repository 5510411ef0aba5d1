/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of mid; private to the files mid*.c. */
#ifndef CAP_SEC_MID_IMPL_H
#define CAP_SEC_MID_IMPL_H

#include "cap/sec/mid.h"
#include "core/identity.h"
#include "mas/msbf_rate.h"

struct mid {
	struct mid_conf conf;
	struct scl *scl; /* NULL until mid_attach */
	struct msbf_rate *strangers; /* requests that nobody has proved */
	struct msbf_rate *verdicts; /* signatures */
	struct mid_names *names; /* requestingEntities that are of no SCL */
};

/* A refusal: sets *reason and returns rc. */
enum rc mid_refuse(enum rc rc, const char *token, struct slice *reason);
/* What a connection in that state means for a request on it. */
enum rc mid_state(struct mid *mid, enum live_state state, const struct mas_connection *conn,
                  const struct req_input *in, struct arena *arena, struct req_answer *out,
                  struct slice *reason);
/* One more request of the connection; RC_UNAVAILABLE when it makes too many. */
enum rc mid_limit(struct mid *mid, const struct req_input *in, const struct mas_connection *conn,
                  struct arena *arena, struct req_answer *out, struct slice *reason);
/* The request line: the method as it was sent; path and query. */
struct slice mid_method(const struct req_input *in);
struct slice mid_target(const struct req_input *in);

/* ---- mid_issuer.c ---- */

/* The path of a write names no other SCL than scl_id; the issuer is the SCL or one of its own. */
enum rc mid_check_issuer(struct mid *mid, struct req_input *in, const struct mid_peer *peer,
                         struct arena *arena, struct slice *reason);
/* Without a proof: true for what would be a request on mId. */
bool mid_is_of_scl(struct mid *mid, const struct req_listener *listener,
                   const struct req_input *in, struct arena *arena);

/* ---- mid_names.c ---- */

/*
 * Names that were found to be of no registered SCL, which holds for one generation of the tree
 * (identity_generation): so that not every request is looked up in it. So many, and the last ones.
 * Any thread.
 */
struct mid_names *mid_names_new(void);
void mid_names_free(struct mid_names *s);
bool mid_names_has(struct mid_names *s, uint64_t generation, struct slice text);
void mid_names_add(struct mid_names *s, uint64_t generation, struct slice text);

/* ---- mid_access.c ---- */

/* Whom a request without TLS claims to be of; nobody without the header. */
enum rc mid_access_identify(struct mid *mid, const struct req_listener *listener,
                            const struct req_input *in, struct arena *arena,
                            struct mid_peer *peer, struct req_answer *out, struct slice *reason);
/* The body is there: the tag proves it, once. */
enum rc mid_access_prove(struct mid *mid, const struct req_input *in,
                         const struct mas_connection *conn, struct slice *reason);

#endif
