/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/pxy/px_datagram.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "base/be.h"
#include "sec/hkdf.h"

#define FORMAT 1
#define SALT "M2PRE1 udp"
#define INFO_MAX 16u

enum { AT_TYPE = 3, AT_ID = 4, AT_NUMBER = 12, AT_STATUS = 20, AT_LENGTH = 22 };

/* ---- reading ---- */

static const uint8_t *
octets_of(struct slice s)
{
	return (const uint8_t *)s.p;
}

static bool
parse_data(const uint8_t *p, size_t body, struct px_datagram *out)
{
	out->unit = slice_make((const char *)p + PX_DATAGRAM_HEAD, body);
	return be_get(p + AT_STATUS, 2) == 0 && be_get(p + AT_LENGTH, 2) == body &&
	       body >= PX_DATAGRAM_UNIT_MIN && body <= PX_DATAGRAM_UNIT_MAX;
}

static bool
parse_ack(const uint8_t *p, size_t body, struct px_datagram *out)
{
	uint64_t status = be_get(p + AT_STATUS, 2);

	if (body != 8 || be_get(p + AT_LENGTH, 2) != 0 || status >= PX_DATAGRAM_STATUSES)
		return false;
	out->status = (enum px_datagram_status)status;
	out->upto = be_get(p + PX_DATAGRAM_HEAD, 8);
	return true;
}

bool
px_datagram_parse(struct slice octets, struct px_datagram *out)
{
	const uint8_t *p = octets_of(octets);
	size_t body;

	*out = (struct px_datagram){ .type = PX_DATAGRAM_DATA };
	if (octets.n < PX_DATAGRAM_ACK || p[0] != 'M' || p[1] != '2' || p[2] != FORMAT)
		return false;
	body = octets.n - PX_DATAGRAM_HEAD - PX_DATAGRAM_TAG;
	out->id = be_get(p + AT_ID, 8);
	out->number = be_get(p + AT_NUMBER, 8);
	out->tagged = slice_make(octets.p, octets.n - PX_DATAGRAM_TAG);
	out->tag = slice_make(octets.p + out->tagged.n, PX_DATAGRAM_TAG);
	if (out->number == 0)
		return false;
	if (p[AT_TYPE] == PX_DATAGRAM_DATA)
		return parse_data(p, body, out);
	out->type = PX_DATAGRAM_ACKS;
	return p[AT_TYPE] == PX_DATAGRAM_ACKS && parse_ack(p, body, out);
}

/* ---- tags ---- */

enum rc
px_datagram_derive(const uint8_t key[KEY_BYTES], enum px_datagram_type type, uint64_t id,
                   struct key *out)
{
	const char *what = type == PX_DATAGRAM_DATA ? "data" : "ack";
	size_t n = strlen(what);
	uint8_t info[INFO_MAX];

	memcpy(info, what, n);
	be_put(info + n, id, 8);
	return hkdf_sha256(SLICE_LIT(SALT), slice_make((const char *)key, KEY_BYTES),
	                slice_make((const char *)info, n + 8), out->v, KEY_BYTES);
}

static bool
tag_of(const struct key *key, struct slice tagged, uint8_t out[PX_DATAGRAM_TAG])
{
	uint8_t mac[EVP_MAX_MD_SIZE];

	if (HMAC(EVP_sha256(), key->v, KEY_BYTES, octets_of(tagged), tagged.n, mac, NULL) == NULL)
		return false;
	memcpy(out, mac, PX_DATAGRAM_TAG);
	return true;
}

bool
px_datagram_good(const struct key *key, const struct px_datagram *d)
{
	uint8_t tag[PX_DATAGRAM_TAG];

	return tag_of(key, d->tagged, tag) && CRYPTO_memcmp(tag, d->tag.p, PX_DATAGRAM_TAG) == 0;
}

/* ---- writing ---- */

static void
write_head(enum px_datagram_type type, uint64_t id, uint64_t number, uint8_t *out)
{
	static const uint8_t magic[] = { 'M', '2', FORMAT };

	memcpy(out, magic, sizeof(magic));
	out[AT_TYPE] = (uint8_t)type;
	be_put(out + AT_ID, id, 8);
	be_put(out + AT_NUMBER, number, 8);
}

static enum rc
write_tag(const struct key *key, uint8_t *out, size_t n)
{
	return tag_of(key, slice_make((const char *)out, n), out + n) ? RC_OK : RC_INTERNAL;
}

enum rc
px_datagram_data(const struct key *key, uint64_t id, uint64_t number, struct slice unit,
                 uint8_t *out)
{
	if (unit.n < PX_DATAGRAM_UNIT_MIN || unit.n > PX_DATAGRAM_UNIT_MAX || number == 0)
		return RC_BAD_REQUEST;
	write_head(PX_DATAGRAM_DATA, id, number, out);
	be_put(out + AT_STATUS, 0, 2);
	be_put(out + AT_LENGTH, unit.n, 2);
	memcpy(out + PX_DATAGRAM_HEAD, unit.p, unit.n);
	return write_tag(key, out, PX_DATAGRAM_HEAD + unit.n);
}

enum rc
px_datagram_ack(const struct key *key, uint64_t id, uint64_t number, enum px_datagram_status status,
                uint64_t upto, uint8_t out[PX_DATAGRAM_ACK])
{
	write_head(PX_DATAGRAM_ACKS, id, number, out);
	be_put(out + AT_STATUS, status, 2);
	be_put(out + AT_LENGTH, 0, 2);
	be_put(out + PX_DATAGRAM_HEAD, upto, 8);
	return write_tag(key, out, PX_DATAGRAM_HEAD + 8);
}

/* ---- window ---- */

enum px_window_place
px_window_look(const struct px_window *w, uint64_t number)
{
	uint64_t ahead;

	if (number <= w->upto)
		return PX_WINDOW_DONE;
	ahead = number - w->upto - 1;
	if (ahead >= PX_WINDOW)
		return PX_WINDOW_ABOVE;
	return (w->held >> ahead & 1) != 0 ? PX_WINDOW_HELD : PX_WINDOW_NEW;
}

bool
px_window_refused(const struct px_window *w, uint64_t number)
{
	uint64_t behind = w->upto - number;

	return number <= w->upto && behind < PX_WINDOW && (w->refused >> behind & 1) != 0;
}

void
px_window_hold(struct px_window *w, uint64_t number)
{
	w->held |= UINT64_C(1) << (number - w->upto - 1);
}

void
px_window_drop(struct px_window *w, uint64_t number)
{
	w->held &= ~(UINT64_C(1) << (number - w->upto - 1));
}

unsigned
px_window_run(const struct px_window *w)
{
	unsigned n = 0;

	while (n < PX_WINDOW && (w->held >> n & 1) != 0)
		n++;
	return n;
}

void
px_window_done(struct px_window *w, bool refused)
{
	w->upto++;
	w->held >>= 1;
	w->refused = w->refused << 1 | refused;
}
