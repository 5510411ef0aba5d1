/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of controls. */
#include "config.h"

#include "cap/pxy/px_json_own.h"

/* ---- the lists, one element each ---- */

/* What all of their elements together may have. */
struct element {
	struct slice url, pk_id, rk, at;
	int64_t rate, batch, number;
};

#define FIELD(name, member, kind, required) JSON_FIELD(struct element, member, name, kind, required)

static const struct json_field grant_fields[] = {
	FIELD("url", url, JSON_TEXT, true),
	FIELD("pkId", pk_id, JSON_TEXT, false),
	FIELD("rk", rk, JSON_LIST, true),
};
static const struct json_field removal_fields[] = {
	FIELD("url", url, JSON_TEXT, true),
	FIELD("at", at, JSON_TEXT, true),
};
static const struct json_field rate_fields[] = {
	FIELD("url", url, JSON_TEXT, true),
	FIELD("rate", rate, JSON_NUMBER, false),
	FIELD("batch", batch, JSON_NUMBER, false),
};
static const struct json_field skip_fields[] = {
	FIELD("url", url, JSON_TEXT, true),
	FIELD("number", number, JSON_NUMBER, true),
};

struct reading {
	struct px_json_control *out;
	struct px_json_keys *keys;
	const char **why;
};

static enum rc
take_grant(struct reading *r, const struct element *e)
{
	struct px_json_grant *g = &r->out->grant[r->out->n_grant++];
	uint8_t pk_id[PX_PK_ID_BYTES] = { 0 };

	*g = (struct px_json_grant){ .url = e->url, .has_pk_id = e->pk_id.p != NULL };
	if (g->has_pk_id && !px_json_hex(e->pk_id, pk_id, sizeof(pk_id)))
		return px_json_wrong(r->why, "pkId is no 16 digits");
	return px_json_rk(e->rk, pk_id, r->keys, &g->keys, &g->n_keys, r->why);
}

static enum rc
take_removal(struct reading *r, const struct element *e)
{
	static const char *const places[] = { "now", "section", NULL };
	int place = px_json_choice(e->at, places);

	r->out->remove[r->out->n_remove++] =
		(struct px_json_removal){ .url = e->url, .at_section = place == 1 };
	return place >= 0 ? RC_OK : px_json_wrong(r->why, "at is neither section nor now");
}

static enum rc
take_rate(struct reading *r, const struct element *e)
{
	bool has_rate = e->rate != PX_JSON_ABSENT, has_batch = e->batch != PX_JSON_ABSENT;

	if ((has_rate && e->rate < 0) ||
	    (has_batch && (e->batch < 1 || e->batch > (int64_t)PX_BATCH_MAX)))
		return px_json_wrong(r->why, "rate or batch is out of range");
	r->out->rate[r->out->n_rate++] = (struct px_json_rate){
		.url = e->url,
		.has_rate = has_rate,
		.rate = has_rate ? (uint64_t)e->rate : 0,
		.batch = has_batch ? (uint32_t)e->batch : 0,
	};
	return RC_OK;
}

static enum rc
take_skip(struct reading *r, const struct element *e)
{
	if (e->number < 1)
		return px_json_wrong(r->why, "number is out of range");
	r->out->skip[r->out->n_skip++] =
		(struct px_json_skip){ .url = e->url, .number = (uint64_t)e->number };
	return RC_OK;
}

/* ---- the whole ---- */

struct members {
	int64_t revision;
	struct slice action, add, keys, remove, rate, skip;
};

#define MEMBER(name, member, kind, required)                                                       \
	JSON_FIELD(struct members, member, name, kind, required)

static const struct json_field control_fields[] = {
	MEMBER("revision", revision, JSON_NUMBER, true),
	MEMBER("action", action, JSON_TEXT, true),
	MEMBER("add", add, JSON_LIST, false),
	MEMBER("keys", keys, JSON_LIST, false),
	MEMBER("remove", remove, JSON_LIST, false),
	MEMBER("rate", rate, JSON_LIST, false),
	MEMBER("skip", skip, JSON_LIST, false),
};

static const struct list {
	size_t of; /* in struct members: the list */
	size_t to; /* in struct px_json_control: the array */
	size_t size; /* of one */
	const struct json_field *fields;
	size_t n_fields;
	enum rc (*take)(struct reading *r, const struct element *e);
	const char *wrong;
} lists[] = {
	{ offsetof(struct members, keys), offsetof(struct px_json_control, grant),
	  sizeof(struct px_json_grant), grant_fields, NITEMS(grant_fields), take_grant,
	  "keys is no list of sinks with keys" },
	{ offsetof(struct members, remove), offsetof(struct px_json_control, remove),
	  sizeof(struct px_json_removal), removal_fields, NITEMS(removal_fields), take_removal,
	  "remove is no list of sinks" },
	{ offsetof(struct members, rate), offsetof(struct px_json_control, rate),
	  sizeof(struct px_json_rate), rate_fields, NITEMS(rate_fields), take_rate,
	  "rate is no list of sinks with rates" },
	{ offsetof(struct members, skip), offsetof(struct px_json_control, skip),
	  sizeof(struct px_json_skip), skip_fields, NITEMS(skip_fields), take_skip,
	  "skip is no list of sinks with numbers" },
};

static enum rc
read_list(struct reading *r, const struct list *l, struct slice list, struct arena *a)
{
	long n = px_json_count(list, PX_JSON_SINKS_MAX);
	void *array = n < 0 ? NULL : arena_alloc(a, l->size * ((size_t)n + 1));
	struct slice item;
	enum rc rc = RC_OK;

	if (n < 0)
		return px_json_wrong(r->why, l->wrong);
	if (array == NULL)
		return RC_UNAVAILABLE;
	memcpy((char *)r->out + l->to, &array, sizeof(array));
	while (rc == RC_OK && list.p != NULL && json_item(&list, &item) == 1) {
		struct element e = { .rate = PX_JSON_ABSENT, .batch = PX_JSON_ABSENT };

		if (!json_read(item, l->fields, l->n_fields, &e))
			return px_json_wrong(r->why, l->wrong);
		rc = l->take(r, &e);
	}
	return rc;
}

enum rc
px_json_control(struct slice body, struct arena *a, struct px_json_control *out,
                struct px_json_keys *keys, const char **why)
{
	static const char *const actions[] = { "change", "pause", "resume", NULL };
	struct members m = { .action = SLICE_NONE };
	struct reading r = { .out = out, .keys = keys, .why = why };
	int action;
	enum rc rc;

	*out = (struct px_json_control){ .revision = 0 };
	*keys = (struct px_json_keys){ .n = 0 };
	if (!json_read(body, control_fields, NITEMS(control_fields), &m))
		return px_json_wrong(why, "the body is no control");
	action = px_json_choice(m.action, actions);
	if (action < 0)
		return px_json_wrong(why, "action is neither pause nor resume nor change");
	if (m.revision < 1)
		return px_json_wrong(why, "revision is out of range");
	out->action = (enum px_json_action)action;
	out->revision = (uint64_t)m.revision;
	if (!px_json_make_keys(keys, a))
		return RC_UNAVAILABLE;
	rc = px_json_sinks(m.add, a, &out->add, &out->n_add, keys, why);
	for (size_t i = 0; rc == RC_OK && i < NITEMS(lists); i++) {
		struct slice list;

		memcpy(&list, (const char *)&m + lists[i].of, sizeof(list));
		rc = read_list(&r, &lists[i], list, a);
	}
	return rc;
}
