/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any octets as what proxies, sinks and those who tell of proxies answer a source: what is taken lies
 * in the answer, and is what it is said to be.
 */
#include "config.h"

#include "cap/pxy/px_find.h"

#include <ctype.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool ok)
{
	if (!ok)
		abort();
}

static bool
within(struct slice part, struct slice whole)
{
	return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

static void
check_id(struct slice body, struct slice id)
{
	must(within(id, body) && id.n == 16);
	for (size_t i = 0; i < id.n; i++)
		must(isdigit((unsigned char)id.p[i]) || (id.p[i] >= 'a' && id.p[i] <= 'f'));
}

static void
check_sinks(struct slice body)
{
	struct px_told_sink s[] = { { .url = SLICE_INIT("http://a.example/m2m/proxy/inbox") },
		                    { .url = SLICE_INIT("coap://b.example/inbox") } };
	struct slice others[2];
	size_t n;

	if (!px_read_sinks(body, 1, s, 2))
		return;
	for (unsigned i = 0; i < 2; i++)
		must(s[i].epoch >= -1 && s[i].epoch <= UINT32_MAX);
	n = px_read_others(body, s, 2, others, 2);
	must(n <= 2);
	for (size_t i = 0; i < n; i++)
		must(within(others[i], body));
}

struct seen {
	size_t octets;
	unsigned left;
};

static bool
visit(void *arg, struct slice reference)
{
	struct seen *seen = arg;

	must(seen->left > 0);
	for (size_t i = 0; i < reference.n; i++)
		seen->octets += reference.p[i] != 0;
	return --seen->left > 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice body = slice_make(data, size), id;
	struct px_told_info info;
	uint64_t number;
	struct seen seen = { 0, 3 };

	(void)px_read_info(body, &info);
	if (px_read_id(body, &id))
		check_id(body, id);
	if (px_read_forward(body, &id, &number))
		check_id(body, id);
	(void)px_read_revision(body, &number);
	(void)px_read_waiting(body, &number);
	check_sinks(body);
	(void)px_find_references(body, visit, &seen);
	seen.left = 3;
	(void)px_find_links(body, visit, &seen);
	return 0;
}
