/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Device management (TS 102 690 clause 9.3.4 and annex E, TS 102 921 clauses 10.28 to 10.33): what is
 * carried out when a mgmtCmd or an action of a mgmtObj is executed. Who carries it out is an adaptor:
 * a capability registers one for a device management protocol, or for the device that it runs on.
 * The core keeps the resources: execInstance and ActionStatus tell how far an order is.
 *
 * All calls of an adaptor come from the courier thread, except claims.
 */
#ifndef CORE_MGMT_H
#define CORE_MGMT_H

#include "core/scl.h"
#include "model/res.h"

/* Which resource it is about. Strings are valid during the call. */
struct mgmt_place {
	struct slice path; /* of the resource */
	unsigned type; /* enum type */
	bool own; /* in <sclBase>/scls/mgmtObjs: the device of this SCL itself */
	struct slice name; /* own: path below that collection */
	struct slice link; /* below scls/<scl>: sclBase of the SCL, as it was registered */
	bool device; /* directly in its mgmtObjs: that SCL itself, not a device attached to it */
	struct slice original; /* originalMO, when it is an absolute URI */
};

/* A command, or an action of a mgmtObj, under way. Belongs to the adaptor from start to mgmt_order_end. */
struct mgmt_order {
	struct mgmt_place place; /* of the mgmtCmd, or of the resource with the action */
	unsigned attr; /* A_EXEC_ENABLE, or the action */
	int64_t cmd_type; /* of a command: enum cmd_type */
	const struct val *args; /* of a command: A_EXEC_REQ_ARG values */
	/* Of an action: the resource that has its status; path below the own collection when own. */
	unsigned holder_type;
	struct slice holder;
	const struct val *vals;
	struct slice device; /* sclBase of the registered SCL; empty: this one */
	void *owner; /* the adaptor's */
};

struct mgmt_adaptor {
	const char *name;
	/* True when it carries out what is executed there. Any thread, must not wait. */
	bool (*claims)(const struct mgmt_adaptor *self, const struct mgmt_place *place);
	/*
	 * Changes and executions of mgmtObjs and parameters that it claims are requests to originalMO,
	 * made with this SCL's identity; what succeeded there is then done here.
	 */
	bool relays;
	/* The states STARTED and progress 0 are stored. */
	void (*start)(const struct mgmt_adaptor *self, struct mgmt_order *order);
	/*
	 * A command shall end early; the adaptor still ends it. NULL: its commands have no execDisable.
	 * Also called for a command whose execInstance is gone.
	 */
	void (*cancel)(const struct mgmt_adaptor *self, struct mgmt_order *order);
	/* Something in the own collection has changed; NULL: nobody wants to know. */
	void (*changed)(const struct mgmt_adaptor *self);
	/* The device is to be looked at now, not when its time has come; NULL: that is not its matter. */
	void (*look)(const struct mgmt_adaptor *self);
	void *owner;
};

/* One item of execResult. */
struct mgmt_item {
	const char *name;
	struct slice value;
};

#define MGMT_ITEMS_MAX 8

/*
 * Registers an adaptor; what an earlier run has left unfinished in what it claims is ended: restarts
 * succeeded, everything else was interrupted. RC_CONFLICT: there are too many. Courier thread, or
 * before anything can be executed.
 */
enum rc mgmt_adaptor_add(struct scl *scl, const struct mgmt_adaptor *adaptor);
/* No call comes any more; orders that it has not ended end as interrupted. Courier thread. */
void mgmt_adaptor_remove(struct scl *scl, const struct mgmt_adaptor *adaptor);

/* Calls look of every adaptor. Courier thread. */
void mgmt_look(struct scl *scl);

/* Percentage of an action that is done; stored when there is time. Courier thread. */
void mgmt_order_progress(struct mgmt_order *order, int percent);
/*
 * Ends the order, which is gone then. items become execResult of a command (of which an action keeps
 * nothing); they are copied. Courier thread.
 */
void mgmt_order_end(struct mgmt_order *order, bool success, const struct mgmt_item *items,
                    size_t n);
/* Value of an argument of a command, empty when it was not given. */
struct slice mgmt_order_arg(const struct mgmt_order *order, const char *name);

/* ---- the own collection, <sclBase>/scls/mgmtObjs ---- */

/* A resource of it as the capability wants it. */
struct mgmt_own {
	const char *name; /* path below the collection: "firmware", "firmware/app" */
	unsigned type; /* enum type */
	const struct val *facts; /* always so, whatever was there; a value without content: none */
	const struct val *initial; /* so when it is made */
	bool gone; /* it shall not be there */
};

/* An accessRight that the capability keeps: who may manage. */
struct mgmt_right {
	const char *id;
	const char *const *holders; /* URIs; NULL-terminated */
};

struct mgmt_sync {
	/* Filled by the caller, alive until done. Parents stand before what lies below them. */
	const struct mgmt_own *own;
	size_t n;
	const struct mgmt_right
		*right; /* governs the collection and all that is made; NULL: none */
	/* Courier thread, once. */
	void (*done)(struct mgmt_sync *sync, enum rc rc);
	void *owner;
	void *private_data;
};

/* Makes the own collection as it is wanted, in one transaction. Courier thread. */
void mgmt_sync(struct scl *scl, struct mgmt_sync *sync);

/* A resource of the own collection as a document for another SCL. */
struct mgmt_document {
	struct mgmt_document *next;
	struct slice name; /* path below the collection, encoded */
	struct slice id; /* its last segment, decoded */
	unsigned type;
	uint64_t stamp; /* of what it says */
	struct slice create,
		update; /* XML; originalMO of create is the absolute URI of the resource */
};

/* How the documents are wanted. */
struct mgmt_export {
	size_t max; /* documents */
	struct slice right; /* their accessRightID; empty: none */
	/* URI of the collection they go to, which actions then lie below; empty: here. */
	struct slice home;
};

/*
 * The mgmtObjs and parameters of the own collection, parents first. All in a. Any thread.
 */
enum rc mgmt_documents(struct scl *scl, struct arena *a, const struct mgmt_export *how,
                       struct mgmt_document **first);
/*
 * Values of a resource of the own collection (name as above) and of those of its children that have
 * the type. RC_NOT_FOUND. All in a. Any thread.
 */
enum rc mgmt_own_values(struct scl *scl, struct arena *a, const char *name,
                        const struct val **vals);
/*
 * link of the SCL that this one is registered with, in a, and a number that is another one when it has
 * been registered anew. RC_NOT_FOUND. Any thread.
 */
enum rc mgmt_registered_with(struct scl *scl, struct arena *a, struct slice *link, unsigned *which);

#endif
