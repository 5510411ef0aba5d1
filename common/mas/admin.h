/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Administration of MAS and MSBF by HTTP, below /admin/ on the listeners that serve it: JSON, one
 * operation for each method and path (docs/security.md has the list). An administrator proves
 * himself by the bearer token of a file or by a client certificate with urn:m2m:role:admin; every
 * call is in the audit, also those that are refused. Who has failed too often from one address is
 * not looked at until an hour is over. Where the MAS is in another process, its operations (nodes,
 * keys, connections, its audit) are answered 501 NO_MAS: they are asked for there. Where there is
 * neither MAS nor MSBF the log alone has the calls.
 *
 *   admin_open -> admin_attach -> scl_start ... scl_stop -> admin_close
 */
#ifndef MAS_ADMIN_H
#define MAS_ADMIN_H

#include "base/clock.h"
#include "base/log.h"
#include "core/req.h"
#include "mas/mas_local.h"

struct admin;
struct arena;
struct msbf;
struct peer;
struct scl;

#define ADMIN_ROLE "urn:m2m:role:admin"
#define ADMIN_PATH "/admin/"
#define ADMIN_WHY 256

/* Strings live until admin_close, as does all else. */
struct admin_conf {
	struct mas_local *mas; /* its audit has the calls; NULL: it is in another process */
	struct msbf *msbf; /* NULL: there are no devices here; without mas: its audit has the calls */
	const char *token_file; /* one bearer token, mode 0600; NULL: certificates alone */
	const struct clock *clock;
	struct log *log;
};

/* That certificate is one of an administrator's. Any thread. */
bool admin_has_role(const struct peer *peer);

/* RC_OK, or the outcome of tokens_read_one with a line in why; RC_UNAVAILABLE. */
enum rc admin_open(const struct admin_conf *conf, struct admin **out, char why[ADMIN_WHY]);
/* Adds the endpoint; before scl_start. As endpoint_add. */
enum rc admin_attach(struct admin *a, struct scl *scl);

/* ---- operations of other parts of this process ---- */

/*
 * One call of such an operation: who calls is proved, and stands in the audit and in the log. All of
 * it lives until admin_ask_end.
 */
struct admin_ask {
	const char *actor;
	struct slice source; /* address */
	struct slice id; /* the segment of '*', undecoded; p NULL: the path has none */
	struct slice query, body; /* JSON, not looked at; empty: there is none */
	struct arena *arena; /* of the request */
	void *state; /* of the operation */
};

struct admin_more {
	enum req_op method;
	const char *path; /* below /admin/; '*' stands for one segment */
	const char *name; /* in the audit */
	/* Never blocks; ends with admin_ask_end, from any thread, also from within. */
	void (*begin)(void *arg, struct admin_ask *ask);
	void *arg;
};

#define ADMIN_MORE_MAX 32u
#define ADMIN_COUNTERS_MAX 8u

/*
 * more is kept: it lives until admin_close. Before scl_start. RC_CONFLICT: the method and path are
 * taken; RC_UNAVAILABLE: there are too many.
 */
enum rc admin_add(struct admin *a, const struct admin_more *more);
/*
 * Ends the call. rc of a success: json is the answer (copied; may be empty); otherwise reason is a
 * token, or NULL, and retry_after seconds or 0. ask is gone afterwards.
 */
void admin_ask_end(struct admin_ask *ask, enum rc rc, struct slice json);
void admin_ask_refuse(struct admin_ask *ask, enum rc rc, const char *reason, unsigned retry_after);
/*
 * Told of each node whose Kmr an administrator has marked to be replaced, on a thread of the MAS,
 * which waits for it: never blocks. Before scl_start; one.
 */
void admin_on_rotation(struct admin *a,
                       void (*rotated)(void *arg, const char *scl_id, const char *actor),
                       void *arg);
/* Counters that GET counters tells beside its own; they live until admin_close. As admin_add. */
enum rc admin_add_counters(struct admin *a, const struct mas_counters *counters);

/* Reads the token again; what is wrong is logged, and the old one stays. Any thread. */
void admin_reload(struct admin *a);
/* No request is under way any more. NULL is fine. */
void admin_close(struct admin *a);

#endif
