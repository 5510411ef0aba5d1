/* SPDX-License-Identifier: Apache-2.0 */
/* What the source reads of the configuration beside numbers. */
#include "config.h"

#include <stdio.h>

#include "base/uri.h"
#include "cap/pxy/px_source_own.h"

enum rc
source_rigid(const char *const *names, unsigned *bits, char why[CAPABILITY_WHY_MAX])
{
	*bits = 0;
	for (; *names != NULL; names++) {
		struct slice name = slice_of(*names), prefix = SLICE_LIT("RCAT_");
		uint64_t number;

		if (!slice_starts(name, prefix) ||
		    !slice_number(slice_from(name, prefix.n), 31, &number)) {
			snprintf(why, CAPABILITY_WHY_MAX, "proxy.rigid_rcat: %.40s is no category",
			         *names);
			return RC_BAD_REQUEST;
		}
		*bits |= 1u << number;
	}
	return RC_OK;
}

/* What is wrong with it; NULL: nothing. */
static const char *
fault_of(const struct px_parking *s, const struct source_sink *k)
{
	if (slice_starts(slice_of(k->k.name), SLICE_LIT(SOURCE_UPLINK)))
		return "the name is that of an NSCL";
	if (!uri_is_transport(slice_of(k->k.url)))
		return "the url cannot be used";
	for (size_t i = 0; i < s->n_sinks; i++)
		if (strcmp(s->sinks[i].k.url, k->k.url) == 0)
			return "another one has that url";
	for (size_t i = 0; i < s->n_uplinks; i++)
		if (strcmp(s->uplinks[i].sink.k.url, k->k.url) == 0)
			return "the url is that of an NSCL";
	return NULL;
}

static enum rc
add_sink(struct px_parking *s, const struct proxy_sink_conf *c, char why[CAPABILITY_WHY_MAX])
{
	struct source_sink *k = &s->sinks[s->n_sinks];
	const char *why_not;
	struct pre_public p;
	enum rc rc = s->n_sinks == SOURCE_SINKS_MAX ? RC_NO_SPACE : pre_public_read(c->key, &p);

	*k = (struct source_sink){ .configured = true, .id = s->next_id++ };
	if (rc == RC_OK && ((p.parts & PRE_PUBLIC_SECOND) == 0 ||
	                    !slice_copy(slice_of(c->name), k->k.name, sizeof(k->k.name)) ||
	                    !slice_copy(slice_of(c->url), k->k.url, sizeof(k->k.url))))
		rc = RC_BAD_REQUEST;
	if (rc == RC_OK)
		rc = pre_pk_id(slice_make(p.pk2, sizeof(p.pk2)), k->pk_id);
	if (rc != RC_OK) {
		snprintf(why, CAPABILITY_WHY_MAX, "proxy.sinks: %.64s: %s", c->name,
		         rc == RC_NO_SPACE ? "there are too many"
		                           : "name, url or key cannot be used");
		return rc;
	}
	memcpy(k->k.pk2, p.pk2, sizeof(p.pk2));
	why_not = fault_of(s, k);
	if (c->destination != NULL) {
		k->k.destination = saf_relief_destination(slice_of(c->destination));
		if (k->k.destination == 0)
			why_not = "the destination is no URL";
	}
	if (why_not != NULL) {
		snprintf(why, CAPABILITY_WHY_MAX, "proxy.sinks: %.64s: %s", c->name, why_not);
		return RC_BAD_REQUEST;
	}
	s->n_sinks++;
	return RC_OK;
}

static enum rc
make_credential(struct px_parking *s)
{
	const struct proxy_conf *c = s->px->conf;
	const struct credential_files files = { .ca = c->ca_file,
		                                .certificate = c->certificate,
		                                .key = c->key };

	if (c->ca_file == NULL && c->certificate == NULL)
		return RC_OK;
	s->credential = credential_certificate(&files);
	return s->credential == NULL ? RC_UNAVAILABLE : RC_OK;
}

enum rc
source_configure(struct px_parking *s, char why[CAPABILITY_WHY_MAX])
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < s->conf->n_sinks && rc == RC_OK; i++)
		rc = add_sink(s, &s->conf->sinks[i], why);
	return rc == RC_OK ? make_credential(s) : rc;
}
