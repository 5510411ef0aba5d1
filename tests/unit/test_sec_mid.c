/* SPDX-License-Identifier: Apache-2.0 */
/* mId: who may say what on a connection, without one, and after its end. */
#include "config.h"

#include "mid_bed.h"

#include <stdio.h>

/* ---- identities ---- */

START_TEST(issuers_of_an_scl)
{
	static const char *const own[] = { LINK_1, LINK_1 "/", LINK_1 "/applications/a",
		                           "HTTPS://SCL-1.EXAMPLE:443/m2m", NULL };
	static const char *const others[] = {
		LINK_2, LINK_2 "/applications/a", BASE, BASE "/applications/a",
		"http://scl.example.org:8080/m2m", "https://elsewhere.example/m2m",
		"https://scl-1.example", "https://scl-1.example/m2m2", LINK_1 "/../m2m", LINK_1 "/%2e%2e/x",
	};
	struct session one, two;

	enrol(&one, 1, LINK_1);
	enrol(&two, 2, LINK_2);
	for (size_t i = 0; i < NITEMS(own); i++)
		expect(200, NULL, "GET", BASE, own[i], .peer = &one.peer);
	for (size_t i = 0; i < NITEMS(others); i++)
		expect(403, "SEC_IDENTITY", "GET", BASE, others[i], .peer = &one.peer);
	/* Again, for what was found out is remembered. */
	expect(200, NULL, "GET", BASE, LINK_1, .peer = &one.peer);
	expect(403, "SEC_IDENTITY", "GET", BASE, LINK_2, .peer = &one.peer);
	expect(403, "SEC_IDENTITY", "GET", BASE, LINK_1, .peer = &two.peer);
}
END_TEST

/* Until it is registered an SCL registers, under a name that is nobody's, and nothing else. */
START_TEST(issuer_before_registration)
{
	static const char *const more[] = {
		BASE "/scls", BASE "/scls/scl-2", BASE "/accessRights", BASE "/applications",
		BASE "?accessor=applications", BASE "/scls?accessor=scl-2", "/m2m/searchStrings",
	};
	static const char *const names[] = { LINK_1, "https://boss.example", "https://boss.example/",
		                             "/" };
	struct session one, two;
	char doc[1024];

	bed_issue(&mb, 1, 1);
	open_session(&one, 1);
	expect(200, NULL, "GET", BASE, LINK_2, .peer = &one.peer);
	expect(200, NULL, "GET", "//%6d2m/", LINK_2, .peer = &one.peer);
	expect(403, "SEC_IDENTITY", "GET", BASE, BASE, .peer = &one.peer);
	for (size_t n = 0; n < NITEMS(names); n++) {
		for (size_t i = 0; i < NITEMS(more); i++)
			expect(403, "SEC_IDENTITY", "GET", more[i], names[n], .peer = &one.peer);
		expect(403, "SEC_IDENTITY", "GET", "http://elsewhere.example/m2m", names[n],
		       .peer = &one.peer);
		expect(403, "SEC_IDENTITY", "POST", BASE "/applications", names[n],
		       "<m2m:application " NS " appId=\"a\"/>", .peer = &one.peer);
		expect(403, "SEC_IDENTITY", "PUT", BASE, names[n], "<x/>", .peer = &one.peer);
		expect(403, "SEC_IDENTITY", "DELETE", BASE "/scls/subscriptions/s", names[n],
		       .peer = &one.peer);
	}
	/* A registration that the network has lost is made again. */
	expect(404, NULL, "PUT", BASE "/scls/scl-1", LINK_1, "<x/>", .peer = &one.peer);
	enrol(&two, 2, LINK_2);
	expect(403, "SEC_IDENTITY", "GET", BASE, LINK_2, .peer = &one.peer);
	scl_doc(doc, "scl-1", LINK_2);
	expect(403, "SEC_IDENTITY", "POST", BASE "/scls", LINK_2, doc, .peer = &one.peer);
	scl_doc(doc, "scl-3", LINK_1);
	expect(403, "SEC_IDENTITY", "POST", BASE "/scls", LINK_1, doc, .peer = &one.peer);
	scl_doc(doc, "scl-1", LINK_1);
	expect(201, NULL, "POST", BASE "/scls", LINK_1, doc, .peer = &one.peer);
	expect(200, NULL, "GET", BASE "/applications", LINK_1, .peer = &one.peer);
	expect(204, NULL, "DELETE", BASE "/scls/scl-1", LINK_1, .peer = &one.peer);
	/* What was found out of its names went with it. */
	expect(403, "SEC_IDENTITY", "GET", BASE "/applications", LINK_1, .peer = &one.peer);
}
END_TEST

static void
nscl_doc(char out[1024], const char *id, const char *link)
{
	snprintf(out, 1024,
	         "<m2m:scl " NS " sclId=\"%s\"><m2m:link>%s</m2m:link>"
	         "<m2m:mgmtProtocolType>OMA_DM</m2m:mgmtProtocolType>"
	         "<m2m:sclType>NSCL</m2m:sclType></m2m:scl>",
	         id, link);
}

/* mIm: whom the configuration names, for what is its domain's. */
START_TEST(nscl_of_another_provider)
{
	static const char *const own[] = { LINK_PEER, LINK_PEER "/applications/a",
		                           "http://gw.peer.example:8080/m2m/applications/a",
		                           "https://PEER.example/x" };
	static const char *const others[] = {
		"https://boss.example", "https://boss.elsewhere.example/", "https://nscl.elsewhere.example/",
		"https://notpeer.example/", "http://own.peer.example/x", "http://gw.own.peer.example/x",
		"http://192.0.2.7/x", "https://peer.example@boss.example/", LINK_2,
	};
	struct session one, two;
	char doc[1024];

	enrol(&two, 2, LINK_2);
	bed_issue(&mb, 1, 1);
	open_session(&one, 1);
	nscl_doc(doc, "scl-1", LINK_1);
	expect(403, "SEC_IDENTITY", "POST", BASE "/scls", LINK_1, doc, .peer = &one.peer);
	nscl_doc(doc, "scl-1", "https://gw.peer.example/m2m");
	expect(403, "SEC_IDENTITY", "POST", BASE "/scls", "https://gw.peer.example/m2m", doc,
	       .peer = &one.peer);
	nscl_doc(doc, "scl-1", LINK_PEER);
	expect(201, NULL, "POST", BASE "/scls", LINK_PEER, doc, .peer = &one.peer);
	for (unsigned round = 0; round < 2; round++) {
		for (size_t i = 0; i < NITEMS(own); i++)
			expect(200, NULL, "GET", BASE, own[i], .peer = &one.peer);
		for (size_t i = 0; i < NITEMS(others); i++)
			expect(403, "SEC_IDENTITY", "GET", BASE, others[i], .peer = &one.peer);
	}
	expect(403, "SEC_IDENTITY", "GET", BASE, BASE "/applications/a", .peer = &one.peer);
	expect(403, "SEC_IDENTITY", "GET", BASE, own[2], .peer = &two.peer);
}
END_TEST

/* The link is not proved: no other SCL takes it, or what is below it, whatever it says it is. */
START_TEST(link_of_a_peer)
{
	static const char *const taken[] = {
		LINK_PEER, LINK_PEER "/", LINK_PEER "/applications/a",
		"HTTPS://NSCL.elsewhere.example:443/m2m", LINK_NOBODY, LINK_NOBODY "/x",
	};
	struct session s[3];
	char doc[1024];

	for (uint8_t i = 1; i <= 2; i++) {
		bed_issue(&mb, i, i);
		open_session(&s[i], i);
	}
	for (size_t i = 0; i < NITEMS(taken); i++) {
		nscl_doc(doc, "scl-2", taken[i]);
		expect(403, "SEC_IDENTITY", "POST", BASE "/scls", taken[i], doc,
		       .peer = &s[2].peer);
		scl_doc(doc, "scl-2", taken[i]);
		expect(403, "SEC_IDENTITY", "POST", BASE "/scls", taken[i], doc,
		       .peer = &s[2].peer);
	}
	nscl_doc(doc, "scl-1", LINK_NOBODY);
	expect(403, "SEC_IDENTITY", "POST", BASE "/scls", LINK_NOBODY, doc, .peer = &s[1].peer);
	/* What only begins alike is anybody's. */
	scl_doc(doc, "scl-2", LINK_PEER "2");
	expect(201, NULL, "POST", BASE "/scls", LINK_PEER "2", doc, .peer = &s[2].peer);
	nscl_doc(doc, "scl-1", LINK_PEER);
	expect(201, NULL, "POST", BASE "/scls", LINK_PEER, doc, .peer = &s[1].peer);
}
END_TEST

/* One that registered before the configuration said whose the link is does not speak as a peer. */
START_TEST(peer_of_another_time)
{
	struct session one;
	char doc[1024];

	bed_issue(&mb, 1, 1);
	open_session(&one, 1);
	nscl_doc(doc, "scl-1", LINK_PEER);
	expect(201, NULL, "POST", BASE "/scls", LINK_PEER, doc, .peer = &one.peer);
	expect(200, NULL, "GET", BASE, "https://peer.example/1", .peer = &one.peer);
	mid_peers[0].scl_id = "scl-9";
	expect(403, "SEC_IDENTITY", "GET", BASE, "https://peer.example/2", .peer = &one.peer);
	mid_peers[0].scl_id = NULL;
	expect(403, "SEC_IDENTITY", "GET", BASE, "https://peer.example/2", .peer = &one.peer);
	expect(200, NULL, "GET", BASE, LINK_PEER "/x", .peer = &one.peer);
}
END_TEST

START_TEST(paths_of_others)
{
	static const char *const paths[] = {
		BASE "/scls/scl-2", BASE "/SL/scl-2", "/m2m//scls//scl-2/", "/%6d2m/scls/scl%2D2",
		BASE "/scls/scl-2/containers", "http://scl.example.org:8080/m2m/scls/scl-2",
		BASE "/scls/%zz",
	};
	struct session one, two;

	enrol(&one, 1, LINK_1);
	enrol(&two, 2, LINK_2);
	for (size_t i = 0; i < NITEMS(paths); i++) {
		expect(403, "SEC_IDENTITY", "PUT", paths[i], LINK_1, "<x/>", .peer = &one.peer);
		expect(403, "SEC_IDENTITY", "DELETE", paths[i], LINK_1, .peer = &one.peer);
	}
	/* To look is a matter of access rights. */
	expect(404, NULL, "GET", BASE "/scls/scl-2", LINK_1, .peer = &one.peer);
	expect(204, NULL, "DELETE", BASE "/scls/scl-1", LINK_1, .peer = &one.peer);
}
END_TEST

/* What belongs to the collection is no SCL's: access rights say who changes it. */
START_TEST(what_is_of_scls)
{
	static const char subscription[] =
		"<m2m:subscription " NS " m2m:id=\"s\"><m2m:contact>" LINK_1 "/x</m2m:contact>"
		"</m2m:subscription>";
	static const char *const parts[] = { "subscriptions/none", "mgmtObjs/none", "SU/none",
		                             "subscriptions/none/contact", "accessRightID" };
	struct session one;
	char path[128];

	enrol(&one, 1, LINK_1);
	expect(201, NULL, "POST", BASE "/scls/subscriptions", LINK_1, subscription,
	       .peer = &one.peer);
	expect(204, NULL, "DELETE", BASE "/scls/subscriptions/s", LINK_1, .peer = &one.peer);
	for (size_t i = 0; i < NITEMS(parts); i++) {
		struct reply r;

		snprintf(path, sizeof(path), BASE "/SL/%s", parts[i]);
		r = ask(&(struct ask){ "DELETE", path, LINK_1, .peer = &one.peer });
		ck_assert_msg(strstr(r.body, "SEC_IDENTITY") == NULL, "%s: %d %s", path, r.status, r.body);
		reply_fini(&r);
	}
	expect(405, NULL, "DELETE", BASE "/scls", LINK_1, .peer = &one.peer);
	expect(403, "SEC_IDENTITY", "DELETE", BASE "/scls/Subscriptions", LINK_1, .peer = &one.peer);
}
END_TEST

/* ---- by way of this SCL ---- */

#define MEMBERS BASE "/groups/g/membersContent"

static void
make_group(const char *members)
{
	char doc[1024];
	struct reply r;

	snprintf(doc, sizeof(doc),
	         "<m2m:group " NS " m2m:id=\"g\"><m2m:accessRightID>" BASE
	         "/accessRights/default</m2m:accessRightID><m2m:memberType>MIXED</m2m:memberType>"
	         "<m2m:members>%s</m2m:members></m2m:group>",
	         members);
	bed.listener = &listeners[MIXED];
	r = ask(&(struct ask){ "POST", BASE "/groups", ADMIN, .body = doc });
	bed.listener = &listeners[PSK];
	ck_assert_msg(r.status == 201, "%d %s", r.status, r.body);
	reply_fini(&r);
}

/* Everybody may do everything with that scl, as far as access rights say. */
static void
give_away(const struct session *s, unsigned n, const char *link)
{
	char path[64], doc[1024];

	snprintf(path, sizeof(path), BASE "/scls/scl-%u", n);
	snprintf(doc, sizeof(doc),
	         "<m2m:scl " NS "><m2m:accessRightID>" BASE "/accessRights/default</m2m:accessRightID>"
	         "<m2m:mgmtProtocolType>OMA_DM</m2m:mgmtProtocolType></m2m:scl>");
	expect(204, NULL, "PUT", path, link, doc, .peer = &s->peer);
}

START_TEST(others_by_a_group)
{
	struct session one, two;
	struct reply r;

	enrol(&one, 1, LINK_1);
	enrol(&two, 2, LINK_2);
	give_away(&two, 2, LINK_2);
	expect(200, NULL, "GET", BASE "/scls/scl-2", LINK_1, .peer = &one.peer);
	make_group("<reference>" BASE "/scls/scl-2</reference>");
	r = ask(&(struct ask){ "DELETE", MEMBERS, LINK_1, .peer = &one.peer });
	ck_assert_msg(strstr(r.body, "STATUS_FORBIDDEN") != NULL, "%d %s", r.status, r.body);
	reply_fini(&r);
	r = ask(&(struct ask){ "GET", MEMBERS, LINK_1, .peer = &one.peer });
	ck_assert_msg(strstr(r.body, "STATUS_OK") != NULL, "%d %s", r.status, r.body);
	reply_fini(&r);
	expect(200, NULL, "GET", BASE "/scls/scl-2", LINK_2, .peer = &two.peer);
	r = ask(&(struct ask){ "DELETE", MEMBERS, LINK_2, .peer = &two.peer });
	ck_assert_msg(strstr(r.body, "STATUS_FORBIDDEN") == NULL, "%d %s", r.status, r.body);
	reply_fini(&r);
	expect(404, NULL, "GET", BASE "/scls/scl-2", LINK_2, .peer = &two.peer);
}
END_TEST

/* A report is checked, and ends the connection, wherever it comes in. */
START_TEST(report_by_a_group)
{
	static const char doc[] =
		"<m2m:scl " NS "><m2m:mgmtProtocolType>OMA_DM</m2m:mgmtProtocolType>"
		"<m2m:integrityValResults><ivalResults>31</ivalResults>"
		"<signedIvalResult>1</signedIvalResult>"
		"<secureTimeStamp>2020-01-01T00:00:00Z</secureTimeStamp>"
		"</m2m:integrityValResults></m2m:scl>";
	struct session one;
	struct reply r;

	enrol(&one, 1, LINK_1);
	give_away(&one, 1, LINK_1);
	make_group("<reference>" BASE "/scls/scl-1</reference>");
	r = ask(&(struct ask){ "PUT", MEMBERS, LINK_1, doc, .peer = &one.peer });
	ck_assert_msg(strstr(r.body, "STATUS_FORBIDDEN") != NULL, "%d %s", r.status, r.body);
	reply_fini(&r);
	expect(401, "SEC_KMC_EXPIRED", "GET", BASE, LINK_1, .peer = &one.peer);
}
END_TEST

static enum rc
on_behalf(const char *method, const char *target, const char *from, const char *scl_id)
{
	struct arena *a = arena_new(65536);
	struct req_input in = { .op = method[0] == 'G' ? REQ_RETRIEVE : REQ_CREATE,
		                .target = slice_of(target), .from = slice_of(from),
		                .scl_id = scl_id == NULL ? SLICE_NONE : slice_of(scl_id) };
	struct slice reason = SLICE_NONE;
	enum rc rc = mid_behalf(mid, &in, a, &reason);

	ck_assert(rc != RC_FORBIDDEN || slice_is(reason, "SEC_IDENTITY"));
	arena_free(a);
	return rc;
}

/* Notifications and the like are in the name of who asked for them; no connection tells who. */
START_TEST(on_behalf_of)
{
	static const char other[] = BASE "/scls/scl-2/containers/c/contentInstances";
	struct session one, two;

	enrol(&one, 1, LINK_1);
	enrol(&two, 2, LINK_2);
	ck_assert_int_eq(on_behalf("POST", other, LINK_1, NULL), RC_FORBIDDEN);
	ck_assert_int_eq(on_behalf("POST", other, LINK_1 "/applications/a", NULL), RC_FORBIDDEN);
	ck_assert_int_eq(on_behalf("POST", other, LINK_2 "/applications/a", NULL), RC_OK);
	ck_assert_int_eq(on_behalf("POST", other, "https://app.example/", NULL), RC_OK);
	ck_assert_int_eq(on_behalf("POST", other, BASE "/applications/a", NULL), RC_OK);
	ck_assert_int_eq(on_behalf("GET", other, LINK_1, NULL), RC_OK);
	ck_assert_int_eq(on_behalf("POST", BASE "/scls/subscriptions", LINK_1, NULL), RC_OK);
	ck_assert_int_eq(on_behalf("POST", BASE "/applications/a/containers", LINK_1, NULL), RC_OK);
	ck_assert_int_eq(on_behalf("POST", other, LINK_2, "scl-1"), RC_FORBIDDEN);
	ck_assert_int_eq(on_behalf("POST", other, LINK_1, "scl-2"), RC_OK);
	ck_assert_int_eq(on_behalf("POST", BASE "/scls/scl-2/%zz", LINK_1, NULL), RC_FORBIDDEN);
	ck_assert_int_eq(on_behalf("POST", BASE "/scls/%zz", LINK_1, NULL), RC_FORBIDDEN);
}
END_TEST

static struct peer
certified(const struct slice *uris, size_t n)
{
	struct peer p = peer_of(NULL);

	p.kind = PEER_CERTIFICATE;
	p.uris = uris;
	p.n_uris = n;
	return p;
}

START_TEST(static_credentials)
{
	static const struct slice good[] = { SLICE_INIT("urn:m2m:role:scl"), SLICE_INIT("urn:m2m:scl:a") };
	static const struct slice two[] = { SLICE_INIT("urn:m2m:role:scl"), SLICE_INIT("urn:m2m:scl:a"),
		                            SLICE_INIT("urn:m2m:scl:b") };
	struct peer yes = certified(good, 2), role = certified(good, 1), name = certified(good + 1, 1),
	            both = certified(two, 3);
	char doc[1024];

	scl_doc(doc, "a", LINK_1);
	expect(403, "SEC_NO_CONNECTION", "POST", BASE "/scls", LINK_1, doc, .peer = &yes);
	sec.static_credentials = true;
	expect(403, "SEC_NO_CONNECTION", "POST", BASE "/scls", LINK_1, doc, .peer = &role);
	expect(403, "SEC_NO_CONNECTION", "POST", BASE "/scls", LINK_1, doc, .peer = &name);
	expect(403, "SEC_NO_CONNECTION", "POST", BASE "/scls", LINK_1, doc, .peer = &both);
	expect(201, NULL, "POST", BASE "/scls", LINK_1, doc, .peer = &yes);
	scl_doc(doc, "b", LINK_1);
	expect(403, "SEC_IDENTITY", "POST", BASE "/scls", LINK_1, doc, .peer = &yes);
	expect(403, "SEC_IDENTITY", "GET", BASE, LINK_2, .peer = &yes);
}
END_TEST

START_TEST(without_connection)
{
	struct peer p = peer_of(NULL), local = peer_of(NULL);
	struct session one;
	unsigned refused = 0;
	char doc[1024];

	local.loopback = true;
	local.address = SLICE_LIT("127.0.0.1");
	enrol(&one, 1, LINK_1);
	scl_doc(doc, "x", LINK_2);
	bed.listener = &listeners[CLEAR];
	expect(403, "SEC_NO_CONNECTION", "POST", BASE "/scls", LINK_2, doc, .peer = &local);
	expect(403, "SEC_NO_CONNECTION", "GET", BASE, LINK_2, .peer = &local);
	bed.listener = &listeners[MIXED];
	expect(403, "SEC_NO_CONNECTION", "POST", BASE "/SL", LINK_2, doc, .peer = &local);
	expect(403, "SEC_NO_CONNECTION", "GET", BASE, LINK_1 "/applications/a", .peer = &local);
	expect(200, NULL, "GET", BASE, "http://app.example/", .peer = &local);
	sec.open_on_loopback = true;
	expect(201, NULL, "POST", BASE "/scls", LINK_2, doc, .peer = &local);
	expect(403, "SEC_NO_CONNECTION", "POST", BASE "/scls", LINK_2, doc, .peer = &p);
	for (int i = 0; i < 40; i++) {
		struct reply r = ask(&(struct ask){ "POST", BASE "/scls", LINK_2, doc, .peer = &p });

		ck_assert(r.status == 403 || r.status == 503);
		refused += r.status == 503;
		reply_fini(&r);
	}
	ck_assert_uint_gt(refused, 10);
}
END_TEST

/* What is known of a name is so until the next registration comes or goes, or is changed. */
START_TEST(names_without_connection)
{
	static const char from[] = LINK_1 "/applications/a";
	struct peer local = peer_of(NULL);
	struct session one;
	char name[600], doc[1024];

	local.loopback = true;
	local.address = SLICE_NONE; /* nothing limits how often it is refused */
	memset(name, 'x', sizeof(name) - 1);
	memcpy(name, LINK_1 "/", strlen(LINK_1 "/"));
	for (unsigned round = 0; round < 3; round++) {
		bed.listener = &listeners[MIXED];
		for (size_t n = strlen(LINK_1 "/"); n < sizeof(name); n += 13) {
			name[n] = '\0';
			expect(200, NULL, "GET", BASE, name, .peer = &local);
			expect(200, NULL, "GET", BASE, name, .peer = &local);
			name[n] = 'x';
		}
		expect(200, NULL, "GET", BASE, from, .peer = &local);
		expect(200, NULL, "GET", BASE, from, .peer = &local);
		bed.listener = &listeners[PSK];
		if (round == 0) {
			enrol(&one, 1, LINK_1);
		} else {
			scl_doc(doc, "scl-1", LINK_1);
			expect(201, NULL, "POST", BASE "/scls", LINK_1, doc, .peer = &one.peer);
		}
		bed.listener = &listeners[MIXED];
		/* As many others as there may be room for. */
		for (unsigned i = 0; i < 256; i++) {
			snprintf(doc, sizeof(doc), "http://app.example/%u", i);
			expect(200, NULL, "GET", BASE, doc, .peer = &local);
		}
		for (size_t n = strlen(LINK_1 "/"); n < sizeof(name); n += 13) {
			name[n] = '\0';
			expect(403, "SEC_NO_CONNECTION", "GET", BASE, name, .peer = &local);
			name[n] = 'x';
		}
		expect(403, "SEC_NO_CONNECTION", "GET", BASE, from, .peer = &local);
		bed.listener = &listeners[PSK];
		expect(204, NULL, "DELETE", BASE "/scls/scl-1", LINK_1, .peer = &one.peer);
	}
}
END_TEST

/* ---- ends ---- */

START_TEST(over)
{
	struct session one, two;

	enrol(&one, 1, LINK_1);
	enrol(&two, 2, LINK_2);
	revoke(MAS_REVOKE_CONNECTION, 1, one.conn.id);
	expect(403, "SEC_REVOKED", "GET", BASE, LINK_1, .peer = &one.peer);
	expect(200, NULL, "GET", BASE, LINK_2, .peer = &two.peer);
	bed_pass(&mb, 86400 * CLOCK_SECOND);
	expect(401, "SEC_KMC_EXPIRED", "GET", BASE, LINK_2, .peer = &two.peer);
	two.peer = peer_of("mc3.0000000000000001.1");
	expect(401, "SEC_KMC_EXPIRED", "GET", BASE, LINK_2, .peer = &two.peer);
}
END_TEST

/* An answer that was waited for is not for whoever has a key that was revoked meanwhile. */
START_TEST(revoked_while_it_waits)
{
	struct arena *a = arena_new(4096);
	struct req_answer out = { .http_status = 200, .body = strdup("secret"), .body_len = 6 };
	struct req_input in = { 0 };
	struct session one;

	bed_issue(&mb, 1, 1);
	open_session(&one, 1);
	in.connection_id = one.conn.id;
	ck_assert(mid_seal(mid, &in, a, &out));
	live_end(live, one.conn.id, LIVE_ENDED);
	ck_assert(mid_seal(mid, &in, a, &out));
	live_end(live, one.conn.id, LIVE_REVOKED);
	ck_assert(!mid_seal(mid, &in, a, &out));
	free(out.body);
	arena_free(a);
}
END_TEST

/* ---- at a node ---- */

START_TEST(at_a_node)
{
	struct mas_connection c = { .id = 5, .kmc_index = 1, .flags = MAS_CHANNEL,
		                    .expires = BED_START + BED_HOUR, .scl_id = "scl-1" };
	struct peer nscl = peer_of("mn3.0000000000000005.1"), other = peer_of("mc3.0000000000000005.1"),
	            root = peer_of(mr_identity(1));
	struct psk_id id = { .kind = PSK_MC, .tls = PSK_TLS_1_3, .connection = 5, .index = 1 };
	struct reply r;
	struct key k;

	ck_assert_int_eq(live_put(live, &c), RC_OK);
	ck_assert(!mid_psk(mid, &id, &k));
	id.kind = PSK_MN;
	ck_assert(mid_psk(mid, &id, &k));
	expect(200, NULL, "GET", BASE, "https://anybody.example/x", .peer = &nscl);
	r = ask(&(struct ask){ "GET", "http://elsewhere.example/m2m", "https://anybody.example/x",
	                       .peer = &nscl });
	ck_assert_int_eq(r.status, 404);
	ck_assert_msg(strstr(r.body, "known SCL") == NULL, "it was looked for: %s", r.body);
	reply_fini(&r);
	expect(403, "SEC_NO_CONNECTION", "GET", BASE, "https://anybody.example/x", .peer = &other);
	expect(403, "SEC_NO_CONNECTION", "GET", BASE, "https://anybody.example/x", .peer = &root);
	live_end(live, 5, LIVE_ENDED);
	expect(401, "SEC_KMC_EXPIRED", "GET", BASE, "https://anybody.example/x", .peer = &nscl);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sec_mid");
	TCase *c = suite_case(s, "network", mid_setup, mid_teardown);

	tcase_add_test(c, issuers_of_an_scl);
	tcase_add_test(c, issuer_before_registration);
	tcase_add_test(c, nscl_of_another_provider);
	tcase_add_test(c, link_of_a_peer);
	tcase_add_test(c, peer_of_another_time);
	tcase_add_test(c, paths_of_others);
	tcase_add_test(c, what_is_of_scls);
	tcase_add_test(c, others_by_a_group);
	tcase_add_test(c, report_by_a_group);
	tcase_add_test(c, on_behalf_of);
	tcase_add_test(c, static_credentials);
	tcase_add_test(c, without_connection);
	tcase_add_test(c, names_without_connection);
	tcase_add_test(c, over);
	tcase_add_test(c, revoked_while_it_waits);
	c = suite_case(s, "node", mid_setup_node, mid_teardown);
	tcase_add_test(c, at_a_node);
	return run_suite(s);
}
