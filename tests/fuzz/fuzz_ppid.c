/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any octets as a pre-provisioned identifier, and any text as one: what is taken has pairs that
 * fill it exactly, one of them unique, and a text that is read as the same again.
 */
#include "config.h"

#include "sec/ppid.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool ok)
{
	if (!ok)
		abort();
}

static void
check_pairs(const struct ppid *id)
{
	struct ppid_pair pair;
	const char *end = NULL;
	unsigned at = 0;
	bool unique = false;

	while (ppid_next(id, &at, &pair)) {
		must(pair.address.n >= 1 && pair.address.n <= PPID_ADDRESS_MAX && pair.name != NULL);
		must(end == NULL || pair.address.p == end);
		end = pair.address.p + pair.address.n;
		unique = unique || pair.unique;
	}
	must(unique && end == (const char *)id->v + id->n);
}

static void
check_text(const struct ppid *id, bool local)
{
	struct ppid again;
	char text[PPID_TEXT];

	ppid_text(id, text);
	must(ppid_parse(slice_of(text), local, &again) == PPID_OK);
	must(slice_eq(ppid_octets(id), ppid_octets(&again)));
}

static void
check(enum ppid_fault fault, const struct ppid *id, bool local)
{
	must((fault == PPID_OK) == (id->n != 0));
	must((fault == PPID_OK) == (ppid_token(fault)[0] == '\0'));
	if (fault != PPID_OK)
		return;
	check_pairs(id);
	check_text(id, local);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice s = slice_make(data, size);
	struct ppid id;

	for (int local = 0; local < 2; local++) {
		check(ppid_check(s, local == 1, &id), &id, local == 1);
		check(ppid_parse(s, local == 1, &id), &id, local == 1);
	}
	return 0;
}
