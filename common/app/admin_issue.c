/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials made by hand: a file for the node, its twin at the MAS (B0). */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/admin_client.h"
#include "app/admin_http.h"
#include "base/times.h"
#include "codec/json_fields.h"
#include "mas/param_set.h"

#define NSCLS_MAX 64u

/* What the MAS has issued. */
struct issued {
	struct slice node, scl_id, expires;
	struct key kmr;
	int64_t kmr_index;
};

static bool
read_answer(struct slice text, struct issued *i)
{
	static const struct json_field fields[] = {
		JSON_FIELD(struct issued, node, "nodeId", JSON_TEXT, true),
		JSON_FIELD(struct issued, kmr_index, "kmrIndex", JSON_NUMBER, true),
		JSON_FIELD(struct issued, scl_id, "sclId", JSON_TEXT, true),
		JSON_FIELD(struct issued, expires, "expires", JSON_TEXT, true),
		JSON_FIELD(struct issued, kmr, "kmr", JSON_KEY, true),
	};

	return json_read(text, fields, sizeof(fields) / sizeof(fields[0]), i) && i->kmr_index > 0 &&
	       i->kmr_index <= UINT32_MAX;
}

static enum rc
write_document(const struct options *o, const struct issued *i, struct buf *out)
{
	const char *nscls[NSCLS_MAX + 1] = { NULL };
	char scl_id[SCL_ID_MAX + 1] = "";
	struct param_set p = { .kind = PARAM_BOOTSTRAP, .clear = &i->kmr, .scl_id = scl_id,
		               .kmr_index = (uint32_t)i->kmr_index };

	if (!node_id_parse(i->node, &p.node) || !times_parse(i->expires, &p.lifetime) ||
	    i->scl_id.n > SCL_ID_MAX || o->msbf.nscls.n > NSCLS_MAX)
		return RC_BAD_REQUEST;
	memcpy(scl_id, i->scl_id.p, i->scl_id.n);
	for (size_t k = 0; k < o->msbf.nscls.n; k++)
		nscls[k] = o->msbf.nscls.v[k];
	p.nscls = o->msbf.nscls.n == 0 ? NULL : nscls;
	p.mas_address = o->msbf.mas_address[0] == '\0' ? NULL : o->msbf.mas_address;
	return param_set_write(&p, &codec_xml, out);
}

static bool
write_all(int fd, struct slice s)
{
	while (s.n > 0) {
		ssize_t n = write(fd, s.p, s.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		s = slice_from(s, (size_t)n);
	}
	return fsync(fd) == 0;
}

/* Its answer as a document in the file. */
static const char *
save(const struct options *o, struct slice answer, int fd)
{
	struct issued i = { .kmr_index = 0 };
	const char *why = "the answer is none of nscl";
	struct buf b;

	buf_init(&b, PARAM_SET_MAX);
	(void)buf_reserve(&b, PARAM_SET_MAX);
	if (read_answer(answer, &i)) {
		why = "msbf.nscls or msbf.mas_address cannot be carried";
		if (write_document(o, &i, &b) == RC_OK)
			why = write_all(fd, buf_view(&b)) ? NULL : strerror(errno);
	}
	secret_wipe(&i, sizeof(i));
	json_wipe(&b);
	return why;
}

static const char *
issue(const struct options *o, struct admin_http *http, const char *scl_id, int fd,
      char why[ADMIN_HTTP_WHY])
{
	struct admin_http_request rq = { .method = "POST", .path = "nodes",
		                         .media_type = "application/json" };
	const char *failure = why;
	struct buf body;

	buf_init(&body, 1024);
	buf_char(&body, '{');
	json_put_text(&body, "sclId", slice_of(scl_id));
	buf_char(&body, '}');
	rq.body = buf_view(&body);
	if (admin_http_do(http, &rq, why) == RC_OK) {
		snprintf(why, ADMIN_HTTP_WHY, "status %ld: %.*s", rq.status,
		         rq.answer.n > 200 ? 200 : (int)rq.answer.n,
		         rq.status == 201 || rq.answer.n == 0 ? "" : rq.answer.p);
		if (rq.status == 201)
			failure = save(o, buf_view(&rq.answer), fd);
	}
	buf_fini(&body);
	json_wipe(&rq.answer);
	return failure;
}

int
admin_issue(const struct profile *profile, const struct options *o, const char *scl_id,
            const char *file)
{
	char why[ADMIN_HTTP_WHY] = "credentials are issued by nscl";
	struct admin_http *http = NULL;
	const char *failure = why;
	int fd = -1;

	if (profile->role == ROLE_NSCL && admin_http_open(o, &http, why) == RC_OK) {
		/* First the file: a key that cannot be kept must not be issued. */
		fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd < 0)
			snprintf(why, sizeof(why), "%.160s: %s", file, strerror(errno));
		else
			failure = issue(o, http, scl_id, fd, why);
	}
	if (failure != NULL)
		fprintf(stderr, "%s: %s\n", profile->name, failure);
	if (fd >= 0) {
		if (failure != NULL)
			(void)unlink(file);
		if (close(fd) != 0)
			failure = "close";
	}
	admin_http_close(http);
	return failure == NULL ? 0 : 1;
}
