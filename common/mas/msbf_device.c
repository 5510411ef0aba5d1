/* SPDX-License-Identifier: Apache-2.0 */
/* Who may bootstrap: admission, binding to device keys, replaced and duplicate modules. */
#include "config.h"

#include "mas/msbf_impl.h"

#define OWNERS_MAX 12u /* technologies with unique addresses */

void
msbf_device_new(struct msbf *m, const struct ppid *ppid, const uint8_t hash[PPID_HASH],
                enum msbf_state state, enum msbf_by by, struct msbf_device *d)
{
	*d = (struct msbf_device){
		.ppid = *ppid, .state = state, .by = by, .created = clock_now(m->conf.clock)
	};
	memcpy(d->hash, hash, PPID_HASH);
}

/* ---- addresses ---- */

static bool
among(uint8_t (*all)[PPID_HASH], size_t n, const uint8_t hash[PPID_HASH])
{
	for (size_t i = 0; i < n; i++)
		if (msbf_hash_eq(all[i], hash))
			return true;
	return false;
}

enum rc
msbf_owners(struct tables_tx *tx, const struct ppid *ppid, const uint8_t self[PPID_HASH],
            uint8_t (*out)[PPID_HASH], size_t max, size_t *n)
{
	struct ppid_pair pair;
	unsigned at = 0;

	*n = 0;
	while (*n < max && ppid_next(ppid, &at, &pair)) {
		uint8_t hash[PPID_HASH];
		enum rc rc = pair.unique ? msbf_address_get(tx, &pair, hash) : RC_NOT_FOUND;

		if (rc != RC_OK && rc != RC_NOT_FOUND)
			return rc;
		if (rc == RC_OK && !msbf_hash_eq(hash, self) && !among(out, *n, hash))
			memcpy(out[(*n)++], hash, PPID_HASH);
	}
	return RC_OK;
}

enum rc
msbf_alarm(struct msbf *m, struct tables_tx *tx, const uint8_t hash[PPID_HASH], const char *reason)
{
	struct msbf_trace t = { .actor = "msbf", .action = "alarm", .result = reason };
	struct msbf_device d;
	enum rc rc = msbf_device_get(tx, hash, &d);

	if (rc != RC_OK)
		return rc;
	if (!d.alarmed) {
		d.alarmed = true;
		rc = msbf_device_put(tx, &d);
	}
	return rc != RC_OK ? rc : msbf_trace(m, tx, &t, hash, d.has_node ? &d.node : NULL);
}

/* ---- a PPID that is not known as a whole ---- */

/* What is known about the device with which an address is shared. */
static enum rc
has_other_rival(struct tables_tx *tx, const struct msbf_device *owner, bool *other)
{
	struct msbf_device rival;
	enum rc rc;

	*other = false;
	if (!owner->has_rival)
		return RC_OK;
	rc = msbf_device_get(tx, owner->rival, &rival);
	*other = rc == RC_OK && rival.state == MSBF_LINK_PENDING;
	return rc;
}

static enum rc
wait_for_link(struct msbf *m, struct tables_tx *tx, struct msbf_device *d,
              struct msbf_device *owner)
{
	enum rc rc;

	d->has_link = owner->has_rival = true;
	memcpy(d->link, owner->hash, PPID_HASH);
	memcpy(owner->rival, d->hash, PPID_HASH);
	d->alarmed = owner->alarmed = true;
	rc = msbf_device_put(tx, owner);
	if (rc == RC_OK)
		rc = msbf_device_put(tx, d);
	return rc != RC_OK ? rc : msbf_alarm(m, tx, d->hash, "PPID_PARTIAL_MATCH");
}

static enum rc
refuse_duplicate(struct msbf *m, struct tables_tx *tx, struct msbf_device *d,
                 uint8_t (*owners)[PPID_HASH], size_t n)
{
	enum rc rc;

	d->state = MSBF_REFUSED;
	d->has_link = true;
	memcpy(d->link, owners[0], PPID_HASH);
	rc = msbf_device_put(tx, d);
	for (size_t i = 0; i < n && rc == RC_OK; i++)
		rc = msbf_alarm(m, tx, owners[i], "PPID_DUPLICATE_ADDRESS");
	return rc != RC_OK ? rc : msbf_alarm(m, tx, d->hash, "PPID_DUPLICATE_ADDRESS");
}

/* One owner: it may have been repaired. More, or a second one for the same place: it cannot. */
static enum rc
claim_addresses(struct msbf *m, struct tables_tx *tx, struct msbf_device *d,
                uint8_t (*owners)[PPID_HASH], size_t n)
{
	struct msbf_device owner;
	bool other;
	enum rc rc = msbf_device_get(tx, owners[0], &owner);

	if (rc == RC_OK)
		rc = has_other_rival(tx, &owner, &other);
	if (rc != RC_OK)
		return rc;
	return n > 1 || other ? refuse_duplicate(m, tx, d, owners, n)
	                      : wait_for_link(m, tx, d, &owner);
}

static const struct msbf_refusal of_state[MSBF_STATES] = {
	[MSBF_LINK_PENDING] = { RC_CONFLICT, "PPID_PARTIAL_MATCH", "PPID_PARTIAL_MATCH" },
	[MSBF_REFUSED] = { RC_CONFLICT, "PPID_DUPLICATE_ADDRESS", "PPID_DUPLICATE_ADDRESS" },
	[MSBF_REPLACED] = { RC_FORBIDDEN, "AUTH_FAILED", "REPLACED" },
	[MSBF_REVOKED] = { RC_FORBIDDEN, "AUTH_FAILED", "REVOKED" },
};

static const struct msbf_refusal unknown = { RC_FORBIDDEN, "AUTH_FAILED", "UNKNOWN" };
static const struct msbf_refusal not_admitted = { RC_FORBIDDEN, "AUTH_FAILED", "NOT_ADMITTED" };
static const struct msbf_refusal not_bound = { RC_FORBIDDEN, "AUTH_FAILED", "BINDING_MISMATCH" };
static const struct msbf_refusal full = { RC_UNAVAILABLE, "OVERLOAD", "DEVICES_FULL" };

static enum rc
admit_unknown(struct msbf *m, struct tables_tx *tx, const struct msbf_claim *c,
              struct msbf_device *d, bool *created, struct msbf_refusal *refusal)
{
	uint8_t owners[OWNERS_MAX][PPID_HASH];
	size_t n;
	enum rc rc = msbf_owners(tx, c->ppid, c->hash, owners, OWNERS_MAX, &n);

	if (rc != RC_OK)
		return rc;
	if (n == 0 && !m->conf.admit_ca)
		*refusal = unknown;
	else if (m->devices >= m->conf.devices_max)
		*refusal = full;
	if (refusal->rc != RC_OK)
		return RC_OK;
	msbf_device_new(m, c->ppid, c->hash, n > 0 ? MSBF_LINK_PENDING : MSBF_ADMITTED,
	                n > 0 ? MSBF_BY_CLAIM : MSBF_BY_CA, d);
	if (n == 0 && !c->create)
		return RC_OK;
	*created = true;
	if (n > 0) {
		rc = claim_addresses(m, tx, d, owners, n);
		*refusal = of_state[d->state];
		return rc;
	}
	rc = msbf_address_set(tx, &d->ppid, d->hash);
	return rc != RC_OK ? rc : msbf_device_put(tx, d);
}

/* ---- the whole ---- */

static bool
is_bound(const struct msbf_device *d, const uint8_t *fingerprint)
{
	bool found = d->n_fingerprints == 0;

	for (unsigned i = 0; fingerprint != NULL && i < d->n_fingerprints; i++)
		if (secret_equal(slice_make(d->fingerprints[i].v, DEVICE_FINGERPRINT_SIZE),
		                 slice_make(fingerprint, DEVICE_FINGERPRINT_SIZE)))
			found = true;
	return found || fingerprint == NULL;
}

enum rc
msbf_device_admit(struct msbf *m, struct tables_tx *tx, const struct msbf_claim *c,
                  struct msbf_device *d, bool *created, struct msbf_refusal *refusal)
{
	enum rc rc = msbf_device_get(tx, c->hash, d);

	*created = false;
	*refusal = (struct msbf_refusal){ .rc = RC_OK };
	if (rc == RC_NOT_FOUND)
		return admit_unknown(m, tx, c, d, created, refusal);
	if (rc != RC_OK)
		return rc;
	if (of_state[d->state].rc != RC_OK)
		*refusal = of_state[d->state];
	else if (d->by == MSBF_BY_CA && !m->conf.admit_ca)
		*refusal = not_admitted;
	else if (!is_bound(d, c->fingerprint))
		*refusal = not_bound;
	return RC_OK;
}

enum rc
msbf_device_alive(struct msbf *m, struct tables_tx *tx, struct msbf_device *d)
{
	struct msbf_device rival;
	enum rc rc;

	if (!d->has_rival)
		return RC_OK;
	d->has_rival = false;
	rc = msbf_device_get(tx, d->rival, &rival);
	if (rc != RC_OK || rival.state != MSBF_LINK_PENDING)
		return rc;
	rival.state = MSBF_REFUSED;
	rc = msbf_device_put(tx, &rival);
	if (rc == RC_OK)
		rc = msbf_alarm(m, tx, rival.hash, "PPID_DUPLICATE_ADDRESS");
	d->alarmed = true;
	return rc;
}
