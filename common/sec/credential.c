/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sec/credential.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct psk_pair {
	struct credential_psk tls13, tls12;
};

struct credential {
	_Atomic unsigned refs;
	enum credential_kind kind;
	struct psk_pair *psk; /* of secret_alloc */
	bool has_tls12;
	struct credential_files files;
	char *texts[4]; /* what files names; own copies */
};

static struct credential *
new_credential(enum credential_kind kind)
{
	struct credential *c = calloc(1, sizeof(*c));

	if (c != NULL) {
		atomic_init(&c->refs, 1);
		c->kind = kind;
	}
	return c;
}

static void
free_credential(struct credential *c)
{
	for (size_t i = 0; i < sizeof(c->texts) / sizeof(c->texts[0]); i++)
		free(c->texts[i]);
	secret_free(c->psk, sizeof(*c->psk));
	free(c);
}

/* False without memory; an absent name stays NULL. */
static bool
copy_name(const char *name, char **copy, const char **out)
{
	if (name == NULL)
		return true;
	*copy = strdup(name);
	*out = *copy;
	return *copy != NULL;
}

struct credential *
credential_certificate(const struct credential_files *files)
{
	struct credential *c = new_credential(CREDENTIAL_CERTIFICATE);

	if (c == NULL)
		return NULL;
	if (copy_name(files->ca, &c->texts[0], &c->files.ca) &&
	    copy_name(files->crl, &c->texts[1], &c->files.crl) &&
	    copy_name(files->certificate, &c->texts[2], &c->files.certificate) &&
	    copy_name(files->key, &c->texts[3], &c->files.key))
		return c;
	free_credential(c);
	return NULL;
}

static bool
is_identity(const struct credential_psk *psk)
{
	size_t n = strnlen(psk->identity, sizeof(psk->identity));

	return n > 0 && n <= CREDENTIAL_IDENTITY_MAX;
}

struct credential *
credential_psk(const struct credential_psk *tls13, const struct credential_psk *tls12)
{
	struct credential *c;

	if (!is_identity(tls13) || (tls12 != NULL && !is_identity(tls12)))
		return NULL;
	c = new_credential(CREDENTIAL_PSK);
	if (c == NULL)
		return NULL;
	c->psk = secret_alloc(sizeof(*c->psk));
	if (c->psk == NULL) {
		free_credential(c);
		return NULL;
	}
	c->psk->tls13 = *tls13;
	c->has_tls12 = tls12 != NULL;
	if (tls12 != NULL)
		c->psk->tls12 = *tls12;
	return c;
}

/* The counter is the one part of a credential that changes. */
static struct credential *
counted(const struct credential *c)
{
	return (struct credential *)(uintptr_t)c;
}

struct credential *
credential_ref(const struct credential *c)
{
	struct credential *mine = counted(c);

	atomic_fetch_add_explicit(&mine->refs, 1, memory_order_relaxed);
	return mine;
}

void
credential_unref(const struct credential *c)
{
	struct credential *mine = counted(c);

	if (mine != NULL && atomic_fetch_sub_explicit(&mine->refs, 1, memory_order_acq_rel) == 1)
		free_credential(mine);
}

bool
credential_sole(const struct credential *c)
{
	return atomic_load_explicit(&c->refs, memory_order_acquire) == 1;
}

enum credential_kind
credential_kind(const struct credential *c)
{
	return c->kind;
}

const struct credential_files *
credential_files(const struct credential *c)
{
	return &c->files;
}

const struct credential_psk *
credential_for_version(const struct credential *c, int version)
{
	if (c->kind != CREDENTIAL_PSK)
		return NULL;
	if (version == 13)
		return &c->psk->tls13;
	return version == 12 && c->has_tls12 ? &c->psk->tls12 : NULL;
}
