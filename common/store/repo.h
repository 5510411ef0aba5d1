/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resources over one ordered map: key layouts, record forms, indexes, instance sequences and the
 * outbox of the subscriptions; the only caller of a back end. It knows type numbers and values,
 * never a name of a dialect, a rule or a procedure.
 *
 * Layout of keys (integers big-endian; the first byte is the space):
 *   M name                        format version, next node id
 *   N id8                         node
 *   C parent8 slot4 name          child: id, type, expiration
 *   K id8 slot4                   collection that differs from its virtual form
 *   I container8 seq8             instance          J container8 name   its client-chosen name
 *   T container8                  what the instances themselves do not tell
 *   R container8 seq8             instance retained for the courier
 *   A authority 0 id8             where registered SCLs are reached (since format 2)
 *   E due8 kind1 id8              expiry            L hash8 id8 [seq8]  search string
 *   Y type2 id8                   nodes of a type   G id8               removed, still to be swept
 *   S subscription8               delivery state    P subscription8     has something to deliver
 *   W kind1 key8                  work of the courier that survives a restart
 * Every value ends with a CRC-32 of what is before it.
 */
#ifndef STORE_REPO_H
#define STORE_REPO_H

#include "base/log.h"
#include "model/res.h"
#include "store/store.h"

struct repo;
struct rtx;

#define REPO_FORMAT 2u
#define REPO_FORMAT_OLDEST 1u /* without the index by authority */
#define REPO_NAME_MAX 255u /* octets; keeps keys below STORE_KEY_MAX */
#define REPO_AUTHORITY_MAX 255u /* the same */

struct repo_conf {
	const struct store_ops *ops;
	struct store_conf store;
	unsigned cached_sequences; /* bound of the cache of container states */
	size_t arena_max; /* of one request */
	const struct clock *clock;
};

/*
 * Opens the store and checks its format version. An older one is brought to REPO_FORMAT in one
 * transaction, so all of it or nothing; opened to read, it stays and is only good for repo_check and
 * repo_backup. On failure why says why.
 */
enum rc repo_open(const struct repo_conf *conf, struct repo **repo, char why[256]);
void repo_close(struct repo *repo);
/* True when the store was empty: sclBase does not exist yet. */
bool repo_is_fresh(struct repo *repo);
/* The format the store had when it was opened. */
unsigned repo_format_found(const struct repo *repo);

/*
 * A read transaction: a snapshot, any thread. a is used for all results until repo_end. now is
 * the time by which expiry is judged.
 */
enum rc repo_begin_read(struct repo *repo, struct arena *a, struct rtx **tx);
void repo_end_read(struct rtx *tx);

/*
 * The write transaction, on the committer thread alone. Requests in it are separated by
 * repo_request; a refused one is taken back by repo_rollback and leaves no trace.
 */
enum rc repo_begin_write(struct repo *repo, struct rtx **tx);
/* A new request begins: its results go to a. */
void repo_request(struct rtx *tx, struct arena *a);
/* Undoes what was changed since repo_request. RC_OK, or the whole transaction must be aborted. */
enum rc repo_rollback(struct rtx *tx);
/* Ends tx. On success everything is durable and the sequence cache is published. */
enum rc repo_commit(struct rtx *tx);
void repo_abort(struct rtx *tx);
/* The first failure of the back end in tx: the transaction cannot be committed any more. */
enum rc repo_failure(const struct rtx *tx);

/*
 * Grows with every commit that changed a node or a collection (not for instances alone): what was
 * derived from nodes at one generation holds until the next. Read it before repo_begin_read. 0
 * while such a commit is under way: what is derived then is good for one request.
 */
uint64_t repo_generation(const struct repo *repo);
/* In a write transaction: true while nothing in it has changed a node or a collection yet. */
bool repo_nodes_unchanged(const struct rtx *tx);

/*
 * Has touched called, on the thread of the write transaction, for what it changes: a node that is
 * stored, changed or removed (SLOT_SELF), a collection, the instances of a container
 * (T_CONTENT_INSTANCES). The change may still be taken back. NULL: nobody is told. While no
 * transaction is open.
 */
typedef void repo_touched(void *arg, uint64_t id, slot_t slot);
void repo_watch(struct repo *repo, repo_touched *touched, void *arg);

struct arena *repo_arena(struct rtx *tx);
/* Sends the results of tx to another arena; returns the one before. */
struct arena *repo_set_arena(struct rtx *tx, struct arena *a);
int64_t repo_now(const struct rtx *tx);

/* ---- nodes ---- */

/* What the child index knows of a child. */
struct child {
	uint64_t id;
	unsigned type;
	int64_t expires;
	struct slice name; /* in the arena, or valid for the visit only */
};

/* Node by id; RC_NOT_FOUND when there is none. Expiry is not judged. */
enum rc repo_get(struct rtx *tx, uint64_t id, struct res **out);
/* Child by name; RC_NOT_FOUND also when its expiration has passed. */
enum rc repo_child(struct rtx *tx, uint64_t parent, slot_t slot, struct slice name, struct child *out);
/* Return false to stop. */
typedef bool repo_visit_child(void *arg, const struct child *c);
/* Children of (parent, slot) by name, at most limit (0 = all); expired ones are left out. */
enum rc repo_children(struct rtx *tx, uint64_t parent, slot_t slot, size_t limit,
                      repo_visit_child *visit, void *arg);
/* All children below parent in every slot, also expired ones: for removal and walks. */
typedef bool repo_visit_any(void *arg, slot_t slot, const struct child *c);
enum rc repo_children_all(struct rtx *tx, uint64_t parent, repo_visit_any *visit, void *arg);

/*
 * Stores a new node: gives it an id (self->id when ID_SCL_BASE is asked for) and enters it into
 * the indexes. RC_CONFLICT when the name is taken in (parent, slot).
 */
enum rc repo_insert(struct rtx *tx, struct res *self);
/* Stores changed values and times; old is what is stored (for the indexes). */
enum rc repo_update(struct rtx *tx, const struct res *old, struct res *self);
/* Removes one node and its index entries; its children are the caller's business. */
enum rc repo_remove(struct rtx *tx, const struct res *self);
/* Path of a node (percent-encoded, with leading slash) from the names of its ancestors. */
enum rc repo_path(struct rtx *tx, uint64_t id, slot_t slot, struct slice *path);

/* ---- collections ---- */

/* What makes a collection differ from its virtual form. */
struct coll {
	int64_t modified; /* 0: that of the node's creation */
	uint32_t subscriptions; /* on the collection */
	bool has_right; /* right was set or removed by an update of the collection itself */
	struct slice right; /* accessRightID; empty = none */
};

/* RC_OK also when the collection is virtual: *out is then all zero. */
enum rc repo_coll_get(struct rtx *tx, uint64_t id, slot_t slot, struct coll *out);
enum rc repo_coll_put(struct rtx *tx, uint64_t id, slot_t slot, const struct coll *c);
/* Sets the collection's lastModifiedTime to a value later than before. */
enum rc repo_coll_touch(struct rtx *tx, uint64_t id, slot_t slot, int64_t created);

/* ---- instances ---- */

/* The state of a container's sequence. */
struct seq {
	uint64_t first; /* 0 when empty */
	uint64_t last; /* 0 when empty */
	int64_t count;
	int64_t bytes;
	int64_t modified; /* 0 before the first change */
};

enum rc repo_seq(struct rtx *tx, uint64_t container, struct seq *out);
/* Cheap forms of the two virtual children: RC_NOT_FOUND when empty. */
enum rc repo_latest(struct rtx *tx, uint64_t container, struct res **out);
enum rc repo_oldest(struct rtx *tx, uint64_t container, struct res **out);
enum rc repo_inst_get(struct rtx *tx, uint64_t container, uint64_t seq, struct res **out);
/* Sequence number of an instance name. */
enum rc repo_inst_find(struct rtx *tx, uint64_t container, struct slice name, uint64_t *seq);
/*
 * Appends: gives self its seq, its name when it has none, and its creation time (not before that of
 * the instance before it). RC_CONFLICT when the name is taken.
 */
enum rc repo_inst_append(struct rtx *tx, uint64_t container, struct res *self);
/* Removes one; retain keeps a copy that repo_owed still sees. */
enum rc repo_inst_remove(struct rtx *tx, uint64_t container, uint64_t seq, bool retain);
/* VISIT_DROP: go on, and take back what the transaction's arena gave for this one. */
enum visit { VISIT_STOP, VISIT_KEEP, VISIT_DROP };
typedef enum visit repo_visit_inst(void *arg, struct res *inst);
/* Instances with from <= seq <= to, oldest first; at most limit (0 = all). */
enum rc repo_inst_range(struct rtx *tx, uint64_t container, uint64_t from, uint64_t to, size_t limit,
                        repo_visit_inst *visit, void *arg);
/*
 * The first instance that was created after a time, in O(log n): creation times grow with the
 * sequence numbers. *seq is 0 when there is none.
 */
enum rc repo_inst_since(struct rtx *tx, uint64_t container, int64_t created, uint64_t *seq);
/* Like repo_inst_range, but also sees the retained ones: what the courier still owes. */
enum rc repo_owed(struct rtx *tx, uint64_t container, uint64_t from, uint64_t to, size_t limit,
                  repo_visit_inst *visit, void *arg);
/* Drops the retained instances up to seq. */
enum rc repo_release(struct rtx *tx, uint64_t container, uint64_t upto);
/* The highest sequence number ever given in the container, 0 before the first. */
enum rc repo_seq_high(struct rtx *tx, uint64_t container, uint64_t *seq);

/* ---- indexes ---- */

/* DUE_PARKED: id is the key of a WORK_PARKED. */
enum due_kind { DUE_NODE = 1, DUE_AGE = 2, DUE_PARKED = 3 };

enum rc repo_due_add(struct rtx *tx, int64_t due, enum due_kind kind, uint64_t id);
enum rc repo_due_remove(struct rtx *tx, int64_t due, enum due_kind kind, uint64_t id);
typedef bool repo_visit_due(void *arg, int64_t due, enum due_kind kind, uint64_t id);
/* Entries due at or before upto, earliest first. */
enum rc repo_due(struct rtx *tx, int64_t upto, size_t limit, repo_visit_due *visit, void *arg);

/* seq is 0 for a node. A candidate carries the string's hash: the caller compares the string. */
typedef bool repo_visit_label(void *arg, uint64_t id, uint64_t seq);
enum rc repo_labelled(struct rtx *tx, struct slice label, repo_visit_label *visit, void *arg);
/* The same, from a node's id on, by id. */
enum rc repo_labelled_from(struct rtx *tx, struct slice label, uint64_t id, repo_visit_label *visit,
                           void *arg);
typedef bool repo_visit_id(void *arg, uint64_t id);
enum rc repo_of_type(struct rtx *tx, unsigned type, repo_visit_id *visit, void *arg);
/*
 * What is reached at an authority (of uri_authority), the oldest node first: an scl by its link or
 * pocs, an m2mPoc by its contactURI; also expired ones. RC_UNAVAILABLE: it is not known, the authority
 * is longer than REPO_AUTHORITY_MAX or the format is an old one.
 */
enum rc repo_reached(struct rtx *tx, struct slice authority, repo_visit_id *visit, void *arg);

/* Instances of removed containers: forgets up to limit records; *more says whether some are left. */
enum rc repo_sweep_removed(struct rtx *tx, size_t limit, bool *more);

/* ---- delivery state of subscriptions (the outbox) ---- */

struct lane {
	uint64_t subscription; /* node id; the key, also after the subscription is gone */
	uint64_t container; /* sequence that is watched, ID_NONE for other resources */
	uint64_t cursor; /* instances up to this one are delivered */
	uint64_t version; /* grows with every event: tells whether a delivery was overtaken */
	bool dirty; /* the current state is owed */
	int64_t sent; /* time of the last successful delivery, 0 = never */
	int64_t accumulated; /* child creations since the last delivery */
	enum rc final; /* RC_OK, or why the subscription ended: a final notify is owed */
	struct slice contact; /* of an ended subscription */
	struct slice aggregate; /* aggregateURI of an ended subscription */
	struct slice creator; /* subscriberId of an ended subscription */
	struct slice reference; /* absolute URI of an ended subscription */
	struct slice syntax; /* media type of an ended subscription */
};

enum rc repo_lane_get(struct rtx *tx, uint64_t subscription, struct lane *out);
/* pending: the courier has something to do for it. */
enum rc repo_lane_put(struct rtx *tx, const struct lane *lane, bool pending);
enum rc repo_lane_remove(struct rtx *tx, uint64_t subscription);
enum rc repo_pending(struct rtx *tx, uint64_t from, size_t limit, repo_visit_id *visit, void *arg);

/* The subscriptions on contentInstances of a container, as the committer's cache holds them. */
struct seq_lane {
	uint64_t subscription;
	uint64_t cursor;
	int64_t accumulate; /* maxAccuCreates, 1 when unset */
	bool pending;
	bool timed; /* has timeoutReason: is pending all the time */
	bool state; /* watches a value of the collection, not the instances; cursor is UINT64_MAX */
};

/* Write transactions only. The array belongs to the cache and is valid until the next request. */
enum rc repo_seq_lanes(struct rtx *tx, uint64_t container, struct seq_lane **lanes, size_t *n);
/* Forgets the cached array: a subscription was created or removed, or a lane was changed. */
void repo_seq_lanes_changed(struct rtx *tx, uint64_t container);
/* Marks a lane of the cached array as pending, durably. */
enum rc repo_seq_lane_wake(struct rtx *tx, struct seq_lane *lane);

/* ---- other work of the courier (the outbox of what is no subscription) ---- */

/* Stored numbers, never reused. */
enum work_kind {
	WORK_ANNOUNCE = 1, /* key: node whose announcements are to be reconciled, or a number for what is gone */
	WORK_FORWARD = 2, /* key: a number; a request that was accepted and is to be forwarded */
	WORK_RESULT = 3, /* key: a number; the answer of such a request */
	WORK_VALIDATE = 4, /* key: group whose members are to be checked */
	WORK_AGGREGATE = 5, /* key: half of a secret; where a group's notifications are collected */
	WORK_ANNOUNCE_INDEX = 6, /* key: a hash and a number; works of announcing by their subject */
	WORK_APPLIED = 7, /* key: a hash of where numbered requests come from; the last applied */
	WORK_PARKED = 8, /* key: as WORK_FORWARD; one kept elsewhere, till DUE_PARKED */
	WORK_KINDS
};

/* The bytes are the owner's; a version comes first in them. */
enum rc repo_work_put(struct rtx *tx, enum work_kind kind, uint64_t key, struct slice bytes);
/* RC_NOT_FOUND. The bytes are in the arena. */
enum rc repo_work_get(struct rtx *tx, enum work_kind kind, uint64_t key, struct slice *bytes);
/* RC_OK also when there is none. */
enum rc repo_work_remove(struct rtx *tx, enum work_kind kind, uint64_t key);
/* Return false to stop. bytes are valid for the visit only. */
typedef bool repo_visit_work(void *arg, uint64_t key, struct slice bytes);
/* Works of a kind from a key on, by key; at most limit (0 = all). */
enum rc repo_works(struct rtx *tx, enum work_kind kind, uint64_t from, size_t limit,
                   repo_visit_work *visit, void *arg);
/* A number that neither a node nor a work has had: grows. */
enum rc repo_new_number(struct rtx *tx, uint64_t *number);

/* ---- the whole store ---- */

enum rc repo_backup(struct repo *repo, const char *to, char why[256]);
/* Checks every record and the agreement of the indexes its format has; findings go to found. */
enum rc repo_check(struct repo *repo, store_finding *found, void *arg);
void repo_stat(struct repo *repo, struct store_stat *out);

#endif
