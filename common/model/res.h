/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values and resources in memory. Everything lives in the arena of a request. The same value
 * serves every syntax and every dialect; kinds.c knows the text forms.
 */
#ifndef MODEL_RES_H
#define MODEL_RES_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/rc.h"
#include "codec/node.h"
#include "model/rtype.h"

/* One value: of an attribute of a resource, or an entry of a structured value. */
struct val {
	struct val *next;
	uint16_t attr;
	int64_t num; /* K_LONG, K_BOOLEAN, K_TIME, K_DURATION, K_ENUM */
	struct slice text; /* K_STRING, K_URI, K_NMTOKEN, K_BASE64 (decoded) */
	struct val *first; /* K_STRUCT */
	const struct node *any; /* K_ANY: the element with its children */
};

/*
 * A slot says in which fixed child of a node something lies: the type numbers of the path of
 * collections below the node, one byte each, outermost first. 0 is the node itself;
 * applications/subscriptions of sclBase is T_APPLICATIONS << 8 | T_SUBSCRIPTIONS. Names are
 * unique per (node, slot), so each collection has its own names.
 */
typedef uint32_t slot_t;

#define SLOT_SELF 0u
#define SLOT_DEPTH 4

static inline slot_t
slot_below(slot_t slot, unsigned type)
{
	return slot << 8 | type;
}

/* Type number of the collection that the slot names, T_NONE for the node itself. */
static inline unsigned
slot_type(slot_t slot)
{
	return slot & 0xff;
}

#define ID_NONE UINT64_C(0)
#define ID_SCL_BASE UINT64_C(1)

/* A contentInstance's own part. */
struct instance {
	uint64_t seq; /* position in its container, grows with every creation */
	struct slice content; /* octets as given */
	struct slice media_type;
	bool is_text; /* the creator sent text */
};

/* A resource, or the view of a collection of it. */
struct res {
	const struct rtype *type;
	uint64_t id; /* ID_NONE before it is stored and for virtual resources */
	uint64_t parent; /* node it lies below */
	slot_t slot; /* in which collection of parent */
	struct slice name;
	struct slice path; /* absolute path on this SCL, percent-encoded; set by target resolution */
	int64_t created; /* microseconds since the epoch */
	int64_t modified;
	int64_t expires; /* CLOCK_NEVER = no expiration */
	uint32_t subscriptions; /* on the node itself */
	struct val *vals;
	struct instance inst;
};

/* First value of attr in list, NULL when there is none. */
struct val *val_find(struct val *list, unsigned attr);
const struct val *val_get(const struct val *list, unsigned attr);
/* A new value at the end of *list; NULL when the arena is exhausted. */
struct val *val_add(struct arena *a, struct val **list, unsigned attr);
/* Sets (replacing) a number or text value; false when the arena is exhausted. */
bool val_set_num(struct arena *a, struct val **list, unsigned attr, int64_t num);
bool val_set_text(struct arena *a, struct val **list, unsigned attr, struct slice text);
/* Unlinks the values of attr. */
void val_remove(struct val **list, unsigned attr);
/* Same content, also in order. */
bool val_equal(const struct val *a, const struct val *b);
/* The number of attr in list, or def. */
int64_t val_num(const struct val *list, unsigned attr, int64_t def);
/* The text of attr in list, or an empty slice. */
struct slice val_text(const struct val *list, unsigned attr);

/*
 * The stored form of a list of values: for each attr u16, length u32, payload; big-endian. It
 * knows numbers and kinds only, no name.
 */
void vals_encode(struct buf *to, const struct val *list);
/* Reads it back; texts point into bytes. RC_INTERNAL when damaged, RC_UNAVAILABLE without memory. */
enum rc vals_decode(struct arena *a, struct slice bytes, struct val **list);

#endif
