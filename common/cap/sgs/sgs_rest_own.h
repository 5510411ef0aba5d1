/* SPDX-License-Identifier: Apache-2.0 */
/* One call of the REST interface on its way; private to sgs_rest*.c. */
#ifndef CAP_SGS_SGS_REST_OWN_H
#define CAP_SGS_SGS_REST_OWN_H

#include "cap/sgs/sgs_device.h"
#include "cap/sgs/sgs_doc.h"
#include "cap/sgs/sgs_group.h"
#include "cap/sgs/sgs_mailbox.h"
#include "cap/sgs/sgs_own.h"
#include "cap/sgs/sgs_rest.h"
#include "cap/sgs/sgs_ring.h"
#include "cap/sgs/sgs_seen.h"
#include "cap/sgs/sgs_session.h"
#include "cap/sgs/sgs_wait.h"
#include "core/endpoint.h"
#include "sga/octets.h"
#include "sga/server.h"
#include "sga/tag.h"

#define SGS_ANSWER_OCTETS (2u << 20)
#define SGS_STARS 2u /* of a path */

struct sgs_call;

/* Who may ask. */
enum sgs_who {
	SGS_ANYBODY, /* also whom a message proves */
	SGS_DEVICE, /* by X-M2M-SGA */
	SGS_MANAGER,
	SGS_EITHER /* a device when there is X-M2M-SGA, else a manager */
};

struct sgs_rest_op {
	enum req_op method;
	const char *path; /* below the root, with at most SGS_STARS '*' */
	enum sgs_who who;
	uint8_t type; /* enum sga_type of the message that the body is; 0: it is none */
	const char *root; /* of its document */
	/*
	 * With a message: on a thread of the pool; takes c over. Without: on the serving thread or one of
	 * the pool, c->view open; returns what sgs_call_... or endpoint_... have returned.
	 */
	void (*run)(struct sgs_call *c);
	enum rc (*serve)(struct sgs_call *c);
};

/* What a step of the protocol leaves until its operation has ended. In locked memory. */
struct sgs_secrets {
	struct sga_r1 r1;
	struct sga_a1 a1;
	struct sga_a3 a3;
	struct sga_party i, j;
	bool has_i, has_j; /* kd of i, of j is there */
	uint8_t state[SGS_STATE_MAX];
	size_t n_state;
};

/* In the arena of its request. */
struct sgs_call {
	struct sgs *s;
	struct req *rq;
	const struct req_input *in;
	struct arena *arena;
	const struct sgs_rest_op *op;
	struct slice stars[SGS_STARS];
	struct slice source; /* address that failures count for; empty: none */
	enum sgs_syntax syntax_in, syntax;
	bool pending; /* handed over: it ends by endpoint_finish */

	struct slice message; /* of the protocol */
	struct sga_header header; /* of it */

	struct sga_tag tag;
	uint64_t device; /* number of who has proved itself; 0: a manager, or nobody */
	struct sgs_view *view; /* until serve has returned */

	struct sgs_secrets *secrets; /* of a step; NULL before */
	struct sgs_keyset *keys;
	struct buf to_i, to_j; /* messages of a step */
	unsigned tries;
	struct sgs_session session;
	enum rc code; /* of the answer when a step was stored */
	enum sgs_tally counter; /* that counts it */
	uint8_t sid[SGS_SID_BYTES];

	union {
		struct sgs_token token;
		struct sgs_register registration;
		struct sgs_contact contact;
		struct sgs_counter counter;
		struct sgs_ack ack;
		struct sgs_invite invite;
		struct sgs_spend spend;
		struct sgs_step step;
		struct sgs_end end;
		struct sgs_message message;
		struct sgs_group_new group;
		struct sgs_group_change change;
		struct sgs_group_leave leave;
		struct sgs_group_end group_end;
		struct sgs_group_message group_message;
		struct sgs_revoke revoke;
	} u;

	struct pool_job job;
	void (*then)(struct sgs_call *c); /* of the job */
	void (*closed)(struct sgs_op *op); /* of sgs_session_close */
	struct sgs_waiter waiter; /* for something in the mailbox */
	int64_t hold; /* microseconds that it waits */
	size_t max; /* items, or rows, of the answer */
	uint8_t secret[SGA_TOKEN_SIZE]; /* a token that is told */
};

/* ---- ends of a call; c is gone afterwards if it was pending ---- */

/* Without a body. */
enum rc sgs_call_done(struct sgs_call *c, enum rc rc);
/* With a document, with a message, with octets. */
enum rc sgs_call_answer(struct sgs_call *c, enum rc rc, const struct sgs_doc *doc, const void *in);
enum rc sgs_call_message(struct sgs_call *c, enum rc rc, const char *root, struct slice message);
enum rc sgs_call_octets(struct sgs_call *c, enum rc rc, struct slice octets);
/* errorInfo with one word: constant; to those who have proved who they are. */
enum rc sgs_call_refuse(struct sgs_call *c, enum rc rc, const char *word);
/*
 * The answer of a class, and nothing else; counted by cause, guesses for subject (may be empty) and
 * the source.
 */
enum rc sgs_call_class(struct sgs_call *c, enum sgs_cause cause, struct slice subject);
/* Class 3, to be tried again after so many seconds. Already counted. */
enum rc sgs_call_later(struct sgs_call *c, unsigned retry);
/* Class 4. */
enum rc sgs_call_challenge(struct sgs_call *c, const uint8_t challenge[SGA_CHALLENGE_SIZE]);
/* An operation has ended so, that is no success and of which nothing special is said. */
enum rc sgs_call_failed(struct sgs_call *c, enum rc rc);
/* For op->done of an operation whose owner is the call: 204, or how it failed. */
void sgs_call_ended(struct sgs_op *op);

/* ---- on the way ---- */

/*
 * Hands the call over: begin goes on with it, on the serving thread once the request is the call's,
 * or at once when it is already. RC_PENDING.
 */
enum rc sgs_call_pend(struct sgs_call *c, void (*begin)(struct req *rq));
static inline struct sgs_call *
sgs_call_of(const struct req *rq)
{
	return endpoint_state(rq);
}
/* A pending call goes on with then on a thread of the pool, or ends with class 3. */
void sgs_call_to_pool(struct sgs_call *c, void (*then)(struct sgs_call *c));
/* Location: below the root. */
void sgs_call_location(struct sgs_call *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* A parameter as a number of at most max; absent: otherwise. False: the call is to be refused. */
bool sgs_call_number(struct sgs_call *c, const char *name, uint64_t max, uint64_t otherwise,
                     uint64_t *out);
/* The document of the body. RC_OK, or what to return. */
enum rc sgs_call_read(struct sgs_call *c, const struct sgs_doc *doc, void *out);
/* The sid or gid of the first star, into c->sid. False: it is none. */
bool sgs_call_sid(struct sgs_call *c);
/* The name of a device by its number; "?" of one that is gone. In the view. */
struct slice sgs_call_name(const struct sgs_call *c, uint64_t device);

/* ---- who asks (sgs_rest_who.c) ---- */

const char *sgs_method_name(enum req_op method);
bool sgs_call_is_manager(const struct sgs_call *c, const struct endpoint_who *who);
/* A device: goes on with op->serve when X-M2M-SGA is good and new. RC_PENDING, or the outcome. */
enum rc sgs_call_prove(struct sgs_call *c);
/* Has op->serve look at v, which is closed. */
enum rc sgs_call_serve(struct sgs_call *c, struct sgs_view *v);

/* ---- steps of the protocol (sgs_rest_step.c): on the pool ---- */

/* Locked memory for the step. False: the call has ended. */
bool sgs_step_begin(struct sgs_call *c);
/* What the server has to keep of ss; RC_TOO_LARGE. */
enum rc sgs_step_save(struct sgs_call *c, const struct sga_server_session *ss);
/* What was saved, or loaded; lives as long as the secrets. */
struct slice sgs_step_state(const struct sgs_call *c);

/* ---- operations, by file ---- */

enum rc sgs_rest_package(struct sgs_call *c);
void sgs_rest_register(struct sgs_call *c);
enum rc sgs_rest_registration(struct sgs_call *c);
enum rc sgs_rest_contact_put(struct sgs_call *c);
enum rc sgs_rest_contact_delete(struct sgs_call *c);

enum rc sgs_rest_mailbox(struct sgs_call *c);
enum rc sgs_rest_item_delete(struct sgs_call *c);

void sgs_rest_invite(struct sgs_call *c);
void sgs_rest_accept(struct sgs_call *c);
void sgs_rest_request(struct sgs_call *c);
void sgs_rest_respond(struct sgs_call *c);

enum rc sgs_rest_session_get(struct sgs_call *c);
enum rc sgs_rest_session_delete(struct sgs_call *c);
enum rc sgs_rest_record(struct sgs_call *c);

enum rc sgs_rest_group_create(struct sgs_call *c);
enum rc sgs_rest_group_get(struct sgs_call *c);
enum rc sgs_rest_group_change(struct sgs_call *c);
enum rc sgs_rest_group_delete(struct sgs_call *c);
enum rc sgs_rest_member_delete(struct sgs_call *c);
enum rc sgs_rest_group_record(struct sgs_call *c);

enum rc sgs_rest_token(struct sgs_call *c);
enum rc sgs_rest_devices(struct sgs_call *c);
enum rc sgs_rest_device_delete(struct sgs_call *c);
enum rc sgs_rest_sessions(struct sgs_call *c);
enum rc sgs_rest_groups(struct sgs_call *c);
enum rc sgs_rest_stats(struct sgs_call *c);
enum rc sgs_rest_lockouts(struct sgs_call *c);
enum rc sgs_rest_lockout_delete(struct sgs_call *c);

/* A session as <session> and in lists. */
struct sgs_session_doc {
	uint8_t id[SGS_SID_BYTES];
	struct slice initiator, responder, state;
	uint64_t suite, expires, next_i, next_j;
};
extern const struct sgs_doc sgs_session_doc;
void sgs_session_tell(const struct sgs_call *c, const struct sgs_session *from,
                      struct sgs_session_doc *to);
/* Has the session ended by c->device (0: an administrator), the other party told; then goes on. */
void sgs_session_close(struct sgs_call *c, void (*done)(struct sgs_op *op));

/* Appends what tells the owner of g that the device of that identity has left. */
enum rc sgs_notice(const struct sgs *s, const struct sgs_view *v, const struct sgs_group *g,
                   const struct sga_id *left_by, struct buf *to);

#endif
