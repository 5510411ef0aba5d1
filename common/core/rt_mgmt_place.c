/* SPDX-License-Identifier: Apache-2.0 */
/* Where a management resource is, and which attribute tells how far an action is. */
#include "config.h"

#include "core/rt_mgmt.h"

/* TS 102 921 annex B: an ...Action and the resource with its ...ActionStatus. */
static const struct {
	uint8_t action_type, holder_type;
	uint16_t attr;
} statuses[] = {
	{ T_REBOOT_ACTION, T_ETSI_REBOOT, A_REBOOT_ACTION_STATUS },
	{ T_PERF_LOG_ACTION, T_ETSI_PERFORMANCE_LOG, A_PERFO_LOG_ACTION_STATUS },
	{ T_SCL_MO_ACTION, T_ETSI_SCL_MO, A_SCL_ACTION_STATUS },
	{ T_FIRMWARE_ACTION, T_FW_INSTANCE, A_FW_ACTION_STATUS },
	{ T_SOFTWARE_ACTION, T_SW_INSTANCE, A_SW_ACTION_STATUS },
	{ T_CAPABILITY_ACTION, T_CAPABILITY_INSTANCE, A_CAPABILITY_ACTION_STATUS },
	{ T_TRAP_EVENT_ACTION, T_TRAP_INSTANCE, A_TRAP_ACTION_STATUS },
};

#define STATUSES (sizeof(statuses) / sizeof(statuses[0]))

bool
mgmt_status_of(unsigned action_type, unsigned *holder_type, unsigned *status_attr)
{
	for (size_t i = 0; i < STATUSES; i++)
		if (statuses[i].action_type == action_type) {
			*holder_type = statuses[i].holder_type;
			*status_attr = statuses[i].attr;
			return true;
		}
	return false;
}

unsigned
mgmt_status_in(unsigned holder_type)
{
	for (size_t i = 0; i < STATUSES; i++)
		if (statuses[i].holder_type == holder_type)
			return statuses[i].attr;
	return A_END;
}

/*
 * finalStatus is mandatory in the schema although nothing is final before the end: until then it is
 * FAILURE.
 */
bool
mgmt_status_set(struct arena *a, struct val **vals, unsigned attr, struct slice action,
                int64_t progress, enum final_status final)
{
	struct val *status;

	val_remove(vals, attr);
	status = val_add(a, vals, attr);
	return status != NULL && val_set_text(a, &status->first, A_ACTION, action) &&
	       val_set_num(a, &status->first, A_PROGRESS, progress) &&
	       val_set_num(a, &status->first, A_FINAL_STATUS, final);
}

/* The mgmtObj or mgmtCmd that node is, or that it is a part of. */
static enum rc
root_of(struct rtx *tx, const struct res *node, const struct res **root)
{
	struct res *up;

	while (node->slot == SLOT_SELF && node->parent != ID_NONE) {
		TRY(repo_get(tx, node->parent, &up));
		node = up;
	}
	*root = node;
	return RC_OK;
}

enum rc
mgmt_place_of(struct scl *scl, struct rtx *tx, const struct target *t, struct mgmt_place *out)
{
	struct slice own = arena_printf(repo_arena(tx), "%.*s/scls/mgmtObjs/",
	                                (int)scl->base_path.n, scl->base_path.p);
	const struct res *root;
	struct res *registered;
	struct slice original = val_text(t->node->vals, A_ORIGINAL_MO);

	*out = (struct mgmt_place){ .path = t->path, .type = t->node->type->number };
	TRY(root_of(tx, t->node, &root));
	out->own = root->parent == ID_SCL_BASE && root->slot == MGMT_OWN_SLOT;
	if (out->own && slice_starts(t->path, own))
		out->name = slice_from(t->path, own.n);
	if (uri_is_absolute(original))
		out->original = original;
	if (t->scl == ID_NONE)
		return own.p == NULL ? RC_UNAVAILABLE : RC_OK;
	TRY(repo_get(tx, t->scl, &registered));
	out->link = val_text(registered->vals, A_LINK);
	out->device = root->parent == t->scl && root->slot == T_MGMT_OBJS;
	return RC_OK;
}

bool
mgmt_is_device(struct req *rq, const struct target *t)
{
	struct res *registered;
	struct slice link;

	if (t->scl == ID_NONE || repo_get(rq->tx, t->scl, &registered) != RC_OK)
		return false;
	link = comparable_uri(rq->scl, rq->arena, val_text(registered->vals, A_LINK));
	return link.n > 0 && slice_eq(link, rq->who.normal);
}

enum rc
mgmt_store(struct scl *scl, struct rtx *tx, const struct res *old, struct res *self)
{
	int64_t now = repo_now(tx);

	self->modified = now > old->modified ? now : old->modified + 1;
	TRY(repo_update(tx, old, self));
	return event_changed(scl, tx, self->id, SLOT_SELF, false);
}
