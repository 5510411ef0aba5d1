/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A service capability layer: the tree in its store, the committer that changes it, the courier
 * that delivers what the changes cause. Bindings bring requests (req.h), ports carry them out
 * (port.h).
 */
#ifndef CORE_SCL_H
#define CORE_SCL_H

#include "base/clock.h"
#include "base/log.h"
#include "codec/codec.h"
#include "core/once.h"
#include "core/port.h"
#include "core/req.h"
#include "store/repo.h"

struct guard; /* core/guard.h */
struct scl;

/* One entry of a permission list of the configuration. */
struct scl_permission {
	const char *id;
	unsigned flags; /* bit n: enum permission_flag n */
	bool all;
	const char *const *applications; /* NULL-terminated lists, or NULL */
	const char *const *scls;
	const char *const *domains;
	const char *const *refs;
};

/* An NSCL of another provider (mIm). */
struct scl_peer {
	const char *uri; /* of its sclBase */
	const char *public_domain; /* that its SCLs are in, or NULL: the host of uri */
	const char *scl_id; /* that it proves, or NULL: none, and where SCLs prove theirs no peer */
};

/* An accessRight of a fresh store. */
struct scl_access_right {
	const char *id;
	const struct scl_permission *permissions;
	size_t n_permissions;
	const struct scl_permission *self_permissions;
	size_t n_self_permissions;
};

struct scl_limit {
	int64_t def; /* what a resource gets that asks for nothing; 0 = none */
	int64_t min;
	int64_t max; /* 0 = none */
};

/* Times are microseconds, sizes octets. Strings live as long as the scl. */
struct scl_conf {
	const char *id; /* SCL-ID */
	const char *base; /* name of sclBase */
	enum scl_type role;
	const char *const *search_strings; /* of sclBase; NULL-terminated */
	const char *public_domain; /* or NULL */
	int nscl_release; /* 1 or 2: that the NSCL speaks that this one registers with */
	const struct scl_access_right *access_rights;
	size_t n_access_rights;
	const char *default_access_right; /* id, or NULL */
	bool tolerate_unordered;
	bool trailing_slash; /* references end with a slash, as some Release 1 peers expect */

	struct codec_limits document;
	size_t body_max;
	size_t arena_max;
	size_t answer_max;
	unsigned pending_max; /* requests under way */
	unsigned queue_max; /* writes waiting for the committer */
	unsigned batch_max; /* writes in one transaction */
	unsigned collection_max; /* named references per answer, 0 = none */
	unsigned discovery_max;
	unsigned instances_max; /* per answer */
	size_t id_max;

	struct scl_limit lifetime;
	int64_t scl_lifetime;
	struct scl_limit instances, bytes, age;

	unsigned subscriptions_per_resource, subscriptions_total;
	uint64_t outbox_max; /* instances pending per subscription */
	unsigned notify_instances; /* per notify */
	size_t notify_bytes;
	int64_t retry_first, retry_max;
	unsigned tries; /* 0 = until the subscription ends */

	int64_t poll_hold; /* how long a long poll waits for a message */
	unsigned polls_max; /* that wait at a time */
	unsigned channels_max; /* channels in one collection */
	unsigned channel_queue; /* messages that wait in one channel */
	size_t channel_bytes; /* octets of them; a single one may be longer */
	size_t channels_bytes; /* octets of the messages of all channels */

	unsigned notify_timeout_ms, forward_timeout_ms;
	struct {
		const char *const *networks; /* "name" or "name=interface"; NULL-terminated, or NULL */
		unsigned requests_max; /* accepted for later, until their answer is delivered */
		size_t octets_max; /* of their bodies */
		unsigned waiting_max; /* whose issuer waits for a connection */
		int64_t lifetime; /* without TRPDT; also of an answer that is not fetched */
		int64_t linger; /* a connection counts as established so long after its last use */
		int64_t retry_first, retry_max;
	} saf; /* store and forward */
	unsigned group_members_max; /* of one group, 0 = none */
	unsigned group_parallel; /* members called at a time by one request to membersContent */
	unsigned group_fanouts_max; /* such requests under way, 0 = none */
	unsigned group_calls_max; /* calls of all of them together, 0 = none; each has one at least */
	unsigned group_member_timeout_ms; /* for one member; 0 = forward_timeout_ms */
	unsigned group_timeout_ms; /* for all members of one request */
	int64_t aggregation_wait; /* of a notification for others to the same subscriber; 0 = no aggregation */
	unsigned aggregation_max; /* notifications that wait so, 0 = none */
	const struct scl_peer *peers;
	size_t n_peers;
	const char *const *announce_to; /* SCLs that own resources are announced to unasked; NULL-terminated */
	unsigned announce_scls; /* entries of a sclList, 0 = no limit */
	int64_t mgmt_instance_lifetime; /* of an execInstance, 0 = infinite */
	unsigned mgmt_instances_max; /* execInstances of one mgmtCmd, 0 = none */
	unsigned mgmt_orders_max; /* commands and actions under way, 0 = none */
	struct scl_conf *previous; /* private to the core; NULL */
};

struct scl_parts {
	struct repo *repo; /* owned by the caller; closed after scl_free */
	struct log *log;
	const struct clock *clock;
	const struct port_ops *const *ports; /* NULL-terminated */
	struct port_conf port;
	const struct guard *guard; /* lives longer than the scl; NULL = none */
};

/* Builds the scl and, in a fresh store, the first resources. conf is copied, its strings are not. */
enum rc scl_new(const struct scl_conf *conf, const struct scl_parts *parts, struct scl **scl,
                char why[256]);
/*
 * Names the authorities (host:port) that are this SCL's own and the absolute URI of its sclBase, and
 * starts the threads. Both are copied. Requests are not admitted yet.
 */
enum rc scl_start(struct scl *scl, const char *base_uri, const char *const *own_authorities);
/* Begins to admit requests: what governs the first resources stands. After scl_start; any thread. */
void scl_admit(struct scl *scl);
/* Takes over changed limits; role, id, base and the first resources stay. Any thread. */
enum rc scl_reconfigure(struct scl *scl, const struct scl_conf *conf);
/* Admits nothing more, answers what waits, stops the threads. */
void scl_stop(struct scl *scl);
void scl_free(struct scl *scl);

/* ---- for capabilities: work on the courier thread ---- */

/* Caller's memory, alive until it ran or was cancelled by scl_stop. */
struct scl_task {
	/* On the courier thread, when due. May post itself again, send and make calls. */
	void (*run)(struct scl_task *task);
	int64_t due, wanted; /* private: monotonic microseconds */
	size_t place; /* private */
	bool queued; /* private */
	struct scl_task *next; /* private */
};

/* Runs task after delay microseconds; a task that is posted already is moved. Any thread. */
void scl_post(struct scl *scl, struct scl_task *task, int64_t delay);
/* Takes task back: it may be freed. Courier thread only. */
void scl_cancel(struct scl *scl, struct scl_task *task);
/* Sends; done is called on the courier thread. Courier thread only. */
void scl_send(struct scl *scl, struct exchange *ex);

/*
 * A request that the SCL makes, for itself or in somebody's name, to its own tree or to another
 * SCL. The core finds out where the target is and takes the same way as for a request that came in.
 * Caller's memory, alive until done; the request's slices are copied by scl_call.
 */
struct scl_call {
	struct slice method; /* GET, POST, PUT, DELETE */
	struct slice target; /* path on this SCL or absolute URI, with its query */
	struct slice from; /* requestingEntity; empty = this SCL, which may do everything here */
	struct slice authorization; /* of a Release 1 issuer, who gave from in it; else empty */
	const struct req_listener *listener; /* where the request that causes this one came in, or NULL */
	struct slice content_type, accept; /* empty = XML */
	struct slice body;
	/*
	 * A notify that the SCL made: its length is not that of a body that came in, and it does not
	 * wait for a long poll, for it is kept and sent again.
	 */
	bool notification;
	struct slice via; /* of the request that causes this one: what it has passed already */
	/* What the connection of its issuer has proved, as in struct req_input. */
	struct slice app_id, scl_id;
	uint64_t connection_id;
	struct slice group_request_id; /* X-etsi-group-request-id */
	struct slice correlation_id; /* X-etsi-correlationID */
	struct slice rcat, trpdt; /* X-etsi-rcat, X-etsi-trpdt */
	struct slice if_match, if_none_match, if_modified_since, if_unmodified_since;
	unsigned timeout_ms; /* for another SCL's answer; 0 = notify_timeout_ms or forward_timeout_ms */
	/* NULL, or a write that is applied once (core/once.h), with its number. */
	struct scl_once *once;
	uint64_t once_number;

	/* Called once on the courier thread, never from within scl_call. */
	void (*done)(struct scl_call *call);
	void *owner; /* the caller's */

	/* For done, valid until scl_call_end. */
	enum rc rc;
	const struct req_answer *answer;

	struct scl_task task; /* private from here on */
	struct scl *scl;
	struct req *rq;
};

/* Any thread. */
void scl_call(struct scl *scl, struct scl_call *call);
/* Frees what the answer lives in; once, after done was called. */
void scl_call_end(struct scl_call *call);

/*
 * This SCL has made a registration with the SCL of that link (URI of its sclBase) that was not
 * there: what was announced there is announced again. Any thread; copies link.
 */
void scl_registered_anew(struct scl *scl, struct slice link);

/* How much of the room for what waits is taken. */
struct scl_load {
	unsigned requests, requests_max; /* under way, without those that only wait (long polls) */
	unsigned writes, writes_max; /* that wait for the committer */
};

/* Any thread, never blocks. From scl_start on. */
void scl_load(struct scl *scl, struct scl_load *out);

/* Facts that capabilities need; strings live as long as the scl. */

/*
 * requestingEntity is this SCL; release (1 or 2) is the receiver's. False when there is no room. From
 * scl_start on.
 */
bool exchange_add_issuer(struct exchange *ex, const struct scl *scl, int release);
const char *scl_base_uri(const struct scl *scl);
struct slice scl_base_path(const struct scl *scl);
struct log *scl_log(struct scl *scl);

#endif
