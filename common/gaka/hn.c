/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "gaka/hn.h"

#include "base/be.h"
#include "gaka/keys.h"
#include "gaka/message_own.h"

#define COUNT_AT (GAKA_T3_MIN - 2) /* behind W */

enum rc
gaka_sqn_next(uint64_t *sqn, bool resync)
{
	uint64_t by = resync ? GAKA_RESYNC : 1;

	if (*sqn > UINT64_MAX - by)
		return RC_NO_SPACE;
	*sqn += by;
	return RC_OK;
}

/* ---- one device ---- */

static enum rc
vector_make(const struct gaka_hn_terms *terms, struct gaka_vector *v)
{
	const struct gaka_aka a = { terms->ka, &v->rand, terms->sn, terms->sqn };
	uint8_t res[GAKA_TAG_SIZE];
	enum rc rc = RC_OK;

	if (terms->rand != NULL)
		v->rand = *terms->rand;
	else
		rc = secret_random(v->rand.v, GAKA_RAND_SIZE);
	if (rc == RC_OK)
		rc = gaka_autn(&a, v->autn);
	if (rc == RC_OK)
		rc = gaka_res(&a, res);
	if (rc == RC_OK)
		rc = gaka_hxres(&v->rand, res, v->hxres);
	if (rc == RC_OK)
		rc = gaka_ks(&a, &v->ks);
	secret_wipe(res, sizeof(res));
	return rc;
}

/* Who asks is who it says, and there is something to answer with. */
static enum rc
asked(const struct node_id *sn, const struct gaka_hn_terms *terms)
{
	if (!node_id_eq(sn, terms->sn))
		return RC_FORBIDDEN;
	return terms->sqn == 0 ? RC_BAD_REQUEST : RC_OK;
}

enum rc
gaka_hn_single(const struct gaka_t10 *t10, const struct gaka_hn_terms *terms,
               uint8_t out[GAKA_T11_SIZE])
{
	struct gaka_t11 t11 = { .expiry = terms->expiry };
	enum rc rc = asked(&t10->sn, terms);

	if (rc == RC_OK)
		rc = vector_make(terms, &t11.vector);
	if (rc == RC_OK)
		gaka_t11_write(&t11, out);
	else
		secret_wipe(out, GAKA_T11_SIZE);
	gaka_t11_wipe(&t11);
	return rc;
}

/* ---- a group ---- */

static struct gaka_part
part_of(const struct gaka_hn *h, uint64_t iv)
{
	return (struct gaka_part){ &h->gid, &h->rand, &h->sn, iv, h->w };
}

/* All before the members but the header: it is no message yet. */
static enum rc
head(struct gaka_hn *h, const struct gaka_hn_terms *terms, const struct key *gak)
{
	struct gaka_vector v = { 0 };
	struct key gtk = { { 0 } };
	struct gaka_part part;
	uint8_t *p;
	enum rc rc = vector_make(terms, &v);

	h->rand = v.rand;
	part = part_of(h, 0);
	if (rc == RC_OK)
		rc = gaka_gtk(gak, &part, &gtk);
	p = gaka_vector_put(h->to + GAKA_HEADER_SIZE, &v);
	p = gaka_put(p, gtk.v, KEY_BYTES);
	p = be_put(p, terms->expiry, 8);
	be_put(p, h->w, 2);
	secret_wipe(&v, sizeof(v));
	key_wipe(&gtk);
	return rc;
}

enum rc
gaka_hn_begin(struct gaka_hn *h, const struct gaka_t2 *t2, const struct gaka_hn_terms *terms,
              const struct gaka_hn_group *group, void *to, size_t size)
{
	enum rc rc = asked(&t2->sn, terms);

	*h = (struct gaka_hn){
		.to = to,
		.size = size,
		.n = GAKA_T3_MIN,
		.gid = t2->gid,
		.sn = t2->sn,
		.leader = t2->leader,
		.w = t2->w < group->w ? t2->w : group->w,
	};
	memset(to, 0, size);
	if (rc == RC_OK && h->w == 0)
		rc = RC_BAD_REQUEST;
	if (rc == RC_OK && size < GAKA_T3_MIN)
		rc = RC_NO_SPACE;
	if (rc == RC_OK)
		rc = head(h, terms, group->gak);
	if (rc != RC_OK)
		gaka_hn_drop(h);
	return rc;
}

/* Whether that member can come next. */
static enum rc
may_add(const struct gaka_hn *h, const struct node_id *id, uint64_t iv)
{
	if (h->to == NULL || iv < GAKA_IV_FIRST || node_id_eq(id, &h->leader) ||
	    (h->count > 0 && memcmp(h->last.v, id->v, NODE_ID_BYTES) >= 0))
		return RC_BAD_REQUEST;
	if (h->count == GAKA_MEMBERS_MAX || h->size - h->n < GAKA_T3_MEMBER)
		return RC_NO_SPACE;
	return gaka_iv_ok(iv, h->w) ? RC_OK : RC_EXPIRED;
}

enum rc
gaka_hn_add(struct gaka_hn *h, const struct node_id *id, const struct key *ka, uint64_t *iv)
{
	const struct gaka_part part = part_of(h, *iv);
	struct key xk;
	uint8_t *p;
	enum rc rc = may_add(h, id, *iv);

	if (rc == RC_OK)
		rc = gaka_xk(ka, &part, &xk);
	if (rc != RC_OK)
		return rc;
	p = gaka_put(h->to + h->n, id->v, NODE_ID_BYTES);
	gaka_put(be_put(p, *iv, 8), xk.v, KEY_BYTES);
	key_wipe(&xk);
	h->n += GAKA_T3_MEMBER;
	h->last = *id;
	h->count++;
	*iv += h->w;
	return RC_OK;
}

struct slice
gaka_hn_end(struct gaka_hn *h)
{
	struct slice message = slice_make(h->to, h->n);

	if (h->to == NULL)
		return SLICE_NONE;
	be_put(h->to + COUNT_AT, h->count, 2);
	gaka_header(GAKA_T3, h->n, h->to);
	*h = (struct gaka_hn){ 0 };
	return message;
}

void
gaka_hn_drop(struct gaka_hn *h)
{
	if (h->to != NULL)
		secret_wipe(h->to, h->size);
	*h = (struct gaka_hn){ 0 };
}
