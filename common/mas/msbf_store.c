/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of the MSBF as records. */
#include "config.h"

#include "mas/msbf_device.h"

#include "store/pack.h"

/* Keys: D H(PPID) -> device; a technology, address -> H(PPID); n node id -> H(PPID). */

#define RECORD_VERSION 1u
#define RECORD_OCTETS_MAX 4096u

static struct table_key
address_key(const struct ppid_pair *pair)
{
	struct table_key k = table_key('a');

	table_key_number(&k, (uint64_t)pair->tech, 1);
	table_key_add(&k, pair->address.p, pair->address.n);
	return k;
}

/* ---- records ---- */

static void
pack_link(struct buf *b, bool has, const uint8_t hash[PPID_HASH])
{
	buf_be(b, has, 1);
	buf_add(b, hash, PPID_HASH);
}

static void
unpack_link(struct unpack *u, bool *has, uint8_t hash[PPID_HASH])
{
	*has = unpack_flag(u);
	unpack_into(u, hash, PPID_HASH);
}

static void
pack_fingerprints(struct buf *b, const struct msbf_device *d)
{
	buf_be(b, d->n_fingerprints, 1);
	for (unsigned i = 0; i < d->n_fingerprints; i++)
		buf_add(b, d->fingerprints[i].v, DEVICE_FINGERPRINT_SIZE);
}

static void
unpack_fingerprints(struct unpack *u, struct msbf_device *d)
{
	d->n_fingerprints = (unsigned)unpack_number(u, 1, MSBF_FINGERPRINTS);
	for (unsigned i = 0; i < d->n_fingerprints; i++)
		unpack_into(u, d->fingerprints[i].v, DEVICE_FINGERPRINT_SIZE);
}

static void
pack_node(struct buf *b, const struct msbf_device *d)
{
	buf_be(b, d->has_node, 1);
	buf_be(b, d->inherited, 1);
	buf_add(b, d->node.v, NODE_ID_BYTES);
	buf_be(b, d->kmr_reserved, 4);
	buf_be(b, d->kmr_index, 4);
	pack_text(b, slice_of(d->scl_id));
	buf_be(b, (uint64_t)d->expires, 8);
	buf_be(b, (uint64_t)d->last_ival, 8);
}

static void
unpack_node(struct unpack *u, struct msbf_device *d)
{
	d->has_node = unpack_flag(u);
	d->inherited = unpack_flag(u);
	unpack_into(u, d->node.v, NODE_ID_BYTES);
	d->kmr_reserved = (uint32_t)unpack_number(u, 4, UINT32_MAX);
	d->kmr_index = (uint32_t)unpack_number(u, 4, UINT32_MAX);
	unpack_string(u, d->scl_id, MAS_SCL_ID_MAX);
	d->expires = unpack_time(u);
	d->last_ival = unpack_time(u);
}

static void
pack_device(struct buf *b, const struct msbf_device *d)
{
	buf_be(b, RECORD_VERSION, 1);
	pack_text(b, ppid_octets(&d->ppid));
	buf_be(b, (uint64_t)d->state, 1);
	buf_be(b, (uint64_t)d->by, 1);
	buf_be(b, d->alarmed, 1);
	pack_link(b, d->has_link, d->link);
	pack_link(b, d->has_rival, d->rival);
	pack_text(b, slice_of(d->sub_id));
	pack_text(b, slice_of(d->note));
	buf_be(b, (uint64_t)d->created, 8);
	pack_fingerprints(b, d);
	pack_node(b, d);
}

static bool
unpack_device(struct slice key, struct slice val, struct msbf_device *d)
{
	struct unpack u = unpack_of(val);
	struct slice ppid;

	*d = (struct msbf_device){ .created = 0 };
	if (key.n != 1 + PPID_HASH || unpack_number(&u, 1, 255) != RECORD_VERSION)
		return false;
	memcpy(d->hash, key.p + 1, PPID_HASH);
	ppid = unpack_text(&u, PPID_MAX);
	if (u.bad || ppid.n < PPID_MIN)
		return false;
	memcpy(d->ppid.v, ppid.p, ppid.n);
	d->ppid.n = (uint8_t)ppid.n;
	d->state = (enum msbf_state)unpack_enum(&u, MSBF_STATES - 1);
	d->by = (enum msbf_by)unpack_enum(&u, MSBF_BY_CLAIM);
	d->alarmed = unpack_flag(&u);
	unpack_link(&u, &d->has_link, d->link);
	unpack_link(&u, &d->has_rival, d->rival);
	unpack_string(&u, d->sub_id, MAS_SUB_ID_MAX);
	unpack_string(&u, d->note, MSBF_NOTE_MAX);
	d->created = unpack_time(&u);
	unpack_fingerprints(&u, d);
	unpack_node(&u, d);
	return unpack_done(&u);
}

/* ---- devices ---- */

enum rc
msbf_device_get(struct tables_tx *tx, const uint8_t hash[PPID_HASH], struct msbf_device *out)
{
	struct table_key k = table_key_of('D', hash, PPID_HASH);
	struct slice val;
	enum rc rc = tables_get(tx, table_key_view(&k), &val);

	if (rc != RC_OK)
		return rc;
	return unpack_device(table_key_view(&k), val, out) ? RC_OK : RC_INTERNAL;
}

enum rc
msbf_device_put(struct tables_tx *tx, const struct msbf_device *d)
{
	struct table_key k = table_key_of('D', d->hash, PPID_HASH);
	struct table_key node = table_key_of('n', d->node.v, NODE_ID_BYTES);
	struct buf b;
	enum rc rc;

	buf_init(&b, RECORD_OCTETS_MAX);
	pack_device(&b, d);
	rc = b.failed ? RC_UNAVAILABLE : tables_put(tx, table_key_view(&k), buf_view(&b));
	buf_fini(&b);
	if (rc != RC_OK || !d->has_node || d->state == MSBF_REPLACED)
		return rc;
	return tables_put(tx, table_key_view(&node), slice_make(d->hash, PPID_HASH));
}

static enum rc
get_hash(struct tables_tx *tx, const struct table_key *k, uint8_t hash[PPID_HASH])
{
	struct slice val;
	enum rc rc = tables_get(tx, table_key_view(k), &val);

	if (rc != RC_OK)
		return rc;
	if (val.n != PPID_HASH)
		return RC_INTERNAL;
	memcpy(hash, val.p, PPID_HASH);
	return RC_OK;
}

enum rc
msbf_device_by_node(struct tables_tx *tx, const struct node_id *node, struct msbf_device *out)
{
	struct table_key k = table_key_of('n', node->v, NODE_ID_BYTES);
	uint8_t hash[PPID_HASH];
	enum rc rc = get_hash(tx, &k, hash);

	if (rc == RC_OK)
		rc = msbf_device_get(tx, hash, out);
	/* It may have got another one since. */
	return rc == RC_OK && !node_id_eq(&out->node, node) ? RC_NOT_FOUND : rc;
}

struct scanning {
	msbf_device_visit *visit;
	void *arg;
	bool damaged;
};

static bool
scan_one(void *arg, struct slice key, struct slice val)
{
	struct scanning *s = arg;
	struct msbf_device d;

	s->damaged = !unpack_device(key, val, &d);
	return !s->damaged && s->visit(s->arg, &d);
}

enum rc
msbf_device_scan(struct tables_tx *tx, const uint8_t after[PPID_HASH], size_t limit,
                 msbf_device_visit *visit, void *arg)
{
	struct scanning s = { .visit = visit, .arg = arg };
	struct table_key k = { .n = 0 };
	enum rc rc;

	if (after != NULL)
		k = table_key_of('D', after, PPID_HASH);
	rc = tables_scan(tx, SLICE_LIT("D"), table_key_view(&k), limit, scan_one, &s);
	return rc == RC_OK && s.damaged ? RC_INTERNAL : rc;
}

/* ---- addresses ---- */

enum rc
msbf_address_get(struct tables_tx *tx, const struct ppid_pair *pair, uint8_t hash[PPID_HASH])
{
	struct table_key k = address_key(pair);

	return get_hash(tx, &k, hash);
}

enum rc
msbf_address_set(struct tables_tx *tx, const struct ppid *ppid, const uint8_t *hash)
{
	struct ppid_pair pair;
	unsigned at = 0;
	enum rc rc = RC_OK;

	while (rc == RC_OK && ppid_next(ppid, &at, &pair)) {
		struct table_key k = address_key(&pair);

		if (!pair.unique)
			continue;
		rc = hash == NULL ? tables_del(tx, table_key_view(&k))
		                  : tables_put(tx, table_key_view(&k), slice_make(hash, PPID_HASH));
	}
	return rc;
}

const char *
msbf_state_name(enum msbf_state state)
{
	static const char *const names[MSBF_STATES] = {
		[MSBF_ADMITTED] = "ADMITTED",         [MSBF_BOOTSTRAPPING] = "BOOTSTRAPPING",
		[MSBF_BOOTSTRAPPED] = "BOOTSTRAPPED", [MSBF_LINK_PENDING] = "LINK_PENDING",
		[MSBF_REFUSED] = "REFUSED",           [MSBF_REPLACED] = "REPLACED",
		[MSBF_REVOKED] = "REVOKED",
	};

	return state < MSBF_STATES && names[state] != NULL ? names[state] : "";
}
