/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sga/register.h"

#include "sga/octets.h"

/* ---- R1 ---- */

enum rc
sga_again_make(const struct key *old, const struct sga_pair *who, const struct sga_again *a,
               uint8_t out[SGA_HASH_SIZE])
{
	uint8_t text[8 + SGA_HEADER_SIZE + SGA_R1_BODY_MAX], header[SGA_HEADER_SIZE];
	struct sga_writer w = sga_writer_of(text, sizeof(text));
	struct key k_auth;
	enum rc rc;

	sga_header_write(a->header, header);
	sga_write_slice(&w, SLICE_LIT("R1 again"));
	sga_write(&w, header, sizeof(header));
	sga_write_id(&w, a->id);
	sga_write(&w, a->kd->v, KEY_BYTES);
	sga_write(&w, a->n, SGA_SID_SIZE);
	sga_write_be(&w, a->time, 8);
	rc = sga_kd_auth(old, who, &k_auth);
	if (rc == RC_OK)
		rc = sga_mac(&k_auth, sga_written(&w), out);
	secret_wipe(text, sizeof(text));
	key_wipe(&k_auth);
	return rc;
}

/* ---- R2 ---- */

static enum rc
mac(const struct key *kd, const struct sga_pair *who, const struct sga_hash *r1, struct slice said,
    uint8_t out[SGA_HASH_SIZE])
{
	uint8_t text[2 + SGA_HASH_SIZE + 9];
	struct sga_writer w = sga_writer_of(text, sizeof(text));
	struct key k_auth;
	enum rc rc = sga_kd_auth(kd, who, &k_auth);

	sga_write_slice(&w, SLICE_LIT("R2"));
	sga_write(&w, r1->v, SGA_HASH_SIZE);
	sga_write_slice(&w, said);
	if (rc == RC_OK)
		rc = sga_mac(&k_auth, sga_written(&w), out);
	key_wipe(&k_auth);
	return rc;
}

enum rc
sga_acknowledgement_write(const struct key *kd, const struct sga_pair *who,
                          const struct sga_hash *r1, const struct sga_header *h,
                          const struct sga_acknowledgement *a, uint8_t out[SGA_R2_SIZE])
{
	struct sga_writer w = sga_writer_of(out + SGA_HEADER_SIZE, 9);

	sga_header_write(h, out);
	sga_write_be(&w, a->status, 1);
	sga_write_be(&w, a->registrations, 8);
	return mac(kd, who, r1, sga_written(&w), out + SGA_HEADER_SIZE + 9);
}

enum rc
sga_acknowledgement_read(const struct key *kd, const struct sga_pair *who,
                         const struct sga_hash *r1, struct slice r2,
                         struct sga_acknowledgement *out)
{
	struct sga_reader r = sga_reader_of(slice_from(r2, SGA_HEADER_SIZE));
	struct slice said = sga_read(&r, 9), tag = sga_read(&r, SGA_HASH_SIZE);
	uint8_t right[SGA_HASH_SIZE];
	enum rc rc = mac(kd, who, r1, said, right);

	if (rc == RC_OK &&
	    (!sga_reader_done(&r) || !secret_equal(tag, slice_make(right, sizeof(right)))))
		rc = RC_DENIED;
	secret_wipe(right, sizeof(right));
	if (rc != RC_OK)
		return rc;
	r = sga_reader_of(said);
	out->status = (uint8_t)sga_read_be(&r, 1);
	out->registrations = sga_read_be(&r, 8);
	return RC_OK;
}
