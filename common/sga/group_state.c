/* SPDX-License-Identifier: Apache-2.0 */
/* Groups: how one is saved. The open part is count(2) x (lv8(ID) lv8(key or empty) next(4)). */
#include "config.h"

#include "sga/group_own.h"

#include <stddef.h>

#include "sec/cipher.h"
#include "sga/saved.h"
#include "sga/suite.h"

#define MEMBER(kind, member) SGA_FIELD(kind, struct sga_team, member)

/* clang-format off */
static const struct sga_field members[] = {
	MEMBER(SGA_FIELD_NUMBER, suite), MEMBER(SGA_FIELD_NUMBER, cid), MEMBER(SGA_FIELD_OCTETS, gid),
	MEMBER(SGA_FIELD_NUMBER, epoch), MEMBER(SGA_FIELD_OCTETS, gk), MEMBER(SGA_FIELD_ID, owner),
	MEMBER(SGA_FIELD_NUMBER, sealed), MEMBER(SGA_FIELD_OCTETS, open),
};
/* clang-format on */

static const struct sga_saved_form form = { SGA_SAVED_TEAM, members,
	                                    sizeof(members) / sizeof(members[0]) };

/* ---- saving ---- */

static enum rc
save_seats(const struct sga_team *g, struct buf *to, struct sga_hash *hash)
{
	size_t at = to->n;

	buf_be(to, g->count, 2);
	for (size_t i = 0; i < g->count; i++) {
		sga_team_write_member(to, &g->seats[i].member);
		buf_be(to, g->seats[i].next, 4);
	}
	if (to->failed) {
		to->n = at;
		return RC_NO_SPACE;
	}
	return sga_hash(slice_from(buf_view(to), at), hash);
}

enum rc
sga_team_save(const struct sga_team *g, struct buf *secret, struct buf *open)
{
	size_t at = open->n;
	struct sga_team kept = *g;
	enum rc rc = save_seats(g, open, &kept.open);

	if (rc == RC_OK)
		rc = sga_saved_write(&form, &kept, SLICE_NONE, secret);
	if (rc != RC_OK)
		open->n = at;
	secret_wipe(&kept, sizeof(kept));
	return rc;
}

/* ---- loading ---- */

static enum rc
load_seats(struct slice open, struct sga_team **out)
{
	struct sga_reader r = sga_reader_of(open);
	size_t count = (size_t)sga_read_be(&r, 2);
	struct sga_hash hash;
	struct sga_team *g;
	enum rc rc;

	if (r.bad || count == 0 || count > SGA_GROUP_MEMBERS_MAX)
		return RC_BAD_REQUEST;
	rc = sga_team_new(count, &g);
	if (rc != RC_OK)
		return rc;
	for (size_t i = 0; i < count; i++) {
		sga_team_read_member(&r, &g->seats[i].member);
		g->seats[i].next = (uint32_t)sga_read_be(&r, 4);
	}
	rc = sga_reader_done(&r) && sga_team_members_ok(g) ? sga_hash(open, &hash) : RC_BAD_REQUEST;
	if (rc != RC_OK) {
		sga_team_free(g);
		return rc;
	}
	g->open = hash;
	*out = g;
	return RC_OK;
}

static bool
plausible(const struct sga_team *g)
{
	for (size_t i = 0; i < g->count; i++)
		if (g->seats[i].next > SGA_GROUP_RECORDS_MAX)
			return false;
	return sga_suite_find(g->suite) != NULL && cipher_find(g->cid) != NULL && g->epoch > 0 &&
	       !sga_sid_is_zero(&g->gid) && g->owner.n > 0 && sga_team_seat(g, &g->owner) != NULL &&
	       g->sealed <= SGA_GROUP_RECORDS_MAX;
}

enum rc
sga_team_load(struct slice secret, struct slice open, struct sga_team **out)
{
	struct sga_team *g;
	struct sga_hash hash;
	struct slice tail;
	enum rc rc = load_seats(open, &g);

	*out = NULL;
	if (rc != RC_OK)
		return rc;
	hash = g->open;
	rc = sga_saved_read(&form, secret, g, &tail);
	if (rc == RC_OK &&
	    (tail.n > 0 || memcmp(&hash, &g->open, sizeof(hash)) != 0 || !plausible(g)))
		rc = RC_BAD_REQUEST;
	if (rc == RC_OK)
		*out = g;
	else
		sga_team_free(g);
	return rc;
}
