/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "mas/msbf_variant.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define PPID_URN "urn:m2m:ppid:"

/* ---- B6: the certificate of the device ---- */

static bool
is_certificate(const struct peer *peer)
{
	return peer->kind == PEER_CERTIFICATE;
}

/* Exactly one PPID in the certificate, and that one. */
static bool
names_ppid(const struct peer *peer, const struct ppid *ppid, bool local_mac)
{
	unsigned found = 0, same = 0;

	for (size_t i = 0; i < peer->n_uris; i++) {
		struct ppid other;

		if (!slice_starts(peer->uris[i], SLICE_LIT(PPID_URN)))
			continue;
		found++;
		same += ppid_parse(slice_from(peer->uris[i], sizeof(PPID_URN) - 1), local_mac,
		                   &other) == PPID_OK &&
		        slice_eq(ppid_octets(&other), ppid_octets(ppid));
	}
	return found == 1 && same == 1;
}

static void
by_certificate(const struct peer *peer, const struct ppid *ppid, bool local_mac,
               struct msbf_refusal *refusal)
{
	if (!names_ppid(peer, ppid, local_mac))
		*refusal = (struct msbf_refusal){ RC_FORBIDDEN, "AUTH_FAILED", "OTHER_PPID" };
}

static enum rc
from_exporter(const struct peer *peer, struct key *out)
{
	return peer->exporter == NULL
	               ? RC_DENIED
	               : peer->exporter(peer, M2M_EXPORTER_BOOTSTRAP, out->v, KEY_BYTES);
}

static const struct msbf_variant variants[] = {
	{ "tls", "B6", is_certificate, by_certificate, from_exporter },
};

const struct msbf_variant *
msbf_variant_of(const struct peer *peer)
{
	for (size_t i = 0; i < N(variants); i++)
		if (variants[i].is_for(peer))
			return &variants[i];
	return NULL;
}

/* ---- modes ---- */

static enum rc
derived(const struct msbf_terms *t, struct key *kmr)
{
	return kmr_derive(t->secret, t->ppid, t->node, t->kmr_index, t->msbf_id, kmr);
}

static enum rc
drawn(const struct msbf_terms *t, struct key *kmr)
{
	(void)t;
	return key_random(kmr);
}

static const struct msbf_mode modes[] = {
	{ "derive", derived, false },
	{ "transport", drawn, true },
};

const struct msbf_mode *
msbf_mode_of(struct slice name)
{
	for (size_t i = 0; i < N(modes); i++)
		if (name.n == 0 || slice_is(name, modes[i].name))
			return &modes[i];
	return NULL;
}

void
msbf_variants_list(struct buf *b)
{
	buf_puts(b, ",\"variants\":[");
	for (size_t i = 0; i < N(variants); i++)
		buf_printf(b, "%s\"%s\"", i == 0 ? "" : ",", variants[i].name);
	buf_puts(b, "],\"modes\":[");
	for (size_t i = 0; i < N(modes); i++)
		buf_printf(b, "%s\"%s\"", i == 0 ? "" : ",", modes[i].name);
	buf_char(b, ']');
}
