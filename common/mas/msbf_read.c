/* SPDX-License-Identifier: Apache-2.0 */
/* What a request for bootstrapParamSet says and proves: serving thread, without the store. */
#include "config.h"

#include "mas/msbf_boot.h"

#include "mas/ival_doc.h"

#define VARIANT_NAME_MAX 32
#define CERTIFICATE_MAX 8192u /* octets */

/* ---- parameters ---- */

static enum rc
bad_param(struct boot *b)
{
	return endpoint_refuse(b->rq, RC_BAD_REQUEST, SLICE_LIT("BAD_PARAM"));
}

static enum rc
take_ppid(struct boot *b, struct slice value)
{
	enum ppid_fault fault = ppid_parse(value, b->m->conf.local_mac, &b->ppid);

	if (fault != PPID_OK)
		return endpoint_refuse(b->rq, RC_BAD_REQUEST, slice_of(ppid_token(fault)));
	return ppid_hash(&b->ppid, b->hash);
}

static enum rc
take_scl_id(struct boot *b, struct slice value)
{
	return scl_id_ok(value) && string_set(b->scl_id, MAS_SCL_ID_MAX, value) ? RC_OK
	                                                                        : bad_param(b);
}

/* Anything that could be the name of a variant, but is none here, is one that is off. */
static bool
could_be_name(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != '_' && (s.p[i] < 'a' || s.p[i] > 'z') &&
		    (s.p[i] < '0' || s.p[i] > '9'))
			return false;
	return s.n > 0 && s.n <= VARIANT_NAME_MAX;
}

static enum rc
take_mode(struct boot *b, struct slice value)
{
	if (!could_be_name(value))
		return bad_param(b);
	b->mode = msbf_mode_of(value);
	if (b->mode != NULL)
		return RC_OK;
	return endpoint_refuse(b->rq, RC_NOT_IMPLEMENTED, SLICE_LIT("VARIANT_OFF"));
}

static const struct parameter {
	const char *name;
	enum rc (*take)(struct boot *b, struct slice value);
	bool post; /* of POST alone */
	bool required;
} parameters[] = {
	{ "ppid", take_ppid, false, true },
	{ "sclId", take_scl_id, true, false },
	{ "kmr", take_mode, true, false },
};

#define PARAMETERS (sizeof(parameters) / sizeof(parameters[0]))

/* Every name in the query is one of ours. */
static bool
names_ok(const struct boot *b)
{
	struct slice rest = endpoint_query(b->rq), pair, name;

	while (slice_split(&rest, '&', &pair)) {
		unsigned i = 0;

		slice_split(&pair, '=', &name);
		while (i < PARAMETERS && !slice_is(name, parameters[i].name))
			i++;
		if (i == PARAMETERS || (parameters[i].post && b->op != BOOT_POST))
			return false;
	}
	return true;
}

static enum rc
read_parameters(struct boot *b)
{
	if (!names_ok(b))
		return bad_param(b);
	for (unsigned i = 0; i < PARAMETERS; i++) {
		struct slice value;
		enum rc rc = endpoint_parameter(b->rq, parameters[i].name, &value);

		if (rc != RC_OK)
			return rc;
		if (value.p == NULL && parameters[i].required)
			return bad_param(b);
		rc = value.p == NULL ? RC_OK : parameters[i].take(b, value);
		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}

/* ---- body and headers ---- */

static enum rc
read_body(struct boot *b, const struct req_input *in)
{
	enum rc rc;

	if (b->op != BOOT_POST || in->body.n == 0)
		return RC_OK;
	rc = ival_doc_read(req_arena(b->rq), in->content_type, in->body, &b->ival);
	if (rc == RC_OK) {
		b->has_ival = true;
		b->ival_signature = in->ival_signature;
		return RC_OK;
	}
	return endpoint_refuse(b->rq, rc,
	                       rc == RC_BAD_REQUEST ? SLICE_LIT("XSD_INVALID") : SLICE_NONE);
}

static enum rc
read_nonce(struct boot *b, const struct req_input *in)
{
	if (in->nonce.p == NULL)
		return RC_OK;
	b->has_nonce = reject_nonce_parse(in->nonce, b->nonce);
	return b->has_nonce ? RC_OK : bad_param(b);
}

enum rc
msbf_boot_read(struct boot *b, const struct req_input *in)
{
	enum rc rc = read_parameters(b);

	b->mode = b->mode == NULL ? msbf_mode_of(SLICE_NONE) : b->mode;
	if (rc == RC_OK)
		rc = read_nonce(b, in);
	return rc == RC_OK ? read_body(b, in) : rc;
}

/* ---- proof ---- */

static void
not_proved(struct boot *b, const char *truth)
{
	b->before = (struct msbf_refusal){ RC_DENIED, "AUTH_FAILED", truth };
}

static void
keep_key(struct boot *b, const struct peer *peer)
{
	memcpy(b->fingerprint, peer->fingerprint, PEER_FINGERPRINT);
	if (peer->spki.n > DEVICE_SPKI_MAX || peer->spki.p == NULL)
		return;
	memcpy(b->spki, peer->spki.p, peer->spki.n);
	b->n_spki = peer->spki.n;
}

/* NULL: there is none, for it is not known who has issued the certificate. */
static struct ocsp_question *
question_about(const struct peer *peer)
{
	struct ocsp_question *q = NULL;
	struct buf own, issuer;

	buf_init(&own, CERTIFICATE_MAX);
	buf_init(&issuer, CERTIFICATE_MAX);
	if (peer->certificate != NULL && peer->certificate(peer, false, &own) == RC_OK &&
	    peer->certificate(peer, true, &issuer) == RC_OK)
		(void)ocsp_question_new(buf_view(&own), buf_view(&issuer), &q);
	buf_fini(&own);
	buf_fini(&issuer);
	return q;
}

/* Nobody is asked about a certificate that is not good without that, or names another device. */
static void
prepare_ocsp(struct boot *b, const struct peer *peer)
{
	const struct msbf_ocsp *o = b->m->ocsp;
	struct ocsp_question *q;

	if (o == NULL || b->before.rc != RC_OK || peer->kind != PEER_CERTIFICATE)
		return;
	q = question_about(peer);
	if (q != NULL && msbf_ocsp_responder(o, q).n > 0) {
		b->question = q;
		return;
	}
	b->before = (struct msbf_refusal){ RC_FORBIDDEN, "AUTH_FAILED",
		                           q == NULL ? "OCSP_NO_ISSUER" : "OCSP_NO_RESPONDER" };
	ocsp_question_free(q);
}

/* A node may also give up what it has in a session of its Kmr. */
static bool
is_session_a(struct boot *b, const struct peer *peer)
{
	struct psk_id id;

	if (b->op != BOOT_DELETE || peer == NULL || peer->kind != PEER_PSK ||
	    !psk_id_parse(peer->psk_identity, &id) || id.kind != PSK_MR)
		return false;
	b->by_node = id.node;
	return true;
}

void
msbf_boot_prove(struct boot *b, const struct peer *peer)
{
	if (peer != NULL)
		(void)string_set(b->source, MAS_SOURCE_MAX, peer->address);
	if (is_session_a(b, peer))
		return;
	b->variant = peer == NULL ? NULL : msbf_variant_of(peer);
	if (b->variant == NULL) {
		not_proved(b, peer != NULL && peer->kind == PEER_PSK ? "OTHER_SESSION"
		                                                     : "NO_CERTIFICATE");
		return;
	}
	b->variant->authenticate(peer, &b->ppid, b->m->conf.local_mac, &b->before);
	keep_key(b, peer);
	b->proved = b->before.rc == RC_OK;
	if (b->before.rc == RC_OK && b->op == BOOT_POST &&
	    b->variant->secret(peer, &b->secret) != RC_OK)
		not_proved(b, "NO_EXPORTER");
	prepare_ocsp(b, peer);
}
