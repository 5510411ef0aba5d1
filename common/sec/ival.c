/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sec/ival.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/clock.h"
#include "sec/secret.h"

#define LABEL SLICE_LIT("m2m1 ival")
#define TIME_MAX 255
/* Label, node, results, time, SCL-ID; E_boot behind them. */
#define MESSAGE_MAX (9 + NODE_ID_BYTES + 8 + 1 + TIME_MAX + 2 + IVAL_SCL_ID_MAX + KEY_BYTES)
#define MAC_SIZE 8
#define DIGEST_SIZE 32

struct message {
	uint8_t octets[MESSAGE_MAX];
	size_t n;
};

static void
put(struct message *m, const void *p, size_t n)
{
	if (n > 0)
		memcpy(m->octets + m->n, p, n);
	m->n += n;
}

static void
put_be(struct message *m, uint64_t v, unsigned size)
{
	for (unsigned i = size; i-- > 0;)
		m->octets[m->n++] = (uint8_t)(v >> 8 * i);
}

/* Everything that is authenticated. False when a member is out of its range. */
static bool
put_report(struct message *m, const struct ival_origin *o, const struct ival_report *r)
{
	if (r->results < 0 || r->time.n == 0 || r->time.n > TIME_MAX ||
	    o->scl_id.n > IVAL_SCL_ID_MAX)
		return false;
	m->n = 0;
	put(m, LABEL.p, LABEL.n);
	put(m, o->node->v, NODE_ID_BYTES);
	put_be(m, (uint64_t)r->results, 8);
	put_be(m, r->time.n, 1);
	put(m, r->time.p, r->time.n);
	put_be(m, o->scl_id.n, 2);
	put(m, o->scl_id.p, o->scl_id.n);
	return true;
}

static enum rc
compute(const struct key *k_ival, const struct message *m, uint8_t mac[MAC_SIZE])
{
	uint8_t digest[DIGEST_SIZE];

	if (HMAC(EVP_sha256(), k_ival->v, KEY_BYTES, m->octets, m->n, digest, NULL) == NULL)
		return RC_INTERNAL;
	memcpy(mac, digest, MAC_SIZE);
	mac[0] &= 0x7f;
	return RC_OK;
}

enum rc
ival_sign(const struct key *k_ival, const struct ival_origin *o, struct ival_report *r)
{
	uint8_t mac[MAC_SIZE];
	struct message m;
	uint64_t v = 0;
	enum rc rc;

	if (!put_report(&m, o, r))
		return RC_BAD_REQUEST;
	rc = compute(k_ival, &m, mac);
	if (rc != RC_OK)
		return rc;
	for (unsigned i = 0; i < MAC_SIZE; i++)
		v = v << 8 | mac[i];
	r->mac = (int64_t)v;
	return RC_OK;
}

/* The rules about time and the bits: what is to be known of a report beside its origin. */
static enum rc
check_policy(const struct ival_report *r, const struct ival_policy *p, int64_t *at)
{
	const int64_t tolerance = IVAL_TOLERANCE * CLOCK_SECOND;

	if (r->mac < 0 || !times_parse(r->time, at))
		return RC_BAD_REQUEST;
	if (*at < p->now - tolerance || *at > p->now + tolerance || *at <= p->last)
		return RC_FORBIDDEN;
	return ((uint64_t)r->results & p->required) == p->required ? RC_OK : RC_FORBIDDEN;
}

enum rc
ival_check(const struct key *k_ival, const struct ival_origin *o, const struct ival_report *r,
           const struct ival_policy *p, int64_t *accepted)
{
	uint8_t mac[MAC_SIZE], sent[MAC_SIZE];
	struct message m;
	int64_t at;
	enum rc rc;

	if (!put_report(&m, o, r))
		return RC_BAD_REQUEST;
	rc = check_policy(r, p, &at);
	if (rc == RC_OK)
		rc = compute(k_ival, &m, mac);
	if (rc != RC_OK)
		return rc;
	for (unsigned i = 0; i < MAC_SIZE; i++)
		sent[i] = (uint8_t)((uint64_t)r->mac >> (56 - 8 * i));
	if (!secret_equal(slice_make(mac, MAC_SIZE), slice_make(sent, MAC_SIZE)))
		return RC_FORBIDDEN;
	*accepted = at;
	return RC_OK;
}

/* ---- before the first Kmr ---- */

enum rc
ival_boot_sign(const struct device_key *k, const struct key *e_boot, const struct ival_origin *o,
               const struct ival_report *r, char out[IVAL_SIG_TEXT_MAX + 1])
{
	uint8_t signature[DEVICE_SIGNATURE_MAX];
	struct message m;
	size_t n;
	enum rc rc;

	if (r->mac != 0 || !put_report(&m, o, r))
		return RC_BAD_REQUEST;
	put(&m, e_boot->v, KEY_BYTES);
	rc = device_key_sign(k, slice_make(m.octets, m.n), signature, &n);
	secret_wipe(&m, sizeof(m));
	if (rc != RC_OK)
		return rc;
	b64url_encode(out, signature, n);
	out[B64URL_LEN(n)] = '\0';
	return RC_OK;
}

enum rc
ival_boot_check(struct slice spki, const struct key *e_boot, struct slice header,
                const struct ival_origin *o, const struct ival_report *r,
                const struct ival_policy *p, int64_t *accepted)
{
	uint8_t signature[DEVICE_SIGNATURE_MAX];
	struct message m;
	int64_t at;
	enum rc rc;

	if (!put_report(&m, o, r) || header.n == 0 || header.n > IVAL_SIG_TEXT_MAX ||
	    !b64url_decode(header, signature))
		return RC_BAD_REQUEST;
	rc = r->mac != 0 ? RC_FORBIDDEN : check_policy(r, p, &at);
	if (rc != RC_OK)
		return rc;
	put(&m, e_boot->v, KEY_BYTES);
	rc = device_key_verify(spki, slice_make(m.octets, m.n),
	                       slice_make(signature, b64url_octets(header.n)));
	secret_wipe(&m, sizeof(m));
	if (rc == RC_OK)
		*accepted = at;
	return rc;
}
