/* SPDX-License-Identifier: Apache-2.0 */
/* Groups. */
#include "config.h"

#include <stdlib.h>

#include "cap/sgs/sgs_rest_own.h"
#include "sec/hex.h"

struct group_doc {
	uint8_t id[SGS_SID_BYTES];
	struct slice owner, purpose;
	uint64_t epoch;
	bool stale;
	struct sgs_texts members;
};

/* ---- members by their names ---- */

/* Numbers of the members of a document, in the arena. RC_NOT_FOUND: one is not registered. */
static enum rc
find_members(struct sgs_call *c, const struct sgs_texts *names, const uint64_t **out)
{
	uint64_t *v;

	if (names->n > sgs_book_limits(c->s->book)->members_max)
		return RC_TOO_LARGE;
	v = ARENA_ARRAY(c->arena, uint64_t, names->n + 1);
	if (v == NULL)
		return RC_UNAVAILABLE;
	for (size_t i = 0; i < names->n; i++) {
		struct sgs_device d;
		enum rc rc = sgs_device_find(c->view, names->v[i], &d);

		if (rc != RC_OK)
			return rc;
		v[i] = d.number;
	}
	*out = v;
	return RC_OK;
}

/* How a group is not made or changed. */
static enum rc
refuse_group(struct sgs_call *c, enum rc rc, const char *conflict)
{
	switch (rc) {
	case RC_NOT_FOUND:
		return sgs_call_refuse(c, rc, "peer");
	case RC_TOO_LARGE:
		return sgs_call_refuse(c, RC_FORBIDDEN, "members");
	case RC_CONFLICT:
		return sgs_call_refuse(c, rc, conflict);
	default:
		return sgs_call_failed(c, rc);
	}
}

/* ---- POST groups ---- */

static void
made(struct sgs_op *op)
{
	struct sgs_call *c = op->owner;
	char gid[2 * SGS_SID_BYTES + 1];

	if (op->rc != RC_OK) {
		refuse_group(c, op->rc, "taken");
		return;
	}
	hex_encode(c->u.group.gid, SGS_SID_BYTES, gid);
	sgs_call_location(c, "groups/%s", gid);
	sgs_call_done(c, RC_CREATED);
}

static void
make(struct req *rq)
{
	struct sgs_call *c = sgs_call_of(rq);

	sgs_group_make(c->s->book, &c->u.group);
}

enum rc
sgs_rest_group_create(struct sgs_call *c)
{
	static const struct sgs_field fields[] = {
		SGS_FIELD(struct group_doc, id, "id", SGS_HEX, true),
		SGS_FIELD(struct group_doc, purpose, "purpose", SGS_TEXT, false),
		SGS_FIELD(struct group_doc, members, "members", SGS_TEXTS, true),
	};
	static const struct sgs_doc doc = { "group", fields, 3 };
	struct group_doc in = { .purpose = SLICE_NONE };
	enum rc rc = sgs_call_read(c, &doc, &in);

	if (rc != RC_OK)
		return rc;
	if (in.purpose.n > SGS_PURPOSE_MAX || in.members.n == 0)
		return sgs_call_class(c, SGS_BY_SYNTAX, SLICE_NONE);
	c->u.group = (struct sgs_group_new){ .op = { .done = made, .owner = c },
		                             .owner = c->device,
		                             .n_members = in.members.n,
		                             .purpose = in.purpose };
	memcpy(c->u.group.gid, in.id, SGS_SID_BYTES);
	rc = find_members(c, &in.members, &c->u.group.members);
	return rc == RC_OK ? sgs_call_pend(c, make) : refuse_group(c, rc, "taken");
}

/* ---- GET groups/{g} ---- */

struct naming {
	const struct sgs_call *c;
	struct slice *v;
	size_t n, max;
};

static bool
name_member(void *arg, uint64_t device, uint32_t next)
{
	struct naming *to = arg;

	(void)next;
	to->v[to->n++] = sgs_call_name(to->c, device);
	return to->n < to->max;
}

static enum rc
fill_group(struct sgs_call *c, struct group_doc *out)
{
	struct naming names = { .c = c };
	struct sgs_group g;
	enum rc rc = sgs_group_get(c->view, c->sid, &g);

	if (rc != RC_OK)
		return rc;
	names.max = (size_t)g.n_members;
	names.v = ARENA_ARRAY(c->arena, struct slice, names.max + 1);
	if (names.v == NULL)
		return RC_UNAVAILABLE;
	memcpy(out->id, g.gid, SGS_SID_BYTES);
	out->owner = sgs_call_name(c, g.owner);
	out->purpose = g.purpose.n > 0 ? g.purpose : SLICE_NONE;
	out->epoch = g.epoch;
	out->stale = g.stale;
	if (names.max > 0)
		rc = sgs_member_list(c->view, c->sid, name_member, &names);
	out->members = (struct sgs_texts){ names.v, names.n };
	return rc;
}

enum rc
sgs_rest_group_get(struct sgs_call *c)
{
	static const struct sgs_field fields[] = {
		SGS_FIELD(struct group_doc, id, "id", SGS_HEX, true),
		SGS_FIELD(struct group_doc, owner, "owner", SGS_TEXT, true),
		SGS_FIELD(struct group_doc, purpose, "purpose", SGS_TEXT, false),
		SGS_FIELD(struct group_doc, epoch, "epoch", SGS_NUMBER, true),
		SGS_FIELD(struct group_doc, stale, "stale", SGS_FLAG, true),
		SGS_FIELD(struct group_doc, members, "members", SGS_TEXTS, true),
	};
	static const struct sgs_doc doc = { "group", fields, 6 };
	struct group_doc out;
	enum rc rc = RC_NOT_FOUND;

	if (sgs_call_sid(c) && (c->device == 0 || sgs_group_has(c->view, c->sid, c->device)))
		rc = fill_group(c, &out);
	return rc == RC_OK ? sgs_call_answer(c, RC_OK, &doc, &out) : sgs_call_failed(c, rc);
}

/* ---- PUT groups/{g} ---- */

static void
changed(struct sgs_op *op)
{
	struct sgs_call *c = op->owner;

	if (op->rc == RC_OK)
		sgs_call_done(c, RC_NO_CONTENT);
	else
		refuse_group(c, op->rc, "epoch");
}

static void
change(struct req *rq)
{
	struct sgs_call *c = sgs_call_of(rq);

	sgs_group_change(c->s->book, &c->u.change);
}

enum rc
sgs_rest_group_change(struct sgs_call *c)
{
	static const struct sgs_field fields[] = {
		SGS_FIELD(struct group_doc, epoch, "epoch", SGS_NUMBER, true),
		SGS_FIELD(struct group_doc, members, "members", SGS_TEXTS, true),
	};
	static const struct sgs_doc doc = { "group", fields, 2 };
	struct group_doc in = { .purpose = SLICE_NONE };
	enum rc rc = sgs_call_read(c, &doc, &in);

	if (rc != RC_OK)
		return rc;
	if (in.epoch == 0 || in.epoch > UINT32_MAX || in.members.n == 0)
		return sgs_call_class(c, SGS_BY_SYNTAX, SLICE_NONE);
	if (!sgs_call_sid(c) || !sgs_group_has(c->view, c->sid, c->device))
		return sgs_call_failed(c, RC_NOT_FOUND);
	c->u.change = (struct sgs_group_change){ .op = { .done = changed, .owner = c },
		                                 .by = c->device,
		                                 .epoch = (uint32_t)in.epoch,
		                                 .n_members = in.members.n };
	memcpy(c->u.change.gid, c->sid, SGS_SID_BYTES);
	rc = find_members(c, &in.members, &c->u.change.members);
	return rc == RC_OK ? sgs_call_pend(c, change) : refuse_group(c, rc, "epoch");
}

/* ---- DELETE ---- */

static void
end(struct req *rq)
{
	struct sgs_call *c = sgs_call_of(rq);

	sgs_group_end(c->s->book, &c->u.group_end);
}

enum rc
sgs_rest_group_delete(struct sgs_call *c)
{
	if (!sgs_call_sid(c))
		return sgs_call_failed(c, RC_NOT_FOUND);
	c->u.group_end = (struct sgs_group_end){ .op = { .done = sgs_call_ended, .owner = c },
		                                 .by = c->device };
	memcpy(c->u.group_end.gid, c->sid, SGS_SID_BYTES);
	return sgs_call_pend(c, end);
}

static void
left(struct sgs_op *op)
{
	struct sgs_call *c = op->owner;

	if (op->rc == RC_CONFLICT)
		sgs_call_refuse(c, op->rc, "owner");
	else
		sgs_call_ended(op);
}

static void
leave(struct req *rq)
{
	struct sgs_call *c = sgs_call_of(rq);

	sgs_group_leave(c->s->book, &c->u.leave);
}

enum rc
sgs_notice(const struct sgs *s, const struct sgs_view *v, const struct sgs_group *g,
           const struct sga_id *left_by, struct buf *to)
{
	struct sgs_device owner;
	struct sga_sid gid;
	struct sga_id id;
	struct key kd;
	enum rc rc = sgs_device_get(v, g->owner, &owner);

	if (rc != RC_OK)
		return rc;
	memcpy(gid.v, g->gid, SGS_SID_BYTES);
	rc = sga_id_make(owner.id, &id);
	if (rc == RC_OK)
		rc = sgs_device_kd(v, g->owner, kd.v);
	if (rc != RC_OK)
		return rc;
	rc = sga_notice_make(owner.suite, &gid, g->epoch, left_by, &kd, &id, &s->id, to);
	key_wipe(&kd);
	return rc;
}

enum rc
sgs_rest_member_delete(struct sgs_call *c)
{
	struct sgs_device member = { .number = 0 };
	struct sgs_group g = { .owner = 0 };
	struct sga_id id;
	enum rc rc = RC_NOT_FOUND;

	if (sgs_call_sid(c) && sgs_group_has(c->view, c->sid, c->device))
		rc = sgs_group_get(c->view, c->sid, &g);
	if (rc == RC_OK)
		rc = sgs_device_find(c->view, c->stars[1], &member);
	if (rc == RC_OK)
		rc = sga_id_make(member.id, &id);
	if (rc == RC_OK && member.number != c->device && g.owner != c->device)
		rc = RC_NOT_FOUND;
	if (rc == RC_OK)
		rc = sgs_notice(c->s, c->view, &g, &id, &c->to_i);
	if (rc != RC_OK)
		return sgs_call_failed(c, rc);
	c->u.leave = (struct sgs_group_leave){ .op = { .done = left, .owner = c },
		                               .by = c->device,
		                               .member = member.number,
		                               .to_owner = buf_view(&c->to_i) };
	memcpy(c->u.leave.gid, c->sid, SGS_SID_BYTES);
	return sgs_call_pend(c, leave);
}

/* ---- POST groups/{g}/messages ---- */

static void
taken(struct sgs_op *op)
{
	struct sgs_call *c = op->owner;

	switch (op->rc) {
	case RC_OK:
		sgs_guard_count(c->s->guard, SGS_N_GROUP_RECORDS, c->u.group_message.again ? 0 : 1);
		sgs_call_done(c, RC_CREATED);
		return;
	case RC_CONFLICT:
		sgs_call_refuse(c, RC_CONFLICT, "order");
		return;
	case RC_PRECONDITION:
		sgs_call_refuse(c, RC_CONFLICT, "epoch");
		return;
	default:
		sgs_call_failed(c, op->rc);
	}
}

static void
put_record(struct req *rq)
{
	struct sgs_call *c = sgs_call_of(rq);

	sgs_group_message_put(c->s->book, &c->u.group_message);
}

enum rc
sgs_rest_group_record(struct sgs_call *c)
{
	const struct sga_id *who = &c->tag.id;
	struct sgs_group_message *m = &c->u.group_message;
	struct sga_reader r = sga_reader_of(slice_from(c->message, SGA_HEADER_SIZE));
	struct sgs_device d;
	struct sga_id sender;
	enum rc rc = sgs_device_get(c->view, c->device, &d);

	if (rc != RC_OK)
		return sgs_call_failed(c, rc);
	m->epoch = (uint32_t)sga_read_be(&r, 4);
	sga_read_id(&r, &sender);
	/* Nobody speaks for another; what is behind is not this server's to read. */
	if (r.bad || r.rest.n == 0 || !sga_id_equal(&sender, who) || c->header.suite != d.suite)
		return sgs_call_class(c, SGS_BY_SYNTAX, SLICE_NONE);
	m->op = (struct sgs_op){ .done = taken, .owner = c };
	memcpy(m->gid, c->header.sid.v, SGS_SID_BYTES);
	m->by = c->device;
	m->ctr = c->header.ctr;
	m->octets = c->message;
	return sgs_call_pend(c, put_record);
}
