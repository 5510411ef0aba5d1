#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# validate.sh [--release 1|2] DOC...: are the XML documents valid?
# Against the official ETSI set in $ETSI_XSD_DIR when that is set (with the amendments of
# official.py), else against the project's own, which is of Release 2: without the official set,
# documents of Release 1 need only be well-formed. A document that names a type which only Release 1
# has is of Release 1 without the option.
# One line per document that is not valid; exit status 0 all valid, 1 not all, 2 no usable schema.
# Environment: ETSI_XSD_DIR, PYTHON3.
set -u

here=$(dirname "$0")
etsi=${ETSI_XSD_DIR:-}
only_release1='xsi:type="[^"]*(AnpSafPolicySet|SPSafPolicySet|ContentInstanceFilterCriteriaType)"'

release=2
if [ "${1:-}" = --release ]; then
	release=${2:-}
	[ $# -lt 2 ] || shift 2
fi
case $#:$release in
0:* | *:[!12]* | *:) echo "usage: $0 [--release 1|2] DOC..." >&2; exit 2 ;;
esac

work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT

# The schema of release $1; nothing when there is none.
schema_of() {
	if [ -n "$etsi" ]; then
		mkdir -p "$work/$1"
		[ -e "$work/$1/all.xsd" ] || "${PYTHON3:-python3}" -B "$here/official.py" "$etsi" \
			"$work/$1" --release "$1" >/dev/null || exit 2
		echo "$work/$1/all.xsd"
	elif [ "$1" = 2 ]; then
		echo "$here/../../xsd/openscl.xsd"
	fi
}

# check RELEASE DOC...: status like that of the whole script
check() {
	schema=$(schema_of "$1") || exit 2
	shift
	XML_CATALOG_FILES=${schema%/*}/catalog.xml xmllint --nonet --noout \
		${schema:+--schema "$schema"} "$@" >"$work/out" 2>&1 && return 0
	status=$?
	# the first message about each document
	awk 'match($0, /:[0-9]+: /) {
		doc = substr($0, 1, RSTART - 1)
		if (!(doc in told))
			print doc ": " substr($0, RSTART + 1)
		told[doc] = 1
	}' "$work/out" >"$work/told"
	case $status in
	1 | 3 | 4) [ -s "$work/told" ] && cat "$work/told" && return 1 ;;
	esac
	cat "$work/out" >&2
	exit 2
}

failed=0
count=$#
while [ "$count" -gt 0 ]; do	# each document, once: to the end of the list or into its check
	doc=$1
	shift
	count=$((count - 1))
	if [ "$release" = 2 ] && grep -Eqs "$only_release1" "$doc"; then
		check 1 "$doc" || failed=1
	else
		set -- "$@" "$doc"
	fi
done
[ $# -eq 0 ] || check "$release" "$@" || failed=1
exit $failed
