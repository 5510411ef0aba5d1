/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sec/psk.h"

#include <stdlib.h>

struct psk_front {
	struct psk_source source;
	struct psk_front_conf conf;
	struct key *dummy; /* of what is unknown; secret memory */
};

/* A key belongs to one version of TLS. */
static bool
version_fits(const struct psk_id *id, unsigned tls_version)
{
	return tls_version == (id->tls == PSK_TLS_1_3 ? 0x0304u : 0x0303u);
}

/* Its key is the matter of another capability. */
static bool
is_agreed(const struct psk_id *id)
{
	return id->kind == PSK_GA || id->kind == PSK_MP;
}

static bool
of_sources(const struct psk_sources *sources, const struct psk_id *id, struct key *out)
{
	const struct sec_psk *source = psk_sources_of(sources, id->kind);

	return source != NULL && source->find(source->arg, id, out);
}

static bool
look_up(const struct psk_front *f, struct slice identity, unsigned tls_version, struct key *out)
{
	struct psk_id id;

	if (!psk_id_parse(identity, &id) || !version_fits(&id, tls_version))
		return false;
	if (is_agreed(&id))
		return of_sources(f->conf.sources, &id, out);
	if (id.kind != PSK_MA)
		return mid_psk(f->conf.mid, &id, out);
	return f->conf.app != NULL && f->conf.app(f->conf.app_arg, &id, out);
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
	const struct sec_psk *source;
	struct psk_id id;

	if (!psk_id_parse(identity, &id))
		return false;
	if (!is_agreed(&id))
		return mid_stands(f->conf.mid, &id);
	source = psk_sources_of(f->conf.sources, id.kind);
	return source != NULL && source->stands(source->arg, &id);
}

enum rc
psk_front_new(const struct psk_front_conf *conf, struct psk_front **out)
{
	struct psk_front *f = calloc(1, sizeof(*f));

	*out = NULL;
	if (f == NULL || (f->dummy = secret_alloc(sizeof(*f->dummy))) == NULL) {
		free(f);
		return RC_UNAVAILABLE;
	}
	f->source = (struct psk_source){ .arg = f, .find = find, .stands = stands };
	f->conf = *conf;
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
