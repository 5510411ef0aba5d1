#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every sample document is valid and every one under invalid/ is not, against the project's schema
# set and, when ETSI_XSD_DIR is set, against the official one. Those of Release 1 have a folder.
set -u

here=$(dirname "$0")
samples=$here/samples
etsi=${ETSI_XSD_DIR:-}
report=$(mktemp)
trap 'rm -f "$report"' EXIT
failures=0

fail() {
	echo "FAIL: $*"
	failures=$((failures + 1))
}

run_set() {	# run_set RELEASE FOLDER
	"$here/validate.sh" --release "$1" "$2"/*.xml ||
		fail "release $1, official '$ETSI_XSD_DIR': valid samples, status $?"
	"$here/validate.sh" --release "$1" "$2"/invalid/*.xml >"$report"
	status=$?
	[ $status -eq 1 ] || fail "release $1, official '$ETSI_XSD_DIR': invalid samples, status $status"
	for doc in "$2"/invalid/*.xml; do
		grep -Fq "$doc: " "$report" || fail "official '$ETSI_XSD_DIR': $doc is valid"
	done
}

# a sample must be refused by the schema, not by the parser
xmllint --nonet --noout "$samples"/*.xml "$samples"/invalid/*.xml "$samples"/release1/*.xml \
	"$samples"/release1/invalid/*.xml || fail "not well-formed"
ETSI_XSD_DIR=
export ETSI_XSD_DIR
run_set 2 "$samples"
"$here/validate.sh" "$samples"/release1/*.xml >"$report"
grep -Eq '(AnpSafPolicySet|SPSafPolicySet)\.xml' "$report" &&
	fail "a document with a type of Release 1 was checked as one of Release 2"
if [ -n "$etsi" ]; then
	ETSI_XSD_DIR=$etsi
	run_set 2 "$samples"
	run_set 1 "$samples/release1"
fi
[ $failures -eq 0 ] && echo "test_samples: ok"
exit $((failures > 0))
