/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sec/node_id.h"

#include "sec/hex.h"
#include "sec/secret.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>

#define PROVIDER_AT 1
#define PROVIDER_BYTES 3
#define RANDOM_AT 4
#define RANDOM_BYTES 12
#define SP_ID_MAX 255u

/* ---- M2M-Node-ID ---- */

static bool
is_printable(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~')
			return false;
	return true;
}

static enum rc
provider_prefix(struct slice sp_id, uint8_t out[PROVIDER_BYTES])
{
	unsigned char digest[EVP_MAX_MD_SIZE];

	if (sp_id.n < 1 || sp_id.n > SP_ID_MAX || !is_printable(sp_id))
		return RC_BAD_REQUEST;
	if (EVP_Digest(sp_id.p, sp_id.n, digest, NULL, EVP_sha256(), NULL) != 1)
		return RC_INTERNAL;
	memcpy(out, digest, PROVIDER_BYTES);
	return RC_OK;
}

enum rc
node_id_make(struct slice sp_id, struct node_id *out)
{
	struct node_id id = { { NODE_ID_VERSION } };
	enum rc rc = provider_prefix(sp_id, id.v + PROVIDER_AT);

	/* That the random part is one of the two that are not valid will not happen, but it may. */
	do {
		if (rc == RC_OK)
			rc = secret_random(id.v + RANDOM_AT, RANDOM_BYTES);
	} while (rc == RC_OK && !node_id_ok(&id));
	if (rc == RC_OK)
		*out = id;
	return rc;
}

bool
node_id_ok(const struct node_id *id)
{
	uint8_t any = 0, all = 0xff;

	for (size_t i = RANDOM_AT; i < NODE_ID_BYTES; i++) {
		any |= id->v[i];
		all &= id->v[i];
	}
	return id->v[0] == NODE_ID_VERSION && any != 0 && all != 0xff;
}

void
node_id_text(const struct node_id *id, char out[NODE_ID_TEXT])
{
	hex_encode(id->v, NODE_ID_BYTES, out);
}

bool
node_id_parse(struct slice text, struct node_id *out)
{
	return hex_decode(text, out->v, NODE_ID_BYTES);
}

/* ---- SCL-ID ---- */

/* What a path segment of that name would mean. */
static const char *const reserved[] = {
	"scls", "applications", "containers", "groups", "accessRights", "subscriptions", "discovery",
	"msbf", "mas", "sga", "proxy",
};

static bool
is_unreserved(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
	       c == '_' || c == '~' || c == '-';
}

bool
scl_id_ok(struct slice id)
{
	if (id.n < 1 || id.n > SCL_ID_MAX || id.p[0] == '.')
		return false;
	for (size_t i = 0; i < id.n; i++)
		if (!is_unreserved(id.p[i]))
			return false;
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
		if (slice_is(id, reserved[i]))
			return false;
	return true;
}

/* ---- M2M-Connection-ID ---- */

enum rc
conn_id_make(uint64_t *out)
{
	enum rc rc;

	do
		rc = secret_random(out, sizeof(*out));
	while (rc == RC_OK && *out == 0);
	return rc;
}

void
conn_id_hex(uint64_t id, char out[CONN_ID_HEX])
{
	snprintf(out, CONN_ID_HEX, "%016" PRIx64, id);
}

bool
conn_id_parse_hex(struct slice text, uint64_t *out)
{
	uint8_t v[8];
	uint64_t id = 0;

	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] >= 'A' && text.p[i] <= 'F')
			return false;
	if (!hex_decode(text, v, sizeof(v)))
		return false;
	for (size_t i = 0; i < sizeof(v); i++)
		id = id << 8 | v[i];
	*out = id;
	return id != 0;
}

bool
conn_id_parse_decimal(struct slice text, uint64_t *out)
{
	return text.n > 0 && text.p[0] != '0' && slice_number(text, UINT64_MAX, out);
}
