/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "app/admin_client.h"

#include <stdlib.h>
#include <unistd.h>

#include "app/admin_http.h"
#include "codec/json_fields.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))
#define BODY_MAX (1u << 20)
#define PATH_MAX_TEXT 1536
#define HASH_DIGITS 64 /* of a device; a node id has fewer */

/* One operation; '%' in its path stands for what is named first: an id, or a list. */
static const struct verb {
	const char *name;
	const char *method;
	const char *path;
	bool of_device; /* also devices/ID: an id of 64 digits */
	const char *preset; /* NAME=VALUE that is given by default, or NULL */
	const char *arguments, *help;
} verbs[] = {
	{ "provision", "POST", "devices", false, NULL,
	  "ppid=HEX [fingerprints=HEX,..] [subId=] [note=] | @FILE",
	  "admit a device; or one per line of JSON in FILE (- = standard input)" },
	{ "issue", "POST", "nodes", false, NULL,
	  "[sclId=] [nodeId=] [ppid=] [subId=] [lifetime=SECONDS]",
	  "credentials of a node; the key is shown once" },
	{ "list", "GET", "%", false, NULL,
	  "nodes|devices|kmrs|connections|groups [state=] [subId=] [after=] [limit=]",
	  "what there is, page by page" },
	{ "show", "GET", "nodes/%", true, NULL, "ID",
	  "a node with its keys and connections, or a device" },
	{ "set", "PUT", "nodes/%", false, NULL,
	  "NODE [flags=] [allowedSources=] [ivalRequired=] [priority=low|normal] [subId=]",
	  "settings of a node" },
	{ "revoke", "POST", "nodes/%/revoke", true, "scope=node",
	  "ID [scope=node|kmr|connection] [index=] [connection=] [reason=]", "for good" },
	{ "rotate", "POST", "nodes/%/rotate", false, NULL, "NODE [deadline=TIME] [index=]",
	  "the node is to bootstrap again" },
	{ "link", "POST", "devices/%/link", false, NULL, "DEVICE old=DEVICE", "a replaced module" },
	{ "bind", "PUT", "nodes/%/fingerprints", true, NULL, "ID fingerprints=HEX,..",
	  "the device keys that a node may have" },
	{ "unlock", "POST", "nodes/%/unlock", true, NULL, "ID", "forget failures" },
	{ "group", "POST", "groups", false, NULL,
	  "[gid=] [members=NODE,..] [servingNetworks=SCL-ID,..] [window=] [expiry=SECONDS] [rekeyOnJoin=true|false]",
	  "make a group for group authentication" },
	{ "group-show", "GET", "groups/%", false, NULL, "GID [after=] [limit=]",
	  "a group with its members, page by page" },
	{ "group-set", "PUT", "groups/%", false, NULL,
	  "GID [servingNetworks=SCL-ID,..] [window=] [expiry=SECONDS]",
	  "who may serve it, and how" },
	{ "group-join", "POST", "groups/%/members", false, NULL, "GID nodeId=NODE",
	  "the node becomes a member" },
	{ "group-leave", "DELETE", "groups/%", false, NULL, "GID/members/NODE",
	  "it is none any more; the others get a new key" },
	{ "group-rekey", "POST", "groups/%/rekey", false, NULL, "GID", "a new key" },
	{ "group-delete", "DELETE", "groups/%", false, NULL, "GID", "for good" },
	{ "rewrap", "POST", "rewrap", false, NULL, "", "take over the next master key" },
	{ "generator", "GET", "generator", false, NULL, "", "that of identity-based signatures" },
	{ "generator-replace", "POST", "generator/replace", false, NULL, "",
	  "another one; keys of devices are void" },
	{ "audit", "GET", "audit", false, NULL, "[after=] [limit=]", "the audit, page by page" },
	{ "audit-msbf", "GET", "msbf/audit", false, NULL, "[after=] [limit=]", "that of the MSBF" },
	{ "audit-verify", "POST", "audit/verify", false, NULL, "",
	  "check its chain; 1 when it is broken" },
	{ "counters", "GET", "counters", false, NULL, "", "numbers" },
	{ "overload", "GET", "overload", false, NULL, "", "overload control: its level, and what it goes by" },
	{ "overload-force", "PUT", "overload", false, NULL, "level=0|1|2|3",
	  "a level, for a drill, whatever is measured" },
	{ "overload-measure", "DELETE", "overload", false, NULL, "", "the level as it is measured again" },
};

/* Members that are whole numbers. */
static const char *const numbers[] = { "flags", "index", "ivalRequired", "kmrIndex", "lifetime",
	                               "window", "expiry", "level" };
/* Members that are lists, comma between. */
static const char *const lists[] = { "fingerprints", "members", "servingNetworks" };

/* What is to be asked. */
struct question {
	const char *name; /* of the daemon, for messages */
	const struct verb *verb;
	struct admin_http *http;
	const char *id; /* NULL: none */
	char path[PATH_MAX_TEXT];
	struct buf body;
	const char *media_type;
};

/* ---- arguments ---- */

static int
misused(const struct question *q, const char *what)
{
	fprintf(stderr, "%s: --admin %s: %s\n", q->name, q->verb->name, what);
	fprintf(stderr, "usage: %s --admin %s %s\n", q->name, q->verb->name, q->verb->arguments);
	return 2;
}

static bool
is_among(struct slice name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (slice_is(name, names[i]))
			return true;
	return false;
}

static void
put_list(struct buf *b, const char *name, struct slice items)
{
	struct slice item;

	json_put_open(b, name, '[');
	while (slice_split(&items, ',', &item))
		if (item.n > 0)
			json_put_text(b, NULL, item);
	buf_char(b, ']');
}

static bool
put_member(struct buf *b, struct slice name, const char *value)
{
	char text[32], *end;

	if (name.n >= sizeof(text))
		return false;
	memcpy(text, name.p, name.n);
	text[name.n] = '\0';
	if (is_among(name, numbers, NITEMS(numbers))) {
		long long v = strtoll(value, &end, 0);

		json_put_number(b, text, v);
		return *value != '\0' && *end == '\0';
	}
	if (slice_is(name, "rekeyOnJoin"))
		json_put_flag(b, text, strcmp(value, "true") == 0);
	else if (is_among(name, lists, NITEMS(lists)))
		put_list(b, text, slice_of(value));
	else
		json_put_text(b, text, slice_of(value));
	return true;
}

static bool
put_parameter(struct question *q, struct slice name, const char *value)
{
	char *escaped = admin_http_escape(q->http, value);
	size_t n = strlen(q->path);
	int len = escaped == NULL ? -1
	                          : snprintf(q->path + n, sizeof(q->path) - n, "%c%.*s=%s",
	                                     strchr(q->path, '?') == NULL ? '?' : '&',
	                                     (int)name.n, name.p, escaped);

	admin_http_free_text(escaped);
	return len > 0 && (size_t)len < sizeof(q->path) - n;
}

static bool
take_pair(struct question *q, const char *arg)
{
	const char *equals = strchr(arg, '=');
	struct slice name = slice_make(arg, (size_t)(equals - arg));

	return strcmp(q->verb->method, "GET") == 0 ? put_parameter(q, name, equals + 1)
	                                           : put_member(&q->body, name, equals + 1);
}

/* Lines of JSON. */
static bool
take_file(struct question *q, const char *name)
{
	FILE *f = strcmp(name, "-") == 0 ? stdin : fopen(name, "re");
	char chunk[8192];
	size_t n;

	if (f == NULL)
		return false;
	buf_clear(&q->body);
	q->media_type = "application/x-ndjson";
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		buf_add(&q->body, chunk, n);
	if (f != stdin)
		fclose(f);
	return !q->body.failed && q->body.n > 0;
}

/* The path with what stands for its '%', and devices for nodes when that is one. */
static bool
make_path(struct question *q)
{
	const char *path = q->verb->path, *mark = strchr(path, '%');
	size_t skip = 0;

	if (mark == NULL) {
		snprintf(q->path, sizeof(q->path), "%s", path);
		return q->id == NULL;
	}
	if (q->id == NULL || q->id[strspn(q->id, "abcdefghijklmnopqrstuvwxyz0123456789ABCDEF/")] != '\0')
		return false;
	if (q->verb->of_device && strlen(q->id) == HASH_DIGITS)
		skip = strlen("nodes");
	return (size_t)snprintf(q->path, sizeof(q->path), "%s%.*s%s%s", skip > 0 ? "devices" : "",
	                        (int)((size_t)(mark - path) - skip), path + skip, q->id,
	                        mark + 1) < sizeof(q->path);
}

static bool
names(const char *pair, const char *with)
{
	size_t n = strcspn(pair, "=");

	return strncmp(pair, with, n + 1) == 0;
}

static bool
is_given(const char *pair, char *const *args, int n)
{
	for (int i = 0; i < n; i++)
		if (names(pair, args[i]))
			return true;
	return false;
}

static int
take_arguments(struct question *q, char *const *args, int n)
{
	const char *preset = q->verb->preset;

	if (n > 0 && strchr(args[0], '=') == NULL && args[0][0] != '@') {
		q->id = args[0];
		args++;
		n--;
	}
	if (!make_path(q))
		return misused(q, "one id is needed where the usage has one");
	buf_char(&q->body, '{');
	/* A device is revoked as a whole. */
	if (preset != NULL && strncmp(q->path, "devices/", 8) != 0 && !is_given(preset, args, n))
		(void)take_pair(q, preset);
	for (int i = 0; i < n; i++)
		if (args[i][0] == '@') {
			if (n != 1 || strcmp(q->verb->path, "devices") != 0 || !take_file(q, args[i] + 1))
				return misused(q, "the file cannot be read, or not here");
			return 0;
		} else if (strchr(args[i], '=') == NULL || !take_pair(q, args[i])) {
			return misused(q, args[i]);
		}
	buf_char(&q->body, '}');
	return 0;
}

/* ---- question and answer ---- */

/* An answer that says that something is wrong although it is one. */
static bool
says_no(const struct question *q, const struct buf *answer)
{
	struct slice rest = buf_view(answer), line;

	if (strcmp(q->verb->name, "audit-verify") == 0)
		return memmem(answer->p, answer->n, "\"sound\":false", 13) != NULL;
	if (strcmp(q->media_type, "application/x-ndjson") != 0)
		return false;
	while (slice_split(&rest, '\n', &line))
		if (line.n > 0 && memmem(line.p, line.n, "\"status\":20", 11) == NULL)
			return true;
	return false;
}

static int
ask(struct question *q)
{
	bool empty = strcmp(q->verb->method, "GET") == 0 || strcmp(q->verb->method, "DELETE") == 0;
	struct admin_http_request rq = { .method = q->verb->method, .path = q->path,
		                         .media_type = q->media_type,
		                         .body = empty ? SLICE_NONE : buf_view(&q->body) };
	char why[ADMIN_HTTP_WHY];
	int status = 1;

	if (admin_http_do(q->http, &rq, why) != RC_OK) {
		fprintf(stderr, "%s: %s\n", q->name, why);
	} else if (rq.status >= 300) {
		fprintf(stderr, "%s: status %ld: %.*s\n", q->name, rq.status, (int)rq.answer.n,
		        rq.answer.n == 0 ? "" : rq.answer.p);
	} else {
		status = says_no(q, &rq.answer);
		if (rq.answer.n == 0)
			buf_puts(&rq.answer, "{}");
		if (rq.answer.p[rq.answer.n - 1] != '\n')
			buf_char(&rq.answer, '\n');
		if (fwrite(rq.answer.p, 1, rq.answer.n, stdout) != rq.answer.n || fflush(stdout) != 0)
			status = 1;
	}
	json_wipe(&rq.answer);
	return status;
}

static const struct verb *
find_verb(const char *name)
{
	for (size_t i = 0; i < NITEMS(verbs); i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

/* Operations, a line each. */
static void
put_usage(void)
{
	for (size_t i = 0; i < NITEMS(verbs); i++)
		fprintf(stderr, "  %s %s\n      %s\n", verbs[i].name, verbs[i].arguments, verbs[i].help);
}

int
admin_client(const struct profile *profile, const struct options *o, const char *operation,
             char *const *args, int n_args)
{
	struct question q = { .name = profile->name, .verb = find_verb(operation),
		              .media_type = "application/json" };
	char why[ADMIN_HTTP_WHY];
	int status;

	if (profile->role != ROLE_NSCL || q.verb == NULL) {
		fprintf(stderr, "%s: no operation '%s'; there are:\n", profile->name, operation);
		if (profile->role == ROLE_NSCL)
			put_usage();
		return 2;
	}
	if (admin_http_open(o, &q.http, why) != RC_OK) {
		fprintf(stderr, "%s: %s\n", profile->name, why);
		return 1;
	}
	buf_init(&q.body, BODY_MAX);
	status = take_arguments(&q, args, n_args);
	if (status == 0)
		status = ask(&q);
	json_wipe(&q.body);
	admin_http_close(q.http);
	return status;
}
