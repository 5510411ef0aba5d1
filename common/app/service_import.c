/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials that an administrator brings (--import-credentials). */
#include "config.h"

#include "app/service.h"

#include <unistd.h>

#include "app/datalock.h"
#include "app/sec_conf.h"
#include "cap/sec/import.h"

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
		rc = sec_conf_use(profile, o, import_credentials, file, why);
		close(lock);
	}
	if (rc != RC_OK)
		fprintf(err, "%s: %s\n", profile->name, why[0] != '\0' ? why : status_of(rc)->text);
	return rc == RC_OK ? 0 : 1;
}
