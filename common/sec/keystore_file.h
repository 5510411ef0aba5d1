/* SPDX-License-Identifier: Apache-2.0 */
/* The directory and the file of a key store: owners, modes, the lock, the exchange of the file. */
#ifndef SEC_KEYSTORE_FILE_H
#define SEC_KEYSTORE_FILE_H

#include "sec/keystore.h"

#include <sys/stat.h>

#define KEYSTORE_FILE "keystore"
#define KEYSTORE_TEMPORARY "keystore.tmp"

struct keystore_file {
	int dir;         /* locked, but for keystore_file_look; -1: not open */
	bool present;    /* there is a file, and seen describes it */
	struct stat seen;
};

/*
 * Opens and locks the directory, after creating it if so wanted. Outcomes and why as keystore_open
 * has them.
 */
enum rc keystore_file_open(struct keystore_file *f, const char *dir, bool create,
                           char why[KEYSTORE_WHY]);
/* The same without a lock, to read alone: another process may have it open. */
enum rc keystore_file_look(struct keystore_file *f, const char *dir, char why[KEYSTORE_WHY]);
void keystore_file_close(struct keystore_file *f);

/*
 * The whole file. RC_NOT_FOUND when there is none; otherwise, and why, as keystore_open has them.
 * to has the limit KEYSTORE_FILE_MAX.
 */
enum rc keystore_file_read(struct keystore_file *f, struct buf *to, char why[KEYSTORE_WHY]);

/*
 * Puts a file with that content in its place. RC_CONFLICT when what is there is not what was read
 * or written last; other outcomes as keystore_apply has them.
 */
enum rc keystore_file_write(struct keystore_file *f, struct slice content);

#endif
