/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The descriptor of a resource type: one row per type. Resolution, validation, the generic
 * procedures, rendering, discovery, announcing and the printed tables all run from these rows.
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
	T_APPLICATION_ANNC = 24,
	T_CONTAINER_ANNC = 25,
	T_LOCATION_CONTAINER_ANNC = 26,
	T_GROUP_ANNC = 27,
	T_ACCESS_RIGHT_ANNC = 28,
	T_SCL_ANNC = 29,
	T_LOCATION_CONTAINER = 30,
	T_GROUP = 31,
	T_MEMBERS_CONTENT = 32,
	T_NOTIFICATION_CHANNEL = 33,
	T_COMMUNICATION_CHANNEL = 34,
	T_MGMT_OBJ = 35,
	T_PARAMETERS = 36,
	T_MGMT_CMD = 37,
	T_EXEC_INSTANCES = 38,
	T_EXEC_INSTANCE = 39,
	T_ATTACHED_DEVICE = 40,
	/* mgmtObj by xsi:type */
	T_ETSI_DEVICE_INFO = 50,
	T_ETSI_DEVICE_CAPABILITY = 51,
	T_ETSI_MEMORY = 52,
	T_ETSI_BATTERY = 53,
	T_ETSI_FIRMWARE = 54,
	T_ETSI_SOFTWARE = 55,
	T_ETSI_REBOOT = 56,
	T_ETSI_PERFORMANCE_LOG = 57,
	T_ETSI_TRAP_EVENT = 58,
	T_ETSI_AREA_NWK_INFO = 59,
	T_ETSI_AREA_NWK_DEVICE_INFO = 60,
	T_ETSI_SCL_MO = 61,
	/* parameters by xsi:type */
	T_CAPABILITY_INSTANCE = 70,
	T_CAPABILITY_ACTION = 71,
	T_BATTERY_INSTANCE = 72,
	T_FW_INSTANCE = 73,
	T_FIRMWARE_ACTION = 74,
	T_SW_INSTANCE = 75,
	T_SOFTWARE_ACTION = 76,
	T_REBOOT_ACTION = 77,
	T_PERF_LOG_ACTION = 78,
	T_TRAP_INSTANCE = 79,
	T_TRAP_EVENT_ACTION = 80,
	T_AREA_NWK_INSTANCE = 81,
	T_AREA_NWK_DEVICE_INFO_INSTANCE = 82,
	T_SCL_MO_ACTION = 83,
	T_SAF_POLICY_SET = 84,
	T_ANP_POLICY = 85,
	T_M2M_SP_POLICY = 86,
	T_RCAT_PARAM_LIST = 87,
	T_MAX = 88
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
	S_MEMBERS, /* named references to the children of type arg, or of a type based on it */
	S_INSTANCE, /* virtual child of contentInstances: latest, oldest */
	S_HOOK /* the type's render hook */
};

/* No type and no shape has more places. */
#define RULES_MAX 48

/* One attribute of a type, in schema order (XML attributes first). */
struct rule {
	uint16_t attr;
	uint16_t elem; /* enum elem_flags */
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
	RT_LABELS = 8, /* has searchStrings: indexed for discovery */
	RT_WILDCARD = 16, /* takes elements of other namespaces (A_MO_ATTRIBUTE, E_WILDCARD) */
	RT_FANOUT = 32, /* stands for the members of its group, with whatever path follows */
	RT_RELEASE2 = 64 /* typed by xsi:type only since Release 2: shown to Release 1 as its base */
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
	uint8_t base; /* type whose element and collections it shares, told apart by xsi_type; 0 = itself */
	uint8_t annc; /* type of its announcement at another SCL; 0 = it is not announced */
	uint16_t id_attr; /* attribute that names it, A_END for fixed children */
	const struct rule *rules; /* ends with attr A_END */
	const char *xsi_type; /* local name in the m2m namespace; NULL = the element says it all */
	/* Types that POST creates here, in a collection or in the resource itself; ends with 0. */
	const uint8_t *creates; /* NULL = none */
	const struct hooks *hooks; /* NULL = generic behaviour only */
	const char *clause;
};

/* The row of a type number; NULL when there is none. Any thread. */
const struct rtype *rtype_get(unsigned number);
/*
 * The type that t creates under this element name and, unless empty, xsi:type (local name); NULL
 * when it creates none so named. A type without xsi:type comes before those based on it.
 */
const struct rtype *rtype_created_as(const struct rtype *t, struct slice element,
                                     struct slice xsi_type);
/* The number of the type that t's element and collections are known by. */
static inline unsigned
rtype_base(const struct rtype *t)
{
	return t->base != T_NONE ? t->base : t->number;
}

/* True for announcements of all kinds. */
static inline bool
rtype_is_annc(const struct rtype *t)
{
	return t->code == CODE_AN;
}

/* True for containers of all kinds: contentInstances is a fixed child. */
bool rtype_has_instances(const struct rtype *t);
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
