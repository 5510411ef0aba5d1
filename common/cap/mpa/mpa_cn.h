/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operator of the network in multiparty authentication, at an NSCL; private to
 * common/cap/mpa/mpa_cn*.c.
 *
 *   change: admin_ask or request -> cn_op on the thread of the book -> durable -> answer
 *   reading: a snapshot of the book
 *   anchors of access points: a long poll, answered on the pool when anything has changed
 *   transcript: verified on the pool -> exchange with the server, by the courier -> its decision
 *               verified on the pool -> answer
 */
#ifndef CAP_MPA_CN_H
#define CAP_MPA_CN_H

#include "base/log_pace.h"
#include "cap/mpa/mpa_book.h"
#include "cap/mpa/mpa_rows.h"
#include "cap/pool.h"
#include "cap/sec_access.h"
#include "core/endpoint.h"
#include "core/scl.h"
#include "mas/admin.h"
#include "mas/mas_counter.h"
#include "mpa/transcript.h"
#include "store/tables_work.h"

#include <pthread.h>

#define CN_PATH_MAX 256u
#define CN_OPS_MAX 16u
#define CN_POLLS_MAX 1024u
#define CN_WAIT_MAX 60u /* seconds */
#define CN_JSON "application/json"
#define CN_OCTETS "application/octet-stream"
#define CN_TAG_MAX 48u

#define CN_KEY_DOMAIN SLICE_LIT("mpa key") /* what a party's signature of its key begins with */

enum cn_count {
#define MPA_COUNTER(name, text) CN_##name##_N,
#include "cap/mpa/mpa_counters.def"
#undef MPA_COUNTER
	CN_CAUSES_N, /* and one for each enum mpa_cause */
	CN_COUNTS = CN_CAUSES_N + MPA_CAUSES
};

struct mpa_cn;
struct cn_poll;

/* One change, or one reading that is as rare. */
struct cn_op {
	struct tables_job job;
	struct mpa_cn *cn;
	const struct cn_row *row;
	struct admin_ask *ask; /* of an administrator, or */
	struct req *rq; /* of a node, or neither: of this process itself */
	struct node_id node;
	struct slice id, body, scl_id; /* live until it is answered */
	int64_t now; /* seconds since 1970 */
	void (*ended)(struct cn_op *op,
	              enum rc rc); /* on the thread of the book; NULL: not wanted */

	/* What run leaves for the answer. */
	enum rc then; /* of a success */
	const char *reason; /* of a refusal; constant */
	struct buf answer;
	unsigned issued, revoked;
	char dropped[NODE_ID_TEXT]; /* a node that has lost all, for the log */
	unsigned retry_after; /* of a refusal; seconds, 0: none */
	bool changed; /* what access points have to know */
};

/* An operation: on the thread of the book, one at a time, in a transaction. */
struct cn_row {
	enum req_op method;
	const char *path, *name;
	enum rc (*run)(struct cn_op *op, struct tables_tx *tx);
};

struct cn_admin {
	struct mpa_cn *cn;
	const struct cn_row *row;
	struct admin_more more;
};

struct cn_inquiry;

/* Nodes of which it is not known whether they still stand. */
struct cn_doubt {
	struct scl_task task; /* begins the next step */
	struct cn_inquiry *inquiry;

	/* mpa_cn.lock guards the rest. */
	bool over; /* nobody is in doubt */
	bool busy; /* a step is under way, or will be */
	bool waits; /* for task */
	bool again; /* something was lost since that step began */
	bool begun; /* nodes up to sure are in doubt no more */
	bool gone; /* asked is to lose what it has */
	struct node_id sure, asked;
	int64_t pause; /* before the next try, after a failure */
};

struct mpa_cn {
	struct scl *scl;
	struct log *log;
	const struct capability_conf *cap;
	const struct mpa_conf *conf;
	const struct sec_access *sec;
	struct mpa_book book;
	struct slice id; /* the name of the operator: the SCL-ID */
	struct mpa_cache *cache;
	struct mas_counters *counters;
	struct log_pace refusing; /* what any node can send, also by its gateway */
	const char *counter_names[CN_COUNTS];
	char cause_names[MPA_CAUSES][48];
	struct endpoint key, credentials, anchor, transcripts;
	char key_path[CN_PATH_MAX], credentials_path[CN_PATH_MAX], anchor_path[CN_PATH_MAX],
		transcripts_path[CN_PATH_MAX];
	struct cn_admin admin[CN_OPS_MAX];
	unsigned n_admin;
	struct sec_watcher watcher;
	struct scl_task due; /* polls that have waited long enough */
	uint64_t birth; /* random: entity tags are of one process */
	unsigned n_warrants; /* in the book; its thread alone */
	struct cn_doubt doubt;

	pthread_mutex_t lock; /* guards the rest */
	bool running;
	struct tables_work *work;
	struct pool *pool;
	uint64_t generation; /* of what access points have to know */
	struct cn_poll *polls;
	unsigned n_polls;
};

/* ---- mpa_cn.c ---- */

int64_t cn_now(void);
void cn_count(struct mpa_cn *cn, unsigned which);
/* A refusal for that cause: counted, logged; what the peer is told. */
enum rc cn_refused(struct mpa_cn *cn, enum mpa_cause why, const char *what, struct slice who,
                   const char **reason);
/* Gives the job to the pool; false: it is the end. Any thread. */
bool cn_pool(struct mpa_cn *cn, struct pool_job *job);
/* The node on whose service connection rq came, and its SCL-ID; else refused, which is returned. */
enum rc cn_identify(struct mpa_cn *cn, struct req *rq, const struct req_input *in,
                    struct endpoint_who *who, struct node_id *node);
bool cn_is_type(struct slice type, const char *media);

/* ---- mpa_cn_op.c ---- */

/* Carries the operation out and answers it. RC_OK, or it was not begun. Any thread. */
enum rc cn_op_begin(struct mpa_cn *cn, const struct cn_row *row, const struct cn_op *how);
/* Joins the administration, when there is one. */
enum rc cn_admin_open(struct mpa_cn *cn);
/* Begins to revoke all that a node has, which the provider no longer knows. Any thread. */
void cn_node_revoked(struct mpa_cn *cn, const struct node_id *node);
enum rc cn_refuse_op(struct cn_op *op, enum rc rc, const char *reason);
/* Room for so many warrants more. */
bool cn_has_room(const struct mpa_cn *cn, unsigned n);
/*
 * Notes a warrant that was made or taken. Refused: its issuer has given the serial number to another
 * one before, so that it could be neither revoked nor forgotten by itself.
 */
enum rc cn_note(struct cn_op *op, struct tables_tx *tx, struct slice octets, struct slice server);
/* Revocations as that transaction has them, for libmpa. */
struct mpa_revocations cn_revocations(struct tables_tx *tx);
/* Octets as a text of JSON: base64url. */
void cn_put_octets(struct buf *b, const char *name, struct slice octets);
void cn_put_public(struct buf *b, const char *name, const struct sign_public *key);
/* Base64url of at most max octets, appended to out. */
bool cn_take_octets(struct slice text, size_t max, struct buf *out);
/* {id, publicKey} of the operator. */
void cn_put_network(const struct mpa_cn *cn, struct buf *b);

extern const struct cn_row cn_row_key, cn_row_credentials; /* mpa_cn_rest.c */
extern const struct cn_row cn_rows_servers[], cn_rows_issue[], cn_rows_list[];
extern const unsigned cn_n_rows_servers, cn_n_rows_issue, cn_n_rows_list;
/* mpa_cn_list.c: revokes all that a node has, and takes its key away; RC_OK also when it has none. */
enum rc cn_drop_node(struct cn_op *op, struct tables_tx *tx, const struct node_id *node);

/* ---- mpa_cn_rest.c ---- */

enum rc cn_rest_open(struct mpa_cn *cn);
enum rc cn_key_serve(void *arg, struct req *rq, const struct req_input *in);
enum rc cn_credentials_serve(void *arg, struct req *rq, const struct req_input *in);

/* ---- mpa_cn_anchor.c ---- */

enum rc cn_anchor_serve(void *arg, struct req *rq, const struct req_input *in);
/* Something has changed: polls are answered. Any thread. */
void cn_anchor_changed(struct mpa_cn *cn);
void cn_anchor_open(struct mpa_cn *cn);
/* Answers all that wait; nothing runs any more. */
void cn_anchor_stop(struct mpa_cn *cn);

/* ---- mpa_cn_doubt.c ---- */

/* RC_UNAVAILABLE. */
enum rc cn_doubt_open(struct mpa_cn *cn);
/* Nothing runs any more but, maybe, the MAS. One that was never opened: fine. */
void cn_doubt_close(struct mpa_cn *cn);
/* From then on every node is in doubt until the MAS was asked about it. Any thread, never blocks. */
void cn_doubt_begin(struct mpa_cn *cn);
/* RC_OK; or refused: that node (NULL: any) is in doubt. */
enum rc cn_sure_of(struct cn_op *op, const struct node_id *node);

/* ---- mpa_cn_transcript.c ---- */

enum rc cn_transcripts_serve(void *arg, struct req *rq, const struct req_input *in);

#endif
