/* SPDX-License-Identifier: Apache-2.0 */
/* Where a listener of TLS with pre-shared keys has its keys from. */
#ifndef BIND_PSK_H
#define BIND_PSK_H

#include "base/slice.h"

struct key; /* sec/secret.h */

#define PSK_IDENTITY_MAX 64u

struct psk_source {
	void *arg;
	/*
	 * The key of identity in a handshake of tls_version (0x0303, 0x0304). Called within the
	 * handshake on the serving thread, by several of them at a time: it looks into memory and
	 * nowhere else. identity has 1 to PSK_IDENTITY_MAX octets, all printable ASCII; what is no
	 * such identity gets a random key without a call.
	 *
	 * An unknown identity is to get a key, too, always the same and known to nobody, so that
	 * it fails where a wrong key fails. False, with out as it was, only when not even that can
	 * be made: a random key is taken. The caller wipes out.
	 */
	bool (*find)(void *arg, struct slice identity, unsigned tls_version, struct key *out);
	/*
	 * False when nothing will be served any more on a session of identity: one without a request
	 * is closed within about a second. Asked for all of them once a second, by one thread. NULL:
	 * all stand.
	 */
	bool (*stands)(void *arg, struct slice identity);
};

/*
 * The key for what a client says its identity is, within the handshake; the caller wipes it. Whatever
 * has no key gets a random one, to fail as late as a wrong key does. False: not even that can be
 * made. kept has the identity that source gave a key for, *n its octets: 0, none. tls_version 0: not
 * known.
 */
bool psk_look_up(const struct psk_source *source, struct slice identity, unsigned tls_version,
                 char kept[PSK_IDENTITY_MAX], size_t *n, struct key *out);

#endif
