/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sga/sga.h"

#include <openssl/rand.h>

#include "base/be.h"
#include "sec/digest.h"
#include "sec/secret.h"
#include "sga/octets.h"
#include "sga/suite.h"

/* ---- identities ---- */

static bool
is_id_char(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("._~:@-", c) != NULL);
}

enum rc
sga_id_make(struct slice text, struct sga_id *out)
{
	*out = (struct sga_id){ 0 };
	if (text.n < 1 || text.n > SGA_ID_MAX)
		return RC_BAD_REQUEST;
	for (size_t i = 0; i < text.n; i++)
		if (!is_id_char(text.p[i]))
			return RC_BAD_REQUEST;
	memcpy(out->v, text.p, text.n);
	out->n = (uint8_t)text.n;
	return RC_OK;
}

struct slice
sga_id_slice(const struct sga_id *id)
{
	return slice_make(id->v, id->n);
}

bool
sga_id_equal(const struct sga_id *a, const struct sga_id *b)
{
	return slice_eq(sga_id_slice(a), sga_id_slice(b));
}

int
sga_id_order(const struct sga_id *a, const struct sga_id *b)
{
	return slice_cmp(sga_id_slice(a), sga_id_slice(b));
}

/* ---- messages ---- */

/* What a type may have. */
static const struct type_rule {
	uint8_t type;
	uint8_t flags;
	bool no_sid; /* it is zero */
} type_rules[] = {
	{ SGA_R1, 0, true },
	{ SGA_R2, 0, true },
	{ SGA_A1, 0, false },
	{ SGA_A2, 0, false },
	{ SGA_A3, SGA_FLAG_REFUSED, false },
	{ SGA_A4, SGA_FLAG_REFUSED, false },
	{ SGA_B1, 0, false },
	{ SGA_B2, 0, false },
	{ SGA_B3, 0, false },
	{ SGA_B6, SGA_FLAG_REFUSED, false },
	{ SGA_ERROR, 0, false },
	{ SGA_RECORD, SGA_FLAG_CONFIRMED | SGA_FLAG_GROUP_KEY, false },
	{ SGA_GROUP_RECORD, 0, false },
	{ SGA_NOTICE, 0, false },
};

static const struct type_rule *
rule_of(uint8_t type)
{
	for (size_t i = 0; i < sizeof(type_rules) / sizeof(type_rules[0]); i++)
		if (type_rules[i].type == type)
			return &type_rules[i];
	return NULL;
}

static bool
header_ok(const struct sga_header *h)
{
	const struct type_rule *rule = rule_of(h->type);

	if (rule == NULL || (h->flags & ~rule->flags) != 0 || sga_suite_find(h->suite) == NULL)
		return false;
	return h->type == SGA_ERROR || rule->no_sid == sga_sid_is_zero(&h->sid);
}

enum rc
sga_header_read(struct slice message, struct sga_header *out)
{
	struct sga_reader r = sga_reader_of(message);
	uint64_t version = sga_read_be(&r, 1);
	struct sga_header h = { .ctr = 0 };

	h.suite = (uint8_t)sga_read_be(&r, 1);
	h.type = (uint8_t)sga_read_be(&r, 1);
	h.flags = (uint8_t)sga_read_be(&r, 1);
	sga_read_to(&r, h.sid.v, sizeof(h.sid.v));
	h.ctr = (uint32_t)sga_read_be(&r, 4);
	if (r.bad || message.n > SGA_MESSAGE_MAX || version != SGA_VERSION || !header_ok(&h))
		return RC_BAD_REQUEST;
	*out = h;
	return RC_OK;
}

void
sga_header_write(const struct sga_header *h, uint8_t out[SGA_HEADER_SIZE])
{
	const uint8_t head[] = { SGA_VERSION, h->suite, h->type, h->flags };

	memcpy(out, head, sizeof(head));
	memcpy(out + sizeof(head), h->sid.v, SGA_SID_SIZE);
	be_put(out + sizeof(head) + SGA_SID_SIZE, h->ctr, 4);
}

bool
sga_sid_is_zero(const struct sga_sid *sid)
{
	static const struct sga_sid zero;

	return sga_sid_equal(sid, &zero);
}

bool
sga_sid_equal(const struct sga_sid *a, const struct sga_sid *b)
{
	return memcmp(a->v, b->v, sizeof(a->v)) == 0;
}

enum rc
sga_hash(struct slice octets, struct sga_hash *out)
{
	return digest_sha256(&octets, 1, out->v);
}

/* ---- errors ---- */

void
sga_error_make(struct slice message, enum sga_class class, const uint8_t *challenge,
               uint8_t out[SGA_ERROR_SIZE])
{
	struct sga_header h = { .suite = SGA_SUITE_X };
	struct sga_header answered;

	if (sga_header_read(message, &answered) == RC_OK) {
		h.suite = answered.suite;
		h.sid = answered.sid;
	}
	h.type = SGA_ERROR;
	memset(out, 0, SGA_ERROR_SIZE);
	sga_header_write(&h, out);
	out[SGA_HEADER_SIZE] = (uint8_t) class;
	if (class == SGA_CLASS_CHALLENGE)
		memcpy(out + SGA_HEADER_SIZE + 1, challenge, SGA_CHALLENGE_SIZE);
}

enum rc
sga_error_read(struct slice message, struct sga_error *out)
{
	static const uint8_t none[SGA_CHALLENGE_SIZE];
	struct slice challenge;
	struct sga_header h;
	uint8_t class;

	if (message.n != SGA_ERROR_SIZE || sga_header_read(message, &h) != RC_OK ||
	    h.type != SGA_ERROR || h.ctr != 0)
		return RC_BAD_REQUEST;
	class = (uint8_t)message.p[SGA_HEADER_SIZE];
	challenge = slice_from(message, SGA_HEADER_SIZE + 1);
	if (class < SGA_CLASS_SYNTAX || class > SGA_CLASS_CHALLENGE)
		return RC_BAD_REQUEST;
	if (class != SGA_CLASS_CHALLENGE && memcmp(challenge.p, none, sizeof(none)) != 0)
		return RC_BAD_REQUEST;
	out->header = h;
	out->class = (enum sga_class) class;
	memcpy(out->challenge, challenge.p, SGA_CHALLENGE_SIZE);
	return RC_OK;
}

/* ---- randomness ---- */

enum rc
sga_random_secret(const struct sga_random *r, void *out, size_t n)
{
	bool ok = r != NULL && r->secret != NULL ? r->secret(r->arg, out, n) == RC_OK
	                                         : RAND_priv_bytes(out, (int)n) == 1;

	if (!ok)
		secret_wipe(out, n);
	return ok ? RC_OK : RC_INTERNAL;
}

enum rc
sga_random_clear(const struct sga_random *r, void *out, size_t n)
{
	if (r != NULL && r->clear != NULL && r->clear(r->arg, out, n) == RC_OK)
		return RC_OK;
	if (r != NULL && r->clear != NULL) {
		secret_wipe(out, n);
		return RC_INTERNAL;
	}
	return secret_random(out, n);
}
