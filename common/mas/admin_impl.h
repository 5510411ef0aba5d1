/* SPDX-License-Identifier: Apache-2.0 */
/* One call of the administration on its way. Private to common/mas/admin_*.c. */
#ifndef MAS_ADMIN_IMPL_H
#define MAS_ADMIN_IMPL_H

#include "codec/json_fields.h"
#include "core/endpoint.h"
#include "core/peer.h"
#include "mas/admin.h"
#include "mas/mas_admin.h"
#include "mas/msbf_admin.h"
#include "sec/failures.h"
#include "sec/tokens.h"

#include <pthread.h>

#define ADMIN_BODY_MAX (1u << 20)
#define ADMIN_ANSWER_MAX (2u << 20)
#define ADMIN_SECTIONS 3u

struct admin {
	struct admin_conf conf;
	struct endpoint endpoint;
	pthread_rwlock_t lock; /* guards tokens */
	struct tokens *tokens; /* NULL: none */
	struct failures *failures;
	const struct admin_more
		*more[ADMIN_MORE_MAX]; /* not changed once the scl runs, as the next */
	unsigned n_more;
	const struct mas_counters *counters[ADMIN_COUNTERS_MAX];
	unsigned n_counters;
	void (*rotated)(void *arg, const char *scl_id, const char *actor); /* NULL: nobody */
	void *rotated_arg;
};

struct admin_call;
union admin_args;

/* One operation. */
struct admin_op {
	enum req_op method;
	const char *path; /* below /admin/; '*' stands for one segment */
	const char *name; /* in the audit */
	/* Parameters of the query, or members of the body, into call->args. */
	const struct json_field *fields;
	size_t n_fields;
	const union admin_args *absent; /* what args are without them; NULL = zero */
	/*
	 * Looks at the arguments, on the serving thread. RC_OK, or RC_BAD_REQUEST, RC_MEDIA_TYPE ...: the
	 * call is refused. NULL: nothing to look at.
	 */
	enum rc (*check)(struct admin_call *c);
	/* Starts the work, which ends with admin_answer or admin_refuse. */
	void (*begin)(struct admin_call *c);
	/* The body may be application/x-ndjson, which is then not read into args. */
	bool lines;
	bool at_mas, at_msbf; /* it needs a MAS, a MSBF, of this process */
	bool at_store; /* it needs one of both */
};

extern const struct admin_op admin_node_ops[], admin_list_ops[], admin_audit_ops[],
	admin_device_ops[], admin_group_ops[]; /* each ends with path NULL */

/* Arguments of all operations; texts lie in the request. */
union admin_args {
	struct {
		struct slice state, sub_id, scl_id, node, after, limit;
	} list;
	struct {
		struct slice scl_id, node, ppid, sub_id;
		struct key kmr;
		int64_t kmr_index, lifetime;
	} issue;
	struct {
		struct slice scope, connection, reason, deadline;
		int64_t index;
	} change;
	struct {
		struct slice allowed_sources, sub_id, priority;
		int64_t flags, ival_required;
	} set;
	struct {
		struct slice ppid, fingerprints, sub_id, note, old;
		bool replace;
	} device;
	struct {
		struct slice gid, members, networks, node;
		int64_t window, expiry;
		bool rekey_on_join;
	} group;
};

/* In the arena of its request. */
struct admin_call {
	struct admin *admin;
	struct req *rq;
	const struct req_input *in;
	struct arena *arena;
	const struct admin_op *op;
	char actor[AUDIT_ACTOR_MAX + 1];
	struct slice source;
	struct slice id; /* the segment of '*' */
	struct node_id node; /* id, where it is one */
	union admin_args args;
	bool secret; /* a key is in args, u or out */
	bool lines; /* the body is, and the answer is to be, one object in each line */
	bool rewrapped; /* the MAS has a new master key */

	/* The answer under way. */
	struct buf out;
	const char *const *sections;
	unsigned section;
	enum rc rc;
	const char *reason;

	union {
		struct mas_query query;
		struct mas_change change;
		struct mas_provision provision;
		struct mas_audit_page page;
		struct mas_audit_verify verify;
		struct mas_rewrap rewrap;
		struct mas_generator generator;
		struct msbf_change device;
		struct msbf_query devices;
	} u;
	struct mas_note note;
	void (*then)(struct admin_call *c); /* after the note */
	struct device_fingerprint fingerprints[MAS_FINGERPRINTS];
	char texts[MAS_SOURCES_MAX + MAS_SUB_ID_MAX + 2]; /* zero-terminated copies for u */
	uint64_t number;
	enum mas_priority priority;
	void *state; /* of an operation */
	const struct admin_more *more; /* NULL: op is one of ours */
	struct admin_op more_op; /* what it is to the rest */
	struct admin_ask ask;
};

/* Ends the call with what is in out. On any thread; c is gone afterwards. */
void admin_answer(struct admin_call *c, enum rc rc);
void admin_refuse(struct admin_call *c, enum rc rc, const char *reason);
/* The same by an outcome; RC_OK is admin_answer with rc. */
void admin_outcome(struct admin_call *c, const struct mas_outcome *o, enum rc rc);
/*
 * Puts the call itself in the audit, then goes on with then: for what leaves no record of its own.
 * result: token.
 */
void admin_note(struct admin_call *c, const char *result, void (*then)(struct admin_call *c));
/* The argument limit, 0 when it is not given; false unless in 1..max. */
bool admin_limit(const struct admin_call *c, unsigned max, unsigned *limit);
/* Ends the list, its object and the call; next "" = that was all. */
void admin_list_end(struct admin_call *c, const struct mas_outcome *o, const char *next);
/* At most max fingerprints of a list of hex texts. */
bool admin_fingerprints(struct slice list, struct device_fingerprint *out, unsigned max,
                        unsigned *n);
/* An operation of another part of the process; *methods: that the path has. */
bool admin_more_find(struct admin_call *c, struct slice path, unsigned *methods);
/* A zero-terminated copy in c; NULL when it is longer than max. */
const char *admin_text(struct admin_call *c, struct slice s, size_t max);

#endif
