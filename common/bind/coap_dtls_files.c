/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates, trust anchors and revocation lists of a DTLS server: from their files, and again. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <openssl/pem.h>

#include "base/clock.h"
#include "bind/coap_dtls_impl.h"

static bool
fail(char why[COAPD_WHY_MAX], const char *what, const char *file, const char *text)
{
	snprintf(why, COAPD_WHY_MAX, "%s %.160s: %s", what, file, text);
	return false;
}

static void
files_unref(struct cdtls_files *f)
{
	if (f == NULL || atomic_fetch_sub(&f->refs, 1) > 1)
		return;
	X509_free(f->certificate);
	EVP_PKEY_free(f->key);
	sk_X509_pop_free(f->chain, X509_free);
	sk_X509_NAME_pop_free(f->names, X509_NAME_free);
	http_trust_unref(f->trust);
	free(f);
}

static struct cdtls_files *
files_ref(struct cdtls_files *f)
{
	atomic_fetch_add(&f->refs, 1);
	return f;
}

/* No key is decrypted: nobody is there to be asked. */
static int
no_password(char *out, int size, int writes, void *arg)
{
	(void)out;
	(void)size;
	(void)writes;
	(void)arg;
	return -1;
}

static bool
read_chain(struct cdtls_files *f, FILE *in)
{
	f->chain = sk_X509_new_null();
	f->certificate = PEM_read_X509(in, NULL, no_password, NULL);
	if (f->chain == NULL || f->certificate == NULL)
		return false;
	for (;;) {
		X509 *next = PEM_read_X509(in, NULL, no_password, NULL);

		/* The end of the file, or what is no certificate. */
		if (next == NULL)
			return true;
		if (sk_X509_push(f->chain, next) <= 0) {
			X509_free(next);
			return false;
		}
	}
}

static bool
read_key(struct cdtls_files *f, FILE *in)
{
	f->key = PEM_read_PrivateKey(in, NULL, no_password, NULL);
	return f->key != NULL;
}

static bool
read_with(struct cdtls_files *f, bool (*read)(struct cdtls_files *f, FILE *in), const char *what,
          const char *file, char why[COAPD_WHY_MAX])
{
	FILE *in = fopen(file, "re");
	bool ok;

	if (in == NULL)
		return fail(why, what, file, strerror(errno));
	ok = read(f, in);
	fclose(in);
	return ok || fail(why, what, file, "not as PEM has it");
}

static bool
read_anchors(struct cdtls_files *f, const struct cdtls *d, char why[COAPD_WHY_MAX])
{
	if (d->ca_file == NULL)
		return true;
	f->trust = http_trust_load(d->ca_file, d->crl_file, why);
	if (f->trust == NULL)
		return false;
	f->names = SSL_load_client_CA_file(d->ca_file);
	return f->names != NULL || fail(why, "ca", d->ca_file, "no certificate");
}

static struct cdtls_files *
files_load(const struct cdtls *d, char why[COAPD_WHY_MAX])
{
	struct cdtls_files *f = calloc(1, sizeof(*f));

	if (f == NULL) {
		snprintf(why, COAPD_WHY_MAX, "no memory");
		return NULL;
	}
	atomic_init(&f->refs, 1);
	if (read_with(f, read_chain, "certificate", d->cert_file, why) &&
	    read_with(f, read_key, "key", d->key_file, why) &&
	    (X509_check_private_key(f->certificate, f->key) == 1 ||
	     fail(why, "key", d->key_file, "not that of the certificate")) &&
	    read_anchors(f, d, why))
		return f;
	files_unref(f);
	return NULL;
}

/* The same with other lists; takes trust over. */
static struct cdtls_files *
files_renew(const struct cdtls_files *old, struct http_trust *trust)
{
	struct cdtls_files *f = calloc(1, sizeof(*f));

	if (f == NULL) {
		http_trust_unref(trust);
		return NULL;
	}
	atomic_init(&f->refs, 1);
	f->trust = trust;
	f->certificate = old->certificate;
	X509_up_ref(f->certificate);
	f->key = old->key;
	EVP_PKEY_up_ref(f->key);
	f->chain = X509_chain_up_ref(old->chain);
	f->names = SSL_dup_CA_list(old->names);
	if (f->chain != NULL && f->names != NULL)
		return f;
	files_unref(f);
	return NULL;
}

/* From the next cdtls_tick on. */
static void
put_latest(struct cdtls *d, struct cdtls_files *f)
{
	struct cdtls_files *old;

	pthread_mutex_lock(&d->lock);
	old = d->latest;
	d->latest = f;
	pthread_mutex_unlock(&d->lock);
	files_unref(old);
}

/* The state of the file before it is read: a change meanwhile is seen the next time. */
static void
see_lists(const struct cdtls *d, struct stat *seen)
{
	if (d->crl_file == NULL || stat(d->crl_file, seen) != 0)
		memset(seen, 0, sizeof(*seen));
}

enum rc
cdtls_reload(struct cdtls *d, char why[COAPD_WHY_MAX])
{
	struct cdtls_files *f;
	struct stat seen;

	if (d == NULL || d->cert_file == NULL)
		return RC_OK;
	pthread_mutex_lock(&d->reload);
	see_lists(d, &seen);
	f = files_load(d, why);
	if (f != NULL) {
		d->crl_seen = seen;
		put_latest(d, f);
	}
	pthread_mutex_unlock(&d->reload);
	return f != NULL ? RC_OK : RC_BAD_REQUEST;
}

/* ---- revocation lists ---- */

static bool
same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static void
renew_lists(struct cdtls *d)
{
	char why[COAPD_WHY_MAX] = "no memory";
	/* Replaced under the reload lock alone. */
	struct http_trust *fresh = http_trust_renew(d->latest->trust, d->crl_file, why);
	struct cdtls_files *f = fresh == NULL ? NULL : files_renew(d->latest, fresh);

	if (f == NULL) {
		LOG_WARN(d->log, "crl_unusable", LOG_Z("listener", d->listener),
		         LOG_Z("text", why));
		return;
	}
	put_latest(d, f);
	LOG_INFO(d->log, "crl_loaded", LOG_Z("listener", d->listener), LOG_Z("file", d->crl_file));
}

static void
look_at_lists(struct cdtls *d)
{
	struct stat now;
	bool outdated;

	pthread_mutex_lock(&d->reload);
	see_lists(d, &now);
	if (!same_file(&now, &d->crl_seen)) {
		d->crl_seen = now;
		renew_lists(d);
	}
	outdated = http_trust_outdated(d->latest->trust);
	if (outdated && !d->crl_warned)
		LOG_WARN(d->log, "crl_outdated", LOG_Z("listener", d->listener),
		         LOG_Z("file", d->crl_file));
	d->crl_warned = outdated;
	pthread_mutex_unlock(&d->reload);
}

/* False when it is to end. */
static bool
wait_second(struct cdtls *d)
{
	struct timespec until;
	bool ends;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec++;
	pthread_mutex_lock(&d->lock);
	while (!d->ends && pthread_cond_timedwait(&d->ended, &d->lock, &until) == 0)
		;
	ends = d->ends;
	pthread_mutex_unlock(&d->lock);
	return !ends;
}

static void *
watch_lists(void *arg)
{
	struct cdtls *d = arg;

	while (wait_second(d))
		look_at_lists(d);
	return NULL;
}

/* ---- the server's ---- */

static bool
copy(char **to, const char *from)
{
	*to = from == NULL || from[0] == '\0' ? NULL : strdup(from);
	return *to != NULL || from == NULL || from[0] == '\0';
}

bool
cdtls_files_begin(struct cdtls *d, const struct coapd_conf *conf, char why[COAPD_WHY_MAX])
{
	snprintf(why, COAPD_WHY_MAX, "no memory");
	if (!copy(&d->cert_file, conf->cert_file) || !copy(&d->key_file, conf->key_file) ||
	    !copy(&d->ca_file, conf->ca_file) || !copy(&d->crl_file, conf->crl_file))
		return false;
	if (d->cert_file == NULL || d->key_file == NULL) {
		snprintf(why, COAPD_WHY_MAX, "certificate and key are needed");
		return false;
	}
	if (cdtls_reload(d, why) != RC_OK)
		return false;
	cdtls_tick(d);
	if (d->ca_file == NULL || d->crl_file == NULL)
		return true;
	d->watched = pthread_create(&d->watcher, NULL, watch_lists, d) == 0;
	return d->watched;
}

void
cdtls_files_end(struct cdtls *d)
{
	pthread_mutex_lock(&d->lock);
	d->ends = true;
	pthread_cond_signal(&d->ended);
	pthread_mutex_unlock(&d->lock);
	if (d->watched)
		pthread_join(d->watcher, NULL);
	files_unref(d->files);
	files_unref(d->latest);
	free(d->cert_file);
	free(d->key_file);
	free(d->ca_file);
	free(d->crl_file);
}

void
cdtls_tick(struct cdtls *d)
{
	struct cdtls_files *old;

	if (d == NULL)
		return;
	pthread_mutex_lock(&d->lock);
	old = d->files;
	if (d->latest != old) {
		d->files = files_ref(d->latest);
		d->generation++;
	}
	pthread_mutex_unlock(&d->lock);
	if (d->files != old)
		files_unref(old);
}
