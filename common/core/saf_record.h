/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stored forms of a request that was accepted to be forwarded, of its answer, and of what is
 * left of one that is kept elsewhere (works WORK_FORWARD, WORK_RESULT, WORK_PARKED of
 * store/repo.h).
 */
#ifndef CORE_SAF_RECORD_H
#define CORE_SAF_RECORD_H

#include "base/buf.h"
#include "core/req.h"

/* What both records say of the request. Texts that are absent have p NULL. */
struct saf_head {
	uint64_t order; /* of acceptance, grows */
	uint64_t digest; /* of what makes two requests the same (saf_digest) */
	int64_t received;
	struct slice issuer; /* comparable form; with correlation it names the request */
	struct slice correlation;
	struct slice contact; /* where the answer goes to; empty: it is fetched */
	uint8_t syntax; /* of what this SCL writes about it: a media_syntax_number */
};

struct saf_parcel_record {
	struct saf_head head;
	int64_t deadline;
	uint8_t rcat;
	uint8_t op; /* enum req_op */
	bool head_only; /* HEAD */
	struct slice target; /* absolute URI */
	struct req_input in; /* the headers that are relayed, and the body */
};

struct saf_result_record {
	struct saf_head head;
	int64_t expires; /* not fetched or delivered by then, it is forgotten */
	int http_status;
	struct slice from; /* requestingEntity as it was given */
	struct slice content_type, location, etag, last_modified, allow;
	struct slice body;
};

struct saf_parked_record {
	struct saf_head head; /* without a contact: no answer is owed */
	int64_t expires; /* by then nobody repeats it any more */
};

void saf_parcel_write(struct buf *to, const struct saf_parcel_record *r);
void saf_result_write(struct buf *to, const struct saf_result_record *r);
void saf_parked_write(struct buf *to, const struct saf_parked_record *r);
/* The texts point into bytes. False when damaged or of an unknown version. */
bool saf_parcel_read(struct slice bytes, struct saf_parcel_record *r);
bool saf_result_read(struct slice bytes, struct saf_result_record *r);
bool saf_parked_read(struct slice bytes, struct saf_parked_record *r);
/* Only what the records have in common. */
bool saf_head_read(struct slice bytes, struct saf_head *head);

/* Sets head.order in what was written. */
void saf_order_set(struct buf *written, uint64_t order);

/* Of method, target and body. */
uint64_t saf_digest(enum req_op op, struct slice target, struct slice body);
/* Where the record of the issuer's request is looked for: at this key and the few after it. */
uint64_t saf_key(struct slice issuer, struct slice correlation);

/* The headers that go with a forwarded request: name, and place in struct req_input. */
struct saf_relayed {
	const char *name;
	size_t field;
};

#define SAF_RELAYED 13
extern const struct saf_relayed saf_relayed[SAF_RELAYED];

static inline struct slice *
saf_field(struct req_input *in, size_t i)
{
	return (struct slice *)(void *)((char *)in + saf_relayed[i].field);
}

#endif
