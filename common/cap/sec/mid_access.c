/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests over an access network that protects the channel itself: without TLS, but from known
 * places, and each one bound to its service connection by a tag (sec/access_tag.h).
 */
#include "config.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "cap/sec/mid_impl.h"
#include "sec/access_tag.h"

/* ---- places ---- */

struct address {
	uint8_t octets[16]; /* an IPv4 address in its mapped form */
	unsigned bits; /* of the prefix that counts */
};

static bool
parse_number(struct slice s, unsigned max, unsigned *out)
{
	uint64_t v;

	if (s.n > 3 || !slice_number(s, max, &v))
		return false;
	*out = (unsigned)v;
	return true;
}

/* ADDRESS or ADDRESS/BITS. */
static bool
parse_address(struct slice s, struct address *out)
{
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
	char text[INET6_ADDRSTRLEN];
	struct slice rest = s, address;
	unsigned bits;

	if (!slice_split(&rest, '/', &address) || address.n >= sizeof(text))
		return false;
	memcpy(text, address.p, address.n);
	text[address.n] = '\0';
	if (inet_pton(AF_INET, text, out->octets + 12) == 1) {
		memcpy(out->octets, mapped, sizeof(mapped));
		bits = 32;
	} else if (inet_pton(AF_INET6, text, out->octets) == 1) {
		bits = 128;
	} else {
		return false;
	}
	if (address.n < s.n && !parse_number(rest, bits, &out->bits))
		return false;
	if (address.n == s.n)
		out->bits = bits;
	out->bits += 128 - bits;
	return true;
}

static bool
same_prefix(const struct address *a, const struct address *network)
{
	unsigned octets = network->bits / 8, bits = network->bits % 8;

	if (memcmp(a->octets, network->octets, octets) != 0)
		return false;
	return bits == 0 || ((a->octets[octets] ^ network->octets[octets]) >> (8 - bits)) == 0;
}

/* An empty list allows nothing. */
static bool
source_allowed(const char *list, struct slice source)
{
	struct slice rest = slice_of(list), one;
	struct address from, network;

	/* A zone says by which interface, and is no part of the address. */
	for (size_t i = 0; i < source.n; i++)
		if (source.p[i] == '%')
			source = slice_head(source, i);
	if (!parse_address(source, &from))
		return false;
	while (rest.n > 0 && slice_split(&rest, ',', &one)) {
		while (one.n > 0 && one.p[0] == ' ')
			one = slice_from(one, 1);
		if (parse_address(one, &network) && same_prefix(&from, &network))
			return true;
	}
	return false;
}

/* ---- requests ---- */

enum rc
mid_access_identify(struct mid *mid, const struct req_listener *listener,
                    const struct req_input *in, struct arena *arena, struct mid_peer *peer,
                    struct req_answer *out, struct slice *reason)
{
	enum live_state state;
	struct access_tag tag;
	enum rc rc;

	if (mid->conf.side != MID_NETWORK || in->connection.p == NULL ||
	    (listener->serve & SERVE_MID) == 0)
		return RC_OK;
	if (!msbf_rate_take(mid->strangers, in->peer->address) && !in->peer->loopback) {
		out->retry_after = 1;
		return mid_refuse(RC_UNAVAILABLE, "OVERLOAD", reason);
	}
	if (!access_tag_parse(in->connection, &tag))
		return mid_refuse(RC_FORBIDDEN, "AUTH_FAILED", reason);
	state = live_find(mid->conf.live, tag.connection, 0, &peer->conn);
	rc = mid_state(mid, state, &peer->conn, in, arena, out, reason);
	if (rc != RC_OK)
		return rc;
	if (listener->policy == NULL || !listener->policy->trusted_access ||
	    (peer->conn.flags & MAS_ACCESS_NETWORK) == 0 ||
	    !source_allowed(peer->conn.allowed_sources, in->peer->address))
		return mid_refuse(RC_FORBIDDEN, "SEC_CHANNEL_REQUIRED", reason);
	peer->proof = MID_SCL;
	memcpy(peer->scl_id, peer->conn.scl_id, sizeof(peer->scl_id));
	return RC_OK;
}

struct proof {
	const struct key *key;
	struct access_request rq;
	struct access_tag tag;
};

/* Under the lock of the connection: of two copies of a request one is too late. */
static enum rc
judge(void *arg, uint64_t *last)
{
	const struct proof *p = arg;

	return access_tag_check(p->key, &p->rq, &p->tag, last);
}

enum rc
mid_access_prove(struct mid *mid, const struct req_input *in, const struct mas_connection *conn,
                 struct slice *reason)
{
	struct proof p = { .rq = { .method = mid_method(in), .target = mid_target(in),
		                   .body = in->body } };
	struct key kmc, key;
	enum rc rc;

	if (!access_tag_parse(in->connection, &p.tag) || p.tag.connection != conn->id)
		return mid_refuse(RC_FORBIDDEN, "AUTH_FAILED", reason);
	if (!live_kmc(mid->conf.live, conn->id, conn->kmc_index, &kmc))
		return mid_refuse(RC_DENIED, "SEC_KMC_EXPIRED", reason);
	rc = access_tag_key(&kmc, conn->id, conn->kmc_index, &key);
	key_wipe(&kmc);
	p.key = &key;
	if (rc == RC_OK)
		rc = live_judge_counter(mid->conf.live, conn->id, judge, &p);
	key_wipe(&key);
	if (rc == RC_FORBIDDEN || rc == RC_TOO_LARGE)
		return mid_refuse(RC_FORBIDDEN, "AUTH_FAILED", reason);
	return rc == RC_NOT_FOUND ? mid_refuse(RC_DENIED, "SEC_KMC_EXPIRED", reason) : rc;
}
