/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that make something. */
#include "config.h"

#include "cli/warrant_cmd.h"
#include "sec/hex.h"
#include "sec/node_id.h"

#define DAY UINT64_C(86400)
#define DAYS 30u /* that a warrant lasts */

enum warrant_status
warrant_cmd_init(const struct warrant_args *a)
{
	struct warrant_server_id s;
	struct buf pem;
	bool ok;

	if (a->n_words != 2) {
		warrant_fail("init", "needs the name of the server");
		return WARRANT_USAGE;
	}
	buf_init(&pem, WARRANT_FILE_MAX);
	ok = warrant_state_make(a->state, a->words[1], &s) && warrant_public_pem(&s.public, &pem) &&
	     warrant_file_put(a->out, buf_view(&pem));
	buf_fini(&pem);
	warrant_state_close(&s);
	return ok ? WARRANT_OK : WARRANT_FAILED;
}

/* ---- an agreement ---- */

/* W1, as the operator should have made it, wherever it is valid. */
static enum warrant_status
look_w1(const struct warrant_server_id *s, struct slice octets, const struct sign_public *cn,
        struct mpa_chain *c)
{
	const struct mpa_anchor root = { *cn, SLICE_NONE };
	struct mpa_terms terms = { .roots = &root,
		                   .n_roots = 1,
		                   .kind = MPA_AGREEMENT,
		                   .rights = MPA_MAY_CERTIFY,
		                   .now = warrant_now() };
	enum mpa_cause why;

	if (mpa_chain_parse(octets, c, &why) == RC_OK)
		terms.place = c->last->scope;
	if (mpa_chain_check(octets, &terms, c, &why) != RC_OK || c->n != 1) {
		warrant_fail("the operator's warrant", mpa_cause_text(why));
		return WARRANT_REFUSED;
	}
	if (memcmp(c->last->delegate.v, s->public.v, SIGN_PUBLIC_SIZE) != 0 ||
	    !slice_is(c->last->delegate_id, s->id) || c->last->depth == 0) {
		warrant_fail("the operator's warrant", "is not for this server, or has no depth");
		return WARRANT_REFUSED;
	}
	return WARRANT_OK;
}

/* The same in return. */
static bool
make_w2(struct warrant_server_id *s, const struct mpa_warrant *w1, struct buf *out)
{
	const struct mpa_grant g = { .kind = MPA_AGREEMENT,
		                     .depth = 1,
		                     .rights = MPA_MAY_CERTIFY,
		                     .not_before = w1->not_before,
		                     .not_after = w1->not_after,
		                     .delegate = w1->delegator,
		                     .delegate_id = w1->delegator_id,
		                     .issuer_id = slice_of(s->id),
		                     .scope = w1->scope };
	enum rc rc = mpa_warrant_issue(&g, s->key, NULL, out, NULL);

	return rc == RC_OK || warrant_fail("warrant", status_of(rc)->text);
}

static bool
keep_agreement(struct warrant_server_id *s, const struct sign_public *cn, struct slice w1,
               struct slice w2)
{
	struct buf pem;
	bool ok;

	buf_init(&pem, WARRANT_FILE_MAX);
	/* w2 is the last: with it the rest counts. */
	ok = warrant_public_pem(cn, &pem) && warrant_state_write(s, "cn.pem", buf_view(&pem)) &&
	     warrant_state_write(s, "w1", w1) && warrant_state_write(s, "w2", w2);
	buf_fini(&pem);
	return ok;
}

static enum warrant_status
agree(const struct warrant_args *a, struct warrant_server_id *s, struct buf *w1, struct buf *w2)
{
	enum warrant_status status;
	struct sign_public cn;
	struct mpa_chain c;

	if (!warrant_public_read(a->peer_key, &cn) || !warrant_file_read(a->words[1], w1))
		return WARRANT_FAILED;
	status = look_w1(s, buf_view(w1), &cn, &c);
	if (status != WARRANT_OK)
		return status;
	if (!make_w2(s, c.last, w2) || !keep_agreement(s, &cn, buf_view(w1), buf_view(w2)) ||
	    !warrant_file_put(a->out, buf_view(w2)))
		return WARRANT_FAILED;
	return WARRANT_OK;
}

enum warrant_status
warrant_cmd_agree(const struct warrant_args *a, struct warrant_server_id *s)
{
	enum warrant_status status;
	struct buf w1, w2;

	if (a->n_words != 2 || a->peer_key == NULL) {
		warrant_fail("agree", "needs the operator's warrant and --peer-key");
		return WARRANT_USAGE;
	}
	buf_init(&w1, WARRANT_FILE_MAX);
	buf_init(&w2, MPA_WARRANT_MAX);
	status = agree(a, s, &w1, &w2);
	buf_fini(&w1);
	buf_fini(&w2);
	return status;
}

/* ---- a device ---- */

static struct mpa_grant
device_grant(const struct warrant_args *a, const struct warrant_server_id *s)
{
	uint64_t from = a->from == UINT64_MAX ? (uint64_t)warrant_now() : a->from;
	uint64_t days = a->days == UINT64_MAX ? DAYS : a->days;
	uint64_t rights = a->rights == UINT64_MAX ? 0 : a->rights;

	return (struct mpa_grant){
		.kind = MPA_DEVICE,
		/* What does not fit would be another right. */
		.rights = MPA_IS_DEVICE | (rights > UINT32_MAX ? UINT32_MAX : (uint32_t)rights),
		.not_before = from,
		.not_after = a->until == UINT64_MAX ? from + days * DAY : a->until,
		.delegate_id = slice_of(a->words[1]),
		.scope = a->scope == NULL ? SLICE_LIT("*") : slice_of(a->scope),
		.parent = buf_view(&s->w1),
	};
}

enum warrant_status
warrant_cmd_certify(const struct warrant_args *a, struct warrant_server_id *s)
{
	struct mpa_grant g;
	enum mpa_cause why;
	struct buf out;
	bool ok;

	if (a->n_words != 3) {
		warrant_fail("certify", "needs the name of the device and its public key");
		return WARRANT_USAGE;
	}
	g = device_grant(a, s);
	if (!warrant_public_read(a->words[2], &g.delegate))
		return WARRANT_FAILED;
	buf_init(&out, MPA_WARRANT_MAX);
	if (mpa_warrant_issue(&g, s->key, NULL, &out, &why) != RC_OK) {
		warrant_fail("the warrant would not hold", mpa_cause_text(why));
		buf_fini(&out);
		return WARRANT_REFUSED;
	}
	ok = warrant_file_put(a->out, buf_view(&out));
	buf_fini(&out);
	return ok ? WARRANT_OK : WARRANT_FAILED;
}

/* ---- revocations ---- */

enum warrant_status
warrant_cmd_revoke(const struct warrant_args *a, struct warrant_server_id *s)
{
	uint8_t serial[MPA_SERIAL_SIZE];

	if (a->n_words != 2 || !hex_decode(slice_of(a->words[1]), serial, sizeof(serial))) {
		warrant_fail("revoke", "needs a serial number, 32 hexadecimal digits");
		return WARRANT_USAGE;
	}
	return warrant_revoked_add(s, serial) ? WARRANT_OK : WARRANT_FAILED;
}

enum warrant_status
warrant_cmd_revocations(const struct warrant_args *a, struct warrant_server_id *s)
{
	char line[2 * MPA_SERIAL_SIZE + 1];
	struct warrant_revoked r;
	bool ok = true;

	(void)a;
	if (!warrant_revoked_read(s, &r))
		return WARRANT_FAILED;
	for (size_t i = 0; i < r.n; i++) {
		hex_encode(r.serials[i], MPA_SERIAL_SIZE, line);
		ok = puts(line) >= 0 && ok;
	}
	warrant_revoked_free(&r);
	return fflush(stdout) == 0 && ok ? WARRANT_OK : WARRANT_FAILED;
}
