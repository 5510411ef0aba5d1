/* SPDX-License-Identifier: Apache-2.0 */
/* Generator, identities and their keys. */
#include "config.h"

#include "sd/ibas_own.h"

#include "sec/digest.h"
#include "sec/secret.h"
#include "sec/stack_wipe.h"

#include <time.h>

#define YEAR_MAX 9999

/* ---- the generator ---- */

enum rc
ibas_generate(struct ibas_secret *out)
{
	enum rc rc = pairing_scalar_random(&out->s);

	stack_wipe();
	return rc;
}

enum rc
ibas_secret_read(struct slice octets, struct ibas_secret *out)
{
	enum rc rc = pairing_scalar_read(octets, &out->s);

	stack_wipe();
	return rc;
}

/* What a function that cannot fail has to answer in this build. */
static enum rc
there(void)
{
#ifdef HAVE_PAIRING
	return RC_OK;
#else
	return RC_NOT_IMPLEMENTED;
#endif
}

enum rc
ibas_secret_write(const struct ibas_secret *s, uint8_t out[IBAS_SECRET_SIZE])
{
	pairing_scalar_write(&s->s, out);
	stack_wipe();
	return there();
}

void
ibas_secret_wipe(struct ibas_secret *s)
{
	if (s != NULL)
		secret_wipe(s, sizeof(*s));
}

enum rc
ibas_public_of(const struct ibas_secret *s, struct ibas_public *out)
{
	pairing_g2_generator(&out->q);
	pairing_g2_power(&out->q, &s->s, &out->q);
	stack_wipe();
	return there();
}

enum rc
ibas_public_read(struct slice octets, struct ibas_public *out)
{
	return pairing_g2_read(octets, &out->q);
}

enum rc
ibas_public_write(const struct ibas_public *p, uint8_t out[IBAS_PUBLIC_SIZE])
{
	pairing_g2_write(&p->q, out);
	return there();
}

/* ---- identities ---- */

/* Decimal digits of v, which are so many. */
static char *
digits(char *to, unsigned v, unsigned n)
{
	for (unsigned i = n; i-- > 0; v /= 10)
		to[i] = (char)('0' + v % 10);
	return to + n;
}

enum rc
ibas_id(const struct node_id *device, uint64_t millis, char out[IBAS_ID_SIZE + 1])
{
	const uint64_t seconds = millis / 1000;
	struct tm tm;
	time_t t = (time_t)seconds;
	char *to = out + NODE_ID_TEXT - 1;

	out[0] = '\0';
	if (t < 0 || (uint64_t)t != seconds || gmtime_r(&t, &tm) == NULL ||
	    tm.tm_year > YEAR_MAX - 1900)
		return RC_BAD_REQUEST;
	node_id_text(device, out);
	to = digits(to, (unsigned)tm.tm_year + 1900, 4);
	to = digits(to, (unsigned)tm.tm_mon + 1, 2);
	*to = '\0';
	return RC_OK;
}

/* LV8(ID) | j */
static enum rc
hash_id(const char id[IBAS_ID_SIZE + 1], uint8_t j, struct pairing_g1 *out)
{
	uint8_t octets[IBAS_ID_SIZE + 2] = { IBAS_ID_SIZE };

	memcpy(octets + 1, id, IBAS_ID_SIZE);
	octets[IBAS_ID_SIZE + 1] = j;
	return pairing_g1_hash(slice_make(octets, sizeof(octets)), SLICE_LIT("M2M-IBAS-H1"), out);
}

enum rc
ibas_identity_make(const struct node_id *device, uint64_t millis, struct ibas_identity *out)
{
	enum rc rc = ibas_id(device, millis, out->id);

	for (uint8_t j = 0; j < 2 && rc == RC_OK; j++)
		rc = hash_id(out->id, j, &out->p[j]);
	if (rc != RC_OK)
		memset(out, 0, sizeof(*out));
	return rc;
}

enum rc
ibas_key_make(const struct ibas_secret *s, const struct ibas_identity *id,
              uint8_t out[IBAS_KEY_SIZE])
{
	struct pairing_g1 k;

	for (size_t j = 0; j < 2; j++) {
		pairing_g1_power(&id->p[j], &s->s, &k);
		pairing_g1_write(&k, out + j * PAIRING_G1_SIZE);
	}
	secret_wipe(&k, sizeof(k));
	stack_wipe();
	return there();
}

/* ---- for signer and verifier ---- */

enum rc
ibas_challenge(const uint8_t w[SD_ROUND_SIZE], const char id[IBAS_ID_SIZE + 1],
               const struct sd_reading *r, uint8_t c[PAIRING_SHORT_SIZE])
{
	static const uint8_t length = IBAS_ID_SIZE;
	uint8_t octets[SD_MESSAGE_MAX], digest[DIGEST_SIZE];
	struct slice parts[] = { SLICE_LIT("M2M-IBAS-H3"), slice_make(w, SD_ROUND_SIZE),
		                 slice_make(&length, 1), slice_make(id, IBAS_ID_SIZE), SLICE_NONE };
	enum rc rc = sd_message(r, octets, &parts[4]);

	if (rc == RC_OK)
		rc = digest_sha256(parts, sizeof(parts) / sizeof(parts[0]), digest);
	if (rc == RC_OK)
		memcpy(c, digest, PAIRING_SHORT_SIZE);
	return rc;
}
