/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The records of the book. Most are rows of numbers; names and texts have records of their own, so
 * that no change has to hold on to what the store lends. All integers are big-endian. Private to
 * cap/pxy. owner16: the first octets of SHA-256 of the identity.
 *
 *   V                              version 1, check value of the wrapping key 4
 *   Q                              totals
 *   S store8                       row
 *   O store8                       LV16 owner, n1, LV16 named ...
 *   C store8                       counters
 *   M store8 number8               version 1, begins 1, received 8, [section 8], wire unit
 *   I store8 section8              number8 of the first message that begins it
 *   D store8 stream2               row: the mark of a stream
 *   G store8                       digests of its last messages, 8 octets each, the oldest first
 *   W store8                       version 1, source 16, signs 1, [key 32], LV16 URL
 *   w source16 store8              empty
 *   Y store8                       wrapped key of its datagrams
 *   A owner16                      row: how many stores it has
 *   B owner16 request16            version 1, made 1, id8, digest 32
 *   b made1 id8                    key of that record
 *   F forward8                     row
 *   f store8 forward8              empty
 *   P forward8 sink4               row
 *   N forward8                     digest 32 of its last control
 *   U forward8 sink4               url
 *   E forward8 sink4               version 1, has first 1, [section 8], n1, section 8 ...
 *   y forward8 sink4               wrapped key of datagrams to it
 *   L forward8 sink4               time 8, text of the last error
 *   K forward8 sink4 stream2 epoch4  version 1, pk_id 8, wrapped key
 *   T time8 store8                 when a store is over
 *   X kind1 id8 sink4              what is being removed (enum px_gone)
 *   R store8                       released messages may be removed
 */
#ifndef CAP_PXY_PX_ROWS_H
#define CAP_PXY_PX_ROWS_H

#include "store/table_row.h"

enum px_table {
	PX_T_VERSION = 'V',
	PX_T_TOTALS = 'Q',
	PX_T_STORE = 'S',
	PX_T_NAMES = 'O',
	PX_T_COUNT = 'C',
	PX_T_MESSAGE = 'M',
	PX_T_SECTION = 'I',
	PX_T_MARK = 'D',
	PX_T_DIGESTS = 'G',
	PX_T_SOURCE = 'W',
	PX_T_SOURCE_OF = 'w',
	PX_T_STORE_UDP = 'Y',
	PX_T_OWNER = 'A',
	PX_T_REQUEST = 'B',
	PX_T_REQUEST_OF = 'b',
	PX_T_FORWARD = 'F',
	PX_T_FORWARD_OF = 'f',
	PX_T_SINK = 'P',
	PX_T_CONTROL = 'N',
	PX_T_URL = 'U',
	PX_T_BOUNDS = 'E',
	PX_T_SINK_UDP = 'y',
	PX_T_ERROR = 'L',
	PX_T_KEY = 'K',
	PX_T_DUE = 'T',
	PX_T_GONE = 'X',
	PX_T_RELEASED = 'R',
};

/* Rows of numbers (store/table_row.h). */
struct px_total_row {
	uint64_t reserved, octets, stores, forwards;
};

struct px_store_row {
	uint64_t gone; /* 1: being removed */
	uint64_t reserve, ttl, mode, transport, created, expires, released, forwards, consume;
};

struct px_count_row {
	uint64_t first, last, octets, octets_ever, oldest, newest;
	uint64_t duplicates, udp_upto, streams;
};

struct px_mark_row {
	uint64_t epoch, key_index, kind, seq;
};

struct px_owner_row {
	uint64_t stores;
};

struct px_forward_row {
	uint64_t gone;
	uint64_t store, version, state, from, to, created, next_sink, n_sinks;
};

struct px_sink_row {
	uint64_t rate, compress, batch, until, cursor, n_keys;
	uint64_t sent, acknowledged, retried, octets, acknowledged_at, ended;
};

/* Keys: the table and a number of 8 octets; and another one behind it. */
struct table_key px_key1(enum px_table t, uint64_t a);
struct table_key px_key2(enum px_table t, uint64_t a, uint64_t b, unsigned size_b);

#endif
