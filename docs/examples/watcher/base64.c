/* SPDX-License-Identifier: Apache-2.0 */
#include "watcher/base64.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "client/mem.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Copies the symbols of text without white space; NULL when a character is neither. */
static char *
squeeze(const char *text, size_t *len)
{
	char *symbols = mem_alloc(strlen(text) + 1, 1);

	*len = 0;
	for (; *text != '\0'; text++) {
		if (strchr(" \t\r\n", *text) != NULL)
			continue;
		if (*text != '=' && strchr(alphabet, *text) == NULL) {
			free(symbols);
			return NULL;
		}
		symbols[(*len)++] = *text;
	}
	return symbols;
}

/* Takes at most two "=" off the end; false when the rest cannot be base64. */
static int
strip_padding(const char *symbols, size_t *len)
{
	size_t n = *len;

	if (n % 4 != 0)
		return 0;
	while (n > 0 && *len - n < 2 && symbols[n - 1] == '=')
		n--;
	*len = n;
	return memchr(symbols, '=', n) == NULL;
}

char *
base64_decode(const char *text, size_t *len)
{
	size_t n;
	char *symbols = squeeze(text, &n);
	uint32_t bits = 0;
	char *out;

	if (symbols == NULL || !strip_padding(symbols, &n)) {
		free(symbols);
		return NULL;
	}
	out = mem_alloc(n * 3 / 4 + 1, 1);
	*len = 0;
	for (size_t i = 0; i < n; i++) {
		bits = bits << 6 | (uint32_t)(strchr(alphabet, symbols[i]) - alphabet);
		/* Symbol i completes a byte unless it is the first of its group of four. */
		if (i % 4 != 0)
			out[(*len)++] = (char)(unsigned char)(bits >> (6 - i % 4 * 2));
	}
	free(symbols);
	return out;
}
