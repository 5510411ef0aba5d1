/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the registration share; nobody else includes this. */
#ifndef CAP_REGISTRAR_IMPL_H
#define CAP_REGISTRAR_IMPL_H

#include "cap/gate.h"
#include "cap/poller.h"
#include "cap/registrar.h"
#include "cap/registrar_wish.h"
#include "core/scl.h"

#include <pthread.h>

enum step {
	STEP_READ_BASE,
	STEP_REFRESH,
	STEP_REGISTER,
	STEP_MIRROR_UPDATE,
	STEP_MIRROR_CREATE,
	STEP_APOC_HANDLING,
	STEP_CHANNEL_READ,
	STEP_CHANNEL_CREATE,
	STEP_CHANNEL_READ_R1,
	STEP_CHANNEL_CREATE_R1,
	STEP_POC_UPDATE,
	STEP_POC_CREATE,
	STEP_DONE,
	STEP_LEAVE,
	STEP_DROP_MIRROR,
	STEP_LEFT,
	STEP_FAIL
};

struct registrar {
	struct scl *scl;
	struct capability_conf conf;
	struct scl_task task; /* the next refresh or trial */
	struct scl_task leave; /* of the stopping thread */
	struct scl_task adapt; /* at the start */
	struct exchange ex;
	struct scl_call call;
	struct arena *arena; /* of the step in progress */
	struct buf body;
	enum step step;
	struct registrar_wish wish;
	size_t candidate;
	char nscl[REGISTRAR_URI_MAX + 1]; /* sclBase of the NSCL that it is about now */
	unsigned failures;
	int64_t asked; /* us that the NSCL has asked to wait (Retry-After); 0: it has not */
	bool registered; /* all steps were done */
	bool fresh; /* the NSCL had to make the registration */
	bool enrolled; /* the NSCL may have the own scl resource */
	char home[REGISTRAR_URI_MAX + 1]; /* sclBase of the NSCL that has it */
	bool busy;
	bool awaiting; /* at the gate, for the service connection with nscl */
	bool back; /* a service connection has come back since the step in progress was begun */
	struct gate_listener at_gate;
	bool asleep; /* until it is called, or the registration of an earlier run gets old */
	bool woken; /* it was called while a step was under way */
	bool leaving; /* no step is begun but those of leaving */
	bool begins_again; /* the daemon does; the stopping thread's until leave is posted */
	bool stays; /* for that the registration waits */
	bool moving; /* leaves an NSCL that is not to be registered with any more */
	bool withdrawn; /* by deRegistration: until reRegistration */
	struct mgmt_adaptor adaptor; /* of the actions of EtsiSclMo */
	struct mgmt_order *order; /* one that is under way */
	int64_t granted; /* expirationTime that the NSCL gave */
	char apoc_handling[16]; /* of the NSCL */
	char mirror[256]; /* name of the mirror scl */
	struct poller *poller; /* NULL: the NSCL connects to this SCL */
	char contact[1024]; /* contactURI of the channel, "" = not known yet */
	char polled[1024]; /* its longPollingURI */
	char right[512]; /* accessRightID of the NSCL's sclBase: who sees that sees this scl */

	pthread_mutex_t lock; /* of what follows: the stopping thread waits */
	pthread_cond_t changed;
	bool stopped;
	bool abandoned; /* nobody waits any more: the courier frees it */
};

struct step_row {
	const char *name;
	const char *method;
	bool local; /* to the own tree */
	const char *path; /* below sclBase; %s is the id by the next field */
	enum { ID_OWN, ID_MIRROR, ID_NONE_USED } id;
	void (*body)(struct registrar *r, struct buf *b);
	void (*learn)(struct registrar *r, const struct buf *answer);
	enum step ok, not_found, conflict, failed;
};

/* By enum step; STEP_DONE, STEP_LEFT and STEP_FAIL have none. */
extern const struct step_row registrar_steps[];

/* What the answer of a channel tells is in contact and polled. */
bool registrar_learns_channel(const struct step_row *row);

/* sclBase of the NSCL that the step in progress is about. */
static inline const char *
nscl_uri(const struct registrar *r)
{
	return r->nscl;
}

static inline int64_t
wall_now(void)
{
	return clock_now(&clock_system);
}

#endif
