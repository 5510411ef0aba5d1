/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SGA as shipped with a gateway that is the intruder: it holds every key that it shares with the
 * devices, so all of phase A and the hops of phase B are its own. What is left of the exchange is
 * what the two devices do: N to the gateway, S from it, K = S^R, the confirmation, and with the
 * end-to-end option (E2E) a signature over the peer's role, TH and the confirmation.
 *
 * Perfect cryptography. A group element is the exponents over g: how often each R of a device is in
 * it; those of the gateway are left out, for it can take its own away. TH is the history that a
 * device was told; the gateway chooses what it tells: of each run one of two histories. The devices
 * agree on one only if TH is part of keys and confirmation.
 *
 * Bounded: two sessions of A (initiator) and B (responder), in any overlap; two histories.
 *
 *   E2E       the signatures
 *   NO_CHAIN  the hashes of messages in TH: it is empty
 *   READS     the gateway changes nothing: it passes S made of the other's N
 */
#define RUNS 2
#define N_I(r) (1 << (2 * (r)))
#define N_J(q) (16 << (2 * (q)))

/* Each R takes two bits, to count to 2. */
byte i_at[RUNS], j_at[RUNS]; /* 0 waits for S, 1 has K, 2 has the confirmation */
byte i_k[RUNS], j_k[RUNS], i_th[RUNS], j_th[RUNS];

#ifdef NO_CHAIN
#define TH(x) 0
#else
#define TH(x) (x)
#endif

/* The gateway knows g and each N, but raises nothing to an R. */
#define KNOWN(k) \
	((k) == 0 || (k) == N_I(0) || (k) == N_I(1) || (k) == N_J(0) || (k) == N_J(1))
/* The same key and history, as far as the confirmation says. */
#define SAME(r, q) (i_k[r] == j_k[q] && TH(i_th[r]) == TH(j_th[q]))
#define MADE_BY_J(r) ((j_at[0] > 0 && SAME(r, 0)) || (j_at[1] > 0 && SAME(r, 1)))
#define MADE_BY_I(q) ((i_at[0] > 0 && SAME(0, q)) || (i_at[1] > 0 && SAME(1, q)))
/* All of it. */
#define ALIKE(r, q) (i_k[r] == j_k[q] && i_th[r] == j_th[q])

#ifdef E2E
#define CONFIRMED_I(r) MADE_BY_J(r)
#define CONFIRMED_J(q) MADE_BY_I(q)
#else
#define CONFIRMED_I(r) (MADE_BY_J(r) || KNOWN(i_k[r]))
#define CONFIRMED_J(q) (MADE_BY_I(q) || KNOWN(j_k[q]))
#endif

inline i_takes(s, h)
{
	i_k[r] = (s) + N_I(r);
	i_th[r] = h;
	i_at[r] = 1
}

inline j_takes(s, h)
{
	j_k[q] = (s) + N_J(q);
	j_th[q] = h;
	j_at[q] = 1
}

#define I_TAKES(s) \
	:: d_step { i_at[r] == 0 -> i_takes(s, 0) } \
	:: d_step { i_at[r] == 0 -> i_takes(s, 1) }
#define J_TAKES(s) \
	:: d_step { j_at[q] == 0 -> j_takes(s, 0) } \
	:: d_step { j_at[q] == 0 -> j_takes(s, 1) }

proctype initiator(byte r)
{
	do
	I_TAKES(N_J(0))
	I_TAKES(N_J(1))
#ifndef READS
	I_TAKES(0)
	I_TAKES(N_I(0))
	I_TAKES(N_I(1))
#endif
	:: d_step { i_at[r] == 1 && CONFIRMED_I(r) ->
	            i_at[r] = 2;
	            assert(!KNOWN(i_k[r]));
	            assert((j_at[0] > 0 && ALIKE(r, 0)) || (j_at[1] > 0 && ALIKE(r, 1))) }
	od
}

proctype responder(byte q)
{
	do
	J_TAKES(N_I(0))
	J_TAKES(N_I(1))
#ifndef READS
	J_TAKES(0)
	J_TAKES(N_J(0))
	J_TAKES(N_J(1))
#endif
	:: d_step { j_at[q] == 1 && CONFIRMED_J(q) ->
	            j_at[q] = 2;
	            assert(!KNOWN(j_k[q]));
	            assert((i_at[0] > 0 && ALIKE(0, q)) || (i_at[1] > 0 && ALIKE(1, q))) }
	od
}

init {
	atomic {
		run initiator(0);
		run initiator(1);
		run responder(0);
		run responder(1)
	}
}
