/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sga/session_own.h"

/* ---- what it knows ---- */

enum sga_state
sga_session_state(const struct sga_session *s)
{
	return (enum sga_state)s->state;
}

bool
sga_session_inviter(const struct sga_session *s)
{
	return s->inviter;
}

const struct sga_sid *
sga_session_sid(const struct sga_session *s)
{
	return &s->sid;
}

const struct sga_id *
sga_session_peer(const struct sga_session *s)
{
	return s->inviter ? &s->ids.j : &s->ids.i;
}

uint16_t
sga_session_cid(const struct sga_session *s)
{
	return s->cid;
}

void
sga_session_progress(const struct sga_session *s, struct sga_progress *out)
{
	*out = (struct sga_progress){ 0 };
	if (s->state != SGA_S_OPEN)
		return;
	*out = (struct sga_progress){
		.opened = s->opened,
		.sealed = s->out.ctr,
		.taken = s->in.ctr,
		.confirmed = s->confirmed,
		.signed_by_peer = s->signed_by_peer,
	};
}

struct sga_exchange
sga_session_exchange(const struct sga_session *s)
{
	return (struct sga_exchange){
		.suite = sga_suite_find(s->suite),
		.group = sga_group_find(s->group),
		.sid = &s->sid,
		.ids = &s->ids,
	};
}

const struct cipher *
sga_session_cipher(const struct sga_session *s)
{
	return cipher_find(s->cid);
}

/* ---- its life ---- */

void
sga_session_package(struct sga_session *s, const struct sga_device *d)
{
	struct slice f = sga_public_octets(d->package->f);

	s->suite = d->package->suite->id;
	s->group = d->package->group->id;
	s->dp = d->package->dp;
	memset(s->f, 0, sizeof(s->f));
	memcpy(s->f, f.p, f.n);
	s->f_n = (uint16_t)f.n;
}

enum rc
sga_session_hop(const struct sga_session *s, const struct sga_device *d, struct sga_hop *out)
{
	const struct sga_pair who = sga_device_pair(d);
	struct key k_hop;
	const struct sga_hop_terms terms = {
		.cipher = sga_session_cipher(s),
		.first = &s->heard[s->inviter ? SGA_H_A1 : SGA_H_A2],
		.second = &s->heard[s->inviter ? SGA_H_A4 : SGA_H_A3],
		.kt = s->inviter ? &s->kt_i : &s->kt_j,
		.k_hop = &k_hop,
		.label = s->inviter ? "B i" : "B j",
	};
	enum rc rc = sga_kd_hop(&d->kd, &who, &k_hop);

	if (rc == RC_OK)
		rc = sga_hop_make(&terms, out);
	key_wipe(&k_hop);
	return rc;
}

/* What remains is no secret. */
void
sga_session_close(struct sga_session *s)
{
	struct sga_session over = {
		.inviter = s->inviter,
		.state = SGA_S_CLOSED,
		.suite = s->suite,
		.group = s->group,
		.cid = s->cid,
		.sid = s->sid,
		.ids = s->ids,
	};

	secret_wipe(s, sizeof(*s));
	*s = over;
}

void
sga_session_free(struct sga_session *s)
{
	secret_free(s, sizeof(*s));
}

enum rc
sga_session_set_window(struct sga_session *s, bool window)
{
	if (s->state != SGA_S_OPEN || s->in.ctr != 0)
		return RC_CONFLICT;
	s->window = window;
	return RC_OK;
}
