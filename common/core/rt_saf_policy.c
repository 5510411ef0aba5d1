/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store-and-forward policy resources (TS 102 690 annex E, EtsiSclMo): what their schemas cannot
 * say is checked, and what waits is looked at again when they change.
 */
#include "config.h"

#include "core/hooks.h"
#include "core/saf.h"

static enum rc
refuse(struct req *rq, const char *why)
{
	return req_fail(rq, RC_BAD_REQUEST, "%s", why);
}

/* ---- among siblings ---- */

struct siblings {
	struct rtx *tx;
	const struct res *self;
	unsigned attr; /* that must differ; A_END: there may be one alone */
	bool clash;
	enum rc rc;
};

static bool
compare_sibling(void *arg, const struct child *c)
{
	struct siblings *s = arg;
	const struct val *mine = val_get(s->self->vals, s->attr), *other;
	struct res *node;

	if (c->type != s->self->type->number || c->id == s->self->id)
		return true;
	s->rc = repo_get(s->tx, c->id, &node);
	if (s->rc != RC_OK)
		return false;
	other = val_get(node->vals, s->attr);
	s->clash = s->attr == A_END || (mine != NULL && other != NULL && mine->num == other->num &&
	                                slice_eq(mine->text, other->text));
	return !s->clash;
}

static enum rc
check_siblings(struct req *rq, const struct res *self, unsigned attr, const char *why)
{
	struct siblings s = { .tx = rq->tx, .self = self, .attr = attr };

	TRY(repo_children(rq->tx, self->parent, SLOT_SELF, 0, compare_sibling, &s));
	TRY(s.rc);
	return s.clash ? refuse(rq, why) : RC_OK;
}

/* ---- the resources ---- */

/* The other sets of the SCL that the set is for. */
static enum rc
check_others(struct req *rq, const struct res *self, const struct saf_set *set)
{
	char why[SAF_FAULT_MAX];
	struct saf_book book;
	struct res *mo;

	TRY(repo_get(rq->tx, self->parent, &mo));
	if (mo->type->number != T_ETSI_SCL_MO)
		return RC_OK;
	TRY(saf_book_read_at(rq->scl, rq->tx, mo, self->id, &book));
	return saf_check_among(set, &book.policy, why) ? RC_OK : refuse(rq, why);
}

static enum rc
check_set(struct req *rq, const struct res *self)
{
	char why[SAF_FAULT_MAX];
	struct saf_set set = { 0 };

	if (!saf_scope_of(rq->scl, rq->arena, self->vals, &set))
		return RC_UNAVAILABLE;
	if (!saf_check_scope(set.scope, set.nscope, why))
		return refuse(rq, why);
	return check_others(rq, self, &set);
}

static enum rc
check_anp(struct req *rq, const struct res *self)
{
	char why[SAF_FAULT_MAX];
	struct saf_anp anp;

	if (!saf_anp_of(rq->arena, self->vals, &anp))
		return RC_UNAVAILABLE;
	if (!saf_check_anp(&anp, why))
		return refuse(rq, why);
	return check_siblings(rq, self, A_AN_NAME, "there is a policy for this anName already");
}

static enum rc
check_m2m_sp(struct req *rq, const struct res *self)
{
	return check_siblings(rq, self, A_END,
	                      "there is an M2mSpPolicy in this policy set already");
}

static enum rc
check_params(struct req *rq, const struct res *self)
{
	char why[SAF_FAULT_MAX];
	struct saf_params p;

	if (!saf_params_from(rq->arena, self->vals, &p))
		return RC_UNAVAILABLE;
	if (!saf_check_params(&p, why))
		return refuse(rq, why);
	return check_siblings(rq, self, A_RCAT_VALUE,
	                      "there are parameters for this rcatValue already");
}

static const struct {
	unsigned type;
	enum rc (*check)(struct req *rq, const struct res *self);
} checks[] = {
	{ T_SAF_POLICY_SET, check_set },
	{ T_ANP_POLICY, check_anp },
	{ T_M2M_SP_POLICY, check_m2m_sp },
	{ T_RCAT_PARAM_LIST, check_params },
};

static enum rc
policy_check(struct req *rq, const struct target *parent, const struct res *old, struct res *self)
{
	(void)parent;
	(void)old;
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		if (self->type->number == checks[i].type)
			return checks[i].check(rq, self);
	return RC_OK;
}

/* ---- changes ---- */

static void
note(struct scl *scl, const struct res *self)
{
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		if (self->type->number == checks[i].type)
			saf_note_change(scl);
}

static enum rc
policy_created(struct req *rq, const struct target *parent, struct res *self)
{
	(void)parent;
	note(rq->scl, self);
	return RC_OK;
}

static enum rc
policy_updated(struct req *rq, const struct res *old, struct res *self)
{
	(void)old;
	note(rq->scl, self);
	return RC_OK;
}

static enum rc
policy_removed(struct scl *scl, struct rtx *tx, struct res *self, enum rc final)
{
	(void)tx;
	(void) final;
	note(scl, self);
	return RC_OK;
}

/* Called by those of parameters, for every type of them. */
const struct hooks hooks_saf_policy = { .check = policy_check,
	                                .created = policy_created,
	                                .updated = policy_updated,
	                                .removed = policy_removed };
