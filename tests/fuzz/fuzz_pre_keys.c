/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any octets as a file of keys. The first octet chooses: a text as it is, or what is within a block
 * of one kind. What is taken is written, but for the case of digits, as the same.
 */
#include "config.h"

#include "pre/armour.h"
#include "pre/key_file.h"

#include <ctype.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool ok)
{
	if (!ok)
		abort();
}

static void
expect_same(const struct buf *written, struct slice text)
{
	must(written->n == text.n);
	for (size_t i = 0; i < text.n; i++)
		must(tolower((unsigned char)written->p[i]) == tolower((unsigned char)text.p[i]));
}

static void
check_identity(struct slice text)
{
	struct pre_identity *id;
	struct buf b;

	if (pre_identity_parse(text, &id) != RC_OK)
		return;
	buf_init(&b, 8192);
	must(pre_identity_write(id, &b) == RC_OK);
	expect_same(&b, text);
	buf_fini(&b);
	pre_identity_free(id);
}

static void
check_public(struct slice text)
{
	struct pre_public p;
	struct buf b;

	if (pre_public_parse(text, &p) != RC_OK)
		return;
	buf_init(&b, 8192);
	must(pre_public_write(&p, &b) == RC_OK);
	expect_same(&b, text);
	buf_fini(&b);
}

static void
check_rekeys(struct slice text)
{
	struct slice rest = text;
	struct pre_rekey k;
	struct buf b;

	buf_init(&b, 1u << 20);
	while (pre_rekey_next(&rest, &k) == RC_OK)
		must(pre_rekey_write(&k, &b) == RC_OK);
	expect_same(&b, slice_head(text, text.n - rest.n));
	buf_fini(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const kinds[] = { "SECRET KEY", "PUBLIC KEY", "RE-ENCRYPTION KEY" };
	struct slice rest = slice_from(slice_make(data, size), 1), text = rest;
	struct buf block;

	buf_init(&block, 1u << 20);
	if (size > 1 && data[0] % 4 != 0 && rest.n <= ARMOUR_MAX) {
		must(armour_write(kinds[data[0] % 4 - 1], rest, &block) == RC_OK);
		text = buf_view(&block);
	}
	check_identity(text);
	check_public(text);
	check_rekeys(text);
	buf_fini(&block);
	return 0;
}
