#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check.sh: the models of the SGA, of group AKA and of multiparty authentication, each run in which the
# claims must hold and each in which they must not. Spin looks at every order of events within the
# bounds that a model states; nothing is said
# beyond them. OPENSCL_LONG=1: also with three runs of a party. Skipped without spin.
# Environment: srcdir, CC, OPENSCL_LONG.
set -u

models=$(cd "${srcdir:-.}/tests/model" && pwd) || exit 1
cc=${CC:-cc}
memory=4000 # MB at most
depth=10000 # steps; the models end after less than 100
optimise=-O0
passed=0
failed=0

command -v spin >/dev/null || {
	echo "spin is missing"
	exit 77
}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

ok()
{
	echo "ok - $*"
	passed=$((passed + 1))
}

not_ok()
{
	echo "not ok - $*"
	failed=$((failed + 1))
}

# search MODEL DEFINITIONS...: every state; the report of the verifier is in $work/report.
search()
{
	model=$1
	shift
	rm -f "$work"/*
	# Compiler and flags are words of their own; most searches are shorter than an optimisation.
	# shellcheck disable=SC2086
	(cd "$work" && spin "$@" -a "$models/$model" &&
		$cc $optimise -w -DSAFETY -DCOLLAPSE -DMEMLIM=$memory -o pan pan.c &&
		./pan -E -n -m$depth) >"$work/report" 2>&1
}

# verdict: "holds", "violated" or "?", by a search that has seen all or found something.
verdict()
{
	if grep -q 'max search depth too small\|out of memory\|VECTORSZ\|Search not completed' \
		"$work/report"; then
		grep -q 'assertion violated' "$work/report" && echo violated && return
		echo "?"
	elif grep -q 'errors: 0$' "$work/report"; then
		echo holds
	elif grep -q 'assertion violated' "$work/report"; then
		echo violated
	else
		echo "?"
	fi
}

# row EXPECTED WHAT MODEL DEFINITIONS...
row()
{
	expected=$1
	what=$2
	shift 2
	search "$@"
	found=$(verdict)
	states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' "$work/report")
	if [ "$found" = "$expected" ]; then
		ok "$what: $found, ${states:-no} states ($*)"
	else
		not_ok "$what: $found instead of $expected ($*)"
		tail -n 20 "$work/report"
	fi
}

# What the paper says. Without an intruder all is well, so the claims are fair.
row violated "literal: never do both devices have the key" literal.pml -DREACH -DQUIET
row holds "literal: without an intruder" literal.pml -DQUIET -DW3 -DW4_A -DW4_B -DW8
row violated "literal: W3, a key that the peer has not chosen" literal.pml -DW3
row violated "literal: W4, an invitation again" literal.pml -DW4_A -DREPLAYS
row violated "literal: W4, a session of old messages" literal.pml -DW4_B -DREPLAYS
row holds "literal: B6 to an outsider" literal.pml -DW8
row violated "literal: W8 and W9, B6 made by the peer" literal.pml -DW8 -DINSIDER
row violated "literal: W15, a key that the peer has not" literal.pml -DW15

# What is shipped, and what each part of it is for.
row violated "shipped: never do both devices have the key" shipped.pml -DREACH
row holds "shipped" shipped.pml
row violated "shipped without freshness" shipped.pml -DNO_FRESH
row violated "shipped without proofs in A1 and A3" shipped.pml -DNO_PROOF
row violated "shipped without confirmation" shipped.pml -DNO_CONF
row violated "shipped without names" shipped.pml -DNO_NAMES -DONLY_K
# Hashes are the second line: where sessions are fresh, an honest gateway does not need them;
# where they are not, it is they that keep phase B to one session.
row holds "shipped without hashes, all else in place" shipped.pml -DNO_CHAIN
row holds "shipped without freshness, phase B" shipped.pml -DNO_FRESH -DONLY_G
row violated "shipped without freshness and hashes, phase B" \
	shipped.pml -DNO_FRESH -DNO_CHAIN -DONLY_G
row holds "shipped without freshness and hashes, the key" shipped.pml -DNO_FRESH -DNO_CHAIN -DONLY_K
row violated "shipped without freshness, hashes, confirmation, the key" \
	shipped.pml -DNO_FRESH -DNO_CHAIN -DNO_CONF -DONLY_K

# A gateway that cheats.
row holds "gateway that only reads" gateway.pml -DREADS
row violated "W13: gateway that cheats" gateway.pml
row holds "gateway that cheats, devices that sign" gateway.pml -DE2E
row violated "gateway that cheats, devices that sign, without hashes" gateway.pml -DE2E -DNO_CHAIN

# Group AKA: what is shipped, and what each part of it is for.
row violated "group AKA: never is a member done" gaka.pml -DREACH
row violated "group AKA: never is a leader done" gaka.pml -DREACH_FULL
row holds "group AKA" gaka.pml
row violated "group AKA without XK, a network without vectors" gaka.pml -DNO_XK
row violated "group AKA without XK, a member for another" gaka.pml -DNO_XK -DONLY_SN
row violated "group AKA without the rule of C" gaka.pml -DNO_C
row violated "group AKA without the rule of SQN" gaka.pml -DNO_SQN
row violated "group AKA without the network's name in the keys" gaka.pml -DNO_SNID
row violated "group AKA, a network asks in another's name" gaka.pml -DNO_CHECK
row violated "group AKA, a network is not told of a removal" gaka.pml -DNO_TELL
# A removed member is out twice: it has no vectors, and not the key of the new epoch.
row holds "group AKA, removed members are not left out" gaka.pml -DNO_LEAVE
row holds "group AKA, removed members keep the key" gaka.pml -DNO_EPOCH
row violated "group AKA, removed members lose neither" gaka.pml -DNO_LEAVE -DNO_EPOCH
# A device whose random numbers are bad loses nothing: C is fresh.
row holds "group AKA, N always the same" gaka.pml -DWEAK_N
# Multiparty authentication.
row violated "multiparty: never do device and access point end a run" mpa.pml -DREACH
row holds "multiparty" mpa.pml
row violated "multiparty, one chain only" mpa.pml -DNO_BOTH
row violated "multiparty, chains of two devices" mpa.pml -DNO_SAME
row violated "multiparty, both chains of one party" mpa.pml -DNO_THROUGH
row violated "multiparty, revocation between a look and the session" mpa.pml -DNO_AGAIN
row violated "multiparty, sessions outlive a revocation" mpa.pml -DNO_CUT
row violated "multiparty, the device does not sign the run" mpa.pml -DNO_TH_D
row violated "multiparty, the access point does not sign the run" mpa.pml -DNO_TH_AP
row violated "multiparty, own share reflected" mpa.pml -DNO_REFLECT
row violated "multiparty, access point without root" mpa.pml -DNO_W5
row violated "multiparty without A4" mpa.pml -DNO_FIN
row violated "multiparty, decision about no run" mpa.pml -DNO_TH_S
# Shares are signed by both, so who takes one that gives zero shares a key with a party that may sign.
row holds "multiparty, zero shares taken" mpa.pml -DNO_ZERO

if [ "${OPENSCL_LONG:-0}" = 1 ]; then
	optimise=-O2
	row holds "multiparty, three runs" mpa.pml -DRUNS=3 -DNO_S
	row holds "group AKA, three runs of devices" gaka.pml -DNU=3
	row holds "group AKA, three answers of the home network" gaka.pml -DNH=3
	row holds "shipped, three runs" shipped.pml -DNJ=3 -DNG=3
	row holds "shipped without hashes, three" shipped.pml -DNG=3 -DNO_CHAIN
	row holds "shipped without freshness, phase B, three" shipped.pml -DNG=3 -DNO_FRESH -DONLY_G
fi

echo "$passed passed, $failed failed"
exit $((failed > 0))
