/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/be.h"
#include "gaka/keys.h"
#include "gaka/sn_own.h"

void
gaka_attempt_wipe(struct gaka_attempt *a)
{
	if (a != NULL)
		secret_wipe(a, sizeof(*a));
}

/* ---- challenges ---- */

enum rc
gaka_sn_full(struct gaka_attempt *a, const struct gaka_t1 *t1, const struct node_id *sn,
             const struct gaka_vector *vector, uint64_t expiry, uint64_t now,
             uint8_t out[GAKA_T4_SIZE])
{
	struct gaka_t4 t4 = { .rand = vector->rand, .sn = *sn };

	if (expiry <= now)
		return RC_EXPIRED;
	*a = (struct gaka_attempt){
		.open = true,
		.done = {
			.gid = t1->gid,
			.id = t1->id,
			.sn = *sn,
			.ks = vector->ks,
			.c = be_get(vector->autn, 8),
			.expiry = expiry,
			.leader = true,
		},
	};
	memcpy(a->expected, vector->hxres, GAKA_TAG_SIZE);
	memcpy(t4.autn, vector->autn, GAKA_AUTN_SIZE);
	gaka_t4_write(&t4, a->challenge);
	memcpy(out, a->challenge, GAKA_T4_SIZE);
	return RC_OK;
}

static struct gaka_run
run_of(const struct gaka_attempt *a, struct slice t8)
{
	return (struct gaka_run){ slice_make(a->t1, GAKA_T1_SIZE),
		                  slice_make(a->challenge, GAKA_T7_SIZE), t8 };
}

/* T7 in a, and the T8 that answers it. */
static enum rc
challenge(struct gaka_attempt *a, const struct gaka_set *set, const struct gaka_set_member *m,
          const uint8_t *ns)
{
	const struct gaka_run run = run_of(a, SLICE_NONE);
	struct gaka_t7 t7 = { set->rand, set->sn, m->iv, set->w, m->next, { 0 }, { 0 } };
	enum rc rc = RC_OK;

	if (ns != NULL)
		memcpy(t7.ns, ns, GAKA_NONCE_SIZE);
	else
		rc = secret_random(t7.ns, GAKA_NONCE_SIZE);
	if (rc == RC_OK)
		rc = gaka_kauth(&set->gtk, &m->xk, &a->kauth);
	gaka_t7_write(&t7, a->challenge);
	if (rc == RC_OK)
		rc = gaka_tag_sn(&a->kauth, &run, t7.tag);
	gaka_t7_write(&t7, a->challenge);
	return rc == RC_OK ? gaka_tag_ue(&a->kauth, &run, a->expected) : rc;
}

enum rc
gaka_sn_member(struct gaka_attempt *a, struct gaka_set *set, const struct gaka_t1 *t1,
               const uint8_t *ns, uint64_t now, uint8_t out[GAKA_T7_SIZE])
{
	struct gaka_set_member *m = gaka_set_find(set, &t1->id);
	enum rc rc = gaka_gid_eq(&set->gid, &t1->gid) ? gaka_set_serves(set, &t1->id, now)
	                                              : RC_NOT_FOUND;
	struct gaka_attempt new = { .open = true, .member = true };

	if (rc != RC_OK || m == NULL)
		return rc;
	new.done = (struct gaka_done){
		.gid = t1->gid,
		.id = t1->id,
		.sn = set->sn,
		.c = m->next,
		.expiry = set->expiry,
	};
	gaka_t1_write(t1, new.t1);
	rc = challenge(&new, set, m, ns);
	if (rc == RC_OK) {
		m->next++;
		memcpy(out, new.challenge, GAKA_T7_SIZE);
		*a = new;
	}
	gaka_attempt_wipe(&new);
	return rc;
}

/* ---- answers ---- */

/* RC_OK when message is the T5 that was expected; tag becomes that of T6. */
static enum rc
full_answer(const struct gaka_attempt *a, struct slice message, uint8_t tag[GAKA_TAG_SIZE])
{
	uint8_t res[GAKA_TAG_SIZE], hxres[GAKA_TAG_SIZE];
	struct gaka_rand rand;
	enum rc rc;

	if (gaka_tag_read(GAKA_T5, message, res) != RC_OK)
		return RC_DENIED;
	memcpy(rand.v, a->challenge + GAKA_HEADER_SIZE, GAKA_RAND_SIZE);
	rc = gaka_hxres(&rand, res, hxres);
	if (rc == RC_OK &&
	    !secret_equal(slice_make(hxres, GAKA_TAG_SIZE), slice_make(a->expected, GAKA_TAG_SIZE)))
		rc = RC_DENIED;
	if (rc == RC_OK)
		rc = gaka_aka_ok(&a->done.ks, slice_make(a->challenge, GAKA_T4_SIZE), message, tag);
	return rc;
}

/* RC_OK when message is the T8 that was expected; tag becomes that of T9, ks the key. */
static enum rc
member_answer(const struct gaka_attempt *a, struct slice message, uint8_t tag[GAKA_TAG_SIZE],
              struct key *ks)
{
	const struct gaka_run run = run_of(a, message);
	uint8_t got[GAKA_TAG_SIZE];
	enum rc rc;

	if (gaka_tag_read(GAKA_T8, message, got) != RC_OK ||
	    !secret_equal(slice_make(got, GAKA_TAG_SIZE), slice_make(a->expected, GAKA_TAG_SIZE)))
		return RC_DENIED;
	rc = gaka_tag_ok(&a->kauth, &run, tag);
	return rc == RC_OK ? gaka_ks_member(&a->kauth, &run, ks) : rc;
}

enum rc
gaka_sn_answer(struct gaka_attempt *a, struct slice message, uint64_t now,
               uint8_t out[GAKA_SHORT_SIZE], struct gaka_done *done)
{
	uint8_t tag[GAKA_TAG_SIZE];
	struct key ks = a->done.ks;
	enum rc rc;

	if (!a->open)
		rc = RC_NOT_FOUND;
	else if (a->done.expiry <= now)
		rc = RC_EXPIRED;
	else if (a->member)
		rc = member_answer(a, message, tag, &ks);
	else
		rc = full_answer(a, message, tag);
	if (rc == RC_OK) {
		gaka_tag_write(a->member ? GAKA_T9 : GAKA_T6, tag, out);
		*done = a->done;
		done->ks = ks;
		gaka_attempt_wipe(a);
	}
	key_wipe(&ks);
	return rc;
}
