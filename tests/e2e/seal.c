/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For jose.py: seals what comes on standard input as object security does.
 *
 * usage: seal KEY CONNECTION KMC-INDEX d2n|n2d SEQ MEDIA-TYPE METHOD TARGET
 *        seal KEY CONNECTION KMC-INDEX d2n|n2d SEQ MEDIA-TYPE RSP ANSWERS STATUS
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "sec/hex.h"
#include "sec/jose.h"

#define BODY_MAX (4u << 20)

static bool
read_body(struct buf *body)
{
	char piece[65536];
	size_t n;

	while ((n = fread(piece, 1, sizeof(piece), stdin)) > 0)
		buf_add(body, piece, n);
	return !body->failed && !ferror(stdin);
}

static struct jose_header
header_of(int argc, char **argv)
{
	struct jose_header h = {
		.connection = strtoull(argv[2], NULL, 16),
		.kmc_index = (uint32_t)strtoul(argv[3], NULL, 10),
		.direction = strcmp(argv[4], "d2n") == 0 ? OBJ_D2N : OBJ_N2D,
		.seq = strtoull(argv[5], NULL, 10),
		.cty = slice_of(argv[6]),
		.method = slice_of(argv[7]),
	};

	if (argc == 9) {
		h.target = slice_of(argv[8]);
	} else {
		h.answers = strtoull(argv[8], NULL, 10);
		h.status = (unsigned)strtoul(argv[9], NULL, 10);
	}
	return h;
}

int
main(int argc, char **argv)
{
	struct jose_header h;
	struct buf body, out;
	struct key key;
	bool ok;

	if ((argc != 9 && argc != 10) || !hex_decode(slice_of(argv[1]), key.v, KEY_BYTES))
		return 2;
	h = header_of(argc, argv);
	buf_init(&body, BODY_MAX);
	buf_init(&out, 2 * BODY_MAX);
	ok = read_body(&body) && jose_seal(&h, &key, buf_view(&body), &out) == RC_OK &&
	     fwrite(out.p, 1, out.n, stdout) == out.n && fflush(stdout) == 0;
	buf_fini(&body);
	buf_fini(&out);
	return ok ? 0 : 1;
}
