/* SPDX-License-Identifier: Apache-2.0 */
/* The format of a store: a new one, and how one of an older format is brought up to date. */
#include "config.h"

#include "store/repo_impl.h"

#include <stdio.h>

#define WHY 256
#define PORTION 64
#define RECORD_ARENA (256u << 20) /* of the greatest node */

static enum rc
format_create(struct repo *repo, char why[WHY])
{
	struct arena *a = arena_new(4096);
	struct rtx *tx;
	enum rc rc = a == NULL ? RC_UNAVAILABLE : repo_begin_write(repo, &tx);

	if (rc == RC_OK) {
		repo_request(tx, a);
		rc = meta_put(tx, "format", REPO_FORMAT);
		if (rc == RC_OK)
			rc = meta_put(tx, "next_id", repo->next_id);
		if (rc == RC_OK)
			rc = repo_commit(tx);
		else
			repo_abort(tx);
	}
	if (rc != RC_OK)
		snprintf(why, WHY, "the new store cannot be written: %s", status_of(rc)->text);
	arena_free(a);
	return rc;
}

/* ---- from format 1: the index by authority ---- */

/* A visitor may not write, so the nodes of a type come in portions. */
struct portion {
	uint64_t ids[PORTION];
	size_t n;
};

static bool
take_id(void *arg, struct slice key, struct slice val)
{
	struct portion *p = arg;
	struct reader r = { slice_from(key, 3), true };

	(void)val;
	p->ids[p->n++] = read_be(&r, 8);
	return p->n < PORTION;
}

static enum rc
take_portion(struct rtx *tx, unsigned type, uint64_t from, struct portion *p)
{
	struct repo_key first, all, end;

	p->n = 0;
	type_key(&first, type, from);
	key_init(&all, SPACE_TYPE);
	key_be(&all, type, 2);
	key_range_end(&all, &end);
	return rec_scan_from(tx, &first, &end, PORTION, take_id, p);
}

/* A node that cannot be read may be reached anywhere: without it the index would be wrong. */
static enum rc
upgrade_node(struct rtx *tx, struct arena *a, unsigned type, uint64_t id, char why[WHY])
{
	struct res *r;
	enum rc rc;

	arena_reset(a);
	repo_request(tx, a);
	rc = repo_get(tx, id, &r);
	if (rc == RC_NOT_FOUND || (rc == RC_OK && r->type->number != type))
		rc = RC_INTERNAL;
	if (rc == RC_INTERNAL)
		snprintf(why, WHY,
		         "node %llu is damaged: the store stays in format %u until a backup is restored",
		         (unsigned long long)id, REPO_FORMAT_OLDEST);
	return rc == RC_OK ? authorities_add(tx, r) : rc;
}

static enum rc
upgrade_type(struct rtx *tx, struct arena *a, unsigned type, char why[WHY])
{
	struct portion p;
	uint64_t from = 0;
	enum rc rc;

	do {
		rc = take_portion(tx, type, from, &p);
		for (size_t i = 0; i < p.n && rc == RC_OK; i++) {
			rc = upgrade_node(tx, a, type, p.ids[i], why);
			from = p.ids[i] + 1;
		}
	} while (rc == RC_OK && p.n == PORTION);
	return rc;
}

static enum rc
upgrade_all(struct rtx *tx, struct arena *a, char why[WHY])
{
	enum rc rc = upgrade_type(tx, a, T_SCL, why);

	if (rc == RC_OK)
		rc = upgrade_type(tx, a, T_M2M_POC, why);
	if (rc != RC_OK)
		return rc;
	arena_reset(a);
	repo_request(tx, a);
	return meta_put(tx, "format", REPO_FORMAT);
}

static enum rc
format_upgrade(struct repo *repo, char why[WHY])
{
	struct arena *a = arena_new(RECORD_ARENA);
	struct rtx *tx;
	enum rc rc = a == NULL ? RC_UNAVAILABLE : repo_begin_write(repo, &tx);

	why[0] = '\0';
	if (rc == RC_OK) {
		rc = upgrade_all(tx, a, why);
		if (rc == RC_OK)
			rc = repo_commit(tx);
		else
			repo_abort(tx);
	}
	if (rc != RC_OK && why[0] == '\0')
		snprintf(why, WHY, "the store cannot be brought from format %u to %u: %s",
		         REPO_FORMAT_OLDEST, REPO_FORMAT, status_of(rc)->text);
	arena_free(a);
	return rc;
}

/* ---- what is there ---- */

static bool
see_record(void *arg, struct slice key, struct slice val)
{
	(void)key;
	(void)val;
	*(bool *)arg = true;
	return false;
}

/* What the store says about itself. */
struct format {
	uint64_t version;
	bool used; /* it has records */
	bool rooted; /* it has a sclBase */
};

static bool
is_readable(const struct format *f)
{
	return f->version >= REPO_FORMAT_OLDEST && f->version <= REPO_FORMAT;
}

static enum rc
format_read(struct repo *repo, struct rtx *tx, struct format *f)
{
	struct repo_key k = { .n = 1, .b = { 0 } }, end = { .n = 1, .b = { (char)0xff } };
	struct slice val;
	enum rc rc = rec_scan_between(tx, &k, &end, false, 1, see_record, &f->used);

	if (rc != RC_OK || !f->used)
		return rc;
	rc = meta_get(tx, "format", &f->version);
	if (rc == RC_OK && is_readable(f))
		rc = next_id_load(repo, tx);
	if (rc != RC_OK)
		return rc;
	key_id(&k, SPACE_NODE, ID_SCL_BASE);
	rc = rec_get(tx, &k, &val);
	f->rooted = rc != RC_NOT_FOUND;
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc
format_judge(struct repo *repo, const struct format *f, enum rc rc, bool read_only, char why[WHY])
{
	if (rc != RC_OK) {
		snprintf(why, WHY, "the store's format record cannot be read: %s", status_of(rc)->text);
	} else if (!f->used && read_only) {
		snprintf(why, WHY, "the store is empty");
		rc = RC_NOT_FOUND;
	} else if (!f->used) {
		rc = format_create(repo, why);
	} else if (!is_readable(f)) {
		snprintf(why, WHY, "the store has format %llu, this program reads format %u to %u",
		         (unsigned long long)f->version, REPO_FORMAT_OLDEST, REPO_FORMAT);
		rc = RC_NOT_IMPLEMENTED;
	} else if (f->version != REPO_FORMAT && !read_only) {
		rc = format_upgrade(repo, why);
	}
	return rc;
}

enum rc
format_check(struct repo *repo, bool read_only, char why[WHY])
{
	struct arena *a = arena_new(4096);
	struct format f = { 0 };
	struct rtx *tx;
	enum rc rc = a == NULL ? RC_UNAVAILABLE : repo_begin_read(repo, a, &tx);

	if (rc == RC_OK) {
		rc = format_read(repo, tx, &f);
		repo_end_read(tx);
	}
	arena_free(a);
	repo->fresh = !f.rooted;
	rc = format_judge(repo, &f, rc, read_only, why);
	repo->found = f.used ? (unsigned)f.version : REPO_FORMAT;
	repo->format = read_only ? repo->found : REPO_FORMAT;
	return rc;
}

unsigned
repo_format_found(const struct repo *repo)
{
	return repo->found;
}
