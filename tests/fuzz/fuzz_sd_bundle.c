/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any octets as a bundle of small data. What is taken is written as the same; verdicts and outcome
 * agree, whatever the signatures are.
 */
#include "config.h"

#include "sd_parties.h"

#define VERIFIED_MAX 12 /* readings: more of them only take longer */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sd_reading readings[SD_READINGS_MAX];

static void
verify(const struct sd_bundle *b)
{
	struct sd_parties *p = sd_parties();
	struct sd_signer signers[VERIFIED_MAX];
	enum sd_verdict verdicts[VERIFIED_MAX];
	size_t right = 0;
	enum rc rc;

	for (size_t i = 0; i < b->n; i++)
		signers[i] = sd_party(p, &readings[i].device);
	rc = sd_verify(b, readings, signers, &p->q, verdicts);
	must(rc == RC_OK || rc == RC_FORBIDDEN || rc == RC_NOT_FOUND || rc == RC_CONFLICT ||
	     rc == RC_BAD_REQUEST || rc == RC_NOT_IMPLEMENTED);
	if (rc == RC_NOT_IMPLEMENTED)
		return;
	for (size_t i = 0; i < b->n; i++)
		right += verdicts[i] == SD_RIGHT;
	must((right == b->n) == (rc == RC_OK));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice octets = slice_make(data, size);
	struct sd_bundle b;
	struct buf again;

	if (sd_bundle_parse(octets, &b) != RC_OK)
		return 0;
	sd_bundle_readings(&b, readings);
	buf_init(&again, SD_BUNDLE_MAX);
	must(sd_bundle_write(&b, readings, &again) == RC_OK);
	must(slice_eq(buf_view(&again), octets));
	buf_fini(&again);
	if (b.n <= VERIFIED_MAX)
		verify(&b);
	return 0;
}
