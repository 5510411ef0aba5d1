/* SPDX-License-Identifier: Apache-2.0 */
/* Groups of m2m-sga on disk, and what comes of them. */
#include "config.h"

#include "cli/sga_cli.h"

#include "sec/hex.h"

void
sga_group_file(const struct sga_sid *gid, const char *suffix, char name[SGA_STATE_NAME])
{
	char hex[SGA_HEX_MAX];

	hex_encode(gid->v, sizeof(gid->v), hex);
	snprintf(name, SGA_STATE_NAME, "groups/%s%s", hex, suffix);
}

/* ---- the file: the length of the secret part, it, the open part ---- */

bool
sga_group_save(struct sga_cli *c, const struct sga_team *team)
{
	char name[SGA_STATE_NAME];
	struct buf secret, open, all;
	bool ok;

	sga_group_file(sga_team_id(team), "", name);
	buf_init(&secret, SGA_GROUP_SECRET_MAX);
	secret.secret = true;
	buf_init(&open, SGA_GROUP_OPEN_MAX);
	buf_init(&all, 2 + SGA_GROUP_SECRET_MAX + SGA_GROUP_OPEN_MAX);
	all.secret = true;
	ok = sga_team_save(team, &secret, &open) == RC_OK;
	buf_be(&all, secret.n, 2);
	buf_slice(&all, buf_view(&secret));
	buf_slice(&all, buf_view(&open));
	ok = (ok && !all.failed) || sga_fail(name, "no memory");
	ok = ok && sga_state_write(&c->state, name, buf_view(&all));
	sga_buf_wipe(&secret);
	buf_fini(&open);
	sga_buf_wipe(&all);
	return ok;
}

static bool
parse(struct slice octets, struct sga_team **out)
{
	size_t n;

	if (octets.n < 2)
		return false;
	n = (size_t)(unsigned char)octets.p[0] << 8 | (unsigned char)octets.p[1];
	octets = slice_from(octets, 2);
	return n <= octets.n &&
	       sga_team_load(slice_head(octets, n), slice_from(octets, n), out) == RC_OK;
}

enum sga_found
sga_group_load(struct sga_cli *c, const struct sga_sid *gid, struct sga_team **out)
{
	char name[SGA_STATE_NAME];
	struct buf b;
	bool ok;

	*out = NULL;
	sga_group_file(gid, "", name);
	if (!sga_state_has(&c->state, name))
		return SGA_ABSENT;
	buf_init(&b, 2 + SGA_GROUP_SECRET_MAX + SGA_GROUP_OPEN_MAX);
	ok = sga_state_read(&c->state, name, &b) &&
	     (parse(buf_view(&b), out) || sga_fail(name, "is damaged"));
	sga_buf_wipe(&b);
	return ok ? SGA_FOUND : SGA_BROKEN;
}

/* ---- what comes ---- */

bool
sga_group_take_key(struct sga_cli *c, struct slice data, const struct sga_id *from)
{
	struct sga_team *before = NULL, *team = NULL;
	struct sga_sid gid;
	enum rc rc;
	bool ok = true;

	/* "SGAG", then the group. */
	if (data.n < 4 + sizeof(gid.v))
		return true;
	memcpy(gid.v, data.p + 4, sizeof(gid.v));
	if (sga_group_load(c, &gid, &before) == SGA_BROKEN)
		return false;
	rc = sga_team_take(c->device, data, from, before, &team);
	if (rc == RC_OK)
		ok = sga_group_save(c, team);
	else if (rc == RC_UNAVAILABLE || rc == RC_INTERNAL)
		ok = sga_fail("group", status_of(rc)->text);
	sga_team_free(before);
	sga_team_free(team);
	return ok;
}

static bool
keep(struct sga_cli *c, struct sga_team *team, const struct sga_team_plain *p, const char *name)
{
	char gid[SGA_HEX_MAX];

	hex_encode(sga_team_id(team)->v, SGA_SID_SIZE, gid);
	if (p->missed > 0)
		fprintf(stderr, "m2m-sga: %u messages of the group have not come\n",
		        (unsigned)p->missed);
	return (p->data.n == 0 || sga_inbox_put(c, name, &p->sender->id, gid, p->data)) &&
	       sga_group_save(c, team) && (p->data.n == 0 || sga_inbox_keep(c, name));
}

bool
sga_group_take_record(struct sga_cli *c, struct slice record)
{
	struct sga_team *team = NULL;
	struct sga_team_plain plain;
	char name[SGA_STATE_NAME], gid[SGA_HEX_MAX];
	struct sga_header h;
	struct sga_id sender;
	uint32_t epoch;
	struct buf b;
	enum sga_found found;
	bool ok;
	enum rc rc;

	if (sga_header_read(record, &h) != RC_OK || sga_team_peek(record, &epoch, &sender) != RC_OK)
		return true;
	found = sga_group_load(c, &h.sid, &team);
	if (found != SGA_FOUND)
		return found == SGA_ABSENT;
	hex_encode(h.sid.v, sizeof(h.sid.v), gid);
	snprintf(name, sizeof(name), "%s-%08x-%.*s-%08x", gid, (unsigned)epoch, (int)sender.n,
	         sender.v, (unsigned)h.ctr);
	buf_init(&b, SGA_MESSAGE_MAX);
	b.secret = true;
	rc = sga_team_open(team, record, &plain, &b);
	if (rc == RC_OK)
		ok = keep(c, team, &plain, name);
	else if (rc == RC_CONFLICT)
		ok = sga_inbox_keep(c, name);
	else
		ok = (rc != RC_UNAVAILABLE && rc != RC_INTERNAL) || sga_fail("group", "no memory");
	if (rc == RC_DENIED || rc == RC_PRECONDITION)
		fprintf(stderr,
		        "m2m-sga: a message of group %s is not authentic, or of another "
		        "epoch, and is dropped\n",
		        gid);
	sga_buf_wipe(&b);
	sga_team_free(team);
	return ok;
}

bool
sga_group_take_notice(struct sga_cli *c, struct slice notice)
{
	struct sga_team *team = NULL;
	char gid[SGA_HEX_MAX];
	struct sga_header h;
	struct sga_id left;
	enum sga_found found;

	if (sga_header_read(notice, &h) != RC_OK)
		return true;
	found = sga_group_load(c, &h.sid, &team);
	hex_encode(h.sid.v, sizeof(h.sid.v), gid);
	if (found == SGA_FOUND && sga_notice_take(team, c->device, notice, &left) == RC_OK)
		fprintf(stderr, "m2m-sga: %.*s has left group %s; use groups change\n", (int)left.n,
		        left.v, gid);
	sga_team_free(team);
	return found != SGA_BROKEN;
}

/* ---- list ---- */

static bool
list_one(void *arg, const char *name)
{
	struct sga_cli *c = arg;
	struct sga_team *team;
	struct sga_sid gid;
	const struct sga_id *owner;
	const struct sga_member *m;
	bool ok;

	if (!hex_decode(slice_of(strchr(name, '/') + 1), gid.v, sizeof(gid.v)))
		return true;
	if (sga_group_load(c, &gid, &team) != SGA_FOUND)
		return false;
	owner = sga_team_owner(team);
	ok = printf("%s owner=%.*s epoch=%u", strchr(name, '/') + 1, (int)owner->n, owner->v,
	            (unsigned)sga_team_epoch(team)) > 0;
	for (size_t i = 0; ok && (m = sga_team_member_at(team, i)) != NULL; i++)
		ok = printf(" %.*s%s", (int)m->id.n, m->id.v, m->signs ? "" : "(receives)") > 0;
	sga_team_free(team);
	return ok && putchar('\n') != EOF;
}

bool
sga_groups_print(struct sga_cli *c)
{
	return sga_state_each(&c->state, "groups", list_one, c);
}
