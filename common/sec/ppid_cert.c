/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sec/ppid_cert.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "sec/key_file.h"

#define PREFIX SLICE_LIT("urn:m2m:ppid:")

static X509 *
read_certificate(struct slice pem)
{
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	X509 *x = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);

	BIO_free(bio);
	return x;
}

static struct slice
uri_of(const GENERAL_NAME *name)
{
	const ASN1_IA5STRING *text;

	if (name->type != GEN_URI)
		return SLICE_NONE;
	text = name->d.uniformResourceIdentifier;
	return slice_make(ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text));
}

/* False when there are none or several, or one that is no identifier. */
static bool
find_ppid(const GENERAL_NAMES *names, struct ppid *out)
{
	unsigned n = 0;

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		struct slice uri = uri_of(sk_GENERAL_NAME_value(names, i));

		if (!slice_starts(uri, PREFIX))
			continue;
		n++;
		if (ppid_parse(slice_from(uri, PREFIX.n), true, out) != PPID_OK)
			return false;
	}
	return n == 1;
}

enum rc
ppid_of_certificate(const char *path, struct ppid *out)
{
	struct key_file file = { 0 };
	GENERAL_NAMES *names = NULL;
	X509 *x = NULL;
	bool found = false;
	enum rc rc = key_file_public(path, &file);

	*out = (struct ppid){ .n = 0 };
	if (rc != RC_OK)
		return rc;
	x = read_certificate(slice_make(file.p, file.n));
	if (x != NULL)
		names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	if (names != NULL)
		found = find_ppid(names, out);
	if (!found)
		out->n = 0;
	GENERAL_NAMES_free(names);
	X509_free(x);
	key_file_free(&file);
	return found ? RC_OK : RC_BAD_REQUEST;
}
