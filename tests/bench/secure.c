/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "secure.h"

#include <gnutls/gnutls.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bind/http.h"
#include "bind/http_tls.h"

enum { FILE_MAX_BYTES = 1 << 20 };

/* libmicrohttpd frees the copy. */
static int
find_key(void *cls, const struct MHD_Connection *connection, const char *username, void **key,
    size_t *key_size)
{
	const struct secure *s = cls;
	const struct psk *found = keys_find(&s->keys, username);

	(void)connection;
	*key = found == NULL ? NULL : malloc(KEYS_BYTES);
	if (*key == NULL)
		return -1;
	memcpy(*key, found->key, KEYS_BYTES);
	*key_size = KEYS_BYTES;
	return 0;
}

/* libmicrohttpd asks for a certificate, but leaves it to others to look at it. */
static void
demand_certificate(void *cls, struct MHD_Connection *connection, void **context,
    enum MHD_ConnectionNotificationCode what)
{
	gnutls_session_t session;

	(void)cls;
	(void)context;
	if (what != MHD_CONNECTION_NOTIFY_STARTED)
		return;
	session = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION)
	              ->tls_session;
	gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUIRE);
	gnutls_session_set_verify_cert(session, NULL, 0);
}

/* NULL after a line on stderr. */
static char *
text_read(const char *name)
{
	FILE *f = fopen(name, "r");
	char *text = calloc(1, FILE_MAX_BYTES);
	size_t n = f == NULL || text == NULL ? 0 : fread(text, 1, FILE_MAX_BYTES - 1, f);

	if (f != NULL)
		fclose(f);
	if (n > 0)
		return text;
	fprintf(stderr, "bare: cannot read %s\n", name);
	free(text);
	return NULL;
}

static struct MHD_OptionItem *
add(struct MHD_OptionItem *at, enum MHD_OPTION option, intptr_t value, void *pointer)
{
	*at = (struct MHD_OptionItem){ .option = option, .value = value, .ptr_value = pointer };
	return at + 1;
}

static bool
add_certificates(struct secure *s, const struct secure_conf *conf, struct MHD_OptionItem *at)
{
	const char *names[] = { conf->cert, conf->key, conf->ca };
	static const enum MHD_OPTION options[] = {
		MHD_OPTION_HTTPS_MEM_CERT, MHD_OPTION_HTTPS_MEM_KEY, MHD_OPTION_HTTPS_MEM_TRUST
	};

	for (int i = 0; i < 3; i++) {
		if (names[i] == NULL)
			continue;
		s->files[i] = text_read(names[i]);
		if (s->files[i] == NULL)
			return false;
		at = add(at, options[i], 0, s->files[i]);
	}
	if (conf->ca != NULL)
		at = add(at, MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)demand_certificate, NULL);
	add(at, MHD_OPTION_END, 0, NULL);
	return true;
}

bool
secure_prepare(struct secure *s, const struct secure_conf *conf)
{
	const struct http_conf listener = {
		.security = conf->psk != NULL ? HTTP_PSK : HTTP_CERTIFICATE,
		.tls13_only = conf->tls13_only
	};
	const char *priorities = http_tls_priorities(&listener);
	struct MHD_OptionItem *at = add(s->options, MHD_OPTION_HTTPS_PRIORITIES, 0,
	    (void *)(intptr_t)priorities);

	if (conf->psk == NULL)
		return add_certificates(s, conf, at);
	if (!keys_read(&s->keys, conf->psk))
		return false;
	at = add(at, MHD_OPTION_HTTPS_CRED_TYPE, GNUTLS_CRD_PSK, NULL);
	at = add(at, MHD_OPTION_GNUTLS_PSK_CRED_HANDLER, (intptr_t)find_key, s);
	add(at, MHD_OPTION_END, 0, NULL);
	return true;
}

void
secure_free(struct secure *s)
{
	keys_free(&s->keys);
	for (int i = 0; i < 3; i++)
		free(s->files[i]);
}
