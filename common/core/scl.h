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
#include "core/port.h"
#include "store/repo.h"

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
	unsigned notify_timeout_ms, forward_timeout_ms;
	struct scl_conf *previous; /* private to the core; NULL */
};

struct scl_parts {
	struct repo *repo; /* owned by the caller; closed after scl_free */
	struct log *log;
	const struct clock *clock;
	const struct port_ops *const *ports; /* NULL-terminated */
	struct port_conf port;
};

/* Builds the scl and, in a fresh store, the first resources. conf is copied, its strings are not. */
enum rc scl_new(const struct scl_conf *conf, const struct scl_parts *parts, struct scl **scl,
                char why[256]);
/*
 * Names the authorities (host:port) that are this SCL's own and the absolute URI of its sclBase,
 * starts the threads and begins to admit requests. Both are copied.
 */
enum rc scl_start(struct scl *scl, const char *base_uri, const char *const *own_authorities);
/* Takes over changed limits; role, id, base and the first resources stay. Any thread. */
enum rc scl_reconfigure(struct scl *scl, const struct scl_conf *conf);
/* Admits nothing more, answers what waits, stops the threads. */
void scl_stop(struct scl *scl);
void scl_free(struct scl *scl);

/* ---- for capabilities: work on the courier thread ---- */

/* Caller's memory, alive until it ran or was cancelled by scl_stop. */
struct scl_task {
	/* On the courier thread, when due. May post itself again, send and call scl_local. */
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

/* A request of the SCL itself to its own tree; the pieces are copied. */
struct scl_local {
	struct slice method; /* GET, POST, PUT, DELETE */
	struct slice target; /* path */
	struct slice content_type;
	struct slice body;
	/* Called once on the courier thread, never from within scl_local. */
	void (*done)(struct scl_local *local, enum rc rc);
	struct buf answer; /* body of the answer, freed by the owner with buf_fini */
	void *owner;
	struct scl_task task; /* private */
	struct scl *scl; /* private */
	enum rc rc; /* private */
};

void scl_local(struct scl *scl, struct scl_local *local);

/* Facts that capabilities need; strings live as long as the scl. */
const char *scl_base_uri(const struct scl *scl);
struct slice scl_base_path(const struct scl *scl);
struct log *scl_log(struct scl *scl);

#endif
