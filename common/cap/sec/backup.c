/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sec/backup.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "cap/sec/node_keys.h"
#include "sec/keystore.h"
#include "store/copy.h"

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

static bool
is_directory(const char *dir, const char *name)
{
	char path[PATH_MAX];
	struct stat st;

	return (size_t)snprintf(path, sizeof(path), "%s/%s", dir, name) < sizeof(path) &&
	       stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The stores of capabilities that go with the key store; other directories are none of ours. */
static enum rc
copy_books(const struct sec_conf *conf, const char *to, char why[SEC_WHY_MAX])
{
	DIR *dir = opendir(conf->keystore.path);
	const struct dirent *entry;
	enum rc rc = RC_OK;

	if (dir == NULL) {
		snprintf(why, SEC_WHY_MAX, "%.160s cannot be read", conf->keystore.path);
		return RC_UNAVAILABLE;
	}
	while (rc == RC_OK && (entry = readdir(dir)) != NULL)
		if (is_directory(conf->keystore.path, entry->d_name) &&
		    node_book_name(slice_of(entry->d_name)))
			rc = store_copy(conf->engine, conf->keystore.path, to, entry->d_name, why);
	closedir(dir);
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
	return copy_books(conf, to_path, why);
}

/* A role that was never started has no store. */
enum rc
sec_backup(const struct sec_conf *conf, const char *to, char why[SEC_WHY_MAX])
{
	enum rc rc = RC_OK;

	if (conf->state != NULL)
		rc = store_copy(conf->engine, conf->state, to, SEC_MSBF_STORE, why);
	if (rc == RC_OK && conf->state != NULL)
		rc = store_copy(conf->engine, conf->state, to, SEC_MAS_STORE, why);
	return rc == RC_OK ? copy_keystore(conf, to, why) : rc;
}
