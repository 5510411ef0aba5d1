/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams that are sent until they are answered. */
#include "config.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "base/uri.h"
#include "cap/pxy/px_udp_own.h"

#define HOST_MAX 64u

/* ---- addresses ---- */

static bool
read_port(struct slice text, uint16_t *out)
{
	unsigned port = 0;

	if (text.n == 0 || text.n > 5)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
		port = port * 10 + (unsigned)(text.p[i] - '0');
	}
	*out = (uint16_t)port;
	return port > 0 && port <= UINT16_MAX;
}

bool
px_udp_address(struct slice url, struct px_udp_address *out)
{
	struct uri u;
	char host[HOST_MAX];
	uint16_t port;
	bool v6;

	if (!uri_parse(url, &u) || !slice_is(u.scheme, "udp") || !read_port(u.port, &port) ||
	    (u.path.n > 0 && !slice_is(u.path, "/")) ||
	    url.n != strlen("udp://") + u.authority.n + u.path.n)
		return false;
	v6 = u.host.n > 2 && u.host.p[0] == '[' && u.host.p[u.host.n - 1] == ']';
	if (v6)
		u.host = slice_make(u.host.p + 1, u.host.n - 2);
	if (u.host.n >= sizeof(host))
		return false;
	memcpy(host, u.host.p, u.host.n);
	host[u.host.n] = '\0';
	*out = (struct px_udp_address){ .n = v6 ? sizeof(out->a.in6) : sizeof(out->a.in4) };
	out->a.any.sa_family = v6 ? AF_INET6 : AF_INET;
	if (v6)
		out->a.in6.sin6_port = htons(port);
	else
		out->a.in4.sin_port = htons(port);
	return strlen(host) == u.host.n &&
	       inet_pton(v6 ? AF_INET6 : AF_INET, host,
	                 v6 ? (void *)&out->a.in6.sin6_addr : &out->a.in4.sin_addr) == 1;
}

/* ---- one datagram ---- */

static struct px_udp_out **
bucket_of(struct px_udp *u, uint64_t id)
{
	return &u->outs[id % PX_UDP_BUCKETS];
}

/* It is in no list any more. */
static void
end(struct px_udp_out *o, enum rc rc)
{
	free(o->datagram);
	o->datagram = NULL;
	key_wipe(&o->acks);
	secret_wipe(o->key, sizeof(o->key));
	o->rc = rc;
	o->done(o);
}

/* Makes the datagram, and the key for its answer. */
static enum rc
make(struct px_udp_out *o)
{
	struct key data;
	enum rc rc;

	if (o->unit.n > PX_DATAGRAM_UNIT_MAX)
		return RC_BAD_REQUEST;
	o->n = PX_DATAGRAM_HEAD + o->unit.n + PX_DATAGRAM_TAG;
	o->datagram = malloc(o->n);
	if (o->datagram == NULL)
		return RC_UNAVAILABLE;
	rc = px_datagram_derive(o->key, PX_DATAGRAM_ACKS, o->id, &o->acks);
	if (rc == RC_OK)
		rc = px_datagram_derive(o->key, PX_DATAGRAM_DATA, o->id, &data);
	if (rc != RC_OK)
		return rc;
	rc = px_datagram_data(&data, o->id, o->number, o->unit, o->datagram);
	key_wipe(&data);
	return rc;
}

/* The time until the next one: a quarter on either side of 1.25 times o->wait. */
static int64_t
pause_after(const struct px_udp_out *o)
{
	uint32_t r = 0;

	(void)secret_random(&r, sizeof(r));
	return o->wait + (int64_t)((uint64_t)(o->wait / 2) * r / UINT32_MAX);
}

/* False: that is not possible. */
static bool
send_again(struct px_udp *u, struct px_udp_out *o, int64_t now)
{
	enum px_udp_sent s = px_udp_send(u, &o->to, o->datagram, o->n);

	o->tries++;
	o->due = now + pause_after(o);
	o->wait = o->wait * 2 < u->conf.repeat_max ? o->wait * 2 : u->conf.repeat_max;
	return s != PX_UDP_IMPOSSIBLE;
}

static bool
is_cancelled(struct px_udp *u, const struct px_udp_out *o)
{
	bool cancelled;

	pthread_mutex_lock(&u->lock);
	cancelled = o->cancelled;
	pthread_mutex_unlock(&u->lock);
	return cancelled;
}

void
px_udp_begin(struct px_udp *u, struct px_udp_out *o)
{
	enum rc rc = is_cancelled(u, o) ? RC_UNAVAILABLE : make(o);

	o->wait = u->conf.repeat;
	if (rc == RC_OK && !send_again(u, o, clock_monotonic()))
		rc = RC_BAD_GATEWAY;
	if (rc != RC_OK) {
		end(o, rc);
		return;
	}
	o->next = *bucket_of(u, o->id);
	*bucket_of(u, o->id) = o;
}

/* ---- answers ---- */

void
px_udp_acked(struct px_udp *u, const struct px_datagram *d)
{
	static const enum rc outcomes[] = {
		[PX_DATAGRAM_STORED] = RC_OK,     [PX_DATAGRAM_LATER] = RC_UNAVAILABLE,
		[PX_DATAGRAM_FULL] = RC_NO_SPACE, [PX_DATAGRAM_REFUSED] = RC_BAD_REQUEST,
		[PX_DATAGRAM_GONE] = RC_GONE,     [PX_DATAGRAM_UNKNOWN] = RC_CONFLICT,
	};
	struct px_udp_out **at = bucket_of(u, d->id), *o;

	while (*at != NULL && ((*at)->id != d->id || (*at)->number != d->number))
		at = &(*at)->next;
	o = *at;
	if (o == NULL)
		return;
	if (!px_datagram_good(&o->acks, d)) {
		if (u->conf.bad_tags != NULL)
			atomic_fetch_add_explicit(u->conf.bad_tags, 1, memory_order_relaxed);
		return;
	}
	*at = o->next;
	end(o, outcomes[d->status]);
}

/* ---- time and the end ---- */

/* Whether o goes on; *rc: with what it ends. */
static bool
goes_on(struct px_udp *u, struct px_udp_out *o, int64_t now, enum rc *rc)
{
	if (o->due > now)
		return true;
	*rc = RC_GATEWAY_TIMEOUT;
	if (o->tries > u->conf.repeats)
		return false;
	*rc = RC_BAD_GATEWAY;
	return send_again(u, o, now);
}

int64_t
px_udp_due(struct px_udp *u, int64_t now)
{
	int64_t next = CLOCK_NEVER;
	enum rc rc = RC_OK;

	for (size_t i = 0; i < PX_UDP_BUCKETS; i++) {
		struct px_udp_out **at = &u->outs[i];

		while (*at != NULL) {
			struct px_udp_out *o = *at;

			if (goes_on(u, o, now, &rc)) {
				next = o->due < next ? o->due : next;
				at = &o->next;
			} else {
				*at = o->next;
				end(o, rc);
			}
		}
	}
	return next;
}

void
px_udp_end(struct px_udp *u, bool all)
{
	for (size_t i = 0; i < PX_UDP_BUCKETS; i++) {
		struct px_udp_out **at = &u->outs[i];

		while (*at != NULL) {
			struct px_udp_out *o = *at;

			if (all || is_cancelled(u, o)) {
				*at = o->next;
				end(o, RC_UNAVAILABLE);
			} else
				at = &o->next;
		}
	}
}
