/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	HEX = 2 * KEYS_BYTES,
	LINE_MAX_BYTES = KEYS_IDENTITY_MAX + HEX + KEYS_FROM_MAX + 4,
	GROWTH = 64
};

static int
hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c == '\0' ? NULL : strchr(digits, c);

	return at == NULL ? -1 : (int)(at - digits);
}

static bool
key_read(unsigned char key[KEYS_BYTES], const char *hex)
{
	for (int i = 0; i < KEYS_BYTES; i++) {
		int high = hex_digit(hex[2 * i]);
		int low = hex_digit(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		key[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

/* n characters of at, when they are no more than max. */
static bool
part_read(char *part, const char *at, size_t n, size_t max)
{
	if (n == 0 || n > max)
		return false;
	memcpy(part, at, n);
	part[n] = '\0';
	return true;
}

static bool
line_read(struct psk *p, const char *line)
{
	const char *hex = strchr(line, ' ');
	const char *from = hex == NULL ? NULL : strchr(hex + 1, ' ');

	return from != NULL && from - hex == HEX + 1 && key_read(p->key, hex + 1) &&
	    part_read(p->identity, line, (size_t)(hex - line), KEYS_IDENTITY_MAX) &&
	    part_read(p->from, from + 1, strcspn(from + 1, "\n"), KEYS_FROM_MAX);
}

static bool
room_for_one(struct keys *k)
{
	struct psk *all;

	if (k->n % GROWTH != 0)
		return true;
	all = realloc(k->all, (k->n + GROWTH) * sizeof(*all));
	if (all != NULL)
		k->all = all;
	return all != NULL;
}

static int
compare(const void *a, const void *b)
{
	const struct psk *x = a, *y = b;

	return strcmp(x->identity, y->identity);
}

bool
keys_read(struct keys *k, const char *file)
{
	FILE *f = fopen(file, "r");
	char line[LINE_MAX_BYTES + 1];
	bool good = f != NULL;

	while (good && fgets(line, sizeof(line), f) != NULL) {
		good = room_for_one(k) && line_read(&k->all[k->n], line);
		k->n += good;
	}
	if (f != NULL)
		fclose(f);
	if (good && k->n > 0) {
		qsort(k->all, k->n, sizeof(*k->all), compare);
		return true;
	}
	fprintf(stderr, "%s: not a file of keys\n", file);
	return false;
}

void
keys_free(struct keys *k)
{
	free(k->all);
	*k = (struct keys){ 0 };
}

const struct psk *
keys_find(const struct keys *k, const char *identity)
{
	struct psk wanted;
	size_t n = strlen(identity);

	if (k->n == 0 || n > KEYS_IDENTITY_MAX)
		return NULL;
	memcpy(wanted.identity, identity, n + 1);
	return bsearch(&wanted, k->all, k->n, sizeof(wanted), compare);
}
