/* SPDX-License-Identifier: Apache-2.0 */
/* Devices whose keys everybody knows, made once: device i has the id 01 .. 00 i. */
#ifndef FUZZ_SD_PARTIES_H
#define FUZZ_SD_PARTIES_H

#include "sd/verify.h"

#include <stdlib.h>

#define PARTIES 4
#define PARTIES_MILLIS UINT64_C(1700000000000)

struct sd_parties {
	struct ibas_secret s;
	struct ibas_public q;
	struct node_id nodes[PARTIES];
	struct sign_key *sign[PARTIES];
	struct sign_public pub[PARTIES];
	struct sd_bls_secret secret[PARTIES];
	struct sd_bls_public bls[PARTIES];
	struct ibas_identity ids[PARTIES];
};

static inline void
must(bool ok)
{
	if (!ok)
		abort();
}

static inline bool
done(enum rc rc)
{
	return rc == RC_OK || rc == RC_NOT_IMPLEMENTED;
}

static inline struct sd_parties *
sd_parties(void)
{
	static struct sd_parties p;
	static bool made;
	uint8_t octets[IBAS_SECRET_SIZE] = { [IBAS_SECRET_SIZE - 1] = 9 };

	if (made)
		return &p;
	made = true;
	must(done(ibas_secret_read(slice_make(octets, sizeof(octets)), &p.s)));
	must(done(ibas_public_of(&p.s, &p.q)));
	for (uint8_t i = 0; i < PARTIES; i++) {
		uint8_t pk[SD_BLS_PUBLIC_SIZE], pop[SD_BLS_PROOF_SIZE];

		octets[0] = i;
		p.nodes[i] = (struct node_id){ { 1, [NODE_ID_BYTES - 1] = i } };
		must(sign_key_from_seed(octets, &p.sign[i]) == RC_OK);
		sign_key_public(p.sign[i], &p.pub[i]);
		must(done(sd_bls_derive(slice_make(octets, sizeof(octets)), &p.secret[i])));
		must(done(sd_bls_prove(&p.secret[i], pk, pop)));
		must(done(sd_bls_public_read(slice_make(pk, sizeof(pk)), &p.bls[i])));
		must(done(ibas_identity_make(&p.nodes[i], PARTIES_MILLIS, &p.ids[i])));
	}
	return &p;
}

/* The party that a reading is of; NULL members: nobody's. */
static inline struct sd_signer
sd_party(const struct sd_parties *p, const struct node_id *node)
{
	for (size_t i = 0; i < PARTIES; i++)
		if (node_id_eq(node, &p->nodes[i]))
			return (struct sd_signer){ &p->pub[i], &p->bls[i], &p->ids[i] };
	return (struct sd_signer){ NULL, NULL, NULL };
}

#endif
