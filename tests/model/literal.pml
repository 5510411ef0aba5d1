/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SGA as the paper has it (section 4), phases A and B, and an active intruder.
 *
 * The wire is the intruder: it keeps every message ever sent, and whoever waits for one is given any
 * of them, often, late or never. It also makes messages of what it knows: anybody encrypts to G.
 * Perfect cryptography, also where the paper leaves it open: E is taken to be authenticated. So what
 * is found here is in the messages themselves.
 *
 * A key is a set of atoms, and xor is xor. A message is the values in it.
 *
 * Bounded: two runs each of the initiator i, the responder j, and the gateway G, in any overlap.
 *
 * One claim at a time:
 *   W3    the peer's key that i has at the end of phase A was chosen by j, for this run of i
 *   W4_A  j answers an invitation that i has made, and once for each
 *   W4_B  G verifies (B4) a message B3 once
 *   W8    what i takes in B6 was made by G
 *   W15   when i has the session key, j has it
 *   REACH  i and j never both have the key
 * The intruder:
 *   REPLAYS  makes nothing, it only gives again
 *   QUIET    does nothing at all: a message is taken once, by whom it was made for
 *   INSIDER  is the peer j: it has what G sends to j
 */
#define RUNS 2

#define KD_I 1
#define KD_J 2
#define KT_I(r) (4 << (r))
#define KT_J(q) (16 << (q))
#define MADE 64 /* by the intruder */

#define ANY(f, x) (f(0, x) || f(1, x))

#define NEW 0
#define A1 1
#define A2 2
#define A3 3
#define A4 4
#define B1 5
#define B2 6
#define B3 7
#define B6 8
#define KEY 9

byte i_at[RUNS], i_ktj[RUNS], i_s[RUNS];
byte j_at[RUNS], j_kti[RUNS], j_s[RUNS];
byte g_at[RUNS], g_kti[RUNS], g_ktj[RUNS];
byte g_a1[RUNS], g_a3[RUNS], g_b1[RUNS], g_b3[RUNS]; /* 1 and the run that it is of */

#ifdef QUIET
#define USED_A1(g, x) (g_at[g] >= A2 && g_a1[g] == (x))
#define USED_A3(g, x) (g_at[g] >= A4 && g_a3[g] == (x))
#define USED_A2(q, x) (j_at[q] >= A3 && j_kti[q] == (x))
#define ONCE(x) (x)
#else
#define ONCE(x) true
#endif

#ifdef W3
#define claim_w3(x) assert(x)
#else
#define claim_w3(x) skip
#endif
#ifdef W4_A
#define claim_w4_a(x) assert(x)
#else
#define claim_w4_a(x) skip
#endif
#ifdef W4_B
#define claim_w4_b(x) assert(x)
#else
#define claim_w4_b(x) skip
#endif
#ifdef W8
#define claim_w8(x) assert(x)
#else
#define claim_w8(x) skip
#endif
#ifdef W15
#define claim_w15(x) assert(x)
#else
#define claim_w15(x) skip
#endif

/* The responder q has answered r with the key that r has. */
#define CHOSE(q, r) (j_at[q] >= A3 && i_ktj[r] == KT_J(q) && j_kti[q] == KT_I(r))
#define INVITED(r, q) (i_at[r] >= A1 && j_kti[q] == KT_I(r))
/* S is named by the run of G that has made it; both have it of one run: the same key. */
#define HAS_KEY_J(q, r) (j_at[q] == KEY && j_s[q] == i_s[r])
#define HAS_KEY_I(r, x) (i_at[r] == KEY)

inline i_a4(r, y)
{
	i_ktj[r] = (y) ^ KT_I(r);
	i_at[r] = B1; /* it sends B1 at once */
	claim_w3(ANY(CHOSE, r))
}

inline i_b7(r, s)
{
	i_s[r] = s;
	i_at[r] = KEY;
	claim_w8(s != MADE);
	claim_w15(ANY(HAS_KEY_J, r))
}

/* A4 is E under kt_i of kt_i xor kt_j. The MAC of B6 is under K_is, that G has of B1. */
#define I_TAKES(r, g) \
	:: d_step { i_at[r] == A1 && g_at[g] >= A4 && g_kti[g] == KT_I(r) -> \
	            i_a4(r, g_kti[g] ^ g_ktj[g]) } \
	:: d_step { i_at[r] == B1 && g_at[g] == B6 && g_b1[g] == 1 + r -> i_b7(r, g) }

proctype initiator(byte r)
{
	do
	:: d_step { i_at[r] == NEW && (r == 0 || i_at[0] != NEW) -> i_at[r] = A1 }
	I_TAKES(r, 0)
	I_TAKES(r, 1)
#ifdef INSIDER
	/* It has kt_i of A2, so it reads K_is in B1. */
	:: d_step { i_at[r] == B1 && (g_kti[0] == KT_I(r) || g_kti[1] == KT_I(r)) -> i_b7(r, MADE) }
#endif
	od
}

inline j_a2(q, kt)
{
	j_kti[q] = kt;
	j_at[q] = A3;
	claim_w4_a(ANY(INVITED, q) && (j_at[0] < A3 || j_at[1] < A3 || j_kti[0] != j_kti[1]))
}

inline j_b7(q, s)
{
	j_s[q] = s;
	j_at[q] = KEY;
#ifdef REACH
	assert(!ANY(HAS_KEY_I, q))
#endif
}

/* B2 is not defined by the paper; here it is E under kt_j. */
#define J_TAKES(q, g) \
	:: d_step { j_at[q] == NEW && (q == 0 || j_at[0] != NEW) && g_at[g] >= A2 && \
	            ONCE(!ANY(USED_A2, g_kti[g])) -> j_a2(q, g_kti[g]) } \
	:: d_step { j_at[q] == A3 && g_at[g] >= B2 && g_ktj[g] == KT_J(q) -> j_at[q] = B3 } \
	:: d_step { j_at[q] == B3 && g_at[g] == B6 && g_b3[g] == 1 + q -> j_b7(q, g) }

proctype responder(byte q)
{
	do
	J_TAKES(q, 0)
	J_TAKES(q, 1)
	od
}

/* X is kt_i xor kd_i, as it comes. */
inline g_invited(g, x, a1)
{
	g_kti[g] = (x) ^ KD_I;
	g_a1[g] = a1;
	g_at[g] = A2
}

/* Y is kt_i xor kt_j, as it comes. */
inline g_agreed(g, y, a3)
{
	g_ktj[g] = (y) ^ g_kti[g];
	g_a3[g] = a3;
	g_at[g] = A4
}

inline g_verified(g, b3)
{
	g_b3[g] = b3;
	g_at[g] = B6;
	claim_w4_b(g_at[0] != B6 || g_at[1] != B6 || g_b3[0] != g_b3[1])
}

#define G_TAKES(g, n) \
	:: d_step { g_at[g] == NEW && (g == 0 || g_at[0] != NEW) && i_at[n] >= A1 && \
	            ONCE(!ANY(USED_A1, 1 + n)) -> g_invited(g, KT_I(n) ^ KD_I, 1 + n) } \
	:: d_step { g_at[g] == A2 && j_at[n] >= A3 && \
	            ONCE(!ANY(USED_A3, 1 + n) && j_kti[n] == g_kti[g]) -> \
	            g_agreed(g, j_kti[n] ^ KT_J(n), 1 + n) } \
	:: d_step { g_at[g] == A4 && i_at[n] >= B1 && g_kti[g] == KT_I(n) -> \
	            g_b1[g] = 1 + n; g_at[g] = B2 } \
	:: d_step { g_at[g] == B2 && j_at[n] >= B3 && g_ktj[g] == KT_J(n) -> \
	            g_verified(g, 1 + n) }

proctype gateway(byte g)
{
	do
	G_TAKES(g, 0)
	G_TAKES(g, 1)
#if !defined(REPLAYS) && !defined(QUIET)
	:: d_step { g_at[g] == NEW && (g == 0 || g_at[0] != NEW) -> g_invited(g, MADE, 0) }
	:: d_step { g_at[g] == A2 -> g_agreed(g, MADE, 0) }
#endif
	od
}

init {
	atomic {
		run initiator(0);
		run initiator(1);
		run responder(0);
		run responder(1);
		run gateway(0);
		run gateway(1)
	}
}
