/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text as X-M2M-SGA, and as the target of a request that may carry it: what is taken is written
 * as the same, and a tag without the parameter is that with it.
 */
#include "config.h"

#include "sga/tag.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool ok)
{
	if (!ok)
		abort();
}

static void
check_text(struct slice text)
{
	char again[SGA_TAG_TEXT + 1];
	struct sga_tag t;

	if (!sga_tag_parse(text, &t))
		return;
	must(t.counter > 0 && t.id.n > 0);
	must(slice_eq(slice_make(again, sga_tag_format(&t, again)), text));
}

/* target with the parameter at its end: the tag is the same. */
static void
check_target(struct slice target)
{
	static const struct key key = { { 1 } };
	static const struct sga_id id = { 1, "d" };
	struct slice first, second = target;
	struct sga_request rq = { SLICE_LIT("GET"), target, SLICE_NONE };
	struct sga_tag t;
	char *with;
	bool query;

	if (target.n > 60000)
		return;
	slice_split(&second, '?', &first);
	query = second.p != NULL;
	/* A "?" alone is not what remains when the parameter goes. */
	if (query && second.n == 0)
		return;
	with = malloc(target.n + 32);
	must(with != NULL && sga_tag_make(&key, &id, 7, &rq, &t) == RC_OK);
	if (target.n > 0)
		memcpy(with, target.p, target.n);
	memcpy(with + target.n, query ? "&x-m2m-sga=v" : "?x-m2m-sga=v", 12);
	rq.target = slice_make(with, target.n + 12);
	must(sga_tag_check(&key, &rq, &t) == RC_OK);
	free(with);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_text(slice_make(data, size));
	check_target(slice_make(data, size));
	return 0;
}
