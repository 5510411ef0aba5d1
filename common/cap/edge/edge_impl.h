/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gateway for applications outside; private to common/cap/edge. A grant is looked at in the
 * table, under its lock, by functions that call nothing that waits.
 */
#ifndef CAP_EDGE_IMPL_H
#define CAP_EDGE_IMPL_H

#include "base/clock.h"
#include "cap/edge/edge.h"
#include "cap/edge/edge_book.h"
#include "cap/edge/edge_log.h"
#include "cap/edge/edge_table.h"
#include "cap/reach.h"
#include "core/endpoint.h"
#include "sec/credential.h"
#include "sec/failures.h"
#include "sec/tokens.h"

/* What the peer is told of any refusal that is not about its size or its rate. */
#define EDGE_REFUSED "EDGE_REFUSED"

struct edge {
	const struct edge_conf *conf;
	const struct clock *clock;
	struct scl *scl;
	struct edge_seat *seat;
	struct edge_gate gate;
	struct edge_table *table;
	pthread_rwlock_t lock; /* guards book */
	struct edge_book *book; /* NULL: it is stopped */
	struct edge_log log;
	struct reach reach; /* of contacts */
	struct credential *credential; /* of what goes to contacts */

	/* Administration. */
	struct endpoint grants, grant, stats;
	struct tokens *tokens; /* NULL: certificates alone */
	struct failures *failures;
};

/* ---- edge_check.c ---- */

/* EDGE_PASS when g is good now, whoever asks. */
enum edge_reason edge_check_state(const struct edge *e, const struct edge_grant *g);
/* What the request is for: its operation, its target, its way of answering. */
enum edge_reason edge_check_request(const struct edge *e, const struct edge_grant *g,
                                    struct slice app_id, const struct req_input *in,
                                    struct arena *arena);
/* A URI, or a path of this SCL, that something is to be sent to. */
enum edge_reason edge_check_contact(const struct edge *e, const struct edge_grant *g,
                                    struct slice url);
/*
 * A path of this SCL, or a URI, that is named in a document: covered, or of this SCL's access rights
 * when that is enough (right).
 */
enum edge_reason edge_check_reference(const struct edge *e, const struct edge_grant *g,
                                      struct slice uri, bool right);
/* True when path, without a query, is the own application of app_id, or below it. */
bool edge_is_own_application(const struct edge *e, struct slice path, struct slice app_id);

/* ---- edge_doc.c ---- */

/* A document that app_id writes. */
enum edge_reason edge_check_document(const struct edge *e, const struct edge_grant *g,
                                     struct slice app_id, const struct req_input *in,
                                     const struct node *doc);

/* ---- edge_gate.c ---- */

/* Fills e->gate. */
void edge_gate_fill(struct edge *e);
/* The App-ID that a certificate names, one alone; p NULL: none. */
struct slice edge_certificate_app(const struct peer *peer);

/* ---- edge_admin.c ---- */

enum rc edge_admin_open(struct edge *e, char why[256]);
enum rc edge_admin_attach(struct edge *e);
void edge_admin_close(struct edge *e);

#endif
