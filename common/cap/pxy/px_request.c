/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/pxy/px_request.h"

#include "base/uri.h"
#include "cap/request_doc.h"
#include "core/identity.h"

/* ---- whose it is ---- */

/* a is base, or below it. Both are normalised. */
static bool
is_below(struct slice a, struct slice base)
{
	while (base.n > 0 && base.p[base.n - 1] == '/')
		base.n--;
	return base.n > 0 && slice_starts(a, base) && (a.n == base.n || a.p[base.n] == '/');
}

static bool
may_ask(const struct scl *scl, struct arena *a, struct slice source, struct slice from)
{
	struct slice who = identity_comparable(scl, a, from);
	struct slice base = identity_comparable(scl, a, source);

	return who.p != NULL && base.p != NULL && is_below(who, base);
}

/* ---- where it goes ---- */

/* Takes one of the names and the segment behind it off path; false when it does not begin so. */
static bool
take_pair(struct slice *path, const char *const *names)
{
	struct slice rest = *path, name, id;

	if (!slice_split(&rest, '/', &name) || !slice_split(&rest, '/', &id) || id.n == 0)
		return false;
	for (; *names != NULL; names++)
		if (slice_is(name, *names)) {
			*path = rest;
			return true;
		}
	return false;
}

bool
px_request_own_instances(const struct scl *scl, struct slice target)
{
	static const char *const scls[] = { "scls", NULL };
	static const char *const applications[] = { "applications", NULL };
	static const char *const containers[] = { "containers", NULL };
	struct req_input in = { .target = target };
	struct slice base = scl_base_path(scl);
	struct uri u;

	if (!uri_parse(target, &u) || u.query.n > 0 || identity_foreign(scl, &in) ||
	    !slice_starts(u.path, base))
		return false;
	u.path = slice_from(u.path, base.n);
	if (u.path.n == 0 || u.path.p[0] != '/')
		return false;
	u.path = slice_from(u.path, 1);
	(void)take_pair(&u.path, scls);
	(void)take_pair(&u.path, applications);
	return take_pair(&u.path, containers) && slice_is(u.path, "contentInstances");
}

/* ---- the whole ---- */

/* Documents of gateways are XML; JSON begins otherwise. */
static const struct codec *
codec_of(struct slice plain)
{
	size_t i = 0;

	while (i < plain.n && strchr(" \t\r\n", plain.p[i]) != NULL && plain.p[i] != '\0')
		i++;
	return i < plain.n && plain.p[i] == '{' ? &codec_json : &codec_xml;
}

enum rc
px_request_read(struct scl *scl, struct arena *a, struct slice source, struct slice plain,
                struct scl_call *call, bool *alone)
{
	static const struct req_listener mid = { .serve = SERVE_MID };
	struct val *doc;
	enum rc rc = request_doc_read(a, codec_of(plain), plain, &doc);

	*alone = true;
	if (rc == RC_OK)
		rc = request_doc_fill(a, doc, call);
	if (arena_failed(a) || rc == RC_UNAVAILABLE)
		return RC_UNAVAILABLE;
	if (rc != RC_OK)
		return RC_BAD_REQUEST;
	if (!may_ask(scl, a, source, call->from))
		return arena_failed(a) ? RC_UNAVAILABLE : RC_FORBIDDEN;
	call->listener = &mid;
	*alone = !request_doc_creates(doc) || !px_request_own_instances(scl, call->target);
	return RC_OK;
}
