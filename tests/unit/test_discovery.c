/* SPDX-License-Identifier: Apache-2.0 */
/* discovery by its indexes against a list of what was made. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "core_bed.h"
#include "repo_bed.h"

#define APPS BASE "/applications"

#define WORDS 5
#define PLACES 120

struct place {
	char path[128];
	unsigned words; /* bit n: search string w<n> */
	unsigned app; /* it is or lies in */
	bool there, is_app, visible;
};

static void
strings(unsigned words, char *to, size_t size)
{
	size_t n = (size_t)snprintf(to, size, "<m2m:searchStrings>");

	for (unsigned i = 0; i < WORDS; i++)
		if (words >> i & 1)
			n += (size_t)snprintf(to + n, size - n,
			                      "<m2m:searchString>w%u</m2m:searchString>", i);
	snprintf(to + n, size - n, "</m2m:searchStrings>");
}

static void
grow(struct core_bed *b, struct dice *d, struct place *places)
{
	for (unsigned i = 0; i < PLACES; i++) {
		struct place *p = &places[i];
		char words[512], id[16];

		*p = (struct place){ .words = dice(d, 1u << WORDS),
			             .app = i / 10,
			             .is_app = i % 10 == 0,
			             .visible = dice(d, 4) != 0 };
		strings(p->words, words, sizeof(words));
		snprintf(id, sizeof(id), "a%u", p->app);
		if (p->is_app) {
			p->visible = true;
			core_app(b, id, words);
			snprintf(p->path, sizeof(p->path), APPS "/%s", id);
		} else {
			char cid[16];

			snprintf(cid, sizeof(cid), "c%u", i);
			ck_assert_int_eq(core_container(b, id, cid,
			                                p->visible ? "default" : "hidden", words),
			                 201);
			snprintf(p->path, sizeof(p->path), APPS "/%s/containers/%s", id, cid);
		}
		p->there = true;
	}
}

/* Changes strings or removes some. */
static void
shake(struct core_bed *b, struct dice *d, struct place *places)
{
	for (unsigned i = 0; i < 10; i++) {
		struct place *p = &places[dice(d, PLACES)];
		char target[192], words[512], body[640];

		if (!p->there)
			continue;
		if (!p->is_app && p->visible && dice(d, 3) == 0) {
			ck_assert_int_eq(core_status(b, "DELETE", p->path, ADMIN, NULL), 204);
			p->there = false;
			continue;
		}
		if (!p->visible)
			continue;
		p->words = dice(d, 1u << WORDS);
		strings(p->words, words, sizeof(words));
		snprintf(body, sizeof(body), "<m2m:searchStrings " NS "%s",
		         words + strlen("<m2m:searchStrings"));
		snprintf(target, sizeof(target), "%s/searchStrings", p->path);
		ck_assert_int_eq(core_status(b, "PUT", target, ADMIN, body) / 100, 2);
	}
}

static bool
below(const char *path, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(path, prefix, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

static void
search(struct core_bed *b, const struct place *places, unsigned words, const char *prefix,
       const char *type)
{
	char target[512], reference[256];
	unsigned want = 0;
	struct reply r;
	int n = snprintf(target, sizeof(target), BASE "/discovery?maxSize=1000");

	for (unsigned i = 0; i < WORDS; i++)
		if (words >> i & 1)
			n += snprintf(target + n, sizeof(target) - (size_t)n, "&searchString=w%u",
			              i);
	if (prefix != NULL)
		n += snprintf(target + n, sizeof(target) - (size_t)n, "&searchPrefix=%s", prefix);
	if (type != NULL)
		snprintf(target + n, sizeof(target) - (size_t)n, "&inType=%s", type);
	r = core_ask(b, "GET", target, ADMIN, NULL);
	ck_assert_msg(r.status == 200, "%s: %d", target, r.status);
	for (unsigned i = 0; i < PLACES; i++) {
		const struct place *p = &places[i];
		bool is = p->there && p->visible && (p->words & words) == words &&
		          (prefix == NULL || below(p->path, prefix)) &&
		          (type == NULL || strcmp(type, p->is_app ? "AP" : "CT") == 0);

		snprintf(reference, sizeof(reference), "http://scl.example.org:8080%s<", p->path);
		ck_assert_msg((strstr(r.body, reference) != NULL) == is, "%s: %s: %s", target,
		              p->path, r.body);
		want += is;
	}
	/* And nothing else that has strings or such a type. */
	if (words != 0 || type != NULL) {
		snprintf(reference, sizeof(reference), "matchSize>%u<", want);
		ck_assert_msg(strstr(r.body, reference) != NULL, "%s: not %u: %s", target, want,
		              r.body);
	}
	reply_fini(&r);
}

/* By the index of strings, of types, or by walking: what is found is what is there. */
START_TEST(test_discovery)
{
	struct place *places = calloc(PLACES, sizeof(*places));
	struct core_bed b;
	struct dice d;

	ck_assert_ptr_nonnull(places);
	core_init_alone(&b);
	core_start(&b);
	dice_init(&d, "discovery");
	ck_assert_int_eq(core_do(&b, "POST", BASE "/accessRights",
	                         "<m2m:accessRight " NS " m2m:id=\"hidden\"><m2m:selfPermissions/>"
	                         "</m2m:accessRight>"),
	                 201);
	grow(&b, &d, places);
	for (unsigned round = 0; round < core_scale(30); round++) {
		for (unsigned i = 0; i < 10; i++) {
			static const char *const types[] = { NULL, NULL, "AP", "CT" };
			const struct place *p = &places[dice(&d, PLACES)];

			search(&b, places, dice(&d, 1u << WORDS) & dice(&d, 1u << WORDS),
			       dice(&d, 2) == 0 && p->there ? p->path : NULL,
			       types[dice(&d, NITEMS(types))]);
		}
		shake(&b, &d, places);
	}
	free(places);
	core_fini(&b);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("discovery");
	TCase *tc = tcase_create("discovery");

	tcase_set_timeout(tc, 300);
	tcase_add_test(tc, test_discovery);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return core_run(suite());
}
