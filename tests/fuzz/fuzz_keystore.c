/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any octets as the file of a key store. The first octet chooses how far they get: as they are;
 * behind a first record that is right; as a list of records (type, index, length of the name, name,
 * length of the secret, secret) that are sealed with the right key, in whatever order and number.
 * What is taken is written and read as the same.
 */
#include "config.h"

#include "sec/keystore_set.h"

#include <openssl/evp.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct key kek = { "fuzz" };

static void
must(bool ok)
{
	if (!ok)
		abort();
}

static void
check_again(const struct set *set, const struct seal *seal)
{
	struct buf b;
	struct set again;
	struct seal read;

	buf_init(&b, KEYSTORE_FILE_MAX);
	must(set_store(&kek, seal, set, &b) == RC_OK);
	must(seal_read(buf_view(&b), &read) == RC_OK && read.bound == seal->bound &&
	     read.passphrase == seal->passphrase);
	must(set_load(&kek, buf_view(&b), &again) == RC_OK && again.n == set->n);
	for (size_t i = 0; i < set->n; i++) {
		must(slice_eq(again.v[i]->sealed.whole, set->v[i]->sealed.whole));
		must(set_find(set, &again.v[i]->item.id) == set->v[i]);
	}
	set_free(&again);
	buf_fini(&b);
}

/* Removes everything, and puts something in between. */
static void
check_changes(const struct set *set)
{
	static const struct keystore_id id = { KS_KMC, 7, SLICE_INIT("n") };
	struct keystore_change change = { .item = { .id = id } };
	struct set next;

	for (size_t i = 0; i < set->n && i < 4; i++) {
		const struct keystore_change changes[] = { { .item = { .id = set->v[i]->item.id } }, change };

		must(set_change(&kek, set, changes, 2, &next) == RC_OK);
		must(set_find(&next, &set->v[i]->item.id) == NULL);
		set_release(&next, set);
	}
	change.secret = SLICE_LIT("s");
	if (set->n < KEYSTORE_ITEMS_MAX) {
		must(set_change(&kek, set, &change, 1, &next) == RC_OK);
		must(set_find(&next, &id) != NULL);
		set_release(&next, set);
	}
}

static void
check_file(struct slice file)
{
	struct set set;
	struct seal seal;
	enum rc rc = set_load(&kek, file, &set);

	must(rc == RC_OK || rc == RC_PRECONDITION || rc == RC_DENIED);
	must((rc == RC_OK) == (set.v != NULL));
	if (rc != RC_OK)
		return;
	must(seal_read(file, &seal) == RC_OK);
	check_again(&set, &seal);
	check_changes(&set);
	set_free(&set);
}

/* The first record for what is behind it, as the header of the key store describes it. */
static void
seal_octets(struct slice rest, struct buf *to)
{
	static const char name[] = "\4seal\0\0salt salt salt sa";
	const struct record r = { .not_after = RECORD_NEVER, .name = { name, 23 } };
	unsigned char sum[32];

	must(EVP_Digest(rest.p, rest.n, sum, NULL, EVP_sha256(), NULL) == 1);
	must(record_seal(&kek, &r, slice_make(sum, sizeof(sum)), to) == RC_OK);
	buf_slice(to, rest);
}

static unsigned
take(struct slice *in)
{
	unsigned v = in->n == 0 ? 0 : (unsigned char)in->p[0];

	*in = slice_from(*in, 1);
	return v;
}

static struct slice
take_octets(struct slice *in, size_t n)
{
	struct slice s = slice_head(*in, n);

	*in = slice_from(*in, n);
	return s;
}

static void
seal_records(struct slice in, struct buf *to)
{
	while (in.n > 0) {
		struct record r = { .type = (uint8_t)take(&in), .index = take(&in) };

		r.name = take_octets(&in, take(&in));
		if (record_seal(&kek, &r, take_octets(&in, take(&in)), to) != RC_OK)
			break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_make(data, size);
	unsigned depth = take(&in) % 3;
	struct buf rest, file;

	if (size > 65536)
		return 0;
	if (depth == 0) {
		check_file(in);
		return 0;
	}
	buf_init(&rest, KEYSTORE_FILE_MAX);
	buf_init(&file, KEYSTORE_FILE_MAX);
	if (depth == 1)
		buf_slice(&rest, in);
	else
		seal_records(in, &rest);
	seal_octets(buf_view(&rest), &file);
	check_file(buf_view(&file));
	buf_fini(&file);
	buf_fini(&rest);
	return 0;
}
