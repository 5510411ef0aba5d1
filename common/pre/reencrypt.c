/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "pre/reencrypt.h"

#include <stdlib.h>

#include "sec/secret.h"

struct pre_grant {
	struct afgh_epoch_id id;
	uint8_t pk_id[PRE_PK_ID_SIZE];
	struct afgh_rk *rk;
};

enum rc
pre_grant_new(const struct pre_rekey *k, struct pre_grant **out)
{
	struct pre_grant *g = calloc(1, sizeof(*g));
	enum rc rc;

	*out = NULL;
	if (g == NULL)
		return RC_UNAVAILABLE;
	g->id = k->id;
	memcpy(g->pk_id, k->pk_id, sizeof(g->pk_id));
	rc = afgh_rk_load(slice_make(k->rk, sizeof(k->rk)), &g->rk);
	if (rc != RC_OK) {
		free(g);
		return rc;
	}
	*out = g;
	return RC_OK;
}

void
pre_grant_free(struct pre_grant *g)
{
	if (g == NULL)
		return;
	afgh_rk_free(g->rk);
	free(g);
}

bool
pre_grant_fits(const struct pre_grant *g, const struct pre_unit *u)
{
	const struct pre_hdr *h = &u->hdr;

	return (h->type == PRE_MM2 || h->type == PRE_MM1) && h->stream == g->id.stream &&
	       h->epoch == g->id.epoch && memcmp(h->source, g->id.source, sizeof(h->source)) == 0;
}

static enum rc
parse_fitting(const struct pre_grant *g, const struct pre_unit *u, struct pre_mm *m)
{
	return pre_grant_fits(g, u) ? pre_mm_parse(&u->hdr, u->rest, m) : RC_BAD_REQUEST;
}

enum rc
pre_grant_power(const struct pre_grant *g, const struct pre_unit *u,
                const struct sign_public *source, uint8_t d[AFGH_GT])
{
	struct pre_mm m;
	enum rc rc = parse_fitting(g, u, &m);

	memset(d, 0, AFGH_GT);
	if (rc == RC_OK && source != NULL)
		rc = pre_mm_verify(&m, source);
	return rc == RC_OK ? afgh_reencrypt(g->rk, m.c1, d) : rc;
}

enum rc
pre_reencrypt_with(const struct pre_grant *g, const struct pre_unit *u, const uint8_t d[AFGH_GT],
                   struct slice sink, struct buf *to)
{
	struct pre_unit out = *u;
	size_t before = to->n;
	struct pre_mm m;
	enum rc rc = parse_fitting(g, u, &m);

	if (rc == RC_OK && !pre_sink_ok(sink))
		rc = RC_BAD_REQUEST;
	if (rc != RC_OK)
		return rc;
	out.hdr.type = PRE_MM1;
	out.sink = sink;
	rc = pre_unit_begin(&out, to);
	if (rc == RC_OK)
		rc = pre_mm1_make(&m, g->pk_id, d, to);
	if (rc != RC_OK)
		to->n = before;
	return rc;
}

enum rc
pre_reencrypt(const struct pre_grant *g, const struct pre_unit *u, const struct sign_public *source,
              struct slice sink, struct buf *to)
{
	uint8_t d[AFGH_GT];
	enum rc rc = pre_grant_power(g, u, source, d);

	if (rc == RC_OK)
		rc = pre_reencrypt_with(g, u, d, sink, to);
	secret_wipe(d, sizeof(d));
	return rc;
}
