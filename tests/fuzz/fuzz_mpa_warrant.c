/* SPDX-License-Identifier: Apache-2.0 */
/* Any octets as warrants and as decisions: what is read is within them, and would be written the same. */
#include "config.h"

#include "mpa/decision.h"
#include "mpa_parties.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
within(struct slice s, struct slice all)
{
	return s.p >= all.p && s.n <= all.n && (size_t)(s.p - all.p) <= all.n - s.n;
}

/* The same members under a key that is known give the same octets but for that key and the signature. */
static void
write_again(const struct mpa_warrant *read, struct slice octets)
{
	const struct mpa_parties *p = parties();
	struct mpa_warrant w = *read;
	uint8_t out[MPA_WARRANT_MAX];
	size_t n;
	enum rc rc;

	w.delegator = p->pub[P_CN];
	rc = mpa_warrant_make(&w, p->key[P_CN], out, &n);
	must(rc == RC_OK || rc == RC_BAD_REQUEST);
	if (rc == RC_BAD_REQUEST) {
		must(!sign_public_ok(&w.delegate) || !sign_public_ok(&w.on_behalf));
		return;
	}
	must(n == octets.n && memcmp(out, octets.p, 76) == 0 &&
	     memcmp(out + 108, octets.p + 108, n - 108 - SIGN_SIZE) == 0);
}

static void
read_warrants(struct slice octets)
{
	struct slice rest = octets;
	struct mpa_warrant w;

	while (mpa_warrant_take(&rest, &w) == RC_OK) {
		struct slice one = slice_make(octets.p, octets.n - rest.n);
		enum rc rc = mpa_warrant_verify(one);

		must(within(w.delegator_id, one) && within(w.delegate_id, one) &&
		     within(w.on_behalf_id, one) && within(w.scope, one));
		must(rc == RC_OK || rc == RC_FORBIDDEN);
		write_again(&w, one);
		octets = rest;
	}
	must(rest.n == octets.n && mpa_warrant_parse(octets, &w) == RC_BAD_REQUEST);
}

static void
read_decision(struct slice octets)
{
	const struct mpa_parties *p = parties();
	uint8_t again[MPA_DECISION_SIZE];
	struct mpa_decision d, checked;
	enum rc rc;

	if (mpa_decision_parse(octets, &d) != RC_OK)
		return;
	rc = mpa_decision_check(octets, &p->pub[P_S], &d.th, &checked, NULL);
	must(rc == RC_OK || rc == RC_FORBIDDEN);
	/* Ed25519 has one signature for each message. */
	must(mpa_decision_make(p->key[P_S], &d.th, d.verdict, d.time, again) == RC_OK);
	must((rc == RC_OK) == (memcmp(again, octets.p, octets.n) == 0));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice octets = slice_make(data, size);

	read_warrants(octets);
	read_decision(octets);
	return 0;
}
