/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "pre/armour.h"

#include <openssl/evp.h>

#include "sec/hex.h"
#include "sec/secret.h"

#define LINE_OCTETS 32u
#define CHECK_SIZE 8u
#define BEGIN "-----BEGIN M2PRE "
#define END "-----END M2PRE "
#define TAIL "-----"

static enum rc
make_check(const char *kind, struct slice body, uint8_t out[CHECK_SIZE])
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	uint8_t hash[EVP_MAX_MD_SIZE];
	bool ok = c != NULL && EVP_DigestInit_ex(c, EVP_sha256(), NULL) == 1 &&
	          EVP_DigestUpdate(c, kind, strlen(kind)) == 1 &&
	          EVP_DigestUpdate(c, body.p, body.n) == 1 &&
	          EVP_DigestFinal_ex(c, hash, NULL) == 1;

	EVP_MD_CTX_free(c);
	if (ok)
		memcpy(out, hash, CHECK_SIZE);
	return ok ? RC_OK : RC_INTERNAL;
}

/* ---- writing ---- */

static void
add_lines(struct slice octets, struct buf *to)
{
	char line[2 * LINE_OCTETS + 1];

	while (octets.n > 0) {
		struct slice part = slice_head(octets, LINE_OCTETS);

		hex_encode(part.p, part.n, line);
		buf_add(to, line, 2 * part.n);
		buf_char(to, '\n');
		octets = slice_from(octets, part.n);
	}
	secret_wipe(line, sizeof(line));
}

static void
add_frame(const char *mark, const char *kind, struct buf *to)
{
	buf_puts(to, mark);
	buf_puts(to, kind);
	buf_puts(to, TAIL "\n");
}

enum rc
armour_write(const char *kind, struct slice body, struct buf *to)
{
	uint8_t all[ARMOUR_MAX + CHECK_SIZE];
	enum rc rc;

	if (body.n > ARMOUR_MAX)
		return RC_TOO_LARGE;
	memcpy(all, body.p, body.n);
	rc = make_check(kind, body, all + body.n);
	if (rc == RC_OK) {
		add_frame(BEGIN, kind, to);
		add_lines(slice_make(all, body.n + CHECK_SIZE), to);
		add_frame(END, kind, to);
		rc = to->failed ? RC_NO_SPACE : RC_OK;
	}
	secret_wipe(all, sizeof(all));
	return rc;
}

/* ---- reading ---- */

static bool
is_frame(struct slice line, const char *mark, const char *kind)
{
	struct slice m = slice_of(mark), k = slice_of(kind);

	return slice_starts(line, m) && slice_starts(slice_from(line, m.n), k) &&
	       slice_is(slice_from(line, m.n + k.n), TAIL);
}

/* The lines up to the last one; each but the last is full: octets have one text, but for case. */
static enum rc
read_lines(struct slice *rest, const char *kind, struct buf *body)
{
	size_t start = body->n;
	struct slice line;
	bool full = true;

	while (slice_split(rest, '\n', &line) && !is_frame(line, END, kind)) {
		char *to;

		if (!full || line.n == 0 || line.n > 2 * LINE_OCTETS || line.n % 2 != 0 ||
		    body->n - start > ARMOUR_MAX)
			return RC_BAD_REQUEST;
		full = line.n == 2 * LINE_OCTETS;
		to = buf_reserve(body, line.n / 2);
		if (to == NULL)
			return RC_NO_SPACE;
		if (!hex_decode(line, to, line.n / 2))
			return RC_BAD_REQUEST;
		body->n += line.n / 2;
	}
	/* The last line ends with a line feed, too. */
	return rest->p != NULL && body->n - start > CHECK_SIZE ? RC_OK : RC_BAD_REQUEST;
}

enum rc
armour_read(struct slice *rest, const char *kind, struct buf *body)
{
	size_t start = body->n;
	struct slice after = *rest, line;
	uint8_t check[CHECK_SIZE];
	enum rc rc;

	if (rest->n == 0)
		return RC_NOT_FOUND;
	if (!slice_split(&after, '\n', &line) || !is_frame(line, BEGIN, kind))
		return RC_BAD_REQUEST;
	rc = read_lines(&after, kind, body);
	if (rc != RC_OK)
		return rc;
	body->n -= CHECK_SIZE;
	rc = make_check(kind, slice_from(buf_view(body), start), check);
	if (rc == RC_OK && memcmp(check, body->p + body->n, CHECK_SIZE) != 0)
		rc = RC_BAD_REQUEST;
	if (rc == RC_OK)
		*rest = after;
	return rc;
}
