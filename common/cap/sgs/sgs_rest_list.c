/* SPDX-License-Identifier: Apache-2.0 */
/* What managers see: devices, sessions and groups, by pages. */
#include "config.h"

#include "cap/sgs/sgs_rest_own.h"
#include "sec/hex.h"

#define ROWS_MAX 100u

/* A page of rows of any kind, in the arena. */
struct page {
	struct sgs_call *c;
	void *rows;
	size_t n, max;
};

static enum rc
page_begin(struct sgs_call *c, size_t row, struct page *out)
{
	uint64_t max;

	if (!sgs_call_number(c, "max", ROWS_MAX, ROWS_MAX, &max) || max == 0)
		return RC_BAD_REQUEST;
	*out = (struct page){ .c = c, .max = (size_t)max };
	out->rows = arena_alloc(c->arena, row * out->max);
	return out->rows == NULL ? RC_UNAVAILABLE : RC_OK;
}

/* ---- GET devices ---- */

struct device_doc {
	struct slice id, contact;
	uint64_t suite, cipher, ciphers, registered, items;
	bool locked;
};

static const struct sgs_field device_fields[] = {
	SGS_FIELD(struct device_doc, id, "id", SGS_TEXT, true),
	SGS_FIELD(struct device_doc, suite, "suite", SGS_NUMBER, true),
	SGS_FIELD(struct device_doc, cipher, "cipher", SGS_NUMBER, true),
	SGS_FIELD(struct device_doc, ciphers, "ciphers", SGS_NUMBER, true),
	SGS_FIELD(struct device_doc, registered, "registered", SGS_TIME, true),
	SGS_FIELD(struct device_doc, contact, "contact", SGS_TEXT, false),
	SGS_FIELD(struct device_doc, items, "items", SGS_NUMBER, true),
	SGS_FIELD(struct device_doc, locked, "locked", SGS_FLAG, true),
};
static const struct sgs_doc device_doc = { "device", device_fields,
	                                   sizeof(device_fields) / sizeof(device_fields[0]) };

struct list_doc {
	struct sgs_rows rows;
	struct slice next;
};

static bool
add_device(void *arg, const struct sgs_device *d)
{
	struct page *p = arg;
	struct device_doc *row = (struct device_doc *)p->rows + p->n;
	struct sgs_guard *guard = p->c->s->guard;

	*row = (struct device_doc){
		.id = d->id,
		.contact = d->contact.n > 0 ? d->contact : SLICE_NONE,
		.suite = d->suite,
		.cipher = d->cid0,
		.ciphers = d->cidset,
		.registered = (uint64_t)(d->registered / CLOCK_SECOND),
		.items = d->items,
		.locked = sgs_guard_is_locked(guard, d->id),
	};
	p->n++;
	p->c->device = d->number; /* the last of the page */
	return p->n < p->max;
}

enum rc
sgs_rest_devices(struct sgs_call *c)
{
	static const struct sgs_field fields[] = {
		SGS_FIELD(struct list_doc, rows, "device", SGS_ROWS, true),
		SGS_FIELD(struct list_doc, next, "next", SGS_TEXT, false),
	};
	static const struct sgs_doc doc = { "devices", fields, 2 };
	struct list_doc out = { .next = SLICE_NONE };
	struct page p;
	uint64_t after;
	enum rc rc = page_begin(c, sizeof(struct device_doc), &p);

	if (!sgs_call_number(c, "after", INT64_MAX, 0, &after))
		rc = RC_BAD_REQUEST;
	if (rc != RC_OK)
		return sgs_call_failed(c, rc);
	rc = sgs_device_list(c->view, after, p.max, add_device, &p);
	if (rc != RC_OK)
		return sgs_call_failed(c, rc);
	out.rows = (struct sgs_rows){ &device_doc, p.rows, p.n, sizeof(struct device_doc) };
	if (p.n == p.max)
		out.next = arena_printf(c->arena, "%llu", (unsigned long long)c->device);
	return sgs_call_answer(c, RC_OK, &doc, &out);
}

/* ---- GET sessions, groups: after is a sid or gid ---- */

/* NULL in *after: from the first. False: it is none. */
static bool
read_after(struct sgs_call *c, const uint8_t **after)
{
	struct slice value;

	*after = c->sid;
	if (endpoint_parameter(c->rq, "after", &value) != RC_OK)
		return false;
	if (value.p == NULL)
		*after = NULL;
	return value.p == NULL || hex_decode(value, c->sid, SGS_SID_BYTES);
}

static struct slice
next_of(const struct page *p, const uint8_t id[SGS_SID_BYTES])
{
	char text[2 * SGS_SID_BYTES + 1];

	if (p->n < p->max)
		return SLICE_NONE;
	hex_encode(id, SGS_SID_BYTES, text);
	return arena_copy(p->c->arena, slice_of(text));
}

static bool
add_session(void *arg, const struct sgs_session *s)
{
	struct page *p = arg;

	sgs_session_tell(p->c, s, (struct sgs_session_doc *)p->rows + p->n);
	return ++p->n < p->max;
}

enum rc
sgs_rest_sessions(struct sgs_call *c)
{
	static const struct sgs_field fields[] = {
		SGS_FIELD(struct list_doc, rows, "session", SGS_ROWS, true),
		SGS_FIELD(struct list_doc, next, "next", SGS_TEXT, false),
	};
	static const struct sgs_doc doc = { "sessions", fields, 2 };
	struct list_doc out = { .next = SLICE_NONE };
	const struct sgs_session_doc *last;
	const uint8_t *after;
	struct page p;
	enum rc rc = page_begin(c, sizeof(struct sgs_session_doc), &p);

	if (!read_after(c, &after))
		rc = RC_BAD_REQUEST;
	if (rc != RC_OK)
		return sgs_call_failed(c, rc);
	rc = sgs_session_list(c->view, 0, after, p.max, add_session, &p);
	if (rc != RC_OK)
		return sgs_call_failed(c, rc);
	out.rows =
		(struct sgs_rows){ &sgs_session_doc, p.rows, p.n, sizeof(struct sgs_session_doc) };
	last = (const struct sgs_session_doc *)p.rows + (p.n > 0 ? p.n - 1 : 0);
	out.next = next_of(&p, last->id);
	return sgs_call_answer(c, RC_OK, &doc, &out);
}

struct group_row {
	uint8_t id[SGS_SID_BYTES];
	struct slice owner, purpose;
	uint64_t epoch, size;
	bool stale;
};

static const struct sgs_field group_fields[] = {
	SGS_FIELD(struct group_row, id, "id", SGS_HEX, true),
	SGS_FIELD(struct group_row, owner, "owner", SGS_TEXT, true),
	SGS_FIELD(struct group_row, purpose, "purpose", SGS_TEXT, false),
	SGS_FIELD(struct group_row, epoch, "epoch", SGS_NUMBER, true),
	SGS_FIELD(struct group_row, stale, "stale", SGS_FLAG, true),
	SGS_FIELD(struct group_row, size, "size", SGS_NUMBER, true),
};
static const struct sgs_doc group_doc = { "group", group_fields,
	                                  sizeof(group_fields) / sizeof(group_fields[0]) };

static bool
add_group(void *arg, const struct sgs_group *g)
{
	struct page *p = arg;
	struct group_row *row = (struct group_row *)p->rows + p->n;

	*row = (struct group_row){
		.owner = sgs_call_name(p->c, g->owner),
		.purpose = g->purpose.n > 0 ? g->purpose : SLICE_NONE,
		.epoch = g->epoch,
		.size = g->n_members,
		.stale = g->stale,
	};
	memcpy(row->id, g->gid, SGS_SID_BYTES);
	return ++p->n < p->max;
}

enum rc
sgs_rest_groups(struct sgs_call *c)
{
	static const struct sgs_field fields[] = {
		SGS_FIELD(struct list_doc, rows, "group", SGS_ROWS, true),
		SGS_FIELD(struct list_doc, next, "next", SGS_TEXT, false),
	};
	static const struct sgs_doc doc = { "groups", fields, 2 };
	struct list_doc out = { .next = SLICE_NONE };
	const struct group_row *last;
	const uint8_t *after;
	struct page p;
	enum rc rc = page_begin(c, sizeof(struct group_row), &p);

	if (!read_after(c, &after))
		rc = RC_BAD_REQUEST;
	if (rc != RC_OK)
		return sgs_call_failed(c, rc);
	rc = sgs_group_list(c->view, 0, after, p.max, add_group, &p);
	if (rc != RC_OK)
		return sgs_call_failed(c, rc);
	out.rows = (struct sgs_rows){ &group_doc, p.rows, p.n, sizeof(struct group_row) };
	last = (const struct group_row *)p.rows + (p.n > 0 ? p.n - 1 : 0);
	out.next = next_of(&p, last->id);
	return sgs_call_answer(c, RC_OK, &doc, &out);
}
