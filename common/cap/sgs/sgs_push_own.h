/* SPDX-License-Identifier: Apache-2.0 */
/* Deliveries to contacts from inside: private to sgs_push*.c. */
#ifndef CAP_SGS_SGS_PUSH_OWN_H
#define CAP_SGS_SGS_PUSH_OWN_H

#include "cap/sgs/sgs_device.h"
#include "cap/sgs/sgs_mailbox.h"
#include "cap/sgs/sgs_own.h"
#include "core/port.h"

#define SGS_NOTES_MAX                                                                              \
	1024u /* devices that were told of and not looked at; more: all contacts are */
#define SGS_PUSH_LISTS 1024u

enum sgs_target_state { IDLE, QUEUED, SENDING, ACKNOWLEDGING, WAITING };

/* A device with a contact, as long as something is to be done for it. */
struct sgs_target {
	struct sgs_push *p;
	uint64_t device;
	enum sgs_target_state state;
	unsigned failures; /* one after the other */
	uint64_t item;
	char *url;
	char *body;
	char text[24]; /* the item's number */
	struct exchange ex;
	struct sgs_ack ack;
	struct scl_task task; /* the time has come, or the acknowledgement is stored */
	struct sgs_target *same; /* in its list */
	struct sgs_target *next; /* in the queue */
};

struct sgs_note {
	uint64_t device;
	bool changed; /* it has registered, or its contact is another one */
};

struct sgs_push {
	struct sgs *s;
	struct scl_task look;

	pthread_mutex_t lock; /* guards the following */
	pthread_cond_t stored;
	struct sgs_note notes[SGS_NOTES_MAX];
	size_t n_notes;
	bool missed; /* there was no room for one */
	unsigned acks; /* operations of the book under way */

	/* ---- the courier's ---- */
	struct sgs_note taken[SGS_NOTES_MAX]; /* that are looked at */
	bool all; /* all contacts are to be looked at */
	uint64_t seen; /* of these: those up to this one were */
	struct sgs_target *lists[SGS_PUSH_LISTS];
	struct sgs_target *queue, **queue_end;
	unsigned active; /* in a place: SENDING, ACKNOWLEDGING */
};

/* Where the target of that device is, or would be. Courier thread, as all that follows. */
struct sgs_target **sgs_target_find(struct sgs_push *p, uint64_t device);
/* Wipes nothing: what is delivered is no secret. */
void sgs_target_end(struct sgs_target *t);
/* Behind those that wait for a place. */
void sgs_target_enqueue(struct sgs_target *t);
/* For sgs_target.task. */
void sgs_target_run(struct scl_task *task);
/* Begins as many deliveries as there are places. Inside the gate. */
void sgs_push_run(struct sgs_push *p);

#endif
