/* SPDX-License-Identifier: Apache-2.0 */
/* What the back ends that live in a directory have in common. Private to common/store. */
#ifndef STORE_ENGINE_H
#define STORE_ENGINE_H

#include "store/store.h"

#include <pthread.h>

/* Simultaneous read transactions when the configuration names no number. */
#define ENGINE_READERS 256

/* True for a key that a record may have. */
static inline bool
engine_key_ok(struct slice key)
{
	return key.n >= 1 && key.n <= STORE_KEY_MAX;
}

/* Formats the reason for a failure of open or backup; returns rc. */
enum rc engine_why(char why[256], enum rc rc, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The outcome for a failed system call: full devices are RC_NO_SPACE, the rest RC_UNAVAILABLE. */
enum rc engine_errno(int err);

/* True when less than a MiB is left on the file system of path; false also when unknown. */
bool engine_disk_full(const char *path);

/* Creates the directory and its missing parents, for this user alone, durably. */
enum rc engine_make_dir(const char *path, char why[256]);

/* Makes the entries of the directory durable. */
enum rc engine_sync_dir(const char *path);

/* As engine_make_dir; RC_CONFLICT when the directory has entries already. */
enum rc engine_make_empty_dir(const char *path, char why[256]);

/* path "/" name in new memory, NULL without memory; freed by the caller. */
char *engine_path(const char *path, const char *name);

/* Locks with the patience of the gate; false when the lock was not free in that time. */
bool engine_lock_soon(pthread_mutex_t *lock);

#endif
