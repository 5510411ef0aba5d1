/* SPDX-License-Identifier: Apache-2.0 */
/* What a daemon without a security capability answers. */
#include "config.h"

#include "cap/sec_access.h"

static bool
no_node(void *arg, struct node_id *node, uint32_t *kmr_index)
{
	(void)arg;
	*node = (struct node_id){ { 0 } };
	if (kmr_index != NULL)
		*kmr_index = 0;
	return false;
}

static enum rc
no_key(void *arg, enum sec_use use, struct key *out)
{
	(void)arg;
	(void)use;
	key_wipe(out);
	return RC_NOT_FOUND;
}

static enum rc
no_session(void *arg, struct slice url, struct sec_session *out)
{
	(void)arg;
	(void)url;
	*out = (struct sec_session){ 0 };
	return RC_NOT_FOUND;
}

static enum rc
no_seal(void *arg, uint64_t connection, const struct sec_object *o, struct slice body,
        struct buf *out)
{
	(void)arg;
	(void)connection;
	(void)o;
	(void)body;
	(void)out;
	return RC_NOT_FOUND;
}

static enum rc
no_open(void *arg, struct slice url, const struct sec_object *o, struct slice object,
        struct buf *out)
{
	(void)arg;
	(void)url;
	(void)o;
	(void)object;
	(void)out;
	return RC_NOT_FOUND;
}

static enum rc
no_book(void *arg, const char *name, struct key *seal, char *dir, size_t n)
{
	(void)arg;
	(void)name;
	(void)dir;
	(void)n;
	key_wipe(seal);
	return RC_NOT_FOUND;
}

/* Nobody will ever ask for them. */
static enum rc
no_psk(void *arg, enum psk_kind kind, const struct sec_psk *source)
{
	(void)arg;
	(void)source;
	return kind == PSK_GA || kind == PSK_MP ? RC_OK : RC_BAD_REQUEST;
}

static enum rc
no_credential(void *arg, struct slice url, struct credential *c)
{
	(void)arg;
	(void)url;
	(void)c;
	return RC_NO_SPACE;
}

static bool
no_peer(void *arg, const struct req_input *in, struct node_id *out)
{
	(void)arg;
	(void)in;
	*out = (struct node_id){ { 0 } };
	return false;
}

static void
no_watch(void *arg, struct sec_watcher *w)
{
	(void)arg;
	(void)w;
}

static bool
no_renewal(void *arg, enum sec_renewal what)
{
	(void)arg;
	(void)what;
	return false;
}

const struct sec_access sec_access_none = {
	.node = no_node,
	.derive = no_key,
	.session = no_session,
	.seal = no_seal,
	.open = no_open,
	.book = no_book,
	.psk_add = no_psk,
	.credential_set = no_credential,
	.peer_node = no_peer,
	.revoked_watch = no_watch,
	.revoked_unwatch = no_watch,
	.renew = no_renewal,
};
