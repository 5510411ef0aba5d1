/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials that an administrator brings (--import-credentials). */
#include "config.h"

#include "app/service.h"

#include <unistd.h>

#include "app/datalock.h"
#include "app/sec_conf.h"
#include "base/arena.h"
#include "cap/sec/import.h"

#define ARENA_MAX (1u << 20)

static enum rc
import_into(const struct profile *profile, const struct options *o, const char *file,
            char why[SERVICE_WHY_MAX])
{
	struct arena *a = arena_new(ARENA_MAX);
	struct sec_conf conf;
	enum rc rc = RC_UNAVAILABLE;

	if (a != NULL && sec_conf_fill(&conf, profile, o, NULL, a))
		rc = import_credentials(&conf, file, why);
	arena_free(a);
	return rc;
}

int
service_import(const struct profile *profile, const struct options *o, const char *file, FILE *err)
{
	char why[SERVICE_WHY_MAX] = "";
	enum rc rc = RC_BAD_REQUEST;
	int lock;

	if (profile->role == ROLE_NSCL) {
		fprintf(err, "%s: credentials are imported by gscl and dscl\n", profile->name);
		return 1;
	}
	lock = datalock_take(o->store.path, why, sizeof(why));
	if (lock >= 0) {
		rc = import_into(profile, o, file, why);
		close(lock);
	}
	if (rc != RC_OK)
		fprintf(err, "%s: %s\n", profile->name, why[0] != '\0' ? why : status_of(rc)->text);
	return rc == RC_OK ? 0 : 1;
}
