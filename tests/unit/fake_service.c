/* SPDX-License-Identifier: Apache-2.0 */
/* A service that serves nothing and tells on stdout what it was asked, for tests of the process. */
#include "config.h"

#include "app/service.h"

#include <stdlib.h>

struct service {
	const struct options *o;
};

enum rc
service_start(const struct profile *profile, const struct options *o, struct log *log,
              struct service **svc, char why[SERVICE_WHY_MAX])
{
	(void)profile;
	(void)log;
	if (o->http.threads == 13) {
		snprintf(why, SERVICE_WHY_MAX, "thirteen threads are unlucky");
		return RC_UNAVAILABLE;
	}
	*svc = malloc(sizeof(**svc));
	if (*svc == NULL)
		return RC_UNAVAILABLE;
	(*svc)->o = o;
	return RC_OK;
}

void
service_reload(struct service *svc, const struct options *o)
{
	svc->o = o;
	printf("reload body_max=%lld base=%s level=%d\n", (long long)o->limits.body_max, o->scl.base,
	       o->log.level);
	fflush(stdout);
}

const char *
service_ready_line(struct service *svc)
{
	(void)svc;
	return "ready http=127.0.0.1:1";
}

/* Whoever sends the signal in a test means it. */
bool
service_wants_restart(const struct service *svc)
{
	return svc->o->http.threads == 14;
}

void
service_stop(struct service *svc)
{
	/* Reads through the options: they must still be there. */
	printf("stop id=%s\n", svc->o->scl.id);
	fflush(stdout);
	free(svc);
}

int
service_check_store(const struct profile *profile, const struct options *o, FILE *out)
{
	(void)profile;
	fprintf(out, "checked %s\n", o->store.path);
	return 0;
}

int
service_backup(const struct profile *profile, const struct options *o, const char *to, FILE *err)
{
	(void)profile;
	fprintf(err, "backup %s to %s\n", o->store.path, to);
	return 1;
}

int
service_print_types(FILE *out)
{
	fputs("{}\n", out);
	return 0;
}

int
service_import(const struct profile *profile, const struct options *o, const char *file, FILE *err)
{
	(void)profile;
	fprintf(err, "import %s to %s\n", file, o->store.path);
	return 1;
}
