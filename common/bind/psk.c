/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "bind/psk.h"

#include "sec/secret.h"

static bool
is_identity(struct slice s)
{
	if (s.n == 0 || s.n > PSK_IDENTITY_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < ' ' || s.p[i] > '~')
			return false;
	return true;
}

bool
psk_look_up(const struct psk_source *source, struct slice identity, unsigned tls_version,
            char kept[PSK_IDENTITY_MAX], size_t *n, struct key *out)
{
	*n = 0;
	if (!is_identity(identity) || tls_version == 0 ||
	    !source->find(source->arg, identity, tls_version, out))
		return key_random(out) == RC_OK;
	memcpy(kept, identity.p, identity.n);
	*n = identity.n;
	return true;
}
