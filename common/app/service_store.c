/* SPDX-License-Identifier: Apache-2.0 */
/* What the service does with a store without serving it. */
#include "config.h"

#include "app/service.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/reset.h"
#include "app/scl_conf.h"
#include "app/sec_conf.h"
#include "cap/proxy_conf.h"
#include "cap/sec/backup.h"
#include "cap/edge_conf.h"
#include "cap/geo_conf.h"
#include "cap/sga_conf.h"
#include "store/copy.h"

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

/* What capabilities keep beside the tree. */
static const char *const other_stores[] = { PROXY_BOOK_STORE, PROXY_SINK_STORE, PROXY_SOURCE_STORE,
	                                    SGA_BOOK_STORE,   SGA_DEVICE_STORE, EDGE_BOOK_STORE,
	                                    GEO_BOOK_STORE,
	                                    NULL };

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
	for (const char *const *name = other_stores; *name != NULL; name++)
		(void)store_verify(scl_conf_engine(profile, o), o->store.path, *name, on_finding,
		                   &f);
	if (rc != RC_OK && f.n == 0)
		on_finding(&f, status_of(rc)->text);
	return f.n > 0 || fflush(out) != 0 ? 1 : 0;
}

/* ---- backup ---- */

/* Where a copy grows, and what its name is then. */
struct copy {
	char to[PATH_MAX - 16];
	char part[PATH_MAX];
	char first[PATH_MAX]; /* what is copied before the tree: the engine wants an empty part */
};

static enum rc
say(char why[SERVICE_WHY_MAX], const char *path, const char *text)
{
	snprintf(why, SERVICE_WHY_MAX, "%.200s: %s", path, text);
	return RC_UNAVAILABLE;
}

/* An empty directory that is there gives way; part must not be that of somebody else. */
static enum rc
copy_begin(struct copy *c, const char *to, char why[SERVICE_WHY_MAX])
{
	size_t n = strlen(to);

	while (n > 1 && to[n - 1] == '/')
		n--;
	if (n == 0 || n >= sizeof(c->to))
		return say(why, to, "no name of a directory");
	snprintf(c->to, sizeof(c->to), "%.*s", (int)n, to);
	snprintf(c->part, sizeof(c->part), "%s.part", c->to);
	snprintf(c->first, sizeof(c->first), "%s.first", c->to);
	if (rmdir(c->to) != 0 && errno != ENOENT)
		return say(why, c->to,
		           errno == ENOTEMPTY || errno == EEXIST ? "the directory is not empty"
		                                                 : strerror(errno));
	return mkdir(c->part, 0700) == 0 ? RC_OK : say(why, c->part, strerror(errno));
}

/*
 * What the tree has must not be older than what these say of it: that a request was sealed, or
 * applied and is not kept any more. The other way round it is done, or seen to be done, again.
 */
static enum rc
copy_first(const struct copy *c, const struct store_ops *ops, const char *from,
           char why[SERVICE_WHY_MAX])
{
	enum rc rc = mkdir(c->first, 0700) == 0 ? RC_OK : say(why, c->first, strerror(errno));

	for (const char *const *name = other_stores; rc == RC_OK && *name != NULL; name++)
		rc = store_copy(ops, from, c->first, *name, why);
	return rc;
}

static enum rc
join_first(const struct copy *c, char why[SERVICE_WHY_MAX])
{
	char from[PATH_MAX + 16], to[PATH_MAX + 16];

	for (const char *const *name = other_stores; *name != NULL; name++) {
		snprintf(from, sizeof(from), "%s/%s", c->first, *name);
		snprintf(to, sizeof(to), "%s/%s", c->part, *name);
		if (rename(from, to) != 0 && errno != ENOENT)
			return say(why, to, strerror(errno));
	}
	return rmdir(c->first) == 0 ? RC_OK : say(why, c->first, strerror(errno));
}

static enum rc
sync_dir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok = fd >= 0 && fsync(fd) == 0;

	if (fd >= 0)
		close(fd);
	return ok ? RC_OK : RC_UNAVAILABLE;
}

static enum rc
sync_parent(const char *path)
{
	char up[PATH_MAX];

	snprintf(up, sizeof(up), "%s/..", path);
	return sync_dir(up);
}

static enum rc
copy_end(const struct copy *c, enum rc rc, char why[SERVICE_WHY_MAX])
{
	if (rc == RC_OK && (sync_dir(c->part) != RC_OK || rename(c->part, c->to) != 0))
		rc = say(why, c->to, strerror(errno));
	if (rc == RC_OK)
		return sync_parent(c->to);
	(void)reset_remove(c->part);
	(void)reset_remove(c->first);
	return rc;
}

int
service_backup(const struct profile *profile, const struct options *o, const char *to, FILE *err)
{
	char why[SERVICE_WHY_MAX] = "";
	struct repo *repo;
	struct copy c;
	enum rc rc;

	if (!open_to_read(profile, o, &repo, err))
		return 1;
	rc = copy_begin(&c, to, why);
	if (rc == RC_OK) {
		rc = copy_first(&c, scl_conf_engine(profile, o), o->store.path, why);
		if (rc == RC_OK)
			rc = repo_backup(repo, c.part, why);
		if (rc == RC_OK)
			rc = join_first(&c, why);
		if (rc == RC_OK)
			rc = sec_conf_use(profile, o, sec_backup, c.part, why);
		rc = copy_end(&c, rc, why);
	}
	repo_close(repo);
	if (rc != RC_OK)
		fprintf(err, "%s: %s\n", profile->name, why[0] != '\0' ? why : status_of(rc)->text);
	return rc == RC_OK ? 0 : 1;
}
