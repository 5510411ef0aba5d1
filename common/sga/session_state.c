/* SPDX-License-Identifier: Apache-2.0 */
/* How a session is saved. */
#include "config.h"

#include "sga/session_own.h"

#include <stddef.h>

#include "sga/record.h"
#include "sga/saved.h"

#define OCTETS(member) SGA_FIELD(SGA_FIELD_OCTETS, struct sga_session, member)
#define NUMBER(member) SGA_FIELD(SGA_FIELD_NUMBER, struct sga_session, member)
#define FLAG(member) SGA_FIELD(SGA_FIELD_FLAG, struct sga_session, member)
#define ID(member) SGA_FIELD(SGA_FIELD_ID, struct sga_session, member)
#define WAY(member) OCTETS(member.key), OCTETS(member.iv), NUMBER(member.ctr)

/* clang-format off */
static const struct sga_field members[] = {
	FLAG(inviter), NUMBER(state), NUMBER(suite), NUMBER(group), NUMBER(cid), FLAG(challenged),
	OCTETS(sid), ID(ids.i), ID(ids.g), ID(ids.j), OCTETS(dp), NUMBER(f_n), OCTETS(f),
	OCTETS(heard), OCTETS(kt_i), OCTETS(kt_j), NUMBER(power.n), OCTETS(power.v), OCTETS(k_is),
	WAY(hop.up), WAY(hop.down),
	OCTETS(prk), OCTETS(k_conf), OCTETS(th), WAY(out), WAY(in), NUMBER(opened),
	FLAG(window), NUMBER(seen.high), NUMBER(seen.seen), FLAG(confirmed), FLAG(signed_by_peer),
};
/* clang-format on */

static const struct sga_saved_form form = { SGA_SAVED_SESSION, members,
	                                    sizeof(members) / sizeof(members[0]) };

enum rc
sga_session_save(const struct sga_session *s, struct buf *to)
{
	return sga_saved_write(&form, s, SLICE_NONE, to);
}

/* ---- what a state has ---- */

enum who { WHO_I = 1, WHO_J = 2 };

/* Of each state: whose it is, and whether PK_F and R are there. */
static const struct {
	uint8_t who;
	bool package, f, power;
} states[] = {
	[SGA_S_INVITING] = { WHO_I, true, true, false },
	[SGA_S_INVITED] = { WHO_J, false, false, false },
	[SGA_S_ACCEPTED] = { WHO_J, true, true, false },
	[SGA_S_AGREED] = { WHO_I, true, true, false },
	[SGA_S_REQUESTED] = { WHO_I, true, false, true },
	[SGA_S_ASKED] = { WHO_J, true, true, false },
	[SGA_S_ANSWERED] = { WHO_J, true, false, true },
	[SGA_S_OPEN] = { WHO_I | WHO_J, true, false, false },
	[SGA_S_CLOSED] = { WHO_I | WHO_J, false, false, false },
};

static bool
names_ok(const struct sga_session *s)
{
	return s->ids.i.n > 0 && s->ids.g.n > 0 && s->ids.j.n > 0 &&
	       !sga_id_equal(&s->ids.i, &s->ids.j) && !sga_id_equal(&s->ids.i, &s->ids.g) &&
	       !sga_id_equal(&s->ids.g, &s->ids.j) && !sga_sid_is_zero(&s->sid) &&
	       cipher_find(s->cid) != NULL && sga_suite_find(s->suite) != NULL;
}

static bool
group_ok(const struct sga_session *s)
{
	const struct sga_group *g = sga_group_find(s->group);

	if (s->group == 0)
		return !states[s->state].package;
	return g != NULL && g->suite == s->suite;
}

static bool
numbers_ok(const struct sga_session *s)
{
	const struct sga_group *g = sga_group_find(s->group);
	uint8_t power = states[s->state].power ? g->exponent : 0;

	return s->power.n == power && s->f_n <= sizeof(s->f) &&
	       (s->f_n > 0) == states[s->state].f && s->out.ctr <= SGA_RECORDS_MAX &&
	       s->in.ctr <= SGA_RECORDS_MAX && s->seen.high <= SGA_RECORDS_MAX &&
	       (s->state == SGA_S_OPEN || !(s->confirmed || s->signed_by_peer || s->window)) &&
	       (s->confirmed || !s->signed_by_peer) && (s->in.ctr > 0) == s->confirmed;
}

static bool
plausible(const struct sga_session *s)
{
	if (s->state > SGA_S_CLOSED || (states[s->state].who & (s->inviter ? WHO_I : WHO_J)) == 0)
		return false;
	return names_ok(s) && group_ok(s) && numbers_ok(s);
}

enum rc
sga_session_load(struct slice saved, struct sga_session **out)
{
	struct sga_session *s = secret_alloc(sizeof(*s));
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
		sga_session_free(s);
	return rc;
}
