/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sec/authorities.h"

#include <stdlib.h>

#include "cap/sec/secure_name.h"

struct authority {
	char name[SECURE_NAME_MAX + 1];
	struct credential *credential;
};

struct authorities {
	size_t n;
	struct authority v[AUTHORITIES_MAX];
};

struct authorities *
authorities_new(void)
{
	return calloc(1, sizeof(struct authorities));
}

void
authorities_free(struct authorities *a)
{
	for (size_t i = 0; a != NULL && i < a->n; i++)
		credential_unref(a->v[i].credential);
	free(a);
}

/* Its place, or a->n. */
static size_t
place_of(const struct authorities *a, const char *name)
{
	size_t i = 0;

	while (i < a->n && strcmp(a->v[i].name, name) != 0)
		i++;
	return i;
}

static void
forget(struct authorities *a, size_t i)
{
	credential_unref(a->v[i].credential);
	a->v[i] = a->v[--a->n];
}

enum rc
authorities_set(struct authorities *a, struct slice url, struct credential *c)
{
	char name[SECURE_NAME_MAX + 1];
	struct uri u;
	size_t i;

	if (!secure_name(url, name, &u))
		return RC_BAD_REQUEST;
	i = place_of(a, name);
	if (c != NULL && i == AUTHORITIES_MAX)
		return RC_NO_SPACE;
	if (c != NULL)
		c = credential_ref(c);
	if (i < a->n)
		forget(a, i);
	if (c == NULL)
		return RC_OK;
	a->v[a->n].credential = c;
	memcpy(a->v[a->n++].name, name, sizeof(name));
	return RC_OK;
}

struct credential *
authorities_find(const struct authorities *a, struct slice url)
{
	char name[SECURE_NAME_MAX + 1];
	struct uri u;
	size_t i;

	if (a->n == 0 || !secure_name(url, name, &u))
		return NULL;
	i = place_of(a, name);
	return i < a->n ? a->v[i].credential : NULL;
}
