#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# No branch and no address of AFGH, of signatures on small data and of libsga depends on a secret, but
# for the branches of the files of suppressions: see ct_afgh.c, ct_sd.c and ct_sga.c. Skipped without
# valgrind or its header, and with a sanitizer; the first two without pairing.
# Environment: srcdir, builddir.
set -u

src=${srcdir:-.}/tests/ct
build=${builddir:-.}/tests/ct
log=$(mktemp)
trap 'rm -f "$log"' EXIT
failures=0
examined=0

fail()
{
	echo "FAIL: $name: $*"
	failures=$((failures + 1))
}

# memcheck MODE: its report into $log; status 9 when there is a finding.
memcheck()
{
	valgrind -s --error-exitcode=9 --error-limit=no --num-callers=16 --suppressions="$allowed" \
		"$program" "$1" >"$log" 2>&1
}

# Nothing is found that is not allowed, and all that is allowed.
scheme()
{
	memcheck scheme
	case $? in
	0) ;;
	9)
		sed 's/^==[0-9]*== //' "$log"
		fail "something depends on a secret"
		;;
	*)
		cat "$log"
		fail "does not run"
		;;
	esac
	cases=$(sed -n '/^{/{n;s/^ *//;p;}' "$allowed" | sort -u)
	while IFS= read -r case; do
		grep -q "used_suppression: *[0-9]* $case" "$log" ||
			fail "is allowed and does not occur: $case"
	done <<LIST
$cases
LIST
}

# What would be found is found: branches and addresses that depend on a secret.
control()
{
	memcheck control
	[ $? -eq 9 ] || fail "the control is not found"
	found=$(grep -c 'Conditional jump\|Use of uninitialised' "$log")
	grep -q 'Conditional jump' "$log" || fail "branches of the control are not found"
	grep -q 'Use of uninitialised' "$log" || fail "addresses of the control are not found"
}

# examine NAME SUPPRESSIONS
examine()
{
	name=$1
	program=$build/$name
	allowed=$src/$2
	"$program" able >/dev/null 2>&1 || return
	valgrind -q "$program" able >"$log" 2>&1 || {
		echo "valgrind is missing, or cannot read the program (debug information that is too new):"
		head -n 3 "$log"
		return
	}
	examined=$((examined + 1))
	scheme
	control
	echo "$name: $(echo "$cases" | wc -l) cases allowed, $found findings in the control"
}

examine ct_afgh allowed.supp
examine ct_sd allowed_sd.supp
examine ct_sga allowed_sga.supp
[ $examined -gt 0 ] || exit 77
echo "$failures failures"
exit $((failures > 0))
