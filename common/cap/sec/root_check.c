/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sec/root_check.h"

#include <stdio.h>
#include <strings.h>

#include "base/clock.h"
#include "base/uri.h"

#define LIFETIME_MIN (3600 * CLOCK_SECOND)

static bool
ends_with(struct slice host, struct slice domain)
{
	return host.n >= domain.n && domain.n > 0 &&
	       strncasecmp(host.p + host.n - domain.n, domain.p, domain.n) == 0;
}

/* host is the domain, or below it. */
static bool
in_domain(struct slice host, struct slice domain)
{
	return ends_with(host, domain) &&
	       (host.n == domain.n || host.p[host.n - domain.n - 1] == '.');
}

/* What is left without the first label, when that is still a domain of two; else the name itself. */
static struct slice
domain_of(struct slice name)
{
	const char *dot = name.n == 0 ? NULL : memchr(name.p, '.', name.n);
	struct slice rest = dot == NULL ? SLICE_NONE : slice_from(name, (size_t)(dot - name.p) + 1);

	/* Of an address nothing is left out. */
	if (rest.n == 0 || memchr(rest.p, '.', rest.n) == NULL ||
	    (rest.p[rest.n - 1] >= '0' && rest.p[rest.n - 1] <= '9'))
		return name;
	return rest;
}

static bool
is_allowed(struct slice uri, const struct root_terms *t)
{
	struct uri u;

	if (uri.n > NODE_URI_MAX || !uri_is_transport(uri) || !uri_parse(uri, &u) ||
	    u.query.p != NULL)
		return false;
	if (t->domains == NULL)
		return t->msbf_id == NULL || in_domain(u.host, domain_of(slice_of(t->msbf_id)));
	for (const char *const *d = t->domains; *d != NULL; d++)
		if (in_domain(u.host, slice_of(*d)))
			return true;
	return false;
}

static bool
nscls_allowed(const struct bootstrap_set *set, const struct root_terms *t)
{
	for (unsigned i = 0; i < set->n_nscls; i++)
		if (!is_allowed(set->nscls[i], t))
			return false;
	return true;
}

static bool
node_known(const struct bootstrap_set *set, const struct root_terms *t)
{
	/* What an administrator imports may be an id of another maker. */
	return node_id_ok(&set->node) || t->msbf_id == NULL ||
	       (t->held->kmr_index != 0 && node_id_eq(&set->node, &t->held->node));
}

enum rc
root_check(const struct bootstrap_set *set, const struct root_terms *t, const char **element)
{
	const char *wrong = NULL;

	if (!node_known(set, t))
		wrong = "securityM2MNodeId";
	else if (!node_keys_is_next(t->keys, &set->node, set->kmr_index) ||
	         (node_id_eq(&set->node, &t->held->node) && set->kmr_index <= t->held->kmr_index))
		wrong = "securityKmrIndex";
	else if (set->expires - t->now < LIFETIME_MIN)
		wrong = "securityLifetime";
	else if (set->mas.n > NODE_URI_MAX)
		wrong = "securityMasFqdn";
	else if ((set->key.n > 0) != t->with_key)
		wrong = "securityM2MKey";
	else if ((set->scl_id.n > 0 && !slice_is(set->scl_id, t->scl_id)) ||
	         strlen(t->scl_id) > MAS_SCL_ID_MAX)
		wrong = "sclId";
	else if (!nscls_allowed(set, t))
		wrong = "sclIdList";
	*element = wrong == NULL ? "" : wrong;
	return wrong == NULL ? RC_OK : RC_BAD_REQUEST;
}

void
root_of_set(const struct bootstrap_set *set, const struct root_terms *t, struct node_root *out)
{
	*out = (struct node_root){ .node = set->node, .kmr_index = set->kmr_index,
		                   .created = t->now, .expires = set->expires,
		                   .n_nscls = set->n_nscls };
	snprintf(out->scl_id, sizeof(out->scl_id), "%s", t->scl_id);
	snprintf(out->mas, sizeof(out->mas), "%.*s", (int)set->mas.n, set->mas.n > 0 ? set->mas.p : "");
	for (unsigned i = 0; i < set->n_nscls; i++) {
		struct slice uri = set->nscls[i];

		while (uri.n > 0 && uri.p[uri.n - 1] == '/')
			uri.n--;
		snprintf(out->nscls[i], sizeof(out->nscls[i]), "%.*s", (int)uri.n, uri.p);
	}
}
