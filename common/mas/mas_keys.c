/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "mas/mas_keys.h"

#include "base/clock.h"
#include "mas/mas_audit.h"
#include "sec/derive.h"
#include "sec/record.h"

/* What a wrapped record is of. */
enum record_type { TYPE_KMR = 1, TYPE_KMC, TYPE_GAK, TYPE_GENERATOR };

struct mas_keys {
	struct key now, next;
	struct key seal, next_seal;
	uint8_t check[MAS_CHECK_BYTES], next_check[MAS_CHECK_BYTES];
	bool changing;
};

static enum rc
derive_all(const struct key *kek, struct key *seal, uint8_t check[MAS_CHECK_BYTES])
{
	enum rc rc = audit_seal_key(kek, seal);

	return rc != RC_OK ? rc : key_check_value(kek, check);
}

enum rc
mas_keys_new(const struct key *kek, struct mas_keys **out)
{
	struct mas_keys *k = secret_alloc(sizeof(*k));
	enum rc rc;

	if (k == NULL)
		return RC_UNAVAILABLE;
	k->now = *kek;
	rc = derive_all(kek, &k->seal, k->check);
	if (rc != RC_OK)
		mas_keys_free(k);
	else
		*out = k;
	return rc;
}

void
mas_keys_free(struct mas_keys *k)
{
	secret_free(k, sizeof(*k));
}

enum rc
mas_keys_prepare(struct mas_keys *k, const struct key *next)
{
	k->next = *next;
	return derive_all(next, &k->next_seal, k->next_check);
}

void
mas_keys_switch(struct mas_keys *k)
{
	k->changing = true;
}

void
mas_keys_settle(struct mas_keys *k)
{
	k->now = k->next;
	k->seal = k->next_seal;
	memcpy(k->check, k->next_check, sizeof(k->check));
	key_wipe(&k->next);
	key_wipe(&k->next_seal);
	memset(k->next_check, 0, sizeof(k->next_check));
	k->changing = false;
}

bool
mas_keys_changing(const struct mas_keys *k)
{
	return k->changing;
}

const struct key *
mas_keys_seal(const struct mas_keys *k, struct tables_tx *tx)
{
	/* Between the last step of a change and its commit the head has the next one already. */
	return k->changing && audit_sealed_by(tx, &k->next_seal) ? &k->next_seal : &k->seal;
}

enum rc
mas_keys_reseal(const struct mas_keys *k, struct tables_tx *tx)
{
	return audit_reseal(tx, &k->seal, &k->next_seal);
}

void
mas_keys_check(const struct mas_keys *k, uint8_t now[MAS_CHECK_BYTES],
               uint8_t next[MAS_CHECK_BYTES])
{
	memcpy(now, k->check, MAS_CHECK_BYTES);
	memcpy(next, k->next_check, MAS_CHECK_BYTES);
}

/* ---- wrapped records ---- */

static enum rc
wrap(const struct mas_keys *k, const struct record *r, const struct key *secret,
     struct mas_wrapped *to)
{
	struct buf b;
	enum rc rc;

	buf_init(&b, sizeof(to->v));
	rc = record_seal(k->changing ? &k->next : &k->now, r, slice_make(secret->v, KEY_BYTES), &b);
	if (rc == RC_OK) {
		memcpy(to->v, b.p, b.n);
		to->n = b.n;
	}
	buf_fini(&b);
	return rc;
}

static bool
parse(const struct mas_wrapped *w, struct record *r)
{
	struct slice rest = slice_make(w->v, w->n);

	return record_parse(&rest, r) == RC_OK && rest.n == 0;
}

static enum rc
open_with(const struct key *kek, const struct record *r, struct key *out)
{
	size_t n = 0;
	enum rc rc = record_open(kek, r, out->v, KEY_BYTES, &n);

	return rc == RC_OK && n != KEY_BYTES ? RC_INTERNAL : rc;
}

static enum rc
unwrap(const struct mas_keys *k, const struct mas_wrapped *w, const struct record *want,
       struct key *out)
{
	struct record r;
	enum rc rc;

	if (w->n == 0)
		return RC_GONE;
	if (!parse(w, &r) || r.type != want->type || r.index != want->index ||
	    !slice_eq(r.name, want->name))
		return RC_INTERNAL;
	rc = open_with(&k->now, &r, out);
	if (rc == RC_DENIED && k->changing)
		rc = open_with(&k->next, &r, out);
	return rc == RC_OK ? RC_OK : RC_INTERNAL;
}

bool
mas_wrapped_old(const struct mas_keys *k, const struct mas_wrapped *w)
{
	struct record r;
	struct key out;
	bool old;

	if (w->n == 0 || !k->changing || !parse(w, &r))
		return false;
	old = open_with(&k->next, &r, &out) != RC_OK;
	key_wipe(&out);
	return old;
}

/* Seconds in the record are for whoever finds it alone; the columns decide. */
static struct record
kmr_record(const struct mas_kmr *k)
{
	return (struct record){ .type = TYPE_KMR, .index = k->index,
		                .not_after = (uint64_t)(k->not_after / CLOCK_SECOND),
		                .name = slice_make(k->node.v, NODE_ID_BYTES) };
}

enum rc
mas_kmr_wrap(const struct mas_keys *k, const struct key *kmr, struct mas_kmr *to)
{
	struct record r = kmr_record(to);
	enum rc rc = key_check_value(kmr, to->check);

	return rc != RC_OK ? rc : wrap(k, &r, kmr, &to->wrapped);
}

enum rc
mas_kmr_unwrap(const struct mas_keys *k, const struct mas_kmr *from, struct key *out)
{
	struct record r = kmr_record(from);

	return unwrap(k, &from->wrapped, &r, out);
}

static struct record
kmc_record(const struct mas_conn *c, struct table_key *name)
{
	*name = (struct table_key){ .n = 0 };
	table_key_add(name, c->node.v, NODE_ID_BYTES);
	table_key_number(name, c->id, 8);
	return (struct record){ .type = TYPE_KMC,
		                .index = c->kmc_index,
		                .not_after = (uint64_t)(c->expires / CLOCK_SECOND),
		                .name = table_key_view(name) };
}

enum rc
mas_kmc_wrap(const struct mas_keys *k, const struct key *kmc, struct mas_conn *to)
{
	struct table_key name;
	struct record r = kmc_record(to, &name);
	enum rc rc = key_check_value(kmc, to->check);

	return rc != RC_OK ? rc : wrap(k, &r, kmc, &to->wrapped);
}

enum rc
mas_kmc_unwrap(const struct mas_keys *k, const struct mas_conn *from, struct key *out)
{
	struct table_key name;
	struct record r = kmc_record(from, &name);

	return unwrap(k, &from->wrapped, &r, out);
}

/* Without an end: the timer of the group decides. */
static struct record
gak_record(const struct mas_group *g, uint32_t epoch, struct table_key *name)
{
	*name = (struct table_key){ .n = 0 };
	table_key_number(name, g->gid, 8);
	return (struct record){ .type = TYPE_GAK, .index = epoch, .name = table_key_view(name) };
}

enum rc
mas_gak_wrap(const struct mas_keys *k, const struct key *gak, struct mas_group *to)
{
	struct table_key name;
	struct record r = gak_record(to, to->epoch, &name);
	enum rc rc = key_check_value(gak, to->check);

	return rc != RC_OK ? rc : wrap(k, &r, gak, &to->gak);
}

enum rc
mas_gak_unwrap(const struct mas_keys *k, const struct mas_group *from, struct key *out)
{
	struct table_key name;
	struct record r = gak_record(from, from->epoch, &name);

	return unwrap(k, &from->gak, &r, out);
}

enum rc
mas_previous_unwrap(const struct mas_keys *k, const struct mas_group *from, struct key *out)
{
	struct table_key name;
	struct record r = gak_record(from, from->epoch - 1, &name);

	return unwrap(k, &from->previous, &r, out);
}

enum rc
mas_group_rewrap(const struct mas_keys *k, struct mas_group *g)
{
	struct table_key name;
	struct record r = gak_record(g, g->epoch - 1, &name);
	struct key gak;
	enum rc rc = mas_gak_unwrap(k, g, &gak);

	if (rc == RC_OK)
		rc = mas_gak_wrap(k, &gak, g);
	if (rc == RC_OK && g->previous.n > 0)
		rc = mas_previous_unwrap(k, g, &gak);
	if (rc == RC_OK && g->previous.n > 0)
		rc = wrap(k, &r, &gak, &g->previous);
	key_wipe(&gak);
	return rc;
}

/* There is one of each MAS, without an end. */
static const struct record generator_record = { .type = TYPE_GENERATOR,
	                                        .name = SLICE_INIT("ibas") };

enum rc
mas_generator_wrap(const struct mas_keys *k, const struct key *secret, struct mas_wrapped *to)
{
	return wrap(k, &generator_record, secret, to);
}

enum rc
mas_generator_unwrap(const struct mas_keys *k, const struct mas_wrapped *from, struct key *out)
{
	return unwrap(k, from, &generator_record, out);
}
