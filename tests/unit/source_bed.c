/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "source_bed.h"

#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/base64.h"
#include "cap/pxy/px_base.h"
#include "codec/json_fields.h"
#include "sec/hex.h"

#define ANSWERS 64
#define ANSWER_OCTETS 16384
#define STORE_ID "00000000000000aa"
#define FORWARD_ID "00000000000000bb"

struct source_bed source = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct capability_conf capability;

/* ---- what is received ---- */

/* The body of the request that a document is. */
static void
take_document(char *order, size_t size, struct slice document)
{
	char *text = malloc(document.n + 1), *from, *to;
	struct buf b;

	ck_assert_ptr_nonnull(text);
	memcpy(text, document.p, document.n);
	text[document.n] = '\0';
	from = strstr(text, "<representation");
	ck_assert_ptr_nonnull(from);
	from = strchr(from, '>') + 1;
	to = strchr(from, '<');
	buf_init(&b, 65536);
	ck_assert(base64_append(&b, slice_make(from, (size_t)(to - from))));
	saf_append(order, size, buf_view(&b));
	buf_fini(&b);
	free(text);
}

/* ---- the lane of a sink ---- */

static const struct pre_rekey *
key_of(const struct bed_sink *k, const struct pre_hdr *h)
{
	for (size_t i = 0; i < k->n_rk; i++)
		if (k->rk[i].id.stream == h->stream && k->rk[i].id.epoch == h->epoch)
			return &k->rk[i];
	return NULL;
}

static void
deliver(struct bed_sink *k, const struct pre_unit *u)
{
	struct pre_opened out;
	enum rc rc = pre_opening_take(k->opening, u, &out);

	if (rc != RC_OK) {
		k->refused++;
		return;
	}
	k->findings |= out.findings & ~(unsigned)PRE_UNENDED;
	if (out.type != PRE_DATA)
		return;
	k->got++;
	take_document(k->order, sizeof(k->order), out.plain);
	if (k != &source.sinks[2])
		take_document(source.order, sizeof(source.order), out.plain);
}

static void
deliver_mm(struct bed_sink *k, const struct pre_unit *u, const struct pre_rekey *rk)
{
	struct pre_grant *g;
	struct pre_unit again;
	struct buf b;

	buf_init(&b, PRE_UNIT_MAX);
	ck_assert_int_eq(pre_grant_new(rk, &g), RC_OK);
	ck_assert_int_eq(pre_reencrypt(g, u, NULL, slice_of(k->url), &b), RC_OK);
	ck_assert_int_eq(pre_unit_parse(buf_view(&b), NULL, &again), RC_OK);
	deliver(k, &again);
	pre_grant_free(g);
	buf_fini(&b);
}

/* All that it may have, up to where a key is missing that it will get. */
static void
run_lane(struct bed_sink *k)
{
	struct slice rest = slice_from(buf_view(&source.store), k->at);
	struct pre_unit u;

	k->units = 0;
	while (k->there && pre_batch_next(&rest, NULL, &u) == RC_OK) {
		const struct pre_rekey *rk = key_of(k, &u.hdr);
		bool later = k->n_rk > 0 && rk == NULL && u.hdr.epoch > k->rk[0].id.epoch;

		if (k->units > 0 || (later && !k->removed)) {
			k->units++;
			continue;
		}
		if (rk != NULL && u.hdr.type == PRE_MM2)
			deliver_mm(k, &u, rk);
		else if (rk != NULL)
			deliver(k, &u);
		k->at = source.store.n - rest.n;
	}
}

static void
run_lanes(void)
{
	for (size_t i = 0; i < BED_SINKS; i++)
		run_lane(&source.sinks[i]);
}

/* ---- the proxy ---- */

static char answers[ANSWERS][ANSWER_OCTETS];
static unsigned next_answer;

static struct port_answer
say(int status, const struct buf *body)
{
	char *to = answers[next_answer++ % ANSWERS];

	ck_assert(body == NULL || (!body->failed && body->n < ANSWER_OCTETS));
	snprintf(to, ANSWER_OCTETS, "%.*s", body == NULL ? 0 : (int)body->n,
	         body == NULL ? "" : body->p);
	return (struct port_answer){ .status = status, .body = to };
}

static struct port_answer
say_text(int status, const char *text)
{
	return (struct port_answer){ .status = status, .body = text };
}

/* Sections in their order; in them the management message, data, the end. */
static void
place_of(const struct pre_unit *u, uint64_t place[2])
{
	uint32_t seq = 0;

	place[0] = ((uint64_t)u->hdr.stream << 48 | (uint64_t)u->hdr.epoch << 16) +
	           u->hdr.key_index + 1;
	if (u->hdr.type == PRE_DATA)
		ck_assert_int_eq(pre_data_seq(u->rest, &seq), RC_OK);
	place[1] = u->hdr.type == PRE_MM2 ? 1 : u->hdr.type == PRE_DATA ? 2u + seq : UINT32_MAX;
}

static bool
follows(const uint64_t place[2])
{
	if (place[1] == 1)
		return place[0] > source.mark[0];
	if (place[0] != source.mark[0])
		return false;
	return place[1] == UINT32_MAX || place[1] == source.mark[1] + 1;
}

static bool
is_repetition(const uint64_t place[2])
{
	return place[0] < source.mark[0] ||
	       (place[0] == source.mark[0] && place[1] <= source.mark[1]);
}

static int
store_units(struct slice body)
{
	struct buf kept;
	struct slice rest = body;
	struct pre_unit u;
	enum rc rc;
	int status = 201;
	uint64_t before[2] = { source.mark[0], source.mark[1] };

	buf_init(&kept, 1u << 20);
	while ((rc = pre_batch_next(&rest, NULL, &u)) == RC_OK && status == 201) {
		uint64_t place[2];

		place_of(&u, place);
		if (is_repetition(place)) {
			source.duplicates++;
			continue;
		}
		if (!follows(place))
			status = 409;
		memcpy(source.mark, place, sizeof(place));
		buf_be(&kept, u.whole.n, 4);
		buf_slice(&kept, u.whole);
	}
	if (rc == RC_BAD_REQUEST)
		status = 400;
	if (status == 201)
		buf_slice(&source.store, buf_view(&kept));
	else
		memcpy(source.mark, before, sizeof(before));
	buf_fini(&kept);
	return status;
}

/* Nothing: the store itself. */
static void
write_disk(struct slice body)
{
	uint32_t n = (uint32_t)body.n;

	if (source.disk < 0)
		return;
	ck_assert_int_eq(write(source.disk, &n, sizeof(n)), sizeof(n));
	ck_assert_int_eq(write(source.disk, body.p, body.n), (ssize_t)body.n);
}

static void
read_all(int from, void *to, size_t n)
{
	char *p = to;

	while (n > 0) {
		ssize_t got = read(from, p, n);

		ck_assert_int_gt(got, 0);
		p += got;
		n -= (size_t)got;
	}
}

void
source_disk(int from)
{
	uint32_t n;

	while (read(from, &n, sizeof(n)) == sizeof(n)) {
		char *body = malloc(n + 1u);

		ck_assert_ptr_nonnull(body);
		read_all(from, body, n);
		source.has_store = true;
		ck_assert_int_eq(n == 0 ? 201 : store_units(slice_make(body, n)), 201);
		free(body);
	}
}

static struct port_answer
take_messages(const struct exchange *ex)
{
	int status = source.message_status;

	source.posts++;
	if (status != 200)
		return say_text(status, "");
	if (!source.has_store)
		return say_text(404, "");
	if (source.dies)
		raise(SIGKILL);
	status = store_units(ex->body);
	write_disk(ex->body);
	if (source.dies_behind)
		raise(SIGKILL);
	run_lanes();
	if (status == 201 && source.lose_answers > 0) {
		source.lose_answers--;
		return (struct port_answer){ .status = ANSWER_REFUSED };
	}
	return say_text(status, "{\"first\":1,\"last\":1,\"stored\":1,\"duplicates\":0}");
}

struct sink_fields {
	struct slice url, pk_id, rk, at;
	int64_t batch;
};

static const struct json_field sink_fields[] = {
	JSON_FIELD(struct sink_fields, url, "url", JSON_TEXT, true),
	JSON_FIELD(struct sink_fields, pk_id, "pkId", JSON_TEXT, false),
	JSON_FIELD(struct sink_fields, rk, "rk", JSON_LIST, false),
	JSON_FIELD(struct sink_fields, at, "at", JSON_TEXT, false),
	JSON_FIELD(struct sink_fields, batch, "batch", JSON_NUMBER, false),
};

struct key_fields {
	int64_t stream, epoch;
	struct slice rk;
};

static const struct json_field key_fields[] = {
	JSON_FIELD(struct key_fields, stream, "stream", JSON_NUMBER, true),
	JSON_FIELD(struct key_fields, epoch, "epoch", JSON_NUMBER, true),
	JSON_FIELD(struct key_fields, rk, "rk", JSON_TEXT, true),
};

static void
take_keys(struct bed_sink *k, struct slice list)
{
	struct slice item;

	while (json_item(&list, &item) == 1) {
		struct key_fields f;
		struct pre_rekey *rk = &k->rk[k->n_rk++];

		ck_assert_uint_le(k->n_rk, BED_KEYS);
		ck_assert(json_read(item, key_fields, NITEMS(key_fields), &f));
		*rk = (struct pre_rekey){ .id = { .stream = (uint16_t)f.stream,
			                          .epoch = (uint32_t)f.epoch } };
		ck_assert(hex_decode(f.rk, rk->rk, sizeof(rk->rk)));
		memcpy(rk->pk_id, k->pk_id, sizeof(rk->pk_id));
		ck_assert_int_eq(pre_source_name(slice_of(scl_base_uri(bed.scl)), rk->id.source),
		                 RC_OK);
	}
}

enum on_sinks { ADDS, KEYS, REMOVES };

static struct bed_sink *
next_sink(struct slice *list, struct sink_fields *f)
{
	struct bed_sink *k = source.sinks;
	struct slice item;

	if (json_item(list, &item) != 1)
		return NULL;
	*f = (struct sink_fields){ 0 };
	ck_assert(json_read(item, sink_fields, NITEMS(sink_fields), f));
	while (!slice_is(f->url, k->url))
		ck_assert(++k < source.sinks + BED_SINKS);
	return k;
}

static void
change_sinks(struct slice list, enum on_sinks what)
{
	struct sink_fields f;
	struct bed_sink *k;

	while ((k = next_sink(&list, &f)) != NULL) {
		bool now = slice_is(f.at, "now");

		ck_assert(k->there == (what != ADDS) && (!k->removed || now));
		if (what == ADDS)
			k->there = true;
		k->removed = what == REMOVES;
		if (now) {
			k->there = k->removed = false;
			k->at = k->n_rk = 0;
		}
		take_keys(k, f.rk);
	}
}

/* One that has not ended yet is in the way of another one at its URL. */
static bool
is_taken(struct slice adds)
{
	struct sink_fields f;
	struct bed_sink *k;

	while ((k = next_sink(&adds, &f)) != NULL)
		if (k->there)
			return true;
	return false;
}

static void
put_sinks(struct buf *b)
{
	json_put_open(b, "sinks", '[');
	for (size_t i = 0; i < BED_SINKS; i++) {
		struct bed_sink *k = &source.sinks[i];

		if (!k->there)
			continue;
		json_put_open(b, NULL, '{');
		json_put_text(b, "url", slice_of(k->url));
		json_put_text(b, "state", SLICE_LIT("idle"));
		json_put_number(b, "lag", k->units + (i == 2 && source.slow));
		if (k->removed)
			buf_puts(b, ",\"to\":[{\"stream\":1,\"epoch\":1,\"keyIndex\":1}]");
		json_put_open(b, "rk", '[');
		for (size_t n = 0; n < k->n_rk; n++) {
			json_put_open(b, NULL, '{');
			json_put_number(b, "stream", k->rk[n].id.stream);
			json_put_number(b, "epoch", k->rk[n].id.epoch);
			buf_char(b, '}');
		}
		buf_puts(b, "]}");
	}
	buf_char(b, ']');
}

static struct port_answer
show_forward(void)
{
	struct buf b;
	struct port_answer a;

	if (!source.has_forward)
		return say_text(404, "");
	buf_init(&b, ANSWER_OCTETS);
	json_put_open(&b, NULL, '{');
	json_put_text(&b, "id", SLICE_LIT(FORWARD_ID));
	json_put_number(&b, "revision", (int64_t)source.revision);
	put_sinks(&b);
	buf_char(&b, '}');
	a = say(200, &b);
	buf_fini(&b);
	return a;
}

struct forward_fields {
	struct slice request, sinks, action, add, keys, remove;
	int64_t revision;
};

static const struct json_field forward_fields[] = {
	JSON_FIELD(struct forward_fields, request, "request", JSON_TEXT, false),
	JSON_FIELD(struct forward_fields, sinks, "sinks", JSON_LIST, false),
	JSON_FIELD(struct forward_fields, action, "action", JSON_TEXT, false),
	JSON_FIELD(struct forward_fields, add, "add", JSON_LIST, false),
	JSON_FIELD(struct forward_fields, keys, "keys", JSON_LIST, false),
	JSON_FIELD(struct forward_fields, remove, "remove", JSON_LIST, false),
	JSON_FIELD(struct forward_fields, revision, "revision", JSON_NUMBER, false),
};

static struct port_answer
make_forward(const struct exchange *ex)
{
	struct forward_fields f = { 0 };
	struct port_answer a;

	ck_assert(json_read(ex->body, forward_fields, NITEMS(forward_fields), &f));
	if (!source.has_store)
		return say_text(404, "");
	source.has_forward = true;
	source.forwards++;
	source.revision = 1;
	change_sinks(f.sinks, ADDS);
	run_lanes();
	a = show_forward();
	a.status = 201;
	return a;
}

static struct port_answer
take_control(const struct exchange *ex)
{
	struct forward_fields f = { 0 };
	struct port_answer a;

	ck_assert(json_read(ex->body, forward_fields, NITEMS(forward_fields), &f));
	if (!source.has_forward)
		return say_text(404, "");
	if ((uint64_t)f.revision != source.revision)
		return say_text(409, "");
	if (f.remove.n == 0 && is_taken(f.add))
		return say_text(409, "");
	source.revision++;
	source.controls++;
	change_sinks(f.remove, REMOVES);
	change_sinks(f.add, ADDS);
	change_sinks(f.keys, KEYS);
	run_lanes();
	a = show_forward();
	return a;
}

static struct port_answer
show_info(const char *pk2)
{
	struct buf b;
	struct port_answer a;

	buf_init(&b, ANSWER_OCTETS);
	buf_puts(&b,
	         "{\"version\":1,\"capacity\":100000000,\"available\":100000000,\"largest\":65536,"
	         "\"batch\":131072,\"suites\":[1]");
	if (pk2 != NULL) {
		json_put_open(&b, "identity", '{');
		json_put_hex(&b, "pk2", source.sinks[0].pk2, AFGH_G2);
		json_put_hex(&b, "pkId", source.sinks[0].pk_id, PRE_PK_ID_SIZE);
		buf_char(&b, '}');
	}
	buf_char(&b, '}');
	a = say(200, &b);
	buf_fini(&b);
	return a;
}

static struct port_answer
make_store(void)
{
	source.has_store = true;
	source.stores++;
	write_disk(SLICE_LIT(""));
	return say_text(201, "{\"id\":\"" STORE_ID "\",\"expires\":\"2030-01-01T00:00:00Z\"}");
}

static struct port_answer
delete_store(void)
{
	source.has_store = source.has_forward = false;
	source.deleted++;
	buf_clear(&source.store);
	memset(source.mark, 0, sizeof(source.mark));
	for (size_t i = 0; i < BED_SINKS; i++) {
		source.sinks[i].there = source.sinks[i].removed = false;
		source.sinks[i].at = source.sinks[i].n_rk = 0;
		source.sinks[i].units = 0;
	}
	return (struct port_answer){ .status = 204 };
}

static struct port_answer
delete_forward(void)
{
	source.has_forward = false;
	return (struct port_answer){ .status = 204 };
}

static struct port_answer
ask_proxy(const struct exchange *ex, struct slice path)
{
	bool get = slice_is(ex->method, "GET"), removes = slice_is(ex->method, "DELETE");

	if (source.proxy_status != 200)
		return say_text(source.proxy_status, "");
	if (slice_is(path, "/info"))
		return show_info(NULL);
	if (slice_is(path, "/stores"))
		return make_store();
	if (slice_is(path, "/stores/" STORE_ID "/messages"))
		return take_messages(ex);
	if (slice_is(path, "/stores/" STORE_ID "/forwards"))
		return make_forward(ex);
	source.renewals += slice_is(ex->method, "PUT") && slice_is(path, "/stores/" STORE_ID);
	if (slice_is(path, "/stores/" STORE_ID))
		return removes ? delete_store() : say_text(source.has_store ? 200 : 404, "{}");
	if (slice_is(path, "/forwards/" FORWARD_ID "/control"))
		return take_control(ex);
	if (slice_is(path, "/forwards/" FORWARD_ID) && removes)
		return delete_forward();
	ck_assert(get);
	return show_forward();
}

/* ---- the uplink, and who asks whom ---- */

static struct port_answer
ask_uplink(const struct exchange *ex, struct slice path)
{
	static char text[64];

	if (!source.up)
		return (struct port_answer){ .status = ANSWER_REFUSED };
	if (slice_is(path, "/proxy/info"))
		return show_info("its own");
	if (slice_starts(path, SLICE_LIT("/proxy/inbox/"))) {
		snprintf(text, sizeof(text), "{\"waiting\":%u}", source.waiting);
		return say_text(200, text);
	}
	if (slice_is(ex->method, "POST"))
		saf_append(source.order, sizeof(source.order), ex->body);
	return (struct port_answer){ .status = slice_is(ex->method, "GET") ? 200 : 204 };
}

static struct port_answer
play(void *arg, const struct exchange *ex)
{
	static const struct {
		const char *url;
		struct port_answer (*ask)(const struct exchange *ex, struct slice path);
	} parties[] = { { OTHER, ask_uplink },
		        { SOURCE_PROXY, ask_proxy },
		        { SOURCE_SECOND, ask_proxy } };
	struct port_answer a = { .status = 204 };

	(void)arg;
	pthread_mutex_lock(&source.lock);
	source.infos += slice_starts(ex->url, SLICE_LIT("http://127.0.0."));
	for (size_t i = 0; i < NITEMS(parties); i++)
		if (slice_starts(ex->url, slice_of(parties[i].url)))
			a = (i == 1 && source.refuses_first) || (i == 2 && !source.answers_second)
			            ? (struct port_answer){ .status = ANSWER_REFUSED }
			            : parties[i].ask(ex,
			                             slice_from(ex->url, strlen(parties[i].url)));
	pthread_mutex_unlock(&source.lock);
	return a;
}

/* ---- life ---- */

static void
attach(struct scl *scl)
{
	char why[CAPABILITY_WHY_MAX] = "";

	ck_assert_msg(px_attach(scl, &capability, &source.px, why) == RC_OK, "%s", why);
	if (source.clock != NULL)
		source.px->clock = source.clock;
}

static void
make_identity(char *path, size_t size)
{
	struct buf b;

	snprintf(path, size, "%s/identity", source.dir);
	buf_init(&b, 65536);
	b.secret = true;
	ck_assert_int_eq(pre_identity_new(&source.identity), RC_OK);
	ck_assert_int_eq(pre_identity_write(source.identity, &b), RC_OK);
	ck_assert_int_eq(pre_key_write(path, buf_view(&b), true), RC_OK);
	buf_fini(&b);
}

static void
make_sink(struct bed_sink *k, const char *url)
{
	struct pre_opening_conf conf = { .afgh = source.afgh,
		                         .as = PRE_AS_SINK,
		                         .source = SLICE_LIT("http://scl.example.org:8080/m2m") };

	k->url = url;
	ck_assert_int_eq(afgh_keys_new(&k->keys), RC_OK);
	afgh_keys_public(k->keys, k->pk2);
	ck_assert_int_eq(pre_pk_id(slice_make(k->pk2, AFGH_G2), k->pk_id), RC_OK);
	conf.keys = k->keys;
	sign_key_public(pre_identity_sign(source.identity), &conf.key);
	ck_assert_int_eq(pre_opening_new(&conf, SLICE_NONE, &k->opening), RC_OK);
}

void
source_make(void)
{
	static const char *const nscl[] = { OTHER, NULL }, *const none[] = { NULL };
	static const char *const proxies[] = { SOURCE_PROXY, SOURCE_SECOND, NULL };
	static const char *const managers[] = { "claim:" SOURCE_MANAGER, NULL };
	static const char *const rigid[] = { "RCAT_0", NULL };
	static char identity[300];
	const char *tmp = getenv("TMPDIR");

	source = (struct source_bed){ .lock = PTHREAD_MUTEX_INITIALIZER,
		                      .up = false,
		                      .disk = -1,
		                      .proxy_status = 200,
		                      .message_status = 200 };
	buf_init(&source.store, 16u << 20);
	snprintf(source.dir, sizeof(source.dir), "%s/test-source-XXXXXX",
	         tmp == NULL ? "/tmp" : tmp);
	ck_assert_ptr_nonnull(mkdtemp(source.dir));
	ck_assert_int_eq(afgh_new(&source.afgh), RC_OK);
	make_identity(identity, sizeof(identity));
	make_sink(&source.sinks[0], OTHER "/proxy/inbox");
	make_sink(&source.sinks[1], SOURCE_STANDIN);
	make_sink(&source.sinks[2], SOURCE_EXTRA);
	capability = (struct capability_conf){
		.role = SCL_GSCL, .scl_id = "scl", .base = "m2m", .nscl = nscl
	};
	capability.proxy = (struct proxy_conf){ .state = source.dir,
		                                .engine = &store_lmdb,
		                                .identity = identity,
		                                .managers = managers,
		                                .threads = 2,
		                                .send_timeout_ms = 1000,
		                                .retry_first = 1000,
		                                .retry_max = 20000 };
	capability.proxy.source = (struct proxy_conf_source){ .enabled = true,
		                                              .proxies = proxies,
		                                              .discover = none,
		                                              .rigid_rcat = rigid,
		                                              .min_delay = 60 * CLOCK_SECOND,
		                                              .park = PROXY_PARK_FULL,
		                                              .park_level = 20,
		                                              .park_after = 1,
		                                              .destinations = 4,
		                                              .reserve = 1u << 20,
		                                              .store_ttl = 86400 * CLOCK_SECOND,
		                                              .epoch_sections = 1,
		                                              .section_messages = 40,
		                                              .section_time = 600 * CLOCK_SECOND,
		                                              .parked_max = 100000,
		                                              .drain = PROXY_DRAIN_APPLIED };
	source.conf = &capability.proxy.source;
	saf_init();
	port_fake_set(play, NULL);
	bed.attach = attach;
}

void
source_begin(bool first)
{
	char why[CAPABILITY_WHY_MAX] = "";

	capability.log = bed.log;
	core_start(&bed);
	ck_assert_msg(px_start(source.px, scl_base_uri(bed.scl), why) == RC_OK, "%s", why);
	if (first)
		saf_register("gw", OTHER);
}

void
source_end(void)
{
	px_stop(source.px);
	core_stop(&bed);
	px_detach(source.px);
	source.px = NULL;
}

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

void
source_free(void)
{
	if (source.px != NULL)
		source_end();
	core_fini(&bed);
	for (size_t i = 0; i < BED_SINKS; i++) {
		pre_opening_free(source.sinks[i].opening);
		afgh_keys_free(source.sinks[i].keys);
	}
	pre_identity_free(source.identity);
	afgh_free(source.afgh);
	buf_fini(&source.store);
	nftw(source.dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- what a test does ---- */

void
source_accept(unsigned from, unsigned n)
{
	for (unsigned i = from; i < from + n; i++) {
		char body[16];
		struct reply r;

		snprintf(body, sizeof(body), "%03u", i);
		r = saf_ask("POST", OTHER "/c",
		            (struct headers){ LATER(body, "http://sink.example.org:9000/a"),
		                              .rcat = "RCAT_3" },
		            body);
		ck_assert_msg(r.status == 202, "%s: %d %s", body, r.status, r.body);
		reply_fini(&r);
	}
}

void
source_expect_order(unsigned n)
{
	char want[BED_ORDER] = "", body[16];

	for (unsigned i = 0; i < n; i++) {
		snprintf(body, sizeof(body), "%03u", i);
		saf_append(want, sizeof(want), slice_of(body));
	}
	pthread_mutex_lock(&source.lock);
	ck_assert_str_eq(source.order, want);
	pthread_mutex_unlock(&source.lock);
}

unsigned
source_read(const unsigned *v)
{
	unsigned n;

	pthread_mutex_lock(&source.lock);
	n = *v;
	pthread_mutex_unlock(&source.lock);
	return n;
}

struct count {
	const unsigned *v;
	unsigned n;
};

static bool
is_reached(void *arg)
{
	const struct count *c = arg;

	return source_read(c->v) >= c->n;
}

void
source_await_count(const unsigned *v, unsigned n)
{
	struct count c = { v, n };

	ck_assert_msg(core_await(is_reached, &c), "%u of %u", source_read(v), n);
}

void
source_set(int *v, int to)
{
	pthread_mutex_lock(&source.lock);
	*v = to;
	pthread_mutex_unlock(&source.lock);
}

void
source_up(bool up)
{
	pthread_mutex_lock(&source.lock);
	source.up = up;
	pthread_mutex_unlock(&source.lock);
}

struct arrival {
	const char *order;
	unsigned n;
};

static bool
has_arrived(void *arg)
{
	const struct arrival *a = arg;
	bool has;

	pthread_mutex_lock(&source.lock);
	has = strlen(a->order) >= 4u * a->n;
	pthread_mutex_unlock(&source.lock);
	return has;
}

void
source_await(const char *order, unsigned n)
{
	struct arrival a = { order == NULL ? source.order : order, n };

	ck_assert_msg(core_await(has_arrived, &a), "%zu of %u: %s", strlen(a.order) / 4, n,
	              a.order);
}

/* What is shown of the source has yes and has not no. */
static bool
shows(const char *yes, const char *no)
{
	struct buf b;
	bool is;

	buf_init(&b, 65536);
	source_show(&b);
	buf_char(&b, '\0');
	is = strstr(b.p, yes) != NULL && strstr(b.p, no) == NULL;
	buf_fini(&b);
	return is;
}

static bool
is_direct(void *arg)
{
	(void)arg;
	return shows("DIRECT", "\"store\"");
}

static bool
is_known(void *arg)
{
	(void)arg;
	return shows("DIRECT", "\"waiting\":0");
}

static bool
is_lingering(void *arg)
{
	(void)arg;
	return shows("DIRECT", "DRAIN");
}

void
source_await_lingering(void)
{
	ck_assert(core_await(is_lingering, NULL));
}

void
source_await_known(void)
{
	ck_assert(core_await(is_known, NULL));
}

void
source_await_direct(void)
{
	ck_assert(core_await(is_direct, NULL));
}

/* ---- on the courier thread ---- */

struct naming {
	struct scl_task task; /* first */
	struct px_naming n;
	struct buf *show;
	bool removes, parks, done;
};

static void
naming_done(struct px_naming *n)
{
	struct naming *w = n->owner;

	pthread_mutex_lock(&source.lock);
	w->done = true;
	pthread_mutex_unlock(&source.lock);
}

static void
naming_run(struct scl_task *t)
{
	struct naming *w = (struct naming *)(void *)t;

	if (w->show != NULL)
		px_source_show(source.px->source, w->show);
	else if (w->parks)
		px_source_park(source.px->source);
	else if (w->removes)
		px_source_unname(source.px->source, &w->n);
	else
		px_source_name(source.px->source, &w->n);
	if (w->show != NULL || w->parks)
		naming_done(&w->n);
}

static bool
is_named(void *arg)
{
	struct naming *w = arg;
	bool done;

	pthread_mutex_lock(&source.lock);
	done = w->done;
	pthread_mutex_unlock(&source.lock);
	return done;
}

static enum rc
run_naming(struct naming *w)
{
	w->task.run = naming_run;
	w->n.done = naming_done;
	w->n.owner = w;
	scl_post(bed.scl, &w->task, 0);
	ck_assert(core_await(is_named, w));
	return w->n.rc;
}

enum rc
source_name(const char *name, unsigned sink, bool standin, bool from_now)
{
	struct naming w = { .n.from_now = from_now };
	struct px_spool_sink *k = &w.n.sink;

	snprintf(k->name, sizeof(k->name), "%s", name);
	snprintf(k->url, sizeof(k->url), "%s", source.sinks[sink].url);
	memcpy(k->pk2, source.sinks[sink].pk2, sizeof(k->pk2));
	k->destination = standin ? saf_relief_destination(SLICE_LIT(OTHER)) : 0;
	return run_naming(&w);
}

enum rc
source_unname(const char *name)
{
	struct naming w = { .removes = true };

	snprintf(w.n.sink.name, sizeof(w.n.sink.name), "%s", name);
	return run_naming(&w);
}

void
source_park(void)
{
	struct naming w = { .parks = true };

	(void)run_naming(&w);
}

void
source_show(struct buf *to)
{
	struct naming w = { .show = to };

	(void)run_naming(&w);
}
