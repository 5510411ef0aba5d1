/* SPDX-License-Identifier: Apache-2.0 */
/* One function for each row of the table of keys: a label, and a context put together. */
#include "config.h"

#include "base/buf.h"
#include "sec/derive.h"

#include <openssl/evp.h>

#define PPID_OCTETS_MIN 2u
#define PPID_OCTETS_MAX 255u
#define NAME_MAX_OCTETS 16384u /* App-ID and SCL-ID together fit into one context */

/* ---- contexts: nothing in them is secret ---- */

static struct buf
context_new(void)
{
	struct buf b;

	buf_init(&b, M2M_CONTEXT_MAX);
	return b;
}

static void
add_node(struct buf *b, const struct node_id *node)
{
	buf_add(b, node->v, NODE_ID_BYTES);
}

static void
add_lv16(struct buf *b, struct slice s)
{
	buf_be(b, s.n, 2);
	buf_slice(b, s);
}

static enum rc
refuse(struct key *out)
{
	key_wipe(out);
	return RC_BAD_REQUEST;
}

/* Derives and frees the context. */
static enum rc
finish(const struct key *k, const char *label, struct buf *ctx, struct key *out)
{
	enum rc rc = RC_INTERNAL;

	if (ctx->failed)
		key_wipe(out);
	else
		rc = m2m_expand(k, label, buf_view(ctx), out->v, KEY_BYTES);
	buf_fini(ctx);
	return rc;
}

static bool
is_name(struct slice s)
{
	return s.n >= 1 && s.n <= NAME_MAX_OCTETS;
}

/* ---- shapes that several rows share ---- */

static enum rc
of_node(const struct key *k, const char *label, const struct node_id *node, struct key *out)
{
	return m2m_expand(k, label, slice_make(node->v, NODE_ID_BYTES), out->v, KEY_BYTES);
}

static enum rc
of_node_index(const struct key *k, const char *label, const struct node_id *node, uint32_t index,
              struct key *out)
{
	struct buf ctx = context_new();

	if (index == 0)
		return refuse(out);
	add_node(&ctx, node);
	buf_be(&ctx, index, 4);
	return finish(k, label, &ctx, out);
}

static enum rc
of_connection(const struct key *k, const char *label, uint64_t connection, uint32_t index,
              struct key *out)
{
	struct buf ctx = context_new();

	if (connection == 0 || index == 0)
		return refuse(out);
	buf_be(&ctx, connection, 8);
	buf_be(&ctx, index, 4);
	return finish(k, label, &ctx, out);
}

/* The label of a PSK for that version, or NULL. */
static const char *
by_version(enum psk_tls v, const char *v2, const char *v3)
{
	return v == PSK_TLS_1_2 ? v2 : v == PSK_TLS_1_3 ? v3 : NULL;
}

/* ---- bootstrap ---- */

enum rc
kmr_derive(const struct key *e_boot, struct slice ppid, const struct node_id *node,
           uint32_t kmr_index, struct slice msbf_id, struct key *out)
{
	struct buf ctx = context_new();

	if (ppid.n < PPID_OCTETS_MIN || ppid.n > PPID_OCTETS_MAX || kmr_index == 0 || !is_name(msbf_id))
		return refuse(out);
	buf_be(&ctx, ppid.n, 1);
	buf_slice(&ctx, ppid);
	add_node(&ctx, node);
	buf_be(&ctx, kmr_index, 4);
	add_lv16(&ctx, msbf_id);
	return finish(e_boot, "kmr", &ctx, out);
}

enum rc
kek_boot(const struct key *e_boot, const struct node_id *node, uint32_t kmr_index, struct key *out)
{
	return of_node_index(e_boot, "kek boot", node, kmr_index, out);
}

/* ---- of Kmr ---- */

enum rc
psk_mr(const struct key *kmr, enum psk_tls v, const struct node_id *node, uint32_t kmr_index,
       struct key *out)
{
	const char *label = by_version(v, "psk mr2", "psk mr3");

	return label == NULL ? refuse(out) : of_node_index(kmr, label, node, kmr_index, out);
}

enum rc
kmc_derive(const struct key *kmr, const struct key *e_conn, const struct kmc_terms *terms,
           struct key *out)
{
	struct buf ctx = context_new();
	struct key prk;
	enum rc rc;

	if (terms->kmr_index == 0 || terms->kmc_index == 0 || terms->connection == 0 ||
	    !is_name(terms->scl_id))
		return refuse(out);
	rc = hkdf_extract(slice_make(e_conn->v, KEY_BYTES), slice_make(kmr->v, KEY_BYTES), &prk);
	if (rc != RC_OK) {
		key_wipe(out);
		return rc;
	}
	add_node(&ctx, &terms->node);
	buf_be(&ctx, terms->kmr_index, 4);
	buf_be(&ctx, terms->connection, 8);
	buf_be(&ctx, terms->kmc_index, 4);
	add_lv16(&ctx, terms->scl_id);
	rc = finish(&prk, "kmc", &ctx, out);
	key_wipe(&prk);
	return rc;
}

enum rc
kek_conn(const struct key *kmr, const struct node_id *node, uint64_t connection,
         uint32_t kmc_index, struct key *out)
{
	struct buf ctx = context_new();

	if (connection == 0 || kmc_index == 0)
		return refuse(out);
	add_node(&ctx, node);
	buf_be(&ctx, connection, 8);
	buf_be(&ctx, kmc_index, 4);
	return finish(kmr, "kek conn", &ctx, out);
}

enum rc
trigger_key(const struct key *kmr, const struct node_id *node, struct key *out)
{
	return of_node(kmr, "trigger", node, out);
}

enum rc
indicator_key(const struct key *kmr, const struct node_id *node, struct key *out)
{
	return of_node(kmr, "indicator", node, out);
}

enum rc
ival_key(const struct key *kmr, const struct node_id *node, struct key *out)
{
	return of_node(kmr, "ival", node, out);
}

enum rc
aka_root(const struct key *kmr, const struct node_id *node, struct key *out)
{
	return of_node(kmr, "aka root", node, out);
}

/* ---- of Kmc ---- */

enum rc
psk_mc(const struct key *kmc, enum psk_tls v, uint64_t connection, uint32_t kmc_index,
       struct key *out)
{
	const char *label = by_version(v, "psk mc2", "psk mc3");

	return label == NULL ? refuse(out) : of_connection(kmc, label, connection, kmc_index, out);
}

enum rc
psk_mn(const struct key *kmc, enum psk_tls v, uint64_t connection, uint32_t kmc_index,
       struct key *out)
{
	const char *label = by_version(v, "psk mn2", "psk mn3");

	return label == NULL ? refuse(out) : of_connection(kmc, label, connection, kmc_index, out);
}

enum rc
obj_key(const struct key *k, enum obj_dir dir, uint64_t connection, uint32_t kmc_index,
        struct key *out)
{
	if (dir != OBJ_D2N && dir != OBJ_N2D)
		return refuse(out);
	return of_connection(k, dir == OBJ_D2N ? "obj d2n" : "obj n2d", connection, kmc_index, out);
}

enum rc
kma_derive(const struct key *kmc, struct slice app_id, struct slice scl_id, uint32_t kmc_index,
           struct key *out)
{
	struct buf ctx = context_new();

	if (!is_name(app_id) || !is_name(scl_id) || kmc_index == 0)
		return refuse(out);
	add_lv16(&ctx, app_id);
	add_lv16(&ctx, scl_id);
	buf_be(&ctx, kmc_index, 4);
	return finish(kmc, "kma", &ctx, out);
}

/* ---- of Kma ---- */

enum rc
app_hash(struct slice app_id, uint8_t out[APP_HASH_BYTES])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	bool ok = EVP_Digest(app_id.p, app_id.n, digest, NULL, EVP_sha256(), NULL) == 1;

	if (ok)
		memcpy(out, digest, APP_HASH_BYTES);
	else
		memset(out, 0, APP_HASH_BYTES);
	return ok ? RC_OK : RC_INTERNAL;
}

enum rc
psk_ma(const struct key *kma, enum psk_tls v, uint64_t connection, uint32_t kmc_index,
       struct slice app_id, struct key *out)
{
	const char *label = by_version(v, "psk ma2", "psk ma3");
	struct buf ctx = context_new();
	uint8_t hash[APP_HASH_BYTES];

	if (label == NULL || connection == 0 || kmc_index == 0 || !is_name(app_id))
		return refuse(out);
	if (app_hash(app_id, hash) != RC_OK) {
		key_wipe(out);
		return RC_INTERNAL;
	}
	buf_be(&ctx, connection, 8);
	buf_be(&ctx, kmc_index, 4);
	buf_add(&ctx, hash, sizeof(hash));
	return finish(kma, label, &ctx, out);
}

/* ---- any key ---- */

enum rc
key_check_value(const struct key *k, uint8_t out[KEY_CHECK_BYTES])
{
	return m2m_expand(k, "check", SLICE_NONE, out, KEY_CHECK_BYTES);
}
