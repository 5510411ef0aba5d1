/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The descriptor of a resource type: one row per type. Resolution, validation, the generic
 * procedures, rendering, discovery and the printed tables all run from these rows. A row whose
 * collection creates nothing yet exists so that references to it resolve.
 */
#ifndef MODEL_RTYPE_H
#define MODEL_RTYPE_H

#include "model/attr.h"

/*
 * Stored numbers, never reused. Collections stay below 256: a slot is a path of up to four of
 * them (see res.h).
 */
enum type {
	T_NONE = 0,
	T_SCL_BASE = 1,
	T_SCLS = 2,
	T_SCL = 3,
	T_APPLICATIONS = 4,
	T_APPLICATION = 5,
	T_ACCESS_RIGHTS = 6,
	T_ACCESS_RIGHT = 7,
	T_CONTAINERS = 8,
	T_CONTAINER = 9,
	T_CONTENT_INSTANCES = 10,
	T_CONTENT_INSTANCE = 11,
	T_SUBSCRIPTIONS = 12,
	T_SUBSCRIPTION = 13,
	T_M2M_POCS = 14,
	T_M2M_POC = 15,
	T_DISCOVERY = 16,
	T_SUBCONTAINERS = 17,
	T_GROUPS = 18,
	T_MGMT_OBJS = 19,
	T_ATTACHED_DEVICES = 20,
	T_NOTIFICATION_CHANNELS = 21,
	T_COMMUNICATION_CHANNELS = 22,
	T_SCL_ANNCS = 23,
	T_MAX = 24
};

enum presence {
	P_NP, /* not permitted: 400 */
	P_O,
	P_M
};

/* Where the value in an answer comes from. */
enum source {
	S_STORED, /* the resource's values */
	S_HEADER, /* id and times of the resource */
	S_CHILD, /* reference to the fixed child of type arg */
	S_MEMBERS, /* named references to the children of type arg (0: a type that cannot exist yet) */
	S_INSTANCE, /* virtual child of contentInstances: latest, oldest */
	S_HOOK /* the type's render hook */
};

/* One attribute of a type, in schema order (XML attributes first). */
struct rule {
	uint16_t attr;
	uint8_t elem; /* enum elem_flags */
	uint8_t create; /* enum presence */
	uint8_t update;
	uint8_t answer; /* P_M: always, with an empty or default value when unset; P_O: when set */
	uint8_t source;
	uint8_t arg;
};

enum rtype_flags {
	RT_COLLECTION = 1, /* lives with its parent; virtual until something makes it differ */
	RT_VIRTUAL = 2, /* has no record at all */
	RT_INSTANCES = 4, /* collection that is an append-only sequence */
	RT_LABELS = 8 /* has searchStrings: indexed for discovery */
};

/* Which right governs (TS 102 690, access rights). */
enum govern {
	GOVERN_OWN, /* its accessRightID */
	GOVERN_SELF, /* its selfPermissions */
	GOVERN_PARENT, /* that of the resource it belongs to (instances: the container) */
	GOVERN_SUBSCRIBED, /* READ on the subscribed resource */
	GOVERN_DEFAULT, /* default rights of the enclosing scl or application */
	GOVERN_ANYONE
};

enum method { METHOD_POST = 1, METHOD_GET = 2, METHOD_PUT = 4, METHOD_DELETE = 8 };

struct hooks; /* core/hooks.h */

struct rtype {
	const char *name; /* XML element, and path segment of a fixed child */
	const char *short_name; /* path segment for constrained links, or NULL */
	const char *shape; /* complex type of the schema */
	uint8_t number; /* enum type */
	uint8_t flags;
	uint8_t methods;
	uint8_t code; /* enum resource_code */
	uint8_t govern;
	uint16_t id_attr; /* attribute that names it, A_END for fixed children */
	const struct rule *rules; /* ends with attr A_END */
	const uint8_t *creates; /* types that POST creates here, ends with 0; NULL = none */
	const struct hooks *hooks; /* NULL = generic behaviour only */
	const char *clause;
};

/* The row of a type number; NULL when there is none. Any thread. */
const struct rtype *rtype_get(unsigned number);
/*
 * The type that t's collection creates under this element name, NULL when it creates none so named.
 */
const struct rtype *rtype_created_as(const struct rtype *t, struct slice element);
/* The fixed child of t named segment (long or short form), NULL when there is none. */
const struct rtype *rtype_fixed_child(const struct rtype *t, struct slice segment);
/* The rule of attr in t, NULL when t has no such attribute. */
const struct rule *rtype_rule(const struct rtype *t, unsigned attr);
/* The rule of the attribute with this name in t, NULL when t has none. */
const struct rule *rtype_rule_named(const struct rtype *t, struct slice name);
/*
 * True when a child of t may not be called name: attribute or fixed child of t (TS 102 921,
 * resource names).
 */
bool rtype_name_reserved(const struct rtype *t, struct slice name);

#endif
