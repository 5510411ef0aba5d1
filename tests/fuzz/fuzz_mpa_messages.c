/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages into the middle of a run. The first octet says which (its lower bits: A1 .. A4, a transcript)
 * and how: below 80 hex the rest are the octets; from there on the rest are changes of the right message,
 * each of place (2) and octet, whose signature is then made anew. Whatever is refused changes nothing:
 * the right message is taken afterwards.
 */
#include "config.h"

#include "base/be.h"
#include "mpa_parties.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TEXT_MAX 20000u

enum { A1, A2, A3, A4, TRANSCRIPT, KINDS };

struct run {
	uint8_t turns;
	struct mpa_random random;
	struct mpa_device_conf d_conf;
	struct mpa_ap_conf ap_conf;
	struct mpa_device *d;
	struct mpa_ap *ap;
	struct buf m[KINDS];
	struct mpa_session at_d, at_ap;
};

static enum rc
take_a3(struct run *r, struct slice octets, enum mpa_cause *why)
{
	uint8_t a4[MPA_A4_SIZE];
	enum rc rc = mpa_ap_take_a3(r->ap, &r->ap_conf, octets, PARTIES_NOW, a4, &r->at_ap, why);

	if (rc == RC_OK)
		buf_add(&r->m[A4], a4, sizeof(a4));
	return rc;
}

static enum rc
take_transcript(struct run *r, struct slice octets, enum mpa_cause *why)
{
	const struct mpa_verifier v = { .anchors = r->ap_conf.anchors, .now = PARTIES_NOW };
	struct mpa_proved p;
	enum rc rc = mpa_transcript_check(octets, &v, &p, why);

	must(rc != RC_OK ||
	     (strcmp(p.device, PARTIES_DEVICE) == 0 && strcmp(p.ap, PARTIES_PLACE) == 0));
	return rc;
}

static enum rc
give(struct run *r, unsigned kind, struct slice octets, enum mpa_cause *why)
{
	switch (kind) {
	case A1:
		return mpa_ap_start(&r->ap_conf, octets, &r->ap, &r->m[A2], why);
	case A2:
		return mpa_device_take_a2(r->d, octets, PARTIES_NOW, false, &r->m[A3], why);
	case A3:
		return take_a3(r, octets, why);
	case A4:
		return mpa_device_take_a4(r->d, octets, &r->at_d, why);
	default:
		return take_transcript(r, octets, why);
	}
}

static void
begin(struct run *r, unsigned kind)
{
	const struct mpa_parties *p = parties();
	enum mpa_cause why;

	*r = (struct run){ .d_conf = parties_device(p), .ap_conf = parties_ap(p) };
	r->random = (struct mpa_random){ parties_random, &r->turns };
	r->d_conf.random = r->ap_conf.random = &r->random;
	for (unsigned i = 0; i < KINDS; i++)
		buf_init(&r->m[i], MPA_TRANSCRIPT_MAX);
	must(mpa_device_start(&r->d_conf, &r->d, &r->m[A1]) == RC_OK);
	for (unsigned i = A1; i < kind && i <= A3; i++)
		must(give(r, i, buf_view(&r->m[i]), &why) == RC_OK);
	if (kind == TRANSCRIPT)
		must(mpa_ap_transcript(r->ap, &r->m[TRANSCRIPT]) == RC_OK);
}

static void
end(struct run *r)
{
	mpa_device_free(r->d);
	mpa_ap_free(r->ap);
	for (unsigned i = 0; i < KINDS; i++)
		buf_fini(&r->m[i]);
}

/* A2 and A3 end with a signature, which who may make it makes again. */
static void
sign_again(const struct run *r, unsigned kind, char *octets, size_t n)
{
	const struct mpa_parties *p = parties();
	const struct slice ap[] = { slice_make(p->w[4].v, p->w[4].n) };
	const struct slice d[] = { r->d_conf.from_cn, r->d_conf.from_s };
	const struct slice parts[] = { buf_view(&r->m[A1]),
		                       kind == A3 ? buf_view(&r->m[A2]) : SLICE_NONE,
		                       slice_make(octets, n - SIGN_SIZE) };
	uint8_t chains[DIGEST_SIZE], rest[2 + DIGEST_SIZE];
	size_t role = kind == A2 ? 2 : 1;

	if (kind != A2 && kind != A3)
		return;
	memcpy(rest, kind == A2 ? "AP" : "D", role);
	must(digest_sha256(kind == A2 ? ap : d, kind == A2 ? 1 : 2, chains) == RC_OK);
	must(digest_sha256(parts, 3, rest + role) == RC_OK);
	must(sign_make_pair(p->key[kind == A2 ? P_AP : P_D], SIGN_PROXY,
	                    slice_make(chains, sizeof(chains)),
	                    slice_make(rest, role + DIGEST_SIZE),
	                    (uint8_t *)octets + n - SIGN_SIZE) == RC_OK);
}

/* The right message with those changes; false: there are none. */
static bool
change(const struct run *r, unsigned kind, struct slice changes, char out[TEXT_MAX], size_t *n)
{
	bool any = false;

	*n = r->m[kind].n;
	memcpy(out, r->m[kind].p, *n);
	for (; changes.n >= 3; changes = slice_from(changes, 3)) {
		size_t at = be_get(changes.p, 2) % *n;

		any = any || out[at] != changes.p[2];
		out[at] = changes.p[2];
	}
	sign_again(r, kind, out, *n);
	return any;
}

/* Another nonce or share in A1, A2 is as good, and a transcript of another run proves that run. */
static bool
may_be_taken(const struct run *r, unsigned kind, struct slice octets)
{
	return kind == A1 || kind == A2 || kind == TRANSCRIPT ||
	       slice_eq(octets, buf_view(&r->m[kind]));
}

static void
check(struct run *r, unsigned kind, struct slice octets)
{
	enum mpa_cause why = MPA_CAUSES, right;
	size_t before = r->m[A3].n;
	enum rc rc = give(r, kind, octets, &why);

	must(rc == mpa_cause_rc(why) && why < MPA_STATE);
	must(rc != RC_OK || may_be_taken(r, kind, octets));
	if (rc == RC_OK)
		return;
	must(kind != A2 || r->m[A3].n == before);
	must(give(r, kind, buf_view(&r->m[kind]), &right) == RC_OK);
	if (kind == A4)
		must(key_equal(&r->at_d.key, &r->at_ap.key));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char changed[TEXT_MAX];
	unsigned kind;
	struct run r;
	size_t n;

	if (size < 1 || size > TEXT_MAX)
		return 0;
	kind = data[0] % 0x80 % KINDS;
	begin(&r, kind);
	if (data[0] < 0x80)
		check(&r, kind, slice_make(data + 1, size - 1));
	else if (change(&r, kind, slice_make(data + 1, size - 1), changed, &n))
		check(&r, kind, slice_make(changed, n));
	end(&r);
	return 0;
}
