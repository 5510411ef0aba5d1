/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sec/keystore.h"

#include "sec/keystore_file.h"
#include "sec/keystore_set.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define COUNTER_BYTES 8

struct keystore {
	pthread_mutex_t lock; /* of all below */
	struct keystore_file file;
	struct seal seal;
	struct key *kek; /* secret_alloc */
	struct set set;
};

/* ---- opening ---- */

static enum rc
say(enum rc rc, char why[KEYSTORE_WHY], const char *dir, const char *text)
{
	snprintf(why, KEYSTORE_WHY, "%s/" KEYSTORE_FILE ": %s", dir, text);
	return rc;
}

static enum rc
write_set(struct keystore *ks, const struct set *set)
{
	struct buf octets;
	enum rc rc;

	buf_init(&octets, KEYSTORE_FILE_MAX);
	rc = set_store(ks->kek, &ks->seal, set, &octets);
	if (rc == RC_OK)
		rc = keystore_file_write(&ks->file, buf_view(&octets));
	buf_fini(&octets);
	return rc;
}

static enum rc
start_new(struct keystore *ks, const struct keystore_conf *conf, char why[KEYSTORE_WHY])
{
	enum rc rc = secret_random(ks->seal.salt, KEK_SALT_BYTES);

	if (rc == RC_OK)
		rc = kek_make(&conf->kek, ks->seal.salt, ks->kek, why);
	else
		say(rc, why, conf->dir, "no random numbers");
	if (rc != RC_OK)
		return rc;
	rc = write_set(ks, &ks->set);
	return rc == RC_OK ? rc : say(rc, why, conf->dir, "cannot be written");
}

static enum rc
explain_load(enum rc rc, char why[KEYSTORE_WHY], const char *dir)
{
	switch (rc) {
	case RC_OK:
		return rc;
	case RC_DENIED:
		return say(rc, why, dir, "made with another key, on another machine, or damaged");
	case RC_PRECONDITION:
		return say(rc, why, dir, "damaged");
	default:
		return say(rc, why, dir, "no memory, or none that can be locked");
	}
}

static enum rc
load(struct keystore *ks, const struct keystore_conf *conf, struct slice file,
     char why[KEYSTORE_WHY])
{
	struct seal want = ks->seal;
	enum rc rc = seal_read(file, &ks->seal);

	if (rc != RC_OK)
		return say(rc, why, conf->dir, "not a key store, or damaged");
	if (ks->seal.passphrase != want.passphrase)
		return say(RC_DENIED, why, conf->dir,
		           want.passphrase ? "made with a key file" : "made with a passphrase");
	if (ks->seal.bound != want.bound)
		return say(RC_DENIED, why, conf->dir,
		           want.bound ? "not bound to a machine" : "bound to a machine");
	rc = kek_make(&conf->kek, ks->seal.salt, ks->kek, why);
	if (rc == RC_OK)
		rc = explain_load(set_load(ks->kek, file, &ks->set), why, conf->dir);
	return rc;
}

static enum rc
open_file(struct keystore *ks, const struct keystore_conf *conf, char why[KEYSTORE_WHY])
{
	struct buf octets;
	enum rc rc = keystore_file_open(&ks->file, conf->dir, conf->create, why);

	if (rc != RC_OK)
		return rc;
	buf_init(&octets, KEYSTORE_FILE_MAX);
	rc = keystore_file_read(&ks->file, &octets, why);
	if (rc == RC_OK)
		rc = load(ks, conf, buf_view(&octets), why);
	else if (rc == RC_NOT_FOUND && conf->create)
		rc = start_new(ks, conf, why);
	buf_fini(&octets);
	return rc;
}

enum rc
keystore_open(const struct keystore_conf *conf, struct keystore **out, char why[KEYSTORE_WHY])
{
	struct keystore *ks = calloc(1, sizeof(*ks));
	enum rc rc;

	*out = NULL;
	if (ks == NULL)
		return say(RC_NO_SPACE, why, conf->dir, "no memory");
	ks->file.dir = -1;
	ks->seal.passphrase = conf->kek.passphrase_file != NULL;
	ks->seal.bound = conf->kek.bind;
	ks->kek = secret_alloc(sizeof(*ks->kek));
	pthread_mutex_init(&ks->lock, NULL);
	rc = ks->kek == NULL ? say(RC_UNAVAILABLE, why, conf->dir, "no memory that can be locked")
	                     : open_file(ks, conf, why);
	if (rc == RC_OK)
		*out = ks;
	else
		keystore_close(ks);
	return rc;
}

static enum rc
write_copy(const char *to, struct slice octets, char why[KEYSTORE_WHY])
{
	struct keystore_file f;
	enum rc rc = keystore_file_open(&f, to, true, why);

	if (rc != RC_OK)
		return rc;
	rc = keystore_file_write(&f, octets);
	keystore_file_close(&f);
	return rc == RC_OK ? rc : say(rc, why, to, "cannot be written, or is there already");
}

enum rc
keystore_copy(const char *dir, const char *to, char why[KEYSTORE_WHY])
{
	struct keystore_file f;
	struct seal seal;
	struct buf octets;
	enum rc rc = keystore_file_look(&f, dir, why);

	if (rc != RC_OK)
		return rc;
	buf_init(&octets, KEYSTORE_FILE_MAX);
	rc = keystore_file_read(&f, &octets, why);
	keystore_file_close(&f);
	if (rc == RC_OK && seal_read(buf_view(&octets), &seal) != RC_OK)
		rc = say(RC_PRECONDITION, why, dir, "not a key store, or damaged");
	if (rc == RC_OK)
		rc = write_copy(to, buf_view(&octets), why);
	buf_fini(&octets);
	return rc;
}

void
keystore_close(struct keystore *ks)
{
	if (ks == NULL)
		return;
	set_free(&ks->set);
	keystore_file_close(&ks->file);
	secret_free(ks->kek, sizeof(*ks->kek));
	pthread_mutex_destroy(&ks->lock);
	free(ks);
}

/* ---- changes ---- */

/* With the lock. */
static enum rc
apply(struct keystore *ks, const struct keystore_change *changes, size_t n)
{
	struct set next;
	enum rc rc = set_change(ks->kek, &ks->set, changes, n, &next);

	if (rc != RC_OK)
		return rc;
	rc = write_set(ks, &next);
	/* The file is in place, too, when only its directory could not be synchronised. */
	if (rc == RC_OK || rc == RC_UNAVAILABLE) {
		set_release(&ks->set, &next);
		ks->set = next;
	} else {
		set_release(&next, &ks->set);
	}
	return rc;
}

enum rc
keystore_apply(struct keystore *ks, const struct keystore_change *changes, size_t n)
{
	enum rc rc;

	pthread_mutex_lock(&ks->lock);
	rc = apply(ks, changes, n);
	pthread_mutex_unlock(&ks->lock);
	return rc;
}

enum rc
keystore_put(struct keystore *ks, const struct keystore_item *item, struct slice secret)
{
	const struct keystore_change change = { *item, secret };

	return secret.n == 0 ? RC_BAD_REQUEST : keystore_apply(ks, &change, 1);
}

/* ---- looking ---- */

/* With the lock. */
static enum rc
open_secret(struct keystore *ks, const struct keystore_id *id, void *out, size_t max, size_t *n)
{
	const struct entry *e = set_find(&ks->set, id);
	enum rc rc = e == NULL ? RC_NOT_FOUND : record_open(ks->kek, &e->sealed, out, max, n);

	if (rc != RC_OK) {
		*n = 0;
		secret_wipe(out, max);
	}
	/* It was decrypted when it was loaded or made. */
	return rc == RC_DENIED ? RC_INTERNAL : rc;
}

enum rc
keystore_secret(struct keystore *ks, const struct keystore_id *id, void *out, size_t max, size_t *n)
{
	enum rc rc;

	pthread_mutex_lock(&ks->lock);
	rc = open_secret(ks, id, out, max, n);
	pthread_mutex_unlock(&ks->lock);
	return rc;
}

enum rc
keystore_key(struct keystore *ks, const struct keystore_id *id, struct key *out)
{
	size_t n;
	enum rc rc = keystore_secret(ks, id, out->v, KEY_BYTES, &n);

	if (rc == RC_TOO_LARGE || (rc == RC_OK && n != KEY_BYTES)) {
		key_wipe(out);
		return RC_PRECONDITION;
	}
	return rc;
}

void
keystore_each(struct keystore *ks, uint8_t type,
              bool (*visit)(void *arg, const struct keystore_item *item), void *arg)
{
	pthread_mutex_lock(&ks->lock);
	for (size_t i = 0; i < ks->set.n; i++) {
		const struct keystore_item *item = &ks->set.v[i]->item;

		if ((type == 0 || item->id.type == type) && !visit(arg, item))
			break;
	}
	pthread_mutex_unlock(&ks->lock);
}

enum rc
keystore_text(struct keystore *ks, const struct keystore_id *id, struct buf *text,
              uint64_t *not_after)
{
	const struct entry *e;

	pthread_mutex_lock(&ks->lock);
	e = set_find(&ks->set, id);
	if (e != NULL && text != NULL)
		buf_slice(text, e->item.text);
	if (e != NULL && not_after != NULL)
		*not_after = e->item.not_after;
	pthread_mutex_unlock(&ks->lock);
	if (e == NULL)
		return RC_NOT_FOUND;
	return text != NULL && text->failed ? RC_NO_SPACE : RC_OK;
}

/* ---- counters ---- */

static struct keystore_id
counter_id(const struct keystore_id *id)
{
	return (struct keystore_id){ KS_COUNTER, id->index, id->name };
}

/* With the lock. */
static enum rc
counter_read(struct keystore *ks, const struct keystore_id *id, uint64_t *value)
{
	uint8_t v[COUNTER_BYTES];
	size_t n;
	enum rc rc = open_secret(ks, id, v, sizeof(v), &n);

	*value = 0;
	if (rc == RC_NOT_FOUND)
		return RC_OK;
	if (rc == RC_TOO_LARGE || (rc == RC_OK && n != COUNTER_BYTES))
		return RC_PRECONDITION;
	for (size_t i = 0; rc == RC_OK && i < COUNTER_BYTES; i++)
		*value = *value << 8 | v[i];
	return rc;
}

/* With the lock. */
static enum rc
counter_write(struct keystore *ks, const struct keystore_id *id, uint64_t value)
{
	uint8_t v[COUNTER_BYTES];
	const struct keystore_change change = { { *id, RECORD_NEVER, SLICE_NONE },
		                                    slice_make(v, sizeof(v)) };

	for (size_t i = 0; i < COUNTER_BYTES; i++)
		v[i] = (uint8_t)(value >> (56 - 8 * i));
	return apply(ks, &change, 1);
}

enum rc
keystore_counter(struct keystore *ks, const struct keystore_id *id, uint64_t *value)
{
	const struct keystore_id cid = counter_id(id);
	enum rc rc;

	pthread_mutex_lock(&ks->lock);
	rc = counter_read(ks, &cid, value);
	pthread_mutex_unlock(&ks->lock);
	return rc;
}

enum rc
keystore_counter_raise(struct keystore *ks, const struct keystore_id *id, uint64_t value)
{
	const struct keystore_id cid = counter_id(id);
	uint64_t now;
	enum rc rc;

	pthread_mutex_lock(&ks->lock);
	rc = counter_read(ks, &cid, &now);
	if (rc == RC_OK)
		rc = value > now ? counter_write(ks, &cid, value) : RC_CONFLICT;
	pthread_mutex_unlock(&ks->lock);
	return rc;
}
