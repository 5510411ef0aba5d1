/* SPDX-License-Identifier: Apache-2.0 */
#include "client/uri.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "client/mem.h"

#define URI_MAX	2048	/* longer references of a peer are not followed */

/* A part of a parsed URI as a string of our own; NULL when it has none. */
static char *
part(CURLU *parsed, CURLUPart what, unsigned int flags)
{
	char *theirs;
	char *ours;

	if (curl_url_get(parsed, what, &theirs, flags) != CURLUE_OK)
		return NULL;
	ours = mem_strdup(theirs);
	curl_free(theirs);
	return ours;
}

static CURLU *
parse(const char *uri, const char *ref)
{
	CURLU *parsed = curl_url();

	if (parsed == NULL)
		return NULL;
	if (curl_url_set(parsed, CURLUPART_URL, uri, 0) != CURLUE_OK ||
	    (ref != NULL && curl_url_set(parsed, CURLUPART_URL, ref, 0) != CURLUE_OK)) {
		curl_url_cleanup(parsed);
		return NULL;
	}
	return parsed;
}

static bool
scheme_usable(CURLU *parsed)
{
	char *scheme = part(parsed, CURLUPART_SCHEME, 0);
	bool usable = scheme != NULL &&
	    (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);

	free(scheme);
	return usable;
}

static bool
printable(const char *uri)
{
	for (; *uri != '\0'; uri++)
		if (*uri <= ' ' || *uri == 0x7f)
			return false;
	return true;
}

char *
uri_resolve(const char *base, const char *ref)
{
	CURLU *parsed;
	char *uri;
	size_t len;

	if (strlen(ref) > URI_MAX || !printable(ref))
		return NULL;
	parsed = parse(base, ref);
	if (parsed == NULL)
		return NULL;
	uri = scheme_usable(parsed) ? part(parsed, CURLUPART_URL, 0) : NULL;
	curl_url_cleanup(parsed);
	if (uri == NULL)
		return NULL;
	for (len = strlen(uri); len > 0 && uri[len - 1] == '/'; len--)
		uri[len - 1] = '\0';
	return uri;
}

char *
uri_authority(const char *uri)
{
	CURLU *parsed = parse(uri, NULL);
	char *host, *port, *authority;

	if (parsed == NULL)
		return mem_strdup("");
	host = part(parsed, CURLUPART_HOST, 0);
	port = part(parsed, CURLUPART_PORT, CURLU_DEFAULT_PORT);
	authority = mem_printf("%s:%s", host != NULL ? host : "", port != NULL ? port : "");
	for (char *p = authority; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	free(host);
	free(port);
	curl_url_cleanup(parsed);
	return authority;
}

const char *
uri_path(const char *uri)
{
	const char *authority = strstr(uri, "://");

	if (authority == NULL)
		return uri;
	authority += 3;
	return authority + strcspn(authority, "/");
}

bool
uri_below(const char *uri, const char *base)
{
	size_t len = strlen(base);

	return strncmp(uri, base, len) == 0 && (uri[len] == '\0' || uri[len] == '/');
}

char *
uri_escape(const char *text)
{
	char *theirs = curl_easy_escape(NULL, text, 0);
	char *ours = mem_strdup(theirs != NULL ? theirs : "");

	curl_free(theirs);
	return ours;
}
