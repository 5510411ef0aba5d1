/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sga/kd.h"

#include "sec/digest.h"
#include "sec/hkdf.h"
#include "sga/octets.h"

#define INFO_MAX (SGA_KD_LABEL_MAX + 2u * (1u + SGA_ID_MAX))

enum rc
sga_kd(const struct key *kd, const struct sga_pair *who, struct slice label, void *out, size_t n)
{
	uint8_t info[INFO_MAX];
	struct sga_writer w = sga_writer_of(info, sizeof(info));

	sga_write_slice(&w, label);
	sga_write_id(&w, who->device);
	sga_write_id(&w, who->g);
	if (!w.full && hkdf_sha256(SLICE_LIT("SGA/1 kd"), slice_make(kd->v, KEY_BYTES),
	                           sga_written(&w), out, n) == RC_OK)
		return RC_OK;
	secret_wipe(out, n);
	return RC_INTERNAL;
}

enum rc
sga_kd_auth(const struct key *kd, const struct sga_pair *who, struct key *out)
{
	return sga_kd(kd, who, SLICE_LIT("auth"), out->v, KEY_BYTES);
}

enum rc
sga_kd_g2d(const struct key *kd, const struct sga_pair *who, struct key *out)
{
	return sga_kd(kd, who, SLICE_LIT("g2d"), out->v, KEY_BYTES);
}

enum rc
sga_kd_hop(const struct key *kd, const struct sga_pair *who, struct key *out)
{
	return sga_kd(kd, who, SLICE_LIT("hop"), out->v, KEY_BYTES);
}

enum rc
sga_kd_mask(const struct key *kd, const struct sga_pair *who, const struct sga_sid *sid,
            uint8_t type, struct key *out)
{
	uint8_t label[SGA_KD_LABEL_MAX];
	struct sga_writer w = sga_writer_of(label, sizeof(label));

	sga_write_slice(&w, SLICE_LIT("mask"));
	sga_write(&w, sid->v, SGA_SID_SIZE);
	sga_write_be(&w, type, 1);
	return sga_kd(kd, who, sga_written(&w), out->v, KEY_BYTES);
}

enum rc
sga_mac(const struct key *key, struct slice text, uint8_t out[SGA_HASH_SIZE])
{
	return digest_hmac(slice_make(key->v, KEY_BYTES), &text, 1, out);
}
