/* SPDX-License-Identifier: Apache-2.0 */
/* One request for bootstrapParamSet on its way. Private to common/mas. */
#ifndef MAS_MSBF_BOOT_H
#define MAS_MSBF_BOOT_H

#include "mas/msbf_variant.h"

enum boot_op { BOOT_POST, BOOT_GET, BOOT_DELETE };

/* In secret memory; belongs to the request from serve to finish. */
struct boot {
	struct tables_job job;
	struct msbf *m;
	struct req *rq;
	struct boot *next; /* of those that run */
	bool runs;

	/* What is asked, by whom. */
	enum boot_op op;
	struct ppid ppid;
	uint8_t hash[PPID_HASH];
	char scl_id[MAS_SCL_ID_MAX + 1]; /* "" = no wish */
	const struct msbf_mode *mode;
	const struct msbf_variant *variant; /* NULL: by session A */
	bool json;
	bool has_nonce;
	uint8_t nonce[REJECT_NONCE_SIZE];
	char source[MAS_SOURCE_MAX + 1];
	bool has_ival;
	struct ival_report ival; /* time lives in the request */
	struct slice ival_signature; /* the same */
	struct node_id by_node; /* of session A */
	uint8_t fingerprint[PEER_FINGERPRINT];
	uint8_t spki[DEVICE_SPKI_MAX];
	size_t n_spki; /* 0: no key of a device */
	struct key secret; /* E_boot */
	struct ocsp_question *question; /* about its certificate; NULL: none is asked */
	struct msbf_ocsp_check ocsp;
	struct msbf_refusal before; /* without the store */
	unsigned retry_after; /* of a refusal for overload; 0: the usual */
	bool proved; /* that it is the device with ppid, or the node of that device */

	/* What comes of it. */
	struct msbf_refusal refusal;
	struct msbf_device device;
	bool created;
	int64_t ival_time; /* accepted; 0: none */
	unsigned tries; /* to agree with the MAS about node and index */
	bool too_late; /* the device was revoked or replaced before the MAS had answered */
	struct mas_provision provision;
	struct mas_change change;
};

/*
 * Reads the request into b. RC_OK; else endpoint_refuse was called. Serving thread, as
 * msbf_boot_prove, which sets b->before.
 */
enum rc msbf_boot_read(struct boot *b, const struct req_input *in);
void msbf_boot_prove(struct boot *b, const struct peer *peer);

/* True: it is put off, which is the refusal then. load: as in msbf_conf. */
bool msbf_boot_put_off(struct boot *b, const struct msbf_load *load);
/* Answers as b says, and frees it. Any thread. */
void msbf_boot_finish(struct boot *b);
/* Begins to work on it. Any thread. */
void msbf_boot_begin(struct boot *b);

#endif
