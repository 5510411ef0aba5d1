/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that look at something. */
#include "config.h"

#include <inttypes.h>

#include "cli/warrant_cmd.h"
#include "mpa/decision.h"
#include "sec/hex.h"

/* ---- warrants ---- */

static const char *const kinds[] = { "", "agreement", "device", "ap" };

static void
print_hex(const char *name, const void *p, size_t n)
{
	char text[2 * DIGEST_SIZE + 1];

	hex_encode(p, n, text);
	printf("%s %s\n", name, text);
}

static void
print_party(const char *name, struct slice id, const struct sign_public *key)
{
	char text[2 * SIGN_PUBLIC_SIZE + 1];

	hex_encode(key->v, SIGN_PUBLIC_SIZE, text);
	printf("%s %.*s %s\n", name, (int)id.n, id.p, text);
}

static void
print_warrant(const struct mpa_warrant *w, bool is_signed)
{
	print_hex("serial", w->serial, MPA_SERIAL_SIZE);
	printf("kind %s\ndepth %u\nrights %02" PRIx32 "\n", kinds[w->kind], w->depth, w->rights);
	print_party("delegator", w->delegator_id, &w->delegator);
	print_party("delegate", w->delegate_id, &w->delegate);
	print_party("onBehalf", w->on_behalf_id, &w->on_behalf);
	printf("notBefore %" PRIu64 "\nnotAfter %" PRIu64 "\nscope %.*s\n", w->not_before,
	       w->not_after, (int)w->scope.n, w->scope.p);
	print_hex("parent", w->parent, DIGEST_SIZE);
	printf("signature %s\n\n", is_signed ? "right" : "wrong");
}

/* All files, one behind the other. */
static bool
read_files(const struct warrant_args *a, struct buf *out)
{
	if (a->n_words < 2)
		return warrant_fail(a->words[0], "needs files");
	for (int i = 1; i < a->n_words; i++)
		if (!warrant_file_read(a->words[i], out))
			return false;
	return true;
}

/* Status of standard output. */
static enum warrant_status
printed(enum warrant_status status)
{
	return fflush(stdout) == 0 ? status : WARRANT_FAILED;
}

static enum warrant_status
show_all(struct slice octets)
{
	struct mpa_warrant w;

	while (octets.n > 0) {
		struct slice from = octets;

		if (mpa_warrant_take(&octets, &w) != RC_OK) {
			warrant_fail("no warrant", "");
			return WARRANT_REFUSED;
		}
		print_warrant(&w, mpa_warrant_verify(slice_head(from, from.n - octets.n)) == RC_OK);
	}
	return WARRANT_OK;
}

enum warrant_status
warrant_cmd_show(const struct warrant_args *a, struct warrant_server_id *s)
{
	enum warrant_status status = WARRANT_FAILED;
	struct buf b;

	(void)s;
	buf_init(&b, WARRANT_FILE_MAX);
	if (read_files(a, &b))
		status = printed(show_all(buf_view(&b)));
	buf_fini(&b);
	return status;
}

static bool
kind_of(const char *text, struct mpa_terms *terms)
{
	static const uint32_t rights[] = { 0, MPA_MAY_CERTIFY, MPA_IS_DEVICE, MPA_IS_AP };

	for (unsigned i = MPA_AGREEMENT; i <= MPA_ACCESS_POINT; i++)
		if (strcmp(text, kinds[i]) == 0) {
			terms->kind = (enum mpa_kind)i;
			terms->rights = rights[i];
			return true;
		}
	return warrant_fail("--kind", "must be agreement, device or ap");
}

static enum warrant_status
verify(const struct warrant_args *a, struct slice octets, struct mpa_terms *terms)
{
	struct mpa_chain c;
	enum mpa_cause why;

	/* Without --place wherever it says. */
	if (a->place == NULL && mpa_chain_parse(octets, &c, &why) == RC_OK)
		terms->place = c.last->scope;
	if (mpa_chain_check(octets, terms, &c, &why) != RC_OK) {
		warrant_fail("refused", mpa_cause_text(why));
		return WARRANT_REFUSED;
	}
	for (size_t i = 0; i < c.n; i++)
		print_warrant(&c.link[i], true);
	return printed(WARRANT_OK);
}

enum warrant_status
warrant_cmd_verify(const struct warrant_args *a, struct warrant_server_id *s)
{
	struct mpa_anchor root = { .id = SLICE_NONE };
	struct mpa_terms terms = {
		.roots = &root, .n_roots = 1, .place = slice_of(a->place), .now = warrant_now()
	};
	enum warrant_status status = WARRANT_FAILED;
	struct buf b;

	(void)s;
	if (a->root == NULL) {
		warrant_fail("verify", "needs --root");
		return WARRANT_USAGE;
	}
	if (!kind_of(a->kind == NULL ? "device" : a->kind, &terms))
		return WARRANT_USAGE;
	buf_init(&b, WARRANT_FILE_MAX);
	if (warrant_public_read(a->root, &root.key) && read_files(a, &b))
		status = verify(a, buf_view(&b), &terms);
	buf_fini(&b);
	return status;
}

/* ---- transcripts ---- */

/* The transcript of a file, judged. */
static enum warrant_status
judge_file(const struct warrant_args *a, const struct warrant_server_id *s,
           struct warrant_judged *out)
{
	struct warrant_revoked revoked = { 0 };
	struct buf b;
	bool ok;

	if (a->n_words != 2) {
		warrant_fail(a->words[0], "needs a transcript");
		return WARRANT_USAGE;
	}
	buf_init(&b, WARRANT_FILE_MAX);
	ok = warrant_revoked_read(s, &revoked) && warrant_file_read(a->words[1], &b);
	if (ok)
		warrant_judge(s, &revoked, NULL, buf_view(&b), out);
	buf_fini(&b);
	warrant_revoked_free(&revoked);
	if (!ok)
		return WARRANT_FAILED;
	if (out->rc == RC_OK)
		return WARRANT_OK;
	warrant_fail("refused", mpa_cause_text(out->cause));
	return WARRANT_REFUSED;
}

enum warrant_status
warrant_cmd_transcript(const struct warrant_args *a, struct warrant_server_id *s)
{
	struct warrant_judged j;
	enum warrant_status status = judge_file(a, s, &j);

	if (status != WARRANT_OK)
		return status;
	print_hex("th", j.proved.th.v, DIGEST_SIZE);
	printf("device %s\nap %s\nnotAfter %" PRIu64 "\nstate %s\n", j.proved.device, j.proved.ap,
	       j.proved.not_after, j.cause == MPA_FINE ? "good" : mpa_cause_text(j.cause));
	return printed(WARRANT_OK);
}

enum warrant_status
warrant_cmd_decide(const struct warrant_args *a, struct warrant_server_id *s)
{
	uint8_t octets[MPA_DECISION_SIZE];
	struct warrant_judged j;
	enum warrant_status status = judge_file(a, s, &j);
	enum mpa_verdict verdict;

	if (status != WARRANT_OK)
		return status;
	verdict = a->refuse || j.cause != MPA_FINE ? MPA_REFUSED : MPA_ACCEPTED;
	if (mpa_decision_make(s->key, &j.proved.th, verdict, (uint64_t)warrant_now(), octets) !=
	    RC_OK) {
		warrant_fail("decision", "cannot be made");
		return WARRANT_FAILED;
	}
	return warrant_file_put(a->out, slice_make(octets, sizeof(octets))) ? WARRANT_OK
	                                                                    : WARRANT_FAILED;
}
