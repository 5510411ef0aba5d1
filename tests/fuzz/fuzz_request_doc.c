/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any octets as the document of a request, in both syntaxes: what is taken names an issuer and a
 * target, and its parts lie in the arena or in the document, so they can be read to their ends.
 */
#include "config.h"

#include "cap/request_doc.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool ok)
{
	if (!ok)
		abort();
}

/* Reads all of it: the sanitizers see what is not there. */
static unsigned
sum(struct slice s)
{
	unsigned n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += (unsigned char)s.p[i];
	return n;
}

static void
check_call(struct arena *a, const struct val *doc)
{
	static const char *const methods[] = { "GET", "POST", "PUT", "DELETE" };
	struct scl_call c = { .timeout_ms = 7 };
	const struct slice *const parts[] = { &c.method,        &c.target,          &c.from,
		                              &c.content_type,  &c.accept,          &c.body,
		                              &c.rcat,          &c.trpdt,           &c.if_match,
		                              &c.if_none_match, &c.group_request_id };
	bool known = false;

	if (request_doc_fill(a, doc, &c) != RC_OK)
		return;
	must(c.from.n > 0 && c.target.n > 0 && c.timeout_ms == 7);
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		known = known || slice_is(c.method, methods[i]);
	must(known && (!request_doc_creates(doc) || slice_is(c.method, "POST")));
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		(void)sum(*parts[i]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const types[] = { "application/xml", "application/json" };

	for (size_t i = 0; i < 2; i++) {
		struct arena *a = arena_new(4u << 20);
		struct val *doc;

		must(a != NULL);
		if (request_doc_read(a, request_doc_codec(slice_of(types[i])),
		                     slice_make(data, size), &doc) == RC_OK) {
			(void)sum(request_doc_id(doc));
			(void)sum(request_doc_contact(doc));
			check_call(a, doc);
		}
		arena_free(a);
	}
	return 0;
}
