/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "mas_bed.h"

#include <check.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mas/mas_impl.h"

/* An Ed25519 key for rejects. */
static const char reject_pem[] = "-----BEGIN PRIVATE KEY-----\n"
				 "MC4CAQAwBQYDK2VwBCIEIDNuNCvk2jwp32yIMLqrgHemJ5Dl1Z0nMw6K5nueTx1N\n"
				 "-----END PRIVATE KEY-----\n";

static int64_t
bed_now(const struct clock *c)
{
	return atomic_load(&((const struct bed_clock *)(const void *)c)->now);
}

void
bed_write(const char *path, const void *p, size_t n)
{
	FILE *f = fopen(path, "wb");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fchmod(fileno(f), S_IRUSR | S_IWUSR), 0);
	ck_assert_uint_eq(fwrite(p, 1, n, f), n);
	ck_assert_int_eq(fclose(f), 0);
}

static void
told_revoked(struct mas_watcher *w, const struct node_id *node, uint64_t connection,
             enum mas_why why)
{
	struct mas_bed *b = (struct mas_bed *)(void *)((char *)w - offsetof(struct mas_bed, watcher));

	pthread_mutex_lock(&b->lock);
	if (b->n_told < BED_TOLD)
		b->told[b->n_told++] = (struct bed_told){ .node = *node, .connection = connection,
			                                  .why = why };
	pthread_mutex_unlock(&b->lock);
}

static void
told_keys(struct mas_watcher *w)
{
	struct mas_bed *b = (struct mas_bed *)(void *)((char *)w - offsetof(struct mas_bed, watcher));

	atomic_fetch_add(&b->key_news, 1);
}

static void
files(struct mas_bed *b)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(b->dir, sizeof(b->dir), "%s/test-mas-XXXXXX", tmp == NULL ? "/tmp" : tmp);
	ck_assert_ptr_nonnull(mkdtemp(b->dir));
	snprintf(b->store, sizeof(b->store), "%s/mas", b->dir);
	snprintf(b->kek, sizeof(b->kek), "%s/kek", b->dir);
	snprintf(b->next, sizeof(b->next), "%s/kek.next", b->dir);
	snprintf(b->reject, sizeof(b->reject), "%s/reject.pem", b->dir);
	memset(b->kek_octets[0], 0x5a, KEY_BYTES);
	memset(b->kek_octets[1], 0xa5, KEY_BYTES);
	bed_write(b->kek, b->kek_octets[0], KEY_BYTES);
	bed_write(b->reject, reject_pem, sizeof(reject_pem) - 1);
}

void
bed_make(struct mas_bed *b, int engine)
{
	memset(b, 0, sizeof(*b));
	b->clock.clock.now = bed_now;
	atomic_store(&b->clock.now, BED_START);
	files(b);
	b->conf = (struct mas_conf){
		.engine = engine == 0 ? &store_memory : &store_lmdb,
		.clock = &b->clock.clock,
		.sp_id = "sp1.example",
		.kek_file = b->kek,
		.kek_next_file = b->next,
		.reject_key_file = b->reject,
	};
	b->conf.store.path = engine == 0 ? NULL : b->store;
	b->watcher.revoked = told_revoked;
	b->watcher.keys = told_keys;
	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->wake, NULL);
}

enum rc
bed_try_open(struct mas_bed *b, char why[256])
{
	enum rc rc = mas_open(&b->conf, &b->m, why);

	if (rc != RC_OK)
		return rc;
	b->mas = mas_of(b->m);
	b->mas.ops->watch(b->mas.self, &b->watcher);
	return RC_OK;
}

void
bed_open(struct mas_bed *b)
{
	char why[256];
	enum rc rc = bed_try_open(b, why);

	ck_assert_msg(rc == RC_OK, "mas_open: rc %d: %s", (int)rc, why);
}

void
bed_close(struct mas_bed *b)
{
	mas_close(b->m);
	b->m = NULL;
}

static int
remove_one(const char *path, const struct stat *sb, int type, struct FTW *ftw)
{
	(void)sb;
	(void)type;
	(void)ftw;
	return remove(path);
}

void
bed_free(struct mas_bed *b)
{
	bed_close(b);
	ck_assert_int_eq(nftw(b->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
	pthread_cond_destroy(&b->wake);
	pthread_mutex_destroy(&b->lock);
}

/* ---- waiting ---- */

void
bed_over(void *arg)
{
	struct bed_call *call = arg;
	struct mas_bed *b = call->b;

	pthread_mutex_lock(&b->lock);
	call->over = true;
	pthread_cond_broadcast(&b->wake);
	pthread_mutex_unlock(&b->lock);
}

void
bed_wait(struct bed_call *call)
{
	pthread_mutex_lock(&call->b->lock);
	while (!call->over)
		pthread_cond_wait(&call->b->wake, &call->b->lock);
	pthread_mutex_unlock(&call->b->lock);
}

void
bed_until(struct mas_bed *b, bool (*cond)(struct mas_bed *b, void *arg), void *arg)
{
	int64_t end = clock_monotonic() + 60 * CLOCK_SECOND;

	while (!cond(b, arg)) {
		ck_assert_msg(clock_monotonic() < end, "it did not happen");
		tables_work_wake(b->m->work);
		usleep(2000);
	}
}

bool
bed_was_told(struct mas_bed *b, uint64_t connection, enum mas_why why)
{
	bool found = false;

	pthread_mutex_lock(&b->lock);
	for (unsigned i = 0; i < b->n_told; i++)
		found = found || (b->told[i].connection == connection && b->told[i].why == why);
	pthread_mutex_unlock(&b->lock);
	return found;
}

/* ---- calls ---- */

#define BED_CALL(function, type, op)                                                               \
	static void function##_done(type *c)                                                       \
	{                                                                                          \
		bed_over(c->owner);                                                                \
	}                                                                                          \
	enum rc function(struct mas_bed *b, type *c)                                               \
	{                                                                                          \
		struct bed_call call = { .b = b };                                                 \
                                                                                                   \
		c->owner = &call;                                                                  \
		c->done = function##_done;                                                         \
		op;                                                                                \
		bed_wait(&call);                                                                   \
		return c->outcome.rc;                                                              \
	}

BED_CALL(bed_connect, struct mas_connect, b->mas.ops->connect(b->mas.self, c))
BED_CALL(bed_report, struct mas_report, b->mas.ops->report(b->mas.self, c))
BED_CALL(bed_provision, struct mas_provision, b->mas.ops->provision(b->mas.self, c))
BED_CALL(bed_change, struct mas_change, mas_change(b->m, c))
BED_CALL(bed_rewrap, struct mas_rewrap, mas_rewrap(b->m, c))
static enum rc ending(struct mas_bed *b, struct mas_end *c);
BED_CALL(ending, struct mas_end, b->mas.ops->end(b->mas.self, c))
static enum rc judging(struct mas_bed *b, struct mas_verdict *c);
BED_CALL(judging, struct mas_verdict, mas_verdict(b->m, c))
static enum rc verifying(struct mas_bed *b, struct mas_audit_verify *c);
BED_CALL(verifying, struct mas_audit_verify, mas_audit_verify(b->m, c))
static enum rc querying(struct mas_bed *b, struct mas_query *c);
BED_CALL(querying, struct mas_query, mas_query(b->m, c))

enum rc
bed_end(struct mas_bed *b, uint64_t id)
{
	struct mas_end c = { .connection_id = id, .why = "test" };

	return ending(b, &c);
}

enum rc
bed_verdict(struct mas_bed *b, const struct node_id *node, uint32_t index, unsigned *cause)
{
	struct mas_verdict v = { .id = { .kind = PSK_MR, .tls = PSK_TLS_1_3, .node = *node,
		                         .index = index } };
	enum rc rc = judging(b, &v);

	*cause = v.cause + (v.permanent ? 100 : 0);
	return rc;
}

enum rc
bed_verify(struct mas_bed *b, struct audit_check *out)
{
	struct mas_audit_verify v = { .outcome.rc = RC_OK };
	enum rc rc = verifying(b, &v);

	*out = v.check;
	return rc;
}

static void
page_begin(struct mas_query *q)
{
	struct mas_bed *b = ((struct bed_call *)q->owner)->b;

	b->n_nodes = b->n_kmrs = b->n_conns = 0;
}

static void
page_row(struct mas_query *q, const struct mas_node *n, const struct mas_kmr *k,
         const struct mas_conn *c)
{
	struct mas_bed *b = ((struct bed_call *)q->owner)->b;

	if (n != NULL && b->n_nodes < BED_PAGE)
		b->nodes[b->n_nodes++] = *n;
	if (k != NULL && b->n_kmrs < BED_PAGE)
		b->kmrs[b->n_kmrs++] = *k;
	if (c != NULL && b->n_conns < BED_PAGE)
		b->conns[b->n_conns++] = *c;
}

enum rc
bed_query(struct mas_bed *b, struct mas_query *q)
{
	q->begin = page_begin;
	q->row = page_row;
	return querying(b, q);
}

enum rc
bed_show(struct mas_bed *b, const struct node_id *node)
{
	struct mas_query q = { .list = MAS_SHOW_NODE, .has_node = true, .node = *node };

	return bed_query(b, &q);
}

/* ---- common cases ---- */

struct key
bed_key(uint8_t octet)
{
	struct key k;

	for (unsigned i = 0; i < KEY_BYTES; i++)
		k.v[i] = (uint8_t)(octet + i);
	return k;
}

struct node_id
bed_node(uint8_t last)
{
	struct node_id id = { { 0x01, 0xbc, 0xad, 0x98, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 } };

	id.v[NODE_ID_BYTES - 1] = last;
	return id;
}

struct sign_public
bed_reject_public(void)
{
	struct sign_public pub;
	struct sign_key *k;

	ck_assert_int_eq(sign_key_from_pem(SLICE_LIT(reject_pem), &k), RC_OK);
	sign_key_public(k, &pub);
	sign_key_free(k);
	return pub;
}

uint32_t
bed_issue(struct mas_bed *b, uint8_t node, uint8_t octet)
{
	struct mas_provision p = { .has_node = true, .node = bed_node(node), .has_kmr = true,
		                   .kmr = bed_key(octet), .origin = "B6" };

	snprintf(p.scl_id, sizeof(p.scl_id), "scl-%u", (unsigned)node);
	ck_assert_int_eq(bed_provision(b, &p), RC_OK);
	return p.kmr_index;
}

struct mas_connect
bed_connecting(uint8_t node, uint32_t kmr_index)
{
	return (struct mas_connect){ .node = bed_node(node), .kmr_index = kmr_index,
		                     .exporter = bed_key(0xe0), .variant = MAS_C1_TLS_PSK,
		                     .tls_version = 0x0304, .source = SLICE_LIT("192.0.2.1") };
}

struct mas_connection
bed_connected(struct mas_bed *b, uint8_t node, uint32_t kmr_index)
{
	struct mas_connect c = bed_connecting(node, kmr_index);
	enum rc rc = bed_connect(b, &c);

	ck_assert_msg(rc == RC_OK, "connect: %d %s", (int)rc, c.outcome.reason);
	return c.connection;
}

bool
bed_psk(struct mas_bed *b, const struct node_id *node, uint32_t index, enum psk_tls tls,
        struct key *out)
{
	struct psk_id id = { .kind = PSK_MR, .tls = tls, .node = *node, .index = index };

	return b->mas.ops->psk(b->mas.self, &id, out);
}

const struct mas_kmr *
bed_kmr(const struct mas_bed *b, uint32_t index)
{
	for (unsigned i = 0; i < b->n_kmrs; i++)
		if (b->kmrs[i].index == index)
			return &b->kmrs[i];
	return NULL;
}

const struct mas_conn *
bed_conn(const struct mas_bed *b, uint64_t id)
{
	for (unsigned i = 0; i < b->n_conns; i++)
		if (b->conns[i].id == id)
			return &b->conns[i];
	return NULL;
}
