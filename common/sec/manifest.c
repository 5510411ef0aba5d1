/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sec/manifest.h"

#include "sec/b64url.h"
#include "sec/hex.h"

#define FIRST_LINE SLICE_LIT("M2M-MANIFEST-v1\n")
#define TARGET_WORD SLICE_LIT("target ")
#define FILE_WORD SLICE_LIT("sha256 ")
#define SIGNATURE_WORD SLICE_LIT("signature ")
#define DIGEST_TEXT (2 * SIGN_DIGEST_SIZE)
/* The last line: word, signature, end of line. */
#define SIGNATURE_LINE (10 + B64URL_LEN(SIGN_SIZE) + 1)

static bool
is_target(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
		    (c == '\0' || strchr("._~-", c) == NULL))
			return false;
	}
	return s.n > 0 && s.n <= MANIFEST_TARGET_MAX;
}

static bool
is_path(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
			return false;
	return s.n > 1 && s.n <= MANIFEST_PATH_MAX && s.p[0] == '/';
}

/* The next line of *rest without its end; false at the end, or when the last is unfinished. */
static bool
next_line(struct slice *rest, struct slice *line)
{
	return slice_split(rest, '\n', line) && rest->p != NULL;
}

static bool
parse_file(struct slice line, struct manifest_file *f)
{
	char again[DIGEST_TEXT + 1];
	struct slice digest;

	if (!slice_starts(line, FILE_WORD))
		return false;
	line = slice_from(line, FILE_WORD.n);
	digest = slice_head(line, DIGEST_TEXT);
	f->path = slice_from(line, DIGEST_TEXT + 1);
	if (!hex_decode(digest, f->digest, SIGN_DIGEST_SIZE) || !is_path(f->path) ||
	    line.p[DIGEST_TEXT] != ' ')
		return false;
	hex_encode(f->digest, SIGN_DIGEST_SIZE, again);
	return slice_is(digest, again);
}

static size_t
count_lines(struct slice text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++)
		n += text.p[i] == '\n';
	return n;
}

/* lines: what follows the line of the target. */
static enum rc
parse_files(struct slice lines, struct arena *a, struct manifest *out)
{
	size_t n = count_lines(lines);
	struct manifest_file *files;
	struct slice line;

	if (n > MANIFEST_FILES_MAX)
		return RC_TOO_LARGE;
	files = ARENA_ARRAY(a, struct manifest_file, n == 0 ? 1 : n);
	if (files == NULL)
		return RC_UNAVAILABLE;
	for (size_t i = 0; i < n; i++) {
		if (!next_line(&lines, &line) || !parse_file(line, &files[i]))
			return RC_BAD_REQUEST;
		if (i > 0 && slice_cmp(files[i - 1].path, files[i].path) >= 0)
			return RC_BAD_REQUEST;
	}
	out->files = files;
	out->n = n;
	return lines.n == 0 ? RC_OK : RC_BAD_REQUEST;
}

static enum rc
check_signature(struct slice text, const struct sign_public *key)
{
	uint8_t signature[SIGN_SIZE];
	struct slice line = slice_from(text, text.n - SIGNATURE_LINE);

	if (!slice_starts(line, SIGNATURE_WORD) || line.p[line.n - 1] != '\n')
		return RC_BAD_REQUEST;
	line = slice_from(line, SIGNATURE_WORD.n);
	if (!b64url_decode(slice_head(line, line.n - 1), signature))
		return RC_BAD_REQUEST;
	return sign_verify(key, SIGN_MANIFEST, slice_head(text, text.n - SIGNATURE_LINE),
	                   signature);
}

enum rc
manifest_read(struct slice text, const struct sign_public *key, struct slice target,
              struct arena *a, struct manifest *out)
{
	struct slice rest, line;
	enum rc rc;

	if (text.n > MANIFEST_MAX)
		return RC_TOO_LARGE;
	if (!slice_starts(text, FIRST_LINE) || text.n < FIRST_LINE.n + SIGNATURE_LINE)
		return RC_BAD_REQUEST;
	rc = check_signature(text, key);
	if (rc != RC_OK)
		return rc;
	rest = slice_from(slice_head(text, text.n - SIGNATURE_LINE), FIRST_LINE.n);
	if (!next_line(&rest, &line) || !slice_starts(line, TARGET_WORD))
		return RC_BAD_REQUEST;
	out->target = slice_from(line, TARGET_WORD.n);
	if (!is_target(out->target))
		return RC_BAD_REQUEST;
	if (!slice_eq(out->target, target))
		return RC_FORBIDDEN;
	return parse_files(rest, a, out);
}

const struct manifest_file *
manifest_find(const struct manifest *m, struct slice path)
{
	size_t low = 0, high = m->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int c = slice_cmp(path, m->files[middle].path);

		if (c == 0)
			return &m->files[middle];
		if (c < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}
