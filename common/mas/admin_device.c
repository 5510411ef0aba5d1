/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on the devices of the MSBF: admission, one at a time or in bulk, links, bindings. */
#include "config.h"

#include "mas/admin_impl.h"

#include <stdio.h>

#include "sec/hex.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))
#define CHUNK 64u /* lines that are handed over at a time */
#define DEVICE_FIELD(name, member, kind, required)                                                 \
	{                                                                                          \
		name, kind, required, offsetof(union admin_args, device.member)                    \
	}

/* ---- provision ---- */

static const struct json_field provision_fields[] = {
	DEVICE_FIELD("ppid", ppid, JSON_TEXT, true),
	DEVICE_FIELD("fingerprints", fingerprints, JSON_LIST, false),
	DEVICE_FIELD("subId", sub_id, JSON_TEXT, false),
	DEVICE_FIELD("note", note, JSON_TEXT, false),
};

/* The state of a call, in its arena. */
struct provision {
	struct msbf_admit admit;
	struct slice rest; /* lines that are to come */
	uint64_t number; /* of the first line of the chunk */
	size_t n; /* lines of the chunk; admit has those that could be read, and how many not */
	bool bad[CHUNK]; /* could not */
	struct msbf_line lines[CHUNK];
	struct device_fingerprint fingerprints[CHUNK][MSBF_FINGERPRINTS];
};

static bool
line_of(const union admin_args *args, struct msbf_line *line, struct device_fingerprint *to)
{
	*line = (struct msbf_line){ .ppid = args->device.ppid, .fingerprints = to,
		                    .sub_id = args->device.sub_id, .note = args->device.note };
	return args->device.sub_id.n <= MAS_SUB_ID_MAX && args->device.note.n <= MSBF_NOTE_MAX &&
	       admin_fingerprints(args->device.fingerprints, to, MSBF_FINGERPRINTS,
	                          &line->n_fingerprints);
}

static void
put_line(struct buf *b, const struct msbf_line *line)
{
	bool ok = line == NULL || line->rc == RC_BAD_REQUEST;

	if (!ok)
		json_put_hex(b, "device", line->hash, PPID_HASH);
	if (line == NULL)
		json_put_text(b, "reason", SLICE_LIT("BAD_PARAM"));
	else if (line->rc != RC_OK)
		json_put_text(b, "reason", slice_of(line->reason));
	json_put_number(b, "status", status_of(line == NULL ? RC_BAD_REQUEST : line->rc)->http);
}

static void next_chunk(struct admin_call *c);

static void
put_chunk(struct admin_call *c, const struct provision *p)
{
	const struct msbf_line *line = p->lines;

	for (size_t i = 0; i < p->n; i++) {
		buf_char(&c->out, '{');
		json_put_number(&c->out, "line", (int64_t)(p->number + i));
		put_line(&c->out, p->bad[i] ? NULL : line);
		line += !p->bad[i];
		buf_puts(&c->out, "}\n");
	}
}

static void
chunk_done(struct msbf_admit *a)
{
	struct admin_call *c = a->owner;
	struct provision *p = c->state;

	if (a->outcome.rc != RC_OK) {
		admin_outcome(c, &a->outcome, RC_OK);
		return;
	}
	put_chunk(c, p);
	p->number += p->n;
	next_chunk(c);
}

/* Reads the next lines; those that are none are answered by themselves. */
static void
read_chunk(struct provision *p)
{
	struct slice line;

	p->n = p->admit.n = p->admit.unreadable = 0;
	while (p->n < CHUNK && slice_split(&p->rest, '\n', &line)) {
		union admin_args args = { .device = { .ppid = SLICE_NONE } };
		size_t at = p->admit.n;

		if (line.n == 0 && p->rest.p == NULL)
			break;
		p->bad[p->n] = !json_read(line, provision_fields, NITEMS(provision_fields), &args) ||
		               !line_of(&args, &p->lines[at], p->fingerprints[at]);
		p->admit.n += !p->bad[p->n];
		p->admit.unreadable += p->bad[p->n];
		p->n++;
	}
}

static void
next_chunk(struct admin_call *c)
{
	struct provision *p = c->state;

	read_chunk(p);
	if (p->n > 0)
		msbf_admit(c->admin->conf.msbf, &p->admit);
	else
		admin_answer(c, RC_OK);
}

static void
one_done(struct msbf_admit *a)
{
	struct admin_call *c = a->owner;
	struct msbf_line *line = a->lines;
	struct mas_outcome outcome = a->outcome;
	bool is_new = line->is_new;

	if (outcome.rc == RC_OK && line->rc != RC_OK) {
		outcome.rc = line->rc;
		snprintf(outcome.reason, sizeof(outcome.reason), "%s", line->reason);
	}
	if (outcome.rc == RC_OK) {
		buf_char(&c->out, '{');
		put_line(&c->out, line);
		buf_char(&c->out, '}');
	}
	admin_outcome(c, &outcome, is_new ? RC_CREATED : RC_OK);
}

static enum rc
provision_check(struct admin_call *c)
{
	struct provision *p = ARENA_NEW(c->arena, struct provision);

	c->state = p;
	if (p == NULL)
		return RC_UNAVAILABLE;
	p->rest = c->in->body;
	p->number = 1;
	p->admit = (struct msbf_admit){ .lines = p->lines, .n = 1, .actor = c->actor,
		                        .source = c->source, .owner = c,
		                        .done = c->lines ? chunk_done : one_done };
	if (c->lines)
		return c->in->body.n > 0 ? RC_OK : RC_BAD_REQUEST;
	return line_of(&c->args, &p->lines[0], p->fingerprints[0]) ? RC_OK : RC_BAD_REQUEST;
}

static void
provision_begin(struct admin_call *c)
{
	struct provision *p = c->state;

	if (c->lines)
		next_chunk(c);
	else
		msbf_admit(c->admin->conf.msbf, &p->admit);
}

/* ---- changes ---- */

static void
change_done(struct msbf_change *ch)
{
	struct admin_call *c = ch->owner;

	admin_outcome(c, &ch->outcome, RC_NO_CONTENT);
}

static void
change_begin(struct admin_call *c)
{
	c->u.device.done = change_done;
	msbf_change(c->admin->conf.msbf, &c->u.device);
}

static enum rc
change_of(struct admin_call *c, enum msbf_change_kind kind)
{
	c->u.device = (struct msbf_change){ .kind = kind, .fingerprints = c->fingerprints,
		                            .actor = c->actor, .source = c->source, .owner = c };
	return hex_decode(c->id, c->u.device.hash, PPID_HASH) ? RC_OK : RC_BAD_REQUEST;
}

static const struct json_field link_fields[] = {
	DEVICE_FIELD("old", old, JSON_TEXT, true),
};

static enum rc
link_check(struct admin_call *c)
{
	enum rc rc = change_of(c, MSBF_LINK);

	return rc == RC_OK && hex_decode(c->args.device.old, c->u.device.old, PPID_HASH)
	               ? RC_OK
	               : RC_BAD_REQUEST;
}

static const struct json_field bind_fields[] = {
	DEVICE_FIELD("fingerprints", fingerprints, JSON_LIST, true),
};

static enum rc
bind_check(struct admin_call *c)
{
	enum rc rc = change_of(c, MSBF_BIND);

	return rc == RC_OK && admin_fingerprints(c->args.device.fingerprints, c->fingerprints,
	                                         MSBF_FINGERPRINTS, &c->u.device.n_fingerprints)
	               ? RC_OK
	               : RC_BAD_REQUEST;
}

static enum rc
unlock_check(struct admin_call *c)
{
	return change_of(c, MSBF_UNLOCK);
}

static enum rc
revoke_check(struct admin_call *c)
{
	return change_of(c, MSBF_REVOKE);
}

/* ---- lists ---- */

static void
put_device(struct buf *b, const struct msbf_device *d)
{
	json_put_hex(b, "device", d->hash, PPID_HASH);
	json_put_hex(b, "ppid", d->ppid.v, d->ppid.n);
	json_put_text(b, "state", slice_of(msbf_state_name(d->state)));
	json_put_text(b, "admittedBy", slice_of(d->by == MSBF_BY_LIST ? "list"
	                                        : d->by == MSBF_BY_CA ? "ca"
	                                                              : "claim"));
	if (d->alarmed)
		json_put_flag(b, "alarmed", true);
	if (d->has_link)
		json_put_hex(b, "link", d->link, PPID_HASH);
	if (d->has_rival)
		json_put_hex(b, "rival", d->rival, PPID_HASH);
	json_put_text(b, "subId", slice_of(d->sub_id));
	json_put_text(b, "note", slice_of(d->note));
	json_put_time(b, "created", d->created);
	if (d->has_node) {
		json_put_hex(b, "nodeId", d->node.v, NODE_ID_BYTES);
		json_put_text(b, "sclId", slice_of(d->scl_id));
		json_put_number(b, "kmrIndex", d->kmr_index);
		json_put_time(b, "expires", d->expires);
	}
	json_put_open(b, "fingerprints", '[');
	for (unsigned i = 0; i < d->n_fingerprints; i++)
		json_put_hex(b, NULL, d->fingerprints[i].v, DEVICE_FINGERPRINT_SIZE);
	buf_char(b, ']');
}

static void
list_begin(struct msbf_query *q)
{
	struct admin_call *c = q->owner;

	buf_clear(&c->out);
	buf_char(&c->out, '{');
	json_put_open(&c->out, "devices", '[');
}

static void
list_row(struct msbf_query *q, const struct msbf_device *d)
{
	struct admin_call *c = q->owner;

	json_put_open(&c->out, NULL, '{');
	put_device(&c->out, d);
	buf_char(&c->out, '}');
}

static void
list_done(struct msbf_query *q)
{
	admin_list_end(q->owner, &q->outcome, q->next);
}

static void
list_start(struct admin_call *c)
{
	msbf_query(c->admin->conf.msbf, &c->u.devices);
}

static bool
state_of(struct slice text, unsigned *state)
{
	*state = 0;
	if (text.p == NULL)
		return true;
	for (unsigned i = 1; i < MSBF_STATES; i++)
		if (slice_is(text, msbf_state_name((enum msbf_state)i)))
			*state = i;
	return *state != 0;
}

static enum rc
list_check(struct admin_call *c)
{
	struct msbf_query *q = &c->u.devices;

	*q = (struct msbf_query){ .sub_id = c->args.list.sub_id, .after = c->args.list.after,
		                  .actor = c->actor, .source = c->source, .begin = list_begin,
		                  .row = list_row, .done = list_done, .owner = c };
	q->has_hash = c->id.p != NULL;
	if ((q->has_hash && !hex_decode(c->id, q->hash, PPID_HASH)) ||
	    !state_of(c->args.list.state, &q->state) || !admin_limit(c, MSBF_PAGE_MAX, &q->limit))
		return RC_BAD_REQUEST;
	return RC_OK;
}

static const struct json_field list_fields[] = {
	{ "state", JSON_TEXT, false, offsetof(union admin_args, list.state) },
	{ "subId", JSON_TEXT, false, offsetof(union admin_args, list.sub_id) },
	{ "after", JSON_TEXT, false, offsetof(union admin_args, list.after) },
	{ "limit", JSON_TEXT, false, offsetof(union admin_args, list.limit) },
};

#define FIELDS(f) .fields = f, .n_fields = NITEMS(f)

const struct admin_op admin_device_ops[] = {
	{ REQ_CREATE, "devices", "provision", FIELDS(provision_fields), .lines = true,
	  .check = provision_check, .begin = provision_begin, .at_msbf = true },
	{ REQ_RETRIEVE, "devices", "list", FIELDS(list_fields), .check = list_check,
	  .begin = list_start, .at_msbf = true },
	{ REQ_RETRIEVE, "devices/*", "show", .check = list_check, .begin = list_start,
	  .at_msbf = true },
	{ REQ_CREATE, "devices/*/link", "link", FIELDS(link_fields), .check = link_check,
	  .begin = change_begin, .at_msbf = true },
	{ REQ_UPDATE, "devices/*/fingerprints", "bind", FIELDS(bind_fields), .check = bind_check,
	  .begin = change_begin, .at_msbf = true },
	{ REQ_CREATE, "devices/*/unlock", "unlock", .check = unlock_check, .begin = change_begin,
	  .at_msbf = true },
	{ REQ_CREATE, "devices/*/revoke", "revoke", .check = revoke_check, .begin = change_begin,
	  .at_msbf = true },
	{ .path = NULL },
};
