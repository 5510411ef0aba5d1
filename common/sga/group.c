/* SPDX-License-Identifier: Apache-2.0 */
/* Groups: members and keys. */
#include "config.h"

#include "sga/group_own.h"

#include <stdlib.h>

#include "sga/phase.h"

static const char magic[4] = { 'S', 'G', 'A', 'G' };

/* ---- what it knows ---- */

const struct sga_sid *
sga_team_id(const struct sga_team *g)
{
	return &g->gid;
}

const struct sga_id *
sga_team_owner(const struct sga_team *g)
{
	return &g->owner;
}

const struct sga_member *
sga_team_member_at(const struct sga_team *g, size_t i)
{
	return i < g->count ? &g->seats[i].member : NULL;
}

uint32_t
sga_team_epoch(const struct sga_team *g)
{
	return g->epoch;
}

uint16_t
sga_team_cid(const struct sga_team *g)
{
	return g->cid;
}

uint32_t
sga_team_sealed(const struct sga_team *g)
{
	return g->sealed;
}

struct sga_seat *
sga_team_seat(const struct sga_team *g, const struct sga_id *id)
{
	for (size_t i = 0; i < g->count; i++)
		if (sga_id_equal(&g->seats[i].member.id, id))
			return &g->seats[i];
	return NULL;
}

/* ---- its life ---- */

enum rc
sga_team_new(size_t count, struct sga_team **out)
{
	struct sga_team *g = secret_alloc(sizeof(*g));

	*out = NULL;
	if (g == NULL)
		return RC_UNAVAILABLE;
	g->seats = calloc(count, sizeof(*g->seats));
	if (g->seats == NULL) {
		sga_team_free(g);
		return RC_UNAVAILABLE;
	}
	g->count = (uint16_t)count;
	*out = g;
	return RC_OK;
}

void
sga_team_free(struct sga_team *g)
{
	if (g == NULL)
		return;
	free(g->seats);
	secret_free(g, sizeof(*g));
}

/* The first of that name is the one: there is no second. */
bool
sga_team_members_ok(const struct sga_team *g)
{
	for (size_t i = 0; i < g->count; i++) {
		const struct sga_member *m = &g->seats[i].member;

		if (m->id.n == 0 || sga_team_seat(g, &m->id) != &g->seats[i] ||
		    (m->signs && !sign_public_ok(&m->sign)))
			return false;
	}
	return true;
}

static enum rc
fill(struct sga_team *g, const struct sga_device *d, const struct sga_team_conf *conf,
     const struct sga_random *random)
{
	enum rc rc = RC_OK;

	g->suite = d->package->suite->id;
	g->gid = conf->gid;
	g->epoch = conf->epoch;
	g->cid = conf->cid;
	g->owner = d->id;
	for (size_t i = 0; i < g->count; i++)
		g->seats[i].member = conf->members[i];
	if (!sga_team_members_ok(g) || sga_team_seat(g, &d->id) == NULL)
		return RC_CONFLICT;
	if (sga_sid_is_zero(&g->gid))
		rc = sga_random_clear(random, g->gid.v, SGA_SID_SIZE);
	return rc == RC_OK ? sga_random_secret(random, g->gk.v, KEY_BYTES) : rc;
}

enum rc
sga_team_make(const struct sga_device *d, const struct sga_team_conf *conf,
              const struct sga_random *random, struct sga_team **out)
{
	struct sga_team *g;
	enum rc rc;

	*out = NULL;
	if (conf->count == 0 || conf->count > SGA_GROUP_MEMBERS_MAX || conf->epoch == 0 ||
	    !sga_device_has_cipher(d, conf->cid))
		return RC_CONFLICT;
	rc = sga_team_new(conf->count, &g);
	if (rc != RC_OK)
		return rc;
	rc = fill(g, d, conf, random);
	if (rc == RC_OK)
		*out = g;
	else
		sga_team_free(g);
	return rc;
}

/* ---- the key for a member ---- */

void
sga_team_write_member(struct buf *to, const struct sga_member *m)
{
	buf_be(to, m->id.n, 1);
	buf_add(to, m->id.v, m->id.n);
	buf_be(to, m->signs ? SIGN_PUBLIC_SIZE : 0, 1);
	buf_add(to, m->sign.v, m->signs ? SIGN_PUBLIC_SIZE : 0);
}

void
sga_team_read_member(struct sga_reader *r, struct sga_member *out)
{
	struct slice sign;

	*out = (struct sga_member){ 0 };
	sga_read_id(r, &out->id);
	sign = sga_read_lv8(r);
	out->signs = sign.n == SIGN_PUBLIC_SIZE;
	if (out->signs)
		memcpy(out->sign.v, sign.p, SIGN_PUBLIC_SIZE);
	else if (sign.n != 0)
		r->bad = true;
}

enum rc
sga_team_key_write(const struct sga_team *g, struct buf *to)
{
	size_t at = to->n;

	buf_add(to, magic, sizeof(magic));
	buf_add(to, g->gid.v, SGA_SID_SIZE);
	buf_be(to, g->epoch, 4);
	buf_add(to, g->gk.v, KEY_BYTES);
	buf_be(to, g->cid, 2);
	buf_be(to, g->count, 2);
	for (size_t i = 0; i < g->count; i++)
		sga_team_write_member(to, &g->seats[i].member);
	if (!to->failed)
		return RC_OK;
	to->n = at;
	return RC_NO_SPACE;
}

/* The members of *r, which has nothing else any more. */
static enum rc
read_members(struct sga_reader *r, size_t count, struct sga_team **out)
{
	struct sga_team *g;
	enum rc rc;

	if (r->bad || count == 0 || count > SGA_GROUP_MEMBERS_MAX)
		return RC_BAD_REQUEST;
	rc = sga_team_new(count, &g);
	if (rc != RC_OK)
		return rc;
	for (size_t i = 0; i < count; i++)
		sga_team_read_member(r, &g->seats[i].member);
	if (sga_reader_done(r) && sga_team_members_ok(g)) {
		*out = g;
		return RC_OK;
	}
	sga_team_free(g);
	return RC_BAD_REQUEST;
}

static enum rc
read_key(struct slice data, struct sga_team **out)
{
	struct sga_reader r = sga_reader_of(data);
	struct slice word = sga_read(&r, sizeof(magic)), gid = sga_read(&r, SGA_SID_SIZE);
	uint32_t epoch = (uint32_t)sga_read_be(&r, 4);
	struct slice gk = sga_read(&r, KEY_BYTES);
	uint16_t cid = (uint16_t)sga_read_be(&r, 2), count = (uint16_t)sga_read_be(&r, 2);
	enum rc rc;

	if (!slice_eq(word, slice_make(magic, sizeof(magic))) || epoch == 0)
		return RC_BAD_REQUEST;
	rc = read_members(&r, count, out);
	if (rc != RC_OK)
		return rc;
	memcpy((*out)->gid.v, gid.p, SGA_SID_SIZE);
	memcpy((*out)->gk.v, gk.p, KEY_BYTES);
	(*out)->epoch = epoch;
	(*out)->cid = cid;
	return RC_OK;
}

/* For d, from its owner, and after before. */
static enum rc
check_key(const struct sga_team *g, const struct sga_device *d, const struct sga_id *from,
          const struct sga_team *before)
{
	if (sga_sid_is_zero(&g->gid) || sga_team_seat(g, &d->id) == NULL ||
	    sga_team_seat(g, from) == NULL || sga_id_equal(from, &d->id) ||
	    !sga_device_has_cipher(d, g->cid))
		return RC_DENIED;
	if (before == NULL)
		return RC_OK;
	if (!sga_sid_equal(&g->gid, &before->gid) || !sga_id_equal(from, &before->owner))
		return RC_DENIED;
	return g->epoch > before->epoch ? RC_OK : RC_CONFLICT;
}

enum rc
sga_team_take(const struct sga_device *d, struct slice data, const struct sga_id *from,
              const struct sga_team *before, struct sga_team **out)
{
	struct sga_team *g = NULL;
	enum rc rc = read_key(data, &g);

	*out = NULL;
	if (rc == RC_OK)
		rc = check_key(g, d, from, before);
	if (rc != RC_OK) {
		sga_team_free(g);
		return rc;
	}
	g->suite = d->package->suite->id;
	g->owner = *from;
	*out = g;
	return RC_OK;
}

/* ---- notices ---- */

enum rc
sga_notice_take(const struct sga_team *g, const struct sga_device *d, struct slice notice,
                struct sga_id *left)
{
	const struct sga_expected expected = { SGA_NOTICE, g->suite, &g->gid };
	const struct sga_pair who = sga_device_pair(d);
	struct sga_reader r = sga_reader_of(slice_from(notice, SGA_HEADER_SIZE));
	uint8_t right[SGA_HASH_SIZE];
	struct sga_header h;
	struct sga_id id;
	struct slice mac;
	struct key k_auth;
	uint32_t epoch;
	enum rc rc = sga_expect(notice, &expected, &h);

	if (rc != RC_OK)
		return rc;
	epoch = (uint32_t)sga_read_be(&r, 4);
	sga_read_id(&r, &id);
	mac = sga_read(&r, SGA_HASH_SIZE);
	if (!sga_reader_done(&r))
		return RC_BAD_REQUEST;
	rc = sga_kd_auth(&d->kd, &who, &k_auth);
	if (rc == RC_OK)
		rc = sga_notice_mac(&k_auth, slice_head(notice, notice.n - SGA_HASH_SIZE), right);
	key_wipe(&k_auth);
	if (rc != RC_OK)
		return rc;
	if (!secret_equal(mac, slice_make(right, sizeof(right))) || d->registered == 0)
		return RC_DENIED;
	*left = id;
	if (epoch != g->epoch)
		return epoch + 1 == g->epoch ? RC_EXPIRED : RC_PRECONDITION;
	return RC_OK;
}
