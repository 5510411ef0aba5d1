/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readings that become contentInstances, some at a time, with the rights of their devices. One that
 * is there already is looked at: the same reading was made by a run of before, as its number did not
 * become durable; another is somebody else's, and stays.
 */
#include "config.h"

#include "cap/sd/sd_network_impl.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/base64.h"
#include "core/identity.h"

#define ARENA_MAX ((size_t)4 << 20)
#define DOC_MAX 2048u
#define INSTANCES "/contentInstances"
#define DOC_HEAD                                                                                   \
	"<m2m:contentInstance xmlns:m2m=\"http://uri.etsi.org/m2m\" "                              \
	"xmlns:xmime=\"http://www.w3.org/2005/05/xmlmime\" m2m:id=\"sd-%" PRIu64 "\">"             \
	"<m2m:searchStrings><m2m:searchString>signer:%s</m2m:searchString>"                        \
	"<m2m:searchString>seq:%" PRIu64 "</m2m:searchString></m2m:searchStrings>"                 \
	"<m2m:content xmime:contentType=\"%s\"><m2m:binaryContent>"
#define DOC_TAIL "</m2m:binaryContent></m2m:content></m2m:contentInstance>"

/* One reading on its way into its container. */
struct net_item {
	struct net_post *p;
	size_t at; /* place in order */
	struct slice path; /* of the contentInstance */
	struct scl_call call;
};

/* ---- what comes of it ---- */

static void
item_end(struct net_item *item, enum item_state state)
{
	struct net_post *p = item->p;

	p->states[item->at] = (unsigned char)state;
	if (state == ITEM_REFUSED)
		p->reasons[p->order[item->at]] = NET_CONTAINER;
	if (state == ITEM_FAILED)
		p->broken = true;
	if (--p->under_way > 0)
		return;
	if (p->broken)
		net_note(p);
	else
		net_make(p);
}

/* 408 says that the way was slow, nothing of the request. */
static enum item_state
state_of(int status)
{
	if (status == 201)
		return ITEM_MADE;
	return status < 500 && status != 408 ? ITEM_REFUSED : ITEM_FAILED;
}

static bool
contains(struct slice text, struct slice what)
{
	return memmem(text.p, text.n, what.p, what.n) != NULL;
}

/* Whether a document is that of the reading: nothing in it can look like an element but elements. */
static bool
is_of(const struct sd_reading *r, struct slice document)
{
	char device[NODE_ID_TEXT];
	struct buf want;
	bool ok;

	node_id_text(&r->device, device);
	buf_init(&want, DOC_MAX);
	buf_printf(&want, ">signer:%s<", device);
	ok = !want.failed && contains(document, buf_view(&want));
	buf_clear(&want);
	buf_char(&want, '>');
	base64_encode(&want, r->payload);
	buf_puts(&want, "</");
	ok = ok && !want.failed && contains(document, buf_view(&want));
	buf_fini(&want);
	return ok;
}

static void
looked(struct scl_call *call)
{
	struct net_item *item = call->owner;
	struct net_post *p = item->p;
	const struct req_answer *a = call->answer;
	enum item_state state = ITEM_FAILED;

	if (a->http_status == 200)
		state = is_of(&p->readings[p->order[item->at]], slice_make(a->body, a->body_len))
		                ? ITEM_MADE
		                : ITEM_REFUSED;
	scl_call_end(call);
	item_end(item, state);
}

static void
made(struct scl_call *call)
{
	struct net_item *item = call->owner;
	int status = call->answer->http_status;

	scl_call_end(call);
	if (status != 409) {
		item_end(item, state_of(status));
		return;
	}
	item->call = (struct scl_call){
		.method = SLICE_LIT("GET"), .target = item->path, .done = looked, .owner = item
	};
	scl_call(item->p->net->scl, &item->call);
}

/* ---- one contentInstance ---- */

/* The device as it asks for something: its registration, or, without one, what it would be. */
static struct slice
issuer(struct net_post *p, struct slice scl_id)
{
	struct registered r;

	if (identity_registered(p->net->scl, p->arena, scl_id, &r) == RC_OK)
		return r.link;
	return arena_printf(p->arena, "%s/scls/%.*s", scl_base_uri(p->net->scl), (int)scl_id.n,
	                    scl_id.p);
}

static enum rc
write_document(const struct net_post *p, const struct sd_reading *r, struct buf *b)
{
	bool jose = (p->bundle.flags & SD_ENCRYPTED) != 0;
	char device[NODE_ID_TEXT];

	node_id_text(&r->device, device);
	buf_printf(b, DOC_HEAD, r->seq, device, r->seq,
	           jose ? "application/jose" : "application/octet-stream");
	base64_encode(b, r->payload);
	buf_puts(b, DOC_TAIL);
	return b->failed ? RC_UNAVAILABLE : RC_OK;
}

static bool
call_item(struct net_post *p, struct net_item *item, size_t at)
{
	const struct sd_reading *r = &p->readings[p->order[at]];
	struct slice target;
	struct sd_keys keys;
	struct buf doc;
	bool ok;

	sd_known_keys(p->net->table, p->known[p->order[at]], &keys);
	buf_init(&doc, DOC_MAX);
	target = arena_printf(p->arena, "%s" INSTANCES, keys.container);
	*item = (struct net_item){ .p = p, .at = at };
	item->path = arena_printf(p->arena, "%s" INSTANCES "/sd-%" PRIu64, keys.container, r->seq);
	item->call = (struct scl_call){ .method = SLICE_LIT("POST"),
		                        .target = target,
		                        .from = issuer(p, slice_of(keys.scl_id)),
		                        .scl_id = arena_copy(p->arena, slice_of(keys.scl_id)),
		                        .done = made,
		                        .owner = item };
	ok = keys.known && write_document(p, r, &doc) == RC_OK && !arena_failed(p->arena);
	item->call.body = buf_view(&doc);
	if (ok) {
		p->under_way++;
		scl_call(p->net->scl, &item->call);
	}
	buf_fini(&doc);
	return ok;
}

/* ---- all of them ---- */

bool
net_make_room(struct net_post *p)
{
	p->items = calloc(NET_WINDOW, sizeof(p->items[0]));
	p->arena = arena_new(ARENA_MAX);
	return p->items != NULL && p->arena != NULL;
}

/* None of the answers comes from within. */
void
net_make(struct net_post *p)
{
	unsigned n = 0;

	arena_reset(p->arena);
	for (; p->at < p->bundle.n && n < NET_WINDOW && !p->broken; p->at++) {
		if (p->reasons[p->order[p->at]] != NET_TAKEN)
			continue;
		if (call_item(p, &p->items[n], p->at))
			n++;
		else
			p->broken = true;
	}
	if (n == 0)
		net_note(p);
}
