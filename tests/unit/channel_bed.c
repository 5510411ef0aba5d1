/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "channel_bed.h"

#include <stdio.h>

static struct port_answer
refuse(void *arg, const struct exchange *ex)
{
	(void)arg;
	(void)ex;
	return (struct port_answer){ .status = ANSWER_REFUSED };
}

void
channel_init(struct core_bed *b)
{
	core_init(b);
	b->conf.notify_timeout_ms = 20000;
	b->conf.forward_timeout_ms = 20000;
	port_fake_set(refuse, NULL);
}

void
channel_begin(struct core_bed *b)
{
	channel_init(b);
	core_start(b);
	core_app(b, "a", "");
}

static void
take_path(const char *body, const char *element, char path[128])
{
	const char *at = strstr(body, element);

	ck_assert_msg(at != NULL, "%s", body);
	at = strstr(at, BASE);
	ck_assert_ptr_nonnull(at);
	snprintf(path, 128, "%.*s", (int)strcspn(at, "<"), at);
}

struct uris
make_channel(struct core_bed *b, const char *parent, const char *type, const char *from)
{
	char target[128], body[256];
	struct uris u;
	struct reply r;

	snprintf(target, sizeof(target), "%s/%ss", parent, type);
	snprintf(body, sizeof(body),
	         "<m2m:%s " NS "><m2m:channelType>LONG_POLLING</m2m:channelType></m2m:%s>", type,
	         type);
	r = core_ask(b, "POST", target, from, body);
	ck_assert_msg(r.status == 201, "%d %s", r.status, r.body);
	take_path(r.body, "contactURI>", u.contact);
	take_path(r.body, "longPollingURI>", u.poll);
	reply_fini(&r);
	return u;
}

struct uris
app_channel(struct core_bed *b)
{
	return make_channel(b, APPS "/a", "notificationChannel", ME);
}

struct uris
app_channel_begin(struct core_bed *b)
{
	channel_begin(b);
	return app_channel(b);
}

void
poll_begin(struct core_bed *b, struct core_call *c, const struct uris *u)
{
	ck_assert(core_begin(b, c, "POST", u->poll, ME, NULL, NULL));
}

void
message_begin(struct core_bed *b, struct core_call *c, const struct uris *u, const char *body)
{
	ck_assert(core_begin(b, c, "POST", u->contact, ADMIN, "application/xml", body));
}

void
end_with(struct core_call *c, int status, const char *text)
{
	struct reply r = core_end(c);

	ck_assert_msg(r.status == status && strstr(r.body, text) != NULL, "%d %s, not %d %s",
	              r.status, r.body, status, text);
	reply_fini(&r);
}

bool
call_is_done(void *arg)
{
	return core_is_done(arg);
}
