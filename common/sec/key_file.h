/* SPDX-License-Identifier: Apache-2.0 */
/* Files that hold keys: what is asked of them is checked on what was opened, not on the name. */
#ifndef SEC_KEY_FILE_H
#define SEC_KEY_FILE_H

#include "base/rc.h"

#include <stdint.h>

#define KEY_FILE_MAX 4194304 /* octets */

/* The content of a key file, in memory that is wiped by key_file_free. */
struct key_file {
	char *p;
	size_t n;
	size_t size; /* of the memory */
};

/*
 * Reads a regular file of the process's effective user that nobody else may read, write or execute
 * (mode 0600 or less). RC_NOT_FOUND; RC_FORBIDDEN: another kind, owner or mode; RC_TOO_LARGE:
 * over KEY_FILE_MAX, or growing; RC_UNAVAILABLE: no memory; RC_INTERNAL. On RC_OK the caller calls
 * key_file_free. Blocks on the disk.
 */
enum rc key_file_private(const char *path, struct key_file *out);
/* The same for what is no secret: any owner and mode. */
enum rc key_file_public(const char *path, struct key_file *out);
/* Wipes; a zeroed struct is fine. */
void key_file_free(struct key_file *f);

#endif
