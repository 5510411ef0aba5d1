/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sec/trigger.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdlib.h>

#include "base/be.h"
#include "sec/digest.h"

#define MAGIC SLICE_LIT("MTG1")
#define FLAGS 0x80
#define HOST_AT (TRIGGER_FIXED - TRIGGER_TAG) /* behind its length */

static bool
host_ok(struct slice host)
{
	for (size_t i = 0; i < host.n; i++) {
		char c = host.p[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
		    c != '.' && c != '-' && c != ':')
			return false;
	}
	return host.n >= 1 && host.n <= TRIGGER_HOST_MAX;
}

static bool
members_ok(const struct trigger *t)
{
	return t->reason >= TRIGGER_CONNECT && t->reason <= TRIGGER_REASONS &&
	       t->scheme >= TRIGGER_HTTPS_PSK && t->scheme <= TRIGGER_COAPS && t->counter != 0 &&
	       t->port != 0 && host_ok(t->host);
}

/* ---- making ---- */

enum rc
trigger_make(const struct trigger *t, const struct key *k, uint8_t out[TRIGGER_MAX], size_t *n)
{
	size_t total = TRIGGER_FIXED + t->host.n;
	uint8_t tag[DIGEST_SIZE];
	struct slice before;
	enum rc rc;

	if (!members_ok(t))
		return RC_BAD_REQUEST;
	memcpy(out, MAGIC.p, 4);
	out[4] = FLAGS;
	out[5] = (uint8_t)t->reason;
	be_put(out + 6, total, 2);
	memcpy(out + 8, t->node.v, NODE_ID_BYTES);
	be_put(out + 24, t->counter, 8);
	be_put(out + 32, t->not_after, 8);
	be_put(out + 40, t->port, 2);
	out[42] = (uint8_t)t->scheme;
	out[43] = (uint8_t)t->host.n;
	memcpy(out + HOST_AT, t->host.p, t->host.n);
	before = slice_make(out, total - TRIGGER_TAG);
	rc = digest_hmac(slice_make(k->v, KEY_BYTES), &before, 1, tag);
	if (rc == RC_OK)
		memcpy(out + total - TRIGGER_TAG, tag, TRIGGER_TAG);
	*n = total;
	return rc;
}

/* ---- the key ---- */

struct trigger_verifier {
	EVP_MAC_CTX *mac; /* has the key */
};

static EVP_MAC_CTX *
mac_new(const struct key *k)
{
	char digest[] = "SHA256";
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *c = mac == NULL ? NULL : EVP_MAC_CTX_new(mac);

	EVP_MAC_free(mac);
	if (c != NULL && EVP_MAC_init(c, k->v, KEY_BYTES, params) != 1) {
		EVP_MAC_CTX_free(c);
		c = NULL;
	}
	return c;
}

struct trigger_verifier *
trigger_verifier_new(const struct key *k)
{
	struct trigger_verifier *v = calloc(1, sizeof(*v));

	if (v != NULL)
		v->mac = mac_new(k);
	if (v != NULL && v->mac != NULL)
		return v;
	free(v);
	return NULL;
}

void
trigger_verifier_free(struct trigger_verifier *v)
{
	if (v == NULL)
		return;
	EVP_MAC_CTX_free(v->mac);
	free(v);
}

/* The key stays from the one before: that is the dearer half of an HMAC. */
static bool
tag_ok(struct trigger_verifier *v, struct slice octets)
{
	size_t before = octets.n - TRIGGER_TAG, size = 0;
	uint8_t made[DIGEST_SIZE];
	bool ok = EVP_MAC_init(v->mac, NULL, 0, NULL) == 1 &&
	          EVP_MAC_update(v->mac, (const unsigned char *)octets.p, before) == 1 &&
	          EVP_MAC_final(v->mac, made, &size, sizeof(made)) == 1 && size == sizeof(made) &&
	          secret_equal(slice_make(made, TRIGGER_TAG), slice_from(octets, before));

	secret_wipe(made, sizeof(made));
	return ok;
}

/* ---- looking ---- */

static bool
parse(struct slice octets, struct trigger *out)
{
	const uint8_t *p = (const uint8_t *)octets.p;

	if (octets.n <= TRIGGER_FIXED || octets.n > TRIGGER_MAX || !slice_starts(octets, MAGIC) ||
	    p[4] != FLAGS || be_get(p + 6, 2) != octets.n ||
	    octets.n != TRIGGER_FIXED + (size_t)p[43])
		return false;
	*out = (struct trigger){
		.reason = (enum trigger_reason)p[5],
		.counter = be_get(p + 24, 8),
		.not_after = be_get(p + 32, 8),
		.port = (uint16_t)be_get(p + 40, 2),
		.scheme = (enum trigger_scheme)p[42],
		.host = slice_make(p + HOST_AT, p[43]),
	};
	memcpy(out->node.v, p + 8, NODE_ID_BYTES);
	return members_ok(out);
}

enum trigger_fault
trigger_look(struct slice octets, const struct trigger_check *check, struct trigger *out)
{
	if (!parse(octets, out))
		return TRIGGER_MALFORMED;
	if (!node_id_eq(&out->node, check->node))
		return TRIGGER_OF_ANOTHER;
	if (!tag_ok(check->verifier, octets))
		return TRIGGER_FORGED;
	if (out->counter <= check->last)
		return TRIGGER_REPLAYED;
	if (check->now < 0 || out->not_after <= (uint64_t)check->now)
		return TRIGGER_LATE;
	return check->leads_home(check->arg, out) ? TRIGGER_GOOD : TRIGGER_ASTRAY;
}

/* ---- names ---- */

const char *
trigger_fault_name(enum trigger_fault f)
{
	static const char *const names[TRIGGER_FAULTS] = {
		[TRIGGER_GOOD] = "",           [TRIGGER_MALFORMED] = "malformed",
		[TRIGGER_OF_ANOTHER] = "node", [TRIGGER_FORGED] = "tag",
		[TRIGGER_REPLAYED] = "replay", [TRIGGER_LATE] = "late",
		[TRIGGER_ASTRAY] = "host",
	};

	return (unsigned)f < TRIGGER_FAULTS ? names[f] : "";
}

const char *
trigger_reason_name(enum trigger_reason r)
{
	static const char *const names[] = {
		[TRIGGER_CONNECT] = "connect",     [TRIGGER_RENEW] = "renew",
		[TRIGGER_REFRESH] = "refresh",     [TRIGGER_MANAGE] = "manage",
		[TRIGGER_BOOTSTRAP] = "bootstrap", [TRIGGER_LOCATE] = "locate",
	};

	return r >= TRIGGER_CONNECT && r <= TRIGGER_REASONS ? names[r] : "";
}
