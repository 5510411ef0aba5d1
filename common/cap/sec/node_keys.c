/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sec/node_keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cap/sec/node_text.h"
#include "sec/hex.h"

#define KEK_SUFFIX ".kek"
#define PATH_ROOM 1100

struct node_keys {
	struct keystore *ks;
};

/* ---- the file ---- */

/* A random key in a new file. */
static enum rc
make_kek(const char *path, struct log *log, char why[SEC_WHY_MAX])
{
	enum rc rc = kek_create_file(path, why);

	if (rc == RC_OK)
		LOG_WARN(log, "keystore-key-created", LOG_Z("file", path),
		         LOG_Z("note", "whoever reads this directory has the keys of this node; see "
		                       "keystore.kek_file, keystore.passphrase_file, keystore.bind"));
	return rc == RC_OK ? rc : RC_UNAVAILABLE;
}

static bool
exists(const char *path)
{
	return access(path, F_OK) == 0;
}

/* The directory of the store is the option's path; the file lies in it. */
static bool
store_exists(const struct sec_conf *conf)
{
	char file[PATH_ROOM];

	snprintf(file, sizeof(file), "%s/keystore", conf->keystore.path);
	return exists(file);
}

/* Where the key comes from; made is the name of the file that is made when none is configured. */
static enum rc
kek_of(const struct sec_conf *conf, const char *made, struct kek_source *kek,
       char why[SEC_WHY_MAX])
{
	*kek = (struct kek_source){ .kek_file = conf->keystore.kek_file,
		                    .passphrase_file = conf->keystore.passphrase_file,
		                    .bind = conf->keystore.bind };
	if (kek->kek_file != NULL || kek->passphrase_file != NULL)
		return RC_OK;
	kek->kek_file = made;
	/* A store without its key is not to be opened with a new one. */
	return exists(made) || store_exists(conf) ? RC_OK : make_kek(made, conf->log, why);
}

static enum rc
bind_kek(struct kek_source *kek, const struct ppid *ppid, char machine[KEK_MACHINE_ID],
         char why[SEC_WHY_MAX])
{
	enum rc rc;

	if (!kek->bind)
		return RC_OK;
	rc = kek_machine_id(machine);
	kek->machine_id = slice_of(machine);
	if (rc != RC_OK)
		snprintf(why, SEC_WHY_MAX, "keystore.bind: the machine has no id");
	else if (ppid->n == 0)
		snprintf(why, SEC_WHY_MAX, "keystore.bind: there is no pre-provisioned identifier");
	kek->ppid = ppid_octets(ppid);
	return rc == RC_OK && ppid->n == 0 ? RC_BAD_REQUEST : rc;
}

static void
made_name(const struct sec_conf *conf, char out[PATH_ROOM])
{
	snprintf(out, PATH_ROOM, "%s" KEK_SUFFIX, conf->keystore.path);
}

enum rc
node_keys_open(const struct sec_conf *conf, const struct ppid *ppid, bool create,
               struct node_keys **out, char why[SEC_WHY_MAX])
{
	char made[PATH_ROOM], machine[KEK_MACHINE_ID] = "", text[KEYSTORE_WHY];
	struct keystore_conf ksc = { .dir = conf->keystore.path, .create = true };
	struct keystore *ks = NULL;
	enum rc rc;

	*out = NULL;
	if (conf->keystore.path == NULL ||
	    (!create && conf->bootstrap.msbf == NULL && !store_exists(conf)))
		return RC_OK;
	made_name(conf, made);
	rc = kek_of(conf, made, &ksc.kek, why);
	if (rc == RC_OK)
		rc = bind_kek(&ksc.kek, ppid, machine, why);
	if (rc != RC_OK)
		return rc;
	rc = keystore_open(&ksc, &ks, text);
	if (rc != RC_OK) {
		snprintf(why, SEC_WHY_MAX, "key store: %.230s", text);
		return rc;
	}
	*out = calloc(1, sizeof(**out));
	if (*out == NULL) {
		keystore_close(ks);
		return RC_UNAVAILABLE;
	}
	(*out)->ks = ks;
	return RC_OK;
}

void
node_keys_close(struct node_keys *nk)
{
	if (nk == NULL)
		return;
	keystore_close(nk->ks);
	free(nk);
}

enum rc
node_keys_kek(const struct sec_conf *conf, struct key *out, char why[SEC_WHY_MAX])
{
	char made[PATH_ROOM];
	const char *file = conf->keystore.kek_file;

	made_name(conf, made);
	if (conf->keystore.passphrase_file != NULL) {
		snprintf(why, SEC_WHY_MAX, "a wrapped key needs keystore.kek_file, not a passphrase");
		return RC_BAD_REQUEST;
	}
	return kek_read_file(file == NULL ? made : file, out, why);
}

/* ---- the root ---- */

/* The record of the highest KmrIndex. */
struct newest {
	struct node_id node;
	uint32_t index;
	uint64_t not_after;
};

static bool
note_newest(void *arg, const struct keystore_item *item)
{
	struct newest *n = arg;
	struct node_id node;

	/* One node per store: records of another one, if there are any, are of an earlier life. */
	if (node_id_parse(item->id.name, &node) &&
	    (n->index == 0 || item->not_after >= n->not_after)) {
		n->node = node;
		n->index = item->id.index;
		n->not_after = item->not_after;
	}
	return true;
}

static struct keystore_id
root_id(const struct node_id *node, uint32_t index, char name[NODE_ID_TEXT])
{
	node_id_text(node, name);
	return (struct keystore_id){ KS_KMR, index, slice_of(name) };
}

enum rc
node_keys_root(struct node_keys *nk, struct node_root *root, struct key *kmr)
{
	struct newest newest = { 0 };
	char name[NODE_ID_TEXT];
	struct keystore_id id;
	struct buf text;
	enum rc rc;

	*root = (struct node_root){ 0 };
	if (nk == NULL)
		return RC_NOT_FOUND;
	keystore_each(nk->ks, KS_KMR, note_newest, &newest);
	if (newest.index == 0)
		return RC_NOT_FOUND;
	id = root_id(&newest.node, newest.index, name);
	buf_init(&text, KEYSTORE_TEXT_MAX);
	rc = keystore_text(nk->ks, &id, &text, NULL);
	root->node = newest.node;
	root->kmr_index = newest.index;
	if (rc == RC_OK && !root_from_text(buf_view(&text), root))
		rc = RC_PRECONDITION;
	buf_fini(&text);
	return rc == RC_OK ? keystore_key(nk->ks, &id, kmr) : rc;
}

bool
node_book_name(struct slice name)
{
	for (size_t i = 0; i < name.n; i++)
		if (!(name.p[i] >= 'a' && name.p[i] <= 'z') &&
		    !(name.p[i] >= '0' && name.p[i] <= '9'))
			return false;
	return name.n > 0 && name.n <= NODE_BOOK_MAX;
}

static enum rc
book_key(struct node_keys *nk, const char *name, struct key *seal)
{
	char text[NODE_BOOK_MAX + sizeof("-book")];
	struct keystore_item item = { .id = { KS_DEVICE_KEY, 0, SLICE_NONE },
		                      .not_after = RECORD_NEVER };
	enum rc rc;

	snprintf(text, sizeof(text), "%s-book", name);
	item.id.name = slice_of(text);
	rc = keystore_key(nk->ks, &item.id, seal);
	if (rc != RC_NOT_FOUND)
		return rc;
	rc = secret_random(seal->v, sizeof(seal->v));
	if (rc == RC_OK)
		rc = keystore_put(nk->ks, &item, slice_make(seal->v, sizeof(seal->v)));
	if (rc != RC_OK)
		key_wipe(seal);
	return rc;
}

enum rc
node_keys_book(struct node_keys *nk, const struct sec_conf *conf, const char *name,
               struct key *seal, char *dir, size_t size)
{
	int n;

	key_wipe(seal);
	if (!node_book_name(slice_of(name)))
		return RC_BAD_REQUEST;
	if (nk == NULL)
		return RC_NOT_FOUND;
	n = snprintf(dir, size, "%s/%s", conf->keystore.path, name);
	return n < 0 || (size_t)n >= size ? RC_BAD_REQUEST : book_key(nk, name, seal);
}

/* The highest KmrIndex that there was. */
static struct keystore_id
seen_id(const struct node_id *node, char name[NODE_ID_TEXT + 4])
{
	char hex[NODE_ID_TEXT];

	node_id_text(node, hex);
	snprintf(name, NODE_ID_TEXT + 4, "kmr.%s", hex);
	return (struct keystore_id){ KS_COUNTER, 0, slice_of(name) };
}

bool
node_keys_is_next(struct node_keys *nk, const struct node_id *node, uint32_t kmr_index)
{
	char name[NODE_ID_TEXT + 4];
	struct keystore_id id = seen_id(node, name);
	uint64_t seen = 0;

	return nk == NULL || (keystore_counter(nk->ks, &id, &seen) == RC_OK && kmr_index > seen);
}

#define REMOVALS_MAX 64u

/* Records that are to be removed, collected while the store is visited. */
struct removals {
	struct keystore_change v[REMOVALS_MAX];
	char names[REMOVALS_MAX][KEYSTORE_NAME_MAX];
	size_t n;
	struct slice name; /* of this what has such an index stays */
	uint64_t least, most;
	bool others; /* what has another name stays */
};

static bool
stays(const struct removals *r, const struct keystore_id *id)
{
	return slice_eq(r->name, id->name) ? id->index >= r->least && id->index <= r->most
	                                   : r->others;
}

static bool
note_removal(void *arg, const struct keystore_item *item)
{
	struct removals *r = arg;
	const struct keystore_id *id = &item->id;

	if (r->n == REMOVALS_MAX)
		return false;
	if (stays(r, id))
		return true;
	memcpy(r->names[r->n], id->name.p, id->name.n);
	r->v[r->n].item.id = (struct keystore_id){ id->type, id->index,
		                                   slice_make(r->names[r->n], id->name.n) };
	r->n++;
	return true;
}

/* Puts v[0] in place of everything of its type that does not stay. */
static enum rc
put_alone(struct node_keys *nk, struct removals *r)
{
	const struct keystore_id *id = &r->v[0].item.id;

	r->n = 1;
	r->name = id->name;
	r->least = r->most = id->index;
	keystore_each(nk->ks, id->type, note_removal, r);
	return keystore_apply(nk->ks, r->v, r->n);
}

enum rc
node_keys_put_root(struct node_keys *nk, const struct node_root *root, const struct key *kmr)
{
	struct removals *r;
	char name[NODE_ID_TEXT], seen[NODE_ID_TEXT + 4];
	struct keystore_id id, counter;
	struct buf text;
	enum rc rc;

	if (nk == NULL)
		return RC_OK;
	id = root_id(&root->node, root->kmr_index, name);
	counter = seen_id(&root->node, seen);
	/* First: an index that was taken once does not come again, whatever happens here. */
	rc = keystore_counter_raise(nk->ks, &counter, root->kmr_index);
	if (rc != RC_OK)
		return rc;
	r = calloc(1, sizeof(*r));
	if (r == NULL)
		return RC_UNAVAILABLE;
	buf_init(&text, KEYSTORE_TEXT_MAX);
	root_to_text(root, &text);
	r->v[0].item = (struct keystore_item){ id, (uint64_t)(root->expires / CLOCK_SECOND),
		                               buf_view(&text) };
	r->v[0].secret = slice_make(kmr->v, sizeof(kmr->v));
	rc = text.failed ? RC_TOO_LARGE : put_alone(nk, r);
	buf_fini(&text);
	free(r);
	return rc;
}

enum rc
node_keys_erase(struct node_keys *nk, const struct node_id *node, uint32_t kmr_index)
{
	static const uint8_t types[] = { KS_KMR, KS_KMC };
	struct removals *r;
	char name[NODE_ID_TEXT];
	enum rc rc;

	if (nk == NULL)
		return RC_OK;
	r = calloc(1, sizeof(*r));
	if (r == NULL)
		return RC_UNAVAILABLE;
	/* No name of a connection is that of a node. */
	r->name = root_id(node, kmr_index, name).name;
	r->least = (uint64_t)kmr_index + 1;
	r->most = UINT32_MAX;
	do {
		r->n = 0;
		for (size_t i = 0; i < sizeof(types); i++)
			keystore_each(nk->ks, types[i], note_removal, r);
		rc = r->n == 0 ? RC_OK : keystore_apply(nk->ks, r->v, r->n);
	} while (rc == RC_OK && r->n == REMOVALS_MAX);
	free(r);
	return rc;
}

/* ---- connections ---- */

struct found_link {
	const char *name;
	uint32_t index;
	bool found;
};

static bool
note_link(void *arg, const struct keystore_item *item)
{
	struct found_link *f = arg;

	if (slice_is(item->id.name, f->name) && (!f->found || item->id.index > f->index)) {
		f->index = item->id.index;
		f->found = true;
	}
	return true;
}

enum rc
node_keys_link(struct node_keys *nk, const char *name, struct node_link *link)
{
	struct found_link f = { .name = name };
	struct keystore_id id;
	struct buf text;
	enum rc rc;

	*link = (struct node_link){ 0 };
	if (nk == NULL)
		return RC_NOT_FOUND;
	keystore_each(nk->ks, KS_KMC, note_link, &f);
	if (!f.found)
		return RC_NOT_FOUND;
	id = (struct keystore_id){ KS_KMC, f.index, slice_of(name) };
	snprintf(link->name, sizeof(link->name), "%s", name);
	link->conn.kmc_index = f.index;
	buf_init(&text, KEYSTORE_TEXT_MAX);
	rc = keystore_text(nk->ks, &id, &text, NULL);
	if (rc == RC_OK && !link_from_text(buf_view(&text), link))
		rc = RC_PRECONDITION;
	buf_fini(&text);
	return rc == RC_OK ? keystore_key(nk->ks, &id, &link->conn.kmc) : rc;
}

enum rc
node_keys_put_link(struct node_keys *nk, const struct node_link *link)
{
	struct removals *r;
	struct buf text;
	enum rc rc;

	if (nk == NULL)
		return RC_OK;
	r = calloc(1, sizeof(*r));
	if (r == NULL)
		return RC_UNAVAILABLE;
	buf_init(&text, KEYSTORE_TEXT_MAX);
	link_to_text(link, &text);
	r->v[0].item = (struct keystore_item){
		{ KS_KMC, link->conn.kmc_index, slice_of(link->name) },
		(uint64_t)(link->conn.expires / CLOCK_SECOND), buf_view(&text)
	};
	r->v[0].secret = slice_make(link->conn.kmc.v, KEY_BYTES);
	r->others = true;
	rc = text.failed ? RC_TOO_LARGE : put_alone(nk, r);
	buf_fini(&text);
	free(r);
	return rc;
}
