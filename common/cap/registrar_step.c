/* SPDX-License-Identifier: Apache-2.0 */
/* The requests of a registration, and what is learned from their answers (TS 102 921 10.6). */
#include "config.h"

#include "cap/registrar_impl.h"

#include "base/times.h"
#include "codec/codec.h"

#include <stdio.h>

#define POC_ID "main"
#define CHANNEL_ID "main"

/* ---- bodies ---- */

/* An element that the schema declares without a namespace. */
static void
put_plain(struct buf *b, const char *element, const char *text)
{
	buf_printf(b, "<%s>", element);
	for (; *text != '\0'; text++)
		if (*text == '&')
			buf_puts(b, "&amp;");
		else if (*text == '<')
			buf_puts(b, "&lt;");
		else
			buf_char(b, *text);
	buf_printf(b, "</%s>", element);
}

static void
put_text(struct buf *b, const char *element, const char *text)
{
	char name[64];

	snprintf(name, sizeof(name), "m2m:%s", element);
	put_plain(b, name, text);
}

static void
put_time(struct buf *b, const char *element, int64_t us)
{
	char text[TIMES_TEXT_MAX];

	times_format(us, TIMES_MILLI, text);
	put_text(b, element, text);
}

static void
put_search_strings(struct buf *b, const struct registrar *r)
{
	buf_puts(b, "<m2m:searchStrings>");
	for (const char *const *s = r->wish.search_strings; s != NULL && *s != NULL; s++)
		put_text(b, "searchString", *s);
	buf_puts(b, "</m2m:searchStrings>");
}

static const char *
type_name(enum scl_type role)
{
	return role == SCL_GSCL ? "GSCL" : role == SCL_DSCL ? "DSCL" : "NSCL";
}

#define OPEN "<m2m:%s xmlns:m2m=\"" NS_M2M "\""

/*
 * Without a right of its own the scl would be hidden from every application (TS 102 690, access
 * rights).
 */
static void
put_granted(struct registrar *r, struct buf *b)
{
	put_time(b, "expirationTime", wall_now() + r->wish.lifetime_us);
	if (r->wish.right != NULL)
		put_text(b, "accessRightID", r->wish.right);
	else if (r->right[0] != '\0')
		put_text(b, "accessRightID", r->right);
	put_search_strings(b, r);
}

static bool
speaks_release1(const struct registrar *r)
{
	return r->conf.nscl_release == 1;
}

static void
put_protocol(struct registrar *r, struct buf *b)
{
	const struct enumeration *values = attr_info(A_MGMT_PROTOCOL_TYPE)->values;
	int i = enum_index(values, slice_of(r->conf.mgmt_protocol));

	put_text(b, "mgmtProtocolType",
	         speaks_release1(r) && i >= 0 && values->release1 != NULL ? values->release1[i]
	                                                                 : r->conf.mgmt_protocol);
}

/* The NSCL is to announce this SCL to others (Release 2); nothing says it is not to. */
static void
put_announce_to(struct registrar *r, struct buf *b)
{
	const char *const *to = r->conf.announce_to;

	if (to == NULL || *to == NULL || speaks_release1(r))
		return;
	buf_puts(b, "<m2m:announceTo><m2m:sclList>");
	for (; *to != NULL; to++)
		put_plain(b, "reference", *to);
	buf_puts(b, "</m2m:sclList></m2m:announceTo>");
}

/* integrityValResults, when integrity is reported. */
static void
put_report(struct registrar *r, struct buf *b)
{
	if (r->conf.gate != NULL)
		r->conf.gate->report(r->conf.gate->arg, b);
}

/* By what this SCL is woken. */
static void
put_trigger_address(struct registrar *r, struct buf *b)
{
	if (r->conf.trigger.enabled && r->conf.trigger.take.uri != NULL)
		put_text(b, "remTriggerAddr", r->conf.trigger.take.uri);
}

static void
body_refresh(struct registrar *r, struct buf *b)
{
	buf_printf(b, OPEN ">", "scl");
	put_trigger_address(r, b);
	put_granted(r, b);
	put_protocol(r, b);
	put_report(r, b);
	put_announce_to(r, b);
	buf_puts(b, "</m2m:scl>");
}

static void
body_register(struct registrar *r, struct buf *b)
{
	buf_printf(b, OPEN " sclId=\"%s\">", "scl", r->conf.scl_id);
	put_trigger_address(r, b);
	put_text(b, "link", r->conf.base_uri);
	put_granted(r, b);
	put_protocol(r, b);
	put_report(r, b);
	if (!speaks_release1(r))
		put_text(b, "sclType", type_name(r->conf.role));
	put_announce_to(r, b);
	buf_puts(b, "</m2m:scl>");
}

/* The mirror tells how the NSCL is reached: its link, which is also its point of contact. */
static void
body_mirror(struct registrar *r, struct buf *b)
{
	bool create = r->step == STEP_MIRROR_CREATE;

	buf_printf(b, OPEN, "scl");
	if (create)
		buf_printf(b, " sclId=\"%s\"", r->mirror);
	buf_puts(b, "><m2m:pocs>");
	put_plain(b, "reference", nscl_uri(r));
	buf_puts(b, "</m2m:pocs>");
	if (create)
		put_text(b, "link", nscl_uri(r));
	put_time(b, "expirationTime", r->granted);
	put_text(b, "mgmtProtocolType", r->conf.mgmt_protocol);
	if (create)
		put_text(b, "sclType", "NSCL");
	buf_puts(b, "</m2m:scl>");
}

static void
body_apoc_handling(struct registrar *r, struct buf *b)
{
	buf_printf(b, OPEN ">%s</m2m:aPocHandling>", "aPocHandling", r->apoc_handling);
}

static void
body_poc(struct registrar *r, struct buf *b)
{
	buf_printf(b, OPEN, "m2mPoc");
	if (r->step == STEP_POC_CREATE)
		buf_puts(b, " m2m:id=\"" POC_ID "\"");
	buf_puts(b, "><m2m:contactInfo>");
	put_text(b, "contactURI", r->poller != NULL ? r->contact : r->conf.contact_uri);
	buf_puts(b, "</m2m:contactInfo><m2m:onlineStatus>ONLINE</m2m:onlineStatus></m2m:m2mPoc>");
}

/* Release 1 knows only the channel for notifications; it is the same otherwise. */
static void
body_channel(struct registrar *r, struct buf *b)
{
	const char *type =
		r->step == STEP_CHANNEL_CREATE ? "communicationChannel" : "notificationChannel";

	buf_printf(b, OPEN " m2m:id=\"" CHANNEL_ID "\">", type);
	put_text(b, "channelType", "LONG_POLLING");
	buf_printf(b, "</m2m:%s>", type);
}

/* ---- answers ---- */

static const struct node *
child_named(const struct node *n, const char *name)
{
	for (n = n == NULL ? NULL : n->first; n != NULL; n = n->next)
		if (slice_is(n->name, name))
			return n;
	return NULL;
}

static const struct node *
answer_root(struct registrar *r, const struct buf *answer)
{
	static const struct codec_limits limits = { 16, 4096, 64, 65536 };
	struct node *root = NULL;
	const char *why;

	if (answer->n == 0 ||
	    codec_xml.decode(r->arena, buf_view(answer), &limits, &root, &why) != RC_OK)
		return NULL;
	return root;
}

static void
learn_base(struct registrar *r, const struct buf *answer)
{
	const struct node *root = answer_root(r, answer);
	const struct node *handling = child_named(root, "aPocHandling");
	const struct node *right = child_named(root, "accessRightID");

	r->right[0] = r->apoc_handling[0] = '\0';
	if (right != NULL && right->text.n < sizeof(r->right))
		snprintf(r->right, sizeof(r->right), "%.*s", (int)right->text.n, right->text.p);
	if (handling != NULL &&
	    (slice_is(handling->text, "DEEP") || slice_is(handling->text, "SHALLOW")))
		snprintf(r->apoc_handling, sizeof(r->apoc_handling), "%.*s", (int)handling->text.n,
		         handling->text.p);
}

/* Without a body every requested value was taken as it was. */
static void
learn_lifetime(struct registrar *r, const struct buf *answer)
{
	const struct node *expires = child_named(answer_root(r, answer), "expirationTime");

	r->enrolled = true;
	snprintf(r->home, sizeof(r->home), "%s", r->nscl);
	if (expires == NULL || !times_parse(expires->text, &r->granted))
		r->granted = wall_now() + r->wish.lifetime_us;
}

static void
keep_text(char *to, size_t size, const struct node *n)
{
	if (n != NULL && n->text.n < size)
		snprintf(to, size, "%.*s", (int)n->text.n, n->text.p);
}

static void
learn_channel(struct registrar *r, const struct buf *answer)
{
	const struct node *root = answer_root(r, answer);

	r->contact[0] = r->polled[0] = '\0';
	keep_text(r->contact, sizeof(r->contact), child_named(root, "contactURI"));
	keep_text(r->polled, sizeof(r->polled),
	          child_named(child_named(root, "channelData"), "longPollingURI"));
}

/* ---- steps ---- */

const struct step_row registrar_steps[] = {
	[STEP_READ_BASE] = { "read-nscl", "GET", false, "", ID_NONE_USED, NULL, learn_base,
	                     STEP_REFRESH, STEP_FAIL, STEP_FAIL, STEP_FAIL },
	[STEP_REFRESH] = { "refresh", "PUT", false, "/scls/%s", ID_OWN, body_refresh,
	                   learn_lifetime, STEP_MIRROR_UPDATE, STEP_REGISTER, STEP_FAIL,
	                   STEP_FAIL },
	[STEP_REGISTER] = { "register", "POST", false, "/scls", ID_NONE_USED, body_register,
	                    learn_lifetime, STEP_MIRROR_UPDATE, STEP_FAIL, STEP_FAIL, STEP_FAIL },
	[STEP_MIRROR_UPDATE] = { "update-mirror", "PUT", true, "/scls/%s", ID_MIRROR, body_mirror,
	                         NULL, STEP_APOC_HANDLING, STEP_MIRROR_CREATE, STEP_FAIL,
	                         STEP_FAIL },
	[STEP_MIRROR_CREATE] = { "create-mirror", "POST", true, "/scls", ID_NONE_USED, body_mirror,
	                         NULL, STEP_APOC_HANDLING, STEP_FAIL, STEP_APOC_HANDLING,
	                         STEP_FAIL },
	[STEP_APOC_HANDLING] = { "copy-aPocHandling", "PUT", true, "/aPocHandling", ID_NONE_USED,
	                         body_apoc_handling, NULL, STEP_POC_UPDATE, STEP_POC_UPDATE,
	                         STEP_POC_UPDATE, STEP_POC_UPDATE },
	[STEP_CHANNEL_READ] = { "read-channel", "GET", false,
	                        "/scls/%s/communicationChannels/" CHANNEL_ID, ID_OWN, NULL,
	                        learn_channel, STEP_POC_UPDATE, STEP_CHANNEL_CREATE, STEP_FAIL,
	                        STEP_FAIL },
	[STEP_CHANNEL_CREATE] = { "create-channel", "POST", false, "/scls/%s/communicationChannels",
	                          ID_OWN, body_channel, learn_channel, STEP_POC_UPDATE,
	                          STEP_CHANNEL_READ_R1, STEP_FAIL, STEP_FAIL },
	[STEP_CHANNEL_READ_R1] = { "read-channel", "GET", false,
	                           "/scls/%s/notificationChannels/" CHANNEL_ID, ID_OWN, NULL,
	                           learn_channel, STEP_POC_UPDATE, STEP_CHANNEL_CREATE_R1,
	                           STEP_FAIL, STEP_FAIL },
	[STEP_CHANNEL_CREATE_R1] = { "create-channel", "POST", false,
	                             "/scls/%s/notificationChannels", ID_OWN, body_channel,
	                             learn_channel, STEP_POC_UPDATE, STEP_FAIL, STEP_FAIL,
	                             STEP_FAIL },
	[STEP_POC_UPDATE] = { "update-m2mPoc", "PUT", false, "/scls/%s/m2mPocs/" POC_ID, ID_OWN,
	                      body_poc, NULL, STEP_DONE, STEP_POC_CREATE, STEP_FAIL, STEP_FAIL },
	[STEP_POC_CREATE] = { "create-m2mPoc", "POST", false, "/scls/%s/m2mPocs", ID_OWN, body_poc,
	                      NULL, STEP_DONE, STEP_FAIL, STEP_DONE, STEP_FAIL },
	[STEP_LEAVE] = { "de-register", "DELETE", false, "/scls/%s", ID_OWN, NULL, NULL,
	                 STEP_DROP_MIRROR, STEP_DROP_MIRROR, STEP_DROP_MIRROR, STEP_DROP_MIRROR },
	[STEP_DROP_MIRROR] = { "drop-mirror", "DELETE", true, "/scls/%s", ID_MIRROR, NULL, NULL,
	                       STEP_LEFT, STEP_LEFT, STEP_LEFT, STEP_LEFT },
};

bool
registrar_learns_channel(const struct step_row *row)
{
	return row->learn == learn_channel;
}
