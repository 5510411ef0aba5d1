/* SPDX-License-Identifier: Apache-2.0 */
/* Which pushed configuration a node takes, and that it remembers what it has taken. */
#include "config.h"

#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "cap/sec/config_gate.h"
#include "core/peer.h"
#include "sec/config_doc.h"
#include "sign_bed.h"

#define OBJECT "mgmtObjs/firmware/app"
#define NODE_TEXT                                                                                  \
	"01bcad98010203040506"                                                                     \
	"0708090a0b0c"

/* What guard.h calls when a write goes on. */
struct waiting {
	struct guard_wait w; /* first */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool over;
	enum rc at_once, rc;
	struct slice reason;
};

static const struct key seal = { { 9 } };
static struct config_gate *gate;
static struct config_gate_conf conf;
static struct peer peer;
static struct req_input in;
static char key_file[128], book[128];
static bool has_node;

static bool
own_node(void *arg, struct node_id *out)
{
	(void)arg;
	*out = node;
	return has_node;
}

static void
open_gate(void)
{
	char why[SEC_WHY_MAX] = "";

	ck_assert_msg(config_gate_new(&conf, &gate, why) == RC_OK, "%s", why);
}

static void
again(void)
{
	config_gate_free(gate);
	open_gate();
}

static void
setup(void)
{
	sign_setup();
	make_pems();
	sign_key_free(cn);
	ck_assert_int_eq(sign_key_from_pem(slice_of(ed_pem), &cn), RC_OK);
	snprintf(key_file, sizeof(key_file), "%s", in_dir("file"));
	write_file(key_file, ed_public_pem, 0644);
	snprintf(book, sizeof(book), "%s", in_dir("book"));
	conf = (struct config_gate_conf){ .key = key_file,
		                          .require = true,
		                          .scl_id = "gscl-1",
		                          .sub_id = "sub-7",
		                          .node = own_node,
		                          .dir = book,
		                          .engine = &store_lmdb,
		                          .seal = &seal };
	peer = (struct peer){ .kind = PEER_PSK };
	in = (struct req_input){ .peer = &peer, .connection_id = 5 };
	has_node = true;
	open_gate();
}

static int
remove_one(const char *name, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(name);
}

static void
teardown(void)
{
	config_gate_free(gate);
	nftw(book, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	sign_teardown();
}

static void
then(struct guard_wait *w, enum rc rc, struct slice reason)
{
	struct waiting *x = (struct waiting *)(void *)w;

	pthread_mutex_lock(&x->lock);
	x->rc = rc;
	x->reason = reason;
	x->over = true;
	pthread_cond_signal(&x->changed);
	pthread_mutex_unlock(&x->lock);
}

static void
begin(struct waiting *x, const struct guard_config *c)
{
	*x = (struct waiting){ .w = { then },
		               .lock = PTHREAD_MUTEX_INITIALIZER,
		               .changed = PTHREAD_COND_INITIALIZER };
	x->at_once = config_gate_judge(gate, &in, c, &x->w, &x->reason);
}

static enum rc
outcome(struct waiting *x)
{
	enum rc rc = x->at_once;

	if (rc == RC_PENDING) {
		pthread_mutex_lock(&x->lock);
		while (!x->over)
			pthread_cond_wait(&x->changed, &x->lock);
		pthread_mutex_unlock(&x->lock);
		rc = x->rc;
	}
	if (rc != RC_OK)
		ck_assert(slice_is(x->reason, "CONFIG_REJECTED"));
	return rc;
}

static enum rc
judge_as(const struct config_doc *d, const char *object, const char *resource)
{
	const struct guard_config c = { slice_of(object), slice_of(resource), d };
	struct waiting x;

	begin(&x, &c);
	return outcome(&x);
}

static struct config_doc
made(const char *target, uint64_t version, const struct sign_key *key)
{
	struct config_doc d = { .target = slice_of(target),
		                .version = version,
		                .type = SLICE_LIT("application/xml"),
		                .body = SLICE_LIT("<a/>") };

	ck_assert_int_eq(config_doc_sign(&d, key), RC_OK);
	return d;
}

static enum rc
judge(const char *target, uint64_t version)
{
	struct config_doc d = made(target, version, cn);

	return judge_as(&d, OBJECT, OBJECT);
}

static uint64_t
rejected(enum config_fault fault)
{
	return config_gate_rejected(gate, fault);
}

#define OWN NODE_TEXT "/" OBJECT

START_TEST(versions_rise)
{
	ck_assert_int_eq(judge(OWN, 5), RC_OK);
	ck_assert_int_eq(judge(OWN, 5), RC_FORBIDDEN);
	ck_assert_int_eq(judge(OWN, 4), RC_FORBIDDEN);
	ck_assert_int_eq(judge(OWN, 6), RC_OK);
	ck_assert_uint_eq(config_gate_accepted(gate), 2);
	ck_assert_uint_eq(rejected(CONFIG_STALE), 2);
}
END_TEST

/* Also those of a process that has ended. */
START_TEST(versions_stay)
{
	ck_assert_int_eq(judge(OWN, 5), RC_OK);
	again();
	ck_assert_int_eq(judge(OWN, 5), RC_FORBIDDEN);
	ck_assert_int_eq(judge(OWN, 6), RC_OK);
}
END_TEST

/* A version of another process is not forged by who can write the store. */
START_TEST(versions_are_sealed)
{
	static const struct key another = { { 8 } };

	ck_assert_int_eq(judge(OWN, 5), RC_OK);
	conf.seal = &another;
	again();
	ck_assert_int_eq(judge(OWN, 6), RC_UNAVAILABLE);
	ck_assert_uint_eq(rejected(CONFIG_NOT_KEPT), 1);
}
END_TEST

/* Each object has its own, an attribute that of its resource. */
START_TEST(versions_of_objects)
{
	struct config_doc d = made(NODE_TEXT "/" OBJECT "/URL", 7, cn);
	struct config_doc e = made(NODE_TEXT "/mgmtObjs", 1, cn);

	ck_assert_int_eq(judge_as(&d, OBJECT "/URL", OBJECT), RC_OK);
	ck_assert_int_eq(judge(OWN, 7), RC_FORBIDDEN);
	ck_assert_int_eq(judge_as(&e, "mgmtObjs", "mgmtObjs"), RC_OK);
	ck_assert_int_eq(judge(OWN, 8), RC_OK);
}
END_TEST

START_TEST(targets)
{
	ck_assert_int_eq(judge("gscl-1/" OBJECT, 1), RC_OK);
	ck_assert_int_eq(judge("sub-7/" OBJECT, 2), RC_OK);
	ck_assert_int_eq(judge(OWN, 3), RC_OK);
	ck_assert_int_eq(judge("gscl-2/" OBJECT, 4), RC_FORBIDDEN);
	ck_assert_int_eq(judge(NODE_TEXT, 4), RC_FORBIDDEN);
	ck_assert_int_eq(judge(NODE_TEXT "/" OBJECT "x", 4), RC_FORBIDDEN);
	ck_assert_int_eq(judge(NODE_TEXT "/mgmtObjs", 4), RC_FORBIDDEN);
	has_node = false;
	ck_assert_int_eq(judge(OWN, 4), RC_FORBIDDEN);
	ck_assert_uint_eq(rejected(CONFIG_FOREIGN), 5);
}
END_TEST

/* What was refused has used up no version. */
START_TEST(signatures)
{
	struct config_doc d = made(OWN, 9, other);

	ck_assert_int_eq(judge_as(&d, OBJECT, OBJECT), RC_FORBIDDEN);
	d = made(OWN, 9, cn);
	d.body = SLICE_LIT("<b/>");
	ck_assert_int_eq(judge_as(&d, OBJECT, OBJECT), RC_FORBIDDEN);
	ck_assert_uint_eq(rejected(CONFIG_FORGED), 2);
	ck_assert_int_eq(judge(OWN, 1), RC_OK);
}
END_TEST

START_TEST(unsigned_ones)
{
	ck_assert_int_eq(judge_as(NULL, OBJECT, OBJECT), RC_FORBIDDEN);
	conf.require = false;
	again();
	ck_assert_int_eq(judge_as(NULL, OBJECT, OBJECT), RC_OK);
	ck_assert_int_eq(judge(OWN, 1), RC_OK);
	ck_assert_int_eq(judge_as(NULL, OBJECT, OBJECT), RC_FORBIDDEN);
	ck_assert_int_eq(judge_as(NULL, "mgmtObjs/x", "mgmtObjs/x"), RC_OK);
	ck_assert_uint_eq(rejected(CONFIG_UNSIGNED), 1);
}
END_TEST

START_TEST(ways)
{
	in.connection_id = 0;
	ck_assert_int_eq(judge(OWN, 1), RC_OK);
	peer.kind = PEER_UNPROVED;
	ck_assert_int_eq(judge(OWN, 2), RC_FORBIDDEN);
	peer.kind = PEER_UNIX;
	ck_assert_int_eq(judge(OWN, 2), RC_FORBIDDEN);
	ck_assert_uint_eq(rejected(CONFIG_CHANNEL), 2);
	peer.kind = PEER_CERTIFICATE;
	ck_assert_int_eq(judge(OWN, 2), RC_OK);
	in.peer = NULL;
	ck_assert_int_eq(judge(OWN, 3), RC_OK);
}
END_TEST

/* Many at once are of one transaction, which takes no more than one by one. */
START_TEST(room)
{
	enum { ONCE = 12, BEFORE = CONFIG_OBJECTS_MAX - 3 };
	char object[ONCE][32], target[ONCE][128];
	struct guard_config c[ONCE];
	struct config_doc d[ONCE];
	struct waiting x[ONCE];
	unsigned accepted = 0;

	conf.dir = NULL;
	conf.seal = NULL;
	again();
	for (unsigned i = 0; i < BEFORE + ONCE; i++) {
		unsigned k = i < BEFORE ? 0 : i - BEFORE;

		snprintf(object[k], sizeof(object[k]), "mgmtObjs/%u", i);
		snprintf(target[k], sizeof(target[k]), "gscl-1/%s", object[k]);
		d[k] = made(target[k], 1, cn);
		c[k] = (struct guard_config){ slice_of(object[k]), slice_of(object[k]), &d[k] };
		if (i < BEFORE)
			ck_assert_int_eq(judge_as(&d[k], object[k], object[k]), RC_OK);
	}
	for (unsigned k = 0; k < ONCE; k++)
		begin(&x[k], &c[k]);
	for (unsigned k = 0; k < ONCE; k++)
		accepted += outcome(&x[k]) == RC_OK;
	ck_assert_uint_eq(accepted, CONFIG_OBJECTS_MAX - BEFORE);
	ck_assert_uint_eq(rejected(CONFIG_FULL), ONCE - accepted);
}
END_TEST

START_TEST(stopped)
{
	config_gate_stop(gate);
	ck_assert_int_eq(judge(OWN, 1), RC_UNAVAILABLE);
}
END_TEST

START_TEST(keys)
{
	struct config_gate *none;
	char why[SEC_WHY_MAX];

	write_file(key_file, ec_public_pem, 0644);
	ck_assert_int_eq(config_gate_new(&conf, &none, why), RC_BAD_REQUEST);
	ck_assert_ptr_null(none);
	ck_assert_ptr_nonnull(strstr(why, "config.key"));
}
END_TEST

START_TEST(names)
{
	for (unsigned i = 0; i < CONFIG_FAULTS; i++)
		for (unsigned j = 0; j < i; j++)
			ck_assert_str_ne(config_fault_name(i), config_fault_name(j));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sec_config_gate");
	TCase *c = suite_case(s, "gate", setup, teardown);

	tcase_add_test(c, versions_rise);
	tcase_add_test(c, versions_stay);
	tcase_add_test(c, versions_are_sealed);
	tcase_add_test(c, versions_of_objects);
	tcase_add_test(c, targets);
	tcase_add_test(c, signatures);
	tcase_add_test(c, unsigned_ones);
	tcase_add_test(c, ways);
	tcase_add_test(c, room);
	tcase_add_test(c, stopped);
	tcase_add_test(c, keys);
	tcase_add_test(c, names);
	return run_suite(s);
}
