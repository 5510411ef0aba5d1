/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WATCHER_BASE64_H
#define WATCHER_BASE64_H

#include <stddef.h>

/*
 * Decodes xs:base64Binary, which may have white space anywhere. Returns *len bytes and a NUL
 * behind them, to be freed; NULL when the text is not base64.
 */
char *base64_decode(const char *text, size_t *len);

#endif
