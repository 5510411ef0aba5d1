/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ocsp_bed.h"

#include <check.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

/* ---- certificates ---- */

struct issued ca, other_ca, twin_ca, devices[OCSP_DEVICES], bare, delegate, expired, weak,
	purposeless, other_delegate;

struct extension {
	int nid;
	const char *value;
};

static void
extend(X509 *crt, const struct extension *all)
{
	for (; all->value != NULL; all++) {
		X509_EXTENSION *one = X509V3_EXT_conf_nid(NULL, NULL, all->nid, all->value);

		ck_assert_ptr_nonnull(one);
		ck_assert_int_eq(X509_add_ext(crt, one, -1), 1);
		X509_EXTENSION_free(one);
	}
}

struct wanted {
	const char *name;
	const struct issued *issuer; /* NULL: itself */
	const struct extension *extensions;
	int64_t until; /* days from OCSP_NOW; 0: 10 */
	unsigned bits; /* of an RSA key; 0: P-256 */
};

static void
issue(struct issued *out, const struct wanted *w)
{
	static long serial;
	X509_NAME *name;

	out->key = w->bits > 0 ? EVP_RSA_gen(w->bits) : EVP_EC_gen("P-256");
	out->crt = X509_new();
	ck_assert(out->crt != NULL && out->key != NULL);
	X509_set_version(out->crt, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(out->crt), ++serial);
	ASN1_TIME_set(X509_getm_notBefore(out->crt), OCSP_NOW - 20 * OCSP_DAY);
	ASN1_TIME_set(X509_getm_notAfter(out->crt),
	              OCSP_NOW + (w->until == 0 ? 10 : w->until) * OCSP_DAY);
	X509_set_pubkey(out->crt, out->key);
	name = X509_get_subject_name(out->crt);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)w->name, -1, -1,
	                           0);
	X509_set_issuer_name(out->crt,
	                     X509_get_subject_name(w->issuer == NULL ? out->crt : w->issuer->crt));
	extend(out->crt, w->extensions);
	ck_assert_int_gt(
		X509_sign(out->crt, w->issuer == NULL ? out->key : w->issuer->key, EVP_sha256()),
		0);
	out->n = i2d_X509(out->crt, &out->der);
	ck_assert_int_gt(out->n, 0);
}

void
issue_all(void)
{
	static const struct extension root[] = { { NID_basic_constraints, "critical,CA:TRUE" },
		                                 { 0 } };
	static const struct extension named[] = {
		{ NID_info_access, "OCSP;URI:https://no.example,OCSP;URI:ldap://no.example,"
		                   "OCSP;URI:" OCSP_URI ",OCSP;URI:http://second.example" },
		{ 0 }
	};
	static const struct extension none[] = { { 0 } };
	static const struct extension signs[] = { { NID_ext_key_usage, "OCSPSigning" }, { 0 } };
	static const struct extension serves[] = { { NID_ext_key_usage, "serverAuth" }, { 0 } };

	issue(&ca, &(struct wanted){ .name = "ca", .extensions = root });
	issue(&other_ca, &(struct wanted){ .name = "other ca", .extensions = root });
	issue(&twin_ca, &(struct wanted){ .name = "ca", .extensions = root });
	for (unsigned i = 0; i < OCSP_DEVICES; i++)
		issue(&devices[i], &(struct wanted){ "device", &ca, named, 0, 0 });
	issue(&bare, &(struct wanted){ "bare", &ca, none, 0, 0 });
	issue(&delegate, &(struct wanted){ "responder", &ca, signs, 0, 0 });
	issue(&expired, &(struct wanted){ "expired", &ca, signs, -1, 0 });
	issue(&weak, &(struct wanted){ "weak", &ca, signs, 0, 1024 });
	issue(&purposeless, &(struct wanted){ "server", &ca, serves, 0, 0 });
	issue(&other_delegate, &(struct wanted){ "other responder", &other_ca, signs, 0, 0 });
}

struct slice
der_of(const struct issued *i)
{
	return slice_make(i->der, (size_t)i->n);
}

/* ---- answers ---- */

static OCSP_SINGLERESP *
add_status(OCSP_BASICRESP *basic, OCSP_CERTID *id, const struct wish *w)
{
	ASN1_TIME *from = ASN1_GENERALIZEDTIME_set(NULL, OCSP_NOW - w->age);
	ASN1_TIME *to = w->left == 0 ? NULL : ASN1_GENERALIZEDTIME_set(NULL, OCSP_NOW + w->left);
	OCSP_SINGLERESP *single = OCSP_basic_add1_status(basic, id, w->status, 0, from, from, to);

	ck_assert_ptr_nonnull(single);
	ASN1_TIME_free(from);
	ASN1_TIME_free(to);
	return single;
}

static X509_EXTENSION *
unheard_of(void)
{
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	ASN1_OBJECT *oid = OBJ_txt2obj("1.3.6.1.4.1.99999.1", 1);
	X509_EXTENSION *one = X509_EXTENSION_create_by_OBJ(NULL, oid, 1, value);

	ASN1_OBJECT_free(oid);
	ASN1_OCTET_STRING_free(value);
	ck_assert_ptr_nonnull(one);
	return one;
}

static void
add_critical(OCSP_BASICRESP *basic, OCSP_SINGLERESP *single, const struct wish *w)
{
	X509_EXTENSION *one = unheard_of();

	if (w->critical)
		ck_assert_int_eq(OCSP_BASICRESP_add_ext(basic, one, -1), 1);
	if (w->critical_single)
		ck_assert_int_eq(OCSP_SINGLERESP_add_ext(single, one, -1), 1);
	X509_EXTENSION_free(one);
}

static OCSP_BASICRESP *
basic_of(OCSP_REQUEST *request, const struct wish *w)
{
	const struct issued *signer = w->signer == NULL ? &delegate : w->signer;
	OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
	OCSP_CERTID *asked = OCSP_onereq_get0_id(OCSP_request_onereq_get0(request, 0));
	OCSP_CERTID *bare_id = OCSP_cert_to_id(EVP_sha1(), bare.crt, ca.crt);
	OCSP_SINGLERESP *single = add_status(basic, w->other_device ? bare_id : asked, w);

	if (w->twice)
		(void)add_status(basic, asked, w);
	add_critical(basic, single, w);
	if (w->other_nonce)
		OCSP_basic_add1_nonce(basic, NULL, 32);
	else if (!w->no_nonce)
		OCSP_copy_nonce(basic, request);
	ck_assert_int_eq(OCSP_basic_sign(basic, signer->crt, signer->key,
	                                 w->sha1 ? EVP_sha1() : EVP_sha256(), NULL, 0),
	                 1);
	OCSP_CERTID_free(bare_id);
	return basic;
}

char *
answer_to(struct slice der, const struct wish *w, size_t *n)
{
	const unsigned char *at = (const unsigned char *)der.p;
	OCSP_REQUEST *request = d2i_OCSP_REQUEST(NULL, &at, (long)der.n);
	OCSP_BASICRESP *basic = basic_of(request, w);
	OCSP_RESPONSE *response = OCSP_response_create(w->response, basic);
	unsigned char *text = NULL;
	int length = i2d_OCSP_RESPONSE(response, &text);
	char *out = calloc(1, (size_t)length + 1);

	ck_assert_ptr_nonnull(out);
	memcpy(out, text, (size_t)length);
	if (w->damaged)
		out[length / 2] ^= 1;
	*n = (size_t)length + w->more;
	OPENSSL_free(text);
	OCSP_RESPONSE_free(response);
	OCSP_BASICRESP_free(basic);
	OCSP_REQUEST_free(request);
	return out;
}
