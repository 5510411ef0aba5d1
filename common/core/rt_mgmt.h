/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of device management in core/ share; nobody else includes this. */
#ifndef CORE_RT_MGMT_H
#define CORE_RT_MGMT_H

#include "core/hooks.h"
#include "core/mgmt.h"

/* Nested parameters; a subtree stays within what one removal goes down. */
#define MGMT_DEPTH_MAX 8
#define MGMT_ARGS_MAX 64
#define MGMT_ARG_NAME_MAX 256
#define MGMT_ARGS_BYTES_MAX 65536u
/* The own collection, as a slot of sclBase. */
#define MGMT_OWN_SLOT ((slot_t)(T_SCLS << 8 | T_MGMT_OBJS))

struct mgmt;

/* ---- rt_mgmt_place.c ---- */

/* Where t's node is; for a collection that of the resource it belongs to. On tx. */
enum rc mgmt_place_of(struct scl *scl, struct rtx *tx, const struct target *t,
                      struct mgmt_place *out);
/* True when the issuer is the registered SCL that t lies below. */
bool mgmt_is_device(struct req *rq, const struct target *t);
/* The adaptor that claims the place, NULL when none does. Any thread; valid for a look only. */
const struct mgmt_adaptor *mgmt_adaptor_of(struct mgmt *m, const struct mgmt_place *place,
                                           struct mgmt_adaptor *copy);
/* The status of a kind of action: which attribute of which type. False: it has none. */
bool mgmt_status_of(unsigned action_type, unsigned *holder_type, unsigned *status_attr);
/* The status that a type keeps, A_END when it keeps none. */
unsigned mgmt_status_in(unsigned holder_type);
/* Replaces the value of a status. */
bool mgmt_status_set(struct arena *a, struct val **vals, unsigned attr, struct slice action,
                     int64_t progress, enum final_status final);
/* Stores a changed copy of old and tells who watches. */
enum rc mgmt_store(struct scl *scl, struct rtx *tx, const struct res *old, struct res *self);

/* ---- rt_mgmt_obj.c ---- */

/*
 * A resource that is made without accessRightID: what an adaptor keeps, and the own collection, hand
 * theirs on.
 */
enum rc mgmt_inherit_right(struct req *rq, const struct target *parent, struct res *self);

/* ---- rt_mgmt_look.c ---- */

/*
 * What was executed becomes an order once the transaction is durable. number tells executions of one
 * action apart. RC_UNAVAILABLE when there are too many. Committer thread, inside a transaction.
 */
enum rc mgmt_note_command(struct scl *scl, uint64_t exec_instance);
enum rc mgmt_note_action(struct scl *scl, uint64_t holder, uint64_t resource, unsigned attr,
                         uint64_t number);
/* An execInstance was cancelled or removed; likewise. */
void mgmt_note_cancel(struct scl *scl, uint64_t exec_instance);
/* The own collection has changed; likewise. */
void mgmt_note_changed(struct scl *scl);
/* True when one more may be under way. Any thread. */
bool mgmt_has_room(struct scl *scl);

/* ---- rt_mgmt_relay.c ---- */

/* hooks.prepare of what an adaptor may relay. */
enum rc mgmt_relay_prepare(struct req *rq);
/* Where the resource that rq creates was created at the device; empty when it was not relayed. */
struct slice mgmt_relay_location(const struct req *rq);
/* hooks.adopt of what an adaptor may relay. */
enum rc mgmt_relay_adopt(struct req *rq, const struct target *parent, const struct res *self,
                         struct res **there);

/* ---- rt_mgmt_own.c ---- */

/* Values that stay as they are in the own resource called name, whoever writes. */
bool mgmt_own_is_fact(struct mgmt *m, struct slice name, unsigned attr);
/* True when the capability keeps the own resource called name. */
bool mgmt_own_is_kept(struct mgmt *m, struct slice name);

struct mgmt_kept;
struct mgmt_kept *mgmt_kept_new(void);
void mgmt_kept_free(struct mgmt_kept *k);
struct mgmt_kept *mgmt_kept_of(struct mgmt *m);

#endif
