/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/pxy/px_who.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/uri.h"
#include "cap/sec/sec.h"
#include "sec/hex.h"

#define CERTIFICATE_MAX 65536u
#define ISSUER_BYTES 8u

/* As JSON of this interface can say it (codec/json_fields.h). */
static bool
is_sayable(char c)
{
	return c >= ' ' && c <= '~' && c != '"' && c != '\\';
}

static bool
all_sayable(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_sayable(s.p[i]))
			return false;
	return s.n > 0;
}

/* ---- texts ---- */

static bool
put(struct px_who *out, struct slice s)
{
	size_t n = out->name.n;

	if (s.n > PX_NAME_MAX - n)
		return false;
	if (s.n > 0)
		memcpy(out->text + n, s.p, s.n);
	out->text[n + s.n] = '\0';
	out->name = slice_make(out->text, n + s.n);
	return true;
}

/* A name that cannot be said as it is would look like another. */
static enum rc
put_name(struct px_who *out, const char *kind, struct slice name)
{
	return all_sayable(name) && put(out, slice_of(kind)) && put(out, name) ? RC_OK : RC_DENIED;
}

static enum rc
put_subject(struct px_who *out, struct slice subject)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < subject.n; i++) {
		unsigned char c = (unsigned char)subject.p[i];
		const char escaped[] = { '%', digits[c >> 4], digits[c & 15] };
		struct slice s = slice_make(subject.p + i, 1);

		if (!is_sayable(subject.p[i]) || c == '%')
			s = slice_make(escaped, sizeof(escaped));
		if (!put(out, s))
			return RC_DENIED;
	}
	return subject.n > 0 ? RC_OK : RC_DENIED;
}

/* ---- certificates ---- */

static enum rc
hash_key(struct slice der, uint8_t out[ISSUER_BYTES])
{
	const unsigned char *p = (const unsigned char *)der.p;
	unsigned char *spki = NULL, hash[EVP_MAX_MD_SIZE];
	X509 *cert = d2i_X509(NULL, &p, (long)der.n);
	int n = cert == NULL ? -1 : i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &spki);
	bool ok = n > 0 && EVP_Digest(spki, (size_t)n, hash, NULL, EVP_sha256(), NULL) == 1;

	if (ok)
		memcpy(out, hash, ISSUER_BYTES);
	OPENSSL_free(spki);
	X509_free(cert);
	return ok ? RC_OK : RC_DENIED;
}

static enum rc
put_issuer(struct px_who *out, const struct peer *peer)
{
	char text[2 * ISSUER_BYTES + 1];
	uint8_t name[ISSUER_BYTES];
	struct buf der;
	enum rc rc = RC_DENIED;

	buf_init(&der, CERTIFICATE_MAX);
	if (peer->certificate != NULL && peer->certificate(peer, true, &der) == RC_OK)
		rc = hash_key(buf_view(&der), name);
	buf_fini(&der);
	if (rc != RC_OK)
		return rc;
	hex_encode(name, ISSUER_BYTES, text);
	return put(out, SLICE_LIT("cert:")) && put(out, slice_make(text, 2 * ISSUER_BYTES)) &&
	                       put(out, SLICE_LIT("/"))
	               ? RC_OK
	               : RC_DENIED;
}

static enum rc
put_certificate(struct px_who *out, const struct peer *peer)
{
	enum rc rc = put_issuer(out, peer);

	if (rc != RC_OK)
		return rc;
	if (peer->n_uris > 0)
		return put_name(out, "", peer->uris[0]);
	if (peer->n_dns_names > 0)
		return put_name(out, "", peer->dns_names[0]);
	return put_subject(out, peer->subject);
}

/* ---- who ---- */

enum rc
px_who_text(const struct endpoint_who *of, bool by_certificate, bool claims, struct slice claim,
            struct px_who *out)
{
	*out = (struct px_who){ .name = SLICE_LIT("") };
	if (of->scl_id.n > 0)
		return put_name(out, "scl:", of->scl_id);
	if (of->app_id.n > 0)
		return put_name(out, "app:", of->app_id);
	if (by_certificate && of->peer != NULL && of->peer->kind == PEER_CERTIFICATE)
		return put_certificate(out, of->peer);
	if (!claims)
		return RC_DENIED;
	return claim.n == 0 ? RC_NO_ORIGINATOR : put_name(out, "claim:", claim);
}

/* Where nobody has to prove anything. */
static bool
takes_claims(const struct req_listener *listener)
{
	return listener->policy != NULL && !listener->policy->proved;
}

enum rc
px_who_of(struct req *rq, const struct req_input *in, struct px_who *out)
{
	const struct req_listener *listener = endpoint_listener(rq);
	bool foreign = (listener->serve & SERVE_PROXY) != 0;
	struct endpoint_who of;
	struct slice claim;
	enum rc rc = endpoint_identify(rq, &of);

	if (rc != RC_OK)
		return rc;
	/* On a listener without a tree nobody has looked at it. */
	claim = foreign && in->from.n > 0 ? uri_normalise(req_arena(rq), in->from) : of.claimed;
	rc = px_who_text(&of, foreign, takes_claims(listener), claim, out);
	return rc == RC_OK ? rc : endpoint_refuse(rq, rc, SLICE_NONE);
}

bool
px_who_safe(const struct req *rq, const struct req_input *in)
{
	return endpoint_listener(rq)->secure || (in->peer != NULL && in->peer->loopback);
}
