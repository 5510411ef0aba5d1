/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sec/ival.h"

#include <fcntl.h>
#include <ifaddrs.h>
#include <limits.h>
#include <netpacket/packet.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sec/manifest.h"

#define DELETED SLICE_LIT(" (deleted)") /* what the kernel appends to the path of such a file */

/* ---- digests of files ---- */

static bool
digest_stream(FILE *f, uint8_t out[SIGN_DIGEST_SIZE])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1;
	char piece[16384];
	size_t n;

	while (ok && (n = fread(piece, 1, sizeof(piece), f)) > 0)
		ok = EVP_DigestUpdate(ctx, piece, n) == 1;
	ok = ok && !ferror(f) && EVP_DigestFinal_ex(ctx, out, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	return ok;
}

/* SHA-256 of a regular file. */
static bool
digest_file(const char *path, uint8_t out[SIGN_DIGEST_SIZE])
{
	/* Not waiting for a writer: what is named may be a FIFO by now. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	FILE *f;
	bool ok;

	if (fd < 0)
		return false;
	f = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? fdopen(fd, "rb") : NULL;
	if (f == NULL) {
		close(fd);
		return false;
	}
	ok = digest_stream(f, out);
	fclose(f);
	return ok;
}

static bool
matches(const struct manifest_file *entry, const char *path)
{
	uint8_t digest[SIGN_DIGEST_SIZE];

	return digest_file(path, digest) && memcmp(digest, entry->digest, SIGN_DIGEST_SIZE) == 0;
}

/* ---- the program and what it has mapped ---- */

static bool
program_matches(const struct ival_subject *s)
{
	char link[PATH_MAX], path[MANIFEST_PATH_MAX + 1];
	const struct manifest_file *entry;
	ssize_t n;

	if ((size_t)snprintf(link, sizeof(link), "%s/exe", s->proc) >= sizeof(link))
		return false;
	n = readlink(link, path, sizeof(path));
	if (n <= 0 || (size_t)n == sizeof(path))
		return false;
	entry = manifest_find(s->manifest, slice_make(path, (size_t)n));
	/* Through the link: what runs, whatever has that name now. */
	return entry != NULL && matches(entry, link);
}

struct maps {
	const struct manifest *manifest;
	bool seen[MANIFEST_FILES_MAX];
	bool ok;
	unsigned unlisted;
};

/* Splits a line "range perms offset dev inode path"; false when it has no file. */
static bool
parse_map(char *line, bool *executable, char **path)
{
	char *perms = strchr(line, ' ');

	*path = strchr(line, '/');
	if (perms == NULL || *path == NULL || *path - perms < 5)
		return false;
	*executable = perms[3] == 'x';
	(*path)[strcspn(*path, "\n")] = '\0';
	return true;
}

/* A file that is listed under the name that it had before it was removed or replaced. */
static bool
is_replaced(const struct manifest *m, struct slice path)
{
	size_t n = path.n < DELETED.n ? 0 : path.n - DELETED.n;

	return n > 0 && slice_eq(slice_from(path, n), DELETED) &&
	       manifest_find(m, slice_head(path, n)) != NULL;
}

static void
check_map(struct maps *m, char *line)
{
	const struct manifest_file *entry;
	bool executable;
	char *path;

	if (!parse_map(line, &executable, &path))
		return;
	entry = manifest_find(m->manifest, slice_of(path));
	if (entry == NULL) {
		m->unlisted += executable;
		m->ok = m->ok && !is_replaced(m->manifest, slice_of(path));
		return;
	}
	if (m->seen[entry - m->manifest->files])
		return;
	m->seen[entry - m->manifest->files] = true;
	m->ok = m->ok && matches(entry, path);
}

static bool
libraries_match(const struct ival_subject *s, unsigned *unlisted)
{
	struct maps m = { .manifest = s->manifest, .ok = true };
	char name[PATH_MAX], *line = NULL;
	bool any = false;
	size_t size = 0;
	FILE *f;

	if ((size_t)snprintf(name, sizeof(name), "%s/maps", s->proc) >= sizeof(name))
		return false;
	f = fopen(name, "re");
	if (f == NULL)
		return false;
	while (getline(&line, &size, f) > 0) {
		any = true;
		check_map(&m, line);
	}
	any = any && !ferror(f);
	free(line);
	fclose(f);
	*unlisted = m.unlisted;
	return any && m.ok;
}

/* ---- the rest ---- */

static bool
config_matches(const struct ival_subject *s)
{
	const struct manifest_file *entry;

	if (s->config_file == NULL)
		return false;
	if (s->config_signed)
		return true;
	entry = s->manifest == NULL ? NULL : manifest_find(s->manifest, slice_of(s->config_file));
	return entry != NULL && matches(entry, s->config_file);
}

static bool
is_untraced(const struct ival_subject *s)
{
	char name[PATH_MAX], *line = NULL;
	bool found = false;
	size_t size = 0;
	FILE *f;

	if (prctl(PR_GET_DUMPABLE) != 0 ||
	    (size_t)snprintf(name, sizeof(name), "%s/status", s->proc) >= sizeof(name))
		return false;
	f = fopen(name, "re");
	if (f == NULL)
		return false;
	while (!found && getline(&line, &size, f) > 0)
		found = strcmp(line, "TracerPid:\t0\n") == 0;
	free(line);
	fclose(f);
	return found;
}

static bool
has_address(const struct ival_subject *s, struct slice address)
{
	for (size_t i = 0; i < s->n_addresses; i++)
		if (address.n > 0 && slice_eq(s->addresses[i], address))
			return true;
	return false;
}

static bool
hardware_is_here(const struct ival_subject *s)
{
	struct ifaddrs *all;
	bool found = false;

	if (s->n_addresses == 0 || getifaddrs(&all) != 0)
		return false;
	for (const struct ifaddrs *i = all; i != NULL && !found; i = i->ifa_next) {
		struct sockaddr_ll link;

		if (i->ifa_addr == NULL || i->ifa_addr->sa_family != AF_PACKET)
			continue;
		memcpy(&link, i->ifa_addr, sizeof(link));
		if (link.sll_halen <= sizeof(link.sll_addr))
			found = has_address(s, slice_make(link.sll_addr, link.sll_halen));
	}
	freeifaddrs(all);
	return found;
}

int64_t
ival_measure(const struct ival_subject *s, unsigned *unlisted)
{
	unsigned others = 0;
	int64_t bits = 0;

	if (s->manifest != NULL) {
		bits |= IVAL_MANIFEST;
		bits |= program_matches(s) ? IVAL_PROGRAM : 0;
		bits |= libraries_match(s, &others) ? IVAL_LIBRARIES : 0;
	}
	bits |= config_matches(s) ? IVAL_CONFIG : 0;
	bits |= s->keystore_intact ? IVAL_KEYSTORE : 0;
	bits |= is_untraced(s) ? IVAL_UNTRACED : 0;
	bits |= s->now >= s->earliest && s->now <= s->latest ? IVAL_CLOCK : 0;
	bits |= hardware_is_here(s) ? IVAL_HARDWARE : 0;
	if (unlisted != NULL)
		*unlisted = others;
	return bits;
}
