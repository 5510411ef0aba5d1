/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "store/copy.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

static enum rc
join(char out[PATH_MAX], const char *dir, const char *name, char why[256])
{
	if ((size_t)snprintf(out, PATH_MAX, "%s/%s", dir, name) < PATH_MAX)
		return RC_OK;
	snprintf(why, 256, "%.160s: the name is too long", dir);
	return RC_BAD_REQUEST;
}

static bool
is_there(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

/* NULL, and RC_OK, when there is none. */
static enum rc
open_to_read(const struct store_ops *engine, const char *dir, const char *name,
             struct store **store, char why[256])
{
	char path[PATH_MAX];
	const struct store_conf conf = { .path = path, .read_only = true };
	enum rc rc = join(path, dir, name, why);

	*store = NULL;
	return rc != RC_OK || !is_there(path) ? rc : engine->open(&conf, store, why);
}

enum rc
store_copy(const struct store_ops *engine, const char *from, const char *to, const char *name,
           char why[256])
{
	char path[PATH_MAX];
	struct store *store;
	enum rc rc = open_to_read(engine, from, name, &store, why);

	if (rc != RC_OK || store == NULL)
		return rc;
	rc = join(path, to, name, why);
	if (rc == RC_OK)
		rc = engine->backup(store, path, why);
	engine->close(store);
	return rc;
}

enum rc
store_verify(const struct store_ops *engine, const char *dir, const char *name,
             store_finding *found, void *arg)
{
	char why[256] = "";
	struct store *store;
	enum rc rc = open_to_read(engine, dir, name, &store, why);

	if (rc != RC_OK) {
		found(arg, why[0] != '\0' ? why : status_of(rc)->text);
		return rc;
	}
	if (store == NULL)
		return RC_OK;
	rc = engine->check(store, found, arg);
	engine->close(store);
	return rc;
}
