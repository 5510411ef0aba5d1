/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sec/keystore_set.h"

#include <openssl/evp.h>
#include <stdlib.h>

#define SEAL_NAME "seal"
#define SEAL_TEXT (2 + KEK_SALT_BYTES)
#define DIGEST_BYTES 32

/* ---- names: LV8(name) || text ---- */

static bool
split_name(struct slice whole, struct slice *name, struct slice *text)
{
	size_t n = whole.n == 0 ? 0 : (unsigned char)whole.p[0];

	if (n == 0 || whole.n < 1 + n || whole.n - 1 - n > KEYSTORE_TEXT_MAX)
		return false;
	*name = slice_head(slice_from(whole, 1), n);
	*text = slice_from(whole, 1 + n);
	return true;
}

static int
id_cmp(const struct keystore_id *a, const struct keystore_id *b)
{
	int c = a->type - b->type;

	if (c == 0)
		c = slice_cmp(a->name, b->name);
	if (c == 0)
		c = a->index < b->index ? -1 : a->index > b->index;
	return c;
}

/* ---- sets ---- */

/* Where the record is, or would be. */
static size_t
set_place(const struct set *set, const struct keystore_id *id)
{
	size_t low = 0, high = set->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (id_cmp(&set->v[mid]->item.id, id) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct entry *
set_find(const struct set *set, const struct keystore_id *id)
{
	size_t at = set_place(set, id);

	return at < set->n && id_cmp(&set->v[at]->item.id, id) == 0 ? set->v[at] : NULL;
}

void
set_release(struct set *a, const struct set *b)
{
	for (size_t i = 0; i < a->n; i++)
		a->v[i]->kept = false;
	for (size_t i = 0; i < b->n; i++)
		b->v[i]->kept = true;
	for (size_t i = 0; i < a->n; i++)
		if (!a->v[i]->kept)
			free(a->v[i]);
	free(a->v);
	*a = (struct set){ .n = 0 };
}

void
set_free(struct set *set)
{
	static const struct set none;

	set_release(set, &none);
}

/* ---- entries ---- */

/* An entry of the one record that octets are; NULL without memory or when they are none of ours. */
static enum rc
entry_new(struct slice octets, struct entry **out)
{
	struct entry *e = malloc(sizeof(*e) + octets.n);
	struct slice rest;

	if (e == NULL)
		return RC_NO_SPACE;
	memcpy(e->octets, octets.p, octets.n);
	rest = slice_make(e->octets, octets.n);
	if (record_parse(&rest, &e->sealed) != RC_OK || rest.n != 0 || e->sealed.type == 0 ||
	    e->sealed.cipher.n == 0 ||
	    !split_name(e->sealed.name, &e->item.id.name, &e->item.text)) {
		free(e);
		return RC_PRECONDITION;
	}
	e->item.id.type = e->sealed.type;
	e->item.id.index = e->sealed.index;
	e->item.not_after = e->sealed.not_after;
	*out = e;
	return RC_OK;
}

/* ---- the first record ---- */

static bool
read_seal(const struct record *r, struct seal *out)
{
	struct slice name, text;

	if (r->type != 0 || r->index != 0 || r->not_after != RECORD_NEVER ||
	    !split_name(r->name, &name, &text) || !slice_is(name, SEAL_NAME) || text.n != SEAL_TEXT ||
	    (unsigned char)text.p[0] > 1 || (unsigned char)text.p[1] > 1)
		return false;
	out->passphrase = text.p[0] == 1;
	out->bound = text.p[1] == 1;
	memcpy(out->salt, text.p + 2, KEK_SALT_BYTES);
	return true;
}

enum rc
seal_read(struct slice file, struct seal *out)
{
	struct record r;

	return record_parse(&file, &r) == RC_OK && read_seal(&r, out) ? RC_OK : RC_PRECONDITION;
}

static bool
digest(struct slice s, unsigned char out[DIGEST_BYTES])
{
	return EVP_Digest(s.p, s.n, out, NULL, EVP_sha256(), NULL) == 1;
}

/* Whether kek has sealed the first record, and that what is behind it is what was. */
static enum rc
check_seal(const struct key *kek, struct slice *rest)
{
	unsigned char want[DIGEST_BYTES], have[DIGEST_BYTES];
	struct record r;
	struct seal seal;
	size_t n;
	enum rc rc;

	if (record_parse(rest, &r) != RC_OK || !read_seal(&r, &seal))
		return RC_PRECONDITION;
	rc = record_open(kek, &r, want, sizeof(want), &n);
	if (rc != RC_OK)
		return rc == RC_TOO_LARGE ? RC_PRECONDITION : rc;
	if (!digest(*rest, have))
		return RC_INTERNAL;
	return secret_equal(slice_make(want, n), slice_make(have, sizeof(have))) ? RC_OK
	                                                                         : RC_PRECONDITION;
}

static enum rc
add_seal(const struct key *kek, const struct seal *seal, struct slice rest, struct buf *to)
{
	char name[1 + sizeof(SEAL_NAME) - 1 + SEAL_TEXT] = "\4" SEAL_NAME;
	const struct record r = { .not_after = RECORD_NEVER, .name = { name, sizeof(name) } };
	unsigned char sum[DIGEST_BYTES];

	name[5] = seal->passphrase ? 1 : 0;
	name[6] = seal->bound ? 1 : 0;
	memcpy(name + 7, seal->salt, KEK_SALT_BYTES);
	if (!digest(rest, sum))
		return RC_INTERNAL;
	return record_seal(kek, &r, slice_make(sum, sizeof(sum)), to);
}

/* ---- the file ---- */

/* Takes one record of the file into the set, which has room for it. */
static enum rc
load_entry(const struct key *kek, struct slice *rest, void *scratch, struct set *set)
{
	struct record r;
	struct entry *e;
	size_t n;
	enum rc rc;

	if (record_parse(rest, &r) != RC_OK)
		return RC_PRECONDITION;
	rc = entry_new(r.whole, &e);
	if (rc != RC_OK)
		return rc;
	rc = record_open(kek, &e->sealed, scratch, RECORD_SECRET_MAX, &n);
	/* One order, so that no two are the same. */
	if (rc == RC_OK && set->n > 0 && id_cmp(&set->v[set->n - 1]->item.id, &e->item.id) >= 0)
		rc = RC_PRECONDITION;
	if (rc == RC_OK)
		set->v[set->n++] = e;
	else
		free(e);
	return rc == RC_DENIED ? RC_PRECONDITION : rc;
}

static enum rc
load_entries(const struct key *kek, struct slice rest, struct set *set)
{
	void *scratch = secret_alloc(RECORD_SECRET_MAX);
	enum rc rc = scratch == NULL ? RC_UNAVAILABLE : RC_OK;

	while (rc == RC_OK && rest.n > 0)
		rc = set->n == KEYSTORE_ITEMS_MAX ? RC_PRECONDITION : load_entry(kek, &rest, scratch, set);
	secret_free(scratch, RECORD_SECRET_MAX);
	return rc;
}

enum rc
set_load(const struct key *kek, struct slice file, struct set *out)
{
	enum rc rc;

	*out = (struct set){ .n = 0 };
	rc = check_seal(kek, &file);
	if (rc != RC_OK)
		return rc;
	out->v = calloc(KEYSTORE_ITEMS_MAX, sizeof(struct entry *));
	rc = out->v == NULL ? RC_NO_SPACE : load_entries(kek, file, out);
	if (rc != RC_OK)
		set_free(out);
	return rc;
}

enum rc
set_store(const struct key *kek, const struct seal *seal, const struct set *set, struct buf *to)
{
	struct buf body;
	enum rc rc;

	buf_init(&body, to->max);
	for (size_t i = 0; i < set->n; i++)
		buf_slice(&body, set->v[i]->sealed.whole);
	rc = body.failed ? RC_NO_SPACE : add_seal(kek, seal, buf_view(&body), to);
	buf_slice(to, buf_view(&body));
	buf_fini(&body);
	return rc == RC_OK && to->failed ? RC_NO_SPACE : rc;
}

/* ---- changes ---- */

static bool
change_ok(const struct keystore_change *c)
{
	return c->item.id.type != 0 && c->item.id.name.n >= 1 &&
	       c->item.id.name.n <= KEYSTORE_NAME_MAX && c->item.text.n <= KEYSTORE_TEXT_MAX &&
	       c->secret.n <= RECORD_SECRET_MAX;
}

static enum rc
entry_seal(const struct key *kek, const struct keystore_change *c, struct entry **out)
{
	struct buf name, octets;
	struct record r = {
		.type = c->item.id.type, .index = c->item.id.index, .not_after = c->item.not_after
	};
	enum rc rc;

	buf_init(&name, RECORD_NAME_MAX);
	buf_init(&octets, RECORD_MAX);
	buf_be(&name, c->item.id.name.n, 1);
	buf_slice(&name, c->item.id.name);
	buf_slice(&name, c->item.text);
	r.name = buf_view(&name);
	rc = name.failed ? RC_NO_SPACE : record_seal(kek, &r, c->secret, &octets);
	if (rc == RC_OK)
		rc = entry_new(buf_view(&octets), out);
	buf_fini(&octets);
	buf_fini(&name);
	return rc;
}

/* Frees what is in the set and not in old. */
static void
drop(struct entry *e, const struct set *old)
{
	struct entry *was = set_find(old, &e->item.id);

	if (was != e)
		free(e);
}

static enum rc
change_one(const struct key *kek, const struct set *old, const struct keystore_change *c,
           struct set *set)
{
	size_t at = set_place(set, &c->item.id);
	bool there = at < set->n && id_cmp(&set->v[at]->item.id, &c->item.id) == 0;
	struct entry *e = NULL;
	enum rc rc = RC_OK;

	if (c->secret.n > 0 && !there && set->n == KEYSTORE_ITEMS_MAX)
		return RC_NO_SPACE;
	if (c->secret.n > 0)
		rc = entry_seal(kek, c, &e);
	if (rc != RC_OK)
		return rc;
	if (there) {
		drop(set->v[at], old);
		memmove(set->v + at, set->v + at + 1, (set->n - at - 1) * sizeof(struct entry *));
		set->n--;
	}
	if (e != NULL) {
		memmove(set->v + at + 1, set->v + at, (set->n - at) * sizeof(struct entry *));
		set->v[at] = e;
		set->n++;
	}
	return RC_OK;
}

enum rc
set_change(const struct key *kek, const struct set *old, const struct keystore_change *changes,
           size_t n, struct set *out)
{
	enum rc rc = RC_OK;

	*out = (struct set){ .n = 0 };
	for (size_t i = 0; i < n; i++)
		if (!change_ok(&changes[i]))
			return RC_BAD_REQUEST;
	out->v = calloc(KEYSTORE_ITEMS_MAX, sizeof(struct entry *));
	if (out->v == NULL)
		return RC_NO_SPACE;
	if (old->n > 0)
		memcpy(out->v, old->v, old->n * sizeof(struct entry *));
	out->n = old->n;
	for (size_t i = 0; rc == RC_OK && i < n; i++)
		rc = change_one(kek, old, &changes[i], out);
	if (rc != RC_OK)
		set_release(out, old);
	return rc;
}
