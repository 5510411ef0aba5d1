/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sec/psk.h"

#include <stdlib.h>

struct psk_front {
	struct psk_source source;
	struct mid *mid;
	bool (*app)(void *arg, const struct psk_id *id, struct key *out);
	void *app_arg;
	struct key *dummy; /* of what is unknown; secret memory */
};

/* A key belongs to one version of TLS. */
static bool
version_fits(const struct psk_id *id, unsigned tls_version)
{
	return tls_version == (id->tls == PSK_TLS_1_3 ? 0x0304u : 0x0303u);
}

static bool
look_up(const struct psk_front *f, struct slice identity, unsigned tls_version, struct key *out)
{
	struct psk_id id;

	if (!psk_id_parse(identity, &id) || !version_fits(&id, tls_version))
		return false;
	if (id.kind != PSK_MA)
		return mid_psk(f->mid, &id, out);
	return f->app != NULL && f->app(f->app_arg, &id, out);
}

/*
 * The dummy is made for every identity, and a look-up derives for an unknown one of its kind what it
 * would for a known one (mid_psk; app), so that the cost tells nothing.
 */
static bool
find(void *arg, struct slice identity, unsigned tls_version, struct key *out)
{
	const struct psk_front *f = arg;
	struct key dummy, found;
	bool made = psk_dummy(f->dummy, identity, &dummy) == RC_OK;
	bool known = look_up(f, identity, tls_version, &found);

	if (known)
		*out = found;
	else if (made)
		*out = dummy;
	key_wipe(&found);
	key_wipe(&dummy);
	return known || made;
}

static bool
stands(void *arg, struct slice identity)
{
	const struct psk_front *f = arg;
	struct psk_id id;

	return psk_id_parse(identity, &id) && mid_stands(f->mid, &id);
}

enum rc
psk_front_new(struct mid *mid, bool (*app)(void *arg, const struct psk_id *id, struct key *out),
              void *app_arg, struct psk_front **out)
{
	struct psk_front *f = calloc(1, sizeof(*f));

	*out = NULL;
	if (f == NULL || (f->dummy = secret_alloc(sizeof(*f->dummy))) == NULL) {
		free(f);
		return RC_UNAVAILABLE;
	}
	f->source = (struct psk_source){ .arg = f, .find = find, .stands = stands };
	f->mid = mid;
	f->app = app;
	f->app_arg = app_arg;
	if (key_random(f->dummy) != RC_OK) {
		psk_front_free(f);
		return RC_INTERNAL;
	}
	*out = f;
	return RC_OK;
}

void
psk_front_free(struct psk_front *f)
{
	if (f == NULL)
		return;
	secret_free(f->dummy, sizeof(*f->dummy));
	free(f);
}

const struct psk_source *
psk_front_source(const struct psk_front *f)
{
	return &f->source;
}
