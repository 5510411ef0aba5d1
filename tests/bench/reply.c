/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "reply.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

void
reply_reset(struct reply *r, bool has_body)
{
	r->state = REPLY_HEAD;
	r->status = 0;
	r->close = false;
	r->has_body = has_body;
	r->body = 0;
	r->missing = 0;
	r->head_len = 0;
}

/* One header line without its end, zero terminated. False when the response cannot be followed. */
static bool
header_line(struct reply *r, const char *line, bool *has_length)
{
	static const char length[] = "Content-Length:";
	static const char coding[] = "Transfer-Encoding:";
	static const char connection[] = "Connection:";
	char *end;

	if (strncasecmp(line, length, sizeof(length) - 1) == 0) {
		r->body = strtoull(line + sizeof(length) - 1, &end, 10);
		*has_length = true;
		return *end == '\0';
	}
	if (strncasecmp(line, connection, sizeof(connection) - 1) == 0) {
		line += sizeof(connection) - 1;
		r->close = strcasecmp(line + strspn(line, " "), "close") == 0;
	}
	return strncasecmp(line, coding, sizeof(coding) - 1) != 0;
}

static bool
status_line(struct reply *r, const char *line)
{
	if (strncmp(line, "HTTP/1.1 ", 9) != 0)
		return false;
	r->status = atoi(line + 9);
	return r->status >= 100 && r->status <= 599;
}

/* r->head holds a complete header of len octets. */
static enum reply_state
head_parse(struct reply *r, size_t len)
{
	bool has_length = false;
	char *line = r->head;
	char *end = r->head + len;
	char *stop;

	*end = '\0';
	for (bool first = true; line < end; line = stop + 2, first = false) {
		stop = strstr(line, "\r\n");
		if (stop == NULL)
			return REPLY_BAD;
		*stop = '\0';
		if (first ? !status_line(r, line) : !header_line(r, line, &has_length))
			return REPLY_BAD;
	}
	if (r->status < 200)
		return REPLY_HEAD;
	if (!r->has_body || r->status == 204 || r->status == 304)
		return REPLY_DONE;
	r->missing = r->body;
	if (!has_length)
		return REPLY_BAD;
	return r->missing > 0 ? REPLY_BODY : REPLY_DONE;
}

static enum reply_state
body_feed(struct reply *r, size_t len)
{
	if (len > r->missing)
		return REPLY_BAD;
	r->missing -= len;
	return r->missing == 0 ? REPLY_DONE : REPLY_BODY;
}

/* Takes what belongs to the header; *data and *len move behind it. */
static enum reply_state
head_feed(struct reply *r, const char **data, size_t *len)
{
	size_t before = r->head_len;
	size_t room = REPLY_HEAD_MAX - before;
	size_t take = *len < room ? *len : room;
	size_t used;
	char *blank;

	memcpy(r->head + before, *data, take);
	r->head_len += take;
	r->head[r->head_len] = '\0';
	blank = strstr(r->head, "\r\n\r\n");
	if (blank == NULL) {
		*data += take;
		*len -= take;
		return r->head_len == REPLY_HEAD_MAX ? REPLY_BAD : REPLY_HEAD;
	}
	used = (size_t)(blank - r->head) + 4 - before;
	*data += used;
	*len -= used;
	r->head_len = 0;
	return head_parse(r, before + used - 2);
}

enum reply_state
reply_feed(struct reply *r, const char *data, size_t len)
{
	while (len > 0 && r->state == REPLY_HEAD)
		r->state = head_feed(r, &data, &len);
	if (len > 0)
		r->state = r->state == REPLY_BODY ? body_feed(r, len) : REPLY_BAD;
	return r->state;
}
