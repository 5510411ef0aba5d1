/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sec/import.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "cap/sec/root_check.h"
#include "sec/key_file.h"
#include "sec/ppid_cert.h"

#define ARENA_MAX (1u << 18)

static enum rc
find_ppid(const struct sec_conf *conf, struct ppid *out)
{
	*out = (struct ppid){ .n = 0 };
	if (conf->bootstrap.ppid != NULL)
		return ppid_parse(slice_of(conf->bootstrap.ppid), true, out) == PPID_OK ? RC_OK
		                                                                       : RC_BAD_REQUEST;
	/* It is needed for a key that is bound to the machine only. */
	if (conf->bootstrap.certificate == NULL || !conf->keystore.bind)
		return RC_OK;
	return ppid_of_certificate(conf->bootstrap.certificate, out);
}

/* Kmr of the set; *element is what is wrong with it. */
static enum rc
find_kmr(const struct sec_conf *conf, const struct bootstrap_set *set, struct key *kmr,
         char why[SEC_WHY_MAX])
{
	struct key kek = { { 0 } };
	enum rc rc = set->key.n == KEYWRAP_BYTES ? node_keys_kek(conf, &kek, why) : RC_OK;

	if (rc == RC_OK && (rc = param_key_open(&set->key, &kek, kmr)) != RC_OK)
		snprintf(why, SEC_WHY_MAX,
		         "securityEncryptedM2MKey: it was wrapped with another key than that of the key "
		         "store");
	key_wipe(&kek);
	if (rc == RC_OK && key_is_zero(kmr)) {
		snprintf(why, SEC_WHY_MAX, "securityM2MKey: all zero");
		rc = RC_BAD_REQUEST;
	}
	return rc;
}

static enum rc
store(const struct sec_conf *conf, struct node_keys *keys, const struct bootstrap_set *set,
      char why[SEC_WHY_MAX])
{
	struct node_root held, root;
	struct key kmr = { { 0 } };
	const char *element = "";
	struct root_terms terms = { .scl_id = conf->scl_id,
		                    .keys = keys,
		                    .held = &held,
		                    .now = clock_now(conf->clock),
		                    .with_key = true,
		                    .domains = conf->bootstrap.domains };
	enum rc rc = node_keys_root(keys, &held, &kmr);

	key_wipe(&kmr);
	if (rc == RC_NOT_FOUND || rc == RC_OK)
		rc = root_check(set, &terms, &element);
	if (rc != RC_OK)
		snprintf(why, SEC_WHY_MAX, "%s: not acceptable", element[0] != '\0' ? element
		                                                                    : "key store");
	if (rc == RC_OK)
		rc = find_kmr(conf, set, &kmr, why);
	if (rc == RC_OK) {
		root_of_set(set, &terms, &root);
		rc = node_keys_put_root(keys, &root, &kmr);
		if (rc != RC_OK)
			snprintf(why, SEC_WHY_MAX, "key store: %s", status_of(rc)->text);
	}
	key_wipe(&kmr);
	return rc;
}

static enum rc
store_set(const struct sec_conf *conf, const struct bootstrap_set *set, char why[SEC_WHY_MAX])
{
	struct node_keys *keys = NULL;
	struct ppid ppid;
	enum rc rc = find_ppid(conf, &ppid);

	if (rc != RC_OK) {
		snprintf(why, SEC_WHY_MAX, "bootstrap.ppid: %s", status_of(rc)->text);
		return rc;
	}
	rc = node_keys_open(conf, &ppid, true, &keys, why);
	if (rc == RC_OK && keys == NULL) {
		snprintf(why, SEC_WHY_MAX, "keystore.path: with the engine memory nothing is kept");
		rc = RC_BAD_REQUEST;
	}
	if (rc == RC_OK)
		rc = store(conf, keys, set, why);
	node_keys_close(keys);
	return rc;
}

/* Zeros over the octets, then away with the name. */
static bool
wipe_file(const char *path, size_t n)
{
	static const char zeros[4096];
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	bool ok = fd >= 0;

	while (ok && n > 0) {
		ssize_t done = write(fd, zeros, n < sizeof(zeros) ? n : sizeof(zeros));

		ok = done > 0;
		n -= ok ? (size_t)done : 0;
	}
	ok = ok && fsync(fd) == 0;
	if (fd >= 0)
		close(fd);
	return ok && unlink(path) == 0;
}

enum rc
import_credentials(const struct sec_conf *conf, const char *file, char why[SEC_WHY_MAX])
{
	struct arena *a = arena_new(ARENA_MAX);
	struct bootstrap_set set = { 0 };
	struct key_file text = { 0 };
	const char *element = "";
	enum rc rc = a == NULL ? RC_UNAVAILABLE : key_file_private(file, &text);

	why[0] = '\0';
	if (rc == RC_OK) {
		rc = bootstrap_set_parse(a, slice_make(text.p, text.n), &set, &element);
		if (rc != RC_OK)
			snprintf(why, SEC_WHY_MAX, "%s: not as the schema has it", element);
	} else {
		snprintf(why, SEC_WHY_MAX, "%.180s: %s", file,
		         rc == RC_FORBIDDEN ? "only its owner may read it, who runs this program (mode 0600)"
		                            : status_of(rc)->text);
	}
	if (rc == RC_OK)
		rc = store_set(conf, &set, why);
	if (rc == RC_OK && !wipe_file(file, text.n)) {
		snprintf(why, SEC_WHY_MAX, "%.180s: stored, but the file cannot be wiped: %s", file,
		         strerror(errno));
		rc = RC_INTERNAL;
	}
	secret_wipe(&set.key, sizeof(set.key));
	key_file_free(&text);
	if (a != NULL)
		arena_wipe(a);
	arena_free(a);
	return rc;
}
