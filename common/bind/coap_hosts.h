/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The peers that port_coap talks to: each has a name, a port and a credential, the addresses of the
 * name, its connections, and the line of calls that await a place. Private to the CoAP binding; one
 * thread.
 */
#ifndef BIND_COAP_HOSTS_H
#define BIND_COAP_HOSTS_H

#include "bind/coap_conn.h"

#define HOSTS_BUCKETS 64u

struct coapc_hosts {
	struct coapc_host *buckets[HOSTS_BUCKETS];
	struct coapc_host *dirty; /* to be seen to by coapc_hosts_tidy */
	struct coapc_calls ended; /* calls with their outcome, for the port to take */
	struct resolver *resolver;
	int epoll; /* the port's: an event has the connection, or NULL for wake */
	int wake;
	unsigned per_host; /* calls under way with one host */
	int64_t connect_us;
	int64_t due; /* when coapc_hosts_work has something to do, monotonic; INT64_MAX: never */
	unsigned n_idle; /* connections without calls, as of the last coapc_hosts_work */
};

/* Who is talked to. */
struct coapc_peer {
	struct slice name; /* without brackets */
	unsigned port;
	const struct credential *credential; /* NULL: without DTLS */
};

/* False without memory or descriptors; coapc_hosts_close in any case. */
bool coapc_hosts_open(struct coapc_hosts *hs, unsigned per_host, unsigned connect_ms);
/* Ends all: the calls are in ended. */
void coapc_hosts_close(struct coapc_hosts *hs);

/* Puts the call into the line of its peer. False: no memory; the call is the caller's. */
bool coapc_hosts_enter(struct coapc_hosts *hs, const struct coapc_peer *peer,
                       struct coapc_call *call);
/* An event of a connection. */
void coapc_hosts_event(struct coapc_hosts *hs, struct coapc_conn *c, int64_t now);
/* An event of wake: names were resolved. */
void coapc_hosts_resolved(struct coapc_hosts *hs);
/* Does what is due. */
void coapc_hosts_work(struct coapc_hosts *hs, int64_t now);
/* After all events: begins what can begin, ends connections that are of no use. */
void coapc_hosts_tidy(struct coapc_hosts *hs, int64_t now);

#endif
