/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/nscl_url.h"

#include <stdio.h>

#include "cap/gate.h"
#include "cap/sec_access.h"

static const char *
stands_among(const struct sec_access *sec, const char *const *urls)
{
	struct sec_session session;

	for (; urls != NULL && *urls != NULL; urls++) {
		enum rc rc = sec->session(sec->arg, slice_of(*urls), &session);

		key_wipe(&session.kmc);
		if (rc == RC_OK)
			return *urls;
	}
	return NULL;
}

bool
nscl_url(const struct capability_conf *conf, const char *rest, char url[NSCL_URL_MAX])
{
	const struct gate *gate = conf->gate;
	const char *const *named = gate == NULL ? NULL : gate->nscls(gate->arg);
	const char *base = stands_among(conf->sec, named);
	size_t length;
	int n;

	if (base == NULL)
		base = stands_among(conf->sec, conf->nscl);
	if (base == NULL && conf->nscl != NULL)
		base = conf->nscl[0];
	if (base == NULL && named != NULL)
		base = named[0];
	if (base == NULL)
		return false;
	length = strlen(base);
	while (length > 0 && base[length - 1] == '/')
		length--;
	n = snprintf(url, NSCL_URL_MAX, "%.*s%s", (int)length, base, rest);
	return n > 0 && n < NSCL_URL_MAX;
}
