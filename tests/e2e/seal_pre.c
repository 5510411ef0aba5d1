/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For leaks.py and threats_proxy.py: what m2m-pre keeps to itself. Reads a batch of units from standard
 * input.
 *
 * usage: seal_pre keys KEY-FILE
 *          the session key of each management message, in hex, one line each: KEY-FILE is the secret
 *          key of the source (MM2, MM1) or of the sink (MM1)
 *        seal_pre forge KEY-FILE SEQ TEXT
 *          a data message of the section of the first one that opens, as any sink could make it: with the
 *          session key, but not with the key of the source
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pre/data.h"
#include "pre/pre.h"
#include "sec/secret.h"

#define BODY_MAX (64u << 20)

struct tool {
	struct afgh *afgh;
	struct pre_identity *id;
	struct buf in;
};

static bool
read_input(struct buf *body)
{
	char piece[65536];
	size_t n;

	while ((n = fread(piece, 1, sizeof(piece), stdin)) > 0)
		buf_add(body, piece, n);
	return !body->failed && !ferror(stdin);
}

static bool
owner_opens(const struct tool *t, const struct pre_mm *m, struct pre_session *s)
{
	struct afgh_epoch_id id = { .stream = m->hdr.stream, .epoch = m->hdr.epoch };
	struct afgh_epoch *e;
	enum rc rc;

	memcpy(id.source, m->hdr.source, sizeof(id.source));
	if (afgh_epoch_new(pre_identity_keys(t->id), &id, &e) != RC_OK)
		return false;
	rc = pre_mm_open_owner(m, t->afgh, e, s);
	afgh_epoch_free(e);
	return rc == RC_OK;
}

/* The session key of a management message. */
static bool
opens(const struct tool *t, const struct pre_unit *u, struct pre_session *s)
{
	struct pre_mm m;

	if ((u->hdr.type != PRE_MM1 && u->hdr.type != PRE_MM2) ||
	    pre_mm_parse(&u->hdr, u->rest, &m) != RC_OK)
		return false;
	if (u->hdr.type == PRE_MM1 && pre_mm1_open(&m, pre_identity_keys(t->id), s) == RC_OK)
		return true;
	return owner_opens(t, &m, s);
}

static int
print_keys(const struct tool *t)
{
	struct slice rest = buf_view(&t->in);
	struct pre_session s;
	struct pre_unit u;

	while (pre_batch_next(&rest, NULL, &u) == RC_OK) {
		if (!opens(t, &u, &s))
			continue;
		for (unsigned i = 0; i < pre_cipher_find(u.hdr.cid)->key; i++)
			printf("%02x", s.v[i]);
		putchar('\n');
	}
	secret_wipe(&s, sizeof(s));
	return rest.n == 0 && fflush(stdout) == 0 ? 0 : 1;
}

static enum rc
make_data(const struct tool *t, const struct pre_unit *mm, const struct pre_session *s,
          uint32_t seq, struct slice text, struct buf *out)
{
	struct pre_datum m = { .msg_id = 0x0badcafe, .seq = seq };
	struct pre_unit u = *mm;
	struct pre_data *d;
	struct buf body;
	enum rc rc = pre_data_new(&mm->hdr, s, true, &d);

	if (rc != RC_OK)
		return rc;
	buf_init(&body, BODY_MAX);
	rc = pre_data_seal(d, pre_identity_sign(t->id), text, &m, &body);
	u.hdr.type = PRE_DATA;
	u.msg_id = m.msg_id;
	u.rest = buf_view(&body);
	if (rc == RC_OK)
		rc = pre_unit_write(&u, out);
	pre_data_free(d);
	buf_fini(&body);
	return rc;
}

static int
forge(const struct tool *t, uint32_t seq, struct slice text)
{
	struct slice rest = buf_view(&t->in);
	struct pre_session s;
	struct pre_unit u;
	struct buf out;
	enum rc rc = RC_NOT_FOUND;

	buf_init(&out, BODY_MAX);
	while (rc == RC_NOT_FOUND && pre_batch_next(&rest, NULL, &u) == RC_OK)
		if (opens(t, &u, &s))
			rc = make_data(t, &u, &s, seq, text, &out);
	secret_wipe(&s, sizeof(s));
	if (rc == RC_OK && (fwrite(out.p, 1, out.n, stdout) != out.n || fflush(stdout) != 0))
		rc = RC_INTERNAL;
	buf_fini(&out);
	return rc == RC_OK ? 0 : 1;
}

int
main(int argc, char **argv)
{
	struct tool t = { 0 };
	int status = 1;

	if (argc < 3 || (strcmp(argv[1], "forge") == 0 && argc != 5))
		return 2;
	buf_init(&t.in, BODY_MAX);
	if (afgh_new(&t.afgh) == RC_OK && pre_identity_read(argv[2], &t.id) == RC_OK &&
	    read_input(&t.in))
		status = argc == 5 ? forge(&t, (uint32_t)strtoul(argv[3], NULL, 10),
		                           slice_of(argv[4]))
		                   : print_keys(&t);
	pre_identity_free(t.id);
	afgh_free(t.afgh);
	buf_fini(&t.in);
	return status;
}
