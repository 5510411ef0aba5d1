/* SPDX-License-Identifier: Apache-2.0 */
/* What the service does with a store without serving it. */
#include "config.h"

#include "app/service.h"

#include "app/scl_conf.h"

/* Opens the store as it is; false with one line on err. */
static bool
open_to_read(const struct profile *profile, const struct options *o, struct repo **repo, FILE *err)
{
	const struct store_ops *ops = scl_conf_engine(profile, o);
	char why[SERVICE_WHY_MAX] = "";
	struct repo_conf conf;
	enum rc rc;

	if (ops == NULL || ops == &store_memory) {
		fprintf(err, "%s: the engine %s keeps no store\n", profile->name, o->store.engine);
		return false;
	}
	scl_conf_repo(&conf, ops, o);
	conf.store.read_only = true;
	rc = repo_open(&conf, repo, why);
	if (rc != RC_OK)
		fprintf(err, "%s: %s\n", profile->name, why[0] != '\0' ? why : status_of(rc)->text);
	return rc == RC_OK;
}

struct findings {
	FILE *out;
	size_t n;
};

static void
on_finding(void *arg, const char *text)
{
	struct findings *f = arg;

	f->n++;
	fprintf(f->out, "%s\n", text);
}

int
service_check_store(const struct profile *profile, const struct options *o, FILE *out)
{
	struct findings f = { out, 0 };
	struct repo *repo;
	enum rc rc;

	if (!open_to_read(profile, o, &repo, out))
		return 1;
	rc = repo_check(repo, on_finding, &f);
	repo_close(repo);
	if (rc != RC_OK && f.n == 0)
		on_finding(&f, status_of(rc)->text);
	return f.n > 0 || fflush(out) != 0 ? 1 : 0;
}

int
service_backup(const struct profile *profile, const struct options *o, const char *to, FILE *err)
{
	char why[SERVICE_WHY_MAX] = "";
	struct repo *repo;
	enum rc rc;

	if (!open_to_read(profile, o, &repo, err))
		return 1;
	rc = repo_backup(repo, to, why);
	repo_close(repo);
	if (rc != RC_OK)
		fprintf(err, "%s: %s\n", profile->name, why[0] != '\0' ? why : status_of(rc)->text);
	return rc == RC_OK ? 0 : 1;
}
