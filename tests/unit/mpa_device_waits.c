/* SPDX-License-Identifier: Apache-2.0 */
/* Files and warrants of now; what tests of a device wait for and expect. */
#include "config.h"

#include "mpa_device_bed.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "sec/b64url.h"

#define DAY UINT64_C(86400)

/* ---- warrants of now ---- */

void
issue(enum mpa_party delegator, enum mpa_party delegate, enum mpa_party on_behalf,
      const struct mpa_octets *parent, struct mpa_octets *out)
{
	static uint8_t serial;
	int64_t now = clock_now(&clock_system) / CLOCK_SECOND;
	struct mpa_warrant v = warrant_of(delegator, delegate, on_behalf);

	v.not_before = (uint64_t)now - DAY;
	v.not_after = (uint64_t)now + (parent == NULL ? 2 * DAY : DAY);
	warrant_make(&v, ++serial, parent, out);
}

void
issue_all(enum mpa_party device)
{
	struct mpa_octets of_s, of_cn, for_cn, for_s;

	issue(CN, S, CN, NULL, &of_s);
	issue(S, CN, S, NULL, &of_cn);
	issue(S, device, CN, &of_s, &for_cn);
	issue(CN, device, S, &of_cn, &for_s);
	chain_join(&of_s, &for_cn, &w.from_cn);
	chain_join(&of_cn, &for_s, &w.from_s);
	issue(CN, AP, CN, NULL, &w.w5);
}

/* ---- what is waited for ---- */

struct mpad_view
view(void)
{
	struct mpad_view v;

	pthread_mutex_lock(&w.d->lock);
	v = w.d->view;
	pthread_mutex_unlock(&w.d->lock);
	return v;
}

uint64_t
counter(enum mpad_counter which)
{
	return atomic_load(&w.d->counters[which]);
}

static bool
in_phase(void *arg)
{
	return view().phase == *(const enum mpad_phase *)arg;
}

void
await_phase(enum mpad_phase phase)
{
	ck_assert_msg(core_await(in_phase, &phase), "%s", mpad_phase_name(view().phase));
}

struct count {
	enum mpad_counter which;
	uint64_t at_least;
};

static bool
has_counted(void *arg)
{
	const struct count *c = arg;

	return counter(c->which) >= c->at_least;
}

void
await_count(enum mpad_counter which, uint64_t at_least)
{
	struct count c = { which, at_least };

	ck_assert_msg(core_await(has_counted, &c), "%d %d", (int)which, (int)at_least);
}

static bool
has_refused(void *arg)
{
	return atomic_load(&w.d->causes[*(const enum mpa_cause *)arg]) >= 2;
}

void
await_cause(enum mpa_cause why)
{
	ck_assert_msg(core_await(has_refused, &why), "%s", mpa_cause_text(why));
}

static bool
is_decided(void *arg)
{
	return view().verdict == *(const enum mpad_verdict *)arg;
}

void
await_verdict(enum mpad_verdict verdict)
{
	ck_assert(core_await(is_decided, &verdict));
}

void
set(bool *what, bool to)
{
	pthread_mutex_lock(&w.lock);
	*what = to;
	pthread_mutex_unlock(&w.lock);
}

unsigned
now_of(const unsigned *what)
{
	unsigned n;

	pthread_mutex_lock(&w.lock);
	n = *what;
	pthread_mutex_unlock(&w.lock);
	return n;
}

void
expect_unused(void)
{
	pthread_mutex_lock(&w.lock);
	ck_assert_str_eq(w.identity, "");
	pthread_mutex_unlock(&w.lock);
}

static bool
is_used(void *arg)
{
	struct psk_id id = { .kind = PSK_MP, .tls = PSK_TLS_1_3 };
	char text[PSK_ID_TEXT];
	struct key psk;
	bool used;

	(void)arg;
	pthread_mutex_lock(&w.lock);
	memcpy(id.th, w.at_ap.th.v, sizeof(id.th));
	ck_assert(psk_id_format(&id, text) > 0);
	ck_assert_int_eq(mpa_session_psk(&w.at_ap, PSK_TLS_1_3, &psk), RC_OK);
	used = strcmp(w.identity, text) == 0 && key_equal(&psk, &w.psk);
	pthread_mutex_unlock(&w.lock);
	return used;
}

void
expect_used(void)
{
	ck_assert(is_used(NULL));
}

void
await_used(void)
{
	ck_assert(core_await(is_used, NULL));
}

/* ---- files ---- */

/* Base64 of base64url. */
static void
plain(char *text)
{
	for (char *c = text; *c != '\0'; c++)
		*c = *c == '-' ? '+' : *c == '_' ? '/' : *c;
}

char *
device_pem(const char *name, const struct sign_public *key)
{
	static const uint8_t prefix[] = { 0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
		                          0x2b, 0x65, 0x70, 0x03, 0x21, 0x00 };
	uint8_t der[sizeof(prefix) + SIGN_PUBLIC_SIZE];
	char text[B64URL_LEN(sizeof(der)) + 1] = "", path[128];
	FILE *f;

	memcpy(der, prefix, sizeof(prefix));
	memcpy(der + sizeof(prefix), key->v, SIGN_PUBLIC_SIZE);
	b64url_encode(text, der, sizeof(der));
	plain(text);
	snprintf(path, sizeof(path), "%s/%s.pem", w.dir, name);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	/* 44 octets: the last group has one octet of padding. */
	fprintf(f, "-----BEGIN PUBLIC KEY-----\n%s=\n-----END PUBLIC KEY-----\n", text);
	ck_assert_int_eq(fclose(f), 0);
	return strdup(path);
}

/* PKCS #8. */
char *
device_key(void)
{
	static const uint8_t prefix[] = { 0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06,
		                          0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20 };
	uint8_t der[sizeof(prefix) + SIGN_SEED_SIZE];
	char text[B64URL_LEN(sizeof(der)) + 1] = "", path[128];
	struct slice name = SLICE_LIT("D");
	FILE *f;

	memcpy(der, prefix, sizeof(prefix));
	ck_assert_int_eq(digest_sha256(&name, 1, der + sizeof(prefix)), RC_OK);
	b64url_encode(text, der, sizeof(der));
	plain(text);
	snprintf(path, sizeof(path), "%s/own.pem", w.dir);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fprintf(f, "-----BEGIN PRIVATE KEY-----\n%s\n-----END PRIVATE KEY-----\n", text);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_int_eq(chmod(path, 0600), 0);
	return strdup(path);
}
