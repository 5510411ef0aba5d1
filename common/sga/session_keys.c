/* SPDX-License-Identifier: Apache-2.0 */
/* Phase B, step B7: from what both devices have computed to the keys of the records. */
#include "config.h"

#include "sga/session_own.h"

#include "sec/hkdf.h"
#include "sga/octets.h"

#define INFO_MAX (16u + 2u + SGA_IDS_MAX)

/* HKDF-Expand(PRK, "SGA/1 <name>" cid IDs) */
static enum rc
expand(const struct sga_session *s, const char *name, void *out, size_t n)
{
	uint8_t info[INFO_MAX];
	struct sga_writer w = sga_writer_of(info, sizeof(info));

	sga_write_slice(&w, SLICE_LIT("SGA/1 "));
	sga_write_slice(&w, slice_of(name));
	sga_write_be(&w, s->cid, 2);
	sga_write_ids(&w, &s->ids);
	return w.full ? RC_INTERNAL : hkdf_expand(&s->prk, sga_written(&w), out, n);
}

static enum rc
expand_way(const struct sga_session *s, const char *key, const char *iv, struct sga_way *out)
{
	const struct cipher *c = sga_session_cipher(s);
	enum rc rc = expand(s, key, out->key, c->key);

	return rc == RC_OK ? expand(s, iv, out->iv, c->iv) : rc;
}

enum rc
sga_session_keys(struct sga_session *s, const uint8_t *k)
{
	uint8_t ikm[SGA_ELEMENT_MAX + 2 * KEY_BYTES];
	struct sga_writer w = sga_writer_of(ikm, sizeof(ikm));
	struct sga_way *ij = s->inviter ? &s->out : &s->in, *ji = s->inviter ? &s->in : &s->out;
	enum rc rc;

	sga_write(&w, k, sga_group_find(s->group)->element);
	sga_write(&w, s->kt_i.v, KEY_BYTES);
	sga_write(&w, s->kt_j.v, KEY_BYTES);
	rc = hkdf_extract(slice_make(s->th.v, SGA_HASH_SIZE), sga_written(&w), &s->prk);
	if (rc == RC_OK)
		rc = expand_way(s, "k_ij", "iv_ij", ij);
	if (rc == RC_OK)
		rc = expand_way(s, "k_ji", "iv_ji", ji);
	if (rc == RC_OK)
		rc = expand(s, "k_conf", s->k_conf.v, KEY_BYTES);
	secret_wipe(ikm, sizeof(ikm));
	return rc;
}
