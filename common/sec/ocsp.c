/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sec/ocsp.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ocsp.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"
#include "base/uri.h"

#define NONCE 32 /* RFC 9654: what clients send */
#define SKEW 300 /* seconds that the clocks may differ */
#define STRENGTH 2 /* of OpenSSL: 112 bits, as for the certificates of listeners */

struct ocsp_question {
	X509 *issuer;
	OCSP_CERTID *id;
	OCSP_REQUEST *request;
	unsigned char *der; /* of request */
	size_t n_der;
	char uri[OCSP_URI_MAX + 1]; /* "": none */
	uint8_t name[OCSP_NAME];
};

/* ---- the question ---- */

static X509 *
certificate_of(struct slice der)
{
	const unsigned char *at = (const unsigned char *)der.p;
	X509 *crt = der.n == 0 || der.n > LONG_MAX ? NULL : d2i_X509(NULL, &at, (long)der.n);

	if (crt != NULL && at == (const unsigned char *)der.p + der.n)
		return crt;
	X509_free(crt);
	return NULL;
}

static bool
has_issued(X509 *issuer, X509 *crt)
{
	return X509_NAME_cmp(X509_get_subject_name(issuer), X509_get_issuer_name(crt)) == 0 &&
	       X509_verify(crt, X509_get0_pubkey(issuer)) == 1;
}

bool
ocsp_uri_ok(struct slice uri)
{
	struct uri u;

	return uri.n <= OCSP_URI_MAX && uri_is_absolute(uri) && uri_parse(uri, &u) &&
	       u.host.n > 0 && u.scheme.n == 4 && strncasecmp(u.scheme.p, "http", 4) == 0;
}

static void
take_uri(struct ocsp_question *q, X509 *crt)
{
	STACK_OF(OPENSSL_STRING) *all = X509_get1_ocsp(crt);

	for (int i = 0; i < sk_OPENSSL_STRING_num(all) && q->uri[0] == '\0'; i++) {
		struct slice uri = slice_of(sk_OPENSSL_STRING_value(all, i));

		if (ocsp_uri_ok(uri))
			memcpy(q->uri, uri.p, uri.n);
	}
	X509_email_free(all);
}

/* The id is by SHA-1, which every responder knows (RFC 5019); nothing depends on its strength. */
static bool
make_request(struct ocsp_question *q, X509 *crt)
{
	OCSP_CERTID *id;
	int n;

	q->id = OCSP_cert_to_id(EVP_sha1(), crt, q->issuer);
	q->request = OCSP_REQUEST_new();
	id = q->id == NULL ? NULL : OCSP_CERTID_dup(q->id);
	if (q->request == NULL || id == NULL || OCSP_request_add0_id(q->request, id) == NULL) {
		OCSP_CERTID_free(id);
		return false;
	}
	if (OCSP_request_add1_nonce(q->request, NULL, NONCE) != 1)
		return false;
	n = i2d_OCSP_REQUEST(q->request, &q->der);
	q->n_der = n > 0 ? (size_t)n : 0;
	return n > 0;
}

static enum rc
fill(struct ocsp_question *q, X509 *crt)
{
	unsigned n;

	if (crt == NULL || q->issuer == NULL || !has_issued(q->issuer, crt))
		return RC_BAD_REQUEST;
	if (X509_digest(crt, EVP_sha256(), q->name, &n) != 1 || !make_request(q, crt))
		return RC_UNAVAILABLE;
	take_uri(q, crt);
	return RC_OK;
}

enum rc
ocsp_question_new(struct slice certificate, struct slice issuer, struct ocsp_question **out)
{
	struct ocsp_question *q = calloc(1, sizeof(*q));
	X509 *crt;
	enum rc rc;

	if (q == NULL)
		return RC_UNAVAILABLE;
	crt = certificate_of(certificate);
	q->issuer = certificate_of(issuer);
	rc = fill(q, crt);
	X509_free(crt);
	ERR_clear_error();
	if (rc == RC_OK) {
		*out = q;
		return RC_OK;
	}
	ocsp_question_free(q);
	return rc;
}

void
ocsp_question_free(struct ocsp_question *q)
{
	if (q == NULL)
		return;
	X509_free(q->issuer);
	OCSP_CERTID_free(q->id);
	OCSP_REQUEST_free(q->request);
	OPENSSL_free(q->der);
	free(q);
}

struct slice
ocsp_question_request(const struct ocsp_question *q)
{
	return slice_make(q->der, q->n_der);
}

struct slice
ocsp_question_uri(const struct ocsp_question *q)
{
	return slice_of(q->uri);
}

const uint8_t *
ocsp_question_name(const struct ocsp_question *q)
{
	return q->name;
}

/* ---- the signature ---- */

/* Responders sign what a stranger has chosen, the nonce: collisions would be of use. */
static bool
is_strong(const OCSP_BASICRESP *basic)
{
	static const int good[] = { NID_ecdsa_with_SHA256,
		                    NID_ecdsa_with_SHA384,
		                    NID_ecdsa_with_SHA512,
		                    NID_sha256WithRSAEncryption,
		                    NID_sha384WithRSAEncryption,
		                    NID_sha512WithRSAEncryption,
		                    NID_ED25519,
		                    NID_ED448 };
	const ASN1_OBJECT *algorithm;
	int nid;

	X509_ALGOR_get0(&algorithm, NULL, NULL, OCSP_resp_get0_tbs_sigalg(basic));
	nid = OBJ_obj2nid(algorithm);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (nid == good[i])
			return true;
	return false;
}

/* The issuer is all that is trusted, whatever its own place in the chain is. */
static X509_STORE *
store_of(const struct ocsp_question *q, time_t now)
{
	X509_STORE *store = X509_STORE_new();
	X509_VERIFY_PARAM *param = store == NULL ? NULL : X509_STORE_get0_param(store);

	if (store == NULL)
		return NULL;
	X509_VERIFY_PARAM_set_time(param, now);
	X509_VERIFY_PARAM_set_auth_level(param, STRENGTH);
	if (X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN) == 1 &&
	    X509_STORE_add_cert(store, q->issuer) == 1)
		return store;
	X509_STORE_free(store);
	return NULL;
}

static bool
is_signed(const struct ocsp_question *q, OCSP_BASICRESP *basic, time_t now)
{
	X509_STORE *store = store_of(q, now);
	STACK_OF(X509) *known = sk_X509_new_null();
	bool ok = store != NULL && known != NULL && sk_X509_push(known, q->issuer) > 0;

	ok = ok && is_strong(basic) && OCSP_basic_verify(basic, known, store, OCSP_NOEXPLICIT) > 0;
	sk_X509_free(known);
	X509_STORE_free(store);
	return ok;
}

/* ---- what it says ---- */

/* The one answer about the certificate; NULL: none, or several. */
static OCSP_SINGLERESP *
single_of(const struct ocsp_question *q, OCSP_BASICRESP *basic)
{
	int at = OCSP_resp_find(basic, q->id, -1);

	return at < 0 || OCSP_resp_find(basic, q->id, at) >= 0 ? NULL : OCSP_resp_get0(basic, at);
}

static bool
read_time(const ASN1_GENERALIZEDTIME *t, time_t *out)
{
	struct tm tm;

	if (t == NULL || ASN1_TIME_to_tm(t, &tm) != 1)
		return false;
	*out = timegm(&tm);
	return *out != (time_t)-1;
}

/* Without a nextUpdate newer information is there at any time: then it has to be of now. */
static bool
is_current(const ASN1_GENERALIZEDTIME *this_update, const ASN1_GENERALIZEDTIME *next_update,
           time_t now, int64_t *until)
{
	time_t from, to;

	*until = 0;
	if (!read_time(this_update, &from) || from > now + SKEW)
		return false;
	if (next_update == NULL)
		return from >= now - SKEW;
	if (!read_time(next_update, &to) || to < from || to <= now - SKEW)
		return false;
	*until = to * CLOCK_SECOND;
	return true;
}

static const char *
judge_single(OCSP_SINGLERESP *single, time_t now, int64_t *until)
{
	ASN1_GENERALIZEDTIME *this_update = NULL, *next_update = NULL;
	int status = OCSP_single_get0_status(single, NULL, NULL, &this_update, &next_update);

	if (OCSP_SINGLERESP_get_ext_by_critical(single, 1, -1) >= 0)
		return "OCSP_MALFORMED";
	if (!is_current(this_update, next_update, now, until))
		return "OCSP_STALE";
	if (status == V_OCSP_CERTSTATUS_GOOD)
		return NULL;
	return status == V_OCSP_CERTSTATUS_REVOKED ? "OCSP_REVOKED" : "OCSP_UNKNOWN";
}

static const char *
judge_basic(const struct ocsp_question *q, OCSP_BASICRESP *basic, time_t now, int64_t *until)
{
	OCSP_SINGLERESP *single;

	if (!is_signed(q, basic, now))
		return "OCSP_SIGNATURE";
	if (OCSP_check_nonce(q->request, basic) != 1)
		return "OCSP_NONCE";
	if (OCSP_BASICRESP_get_ext_by_critical(basic, 1, -1) >= 0)
		return "OCSP_MALFORMED";
	single = single_of(q, basic);
	return single == NULL ? "OCSP_OTHER" : judge_single(single, now, until);
}

static const char *
judge_response(const struct ocsp_question *q, OCSP_RESPONSE *response, time_t now, int64_t *until)
{
	OCSP_BASICRESP *basic;
	const char *token = "OCSP_MALFORMED";

	if (OCSP_response_status(response) != OCSP_RESPONSE_STATUS_SUCCESSFUL)
		return "OCSP_NO_ANSWER";
	basic = OCSP_response_get1_basic(response);
	if (basic != NULL)
		token = judge_basic(q, basic, now, until);
	OCSP_BASICRESP_free(basic);
	return token;
}

const char *
ocsp_judge(const struct ocsp_question *q, struct slice answer, int64_t now, int64_t *until)
{
	const unsigned char *at = (const unsigned char *)answer.p;
	OCSP_RESPONSE *response = NULL;
	const char *token = "OCSP_MALFORMED";

	*until = 0;
	if (answer.n > 0 && answer.n <= LONG_MAX)
		response = d2i_OCSP_RESPONSE(NULL, &at, (long)answer.n);
	if (response != NULL && at == (const unsigned char *)answer.p + answer.n)
		token = judge_response(q, response, (time_t)(now / CLOCK_SECOND), until);
	OCSP_RESPONSE_free(response);
	ERR_clear_error();
	return token;
}
