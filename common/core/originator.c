/* SPDX-License-Identifier: Apache-2.0 */
/* requestingEntity (TS 102 921 annex C), and which URIs are this SCL's own. */
#include "config.h"

#include "base/base64.h"
#include "core/scl_impl.h"

#include <ctype.h>
#include <strings.h>

bool
own_authority(const struct scl *scl, struct slice authority)
{
	const char *const *a = (const char *const *)scl->own.authorities;

	for (; a != NULL && *a != NULL; a++)
		if (strlen(*a) == authority.n && strncasecmp(*a, authority.p, authority.n) == 0)
			return true;
	return false;
}

struct slice
comparable_uri(const struct scl *scl, struct arena *a, struct slice uri)
{
	struct slice normal = uri_normalise(a, uri);
	struct uri u;

	if (normal.p == NULL || !uri_parse(normal, &u))
		return normal.n == 0 && normal.p != NULL ? normal : SLICE_NONE;
	if (u.scheme.n > 0 && own_authority(scl, u.authority))
		return u.path;
	return normal;
}

struct slice
own_path(const struct scl *scl, struct arena *a, struct slice uri)
{
	struct slice s = comparable_uri(scl, a, uri);

	return s.n > 0 && s.p[0] == '/' ? s : SLICE_NONE;
}

struct slice
absolute_uri(const struct scl *scl, struct arena *a, struct slice path)
{
	return ARENA_JOIN(a, scl->own.root, path);
}

/* The segment after the last "applications", when it is the last of the path. */
static struct slice
app_id_of(struct arena *a, struct slice uri)
{
	struct slice mark = SLICE_LIT("/applications/");
	struct slice last, id;

	for (size_t i = uri.n; i-- > 0;)
		if (uri.p[i] == '/') {
			last = slice_from(uri, i + 1);
			if (i + 1 < mark.n || !slice_eq(slice_make(uri.p + i + 1 - mark.n, mark.n), mark))
				return SLICE_NONE;
			return uri_decode(a, last, &id) ? id : SLICE_NONE;
		}
	return SLICE_NONE;
}

bool
originator_set(struct scl *scl, struct arena *a, struct slice uri, struct originator *who)
{
	*who = (struct originator){ .uri = uri };
	who->normal = comparable_uri(scl, a, uri);
	if (who->normal.p == NULL)
		return false;
	if (who->normal.n > 0 && who->normal.p[0] == '/')
		who->local_path = who->normal;
	who->app_id = app_id_of(a, who->normal);
	who->self = slice_eq(who->local_path, scl->base_path);
	return true;
}

void
originator_credentials(struct buf *to, struct slice uri)
{
	struct buf user;

	buf_init(&user, 3 * uri.n + 1);
	for (size_t i = 0; i < uri.n; i++) {
		unsigned char c = (unsigned char)uri.p[i];

		/* What means nothing to anybody (RFC 3986 2.3); a colon ends the user. */
		if (isalnum(c) || (c != '\0' && strchr("-._~", c) != NULL))
			buf_char(&user, (char)c);
		else
			buf_printf(&user, "%%%02X", c);
	}
	buf_char(&user, ':');
	buf_puts(to, "Basic ");
	base64_encode(to, buf_view(&user));
	to->failed = to->failed || user.failed;
	buf_fini(&user);
}

/* The percent-encoded URI is the user part. */
enum rc
originator_basic(struct arena *a, struct slice credentials, struct slice *uri)
{
	struct slice text, user;

	if (credentials.n < 6 || strncasecmp(credentials.p, "basic ", 6) != 0)
		return RC_NO_ORIGINATOR;
	if (!base64_decode(a, slice_from(credentials, 6), &text) || !slice_split(&text, ':', &user) ||
	    !uri_decode(a, user, uri))
		return RC_BAD_REQUEST;
	return RC_OK;
}

enum rc
originator_read(struct req *rq)
{
	struct slice uri = rq->in.from;

	if (uri.p == NULL && rq->in.authorization.p != NULL) {
		enum rc rc = originator_basic(rq->arena, rq->in.authorization, &uri);

		if (rc == RC_BAD_REQUEST)
			return req_fail(rq, rc, "the Basic credentials are malformed");
	}
	while (uri.p != NULL && uri.n > 0 && (uri.p[0] == ' ' || uri.p[0] == '\t'))
		uri = slice_from(uri, 1);
	if (uri.n == 0)
		return req_fail(rq, RC_NO_ORIGINATOR,
		                "requestingEntity is missing: send the header From with the URI of the issuer");
	if (!codec_xml_text_ok(uri) || !originator_set(rq->scl, rq->arena, uri, &rq->who))
		return req_fail(rq, RC_BAD_REQUEST, "requestingEntity is no URI");
	/* The SCL's own identity is not to be had over a transport. */
	if (rq->who.self && !rq->own)
		return req_fail(rq, RC_FORBIDDEN, "requestingEntity is this SCL itself");
	return RC_OK;
}
