/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "coap_out_bed.h"

#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"

_Atomic bool names_held;
_Atomic unsigned n_names_held;

typedef int look_up(const char *, const char *, const struct addrinfo *, struct addrinfo **);

static int
slow_example(look_up *real, const char *service, const struct addrinfo *hints,
             struct addrinfo **out)
{
	const struct timespec pause = { .tv_nsec = 10000000 };

	atomic_fetch_add(&n_names_held, 1);
	while (atomic_load(&names_held))
		nanosleep(&pause, NULL);
	return real("127.0.0.1", service, hints, out);
}

static int
two_example(look_up *real, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
	int failed = real("127.0.0.2", service, hints, out);

	return failed ? failed : real("127.0.0.1", service, hints, &(*out)->ai_next);
}

/* In place of libc's. */
int
getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
            struct addrinfo **out)
{
	look_up *real;
	void *found = dlsym(RTLD_NEXT, "getaddrinfo");

	memcpy(&real, &found, sizeof(real));
	if ((hints->ai_flags & AI_NUMERICHOST) != 0)
		return real(host, service, hints, out);
	if (strcmp(host, "slow.example") == 0)
		return slow_example(real, service, hints, out);
	if (strcmp(host, "two.example") == 0)
		return two_example(real, service, hints, out);
	return real(strcmp(host, "other.example") == 0 ? "127.0.0.1" : host, service, hints, out);
}

static void
errand_done(struct exchange *ex)
{
	struct coap_errand *e = ex->owner;

	e->done++;
	if (e->again != NULL) {
		struct port *p = e->again;

		e->again = NULL;
		port_coap.send(p, ex);
		ck_assert_uint_eq(e->done, 1);
	}
}

void
errand_to(struct coap_errand *e, const char *scheme, const char *host, unsigned port,
          const char *method, const char *path)
{
	memset(e, 0, sizeof(*e));
	snprintf(e->url, sizeof(e->url), "%s://%s:%u/%s", scheme, host, port, path);
	e->ex = (struct exchange){ .method = slice_of(method),
		                   .url = slice_of(e->url),
		                   .timeout_ms = 30000,
		                   .answer_max = 50000,
		                   .done = errand_done,
		                   .owner = e };
}

void
errand_get(struct coap_errand *e, unsigned port, const char *path)
{
	errand_to(e, "coap", "127.0.0.1", port, "GET", path);
}

void
errand_fini(struct coap_errand *e)
{
	buf_fini(&e->ex.answer);
	buf_fini(&e->ex.answer_text);
}

struct port *
coap_port_open(unsigned max_exchanges, unsigned per_host, unsigned connect_ms)
{
	const struct port_conf conf = { .max_exchanges = max_exchanges,
		                        .max_connections_per_host = per_host,
		                        .connect_timeout_ms = connect_ms };
	struct port *p = NULL;

	ck_assert_int_eq(port_coap.open(&conf, &p), RC_OK);
	return p;
}

void
coap_await(struct port *p, const struct coap_errand *e)
{
	int64_t until = clock_monotonic() + 45 * CLOCK_SECOND;

	while (e->done == 0 && clock_monotonic() < until)
		port_turn(&port_coap, p, 1000);
	ck_assert_uint_eq(e->done, 1);
}

void
coap_run(struct port *p, struct coap_errand *e)
{
	e->done = 0;
	port_coap.send(p, &e->ex);
	ck_assert_uint_eq(e->done, 0);
	coap_await(p, e);
}

void
coap_turn_ms(struct port *p, int ms)
{
	int64_t until = clock_monotonic() + ms * (CLOCK_SECOND / 1000), left;

	while ((left = until - clock_monotonic()) > 0)
		port_turn(&port_coap, p, (int)(left / 1000) + 1);
}

void
expect_ok(const struct coap_errand *e)
{
	ck_assert_msg(e->ex.rc == RC_OK, "%s: %s", e->url, e->ex.failure);
	ck_assert_int_eq(e->ex.http_status, 200);
	ck_assert(slice_is(buf_view(&e->ex.answer), "body"));
	ck_assert(slice_is(exchange_answer_header(&e->ex, "content-type"), "application/xml"));
	ck_assert(!e->ex.unsent && !e->ex.tls_failed);
}
