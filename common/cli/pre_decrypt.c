/* SPDX-License-Identifier: Apache-2.0 */
/* m2m-pre decrypt: a stream in, its plaintext out, and whether it is all that was sent. */
#include "config.h"

#include "cli/pre_keys.h"
#include "cli/pre_state.h"
#include "pre/opening.h"

#define STATE_MAX (1u << 20)

struct sink {
	struct cli_run run;
	struct afgh *afgh;
	struct pre_identity *id;
	struct pre_public source;
	enum pre_as as;
	struct pre_opening *opening;
	/* Messages: all; data taken; that this key does not open; had before; older than what is kept. */
	uint64_t units, taken, closed, repeated, old;
};

/* ---- messages ---- */

static enum cli_status
take(struct sink *s, const struct pre_unit *u)
{
	struct pre_opened opened;

	/* What was not re-encrypted is not for a sink: it has the epochs that it was granted. */
	if (s->as == PRE_AS_SINK && u->hdr.type == PRE_MM2) {
		s->closed++;
		return CLI_OK;
	}
	switch (pre_opening_take(s->opening, u, &opened)) {
	case RC_OK:
		s->taken += opened.type == PRE_DATA;
		return cli_run_put(&s->run, opened.plain);
	case RC_CONFLICT:
		s->repeated++;
		return CLI_OK;
	case RC_GONE:
		s->old++;
		return CLI_OK;
	case RC_NOT_FOUND:
		s->closed++;
		return CLI_OK;
	case RC_BAD_REQUEST:
		return cli_fail_at(&s->run, CLI_REFUSED,
		                   "altered, not of the source, or not for this key");
	case RC_NO_SPACE:
		return cli_fail_at(&s->run, CLI_FAILED, "too many streams in one");
	default:
		return cli_fail_rc("decrypt", RC_UNAVAILABLE);
	}
}

/* unit: with its length. */
static enum cli_status
open_unit(struct sink *s, struct slice unit)
{
	struct pre_unit u;

	if (pre_batch_next(&unit, NULL, &u) != RC_OK)
		return cli_fail_at(&s->run, CLI_REFUSED, "not a message");
	s->units++;
	cli_progress_step(&s->run.progress, &s->run.in);
	return take(s, &u);
}

/* ---- the verdict ---- */

/* What is wrong whoever reads it, and what may be so because of what this key does not open. */
#define WRONG (PRE_ALTERED | PRE_MISSING | PRE_REORDERED)

static const struct finding {
	unsigned finding;
	const char *text;
} findings[] = {
	{ PRE_ALTERED, "messages were replaced" },
	{ PRE_MISSING, "messages are missing" },
	{ PRE_REORDERED, "messages are not in their order" },
	{ PRE_UNLINKED, "a section, or its END, is missing" },
	{ PRE_JOINED, "what was sent before the first section is missing (--joined)" },
};

static enum cli_status
fail_found(const struct sink *s, unsigned found)
{
	size_t i = 0;

	while ((found & findings[i].finding) == 0)
		i++;
	return cli_fail(CLI_INCOMPLETE, s->run.in.name, findings[i].text);
}

static enum cli_status
judge(struct sink *s)
{
	struct pre_report report;
	unsigned found;

	if (!cli_out_flush(&s->run.out))
		return cli_fail_errno(s->run.out.name);
	pre_opening_report(s->opening, &report);
	found = report.findings & ~(s->run.args->joined ? (unsigned)PRE_JOINED : 0);
	if ((found & WRONG) != 0)
		return fail_found(s, found);
	if (s->closed > 0)
		return cli_fail_count("messages that this key does not open", s->closed);
	if ((found & ~(unsigned)PRE_UNENDED) != 0)
		return fail_found(s, found);
	if (s->old > 0 || (s->repeated > 0 && s->taken == 0))
		return cli_fail_count("messages that were read before", s->old + s->repeated);
	if (found != 0 || (s->units == 0 && !s->run.args->individual))
		return cli_fail(CLI_CUT, s->run.in.name, "ends without its END");
	return CLI_OK;
}

static enum cli_status
decrypt_all(struct sink *s)
{
	struct slice unit;
	enum cli_got got = CLI_GOT_END;
	enum cli_status status = CLI_OK;

	while (status == CLI_OK && (got = cli_in_unit(&s->run.in, &unit)) == CLI_GOT_PIECE)
		status = open_unit(s, unit);
	if (status == CLI_OK && got != CLI_GOT_END)
		status = cli_run_bad(&s->run, got);
	return status == CLI_OK ? judge(s) : status;
}

/* ---- before and after ---- */

static enum cli_status
make_opening(struct sink *s, const struct cli_args *a, struct slice state)
{
	struct pre_opening_conf conf = { .afgh = s->afgh,
		                         .keys = pre_identity_keys(s->id),
		                         .as = s->as,
		                         .source = slice_of(s->source.url),
		                         .key = s->source.sign,
		                         .archive = a->archive,
		                         .individual = a->individual };
	enum rc rc = pre_opening_new(&conf, state, &s->opening);

	if (rc == RC_BAD_REQUEST && state.n > 0)
		return cli_fail(CLI_FAILED, a->state, "not of this source, or damaged");
	return rc == RC_OK ? CLI_OK : cli_fail_rc("decrypt", rc);
}

static enum cli_status
resume(struct sink *s, const struct cli_args *a)
{
	struct buf state;
	enum cli_status status = CLI_OK;

	buf_init(&state, STATE_MAX);
	if (a->state != NULL)
		status = cli_state_read(a->state, &state);
	if (status == CLI_OK)
		status = make_opening(s, a, buf_view(&state));
	buf_fini(&state);
	return status;
}

/* What was read is known as such from now on: behind the plaintext, which would else be lost. */
static enum cli_status
remember(const struct sink *s, const struct cli_args *a)
{
	struct buf state;
	enum cli_status status;
	enum rc rc;

	buf_init(&state, STATE_MAX);
	rc = pre_opening_save(s->opening, &state);
	status = rc == RC_OK ? cli_state_write(a->state, buf_view(&state))
	                     : cli_fail_rc(a->state, rc);
	buf_fini(&state);
	return status;
}

static enum cli_status
get_ready(struct sink *s, const struct cli_args *a)
{
	enum rc rc = afgh_new(&s->afgh);
	enum cli_status status =
		rc == RC_OK ? cli_identity(a->key, &s->id) : cli_fail_rc("decrypt", rc);

	if (status == CLI_OK)
		status = cli_public(a->source, PRE_PUBLIC_SIGN, &s->source);
	if (status != CLI_OK)
		return status;
	s->as = a->direct                       ? PRE_AS_ADDRESSEE
	        : cli_is_own(s->id, &s->source) ? PRE_AS_OWNER
	                                        : PRE_AS_SINK;
	return resume(s, a);
}

enum cli_status
cli_decrypt(const struct cli_args *a)
{
	struct sink s = { 0 };
	enum cli_status status = get_ready(&s, a);

	if (status == CLI_OK) {
		status = cli_run_start(&s.run, a);
		if (status == CLI_OK)
			status = decrypt_all(&s);
		status = cli_run_end(&s.run, status);
	}
	if (status == CLI_OK && a->state != NULL)
		status = remember(&s, a);
	pre_opening_free(s.opening);
	pre_identity_free(s.id);
	afgh_free(s.afgh);
	return status;
}
