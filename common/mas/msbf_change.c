/* SPDX-License-Identifier: Apache-2.0 */
/* What an administrator changes: devices that may bootstrap, replaced modules, bindings. */
#include "config.h"

#include <stdio.h>

#include "mas/msbf_impl.h"

#define CALL(j, type) ((type *)(void *)((char *)(j)-offsetof(type, job)))
#define OWNERS_MAX 12u

/* ---- provision ---- */

static bool
texts_ok(const struct msbf_line *l, struct msbf_device *d)
{
	return l->n_fingerprints <= MSBF_FINGERPRINTS &&
	       string_set(d->sub_id, MAS_SUB_ID_MAX, l->sub_id) &&
	       string_set(d->note, MSBF_NOTE_MAX, l->note);
}

static void
take_fingerprints(struct msbf_device *d, const struct device_fingerprint *all, unsigned n)
{
	d->n_fingerprints = n;
	for (unsigned i = 0; i < n; i++)
		d->fingerprints[i] = all[i];
}

static bool
says_the_same(const struct msbf_device *a, const struct msbf_device *b)
{
	return a->by == b->by && a->state < MSBF_LINK_PENDING &&
	       strcmp(a->sub_id, b->sub_id) == 0 && strcmp(a->note, b->note) == 0 &&
	       a->n_fingerprints == b->n_fingerprints &&
	       memcmp(a->fingerprints, b->fingerprints,
	              a->n_fingerprints * sizeof(a->fingerprints[0])) == 0;
}

static enum rc
line_ends(struct msbf_line *l, enum rc rc, const char *reason)
{
	l->rc = rc;
	l->reason = reason;
	return RC_OK;
}

/* object: as the line says it, for it may be no identifier. */
static enum rc
trace_line(struct msbf *m, struct tables_tx *tx, const struct msbf_admit *a, struct slice object,
           const char *result)
{
	struct audit_entry e = { .actor = slice_of(a->actor),
		                 .action = SLICE_LIT("device-provision"),
		                 .object = object,
		                 .result = slice_of(result),
		                 .source = a->source };

	return audit_add(tx, msbf_seal(m, tx), clock_now(m->conf.clock), &e);
}

static enum rc
refuse_line(struct msbf *m, struct tables_tx *tx, const struct msbf_admit *a, struct msbf_line *l,
            const char *reason)
{
	(void)line_ends(l, RC_BAD_REQUEST, reason);
	return trace_line(m, tx, a, l->ppid, reason);
}

/* What could not be read at all, in one record. */
static enum rc
trace_unreadable(struct msbf *m, struct tables_tx *tx, const struct msbf_admit *a)
{
	char object[32];

	snprintf(object, sizeof(object), "%u lines", a->unreadable);
	return trace_line(m, tx, a, slice_of(object), "BAD_PARAM");
}

/* A device that the CA has brought in is now on the list, with what the list says. */
static enum rc
admit_known(struct tables_tx *tx, struct msbf_line *l, const struct msbf_device *said,
            struct msbf_device *d)
{
	if (says_the_same(d, said))
		return RC_OK;
	if (d->by != MSBF_BY_CA || d->state >= MSBF_LINK_PENDING)
		return line_ends(l, RC_CONFLICT, "DEVICE_EXISTS");
	d->by = MSBF_BY_LIST;
	memcpy(d->sub_id, said->sub_id, sizeof(d->sub_id));
	memcpy(d->note, said->note, sizeof(d->note));
	take_fingerprints(d, said->fingerprints, said->n_fingerprints);
	return msbf_device_put(tx, d);
}

static enum rc
admit_new(struct msbf *m, struct tables_tx *tx, struct msbf_line *l, struct msbf_device *d,
          unsigned added)
{
	uint8_t owners[OWNERS_MAX][PPID_HASH];
	size_t n;
	enum rc rc = msbf_owners(tx, &d->ppid, d->hash, owners, OWNERS_MAX, &n);

	if (rc != RC_OK)
		return rc;
	if (m->devices + added >= m->conf.devices_max)
		return line_ends(l, RC_NO_SPACE, "OVERLOAD");
	l->is_new = true;
	if (n == 0) {
		rc = msbf_address_set(tx, &d->ppid, d->hash);
		return rc != RC_OK ? rc : msbf_device_put(tx, d);
	}
	d->state = MSBF_REFUSED;
	d->has_link = d->alarmed = true;
	memcpy(d->link, owners[0], PPID_HASH);
	rc = msbf_device_put(tx, d);
	for (size_t i = 0; i < n && rc == RC_OK; i++)
		rc = msbf_alarm(m, tx, owners[i], "PPID_DUPLICATE_ADDRESS");
	return rc != RC_OK ? rc : line_ends(l, RC_CONFLICT, "PPID_DUPLICATE_ADDRESS");
}

static enum rc
admit_line(struct msbf *m, struct tables_tx *tx, const struct msbf_admit *a, struct msbf_line *l,
           unsigned added)
{
	struct msbf_trace t = { .actor = a->actor,
		                .action = "device-provision",
		                .source = a->source };
	struct msbf_device said, known;
	struct ppid ppid;
	enum ppid_fault fault = ppid_parse(l->ppid, m->conf.local_mac, &ppid);
	enum rc rc;

	l->is_new = false;
	(void)line_ends(l, RC_OK, "");
	if (fault != PPID_OK)
		return refuse_line(m, tx, a, l, ppid_token(fault));
	rc = ppid_hash(&ppid, l->hash);
	if (rc != RC_OK)
		return rc;
	msbf_device_new(m, &ppid, l->hash, MSBF_ADMITTED, MSBF_BY_LIST, &said);
	if (!texts_ok(l, &said))
		return refuse_line(m, tx, a, l, "BAD_PARAM");
	take_fingerprints(&said, l->fingerprints, l->n_fingerprints);
	rc = msbf_device_get(tx, l->hash, &known);
	if (rc == RC_OK)
		rc = admit_known(tx, l, &said, &known);
	else if (rc == RC_NOT_FOUND)
		rc = admit_new(m, tx, l, &said, added);
	t.result = l->rc == RC_OK ? NULL : l->reason;
	return rc != RC_OK ? rc : msbf_trace(m, tx, &t, l->hash, NULL);
}

static enum rc
admit_run(struct tables_job *j, struct tables_tx *tx)
{
	struct msbf_admit *a = CALL(j, struct msbf_admit);
	unsigned added = 0;
	enum rc rc = RC_OK;

	mas_outcome(&a->outcome, RC_OK, NULL);
	if (a->n > MSBF_LINES_MAX)
		mas_outcome(&a->outcome, RC_BAD_REQUEST, "BAD_PARAM");
	else if (a->unreadable > 0)
		rc = trace_unreadable(j->self, tx, a);
	for (size_t i = 0; i < a->n && rc == RC_OK && a->outcome.rc == RC_OK; i++) {
		rc = admit_line(j->self, tx, a, &a->lines[i], added);
		added += a->lines[i].is_new;
	}
	return rc;
}

static void
admit_done(struct tables_job *j, enum rc rc)
{
	struct msbf_admit *a = CALL(j, struct msbf_admit);
	struct msbf *m = j->self;

	if (rc != RC_OK)
		mas_outcome_failed(&a->outcome, rc);
	for (size_t i = 0; i < a->n && a->outcome.rc == RC_OK; i++)
		m->devices += a->lines[i].is_new;
	a->done(a);
	msbf_leave(m);
}

void
msbf_admit(struct msbf *m, struct msbf_admit *a)
{
	msbf_submit(m, &a->job, admit_run, NULL, admit_done);
}

/* ---- link ---- */

/* What run works on. */
struct work {
	struct msbf *m;
	struct tables_tx *tx;
	struct msbf_change *c;
	struct msbf_device *d;
};

static enum rc
refuse(struct work *w, enum rc rc, const char *reason)
{
	mas_outcome(&w->c->outcome, rc, reason);
	return RC_OK;
}

static bool
is_linked(const struct msbf_device *d, const struct msbf_device *old)
{
	return old->state == MSBF_REPLACED && old->has_link && msbf_hash_eq(old->link, d->hash);
}

static bool
may_link(const struct msbf_device *d, const struct msbf_device *old)
{
	return (d->state == MSBF_LINK_PENDING || d->state == MSBF_REFUSED) &&
	       old->state < MSBF_LINK_PENDING;
}

static void
inherit(struct msbf_device *d, const struct msbf_device *old)
{
	d->state = old->kmr_index > 0 ? MSBF_BOOTSTRAPPED : MSBF_ADMITTED;
	d->by = MSBF_BY_LIST;
	d->alarmed = false;
	d->has_link = true;
	memcpy(d->link, old->hash, PPID_HASH);
	d->has_node = d->inherited = old->has_node;
	d->node = old->node;
	d->kmr_reserved = old->kmr_reserved;
	d->kmr_index = old->kmr_index;
	d->expires = old->expires;
	d->last_ival = old->last_ival;
	memcpy(d->scl_id, old->scl_id, sizeof(d->scl_id));
	if (d->sub_id[0] == '\0')
		memcpy(d->sub_id, old->sub_id, sizeof(d->sub_id));
	if (d->n_fingerprints == 0)
		take_fingerprints(d, old->fingerprints, old->n_fingerprints);
}

static enum rc
replace(struct work *w, struct msbf_device *old)
{
	struct msbf_device *d = w->d;
	enum rc rc;

	inherit(d, old);
	old->state = MSBF_REPLACED;
	old->has_link = true;
	old->has_rival = false;
	memcpy(old->link, d->hash, PPID_HASH);
	rc = msbf_address_set(w->tx, &old->ppid, NULL);
	if (rc == RC_OK)
		rc = msbf_address_set(w->tx, &d->ppid, d->hash);
	if (rc == RC_OK)
		rc = msbf_device_put(w->tx, old);
	return rc != RC_OK ? rc : msbf_device_put(w->tx, d);
}

static enum rc
link_device(struct work *w)
{
	uint8_t owners[OWNERS_MAX][PPID_HASH];
	struct msbf_device old;
	size_t n;
	enum rc rc = msbf_device_get(w->tx, w->c->old, &old);

	if (rc == RC_NOT_FOUND)
		return refuse(w, RC_NOT_FOUND, NULL);
	if (rc != RC_OK || is_linked(w->d, &old))
		return rc;
	if (!may_link(w->d, &old))
		return refuse(w, RC_CONFLICT, "LINK_STATE");
	rc = msbf_owners(w->tx, &w->d->ppid, w->d->hash, owners, OWNERS_MAX, &n);
	if (rc != RC_OK)
		return rc;
	if (n > 1)
		return refuse(w, RC_CONFLICT, "PPID_DUPLICATE_ADDRESS");
	if (n == 0 || !msbf_hash_eq(owners[0], old.hash))
		return refuse(w, RC_CONFLICT, "LINK_ADDRESS");
	return replace(w, &old);
}

/* ---- the others ---- */

static enum rc
bind_device(struct work *w)
{
	if (w->c->n_fingerprints > MSBF_FINGERPRINTS)
		return refuse(w, RC_BAD_REQUEST, "BAD_PARAM");
	take_fingerprints(w->d, w->c->fingerprints, w->c->n_fingerprints);
	return msbf_device_put(w->tx, w->d);
}

static enum rc
unlock_device(struct work *w)
{
	(void)w;
	return RC_OK;
}

static enum rc
revoke_device(struct work *w)
{
	w->d->state = MSBF_REVOKED;
	return msbf_device_put(w->tx, w->d);
}

static const struct {
	const char *action;
	enum rc (*apply)(struct work *w);
} kinds[] = {
	[MSBF_LINK] = { "device-link", link_device },
	[MSBF_BIND] = { "device-bind", bind_device },
	[MSBF_UNLOCK] = { "device-unlock", unlock_device },
	[MSBF_REVOKE] = { "device-revoke", revoke_device },
};

static enum rc
change_run(struct tables_job *j, struct tables_tx *tx)
{
	struct msbf_change *c = CALL(j, struct msbf_change);
	struct work w = { .m = j->self, .tx = tx, .c = c, .d = &c->device };
	struct msbf_trace t = { .actor = c->actor,
		                .action = kinds[c->kind].action,
		                .source = c->source };
	enum rc rc = c->by_node ? msbf_device_by_node(tx, &c->node, w.d)
	                        : msbf_device_get(tx, c->hash, w.d);

	mas_outcome(&c->outcome, rc, NULL);
	if (rc == RC_NOT_FOUND) {
		/* The change of a node is in the audit of the MAS. */
		t.result = status_of(rc)->text;
		return c->by_node ? RC_OK : msbf_trace(w.m, tx, &t, c->hash, NULL);
	}
	if (rc == RC_OK)
		rc = kinds[c->kind].apply(&w);
	if (rc != RC_OK)
		return rc;
	t.result = msbf_result(&c->outcome);
	return msbf_trace(w.m, tx, &t, w.d->hash, w.d->has_node ? &w.d->node : NULL);
}

static void
change_ends(struct msbf_change *c)
{
	struct msbf *m = c->msbf;

	c->done(c);
	msbf_leave(m);
}

/* A device whose node the MAS does not know yet is bound when it has one. */
static void
bound(struct mas_change *bind)
{
	struct msbf_change *c = bind->owner;

	if (bind->outcome.rc != RC_NOT_FOUND)
		c->outcome = bind->outcome;
	change_ends(c);
}

static void
change_done(struct tables_job *j, enum rc rc)
{
	struct msbf_change *c = CALL(j, struct msbf_change);
	struct msbf *m = j->self;

	c->msbf = m;
	if (rc != RC_OK)
		mas_outcome_failed(&c->outcome, rc);
	if (c->outcome.rc == RC_OK && c->kind == MSBF_UNLOCK)
		failures_clear(m->failures, ppid_octets(&c->device.ppid), SLICE_NONE);
	if (c->outcome.rc != RC_OK || c->kind != MSBF_BIND || !c->device.has_node) {
		change_ends(c);
		return;
	}
	c->bind = (struct mas_change){ .kind = MAS_BIND,
		                       .node = c->device.node,
		                       .fingerprints = c->device.fingerprints,
		                       .n_fingerprints = c->device.n_fingerprints,
		                       .actor = c->actor,
		                       .source = c->source,
		                       .done = bound,
		                       .owner = c };
	m->conf.more.change(m->conf.more.self, &c->bind);
}

void
msbf_change(struct msbf *m, struct msbf_change *c)
{
	msbf_submit(m, &c->job, change_run, NULL, change_done);
}
