/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sga_attack_bed.h"

struct lit_world lit;
struct run_world sga;
struct run run;

void
attack_setup(void)
{
	static const struct run_conf usual;

	lit_world_make(&lit);
	ck_assert_uint_eq(run_world_make(&sga, &usual), RC_OK);
	run_begin(&run, &sga);
}

void
attack_teardown(void)
{
	run_end(&run);
	run_world_free(&sga);
	lit_world_free(&lit);
}

struct slice
sent(enum run_message m)
{
	return buf_view(&run.sent[m]);
}

void
put(struct buf *b, const void *p, size_t n)
{
	buf_clear(b);
	buf_add(b, p, n);
	ck_assert(!b->failed);
}
