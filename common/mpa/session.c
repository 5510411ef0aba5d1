/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "mpa/own.h"

void
mpa_session_wipe(struct mpa_session *s)
{
	if (s != NULL)
		secret_wipe(s, sizeof(*s));
}

bool
mpa_session_stands(const struct mpa_session *s, const struct mpa_revocations *revocations,
                   int64_t now)
{
	if (now > MPA_TOLERANCE && (uint64_t)now - MPA_TOLERANCE > s->not_after)
		return false;
	for (size_t i = 0; revocations != NULL && i < s->n_links; i++)
		if (revocations->revoked(revocations->arg, &s->links[i]))
			return false;
	return true;
}

enum rc
mpa_session_psk(const struct mpa_session *s, enum psk_tls v, struct key *out)
{
	const char *label = v == PSK_TLS_1_2 ? "psk mp2" : "psk mp3";

	if (v != PSK_TLS_1_2 && v != PSK_TLS_1_3) {
		key_wipe(out);
		return RC_BAD_REQUEST;
	}
	return m2m_expand(&s->key, label, slice_make(s->th.v, DIGEST_SIZE), out->v, KEY_BYTES);
}

void
mpa_session_add(struct mpa_session *s, const struct mpa_chain *c)
{
	if (s->n_links == 0 || c->not_after < s->not_after)
		s->not_after = c->not_after;
	for (size_t i = 0; i < c->n; i++) {
		struct mpa_serial *to = &s->links[s->n_links++];

		to->issuer = c->link[i].delegator;
		memcpy(to->v, c->link[i].serial, MPA_SERIAL_SIZE);
	}
}

enum rc
mpa_keys(const struct mpa_th *th, const struct key *z, struct key *conf, struct key *sess)
{
	struct key prk;
	enum rc rc =
		hkdf_extract(slice_make(th->v, DIGEST_SIZE), slice_make(z->v, KEY_BYTES), &prk);

	if (rc == RC_OK)
		rc = m2m_expand(&prk, "mpa conf", SLICE_NONE, conf->v, KEY_BYTES);
	if (rc == RC_OK)
		rc = m2m_expand(&prk, "mpa sess", SLICE_NONE, sess->v, KEY_BYTES);
	key_wipe(&prk);
	if (rc != RC_OK) {
		key_wipe(conf);
		key_wipe(sess);
	}
	return rc;
}

enum rc
mpa_a4_make(const struct mpa_th *th, const struct key *conf, uint8_t out[MPA_A4_SIZE])
{
	const struct slice parts[] = { SLICE_LIT("ap fin"), slice_make(th->v, DIGEST_SIZE) };

	mpa_header_write(out, MPA_A4, MPA_A4_SIZE);
	return digest_hmac(slice_make(conf->v, KEY_BYTES), parts, 2, out + MPA_HEADER_SIZE);
}
