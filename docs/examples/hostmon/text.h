/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOSTMON_TEXT_H
#define HOSTMON_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#define TEXT_MAX	65536	/* more of a kernel file is not read */

/*
 * Reads a file of /proc or /sys as a string of at most size - 1 bytes; what is longer is cut off.
 * False when it cannot be read.
 */
bool text_read(const char *path, char *text, size_t size);

/* A whole kernel file on the heap, TEXT_MAX bytes at most; NULL when it cannot be read. */
char *text_load(const char *path);

/*
 * Cuts the first line off *cursor and returns it without its newline; NULL at the end.
 * The text is changed.
 */
char *text_line(char **cursor);

/* Replaces what is not printable ASCII, so that a name of the kernel fits into JSON and XML. */
void text_clean(char *name);

#endif
