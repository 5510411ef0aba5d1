/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sec/ppid.h"

#include "sec/hex.h"

#include <openssl/evp.h>

#define HEADER_MAX 4u
#define MORE 0x01u /* bit of a header octet: another one follows */
#define TECH_BITS 0xfeu
#define IMEI_DIGITS 15u

const char *
ppid_token(enum ppid_fault fault)
{
	static const char *const tokens[PPID_FAULTS] = {
		[PPID_OK] = "",
		[PPID_BAD_TEXT] = "BAD_PARAM",
		[PPID_BAD_LENGTH] = "PPID_LENGTH",
		[PPID_BAD_HEADER] = "PPID_HEADER",
		[PPID_UNKNOWN_TECH] = "PPID_UNKNOWN_TECH",
		[PPID_EMPTY] = "PPID_EMPTY",
		[PPID_NONCANONICAL] = "PPID_NONCANONICAL",
		[PPID_BAD_ADDRESS] = "PPID_BAD_ADDRESS",
		[PPID_LOCAL_MAC] = "PPID_LOCAL_MAC",
		[PPID_NOT_UNIQUE] = "PPID_NOT_UNIQUE",
	};

	return fault < PPID_FAULTS ? tokens[fault] : "";
}

/* ---- the technologies ---- */

enum address_kind {
	PLAIN,     /* any octets */
	EUI,       /* not all 00 or ff, not a group */
	EUI_LOCAL, /* an EUI that software can set: may have to be globally administered */
	SERIAL,    /* not all 00 or ff */
	PRIMARY,   /* 1..250 */
	IMEI
};

static const struct tech {
	const char *name; /* NULL: reserved */
	uint8_t size;
	enum address_kind kind;
	bool unique;
} techs[2 * 8] = {
	[PPID_BLUETOOTH] = { "Bluetooth", 6, EUI, true },
	[PPID_WIFI] = { "Wi-Fi", 6, EUI_LOCAL, true },
	[PPID_WMBUS] = { "Wireless M-Bus", 1, PRIMARY, false },
	[PPID_ZIGBEE] = { "ZigBee", 8, EUI, true },
	[PPID_IMEI] = { "IMEI", 8, IMEI, true },
	[PPID_WMBUS_LONG] = { "Wireless M-Bus long", 8, PLAIN, true },
	[PPID_LORAWAN] = { "LoRaWAN", 8, EUI, true },
	[PPID_ETHERNET] = { "Ethernet", 6, EUI_LOCAL, true },
	[PPID_KNX] = { "KNX", 6, SERIAL, true },
	[PPID_ZWAVE] = { "Z-Wave", 5, SERIAL, false },
	[PPID_DECT] = { "DECT ULE", 5, SERIAL, true },
};

#define TECHS (sizeof(techs) / sizeof(techs[0]))

/* ---- the header ---- */

/* Octets of the header, 0 when it does not end. */
static size_t
header_size(struct slice s)
{
	for (size_t i = 0; i < s.n && i < HEADER_MAX; i++)
		if (((unsigned char)s.p[i] & MORE) == 0)
			return i + 1;
	return 0;
}

/* Number 8 * octet + bit; b0 is the highest bit of its octet. */
static bool
has_tech(struct slice s, unsigned number)
{
	return ((unsigned char)s.p[number / 8] & (0x80u >> number % 8)) != 0;
}

/* The seven bits of a header octet that stand for technologies. */
static enum ppid_fault
check_bits(struct slice s, size_t header)
{
	unsigned any = 0;

	for (unsigned number = 0; number < 8 * header; number++) {
		if (number % 8 == 7 || !has_tech(s, number))
			continue;
		if (number >= TECHS || techs[number].name == NULL)
			return PPID_UNKNOWN_TECH;
		any = 1;
	}
	if (any == 0)
		return PPID_EMPTY;
	if (((unsigned char)s.p[header - 1] & TECH_BITS) == 0)
		return PPID_NONCANONICAL;
	return PPID_OK;
}

/* The next technology from number *at on; false at the end of the header. */
static bool
next_tech(struct slice s, size_t header, unsigned *at, unsigned *number)
{
	while (*at < 8 * header && *at < TECHS) {
		*number = (*at)++;
		if (*number % 8 != 7 && has_tech(s, *number))
			return true;
	}
	return false;
}

/* ---- the addresses ---- */

static bool
is_all(struct slice a, unsigned char octet)
{
	for (size_t i = 0; i < a.n; i++)
		if ((unsigned char)a.p[i] != octet)
			return false;
	return true;
}

/* Fifteen digits, high nibble first, the last of them the Luhn check digit, and a filler. */
static bool
is_imei(struct slice a)
{
	unsigned sum = 0;

	for (size_t i = 0; i < IMEI_DIGITS; i++) {
		unsigned d = (unsigned char)a.p[i / 2];

		d = i % 2 == 0 ? d >> 4 : d & 15u;
		if (d > 9)
			return false;
		if (i % 2 == 1)
			d = 2 * d > 9 ? 2 * d - 9 : 2 * d;
		sum += d;
	}
	return sum % 10 == 0 && ((unsigned char)a.p[a.n - 1] & 15u) == 15u;
}

/* Rules of EUI-48 and EUI-64. */
static enum ppid_fault
check_eui(const struct tech *t, struct slice a, bool allow_local)
{
	(void)allow_local;
	if (t->kind != EUI && t->kind != EUI_LOCAL)
		return PPID_OK;
	return is_all(a, 0) || is_all(a, 0xff) || ((unsigned char)a.p[0] & 1u) != 0 ? PPID_BAD_ADDRESS
	                                                                             : PPID_OK;
}

static enum ppid_fault
check_local(const struct tech *t, struct slice a, bool allow_local)
{
	return t->kind == EUI_LOCAL && !allow_local && ((unsigned char)a.p[0] & 2u) != 0
	           ? PPID_LOCAL_MAC
	           : PPID_OK;
}

/* Rules of everything that is no EUI. */
static enum ppid_fault
check_other(const struct tech *t, struct slice a, bool allow_local)
{
	bool bad = false;

	(void)allow_local;
	if (t->kind == PRIMARY)
		bad = (unsigned char)a.p[0] < 1 || (unsigned char)a.p[0] > 250;
	else if (t->kind == IMEI)
		bad = !is_imei(a);
	else if (t->kind == SERIAL)
		bad = is_all(a, 0) || is_all(a, 0xff);
	return bad ? PPID_BAD_ADDRESS : PPID_OK;
}

/* Each rule is tried on all addresses before the next one. */
static enum ppid_fault (*const address_rules[])(const struct tech *, struct slice, bool) = {
	check_eui, check_local, check_other,
};

static enum ppid_fault
check_addresses(struct slice s, size_t header, bool allow_local)
{
	for (size_t rule = 0; rule < sizeof(address_rules) / sizeof(address_rules[0]); rule++) {
		struct slice rest = slice_from(s, header);
		unsigned at = 0, number;

		while (next_tech(s, header, &at, &number)) {
			const struct tech *t = &techs[number];
			enum ppid_fault fault = address_rules[rule](t, slice_head(rest, t->size), allow_local);

			if (fault != PPID_OK)
				return fault;
			rest = slice_from(rest, t->size);
		}
	}
	return PPID_OK;
}

static enum ppid_fault
check(struct slice s, bool allow_local)
{
	size_t header, size;
	unsigned at = 0, number;
	bool unique = false;
	enum ppid_fault fault;

	if (s.n < PPID_MIN || s.n > PPID_MAX)
		return PPID_BAD_LENGTH;
	header = size = header_size(s);
	if (header == 0)
		return PPID_BAD_HEADER;
	fault = check_bits(s, header);
	if (fault != PPID_OK)
		return fault;
	while (next_tech(s, header, &at, &number)) {
		size += techs[number].size;
		unique = unique || techs[number].unique;
	}
	if (size != s.n)
		return PPID_BAD_LENGTH;
	fault = check_addresses(s, header, allow_local);
	if (fault != PPID_OK)
		return fault;
	return unique ? PPID_OK : PPID_NOT_UNIQUE;
}

enum ppid_fault
ppid_check(struct slice octets, bool allow_local_mac, struct ppid *out)
{
	enum ppid_fault fault = check(octets, allow_local_mac);

	if (out == NULL)
		return fault;
	out->n = 0;
	if (fault == PPID_OK) {
		memcpy(out->v, octets.p, octets.n);
		out->n = (uint8_t)octets.n;
	}
	return fault;
}

/* ---- text ---- */

static bool
is_separator(char c)
{
	return c == ':' || c == '-';
}

/* The octets of text into out, which has room for PPID_MAX. */
static enum ppid_fault
read_text(struct slice text, uint8_t *out, size_t *n)
{
	for (*n = 0; text.n > 0; ++*n) {
		if (*n == PPID_MAX)
			return PPID_BAD_LENGTH;
		if (*n > 0 && is_separator(text.p[0]))
			text = slice_from(text, 1);
		if (text.n < 2 || !hex_decode(slice_head(text, 2), out + *n, 1))
			return PPID_BAD_TEXT;
		text = slice_from(text, 2);
	}
	return PPID_OK;
}

enum ppid_fault
ppid_parse(struct slice text, bool allow_local_mac, struct ppid *out)
{
	uint8_t v[PPID_MAX];
	size_t n;
	enum ppid_fault fault = read_text(text, v, &n);

	out->n = 0;
	return fault != PPID_OK ? fault : ppid_check(slice_make(v, n), allow_local_mac, out);
}

void
ppid_text(const struct ppid *id, char out[PPID_TEXT])
{
	hex_encode(id->v, id->n, out);
}

enum rc
ppid_hash(const struct ppid *id, uint8_t out[PPID_HASH])
{
	return EVP_Digest(id->v, id->n, out, NULL, EVP_sha256(), NULL) == 1 ? RC_OK : RC_INTERNAL;
}

/* ---- pairs ---- */

bool
ppid_next(const struct ppid *id, unsigned *at, struct ppid_pair *pair)
{
	struct slice s = ppid_octets(id);
	size_t header = header_size(s), start = header;
	unsigned from = 0, number;

	while (next_tech(s, header, &from, &number)) {
		const struct tech *t = &techs[number];

		if (number >= *at) {
			*at = number + 1;
			*pair = (struct ppid_pair){ (enum ppid_tech)number, t->name,
				                        slice_head(slice_from(s, start), t->size), t->unique };
			return true;
		}
		start += t->size;
	}
	return false;
}
