/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "http_bed.h"
#include "suite.h"

struct certs certs;
const struct wire_tls trusting = { .ca = certs.ca };

void
bed_init(struct bed *b, int kind)
{
	memset(b, 0, sizeof(*b));
	b->conf = (struct http_conf){ .scl = &b->core, .address = "127.0.0.1", .serve = SERVE_MIA };
	if (kind == 0)
		return;
	b->conf.security = HTTP_CERTIFICATE;
	b->conf.cert_file = certs.server;
	b->conf.key_file = certs.key;
	b->tls = &trusting;
}

void
bed_run(struct bed *b)
{
	fake_start(&b->core);
	ck_assert_msg(http_start(&b->conf, &b->server, b->why) == RC_OK, "%s", b->why);
}

void
bed_end(struct bed *b)
{
	http_stop(b->server);
	ck_assert_uint_eq(atomic_load(&b->core.live), 0);
	fake_stop(&b->core);
}

struct wire *
join(const struct bed *b)
{
	struct wire *w = wire_open(http_port(b->server), NULL, b->tls);

	ck_assert_ptr_nonnull(w);
	return w;
}

int
ask_once(const struct bed *b, const char *text)
{
	struct wire *w = join(b);
	int status = wire_ask(w, text, NULL, 0);

	wire_close(w);
	return status;
}

bool
ends_with(struct slice s, const char *end)
{
	size_t n = strlen(end);

	return s.n >= n && memcmp(s.p + s.n - n, end, n) == 0;
}

void
check_field(const struct wire_reply *r, const char *name, const char *value)
{
	ck_assert_msg(slice_is(wire_field(r, name), value), "%s in %.*s", name, (int)r->head.n,
	              r->head.p);
}

int
bed_main(const char *name, const TTest *const *both, size_t n_both, const TTest *const *once,
         size_t n_once)
{
	Suite *s = suite_create(name);
	TCase *tc = tcase_create(name);
	int failed;

	certs_make(&certs);
	tcase_set_timeout(tc, 120);
	for (size_t i = 0; i < n_both; i++)
		tcase_add_loop_test(tc, both[i], 0, 2);
	for (size_t i = 0; i < n_once; i++)
		tcase_add_test(tc, once[i]);
	suite_add_tcase(s, tc);
	failed = run_suite(s);
	certs_remove(&certs);
	return failed;
}
