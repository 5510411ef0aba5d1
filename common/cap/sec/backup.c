/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sec/backup.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "sec/keystore.h"
#include "store/store.h"

static enum rc
join(char out[PATH_MAX], const char *dir, const char *name, char why[SEC_WHY_MAX])
{
	if ((size_t)snprintf(out, PATH_MAX, "%s/%s", dir, name) < PATH_MAX)
		return RC_OK;
	snprintf(why, SEC_WHY_MAX, "%.160s: the name is too long", dir);
	return RC_BAD_REQUEST;
}

static bool
is_there(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

/* A role that was never started has none. */
static enum rc
copy_store(const struct store_ops *engine, const char *from, const char *name, const char *to,
           char why[SEC_WHY_MAX])
{
	char from_path[PATH_MAX], to_path[PATH_MAX];
	struct store_conf sc = { .path = from_path, .read_only = true };
	struct store *store;
	enum rc rc = join(from_path, from, name, why);

	if (rc == RC_OK)
		rc = join(to_path, to, name, why);
	if (rc != RC_OK || !is_there(from_path))
		return rc;
	rc = engine->open(&sc, &store, why);
	if (rc != RC_OK)
		return rc;
	rc = engine->backup(store, to_path, why);
	engine->close(store);
	return rc;
}

static enum rc
copy_keystore(const struct sec_conf *conf, const char *to, char why[SEC_WHY_MAX])
{
	char from_path[PATH_MAX], to_path[PATH_MAX], text[KEYSTORE_WHY];
	enum rc rc;

	if (conf->keystore.path == NULL)
		return RC_OK;
	rc = join(from_path, conf->keystore.path, SEC_KEYSTORE, why);
	if (rc == RC_OK)
		rc = join(to_path, to, SEC_KEYSTORE, why);
	if (rc != RC_OK || !is_there(from_path))
		return rc;
	rc = keystore_copy(conf->keystore.path, to_path, text);
	if (rc != RC_OK) {
		snprintf(why, SEC_WHY_MAX, "key store: %.230s", text);
		return rc;
	}
	return copy_store(conf->engine, conf->keystore.path, SEC_KMA_STORE, to_path, why);
}

enum rc
sec_backup(const struct sec_conf *conf, const char *to, char why[SEC_WHY_MAX])
{
	enum rc rc = RC_OK;

	if (conf->state != NULL)
		rc = copy_store(conf->engine, conf->state, SEC_MSBF_STORE, to, why);
	if (rc == RC_OK && conf->state != NULL)
		rc = copy_store(conf->engine, conf->state, SEC_MAS_STORE, to, why);
	return rc == RC_OK ? copy_keystore(conf, to, why) : rc;
}
