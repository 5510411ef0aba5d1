/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of core/ share; nobody else includes this. */
#ifndef CORE_SCL_IMPL_H
#define CORE_SCL_IMPL_H

#include "base/uri.h"
#include "core/committer.h"
#include "core/endpoint.h"
#include "core/guard.h"
#include "core/req.h"
#include "core/scl.h"
#include "model/bind.h"
#include "model/render.h"

#include <pthread.h>
#include <stdatomic.h>

/* Early return is right in core/: nothing here owns memory outside the arena. */
#define TRY(call)                                                                                  \
	do {                                                                                       \
		enum rc try_rc = (call);                                                           \
		if (try_rc != RC_OK)                                                               \
			return try_rc;                                                             \
	} while (0)

struct announcer;
struct channels;
struct groups;
struct observer;
struct observers;
struct courier;
struct decisions;
struct decision;
struct saf;
struct saf_parcels;
struct saf_relief;

/* By what this SCL is addressed; constant after scl_start. */
struct own_names {
	struct slice base_uri; /* scheme://authority/base */
	struct slice root; /* scheme://authority */
	struct slice credentials; /* base_uri as Release 1 has requestingEntity */
	const char **authorities; /* NULL-terminated, lower case */
};

#define ARENAS_KEPT 64
#define SEGMENTS_ADDED 16
#define ENDPOINTS_ADDED 32

struct scl {
	struct scl_conf conf;
	_Atomic(struct scl_conf *) live; /* conf with the reloaded limits */
	struct repo *repo;
	struct log *log;
	const struct clock *clock;
	struct committer *committer;
	struct courier *courier;
	struct decisions *decisions;
	struct saf *saf;
	struct saf_parcels *parcels;
	struct saf_relief *relief; /* NULL = none */
	_Atomic unsigned forwards_waiting; /* requests whose issuer waits for a connection */
	struct slice base_path; /* "/" base */
	struct slice id;
	struct own_names own;
	pthread_mutex_t arenas_lock;
	struct arena *arenas[ARENAS_KEPT]; /* of ended requests, for the next ones */
	unsigned narenas;
	struct req *spares[ARENAS_KEPT]; /* ended requests themselves, likewise */
	unsigned nspares;
	const struct segment *segments[SEGMENTS_ADDED];
	unsigned nsegments;
	const struct endpoint *endpoints[ENDPOINTS_ADDED];
	unsigned nendpoints;
	const struct guard *guard; /* NULL = none */
	_Atomic bool admitting;
	_Atomic unsigned requests; /* under way */
	_Atomic unsigned parked; /* of them: long polls and the like, which only wait */
	_Atomic uint64_t next_number; /* of requests, for the log */
	unsigned subscriptions; /* stored, in all; these three are the committer thread's */
	int subscriptions_changed, subscriptions_kept; /* by the present job, by the batch before it */
	_Atomic int64_t next_due; /* earliest entry of the expiry index that may exist */
	_Atomic bool removed; /* sequences wait for the sweep */
	_Atomic uint64_t refused_notifies;
	struct announcer *announcer;
	struct channels *channels;
	struct groups *groups;
	struct mgmt *mgmt;
	struct observers *observers;
	struct neighbours *neighbours;
};

/* The current limits; valid for the whole run of the scl. */
static inline const struct scl_conf *
scl_conf(const struct scl *scl)
{
	return atomic_load_explicit(&scl->live, memory_order_acquire);
}

/* Who asks (requestingEntity), in the forms that holders are compared with. */
struct originator {
	struct slice uri; /* as given */
	struct slice normal; /* absolute, normalised; own authority and path-absolute: as local_path */
	struct slice local_path; /* path on this SCL, or empty */
	struct slice app_id; /* last segment below applications, or empty */
	bool self; /* this SCL */
};

/*
 * The query of a RETRIEVE, or a subscription's criteria (TS 102 921 annex C, filterCriteria).
 * Absent times are 0.
 */
struct filter {
	bool has_modified_since, has_unmodified_since, has_created_after, has_created_before;
	int64_t modified_since, unmodified_since, created_after, created_before;
	bool has_size_from, has_size_until, has_max_size, has_instance_criterion;
	int64_t size_from, size_until, max_size;
	bool meta_data_only;
	struct slice accessor;
	struct slice prefix; /* searchPrefix */
	struct val *search_strings, *none_match, *content_types; /* lists of texts */
	unsigned in_types, out_types; /* bit n: enum resource_code n */
};

enum target_kind {
	TARGET_NODE,
	TARGET_COLLECTION,
	TARGET_INSTANCE,
	TARGET_DISCOVERY,
	TARGET_APOC, /* below an application's aPoCPaths */
	TARGET_FANOUT, /* membersContent, with the suffix in rest */
	TARGET_SEGMENT, /* a capability's own segment below sclBase, with what follows in rest */
	TARGET_FOREIGN /* another SCL's */
};

/* What a request addresses. */
struct target {
	enum target_kind kind;
	const struct rtype *type; /* of the addressed resource or collection */
	uint64_t id; /* node that it is or lies in */
	slot_t slot;
	struct res *node; /* record of id */
	struct res *inst;
	struct slice path; /* canonical, without the accessor */
	const struct rule *attr; /* partial address, or NULL */
	struct slice accessor; /* what follows the attribute's name: permission ids */
	bool content; /* .../content: the octets themselves */
	uint64_t app, scl, container; /* enclosing nodes, ID_NONE when there is none */
	struct slice app_path, scl_name;
	int64_t until; /* the earliest expiration on the way */
	struct slice rest; /* what follows, without the query: TARGET_APOC, TARGET_FANOUT, TARGET_SEGMENT */
	const struct segment *segment; /* TARGET_SEGMENT */
	const struct val *apoc_path; /* the aPoCPath that matched */
};

enum answer_kind { ANSWER_NONE, ANSWER_RESOURCE, ANSWER_ATTRIBUTE, ANSWER_RAW };

struct req {
	struct scl *scl;
	const struct scl_conf *conf;
	const struct req_listener *listener;
	struct arena *arena;
	uint64_t number;
	struct req_input in;
	struct req_answer out;
	enum rc rc;
	struct slice message; /* of an error */

	struct uri uri; /* of in.target */
	const struct endpoint *endpoint; /* that it is for, NULL = the tree */
	bool sealed; /* the body is an object that the guard is to open */
	bool identified; /* an endpoint has asked for the issuer */
	struct originator who;
	const struct codec *in_codec; /* NULL: the body is content as it stands */
	const struct codec *out_codec;
	struct filter filter;
	bool has_accessor_query;
	struct node *doc;

	struct rtx *tx; /* while it is processed */
	struct target target;
	const struct decision *decision; /* what is known of who and target already, or NULL */
	const struct decision *old_decision; /* overtaken, but who may still point into it */
	uint64_t generation; /* of the nodes, before the snapshot was taken */

	enum answer_kind answer;
	const struct rtype *answer_type;
	struct val *answer_vals; /* ANSWER_RESOURCE; the one value of ANSWER_ATTRIBUTE */
	struct slice raw, raw_type;
	int64_t modified; /* lastModifiedTime of what is answered, 0 = none */

	struct job job;
	req_done *done;
	void *done_arg;
	bool local; /* made by the core (call.c): no connection waits for it */
	bool own; /* and with the identity of this SCL */
	bool notification; /* as in struct scl_call */
	struct scl_once *once; /* the same */
	uint64_t once_number;
	bool counted; /* among scl->requests */
	bool parked; /* the arena is a small one of its own */
	unsigned timeout_ms; /* for the answer of another SCL, 0 = forward_timeout_ms */
	bool relayed; /* out is another's answer, sent as it came */
	/* Set when the request is carried out elsewhere than on the committer: what req_submit calls. */
	void (*take)(struct req *rq);
	void *taken; /* of whoever takes it */
	struct guard_wait wait; /* for the guard, before a write */
	struct guard_config config; /* object absent: the guard is not asked about one */
	struct slice config_text; /* the body as it came, when config.doc is there */
	struct observer *observer; /* that it reads for, or NULL */
	bool observer_new; /* the request's still */
	bool watched; /* an endpoint's answer can be observed, by the key watch */
	uint64_t watch;
	/* Unless NULL, called when the answer is over: whole, the binding has sent all of it. */
	void (*sent)(struct req *rq, bool whole);
	bool whole;
};

/*
 * For whoever took a request. Both from any thread; rq is not the caller's any more. rq->rc and
 * what it answers with are set before req_finish; req_commit sends it the usual way of a write.
 */
void req_finish(struct req *rq);
void req_commit(struct req *rq);
/*
 * Lets go of what a request that only waits does not need: its arena, its place among the requests
 * under way, what is known of its target. Of its input nothing but op is left. On RC_UNAVAILABLE it
 * is as it was. Before it is taken, on the serving thread.
 */
enum rc req_park(struct req *rq);

/* Sets the answer's text and returns rc. */
enum rc req_fail(struct req *rq, enum rc rc, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * A request of the core, not counted; from empty: with this SCL's identity. NULL without memory.
 */
struct req *req_new_local(struct scl *scl, enum req_op op, struct slice target, struct slice from);
/*
 * Decodes the body of a request that is taken: rq->doc, NULL when it is content as it stands. On the
 * serving thread, once.
 */
enum rc req_decode(struct req *rq);
/* Methods that the target takes, as the value of Allow. */
struct slice req_allow(struct req *rq);

/* ---- req_config.c ---- */

/* The body is a document of sec/config_doc.h. */
bool config_is_doc(const struct req *rq);
/*
 * A change of device management: what came in a signed document is taken out of it, and what
 * concerns this SCL itself is noted for the guard. On the serving thread, before the body is decoded.
 */
enum rc config_prepare(struct req *rq);

/* ---- req_media.c ---- */

/* A media type without its parameters. */
struct slice media_essence(struct slice header);
/* Case does not matter. */
bool media_is(struct slice type, const char *name);
/* The codec of a media type without parameters, NULL when there is none. */
const struct codec *media_codec(struct slice type);
/* The codec of a Content-Type, XML when there is none for it. */
const struct codec *media_syntax(struct slice content_type);
/* The number by which a codec is stored, and the codec of a number (XML of an unknown one). */
uint8_t media_syntax_number(const struct codec *codec);
const struct codec *media_syntax_at(uint8_t number);
/*
 * The codec that an Accept header likes best, XML before JSON before CBOR at the same quality, and
 * XML without a header; NULL: none is acceptable.
 */
const struct codec *media_negotiate(struct slice accept);
/* Fails the request: no media type that its Accept header takes is offered. */
enum rc media_not_acceptable(struct req *rq);
/* True when the Accept header (or its absence) takes the media type. */
bool accept_covers(struct slice accept, struct slice media_type);

/* ---- segment.c ---- */

/*
 * A capability's own segment directly below sclBase (TS 102 690 has none: it never appears in the
 * representation of sclBase). Lives as long as the scl.
 */
struct segment {
	const char *name;
	bool internal; /* nothing that anybody looks for: discovery does not tell of it */
	/*
	 * On the serving thread, rq->tx is a snapshot; requestingEntity is known, nothing else was
	 * checked. rq->target.rest is what follows the segment. Like hooks.prepare, but RC_OK is the
	 * answer as it stands in rq.
	 */
	enum rc (*serve)(const struct segment *self, struct req *rq);
	void *owner;
};

/* Before scl_start. RC_UNAVAILABLE when there are too many, RC_CONFLICT when the name is taken. */
enum rc segment_add(struct scl *scl, const struct segment *segment);
/* NULL when no capability has it. Any thread. */
const struct segment *segment_find(const struct scl *scl, struct slice name);

/* ---- query_proof.c ---- */

/*
 * Takes the query parameter x-m2m-sga out of rq's target, which was parsed, and makes it in.sga. The
 * refusal when it is malformed, or is there beside the header or twice.
 */
enum rc query_proof_take(struct req *rq);

/* ---- endpoint.c ---- */

/* The endpoint of rq's path on its listener, or NULL. */
const struct endpoint *endpoint_find(const struct req *rq);
/* What the header of a request for it says. */
enum rc endpoint_admit(struct req *rq);

/* ---- rt_discovery.c ---- */

/* Takes what is found, for an answer in another form than that of discovery. */
struct discovery_sink {
	/*
	 * A path of this SCL, or the URI of what an announcement is of; it ends with the call. *taken,
	 * at most room: the octets that it takes in the answer, 0 when it is not wanted. False when there
	 * is no room for it: the search ends.
	 */
	bool (*found)(void *arg, struct slice uri, const struct rtype *type, size_t room,
	              size_t *taken);
	void *arg;
};

/* Hands what who may discover to the sink, within the limits of discovery. */
enum rc discovery_find(struct scl *scl, struct rtx *tx, const struct originator *who,
                       const struct filter *f, const struct discovery_sink *sink);

/* ---- well_known.c ---- */

#define CAPABILITY_NAMES_MAX (SEGMENTS_ADDED + ENDPOINTS_ADDED)
/* Before the name of what a capability serves: its search string. */
#define CAPABILITY_LABEL "Capability/"

/*
 * Names directly below sclBase that capabilities serve and tell of, on listeners that serve one of
 * these (enum req_serve); how many. Any thread.
 */
unsigned capability_names(const struct scl *scl, unsigned serve,
                          struct slice names[CAPABILITY_NAMES_MAX]);
/* Serves /.well-known/core. Before scl_start. */
enum rc well_known_add(struct scl *scl);

/* ---- bootstrap.c ---- */

/* The first resources of a fresh store; counters of an old one. Before the threads start. */
enum rc bootstrap(struct scl *scl, char why[256]);

/* ---- req.c ---- */

/*
 * Who makes the request for an endpoint, to whom the guard lets speak here, as for any other: in
 * rq->who, which has no uri when nobody is named. Its answer is protected as others are.
 */
enum rc req_identify(struct req *rq);

/* ---- once.c ---- */

/*
 * Before and after a write, on the committer; RC_OK for one that is no scl_once's. *applied: it was
 * carried out earlier. Otherwise RC_OK: it is its turn.
 */
enum rc once_begin(struct req *rq, bool *applied);
/* With the outcome of the write, which is returned unless the mark of it cannot be stored. */
enum rc once_end(struct req *rq, enum rc rc);
/* Its outcome, also of one that did not come so far. Any thread, before its done. */
void once_answered(const struct req *rq);

/* ---- originator.c ---- */

/* Reads requestingEntity from the headers; RC_NO_ORIGINATOR, RC_BAD_REQUEST. */
enum rc originator_read(struct req *rq);
/*
 * The same from Basic credentials, where Release 1 has it (TS 102 921 annex C). RC_NO_ORIGINATOR:
 * credentials of another kind; RC_BAD_REQUEST.
 */
enum rc originator_basic(struct arena *a, struct slice credentials, struct slice *uri);
/* The Authorization header in which Release 1 has the requestingEntity uri (TS 102 921 annex C). */
void originator_credentials(struct buf *to, struct slice uri);
/* Fills who from a URI. False when malformed. */
bool originator_set(struct scl *scl, struct arena *a, struct slice uri, struct originator *who);
/* The local path of a URI of this SCL (normalised), empty when it is another's. */
struct slice own_path(const struct scl *scl, struct arena *a, struct slice uri);
/* Normalised URI; one of this SCL becomes its path. p NULL when malformed. */
struct slice comparable_uri(const struct scl *scl, struct arena *a, struct slice uri);
bool own_authority(const struct scl *scl, struct slice authority);
/* Absolute form of a path of this SCL. */
struct slice absolute_uri(const struct scl *scl, struct arena *a, struct slice path);

/* ---- target.c ---- */

/* Resolves the path of a local request on rq->tx into rq->target. */
enum rc target_resolve(struct req *rq);
/* The same for any path, for access rights and references; no partial address. RC_NOT_FOUND. */
enum rc target_find(struct scl *scl, struct rtx *tx, struct slice path, struct target *out);
/* True when the path leads to a capability's segment. */
bool path_enters_segment(const struct req *rq);
/* What the path's shape alone says: the last fixed segment is a contentInstances collection. */
bool path_takes_any_content(const struct req *rq);

/* Goes on from a resolved collection of instances (or any place) along rest. */
enum rc target_continue(struct req *rq, struct slice rest);

/* ---- decision.c ---- */

/*
 * What a look at the nodes has shown: who asks, what a path leads to and which flags that gives.
 * It holds until the generation of the nodes changes or something on the way expires, and is
 * kept, within a bound, for the next request with the same requestingEntity and path.
 */
struct decision {
	_Atomic unsigned refs;
	uint64_t generation;
	struct slice from, path; /* the key, as the request had them */
	struct originator who;
	struct target target;
	unsigned flags;
	struct arena *arena;
};

struct decisions *decisions_new(unsigned slots);
void decisions_free(struct decisions *ds);
/* The decision for the key at the present generation, referenced, or NULL. Any thread. */
const struct decision *decision_find(struct scl *scl, struct slice from, struct slice path,
                                     int64_t now);
/*
 * Makes and keeps one, referenced; RC_OK, or why the path does not lead to a place.
 * RC_NOT_IMPLEMENTED: to something that is not kept.
 */
enum rc decision_make(struct scl *scl, struct rtx *tx, uint64_t generation, struct slice from,
                      struct slice path, const struct originator *who, const struct decision **out);
void decision_release(const struct decision *d);

/* ---- observe.c ---- */

/* Watches the repo of scl. Before the threads start; freed after they have ended. */
struct observers *observers_new(struct scl *scl);
void observers_free(struct scl *scl);
/* On the committer thread: what became of what it has touched, and that time passes. */
void observers_commit(struct observers *os, enum commit_event what);
void observers_tick(struct observers *os);
/* Around a reading: before its snapshot is taken, and when its outcome is known. */
void observe_begin(struct req *rq);
void observe_place(struct req *rq, enum rc rc);

/* ---- access.c ---- */

/* The flags that who has there; until is lowered to when the right that says so expires. */
enum rc access_flags(struct scl *scl, struct rtx *tx, const struct originator *who,
                     const struct target *t, unsigned *flags, int64_t *until);
/* What flags mean for one that needs flag. */
enum rc access_judge(const struct target *t, unsigned flags, enum permission_flag flag);

/* RC_OK, RC_DENIED (holder without the flag) or RC_NOT_FOUND. */
enum rc access_check(struct scl *scl, struct rtx *tx, const struct originator *who,
                     const struct target *t, enum permission_flag flag);
/*
 * True when who may create in the collection t only because an application may announce below its
 * SCL's scl (TS 102 690, announcing).
 */
enum rc access_announces_only(struct scl *scl, struct rtx *tx, const struct originator *who,
                              const struct target *t, bool *yes);
/* accessRightID that governs a collection: its own or the one it inherited. */
enum rc collection_right(struct rtx *tx, const struct res *node, slot_t slot, struct slice *right);

/* ---- procedures ---- */

/* Read procedures, on a snapshot. */
enum rc retrieve(struct req *rq);
/* Write procedures, in the write transaction. */
enum rc create(struct req *rq);
enum rc update(struct req *rq);
enum rc delete_resource(struct req *rq);
enum rc partial_update(struct req *rq);
enum rc partial_create(struct req *rq);
enum rc partial_delete(struct req *rq);
/* Value of the partial address in vals; RC_NOT_FOUND when unset or unknown. */
enum rc partial_value(struct req *rq, const struct target *t, struct val *vals, struct val **out);
/* Binds rq->doc by the rules of t; sets the failure text. */
enum rc body_bind(struct req *rq, const struct rtype *t, enum bind_column column, struct val **out,
                  bool *release1);
/*
 * accessRightID in vals names an accessRight of this SCL, which may be missing, and is made
 * path-absolute; that of an announcement may be another SCL's (TS 102 690, common attributes).
 */
enum rc right_check(struct req *rq, const struct rtype *type, struct val *vals);
/* If-Match and its kin against a lastModifiedTime (TS 102 921 annex C, headers). */
enum rc conditions_check(struct req *rq, int64_t modified, bool read);
/* Stores the changed node, touches times and raises the event. self->modified is set here. */
enum rc store_update(struct req *rq, const struct res *old, struct res *self);
/* Removes a node with everything below, ending the subscriptions there. final: why. */
enum rc remove_subtree(struct scl *scl, struct rtx *tx, struct res *node, enum rc final);

/* ---- answer.c ---- */

/* Values of an answer for what t addresses, seen by who, in schema order. */
enum rc answer_values(struct scl *scl, struct rtx *tx, const struct originator *who,
                      const struct target *t, const struct filter *f, struct val **out);
/* Makes the answer of rq the representation of its target. */
enum rc answer_target(struct req *rq, const struct target *t);
/* lastModifiedTime of a collection or node target. */
enum rc target_modified(struct rtx *tx, const struct target *t, int64_t *modified);
void answer_stamp(struct req *rq, int64_t modified);
/*
 * The release (1 or 2) that the issuer of rq speaks: Release 1 has requestingEntity in Authorization
 * (TS 102 921 annex C).
 */
static inline int
req_release(const struct req *rq)
{
	return rq->in.from.p == NULL && rq->in.authorization.p != NULL ? 1 : 2;
}
/* Encodes a resource's values; false when a limit was passed. */
bool encode_values(const struct codec *codec, int release, const struct rtype *t,
                   const struct val *vals, struct buf *out);
void encode_error(const struct codec *codec, enum rc rc, struct slice message, struct buf *out);
/* References end in a slash where the configuration wants it. */
struct slice child_reference(struct scl *scl, struct arena *a, struct slice path, const char *child);

/* ---- filter.c ---- */

enum rc filter_from_query(struct req *rq);
/* Criteria of a subscription. False when a value is not usable. */
bool filter_from_vals(struct scl *scl, struct arena *a, const struct val *criteria, struct filter *f);
bool filter_instance(const struct filter *f, const struct res *inst);
/* The next entity tag of a header that lists them (RFC 9110 section 13.1); false at its end. */
bool filter_next_tag(struct slice *header, struct slice *tag);
bool filter_labels(const struct filter *f, const struct val *vals);
bool filter_times(const struct filter *f, int64_t created, int64_t modified);

/* ---- instances.c ---- */

/* True when the instance is past maxInstanceAge of its container. */
bool instance_aged(const struct res *container, const struct res *inst, int64_t now);
/* Latest or oldest live one. */
enum rc instance_end(struct rtx *tx, const struct res *container, bool latest, struct res **out);
/* Counts as a client may see them: without the aged ones. */
enum rc instances_state(struct rtx *tx, const struct res *container, struct seq *out);
enum rc instance_create(struct req *rq);
/* Evicts, oldest first, until the container's limits hold. */
enum rc instances_evict(struct scl *scl, struct rtx *tx, const struct res *container);
enum rc instances_expire(struct scl *scl, struct rtx *tx, uint64_t container);
/* Values of a contentInstance answer. */
enum rc instance_values(struct scl *scl, struct arena *a, const struct res *inst,
                        struct slice collection_path, bool meta_data_only, struct val **out);

/* ---- events.c ---- */

/* A resource or collection changed (TS 102 921 10.25); created: a child was created in it. */
enum rc event_changed(struct scl *scl, struct rtx *tx, uint64_t id, slot_t slot, bool created);
enum rc event_instance(struct scl *scl, struct rtx *tx, uint64_t container);
/* A subscription ends with a final notify of rc; its node is still there. */
enum rc subscription_end(struct scl *scl, struct rtx *tx, const struct res *sub, enum rc rc);
/* Lowest cursor of the subscriptions on the container, UINT64_MAX without any. */
enum rc instances_owed_from(struct rtx *tx, uint64_t container, uint64_t *cursor);

/* ---- rt_annc.c ---- */

/* Refuses what may not stand between or in announcements. type is what is to be created. */
enum rc annc_place_check(struct req *rq, const struct target *parent, const struct rtype *type);

/* ---- rt_scl.c ---- */

/* True when the scl's schedule admits traffic now. */
bool scl_scheduled(const struct res *scl, int64_t now);

/* ---- rt_mgmt_order.c, rt_mgmt_doc.c: device management (mgmt.h) ---- */

struct mgmt;

/* NULL without memory. After courier_new, before scl_start. */
struct mgmt *mgmt_new(struct scl *scl);
/* After courier_stop. */
void mgmt_free(struct mgmt *m);
/* Takes up what an earlier run has left and no adaptor has taken. Before the courier starts. */
void mgmt_start(struct mgmt *m);
/* A batch of the committer was stored or lost. Committer thread, before courier_committed. */
void mgmt_batch_ended(struct mgmt *m);
/* The SCL that this one registers with knows nothing of it but the registration. Courier thread. */
void mgmt_registered_anew(struct mgmt *m);
/* The EtsiSclMo of this SCL itself; RC_NOT_FOUND. */
enum rc mgmt_scl_mo(struct rtx *tx, struct res **mo);

/* ---- expire.c ---- */

enum rc expire_tick(void *arg, struct rtx *tx, bool *more);
bool expire_due(void *arg);
void expire_note(struct scl *scl, int64_t due);
/* Clamps a lifetime wish into the limits; 0 and CLOCK_NEVER as the limits say. */
int64_t lifetime_grant(const struct scl_conf *conf, unsigned type, int64_t wish, int64_t now);

/* ---- courier.c, notify.c, forward.c ---- */

enum rc courier_new(struct scl *scl, const struct scl_parts *parts, struct courier **c);
enum rc courier_start(struct courier *c);
/* Ends what is under way, then the thread. */
void courier_stop(struct courier *c);
void courier_free(struct courier *c);
/*
 * Runs task after delay microseconds, once however often it was posted meanwhile. False after the
 * courier has stopped: it will not run. Any thread.
 */
bool courier_post(struct courier *c, struct scl_task *task, int64_t delay);
/* Takes task back. Courier thread only. */
void courier_cancel(struct courier *c, struct scl_task *task);
/*
 * True while task waits to be run; for a task that only the courier thread posts, on that thread.
 */
bool courier_posted(const struct scl_task *task);
void courier_send(struct courier *c, struct exchange *ex);
/*
 * Whether something may go to url because named_by (requestingEntity, may be empty) has said so
 * (core/guard.h, contact): for what this SCL does there in its own name. Courier thread.
 */
bool courier_contact_ok(struct courier *c, struct slice named_by, struct slice url);
/* True on the courier thread after courier_stop was called: nothing new is begun. */
bool courier_stopping(const struct courier *c);
struct scl *courier_scl(const struct courier *c);
struct deliveries *courier_deliveries(struct courier *c);
unsigned courier_exchanges_max(const struct courier *c);

/* The lane of a subscription has work; committer thread, inside a transaction. */
void courier_note(struct courier *c, uint64_t subscription);
/*
 * task is posted once the transaction is durable, or taken back with it; one of the few tasks that
 * live as long as the courier. Committer thread, inside a transaction.
 */
void courier_note_task(struct courier *c, struct scl_task *task);
/* The transaction is durable: what was noted is looked at. Committer thread. */
void courier_committed(struct courier *c);

/* notify.c: the deliveries of the lanes, on the courier thread. */
struct deliveries;
struct deliveries *deliveries_new(struct courier *c);
void deliveries_free(struct deliveries *d);
void deliveries_wake(struct deliveries *d, uint64_t subscription);
/* Takes up every pending lane of the store: at start, and when too many were noted at once. */
void deliveries_scan(struct deliveries *d);

/* Decides the next hop of rq on rq->tx; RC_PENDING: rq->take is set. */
enum rc forward_route(struct req *rq);

#endif
