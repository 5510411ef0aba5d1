/* SPDX-License-Identifier: Apache-2.0 */
/* GET info: what a node is to know before its bootstrap. */
#include "config.h"

#include "mas/msbf_impl.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>

#include "mas/msbf_variant.h"
#include "sec/b64url.h"
#include "sec/hex.h"
#include "sec/key_file.h"

#define INFO_MAX 16384u
#define CA_MAX 64u /* certificates that are named */

static void
put_public(struct buf *b, const char *name, const struct sign_key *k)
{
	struct sign_public pub;

	sign_key_public(k, &pub);
	buf_printf(b, ",\"%s\":\"", name);
	b64url_add(b, slice_make(pub.v, SIGN_PUBLIC_SIZE));
	buf_char(b, '"');
}

/* False when the library fails. */
static bool
put_fingerprint(struct buf *b, const X509 *certificate, bool first)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	char text[2 * EVP_MAX_MD_SIZE + 1];
	unsigned n;

	if (X509_digest(certificate, EVP_sha256(), digest, &n) != 1)
		return false;
	hex_encode(digest, n, text);
	buf_printf(b, "%s\"%s\"", first ? "" : ",", text);
	return true;
}

static enum rc
put_all(struct buf *b, BIO *pem)
{
	unsigned n = 0;
	bool ok = true;
	X509 *one;

	while (ok && (one = PEM_read_bio_X509(pem, NULL, NULL, NULL)) != NULL) {
		ok = n < CA_MAX && put_fingerprint(b, one, n == 0);
		n++;
		X509_free(one);
	}
	return ok && n > 0 ? RC_OK : RC_BAD_REQUEST;
}

static enum rc
put_cas(struct buf *b, const char *path, char why[256])
{
	struct key_file f;
	BIO *pem;
	enum rc rc = path == NULL ? RC_OK : key_file_public(path, &f);

	buf_puts(b, ",\"caFingerprints\":[");
	if (path != NULL && rc == RC_OK) {
		pem = BIO_new_mem_buf(f.p, (int)f.n);
		rc = pem == NULL ? RC_UNAVAILABLE : put_all(b, pem);
		BIO_free(pem);
		key_file_free(&f);
	}
	if (rc != RC_OK)
		snprintf(why, 256, "certificates of %s: %s", path, status_of(rc)->text);
	buf_char(b, ']');
	return rc;
}

static enum rc
put_signature(struct msbf *m, struct buf *b)
{
	uint8_t signature[SIGN_SIZE];
	enum rc rc = sign_make(m->sign_key, SIGN_OWN, buf_view(b), signature);

	buf_puts(b, ",\"signature\":\"");
	b64url_add(b, slice_make(signature, SIGN_SIZE));
	buf_add(b, "\"}", 3); /* a string: with its zero */
	return rc;
}

enum rc
msbf_info_make(struct msbf *m, const struct msbf_conf *conf, char why[256])
{
	struct buf b;
	size_t n;
	enum rc rc;

	if (m->reject_key == NULL)
		return RC_OK;
	buf_init(&b, INFO_MAX);
	buf_printf(&b, "{\"msbfId\":\"%s\",\"spId\":\"%s\"", m->msbf_id, m->sp_id);
	msbf_variants_list(&b);
	rc = put_cas(&b, conf->ca_file, why);
	put_public(&b, "signKey", m->sign_key);
	put_public(&b, "rejectKey", m->reject_key);
	if (rc == RC_OK)
		rc = put_signature(m, &b);
	if (rc == RC_OK) {
		m->info = buf_take(&b, &n);
		rc = m->info == NULL ? RC_UNAVAILABLE : RC_OK;
	}
	buf_fini(&b);
	return rc;
}

enum rc
msbf_serve_info(void *arg, struct req *rq, const struct req_input *in)
{
	struct msbf *m = arg;
	bool json;
	enum rc rc;

	if (in->op != REQ_RETRIEVE)
		return endpoint_not_allowed(rq, "GET");
	rc = endpoint_accept(rq, true, &json);
	if (rc != RC_OK)
		return rc;
	if (!json)
		return endpoint_refuse(rq, RC_NOT_ACCEPTABLE, SLICE_NONE);
	if (!msbf_rate_take(m->boot_rate, in->peer == NULL ? SLICE_NONE : in->peer->address))
		return msbf_refuse_load(rq, 1);
	return endpoint_answer(rq, RC_OK, "application/json", slice_of(m->info));
}
