/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLIENT_MEM_H
#define CLIENT_MEM_H

#include <stddef.h>

/*
 * Allocation that ends the program with a message when memory is exhausted: a small application
 * has nothing better to do then. Everything returned is released with free().
 */
void *mem_alloc(size_t count, size_t size);
void *mem_resize(void *old, size_t count, size_t size);
char *mem_strdup(const char *text);
char *mem_strndup(const char *text, size_t len);
char *mem_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
