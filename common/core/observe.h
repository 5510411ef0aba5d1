/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Volatile observers of resources (RFC 7641), fed by what a commit has changed. The core says that
 * what was read may read differently now; the binding reads again and decides whether anybody is to
 * be told. Nothing of it is stored.
 *
 * Told at once: a change or removal of the node that the target is or lies in, of its collection,
 * of its instances. What lies elsewhere and may change an answer (rights, groups, what discovery
 * finds) is told to all, at most once a second. What no commit changes (values that follow the
 * clock, what the guard knows of an issuer) is not told: who observes also reads again from time to
 * time. What an endpoint serves beside the tree is told by its owner alone (endpoint_watch and
 * observe_tell of core/endpoint.h).
 */
#ifndef CORE_OBSERVE_H
#define CORE_OBSERVE_H

#include "core/req.h"

#define OBSERVERS_MAX 65536u

struct observer;

/*
 * Makes the RETRIEVE of rq, before req_prepare, an observation of what its target leads to; no
 * change after the snapshot that it is answered from is lost. changed is called after each commit
 * that may have changed the answer (also its access or existence), once until the answer is read
 * again; on the committer's thread, on one that calls observe_tell, or within req_prepare. It must
 * not block or call back. False without memory or with OBSERVERS_MAX of them: rq is answered as if
 * it had not been asked.
 */
bool req_observe(struct req *rq, void (*changed)(void *arg), void *arg);
/*
 * After req_prepare: takes the observer over. NULL: there is none, because the answer is no success
 * or of nothing that is told of.
 */
struct observer *req_observer(struct req *rq);
/*
 * Makes rq, before req_prepare, the next reading for an observer: changes that its snapshot does
 * not have are told again, also when its target is another resource of the same name by now. The
 * observer stays the caller's and must outlive req_prepare.
 */
void req_observe_again(struct req *rq, struct observer *o);
/*
 * No call of changed after this has returned. Any thread, but not from within changed. NULL is fine.
 */
void observer_end(struct observer *o);

#endif
