/* SPDX-License-Identifier: Apache-2.0 */
/* Small files, and files that are replaced as a whole or not at all. */
#ifndef CAP_REM_REM_FILE_H
#define CAP_REM_REM_FILE_H

#include "base/buf.h"
#include "base/rc.h"

#include <stdbool.h>

/*
 * Reads the beginning of root + path into text, at most size - 1 octets and a zero. False when
 * there is no such file. Never waits for a writer of a FIFO.
 */
bool rem_file_text(const char *root, const char *path, char *text, size_t size);
/* Reads a whole regular file in dir into b (initialised); RC_TOO_LARGE beyond its maximum. */
enum rc rem_file_read(int dir, const char *name, struct buf *b);
/*
 * Puts data in place of dir/name so that after a crash there is the old or the new file, and the
 * new one once this has returned RC_OK. RC_NO_SPACE, RC_INTERNAL.
 */
enum rc rem_file_replace(int dir, const char *name, struct slice data);
/*
 * Opens a directory of the daemon's own for openat, making it (mode 0700) when it is absent; its
 * parent must be there. -1 with errno.
 */
int rem_file_directory(int at, const char *name);
/* Opens a regular file for reading without following a link at its end; its size. -1 with errno. */
int rem_file_open(int dir, const char *name, uint64_t *size);
/* Writes all of it; false with errno. */
bool rem_file_write(int fd, struct slice data);

#endif
