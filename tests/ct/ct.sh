#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# No branch and no address of AFGH depends on a secret, but for the branches of allowed.supp: see
# ct_afgh.c. Skipped without valgrind or its header, without pairing, and with a sanitizer.
# Environment: srcdir, builddir.
set -u

src=${srcdir:-.}/tests/ct
program=${builddir:-.}/tests/ct/ct_afgh
allowed=$src/allowed.supp
log=$(mktemp)
trap 'rm -f "$log"' EXIT
failures=0

fail()
{
	echo "FAIL: $*"
	failures=$((failures + 1))
}

# memcheck MODE: its report into $log; status 9 when there is a finding.
memcheck()
{
	valgrind -s --error-exitcode=9 --error-limit=no --num-callers=16 --suppressions="$allowed" \
		"$program" "$1" >"$log" 2>&1
}

"$program" able >/dev/null 2>&1 || exit 77
valgrind -q "$program" able >"$log" 2>&1 || {
	echo "valgrind is missing, or cannot read the program (debug information that is too new):"
	head -n 3 "$log"
	exit 77
}

memcheck scheme
case $? in
0) ;;
9)
	sed 's/^==[0-9]*== //' "$log"
	fail "something depends on a secret"
	;;
*)
	cat "$log"
	fail "ct_afgh does not run"
	;;
esac
names=$(sed -n '/^{/{n;s/^ *//;p;}' "$allowed" | sort -u)
while IFS= read -r name; do
	grep -q "used_suppression: *[0-9]* $name" "$log" || fail "is allowed and does not occur: $name"
done <<LIST
$names
LIST

# What would be found is found: a power with branches and addresses that depend on the exponent.
memcheck control
[ $? -eq 9 ] || fail "the control is not found"
found=$(grep -c 'Conditional jump\|Use of uninitialised' "$log")
grep -q 'Conditional jump' "$log" || fail "branches of the control are not found"
grep -q 'Use of uninitialised' "$log" || fail "addresses of the control are not found"

echo "$(echo "$names" | wc -l) cases allowed, $found findings in the control, $failures failures"
exit $((failures > 0))
