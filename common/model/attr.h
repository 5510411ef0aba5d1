/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attributes, the kinds of their values and the shapes of structured values. All tables are
 * constant; any thread may read them.
 */
#ifndef MODEL_ATTR_H
#define MODEL_ATTR_H

#include "base/slice.h"

#include <stdint.h>

enum attr {
#define ATTR(number, id, name, kind, extra, since) A_##id = number,
#include "model/attrs.def"
#undef ATTR
	A_END = 0,
	A_MAX = 512
};

enum kind {
	K_STRING,
	K_URI, /* xs:anyURI */
	K_NMTOKEN,
	K_LONG,
	K_BOOLEAN,
	K_TIME, /* xs:dateTime; microseconds since the epoch */
	K_DURATION, /* xs:duration; microseconds */
	K_ENUM, /* index into the enumeration */
	K_BASE64, /* octets; base64 on the wire */
	K_HEX, /* xs:hexBinary, kept as text */
	K_TOKEN, /* xs:token, kept collapsed */
	K_TIME_OF_DAY, /* xs:time, kept as text */
	K_MEMORY_SIZE, /* decimal number and one of BKMGT, kept as text */
	K_ZONED_TIME, /* xs:dateTime whose zone matters, kept as text */
	K_STRUCT, /* by its shape */
	K_ANY /* xs:anyType: kept as it came */
};

struct enumeration {
	const char *name; /* simple type of the schema */
	const char *const *values; /* NULL-terminated */
	const char *const *release1; /* spellings of Release 1, same positions; NULL = none */
};

enum elem_flags {
	E_QUALIFIED = 0, /* element in the m2m namespace */
	E_LOCAL = 1, /* element without a namespace */
	E_ATTRIBUTE = 2, /* XML attribute without a namespace */
	E_ATTRIBUTE_M2M = 4, /* XML attribute in the m2m namespace */
	E_ATTRIBUTE_XMIME = 8, /* xmime:contentType */
	E_ANY_ATTRIBUTE = E_ATTRIBUTE | E_ATTRIBUTE_M2M | E_ATTRIBUTE_XMIME,
	E_MANY = 16,
	E_REQUIRED = 32,
	E_ACTION = 64, /* of a resource: EXECUTE on it starts something */
	/*
	 * Takes every element of another namespace, with E_LOCAL every element at all; the value is
	 * the element (xs:any).
	 */
	E_WILDCARD = 128,
	E_RELEASE2 = 256, /* here only since Release 2, although Release 1 knows the name elsewhere */
	E_LOCAL_RELEASE1 = 512 /* Release 1 declared the element locally: without a namespace */
};

/* One place in a shape. */
struct elem {
	uint16_t attr;
	uint16_t flags; /* enum elem_flags */
	uint16_t most; /* with E_MANY: how often it may stand; 0 = no limit */
};

/* Elements that a wildcard takes in one resource or value. */
#define WILDCARD_MAX 256

enum shape_flags {
	SHAPE_CHOICE = 1, /* exactly one of the elements */
	SHAPE_BASE64_TEXT = 2, /* the text is base64 (notify/representation) */
	SHAPE_TEXT = 4, /* character data beside the attributes */
	SHAPE_RELEASE1_TEXT = 8, /* Release 1 wrote base64 text where Release 2 has elements (content) */
	SHAPE_VIRTUAL = 16, /* rendered by its resource type, never bound */
	SHAPE_MAYBE = 32 /* with SHAPE_CHOICE: none of the elements will do, too */
};

struct shape {
	const char *name; /* complex type of the schema */
	const struct elem *elems; /* attributes first, then schema order; ends with attr A_END */
	uint8_t flags;
	uint8_t text_kind; /* enum kind of the text with SHAPE_TEXT */
	/* The type that extends this one, named by xsi:type when an element from here on occurs. */
	const char *extension;
	uint16_t extension_from;
	const struct shape *release1; /* what the type was in Release 1, when that differs in names */
};

struct attr_info {
	const char *name;
	enum kind kind;
	const struct shape *shape; /* K_STRUCT */
	const struct enumeration *values; /* K_ENUM */
	int64_t min, max; /* K_LONG: both included; no limit when they are equal */
	uint16_t length; /* K_STRING: characters at most; 0 = no limit */
	bool seconds; /* K_DURATION: Release 1 wrote a number of seconds */
	bool words; /* K_BOOLEAN: true and false only */
	uint8_t since; /* ETSI release */
};

/* The dictionary's row, NULL for a number that is not in it. */
const struct attr_info *attr_info(unsigned attr);
/*
 * What an attribute of Release 1 became in Release 2: mostly itself; A_END when it has no
 * counterpart and says nothing (TS 102 921 V1.1, filterCriteria).
 */
unsigned attr_release2(unsigned attr);
/* Index of text in e (also in a Release 1 spelling), -1 when it is none of its values. */
int enum_index(const struct enumeration *e, struct slice text);

/* All enumerations and shapes, NULL-terminated, for whoever prints the tables. */
extern const struct enumeration *const enumerations[];
extern const struct shape *const shapes[];

/* A document that is no resource. */
struct document {
	const char *element;
	const struct shape *shape;
	uint8_t since; /* ETSI release */
};

/* All of them; ends with element NULL. */
extern const struct document documents[];

/* Indexes that code asks for by name. */
enum online_status { ONLINE, OFFLINE, NOT_REACHABLE };
enum scl_type { SCL_NSCL, SCL_GSCL, SCL_DSCL };
enum apoc_handling { APOC_SHALLOW, APOC_DEEP };
enum reference_point { REFERENCE_MIA, REFERENCE_DIA };
enum subscription_type { SUBSCRIPTION_ASYNCHRONOUS, SUBSCRIPTION_SYNCHRONOUS };
enum permission_flag {
	FLAG_READ,
	FLAG_WRITE,
	FLAG_DISCOVER,
	FLAG_DELETE,
	FLAG_CREATE
};
/* ResourceType codes of inType and outType (TS 102 921, data types). */
enum resource_code {
	CODE_CS,
	CODE_RS,
	CODE_AN,
	CODE_CI,
	CODE_CT,
	CODE_AP,
	CODE_SB,
	CODE_SL,
	CODE_AR,
	CODE_MT,
	CODE_GP,
	CODE_PM
};

enum member_type {
	MEMBER_APPLICATION,
	MEMBER_CONTAINER,
	MEMBER_ACCESS_RIGHT,
	MEMBER_SCL_BASE,
	MEMBER_SCL,
	MEMBER_LOCATION_CONTAINER,
	MEMBER_MGMT_OBJ,
	MEMBER_MGMT_CMD,
	MEMBER_ATTACHED_DEVICE,
	MEMBER_MIXED
};
enum consistency_strategy { ABANDON_GROUP, ABANDON_MEMBER, MODIFY_TYPE };
enum location_container_type { LOCATION_SERVER_BASED, APPLICATION_GENERATED };
enum channel_type { CHANNEL_LONG_POLLING };
enum method_type {
	METHOD_TYPE_CREATE,
	METHOD_TYPE_RETRIEVE,
	METHOD_TYPE_UPDATE,
	METHOD_TYPE_DELETE,
	METHOD_TYPE_EXECUTE,
	METHOD_TYPE_NOTIFY
};
enum exec_status { EXEC_INITIATED, EXEC_STARTED, EXEC_FINISHED, EXEC_CANCELLING };
enum final_status { FINAL_SUCCESS, FINAL_FAILURE };
enum cmd_type {
	CMD_RESET,
	CMD_REBOOT,
	CMD_UPLOAD,
	CMD_DOWNLOAD,
	CMD_SCHEDULE_DOWNLOAD,
	CMD_SCHEDULE_INFORM,
	CMD_CHANGE_DU_STATE
};

extern const struct shape shape_filter_criteria, shape_filter_criteria_release1;
extern const struct shape shape_error_info;
extern const struct shape shape_notify;
extern const struct shape shape_notify_collection;
extern const struct shape shape_notify_collection_response;
extern const struct shape shape_request_notify;
extern const struct shape shape_response_notify;
extern const struct shape shape_members_content_responses;

#endif
