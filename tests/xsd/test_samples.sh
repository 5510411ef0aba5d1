#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every sample document is valid and every one under samples/invalid/ is not, against the project's
# schema set and, when ETSI_XSD_DIR is set, against the official one.
set -u

here=$(dirname "$0")
etsi=${ETSI_XSD_DIR:-}
failures=0

fail() {
	echo "FAIL: $*"
	failures=$((failures + 1))
}

run_set() {	# run_set NAME DIR
	ETSI_XSD_DIR=$2
	export ETSI_XSD_DIR
	"$here/validate.sh" "$here"/samples/*.xml || fail "$1 set: valid samples, status $?"
	for doc in "$here"/samples/invalid/*.xml; do
		"$here/validate.sh" "$doc" >/dev/null
		status=$?
		[ $status -eq 1 ] || fail "$1 set: $doc, status $status instead of 1"
	done
}

# a sample must be refused by the schema, not by the parser
xmllint --nonet --noout "$here"/samples/*.xml "$here"/samples/invalid/*.xml ||
	fail "not well-formed"
run_set own ""
[ -z "$etsi" ] || run_set official "$etsi"
[ $failures -eq 0 ] && echo "test_samples: ok"
exit $((failures > 0))
