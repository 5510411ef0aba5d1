/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/be.h"
#include "mpa/decision.h"
#include "mpa/own.h"

#define AT_VERDICT (MPA_HEADER_SIZE + DIGEST_SIZE)
#define AT_TIME (AT_VERDICT + 1)
#define AT_SIGNATURE (AT_TIME + 8)

_Static_assert(AT_SIGNATURE + SIGN_SIZE == MPA_DECISION_SIZE, "a decision has a fixed size");

/* th || decision */
static struct slice
signed_part(const void *octets)
{
	return slice_make((const char *)octets + MPA_HEADER_SIZE, AT_SIGNATURE - MPA_HEADER_SIZE);
}

enum rc
mpa_decision_make(const struct sign_key *s, const struct mpa_th *th, enum mpa_verdict verdict,
                  uint64_t time, uint8_t out[MPA_DECISION_SIZE])
{
	if (verdict != MPA_REFUSED && verdict != MPA_ACCEPTED)
		return RC_BAD_REQUEST;
	mpa_header_write(out, MPA_DECIDED, MPA_DECISION_SIZE);
	memcpy(out + MPA_HEADER_SIZE, th->v, DIGEST_SIZE);
	out[AT_VERDICT] = (uint8_t)verdict;
	be_put(out + AT_TIME, time, 8);
	return sign_make(s, SIGN_OWN, signed_part(out), out + AT_SIGNATURE);
}

enum rc
mpa_decision_parse(struct slice octets, struct mpa_decision *out)
{
	struct slice all;

	if (octets.n != MPA_DECISION_SIZE || !mpa_message_take(&octets, MPA_DECIDED, &all) ||
	    octets.n != 0 || (uint8_t)all.p[AT_VERDICT] > MPA_ACCEPTED)
		return RC_BAD_REQUEST;
	*out = (struct mpa_decision){ .verdict = (enum mpa_verdict)all.p[AT_VERDICT],
		                      .time = be_get(all.p + AT_TIME, 8) };
	memcpy(out->th.v, all.p + MPA_HEADER_SIZE, DIGEST_SIZE);
	return RC_OK;
}

enum rc
mpa_decision_check(struct slice octets, const struct sign_public *s, const struct mpa_th *th,
                   struct mpa_decision *out, enum mpa_cause *why)
{
	enum mpa_cause cause = MPA_FINE;
	struct mpa_decision d;
	enum rc rc;

	if (mpa_decision_parse(octets, &d) != RC_OK)
		return mpa_tell(MPA_FORM, why);
	if (memcmp(d.th.v, th->v, DIGEST_SIZE) != 0)
		return mpa_tell(MPA_OTHER_RUN, why);
	rc = sign_verify(s, SIGN_OWN, signed_part(octets.p),
	                 (const uint8_t *)octets.p + AT_SIGNATURE);
	cause = rc == RC_FORBIDDEN ? MPA_SIGNED : mpa_cause_of(rc);
	if (cause == MPA_FINE)
		*out = d;
	return mpa_tell(cause, why);
}
