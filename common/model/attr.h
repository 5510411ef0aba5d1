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
	A_MAX = 256
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
	E_REQUIRED = 32
};

/* One place in a shape. */
struct elem {
	uint16_t attr;
	uint8_t flags; /* enum elem_flags */
};

enum shape_flags {
	SHAPE_CHOICE = 1, /* exactly one of the elements */
	SHAPE_BASE64_TEXT = 2, /* the text is base64 (notify/representation) */
	SHAPE_TEXT = 4, /* character data beside the attributes */
	SHAPE_RELEASE1_TEXT = 8, /* Release 1 wrote base64 text where Release 2 has elements (content) */
	SHAPE_VIRTUAL = 16 /* rendered by its resource type, never bound */
};

struct shape {
	const char *name; /* complex type of the schema */
	const struct elem *elems; /* attributes first, then schema order; ends with attr A_END */
	uint8_t flags;
	uint8_t text_kind; /* enum kind of the text with SHAPE_TEXT */
	/* The type that extends this one, named by xsi:type when an element from here on occurs. */
	const char *extension;
	uint16_t extension_from;
};

struct attr_info {
	const char *name;
	enum kind kind;
	const struct shape *shape; /* K_STRUCT */
	const struct enumeration *values; /* K_ENUM */
	uint8_t since; /* ETSI release */
};

/* The dictionary's row, NULL for a number that is not in it. */
const struct attr_info *attr_info(unsigned attr);
/* Index of text in e (also in a Release 1 spelling), -1 when it is none of its values. */
int enum_index(const struct enumeration *e, struct slice text);

/* All enumerations and shapes, NULL-terminated, for whoever prints the tables. */
extern const struct enumeration *const enumerations[];
extern const struct shape *const shapes[];

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

extern const struct shape shape_filter_criteria;
extern const struct shape shape_error_info;
extern const struct shape shape_notify;

#endif
