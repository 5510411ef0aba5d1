/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <time.h>

#include "cli/warrant_cmd.h"

int64_t
warrant_now(void)
{
	return (int64_t)time(NULL);
}

struct own {
	const struct warrant_server_id *s;
	const struct warrant_revoked *revoked;
};

/* What others revoke is their own matter. */
static bool
is_revoked(void *arg, const struct mpa_serial *serial)
{
	const struct own *own = arg;

	return memcmp(serial->issuer.v, own->s->public.v, SIGN_PUBLIC_SIZE) == 0 &&
	       warrant_revoked_has(own->revoked, serial->v);
}

/*
 * First without revocations: a run that is not genuine is nothing that may be decided on, and whoever
 * brings it could otherwise have a refusal signed.
 */
void
warrant_judge(const struct warrant_server_id *s, const struct warrant_revoked *revoked,
              struct mpa_cache *cache, struct slice transcript, struct warrant_judged *out)
{
	struct own own = { s, revoked };
	const struct mpa_revocations list = { is_revoked, &own };
	const struct mpa_anchor self = { s->public, slice_of(s->id) };
	struct mpa_verifier v = { .anchors = { { s->cn, slice_of(s->cn_id) }, &self, 1 },
		                  .cache = cache,
		                  .now = warrant_now() };
	struct mpa_proved again;

	out->rc = mpa_transcript_check(transcript, &v, &out->proved, &out->cause);
	if (out->rc != RC_OK)
		return;
	v.revocations = &list;
	(void)mpa_transcript_check(transcript, &v, &again, &out->cause);
	if (out->cause != MPA_FINE && out->cause != MPA_REVOKED)
		out->rc = mpa_cause_rc(out->cause);
}
