/* SPDX-License-Identifier: Apache-2.0 */
/* A directory tree of a test's own, with files made and read by name. */
#ifndef REM_BED_H
#define REM_BED_H

#include <stdbool.h>
#include <stddef.h>

#define BED_PATH_MAX 512
#define BED_TEXT_MAX 8192

struct rem_bed {
	char dir[64];
	char text[BED_TEXT_MAX]; /* what bed_read gave */
};

void rem_bed_init(struct rem_bed *b);
/* Removes everything. */
void rem_bed_fini(struct rem_bed *b);
/* Path of a file in the tree; valid for eight further calls. */
const char *rem_bed_path(const struct rem_bed *b, const char *name);
/* Writes a file, making the folders on the way. */
void rem_bed_write(const struct rem_bed *b, const char *name, const char *text);
void rem_bed_octets(const struct rem_bed *b, const char *name, const void *p, size_t n);
/* Content of a file as text, empty when there is none. */
const char *rem_bed_read(struct rem_bed *b, const char *name);
bool rem_bed_exists(const struct rem_bed *b, const char *name);
void rem_bed_remove(const struct rem_bed *b, const char *name);
/* Waits until the file is there; fails after ten seconds. */
void rem_bed_await(const struct rem_bed *b, const char *name);

#endif
