/* SPDX-License-Identifier: Apache-2.0 */
/* What G keeps of a session, and how it ends. */
#include "config.h"

#include "sga/server_own.h"

#include <stddef.h>

#include "sga/saved.h"

/* ---- what it knows ---- */

enum sga_server_state
sga_server_session_state(const struct sga_server_session *s)
{
	return (enum sga_server_state)s->state;
}

struct sga_exchange
sga_server_exchange(const struct sga_server_session *s)
{
	return (struct sga_exchange){
		.suite = sga_suite_find(s->suite),
		.group = sga_group_find(s->group),
		.sid = &s->sid,
		.ids = &s->ids,
	};
}

const struct cipher *
sga_server_cipher(const struct sga_server_session *s)
{
	return cipher_find(s->cid);
}

struct sga_pair
sga_server_pair(const struct sga_server_session *s, enum sga_role role)
{
	return (struct sga_pair){ role == SGA_ROLE_I ? &s->ids.i : &s->ids.j, &s->ids.g };
}

/* ---- messages of anybody ---- */

const struct key *
sga_server_kd(const struct key *kd)
{
	static const struct key dummy;

	return kd == NULL ? &dummy : kd;
}

bool
sga_server_ids_ok(const struct sga_ids *ids, const struct sga_id *g)
{
	return sga_id_equal(&ids->g, g) && !sga_id_equal(&ids->i, g) && !sga_id_equal(&ids->j, g) &&
	       !sga_id_equal(&ids->i, &ids->j);
}

enum rc
sga_server_open(const struct sga_keys *keys, const char *label, struct slice message, size_t max,
                uint8_t *body, size_t *n)
{
	const struct sga_package *p = sga_keys_package(keys);
	const struct sga_seal_context c = { &p->dp, label, (const uint8_t *)message.p };
	struct slice sealed = slice_from(message, SGA_HEADER_SIZE);

	if (sealed.n < p->suite->overhead || sealed.n - p->suite->overhead > max)
		return RC_BAD_REQUEST;
	*n = sealed.n - p->suite->overhead;
	return sga_open(sga_keys_e(keys), &c, sealed, body);
}

/* ---- the end ---- */

void
sga_server_end(struct sga_server_session *s)
{
	struct sga_server_session over = {
		.state = SGA_G_CLOSED,
		.suite = s->suite,
		.group = s->group,
		.cid = s->cid,
		.sid = s->sid,
		.ids = s->ids,
		.dp = s->dp,
		.told_i = s->told_i,
		.told_j = s->told_j,
	};

	/* Only a party that has not been told yet needs a key. */
	over.hops = s->hops && !(s->told_i && s->told_j);
	if (over.hops && !s->told_i)
		over.hop_i.down = s->hop_i.down;
	if (over.hops && !s->told_j)
		over.hop_j.down = s->hop_j.down;
	secret_wipe(s, sizeof(*s));
	*s = over;
	secret_wipe(&over, sizeof(over));
}

/* A4 to i, who waits for it; j has no key to be told with. */
static enum rc
refuse_invitation(struct sga_server_session *s, const struct key *kd, struct buf *to)
{
	static const struct key none;
	struct sga_server_session next = *s;
	enum rc rc = sga_server_a4(&next, kd, true, &none, to);

	if (rc == RC_OK) {
		next.told_i = next.told_j = true;
		sga_server_end(&next);
		*s = next;
	}
	secret_wipe(&next, sizeof(next));
	return rc;
}

enum rc
sga_server_refuse(struct sga_server_session *s, enum sga_role role, const struct key *kd,
                  struct buf *to)
{
	struct sga_header h = {
		.suite = s->suite, .type = SGA_B6, .flags = SGA_FLAG_REFUSED, .sid = s->sid
	};
	bool *told = role == SGA_ROLE_I ? &s->told_i : &s->told_j;
	struct sga_hop *hop = role == SGA_ROLE_I ? &s->hop_i : &s->hop_j;
	enum rc rc;

	if (s->state == SGA_G_INVITED && role == SGA_ROLE_I && kd != NULL)
		return refuse_invitation(s, kd, to);
	if (!s->hops || *told)
		return RC_CONFLICT;
	rc = sga_way_seal(&hop->down, sga_server_cipher(s), &h, SLICE_NONE, to, NULL);
	if (rc != RC_OK)
		return rc;
	*told = true;
	sga_server_end(s);
	return RC_OK;
}

void
sga_server_session_free(struct sga_server_session *s)
{
	secret_free(s, sizeof(*s));
}

/* ---- saved ---- */

#define OCTETS(member) SGA_FIELD(SGA_FIELD_OCTETS, struct sga_server_session, member)
#define NUMBER(member) SGA_FIELD(SGA_FIELD_NUMBER, struct sga_server_session, member)
#define FLAG(member) SGA_FIELD(SGA_FIELD_FLAG, struct sga_server_session, member)
#define ID(member) SGA_FIELD(SGA_FIELD_ID, struct sga_server_session, member)
#define WAY(member) OCTETS(member.key), OCTETS(member.iv), NUMBER(member.ctr)

/* clang-format off */
static const struct sga_field members[] = {
	NUMBER(state), NUMBER(suite), NUMBER(group), NUMBER(cid), OCTETS(sid),
	ID(ids.i), ID(ids.g), ID(ids.j), OCTETS(dp), OCTETS(heard), OCTETS(kt_i), FLAG(hops),
	WAY(hop_i.up), WAY(hop_i.down), WAY(hop_j.up), WAY(hop_j.down),
	OCTETS(half), FLAG(told_i), FLAG(told_j),
};
/* clang-format on */

static const struct sga_saved_form form = { SGA_SAVED_SERVER, members,
	                                    sizeof(members) / sizeof(members[0]) };

enum rc
sga_server_session_save(const struct sga_server_session *s, struct buf *to)
{
	return sga_saved_write(&form, s, SLICE_NONE, to);
}

static bool
plausible(const struct sga_server_session *s)
{
	const struct sga_group *g = sga_group_find(s->group);
	bool talks = s->state == SGA_G_AGREED || s->state == SGA_G_ASKED || s->state == SGA_G_DONE;

	return s->state <= SGA_G_CLOSED && sga_suite_find(s->suite) != NULL && g != NULL &&
	       g->suite == s->suite && cipher_find(s->cid) != NULL && !sga_sid_is_zero(&s->sid) &&
	       s->ids.i.n > 0 && s->ids.g.n > 0 && s->ids.j.n > 0 &&
	       sga_server_ids_ok(&s->ids, &s->ids.g) &&
	       (s->state == SGA_G_CLOSED || talks == s->hops) &&
	       (s->state == SGA_G_CLOSED || !(s->told_i || s->told_j));
}

enum rc
sga_server_session_load(struct slice saved, struct sga_server_session **out)
{
	struct sga_server_session *s = secret_alloc(sizeof(*s));
	struct slice tail;
	enum rc rc;

	*out = NULL;
	if (s == NULL)
		return RC_UNAVAILABLE;
	rc = sga_saved_read(&form, saved, s, &tail);
	if (rc == RC_OK && (tail.n > 0 || !plausible(s)))
		rc = RC_BAD_REQUEST;
	if (rc == RC_OK)
		*out = s;
	else
		sga_server_session_free(s);
	return rc;
}
