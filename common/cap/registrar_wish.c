/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/registrar_wish.h"


#include "base/uri.h"
#include "cap/gate.h"

#define WISH_ARENA (1u << 20)
#define STRINGS_MAX 64
#define LIFETIME_MIN (10 * CLOCK_SECOND)

static bool
is_base(struct slice uri)
{
	struct uri u;

	return uri.n <= REGISTRAR_URI_MAX && uri_is_transport(uri) && uri_parse(uri, &u) &&
	       u.query.p == NULL;
}

static void
take_targets(struct registrar_wish *w, const struct val *list)
{
	w->n = 0;
	for (const struct val *v = list->first; v != NULL && w->n < REGISTRAR_NSCLS_MAX;
	     v = v->next) {
		struct slice uri = v->text;

		while (uri.n > 0 && uri.p[uri.n - 1] == '/')
			uri.n--;
		if (is_base(uri) && (w->nscl[w->n] = arena_str(w->arena, uri)) != NULL)
			w->n++;
	}
}

/* Those of the provider, when the configuration names none. */
static void
take_named(struct registrar_wish *w, const char *const *nscls)
{
	for (; *nscls != NULL && w->n < REGISTRAR_NSCLS_MAX; nscls++) {
		char *uri = w->arena == NULL ? NULL : arena_str(w->arena, slice_of(*nscls));

		if (uri != NULL && is_base(slice_of(uri)))
			w->nscl[w->n++] = uri;
	}
}

static void
take_strings(struct registrar_wish *w, const struct val *list)
{
	const char **strings = ARENA_ARRAY(w->arena, const char *, STRINGS_MAX + 1);
	size_t n = 0;

	for (const struct val *v = list->first; strings != NULL && v != NULL && n < STRINGS_MAX;
	     v = v->next)
		if ((strings[n] = arena_str(w->arena, v->text)) != NULL)
			n++;
	if (strings != NULL)
		w->search_strings = strings;
}

static void
take_object(struct registrar_wish *w, const struct val *vals)
{
	const struct val *targets = val_get(vals, A_REG_TARGET_NSCL_LIST);
	const struct val *strings = val_get(vals, A_REG_SEARCH_STRINGS);
	struct slice right = val_text(vals, A_REG_ACCESS_RIGHT_ID);
	int64_t lifetime = val_num(vals, A_REG_EXPIRATION_DURATION, 0);

	if (targets != NULL && targets->first != NULL)
		take_targets(w, targets);
	if (strings != NULL)
		take_strings(w, strings);
	if (right.n > 0)
		w->right = arena_str(w->arena, right);
	if (lifetime >= LIFETIME_MIN)
		w->lifetime_us = lifetime;
}

void
registrar_wish_read(struct registrar_wish *w, struct scl *scl, const struct capability_conf *conf)
{
	const struct val *vals;

	if (w->arena == NULL)
		w->arena = arena_new(WISH_ARENA);
	else
		arena_reset(w->arena);
	w->n = 0;
	while (conf->nscl != NULL && conf->nscl[w->n] != NULL && w->n < REGISTRAR_NSCLS_MAX) {
		w->nscl[w->n] = conf->nscl[w->n];
		w->n++;
	}
	if (w->n == 0 && conf->gate != NULL)
		take_named(w, conf->gate->nscls(conf->gate->arg));
	w->lifetime_us = conf->lifetime_us;
	w->search_strings = conf->search_strings;
	w->right = NULL;
	if (w->arena != NULL && mgmt_own_values(scl, w->arena, "sclMo", &vals) == RC_OK)
		take_object(w, vals);
}

void
registrar_wish_free(struct registrar_wish *w)
{
	arena_free(w->arena);
	w->arena = NULL;
}

bool
registrar_wish_has(const struct registrar_wish *w, const char *uri, size_t *at)
{
	for (size_t i = 0; i < w->n; i++)
		if (strcmp(w->nscl[i], uri) == 0) {
			*at = i;
			return true;
		}
	return false;
}
