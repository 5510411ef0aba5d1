/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "bind/http_map.h"

#include <microhttpd.h>
#include <strings.h>

/* Length and first letter tell nearly all names apart, so one number is compared first. */
#define NAME_KEY(length, first) ((unsigned)(length) << 8 | (unsigned char)(first))

enum repeat { ONE, MANY };

struct method_row {
	const char *name;
	enum req_op op;
	bool head;
};

struct header_row {
	unsigned key;
	enum repeat repeat;
	const char *name;
	size_t offset; /* of a slice in struct http_head */
};

static const struct method_row methods[] = {
#define METHOD(name, op, head) { name, op, head },
#include "bind/map.def"
#undef METHOD
};

static const struct header_row headers[] = {
#define HEADER(name, field, repeat)                                                                \
	{ NAME_KEY(sizeof(name) - 1, (name)[0]), repeat, name, offsetof(struct http_head, field) },
#include "bind/map.def"
#undef HEADER
};

struct collect {
	struct arena *arena;
	struct http_head *head;
	bool repeated; /* a header of which there may be one */
	bool no_memory;
};

static void
map_method(const char *name, struct req_input *in)
{
	in->op = REQ_OTHER;
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (strcmp(name, methods[i].name) == 0) {
			in->op = methods[i].op;
			in->head = methods[i].head;
			in->known_method = true;
			return;
		}
}

static const struct header_row *
find_header(const char *name, size_t n)
{
	unsigned key = NAME_KEY(n, n == 0 ? 0 : name[0] | 0x20);

	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		if (headers[i].key == key && strncasecmp(headers[i].name, name, n) == 0)
			return &headers[i];
	return NULL;
}

static enum MHD_Result
collect_header(void *arg, enum MHD_ValueKind kind, const char *name, size_t name_n,
               const char *value, size_t value_n)
{
	struct collect *c = arg;
	const struct header_row *row = find_header(name, name_n);
	struct slice got = slice_make(value == NULL ? "" : value, value == NULL ? 0 : value_n);
	struct slice *to;

	(void)kind;
	if (row == NULL)
		return MHD_YES;
	to = (struct slice *)(void *)((char *)c->head + row->offset);
	if (to->p == NULL) {
		*to = arena_copy(c->arena, got);
	} else if (row->repeat == ONE) {
		c->repeated = true;
		return MHD_YES;
	} else {
		*to = arena_printf(c->arena, "%.*s, %.*s", (int)to->n, to->p, (int)got.n, got.p);
	}
	c->no_memory = c->no_memory || to->p == NULL;
	return MHD_YES;
}

static bool
is_word(struct slice s, const char *word)
{
	return s.n == strlen(word) && strncasecmp(s.p, word, s.n) == 0;
}

/* False when s is no number of 1 to 18 digits. */
static bool
parse_length(struct slice s, uint64_t *n)
{
	*n = 0;
	return s.n <= 18 && slice_number(s, UINT64_MAX, n);
}

/*
 * How the body is delimited (RFC 9112 section 6.3). Both ways at once are the mark of a smuggled
 * request; a coding other than chunked would have to be undone here.
 */
static enum rc
map_framing(struct http_head *head, const char **why)
{
	struct req_input *in = &head->input;

	in->has_length = head->content_length.p != NULL;
	head->has_body = head->transfer_encoding.p != NULL;
	if (in->has_length && !parse_length(head->content_length, &in->content_length)) {
		*why = "Content-Length is malformed";
		return RC_BAD_REQUEST;
	}
	if (in->has_length && head->has_body) {
		*why = "Content-Length and Transfer-Encoding exclude each other";
		return RC_BAD_REQUEST;
	}
	if (head->has_body && !is_word(head->transfer_encoding, "chunked")) {
		*why = "Transfer-Encoding other than chunked";
		return RC_NOT_IMPLEMENTED;
	}
	/* Neither header means that there is none. */
	in->has_length = !head->has_body;
	head->has_body = head->has_body || in->content_length > 0;
	head->waits =
		head->has_body && head->expect.p != NULL && is_word(head->expect, "100-continue");
	return RC_OK;
}

enum rc
http_map(struct MHD_Connection *m, const char *method, struct arena *a, struct http_head *head,
         const char **why)
{
	struct collect c = { .arena = a, .head = head };
	enum rc rc;

	*head = (struct http_head){ .has_body = false };
	map_method(method, &head->input);
	MHD_get_connection_values_n(m, MHD_HEADER_KIND, collect_header, &c);
	rc = map_framing(head, why);
	if (rc == RC_OK && c.repeated) {
		*why = "a header is given twice";
		return RC_BAD_REQUEST;
	}
	if (rc == RC_OK && c.no_memory) {
		*why = "no memory for the header";
		return RC_HEADER_TOO_LARGE;
	}
	return rc;
}
