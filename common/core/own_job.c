/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "core/own_job.h"

static enum rc
job_run(struct job *job, struct rtx *tx)
{
	struct own_job *oj = job->arg;

	return oj->run(oj, tx);
}

static void
job_back(struct scl_task *task)
{
	struct own_job *oj = (struct own_job *)(void *)((char *)task - offsetof(struct own_job, back));
	struct arena *a = oj->arena;

	/* done may submit again, with a new arena, or free oj. */
	oj->done(oj, oj->rc);
	arena_free(a);
}

static void
job_done(struct job *job, enum rc rc)
{
	struct own_job *oj = job->arg;

	oj->rc = rc;
	oj->back = (struct scl_task){ .run = job_back };
	if (!courier_post(oj->scl->courier, &oj->back, 0))
		arena_free(oj->arena);
}

bool
own_job_submit(struct scl *scl, struct own_job *oj)
{
	oj->scl = scl;
	oj->arena = arena_new(scl->conf.arena_max);
	if (oj->arena == NULL)
		return false;
	oj->job = (struct job){ .run = job_run, .done = job_done, .arena = oj->arena, .arg = oj };
	if (committer_submit_own(scl->committer, &oj->job))
		return true;
	arena_free(oj->arena);
	oj->arena = NULL;
	return false;
}
