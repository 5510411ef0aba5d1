/* SPDX-License-Identifier: Apache-2.0 */
/* m2m-pre inspect: what anybody can see of a stream. */
#include "config.h"

#include <inttypes.h>

#include "cli/pre_cmd.h"
#include "pre/chain.h"
#include "pre/unit.h"
#include "sec/hex.h"

#define LINE_MAX_SIZE 65536 /* octets of what is told of one message */
#define HEX_MAX 65 /* digits and a zero of what is shown in hexadecimal */

/* A unit, and what its type has besides. */
struct seen {
	uint64_t offset, octets; /* of the unit, with its length */
	struct pre_unit u;
	struct pre_mm mm;
	struct pre_end end;
	uint32_t seq;
	size_t plain; /* octets of the plaintext of a data message */
};

static const char *const type_names[] = {
	[PRE_MM1] = "MM1", [PRE_MM2] = "MM2", [PRE_DATA] = "data", [PRE_END] = "END"
};

static enum rc
look(struct seen *s, struct slice unit)
{
	enum rc rc = pre_batch_next(&unit, NULL, &s->u);

	if (rc != RC_OK)
		return rc;
	switch (s->u.hdr.type) {
	case PRE_DATA:
		s->plain = s->u.rest.n - pre_data_size(&s->u.hdr, 0);
		return pre_data_seq(s->u.rest, &s->seq);
	case PRE_END:
		return pre_end_read(&s->u.hdr, s->u.rest, NULL, &s->end);
	default:
		return pre_mm_parse(&s->u.hdr, s->u.rest, &s->mm);
	}
}

/* A member of an object; URLs and names have no control characters. */
static void
json_text(struct buf *b, const char *name, struct slice text)
{
	buf_printf(b, ",\"%s\":\"", name);
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '"' || text.p[i] == '\\')
			buf_char(b, '\\');
		buf_char(b, text.p[i]);
	}
	buf_char(b, '"');
}

static void
json_hex(struct buf *b, const char *name, const void *p, size_t n)
{
	char digits[HEX_MAX];

	hex_encode(p, n, digits);
	buf_printf(b, ",\"%s\":\"%s\"", name, digits);
}

static void
json_type(struct buf *b, const struct seen *s)
{
	switch (s->u.hdr.type) {
	case PRE_DATA:
		buf_printf(b, ",\"seq\":%" PRIu32 ",\"plain\":%zu", s->seq, s->plain);
		break;
	case PRE_END:
		buf_printf(b, ",\"count\":%" PRIu32, s->end.count);
		json_hex(b, "chain", s->end.chain.v, sizeof(s->end.chain.v));
		json_hex(b, "prev", s->end.prev.v, sizeof(s->end.prev.v));
		break;
	default:
		json_hex(b, "commit", s->mm.commit.p, s->mm.commit.n);
		if (s->mm.pk_id.n > 0)
			json_hex(b, "pkId", s->mm.pk_id.p, s->mm.pk_id.n);
	}
}

static void
write_json(struct buf *b, const struct seen *s)
{
	const struct pre_hdr *h = &s->u.hdr;

	buf_printf(b, "{\"type\":\"%s\",\"offset\":%" PRIu64 ",\"octets\":%" PRIu64,
	           type_names[h->type], s->offset, s->octets);
	buf_printf(b,
	           ",\"stream\":%u,\"epoch\":%" PRIu32 ",\"section\":%u,\"cid\":%u,\"signed\":%s",
	           h->stream, h->epoch, h->key_index, h->cid,
	           (h->flags & PRE_FLAG_SIGNED) != 0 ? "true" : "false");
	buf_printf(b, ",\"id\":\"%08" PRIx32 "%04x%04x\"", s->u.msg_id, h->stream, h->key_index);
	json_text(b, "source", s->u.source);
	json_text(b, "sink", s->u.sink);
	json_type(b, s);
	buf_puts(b, "}\n");
}

static void
text_type(struct buf *b, const struct seen *s)
{
	char digits[HEX_MAX];

	switch (s->u.hdr.type) {
	case PRE_DATA:
		buf_printf(b, " seq %" PRIu32 ", %zu octets", s->seq, s->plain);
		break;
	case PRE_END:
		buf_printf(b, " of %" PRIu32 " messages", s->end.count);
		break;
	default:
		buf_printf(b, " %s", pre_cipher_find(s->u.hdr.cid)->name);
		if ((s->u.hdr.flags & PRE_FLAG_SIGNED) != 0)
			buf_puts(b, ", signed");
		if (s->mm.pk_id.n > 0) {
			hex_encode(s->mm.pk_id.p, s->mm.pk_id.n, digits);
			buf_printf(b, ", for the key %s", digits);
		}
	}
}

static void
write_text(struct buf *b, const struct seen *s)
{
	const struct pre_hdr *h = &s->u.hdr;

	buf_printf(b, "%-4s stream %u epoch %" PRIu32 " section %u:", type_names[h->type],
	           h->stream, h->epoch, h->key_index);
	text_type(b, s);
	if (h->type == PRE_MM1 || h->type == PRE_MM2) {
		buf_puts(b, ", from ");
		buf_slice(b, s->u.source);
		if (s->u.sink.n > 0) {
			buf_puts(b, " to ");
			buf_slice(b, s->u.sink);
		}
	}
	buf_char(b, '\n');
}

static enum cli_status
tell(struct cli_run *r, struct slice unit, struct buf *line)
{
	struct seen s = { .offset = r->in.taken - unit.n, .octets = unit.n };

	if (look(&s, unit) != RC_OK)
		return cli_fail_at(r, CLI_REFUSED, "not a message");
	buf_clear(line);
	(r->args->json ? write_json : write_text)(line, &s);
	if (line->failed)
		return cli_fail_rc("a line", RC_UNAVAILABLE);
	cli_progress_step(&r->progress, &r->in);
	return cli_run_put(r, buf_view(line));
}

enum cli_status
cli_inspect(const struct cli_args *a)
{
	struct cli_run r;
	struct buf line;
	struct slice unit;
	enum cli_got got = CLI_GOT_END;
	enum cli_status status = cli_run_start(&r, a);

	buf_init(&line, LINE_MAX_SIZE);
	while (status == CLI_OK && (got = cli_in_unit(&r.in, &unit)) == CLI_GOT_PIECE)
		status = tell(&r, unit, &line);
	buf_fini(&line);
	if (status == CLI_OK && got != CLI_GOT_END)
		status = cli_run_bad(&r, got);
	return cli_run_end(&r, status);
}
