/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sec/tokens.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "sec/hex.h"
#include "sec/key_file.h"
#include "sec/secret.h"

/*
 * Where a token is looked for: SHA-256 of a key, made anew for each table, and its digest. How long
 * a look-up takes tells something about the place alone, which nobody can choose or compute.
 */
struct place {
	unsigned char v[SHA256_DIGEST_LENGTH];
};

struct token {
	struct place place;
	size_t line; /* of the file: the last one with a token counts */
	struct slice name; /* in text */
};

struct tokens {
	char *text; /* of the file */
	struct key key;
	size_t n;
	struct token v[]; /* by place and line, once they are sorted */
};

/* ---- places ---- */

static struct place
place_of(const struct key *key, const unsigned char digest[SHA256_DIGEST_LENGTH])
{
	unsigned char both[KEY_BYTES + SHA256_DIGEST_LENGTH];
	struct place place;

	memcpy(both, key->v, KEY_BYTES);
	memcpy(both + KEY_BYTES, digest, SHA256_DIGEST_LENGTH);
	SHA256(both, sizeof(both), place.v);
	secret_wipe(both, sizeof(both));
	return place;
}

static int
compare(const void *one, const void *other)
{
	const struct token *a = one, *b = other;
	int order = memcmp(a->place.v, b->place.v, sizeof(a->place.v));

	return order != 0 ? order : a->line < b->line ? -1 : a->line > b->line;
}

/* The last one that is not above place, in as many steps for each; NULL: all are. */
static const struct token *
search(const struct tokens *t, const struct place *place)
{
	size_t below = 0, step = 1;

	while (step <= t->n / 2)
		step *= 2;
	for (; step > 0; step /= 2)
		if (below + step <= t->n &&
		    memcmp(t->v[below + step - 1].place.v, place->v, sizeof(place->v)) <= 0)
			below += step;
	return below == 0 ? NULL : &t->v[below - 1];
}

/* ---- files ---- */

static struct tokens *
new_table(size_t lines)
{
	struct tokens *t = calloc(1, sizeof(*t) + lines * sizeof(t->v[0]));

	if (t != NULL && secret_random(&t->key, sizeof(t->key)) == RC_OK)
		return t;
	free(t);
	return NULL;
}

static size_t
count_lines(struct slice text)
{
	size_t n = 1;

	for (size_t i = 0; i < text.n; i++)
		n += text.p[i] == '\n';
	return n;
}

static struct slice
trimmed(struct slice s)
{
	while (s.n > 0 && strchr(" \t\r", s.p[s.n - 1]) != NULL)
		s.n--;
	while (s.n > 0 && strchr(" \t", s.p[0]) != NULL)
		s = slice_from(s, 1);
	return s;
}

/* One line that is not empty; false when it is none. */
static bool
read_line(const struct key *key, struct slice line, struct token *t)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	struct slice rest = line;

	if (!slice_split(&rest, ' ', &t->name) || rest.p == NULL || t->name.n == 0 ||
	    t->name.n > TOKENS_NAME_MAX || !hex_decode(trimmed(rest), digest, sizeof(digest)))
		return false;
	t->place = place_of(key, digest);
	return true;
}

static enum rc
read_lines(struct tokens *t, struct slice text, const char *file, char why[TOKENS_WHY])
{
	struct slice line;

	for (size_t number = 1; slice_split(&text, '\n', &line); number++) {
		line = trimmed(line);
		if (line.n == 0 || line.p[0] == '#')
			continue;
		if (!read_line(&t->key, line, &t->v[t->n])) {
			snprintf(why, TOKENS_WHY, "%.160s:%zu: not NAME and 64 hex digits", file, number);
			return RC_BAD_REQUEST;
		}
		t->v[t->n++].line = number;
	}
	qsort(t->v, t->n, sizeof(t->v[0]), compare);
	return RC_OK;
}

/* The lines of the file, copied. */
static enum rc
parse(const struct key_file *f, const char *file, struct tokens **out, char why[TOKENS_WHY])
{
	size_t lines = count_lines(slice_make(f->p, f->n));
	struct tokens *t;
	enum rc rc;

	if (lines > TOKENS_MAX) {
		snprintf(why, TOKENS_WHY, "%.160s has more than %u lines", file, TOKENS_MAX);
		return RC_TOO_LARGE;
	}
	t = new_table(lines);
	if (t == NULL || (t->text = malloc(f->n + 1)) == NULL) {
		tokens_free(t);
		snprintf(why, TOKENS_WHY, "no memory");
		return RC_UNAVAILABLE;
	}
	memcpy(t->text, f->p, f->n);
	rc = read_lines(t, slice_make(t->text, f->n), file, why);
	if (rc == RC_OK)
		*out = t;
	else
		tokens_free(t);
	return rc;
}

static enum rc
read_file(const char *file, struct key_file *f, char why[TOKENS_WHY])
{
	enum rc rc = key_file_private(file, f);

	if (rc != RC_OK)
		snprintf(why, TOKENS_WHY, "%.160s: %s", file,
		         rc == RC_NOT_FOUND   ? "not there"
		         : rc == RC_FORBIDDEN ? "must be a file of this user with mode 0600"
		                              : "cannot be read");
	return rc;
}

enum rc
tokens_read(const char *file, struct tokens **out, char why[TOKENS_WHY])
{
	struct key_file f;
	enum rc rc = read_file(file, &f, why);

	if (rc != RC_OK)
		return rc;
	rc = parse(&f, file, out, why);
	key_file_free(&f);
	return rc;
}

static enum rc
keep_one(struct slice token, const char *file, const char *name, struct tokens **out,
         char why[TOKENS_WHY])
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	struct tokens *t;

	if (token.n < TOKEN_MIN || token.n > TOKEN_MAX || memchr(token.p, '\n', token.n) != NULL) {
		snprintf(why, TOKENS_WHY, "%.160s: not one token of %d to %d characters", file, TOKEN_MIN,
		         TOKEN_MAX);
		return RC_BAD_REQUEST;
	}
	t = new_table(1);
	if (t == NULL || (t->text = strdup(name)) == NULL) {
		tokens_free(t);
		snprintf(why, TOKENS_WHY, "no memory");
		return RC_UNAVAILABLE;
	}
	SHA256((const unsigned char *)token.p, token.n, digest);
	t->v[0].place = place_of(&t->key, digest);
	t->v[0].name = slice_of(t->text);
	t->n = 1;
	*out = t;
	return RC_OK;
}

enum rc
tokens_read_one(const char *file, const char *name, struct tokens **out, char why[TOKENS_WHY])
{
	struct key_file f;
	struct slice token;
	enum rc rc = read_file(file, &f, why);

	if (rc != RC_OK)
		return rc;
	token = slice_make(f.p, f.n);
	if (token.n > 0 && token.p[token.n - 1] == '\n')
		token.n--;
	rc = keep_one(trimmed(token), file, name, out, why);
	key_file_free(&f);
	return rc;
}

void
tokens_free(struct tokens *t)
{
	if (t == NULL)
		return;
	key_wipe(&t->key);
	free(t->text);
	free(t);
}

struct slice
tokens_find(const struct tokens *t, struct slice token)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	const struct token *found;
	struct place place;

	if (token.n < TOKEN_MIN || token.n > TOKEN_MAX)
		return SLICE_NONE;
	SHA256((const unsigned char *)token.p, token.n, digest);
	place = place_of(&t->key, digest);
	found = search(t, &place);
	return found != NULL && secret_equal(slice_make((const char *)place.v, sizeof(place.v)),
	                                     slice_make((const char *)found->place.v,
	                                                sizeof(found->place.v)))
	               ? found->name
	               : SLICE_NONE;
}

struct slice
tokens_bearer(struct slice authorization)
{
	struct slice token;

	if (authorization.n < 8 || strncasecmp(authorization.p, "bearer ", 7) != 0)
		return SLICE_NONE;
	token = trimmed(slice_from(authorization, 7));
	return token.n > 0 ? token : SLICE_NONE;
}
