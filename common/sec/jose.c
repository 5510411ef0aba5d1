/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sec/jose.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include "sec/b64url.h"
#include "sec/jose_header.h"
#include "sec/secret.h"

#define PIECE 3072 /* octets at a time; a multiple of 3, so pieces have texts of their own */
#define PIECE_TEXT B64URL_LEN(PIECE)
#define IV_TEXT B64URL_LEN(JOSE_IV_SIZE)
#define TAG_TEXT B64URL_LEN(JOSE_TAG_SIZE)

static void
make_iv(const struct jose_header *h, uint8_t iv[JOSE_IV_SIZE])
{
	memset(iv, 0, JOSE_IV_SIZE);
	iv[3] = (uint8_t)h->direction;
	for (unsigned i = 0; i < 8; i++)
		iv[4 + i] = (uint8_t)(h->seq >> (56 - 8 * i));
}

/* AES-256-GCM that has taken in the AAD; NULL when the library fails. */
static EVP_CIPHER_CTX *
start(const struct key *key, const uint8_t iv[JOSE_IV_SIZE], struct slice aad, bool encrypt)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n;

	if (ctx != NULL &&
	    EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, key->v, iv, encrypt) == 1 &&
	    EVP_CipherUpdate(ctx, NULL, &n, (const uint8_t *)aad.p, (int)aad.n) == 1)
		return ctx;
	EVP_CIPHER_CTX_free(ctx);
	ERR_clear_error();
	return NULL;
}

/* ---- sending ---- */

/* Writes the text of the ciphertext. */
static bool
encrypt(EVP_CIPHER_CTX *ctx, struct slice body, char *to)
{
	uint8_t piece[PIECE];
	int n;

	while (body.n > 0) {
		struct slice part = slice_head(body, PIECE);

		if (EVP_CipherUpdate(ctx, piece, &n, (const uint8_t *)part.p, (int)part.n) != 1)
			return false;
		b64url_encode(to, piece, part.n);
		to += B64URL_LEN(part.n);
		body = slice_from(body, part.n);
	}
	return true;
}

static bool
finish(EVP_CIPHER_CTX *ctx, uint8_t tag[JOSE_TAG_SIZE])
{
	uint8_t none[16];
	int n;

	return EVP_CipherFinal_ex(ctx, none, &n) == 1 &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, JOSE_TAG_SIZE, tag) == 1;
}

/* Writes all five parts to to, which has room for them. */
static bool
seal(const struct jose_header *h, const struct key *key, struct slice head, struct slice body,
     char *to)
{
	struct slice aad = slice_make(to, B64URL_LEN(head.n));
	uint8_t iv[JOSE_IV_SIZE], tag[JOSE_TAG_SIZE];
	EVP_CIPHER_CTX *ctx;
	bool ok;

	b64url_encode(to, head.p, head.n);
	to += aad.n;
	*to++ = '.';
	*to++ = '.';
	make_iv(h, iv);
	b64url_encode(to, iv, sizeof(iv));
	to += IV_TEXT;
	*to++ = '.';
	ctx = start(key, iv, aad, true);
	ok = ctx != NULL && encrypt(ctx, body, to) && finish(ctx, tag);
	EVP_CIPHER_CTX_free(ctx);
	if (!ok)
		return false;
	to += B64URL_LEN(body.n);
	*to++ = '.';
	b64url_encode(to, tag, sizeof(tag));
	return true;
}

static enum rc
seal_into(const struct jose_header *h, const struct key *key, struct slice head, struct slice body,
          struct buf *out)
{
	size_t room = out->max - out->n, n = B64URL_LEN(head.n) + 4 + IV_TEXT + TAG_TEXT;
	char *to;

	if (body.n > SIZE_MAX / 8 || n > room || B64URL_LEN(body.n) > room - n)
		return RC_TOO_LARGE;
	n += B64URL_LEN(body.n);
	to = buf_reserve(out, n);
	if (to == NULL)
		return RC_UNAVAILABLE;
	if (!seal(h, key, head, body, to))
		return RC_INTERNAL;
	out->n += n;
	return RC_OK;
}

enum rc
jose_seal(const struct jose_header *h, const struct key *key, struct slice body, struct buf *out)
{
	struct buf head;
	enum rc rc;

	if (h->seq > JOSE_SEQ_MAX)
		return RC_FORBIDDEN;
	buf_init(&head, JOSE_HEADER_MAX);
	rc = jose_header_write(h, &head);
	if (rc == RC_OK)
		rc = seal_into(h, key, buf_view(&head), body, out);
	buf_fini(&head);
	return rc;
}

/* ---- receiving ---- */

static bool
split(struct slice compact, struct jose *out)
{
	struct slice rest = compact, key, iv, tag;

	return slice_split(&rest, '.', &out->head) && slice_split(&rest, '.', &key) &&
	       slice_split(&rest, '.', &iv) && slice_split(&rest, '.', &out->cipher) &&
	       slice_split(&rest, '.', &tag) && rest.p == NULL && key.n == 0 && iv.n == IV_TEXT &&
	       tag.n == TAG_TEXT && b64url_decode(iv, out->iv) && b64url_decode(tag, out->tag);
}

enum rc
jose_parse(struct slice compact, struct arena *a, struct jose *out)
{
	size_t n;
	char *text;

	if (!split(compact, out) || b64url_octets(out->cipher.n) == SIZE_MAX)
		return RC_BAD_REQUEST;
	n = b64url_octets(out->head.n);
	if (n == 0 || n > JOSE_HEADER_MAX)
		return RC_BAD_REQUEST;
	text = arena_alloc(a, n);
	if (text == NULL)
		return RC_UNAVAILABLE;
	return b64url_decode(out->head, (uint8_t *)text) && jose_header_read(text, n, &out->h)
	               ? RC_OK
	               : RC_BAD_REQUEST;
}

/* Decrypts the text into to, which has room for it. */
static enum rc
decrypt(EVP_CIPHER_CTX *ctx, struct slice text, uint8_t *to)
{
	uint8_t piece[PIECE];
	int n;

	while (text.n > 0) {
		struct slice part = slice_head(text, PIECE_TEXT);

		if (!b64url_decode(part, piece))
			return RC_BAD_REQUEST;
		if (EVP_CipherUpdate(ctx, to, &n, piece, (int)b64url_octets(part.n)) != 1)
			return RC_INTERNAL;
		to += n;
		text = slice_from(text, part.n);
	}
	return RC_OK;
}

/* RC_FORBIDDEN when the tag is not that of what was decrypted. */
static enum rc
check_tag(EVP_CIPHER_CTX *ctx, const uint8_t tag[JOSE_TAG_SIZE])
{
	uint8_t copy[JOSE_TAG_SIZE], none[16];
	int n;

	memcpy(copy, tag, sizeof(copy));
	if (EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, JOSE_TAG_SIZE, copy) != 1)
		return RC_INTERNAL;
	return EVP_CipherFinal_ex(ctx, none, &n) == 1 ? RC_OK : RC_FORBIDDEN;
}

static bool
is_line(const struct jose_header *h, const struct jose_expect *want)
{
	return slice_eq(h->method, want->method) && slice_eq(h->target, want->target) &&
	       h->answers == want->answers && h->status == want->status;
}

static enum rc
open_into(const struct jose *j, const struct key *key, const struct jose_expect *want, uint8_t *to)
{
	EVP_CIPHER_CTX *ctx = start(key, j->iv, j->head, false);
	enum rc rc = ctx == NULL ? RC_INTERNAL : decrypt(ctx, j->cipher, to);

	if (rc == RC_OK)
		rc = check_tag(ctx, j->tag);
	EVP_CIPHER_CTX_free(ctx);
	if (rc != RC_OK) {
		ERR_clear_error();
		return rc;
	}
	return want->take(want->arg, j->h.seq) && is_line(&j->h, want) ? RC_OK : RC_FORBIDDEN;
}

static bool
is_addressed(const struct jose *j, const struct jose_expect *want)
{
	uint8_t iv[JOSE_IV_SIZE];

	make_iv(&j->h, iv);
	return j->h.connection == want->connection && j->h.kmc_index == want->kmc_index &&
	       j->h.direction == want->direction && j->h.seq <= JOSE_SEQ_MAX &&
	       memcmp(iv, j->iv, JOSE_IV_SIZE) == 0;
}

enum rc
jose_open(const struct jose *j, const struct key *key, const struct jose_expect *want,
          struct buf *body)
{
	size_t n = b64url_octets(j->cipher.n);
	char *to;
	enum rc rc;

	if (!is_addressed(j, want))
		return RC_FORBIDDEN;
	if (n > body->max - body->n)
		return RC_TOO_LARGE;
	to = n == 0 ? NULL : buf_reserve(body, n);
	if (to == NULL && n > 0)
		return RC_UNAVAILABLE;
	rc = open_into(j, key, want, (uint8_t *)to);
	if (rc == RC_OK)
		body->n += n;
	else if (n > 0)
		secret_wipe(to, n);
	return rc;
}
