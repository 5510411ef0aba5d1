/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The external interface of an NSCL (Lai et al., "Security Issues on Machine to Machine
 * Communications"): applications outside of the operator's domain reach listeners that serve edge
 * alone, prove themselves by a certificate with urn:m2m:app:<App-ID>, and may do what their grant
 * says, else nothing. Grants are administered by HTTP below /admin/grants on listeners that serve
 * admin; they are durable before a change is answered, and count for the next request on any
 * connection.
 *
 *   edge_open -> endpoints, gate in the seat -> scl_start ... scl_stop, scl_free -> edge_close
 */
#ifndef CAP_EDGE_EDGE_H
#define CAP_EDGE_EDGE_H

#include "base/clock.h"
#include "base/log.h"
#include "cap/edge_conf.h"
#include "cap/edge_gate.h"

struct edge;
struct scl;

/* conf, clock, scl and seat outlive it. One line in why. Waits for the disk. */
enum rc edge_open(const struct edge_conf *conf, const struct clock *clock, struct log *log,
                  struct scl *scl, struct edge_seat *seat, struct edge **out, char why[256]);
/* Answers what waits for the book; later changes are refused. Before scl_stop; NULL is fine. */
void edge_stop(struct edge *e);
/* NULL is fine. */
void edge_close(struct edge *e);

#endif
