/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key hierarchy of TS 102 690 clause 8: Kmr (root), Kmc (connection), Kma (application), and
 * every key that is made of them. All derivations are HKDF (RFC 5869) with SHA-256 and a label, so
 * that no key is used for two things:
 *
 *   M2M-EXPAND(K, label, ctx, L) = HKDF-Expand(K, u16 L || LV8("m2m1 " || label) || LV16(ctx), L)
 *
 * Results are the caller's, who wipes them. Every function returns RC_OK; RC_BAD_REQUEST when an
 * argument is outside what is said here; RC_INTERNAL when the library fails. out is zero unless
 * RC_OK; it may be the same object as an input key. Any thread.
 */
#ifndef SEC_DERIVE_H
#define SEC_DERIVE_H

#include "sec/hkdf.h"
#include "sec/node_id.h"
#include "sec/secret.h"

#define M2M_LABEL_MAX 250u      /* LV8 with "m2m1 " */
#define M2M_CONTEXT_MAX 65535u  /* LV16 */
#define M2M_EXPAND_MAX 8160u    /* 255 blocks of SHA-256 */

/* Labels of the TLS exporters (IANA), 32 octets, without a context. */
#define M2M_EXPORTER_BOOTSTRAP "EXPORTER-ETSI-TC-M2M-Bootstrap"
#define M2M_EXPORTER_CONNECTION "EXPORTER-ETSI-TC-M2M-Connection"

/*
 * n (1..M2M_EXPAND_MAX) octets of k for the use that label names (1..M2M_LABEL_MAX octets) and ctx
 * (at most M2M_CONTEXT_MAX octets, may be empty).
 */
enum rc m2m_expand(const struct key *k, const char *label, struct slice ctx, void *out, size_t n);

/* ---- bootstrap: from the exporter of the TLS session ---- */

/*
 * Kmr of the derive mode. ppid: 2..255 octets; kmr_index: of the new key, not 0; msbf_id: the name
 * of the MSBF, 1..16384 octets.
 */
enum rc kmr_derive(const struct key *e_boot, struct slice ppid, const struct node_id *node,
                   uint32_t kmr_index, struct slice msbf_id, struct key *out);
/* Wraps Kmr in a bootstrapParamSet of the transport mode, release 2. */
enum rc kek_boot(const struct key *e_boot, const struct node_id *node, uint32_t kmr_index,
                 struct key *out);

/* ---- of Kmr ---- */

/* A PSK belongs to one version of TLS, so that no key is used with two. */
enum psk_tls { PSK_TLS_1_2 = 2, PSK_TLS_1_3 = 3 };

/* PSK of session A: identity mr<v>. */
enum rc psk_mr(const struct key *kmr, enum psk_tls v, const struct node_id *node,
               uint32_t kmr_index, struct key *out);

/* What a Kmc depends on besides Kmr and the exporter of session A. */
struct kmc_terms {
	struct node_id node;
	uint32_t kmr_index;  /* not 0 */
	uint32_t kmc_index;  /* not 0 */
	uint64_t connection; /* not 0 */
	struct slice scl_id; /* 1..16384 octets */
};

/* Kmc of a service connection; e_conn: exporter of session A. */
enum rc kmc_derive(const struct key *kmr, const struct key *e_conn, const struct kmc_terms *terms,
                   struct key *out);
/* Wraps Kmc in a connectionParamSet of release 2. */
enum rc kek_conn(const struct key *kmr, const struct node_id *node, uint64_t connection,
                 uint32_t kmc_index, struct key *out);

/* K_trg: tokens that wake a node; K_ind: priority of a request; K_ival: integrity validation. */
enum rc trigger_key(const struct key *kmr, const struct node_id *node, struct key *out);
enum rc indicator_key(const struct key *kmr, const struct node_id *node, struct key *out);
enum rc ival_key(const struct key *kmr, const struct node_id *node, struct key *out);
/* KA: root of the group authentication of the node with that id. */
enum rc aka_root(const struct key *kmr, const struct node_id *node, struct key *out);

/* ---- of Kmc; connection and kmc_index are not 0 ---- */

/* PSK of session B: identity mc<v>. */
enum rc psk_mc(const struct key *kmc, enum psk_tls v, uint64_t connection, uint32_t kmc_index,
               struct key *out);
/* PSK of sessions that the NSCL opens to the node: identity mn<v>. */
enum rc psk_mn(const struct key *kmc, enum psk_tls v, uint64_t connection, uint32_t kmc_index,
               struct key *out);

/* The direction of an object: from the node to the network, and back. */
enum obj_dir { OBJ_D2N = 1, OBJ_N2D = 2 };

/* Key of JWE objects of one direction; k is Kmc, or Kma between the parts of an application. */
enum rc obj_key(const struct key *k, enum obj_dir dir, uint64_t connection, uint32_t kmc_index,
                struct key *out);

/* Kma of an application; app_id and scl_id: 1..16384 octets each. */
enum rc kma_derive(const struct key *kmc, struct slice app_id, struct slice scl_id,
                   uint32_t kmc_index, struct key *out);

/* ---- of Kma ---- */

#define APP_HASH_BYTES 8

/* The first octets of SHA-256 of the App-ID: names it in a PSK identity. */
enum rc app_hash(struct slice app_id, uint8_t out[APP_HASH_BYTES]);
/* PSK of an application on dIa or mIa: identity ma<v>. */
enum rc psk_ma(const struct key *kma, enum psk_tls v, uint64_t connection, uint32_t kmc_index,
               struct slice app_id, struct key *out);

/* ---- any key ---- */

#define KEY_CHECK_BYTES 4

/* The only thing about a key that may be logged: M2M-EXPAND(k, "check", "", 4). */
enum rc key_check_value(const struct key *k, uint8_t out[KEY_CHECK_BYTES]);

#endif
