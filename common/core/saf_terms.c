/* SPDX-License-Identifier: Apache-2.0 */
/* What a request for another SCL goes by: its X-etsi headers and the policies at its reception. */
#include "config.h"

#include "core/saf.h"
#include "core/saf_record.h"

#define CORRELATION_MAX 256u
#define CONTACT_MAX 2048u

uint64_t
saf_destination_of(struct slice target)
{
	struct uri u;

	return uri_parse(target, &u) ? saf_key(u.authority, SLICE_NONE) : 0;
}

uint64_t
saf_link_of(const struct scl *scl, struct slice target)
{
	/* There is one way up, whatever it is called at the moment. */
	return scl->conf.role == SCL_NSCL ? saf_destination_of(target) : 0;
}

/* ---- what a request goes by ---- */

static bool
is_correlation(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~')
			return false;
	return s.n > 0 && s.n <= CORRELATION_MAX;
}

static bool
is_contact(struct slice s)
{
	struct uri u;

	if (s.n == 0 || s.n > CONTACT_MAX || !uri_parse(s, &u))
		return false;
	if (u.scheme.n == 0)
		return u.path.n > 1;
	return uri_is_transport(s);
}

enum rc
saf_admit(struct req *rq)
{
	const struct req_input *in = &rq->in;
	struct saf_tolerance t;
	unsigned rcat;

	if (in->rcat.p != NULL && !saf_parse_rcat(in->rcat, &rcat))
		return req_fail(rq, RC_BAD_REQUEST, "X-etsi-rcat is none of RCAT_0 to RCAT_7");
	if (in->trpdt.p != NULL && !saf_parse_tolerance(in->trpdt, &t))
		return req_fail(rq, RC_BAD_REQUEST,
		                "X-etsi-trpdt is neither a duration nor a time of day");
	if (in->correlation_id.p != NULL && !is_correlation(in->correlation_id))
		return req_fail(rq, RC_BAD_REQUEST,
		                "X-etsi-correlationID is empty, too long or not printable");
	if (in->contact_uri.p != NULL && !is_contact(in->contact_uri))
		return req_fail(rq, RC_BAD_REQUEST,
		                "X-etsi-contactURI is neither an http URI nor a path on this SCL");
	return RC_OK;
}

enum rc
saf_terms_of(struct req *rq, struct saf_terms *terms)
{
	struct saf_book book = { 0 };
	struct saf_tolerance tolerance = { .kind = SAF_UNLIMITED };
	const struct saf_params *params;
	const struct saf_set *set;

	if (saf_has_policies(rq->scl))
		TRY(saf_book_read(rq->scl, rq->tx, &book));
	terms->application = rq->who.normal;
	set = saf_set_of(&book.policy, terms->application);
	if (rq->in.rcat.p == NULL || !saf_parse_rcat(rq->in.rcat, &terms->rcat))
		terms->rcat = saf_default_rcat(&book.policy, set);
	params = saf_params_of(set, terms->rcat);
	if (rq->in.trpdt.p == NULL || !saf_parse_tolerance(rq->in.trpdt, &tolerance))
		tolerance = params != NULL ? params->tolerance : tolerance;
	terms->received = clock_now(rq->scl->clock);
	terms->deadline = saf_deadline(&tolerance, terms->received);
	terms->patient = tolerance.kind != SAF_UNLIMITED || !set->always;
	return RC_OK;
}
