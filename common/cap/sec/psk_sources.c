/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sec/psk_sources.h"

#include "core/peer.h"

enum rc
psk_sources_add(struct psk_sources *s, enum psk_kind kind, const struct sec_psk *source)
{
	if (kind != PSK_GA && kind != PSK_MP)
		return RC_BAD_REQUEST;
	if (psk_sources_of(s, kind) != NULL)
		return RC_CONFLICT;
	s->of[kind] = *source;
	return RC_OK;
}

const struct sec_psk *
psk_sources_of(const struct psk_sources *s, enum psk_kind kind)
{
	return s == NULL || kind >= PSK_KINDS || s->of[kind].find == NULL ? NULL : &s->of[kind];
}

bool
psk_sources_node(const struct psk_sources *s, const struct peer *p, struct node_id *out)
{
	const struct sec_psk *source;
	struct psk_id id;

	*out = (struct node_id){ { 0 } };
	if (p == NULL || p->kind != PEER_PSK || !psk_id_parse(p->psk_identity, &id))
		return false;
	source = psk_sources_of(s, id.kind);
	return source != NULL && source->stands(source->arg, &id) &&
	       source->node(source->arg, &id, out);
}
