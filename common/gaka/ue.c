/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "gaka/ue_own.h"

#include "base/be.h"
#include "gaka/keys.h"

enum rc
gaka_ue_begin(const struct gaka_ue *u, struct gaka_try *t, const struct gaka_gid *gid,
              const struct node_id *sn, const uint8_t *n, uint8_t out[GAKA_T1_SIZE])
{
	struct gaka_t1 t1 = { .gid = *gid, .id = u->id };
	enum rc rc = RC_OK;

	if (n != NULL)
		memcpy(t1.n, n, GAKA_NONCE_SIZE);
	else
		rc = secret_random(t1.n, GAKA_NONCE_SIZE);
	gaka_try_wipe(t);
	if (rc != RC_OK)
		return rc;
	t->at = GAKA_AT_T1;
	t->done.gid = *gid;
	t->done.id = u->id;
	t->pinned = sn != NULL;
	if (sn != NULL)
		t->done.sn = *sn;
	gaka_t1_write(&t1, t->t1);
	memcpy(out, t->t1, GAKA_T1_SIZE);
	return RC_OK;
}

void
gaka_try_wipe(struct gaka_try *t)
{
	if (t != NULL)
		secret_wipe(t, sizeof(*t));
}

/* ---- answering ---- */

/* What an answer leads to: the attempt and the state after it, and T5 or T8. */
struct answer {
	struct gaka_try next;
	struct gaka_kept kept;
	uint8_t message[GAKA_SHORT_SIZE];
};

static bool
pin_ok(struct gaka_try *t, const struct node_id *sn)
{
	if (t->pinned && !node_id_eq(&t->done.sn, sn))
		return false;
	t->done.sn = *sn;
	return true;
}

/* T5, the key, and the T6 that is waited for. */
static enum rc
full_keys(const struct gaka_aka *a, struct slice t4, struct answer *to)
{
	struct gaka_try *t = &to->next;
	uint8_t res[GAKA_TAG_SIZE];
	enum rc rc = gaka_res(a, res);

	gaka_tag_write(GAKA_T5, res, to->message);
	secret_wipe(res, sizeof(res));
	if (rc == RC_OK)
		rc = gaka_ks(a, &t->done.ks);
	if (rc == RC_OK)
		rc = gaka_aka_ok(&t->done.ks, t4, slice_make(to->message, GAKA_SHORT_SIZE),
		                 t->expected);
	t->at = GAKA_AT_FULL;
	t->done.leader = true;
	return rc;
}

static enum rc
take_t4(const struct gaka_ue *u, struct slice message, struct answer *to)
{
	struct gaka_t4 t4;
	struct gaka_aka a = { .ka = &u->ka, .rand = &t4.rand, .sn = &t4.sn };
	enum rc rc = gaka_t4_read(message, &t4);

	if (rc == RC_OK && !pin_ok(&to->next, &t4.sn))
		rc = RC_FORBIDDEN;
	if (rc == RC_OK)
		rc = gaka_autn_open(&a, t4.autn);
	if (rc == RC_OK && !gaka_sqn_take(&to->kept.sqn, a.sqn))
		rc = RC_CONFLICT;
	if (rc != RC_OK)
		return rc;
	to->next.done.c = be_get(t4.autn, 8);
	return full_keys(&a, message, to);
}

/* KAUTH of the run under gak, and whether TAG_SN is right with it: else RC_DENIED. */
static enum rc
try_gak(const struct gaka_part *part, const struct key *ka, const struct key *gak,
        const struct gaka_run *run, struct key *kauth)
{
	uint8_t tag[GAKA_TAG_SIZE];
	struct slice got = slice_make(run->t7.p + GAKA_HEADER_SIZE + GAKA_T7_TAGGED, GAKA_TAG_SIZE);
	struct key gtk = { { 0 } }, xk = { { 0 } };
	enum rc rc = gak == NULL ? RC_DENIED : gaka_gtk(gak, part, &gtk);

	if (rc == RC_OK)
		rc = gaka_xk(ka, part, &xk);
	if (rc == RC_OK)
		rc = gaka_kauth(&gtk, &xk, kauth);
	if (rc == RC_OK)
		rc = gaka_tag_sn(kauth, run, tag);
	if (rc == RC_OK && !secret_equal(got, slice_make(tag, GAKA_TAG_SIZE)))
		rc = RC_DENIED;
	key_wipe(&gtk);
	key_wipe(&xk);
	secret_wipe(tag, sizeof(tag));
	return rc;
}

/* T8, the key, and the T9 that is waited for. */
static enum rc
member_keys(const struct key *kauth, struct gaka_run *run, struct answer *to)
{
	struct gaka_try *t = &to->next;
	uint8_t tag[GAKA_TAG_SIZE];
	enum rc rc = gaka_tag_ue(kauth, run, tag);

	gaka_tag_write(GAKA_T8, tag, to->message);
	secret_wipe(tag, sizeof(tag));
	run->t8 = slice_make(to->message, GAKA_SHORT_SIZE);
	if (rc == RC_OK)
		rc = gaka_tag_ok(kauth, run, t->expected);
	if (rc == RC_OK)
		rc = gaka_ks_member(kauth, run, &t->done.ks);
	t->at = GAKA_AT_MEMBER;
	return rc;
}

static enum rc
take_t7(const struct gaka_ue *u, const struct gaka_gaks *gaks, struct slice message,
        struct answer *to)
{
	const struct gaka_done *d = &to->next.done;
	struct gaka_run run = { slice_make(to->next.t1, GAKA_T1_SIZE), message, SLICE_NONE };
	struct gaka_t7 t7;
	struct key kauth = { { 0 } };
	enum rc rc = gaka_t7_read(message, &t7);

	if (rc == RC_OK && !pin_ok(&to->next, &t7.sn))
		rc = RC_FORBIDDEN;
	if (rc == RC_OK && (gaks == NULL || gaka_gid_none(&d->gid)))
		rc = RC_DENIED;
	if (rc == RC_OK) {
		const struct gaka_part part = { &d->gid, &t7.rand, &t7.sn, t7.iv, t7.w };

		rc = try_gak(&part, &u->ka, gaks->current, &run, &kauth);
		if (rc == RC_DENIED)
			rc = try_gak(&part, &u->ka, gaks->previous, &run, &kauth);
	}
	if (rc == RC_OK)
		rc = gaka_mark_move(&to->kept, &(struct gaka_mark){ d->gid, t7.sn, t7.c });
	if (rc == RC_OK) {
		to->next.done.c = t7.c;
		rc = member_keys(&kauth, &run, to);
	}
	key_wipe(&kauth);
	return rc;
}

enum rc
gaka_ue_challenge(struct gaka_ue *u, struct gaka_try *t, struct slice message,
                  const struct gaka_gaks *gaks, uint8_t out[GAKA_SHORT_SIZE])
{
	struct answer a = { .next = *t, .kept = u->kept };
	enum rc rc;

	if (t->at != GAKA_AT_T1)
		rc = RC_NOT_FOUND;
	else if (gaka_type_of(message) == GAKA_T4)
		rc = take_t4(u, message, &a);
	else
		rc = take_t7(u, gaks, message, &a);
	if (rc == RC_OK)
		rc = gaka_ue_keep(u, &a.kept);
	if (rc == RC_OK) {
		*t = a.next;
		memcpy(out, a.message, GAKA_SHORT_SIZE);
	}
	secret_wipe(&a, sizeof(a));
	return rc;
}

enum rc
gaka_ue_confirm(struct gaka_try *t, struct slice message, struct gaka_done *done)
{
	uint8_t tag[GAKA_TAG_SIZE];

	if (t->at != GAKA_AT_FULL && t->at != GAKA_AT_MEMBER)
		return RC_NOT_FOUND;
	if (gaka_tag_read(t->at == GAKA_AT_FULL ? GAKA_T6 : GAKA_T9, message, tag) != RC_OK ||
	    !secret_equal(slice_make(tag, GAKA_TAG_SIZE), slice_make(t->expected, GAKA_TAG_SIZE)))
		return RC_DENIED;
	*done = t->done;
	gaka_try_wipe(t);
	return RC_OK;
}
